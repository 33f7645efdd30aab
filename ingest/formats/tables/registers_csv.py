"""Register CSV: a line per reading of a meter's register.

Columns: meter_point, channel, meter, unit, read_date, reading, kind, quality, and updated_at if wanted. A reading
holds at the start of its day; `kind` is one of regular, install, removal, customer, estimate.
"""

from __future__ import annotations

import polars as pl

from ingest.formats.dates import usable_day
from ingest.formats.parsed import Source, gather_rejects, split_by_reason
from ingest.formats.quality import CSV_QUALITY, KIND_QUALITY, quality_of
from ingest.formats.records import FileRecords, Opening, ReadingRecords, Series
from ingest.formats.series import series_of
from ingest.formats.tables.csv_table import header_names, no_data, read_columns, update_time
from model.codes import ReadKind
from model.schema import arranged

FORMAT = "registers"
REQUIRED = ("meter_point", "channel", "meter", "unit", "read_date", "reading", "kind", "quality")


def matches(opening: Opening) -> bool:
    """Return whether the header has the columns of this layout."""
    return set(opening.header).issuperset(REQUIRED)


def read(source: Source) -> FileRecords:
    """Return the readings of a register CSV. Rejects lines as wrong_field_count, bad_date, bad_kind, bad_quality."""
    if source.lines.height == 1:
        return no_data(source, FORMAT)
    rows, wrong = read_columns(source, [*REQUIRED, "updated_at"])
    judged = _judged(rows, "updated_at" in header_names(source))
    detail = pl.format(
        "expected a date as 2026-10-04, a kind ({}) and a quality code; found `{}`, `{}`, `{}`",
        pl.lit(", ".join(ReadKind)),
        "read_date",
        "kind",
        "quality",
    )
    good, bad = split_by_reason(source, judged, _reason(), detail)
    series, placed = series_of(good.rename({"channel": "suffix"}), ["meter_point", "suffix", "unit"])
    readings = placed.select(
        "series_no",
        "line",
        pl.col("meter").alias("meter_id"),
        pl.col("date").cast(pl.Datetime("us")).alias("read_at"),
        pl.col("reading").alias("value"),
        "kind",
        pl.col("quality").alias("code"),
        pl.col("level").alias("quality"),
        "updated_at",
    )
    told = series.with_columns(pl.lit(0, dtype=pl.Int8).alias("power"), pl.lit(0, dtype=pl.Int32).alias("file_minutes"))
    return FileRecords(
        source.name,
        source.sha256,
        FORMAT,
        arranged(Series, told),
        gather_rejects([wrong, bad]),
        readings=arranged(ReadingRecords, readings),
    )


def _judged(rows: pl.DataFrame, has_update: bool) -> pl.DataFrame:
    by_code = quality_of(pl.col("quality").str.to_lowercase(), CSV_QUALITY)
    kind = pl.col("kind").str.to_lowercase()
    level = pl.when(pl.col("quality") == "").then(quality_of(kind, KIND_QUALITY)).otherwise(by_code)
    return rows.with_columns(
        kind.alias("kind"),
        level.alias("level"),
        usable_day(pl.col("read_date").str.to_date("%Y-%m-%d", strict=False)).alias("date"),
        (pl.col("updated_at") != "" if has_update else pl.lit(False)).alias("has_update"),
        update_time(has_update),
    )


def _reason() -> pl.Expr:
    is_bad_date = pl.col("date").is_null() | (pl.col("has_update") & pl.col("updated_at").is_null())
    return (
        pl.when(is_bad_date)
        .then(pl.lit("bad_date"))
        .when(~pl.col("kind").is_in([item.value for item in ReadKind]))
        .then(pl.lit("bad_kind"))
        .when(pl.col("level").is_null())
        .then(pl.lit("bad_quality"))
    )
