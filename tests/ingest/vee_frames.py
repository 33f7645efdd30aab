"""Frames for the tests of VEE: channels and wide days from short lists."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, timedelta

import polars as pl
from pandera.typing.polars import DataFrame

from model.accounts import ChannelNumbers
from model.reads import read_days_schema, slot_columns
from model.schema import arranged
from model.zones import day_slots

Slots = Sequence[int | None]


def channel_numbers(
    numbers: Sequence[int] = (1,), tz_name: str = "Australia/Brisbane", minutes: int = 60
) -> DataFrame[ChannelNumbers]:
    rows = [
        {
            "channel_no": number,
            "channel_id": f"SP{number}/E1",
            "service_point_id": f"SP{number}",
            "suffix": "E1",
            "measure": "import_energy",
            "interval_minutes": minutes,
            "tz_name": tz_name,
            "commodity": "electricity",
            "branch_id": "B1",
        }
        for number in numbers
    ]
    return arranged(ChannelNumbers, pl.DataFrame(rows))


def wide_days(
    days: Mapping[tuple[int, date], Slots],
    minutes: int = 60,
    flags: Mapping[tuple[int, date], bytes] | None = None,
    seq: int = 7,
) -> pl.DataFrame:
    """Rows of ReadDays; each list holds the real slots. Missing slots get quality 8, the others `flags` or 0."""
    names = slot_columns(minutes)
    rows = []
    for (channel, day), values in days.items():
        given = (flags or {}).get((channel, day), bytes(len(values)))
        marks = bytes(8 if value is None else mark for value, mark in zip(values, given, strict=True))
        row: dict[str, object] = {
            "channel_no": channel,
            "day": day,
            "n": len(values),
            "worst": max(marks),
            "flags": None if len(set(marks)) == 1 else marks,
            "raw_code": "A",
            "seq": seq,
            "updated_at": None,
        }
        row.update(dict.fromkeys(names))
        row.update(zip(names, values, strict=False))
        rows.append(row)
    return pl.DataFrame(rows, schema=read_days_schema(minutes), orient="row")


def active(channels: Sequence[int], from_date: date, to_date: date) -> pl.DataFrame:
    return pl.DataFrame(
        {"channel_no": list(channels), "from_date": [from_date] * len(channels), "to_date": [to_date] * len(channels)},
        schema={"channel_no": pl.Int32, "from_date": pl.Date, "to_date": pl.Date},
    )


def slots_of(edited: pl.DataFrame, channel: int, day: date, minutes: int = 60) -> list[int | None]:
    """The real slots of one edited day."""
    row = edited.filter((pl.col("channel_no") == channel) & (pl.col("day") == day)).row(0, named=True)
    return [row[name] for name in slot_columns(minutes)[: row["n"]]]


def row_of(frame: pl.DataFrame, channel: int, day: date) -> dict[str, object]:
    return frame.filter((pl.col("channel_no") == channel) & (pl.col("day") == day)).row(0, named=True)


def steady(
    channel: int, from_date: date, count: int, value: int, tz_name: str = "Australia/Brisbane", minutes: int = 60
) -> dict[tuple[int, date], Slots]:
    """Days on which every slot holds the same value."""
    days = [from_date + timedelta(days=step) for step in range(count)]
    return {(channel, day): [value] * day_slots(tz_name, day, minutes) for day in days}
