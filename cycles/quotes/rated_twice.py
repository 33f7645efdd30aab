"""Whom a tariff bills rated by two rate books, on the same reads: what each account owes by either, nothing posted.

What accounts owe by a book is kept: proposals are compared with the same present tariff, one after another.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace

import polars as pl

from cycles.quotes.found_lots import Lots
from cycles.quotes.lots import Lot, joined, of_some
from model.ids import content_hash
from model.progress import Progress
from model.tariff import RateBook
from rating.owed import owed
from store.kept import keep_frames, kept_frames, sweep_kept
from store.workspace import Workspace

RISES = 10
SIDES = ("old", "new")
_SIDE = ["totals", "parked"]


@dataclass(frozen=True)
class Twice:
    """What both sides bill.

    `accounts`: account_id, branch_id, revenue_class, is_by_kind (its days were added up), old_minor, new_minor; null
    where that side cannot be billed. `charges`: account_id, component_id, line_text, old_minor, new_minor, of the
    accounts that rise most. `parked`: side, account_id, branch_id, reason, detail.
    """

    accounts: pl.DataFrame
    charges: pl.DataFrame
    parked: pl.DataFrame


@dataclass(frozen=True)
class SideOwed:
    """What accounts owe by one book. `totals`: account_id, amount_minor; `parked`: account_id, branch_id, and why."""

    totals: pl.DataFrame
    parked: pl.DataFrame


@dataclass(frozen=True)
class LotRated:
    """What a lot comes to: its accounts with what both sides bill, each side, and a lot of those that rise most."""

    accounts: pl.DataFrame
    sides: list[SideOwed]
    risers: Lot


def rate_twice(workspace: Workspace, key: str, lots: Lots, books: Sequence[RateBook], progress: Progress) -> Twice:
    """Rate all lots by the old and the new book. `key` stands for whom they bill, and their reads.

    Raises:
        NotKeptError: a lot that was kept is gone or damaged.
    """
    progress.begin("rate", len(lots.openers), "lots")
    keys = [content_hash(key, *(frame.write_json() for frame in book.frames().values()))[:32] for book in books]
    kept = [kept_frames(workspace.profiles, side, _SIDE) for side in keys]
    sides = [None if found is None else SideOwed(**found) for found in kept]

    def rated(lot: Lot) -> LotRated:
        found = _rated(lot, books, sides)
        progress.advance("rate")
        return found

    # Frames work outside the interpreter's lock, so lots beside each other use the cores; their order is kept.
    with ThreadPoolExecutor(os.cpu_count() or 1) as pool:
        parts = list(pool.map(lambda opener: rated(opener()), lots.openers))
        parts += pool.map(rated, lots.left_over())
    whole = [
        SideOwed(
            pl.concat(part.sides[place].totals for part in parts), pl.concat(part.sides[place].parked for part in parts)
        )
        for place in range(len(books))
    ]
    for side, found, before in zip(keys, whole, sides, strict=True):
        if before is None:
            keep_frames(workspace.profiles, side, {"totals": found.totals, "parked": found.parked})
    sweep_kept(workspace.profiles)
    accounts = pl.concat(part.accounts for part in parts).sort("account_id")
    progress.end("rate", accounts=accounts.height)
    named = zip(SIDES, whole, strict=True)
    parked = pl.concat(found.parked.select(pl.lit(name).alias("side"), pl.all()) for name, found in named)
    charges = _charges([part.risers for part in parts], _highest(accounts), books)
    return Twice(accounts, charges, parked.sort("side", "account_id", "reason", "detail"))


def _rated(lot: Lot, books: Sequence[RateBook], kept: Sequence[SideOwed | None]) -> LotRated:
    """Return what a lot comes to. `kept`: what all accounts owe by a book, where that is known."""
    accounts = lot.given.due.select("account_id", "branch_id", "revenue_class").unique(
        "account_id", maintain_order=True
    )
    accounts = accounts.with_columns(is_by_kind=pl.lit(lot.extremes is not None))
    sides = []
    for side, book, known in zip(SIDES, books, kept, strict=True):
        found = _side(lot, book) if known is None else _of_accounts(known, accounts)
        totals = found.totals.rename({"amount_minor": f"{side}_minor"})
        accounts = accounts.join(totals, on="account_id", how="left", validate="1:1")
        sides.append(found)
    return LotRated(accounts, sides, of_some(lot, _highest(accounts)))


def _side(lot: Lot, book: RateBook) -> SideOwed:
    """Return what each account owes; one of which anything is parked owes nothing that is known."""
    found = owed(replace(lot.given, book=book), lot.extremes)
    return SideOwed(
        found.totals.join(found.parked, on="account_id", how="anti"),
        found.parked.select("account_id", "branch_id", "reason", "detail"),
    )


def _of_accounts(side: SideOwed, accounts: pl.DataFrame) -> SideOwed:
    return SideOwed(*(frame.join(accounts, on="account_id", how="semi") for frame in (side.totals, side.parked)))


def _highest(accounts: pl.DataFrame) -> pl.DataFrame:
    """Return the accounts that rise most."""
    change = accounts.with_columns((pl.col("new_minor") - pl.col("old_minor")).alias("change")).drop_nulls("change")
    return change.filter(pl.col("change") > 0).sort("change", "account_id", descending=[True, False]).head(RISES)


def _charges(lots: Sequence[Lot], accounts: pl.DataFrame, books: Sequence[RateBook]) -> pl.DataFrame:
    """Return what each charge of some accounts comes to on both sides; null where a side does not have it."""
    mine = [of_some(lot, accounts) for lot in lots]
    some = [lot for lot in mine if lot.given.due.height]
    apart = ([lot for lot in some if (lot.extremes is None) == is_plain] for is_plain in (False, True))
    together = [joined(of_a_kind) for of_a_kind in apart if of_a_kind]
    keys = ["account_id", "component_id"]
    old, new = (
        pl.concat(owed(replace(lot.given, book=book), lot.extremes).lines_of(accounts) for lot in together or mine[:1])
        .group_by(keys, maintain_order=True)
        .agg(pl.col("line_text").first().alias(f"{side}_text"), pl.col("amount_minor").sum().alias(f"{side}_minor"))
        for side, book in zip(SIDES, books, strict=True)
    )
    both = new.join(old, on=keys, how="full", coalesce=True, validate="1:1", maintain_order="left_right")
    text = pl.coalesce("new_text", "old_text").alias("line_text")
    return both.select(*keys, text, "old_minor", "new_minor").sort("account_id", maintain_order=True)
