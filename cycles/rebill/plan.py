"""`rebill plan`: which published bills become others, what each would become and why. A plan with a hash."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import date
from typing import Any

import polars as pl

from cycles.asked import check_known, check_option, check_why
from cycles.books.acts import refuse_closed
from cycles.publishing.carried import opening_banks
from cycles.publishing.left_behind import left_behind, restored
from cycles.publishing.published_rows import PASSES, bill_runs
from cycles.rebill.back_billing import BackBilling, back_billing_rule
from cycles.rebill.causes import CAUSES
from cycles.rebill.choice import Chosen, RebillRequest, choose_bills
from cycles.rebill.compare import LINES
from cycles.rebill.days import Pass, passes_of
from cycles.rebill.inputs import Knowledge, changed_classes, inputs_now, known_now, of_bills
from cycles.rebill.line_causes import with_causes
from cycles.rebill.placed import cut_accounts, placed_frames
from cycles.rebill.search import (
    Candidates,
    Search,
    find_candidates,
    pass_listing,
    search,
)
from cycles.rebill.stale import OWED
from cycles.runs.folders import read_manifest, run_folder
from cycles.runs.inputs import Inputs, last_load
from cycles.runs.plan import Planned, as_parquet, keep_plan, reread, same_or_refused
from cycles.runs.records import find_run, planned_row, the_run
from ingest.rules.rule_store import rules_of_text, text_in_force
from ledger.reversal import SUFFIX
from model.codes import RunKind, TrueUp
from model.corrections import LeftBanks, LeftHistory, Reversals
from model.errors import ConfigError
from model.ids import content_hash, run_id
from model.rating import BankBalances, DueAgreements, History
from model.schema import arranged, empty, grain
from store.code import code_version
from store.control import Connection, control
from store.workspace import Workspace
from tariffs.states import files_in_force


@dataclass(frozen=True)
class RebillPlan:
    """What a search found, and the run that would do it; None when nothing becomes another."""

    planned: Planned | None
    bills: pl.DataFrame
    """See `cycles.rebill.search.Search.bills`, with `causes`"""
    lines: pl.DataFrame
    """See `cycles.rebill.compare.compared_lines`, with `cause`"""


def plan_rebill(workspace: Workspace, request: RebillRequest) -> RebillPlan:
    """Search published bills that become others with what is known now, and plan a run that replaces them.

    The same search again gives the same plan.

    Raises:
        ConfigError: no bill is meant by the options, or the back-billing rule is not usable.
        ControlError: the business date is in a closed period.
        StaleError: the same plan was given up.
    """
    check_why(request.reason)
    check_option("--cause", request.causes, CAUSES)
    rule = back_billing_rule(workspace, request.business_date)
    with control(workspace, purpose="rebill plan") as connection:
        refuse_closed(connection, request.business_date, "billing again")
        knowledge = known_now(connection, request.known_at, last_load(connection))
        for what, names in (
            ("account", request.accounts), ("branch", request.branches), ("cycle", request.cycles),
            ("tariff", request.tariffs),
        ):  # fmt: skip
            check_known(connection, what, names)
        base = _base(connection, request, rule, knowledge)
        chosen = choose_bills(workspace, connection, request, knowledge.facts, knowledge.book)
        passes = passes_of(chosen, knowledge.facts)
        inputs = {own.name: inputs_now(connection, own, knowledge) for own in passes}
        leaving = _leaving_estimates(connection, request)
        changes = changed_classes(workspace, connection, passes, inputs, leaving, chosen.owed["new_id"].unique())
        candidates = find_candidates(
            chosen, passes, inputs, changes.causes, knowledge.book, wanted=request.causes, everything=request.everything
        )
        left = _left_to_the_next(chosen, changes.self_correcting)
        if not candidates.passes:
            return RebillPlan(None, left, pl.DataFrame(schema=LINES))
    # Rating takes minutes where there are many: meanwhile others may work.
    found = search(workspace, base, candidates, rule, cut_accounts(candidates.passes, candidates.inputs))
    with control(workspace, purpose="rebill plan") as connection:
        lines = with_causes(workspace, connection, found, knowledge, base)
        told = _told(found, candidates)
        rest = left.join(told, on="new_id", how="anti")
        bills = pl.concat([told, rest.select(told.columns)]) if rest.height else told
        changed = found.bills.filter(pl.col("outcome") == "changed")
        if changed.is_empty():
            return RebillPlan(None, bills, lines)
        frames, listed = _frames(workspace, connection, request, found, changed, bills, lines, chosen.owed)
        plan = base | _content(workspace, frames, changed, listed)
        return RebillPlan(_kept(workspace, connection, request, plan, frames), bills, lines)


def read_rebill(workspace: Workspace, run: str) -> RebillPlan:
    """Return a plan as it was made.

    Raises:
        ConfigError: there is no such run, or it is no rebill.
    """
    with control(workspace, purpose="rebill show") as connection:
        row = the_run(connection, run)
    if row["kind"] != RunKind.REBILL:
        raise ConfigError(f"run `{run}` is a {row['kind']} run, no rebill", hint=f"billmill run show {run}")
    folder = run_folder(workspace, run) / "plan"
    bills, lines = (pl.read_parquet(folder / f"{name}.parquet", glob=False) for name in ("changes", "changed_lines"))
    return RebillPlan(reread(workspace, row), bills, lines)


def _leaving_estimates(connection: Connection, request: RebillRequest) -> pl.Series:
    """Return the tariffs that leave what an estimate missed to the next reading."""
    held = files_in_force(connection, known_at=request.known_at)
    return pl.Series([file.tariff for file in held if file.true_up == TrueUp.SELF_CORRECT], dtype=pl.String).unique()


def _left_to_the_next(chosen: Chosen, bills: pl.Series) -> pl.DataFrame:
    """Return bills that stay, though estimates in them were missed, as a search tells of bills."""
    total = pl.col("total_minor")
    return chosen.bills.filter(pl.col("bill_id").is_in(bills.implode())).select(
        "new_id", "bill_id", "run_id", "account_id", "branch_id", "cycle_id", "currency", "turn",
        total.alias("before_minor"), pl.lit("").alias("pass_name"), total.alias("after_minor"),
        pl.col("line_count").alias("after_lines"),
        pl.lit("the tariff's next reading bills what the estimate missed").alias("reason"),
        pl.lit(TrueUp.SELF_CORRECT.value).alias("outcome"), pl.lit("read").alias("causes"),
        pl.lit(0, pl.Int64).alias("apart_minor"),
    )  # fmt: skip


def _base(
    connection: Connection, request: RebillRequest, rule: BackBilling | None, knowledge: Knowledge
) -> dict[str, Any]:
    """Return what a plan says that does not hang on the bills."""
    rules = text_in_force(connection, known_at=request.known_at)
    return {
        "kind": RunKind.REBILL.value,
        "reason": request.reason,
        "business_date": request.business_date.isoformat(),
        "sequence": 1,
        "known_at": request.known_at.isoformat(),
        "seq_max": knowledge.seq_max,
        "rule_set": rules_of_text(rules).rule_set_id,
        "rules": rules,
        "code_version": code_version(),
        "back_billing": None if rule is None else _plain(asdict(rule)),
        "tariff_notes": {},
        "inputs": {},
    }


def _told(found: Search, candidates: Candidates) -> pl.DataFrame:
    """Return the bills of a search with the classes of inputs that changed, comma-joined."""
    causes = candidates.causes.sort("bill_id", "cause").group_by("bill_id", maintain_order=True).agg(
        pl.col("cause").unique(maintain_order=True).str.join(", ").alias("causes")
    )  # fmt: skip
    named = found.bills.with_columns(pl.coalesce("bill_id", "new_id").alias("told_id"))
    return (
        named.join(causes, left_on="told_id", right_on="bill_id", how="left", validate="1:1", maintain_order="left")
        .with_columns(
            pl.col("causes").fill_null(""), (pl.col("after_minor") - pl.col("before_minor")).alias("apart_minor")
        )
        .drop("told_id")
    )


def _frames(
    workspace: Workspace, connection: Connection, request: RebillRequest, found: Search, changed: pl.DataFrame,
    bills: pl.DataFrame, lines: pl.DataFrame, owed: pl.DataFrame,
) -> tuple[dict[str, bytes], list[dict[str, Any]]]:  # fmt: skip
    """Return the files of a plan, and its passes as it lists them."""
    new_ids = changed["new_id"]
    kept = [
        Pass(
            own.name, own.cycle, own.bills.join(changed, on="new_id", how="semi"),
            own.then.join(changed, on="bill_id", how="semi"),
            own.due.filter(pl.col("bill_id").is_in(new_ids.implode())),
        )
        for own in found.candidates.passes
    ]  # fmt: skip
    kept = [own for own in kept if own.bills.height or own.due.height]
    inputs = {}
    for own in kept:
        frames = of_bills(found.candidates.inputs[own.name].frames, new_ids)
        frames["spans"] = frames["spans"].join(
            own.then, on=["account_id", "service_point_id", "start_date"], how="semi"
        )
        inputs[own.name] = Inputs(frames, found.candidates.inputs[own.name].files)
    partitions = cut_accounts(kept, inputs)
    placed = placed_frames(inputs, partitions)
    due = pl.concat([frames["due"] for frames in placed.values()])
    taken = changed.filter(pl.col("bill_id").is_not_null())
    tables: dict[str, pl.DataFrame] = {
        "due": arranged(DueAgreements, due.sort("agreement_id", "start_date")),
        "reversals": _reversals(taken, due, partitions, request.reason),
        "changes": bills,
        "changed_lines": lines,
    }
    mine = owed.join(changed, on="new_id", how="semi")
    tables |= {OWED: mine} if mine.height else {}
    tables |= _carried(workspace, connection, request, found, taken, mine)
    files = {f"{name}.parquet": as_parquet(frame) for name, frame in tables.items()}
    named = due.select("bill_id").unique().join(
        changed.select(pl.col("new_id").alias("bill_id"), "pass_name"), on="bill_id", how="left", validate="1:1"
    )  # fmt: skip
    files[PASSES] = as_parquet(named.sort("bill_id"))
    for pass_name, frames in placed.items():
        files |= {f"{pass_name}/{name}.parquet": as_parquet(frame) for name, frame in frames.items()}
    return files, [pass_listing(own, inputs[own.name]) for own in kept]


def _reversals(taken: pl.DataFrame, due: pl.DataFrame, partitions: pl.DataFrame, reason: str) -> pl.DataFrame:
    billed = due.select(pl.col("bill_id").alias("new_id")).unique().with_columns(pl.col("new_id").alias("replaced_by"))
    frame = (
        taken.join(billed, on="new_id", how="left", validate="1:1")
        .join(partitions, on="account_id", how="left", validate="m:1")
        .with_columns((pl.col("bill_id") + SUFFIX).alias("reversal_id"), pl.lit(reason).alias("reason"))
    )
    return arranged(Reversals, frame.sort("branch_id", "account_id", "bill_id"))


def _carried(
    workspace: Workspace, connection: Connection, request: RebillRequest, found: Search, taken: pl.DataFrame,
    owed: pl.DataFrame,
) -> dict[str, pl.DataFrame]:  # fmt: skip
    """Return what is carried as it is, and what of it is held true no longer, or again, once the bills are others."""
    opening = opening_banks(connection, owed.select("agreement_id").unique(), request.known_at)
    if taken.is_empty():
        nothing: dict[str, Any] = {"restored_banks": BankBalances, "dropped_banks": LeftBanks,
                                   "dropped_history": LeftHistory}  # fmt: skip
        return {"banks": opening} | {name: empty(table) for name, table in nothing.items()}
    before = restored(connection, left_behind(workspace, taken.select("bill_id", "run_id")), request.known_at)
    made = {key: frame.join(taken, on="new_id", how="semi") for key, frame in
            (("banks", found.made.banks), ("history", found.made.history))}  # fmt: skip
    bank, value = grain(BankBalances), grain(History)
    return {
        "banks": pl.concat([before.banks_now, opening.join(before.banks_now, on=bank, how="anti")]).sort(bank),
        "restored_banks": before.banks.join(made["banks"], on=bank, how="anti"),
        "dropped_banks": before.dropped_banks.join(made["banks"], on=bank, how="anti"),
        "dropped_history": before.dropped_history.join(made["history"], on=value, how="anti"),
    }


def _content(
    workspace: Workspace, frames: dict[str, bytes], changed: pl.DataFrame, listed: list[dict[str, Any]]
) -> dict[str, Any]:
    files = {file_name: content_hash(data) for file_name, data in sorted(frames.items())}
    taken = changed.filter(pl.col("bill_id").is_not_null())
    sources = {run: read_manifest(run_folder(workspace, run))["digest"] for run in bill_runs(taken)}
    shas = sorted(file["sha256"] for item in listed for found in item["inputs"].values() for file in found)
    fingerprint = content_hash(*files.values(), *shas, *sources.values(), code_version())
    due = pl.read_parquet(frames["due.parquet"])
    reversals = pl.read_parquet(frames["reversals.parquet"])
    partitions = pl.concat([due["partition"], reversals["partition"]]).unique()
    return {
        "fingerprint": fingerprint,
        "selected": due["agreement_id"].n_unique(),
        "accounts": changed["account_id"].n_unique(),
        "partitions": int(partitions.max() or 0) + 1,  # type: ignore[arg-type]  # an Int32 column
        "files": files,
        "passes": listed,
        "sources": sources,
        "taken_back": taken.height,
        "before_minor": int(changed["before_minor"].sum()),
        "after_minor": int(changed["after_minor"].sum()),
    }


def _kept(
    workspace: Workspace, connection: Connection, request: RebillRequest, plan: dict[str, Any], frames: dict[str, bytes]
) -> Planned:
    name = run_id(RunKind.REBILL, plan["fingerprint"][:12], request.business_date, 1)
    plan = plan | {"run_id": name}
    existing = find_run(connection, name)
    if existing is not None:
        return same_or_refused(workspace, existing, plan)
    row = planned_row(plan, sorted(request.branches), request.business_date, at=request.known_at, actor=request.actor)
    detail = f"{plan['taken_back']} bills become others: {request.reason}"
    return keep_plan(workspace, connection, plan, frames, row, detail)


def _plain(values: dict[str, Any]) -> dict[str, Any]:
    return {key: value.isoformat() if isinstance(value, date) else value for key, value in values.items()}
