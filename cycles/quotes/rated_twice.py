"""Who a tariff bills rated by two rate books, on the same reads: what each account owes by either, nothing posted.

Reads come in partitions that fit into memory. Where the books only count sums of slots, each partition's days are added
up by kind of day, and many partitions are priced at once, for to price some agreements at all has a price of its own.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, fields, replace

import polars as pl

from cycles.quotes.kept_profiles import cut_partition
from cycles.quotes.unplanned import Unplanned
from model.progress import Progress
from model.rating import DueAgreements, DueAttributes, RatingInput
from model.reads import INTERVAL_LENGTHS
from model.schema import checked
from model.tariff import RateBook
from rating.owed import Owed, owed
from rating.profiles import day_kinds
from store.kept import sweep_kept

RISES = 10
_SIDES = ("old", "new")
# So many agreements are priced at once: the first costs as much as ten thousand, and a thousand take ten megabytes.
_AGREEMENTS_AT_ONCE = 50_000
_ROWS_AT_ONCE = 300_000  # days of channels that are rated day by day
# Tables of an input of which a row may belong to several partitions.
_SHARED = ("history", "gates")


@dataclass(frozen=True)
class Twice:
    """What both sides bill.

    `accounts`: account_id, branch_id, revenue_class, old_minor, new_minor; null where that side cannot be billed.
    `charges`: account_id, component_id, line_text, old_minor, new_minor, of the accounts that rise most.
    `parked`: side, account_id, branch_id, reason, detail.
    """

    accounts: pl.DataFrame
    charges: pl.DataFrame
    parked: pl.DataFrame


def rate_twice(gathered: Unplanned, books: Sequence[RateBook], progress: Progress) -> Twice:
    """Rate all that was gathered by the old and the new book."""
    progress.begin("rate", len(gathered.partitions), "partitions")
    rests: list[RatingInput] = []
    parts: list[Twice] = []
    # Frames work outside the interpreter's lock, so groups beside each other use the cores; their order is kept.
    with ThreadPoolExecutor(os.cpu_count() or 1) as pool:
        for found, rest in pool.map(lambda group: _rate_group(gathered, group, books, progress), _groups(gathered)):
            parts += found
            rests += rest
        parts += pool.map(lambda given: _both(given, books), _few(rests))
    sweep_kept(gathered.workspace.profiles)
    accounts, charges, parked = (pl.concat(getattr(part, field.name) for part in parts) for field in fields(Twice))
    progress.end("rate", accounts=accounts.height)
    return Twice(accounts.sort("account_id"), charges, parked.sort("side", "account_id", "reason"))


def _groups(gathered: Unplanned) -> list[list[int]]:
    """Return the partitions in groups that are priced at once: as many as there are cores, or more."""
    partitions, cores = gathered.partitions, os.cpu_count() or 1
    rounds = -(-gathered.inputs.frames["due"].height // (_AGREEMENTS_AT_ONCE * cores))
    each = -(-len(partitions) // (rounds * cores))
    return [partitions[first : first + each] for first in range(0, len(partitions), each)]


def _rate_group(
    gathered: Unplanned, partitions: list[int], books: Sequence[RateBook], progress: Progress
) -> tuple[list[Twice], list[RatingInput]]:
    """Return what accounts owe whose days could be added up, and the input of the others."""
    frames = gathered.inputs.frames
    due = checked(DueAgreements, frames["due"].filter(pl.col("partition").is_in(partitions)))
    kinds = day_kinds(due, checked(DueAttributes, frames["attributes"]), books, INTERVAL_LENGTHS)
    found, wholes, rests = [], [], []
    for partition in partitions:
        if kinds is None:
            found.append(_both(gathered.rating_input(partition), books))
        else:
            cut = cut_partition(gathered, partition, kinds)
            wholes.append(cut.whole)
            rests.append(cut.rest)
        progress.advance("rate")
    if wholes:
        found.append(_both(joined(wholes), books, is_profiled=True))
    return found, rests


def _few(rests: Sequence[RatingInput]) -> Iterator[RatingInput]:
    """Join inputs, each of few accounts, to such that are worth a rating of their own."""
    some: list[RatingInput] = []
    for rest in rests:
        some.append(rest)
        if sum(wide.height for one in some for wide in one.days.values()) > _ROWS_AT_ONCE:
            yield joined(some)
            some = []
    if some:
        yield joined(some)


def joined(inputs: Sequence[RatingInput]) -> RatingInput:
    """Return inputs of different accounts as one."""
    first = inputs[0]
    tables = {
        field.name: pl.concat([getattr(given, field.name) for given in inputs], rechunk=True)
        for field in fields(RatingInput)
        if isinstance(getattr(first, field.name), pl.DataFrame)
    }
    tables |= {name: tables[name].unique(maintain_order=True) for name in _SHARED}
    lengths = sorted({minutes for given in inputs for minutes in given.days})
    days = {
        minutes: pl.concat([one.days[minutes] for one in inputs if minutes in one.days], how="vertical_relaxed")
        for minutes in lengths
    }
    return replace(first, days=days, **tables)


def _both(given: RatingInput, books: Sequence[RateBook], *, is_profiled: bool = False) -> Twice:
    """Return accounts, charges of those that rise most, and parked of one input."""
    rated = [owed(replace(given, book=book), is_profiled=is_profiled) for book in books]
    accounts = given.due.select("account_id", "branch_id", "revenue_class").unique("account_id", maintain_order=True)
    for side, found in zip(_SIDES, rated, strict=True):
        accounts = accounts.join(_totals(found, side), on="account_id", how="left", validate="1:1")
    rises = accounts.with_columns((pl.col("new_minor") - pl.col("old_minor")).alias("change")).drop_nulls("change")
    highest = rises.filter(pl.col("change") > 0).sort("change", "account_id", descending=[True, False]).head(RISES)
    parked = pl.concat(
        [
            found.parked.select(pl.lit(side).alias("side"), "account_id", "branch_id", "reason", "detail")
            for side, found in zip(_SIDES, rated, strict=True)
        ]
    )
    return Twice(accounts, _charges(rated, highest), parked)


def _totals(rated: Owed, side: str) -> pl.DataFrame:
    """Return what each account owes; an account of which anything is parked has no row."""
    totals = rated.totals.rename({"amount_minor": f"{side}_minor"})
    return totals.join(rated.parked, on="account_id", how="anti")


def _charges(rated: Sequence[Owed], accounts: pl.DataFrame) -> pl.DataFrame:
    """Return what each charge comes to on both sides; null where a side does not have it."""
    keys = ["account_id", "component_id"]
    old, new = (
        found.lines_of(accounts)
        .group_by(keys, maintain_order=True)
        .agg(pl.col("line_text").first().alias(f"{side}_text"), pl.col("amount_minor").sum().alias(f"{side}_minor"))
        for side, found in zip(_SIDES, rated, strict=True)
    )
    both = new.join(old, on=keys, how="full", coalesce=True, validate="1:1")
    text = pl.coalesce("new_text", "old_text").alias("line_text")
    return both.select(*keys, text, "old_minor", "new_minor").sort("account_id", maintain_order=True)
