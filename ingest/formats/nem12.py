"""NEM12: the Australian market's interval files, parsed in columns.

Records: 100 head, 200 channel, 300 day (values, quality, reason, update time), 400 quality by ranges of intervals,
500 service orders (not used), 900 end. Values belong to the day of the NEM, UTC+10 all year, without time stamps.
Source: AEMO, Meter Data File Format Specification NEM12 and NEM13, version 2.6.
"""

from __future__ import annotations

import polars as pl
from pandera.typing.polars import DataFrame

from ingest.formats.channels import resolve_channels
from ingest.formats.days import settle_days
from ingest.formats.nem12_days import parse_days
from ingest.formats.nem12_ranges import read_ranges
from ingest.formats.parsed import ParsedFile, Source, gather_rejects, refused, reject_rows
from model.accounts import ChannelNumbers
from model.reads import INTERVAL_LENGTHS

FORMAT = "nem12"
_RECORDS = ["100", "200", "300", "400", "500", "900"]


def parse_nem12(source: Source, channels: DataFrame[ChannelNumbers]) -> ParsedFile:
    """Return the days of a NEM12 file and what was not taken.

    A file without a 100 record or without any day is refused; a channel is rejected once (see `resolve_channels`), a
    day alone: wrong_slot_count, bad_date, bad_quality, bad_ranges, bad_number, too_precise, value_too_large.
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
    if not (records["kind"] == "300").any():
        detail = "expected days (300 records), found none"
        return refused(source.name, source.sha256, FORMAT, "no_data", detail)
    known, channel_rejects = _channel_records(source, records)
    dated = records.filter(pl.col("kind") == "300")
    days, orphans = _days_of_channels(source, dated, known)
    resolved = resolve_channels(source, days, channels, is_nem_time=True)
    ranges, range_rejects = read_ranges(source, records)
    lives = channels.select(
        "channel_no", pl.col("start_date").alias("life_start"), pl.col("end_date").alias("life_end")
    )
    rows = resolved.rows.join(lives, on="channel_no", how="left", validate="m:1", maintain_order="left")
    found, day_rejects = parse_days(source, rows, ranges)
    kept, duplicates = settle_days(source, found)
    every = [*rejects, channel_rejects, orphans, resolved.rejects, range_rejects, *day_rejects, *duplicates]
    return ParsedFile(source.name, source.sha256, FORMAT, gather_rejects(every), kept)


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
    fields = pl.col("text").str.split(",")

    def text_at(index: int) -> pl.Expr:
        return fields.list.get(index, null_on_oob=True).str.strip_chars()

    read = records.filter(pl.col("kind") == "200").select(
        "line",
        text_at(1).alias("meter_point"),
        text_at(4).alias("suffix"),
        text_at(7).alias("unit"),
        text_at(8).cast(pl.Int32, strict=False).alias("file_minutes"),
    )
    is_sound = pl.col("file_minutes").is_in(list(INTERVAL_LENGTHS))
    detail = f"expected the interval length in the 9th field, one of {', '.join(map(str, INTERVAL_LENGTHS))} minutes"
    bad = read.filter(~is_sound.fill_null(False))
    return read.filter(is_sound), reject_rows(source, bad, "bad_interval", detail)


def _days_of_channels(source: Source, dated: pl.DataFrame, known: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
    above = known.rename({"line": "channel_line"})
    days = dated.join(above, on="channel_line", how="inner", validate="m:1", maintain_order="left")
    orphans = dated.filter(~pl.col("channel_line").is_in(known["line"].implode()).fill_null(False))
    return days, reject_rows(source, orphans, "no_channel_record", "expected a usable 200 record above this day")
