"""Quality of parts of a NEM12 day: its 400 records."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import polars as pl

from ingest.formats.parsed import Source, reject_rows
from ingest.formats.quality import NEM12_QUALITY, quality_of


@dataclass(frozen=True)
class Ranges:
    """`rows`: line of the day, first, last (intervals from 1, both included), quality; sorted.

    `days`: per line of a day, whether its ranges follow each other from 1 without gap or overlap (`is_whole`),
    `range_last`, the last interval they reach, and `range_codes`, their codes as text.
    """

    rows: pl.DataFrame
    days: pl.DataFrame


def read_ranges(source: Source, records: pl.DataFrame) -> tuple[Ranges, pl.DataFrame]:
    """Return the 400 records of a file by day, and those that stand under no day."""
    four = records.filter(pl.col("kind") == "400")
    under_day = pl.col("above").fill_null("") == "300"
    rejects = reject_rows(
        source, four.filter(~under_day), "no_interval_record", "expected a 300 record above this 400 record"
    )
    fields = pl.col("text").str.split(",")

    def text_at(index: int) -> pl.Expr:
        return fields.list.get(index, null_on_oob=True).str.strip_chars().fill_null("")

    rows = (
        four.filter(under_day)
        .select(
            pl.col("day_line").alias("line"),
            text_at(1).cast(pl.Int32, strict=False).alias("first"),
            text_at(2).cast(pl.Int32, strict=False).alias("last"),
            text_at(3).str.to_uppercase().alias("code"),
            text_at(4).alias("reason_code"),
        )
        .with_columns(nem12_quality(pl.col("code")))
        .sort("line", "first", "last", nulls_last=False)
    )
    return Ranges(rows, _by_day(rows)), rejects


def nem12_quality(code: pl.Expr) -> pl.Expr:
    """Return the canonical quality of a flag with or without its two-digit method (F55, E, A); null if it is none."""
    is_code = code.str.contains(r"^([AN]|[ESF](\d\d)?)$")
    return pl.when(is_code).then(quality_of(code.str.head(1), NEM12_QUALITY)).alias("quality")


def qualities_of(ranges: Ranges, lines: pl.Series, count: int) -> npt.NDArray[np.uint8]:
    """Return the slot qualities of the days at `lines` (ascending, whole ranges up to `count`) as a matrix."""
    rows = ranges.rows.filter(pl.col("line").is_in(lines.implode()))
    lengths = (rows["last"] - rows["first"] + 1).to_numpy()
    return np.repeat(rows["quality"].to_numpy(), lengths).reshape(-1, count)


def _by_day(rows: pl.DataFrame) -> pl.DataFrame:
    follows = pl.col("first") == pl.col("last").shift().over("line").fill_null(0) + 1
    is_sound = follows & (pl.col("last") >= pl.col("first")) & pl.col("quality").is_not_null()
    reason = pl.when(pl.col("reason_code") == "").then(pl.lit("")).otherwise(pl.format("/{}", "reason_code"))
    code = pl.format("{}-{} {}{}", "first", "last", "code", reason).fill_null("")
    return rows.group_by("line").agg(
        is_sound.fill_null(False).all().alias("is_whole"),
        pl.col("last").last().alias("range_last"),
        code.str.join("; ").alias("range_codes"),
    )
