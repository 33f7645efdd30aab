"""Formats of rows: what is written comes back, in whatever order the rows stand.

Formats that nest (Green Button, IEC 61968-9, MSCONS, D0010, CMEP, NEM13, long CSV) have the same property in their own
tests, over their own shapes.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from fractions import Fraction

import polars as pl
import pytest
from csv_sources import source_of
from hypothesis import given, settings
from hypothesis import strategies as st
from meter_files import NEM12_HEAD
from test_formats_csv import REGISTERS, SMT, WIDE
from test_formats_mapped import LONG as MAPPED_LONG
from test_formats_mapped import WIDE as MAPPED_WIDE
from test_formats_mapped import mapping
from test_formats_vendors import BEACON_HEAD, HDF_HEAD
from test_routes import record

from ingest.formats.archive import Member
from ingest.formats.detect import Reading, read_member
from ingest.formats.mapped.mapped import read_mapped
from ingest.formats.mapped.mapping import FileMapping
from ingest.formats.records import FileRecords

FIRST = datetime(2026, 1, 12)  # a day on which no clock changes
VALUES = st.decimals(0, 99_999, places=3).map(lambda value: f"{value:f}")


@dataclass(frozen=True)
class Layout:
    """How a format writes its rows: head, a line for the time and value of each row, and foot.

    `step` lies between the rows; a row of a `whole_day` has its value in 24 intervals.
    """

    name: str
    head: list[str]
    line: Callable[[datetime, str], str]
    step: timedelta
    foot: Callable[[int], list[str]] = lambda rows: []
    whole_day: bool = False
    mapped: FileMapping | None = None

    @property
    def reading(self) -> Reading | None:
        """The mapping by which it is read, where its content does not say what it is."""
        mapped = self.mapped
        return None if mapped is None else Reading("order", lambda source: read_mapped(source, mapped))


def hours(value: str) -> str:
    return ",".join([value] * 24)


HALF, HOUR, DAY = timedelta(minutes=30), timedelta(hours=1), timedelta(days=1)
HDF_KIND = "Active Import Interval (kWh)"
LAYOUTS = (
    Layout(
        "nem12", [NEM12_HEAD, "200,NMI1,E1,1,E1,N1,METER1,kWh,60,"],
        lambda at, value: f"300,{at:%Y%m%d},{hours(value)},A,,,20260201000000,", DAY, lambda rows: ["900"],
        whole_day=True,
    ),
    Layout(
        "wide", [",".join(WIDE.split(",")[:29])], lambda at, value: f"N,E1,kWh,{at:%Y-%m-%d},A,{hours(value)}", DAY,
        whole_day=True,
    ),
    Layout(
        "smt", [SMT], lambda at, value: (
            f"'E1,{at:%m/%d/%Y},01/14/2026 09:40:14,{at:%H:%M},{at + timedelta(minutes=15):%H:%M},{value},A,Consumption"
        ), timedelta(minutes=15),
    ),
    Layout(
        "registers", [REGISTERS], lambda at, value: f"W1,W1,M1,kL,{at:%Y-%m-%d},{value},regular,A", DAY,
    ),
    Layout(
        "beacon", [BEACON_HEAD], lambda at, value: f"A1,0,{value},{at:%Y-%m-%d %H}:59,Gallons,L1,M1,,,", HOUR,
    ),
    Layout(
        "esb_hdf", [HDF_HEAD], lambda at, value: f"1,2,{value},{HDF_KIND},{at + HALF:%d-%m-%Y %H:%M}", HALF,
    ),
    Layout(
        "route", ["HDRBILLMILL1NORTH       20260112"],
        lambda at, value: record(value[:12], f"{at:%m%d}", f"{at:%H%M}"), HALF, lambda rows: [f"TRL{rows:06d}"],
    ),
    Layout("uk_readings", ["MPR,ReadDatetime,kWh"], lambda at, value: f"2200,{at:%d %b %Y %H:%M:%S},{value}", HALF),
    Layout("mapped", ["point,at,value"], lambda at, value: f"P1,{at:%Y-%m-%d %H:%M},{value}", HOUR,
           mapped=mapping(MAPPED_LONG)),
    Layout(
        "mapped", ["point,day," + ",".join(f"h{n}" for n in range(1, 26))],
        lambda at, value: f"P1,{at:%Y-%m-%d},{hours(value)},", DAY, whole_day=True,
        mapped=mapping(MAPPED_WIDE, stamp='{ column = "day", format = "%Y-%m-%d" }'),
    ),
)  # fmt: skip


def told(found: FileRecords) -> list[tuple[datetime, Fraction]]:
    """Return time and value of every reading, in order."""
    start = pl.coalesce(pl.col("start_utc").dt.replace_time_zone(None), "start_local")
    rows = [*found.intervals.select(start, "value").rows(), *found.readings.select("read_at", "value").rows()]
    for block in found.days:
        billionths = block.values.dtype == pl.Int64
        for at, value in enumerate(block.values):
            day = block.rows["day"][at // block.count]
            moment = datetime(day.year, day.month, day.day) + at % block.count * HOUR
            rows.append((moment, value if not billionths or value is None else Fraction(value, 10**9)))
    return sorted((moment, Fraction(value)) for moment, value in rows if value not in (None, ""))


def expected(layout: Layout, rows: list[tuple[datetime, str]]) -> list[tuple[datetime, Fraction]]:
    count = 24 if layout.whole_day else 1
    return sorted((at + slot * HOUR, Fraction(value)) for at, value in rows for slot in range(count))


@pytest.mark.parametrize("layout", LAYOUTS, ids=lambda layout: f"{layout.name}-{'day' if layout.whole_day else 'row'}")
@settings(max_examples=15, deadline=None)
@given(values=st.lists(VALUES, min_size=48, max_size=48), data=st.data())
def test_what_is_written_comes_back_whatever_the_order(layout: Layout, values: list[str], data: st.DataObject) -> None:
    rows = [(FIRST + number * layout.step, value) for number, value in enumerate(values)]
    order = data.draw(st.permutations(range(len(rows))))
    lines = [layout.line(*rows[place]) for place in order]
    text = "\n".join([*layout.head, *lines, *layout.foot(len(lines)), ""])
    found = read_member(Member("file", source_of(text).data), layout.reading)
    assert (found.file_format, found.rejects.rows()) == (layout.name, [])
    assert told(found) == expected(layout, rows)
