"""`cycle night`: all that is due on a business date, in one call that may be repeated, also after a kill.

Each step asks the books what is left to do, so a second call finds nothing, and one that was killed goes on. Nothing is
approved here: what waits for a person stays waiting.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import polars as pl

from accounts.numbering import channel_numbers
from accounts.selection import Cycle, grouped_accounts
from cycles.nights.bill import CycleNight, NightRequest, bill_tonight
from cycles.nights.manifest import Came, NightReport, write_manifest
from cycles.nights.steps import has_planned, last_end, learned_mark, scope_of, steps_of, take_step, taken_before
from cycles.publishing.publish import publish_run
from cycles.runners.vee_blocks import judging
from cycles.runs.inputs import last_load
from cycles.runs.known import selectable
from cycles.runs.unbilled import (
    calendar,
    close_settled,
    record_exceptions,
    taken_back_since,
    unbilled_accounts,
    unbilled_exceptions,
)
from ingest.landing.land import land_files
from ingest.landing.report import LandedFile, LandStatus
from ingest.vee.run import run_vee
from model.codes import RunState
from model.errors import BillmillError, ConfigError, LockedError, StoppedError
from model.ids import content_hash
from model.progress import Progress
from store.audit import record
from store.backup import keep_backup
from store.control import Connection, control, query, transaction
from store.facts import facts
from store.lock import hold
from store.workspace import Workspace

INBOX = "inbox"
# Names under which files are written before they are whole.
_UNFINISHED = (".tmp", ".part", ".partial", ".filepart", ".crdownload")


@dataclass
class _Done:
    """What the call has done so far; `count` is zero when all was done before."""

    count: int = 0
    unusable: tuple[str, ...] = ()
    cycles: tuple[CycleNight, ...] = ()
    failures: tuple[tuple[str, BillmillError], ...] = ()


def run_night(
    workspace: Workspace, request: NightRequest, progress: Progress, *, inbox: Path | None = None
) -> NightReport:
    """Do what is due on a business date and write `nights/<date>/run.json`.

    In this order: publish what was approved; land the files of the inbox; validate the periods of the cycles whose
    window holds the date; plan and run these cycles; record what closed windows left unbilled; keep a backup. `inbox`
    None means the folder `inbox` of the workspace, when there is one.

    Raises:
        ConfigError: a branch is not known, or the inbox that was named is not there.
        LockedError: another night of this workspace is running.
        StoppedError: the system asked to stop; the same call goes on.
    """
    with hold(workspace.root / ".night", purpose=f"cycle night {request.business_date}", wait_seconds=0.0):
        done = _Done()
        _publish_approved(workspace, request, progress, done)
        _land_inbox(workspace, request, progress, inbox, done)
        cycles = _validate_due(workspace, request, progress, done)
        for cycle in cycles:
            _bill(workspace, cycle, request, progress, done)
        is_owed = _close_and_ask(workspace, request, progress, done)
        if is_owed:
            scope = scope_of(request.branches)
            keep_backup(workspace, f"night-{request.business_date}" + (f"-{content_hash(scope)[:8]}" if scope else ""))
        came = Came(done.cycles, done.failures, done.unusable, done.count > 0, is_owed)
        report = write_manifest(workspace, request, came)
        if is_owed:
            with control(workspace, purpose="cycle night") as connection, transaction(connection):
                take_step(connection, request.business_date, request.branches, "end", "")
        return report


def due_cycles(connection: Connection, business_date: date, branches: tuple[str, ...]) -> list[Cycle]:
    """Return the cycles whose window holds a date and that can have accounts of these branches, in order of windows."""
    rows = calendar(connection).filter(
        pl.col("window_open_date") <= business_date, pl.col("window_close_date") > business_date
    )
    cycles = [Cycle(**row) for row in rows.iter_rows(named=True)]  # a row per cycle
    return [cycle for cycle in cycles if _has_branch(cycle, branches)]


def _has_branch(cycle: Cycle, branches: tuple[str, ...]) -> bool:
    return not branches or cycle.branch_id is None or cycle.branch_id in branches


def _refuse_unknown(connection: Connection, branches: tuple[str, ...]) -> None:
    known = facts(connection, "branches")["branch_id"].to_list()
    for branch in branches:
        if branch not in known:
            raise ConfigError(f"branch `{branch}` is not known", hint=f"known branches: {', '.join(known)}")


def _publish_approved(workspace: Workspace, request: NightRequest, progress: Progress, done: _Done) -> None:
    """Publish approved runs up to the date. They are noted first, so that a kill does not hide what was published."""
    with control(workspace, purpose="cycle night") as connection:
        _refuse_unknown(connection, request.branches)
        rows = query(
            connection,
            "SELECT run_id, branches FROM run "
            "WHERE kind IN ('bill', 'final') AND state = ? AND business_date <= ? ORDER BY run_id",
            [RunState.APPROVED.value, request.business_date],
        )
        wanted = set(request.branches)
        runs = [run for run, of in rows.iter_rows() if not wanted or (of and set(of.split(",")) <= wanted)]
        if runs:
            with transaction(connection):
                for run in runs:
                    take_step(connection, request.business_date, request.branches, "publish", run)
    for run in runs:
        progress.about(run)
        progress.begin("publish", 1, "runs")
        try:
            publish_run(workspace, run, at=request.at, actor=request.actor)
            done.count += 1
        except (LockedError, StoppedError):
            raise
        except BillmillError as error:
            done.failures += ((run, error),)
        progress.end("publish")


def _land_inbox(
    workspace: Workspace, request: NightRequest, progress: Progress, inbox: Path | None, done: _Done
) -> None:
    folder = workspace.root / INBOX if inbox is None else inbox
    if not folder.is_dir():
        if inbox is not None:
            raise ConfigError(f"--inbox `{inbox}` is no folder", hint="name the folder in which meter files arrive")
        return
    files = sorted(path for path in folder.iterdir() if path.is_file() and _is_whole(path))
    if not files:
        return
    progress.about("inbox")
    report = land_files(workspace, files, received_at=request.at, progress=progress, actor=request.actor)
    done.count += report.count(LandStatus.LANDED)
    done.unusable = tuple(_unusable(file) for file in report.files if file.status == LandStatus.UNUSABLE)


def _is_whole(path: Path) -> bool:
    return not path.name.startswith(".") and path.suffix.lower() not in _UNFINISHED


def _unusable(file: LandedFile) -> str:
    return f"{Path(file.name).name}: {file.message}"


def _validate_due(workspace: Workspace, request: NightRequest, progress: Progress, done: _Done) -> list[Cycle]:
    """Validate the periods of due cycles, the channels of their accounts only; not again when nothing was learned.

    Returns these cycles.
    """
    with control(workspace, purpose="cycle night") as connection:
        cycles = due_cycles(connection, request.business_date, request.branches)
        left = _left_to_validate(connection, cycles, request.branches)
    for period in left:
        progress.about(period.subject)
        with judging(workspace, request.runner, progress) as judge:
            run_vee(
                workspace, from_date=period.from_date, to_date=period.to_date, received_at=request.at,
                progress=progress, actor=request.actor, only=period.channels, workers=request.workers, judge=judge,
            )  # fmt: skip
        done.count += 1
        with control(workspace, purpose="cycle night") as connection, transaction(connection):
            take_step(connection, request.business_date, request.branches, "vee", period.subject, period.mark)
    return cycles


@dataclass(frozen=True)
class _Period:
    """Days to validate. `channels` None means all; `mark` stands for all that VEE looks at."""

    from_date: date
    to_date: date
    channels: list[int] | None
    mark: str

    @property
    def subject(self) -> str:
        return f"{self.from_date}..{self.to_date}"


def _left_to_validate(connection: Connection, cycles: Sequence[Cycle], branches: tuple[str, ...]) -> list[_Period]:
    """Return the periods of cycles about which something was learned since a night of these branches validated them."""
    together: dict[tuple[date, date], list[Cycle]] = {}
    for cycle in cycles:
        together.setdefault((cycle.period_start_date, cycle.period_end_date), []).append(cycle)
    if not together:
        return []
    learned, left = learned_mark(connection), []
    validated = taken_before(connection, branches, "vee")
    for (first, after), some in sorted(together.items()):
        mark = content_hash(learned, *sorted(cycle.cycle_id for cycle in some))
        if (f"{first}..{after}", mark) not in validated:
            left.append(_Period(first, after, _channels(connection, selectable(connection, some), some), mark))
    return left


def _channels(connection: Connection, known: dict[str, pl.DataFrame], cycles: Sequence[Cycle]) -> list[int] | None:
    """Return the channels of the accounts that cycles bill; None when these are all, so that VEE compares them too."""
    accounts = grouped_accounts(known)
    chosen = [
        accounts.filter(
            (pl.col("bill_group") == cycle.bill_group)
            & (pl.lit(cycle.branch_id is None) | (pl.col("branch_id") == (cycle.branch_id or "")))
        )
        for cycle in cycles
    ]
    points = known["agreements"].join(pl.concat(chosen).select("account_id"), on="account_id", how="semi")
    own = channel_numbers(connection, points["service_point_id"])["channel_no"]
    return None if own.len() == query(connection, "SELECT count(*) FROM channel_number").item() else own.to_list()


def _bill(workspace: Workspace, cycle: Cycle, request: NightRequest, progress: Progress, done: _Done) -> None:
    progress.about(cycle.cycle_id)
    told = bill_tonight(workspace, cycle, request, progress)
    done.cycles += (told,)
    done.count += told.did
    if told.failure is not None:
        done.failures += ((cycle.cycle_id, told.failure),)


def _close_and_ask(workspace: Workspace, request: NightRequest, progress: Progress, done: _Done) -> bool:
    """Record what closed windows left; return whether a backup and a manifest are owed: something was done.

    They also are when a night was killed before its end. If that was after it had landed files, it left no step, but
    loads that no night has ended with; if it was after it had planned a cycle, a run of its date.
    """
    with control(workspace, purpose="cycle night") as connection:
        _close_windows(workspace, connection, request, progress, done)
        taken = steps_of(connection, request.business_date, request.branches)["step"].to_list()
        was_killed = "end" not in taken and (
            taken
            or last_load(connection) > last_end(connection, request.branches)
            or has_planned(connection, request.business_date, request.branches)
        )
    return bool(done.count or was_killed)


def _close_windows(
    workspace: Workspace, connection: Connection, request: NightRequest, progress: Progress, done: _Done
) -> None:
    """Record what cycles left unbilled, once after each window's close; and close what has been settled since."""
    rows = calendar(connection).filter(pl.col("window_close_date") <= request.business_date)
    cycles = [Cycle(**row) for row in rows.iter_rows(named=True)]  # a row per cycle
    closed = {subject for subject, _ in taken_before(connection, request.branches, "close")}
    left = [cycle for cycle in cycles if _has_branch(cycle, request.branches) and cycle.cycle_id not in closed]
    known = selectable(connection, left) if left else {}
    for cycle in left:
        progress.about(cycle.cycle_id)
        _close(workspace, connection, cycle, known, request)
    before = [cycle for cycle in cycles if _has_branch(cycle, request.branches) and cycle.cycle_id in closed]
    cancelled = taken_back_since(workspace, connection, before, request.branches)
    with transaction(connection):
        done.count += record_exceptions(connection, cancelled, request.business_date)
        settled = close_settled(workspace, connection, request.business_date)
        if settled:
            detail = f"{settled} accounts have been billed since their window closed"
            record(
                connection, at=request.at, actor=request.actor, action="close_exceptions",
                subject=request.business_date.isoformat(), detail=detail,
            )  # fmt: skip
    done.count += len(left) + settled


def _close(
    workspace: Workspace, connection: Connection, cycle: Cycle, known: dict[str, pl.DataFrame], request: NightRequest
) -> None:
    found = unbilled_exceptions(unbilled_accounts(workspace, connection, cycle, known, request.branches), cycle)
    detail = f"{found.height} accounts unbilled"
    with transaction(connection):
        record_exceptions(connection, found, request.business_date)
        take_step(connection, request.business_date, request.branches, "close", cycle.cycle_id, detail)
        record(
            connection, at=request.at, actor=request.actor, action="close_window", subject=cycle.cycle_id, detail=detail
        )
