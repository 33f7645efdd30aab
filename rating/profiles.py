"""Day-class profiles: days of one kind added up slot by slot, from which several rate books are rated.

Two days are of one kind when no version of the books tells them apart: they have the same segment, slice and mask.
So a month becomes a few rows for each channel, any period's energy is still a sum of slots, and to the smallest unit
the same as from the days. What is not a sum (maxima, costs, netting) needs the days themselves.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
import polars as pl

from model.codes import Quality
from model.rating import DueAgreements, DueChannels, RatingInput
from model.reads import slot_columns
from model.schema import checked
from model.tariff import Quantities, RateBook
from rating.calendar import build_masks, lay_out
from rating.intervals import IntervalUse
from rating.measured import Measuring, measure_intervals
from rating.segments import calendars, cut_segments, number_due
from rating.sources import with_sources


@dataclass(frozen=True)
class Profiled:
    """An input cut in two by bills: `whole` with days added up by kind (`rate_profiled`), and the rest (`rate`)."""

    whole: RatingInput
    rest: RatingInput


def can_be_profiled(book: RateBook) -> bool:
    """Say whether all that the versions of a book measure are sums over slots, priced whatever their order."""
    if (book.components["tier_method"] == "chronological").any():
        return False
    measured = with_sources(checked(Quantities, book.quantities.filter(pl.col("kind") == "measured")))
    kinds = measured.select((pl.col("agg") == "sum") & (pl.col("kind") != "slots"))
    return bool(kinds.to_series().all())


def profiled(given: RatingInput, books: Sequence[RateBook]) -> Profiled | None:
    """Return the input with days added up as far as `books` allow; None when they measure more than sums.

    In profiles are the bills whose agreements are due for their whole cycle, with channels that are read, completely,
    on each of its days. The book of `given` is not used.
    """
    if given.due.is_empty() or not all(can_be_profiled(book) for book in books):
        return None
    whole = _due_for_the_cycle(given)
    kinds = _day_kinds(whole, given, books)
    zones = whole.due.select("agreement_id", "tz_name")
    channels = whole.channels.join(zones, on="agreement_id", how="left", validate="m:1")
    parts: dict[int, pl.DataFrame] = {}
    complete = [channels.filter(pl.col("interval_minutes") == 0).select("agreement_id", "channel_no")]
    for minutes, wide in whole.days.items():
        mine = channels.filter(pl.col("interval_minutes") == minutes)
        added = [
            _added_up(wide, of_zone, kinds[minutes].filter(pl.col("tz_name") == zone).sort("day"), minutes)
            for (zone,), of_zone in sorted(mine.partition_by("tz_name", as_dict=True).items())
        ]
        if added:
            parts[minutes] = pl.concat(added)
            complete.append(mine.join(parts[minutes], on="channel_no", how="semi").select("agreement_id", "channel_no"))
    short = channels.join(pl.concat(complete), on=["agreement_id", "channel_no"], how="anti")
    bills = whole.due.join(short, on="agreement_id", how="semi").select("bill_id")
    kept = whole.due.join(bills, on="bill_id", how="anti")
    rest = _of(given, given.due.join(kept, on="bill_id", how="anti"))
    numbers = rest.channels["channel_no"].unique().implode()
    days = {minutes: wide.filter(pl.col("channel_no").is_in(numbers)) for minutes, wide in given.days.items()}
    return Profiled(replace(_of(given, kept), days=parts), replace(rest, days=days))


def measure_profiles(channels: pl.DataFrame, what: Measuring) -> IntervalUse:
    """Return the use of channels whose days were added up; only channels of which every day is read have profiles."""
    return replace(measure_intervals(channels, what), is_complete=True)


def _due_for_the_cycle(given: RatingInput) -> RatingInput:
    """Return the bills of which every agreement is due once, for the whole cycle, with channels that have no dates."""
    first = given.due.row(0, named=True)
    is_whole = (
        (pl.col("start_date") == pl.col("cycle_start_date"))
        & (pl.col("end_date") == pl.col("cycle_end_date"))
        & (pl.col("cycle_start_date") == first["cycle_start_date"])
        & (pl.col("cycle_end_date") == first["cycle_end_date"])
    )
    dated = given.channels.filter(pl.col("from_date").is_not_null() | pl.col("to_date").is_not_null())
    parted = pl.concat(
        [given.due.filter(~is_whole).select("bill_id"),
         given.due.join(dated, on="agreement_id", how="semi").select("bill_id")]
    )  # fmt: skip
    return _of(given, given.due.join(parted, on="bill_id", how="anti"))


def _of(given: RatingInput, due: pl.DataFrame) -> RatingInput:
    """Return the input of some of its due agreements; days are left as they are."""
    channels = given.channels.join(due, on="agreement_id", how="semi")
    return replace(given, due=checked(DueAgreements, due), channels=checked(DueChannels, channels))


def _day_kinds(given: RatingInput, whole: RatingInput, books: Sequence[RateBook]) -> dict[int, pl.DataFrame]:
    """Return the kind of each day by interval length: tz_name, day, kind_no, n (slots that the clock gives it)."""
    told: dict[int, list[pl.DataFrame]] = {minutes: [] for minutes in given.days}
    for number, book in enumerate(books):
        cals = calendars(number_due(given.due, whole.attributes, book))
        calendar, _ = lay_out(cut_segments(cals, book.versions), book)
        zones = cals.select("cal_no", "tz_name")
        for minutes, found in told.items():
            masked, _ = build_masks(calendar.days, book, minutes)
            mark = pl.format("{}:{}:{}.{}.{}", pl.lit(number), "cal_no", "segment_no", "slice_no", "mask_no")
            found.append(
                masked.join(zones, on="cal_no", how="left", validate="m:1").select(
                    "tz_name", "day", pl.col("mask_n").alias("n"), mark.alias("mark")
                )
            )
    return {minutes: _numbered(pl.concat(found)) for minutes, found in told.items()}


def _numbered(marks: pl.DataFrame) -> pl.DataFrame:
    days = marks.group_by("tz_name", "day", "n").agg(pl.col("mark").sort().str.join(";"))
    return days.with_columns(pl.struct("tz_name", "n", "mark").rank("dense").alias("kind_no")).drop("mark")


def _added_up(wide: pl.DataFrame, channels: pl.DataFrame, days: pl.DataFrame, minutes: int) -> pl.DataFrame:
    """Return a row per channel and kind of day, on the first day of the kind: the slots added up, as Int64.

    `days` are those of the channels' zone, in order. Left out is a channel of which a day is missing, or a slot of one.
    """
    names = slot_columns(minutes)
    gaps = [pl.col(name).is_null() & (pl.col("n") > slot) for slot, name in enumerate(names) if wide[name].null_count()]
    keys = wide.select(
        "channel_no", "day", "n", "worst", "seq", pl.any_horizontal(pl.lit(False), *gaps).alias("has_gap")
    ).with_row_index("row")
    rows = (
        keys.join(channels.select("channel_no").unique(), on="channel_no", how="semi")
        .join(days.select("day", pl.col("n").alias("clock_n")), on="day", how="inner", validate="m:1")
        .filter((pl.col("n") == pl.col("clock_n")) & (pl.col("worst") != Quality.MISSING) & ~pl.col("has_gap"))
        .filter((pl.len() == days.height).over("channel_no"))
        .sort("channel_no", "day")
    )
    # Every channel now has the same days in the same order: their rows are a matrix of channels by days.
    at = rows["row"].to_numpy().reshape(-1, days.height)
    kind_nos = days["kind_no"].to_numpy()
    places = [np.flatnonzero(kind_nos == kind) for kind in np.unique(kind_nos)]
    firsts = pl.concat(rows.gather_every(days.height, int(place[0])) for place in places)
    worst, seq = (_by_kind(wide[name], at, places, np.maximum) for name in ("worst", "seq"))
    sums = [pl.Series(name, _by_kind(wide[name].fill_null(0), at, places, np.add)) for name in names]
    return firsts.select(
        "channel_no", "day", "n", pl.Series("worst", worst).cast(pl.UInt8), pl.Series("seq", seq), *sums
    )


def _by_kind(
    column: pl.Series, at: npt.NDArray[np.uint32], places: Sequence[npt.NDArray[np.intp]], join: np.ufunc
) -> npt.NDArray[np.int64]:
    """Return the values of the rows `at` joined over the days of each kind, kind after kind, as Int64."""
    values = column.to_numpy()[at]
    parts = [join.reduce(values[:, place], axis=1, dtype=np.int64) for place in places]
    joined: npt.NDArray[np.int64] = np.concatenate(parts)
    return joined
