"""NEM12: the Australian market's interval files, read in columns.

Records: 100 head, 200 channel, 300 day (values, quality, reason, update time), 400 quality by ranges of intervals,
500 service orders (not used), 900 end. Values belong to the day of the NEM, UTC+10 all year, without time stamps.
Source: AEMO, Meter Data File Format Specification NEM12 and NEM13, version 2.6.
"""

from __future__ import annotations

import polars as pl
from pandera.typing.polars import DataFrame

from ingest.formats.nem.nem12_days import read_days
from ingest.formats.nem.nem12_ranges import read_ranges
from ingest.formats.parsed import Source, gather_rejects, reject_rows
from ingest.formats.records import FileRecords, Opening, Series, refused
from model.reads import INTERVAL_LENGTHS
from model.schema import arranged

FORMAT = "nem12"
_RECORDS = ["100", "200", "300", "400", "500", "900"]


def matches(opening: Opening) -> bool:
    """Return whether the first line begins with a record's number; what else it should say is checked when read."""
    kind, _, _ = opening.first.strip().partition(",")
    return len(kind) == 3 and kind.isdigit()


def read(source: Source) -> FileRecords:
    """Return the days of a NEM12 file and what was not taken.

    A file without a 100 record or without any day is refused. Rejects: no_channel_record, bad_interval,
    no_interval_record, unknown_record, no_end_record, and days as `read_days` says.
    """
    head = source.lines["text"][0].split(",")
    if head[0].strip() != "100":
        line, text = source.lines.row(0)
        detail = f"expected a 100 record first, found `{text[:40]}` in line {line}"
        return refused(source.name, source.sha256, FORMAT, "no_header_record", detail)
    if len(head) < 2 or head[1].strip().upper() != "NEM12":
        detail = f"expected NEM12 in the 100 record, found `{','.join(head[1:2])}`"
        return refused(source.name, source.sha256, FORMAT, "unsupported_format", detail)
    records, rejects = _records(source)
    dated = records.filter(pl.col("kind") == "300")
    if dated.is_empty():
        detail = "expected days (300 records), found none"
        return refused(source.name, source.sha256, FORMAT, "no_data", detail)
    known, channel_rejects = _channel_records(source, records)
    days, orphans = _days_of_channels(source, dated, known)
    ranges, range_rejects = read_ranges(source, records)
    blocks, day_rejects = read_days(source, days, ranges)
    every = gather_rejects([*rejects, channel_rejects, orphans, range_rejects, *day_rejects])
    return FileRecords(source.name, source.sha256, FORMAT, _series(known), every, days=blocks, notes=_notes(head))


def _notes(head: list[str]) -> dict[str, str]:
    names = ("created", "from_participant", "to_participant")
    return {name: text.strip() for name, text in zip(names, head[2:], strict=False) if text.strip()}


def _records(source: Source) -> tuple[pl.DataFrame, list[pl.DataFrame]]:
    """Return records: line, text, kind, and the lines of the 200 (`channel_line`) and 300 (`day_line`) above them.

    A line that begins with no record indicator goes on the 300 record above it: some systems break long lines.
    """
    head = pl.col("text").str.head(4)
    is_record = (head.str.tail(1) == ",") | (pl.col("text").str.len_bytes() == 3)
    kind = pl.when(is_record & head.str.head(3).is_in(_RECORDS)).then(head.str.head(3)).alias("kind")
    lines = source.lines.with_columns(kind)
    rejects: list[pl.DataFrame] = []
    if lines["kind"].null_count():
        lines, rejects = _rejoined(source, lines)
    opens = pl.col("kind").is_in(["200", "300"])
    records = lines.with_columns(
        pl.when(pl.col("kind") == "200").then("line").forward_fill().alias("channel_line"),
        pl.when(opens).then("line").forward_fill().alias("day_line"),
        pl.when(opens).then("kind").forward_fill().alias("above"),
    )
    if records["kind"][-1] != "900":
        last = records.tail(1)
        rejects.append(
            reject_rows(source, last, "no_end_record", "expected a 900 record last: the file may be cut off")
        )
    return records, rejects


def _rejoined(source: Source, lines: pl.DataFrame) -> tuple[pl.DataFrame, list[pl.DataFrame]]:
    starts = pl.col("kind").is_not_null()
    grouped = lines.with_columns(starts.cum_sum().alias("record"))
    first = grouped.filter(starts).select("record", pl.col("kind").alias("first_kind"))
    placed = grouped.join(first, on="record", how="left", validate="m:1", maintain_order="left")
    stray = (pl.col("first_kind").fill_null("") != "300") & ~starts
    detail = f"expected one of the records {', '.join(_RECORDS)}"
    rejects = [reject_rows(source, placed.filter(stray), "unknown_record", detail)]
    joined = (
        placed.filter(~stray)
        .group_by("record", maintain_order=True)
        .agg(pl.col("line").first(), pl.col("text").str.join(""), pl.col("kind").first())
    )
    return joined.drop("record"), rejects


def _channel_records(source: Source, records: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Return a series for each usable 200 record: a channel that a file opens twice is two series."""
    fields = pl.col("text").str.split(",")

    def text_at(index: int) -> pl.Expr:
        return fields.list.get(index, null_on_oob=True).str.strip_chars().fill_null("")

    read = records.filter(pl.col("kind") == "200").select(
        "line",
        text_at(1).alias("meter_point"),
        text_at(4).alias("suffix"),
        text_at(7).alias("unit"),
        text_at(8).cast(pl.Int32, strict=False).alias("file_minutes"),
    )
    is_sound = pl.col("file_minutes").is_in(list(INTERVAL_LENGTHS)).fill_null(False)
    detail = f"expected the interval length in the 9th field, one of {', '.join(map(str, INTERVAL_LENGTHS))} minutes"
    bad = read.filter(~is_sound)
    known = read.filter(is_sound).with_columns(pl.int_range(pl.len(), dtype=pl.Int32).alias("series_no"))
    return known, reject_rows(source, bad, "bad_interval", detail)


def _series(known: pl.DataFrame) -> DataFrame[Series]:
    return arranged(Series, known.with_columns(pl.lit(0, dtype=pl.Int8).alias("power")))


def _days_of_channels(source: Source, dated: pl.DataFrame, known: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
    above = known.select(pl.col("line").alias("channel_line"), "series_no", "file_minutes")
    days = dated.join(above, on="channel_line", how="left", validate="m:1", maintain_order="left", nulls_equal=False)
    orphans = days.filter(pl.col("series_no").is_null())
    rejects = reject_rows(source, orphans, "no_channel_record", "expected a usable 200 record above this day")
    return days.filter(pl.col("series_no").is_not_null()) if orphans.height else days, rejects
