"""Register CSV: a line per reading of a meter's register.

Columns: meter_point, channel, meter, unit, read_date, reading, kind, quality, and updated_at if wanted. A reading
holds at the start of its day; `kind` is one of regular, install, removal, customer, estimate.
"""

from __future__ import annotations

import polars as pl
from pandera.typing.polars import DataFrame

from ingest.formats.channels import resolve_channels
from ingest.formats.csv_table import header_names, read_columns, split_by_reason, update_time
from ingest.formats.dates import usable_day
from ingest.formats.numbers import READING_MAX, exact_integers
from ingest.formats.parsed import ParsedFile, Source, gather_rejects, reject_rows
from ingest.formats.quality import CSV_QUALITY, KIND_QUALITY, quality_of
from ingest.versions import READING_KEY, best_first
from model.accounts import ChannelNumbers
from model.codes import ReadKind
from model.reads import RegisterReads
from model.schema import arranged

FORMAT = "registers"
REQUIRED = ("meter_point", "channel", "meter", "unit", "read_date", "reading", "kind", "quality")


def parse_registers(source: Source, channels: DataFrame[ChannelNumbers]) -> ParsedFile:
    """Return the readings of a register CSV.

    Rejects lines as bad_date, bad_kind, bad_quality, no_meter, no_reading, negative_reading, bad_number, too_precise,
    value_too_large, duplicate_reading, and channels as `resolve_channels` says.
    """
    rows, wrong = read_columns(source, [*REQUIRED, "updated_at"])
    named = rows.rename({"channel": "suffix"}).with_columns(pl.lit(0, dtype=pl.Int32).alias("file_minutes"))
    resolved = resolve_channels(source, named, channels)
    judged = _judged(resolved.rows, "updated_at" in header_names(source))
    detail = pl.format(
        "expected a meter, a date as 2026-10-04, a reading of zero or more in whole smallest units, a kind ({}) "
        "and a quality code; found `{}`, `{}`, `{}`, `{}`, `{}`",
        pl.lit(", ".join(ReadKind)),
        "meter",
        "read_date",
        "found",
        "kind",
        "quality",
    )
    good, bad = split_by_reason(source, judged, _reason(), detail)
    reads = good.select(
        "channel_no",
        pl.col("meter").alias("meter_id"),
        pl.col("date").alias("read_date"),
        pl.col("kind").alias("read_kind"),
        "reading",
        pl.col("level").alias("quality"),
        pl.col("quality").alias("raw_code"),
        pl.lit(0, dtype=pl.Int64).alias("seq"),
        "updated_at",
        "line",
    )
    kept, duplicates = _settled(source, reads)
    rejects = gather_rejects([wrong, resolved.rejects, bad, duplicates])
    return ParsedFile(source.name, source.sha256, FORMAT, rejects, registers=arranged(RegisterReads, kept))


def _judged(rows: pl.DataFrame, has_update: bool) -> pl.DataFrame:
    numbers = exact_integers(rows["reading"], rows["smallest_per"], limit=READING_MAX)
    by_code = quality_of(pl.col("quality").str.to_lowercase(), CSV_QUALITY)
    kind = pl.col("kind").str.to_lowercase()
    level = pl.when(pl.col("quality") == "").then(quality_of(kind, KIND_QUALITY)).otherwise(by_code)
    return rows.with_columns(
        pl.col("reading").alias("found"),
        numbers["value"].alias("reading"),
        numbers["problem"],
        kind.alias("kind"),
        level.alias("level"),
        usable_day(pl.col("read_date").str.to_date("%Y-%m-%d", strict=False)).alias("date"),
        (pl.col("updated_at") != "" if has_update else pl.lit(False)).alias("has_update"),
        update_time(has_update),
    )


def _reason() -> pl.Expr:
    is_bad_date = pl.col("date").is_null() | (pl.col("has_update") & pl.col("updated_at").is_null())
    return (
        pl.when(pl.col("meter") == "")
        .then(pl.lit("no_meter"))
        .when(is_bad_date)
        .then(pl.lit("bad_date"))
        .when(pl.col("found") == "")
        .then(pl.lit("no_reading"))
        .when(pl.col("problem").is_not_null())
        .then("problem")
        .when(pl.col("reading") < 0)
        .then(pl.lit("negative_reading"))
        .when(~pl.col("kind").is_in([item.value for item in ReadKind]))
        .then(pl.lit("bad_kind"))
        .when(pl.col("level").is_null())
        .then(pl.lit("bad_quality"))
    )


def _settled(source: Source, reads: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
    ordered = best_first(reads, READING_KEY, quality="quality", latest="line")
    is_first = ordered.select(pl.struct(READING_KEY).is_first_distinct()).to_series()
    kept = ordered.filter(is_first)
    winners = kept.select(*READING_KEY, pl.col("line").alias("winner"))
    losers = ordered.filter(~is_first).join(winners, on=READING_KEY, how="left", validate="m:1")
    detail = pl.format("expected each reading once; it is taken from line {}", "winner")
    return kept.drop("line"), reject_rows(source, losers, "duplicate_reading", detail)
