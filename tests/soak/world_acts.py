"""What operators do in a drawn world, through Billmill's own functions. The world's calendar tells the time."""

from __future__ import annotations

import random
from collections.abc import Sequence
from contextlib import chdir
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import duckdb
from world_files import LONG_HEADER, REGISTER_HEADER, Delivery

from accounts.events import read_event
from accounts.importing import import_files
from cycles.books.imports import import_postings
from cycles.books.periods import close_period
from cycles.events import record_events
from cycles.nights.bill import NightRequest
from cycles.nights.night import run_night
from cycles.publishing.publish import publish_run
from cycles.rebill.apply import apply_rebill
from cycles.rebill.cancel import CancelRequest, plan_cancel
from cycles.rebill.choice import RebillRequest
from cycles.rebill.plan import plan_rebill
from cycles.review.exclusions import exclude_bills
from cycles.review.review import abandon_run, approve_run
from cycles.runs.holds import hold_accounts
from cycles.runs.plan import PlanRequest, plan_cycle
from cycles.runs.run import run_cycle
from cycles.setup import init_workspace
from ingest.landing.land import land_files
from ingest.vee.run import run_vee
from model.errors import NothingDueError
from model.ledger import JournalKind
from model.progress import SILENT
from store.control import control, query
from store.workspace import Workspace
from tariffs.library import add_tariff_files
from tariffs.lifecycle import approve_tariffs


@dataclass
class Office:
    """The people who bill. `now` goes on by a minute with each act."""

    workspace: Workspace
    folder: Path
    now: datetime
    partitions: int | None = None
    workers: int = 1
    shuffle: random.Random | None = None
    """Mixes files and lines before they land; None leaves them as they came."""
    sequence: int = 0
    waiting: list[Delivery] = field(default_factory=list)

    def on(self, day: date) -> None:
        """Begin a day's work."""
        self.now = max(self.now, datetime(day.year, day.month, day.day, 8, tzinfo=UTC))

    def at(self) -> datetime:
        """Return the time of the next act."""
        self.now += timedelta(minutes=1)
        return self.now

    def write(self, name: str, text: str) -> Path:
        """Write a file that is handed in."""
        path = self.folder / name
        path.write_text(text, encoding="utf-8")
        return path

    def take(self, tables: dict[str, str]) -> None:
        """Import reference data."""
        paths = [self.write(name, text) for name, text in tables.items()]
        report = import_files(self.workspace, paths, all_or_nothing=True, recorded_at=self.at(), actor="ops")
        assert report.is_recorded, report

    def tariffs(self, texts: dict[str, str]) -> None:
        """Add tariff files as one person, approve them as another."""
        files = [self.write(f"{name}.toml", text) for name, text in texts.items()]
        proved = {"prove": lambda new: [None] * len(new)}
        add_tariff_files(self.workspace, files, at=self.at(), actor="ops", **proved)
        approve_tariffs(self.workspace, None, at=self.at(), actor="mira", waiver="the auditor proves them", **proved)

    def event(self, kind: str, day: date, **said: object) -> None:
        """Record an event."""
        told = {key: str(value) for key, value in said.items()}
        record_events(self.workspace, [read_event(kind, str(day), told, why="it happened")], at=self.at(), actor="ops")

    def land_what_came(self, today: date) -> None:
        """Land what arrived by today."""
        came = [delivery for delivery in self.waiting if delivery.on <= today]
        self.waiting = [delivery for delivery in self.waiting if delivery.on > today]
        if self.shuffle is not None:
            self.shuffle.shuffle(came)
        paths = []
        for number, delivery in enumerate(came):
            lines = list(delivery.lines)
            if self.shuffle is not None:
                self.shuffle.shuffle(lines)
            header = REGISTER_HEADER if delivery.is_register else LONG_HEADER
            name = f"{number:03}-{delivery.name}.csv" if self.shuffle is not None else f"{delivery.name}.csv"
            paths.append(self.write(name, header + "\n".join(lines) + "\n"))
        if paths:
            land_files(self.workspace, paths, received_at=self.at(), actor="ops")

    def validate(self, first: date, after: date) -> None:
        """Judge the reads of some days."""
        run_vee(self.workspace, from_date=first, to_date=after, received_at=self.at(), actor="ops")

    def plan(self, cycle: str, today: date, branches: Sequence[str] = ()) -> str:
        """Plan and run a cycle; return the run, empty when all is billed."""
        self.sequence += 1
        request = PlanRequest(cycle, today, tuple(branches), self.sequence, self.partitions, self.at(), "ops")
        try:
            run = plan_cycle(self.workspace, request).run_id
        except NothingDueError:
            return ""
        run_cycle(self.workspace, run, workers=self.workers, progress=SILENT, at=self.at(), actor="ops")
        return run

    def publish(self, run: str) -> None:
        """Approve as another person, and publish; a run without bills is abandoned."""
        if not run:
            return
        with control(self.workspace, purpose="world") as connection:
            billed = query(connection, "SELECT billed FROM run WHERE run_id = ?", [run]).item()
        if billed == 0:
            abandon_run(self.workspace, run, at=self.at(), actor="ops")
            return
        approve_run(self.workspace, run, at=self.at(), actor="mira")
        publish_run(self.workspace, run, at=self.at(), actor="ops")

    def night(self, today: date) -> None:
        """Let the scheduler's command do the day, approve in the morning, let the next night publish."""
        inbox = self.folder / "inbox"
        inbox.mkdir(exist_ok=True)
        with chdir(self.folder):
            run_night(self.workspace, self._night(today), SILENT, inbox=inbox)
        with control(self.workspace, purpose="world") as connection:
            runs = query(connection, "SELECT run_id FROM run WHERE state = 'validated' ORDER BY run_id")
        for run in runs["run_id"]:
            approve_run(self.workspace, run, at=self.at(), actor="mira")
        with chdir(self.folder):
            run_night(self.workspace, self._night(today + timedelta(days=1)), SILENT, inbox=inbox)

    def _night(self, today: date) -> NightRequest:
        return NightRequest(today, (), self.workers, self.at(), "night")

    def rebill(self, today: date, *, since: date | None = None, everything: bool = False) -> bool:
        """Replace what became another by what is known now; return whether anything did."""
        request = RebillRequest(today, self.at(), "ops", "known better", since=since, everything=everything)
        found = plan_rebill(self.workspace, request).planned
        if found is None:
            return False
        apply_rebill(
            self.workspace, found.run_id, workers=self.workers, progress=SILENT, at=self.at(), actor="ops"
        )  # fmt: skip
        approve_run(self.workspace, found.run_id, at=self.at(), actor="mira")
        publish_run(self.workspace, found.run_id, at=self.at(), actor="ops")
        return True

    def cancel(self, bill: str, today: date) -> None:
        """Take a bill back."""
        self.sequence += 1
        request = CancelRequest((bill,), (), (), (), (), "wrong", today, self.sequence, self.at(), "ops")
        run = plan_cancel(self.workspace, request).run_id
        run_cycle(self.workspace, run, workers=self.workers, progress=SILENT, at=self.at(), actor="ops")
        approve_run(self.workspace, run, at=self.at(), actor="mira")
        publish_run(self.workspace, run, at=self.at(), actor="ops")

    def hold(self, account: str, *, is_held: bool) -> None:
        """Keep an account from being billed, or let it go."""
        hold_accounts(self.workspace, [account], why="asked", is_held=is_held, at=self.at(), actor="ops")

    def exclude(self, run: str, account: str) -> None:
        """Keep an account's bill out of what a run publishes."""
        exclude_bills(self.workspace, run, accounts=[account], why="odd", is_excluded=True, at=self.at(), actor="ops")

    def post(self, kind: str, rows: list[tuple[str, int]], today: date) -> None:
        """Import payments or adjustments: account and minor units."""
        self.sequence += 1
        gl_account = "" if kind == "payment" else "451"
        lines = [
            f"bank,{self.sequence},{number},{account},{Decimal(minor).scaleb(-2)},{today},{gl_account},it came"
            for number, (account, minor) in enumerate(rows)
        ]
        text = "channel,batch,reference,account_id,amount,booked_date,gl_account,why\n" + "\n".join(lines) + "\n"
        file = self.write(f"{kind}-{self.sequence}.csv", text)
        done = import_postings(self.workspace, file, JournalKind(kind), control_total=None, at=self.at(), actor="ops")
        assert done.booked == len(rows), done

    def close(self, period: str) -> None:
        """Close a month."""
        close_period(self.workspace, period, at=self.at(), actor="ops")

    def standing(self) -> list[tuple[str, str, int]]:
        """Return bills that stand, as analysts see them: bill, account, total."""
        path = str(self.workspace.analytics_path)
        with duckdb.connect(path, read_only=True) as connection:
            return connection.execute(
                "SELECT bill_id, account_id, total_minor FROM bills WHERE reverses_id IS NULL AND bill_id NOT IN "
                "(SELECT reverses_id FROM bills WHERE reverses_id IS NOT NULL) ORDER BY bill_id"
            ).fetchall()


def open_office(root: Path, *, partitions: int | None, workers: int, shuffle: random.Random | None) -> Office:
    """Make a workspace with an office."""
    folder = root / "files"
    folder.mkdir(parents=True)
    at = datetime(2027, 2, 1, tzinfo=UTC)
    workspace = init_workspace(root / "books", name="world", at=at, actor="ops")
    return Office(workspace, folder, at, partitions, workers, shuffle)
