"""Estimation of gaps: methods tried one after the other, as the rule set orders them, then scaled to registers.

What cannot be estimated stays empty. Values that were measured never change.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt
import polars as pl

from ingest.estimates.estimate import NOTHING, Beside, DayGrid, Estimated, Fault, Gaps, open_gaps
from ingest.estimates.methods_days import fill_from_like_days, fill_from_weeks
from ingest.estimates.methods_given import fill_calculated, fill_checks, fill_flat, fill_outages, fill_profile
from ingest.estimates.methods_near import fill_by_line, hold_neighbour
from ingest.estimates.scaling import scale_to_registers
from ingest.rules.rules import RuleSet
from ingest.vee.kernels import PENDING
from ingest.vee.matrix import DayKinds
from model.codes import Method, Severity

FILLERS: dict[str, Callable[[Gaps], None]] = {
    "zero": fill_outages,
    "check_channel": fill_checks,
    "calculated": fill_calculated,
    "linear": fill_by_line,
    "like_day": fill_from_like_days,
    "multi_week": fill_from_weeks,
    "hold": hold_neighbour,
    "profile": fill_profile,
    "flat": fill_flat,
}


def estimate_gaps(
    grid: DayGrid, kinds: DayKinds, interval_minutes: int, rules: RuleSet, beside: Beside = NOTHING
) -> Estimated:
    """Estimate the faulty slots of the expected days: each by the first method of `rules.methods` that can.

    Afterwards the estimates between two register readings are scaled so that all intervals add up to them (E06).
    """
    refused = too_much_missing(grid, rules)
    gaps = open_gaps(grid, kinds, interval_minutes, rules, beside, refused)
    for name in rules.methods:
        assert name in FILLERS, f"method {name} is none of {', '.join(FILLERS)}"
        if (gaps.methods == PENDING).any():
            FILLERS[name](gaps)
    shapes = gaps.methods.copy()
    scaled, drafts = scale_to_registers(gaps)
    gaps.methods[gaps.methods == PENDING] = Method.NONE
    shapes[gaps.methods == Method.NONE] = Method.NONE
    drafts = [refusals(grid, refused), *drafts]
    return Estimated(gaps.values, gaps.methods, shapes, gaps.references, scaled, drafts)


def too_much_missing(grid: DayGrid, rules: RuleSet) -> npt.NDArray[np.bool_]:
    """Return the expected days that are not estimated: too much of the day, or of the channel's days, is faulty."""
    faulty, real = (grid.faults != Fault.NONE).sum(axis=1), grid.slots_real
    own = grid.keys["is_expected"].to_numpy()
    # Rows of a channel stand together: sums of stretches cost less than groups of a frame.
    numbers = grid.keys["channel_no"].to_numpy()
    begins = np.flatnonzero(np.diff(numbers, prepend=numbers[:1] - 1))
    lengths = np.diff(begins, append=len(numbers))
    of_channel = [np.repeat(np.add.reduceat(np.where(own, of_row, 0), begins), lengths) for of_row in (faulty, real)]
    of_day = faulty * 100 > real * rules.missing_day_percent_max
    of_period = of_channel[0] * 100 > of_channel[1] * rules.missing_period_percent_max
    found: npt.NDArray[np.bool_] = own & (faulty > 0) & (of_day | of_period)
    return found


def refusals(grid: DayGrid, refused: npt.NDArray[np.bool_]) -> pl.DataFrame:
    """Return a draft finding for each day that was not estimated because too much is missing."""
    rows = np.flatnonzero(refused)
    missing = pl.Series("missing", (grid.faults[rows] != Fault.NONE).sum(axis=1), dtype=pl.Int64)
    return grid.keys[rows].select("channel_no", "day", "n", base_seq="seq").with_columns(missing).select(
        "channel_no",
        "day",
        "base_seq",
        first_slot=pl.lit(None, dtype=pl.Int16),
        last_slot=pl.lit(None, dtype=pl.Int16),
        rule=pl.lit("V03"),
        reason=pl.lit("too_much_missing"),
        severity=pl.lit(Severity.FAIL.value),
        found=pl.lit(None, dtype=pl.Int64),
        used=pl.lit(None, dtype=pl.Int64),
        method=pl.lit("none"),
        detail=pl.format("{} of {} slots cannot be used, more than may be estimated; left empty", "missing", "n"),
        subject=pl.lit(""),
    )  # fmt: skip
