"""What published bills would become: candidates made anew in bulk, compared, the cause of each line told."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, field
from datetime import date
from functools import partial
from pathlib import Path
from typing import Any

import polars as pl

from cycles.publishing.left_behind import left_behind
from cycles.rebill.back_billing import BackBilling
from cycles.rebill.choice import Chosen, looking_back
from cycles.rebill.compare import BACK_BILLING, LINE_KEY, Made, compared_lines, joined, made_of, state_apart
from cycles.rebill.days import Pass
from cycles.rebill.inputs import of_bills
from cycles.rebill.partition import finish, old_lines
from cycles.rebill.placed import placed_frames
from cycles.rebill.waves import rate_passes
from cycles.runs.folders import frames_at_hand
from cycles.runs.inputs import Inputs
from cycles.runs.partition import Work
from model.tariff import RateBook
from store.workspace import Workspace


@dataclass(frozen=True)
class Candidates:
    """Bills to be made anew, with all that it takes."""

    passes: list[Pass]
    inputs: dict[str, Inputs]
    """By pass, for candidates only; due rows hold the new bills"""
    causes: pl.DataFrame
    """bill_id (a new one's own id), cause: the classes of inputs that changed"""


@dataclass(frozen=True)
class Search:
    """What candidates become."""

    candidates: Candidates
    bills: pl.DataFrame
    """new_id, bill_id (null for a new bill), run_id, account_id, branch_id, cycle_id, currency, turn, pass_name,
    before_minor, after_minor, after_lines, outcome (`changed`, `unchanged`, `parked`), reason"""
    lines: pl.DataFrame
    """Lines of changed bills side by side: see `cycles.rebill.compare.compared_lines`"""
    made: Made
    opened: dict[str, dict[str, pl.DataFrame]]
    """By pass what it found of earlier ones: history and banks"""


def find_candidates(
    chosen: Chosen, passes: Sequence[Pass], inputs: Mapping[str, Inputs], causes: pl.DataFrame, book: RateBook,
    *, wanted: tuple[str, ...], everything: bool,
) -> Candidates:  # fmt: skip
    """Return the bills to be made anew: changed ones, all that are asked for, and later ones that look back at them."""
    told = causes.filter(pl.col("cause").is_in(list(wanted))) if wanted else causes
    asked = chosen.bills.filter(pl.col("is_asked")) if everything else chosen.bills.clear()
    direct = pl.concat([told.select("bill_id"), asked.select("bill_id")]).unique()
    later = _later(passes, direct, book)
    all_ids = pl.concat([direct, later]).unique()
    known = pl.concat([causes, later.with_columns(pl.lit("history").alias("cause"))]).unique()
    new_ids = pl.concat([
        chosen.bills.join(all_ids, on="bill_id", how="semi")["new_id"], _fresh(chosen, all_ids)
    ]).unique()  # fmt: skip
    kept = {}
    some = []
    for own in passes:
        bills = own.bills.join(all_ids, on="bill_id", how="semi")
        due = own.due.filter(pl.col("bill_id").is_in(new_ids.implode()))
        if bills.is_empty() and due.is_empty():
            continue
        frames = of_bills(inputs[own.name].frames, new_ids)
        frames["spans"] = _spans(own, bills)
        kept[own.name] = Inputs(frames, inputs[own.name].files)
        then = own.then.join(bills, on="bill_id", how="semi")
        some.append(Pass(own.name, own.cycle, bills, then, due))
    return Candidates(some, kept, known.join(all_ids, on="bill_id", how="semi"))


def _fresh(chosen: Chosen, ids: pl.DataFrame) -> pl.Series:
    """Return the ids among them that are of new bills."""
    return ids.join(chosen.bills, on="bill_id", how="anti")["bill_id"]


def _spans(own: Pass, bills: pl.DataFrame) -> pl.DataFrame:
    """Return the days of bills as they were billed: account_id, service_point_id, start_date, end_date."""
    then = own.then.join(bills, on="bill_id", how="semi")
    return then.select("account_id", "service_point_id", "start_date", "end_date")


def _later(passes: Sequence[Pass], direct: pl.DataFrame, book: RateBook) -> pl.DataFrame:
    """Return the bills after the direct ones at the same service points whose tariffs look back."""
    then = pl.concat([
        own.then.select("bill_id", "service_point_id", "start_date", "tariff_id") for own in passes
    ])  # fmt: skip
    now = pl.concat([own.due.select(pl.col("bill_id"), "service_point_id", "start_date") for own in passes])
    begun = pl.concat([then.select(now.columns), now]).join(direct, on="bill_id", how="semi")
    firsts = begun.group_by("service_point_id").agg(pl.col("start_date").min().alias("first"))
    looks = then.filter(pl.col("tariff_id").is_in(looking_back(book).implode()))
    later = looks.join(firsts, on="service_point_id", how="inner", validate="m:1")
    return later.filter(pl.col("start_date") > pl.col("first")).select("bill_id").unique()


def search(
    workspace: Workspace,
    base: dict[str, Any],
    candidates: Candidates,
    rule: BackBilling | None,
    partitions: pl.DataFrame,
) -> Search:
    """Make the candidates anew, partition by partition, and compare them with what was published.

    `base` is what a plan says of rules and dates; `partitions`: account_id, partition.
    """
    listed = [pass_listing(own, candidates.inputs[own.name]) for own in candidates.passes]
    placed = placed_frames(candidates.inputs, partitions)
    numbers = partitions["partition"].unique().sort().to_list()
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        made_by = list(pool.map(
            lambda number: _made_anew(workspace, base, candidates, rule, (listed, placed, partitions), number), numbers
        ))  # fmt: skip
    ids = _ids(candidates)
    whole = joined([made for one in made_by for made in one.made])
    left = left_behind(workspace, ids.select("bill_id", "run_id")) if ids.height else None
    others = [frame for one in made_by for frame in one.others]
    moved = others if left is None else [*others, state_apart(whole, left, ids)]
    found_bills = _bills_found(candidates, pl.concat(moved).unique(), whole)
    changed = found_bills.filter(pl.col("outcome") == "changed")
    # By pass and line, as one partition has them, so that a plan tells the same however it was cut.
    lines = [
        pl.concat(of_pass).sort("new_id", *LINE_KEY) for of_pass in zip(*(one.lines for one in made_by), strict=True)
    ]
    shown = pl.concat(lines).join(changed, on="new_id", how="semi")
    carried = {
        str(item["name"]): {
            key: pl.concat([one.opened[str(item["name"])][key] for one in made_by]) for key in ("history", "banks")
        }
        for item in listed
    }
    return Search(candidates, found_bills, shown, whole, carried)


@dataclass
class _Anew:
    """What a partition of candidates came to, a frame for each pass."""

    others: list[pl.DataFrame] = field(default_factory=list)
    made: list[Made] = field(default_factory=list)
    lines: list[pl.DataFrame] = field(default_factory=list)
    opened: dict[str, dict[str, pl.DataFrame]] = field(default_factory=dict)


def _made_anew(
    workspace: Workspace, base: dict[str, Any], candidates: Candidates, rule: BackBilling | None,
    plan: tuple[list[dict[str, Any]], dict[str, dict[str, pl.DataFrame]], pl.DataFrame], number: int,
) -> _Anew:  # fmt: skip
    """Rate the passes of a partition. `plan`: the passes as they are listed, their frames, account_id and partition."""
    listed, placed, partitions = plan
    keep = pl.col("partition") == number
    work = Work(workspace, Path(), base, keep, number, frames_at_hand(placed[str(listed[0]["name"])]))
    owners = partitions.filter(keep)
    taken = _ids(candidates).rename({"new_id": "replaced_by"})
    anew = _Anew()
    for name, done in rate_passes(work, listed, partial(_frame_of_pass, placed), keep):
        mine = _of_pass(candidates, name).join(owners, on="account_id", how="semi")
        own = taken.join(mine, on="bill_id", how="semi")
        old = old_lines(done, own)
        assert done.rating_input is not None and done.rated is not None
        anew.opened[name] = {"history": done.rating_input.history, "banks": done.rating_input.banks}
        # Whether a bill is another is told without the limit, which moves with the business date.
        unlimited = old.filter(pl.col("component_id") != BACK_BILLING)
        anew.others.append(compared_lines(unlimited, done.rated.lines).filter("is_other").select("new_id"))
        finish(done, own, rule)
        found = made_of(done)
        anew.made.append(found)
        anew.lines.append(compared_lines(old, found.lines))
    return anew


def _ids(candidates: Candidates) -> pl.DataFrame:
    return pl.concat([own.bills.select("bill_id", "run_id", "new_id", "account_id") for own in candidates.passes])


def _of_pass(candidates: Candidates, name: str) -> pl.DataFrame:
    return next(own.bills for own in candidates.passes if own.name == name)


def _bills_found(candidates: Candidates, moved: pl.DataFrame, made: Made) -> pl.DataFrame:
    headers = pl.concat([
        own.bills.select("new_id", "bill_id", "run_id", "account_id", "branch_id", "cycle_id", "currency", "turn",
                         pl.col("total_minor").alias("before_minor")).with_columns(pl.lit(own.name).alias("pass_name"))
        for own in candidates.passes
    ])  # fmt: skip
    fresh = _fresh_headers(candidates, headers)
    after = made.lines.group_by(pl.col("bill_id").alias("new_id")).agg(
        pl.col("amount_minor").sum().alias("after_minor"), pl.len().cast(pl.Int32).alias("after_lines")
    )
    return (
        pl.concat([headers, fresh.select(headers.columns)])
        .join(after, on="new_id", how="left", validate="1:1")
        .join(made.parked, on="new_id", how="left", validate="1:1")
        .with_columns(
            pl.col("after_minor", "after_lines").fill_null(0),
            pl.when(pl.col("reason").is_not_null()).then(pl.lit("parked"))
            .when(pl.col("new_id").is_in(moved["new_id"].implode())).then(pl.lit("changed"))
            .otherwise(pl.lit("unchanged")).alias("outcome"),
        )
        .sort("account_id", "cycle_id", "new_id")
    )  # fmt: skip


def _fresh_headers(candidates: Candidates, headers: pl.DataFrame) -> pl.DataFrame:
    parts = [
        candidates.inputs[own.name]
        .frames["due"]
        .select(pl.col("bill_id").alias("new_id"), "account_id", "branch_id", "cycle_id", "currency")
        .with_columns(pl.lit(own.name).alias("pass_name"))
        for own in candidates.passes
    ]
    fresh = pl.concat(parts).unique("new_id").join(headers, on="new_id", how="anti")
    none = pl.lit(None, pl.String)
    return fresh.with_columns(
        none.alias("bill_id"),
        none.alias("run_id"),
        pl.lit(0, pl.Int64).alias("before_minor"),
        pl.lit(0, pl.Int32).alias("turn"),
    )


def pass_listing(own: Pass, inputs: Inputs) -> dict[str, Any]:
    """Return a pass as a plan lists it."""
    cycle = {key: value.isoformat() if isinstance(value, date) else value for key, value in asdict(own.cycle).items()}
    return {"name": own.name, "cycle": cycle, "inputs": inputs.listed()}


def _frame_of_pass(
    placed: Mapping[str, Mapping[str, pl.DataFrame]], pass_name: str, name: str, keep: pl.Expr | None = None
) -> pl.DataFrame:
    return frames_at_hand(placed[pass_name])(name, keep)
