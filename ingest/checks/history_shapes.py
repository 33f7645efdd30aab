"""Findings about the shape of days against the past: changed shapes, and two meters that exchanged theirs."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import polars as pl

from ingest.checks.drafts import drafted, no_drafts, units
from ingest.checks.habits import PAST_COLUMNS
from ingest.checks.history import NOW_COLUMNS, SHARES, shape_distance
from ingest.rules.governing import governing
from ingest.rules.rules import RuleSet
from ingest.vee.matrix import Ints

CANDIDATES_MAX = 1_000
"""Channels of a branch and measure that are compared in pairs; those that moved farthest come first."""
MOVED_PERCENT = 160
"""How much farther a channel must lie from its own past than from that of the other one. Ours, tuned on drawn reads."""
_PER_MILLE = 1_000


def swapped_pairs(channels: pl.DataFrame, moves: pl.DataFrame, rules: RuleSet) -> pl.DataFrame:
    """Return drafts of channels that took over each other's level and shape, and no longer have their own.

    `channels` is `History.channels` of all blocks; `moves` says how each class moved lately, which is taken out.
    """
    rule = governing(rules, "swapped")
    if rule is None or channels.is_empty():
        return no_drafts()
    limits = channels.with_columns(limit=rule.limit("per_mille")).filter(pl.col("limit").is_not_null())
    classed = limits.join(
        moves, how="left", on=["measure", "revenue_class", "branch_id"], validate="m:1", nulls_equal=True,
        maintain_order="left",
    ).with_columns(pl.col(PAST_COLUMNS) * pl.col("move").fill_null(_PER_MILLE) // _PER_MILLE)  # fmt: skip
    moved = classed.with_columns(moved=_distance(NOW_COLUMNS, PAST_COLUMNS)).filter(pl.col("moved") > pl.col("limit"))
    found = [no_drafts()]
    for _, group in moved.group_by("branch_id", "measure", maintain_order=True):
        some = group.sort("moved", "channel_no", descending=[True, False]).head(CANDIDATES_MAX).sort("channel_no")
        first, second, apart = _pairs(some)
        if not len(first):
            continue
        # Both ends of a pair are told of, each with the other's number.
        both = np.concatenate([first, second])
        told = some[both].with_columns(
            other=some["channel_no"].gather(np.concatenate([second, first])),
            apart=pl.Series(np.concatenate([apart, apart])),
        )
        found.append(
            drafted(
                told, rule, found=pl.col("total"), subject=pl.format("channel {}", "other"),
                detail=pl.format(
                    "its last {} days lie {} per mille from the past of channel {} (and those of that channel from its "
                    "past), but {} per mille from its own: the two meters may be exchanged",
                    "tail_days", "apart", "other", "moved",
                ),
            )
        )  # fmt: skip
    return pl.concat(found)


def changed_shapes(channels: pl.DataFrame, rules: RuleSet) -> pl.DataFrame:
    """Return drafts of channels whose energy moved to other parts of the day, farther than it ever drifted."""
    rule = governing(rules, "shape_changed")
    if rule is None or channels.is_empty():
        return no_drafts()
    judged = channels.with_columns(apart=shape_distance(NOW_COLUMNS, PAST_COLUMNS), drift=pl.col("drift").fill_null(0))
    apart = pl.col("apart")
    changed = judged.filter(
        (apart * _PER_MILLE > rule.limit("per_mille") * SHARES) & (apart > pl.col("drift") * rule.limit("spreads"))
    )
    return drafted(
        changed, rule, found=pl.col("total"),
        detail=pl.format(
            "{} per mille of the day's energy lies in other hours than in its past ({} days, which differ by {} per "
            "mille among themselves); by three hours now {}, before {}",
            apart * _PER_MILLE // SHARES, "past_days", pl.col("drift") * _PER_MILLE // SHARES,
            _listed(NOW_COLUMNS), _listed(PAST_COLUMNS),
        ),
    )  # fmt: skip


def shifted_clocks(channels: pl.DataFrame, rules: RuleSet) -> pl.DataFrame:
    """Return drafts of channels whose shape fits their past again when some hours are taken off the clock.

    Parts of the day are three hours long: a shift between two of them takes the shares of both.
    """
    rule = governing(rules, "clock_shifted")
    if rule is None or channels.is_empty():
        return no_drafts()
    moved = channels.with_columns(
        apart=shape_distance(NOW_COLUMNS, PAST_COLUMNS), limit=rule.limit("per_mille") * SHARES // _PER_MILLE,
        hours_min=rule.limit("hours"),
    ).filter(pl.col("apart") > pl.col("limit"))  # fmt: skip
    apart = _shifted_distances(moved.select(NOW_COLUMNS).to_numpy(), moved.select(PAST_COLUMNS).to_numpy())
    nearest = apart.argmin(axis=1)
    off = moved.with_columns(
        hours=pl.Series(np.where(nearest <= 12, nearest, nearest - 24), dtype=pl.Int64),
        fits=pl.Series(apart.min(axis=1), dtype=pl.Int64),
    )
    wrong = off.filter(
        (pl.col("fits") <= pl.col("limit"))
        & (pl.col("fits") * MOVED_PERCENT < pl.col("apart") * 100)
        & (pl.col("hours").abs() >= pl.col("hours_min"))
    )
    return drafted(
        wrong, rule, found=pl.col("total"),
        detail=pl.format(
            "the last {} days lie {} per mille beside the past of {} days, but {} when {} hours are taken off their "
            "clock; by three hours now {}, before {}",
            "tail_days", pl.col("apart") * _PER_MILLE // SHARES, "past_days", pl.col("fits") * _PER_MILLE // SHARES,
            "hours", _listed(NOW_COLUMNS), _listed(PAST_COLUMNS),
        ),
    )  # fmt: skip


def _shifted_distances(now: Ints, past: Ints) -> Ints:
    """Return the distance of the last days from the past put 0 to 23 hours later, of `SHARES`: [channel, hours].

    now, past: [channel, part of the day], each with a sum above zero.
    """
    whole_now, whole_past = now.sum(axis=1)[:, None], past.sum(axis=1)[:, None] * 3
    shares = now * SHARES // whole_now
    apart = np.zeros((len(now), 24), np.int64)
    for hours in range(24):
        parts, rest = hours // 3, hours % 3
        later = np.roll(past, parts, axis=1) * (3 - rest) + np.roll(past, parts + 1, axis=1) * rest
        apart[:, hours] = np.abs(shares - later * SHARES // whole_past).sum(axis=1) // 2
    return apart


def _listed(names: list[str]) -> pl.Expr:
    return pl.concat_str([units(name) for name in names], separator=" ")


def _distance(one: list[str], other: list[str]) -> pl.Expr:
    """Return how far two days lie apart, per mille of the larger of each part: 0 alike, 1,000 nothing in common."""
    apart = pl.sum_horizontal((pl.col(a) - pl.col(b)).abs() for a, b in zip(one, other, strict=True))
    larger = pl.sum_horizontal(pl.max_horizontal(a, b) for a, b in zip(one, other, strict=True))
    return pl.when(larger > 0).then(apart * _PER_MILLE // larger)


def _pairs(some: pl.DataFrame) -> tuple[Ints, Ints, Ints]:
    """Return the places of each pair, the nearest first, no channel twice, and how far the worse half lies apart."""
    now, past = some.select(NOW_COLUMNS).to_numpy(), some.select(PAST_COLUMNS).to_numpy()
    crossed = _crossed(now, past)
    worse = np.maximum(crossed, crossed.T)
    limit = np.minimum(some["limit"].to_numpy()[:, None], some["limit"].to_numpy()[None, :])
    moved = np.minimum(some["moved"].to_numpy()[:, None], some["moved"].to_numpy()[None, :])
    near = np.triu((worse <= limit) & (worse * MOVED_PERCENT < moved * 100), 1)
    first, second = np.nonzero(near)
    order = np.lexsort((second, first, worse[first, second]))
    free = np.ones(len(now), np.bool_)
    kept = []
    for place in order:
        a, b = first[place], second[place]
        if free[a] and free[b]:
            free[a] = free[b] = False
            kept.append(place)
    chosen = np.array(kept, np.int64)
    return first[chosen], second[chosen], worse[first[chosen], second[chosen]]


def _crossed(now: npt.NDArray[np.int64], past: npt.NDArray[np.int64]) -> Ints:
    """Return how far the last days of each channel lie from the past of each, per mille: [now, past]."""
    apart = np.zeros((len(now), len(past)), np.int64)
    larger = np.zeros_like(apart)
    for group in range(now.shape[1]):
        one, other = now[:, group][:, None], past[:, group][None, :]
        apart += np.abs(one - other)
        larger += np.maximum(one, other)
    return np.asarray(np.where(larger > 0, apart * _PER_MILLE // np.maximum(larger, 1), 0), np.int64)
