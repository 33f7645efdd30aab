"""The partitions of a run, one by one: computed or not, where, how often tried, how long, and what went wrong."""

from __future__ import annotations

import time
from pathlib import Path
from statistics import median

import polars as pl

from cycles.runners.attempts import Attempt, attempts
from cycles.runners.following import STRAGGLER
from cycles.runners.tasks import read_receipt
from cycles.runs.folders import run_folder
from cycles.runs.one_partition import planned_partitions
from cycles.runs.scope import refuse_strange_run
from store.workspace import Workspace

SCHEMA = {
    "partition": pl.Int64(), "state": pl.String(), "runner": pl.String(), "host": pl.String(), "pid": pl.Int64(),
    "attempts": pl.Int64(), "seconds": pl.Float64(), "agreements": pl.Int64(), "bills": pl.Int64(),
    "parked": pl.Int64(), "note": pl.String(),
}  # fmt: skip


def partitions_of(workspace: Workspace, run_id: str) -> pl.DataFrame:
    """Return the partitions of a run (`SCHEMA`), without the control database: also while a run is computed.

    `state` is `done`, `running` (no end is noted: it works, or its process died), `failed` or `waiting`; `seconds` are
    those of the last attempt, so far or in all.

    Raises:
        ConfigError: there is no such plan.
        RoleError: the run is about other branches than those of who asks.
    """
    folder = run_folder(workspace, run_id)
    count = planned_partitions(workspace, run_id)
    refuse_strange_run(workspace, {"run_id": run_id, "branches": None})
    tried: dict[int, list[Attempt]] = {number: [] for number in range(count)}
    for attempt in attempts(folder):
        tried[attempt.partition].append(attempt)
    ended = [
        attempt.seconds for of_one in tried.values() for attempt in of_one if attempt.seconds and not attempt.failure
    ]
    usual = median(ended) if ended else None
    rows = [_row(folder, number, of_one, usual) for number, of_one in tried.items()]  # a row per partition
    return pl.DataFrame(rows, schema=SCHEMA, orient="row")


def _row(folder: Path, number: int, tried: list[Attempt], usual: float | None) -> dict[str, object]:
    receipt = read_receipt(folder, number)
    last = tried[-1] if tried else None
    state = "waiting" if last is None else "failed" if last.failure else "running"
    if receipt is not None:
        state = "done"
    row: dict[str, object] = {"partition": number, "state": state, "attempts": len(tried), "note": ""}
    if receipt is not None:
        row |= {
            "agreements": receipt.counts["due"],
            "bills": receipt.counts["bills"],
            "parked": receipt.counts["parked"],
        }
    if last is None:
        return row
    seconds = last.seconds if last.seconds is not None else None if state == "done" else time.time() - last.started_at
    causes = [attempt.failure for attempt in tried if attempt.failure]
    note = causes[-1].splitlines()[0] if causes else ""
    if not note and usual and seconds and seconds > STRAGGLER * usual:
        note = f"takes {seconds / usual:.1f} times the median of {usual:.1f} s"
    return row | {"runner": last.runner, "host": last.host, "pid": last.pid, "seconds": seconds, "note": note}
