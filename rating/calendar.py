"""Calendars day by day: seasons, factors, kinds of day; slices; and masks of slots for time of use."""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass
from functools import cache

import polars as pl
from pandera.typing.polars import DataFrame

from model.codes import ParkReason
from model.rating import Slices
from model.schema import arranged
from model.tariff import Factors, Holidays, RateBook, TouWindows
from model.zones import slot_clock_minutes
from rating.parking import no_parks, park
from rating.segments import KEYS_APART
from rating.uses import used_factors

HOLIDAY_CLASS = 8


@dataclass(frozen=True)
class Calendar:
    """The dates of all calendars of a run; every frame has `cal_no`.

    `segments`: see `rating.segments.cut_segments`. `slices`: segment_no, slice_no, version_id, season, start_date,
    end_date, days. `days`: tz_name, day, segment_no, slice_no, version_id, season, day_class. `factors`: segment_no,
    slice_no, factor_id, value_e9.
    """

    segments: pl.DataFrame
    slices: pl.DataFrame
    days: pl.DataFrame
    factors: pl.DataFrame


@dataclass(frozen=True)
class Mask:
    """Which slots of a day belong to which time-of-use period."""

    mask_no: int
    slots: dict[str, tuple[int, ...]]
    n: int


def lay_out(segments: pl.DataFrame, book: RateBook) -> tuple[Calendar, pl.DataFrame]:
    """Return the calendar of all segments, and the days without a factor: cal_no, factor_id, day."""
    days, used = _days_of(segments, book), used_factors(book)
    valued = _no_factor_days() if used.is_empty() else factor_days(days, resolved_series(segments, used), book.factors)
    gaps = valued.filter(pl.col("value_e9").is_null()).select("cal_no", pl.col("series_id").alias("factor_id"), "day")
    cut = (
        _signed(days, valued)
        .sort("cal_no", "segment_no", "day")
        .with_columns(
            ((pl.col("season") != pl.col("season").shift(1)) | (pl.col("signature") != pl.col("signature").shift(1)))
            .over("cal_no", "segment_no")
            .fill_null(False)
            .alias("is_cut")
        )
        .with_columns(
            (pl.col("is_cut").cast(pl.Int32).cum_sum().over("cal_no", "segment_no") + 1)
            .cast(pl.Int32)
            .alias("slice_no")
        )
    )
    keys = ["cal_no", "segment_no", "slice_no"]
    slices = (
        cut.group_by(*keys, "version_id", "season")
        .agg(
            pl.col("day").min().alias("start_date"),
            pl.col("day").max().dt.offset_by("1d").alias("end_date"),
            pl.len().cast(pl.Int32).alias("days"),
        )
        .sort(keys)
    )
    factors = _no_factors() if valued.is_empty() else (
        valued.join(cut.select("cal_no", "day", "segment_no", "slice_no"), on=["cal_no", "day"], how="inner",
                    validate="m:1")
        .group_by(*keys, "factor_id")
        .agg(pl.col("value_e9").first())
        .sort(*keys, "factor_id")
    )  # fmt: skip
    return Calendar(segments, slices, cut.drop("signature", "is_cut"), factors), gaps


def _signed(days: pl.DataFrame, valued: pl.DataFrame) -> pl.DataFrame:
    """Return the days with `signature`, the values of all factors of the day."""
    if valued.is_empty():
        return days.with_columns(pl.lit("").alias("signature"))
    signatures = (
        valued.sort("cal_no", "day", "factor_id")
        .group_by("cal_no", "day", maintain_order=True)
        .agg(pl.format("{}={}", "factor_id", pl.col("value_e9").cast(pl.String).fill_null("")).alias("signature"))
        .with_columns(pl.col("signature").list.join(";"))
    )
    return days.join(signatures, on=["cal_no", "day"], how="left", validate="1:1").with_columns(
        pl.col("signature").fill_null("")
    )


@cache
def _no_factor_days() -> pl.DataFrame:
    texts = {"factor_id": pl.String(), "series_id": pl.String()}
    return pl.DataFrame(schema={"cal_no": pl.Int64(), "day": pl.Date(), **texts, "value_e9": pl.Int64()})


@cache
def _no_factors() -> pl.DataFrame:
    numbers = {"cal_no": pl.Int64(), "segment_no": pl.Int32(), "slice_no": pl.Int32()}
    return pl.DataFrame(schema={**numbers, "factor_id": pl.String(), "value_e9": pl.Int64()})


def _days_of(segments: pl.DataFrame, book: RateBook) -> pl.DataFrame:
    """Return the days of each segment with season and kind of day."""
    days = segments.select(
        "cal_no", "tz_name", "segment_no", "version_id",
        pl.date_ranges("start_date", "end_date", closed="left").alias("day"),
    ).explode("day")  # fmt: skip
    days = days.with_columns(pl.col("day").dt.month().alias("month"), pl.col("day").dt.day().alias("day_of_month"))
    # A book of thousands of versions has millions of days of the year; a run asks for those of a month or two.
    in_use = book.season_days.join(
        days.select("month", "day_of_month").unique(), on=["month", "day_of_month"], how="semi"
    )
    days = days.join(in_use, on=["version_id", "month", "day_of_month"], how="left", validate="m:1").drop(
        "month", "day_of_month"
    )
    assert days["season"].null_count() == 0, "a version has days of the year without a season"
    return days.with_columns(_day_class(days, book.holidays))


def _day_class(days: pl.DataFrame, holidays: DataFrame[Holidays]) -> pl.Series:
    """Return 1 Monday to 7 Sunday, 8 holiday, for each row of `days`."""
    marked = days.join(
        holidays.select("version_id", "day", pl.lit(True).alias("is_holiday")),
        on=["version_id", "day"], how="left", validate="m:1", maintain_order="left",
    )  # fmt: skip
    holiday = pl.when(pl.col("is_holiday")).then(pl.lit(HOLIDAY_CLASS)).otherwise(pl.col("day").dt.weekday())
    return marked.select(holiday.cast(pl.Int8).alias("day_class")).to_series()


def resolved_series(segments: pl.DataFrame, used: pl.DataFrame) -> pl.DataFrame:
    """Return the series that each calendar's versions use: cal_no, version_id, factor_id, series_id.

    A series by a text of the contract is `factor.text`; `factor_keys` of a calendar holds `attribute=text` for each.
    """
    asked = segments.select("cal_no", "version_id", "factor_keys").unique().join(
        used, on="version_id", how="inner", validate="m:m"
    )  # fmt: skip
    texts = (
        asked.select("cal_no", "factor_keys")
        .unique()
        .with_columns(pl.col("factor_keys").str.split(KEYS_APART))
        .explode("factor_keys")
        .with_columns(pl.col("factor_keys").str.splitn("=", 2).struct.rename_fields(["by", "text"]))
        .unnest("factor_keys")
        .filter(pl.col("text").is_not_null())
    )
    named = asked.join(texts, on=["cal_no", "by"], how="left", validate="m:1")
    whole = pl.format("{}.{}", "factor_id", pl.col("text").fill_null("?"))
    series = pl.when(pl.col("by").is_null()).then("factor_id").otherwise(whole)
    return named.select("cal_no", "version_id", "factor_id", series.alias("series_id"))


def factor_days(days: pl.DataFrame, used: pl.DataFrame, factors: DataFrame[Factors]) -> pl.DataFrame:
    """Return the value of every factor that a day's version uses; null where the series has none for that day."""
    needed = days.select("cal_no", "version_id", "day").join(
        used, on=["cal_no", "version_id"], how="inner", validate="m:m"
    )
    series = factors.select(
        pl.col("factor_id").alias("series_id"), "valid_from", "valid_to", "value_e9"
    ).sort("valid_from", "series_id")  # fmt: skip
    held = needed.sort("day", "series_id", "cal_no").join_asof(
        series, left_on="day", right_on="valid_from", by="series_id", strategy="backward", check_sortedness=False
    )
    in_force = pl.col("valid_to").is_null() | (pl.col("day") < pl.col("valid_to"))
    return held.with_columns(pl.when(in_force).then("value_e9").alias("value_e9")).select(
        "cal_no", "day", "factor_id", "series_id", "value_e9"
    )


def days_without_factor(due: pl.DataFrame, gaps: pl.DataFrame) -> pl.DataFrame:
    """Return parks `no_factor`: which factor, its first day without a value, and how many days."""
    if gaps.is_empty():
        return no_parks()
    counted = gaps.group_by("cal_no", "factor_id").agg(
        pl.col("day").min().alias("first_day"), pl.len().alias("day_count")
    )
    found = due.join(counted, on="cal_no", how="inner", validate="m:m")
    detail = pl.format("factor {} has no value on {} days, the first is {}", "factor_id", "day_count", "first_day")
    return park(found, ParkReason.NO_FACTOR, detail)


def slices_table(due: pl.DataFrame, slices: pl.DataFrame) -> DataFrame[Slices]:
    """Return the slices of the agreements in `due` (which has `segment_offset`) as a table."""
    frame = (
        due.select("cal_no", "agreement_id", "segment_offset")
        .join(slices, on="cal_no", how="inner", validate="m:m")
        .with_columns(pl.col("segment_no") + pl.col("segment_offset"))
        .sort("agreement_id", "segment_no", "slice_no")
    )
    return arranged(Slices, frame)


def build_masks(
    days: pl.DataFrame, book: RateBook, interval_minutes: int, step: int = 1
) -> tuple[pl.DataFrame, list[Mask]]:
    """Return the mask of each calendar day (cal_no, day, segment_no, slice_no, n, mask_no), and the masks.

    A mask follows the clock on the wall: on the day the clock goes back the repeated hour counts twice in its
    period. Masks are few: distinct hours of a day x shapes of day x events, and equal ones are one, however many
    versions share them. Slots that begin during an event have the period of the event. `step`: slots in a block; the
    mask then is that of the blocks, and each has the period in which its first slot begins.
    """
    shapes: dict[tuple[int, ...], int] = {}
    shaped = days.select("tz_name", "day").unique().sort("tz_name", "day")
    numbers = [
        shapes.setdefault(slot_clock_minutes(tz_name, day, interval_minutes)[::step], len(shapes))
        for tz_name, day in zip(shaped["tz_name"].to_list(), shaped["day"].to_list(), strict=True)
    ]
    shaped = shaped.with_columns(pl.Series("shape_no", numbers, dtype=pl.Int32))
    called, calls = _called_events(days, book)
    numbered, windows = _windows(book.tou_windows, days)
    keyed = _with_calls(days, called).join(shaped, on=["tz_name", "day"], how="left", validate="m:1").join(
        numbered, on=["version_id", "season", "day_class"], how="left", validate="m:1"
    )  # fmt: skip
    assert keyed["window_no"].null_count() == 0, "a version has a kind of day without time-of-use windows"
    kind = ["window_no", "shape_no", "call_no"]
    kinds = keyed.select(kind).unique().sort(pl.all())
    clocks = list(shapes)
    masks: dict[tuple[str, ...], Mask] = {}
    mask_numbers, slot_counts = [], []
    # The few distinct kinds of day: neither the days of meters, nor those of tariffs.
    for window_no, shape_no, call_no in kinds.iter_rows():
        periods = _periods(windows[window_no], calls[call_no], clocks[shape_no], interval_minutes * step)
        mask = masks.setdefault(periods, _mask(periods, len(masks)))
        mask_numbers.append(mask.mask_no)
        slot_counts.append(mask.n)
    kinds = kinds.with_columns(
        pl.Series("mask_no", mask_numbers, dtype=pl.Int32), pl.Series("mask_n", slot_counts, dtype=pl.Int16)
    )
    masked = keyed.join(kinds, on=kind, how="left", validate="m:1")
    return masked.select("cal_no", "day", "segment_no", "slice_no", "mask_n", "mask_no"), list(masks.values())


Call = tuple[tuple[str, int, int], ...]


def _with_calls(days: pl.DataFrame, called: pl.DataFrame | None) -> pl.DataFrame:
    if called is None:
        return days.with_columns(pl.lit(0, pl.Int32).alias("call_no"))
    return days.join(called, on=["version_id", "tz_name", "day"], how="left", validate="m:1").with_columns(
        pl.col("call_no").fill_null(0)
    )


def _called_events(days: pl.DataFrame, book: RateBook) -> tuple[pl.DataFrame | None, list[Call]]:
    """Return the number of the events of a version's day (version_id, tz_name, day, call_no), and what each holds.

    A call is the periods of the events with their first minute and the minute after the last, the one that holds
    where they overlap first. Number 0 is a day without events; where there are none at all, no days are numbered.
    """
    if book.events.is_empty() or book.event_windows.is_empty():
        return None, [()]
    called = (
        book.event_windows.join(book.events, on="event_series", how="inner", validate="m:m")
        .join(days, on=["version_id", "tz_name", "day"], how="semi")
        .sort("version_id", "tz_name", "day", "position", "tou", "event_series", "from_minute")
        .group_by("version_id", "tz_name", "day", maintain_order=True)
        .agg("tou", "from_minute", "to_minute")
    )
    numbers: dict[Call, int] = {(): 0}
    call_numbers = [
        numbers.setdefault(tuple(zip(tous, starts, ends, strict=True)), len(numbers))
        for tous, starts, ends in called.select("tou", "from_minute", "to_minute").iter_rows()
    ]
    numbered = called.select("version_id", "tz_name", "day").with_columns(
        pl.Series("call_no", call_numbers, dtype=pl.Int32)
    )
    return numbered, list(numbers)


Window = tuple[list[int], list[str]]


def _windows(tou_windows: DataFrame[TouWindows], days: pl.DataFrame) -> tuple[pl.DataFrame, list[Window]]:
    """Return the number of the windows of each kind of day (version_id, season, day_class, window_no), and what each
    number holds: the starts and periods, which follow each other without a gap. Kinds of day alike share a number.
    """
    keys = ["version_id", "season", "day_class"]
    grouped = (
        tou_windows.join(days, on="version_id", how="semi")
        .sort(*keys, "from_minute")
        .group_by(keys, maintain_order=True)
        .agg("from_minute", "tou")
        .with_columns(pl.struct("from_minute", "tou").rank("dense").cast(pl.Int64).alias("window_no"))
    )
    distinct = grouped.unique(subset="window_no").sort("window_no")
    windows = [(starts, periods) for starts, periods in distinct.select("from_minute", "tou").iter_rows()]
    return grouped.select(*keys, pl.col("window_no") - 1), windows


def _periods(window: Window, call: Call, clock: tuple[int, ...], slot_minutes: int) -> tuple[str, ...]:
    """Return the period of each slot: by the clock on the wall, or by the time since the day began in an event."""
    starts, periods = window
    assert starts[0] == 0, "the time-of-use windows of a day must begin at midnight"
    usual = [periods[bisect_right(starts, minute) - 1] for minute in clock]
    return tuple(
        next((tou for tou, start, end in call if start <= slot * slot_minutes < end), period)
        for slot, period in enumerate(usual)
    )


def _mask(periods: tuple[str, ...], mask_no: int) -> Mask:
    slots = {tou: tuple(slot for slot, period in enumerate(periods) if period == tou) for tou in sorted(set(periods))}
    return Mask(mask_no, slots, len(periods))
