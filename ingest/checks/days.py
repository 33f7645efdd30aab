"""Checks of channel-days, each against the day itself or the days beside it: V05, V08 to V14, V21, V28 to V30.

`days` are rows of `ingest.checks.features.feature_days`, in order of channel and day, with `is_expected` (somebody is
supplied and a meter hangs). Days before the period are there so that runs which began earlier are counted whole; of
them less is known (`PAST_DAYS`), and they come in any order: they are many, and few of them are ever told of.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from functools import cached_property

import numpy as np
import polars as pl

from ingest.checks.drafts import drafted, no_drafts, units
from ingest.checks.features import PAST_DAYS, is_complete, with_channels
from ingest.checks.kernels import STEP_PERCENT_MAX, slot_runs, steps
from ingest.checks.places import Places
from ingest.rules.governing import Governing, governing
from ingest.rules.rules import RuleSet
from ingest.vee.matrix import MISSING, Ints, Values, in_order, real_slots, value_matrix
from model.codes import Quality, RuleSource

_ESTIMATES = (int(Quality.ESTIMATED), int(Quality.FORECAST))
_PAST: dict[str, pl.DataType] = {**PAST_DAYS, "is_expected": pl.Boolean()}


@dataclass(frozen=True)
class DayReads:
    """What the checks of days look at."""

    days: pl.DataFrame
    landed: pl.DataFrame  # the wide rows of the period, which `row` of its days counts
    interval_minutes: int
    from_date: date
    to_date: date
    places: Places
    replaced: pl.DataFrame | None = None  # of days that landed again: channel_no, day, earlier (total), earlier_seq
    past: pl.LazyFrame = field(default_factory=lambda: pl.LazyFrame(schema=_PAST))
    """Days before the period: `PAST_DAYS` and is_expected."""

    @cached_property
    def judged(self) -> pl.DataFrame:
        """Return the expected days of the period."""
        return self.days.filter(pl.col("is_expected") & self.in_period())

    def of(self, rule: Governing) -> DayReads:
        """Return the reads without those of channels that a rule is not for, which it says nothing about.

        Few are not worth leaving out: that would copy the others.
        """
        channels = self.places.channels
        some = channels.filter(rule.concerns())["channel_no"]
        if len(some) * 2 > channels.height:
            return self
        own = pl.col("channel_no").is_in(some.implode())
        return replace(self, days=self.days.filter(own), past=self.past.filter(own))

    @cached_property
    def numbers(self) -> Ints:
        """Return the channels that have days, in order."""
        every = [self.past.select("channel_no").collect(), self.days.select("channel_no")]
        found: Ints = pl.concat(every)["channel_no"].unique().sort().cast(pl.Int64).to_numpy()
        return found

    def before(self, day: date) -> pl.LazyFrame:
        """Return the days before one, in any order: `PAST_DAYS` and is_expected."""
        if day <= self.from_date:
            return self.past.filter(pl.col("day") < day)
        return pl.concat([self.past, self.days.lazy().select(list(_PAST))]).filter(pl.col("day") < day)

    def since(self, day: date, columns: Sequence[str]) -> pl.DataFrame:
        """Return the days from one on, in order, with some columns that are known of all days and channels."""
        now = self.days.filter(pl.col("day") >= day).select(columns)
        if day >= self.from_date:
            return now
        own = [name for name in columns if name in _PAST]
        earlier = self.past.filter(pl.col("day") >= day).select(own).collect()
        return in_order(pl.concat([with_channels(earlier, self.places.channels).select(columns), now]))

    def in_period(self) -> pl.Expr:
        """Return whether a row's day is in the period."""
        return pl.col("day").is_between(self.from_date, self.to_date, closed="left")

    def values_of(self, rows: pl.DataFrame) -> tuple[Values, Ints]:
        """Return the slots of some days and how many are real; what is beyond is `MISSING`."""
        wide = self.landed[rows["row"]]
        values = value_matrix(wide, self.interval_minutes).copy()
        real = real_slots(wide["n"])
        values[np.arange(values.shape[1])[None, :] >= real[:, None]] = MISSING
        return values, real


Check = Callable[[DayReads, Governing], pl.DataFrame]


def check_days(reads: DayReads, rules: RuleSet, source: RuleSource = RuleSource.INITIAL) -> pl.DataFrame:
    """Return the drafts of all checks of days that the set has for a source, with the check of each."""
    drafts = [no_drafts()]
    for name, check in _CHECKS.items():
        rule = governing(rules, name, source)
        if rule is not None and (source == RuleSource.INITIAL or name in OF_EVERY_SOURCE):
            concerned = reads.of(rule)
            if concerned.days.height:
                drafts.append(check(concerned, rule))
    return pl.concat(drafts)


def _slot_count(reads: DayReads, rule: Governing) -> pl.DataFrame:
    wrong = reads.judged.filter(pl.col("n") != pl.col("slots"))
    return drafted(
        wrong, rule, found=pl.col("n"), first_slot=pl.lit(0), last_slot=pl.col("n") - 1,
        detail=pl.format("the day came with {} slots, its clock has {}", "n", "slots"),
    )  # fmt: skip


def _zero_use(reads: DayReads, rule: Governing) -> pl.DataFrame:
    is_zero = is_complete() & (pl.col("total") == 0) & (pl.col("highest") == 0)
    runs = day_runs(reads, is_zero, rule)
    return drafted(
        runs, rule, found=pl.lit(0),
        detail=pl.format("nothing used on {} days from {} to {} while supplied", "length", "day", "last_day"),
    )  # fmt: skip


def _never_zero(reads: DayReads, rule: Governing) -> pl.DataFrame:
    runs = day_runs(reads, is_complete() & (pl.col("lowest") > 0), rule)
    return drafted(
        runs, rule, found=pl.col("total"),
        detail=pl.format(
            "flow never stopped on {} days from {} to {}: at least {} in every slot, {} in all",
            "length", "day", "last_day", units("lowest"), units("total"),
        ),
    )  # fmt: skip


def _estimated_long(reads: DayReads, rule: Governing) -> pl.DataFrame:
    runs = day_runs(reads, pl.col("worst").is_in(_ESTIMATES), rule)
    return drafted(
        runs, rule, found=pl.col("total"),
        detail=pl.format("{} days in a row came estimated, from {} to {}", "length", "day", "last_day"),
    )  # fmt: skip


def _inactive_use(reads: DayReads, rule: Governing) -> pl.DataFrame:
    off = reads.places.off
    is_idle = ~pl.col("is_expected") | pl.col("channel_no").is_in(off["channel_no"].unique().implode())
    idle = reads.days.filter(is_idle & reads.in_period() & (pl.col("total") > rule.limit("daily_floor")))
    hung = covered(idle, reads.places.hung)
    supplied = covered(idle, reads.places.supplied)
    reason = (
        pl.when(pl.col("row").is_in(hung.implode()).not_())
        .then(pl.lit("uninstalled_use"))
        .when(pl.col("row").is_in(supplied.implode()).not_())
        .then(pl.lit("vacant_use"))
        .when(pl.col("row").is_in(covered(idle, off).implode()))
        .then(pl.lit("disconnected_use"))
    )
    named = idle.with_columns(reason=reason).filter(pl.col("reason").is_not_null())
    found = named.sort("channel_no", "day").group_by("channel_no", "reason", maintain_order=True).agg(
        pl.col("day", "base_seq", "measure", "revenue_class").first(),
        pl.col("total").sum(), length=pl.len(), last_day=pl.col("day").last(),
    )  # fmt: skip
    words = (
        pl.when(pl.col("reason") == "vacant_use")
        .then(pl.lit("nobody has an agreement"))
        .when(pl.col("reason") == "disconnected_use")
        .then(pl.lit("supply is disconnected"))
        .otherwise(pl.lit("no meter hangs"))
    )
    return drafted(
        found, rule, found=pl.col("total"), reason=pl.col("reason"),
        detail=pl.format(
            "{} used on {} days from {} to {} while {}", units("total"), "length", "day", "last_day", words
        ),
    )  # fmt: skip


def _stuck_value(reads: DayReads, rule: Governing) -> pl.DataFrame:
    minutes = pl.col("same_slots").cast(pl.Int64) * reads.interval_minutes
    stuck = reads.judged.filter(minutes >= rule.limit("minutes"))
    values, _ = reads.values_of(stuck)
    held = values[np.arange(len(values)), stuck["same_first"].to_numpy()]
    stuck = stuck.with_columns(pl.Series("held", held, dtype=pl.Int64), minutes=minutes)
    return drafted(
        stuck, rule, found=pl.col("held") * pl.col("same_slots"), first_slot=pl.col("same_first"),
        last_slot=pl.col("same_first") + pl.col("same_slots") - 1,
        detail=pl.format("the value {} stood still for {} minutes", units("held"), "minutes"),
    )  # fmt: skip


def _over_capacity(reads: DayReads, rule: Governing) -> pl.DataFrame:
    per_hour = 60 // reads.interval_minutes
    # W of the capacity (at most 10^12) x percent (at most 10^12) needs more than 63 bits.
    limit = (pl.col("capacity_w").cast(pl.Int128) * rule.limit("percent").cast(pl.Int128)) // (100 * per_hour)
    over = reads.judged.with_columns(limit=limit.clip(upper_bound=2**31 - 1).cast(pl.Int64))
    over = over.filter(pl.col("highest") > pl.col("limit"))
    values, _ = reads.values_of(over)
    runs = _runs_of(over, values, values > over["limit"].to_numpy()[:, None])
    return drafted(
        runs, rule, found=pl.col("found"), first_slot=pl.col("first_slot"), last_slot=pl.col("last_slot"),
        detail=pl.format(
            "power up to {} W, the connection carries {} W", units(pl.col("peak") * per_hour), units("capacity_w")
        ),
    )  # fmt: skip


def _demand_step(reads: DayReads, rule: Governing) -> pl.DataFrame:
    limits = reads.judged.with_columns(
        percent=rule.limit("percent").clip(upper_bound=STEP_PERCENT_MAX).fill_null(-1),
        floor=rule.limit("floor").fill_null(0),
    )
    some = limits.filter((pl.col("highest") > pl.col("floor")) & (pl.col("percent") >= 0))
    values, real = reads.values_of(some)
    marked = steps(values, real, some["percent"].to_numpy(), some["floor"].to_numpy())
    runs = _runs_of(some, values, marked)
    return drafted(
        runs, rule, found=pl.col("found"), first_slot=pl.col("first_slot"), last_slot=pl.col("last_slot"),
        detail=pl.format("up to {}, more than {} % above the value before", units("peak"), "percent"),
    )  # fmt: skip


def _peak_change(reads: DayReads, rule: Governing) -> pl.DataFrame:
    length = reads.to_date - reads.from_date
    is_before = pl.col("day").is_between(reads.from_date - length, reads.from_date, closed="left")
    is_whole = pl.col("is_expected") & is_complete()
    past = reads.past.filter(is_whole & is_before).select("channel_no", "highest")
    before = past.group_by("channel_no").agg(earlier=pl.col("highest").max(), days_before=pl.len()).collect()
    now = reads.days.filter(is_whole & reads.in_period())
    highest = now.group_by("channel_no").agg(pl.col("highest").max())
    # Days come in order: of equal peaks the first is told of.
    top = now.join(highest, how="semi", on=["channel_no", "highest"], maintain_order="left")
    peaks = top.unique("channel_no", keep="first", maintain_order=True)
    # A window that is hardly there says nothing of what was usual.
    known = before.filter(pl.col("days_before") * 5 >= length.days * 4)
    joined = peaks.join(known, how="inner", on="channel_no", validate="1:1", maintain_order="left")
    rise = (pl.col("highest") - pl.col("earlier")) * 100
    changed = joined.filter(
        (pl.col("highest") > rule.limit("floor")) & (rise > pl.col("earlier") * rule.limit("percent"))
    )
    return drafted(
        changed, rule, found=pl.col("highest"),
        detail=pl.format(
            "highest value {}, in the {} days before at most {}", units("highest"), "days_before", units("earlier")
        ),
    )  # fmt: skip


def _reverse_flow(reads: DayReads, rule: Governing) -> pl.DataFrame:
    is_export = pl.col("measure").is_in(["export_energy", "reactive_export"])
    sent = reads.judged.filter(
        is_export & (pl.col("generation") == "none") & (pl.col("total") > rule.limit("daily_floor"))
    )
    return drafted(
        sent, rule, found=pl.col("total"),
        detail=pl.format("{} sent back, but the place has no generation", units("total")),
    )  # fmt: skip


def _load_factor(reads: DayReads, rule: Governing) -> pl.DataFrame:
    found = (
        reads.judged.filter(is_complete())
        .group_by("channel_no", maintain_order=True)
        .agg(
            pl.col("day", "base_seq", "measure", "revenue_class").first(),
            pl.col("total").sum(), pl.col("highest").max(), pl.col("present").cast(pl.Int64).sum(),
        )
        .filter(pl.col("highest") > 0)
        .with_columns(percent=pl.col("total") * 100 // (pl.col("highest") * pl.col("present")))
    )  # fmt: skip
    outside = (pl.col("percent") < rule.limit("low_percent")) | (pl.col("percent") > rule.limit("high_percent"))
    return drafted(
        found.filter(outside), rule, found=pl.col("total"),
        detail=pl.format("the mean is {} % of the highest value {}", "percent", units("highest")),
    )  # fmt: skip


def _replaced(reads: DayReads, rule: Governing) -> pl.DataFrame:
    if reads.replaced is None or reads.replaced.is_empty():
        return no_drafts()
    both = reads.judged.filter(is_complete()).join(
        reads.replaced, how="inner", on=["channel_no", "day"], validate="1:1", maintain_order="left"
    )
    change = (pl.col("total") - pl.col("earlier")).abs()
    changed = both.filter(
        (change > rule.limit("floor")) & (change * 100 > pl.col("earlier").abs() * rule.limit("percent"))
    )
    return drafted(
        changed, rule, found=pl.col("total"),
        detail=pl.format("{} instead of {} that came before", units("total"), units("earlier")),
    )  # fmt: skip


def _reconnected_use(reads: DayReads, rule: Governing) -> pl.DataFrame:
    """Look at the first days of agreements that begin where a meter hung the day before, but nobody was supplied."""
    begun = reads.places.supplied.select("channel_no", began="from_date").unique()
    eves = begun.with_columns(day=pl.col("began") - pl.duration(days=1)).with_row_index("row")
    hung, supplied = covered(eves, reads.places.hung), covered(eves, reads.places.supplied)
    row = pl.col("row")
    new = eves.filter(row.is_in(hung.implode()) & ~row.is_in(supplied.implode())).select("channel_no", "began")
    both = reads.judged.join(new, how="inner", on="channel_no", validate="m:m", maintain_order="left")
    age = (pl.col("day") - pl.col("began")).dt.total_days()
    first_days = both.filter((age >= 0) & (age < rule.limit("days")))
    high = first_days.filter(pl.col("total") > rule.limit("daily_max")).with_columns(most=rule.limit("daily_max"))
    return drafted(
        high, rule, found=pl.col("total"),
        detail=pl.format(
            "{} used on a day, supplied again since {}; at most {}", units("total"), "began", units("most")
        ),
    )  # fmt: skip


_CHECKS: dict[str, Check] = {
    "slot_count": _slot_count,
    "zero_use": _zero_use,
    "inactive_use": _inactive_use,
    "stuck_value": _stuck_value,
    "never_zero": _never_zero,
    "over_capacity": _over_capacity,
    "demand_step": _demand_step,
    "peak_change": _peak_change,
    "reverse_flow": _reverse_flow,
    "load_factor": _load_factor,
    "estimated_long": _estimated_long,
    "replaced": _replaced,
    "reconnected_use": _reconnected_use,
}
OF_EVERY_SOURCE = ("stuck_value", "over_capacity", "demand_step")
"""Checks of a day alone: they also judge estimates and what people enter."""


def day_runs(reads: DayReads, holds: pl.Expr, rule: Governing) -> pl.DataFrame:
    """Return runs of successive expected days on which `holds`, as long as the rule says, that reach into the period.

    Columns: channel_no, day (the first), last_day, length, total, lowest (of all its days), base_seq, severity,
    measure, revenue_class. The rule is the one that fits the last day; the finding stands on the first, so that it is
    the same finding when the run goes on.
    """
    of_day = ["channel_no", "day", "base_seq", "total", "lowest"]
    is_held = pl.col("is_expected") & holds
    # A day that does not hold is in no run: few are put together and sorted.
    held = [days.filter(is_held).select(of_day) for days in (reads.past, reads.days.lazy())]
    rows = in_order(pl.concat(pl.collect_all(held)))
    return runs_of(with_channels(rows, reads.places.channels), reads.from_date, rule)


def runs_of(rows: pl.DataFrame, from_date: date, rule: Governing) -> pl.DataFrame:
    """Return `day_runs` of days that hold, in order of channel and day: runs that reach `from_date`."""
    is_next = (pl.col("channel_no").diff() == 0) & (pl.col("day").diff() == pl.duration(days=1))
    numbered = rows.with_columns(run=(~is_next.fill_null(value=False)).cum_sum())
    runs = numbered.group_by("run", maintain_order=True).agg(
        pl.col("channel_no", "base_seq", "measure", "revenue_class").first(),
        pl.col("total").sum(), pl.col("lowest").min(),
        first_day=pl.col("day").first(), day=pl.col("day").last(), length=pl.len().cast(pl.Int64),
    )  # fmt: skip
    long = runs.filter((pl.col("length") >= rule.limit("days")) & (pl.col("day") >= from_date))
    return long.with_columns(severity=rule.severity(), day=pl.col("first_day"), last_day=pl.col("day"))


def covered(days: pl.DataFrame, spans: pl.DataFrame) -> pl.Series:
    """Return `row` of the days that a span (channel_no, from_date, to_date; half-open, null open) covers."""
    both = days.select("channel_no", "day", "row").join(spans, how="inner", on="channel_no", validate="m:m")
    is_inside = (pl.col("from_date") <= pl.col("day")) & (
        pl.col("to_date").is_null() | (pl.col("day") < pl.col("to_date"))
    )
    return both.filter(is_inside)["row"].unique()


def _runs_of(days: pl.DataFrame, values: Values, marked: np.ndarray) -> pl.DataFrame:
    """Return a row for each run of marked slots: the day's columns, first_slot, last_slot, found (sum), peak."""
    rows, first, last = slot_runs(marked)
    sums = np.concatenate([np.zeros(1, np.int64), np.cumsum(np.where(marked, values, 0), dtype=np.int64)])
    width = values.shape[1]
    peaks = [int(values[row, a : b + 1].max()) for row, a, b in zip(rows, first, last, strict=True)]
    return days[rows].with_columns(
        pl.Series("first_slot", first, dtype=pl.Int16),
        pl.Series("last_slot", last, dtype=pl.Int16),
        pl.Series("found", sums[rows * width + last + 1] - sums[rows * width + first], dtype=pl.Int64),
        pl.Series("peak", peaks, dtype=pl.Int64),
    )
