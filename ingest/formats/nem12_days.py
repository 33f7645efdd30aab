"""Days of a NEM12 file: its 300 records, with the quality of their 400 records."""

from __future__ import annotations

import numpy as np
import polars as pl

from ingest.formats.dates import usable_day
from ingest.formats.days import Qualities, assemble_days
from ingest.formats.nem12_ranges import Ranges, nem12_quality, qualities_of
from ingest.formats.numbers import SLOT_MAX, exact_integers
from ingest.formats.parsed import Source, reject_rows
from model.codes import Quality

_DAY_MINUTES = 24 * 60
_HEAD = 2  # fields of a 300 record before its values: indicator, date
_TAIL_MIN, _TAIL_MAX = 1, 5  # quality; reason code, reason text, update time, MSATS load time may be left out


def parse_days(
    source: Source, rows: pl.DataFrame, ranges: Ranges
) -> tuple[dict[int, pl.DataFrame], list[pl.DataFrame]]:
    """Parse the days, one group per interval length and unit, since their values share a width and a factor."""
    found: dict[int, list[pl.DataFrame]] = {}
    rejects: list[pl.DataFrame] = []
    groups = rows.partition_by(["file_minutes", "smallest_per"], as_dict=True, maintain_order=True)
    for (minutes, per), group in sorted(groups.items()):
        days, refused_days = _parse_group(source, group, int(str(minutes)), int(str(per)), ranges)
        found.setdefault(int(str(minutes)), []).append(days)
        rejects.extend(refused_days)
    return {minutes: pl.concat(parts) for minutes, parts in found.items()}, rejects


def _parse_group(
    source: Source, group: pl.DataFrame, minutes: int, smallest_per: int, ranges: Ranges
) -> tuple[pl.DataFrame, list[pl.DataFrame]]:
    count = _DAY_MINUTES // minutes
    split = group.select(
        "line", "channel_no", "life_start", "life_end", "text", pl.col("text").str.split(",").alias("fields")
    )
    split, wrong = _with_right_count(source, split, count, minutes)
    read = split.with_columns(_tail(count)).join(
        ranges.days, on="line", how="left", validate="1:1", maintain_order="left"
    )
    reason = _day_reason()
    rejects = [wrong, _reject_days(source, read.filter(reason.is_not_null()), reason)]
    read = read.filter(reason.is_null())
    texts = read.select(pl.col("fields").list.slice(_HEAD, count).list.explode()).to_series()
    numbers = exact_integers(texts, smallest_per, limit=SLOT_MAX)
    sound, bad_values = _days_with_sound_values(source, read, numbers, texts, count)
    rejects.append(bad_values)
    values = numbers["value"].cast(pl.Int32)
    if sound.height < read.height:
        at = (sound["row"].to_numpy()[:, None] * count + np.arange(count)).reshape(-1)
        values = values.gather(at)
    quality = _within_life(sound, values, _day_qualities(sound, ranges, count))
    keys = sound.select("line", "channel_no", "day", _raw_code(), "updated_at")
    return assemble_days(keys, values, quality, minutes), rejects


def _with_right_count(
    source: Source, split: pl.DataFrame, count: int, minutes: int
) -> tuple[pl.DataFrame, pl.DataFrame]:
    length = pl.col("fields").list.len()
    is_right = length.is_between(_HEAD + count + _TAIL_MIN, _HEAD + count + _TAIL_MAX)
    detail = pl.format(
        "expected {} values of {} minutes and 1 to 5 fields after them, found {} fields after the date",
        pl.lit(count),
        pl.lit(minutes),
        length.cast(pl.Int64) - _HEAD,
    )
    return split.filter(is_right), reject_rows(source, split.filter(~is_right), "wrong_slot_count", detail)


def _tail(count: int) -> list[pl.Expr]:
    """Return the fields of a 300 record around its values; an update time that is not one stays null."""

    def text_at(index: int) -> pl.Expr:
        return pl.col("fields").list.get(index, null_on_oob=True).str.strip_chars().fill_null("")

    code = text_at(_HEAD + count).str.to_uppercase()
    updated, loaded = text_at(_HEAD + count + 3), text_at(_HEAD + count + 4)
    return [
        usable_day(text_at(1).str.to_date("%Y%m%d", strict=False)).alias("day"),
        code.alias("code"),
        nem12_quality(code),
        text_at(_HEAD + count + 1).alias("reason_code"),
        _time_of(updated).alias("updated_at"),
        ((updated != "") & _time_of(updated).is_null()).alias("has_bad_update"),
        ((loaded != "") & _time_of(loaded).is_null()).alias("has_bad_load"),
        pl.lit(count).alias("count"),
    ]


def _time_of(text: pl.Expr) -> pl.Expr:
    return text.str.to_datetime("%Y%m%d%H%M%S", time_unit="us", strict=False)


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


def _days_with_sound_values(
    source: Source, read: pl.DataFrame, numbers: pl.DataFrame, texts: pl.Series, count: int
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Return the days all of whose values are exact integers, with their `row`; the others are rejected."""
    rows = read.with_row_index("row")
    if numbers["problem"].null_count() == len(numbers):
        return rows, reject_rows(source, rows.clear(), "bad_number", "")
    bad = (
        numbers.with_row_index("at")
        .with_columns(texts.alias("found"))
        .filter(pl.col("problem").is_not_null())
        .with_columns((pl.col("at") // count).alias("row"), (pl.col("at") % count + 1).alias("interval"))
        .group_by("row", maintain_order=True)
        .agg(pl.col("problem", "found", "interval").first(), pl.len().alias("problems"))
    )
    told = bad.join(rows.select("row", "line"), on="row", how="left", validate="1:1")
    detail = pl.format(
        "expected a decimal number that whole smallest units hold, found `{}` in interval {}; {} such values",
        pl.col("found").str.head(40),
        "interval",
        "problems",
    )
    sound = rows.join(bad, on="row", how="anti", maintain_order="left")
    return sound, reject_rows(source, told, pl.col("problem"), detail)


def _day_qualities(days: pl.DataFrame, ranges: Ranges, count: int) -> Qualities:
    whole = days["quality"].fill_null(0).to_numpy()
    quality = np.repeat(whole[:, None], count, axis=1)
    varies = (days["code"] == "V").to_numpy()
    if varies.any():
        quality[varies] = qualities_of(ranges, days.filter(pl.col("code") == "V")["line"], count)
    return quality


def _within_life(days: pl.DataFrame, values: pl.Series, quality: Qualities) -> Qualities:
    """Take the zeros of quality N for what they are on the days on which a channel begins and ends.

    N says that there is no data. While a channel is read that is a gap; before its first and after its last
    interval there is nothing to read, and a meter that changes its channels at noon writes N and 0 for the other
    half of the day: estimating it would bill that half twice.
    """
    begins = (days["day"] == days["life_start"]).fill_null(False).to_numpy()
    ends = (days["day"] == days["life_end"].dt.offset_by("-1d")).fill_null(False).to_numpy()
    if not (begins.any() or ends.any()):
        return quality
    missing = quality == Quality.MISSING
    before = np.logical_and.accumulate(missing, axis=1) & begins[:, None]
    after = np.logical_and.accumulate(missing[:, ::-1], axis=1)[:, ::-1] & ends[:, None]
    is_zero = (values == 0).fill_null(False).to_numpy().reshape(quality.shape)
    return np.where((before | after) & is_zero, np.uint8(Quality.ACTUAL), quality)


def _raw_code() -> pl.Expr:
    """Return the codes of the day as written: `A`, `F14/32` with its reason, `V 1-11 F55/1; 12-48 A`."""
    plain = pl.when(pl.col("reason_code") == "").then("code").otherwise(pl.format("{}/{}", "code", "reason_code"))
    varied = pl.format("{} {}", "code", pl.col("range_codes").fill_null(""))
    return pl.when(pl.col("code") == "V").then(varied).otherwise(plain).alias("raw_code")
