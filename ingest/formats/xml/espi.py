"""Green Button files: ESPI resources in an Atom feed, or one of them by itself.

Readings are values of reading types (unit, power of ten, direction of the flow) in blocks of intervals, timed in
seconds from 1970 UTC, so that days of 23 and 25 hours need no care. A series is a meter reading of a usage point. Its
meter point is the usage point's address after `/resource/`. Its suffix is the direction: `delivered`, `received`,
`net`, `total`, or `usage` where none is stated; with `/` and the number of the meter reading when a usage point has
several of one direction. Readings of registers (cumulative values) become register readings on the feed's local clock.
Source: NAESB REQ.21, Energy Services Provider Interface.
"""

from __future__ import annotations

from decimal import Decimal

import polars as pl

from ingest.formats.parsed import Source, gather_rejects, reject_rows
from ingest.formats.records import FileRecords, Opening, refused
from ingest.formats.xml.elements import Elements, opening_root, read_elements, with_own_lines
from ingest.formats.xml.espi_clock import EspiClock, read_clock
from ingest.formats.xml.espi_intervals import block_periods, read_intervals
from ingest.formats.xml.espi_links import AmbiguousLinkError, Resource
from ingest.formats.xml.espi_records import interval_table, reading_table, series_table, sound_rows
from ingest.formats.xml.espi_series import EspiSeries, Feed, join_blocks
from ingest.formats.xml.espi_totals import check_totals
from model.errors import InputError

FORMAT = "espi"
_NAMESPACE = b"naesb.org/espi"
_ATOM_ROOTS = frozenset({"feed", "entry"})


def matches(opening: Opening) -> bool:
    """Return whether the file is an Atom feed or entry, or a resource in the namespace of ESPI."""
    root = opening_root(opening.start)
    return root in _ATOM_ROOTS or (root.casefold() not in {"", "html"} and _NAMESPACE in opening.start)


def read(source: Source) -> FileRecords:
    """Return what a Green Button file says; it never raises for bad input.

    Refuses the file as bad_xml or no_data. Rejects blocks as ambiguous_link or bad_power, readings as bad_reading,
    bad_date, bad_duration or no_local_time, and as total_differs what a summary states against the intervals.
    """
    try:
        elements = read_elements(source.data)
    except InputError as error:
        return refused(source.name, source.sha256, FORMAT, "bad_xml", error.message)
    source, elements, counted = with_own_lines(source, elements, elements.children("IntervalReading", "IntervalBlock"))
    feed = Feed.of(elements)
    blocks = join_blocks(feed)
    rows = read_intervals(elements, blocks)
    if rows.is_empty():
        return refused(
            source.name,
            source.sha256,
            FORMAT,
            "no_data",
            f"expected IntervalReading elements, found none in `{elements.root}`",
        )
    sound, rejects = sound_rows(source, elements, blocks, rows)
    registers, intervals = sound.filter("is_register"), sound.filter(~pl.col("is_register"))
    clocks, told = _clocks(blocks.series, feed)
    readings, homeless = reading_table(source, registers, clocks)
    totals = check_totals(elements, feed, blocks.series, sound)
    contradicted = pl.DataFrame(totals.contradicted, schema={"line": pl.Int64, "detail": pl.String}, orient="row")
    series = series_table(blocks.series, intervals)
    return FileRecords(
        source.name,
        source.sha256,
        FORMAT,
        series,
        gather_rejects([*rejects, homeless, reject_rows(source, contradicted, "total_differs", pl.col("detail"))]),
        intervals=interval_table(intervals, series),
        readings=readings,
        notes={**counted, **told, **_facts(elements, rows), **totals.notes},
        lines=source.lines,
    )


def _clocks(series: list[EspiSeries], feed: Feed) -> tuple[list[EspiClock | None], dict[str, str]]:
    """Return the clock of each series, and all of them in words."""
    points = {point.row: point for point in feed.usage_points.parents}
    clocks, notes = [], {}
    for one in series:
        clock, note = _clock(points.get(one.usage_point_row), feed)
        clocks.append(clock)
        notes[f"clock of {one.meter_point or 'the file'}"] = note
    return clocks, notes


def _clock(point: Resource | None, feed: Feed) -> tuple[EspiClock | None, str]:
    try:
        stated = feed.clocks.related_to(point) if point else feed.clocks.only()
    except AmbiguousLinkError:
        return None, "not told: several LocalTimeParameters, none linked"
    if stated is None:
        return None, "not told"
    try:
        clock = read_clock(stated.fields)
    except ValueError as error:
        return None, f"not readable, line {stated.line}: {error}"
    return clock, clock.text()


def _facts(elements: Elements, rows: pl.DataFrame) -> dict[str, str]:
    """Return what a feed tells beside its readings: costs, its date, blocks that their readings do not fill."""
    facts = {}
    if (rows["cost"] != "").any():
        costs = rows["cost"].replace("", None).cast(pl.Decimal(38, 9), strict=False)
        facts["cost_raw_total"] = f"{Decimal(costs.sum() or 0).normalize():f}"
        facts["cost_unit"] = "hundred-thousandths of the currency"
    created = elements.children("updated", "feed")
    if len(created):
        facts["created"] = elements.texts(created[:1])[0] or ""
    readings = rows.group_by("block").agg(pl.col("seconds").sum())
    filled = block_periods(elements).join(readings, on="block", how="inner", validate="1:1")
    unfilled = filled.filter(pl.col("seconds") != pl.col("block_seconds")).height
    if unfilled:
        facts["blocks that their readings do not fill"] = f"{unfilled} of {filled.height}"
    repeated = rows.height - rows.select("series_no", "start_us").unique().height
    if repeated:
        facts["readings with a start that came before"] = str(repeated)
    return facts
