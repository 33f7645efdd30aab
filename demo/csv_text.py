"""CSV files of interval and register reads: Billmill's own long, wide and register layouts, as text in columns."""

from __future__ import annotations

from datetime import date, timedelta
from io import BytesIO

import numpy as np
import polars as pl

from demo.deliveries import QUALITY_LETTER, Deliveries
from model.zones import day_slots, day_start_utc, zone

WIDE_SLOTS = 96
UPDATED_FORMAT = "%Y-%m-%dT%H:%M:%S"


def csv_bytes(frame: pl.DataFrame) -> bytes:
    """Return a frame as CSV with its header; dates ISO, lines end with a line feed."""
    target = BytesIO()
    frame.write_csv(target, date_format="%Y-%m-%d")
    return target.getvalue()


def line_bytes(lines: pl.Series, *, line_end: str = "\n") -> bytes:
    """Return lines of text as bytes."""
    target = BytesIO()
    lines.to_frame().write_csv(target, include_header=False, quote_style="never", line_terminator=line_end)
    return target.getvalue()


def quality_letter(column: str) -> pl.Expr:
    """Return the letter of a canonical quality: A, E, S."""
    return pl.col(column).replace_strict(QUALITY_LETTER, return_dtype=pl.String)


def wide_lines(given: Deliveries, *, with_update: bool) -> pl.Series:
    """Return a wide file's lines with its header: a channel-day a line, its values in the order of its slots.

    All lines have the header's 96 values (100 when a day of 25 hours is among them): on a shorter day the last
    ones are empty, as a missing slot is.
    """
    values = given.printed_values()
    names = values.columns
    longest = max([WIDE_SLOTS, *given.rows["slots"].to_list()])
    texts = pl.concat([given.rows, values.select(pl.col(names[:longest]).fill_null(""))], how="horizontal")
    keys = [
        pl.col("service_point_id"),
        pl.col("suffix"),
        pl.col("unit"),
        pl.col("day").cast(pl.String),
        quality_letter("worst"),
    ]
    if with_update:
        keys.append(pl.col("updated_at").dt.strftime(UPDATED_FORMAT))
    head = ["meter_point", "channel", "unit", "date", "quality", *(["updated_at"] if with_update else [])]
    header = ",".join([*head, *(f"v{slot}" for slot in range(1, longest + 1))])
    lines = texts.select(line=pl.concat_str(*keys, *names[:longest], separator=",")).to_series()
    return pl.concat([pl.Series("line", [header]), lines])


def slot_starts(tz_name: str, days: list[date]) -> pl.DataFrame:
    """Return the start of each slot as ISO text in local time with its offset: day, slot, start."""
    local = zone(tz_name)
    rows = [
        (day, slot, (day_start_utc(tz_name, day) + timedelta(minutes=15 * slot)).astimezone(local).isoformat())
        for day in days
        for slot in range(day_slots(tz_name, day, 15))
    ]
    return pl.DataFrame(rows, schema={"day": pl.Date, "slot": pl.Int32, "start": pl.String}, orient="row")


def long_lines(given: Deliveries) -> pl.Series:
    """Return a long file's lines with its header: an interval a line; missing intervals have none.

    All rows share a zone: a file belongs to a branch.
    """
    header = pl.Series("line", ["meter_point,channel,unit,start,value,quality,updated_at"])
    if given.rows.height == 0:
        return header
    zones = given.rows["tz_name"].unique()
    assert len(zones) == 1, f"a long file has one zone, found {zones.to_list()}"
    row, slot = np.nonzero(~given.is_missing())
    letters = pl.Series(given.quality[row, slot]).replace_strict(QUALITY_LETTER, return_dtype=pl.String)
    starts = slot_starts(zones.item(), given.rows["day"].unique().sort().to_list())
    keys = given.rows.select(
        "day",
        head=pl.concat_str("service_point_id", "suffix", "unit", separator=","),
        tail=pl.col("updated_at").dt.strftime(UPDATED_FORMAT),
    )[row]
    values = pl.Series("value", given.values[row, slot]).cast(pl.Decimal(18, 0))
    frame = keys.with_columns(values, pl.Series("slot", slot.astype(np.int32)), letters.alias("quality")).join(
        starts, how="left", on=["day", "slot"], validate="m:1", maintain_order="left"
    )
    value = (pl.col("value") * pl.lit("0.001").cast(pl.Decimal(18, 3))).cast(pl.String)
    lines = frame.select(line=pl.concat_str("head", "start", value, "quality", "tail", separator=","))
    return pl.concat([header, lines.to_series()])


def register_lines(reads: pl.DataFrame) -> pl.Series:
    """Return a register file's lines with its header; readings in the printed unit with three decimals."""
    header = pl.Series("line", ["meter_point,channel,meter,unit,read_date,reading,kind,quality"])
    reading = (pl.col("reading").cast(pl.Decimal(18, 0)) * pl.lit("0.001").cast(pl.Decimal(18, 3))).cast(pl.String)
    lines = reads.select(
        line=pl.concat_str(
            "service_point_id",
            "suffix",
            "meter_id",
            "unit",
            pl.col("read_date").cast(pl.String),
            reading,
            "kind",
            "quality",
            separator=",",
        )
    )
    return pl.concat([header, lines.to_series()])
