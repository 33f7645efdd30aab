"""The work list of exceptions: bills that review listed, agreements that are parked, what a cycle left unbilled.

Rows are found anew each time from runs, books and decisions; only decisions and owners are kept.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from math import ceil

import polars as pl

from cycles.asked import check_known, check_option
from cycles.review.bill_findings import bill_findings
from cycles.review.exclusions import KEPT_OUT, kept_out
from cycles.runs.folders import read_manifest, run_folder, run_table
from cycles.work.lists import each_once, with_owner
from model.codes import ParkReason, RunState
from model.errors import ConfigError
from model.exceptions import ExceptionCode
from model.money import CURRENCY_EXPONENT
from model.review import BillCheck, ReviewState
from store.control import Connection, control, query
from store.facts import facts
from store.roles import own_branches
from store.standing import standing_keys
from store.workspace import Workspace

ALL = "all"
LISTED = {
    "exception_id": pl.String(), "source": pl.String(), "code": pl.String(), "severity": pl.String(),
    "state": pl.String(), "branch_id": pl.String(), "owner": pl.String(), "account_id": pl.String(),
    "agreement_id": pl.String(), "bill_id": pl.String(), "cycle_id": pl.String(), "run_id": pl.String(),
    "run_state": pl.String(), "found_date": pl.Date(), "age_days": pl.Int64(), "amount_minor": pl.Int64(),
    "currency": pl.String(), "kept_out": pl.Boolean(), "detail": pl.String(),
}  # fmt: skip
_DRAFT = [name for name in LISTED if name not in {"state", "owner", "age_days"}]
_CODES = {code.value for kinds in (BillCheck, ParkReason, ExceptionCode) for code in kinds}
_AMOUNT_MAX = Decimal(10) ** 18  # more than any bill
_WEIGHT = ["stop", "terminate", "fail", "parked", "warn", "info"]


@dataclass(frozen=True)
class AskedExceptions:
    """Which exceptions are asked for; what is empty or None asks for all."""

    ids: tuple[str, ...] = ()
    """Ids, or their beginnings, each of one exception."""
    runs: tuple[str, ...] = ()
    codes: tuple[str, ...] = ()
    severities: tuple[str, ...] = ()
    branches: tuple[str, ...] = ()
    owners: tuple[str, ...] = ()
    accounts: tuple[str, ...] = ()
    age_days: int | None = None
    """Found so many days before the business date, or more."""
    amount_least: Decimal | None = None
    """The bill is at least so much, above or below zero, in its currency."""
    state: str = ALL


def exceptions(workspace: Workspace, asked: AskedExceptions, business_date: date) -> pl.DataFrame:
    """Return exceptions as rows of `LISTED`: the gravest first, then the largest bill.

    Raises:
        ConfigError: an id is not known, or the beginning of several.
    """
    with control(workspace, purpose="exceptions") as connection:
        return exceptions_of(workspace, connection, asked, business_date)


def exceptions_of(
    workspace: Workspace, connection: Connection, asked: AskedExceptions, business_date: date
) -> pl.DataFrame:
    """Return `exceptions` under a connection that is open already."""
    states = [ALL, *(state.value for state in ReviewState)]
    if asked.state not in states:
        raise ConfigError(f"option --state: expected one of {', '.join(states)}, found `{asked.state}`")
    check_option("--severity", asked.severities, _WEIGHT)
    check_known(connection, "branch", asked.branches)
    check_known(connection, "run", asked.runs)
    check_known(connection, "account", asked.accounts)
    drafts = pl.concat([_of_bills(workspace, connection), _parked(workspace, connection), _of_cycles(connection)])
    check_option("--code", asked.codes, sorted(_CODES | set(drafts["code"])))
    branches = own_branches(workspace, asked.branches)
    if branches:
        drafts = drafts.filter(pl.col("branch_id").is_in(list(branches)))
    if asked.ids:
        drafts = each_once(drafts, asked.ids, "exception_id", "exception", "billmill exceptions list --state all")
    stated = _with_state(connection, drafts)
    age = (pl.lit(business_date) - pl.col("found_date")).dt.total_days().clip(lower_bound=0)
    owned = with_owner(workspace, connection, stated, "exception").with_columns(age_days=age)
    chosen = owned.filter(_wanted(asked))
    order = pl.col("severity").replace_strict({name: place for place, name in enumerate(_WEIGHT)}, default=len(_WEIGHT))
    return chosen.sort(
        order, pl.col("amount_minor").abs(), "exception_id", descending=[False, True, False], nulls_last=True
    ).select(pl.col(name).cast(dtype) for name, dtype in LISTED.items())


def _wanted(asked: AskedExceptions) -> pl.Expr:
    found = [pl.lit(True)]
    filters = {
        "run_id": asked.runs, "code": asked.codes, "severity": asked.severities, "owner": asked.owners,
        "account_id": asked.accounts, "state": () if asked.state == ALL else (asked.state,),
    }  # fmt: skip
    found += [pl.col(name).is_in(list(values)) for name, values in filters.items() if values]
    if asked.age_days is not None:
        found.append(pl.col("age_days") >= asked.age_days)
    if asked.amount_least is not None:
        amount = min(asked.amount_least, _AMOUNT_MAX)
        least = {name: ceil(amount.scaleb(places)) for name, places in CURRENCY_EXPONENT.items()}
        in_minor = pl.col("currency").replace_strict(least, default=None, return_dtype=pl.Int128)
        found.append(pl.col("amount_minor").abs() >= in_minor)
    return pl.all_horizontal(found)


def _of_bills(workspace: Workspace, connection: Connection) -> pl.DataFrame:
    """Return what review found in runs that are computed and not given up."""
    found = [_nothing()]
    for run in _computed_runs(connection).iter_rows(named=True):  # a row per run
        rows = bill_findings(workspace, run["run_id"])
        if rows.is_empty():
            continue
        is_open = run["state"] != RunState.PUBLISHED.value
        out = kept_out(workspace, connection, run["run_id"]) if is_open else pl.DataFrame(schema=KEPT_OUT)
        found.append(
            rows.with_columns(
                exception_id="finding_id", source=pl.lit("bill"), cycle_id=pl.lit(run["cycle_id"]),
                run_id=pl.lit(run["run_id"]), run_state=pl.lit(run["state"]), found_date=pl.lit(run["business_date"]),
                kept_out=pl.col("bill_id").is_in(out["bill_id"].implode()),
            ).select(_draft())
        )  # fmt: skip
    # A bill that was computed again by a later run is the later run's.
    return pl.concat(found).unique("exception_id", keep="first", maintain_order=True)


def _parked(workspace: Workspace, connection: Connection) -> pl.DataFrame:
    """Return the agreements that the last run in which they were due parked, and that nothing has billed since."""
    keys = standing_keys(connection).select("agreement_id", start_date="period_start_date")
    found = [_nothing()]
    for run in _computed_runs(connection).iter_rows(named=True):
        manifest = read_manifest(run_folder(workspace, run["run_id"]))
        if not any(item["table"] == "parked" for item in manifest["files"]):
            continue
        waiting = run_table(workspace, manifest, "parked").collect().join(
            keys, on=["agreement_id", "start_date"], how="anti"
        )  # fmt: skip
        found.append(
            waiting.filter(pl.col("reason") != ParkReason.SIBLING_PARKED.value).with_columns(
                exception_id=pl.format("{}/{}/{}", "agreement_id", "start_date", "reason"), source=pl.lit("parked"),
                code="reason", severity=pl.lit("parked"), bill_id=None, cycle_id=pl.lit(run["cycle_id"]),
                run_id=pl.lit(run["run_id"]), run_state=pl.lit(run["state"]), found_date=pl.lit(run["business_date"]),
                amount_minor=None, currency=None, kept_out=pl.lit(False), desk="owner",
            ).select(_draft(pl.col("desk")))
        )  # fmt: skip
    last = pl.concat(found).unique(["agreement_id", "exception_id"], keep="first", maintain_order=True)
    # Tried night after night it is one exception, found when it was parked first.
    first = pl.concat(found).group_by("exception_id").agg(pl.col("found_date").min())
    return last.drop("found_date").join(first, on="exception_id", how="left", validate="1:1").select(last.columns)


def _of_cycles(connection: Connection) -> pl.DataFrame:
    """Return what nights recorded: accounts that a closed window left unbilled, and what else they could not settle."""
    rows = query(
        connection,
        """SELECT e.*, r.state AS run_state FROM "exception" AS e LEFT JOIN run AS r USING (run_id)
           WHERE e.closed_on IS NULL ORDER BY e.exception_id""",
    )
    return rows.with_columns(
        source=pl.lit("cycle"), account_id="subject", agreement_id=None, bill_id=None, found_date="opened_on",
        amount_minor=None, currency=None, kept_out=pl.lit(False), desk="owner",
    ).select(_draft(pl.col("desk")))  # fmt: skip


def _computed_runs(connection: Connection) -> pl.DataFrame:
    """Return the runs that have bills and are not given up, the last planned first."""
    return query(
        connection,
        """SELECT run_id, cycle_id, business_date, state FROM run WHERE state IN ('validated', 'approved', 'published')
           ORDER BY planned_at DESC, run_id DESC""",
    )


def _with_state(connection: Connection, drafts: pl.DataFrame) -> pl.DataFrame:
    decided = facts(connection, "exception_decision").select("exception_id", decided="state", decided_in="run_id")
    excluded = facts(connection, "bill_exclusion").filter(pl.col("state") == "excluded")
    out = excluded.select("run_id", "bill_id", is_excluded=pl.lit(True))
    joined = drafts.join(decided, on="exception_id", how="left", validate="1:1").join(
        out, on=["run_id", "bill_id"], how="left", validate="m:1"
    )
    is_past = (pl.col("source") == "bill") & (pl.col("run_state") == RunState.PUBLISHED.value)
    return joined.with_columns(
        state=pl.when(pl.col("decided") == "accepted")
        .then(pl.lit(ReviewState.ACCEPTED.value))
        .when(pl.col("is_excluded").fill_null(False) & ~is_past)
        .then(pl.lit(ReviewState.EXCLUDED.value))
        .when(is_past)
        .then(pl.lit(ReviewState.PAST.value))
        .otherwise(pl.lit(ReviewState.OPEN.value))
    )


def _draft(desk: pl.Expr | None = None) -> list[pl.Expr]:
    named = [pl.col(name).cast(LISTED[name]) for name in _DRAFT]
    return [*named, (pl.lit(None, dtype=pl.String) if desk is None else desk).alias("desk")]


def _nothing() -> pl.DataFrame:
    return pl.DataFrame(schema={name: LISTED[name] for name in _DRAFT} | {"desk": pl.String()})
