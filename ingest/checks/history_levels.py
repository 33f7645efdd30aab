"""Findings about level against the past: use above or below it, a step down, and how the class moved meanwhile."""

from __future__ import annotations

import polars as pl

from ingest.checks.drafts import drafted, no_drafts, units
from ingest.checks.history import BIN, CLASS_DAY
from ingest.rules.governing import Governing, governing
from ingest.rules.rules import RuleSet

CLASS_CHANNELS_MIN = 20
"""Channels that it takes to say how a class moved; with fewer the class of all branches, then nothing, is taken."""
CLASS_MOVE = (667, 1_500)
"""Per mille between which a class's move is taken out: what moves farther is not taken for weather."""


def level_limits(rules: RuleSet) -> tuple[int, int]:
    """Return below and above which percentage of its past a channel may be spoken of, whatever its class does."""
    low = [_percents(rules, name) for name in ("use_below_past", "step_down")]
    high = _percents(rules, "use_above_past")
    return (
        max((max(found) for found in low if found), default=0) * CLASS_MOVE[1] // 1_000 + 1,
        (min(high) * CLASS_MOVE[0] // 1_000 if high else 10**9),
    )


def class_moves(moves: pl.DataFrame) -> pl.DataFrame:
    """Return by class and day the median move of its channels, per mille: `move`, of the branch or of all branches.

    The median is that of bins, so that blocks can be added up: their middle.
    """
    of_branch = _median(moves, CLASS_DAY)
    of_all = _median(moves, [name for name in CLASS_DAY if name != "branch_id"])
    both = of_branch.join(
        of_all, how="left", on=["measure", "revenue_class", "day"], validate="m:1", nulls_equal=True, suffix="_all"
    )
    low, high = CLASS_MOVE
    move = (
        pl.when(pl.col("count") >= CLASS_CHANNELS_MIN)
        .then("move")
        .when(pl.col("count_all") >= CLASS_CHANNELS_MIN)
        .then("move_all")
        .otherwise(1_000)
    )
    return both.select(*CLASS_DAY, move=move.clip(low, high))


def late_moves(of_days: pl.DataFrame, days: int) -> pl.DataFrame:
    """Return by class the mean move of the last days known, per mille: measure, revenue_class, branch_id, move.

    `of_days`: `class_moves`.
    """
    last = of_days.filter(pl.col("day") > pl.col("day").max() - pl.duration(days=days))
    return last.group_by(CLASS_DAY[:3]).agg(move=pl.col("move").sum() // pl.len().cast(pl.Int64))


def _median(moves: pl.DataFrame, key: list[str]) -> pl.DataFrame:
    counted = moves.group_by([*key, "bin"]).agg(pl.col("channels").sum()).sort([*key, "bin"], nulls_last=True)
    # A null class is a class: runs of structs keep it.
    of = "of"
    reached = counted.with_columns(pl.struct(key).rle_id().alias(of)).with_columns(
        reached=pl.col("channels").cum_sum().over(of), count=pl.col("channels").sum().over(of)
    )
    middle = reached.filter(pl.col("reached") * 2 >= pl.col("count")).unique(key, keep="first", maintain_order=True)
    return middle.select(*key, "count", move=pl.col("bin").cast(pl.Int64) * BIN + BIN // 2)


def level_drafts(recent: pl.DataFrame, of_days: pl.DataFrame, rules: RuleSet) -> pl.DataFrame:
    """Return drafts of use above and below the past, and of steps down; a step is not told of twice.

    `of_days`: `class_moves`.
    """
    if recent.is_empty():
        return no_drafts()
    days = recent.join(
        of_days, how="left", on=CLASS_DAY, validate="m:1", nulls_equal=True
    ).sort("channel_no", "day")  # fmt: skip
    days = days.with_columns(
        pl.col("move").fill_null(1_000), adjusted=pl.col("expected") * pl.col("move").fill_null(1_000) // 1_000
    )
    steps = _step_down(days, governing(rules, "step_down"))
    others = days.join(steps, how="anti", on="channel_no", maintain_order="left")
    totals = _totals(others)
    above, below = governing(rules, "use_above_past"), governing(rules, "use_below_past")
    found = [steps]
    if above is not None:
        is_above = _is_sure(above) & (pl.col("total") * 100 > pl.col("adjusted") * above.limit("percent"))
        found.append(_level_drafts(totals.filter(is_above & (pl.col("total") > pl.col("adjusted"))), above))
    if below is not None:
        is_below = _is_sure(below) & (pl.col("total") * 100 < pl.col("adjusted") * below.limit("percent"))
        found.append(_level_drafts(totals.filter(is_below & (pl.col("total") > 0)), below))
    return pl.concat(found)


def _totals(days: pl.DataFrame) -> pl.DataFrame:
    return days.group_by("channel_no", maintain_order=True).agg(
        pl.col("day", "base_seq", "measure", "revenue_class").first(),
        pl.col("total", "expected", "adjusted", "spread", "night", "night_expected").sum(),
        length=pl.len().cast(pl.Int64), last_day=pl.col("day").last(), move=_mean_move(),
    )  # fmt: skip


def _mean_move() -> pl.Expr:
    return pl.col("move").sum() // pl.len().cast(pl.Int64) // 10


def _is_sure(rule: Governing) -> pl.Expr:
    """Return whether a sum of days lies so many spreads of its mean away, and farther than the floor a day.

    The spread of a mean of n days is that of a day by the root of n; squares are compared, in 128 bits.
    """
    away = (pl.col("total") - pl.col("adjusted")).abs()
    squared = away.cast(pl.Int128) * away.cast(pl.Int128) * pl.col("length")
    spreads = pl.col("spread").cast(pl.Int128) * rule.limit("spreads").cast(pl.Int128)
    return (squared > spreads * spreads) & (away > rule.limit("floor") * pl.col("length"))


def _level_drafts(found: pl.DataFrame, rule: Governing) -> pl.DataFrame:
    return drafted(
        found, rule, found=pl.col("total"),
        detail=pl.format(
            "{} used on {} days from {} to {}, {} % of the {} expected: its own past says {}, its class stood at {} %",
            units("total"), "length", "day", "last_day", _percent(), units("adjusted"), units("expected"), "move",
        ),
    )  # fmt: skip


def _percent() -> pl.Expr:
    return (
        pl.when(pl.col("adjusted") > 0).then(pl.col("total") * 100 // pl.col("adjusted")).cast(pl.String).fill_null("-")
    )


def _step_down(days: pl.DataFrame, rule: Governing | None) -> pl.DataFrame:
    """Return drafts of channels whose use fell on a day and stayed low to the end, what always runs with the rest.

    People who are away leave the refrigerator on: then the night, when little else runs, falls less than the day.
    """
    if rule is None:
        return no_drafts()
    # A day half-way between the limit and what is expected still belongs to the fall.
    is_low = pl.col("total") * 200 < pl.col("adjusted") * (100 + rule.limit("percent"))
    falling = days.filter(is_low.fill_null(value=False).reverse().cum_min().reverse().over("channel_no"))
    totals = _totals(falling)
    percent = pl.col("total") * 100 < pl.col("adjusted") * rule.limit("percent")
    # Shares of what the past expects, cross-multiplied; in 128 bits.
    night = pl.col("night").cast(pl.Int128) * pl.col("expected") * 100
    points = pl.col("night_expected").cast(pl.Int128) * pl.col("expected") * rule.limit("night_points")
    with_the_night = night <= pl.col("total").cast(pl.Int128) * pl.col("night_expected") * 100 + points
    fell = totals.filter(
        (pl.col("length") >= rule.limit("days")) & percent & with_the_night & _is_sure(rule) & (pl.col("total") > 0)
    )
    before = days.join(fell.select("channel_no", started="day"), how="inner", on="channel_no", validate="m:1")
    before = (
        before.filter(pl.col("day") < pl.col("started"))
        .group_by("channel_no")
        .agg(total_before=pl.col("total").sum(), adjusted_before=pl.col("adjusted").sum())
    )
    told = fell.join(before, how="left", on="channel_no", validate="1:1", maintain_order="left")
    # Against the days just before as well: who drifts away from the class with the season does not step.
    now = pl.col("total").cast(pl.Int128) * pl.col("adjusted_before")
    then = pl.col("total_before").cast(pl.Int128) * pl.col("adjusted")
    is_drift = (now * 100 >= then * rule.limit("percent")).fill_null(value=False)
    share = (pl.col("total_before") * 100 // pl.col("adjusted_before")).cast(pl.String) + " %"
    return drafted(
        told.filter(~is_drift), rule, found=pl.col("total"),
        detail=pl.format(
            "use fell on {} and stayed low for {} days: {} used, {} % of the {} expected (its class stood at {} %), at "
            "night {} of {}; before that day: {}",
            "day", "length", units("total"), _percent(), units("adjusted"), "move", units("night"),
            units("night_expected"), pl.when(pl.col("adjusted_before") > 0).then(share).fill_null("not in these days"),
        ),
    )  # fmt: skip


def _percents(rules: RuleSet, check: str) -> list[int]:
    found = governing(rules, check)
    return [] if found is None else [dict(rule.limits)["percent"] for rule in found.rules]
