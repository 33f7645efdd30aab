"""Day-class profiles: days of one kind added up slot by slot, from which several rate books are rated.

Two days are of one kind when no version of the books tells them apart: they have the same segment, slice and mask.
So a month becomes a few rows for each channel, any period's energy is still a sum of slots, and to the smallest unit
the same as from the days. Where a book counts maxima or minima, the highest or lowest of each slot stands beside its
sum. What is neither (the third highest, costs, netting) needs the days themselves: `rating.profile_needs`.
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
from model.tariff import RateBook
from rating.calendar import build_masks, lay_out
from rating.extreme_rows import keep_highest
from rating.intervals import IntervalUse
from rating.kernels import Int64s
from rating.measured import Measuring, measure_intervals
from rating.powers import Powers
from rating.profile_needs import can_be_profiled
from rating.segments import calendars, cut_segments, number_due
from rating.slot_kernels import NOTHING, add_rows

# As many rows as a chunk of a file has mostly.
_ROWS_AT_ONCE = 65_536
_INT32_MAX = 2**31 - 1
_IS_DATED = pl.col("from_date").is_not_null() | pl.col("to_date").is_not_null()
SUM = "sum"
# Days by kind: of "sum", "max" and "min", as far as they are asked for, by interval length.
ByKind = dict[str, dict[int, pl.DataFrame]]
# The lowest is the highest of what is negated.
SIGNS = {SUM: 1, "max": 1, "min": -1}


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
    """An input cut in two by accounts: `whole` with days added up by kind (`rate_profiled`), and the rest (`rate`).

    `extremes`: the highest and lowest slots of the days of `whole`, as far as they were asked for.
    """

    whole: RatingInput
    rest: RatingInput
    extremes: ByKind


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


def profiled(given: RatingInput, kinds: DayKinds, extremes: Sequence[str] = ()) -> Profiled:
    """Return the input with days added up by kind, as far as that may be.

    In profiles are the accounts whose agreements are due for their whole cycle, with channels that are read,
    completely, on each of its days. Extremes are those of one channel: where several channels of a measure count
    together, the days themselves are needed. The book of `given` is not used.
    """
    return cut_by_accounts(given, kinds, added_days(given, kinds, extremes))


def added_days(given: RatingInput, kinds: DayKinds, extremes: Sequence[str] = ()) -> ByKind:
    """Return the days of the channels that are read on each day of the cycle, by kind: their sums and extremes."""
    zones = given.due.select("agreement_id", "tz_name").unique()
    channels = given.channels.filter(~_IS_DATED).join(zones, on="agreement_id", how="inner", validate="m:1")
    parts: ByKind = {agg: {} for agg in (SUM, *extremes)}
    for minutes, wide in given.days.items():
        mine = channels.filter(pl.col("interval_minutes") == minutes)
        of_zones, days = (frame.partition_by("tz_name", as_dict=True) for frame in (mine, kinds.of_length[minutes]))
        added = [
            added_up(wide, of_zones[zone]["channel_no"], days[zone], minutes, extremes)
            for zone in sorted(of_zones.keys() & days.keys())
        ]
        for agg, found in parts.items():
            of_agg = [one[agg] for one in added]
            found[minutes] = pl.concat(of_agg, how="vertical_relaxed") if of_agg else _nothing_added(minutes)
    return parts


def cut_by_accounts(given: RatingInput, kinds: DayKinds, parts: ByKind) -> Profiled:
    """Return the input cut in two. `parts`: see `added_days`; of `given` only the days of the rest are used."""
    is_whole = _is_due_for(kinds.start_date, kinds.end_date)
    sums, extremes = parts[SUM], {agg: found for agg, found in parts.items() if agg != SUM}
    added = [pl.col("channel_no").is_in(part["channel_no"].unique().implode()) for part in sums.values()]
    has_days = pl.any_horizontal(pl.col("interval_minutes") == 0, *added)
    is_shared = pl.len().over("agreement_id", "measure") > 1 if extremes else pl.lit(value=False)
    short = given.channels.filter(_IS_DATED | ~has_days | is_shared)
    left = pl.concat(
        [given.due.filter(~is_whole).select("account_id"),
         given.due.join(short, on="agreement_id", how="semi").select("account_id")]
    )  # fmt: skip
    kept = of_accounts(given, given.due.join(left, on="account_id", how="anti"), sums)
    mine = {agg: _of_channels(days, kept.channels) for agg, days in extremes.items()}
    return Profiled(kept, of_accounts(given, given.due.join(left, on="account_id", how="semi"), given.days), mine)


def measure_profiles(channels: pl.DataFrame, what: Measuring, extremes: ByKind) -> IntervalUse:
    """Return the use of channels whose days were added up; only channels of which every day is read have profiles.

    A day of a maximum or minimum is the first of its kind.
    """
    nothing = Powers(what.powers.wanted.clear(), what.powers.ways.clear())
    unasked = channels.with_columns(needs_power=pl.lit(value=False))
    found = measure_intervals(unasked, replace(what, powers=nothing))
    powers = [found.powers]
    for agg, days in sorted(extremes.items()):
        ways = what.powers.ways.filter(pl.col("agg") == agg)
        if ways.height:
            wanted = what.powers.wanted.join(ways, on="power_no", how="semi")
            of_agg = replace(what, powers=Powers(wanted, ways), given=replace(what.given, days=days))
            powers.append(measure_intervals(channels.filter("needs_power"), of_agg).powers)
    return replace(found, powers=pl.concat(powers), is_complete=True)


def _is_due_for(start_date: date, end_date: date) -> pl.Expr:
    """Return whether an agreement is due for the whole of a cycle."""
    starts = pl.all_horizontal(pl.col(name) == start_date for name in ("start_date", "cycle_start_date"))
    return starts & pl.all_horizontal(pl.col(name) == end_date for name in ("end_date", "cycle_end_date"))


def of_accounts(given: RatingInput, due: pl.DataFrame, days: dict[int, pl.DataFrame]) -> RatingInput:
    """Return the input of some of its due agreements, with the days of their channels."""
    channels = given.channels.join(due, on="agreement_id", how="semi")
    return replace(
        given, due=checked(DueAgreements, due), channels=checked(DueChannels, channels),
        days=_of_channels(days, channels),
    )  # fmt: skip


def _of_channels(days: dict[int, pl.DataFrame], channels: pl.DataFrame) -> dict[int, pl.DataFrame]:
    numbers = channels["channel_no"].unique().implode()
    return {minutes: wide.filter(pl.col("channel_no").is_in(numbers)) for minutes, wide in days.items()}


def added_up(
    wide: pl.DataFrame, numbers: pl.Series, days: pl.DataFrame, minutes: int, extremes: Sequence[str] = ()
) -> dict[str, pl.DataFrame]:
    """Return a row per channel and kind of day, on the first day of the kind: the slots added up, and their extremes.

    `numbers` are the channels, `days` those of their zone in order. Left out is a channel of which a day is missing, or
    a slot of one. A channel has at most one row a day.
    """
    names, firsts = slot_columns(minutes), days.unique("kind_no", keep="first", maintain_order=True).sort("kind_no")
    targets, complete = _targets(wide, numbers.unique().sort(), days, names)
    shape = (len(names), len(complete) * firsts.height)
    values = {SUM: np.zeros(shape, dtype=np.int64)}
    values |= {agg: np.full(shape, NOTHING, dtype=np.int64) for agg in extremes}
    for first, some in parts_as_they_lie(wide.select(names), _ROWS_AT_ONCE):
        lying, of_rows = lying_columns(some, 0), targets[first : first + some.height]
        add_rows(lying, of_rows, values[SUM])
        for agg in extremes:
            keep_highest(lying, of_rows, SIGNS[agg], values[agg])
    marks = wide.select("worst", "seq", target=pl.Series(targets)).filter(pl.col("target") >= 0)
    worst = marks.group_by("target").agg(pl.col("worst").max(), pl.col("seq").max()).sort("target")
    assert worst.height == shape[1], "a complete channel has a day of each kind"
    kind = np.tile(np.arange(firsts.height), len(complete))
    owners = pl.Series("channel_no", np.repeat(complete.to_numpy(), firsts.height), dtype=wide["channel_no"].dtype)
    begun = [owners, firsts["day"][kind], firsts["n"].cast(wide["n"].dtype)[kind], worst["worst"], worst["seq"]]
    return {agg: pl.DataFrame([*begun, *_columns(names, found * SIGNS[agg])]) for agg, found in values.items()}


def _columns(names: list[str], values: Int64s) -> list[pl.Series]:
    return [pl.Series(name, column) for name, column in zip(names, _narrow(values), strict=True)]


def _narrow(values: Int64s) -> Numbers:
    """Return values in half the bytes, for whoever keeps and moves them; what a channel cannot use in a month as is."""
    is_narrow = values.min(initial=0) >= -_INT32_MAX and values.max(initial=0) <= _INT32_MAX
    return values.astype(np.int32) if is_narrow else values


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
