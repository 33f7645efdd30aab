"""Estimates judged in their turn: a value that was made up must not look worse than one that was measured."""

from __future__ import annotations

import numpy as np
import polars as pl

from ingest.estimates.estimate import DECIDED, DayGrid, Estimated
from ingest.rules.rules import RuleSet
from ingest.vee.kernels import screen_days
from ingest.vee.matrix import MISSING, Ints
from ingest.vee.screen import stands_out
from model.codes import Method, Severity


def judge_estimates(grid: DayGrid, estimated: Estimated, rules: RuleSet) -> pl.DataFrame:
    """Return a draft finding for each day whose highest value is an estimate, or an edit, that stands out (V10).

    The value stays: the finding asks a person to look. Source: California's VEE rules, section 3.6.
    """
    some = np.flatnonzero((estimated.methods | grid.touched).any(axis=1))
    made = np.where(grid.touched[some] == DECIDED, np.uint8(Method.MANUAL), estimated.methods[some])
    is_made = (made != Method.NONE).any(axis=1)
    rows: Ints = some[is_made]
    made = made[is_made]
    values, slots_real = estimated.values[rows], grid.slots_real[rows]
    found = screen_days(np.asfortranarray(values), slots_real)
    inside = np.arange(values.shape[1])[None, :] < slots_real[:, None]
    highest = np.where(inside, values, MISSING).argmax(axis=1) if len(rows) else np.zeros(0, np.int64)
    methods = made[np.arange(len(rows)), highest].astype(np.int64)
    names = {int(method): method.name.lower() for method in Method}
    days = (
        grid.keys[rows]
        .select("channel_no", "day", base_seq="seq")
        .with_columns(
            pl.Series("slot", highest, dtype=pl.Int16),
            pl.Series("highest", found.highest, dtype=pl.Int64),
            pl.Series("third", found.third, dtype=pl.Int64),
            pl.Series("code", methods, dtype=pl.Int64),
        )
    )
    is_edit = pl.col("code") == int(Method.MANUAL)
    return days.filter(pl.col("code") != int(Method.NONE), stands_out(rules)).select(
        "channel_no",
        "day",
        "base_seq",
        first_slot="slot",
        last_slot="slot",
        rule=pl.lit("V10"),
        reason=pl.when(is_edit).then(pl.lit("edit_spike")).otherwise(pl.lit("estimate_spike")),
        severity=pl.lit(Severity.WARN.value),
        found="highest",
        used="highest",
        method=pl.col("code").replace_strict(names, return_dtype=pl.String),
        detail=pl.format("{} was not measured and stands out, the third highest is {}; kept", "highest", "third"),
        subject=pl.lit(""),
    )  # fmt: skip
