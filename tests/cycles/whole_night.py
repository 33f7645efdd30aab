"""A utility's whole night as one function that may be run again after any kill, and a digest of what it leaves.

Run as a program it forks a child per line read, so that a test can kill children without importing anew.
"""

from __future__ import annotations

import hashlib
import os
import pickle
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from accounts.importing import import_files
from cycles.publishing.publish import publish_run
from cycles.review.review import approve_run
from cycles.runners.chosen import LOCAL, Runner
from cycles.runners.vee_blocks import judging
from cycles.runs.plan import PlanRequest, plan_cycle
from cycles.runs.run import run_cycle
from cycles.setup import init_workspace
from demo.night import DemoFiles
from ingest.landing.land import land_files
from ingest.vee.run import CHANNELS_PER_BLOCK, run_vee
from model.progress import Silent
from store.bucket import LakeSettings
from store.control import control, query
from store.files import file_sha256
from store.workspace import CONFIG_NAME, Workspace, open_workspace
from tariffs.library import add_factor_file, add_tariff_files
from tariffs.lifecycle import approve_tariffs

RECEIVED = datetime(2026, 11, 3, 22, tzinfo=UTC)
PLANNED = datetime(2026, 11, 4, 1, tzinfo=UTC)
TABLES = (
    "branches", "cycles", "customers", "accounts", "premises", "service_points", "meters", "channels", "agreements",
    "agreement_attributes", "service_point_attributes", "history",
    "outages", "channel_links", "quality_gates", "read_edit", "read_edit_value", "quantity_history", "bank_balance",
    "channel_number", "tariff_file", "tariff_state", "factor", "load", "lake_file", "run", "segment_key",
    "invoice_series", "journal_line", "open_item", "audit",
)  # fmt: skip


def unheard(step: str) -> None:
    """Nobody wants to know where the night is."""


def prepare_books(
    root: Path, files: DemoFiles, *, begin: Callable[[str], None] = unheard, lake: LakeSettings | None = None,
    runner: Runner = LOCAL, channels_per_block: int = CHANNELS_PER_BLOCK,
) -> Workspace:  # fmt: skip
    """From nothing to validated reads; `begin` is told each step."""
    begin("init")
    if not (root / CONFIG_NAME).exists():
        init_workspace(root, name="night", at=RECEIVED, actor="night", lake=lake)
    workspace = open_workspace(root)
    begin("accounts")
    import_files(workspace, [files.accounts_dir], all_or_nothing=True, recorded_at=RECEIVED, actor="night")
    begin("tariffs")
    add_factor_file(workspace, files.factors, at=RECEIVED, actor="night")
    # The examples in the tariffs are proved by tests of their own; here they would only cost time.
    add_tariff_files(workspace, files.tariffs, at=RECEIVED, actor="night", prove=lambda new: [None] * len(new))
    approve_tariffs(workspace, None, at=RECEIVED, actor="mira", prove=lambda new: [None] * len(new))
    begin("land")
    land_files(workspace, files.reads, received_at=RECEIVED)
    start, end = datetime(2026, 10, 1).date(), datetime(2026, 11, 1).date()
    begin("vee")
    with judging(workspace, runner) as judge:
        run_vee(
            workspace, from_date=start, to_date=end, received_at=RECEIVED, channels_per_block=channels_per_block,
            judge=judge,
        )  # fmt: skip
    return workspace


def request(files: DemoFiles, **changed: Any) -> PlanRequest:
    """Return the request of the demo's cycle, as the night asks for it."""
    values: dict[str, Any] = {
        "cycle_id": files.cycle_id, "business_date": files.business_date, "branches": (), "sequence": 1,
        "partitions": 2, "known_at": PLANNED, "actor": "night",
    }  # fmt: skip
    return PlanRequest(**(values | changed))


def bill_cycle(
    workspace: Workspace, files: DemoFiles, *, workers: int = 1, partitions: int | None = 3,
    begin: Callable[[str], None] = unheard,
) -> str:  # fmt: skip
    """From validated reads to published bills; `begin` is told each step. Returns the run."""
    begin("plan")
    run = plan_cycle(workspace, request(files, partitions=partitions)).run_id
    begin("run")
    run_cycle(workspace, run, workers=workers, progress=Silent(), at=PLANNED, actor="night")
    begin("approve")
    approve_run(workspace, run, at=PLANNED, actor="mira")
    begin("publish")
    publish_run(workspace, run, at=PLANNED, actor="night")
    return run


def digest(workspace: Workspace) -> dict[str, str]:
    """Return a hash of every control table's rows and of every file in the lake."""
    found = {}
    with control(workspace, purpose="test") as connection:
        for table in TABLES:
            rows = sorted(map(repr, query(connection, f'SELECT * FROM "{table}"').rows()))
            found[table] = hashlib.sha256("\n".join(rows).encode()).hexdigest()
    for path in sorted(workspace.lake.rglob("*")):
        if path.is_file() and not path.name.startswith("."):
            found[path.relative_to(workspace.root).as_posix()] = file_sha256(path)
    return found


def tell(word: str) -> None:
    """One write per line: parent and child share the pipe, and the child may die at any moment."""
    os.write(1, f"{word}\n".encode())


def pool_runs() -> bool:
    """Tell whether Polars has begun to compute in this process (Linux only; elsewhere nobody knows)."""
    tasks = Path("/proc/self/task")
    return tasks.is_dir() and any((task / "comm").read_text().startswith("polars-0") for task in tasks.iterdir())


def main() -> None:
    """Fork a child for each line `folder`: it works on that folder and tells each step that it begins.

    Its pid is told first, and at the end how it ended.
    """
    files: DemoFiles = pickle.loads(Path(sys.argv[1]).read_bytes())
    tell("idle" if not pool_runs() else "an import has started the threads of Polars; a forked child would hang")
    for line in sys.stdin:
        pid = os.fork()
        if pid == 0:
            os.setsid()
            tell(f"pid {os.getpid()}")
            root = Path(line.strip())
            workspace = open_workspace(root) if root.name.startswith("read") else prepare_books(root, files, begin=tell)
            bill_cycle(workspace, files, partitions=2, begin=tell)
            os._exit(0)
        _, status = os.waitpid(pid, 0)
        tell(f"ended {status}")


if __name__ == "__main__":
    main()
