"""Day-class profiles: days of one kind added up slot by slot, from which several rate books are rated.

Two days are of one kind when no version of the books tells them apart: they have the same segment, slice and mask.
So a month becomes a few rows for each channel, any period's energy is still a sum of slots, and to the smallest unit
the same as from the days. What is not a sum (maxima, costs, netting) needs the days themselves.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date

import numpy as np
import polars as pl
from pandera.typing.polars import DataFrame

from model.codes import Quality
from model.columns import Numbers, lying_columns, parts_as_they_lie
from model.rating import DueAgreements, DueAttributes, DueChannels, RatingInput
from model.reads import read_days_schema, slot_columns
from model.schema import checked
from model.tariff import Quantities, RateBook
from rating.calendar import build_masks, lay_out
from rating.intervals import IntervalUse
from rating.kernels import Int64s
from rating.measured import Measuring, measure_intervals
from rating.segments import calendars, cut_segments, number_due
from rating.slot_kernels import add_rows
from rating.sources import with_sources

# As many rows as a chunk of a file has mostly.
_ROWS_AT_ONCE = 65_536
_INT32_MAX = 2**31 - 1
_IS_DATED = pl.col("from_date").is_not_null() | pl.col("to_date").is_not_null()


@dataclass(frozen=True)
class DayKinds:
    """Kinds of days of a cycle.

    `of_length`: by interval length tz_name, day, n (slots that the clock gives it) and kind_no, from 0 for each zone in
    the order of the kinds' first days.
    """

    start_date: date
    end_date: date
    of_length: dict[int, pl.DataFrame]


@dataclass(frozen=True)
class Profiled:
    """An input cut in two by accounts: `whole` with days added up by kind (`rate_profiled`), and the rest (`rate`)."""

    whole: RatingInput
    rest: RatingInput


def can_be_profiled(book: RateBook) -> bool:
    """Say whether all that the versions of a book measure are sums over slots, priced whatever their order."""
    if (book.components["tier_method"] == "chronological").any():
        return False
    measured = with_sources(checked(Quantities, book.quantities.filter(pl.col("kind") == "measured")))
    kinds = measured.select((pl.col("agg") == "sum") & (pl.col("kind") != "slots"))
    return bool(kinds.to_series().all())


def day_kinds(
    due: DataFrame[DueAgreements], attributes: DataFrame[DueAttributes], books: Sequence[RateBook],
    lengths: Sequence[int],
) -> DayKinds | None:  # fmt: skip
    """Return the kinds of days that `books` tell apart, for channels of some interval lengths.

    None when nothing is due, or when some book measures more than sums.
    """
    if due.is_empty() or not all(can_be_profiled(book) for book in books):
        return None
    start_date, end_date = due.select("cycle_start_date", "cycle_end_date").row(0)
    whole = due.filter(_is_due_for(start_date, end_date))
    told: dict[int, list[pl.DataFrame]] = {minutes: [] for minutes in lengths}
    for number, book in enumerate(books):
        cals = calendars(number_due(checked(DueAgreements, whole), attributes, book))
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
    return DayKinds(start_date, end_date, {minutes: _numbered(pl.concat(found)) for minutes, found in told.items()})


def _numbered(marks: pl.DataFrame) -> pl.DataFrame:
    """Return the kind of each day: days that all calendars of a zone mark alike are of one."""
    days = marks.group_by("tz_name", "day", "n").agg(pl.col("mark").sort().str.join(";")).sort("tz_name", "day")
    first_day = pl.col("day").min().over("tz_name", "n", "mark")
    kind_no = (first_day.rank("dense").over("tz_name") - 1).cast(pl.Int64)
    return days.select("tz_name", "day", "n", kind_no.alias("kind_no"))


def profiled(given: RatingInput, kinds: DayKinds) -> Profiled:
    """Return the input with days added up by kind, as far as that may be.

    In profiles are the accounts whose agreements are due for their whole cycle, with channels that are read,
    completely, on each of its days. The book of `given` is not used.
    """
    return cut_by_accounts(given, kinds, added_days(given, kinds))


def added_days(given: RatingInput, kinds: DayKinds) -> dict[int, pl.DataFrame]:
    """Return by interval length the days of the channels that are read on each day of the cycle, added up by kind."""
    zones = given.due.select("agreement_id", "tz_name").unique()
    channels = given.channels.filter(~_IS_DATED).join(zones, on="agreement_id", how="inner", validate="m:1")
    parts: dict[int, pl.DataFrame] = {}
    for minutes, wide in given.days.items():
        mine = channels.filter(pl.col("interval_minutes") == minutes)
        of_zones, days = (frame.partition_by("tz_name", as_dict=True) for frame in (mine, kinds.of_length[minutes]))
        added = [
            added_up(wide, of_zones[zone]["channel_no"], days[zone], minutes)
            for zone in sorted(of_zones.keys() & days.keys())
        ]
        parts[minutes] = pl.concat(added, how="vertical_relaxed") if added else _nothing_added(minutes)
    return parts


def cut_by_accounts(given: RatingInput, kinds: DayKinds, parts: dict[int, pl.DataFrame]) -> Profiled:
    """Return the input cut in two. `parts`: see `added_days`; of `given` only the days of the rest are used."""
    is_whole = _is_due_for(kinds.start_date, kinds.end_date)
    added = [pl.col("channel_no").is_in(part["channel_no"].unique().implode()) for part in parts.values()]
    has_days = pl.any_horizontal(pl.col("interval_minutes") == 0, *added)
    short = given.channels.filter(_IS_DATED | ~has_days)
    left = pl.concat(
        [given.due.filter(~is_whole).select("account_id"),
         given.due.join(short, on="agreement_id", how="semi").select("account_id")]
    )  # fmt: skip
    kept = _of(given, given.due.join(left, on="account_id", how="anti"), parts)
    return Profiled(kept, _of(given, given.due.join(left, on="account_id", how="semi"), given.days))


def measure_profiles(channels: pl.DataFrame, what: Measuring) -> IntervalUse:
    """Return the use of channels whose days were added up; only channels of which every day is read have profiles."""
    return replace(measure_intervals(channels, what), is_complete=True)


def _is_due_for(start_date: date, end_date: date) -> pl.Expr:
    """Return whether an agreement is due for the whole of a cycle."""
    starts = pl.all_horizontal(pl.col(name) == start_date for name in ("start_date", "cycle_start_date"))
    return starts & pl.all_horizontal(pl.col(name) == end_date for name in ("end_date", "cycle_end_date"))


def _of(given: RatingInput, due: pl.DataFrame, days: dict[int, pl.DataFrame]) -> RatingInput:
    """Return the input of some of its due agreements, with the days of their channels."""
    channels = given.channels.join(due, on="agreement_id", how="semi")
    numbers = channels["channel_no"].unique().implode()
    mine = {minutes: wide.filter(pl.col("channel_no").is_in(numbers)) for minutes, wide in days.items()}
    return replace(given, due=checked(DueAgreements, due), channels=checked(DueChannels, channels), days=mine)


def added_up(wide: pl.DataFrame, numbers: pl.Series, days: pl.DataFrame, minutes: int) -> pl.DataFrame:
    """Return a row per channel and kind of day, on the first day of the kind: the slots added up.

    `numbers` are the channels, `days` those of their zone in order. Left out is a channel of which a day is missing, or
    a slot of one. A channel has at most one row a day.
    """
    names, firsts = slot_columns(minutes), days.unique("kind_no", keep="first", maintain_order=True).sort("kind_no")
    targets, complete = _targets(wide, numbers.unique().sort(), days, names)
    height = len(complete) * firsts.height
    sums = np.zeros((len(names), height), dtype=np.int64)
    for first, some in parts_as_they_lie(wide.select(names), _ROWS_AT_ONCE):
        add_rows(lying_columns(some, 0), targets[first : first + some.height], sums)
    marks = wide.select("worst", "seq", target=pl.Series(targets)).filter(pl.col("target") >= 0)
    worst = marks.group_by("target").agg(pl.col("worst").max(), pl.col("seq").max()).sort("target")
    assert worst.height == height, "a complete channel has a day of each kind"
    # Half the bytes, for whoever keeps and moves them; what a channel cannot use in a month is left as it is.
    is_narrow = sums.min(initial=0) >= -_INT32_MAX and sums.max(initial=0) <= _INT32_MAX
    narrow: Numbers = sums.astype(np.int32) if is_narrow else sums
    kind = np.tile(np.arange(firsts.height), len(complete))
    owners = pl.Series("channel_no", np.repeat(complete.to_numpy(), firsts.height), dtype=wide["channel_no"].dtype)
    return pl.DataFrame(
        [owners, firsts["day"][kind], firsts["n"].cast(wide["n"].dtype)[kind], worst["worst"], worst["seq"],
         *(pl.Series(name, column) for name, column in zip(names, narrow, strict=True))]
    )  # fmt: skip


def _nothing_added(minutes: int) -> pl.DataFrame:
    names = ["channel_no", "day", "n", "worst", "seq", *slot_columns(minutes)]
    return pl.DataFrame(schema={name: read_days_schema(minutes)[name] for name in names})


def _targets(wide: pl.DataFrame, numbers: pl.Series, days: pl.DataFrame, names: list[str]) -> tuple[Int64s, pl.Series]:
    """Return of each row its place among complete channels and kinds (-1: it has none), and these channels."""
    channels, of_row = numbers.to_numpy(), wide["channel_no"].to_numpy()
    place = np.minimum(np.searchsorted(channels, of_row), len(channels) - 1)
    asked = days["day"].to_physical().to_numpy()
    clock_n, kinds = np.full((2, asked[-1] - asked[0] + 1), -1, dtype=np.int64)
    clock_n[asked - asked[0]], kinds[asked - asked[0]] = days["n"].to_numpy(), days["kind_no"].to_numpy()
    day = wide["day"].to_physical().to_numpy() - asked[0]
    inside = (day >= 0) & (day < len(kinds))
    day = np.where(inside, day, 0)
    slots = wide["n"].to_numpy()
    counts = inside & (channels[place] == of_row) & (slots == clock_n[day])
    counts &= (wide["worst"] != Quality.MISSING).to_numpy()
    for slot, name in enumerate(names):
        if wide[name].null_count():
            empty = wide[name].is_null().arg_true().to_numpy()
            counts[empty[slots[empty] > slot]] = False
    is_complete = np.bincount(place[counts], minlength=len(channels)) == days.height
    first = (np.cumsum(is_complete) - 1) * (int(kinds.max()) + 1)
    targets = np.where(counts & is_complete[place], first[place] + kinds[day], -1)
    return targets.astype(np.int64), numbers.filter(pl.Series(is_complete))
