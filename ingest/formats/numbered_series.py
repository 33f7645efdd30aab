"""Numbers for the series of a file, in the order in which it first speaks of them."""

from __future__ import annotations

import polars as pl
from pandera.typing.polars import DataFrame

from ingest.formats.records import Series
from model.schema import arranged

_NAME = ["meter_point", "suffix", "unit", "file_minutes"]


def number_series(rows: pl.DataFrame) -> tuple[pl.DataFrame, DataFrame[Series]]:
    """Return `rows` with `series_no`, and the series.

    `rows` has line, meter_point, suffix, unit and file_minutes (null when the file does not say).
    """
    series = (
        rows.group_by(_NAME)
        .agg(pl.col("line").min())
        .sort("line", *_NAME)
        .with_columns(pl.int_range(pl.len(), dtype=pl.Int32).alias("series_no"), pl.lit(0, pl.Int8).alias("power"))
    )
    numbers = series.select(*_NAME, "series_no")
    numbered = rows.join(numbers, on=_NAME, how="left", validate="m:1", nulls_equal=True, maintain_order="left")
    return numbered, arranged(Series, series)
