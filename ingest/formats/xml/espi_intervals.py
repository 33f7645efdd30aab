"""The interval readings of an ESPI feed, in columns.

A reading has a value, and may have a time period of its own, qualities and a cost. Where readings have no start, they
follow each other from the start of their block.
"""

from __future__ import annotations

import numpy as np
import polars as pl

from ingest.formats.quality import quality_of
from ingest.formats.xml.elements import Elements, Rows
from ingest.formats.xml.espi_series import MINUTES_MAX, SeriesOfBlocks
from model.codes import Quality

# Qualities of interval readings. Valid, verified and billable values are actual; raw ones have been judged by nobody.
# Source: NAESB REQ.21, espiDerived.xsd, QualityOfReading.
ESPI_QUALITY: dict[str, int] = {
    "": Quality.ACTUAL,  # neither the reading nor its type says anything against it
    "0": Quality.ACTUAL,  # valid
    "7": Quality.EDITED,  # edited by a person
    "8": Quality.SUBSTITUTED,  # from a reference day
    "9": Quality.SUBSTITUTED,  # by linear interpolation
    "10": Quality.SUSPECT,  # questionable
    "11": Quality.SUBSTITUTED,  # derived
    "12": Quality.FORECAST,  # projected
    "13": Quality.ESTIMATED,  # mixed: part of it is no actual value
    "14": Quality.SUSPECT,  # raw
    "15": Quality.ESTIMATED,  # normalised for weather: not what was used
    "16": Quality.SUSPECT,  # other
    "17": Quality.EDITED,  # validated, possibly edited or estimated on the way
    "18": Quality.ACTUAL,  # verified: failed a check and found to be right
    "19": Quality.ACTUAL,  # good enough to bill
}
_SECONDS = r"^\d{1,11}(\.\d{1,6})?$"
_MICROS = pl.Decimal(38, 6)
_MICROS_PER_SECOND = 1_000_000
_SECONDS_MAX = 10**11


def read_intervals(elements: Elements, blocks: SeriesOfBlocks) -> pl.DataFrame:
    """Return a row for each interval reading of the document.

    Columns: line, series_no (-1: its block was not joined), block (row), start_us (microseconds from 1970 UTC) and
    seconds, null where they are not readable or not told; value (null: not one simple text), cost, code, quality.
    """
    rows = elements.children("IntervalReading", "IntervalBlock")
    block = elements.parent[rows]
    frame = pl.DataFrame(
        {
            "line": elements.line[rows],
            "series_no": blocks.series_no[np.searchsorted(blocks.block_rows, block)].astype(np.int64),
            "block": block,
            "value": elements.texts_below(rows, "value"),
            "cost": elements.texts_below(rows, "cost"),
            "start_text": elements.texts_below(rows, "timePeriod", "start"),
            "length_text": elements.texts_below(rows, "timePeriod", "duration"),
        }
    )
    return _timed(_with_quality(frame, _own_codes(elements, rows), blocks), blocks, elements)


def block_periods(elements: Elements) -> pl.DataFrame:
    """Return `block` (row), `block_us` and `block_seconds` of each block, null where it does not state them."""
    rows = elements.of("IntervalBlock")
    return pl.DataFrame(
        {
            "block": rows,
            "start": elements.texts_below(rows, "interval", "start"),
            "length": elements.texts_below(rows, "interval", "duration"),
        }
    ).select("block", _micros("start").alias("block_us"), _whole_seconds("length").alias("block_seconds"))


def _timed(frame: pl.DataFrame, blocks: SeriesOfBlocks, elements: Elements) -> pl.DataFrame:
    """Add `start_us` and `seconds`; what a reading does not state is taken from its reading type and its block."""
    stated = pl.Series("stated_seconds", [one.seconds for one in blocks.series], dtype=pl.Int64)
    timed = frame.with_columns(
        _micros("start_text").alias("start_us"),
        _whole_seconds("length_text").alias("seconds"),
        _of_series(frame["series_no"], stated),
    )
    has_all = (timed["start_text"] != "").all() and (timed["length_text"] != "").all()
    if not has_all:
        timed = _with_block_times(timed, block_periods(elements))
    return timed.drop("start_text", "length_text")


def _with_block_times(timed: pl.DataFrame, periods: pl.DataFrame) -> pl.DataFrame:
    """Complete times from the blocks: readings of a block without any start follow each other from its start."""
    joined = timed.join(periods, on="block", how="left", validate="m:1", maintain_order="left")
    is_alone = pl.len().over("block") == 1
    told = pl.coalesce("stated_seconds", pl.when(is_alone).then("block_seconds"))
    lengths = joined.with_columns(
        pl.when(pl.col("length_text") == "").then(told).otherwise("seconds").alias("seconds"),
        (pl.col("start_text") == "").all().over("block").alias("has_no_start"),
    )
    before = (pl.col("seconds").cum_sum() - pl.col("seconds")).over("block") * _MICROS_PER_SECOND
    # One length that is not told leaves the place of all of them open.
    follows = pl.when(pl.col("seconds").is_not_null().all().over("block")).then(pl.col("block_us") + before)
    start = pl.when("has_no_start").then(follows).otherwise("start_us").alias("start_us")
    return lengths.with_columns(start).drop("block_us", "block_seconds", "has_no_start")


def _micros(name: str) -> pl.Expr:
    """Return seconds as text, with or without fraction, as microseconds; null where they are none."""
    text = pl.col(name)
    whole = text.cast(pl.Int64, strict=False)
    # Most are whole seconds, and reading those so costs a tenth.
    exact = pl.when(text.str.contains(_SECONDS)).then(text).cast(_MICROS, strict=False).to_physical().cast(pl.Int64)
    is_near = whole.is_between(-_SECONDS_MAX, _SECONDS_MAX)
    return pl.when(is_near).then(whole * _MICROS_PER_SECOND).otherwise(exact)


def _whole_seconds(name: str) -> pl.Expr:
    seconds = pl.col(name).cast(pl.Int64, strict=False)
    return pl.when(seconds.is_between(0, MINUTES_MAX * 60)).then(seconds)


def _of_series(series_no: pl.Series, told: pl.Series) -> pl.Series:
    """Return what is told of each row's series; null where a row has none."""
    return told.gather(series_no.replace(-1, None)).alias(told.name)


def _with_quality(frame: pl.DataFrame, own: pl.DataFrame, blocks: SeriesOfBlocks) -> pl.DataFrame:
    """Add `code` and `quality`; a reading that states none has that of its reading type."""
    default = pl.Series("default", [one.quality_code for one in blocks.series], dtype=pl.String)
    coded = frame.hstack(own).with_columns(_of_series(frame["series_no"], default).fill_null(""))
    return coded.with_columns(
        pl.coalesce("code", "default").alias("code"),
        pl.when(pl.col("code").is_null())
        .then(quality_of(pl.col("default"), ESPI_QUALITY))
        .otherwise("quality")
        .alias("quality"),
    ).drop("default")


def _own_codes(elements: Elements, rows: Rows) -> pl.DataFrame:
    """Return `code` (all, in order) and `quality` (the worst; null with an unknown one) of each reading, or nulls."""
    qualities, owners = elements.down("ReadingQuality", "quality")
    coded = pl.DataFrame({"row": owners, "code": elements.texts(qualities).fill_null("?")})
    told = coded.with_columns(quality_of(pl.col("code"), ESPI_QUALITY).alias("quality"))
    if told["row"].is_duplicated().any():
        worst = pl.when(pl.col("quality").is_not_null().all()).then(pl.col("quality").max())
        told = told.group_by("row", maintain_order=True).agg(pl.col("code").str.join(" "), worst.alias("quality"))
    placed = pl.DataFrame({"row": rows}).join(told, on="row", how="left", validate="1:1", maintain_order="left")
    return placed.select("code", "quality")
