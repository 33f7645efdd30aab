"""Whatever happens at a service point: all energy is somebody's or nobody's, no day is billed twice or left out.

Random events go through their effects to agreements, meters and readings, and from there to bill lines; beside them
stands a model of its own: who was supplied on each day, and what the register counted.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Any

import polars as pl
from hypothesis import given, settings
from hypothesis import strategies as st

from accounts.event_effects import SUPPLY_EFFECTS
from accounts.event_meters import METER_EFFECTS
from accounts.events import read_event
from accounts.selection import Cycle, cut_partitions, select_due
from cycles.quotes.unplanned import NOTHING_BILLED
from ingest.rules.rule_store import rules_of_text
from ingest.vee.registers import usage_between_reads
from model.accounts import IMPORTED, ChannelNumbers, Meters
from model.errors import InputError
from model.events import EVENTS
from model.facts import FACTS
from model.rating import BillLines, RatingInput
from model.reads import RegisterReads, RegisterUsage, read_days_schema, slot_columns
from model.schema import arranged, empty, grain, polars_schema
from rating.stages import rate
from tariffs.compile import compile_tariffs
from tariffs.file import parse_tariff

MONTHS = [date(2026, month, 1) for month in (5, 6, 7, 8)]
START, END = MONTHS[0], MONTHS[-1]
TARIFF = """tariff = "{}"
title = "T"
commodity = "electricity"
currency = "AUD"
timezone = "Australia/Brisbane"
rounding = {{ line = "half_up 0.01" }}
[quantities]
kwh = {{ measure = "import_energy", agg = "sum", unit = "kWh" }}
[[versions]]
valid_from = 2020-01-01
source = "the test"
[versions.charges.energy]
of = "kwh"
price = 0.30
print_if_zero = true
[versions.charges.supply]
per = "day"
price = 1.00
"""
BOOK = compile_tariffs([parse_tariff(TARIFF.format(name), f"{name}.toml") for name in ("one", "two")])


@dataclass
class Town:
    """A service point, what events made of it, and what really was."""

    tables: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    readings: list[tuple[str, date, str, int]] = field(default_factory=list)
    dial: int = 1_000_000
    multiplier: int = 1
    meter: str = "M0"
    used: list[int] = field(default_factory=list)
    """Use of each day so far, in Wh."""
    read: dict[date, int] = field(default_factory=dict)
    """Use up to each day on which the register was read."""
    parties: list[str | None] = field(default_factory=list)
    """Who is supplied on each day so far."""
    party: str | None = "A"

    def facts(self, table: str, **values: str) -> list[dict[str, Any]]:
        rows = [row for row in self.tables.get(table, []) if all(row[key] == value for key, value in values.items())]
        return sorted(rows, key=lambda row: tuple(str(row[key]) for key in grain(FACTS[table])))

    def record(self, table: str, row: dict[str, Any]) -> None:
        key = grain(FACTS[table])
        rows = self.tables.setdefault(table, [])
        rows[:] = [old for old in rows if any(old[name] != row[name] for name in key)] + [row]

    def happens(self, kind: str, day: date, said: dict[str, str]) -> bool:
        """Apply an event; False when it does not fit."""
        try:
            event = read_event(kind, str(day), said, why="law")
            effects = (SUPPLY_EFFECTS | METER_EFFECTS)[event.kind](event, self.facts)
        except InputError:
            return False
        for table, row in effects.rows:
            self.record(table, row)
        for reading in effects.readings:
            self.readings.append((reading.meter_id, day, reading.kind.value, int(reading.dials[""])))
            self.read[day] = sum(self.used)
        return True


def a_town() -> Town:
    town = Town()
    for account in "ABCO":
        town.record("accounts", {
            "account_id": account, "customer_id": account, "branch_id": "N", "bill_group": "m", "currency": "AUD",
            "revenue_class": "residential", "payment_days": 14,
        })  # fmt: skip
    town.record("service_points", {
        "service_point_id": "P", "premise_id": "X", "commodity": "electricity", "tz_name": "Australia/Brisbane",
        "route": "R", "route_sequence": 1,
    })  # fmt: skip
    hung = {"meter_id": "M0", "service_point_id": "P", "installed_date": date(2020, 1, 1), "removed_date": None}
    town.record("meters", hung | {"dials": 9, "multiplier": 1})
    town.record("channels", {
        "channel_id": "P/1", "service_point_id": "P", "suffix": "1", "measure": "import_energy",
        "interval_minutes": 0, "start_date": None, "end_date": None,
    })  # fmt: skip
    town.record("agreements", {
        "agreement_id": "S0", "account_id": "A", "service_point_id": "P", "tariff_id": "one",
        "start_date": date(2025, 1, 1), "end_date": None,
    })  # fmt: skip
    for first, after in itertools.pairwise(MONTHS):
        town.record("cycles", {
            "cycle_id": str(first), "bill_group": "m", "period_start_date": first, "period_end_date": after,
            "window_open_date": after, "window_close_date": after + timedelta(days=9),
        })  # fmt: skip
    town.readings.append(("M0", START, "regular", town.dial))
    town.read[START] = 0
    return town


def lives(town: Town, uses: list[int], events: dict[int, tuple[str, str, bool, int]]) -> None:
    """Let the days pass; on some of them something happens at their start."""
    for number in range((END - START).days):
        day = START + timedelta(days=number)
        if number in events:
            _happens(town, day, *events[number])
        increment = uses[number % len(uses)]
        town.dial += increment
        town.used.append(increment * town.multiplier)
        town.parties.append(town.party)
    town.readings.append((town.meter, END, "regular", town.dial))
    town.read[END] = sum(town.used)


def _happens(town: Town, day: date, kind: str, who: str, is_read: bool, multiplier: int) -> None:
    running = [row for row in town.tables["agreements"] if row["end_date"] is None]
    agreement = running[0]["agreement_id"] if running else "none"
    reading = {"reading": str(town.dial)} if is_read else {}
    said: dict[str, dict[str, str]] = {
        "owner_change": {"agreement": agreement, "account": who, **reading},
        "rate_change": {"agreement": agreement, "tariff": "two", **reading},
        "move_out": {"agreement": agreement, **reading},
        "move_in": {"point": "P", "account": who, "tariff": "one", **reading},
        "vacancy": {"point": "P", "account": "O", "tariff": "one", **reading},
        "meter_exchange": {
            "meter": town.meter, "new_meter": f"{day}", "reading": str(town.dial), "new_reading": "5",
            "multiplier": str(multiplier),
        },
        "reconfiguration": {"meter": town.meter, "multiplier": str(multiplier), "reading": str(town.dial)},
    }  # fmt: skip
    if not town.happens(kind, day, said[kind]):
        return
    if kind in {"owner_change", "move_in"}:
        town.party = who
    elif kind == "vacancy":
        town.party = "O"
    elif kind == "move_out":
        town.party = None
    elif kind == "meter_exchange":
        town.meter, town.dial, town.multiplier = f"{day}", 5, multiplier
    elif kind == "reconfiguration":
        town.multiplier = multiplier


def billed(town: Town) -> pl.DataFrame:
    """Return the lines of all three cycles."""
    known = {
        table: pl.DataFrame(town.tables.get(table, []), schema=polars_schema(FACTS[table]))
        for table in (*IMPORTED, *EVENTS)
    }
    numbers = arranged(ChannelNumbers, pl.DataFrame(
        [town.tables["channels"][0] | {"channel_no": 1, "tz_name": "Australia/Brisbane",
                                       "commodity": "electricity", "branch_id": "N"}],
        schema=polars_schema(ChannelNumbers),
    ))  # fmt: skip
    rows = [
        {"channel_no": 1, "meter_id": meter, "read_date": day, "read_kind": kind, "reading": reading, "quality": 0,
         "raw_code": None, "seq": 1, "updated_at": None}
        for meter, day, kind, reading in dict.fromkeys(town.readings)
    ]  # fmt: skip
    reads = arranged(RegisterReads, pl.DataFrame(rows, schema=polars_schema(RegisterReads)))
    usage, findings = usage_between_reads(reads, arranged(Meters, known["meters"]), numbers, rules_of_text(None))
    assert not usage["is_rejected"].any(), findings
    dues = [select_due(Cycle(**row), known, NOTHING_BILLED, ()) for row in known["cycles"].sort("cycle_id").to_dicts()]
    due, channels = cut_partitions(pl.concat(dues), numbers, cost_each=10**9)
    rated = rate(RatingInput(due, channels, {}, usage, BOOK))
    assert rated.parked.is_empty(), rated.parked.select("reason", "detail").rows()
    return rated.lines


def used_until(town: Town, day: date) -> int:
    """Return the use up to a day, along straight lines between the readings, rounded down."""
    earlier = max(read for read in town.read if read <= day)
    if earlier == day:
        return town.read[day]
    later = min(read for read in town.read if read > day)
    between = town.read[later] - town.read[earlier]
    return town.read[earlier] + between * (day - earlier).days // (later - earlier).days


KINDS = ["owner_change", "rate_change", "move_out", "move_in", "vacancy", "meter_exchange", "reconfiguration"]


@settings(max_examples=40, deadline=None)
@given(
    uses=st.lists(st.integers(0, 40_000), min_size=1, max_size=20),
    events=st.dictionaries(
        st.integers(1, 91),
        st.tuples(st.sampled_from(KINDS), st.sampled_from("ABC"), st.booleans(), st.integers(1, 80)),
        max_size=9,
    ),
)
def test_energy_is_conserved_and_each_day_is_billed_once(
    uses: list[int], events: dict[int, tuple[str, str, bool, int]]
) -> None:
    town = a_town()
    lives(town, uses, events)
    lines = billed(town)
    supply = lines.filter(pl.col("component_id") == "supply")
    days: dict[date, list[str]] = {}
    for row in supply.iter_rows(named=True):
        for number in range((row["period_end_date"] - row["period_start_date"]).days):
            days.setdefault(row["period_start_date"] + timedelta(days=number), []).append(row["account_id"])
    expected = {START + timedelta(days=n): [party] for n, party in enumerate(town.parties) if party is not None}
    assert days == expected
    energy = lines.filter(pl.col("component_id") == "energy")
    nobody = [START + timedelta(days=n) for n, party in enumerate(town.parties) if party is None]
    unbilled = sum(used_until(town, day + timedelta(days=1)) - used_until(town, day) for day in nobody)
    assert energy["quantity"].sum() + unbilled == sum(town.used)
    for row in energy.iter_rows(named=True):
        used = used_until(town, row["period_end_date"]) - used_until(town, row["period_start_date"])
        assert row["quantity"] == used, row["line_id"]


# The same with intervals, whose length may change with the meter.

INTERVAL_KINDS = ["owner_change", "move_out", "move_in", "meter_exchange"]
DEMAND = (
    TARIFF.replace(
        "[[versions]]",
        """kw = {{ measure = "import_energy", agg = "max", interval = "60min", unit = "kW" }}
[[versions]]""",
    ).format("one")
    + """[versions.charges.demand]
of = "kw"
price = 10.00
"""
)
DEMAND_BOOK = compile_tariffs([parse_tariff(DEMAND, "one.toml")])


def an_interval_town() -> Town:
    town = a_town()
    (channel,) = town.tables.pop("channels")
    town.record("channels", channel | {"channel_id": "P/E0", "suffix": "E0", "interval_minutes": 30})
    town.readings.clear()
    return town


def hours_of(seed: int, number: int) -> list[int]:
    """Return the use of each hour of a day, in Wh, of which every length of interval is a part."""
    return [12 * ((seed * 31 + number * 7 + hour * 13) % 97) for hour in range(24)]


def interval_lines(town: Town, seed: int) -> pl.DataFrame:
    """Return the lines of June, whose days are read on whichever channel is there."""
    channels = town.tables["channels"]
    known = {
        table: pl.DataFrame(town.tables.get(table, []), schema=polars_schema(FACTS[table]))
        for table in (*IMPORTED, *EVENTS)
    }
    rows = [
        row | {"channel_no": number, "tz_name": "Australia/Brisbane", "commodity": "electricity", "branch_id": "N"}
        for number, row in enumerate(channels, start=1)
    ]  # fmt: skip
    numbers = arranged(ChannelNumbers, pl.DataFrame(rows, schema=polars_schema(ChannelNumbers)))
    days: dict[int, list[dict[str, Any]]] = {}
    for row in rows:
        minutes = row["interval_minutes"]
        names = slot_columns(minutes)
        for number in range((END - START).days):
            day = START + timedelta(days=number)
            if (row["start_date"] or START) <= day < (row["end_date"] or END):
                hours = hours_of(seed, number)
                slots = {name: hours[slot * minutes // 60] * minutes // 60
                         for slot, name in enumerate(names[: 1440 // minutes])}  # fmt: skip
                filled = dict.fromkeys(read_days_schema(minutes)) | slots
                filled |= {"channel_no": row["channel_no"], "day": day, "n": 1440 // minutes, "worst": 0, "seq": 1}
                days.setdefault(minutes, []).append(filled)
    wide = {minutes: pl.DataFrame(found, schema=read_days_schema(minutes)) for minutes, found in days.items()}
    cycle = Cycle(**known["cycles"].sort("cycle_id").row(1, named=True))
    due, cut = cut_partitions(select_due(cycle, known, NOTHING_BILLED, ()), numbers, cost_each=10**9)
    if due.is_empty():
        return empty(BillLines)
    rated = rate(RatingInput(due, cut, wide, empty(RegisterUsage), DEMAND_BOOK))
    assert rated.parked.is_empty(), rated.parked.select("reason", "detail").rows()
    return rated.lines


@settings(max_examples=25, deadline=None)
@given(
    seed=st.integers(0, 10**6),
    events=st.dictionaries(
        st.integers(20, 62),
        st.tuples(st.sampled_from(INTERVAL_KINDS), st.sampled_from("ABC"), st.sampled_from([15, 30, 60])),
        max_size=6,
    ),
)
def test_intervals_are_conserved_and_demand_is_the_highest_of_all_meters(
    seed: int, events: dict[int, tuple[str, str, int]]
) -> None:
    town = an_interval_town()
    for number in range((END - START).days):
        if number in events:
            kind, who, minutes = events[number]
            _interval_event(town, START + timedelta(days=number), kind, who, minutes)
        town.parties.append(town.party)
    lines = interval_lines(town, seed)
    june = range((MONTHS[1] - START).days, (MONTHS[2] - START).days)
    supplied = [number for number in june if town.parties[number] is not None]
    energy = lines.filter(pl.col("component_id") == "energy")
    assert energy["quantity"].sum() == sum(sum(hours_of(seed, number)) for number in supplied)
    for row in lines.filter(pl.col("component_id") == "demand").iter_rows(named=True):
        own = range((row["period_start_date"] - START).days, (row["period_end_date"] - START).days)
        assert row["quantity"] == max(max(hours_of(seed, number)) for number in own)


def _interval_event(town: Town, day: date, kind: str, who: str, minutes: int) -> None:
    running = [row for row in town.tables["agreements"] if row["end_date"] is None]
    agreement = running[0]["agreement_id"] if running else "none"
    said: dict[str, dict[str, str]] = {
        "owner_change": {"agreement": agreement, "account": who},
        "move_out": {"agreement": agreement},
        "move_in": {"point": "P", "account": who, "tariff": "one"},
        "meter_exchange": {
            "meter": town.meter, "new_meter": f"{day}", "interval_minutes": str(minutes), "suffix": f"E{day:%m%d}",
        },
    }  # fmt: skip
    if not town.happens(kind, day, said[kind]):
        return
    if kind == "meter_exchange":
        town.meter = f"{day}"
    else:
        town.party = None if kind == "move_out" else who
