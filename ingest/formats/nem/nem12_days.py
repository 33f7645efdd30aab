"""Days of a NEM12 file: its 300 records, with the quality of their 400 records."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import polars as pl

from ingest.formats.dates import of_full_width, parsed_once, usable_day
from ingest.formats.kernels import decimal_fields
from ingest.formats.nem.nem12_ranges import Ranges, nem12_quality, qualities_of
from ingest.formats.parsed import Source, reject_rows
from ingest.formats.records import Clock, DayBlock
from ingest.formats.value_rows import billionths_of, reject_bad_values

_DAY_MINUTES = 24 * 60
_DAY, _TIME = "%Y%m%d", "%Y%m%d%H%M%S"
_HEAD = 2  # fields of a 300 record before its values: indicator, date
_TAIL_MIN, _TAIL_MAX = 1, 5  # quality; reason code, reason text, update time, MSATS load time may be left out


def read_days(source: Source, rows: pl.DataFrame, ranges: Ranges) -> tuple[tuple[DayBlock, ...], list[pl.DataFrame]]:
    """Read the days, one block per interval length, since their values share a width.

    `rows` has line, text, series_no and file_minutes. Rejects: wrong_slot_count, bad_date, bad_quality, bad_ranges,
    bad_number, too_precise, value_too_large.
    """
    blocks: list[DayBlock] = []
    rejects: list[pl.DataFrame] = []
    for (minutes,), group in sorted(rows.partition_by("file_minutes", as_dict=True, maintain_order=True).items()):
        block, refused_days = _read_block(source, group, int(str(minutes)), ranges)
        blocks.append(block)
        rejects.extend(refused_days)
    return tuple(blocks), rejects


def _read_block(
    source: Source, group: pl.DataFrame, minutes: int, ranges: Ranges
) -> tuple[DayBlock, list[pl.DataFrame]]:
    count = _DAY_MINUTES // minutes
    values = decimal_fields(group["text"], _HEAD, count)
    counted = group.select("line", "series_no", "text").with_columns(
        pl.Series("begin", values.begin), pl.Series("end", values.end), pl.Series("fields", values.fields)
    )
    is_right = pl.col("fields").is_between(_HEAD + count + _TAIL_MIN, _HEAD + count + _TAIL_MAX)
    detail = pl.format(
        "expected {} values of {} minutes and 1 to 5 fields after them, found {} fields after the date",
        pl.lit(count),
        pl.lit(minutes),
        pl.col("fields").cast(pl.Int64) - _HEAD,
    )
    wrong = reject_rows(source, counted.filter(~is_right), "wrong_slot_count", detail)
    right = counted.with_row_index("row").filter(is_right)
    days = _with_other_fields(right, count).join(
        ranges.days, on="line", how="left", validate="1:1", maintain_order="left"
    )
    reason = _day_reason()
    refused_days = _reject_days(source, days.filter(reason.is_not_null()), reason)
    days = days.filter(reason.is_null())
    sound, bad_values = reject_bad_values(source, days, values, count, first=_HEAD, named="interval {}")
    block = DayBlock(
        rows=sound.select("series_no", "line", "day", _raw_code().alias("code"), "updated_at"),
        values=billionths_of(values, sound["row"], count),
        quality=_day_qualities(sound, ranges, count),
        count=count,
        clock=Clock.NEM,
    )
    return block, [wrong, refused_days, bad_values]


def _with_other_fields(rows: pl.DataFrame, count: int) -> pl.DataFrame:
    """Add the fields of 300 records around their values; an update time that is not one stays null.

    Dates and tails repeat from channel to channel: each distinct one is read once.
    """
    text = pl.col("text").cast(pl.Binary)  # places are in bytes
    cut = rows.with_columns(
        text.bin.slice(4, (pl.col("begin") - 5).clip(0)).cast(pl.String, strict=False).alias("date_text"),
        text.bin.slice(pl.col("end") + 1).cast(pl.String, strict=False).fill_null("").alias("tail"),
    )
    day = parsed_once(cut["date_text"], _days_of)
    tails = cut.select(pl.col("tail").unique())
    told = tails.with_columns(_tail_fields(tails["tail"].str.split(",")))
    return cut.with_columns(day.alias("day"), pl.lit(count).alias("count")).join(
        told, on="tail", how="left", validate="m:1", maintain_order="left"
    )


def _days_of(text: pl.Series) -> pl.Series:
    whole = of_full_width(pl.col("day").str.strip_chars(), _DAY)
    return pl.DataFrame({"day": text}).select(usable_day(whole.str.to_date(_DAY, strict=False))).to_series()


def _tail_fields(tail: pl.Series) -> list[pl.Series]:
    def text_at(index: int) -> pl.Expr:
        return pl.col("tail").list.get(index, null_on_oob=True).str.strip_chars().fill_null("")

    code = text_at(0).str.to_uppercase()
    updated, loaded = text_at(3), text_at(4)
    fields = pl.DataFrame({"tail": tail}).select(
        code.alias("code"),
        nem12_quality(code),
        text_at(1).alias("reason_code"),
        _time_of(updated).alias("updated_at"),
        ((updated != "") & _time_of(updated).is_null()).alias("has_bad_update"),
        ((loaded != "") & _time_of(loaded).is_null()).alias("has_bad_load"),
    )
    return fields.get_columns()


def _time_of(text: pl.Expr) -> pl.Expr:
    return of_full_width(text, _TIME).str.to_datetime(_TIME, time_unit="us", strict=False)


def _day_reason() -> pl.Expr:
    """Return why a day cannot be taken, null when it can."""
    varies = pl.col("code") == "V"
    is_covered = pl.col("is_whole").fill_null(False) & (pl.col("range_last") == pl.col("count"))
    return (
        pl.when(pl.col("day").is_null() | pl.col("has_bad_update") | pl.col("has_bad_load"))
        .then(pl.lit("bad_date"))
        .when(~varies & pl.col("code").str.contains(r"^[-+.\d]*$"))
        .then(pl.lit("wrong_slot_count"))  # a number or nothing where the quality should stand: values are shifted
        .when(~varies & pl.col("quality").is_null())
        .then(pl.lit("bad_quality"))
        .when((varies & ~is_covered.fill_null(False)) | (~varies & pl.col("is_whole").is_not_null()))
        .then(pl.lit("bad_ranges"))
    )


def _reject_days(source: Source, days: pl.DataFrame, reason: pl.Expr) -> pl.DataFrame:
    detail = (
        pl.when(reason == "bad_date")
        .then(pl.lit("expected a date as YYYYMMDD and times as YYYYMMDDhhmmss"))
        .when(reason.is_in(["bad_quality", "wrong_slot_count"]))
        .then(pl.format("expected a quality A, E, F, S, N or V after {} values, found `{}`", "count", "code"))
        .otherwise(
            pl.format(
                "expected 400 records from 1 to {} under quality V, and none under others; found `{}` and `{}`",
                "count",
                "code",
                pl.col("range_codes").fill_null(""),
            )
        )
    )
    return reject_rows(source, days, reason, detail)


def _day_qualities(days: pl.DataFrame, ranges: Ranges, count: int) -> npt.NDArray[np.uint8]:
    whole = days["quality"].fill_null(0).to_numpy()
    quality = np.broadcast_to(whole[:, None], (days.height, count))  # takes no memory of its own
    varies = (days["code"] == "V").to_numpy()
    if varies.any():
        quality = quality.copy()
        quality[varies] = qualities_of(ranges, days.filter(pl.col("code") == "V")["line"], count)
    return quality


def _raw_code() -> pl.Expr:
    """Return the codes of the day as written: `A`, `F14/32` with its reason, `V 1-11 F55/1; 12-48 A`."""
    plain = pl.when(pl.col("reason_code") == "").then("code").otherwise(pl.format("{}/{}", "code", "reason_code"))
    varied = pl.format("{} {}", "code", pl.col("range_codes").fill_null(""))
    return pl.when(pl.col("code") == "V").then(varied).otherwise(plain)
