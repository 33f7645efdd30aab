"""Wide rows of mapped files: days as they lie, or intervals where a clock is to be followed."""

from __future__ import annotations

from datetime import date, datetime

import numpy as np
import polars as pl

from ingest.formats.mapped.mapping import FileMapping
from ingest.formats.mapped.times import NOTHING, with_starts
from ingest.formats.parsed import Source, reject_rows
from ingest.formats.records import DayBlock
from model.codes import Quality
from model.zones import day_slots, day_start_utc


def day_blocks(rows: pl.DataFrame, texts: pl.DataFrame) -> list[DayBlock]:
    """Return rows of values in sequence, on local days, as one block."""
    if rows.is_empty():
        return []
    values = _in_rows(texts)
    level = rows["quality"].to_numpy()[:, None]
    missing = (values == "").to_numpy().reshape(rows.height, texts.width)
    quality = np.where(missing, np.uint8(Quality.MISSING), level).astype(np.uint8)
    keys = rows.select(
        "series_no",
        "line",
        pl.col("at").dt.date().alias("day"),
        "code",
        pl.lit(None, pl.Datetime("us")).alias("updated_at"),
    )
    return [DayBlock(keys, values, quality, texts.width)]


def melted_days(
    source: Source, rows: pl.DataFrame, texts: pl.DataFrame, mapping: FileMapping
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Return a row per slot with its start, and rejects of days that hold other slots than their day has."""
    assert mapping.minutes is not None, "the mapping was checked"
    tz_name = mapping.stamp.tz_name
    width = texts.width
    if mapping.slots == "sequence" and tz_name is not None:
        return _in_sequence(source, rows, texts, mapping.minutes, tz_name)
    slots = _repeated(rows, texts)
    step = pl.duration(minutes=(pl.int_range(pl.len()) % width) * mapping.minutes)
    starts = mapping.model_copy(update={"stamp": mapping.stamp.model_copy(update={"marks": "start"})})
    # A column's place says when it begins, whatever its label marks.
    return with_starts(source, slots.with_columns(pl.col("at") + step), starts)


def _in_sequence(
    source: Source, rows: pl.DataFrame, texts: pl.DataFrame, minutes: int, tz_name: str
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Return the slots of civil days of a zone, one after the other from its midnight."""
    days = rows.select(pl.col("at").dt.date().alias("day"))
    every: list[date] = days["day"].unique().to_list()
    starts: dict[date, datetime] = {day: day_start_utc(tz_name, day) for day in every}
    counts: dict[date, int] = {day: day_slots(tz_name, day, minutes) for day in every}
    dated = rows.with_columns(
        days["day"],
        days.select(pl.col("day").replace_strict(counts, return_dtype=pl.Int64)).to_series().alias("n"),
        days.select(pl.col("day").replace_strict(starts, return_dtype=pl.Datetime("us", "UTC")))
        .to_series()
        .alias("midnight"),
    )
    slot = pl.int_range(pl.len()) % texts.width
    slots = _repeated(dated, texts).with_columns(slot.alias("slot"))
    is_behind = (pl.col("slot") >= pl.col("n")) & ~pl.col("value").str.contains(NOTHING)
    too_narrow = pl.col("n") > texts.width
    wrong = slots.filter(is_behind | too_narrow).unique("line", keep="first", maintain_order=True)
    detail = pl.format(
        "expected {} intervals on {} and nothing behind them, found {} columns", "n", "day", pl.lit(texts.width)
    )
    good = slots.join(wrong.select("line"), on="line", how="anti", maintain_order="left")
    step = pl.duration(minutes=pl.col("slot") * minutes)
    placed = good.filter(pl.col("slot") < pl.col("n")).with_columns((pl.col("midnight") + step).alias("start_utc"))
    return placed, reject_rows(source, wrong, "wrong_slot_count", detail)


def _repeated(rows: pl.DataFrame, texts: pl.DataFrame) -> pl.DataFrame:
    """Return each row once for each of its values, with the value."""
    at = np.repeat(np.arange(rows.height), texts.width)
    kept = rows.select(name for name in rows.columns if not name.startswith("c") or name == "code")
    return kept[at].with_columns(_in_rows(texts).alias("value"))


def _in_rows(texts: pl.DataFrame) -> pl.Series:
    """Return the texts row after row."""
    if texts.is_empty():
        return pl.Series("value", [], dtype=pl.String)
    return texts.select(pl.concat_list(pl.all()).list.explode().alias("value")).to_series()
