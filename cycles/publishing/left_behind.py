"""What published bills left to later ones, and what stands in its place once they are taken back.

Nothing is deleted: a value is no longer held true, or the balance before it is recorded anew.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import polars as pl

from cycles.publishing.carried import banks_before
from cycles.publishing.published_rows import bill_runs, frame_of_pass, planned_due
from cycles.runs.folders import read_manifest, run_folder, run_table
from model.corrections import LeftBanks, LeftHistory
from model.errors import ControlError
from model.rating import BankBalances, History
from model.schema import arranged, grain, polars_schema
from store.control import Connection
from store.facts import facts
from store.standing import standing_keys
from store.workspace import Workspace

_NAMED = 5  # bills that a message names
_FOLLOWERS = {"bill_id": pl.String, "follower_id": pl.String, "what": pl.String}


@dataclass(frozen=True)
class LeftBehind:
    """What bills left, and what their agreements carried before them."""

    spans: pl.DataFrame
    """Their agreements: bill_id, run_id, cycle_id, agreement_id, service_point_id, tariff_id, start_date, end_date"""
    history: pl.DataFrame
    """model.rating.History that they left"""
    banks: pl.DataFrame
    """model.rating.BankBalances that they left"""


def left_behind(workspace: Workspace, bills: pl.DataFrame) -> LeftBehind:
    """Return what published bills (bill_id, run_id) left to the bills after them."""
    spans = (
        planned_due(workspace, bills)
        .sort("agreement_id", "start_date")
        .group_by("bill_id", "run_id", "cycle_id", "agreement_id", "service_point_id", maintain_order=True)
        .agg(pl.col("tariff_id").last(), pl.col("start_date").min(), pl.col("end_date").max())
    )
    history = [pl.DataFrame(schema=polars_schema(History))]
    banks = [pl.DataFrame(schema=polars_schema(BankBalances))]
    for run in bill_runs(bills):
        manifest = read_manifest(run_folder(workspace, run))
        own = spans.filter(pl.col("run_id") == run)
        begun = own.select("service_point_id", pl.col("start_date").alias("period_start_date")).lazy()
        ended = own.select("agreement_id", pl.col("end_date").alias("as_of_date")).lazy()
        history.append(
            run_table(workspace, manifest, "history")
            .join(begun, on=["service_point_id", "period_start_date"], how="semi")
            .collect()
        )
        banks.append(
            run_table(workspace, manifest, "banks").join(ended, on=["agreement_id", "as_of_date"], how="semi").collect()
        )
    return LeftBehind(spans, pl.concat(history).unique(), pl.concat(banks).unique())


def refuse_followed(workspace: Workspace, connection: Connection, left: LeftBehind) -> None:
    """Refuse to take bills back on which a later bill rests that would stay.

    Raises:
        ControlError: names what has to be taken back with them.
    """
    stays = standing_keys(connection).join(left.spans, on="bill_id", how="anti")
    after_bank = _after_banks(stays, left)
    after_history = _after_history(workspace, connection, stays, left)
    followers = pl.concat([after_bank, after_history]).unique().sort("bill_id", "follower_id")
    if followers.height:
        names = followers["follower_id"].unique().sort()
        more = f" and {names.len() - _NAMED} more" if names.len() > _NAMED else ""
        first = followers.row(0, named=True)
        listed = " ".join(names.head(_NAMED).to_list())
        raise ControlError(
            f"bill `{first['bill_id']}` cannot be taken back alone: bill `{first['follower_id']}` rests on the "
            f"{first['what']} that it left",
            hint=f"name these with it: {listed}{more}; or bill again instead: billmill rebill plan",
        )


def _after_banks(stays: pl.DataFrame, left: LeftBehind) -> pl.DataFrame:
    held = left.banks.select("agreement_id", "as_of_date").unique()
    owners = left.spans.select("bill_id", "agreement_id", "end_date")
    return (
        held.join(owners, left_on=["agreement_id", "as_of_date"], right_on=["agreement_id", "end_date"], how="inner",
                  validate="m:m")
        .join(stays.select("agreement_id", "period_start_date", pl.col("bill_id").alias("follower_id")),
              on="agreement_id", how="inner", validate="m:m")
        .filter(pl.col("period_start_date") >= pl.col("as_of_date"))
        .select("bill_id", "follower_id", pl.lit("balance").alias("what"))
    )  # fmt: skip


def _after_history(workspace: Workspace, connection: Connection, stays: pl.DataFrame, left: LeftBehind) -> pl.DataFrame:
    points = facts(connection, "agreements").select("agreement_id", "service_point_id")
    owners = left.spans.select("bill_id", "service_point_id", pl.col("start_date").alias("period_start_date"))
    later = (
        left.history.join(owners, on=["service_point_id", "period_start_date"], how="inner", validate="m:m")
        .join(
            stays.join(points, on="agreement_id", how="inner", validate="m:1").select(
                "service_point_id", "run_id", pl.col("bill_id").alias("follower_id"),
                pl.col("period_start_date").alias("follows_from"),
            ),
            on="service_point_id", how="inner", validate="m:m",
        )
        .filter(pl.col("follows_from") >= pl.col("period_end_date"))
    )  # fmt: skip
    if later.is_empty():
        return pl.DataFrame(schema=_FOLLOWERS)
    planned = planned_due(workspace, later.select(pl.col("follower_id").alias("bill_id"), "run_id").unique())
    of_bill = planned.select(pl.col("bill_id").alias("follower_id"), "pass_name").unique()
    placed = later.join(of_bill, on="follower_id", how="inner", validate="m:1")
    counted = []
    for (run, name), some in sorted(placed.partition_by("run_id", "pass_name", as_dict=True).items()):
        reach = _reach(frame_of_pass(run_folder(workspace, str(run)), str(name), "book_quantities"))
        reached = some.join(reach, on="quantity_id", how="inner", validate="m:1")
        oldest = pl.col("follows_from") - pl.duration(days=pl.col("history_back") * 31 + 31)
        counted.append(reached.filter(pl.col("period_start_date") >= oldest))
    return pl.concat(counted).select("bill_id", "follower_id", pl.format("value of `{}`", "quantity_id").alias("what"))


def _reach(quantities: pl.DataFrame) -> pl.DataFrame:
    """Return how many periods back each quantity is counted at most."""
    counted = quantities.filter(pl.col("history_of").is_not_null())
    return counted.group_by(pl.col("history_of").alias("quantity_id")).agg(pl.col("history_back").max())


@dataclass(frozen=True)
class Restored:
    """What is held true once bills are taken back and nothing is billed in their place."""

    banks_now: pl.DataFrame
    """model.rating.BankBalances of their agreements as they are; they must not move until it is published"""
    banks: pl.DataFrame
    """model.rating.BankBalances as they were before the bills"""
    dropped_banks: pl.DataFrame
    """model.corrections.LeftBanks that had no balance before"""
    dropped_history: pl.DataFrame
    """model.corrections.LeftHistory"""


def restored(connection: Connection, left: LeftBehind, known_at: datetime) -> Restored:
    """Return the state before bills that are taken back."""
    now = facts(connection, "bank_balance", known_at=known_at).join(left.spans, on="agreement_id", how="semi")
    key = grain(BankBalances)
    mine = now.join(left.banks, on=[*key, "as_of_date"], how="semi")
    firsts = left.spans.group_by("agreement_id").agg(pl.col("start_date").min())
    before = banks_before(connection, firsts, known_at).join(mine, on=key, how="semi")
    return Restored(
        banks_now=arranged(BankBalances, now.sort(key)),
        banks=arranged(BankBalances, before.sort(key)),
        dropped_banks=arranged(LeftBanks, mine.join(before, on=key, how="anti").select(key).sort(key)),
        dropped_history=arranged(LeftHistory, left.history.select(grain(History)).unique().sort(grain(History))),
    )
