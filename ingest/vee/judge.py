"""Validation of channel-days: completeness, negative values, spikes; what fails is estimated.

Pure: frames in, frames out. `ingest.vee.run` reads the lake, calls this block by block, and writes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import date

import numpy as np
import polars as pl
from pandera.typing.polars import DataFrame

from ingest.checks.refusals import NO_REFUSALS, Refusals, refuse_slots
from ingest.estimates.confidence import estimates_of
from ingest.estimates.estimate import ACCEPTED, DECIDED, NOTHING, Beside, DayGrid, Estimated, Fault, build_grid
from ingest.estimates.methods import estimate_gaps
from ingest.estimates.scaling import SCALED_SCHEMA
from ingest.rules.rules import RuleSet
from ingest.vee.findings import finish_findings, gap_findings, spike_warnings
from ingest.vee.matrix import (
    MISSING,
    Ints,
    bytes_column,
    day_kinds,
    day_positions,
    empty_days,
    in_order,
    placed_kinds,
    value_columns,
    wide_checked,
)
from ingest.vee.needed import needed_days
from ingest.vee.revalidate import judge_estimates
from ingest.vee.screen import is_doubtful, measure_days, screen, stands_out, with_highest_slot
from ingest.vee.slot_kernels import gathered_days
from model.accounts import ChannelNumbers
from model.codes import Method, Quality
from model.reads import Estimates, Findings, ReadDays, VeeDays
from model.schema import checked, empty

_DAY = {"channel_no": pl.Int32(), "day": pl.Date()}
_LANDED = ["n", "worst", "flags", "raw_code", "seq", "updated_at"]
_JUDGED = ["channel_no", "day", "base_seq", "slots", "slots_valued", "quantity"]


@dataclass(frozen=True)
class Judged:
    """What a judgement says."""

    edited: pl.DataFrame
    """VeeDays with slots, seq 0: the channel-days that were estimated or edited, nothing else."""
    findings: DataFrame[Findings]
    """Ordered, seq 0."""
    days: pl.DataFrame
    """Each expected channel-day: channel_no, day, base_seq, slots, slots_valued, quantity (as landed)."""
    estimates: DataFrame[Estimates] = field(default_factory=lambda: empty(Estimates))
    """How each estimate was made, seq 0."""
    touched: pl.DataFrame = field(default_factory=lambda: pl.DataFrame(schema=_DAY))
    """Days about which a person decided: channel_no, day."""
    scaled: pl.DataFrame = field(default_factory=lambda: pl.DataFrame(schema=SCALED_SCHEMA))
    """Days whose estimates add up to a register with the rest of its span."""


@dataclass(frozen=True)
class Seen:
    """Landed days, wide and in order, and what a first look at them gave."""

    landed: pl.DataFrame
    measured: pl.DataFrame
    """As `measure_days` returns it; `at` counts the rows of `landed` and of what is read beside it."""
    expected: pl.DataFrame
    placed: pl.DataFrame
    """Each expected day, with what was measured of it."""
    zones: pl.DataFrame


@dataclass(frozen=True)
class Survey:
    """Channels that are good at first sight, judged; the numbers of the others, in order; and what was seen of all."""

    good: Judged
    doubtful: pl.Series
    seen: Seen


def judge_days(
    days: pl.DataFrame,
    channels: DataFrame[ChannelNumbers],
    interval_minutes: int,
    from_date: date,
    to_date: date,
    *,
    rules: RuleSet,
    active: pl.DataFrame,
    refusals: Refusals = NO_REFUSALS,
    beside: Beside = NOTHING,
) -> Judged:
    """Judge the expected days of channels of one interval length in [from_date, to_date).

    `days` holds the current landed row of each channel-day (ReadDays with slots), with the days around the period
    that may serve as neighbours and references. `active` (channel_no, from_date, to_date; half-open) says on which
    days a channel must have reads. `refusals` are slots of these days that a check of the rule set refused: they are
    estimated as gaps are; `beside` what else is known of the channels. Row order changes nothing.
    """
    assert from_date < to_date, f"the period {from_date} to {to_date} is empty"
    landed = in_order(wide_checked(ReadDays, days, interval_minutes))
    places = checked(ChannelNumbers, channels).filter(pl.col("interval_minutes") == interval_minutes)
    zones = places.select("channel_no", "tz_name")
    expected = expected_days(active, zones, from_date, to_date)
    seen = _see(landed, expected, zones, interval_minutes)
    return _judge_seen(seen, [landed], interval_minutes, rules, refusals, beside)


def judge_doubtful(
    survey: Survey,
    around: pl.DataFrame,
    interval_minutes: int,
    *,
    rules: RuleSet,
    refusals: Refusals = NO_REFUSALS,
    beside: Beside = NOTHING,
) -> Judged:
    """Judge the channels that a survey doubts as `judge_days` does, with what the survey has measured of them.

    `around` holds their current landed rows on the days around the period.
    """
    some = pl.col("channel_no").is_in(survey.doubtful.implode())
    seen = survey.seen
    beyond = in_order(wide_checked(ReadDays, around, interval_minutes))
    more = measure_days(beyond, interval_minutes).with_columns(pl.col("at") + seen.landed.height)
    known = replace(
        seen,
        measured=in_order(pl.concat([seen.measured.filter(some), more])),
        expected=seen.expected.filter(some),
        placed=seen.placed.filter(some),
    )
    return _judge_seen(known, [seen.landed, beyond], interval_minutes, rules, refusals, beside)


def _judge_seen(
    seen: Seen,
    parts: Sequence[pl.DataFrame],
    interval_minutes: int,
    rules: RuleSet,
    refusals: Refusals,
    beside: Beside,
) -> Judged:
    """Judge what was measured of the days in `parts`, the first of which has all expected days that landed."""
    screened = screen(seen.measured, seen.expected, rules)
    warned = screened.filter(pl.col("is_expected") & pl.col("is_warned"))
    drafts = [spike_warnings(with_highest_slot(warned, parts[0], interval_minutes))]
    judged_days = seen.placed.select(_JUDGED)
    work = _channels_to_work(judged_days, screened, refusals, beside.edits)
    judged = Judged(empty_days(VeeDays, interval_minutes), empty(Findings), judged_days)
    if work.height:
        rows = _rows_to_work(screened, seen, work)
        rows = rows.filter(pl.Series(needed_days(rows, rules, refusals, beside)))
        keys = _grid_keys(rows, parts)
        kinds = day_kinds(keys, interval_minutes)
        keys = keys.join(kinds.table, how="left", on=["tz_name", "day"], validate="m:1", maintain_order="left")
        at = rows["at"].cast(pl.Int64).fill_null(-1).to_numpy()
        values = gathered_days(parts, interval_minutes, at)
        grid = build_grid(keys.with_columns(n=pl.coalesce("n", "slots")), values, beside.edits)
        refuse_slots(grid, refusals)
        estimated = estimate_gaps(grid, kinds, interval_minutes, rules, beside)
        told = [*estimated.drafts, judge_estimates(grid, estimated, rules)]
        drafts += [gap_findings(grid, estimated, refusals), *told]
        judged = Judged(
            wide_checked(VeeDays, _edited_days(grid, estimated, interval_minutes), interval_minutes),
            judged.findings,
            judged_days,
            estimates_of(grid, kinds, estimated),
            grid.keys.filter(pl.Series(grid.touched.any(axis=1))).select("channel_no", "day"),
            estimated.scaled,
        )
    return replace(judged, findings=finish_findings(drafts, rules))


def survey_days(
    days: pl.DataFrame,
    channels: DataFrame[ChannelNumbers],
    interval_minutes: int,
    from_date: date,
    to_date: date,
    *,
    rules: RuleSet,
    active: pl.DataFrame,
    refusals: Refusals = NO_REFUSALS,
    edits: pl.DataFrame | None = None,
    measured: pl.DataFrame | None = None,
) -> Survey:
    """Judge the channels whose days in [from_date, to_date) are all good at first sight, and name the others.

    `days` holds the current landed rows of the period alone: a channel that is good is judged the same without the
    days around it, so those are read only for the others, which `judge_doubtful` judges. Channels with refusals or
    `edits` are always doubted. `measured`: the days as `measure_days` has them, where they were measured before.
    """
    landed = in_order(wide_checked(ReadDays, days, interval_minutes))
    zones = channels.filter(pl.col("interval_minutes") == interval_minutes).select("channel_no", "tz_name")
    expected = expected_days(active, zones, from_date, to_date)
    seen = _see(landed, expected, zones, interval_minutes, measured)
    is_short = pl.col("slots_valued") < pl.col("slots")
    bad = seen.placed.filter(is_short | is_doubtful(rules)).select("channel_no")
    decided = refusals.channels.clear() if edits is None else _judged_too(edits, seen.placed)
    doubtful = pl.concat([bad, refusals.channels, decided]).unique().sort("channel_no")
    is_good = seen.placed.select(~pl.col("channel_no").is_in(doubtful["channel_no"].implode())).to_series()
    warned = with_highest_slot(seen.placed.filter(stands_out(rules) & is_good), landed, interval_minutes)
    findings = finish_findings([spike_warnings(warned)], rules)
    edited = empty_days(VeeDays, interval_minutes)
    good = seen.placed.select(_JUDGED).filter(is_good)
    return Survey(Judged(edited, findings, good), doubtful.to_series(), seen)


def _see(
    landed: pl.DataFrame,
    expected: pl.DataFrame,
    zones: pl.DataFrame,
    interval_minutes: int,
    measured: pl.DataFrame | None = None,
) -> Seen:
    measured = measure_days(landed, interval_minutes) if measured is None else measured
    placed = _place_days(expected, measured, zones, interval_minutes)
    return Seen(landed, measured, expected, placed, zones)


def expected_days(active: pl.DataFrame, zones: pl.DataFrame, from_date: date, to_date: date) -> pl.DataFrame:
    """Return the channel-days that must have reads: channel_no, day, in order.

    `active`: channel_no, from_date, to_date (half-open, may overlap); `zones`: channel_no, tz_name.
    """
    spans = active.select(
        pl.col("channel_no").cast(pl.Int32),
        pl.col("from_date").clip(lower_bound=from_date),
        pl.col("to_date").clip(upper_bound=to_date),
    ).filter(pl.col("from_date") < pl.col("to_date"))
    # Of all channels first those asked for: what follows is a row a day.
    zoned = spans.join(zones, how="inner", on="channel_no", validate="m:1").sort("channel_no", "from_date", "to_date")
    # A span begins no earlier than those before it end, so that no day comes twice and none has to be sorted.
    # On an axis where one channel's days follow another's, what an earlier channel reached lies far below its days.
    begins = pl.col("channel_no").cast(pl.Int64) * 2**32
    reached = (begins + pl.col("to_date").cast(pl.Int32)).cum_max().shift() - begins
    first = pl.max_horizontal(pl.col("from_date").cast(pl.Int32).cast(pl.Int64), reached)
    apart = zoned.with_columns(from_date=first.cast(pl.Int32).cast(pl.Date))
    whole = apart.filter(pl.col("from_date") < pl.col("to_date"))
    lengths = (whole["to_date"] - whole["from_date"]).dt.total_days().to_numpy()
    row = np.repeat(np.arange(whole.height), lengths)
    number = np.arange(len(row)) - np.repeat(np.cumsum(lengths) - lengths, lengths)
    days = whole["from_date"].to_physical().to_numpy()[row] + number
    numbers = whole["channel_no"].to_numpy()[row]
    return pl.DataFrame({"channel_no": numbers, "day": pl.Series(days.astype(np.int32)).cast(pl.Date)})


def _place_days(
    expected: pl.DataFrame, measured: pl.DataFrame, zones: pl.DataFrame, interval_minutes: int
) -> pl.DataFrame:
    """Return a row for each expected day, with what was measured of it; zeros where nothing landed."""
    _, _, slots = placed_kinds(expected, zones, interval_minutes)
    placed = _with_measured(expected.with_columns(pl.Series("slots", slots, dtype=pl.Int16)), measured)
    zeros = [pl.col(name).fill_null(0) for name in ("base_seq", "slots_valued", "quantity")]
    return placed.with_columns(pl.coalesce("n", "slots").alias("slots"), *zeros)


def _with_measured(days: pl.DataFrame, measured: pl.DataFrame) -> pl.DataFrame:
    """Return the days with what was measured of each; where all landed and nothing else, the columns lie ready."""
    key = ["channel_no", "day"]
    if days.select(key).equals(measured.select(key)):
        return pl.concat([days, measured.drop(key)], how="horizontal")
    places = pl.Series(day_positions(days, measured))
    of_days = measured.drop(key).select(pl.all().gather(places.set(places < 0, None)))
    return pl.concat([days, of_days], how="horizontal")


def _judged_too(edits: pl.DataFrame, judged_days: pl.DataFrame) -> pl.DataFrame:
    """Return the channels of edits that are judged."""
    return edits.select("channel_no").join(judged_days, how="semi", on="channel_no")


def _channels_to_work(
    judged_days: pl.DataFrame, screened: pl.DataFrame, refusals: Refusals, edits: pl.DataFrame
) -> pl.DataFrame:
    """Return the channels with a day that is not simply good, or about which a person decided."""
    is_short = judged_days.filter(pl.col("slots_valued") < pl.col("slots")).select("channel_no")
    is_faulty = pl.col("is_refused") | (pl.col("lowest") < 0) | (pl.col("worst") == int(Quality.MISSING))
    faulty = screened.filter(pl.col("is_expected") & is_faulty).select("channel_no")
    decided = _judged_too(edits, judged_days)
    return pl.concat([is_short, faulty, refusals.channels, decided]).unique().sort("channel_no")


def _rows_to_work(screened: pl.DataFrame, seen: Seen, work: pl.DataFrame) -> pl.DataFrame:
    """Return all days of the channels to work on, screened: landed ones, and expected ones that have no row."""
    some = pl.col("channel_no").is_in(work["channel_no"].implode())
    present = screened.filter(some)
    expected = seen.expected.filter(some)
    absent = expected.filter(pl.Series(day_positions(expected, present) < 0)).with_columns(is_expected=True)
    rows = in_order(pl.concat([present, absent], how="diagonal"))
    return rows.join(seen.zones, how="inner", on="channel_no", validate="m:1", maintain_order="left")


def _grid_keys(rows: pl.DataFrame, parts: Sequence[pl.DataFrame]) -> pl.DataFrame:
    """Return what is known of some screened days beside their slots, in their order; nulls where none landed."""
    # `at` counts the rows of all parts; where it is null nothing landed, and nothing is fetched.
    landed = pl.concat([part.select(_LANDED) for part in parts]).select(pl.all().gather(rows["at"]))
    return landed.with_columns(
        *rows.select("channel_no", "day", "is_expected", "refuse_above", "tz_name").get_columns(),
        pl.col("worst").fill_null(int(Quality.MISSING)),
        pl.col("seq").fill_null(0),
    )


def _edited_days(grid: DayGrid, estimated: Estimated, interval_minutes: int) -> pl.DataFrame:
    """Return the days of which a slot was estimated, or emptied because its value was refused."""
    # Most days of the grid only serve to estimate the others: one look at their bytes leaves them out.
    some = np.flatnonzero((estimated.methods | grid.faults | grid.touched).any(axis=1))
    is_emptied = (grid.values[some] != estimated.values[some]) & (grid.faults[some] != Fault.NONE)
    is_changed = (estimated.methods[some] != Method.NONE) | is_emptied
    rows: Ints = some[(is_changed | (grid.touched[some] > 0)).any(axis=1)]
    methods, values, slots_real = estimated.methods[rows].copy(), estimated.values[rows], grid.slots_real[rows]
    faults = grid.faults[rows]
    qualities = grid.qualities[rows].copy()
    qualities[faults != Fault.NONE] = Quality.MISSING
    qualities[methods != Method.NONE] = Quality.ESTIMATED
    methods[grid.touched[rows] == DECIDED] = Method.MANUAL
    methods[grid.touched[rows] == ACCEPTED] = Method.ACCEPTED
    inside = np.arange(values.shape[1])[None, :] < slots_real[:, None]
    worst = np.where(inside, qualities, 0).max(axis=1, initial=0).astype(np.uint8)
    best = np.where(inside, qualities, 255).min(axis=1, initial=255)
    is_uniform = pl.Series("is_uniform", worst == best)
    keys = grid.keys[rows].select("channel_no", "day", "n", "raw_code", "updated_at", base_seq="seq")
    frame = pl.concat([keys, value_columns(np.where(inside, values, MISSING), interval_minutes)], how="horizontal")
    return frame.with_columns(
        pl.Series("worst", worst, dtype=pl.UInt8),
        bytes_column("flags", qualities, slots_real),
        bytes_column("methods", methods, slots_real),
        is_uniform,
        seq=pl.lit(0, dtype=pl.Int64),
    ).with_columns(flags=pl.when(~pl.col("is_uniform")).then(pl.col("flags")))
