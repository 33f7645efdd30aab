"""Between validated and published: approval branch by branch by another person than who made it, or giving up."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

import polars as pl

from cycles.review.bill_findings import review_digest
from cycles.review.exclusions import kept_out
from cycles.review.makers import makers_of
from cycles.runs.folders import run_folder, run_table, staged_manifest
from cycles.runs.records import change_state, refused_state, the_run
from cycles.runs.scope import refuse_strange_run
from ledger.post import summed_minor
from model.codes import RunState
from model.errors import ConfigError, ControlError, RoleError
from model.ids import content_hash
from model.money import CURRENCY_EXPONENT, format_minor
from model.review import Approvals
from model.roles import Act, Actor, Role, role_of
from model.schema import arranged
from store.audit import record
from store.control import Connection, control, transaction
from store.facts import facts, record_facts
from store.roles import own_branches, read_roles
from store.workspace import Workspace

_KEYS = ["branch_id", "currency"]


@dataclass(frozen=True)
class ApprovedBranches:
    """What approving did, and what is left to do."""

    new: tuple[str, ...]
    """Branches approved now."""
    waiting: tuple[str, ...]
    """Branches of the run that nobody has approved yet."""


def approve_run(workspace: Workspace, run_id: str, *, at: datetime, actor: str, branches: Collection[str] = ()) -> bool:
    """Approve the branches of a run that wait, or some of them; return False when nothing was left to approve.

    Raises: as `approve_branches`.
    """
    return bool(approve_branches(workspace, run_id, at=at, actor=actor, branches=branches).new)


def approve_branches(
    workspace: Workspace, run_id: str, *, at: datetime, actor: str, branches: Collection[str] = ()
) -> ApprovedBranches:
    """Approve branches of a validated run; empty `branches` are all that are the actor's. The last one approves it.

    Raises:
        ConfigError: a branch is not in the run.
        RoleError: an amount is above what the actor's roles may approve.
        ControlError: the run is not validated, or the actor planned it or made something that is in it.
    """
    with control(workspace, purpose="cycle approve") as connection, transaction(connection):
        row = the_run(connection, run_id)
        state = RunState(row["state"])
        if state in {RunState.APPROVED, RunState.PUBLISHED}:
            held = standing_approvals(connection, run_id)
            if actor in held["approved_by"].to_list():
                return ApprovedBranches((), ())
        if state != RunState.VALIDATED:
            raise refused_state(run_id, state, RunState.APPROVED)
        figures = branch_figures(workspace, connection, run_id)
        wanted = _wanted(workspace, run_id, figures, branches)
        waiting = waiting_branches(connection, run_id, figures)
        chosen = figures.filter(pl.col("branch_id").is_in([name for name in waiting if name in wanted]))
        makers = makers_of(workspace, connection, row)
        _refuse_makers(run_id, actor, row, chosen, makers)
        _refuse_limits(workspace, run_id, actor, chosen)
        approved = _rows(run_id, chosen, makers, actor)
        record_facts(connection, "approval", approved, recorded_at=at)
        left = tuple(name for name in waiting if name not in wanted)
        new = tuple(chosen["branch_id"].unique().sort().to_list())
        if not left:
            everybody = standing_approvals(connection, run_id)["approved_by"].unique().sort().to_list()
            change_state(connection, run_id, RunState.APPROVED, approved_by=", ".join(everybody) or str(actor))
        if new or not left:
            detail = f"planned by {row['planned_by']}, {row['billed']} billed, {row['parked']} parked; {_told(chosen)}"
            record(connection, at=at, actor=actor, action="approve", subject=run_id, detail=detail)
        return ApprovedBranches(new, left)


def abandon_run(workspace: Workspace, run_id: str, *, at: datetime, actor: str) -> None:
    """Give up a run that is not published; its files stay, and nothing counts them.

    Raises:
        ControlError: it is published: a published run is undone by a reversing run.
    """
    with control(workspace, purpose="cycle abandon") as connection, transaction(connection):
        row = the_run(connection, run_id)
        refuse_strange_run(workspace, row)
        change_state(connection, run_id, RunState.ABANDONED)
        record(connection, at=at, actor=actor, action="abandon", subject=run_id, detail=f"was {row['state']}")


def branch_figures(workspace: Workspace, connection: Connection, run_id: str) -> pl.DataFrame:
    """Return what there is to approve, by branch and currency, and its digest (model.review.Approvals has the words).

    branch_id, currency, bills, kept_out, total_minor, largest_minor, digest.
    """
    folder = run_folder(workspace, run_id)
    manifest = staged_manifest(folder)
    out = kept_out(workspace, connection, run_id)
    bills = run_table(workspace, manifest, "bills").select("bill_id", *_KEYS, "total_minor")
    going = _sums(bills if out.is_empty() else bills.join(out.lazy(), on="bill_id", how="anti"))
    aside = going.clear() if out.is_empty() else _sums(bills.join(out.lazy(), on="bill_id", how="semi"))
    kept = aside.select(*_KEYS, kept_out="bills")
    joined = _all_branches(workspace, manifest, pl.concat([going, aside])).join(
        going, on=_KEYS, how="left", validate="1:1"
    )
    whole = joined.join(kept, on=_KEYS, how="left", validate="1:1").with_columns(
        pl.col("bills", "kept_out", "total_minor", "largest_minor").fill_null(0)
    )
    digests = _digests(run_id, manifest["digest"], review_digest(folder), whole["branch_id"].unique().to_list(), out)
    digest = pl.col("branch_id").replace_strict(digests, return_dtype=pl.String)
    return whole.with_columns(digest=digest).sort(_KEYS)


def _sums(bills: pl.LazyFrame) -> pl.DataFrame:
    """Return bills, total_minor and largest_minor by branch and currency, without holding the bills.

    The largest is that of the highest amount, whatever its sign; of a bill and a credit alike the one of the later id.
    """
    amount = pl.col("total_minor")
    sums = bills.group_by(_KEYS).agg(
        pl.len().cast(pl.Int64).alias("bills"), summed_minor("total_minor"), amount.max().alias("high"),
        amount.min().alias("low"),
    ).collect(engine="streaming")  # fmt: skip
    larger = pl.when(pl.col("high").abs() > pl.col("low").abs()).then("high").otherwise("low")
    told = sums.with_columns(largest_minor=larger, is_even=pl.col("high") + pl.col("low") == 0)
    even = told.filter("is_even", pl.col("high") > 0)
    if even.height:
        alike = bills.join(even.select(*_KEYS, "high").lazy(), on=_KEYS, how="inner", validate="m:1")
        last = alike.filter(amount.abs() == pl.col("high")).group_by(_KEYS).agg(
            amount.sort_by("bill_id").last().alias("of_last")
        )  # fmt: skip
        told = told.join(last.collect(), on=_KEYS, how="left", validate="1:1").with_columns(
            largest_minor=pl.coalesce("of_last", "largest_minor")
        )
    return told.select(*_KEYS, "bills", "total_minor", "largest_minor")


def standing_approvals(connection: Connection, run_id: str) -> pl.DataFrame:
    """Return the approvals of a run that hold (model.review.Approvals)."""
    return facts(connection, "approval").filter(pl.col("run_id") == run_id, pl.col("state") == "approved")


def waiting_branches(connection: Connection, run_id: str, figures: pl.DataFrame) -> list[str]:
    """Return the branches of a run that nobody has approved as they are now."""
    held = standing_approvals(connection, run_id).select(*_KEYS, "digest")
    return figures.join(held, on=[*_KEYS, "digest"], how="anti")["branch_id"].unique().sort().to_list()


def refuse_other_than_approved(workspace: Workspace, connection: Connection, run_id: str) -> None:
    """Refuse to publish anything else than what was approved, to the byte.

    Raises:
        ControlError: names the first branch that is not what was approved.
    """
    waiting = waiting_branches(connection, run_id, branch_figures(workspace, connection, run_id))
    if waiting:
        raise ControlError(
            f"run `{run_id}`: branch `{waiting[0]}` is not what was approved",
            hint="its files or the list of bills kept out were changed; abandon it, or approve what is there now",
        )


def _all_branches(workspace: Workspace, manifest: Mapping[str, Any], bills: pl.DataFrame) -> pl.DataFrame:
    """Return branches and currencies of a run; a branch of which everything is parked has no money in it."""
    parked = run_table(workspace, dict(manifest), "parked").select("branch_id").unique().collect()
    empty = parked.join(bills, on="branch_id", how="anti").select("branch_id", pl.lit("").alias("currency"))
    return pl.concat([bills.select(_KEYS).unique(), empty])


def _digests(run_id: str, files: str, review: str, branches: Collection[str], out: pl.DataFrame) -> dict[str, str]:
    rows = {
        branch: [text for row in out.filter(pl.col("branch_id") == branch).sort("bill_id").iter_rows() for text in row]
        for branch in branches
    }
    return {branch: content_hash("approval", run_id, branch, files, review, *texts) for branch, texts in rows.items()}


def _wanted(workspace: Workspace, run_id: str, figures: pl.DataFrame, branches: Collection[str]) -> list[str]:
    there = figures["branch_id"].unique().sort().to_list()
    strange = [branch for branch in branches if branch not in there]
    if strange:
        raise ConfigError(f"branch `{strange[0]}` is not in run `{run_id}`", hint=f"it has {', '.join(there)}")
    own = own_branches(workspace, branches)
    chosen = [branch for branch in there if not own or branch in own]
    if not chosen and there:
        raise RoleError(f"run `{run_id}` has none of your branches", hint=f"it has {', '.join(there)}")
    return chosen


def _refuse_makers(
    run_id: str, actor: str, row: Mapping[str, Any], chosen: pl.DataFrame, makers: Mapping[str, Mapping[str, str]]
) -> None:
    hint = f"another person approves: billmill cycle approve {run_id} --by NAME"
    if row["planned_by"] == actor:
        raise ControlError(f"run `{run_id}` was planned by {actor}; the same person cannot approve it", hint=hint)
    for branch in chosen["branch_id"].unique().sort():
        made = makers.get(branch, {}).get(actor)
        if made is not None:
            raise ControlError(
                f"branch `{branch}` of run `{run_id}`: {actor} {made}; who makes cannot approve", hint=hint
            )


def _refuse_limits(workspace: Workspace, run_id: str, actor: str, chosen: pl.DataFrame) -> None:
    if not isinstance(actor, Actor) or not actor.roles:
        return
    for branch, currency, total, largest in chosen.select(*_KEYS, "total_minor", "largest_minor").iter_rows():
        if currency and not any(_within(role, branch, currency, total, largest) for role in actor.roles):
            able = [
                f"{role.name} ({', '.join(sorted(role.users))})"
                for role in read_roles(workspace.root).allowing(Act.APPROVE)
                if _within(role, branch, currency, total, largest)
            ]
            raise RoleError(
                f"branch `{branch}` of run `{run_id}`: {format_minor(total, currency)} {currency} in all, the largest "
                f"bill {format_minor(largest, currency)}: more than {actor} ({actor.role}) may approve",
                hint=f"a role that may: {'; '.join(able) or 'none; keep the bill out, or raise a limit'}",
            )


def _within(role: Role, branch: str, currency: str, total: int, largest: int) -> bool:
    major = [Decimal(abs(amount)).scaleb(-CURRENCY_EXPONENT[currency]) for amount in (largest, total)]
    limits = (role.approve_up_to, role.approve_branch_up_to)
    return role.covers(branch) and all(
        limit is None or amount <= limit for limit, amount in zip(limits, major, strict=True)
    )


def _rows(run_id: str, chosen: pl.DataFrame, makers: Mapping[str, Mapping[str, str]], actor: str) -> pl.DataFrame:
    named = {branch: ", ".join(sorted(people)) for branch, people in makers.items()}
    rows = chosen.with_columns(
        run_id=pl.lit(run_id), state=pl.lit("approved"), approved_by=pl.lit(str(actor)), role=pl.lit(role_of(actor)),
        makers=pl.col("branch_id").replace_strict(named, default="", return_dtype=pl.String),
    )  # fmt: skip
    return arranged(Approvals, rows)


def _told(chosen: pl.DataFrame) -> str:
    parts = [
        f"{branch} {format_minor(total, currency)} {currency}" if currency else branch
        for branch, currency, total in chosen.select(*_KEYS, "total_minor").iter_rows()
    ]
    return f"branches {', '.join(parts)}" if parts else "no branch with bills"
