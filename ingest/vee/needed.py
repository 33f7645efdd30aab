"""Which days of a channel the estimation of its gaps looks at: most days of most channels it does not."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import polars as pl

from ingest.checks.refusals import Refusals
from ingest.estimates.estimate import TRUSTED, Beside
from ingest.estimates.methods_days import like_days, weeks_before
from ingest.rules.rules import RuleSet
from model.codes import Quality

_DAY = ["channel_no", "day"]
_EVERY_DAY_MAX = 100  # percent: from here on no channel is left out for what is missing of its period

Mask = npt.NDArray[np.bool_]


def needed_days(screened: pl.DataFrame, rules: RuleSet, refusals: Refusals, beside: Beside) -> Mask:
    """Return which days the grid must have so that its gaps are estimated as if it had all of them.

    `screened` has all days of the channels to work on, in order, expected ones that did not land included (`seq` null).
    Needed are days with a fault and those beside them (ends of lines), the days that may be averaged for them, and all
    days of channels with register spans, outages or decisions of persons, which are looked at as a whole.
    """
    if rules.missing_period_percent_max < _EVERY_DAY_MAX:
        return np.ones(screened.height, np.bool_)
    days = screened.select(
        is_faulty=_may_be_faulty(refusals),
        is_whole=pl.col("channel_no").is_in(_whole_channels(beside).implode()),
        is_expected="is_expected",
        is_trusted=pl.lit(pl.Series(TRUSTED)).gather(pl.col("worst").fill_null(int(Quality.MISSING)).cast(pl.UInt32)),
    )
    faulty, whole, expected = (days[name].to_numpy() for name in ("is_faulty", "is_whole", "is_expected"))
    needed: Mask = faulty | whole
    needed[1:] |= faulty[:-1]
    needed[:-1] |= faulty[1:]
    usable = days["is_trusted"].to_numpy() & ~faulty & (screened["n"].fill_null(0) > 0).to_numpy()
    targets = np.flatnonzero(faulty & expected & ~whole)
    for rows in (like_days(screened, usable, targets, rules), weeks_before(screened, targets, rules.multi_weeks)):
        needed[rows[rows >= 0]] = True
    return needed


def _may_be_faulty(refusals: Refusals) -> pl.Expr:
    """Return whether a slot of a day is faulty, or the day has slots of several qualities, so that one may be.

    Days of several qualities are kept whatever they hold; a reference that is sure without looking at slots is then
    never farther away than the one that is taken.
    """
    refused = refusals.drafts.select(day=pl.struct(_DAY)).to_series().unique()
    return (
        pl.col("base_seq").is_null()
        | (pl.col("slots_valued") < pl.col("n"))
        | (pl.col("lowest") < 0)
        | (pl.col("worst") == int(Quality.MISSING))
        | pl.col("is_flagged")
        | pl.col("is_refused")
        | pl.struct(_DAY).is_in(refused.implode())
    ).fill_null(value=True)


def _whole_channels(beside: Beside) -> pl.Series:
    frames = (beside.spans, beside.outages, beside.edits)
    return pl.concat([frame["channel_no"].cast(pl.Int32) for frame in frames]).unique()
