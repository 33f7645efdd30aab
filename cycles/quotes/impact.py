"""`tariff diff --impact`: what a change of a tariff does to the bills of a cycle. Posts nothing.

Every account that the tariff bills in the cycle is rated twice, by the old and by the new version, on the same reads,
attributes and dated factors. Versions hold for the whole cycle, whenever they begin.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Any

import polars as pl

from accounts.selection import Cycle
from cycles.quotes.bases import Base, Question, find_base, gather_base
from cycles.quotes.found_lots import Lots, find_lots
from cycles.quotes.impact_sums import summed_up
from cycles.quotes.kept_lots import NotKeptError
from cycles.quotes.offers import dated_tables
from cycles.quotes.rated_twice import RISES, SIDES, rate_twice
from cycles.runs.inputs import asked_attributes
from model.errors import ConfigError
from model.progress import SILENT, Progress
from model.tariff import RateBook
from rating.profile_needs import needs_days
from store.control import Connection, control, query
from store.facts import facts
from store.workspace import Workspace
from tariffs.catalogue import riders_of
from tariffs.comparison import Side
from tariffs.compile import compile_tariff
from tariffs.feeds import with_feeds
from tariffs.riders import attached_or_refused
from tariffs.sheet import TariffFile


@dataclass(frozen=True)
class Asked:
    """Whose bills: a cycle (None: the last one) and branches (none: all)."""

    cycle_id: str | None
    branches: tuple[str, ...]
    known_at: datetime


@dataclass(frozen=True)
class Impact:
    """What a change does.

    `accounts`: account_id, branch_id, revenue_class, is_by_kind (its days were added up, not read one by one),
    old_minor, new_minor; null where that side cannot be billed. `charges`: account_id, component_id, line_text,
    old_minor, new_minor, of the accounts that rise most. `parked`: side, account_id, reason, detail. `because`: what in
    the two versions needs the days one by one.
    """

    tariff_id: str
    old_title: str
    new_title: str
    currency: str
    cycle: Cycle
    accounts: pl.DataFrame
    charges: pl.DataFrame
    parked: pl.DataFrame
    because: tuple[str, ...] = ()

    def as_dict(self) -> dict[str, Any]:
        """Return the impact as plain values; amounts in minor units."""
        return {
            "tariff": self.tariff_id, "old": self.old_title, "new": self.new_title, "currency": self.currency,
            "cycle": self.cycle.cycle_id, "from": self.cycle.period_start_date, "to": self.cycle.period_end_date,
            "days": {
                "added_up": self.accounts["is_by_kind"].sum(), "one_by_one": (~self.accounts["is_by_kind"]).sum(),
                "because": list(self.because),
            },
        } | summed_up(self.accounts, self.charges, self.parked, RISES)  # fmt: skip


def last_cycle(workspace: Workspace, asked: Asked) -> Cycle:
    """Return the cycle that is named, or the last one that was published, or else that has ended.

    Raises:
        ConfigError: there is no such cycle or branch.
    """
    with control(workspace, purpose="tariff diff") as connection:
        calendar = facts(connection, "cycles", known_at=asked.known_at)
        known_branches = facts(connection, "branches", known_at=asked.known_at)["branch_id"].sort().to_list()
        published = query(connection, "SELECT DISTINCT cycle_id FROM run WHERE state = 'published'")
    for branch in asked.branches:
        if branch not in known_branches:
            raise ConfigError(f"branch `{branch}` is not known", hint=f"known branches: {', '.join(known_branches)}")
    if asked.cycle_id is not None:
        found = calendar.filter(pl.col("cycle_id") == asked.cycle_id)
    else:
        billed = calendar.join(published, on="cycle_id", how="semi")
        ended = calendar.filter(pl.col("period_end_date") <= asked.known_at.date())
        found = (billed if billed.height else ended).sort("period_end_date", "cycle_id").tail(1)
    if found.is_empty():
        known = ", ".join(calendar["cycle_id"].sort().to_list()) or "none: import cycles.csv first"
        said = f"cycle `{asked.cycle_id}` is not in the calendar" if asked.cycle_id else "no cycle has ended yet"
        raise ConfigError(said, hint=f"name one with --cycle; known are {known}")
    return Cycle(**found.row(0, named=True))


def find_impact(
    workspace: Workspace, old: Side, new: Side, cycle: Cycle, asked: Asked, progress: Progress = SILENT
) -> Impact:
    """Return what billing by `new` instead of `old` does to the accounts that `old`'s tariff bills in a cycle.

    Raises:
        ConfigError: it bills nobody in that cycle, or the two have another commodity or currency.
    """
    _refuse_unlike(old, new)
    find = partial(_found, workspace, (old, new), cycle, asked)
    base, books, lots = find(may_be_kept=True)
    try:
        found = rate_twice(workspace, base.key, lots, books, progress)
    except NotKeptError:
        base, books, lots = find(may_be_kept=False)
        found = rate_twice(workspace, base.key, lots, books, progress)
    because = [
        f"the {side} version: {why}" for side, book in zip(SIDES, books, strict=True) for why in needs_days(book)
    ]
    return Impact(
        old.file.tariff, old.title, new.title, base.due["currency"][0], cycle,
        found.accounts, found.charges, found.parked, tuple(because),
    )  # fmt: skip


def _whole(connection: Connection, side: Side, tariff_id: str) -> TariffFile:
    """Return a side as it would be billed on all days, riders attached."""
    file = side.always(tariff_id)
    if not file.riders:
        return file
    return attached_or_refused(file.model_copy(update={"examples": ()}), riders_of(connection, file), tariff_id)


def _refuse_unlike(old: Side, new: Side) -> None:
    for name in ("commodity", "currency"):
        was, now = getattr(old.file, name), getattr(new.file, name)
        if was != now:
            raise ConfigError(f"expected two tariffs of one {name}, found {was} and {now}")


def _found(
    workspace: Workspace, sides: Sequence[Side], cycle: Cycle, asked: Asked, *, may_be_kept: bool
) -> tuple[Base, list[RateBook], Lots]:
    """Return whom the old tariff bills, the two rate books, and the accounts in lots."""
    tariff_id = sides[0].file.tariff
    with control(workspace, purpose="tariff diff") as connection:
        books = [dated_tables(connection, compile_tariff(_whole(connection, side, tariff_id))) for side in sides]
        names = pl.concat([asked_attributes(book) for book in books]).unique()
        question = Question(tariff_id, cycle, asked.branches, asked.known_at, names)
        base = find_base(connection, workspace, question)
        books = [with_feeds(connection, book, base.due, known_at=asked.known_at) for book in books]
        gather = partial(gather_base, connection, workspace, question)
        return base, books, find_lots(base, books, gather, may_be_kept=may_be_kept)
