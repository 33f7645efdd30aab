"""Readings that events bring: placed on their channel, set against those that stand, landed as one load."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime
from decimal import Decimal, InvalidOperation
from typing import Any

import polars as pl

from accounts.event_effects import EventReading
from accounts.events import Event
from ingest.edits.edits import landed_register
from ingest.formats.numbers import READING_MAX
from ingest.vee.registers import KIND_ORDER, SMALLEST_PER_DIAL_UNIT
from model.codes import Quality, ReadKind
from model.ids import content_hash
from model.reads import RegisterReads
from model.schema import arranged, polars_schema
from store.control import Connection, query
from store.lake import register_files, write_lake_file
from store.loads import Load, next_seq, record_load
from store.workspace import Workspace


class Readings:
    """Readings of the events of one transaction, checked one after the other; they land together at its end."""

    def __init__(self, workspace: Workspace, connection: Connection) -> None:
        self._workspace, self._connection = workspace, connection
        self._rows: list[dict[str, Any]] = []
        self._standing: dict[int, pl.DataFrame] = {}

    def add(self, event: Event, reading: EventReading) -> None:
        """Check a reading and keep it; the event's meters are recorded already.

        Raises:
            InputError: its channel is not known, or it does not fit what was read before and after.
        """
        channels = query(
            self._connection,
            "SELECT * FROM channel_number WHERE service_point_id = ? AND interval_minutes = 0 ORDER BY suffix",
            [reading.service_point_id],
        )
        by_suffix = {row["suffix"]: row for row in channels.iter_rows(named=True)}
        for suffix, text in reading.dials.items():
            one = next(iter(by_suffix), "") if not suffix and len(by_suffix) == 1 else suffix
            if one not in by_suffix:
                known = ", ".join(by_suffix) or "none"
                raise event.refused(
                    f"a reading of register `{suffix or 'the only one'}` at `{reading.service_point_id}`, "
                    f"which has these: {known}",
                    hint="say reading.SUFFIX=VALUE" if by_suffix else "a point with intervals alone needs no reading",
                )
            self._add(event, reading, by_suffix[one]["channel_no"], text)

    def land(self, *, at: datetime, source: str) -> int | None:
        """Land what was kept as one load; None when nothing was."""
        if not self._rows:
            return None
        seq = next_seq(self._connection)
        rows = pl.DataFrame([row | {"seq": seq, "updated_at": at.replace(tzinfo=None)} for row in self._rows],
                            schema=polars_schema(RegisterReads))  # fmt: skip
        ordered = arranged(RegisterReads, rows.sort("channel_no", "read_date", "meter_id", "read_kind"))
        file = write_lake_file(self._workspace, "register_reads", "register_reads", ordered)
        register_files(self._connection, [file], owner=f"load:{seq}")
        load = Load(
            seq=seq, kind="edit", source_name=source, sha256=content_hash(file.sha256), received_at=at,
            rows=len(self._rows), rejected=0, detail=f"{len(self._rows)} readings of events",
        )  # fmt: skip
        record_load(self._connection, load)
        return seq

    def _add(self, event: Event, reading: EventReading, channel_no: int, text: str) -> None:
        value = _smallest(event, text)
        standing = self._standing.get(channel_no)
        if standing is None:
            standing = landed_register(self._workspace, self._connection, channel_no)
            standing = standing.filter(pl.col("quality") < int(Quality.MISSING))
        row = {
            "channel_no": channel_no, "meter_id": reading.meter_id, "read_date": reading.day,
            "read_kind": reading.kind.value, "reading": value, "quality": int(Quality.ACTUAL),
            "raw_code": f"event {event.event_id}", "seq": 0, "updated_at": None,
        }  # fmt: skip
        self._refuse_unless_fit(event, reading, standing, value)
        new = pl.DataFrame([row], schema=polars_schema(RegisterReads))
        self._standing[channel_no] = pl.concat([standing.select(new.columns), new])
        self._rows.append(row)

    def _refuse_unless_fit(self, event: Event, reading: EventReading, standing: pl.DataFrame, value: int) -> None:
        hung = self._hanging(reading)
        full = 10 ** int(hung["dials"]) * SMALLEST_PER_DIAL_UNIT
        if value >= full:
            raise event.refused(f"expected a reading of at most {hung['dials']} digits, found {_printed(value)}")
        since, until = hung["installed_date"], hung["removed_date"] or date.max
        order = pl.col("read_kind").replace_strict(KIND_ORDER, return_dtype=pl.Int8)
        own = standing.filter(
            pl.col("meter_id") == reading.meter_id,
            pl.col("read_date").is_between(since, until),
            pl.col("read_date") != reading.day,
        ).sort("read_date", order)
        before = own.filter(pl.col("read_date") < reading.day)
        after = own.filter(pl.col("read_date") > reading.day)
        if before.height and value < before["reading"][-1] and not reading.may_roll_over:
            last, day = _printed(before["reading"][-1]), before["read_date"][-1]
            raise event.refused(
                f"reading {_printed(value)} of meter `{reading.meter_id}` is below {last} of {day}",
                hint="say rollover=yes if the register went past its last digit",
            )
        if after.height and value > after["reading"][0] and not reading.may_roll_over:
            following, day = _printed(after["reading"][0]), after["read_date"][0]
            raise event.refused(
                f"reading {_printed(value)} of meter `{reading.meter_id}` is above {following}, read on {day}",
                hint="say rollover=yes if the register went past its last digit in between",
            )

    def _hanging(self, reading: EventReading) -> dict[str, Any]:
        """Return the hanging that a reading belongs to: on the day of an exchange the kind tells which."""
        meters = query(
            self._connection,
            "SELECT * FROM meters WHERE superseded_at IS NULL AND meter_id = ? AND service_point_id = ?",
            [reading.meter_id, reading.service_point_id],
        )
        day = pl.lit(reading.day)
        if reading.kind is ReadKind.REMOVAL:
            inside = (pl.col("installed_date") < day) & (pl.col("removed_date") == day)
        else:
            inside = (pl.col("installed_date") <= day) & (pl.col("removed_date") > day).fill_null(value=True)
        found = meters.filter(inside)
        assert found.height == 1, f"meter {reading.meter_id} hangs once at {reading.service_point_id}"
        return found.row(0, named=True)


def _smallest(event: Event, text: str) -> int:
    """Return what the dials show in smallest units.

    Raises:
        InputError: it is no number of zero or more with at most 3 decimals.
    """
    try:
        value = Decimal(text) * SMALLEST_PER_DIAL_UNIT
    except InvalidOperation:
        value = Decimal(-1)
    if not value.is_finite() or value < 0 or value > READING_MAX or value != int(value):
        raise event.refused(f"reading: expected a number of zero or more with at most 3 decimals, found `{text}`")
    return int(value)


def _printed(value: int) -> str:
    return f"{Decimal(value).scaleb(-3).normalize():f}"


def readings_source(events: Sequence[Event]) -> str:
    """Return what a load of readings is called: its event, or how many there were."""
    return events[0].event_id if len(events) == 1 else f"{len(events)} events"
