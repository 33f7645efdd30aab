"""What must hold of any bytes that are read, whatever they are: nothing raises, nothing is lost, nothing is made up.

Numbers are read again here by plain Python (`Decimal`), so that a value which a reader takes is the one that the file
has.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Context, Decimal, InvalidOperation
from fractions import Fraction

import polars as pl
from meter_files import BRISBANE, CHICAGO, channel_table
from pandera.typing.polars import DataFrame

from ingest.describe.facts import describe
from ingest.formats.records import DayBlock, FileRecords, IntervalRecords, ReadingRecords, Series
from ingest.landing.place import place_records
from model.accounts import ChannelNumbers
from model.errors import InputError
from model.reads import ReadDays, RegisterReads, Rejects
from model.schema import checked, polars_schema
from model.units import PRINTED_UNITS, SMALLEST_UNIT, printed_unit

SERIES_MAX = 40  # more channels than that make no other case
ZONES = (BRISBANE, CHICAGO, "Europe/London", "Australia/Lord_Howe")
LENGTHS = (15, 60, 30, 5, 15)  # as many as zones and one, so that all pairs occur
# Lines that hold readings: each is a record or a reject. Of formats without lines nothing can be said so.
DATA_LINES = {
    "nem12": r"^300,",
    "nem13": r"^250,",
    "d0010": r"^030\|",
    "cmep": r"",
    "route": r"^RDG",
}
TABLES = ("smt", "registers", "wide", "long", "beacon", "esb_hdf", "uk_readings", "mapped")
# Formats whose values stand in the line as they are.
PLAIN = ("nem13", "d0010", "smt", "registers", "long", "beacon", "route", "uk_readings", "uk_half_hourly")
# Formats that write a day as eight digits: the day that is read stands so in its line.
DIGIT_DAYS = ("nem12", "nem13", "d0010")
_EXACT = Context(prec=400)
_MEASURES = {unit: measure for measure, unit in reversed(SMALLEST_UNIT.items())}
_RECORD_START = re.compile(r"^(100|200|300|400|500|900)(,|$)")


@dataclass(frozen=True)
class Seen:
    """What a file came to: used to tell inputs apart."""

    file_format: str
    readings: int
    reasons: frozenset[tuple[str, str]]


def check(found: FileRecords, *, deep: bool = True) -> Seen:
    """Check everything that must hold of a file's records; `deep` also describes and places them.

    Raises:
        AssertionError: something does not hold.
    """
    _check_tables(found, deep=deep)
    if found.is_usable:
        _check_lines(found)
        _check_values(found)
    else:
        assert found.rejects.height == 1, "a file refused as a whole has one reject"
        assert not (found.intervals.height or found.readings.height or found.days), "a refused file has no readings"
    landed = _check_facts(found) if deep else None
    reasons = {("read", reason) for reason in found.rejects["reason"]}
    reasons |= {("landed", reason) for reason in landed["reason"]} if landed is not None else set()
    return Seen(found.file_format, _count(found), frozenset(reasons))


def _check_tables(found: FileRecords, *, deep: bool) -> None:
    for table, frame in (
        (Series, found.series),
        (IntervalRecords, found.intervals),
        (ReadingRecords, found.readings),
        (Rejects, found.rejects),
    ):
        assert frame.schema == polars_schema(table), f"{table.__name__} with other columns"
        if deep:
            checked(table, frame)  # type: ignore[type-var]
    known = range(found.series.height)
    assert found.series["series_no"].to_list() == list(known), "series are numbered from 0"
    for block in found.days:
        assert len(block.values) == block.rows.height * block.count == block.quality.size
        assert not block.rows.select(pl.any_horizontal(pl.col("series_no", "line", "day").is_null().any())).item()
        assert set(block.rows["series_no"]) <= set(known)
        assert ((block.quality <= 8).all()) or not block.quality.size
    assert set(found.intervals["series_no"]) | set(found.readings["series_no"]) <= set(known)
    start = pl.col("start_utc").is_null() == pl.col("start_local").is_null()
    assert not found.intervals.select(start.any()).item(), "a start is an instant or a local time"
    assert not found.readings["read_at"].null_count()


def _count(found: FileRecords) -> int:
    return found.intervals.height + found.readings.height + sum(len(block.values) for block in found.days)


def _check_lines(found: FileRecords) -> None:
    """Each line that holds readings is a record or a reject."""
    if found.file_format not in DATA_LINES and found.file_format not in TABLES:
        return
    lines = found.lines if found.file_format in DATA_LINES else found.lines.slice(1)
    data = lines.filter(pl.col("text").str.contains(DATA_LINES.get(found.file_format, "")))
    frames = [found.intervals, found.readings, found.rejects, *(block.rows for block in found.days)]
    told = pl.concat([frame.select(pl.col("line").cast(pl.Int64)) for frame in frames])["line"].unique()
    lost = data.filter(~pl.col("line").is_in(told.implode()))
    # A row without a value at a time which the clock skips is no reading: half-hourly files have them in spring.
    if found.file_format in {"esb_hdf", "uk_readings", "mapped", "smt", "beacon"}:
        lost = lost.filter(~pl.col("text").str.contains(r"(,\s*,|,\s*$|;\s*;|;\s*$)"))
    assert lost.is_empty(), f"neither read nor rejected: {lost.rows()[:3]}"


def _check_values(found: FileRecords) -> None:
    """Each value that was taken stands in its line."""
    texts = dict(found.lines.rows())
    if found.file_format in PLAIN:
        for line, value in _stated(found):
            assert value in texts[line], f"line {line}: read `{value}`, the line is `{texts[line][:200]}`"
    if found.file_format in DIGIT_DAYS:
        days = [*found.readings.select("line", pl.col("read_at").dt.date()).rows()]
        days += [row for block in found.days for row in block.rows.select("line", "day").rows()]
        assert all(f"{day:%Y%m%d}" in texts[line] for line, day in days), "another day than the line has"
    for block in found.days:
        if block.values.dtype == pl.Int64:
            _check_block(found, block, texts)


def _stated(found: FileRecords) -> Iterator[tuple[int, str]]:
    is_power = found.series["suffix"].str.contains(r"(?i)\(k(w|var)\)\s*$")
    powers = set(found.series.filter(is_power)["series_no"])
    for series_no, line, value in found.intervals.select("series_no", "line", "value").iter_rows():
        if series_no not in powers:
            yield line, value
    for line, *values in found.readings.select("line", "value", "from_value", "quantity").iter_rows():
        yield from ((line, value) for value in values if value)
    for block in found.days:
        if block.values.dtype == pl.String:
            at = [line for line in block.rows["line"] for _ in range(block.count)]
            yield from zip(at, block.values.fill_null(""), strict=True)


def _check_block(found: FileRecords, block: DayBlock, texts: dict[int, str]) -> None:
    """The values of a day are those fields of its line that follow each other there."""
    values = block.values.to_list()
    for row, line in enumerate(block.rows["line"]):
        text = texts[line]
        following = line + 1
        while found.file_format == "nem12" and following <= max(texts):
            more = texts.get(following, "")
            if _RECORD_START.match(more):
                break
            text, following = text + more, following + 1
        fields = [_billionths(field) for field in text.split(",")]
        mine = values[row * block.count : (row + 1) * block.count]
        runs = (fields[at : at + block.count] for at in range(len(fields) - block.count + 1))
        assert any(run == mine for run in runs), f"line {line}: other values than the line has"


def _billionths(field: str) -> int | str | None:
    text = field.strip(' \t"')
    if not text:
        return None
    try:
        number = Decimal(text).scaleb(9, _EXACT)
    except InvalidOperation:
        return text
    if not number.is_finite() or number != int(number):
        return text
    return int(number)


def _check_facts(found: FileRecords) -> pl.DataFrame:
    """Describe and place the records; sums are those of plain Python. Return the rejects of placing."""
    facts = describe(found)
    numbers, bad = _numbers(found)
    told = facts.channels
    assert all(re.fullmatch(r"-?\d+(\.\d+)?", channel.total) for channel in told), "totals are decimal numbers"
    checked(Rejects, facts.rejects)
    if not bad:
        assert facts.rejects.equals(found.rejects), f"described with other rejects: {facts.rejects.rows()[-1:]}"
        assert sum(Fraction(channel.raw_total) for channel in told) == sum(numbers), (
            "another total than the values have"
        )
    else:
        assert facts.rejects.height > found.rejects.height or not found.is_usable, "what is no number is rejected"
    turn = int(found.sha256[:8], 16)
    landed = place_records(found, channels_of(found, ZONES[turn % len(ZONES)], default=LENGTHS[turn % len(LENGTHS)]))
    checked(RegisterReads, landed.registers)
    for days in landed.days.values():
        checked(ReadDays, days)
        assert not days.select("channel_no", "day").is_duplicated().any()
    if not bad and _count(found):
        assert landed.rejects.height or landed.registers.height or landed.days, "readings that vanish"
    return landed.rejects


def _numbers(found: FileRecords) -> tuple[list[Fraction], list[str]]:
    """Return the values as exact numbers, and those that are none."""
    quantity = pl.col("quantity").fill_null("")
    read = found.readings.select(pl.when(quantity != "").then(quantity).otherwise("value").alias("value"))
    texts = [*found.intervals["value"], *read["value"]]
    numbers: list[Fraction] = []
    for block in found.days:
        if block.values.dtype == pl.String:
            texts += block.values.fill_null("").to_list()
        else:
            numbers += [Fraction(value, 10**9) for value in block.values.drop_nulls()]
    bad = []
    for text in (text.strip(' \t"') for text in texts):
        if not text:
            continue
        if re.fullmatch(r"[+-]?(\d+\.?\d*|\.\d+)", text, re.ASCII) and _fits(text):
            numbers.append(Fraction(Decimal(text)))
        else:
            bad.append(text)
    return numbers, bad


def _fits(text: str) -> bool:
    value = Decimal(text)
    return abs(value) <= 10**18 and not re.search(r"\.\d{15}\d*[1-9]", text)


def channels_of(found: FileRecords, tz_name: str, default: int) -> DataFrame[ChannelNumbers]:
    """Return a channel for each series, so that its readings land."""
    rows: dict[tuple[str, str, int], tuple[str, str, str, int, str]] = {}
    names = found.series.select("meter_point", "suffix", "unit", "file_minutes").head(SERIES_MAX)
    for point, suffix, unit, minutes in names.iter_rows():
        length = default if minutes is None else minutes
        length = length if length in {0, 5, 15, 30, 60} else default
        rows.setdefault((point, suffix, length), (point, suffix, _measure(unit), length, tz_name))
    return channel_table(*(rows.values() or [("P", "E1", "import_energy", 15, tz_name)]))


def _measure(unit: str) -> str:
    try:
        return _MEASURES[PRINTED_UNITS[printed_unit(unit)][0]].value
    except (InputError, KeyError):
        return "import_energy"
