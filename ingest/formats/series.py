"""Numbers for the series of a file, from records that each name their channel."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import polars as pl
from pandera.typing.polars import DataFrame

from ingest.formats.records import Series
from ingest.formats.runs import runs_of
from model.schema import arranged

_KEY = ["meter_point", "suffix", "unit", "power", "is_register"]


def series_of(rows: pl.DataFrame, key: Sequence[str]) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Return the series of rows, numbered in order of their first line, and the rows with their `series_no`."""
    runs = runs_of(rows, key)
    first = runs.first.to_numpy()
    lines = np.minimum.reduceat(rows["line"].to_numpy(), first) if len(first) else np.zeros(0, np.int64)
    named = rows.select(key)[first].with_columns(pl.Series("line", lines, dtype=rows.schema["line"]))
    numbered = named.group_by(key).agg(pl.col("line").min()).sort("line", *key).with_row_index("series_no")
    series = numbered.with_columns(pl.col("series_no").cast(pl.Int32))
    placed = named.select(key).join(
        series.drop("line"), on=list(key), how="left", validate="m:1", nulls_equal=True, maintain_order="left"
    )
    return series, rows.rechunk().with_columns(runs.spread(placed["series_no"]).alias("series_no"))


def named_series(rows: pl.DataFrame) -> tuple[pl.DataFrame, DataFrame[Series]]:
    """Return rows with `series_no`, and the series that they name: meter_point, suffix, unit, file_minutes."""
    key = ["meter_point", "suffix", "unit", "power", "file_minutes"]
    series, placed = series_of(rows.with_columns(pl.lit(0, pl.Int8).alias("power")), key)
    return placed, arranged(Series, series)


def number_series(rows: pl.DataFrame) -> tuple[DataFrame[Series], pl.DataFrame]:
    """Return the series of `rows`, in order of their first line, and the rows with `series_no` and `minutes`.

    `rows` has line, meter_point, suffix, unit, power and `minutes`: the length of each interval, null for readings of
    registers. Where all intervals of a series have one length the series states it, and `minutes` becomes null.
    """
    keyed = rows.with_columns(pl.col("minutes").is_null().alias("is_register"))
    found = (
        keyed.group_by(_KEY)
        .agg(
            pl.col("line").min(),
            pl.when(pl.col("minutes").n_unique() == 1)
            .then(pl.col("minutes").first().fill_null(0))
            .cast(pl.Int32)
            .alias("file_minutes"),
        )
        .sort("line", *_KEY)
        .with_row_index("series_no")
    )
    numbered = keyed.join(
        found.select(*_KEY, "series_no", "file_minutes"), on=_KEY, how="left", validate="m:1", maintain_order="left"
    )
    own = pl.when(pl.col("file_minutes").is_null()).then("minutes").cast(pl.Int32).alias("minutes")
    return arranged(Series, found), numbered.with_columns(pl.col("series_no").cast(pl.Int32), own)
