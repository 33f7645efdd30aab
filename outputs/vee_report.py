"""What the page of a VEE run shows: the figures, already counted."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any

import polars as pl

from outputs.day_curves import DayStory

SHARE_SCHEMA = {"day": pl.Date(), "slots": pl.Int64(), "estimated": pl.Int64(), "missing": pl.Int64()}


@dataclass(frozen=True)
class Funnel:
    """Channel-days of a run. expected = as_landed + replaced + left_empty; landed says how many had reads at all."""

    expected: int
    landed: int
    as_landed: int
    """Used as they landed."""
    replaced: int
    """Whole after estimates and edits."""
    left_empty: int
    """A slot is still empty: billing parks these."""


@dataclass(frozen=True)
class Worst:
    """A finding with its plot."""

    row: dict[str, Any]
    story: DayStory


@dataclass(frozen=True)
class VeeRunReport:
    """A run of VEE for a reader who was not there."""

    utility: str
    seq: int
    from_date: date
    to_date: date
    """Day after the last."""
    received_at: datetime
    actor: str
    rule_sets: tuple[str, ...]
    funnel: Funnel
    slots_by_method: dict[str, int]
    shares: pl.DataFrame
    """Slots of each day: day, slots, estimated, missing."""
    findings: pl.DataFrame
    """The work list of the run: cycles.work.findings.LISTED."""
    worst: tuple[Worst, ...] = ()
    channels: pl.DataFrame = field(default_factory=pl.DataFrame)
    """Channels with most trouble: channel_id, branch_id, account_id, measure, findings, fails, days, days_empty, money
    (printed)."""

    @property
    def parked_accounts(self) -> int:
        """Accounts that a finding of the run parks, or would."""
        return self.findings.filter(pl.col("parks") != "")["account_id"].n_unique()


def share_text(part: int, whole: int) -> str:
    """Return a share in percent, with two decimals below ten.

    >>> share_text(1, 3), share_text(1, 800)
    ('33.3 %', '0.13 %')
    """
    if whole == 0:
        return "0 %"
    decimals = 2 if part * 10 < whole else 1
    scale = 10**decimals
    rounded = (2 * part * 100 * scale + whole) // (2 * whole)
    if rounded == 0:
        return "0 %" if part == 0 else "< 0.01 %"
    return f"{rounded // scale}.{rounded % scale:0{decimals}} %"
