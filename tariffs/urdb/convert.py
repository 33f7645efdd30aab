"""A record of the rate database as the text of a tariff file."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, time
from typing import Any

from model.ids import content_hash
from model.tariff import ANY
from tariffs.urdb.charges import Charge, Table, energy_charge, export_charge, fuel_charge
from tariffs.urdb.demand import demand_charges
from tariffs.urdb.findings import Findings, Note, RecordRefusedError
from tariffs.urdb.layout import comment, pairs, price_table, quoted, value
from tariffs.urdb.record import Record, label_of, read_date, with_plain_keys
from tariffs.urdb.seasons import EVERY_DAY, Partition, Span
from tariffs.urdb.standing import fixed_charge, leave_out_unbilled, minimum_charges

DEFAULT_TIMEZONE = "America/New_York"
FIRST_DAY = date(1970, 1, 1)
# Keys that become tables of the file, and keys that only the database itself needs.
_TAKEN = frozenset({
    "label", "utility", "name", "uri", "startdate", "enddate", "energyratestructure", "energyweekdayschedule",
    "energyweekendschedule", "flatdemandstructure", "flatdemandmonths", "flatdemandunit", "demandratestructure",
    "demandweekdayschedule", "demandweekendschedule", "demandrateunit", "fixedchargefirstmeter", "fixedchargeunits",
    "fixedmonthlycharge", "mincharge", "minchargeunits", "minmonthlycharge", "annualmincharge",
    "fueladjustmentsmonthly", "revisions", "approved", "is_default", "latest_update", "_commodity", "country",
    "coincidentschedule",
})  # fmt: skip


@dataclass(frozen=True)
class Converted:
    """A tariff file made of a record. `periods`: charge, season, time-of-use period -> the record's period number."""

    tariff: str
    text: str
    notes: tuple[Note, ...]
    periods: dict[tuple[str, str, str], int]


@dataclass(frozen=True)
class _Placed:
    """A charge with the windows that it uses; `schedule` is None for those of [windows]."""

    charge: Charge
    partition: Partition | None
    schedule: str | None

    def table(self) -> Table:
        return self.charge.table if self.partition is None else self.charge.on(self.partition, self.schedule)


def convert_record(
    record: Mapping[str, Any], *, tariff: str | None = None, timezone: str | None = None,
    valid_from: date | None = None,
) -> Converted:  # fmt: skip
    """Return the tariff file of a record.

    `timezone`: the clock of its hours, which the record does not know. `valid_from`: holds from that day without an
    end, whatever the record says; `tariff`: its id, instead of one made of the label.

    Raises:
        RecordRefusedError: a defect for which a bill would be a guess; every one of them is named.
    """
    plain, findings = with_plain_keys(record), Findings()
    charges = _charges(plain, findings)
    dates = (valid_from, None) if valid_from else _dates(plain, findings)
    if findings.refusals:
        raise RecordRefusedError(label_of(plain), findings.refusals)
    placed, schedules = _place(charges)
    name = tariff or _tariff_id(plain)
    lines = [
        *_head(plain, name, timezone, findings),
        *_windows(schedules),
        *_quantities(placed),
        *_version(plain, dates, placed),
    ]
    return Converted(name, "\n".join(lines) + "\n", tuple(findings.notes), _periods(placed))


def _tariff_id(record: Record) -> str:
    """Return an id made of the record's label; of what it says when it has none."""
    label = record.get("label") or content_hash(json.dumps(record, sort_keys=True, default=str))[:12]
    return "urdb-" + re.sub(r"[^A-Za-z0-9_.-]+", "-", str(label))


def _charges(record: Record, findings: Findings) -> list[Charge]:
    energy = energy_charge(record, findings)
    parts = [energy, export_charge(record, energy, findings) if energy is not None else None]
    parts += [fuel_charge(record, findings), *demand_charges(record, findings), fixed_charge(record, findings)]
    charges = [charge for charge in parts if charge is not None]
    if "energyratestructure" not in record and not findings.refusals:
        if not charges:
            findings.refuse("no_energy_structure", "energyratestructure", "a price of energy, demand or time", "none")
        findings.choose("no_energy_structure", "The record has no price of energy; use is not billed.")
    leave_out_unbilled(record, findings)
    return charges + minimum_charges(record, [charge.name for charge in charges], findings)


def _dates(record: Record, findings: Findings) -> tuple[date | None, date | None]:
    start, end = read_date(record, "startdate", findings), read_date(record, "enddate", findings)
    if end is not None and end <= (start or FIRST_DAY):
        findings.refuse("bad_dates", "enddate", f"a day after {start or FIRST_DAY}", f"{end}")
    return start, end


def _place(charges: list[Charge]) -> tuple[list[_Placed], dict[str, Partition]]:
    """Return the charges with their windows: those of [windows] ('') where they fit, else a schedule of their own."""
    schedules: dict[str, Partition] = {}
    placed = []
    for charge in charges:
        if charge.partition is None or not charge.partition.has_windows:
            placed.append(_Placed(charge, charge.partition, None))
            continue
        found = _fitting(charge.partition, schedules)
        if found is None:
            name = ANY if not schedules else charge.name
            schedules[name] = charge.partition
            found = charge.partition, name
        partition, name = found
        placed.append(_Placed(charge, partition, name or None))
    return placed, schedules


def _fitting(wanted: Partition, schedules: dict[str, Partition]) -> tuple[Partition, str] | None:
    for name, there in schedules.items():
        if wanted.is_like(there):
            return wanted.under_names_of(there), name
        if (inside := wanted.within(there)) is not None:
            return inside, name
    return None


def _periods(placed: list[_Placed]) -> dict[tuple[str, str, str], int]:
    found = {}
    for each in placed:
        if each.partition is None:
            continue
        by = each.table().get("by", [])
        for (season, tou), period in each.partition.cells.items():
            found[each.charge.name, season if "season" in by else ANY, tou if "tou" in by else ANY] = period
    return found


def _head(record: Record, tariff: str, timezone: str | None, findings: Findings) -> list[str]:
    title = ": ".join(str(record[key]) for key in ("utility", "name") if key in record) or tariff
    lines = comment(f"{title}, imported from OpenEI's utility rate database. Prices are `rate` and `adj` together.")
    for heading, is_billed in (("Not billed by this file:", False), ("Read so, and perhaps meant otherwise:", True)):
        notes = [note for note in findings.notes if note.is_billed == is_billed]
        if notes:
            lines += ["#", *comment(heading)]
            lines += [line for note in notes for line in comment(f"- {note.text} [{note.tag}]", "  ")]
    if said := [line for key, item in record.items() if key not in _TAKEN for line in _record_lines(key, item)]:
        lines += ["#", *comment("The record says:"), *said]
    zone_note = "" if timezone else "   # the record does not say: check it"
    return [
        *lines, "",
        *pairs([
            ("tariff", quoted(tariff)), ("title", quoted(title)), ("commodity", quoted("electricity")),
            ("currency", quoted("USD")), ("timezone", quoted(timezone or DEFAULT_TIMEZONE) + zone_note),
            ("rounding", value({"line": "half_up 0.01"})),
        ]),
    ]  # fmt: skip


def _record_lines(key: str, item: object) -> list[str]:
    """Return a key of the record as comment; free attributes are lists of tables with one key each."""
    if isinstance(item, list) and all(isinstance(part, Mapping) for part in item):
        said = "; ".join(f"{name} = {text}" for part in item for name, text in part.items())
        return comment(f"{key}: {said}", "  ")
    return comment(f"{key}: {item if isinstance(item, str) else value(item)}", "  ")


def _windows(schedules: dict[str, Partition]) -> list[str]:
    lines: list[str] = []
    for name, partition in schedules.items():
        lines += _window_lines(f"schedules.{name}" if name else "windows", partition)
    return lines


def _window_lines(path: str, partition: Partition) -> list[str]:
    rows = [(name, value({"months": months})) for name, months in partition.months.items()]
    # The period with most spans is what the others leave over.
    rest = max(partition.spans, key=lambda name: len(partition.spans[name]), default=None)
    others = [name for name in partition.spans if name != rest]
    rows += [(name, value(_span(*partition.spans[name]))) for name in others if len(partition.spans[name]) == 1]
    if rest is not None:
        rows.append((rest, value({"else": others[0] if len(others) == 1 else others})))
    knows_weekdays = any(span.days != EVERY_DAY for spans in partition.spans.values() for span in spans)
    holidays = comment("The record knows no holidays: they are billed as the day of the week that they fall on.")
    lines = ["", *(holidays if knows_weekdays else []), f"[{path}]", *pairs(rows)]
    for name in others:
        if len(partition.spans[name]) > 1:
            spans = [f"    {value(_span(span))}," for span in partition.spans[name]]
            lines += ["", f"[{path}.{name}]", "spans = [", *spans, "]"]
    return lines


def _span(span: Span) -> Table:
    said: Table = {"days": span.days}
    if (span.start, span.end) != (0, 24):
        said |= {"from": time(span.start), "to": time(span.end % 24)}
    if span.seasons:
        said["season"] = span.seasons[0] if len(span.seasons) == 1 else list(span.seasons)
    return said


def _quantities(placed: list[_Placed]) -> list[str]:
    tables: dict[str, Table] = {}
    for each in placed:
        for plain, table in each.charge.quantities.items():
            name = each.table()["of"] if plain == each.charge.table["of"] else plain
            tables[name] = table | ({"schedule": each.schedule} if name != plain else {})
    return ["", "[quantities]", *pairs((name, value(table)) for name, table in tables.items())] if tables else []


def _version(record: Record, dates: tuple[date | None, date | None], placed: list[_Placed]) -> list[str]:
    start, end = dates
    source = str(record.get("uri") or f"OpenEI utility rate database, record {label_of(record)}")
    rows = [("valid_from", value(start or FIRST_DAY) + ("" if start else "   # the record does not say"))]
    if end is not None:
        rows.append(("valid_to", value(end) + "   # the record does not say whether its last day counts"))
    lines = ["", "[[versions]]", *pairs([*rows, ("source", quoted(source))])]
    for each in placed:
        path = f"versions.charges.{each.charge.name}"
        table = each.table()
        plain = {key: item for key, item in table.items() if not isinstance(item, Mapping)}
        lines += ["", f"[{path}]", *pairs((key, value(item)) for key, item in plain.items())]
        for key, item in table.items():
            if isinstance(item, Mapping):
                lines += price_table(f"{path}.{key}", item)
    return lines
