"""Where a run stands: the funnel from due to published, approvals, exceptions, totals beside the last cycle's."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import polars as pl

from cycles.review.bill_findings import bill_findings
from cycles.review.exclusions import kept_out
from cycles.review.review import branch_figures, standing_approvals, waiting_branches
from cycles.runs.folders import read_manifest, run_folder, run_table
from cycles.runs.followed import NOTHING_FOLLOWED, Followed, followed
from cycles.runs.progress import computed, last_error, stage_of
from cycles.runs.records import list_runs, the_run
from cycles.runs.scope import of_own_branches, run_branches
from model.codes import ParkReason, RunState
from model.errors import LockedError
from store.control import Connection, control, query
from store.facts import facts
from store.workspace import Workspace

CLOSED = [RunState.PUBLISHED.value, RunState.ABANDONED.value]
_NOT_READ = [
    ParkReason.NO_CHANNEL, ParkReason.INTERVALS_MISSING, ParkReason.START_READ_MISSING, ParkReason.END_READ_MISSING,
    ParkReason.READ_REJECTED,
]  # fmt: skip
_NEXT = {
    RunState.PLANNED: "cycle run",
    RunState.STAGED: "cycle run",
    RunState.VALIDATED: "cycle approve",
    RunState.APPROVED: "cycle publish",
    RunState.PUBLISHED: "",
    RunState.ABANDONED: "",
}


@dataclass(frozen=True)
class RunStatus:
    """All that `cycle status` tells of a run. What is None is not known yet."""

    row: dict[str, Any]
    """The run's row of model.control.Runs."""
    window: tuple[str, str]
    """First business date of the cycle's window, and the day after the last."""
    stage: str
    """What a process is doing to it now; empty when none is."""
    partitions_done: int
    rated: int
    """Agreement periods computed so far."""
    bills: int
    parked: int
    """What they gave: bills, and agreement periods that were parked."""
    per_second: float | None
    """Agreement periods computed a second."""
    seconds_left: float | None
    last_at: datetime | None
    """When the last partition was ready."""
    partitions: Followed = NOTHING_FOLLOWED
    """Where partitions were computed, which are slow, which attempts left nothing."""
    funnel: dict[str, int | None] = field(default_factory=dict)
    """due, read, estimated, billed, parked, kept_out, held; agreements."""
    branches: tuple[dict[str, Any], ...] = ()
    """branch_id, currency, bills, kept_out, total_minor, approved_by (None while it waits)."""
    exceptions: tuple[dict[str, Any], ...] = ()
    """code, severity, count: the most frequent first."""
    totals: tuple[dict[str, Any], ...] = ()
    """currency, bills, total_minor, last_bills, last_total_minor, last_cycle."""
    last_error: str = ""
    next: str | None = None

    def plain(self) -> dict[str, Any]:
        """Return the status as JSON has it."""
        row = {name: self.row[name] for name in ("run_id", "state", "cycle_id", "business_date", "selected")}
        return row | {
            "partitions": f"{self.partitions_done} of {self.row['partitions']}", "window": self.window,
            "stage": self.stage, "rated": self.rated, "bills_so_far": self.bills, "parked_so_far": self.parked,
            "per_second": _rounded(self.per_second), "seconds_left": _rounded(self.seconds_left),
            "last_at": self.last_at, "followed": self.partitions.plain(), "billed": self.row["billed"],
            "parked": self.row["parked"], "funnel": self.funnel, "branches": self.branches,
            "exceptions": self.exceptions, "totals": self.totals, "last_error": self.last_error,
            "next": self.next or "nothing",
        }  # fmt: skip


def next_step(run_id: str, state: RunState) -> str | None:
    """Return the command that takes a run further, None when it is at its end."""
    return f"billmill {_NEXT[state]} {run_id}" if _NEXT[state] else None


def run_statuses(workspace: Workspace, run_id: str | None) -> list[RunStatus]:
    """Return where one run stands, or all that are open, those of the branches of who asks.

    Raises:
        ConfigError: there is no such run.
        LockedError: another process holds the books.
    """
    with control(workspace, purpose="cycle status") as connection:
        if run_id is not None:
            the_run(connection, run_id)
        runs = list_runs(connection)
        is_asked = pl.col("run_id") == run_id if run_id else ~pl.col("state").is_in(CLOSED)
        rows = runs.filter(is_asked).iter_rows(named=True)  # a row per run
        return [_status(workspace, connection, row) for row in rows if is_own(workspace, row)]


def is_own(workspace: Workspace, row: Mapping[str, Any]) -> bool:
    """Tell whether a run has a branch of who opened the workspace."""
    return workspace.branches is None or bool(workspace.branches & set(run_branches(workspace, dict(row))))


class RunWatch:
    """Looks at runs again and again; while the books are held by somebody, at what lies in the runs' folders."""

    def __init__(self, workspace: Workspace, run_id: str | None) -> None:
        self._workspace, self._run_id = workspace, run_id
        self._last: list[RunStatus] = []

    def read(self) -> list[dict[str, Any]]:
        """Return where the runs stand.

        Raises: as `run_statuses`.
        """
        self._last = run_statuses(self._workspace, self._run_id)
        return [status.plain() for status in self._last]

    def look(self) -> list[dict[str, Any]]:
        """Return where the runs stand, or stood when the books were last free."""
        try:
            return self.read()
        except LockedError:
            return [_with_progress(self._workspace, status.row, status).plain() for status in self._last]


def _status(workspace: Workspace, connection: Connection, row: dict[str, Any]) -> RunStatus:
    run_id, folder = str(row["run_id"]), run_folder(workspace, row["run_id"])
    base = RunStatus(row, _window(connection, row), "", 0, 0, 0, 0, None, None, None)
    status = _with_progress(workspace, row, base)
    following = next_step(run_id, RunState(row["state"]))
    if status.stage:
        following = "wait: a process works on it"
    if not (folder / "manifest.json").is_file() or row["state"] in {RunState.PLANNED, RunState.STAGED}:
        return _replaced(status, funnel={"due": row["selected"]}, next=following)
    manifest = read_manifest(folder)
    bills, parked = (
        of_own_branches(workspace, run_table(workspace, manifest, n).collect()) for n in ("bills", "parked")
    )
    due = of_own_branches(workspace, pl.read_parquet(folder / "plan" / "due.parquet", glob=False))
    out = of_own_branches(workspace, kept_out(workspace, connection, run_id))
    is_published = row["state"] == RunState.PUBLISHED
    branches = _branches(workspace, connection, run_id)
    waiting = [item["branch_id"] for item in branches if item["approved_by"] is None]
    if row["state"] == RunState.VALIDATED and len(waiting) < len(branches):
        following = f"{following} --branch {waiting[0]}"
    return _replaced(
        status, funnel={**funnel_of(due, bills, parked, None if is_published else out)}, branches=branches,
        exceptions=_exceptions(workspace, run_id, parked), totals=_totals(workspace, connection, row, bills, out),
        next=following,
    )  # fmt: skip


def _with_progress(workspace: Workspace, row: dict[str, Any], base: RunStatus) -> RunStatus:
    folder = run_folder(workspace, row["run_id"])
    done = computed(folder)
    rate = done.due_timed / done.seconds if done.seconds else None
    # The rest is as dense as what is done: partitions are cut by cost.
    missing = row["partitions"] - done.done
    left = missing * (done.due / done.done) / rate if rate and done.done else None
    at = None if done.last_at is None else datetime.fromtimestamp(done.last_at, tz=row["planned_at"].tzinfo)
    return _replaced(
        base, stage=stage_of(folder), partitions_done=done.done, rated=done.due, bills=done.bills,
        parked=done.parked, per_second=rate,
        seconds_left=left if missing else None, last_at=at, last_error=last_error(folder),
        partitions=followed(workspace, str(row["run_id"])),
    )  # fmt: skip


def _replaced(status: RunStatus, **values: Any) -> RunStatus:
    return RunStatus(**(status.__dict__ | values))


def _window(connection: Connection, row: Mapping[str, Any]) -> tuple[str, str]:
    found = facts(connection, "cycles").filter(pl.col("cycle_id") == row["cycle_id"])
    if found.is_empty():
        return "", ""
    first, after = found.select("window_open_date", "window_close_date").row(0)
    return str(first), str(after)


def funnel_of(due: pl.DataFrame, bills: pl.DataFrame, parked: pl.DataFrame, out: pl.DataFrame | None) -> dict[str, int]:
    """Return how many agreements are due, read, estimated, billed, parked, held and kept out.

    due = billed + parked + held + kept out. `out` are the bills that a run would be published without; None when it is
    published, so that `parked` tells.
    """
    reasons = parked.select("agreement_id", "reason").unique("agreement_id", maintain_order=True)
    counts = dict(reasons.group_by("reason").len().iter_rows())
    unread = sum(counts.get(reason.value, 0) for reason in _NOT_READ)
    estimated = due.join(bills.filter("is_estimated"), on="bill_id", how="semi")
    excluded = counts.get(ParkReason.EXCLUDED.value, 0)
    aside = excluded if out is None else due.join(out, on="bill_id", how="semi")["agreement_id"].n_unique()
    selected = due["agreement_id"].n_unique()
    waiting = reasons.height - excluded
    return {
        "due": selected, "read": selected - unread, "estimated": estimated["agreement_id"].n_unique(),
        "billed": selected - waiting - aside, "parked": waiting - counts.get(ParkReason.HELD.value, 0),
        "held": counts.get(ParkReason.HELD.value, 0), "kept_out": aside,
    }  # fmt: skip


def _branches(workspace: Workspace, connection: Connection, run_id: str) -> tuple[dict[str, Any], ...]:
    figures = branch_figures(workspace, connection, run_id)
    waiting = set(waiting_branches(connection, run_id, figures))
    held = standing_approvals(connection, run_id).select("branch_id", "currency", "approved_by")
    joined = of_own_branches(workspace, figures).join(
        held, on=["branch_id", "currency"], how="left", validate="1:1", maintain_order="left"
    )
    return tuple(
        row | {"approved_by": None if row["branch_id"] in waiting else row["approved_by"]}
        for row in joined.drop("digest", "largest_minor").iter_rows(named=True)  # a row per branch
    )


def _exceptions(workspace: Workspace, run_id: str, parked: pl.DataFrame) -> tuple[dict[str, Any], ...]:
    found = of_own_branches(workspace, bill_findings(workspace, run_id)).select("code", "severity")
    waiting = parked.unique("agreement_id").select(code="reason", severity=pl.lit("parked"))
    counted = pl.concat([found, waiting]).group_by("code", "severity").agg(pl.len().cast(pl.Int64).alias("count"))
    return tuple(counted.sort("count", "code", descending=[True, False]).iter_rows(named=True))


def _totals(
    workspace: Workspace, connection: Connection, row: Mapping[str, Any], bills: pl.DataFrame, out: pl.DataFrame
) -> tuple[dict[str, Any], ...]:
    """Return the totals of a run by currency, beside those of the last cycle of its group that was published."""
    now = _sums(bills.join(out, on="bill_id", how="anti"))
    last_cycle = query(
        connection,
        """SELECT before.cycle_id FROM cycles AS mine JOIN cycles AS before
           ON before.bill_group = mine.bill_group AND before.period_end_date <= mine.period_start_date
           WHERE mine.cycle_id = ? AND mine.superseded_at IS NULL AND before.superseded_at IS NULL
           AND EXISTS (SELECT 1 FROM run WHERE run.cycle_id = before.cycle_id AND run.state = 'published')
           ORDER BY before.period_end_date DESC, before.cycle_id LIMIT 1""",
        [row["cycle_id"]],
    )
    if last_cycle.is_empty():
        nothing = {"last_bills": None, "last_total_minor": None, "last_cycle": None}
        return tuple(item | nothing for item in now.iter_rows(named=True))
    name = str(last_cycle.item(0, 0))
    runs = query(connection, "SELECT run_id FROM run WHERE cycle_id = ? AND state = 'published'", [name])["run_id"]
    before = [run_table(workspace, read_manifest(run_folder(workspace, run)), "bills").collect() for run in runs]
    branches = run_branches(workspace, dict(row))
    earlier = of_own_branches(workspace, pl.concat(before)).filter(pl.col("branch_id").is_in(branches))
    last = _sums(earlier).select("currency", last_bills="bills", last_total_minor="total_minor")
    joined = now.join(last, on="currency", how="left", validate="1:1", maintain_order="left")
    return tuple(joined.with_columns(last_cycle=pl.lit(name)).iter_rows(named=True))


def _sums(bills: pl.DataFrame) -> pl.DataFrame:
    return (
        bills.group_by("currency")
        .agg(pl.len().cast(pl.Int64).alias("bills"), pl.col("total_minor").cast(pl.Int128).sum().cast(pl.Int64))
        .sort("currency")
    )


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 1)
