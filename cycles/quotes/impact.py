"""`tariff diff --impact`: what a change of a tariff does to the bills of a cycle. Posts nothing.

Every account that the tariff bills in the cycle is rated twice, by the old and by the new version, on the same reads,
attributes and dated factors. Versions hold for the whole cycle, whenever they begin.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

import polars as pl

from accounts.selection import Cycle
from cycles.publishing.carried import banks_before
from cycles.quotes.impact_sums import summed_up
from cycles.quotes.offers import dated_tables
from cycles.quotes.unplanned import Unplanned, gather_unplanned
from cycles.runs.inputs import asked_attributes
from model.errors import ConfigError
from model.progress import SILENT, Progress
from model.rating import Rated, RatingInput
from model.tariff import RateBook
from rating.profiles import profiled
from rating.stages import rate, rate_profiled
from store.control import Connection, control, query
from store.facts import facts
from store.workspace import Workspace
from tariffs.catalogue import riders_of
from tariffs.comparison import Side
from tariffs.compile import compile_tariff
from tariffs.feeds import with_feeds
from tariffs.riders import attached_or_refused
from tariffs.sheet import TariffFile

_RISES = 10
_SIDES = ("old", "new")


@dataclass(frozen=True)
class Asked:
    """Whose bills: a cycle (None: the last one) and branches (none: all)."""

    cycle_id: str | None
    branches: tuple[str, ...]
    known_at: datetime


@dataclass(frozen=True)
class Impact:
    """What a change does.

    `accounts`: account_id, branch_id, revenue_class, old_minor, new_minor; null where that side cannot be billed.
    `charges`: account_id, component_id, line_text, old_minor, new_minor, of the accounts that rise most.
    `parked`: side, account_id, reason, detail.
    """

    tariff_id: str
    old_title: str
    new_title: str
    currency: str
    cycle: Cycle
    accounts: pl.DataFrame
    charges: pl.DataFrame
    parked: pl.DataFrame

    def as_dict(self) -> dict[str, Any]:
        """Return the impact as plain values; amounts in minor units."""
        return {
            "tariff": self.tariff_id, "old": self.old_title, "new": self.new_title, "currency": self.currency,
            "cycle": self.cycle.cycle_id, "from": self.cycle.period_start_date, "to": self.cycle.period_end_date,
        } | summed_up(self.accounts, self.charges, self.parked, _RISES)  # fmt: skip


@dataclass(frozen=True)
class Bills:
    """What one side bills: model.rating.BillLines and Parked."""

    lines: pl.DataFrame
    parked: pl.DataFrame


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
    tariff_id = old.file.tariff
    _refuse_unlike(old, new)
    with control(workspace, purpose="tariff diff") as connection:
        books = [dated_tables(connection, compile_tariff(_whole(connection, side, tariff_id))) for side in (old, new)]
        gathered = _gathered(connection, workspace, tariff_id, cycle, asked, books)
        days = gathered.inputs.frames["due"]
        books = [with_feeds(connection, book, days, known_at=asked.known_at) for book in books]
    partitions = gathered.partitions
    progress.begin("rate", len(partitions), "partitions")

    def both(partition: int) -> tuple[pl.DataFrame, pl.DataFrame, pl.DataFrame]:
        return _both(gathered.rating_input(partition), books)

    parts = []
    # Frames work outside the interpreter's lock, so partitions beside each other use the cores; their order is kept.
    with ThreadPoolExecutor(os.cpu_count() or 1) as pool:
        for part in pool.map(both, partitions):
            parts.append(part)
            progress.advance("rate")
    accounts, charges, parked = (pl.concat(frames) for frames in zip(*parts, strict=True))
    progress.end("rate", accounts=accounts.height)
    return Impact(
        tariff_id, old.title, new.title, gathered.inputs.frames["due"]["currency"][0], cycle,
        accounts.sort("account_id"), charges, parked.sort("side", "account_id", "reason"),
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


def _gathered(
    connection: Connection, workspace: Workspace, tariff_id: str, cycle: Cycle, asked: Asked, books: Sequence[RateBook]
) -> Unplanned:
    chosen = pl.col("tariff_id") == tariff_id
    names = pl.concat([asked_attributes(book) for book in books]).unique()
    gathered = gather_unplanned(connection, workspace, cycle, chosen, asked.branches, asked.known_at, names)
    if gathered is None:
        raise ConfigError(
            f"tariff `{tariff_id}` bills nobody in cycle `{cycle.cycle_id}`", hint="choose another with --cycle"
        )
    frames = gathered.inputs.frames
    frames["banks"] = banks_before(connection, frames["due"], asked.known_at)
    return gathered


def _both(given: RatingInput, books: Sequence[RateBook]) -> tuple[pl.DataFrame, pl.DataFrame, pl.DataFrame]:
    """Return accounts, charges of those that rise most, and parked of one partition."""
    rated = _rated(given, books)
    accounts = given.due.select("account_id", "branch_id", "revenue_class").unique("account_id", maintain_order=True)
    for side, found in zip(_SIDES, rated, strict=True):
        accounts = accounts.join(_totals(found, side), on="account_id", how="left", validate="1:1")
    rises = accounts.with_columns((pl.col("new_minor") - pl.col("old_minor")).alias("change")).drop_nulls("change")
    highest = rises.filter(pl.col("change") > 0).sort("change", "account_id", descending=[True, False]).head(_RISES)
    parked = pl.concat(
        [
            found.parked.select(pl.lit(side).alias("side"), "account_id", "branch_id", "reason", "detail")
            for side, found in zip(_SIDES, rated, strict=True)
        ]
    )
    return accounts, _charges(rated, highest), parked


def _rated(given: RatingInput, books: Sequence[RateBook]) -> list[Bills]:
    """Rate by each book; days are added up once for all where the books only count sums of slots."""
    cut = profiled(given, books)
    if cut is None:
        return [_bills([rate(replace(given, book=book))]) for book in books]
    return [
        _bills([rate_profiled(replace(cut.whole, book=book)), rate(replace(cut.rest, book=book))]) for book in books
    ]


def _bills(parts: Sequence[Rated]) -> Bills:
    return Bills(pl.concat(part.lines for part in parts), pl.concat(part.parked for part in parts))


def _totals(rated: Bills, side: str) -> pl.DataFrame:
    """Return what each account owes; an account of which anything is parked has no row."""
    sums = rated.lines.group_by("account_id").agg(pl.col("amount_minor").sum().alias(f"{side}_minor"))
    return sums.join(rated.parked, on="account_id", how="anti")


def _charges(rated: Sequence[Bills], accounts: pl.DataFrame) -> pl.DataFrame:
    """Return what each charge comes to on both sides; null where a side does not have it."""
    keys = ["account_id", "component_id"]
    old, new = (
        found.lines.join(accounts, on="account_id", how="semi")
        .group_by(keys, maintain_order=True)
        .agg(pl.col("line_text").first().alias(f"{side}_text"), pl.col("amount_minor").sum().alias(f"{side}_minor"))
        for side, found in zip(_SIDES, rated, strict=True)
    )
    both = new.join(old, on=keys, how="full", coalesce=True, validate="1:1")
    text = pl.coalesce("new_text", "old_text").alias("line_text")
    return both.select(*keys, text, "old_minor", "new_minor").sort("account_id", maintain_order=True)
