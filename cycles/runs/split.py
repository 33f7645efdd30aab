"""What must be on one partition of a run, once, over plans of millions of rows: without holding their texts.

Texts are compared by 64 bits of a hash first. Equal texts have equal hashes, so nothing is missed; the few rows that
are left, among them those that only look alike, are then compared as they are.
"""

from __future__ import annotations

from pathlib import Path

import polars as pl

# Of the 64 bits the lowest 24 hold the partition, so that one sort finds a text that is on two of them.
_PLACES = pl.lit(1 << 24, dtype=pl.UInt64)


def on_several_partitions(plan_rows: pl.LazyFrame, name: str) -> pl.DataFrame:
    """Return the values of a column that are on more than one partition: `name`, partitions (their count)."""
    text = _hash(name) // _PLACES
    marks = _sorted(plan_rows, text * _PLACES + pl.col("partition").cast(pl.UInt64))
    # Sorted, so that the partitions of a text are neighbours.
    texts = marks.unique(maintain_order=True).to_frame("mark").select(pl.col("mark") // _PLACES)["mark"]
    suspects = texts.filter(texts == texts.shift(1)).unique()
    found = plan_rows.filter(text.is_in(suspects.implode())).select(name, "partition")
    counted = found.unique().group_by(name).agg(pl.len().alias("partitions")).filter(pl.col("partitions") > 1)
    return counted.sort(name).collect(engine="streaming")


def rows_of_repeated(rows: pl.LazyFrame, name: str) -> pl.LazyFrame:
    """Return the rows whose value of a column comes more than once, and perhaps few others."""
    marks = _sorted(rows, _hash(name))
    return rows.filter(_hash(name).is_in(marks.filter(marks == marks.shift(1)).unique().implode()))


def plan_rows(folder: Path, name: str, columns: list[str]) -> pl.LazyFrame:
    """Return columns of a frame of a plan in a run's folder, read as they are asked for."""
    return pl.scan_parquet(folder / "plan" / f"{name}.parquet", glob=False).select(columns)


def _hash(name: str) -> pl.Expr:
    return pl.col(name).hash()


def _sorted(rows: pl.LazyFrame, mark: pl.Expr) -> pl.Series:
    return rows.select(mark.alias("mark")).collect(engine="streaming")["mark"].sort()
