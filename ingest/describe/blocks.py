"""Days of values counted by series."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import polars as pl

from ingest.describe.counted import MISSING, PLACES, Counted, with_numbers
from ingest.formats.numbers import SCALE
from ingest.formats.parsed import Source, gather_rejects
from ingest.formats.records import Clock, DayBlock, FileRecords
from model.reads import INTERVAL_LENGTHS

_NOT_THERE = 255  # quality of a column behind the last value of a civil day
_ONE = 10**SCALE


def count_block(source: Source, block: DayBlock, records: FileRecords) -> Counted:
    """Count days of values. Of civil days, columns behind the last value are columns that the day did not need."""
    sums, is_missing, rejects = _row_sums(source, block)
    is_bad = np.isin(block.rows["line"].to_numpy(), rejects["line"].unique().to_numpy())
    missing = is_missing.reshape(-1, block.count)
    quality = np.where(missing, np.uint8(MISSING), block.quality)
    if block.clock == Clock.CIVIL:
        quality[np.logical_and.accumulate(missing[:, ::-1], axis=1)[:, ::-1]] = _NOT_THERE
    counts = (quality != _NOT_THERE).sum(axis=1, dtype=np.int64)
    days = block.rows.with_columns(
        pl.Series("readings", counts),
        sums.alias("total"),
        records.series["file_minutes"][block.rows["series_no"]].alias("minutes"),
    ).filter(pl.Series(~is_bad))
    usual = pl.lit(_usual_minutes(counts), dtype=pl.Int32)
    told = days.group_by("series_no").agg(
        pl.col("readings", "total").sum(),
        pl.col("day").min().cast(pl.Datetime("us")).alias("first"),
        pl.col("day").max().dt.offset_by("1d").cast(pl.Datetime("us")).alias("last"),
        pl.lit(False).alias("is_utc"),
        pl.col("minutes").first().fill_null(usual),
    )
    # Of a day whose quality varies the code goes on with its ranges: counted is that it varies.
    token = pl.col("code").str.split(" ").list.first().fill_null("").alias("code")
    codes = days.group_by("series_no", token).agg(pl.col("readings").sum().alias("count"))
    return Counted(told, _qualities(days["series_no"], quality[~is_bad]), codes, rejects)


def _row_sums(source: Source, block: DayBlock) -> tuple[pl.Series, npt.NDArray[np.bool_], pl.DataFrame]:
    """Return the sum of each row (Int128, in 10^-15), which values are missing, and rejects."""
    rows, values = block.rows.height, block.values
    if values.dtype == pl.Int64:
        numbers = values.fill_null(0).to_numpy().reshape(rows, block.count)
        # Whole units and what is behind the point, each far below what int64 holds for a day.
        whole, part = numbers // _ONE, numbers % _ONE
        both = pl.DataFrame({"whole": whole.sum(axis=1), "part": part.sum(axis=1)}).cast(pl.Int128)
        scale = pl.lit(10 ** (PLACES - SCALE), dtype=pl.Int128)
        sums = both.select((pl.col("whole") * _ONE + pl.col("part")) * scale).to_series()
        return sums, values.is_null().to_numpy(), gather_rejects([])
    cells = pl.DataFrame({"found": values.fill_null("")}).with_columns(
        (pl.int_range(pl.len(), dtype=pl.Int64) // block.count).alias("row")
    )
    placed = cells.with_columns(block.rows["line"][cells["row"]].alias("line"))
    good, rejects = with_numbers(source, placed)
    totals = good.group_by("row").agg(pl.col("number").sum())
    every = pl.DataFrame({"row": pl.int_range(rows, dtype=pl.Int64, eager=True)})
    joined = every.join(totals, on="row", how="left", validate="1:1", maintain_order="left")
    is_missing = (cells["found"].str.strip_chars(' \t"') == "").to_numpy()
    return joined["number"].fill_null(0), is_missing, rejects


def _qualities(series: pl.Series, quality: npt.NDArray[np.uint8]) -> pl.DataFrame:
    levels = [
        pl.DataFrame({"series_no": series, "count": (quality == level).sum(axis=1, dtype=np.int64)}).with_columns(
            pl.lit(level, dtype=pl.UInt8).alias("quality")
        )
        for level in range(MISSING + 1)
    ]
    counted = pl.concat(levels).filter(pl.col("count") > 0)
    return counted.group_by("series_no", "quality").agg(pl.col("count").sum())


def _usual_minutes(counts: npt.NDArray[np.int64]) -> int | None:
    """Return the interval length of which most days have a whole day's values, of 23, 24 or 25 hours."""
    found = {minutes: int(np.isin(counts * minutes, (1380, 1440, 1500)).sum()) for minutes in INTERVAL_LENGTHS}
    best = max(found, key=lambda minutes: found[minutes])
    return best if found[best] else None
