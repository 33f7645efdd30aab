"""What a driver tells of partitions as they are computed, and what anybody reads of it afterwards."""

from __future__ import annotations

import io
import json
import time
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest

from cycles.runners.attempts import Attempt, Came, attempts, attempts_at, end_lost
from cycles.runners.following import Following
from cycles.runners.tasks import Receipt, Task, write_receipt
from cycles.runs.followed import NOTHING_FOLLOWED, followed
from model.progress import Silent
from outputs.progress import JsonLines
from store.workspace import Workspace

NOW = time.time()


class Heard(Silent):
    """Keeps what is noted."""

    def __init__(self) -> None:
        self.notes: list[dict[str, Any]] = []

    def note(self, stage: str, event: str, **facts: object) -> None:
        self.notes.append({"event": event, **facts})


def attempt(partition: int, *, ago: float, seconds: float | None = None, number: int = 1, **told: Any) -> Attempt:
    values = {"runner": "ray", "host": "node-a", "pid": 7, "started_at": NOW - ago, "seconds": seconds} | told
    return Attempt(partition, number, **values)


def note(folder: Path, one: Attempt) -> Attempt:
    (folder / "receipts").mkdir(parents=True, exist_ok=True)
    path = folder / "receipts" / f".p{one.partition:05d}.attempt-{round(one.started_at * 1e6):x}-{one.pid}.json"
    path.write_text(json.dumps(asdict(one)), encoding="utf-8")
    return one


def receipt(partition: int, due: int = 10) -> Receipt:
    return Receipt("bill-x", partition, (), {"due": due, "bills": due, "parked": 0}, {})


def test_each_partition_is_told_with_its_place_and_how_long_the_others_will_take(tmp_path: Path) -> None:
    clock, heard = iter([0.0, 2.0, 4.0]), Heard()
    following = Following("rate", tmp_path, heard, tasks=4, items="due", clock=lambda: next(clock))
    following.came(Came(receipt(2, due=10), attempt(2, ago=9.0, seconds=1.5)))
    following.came(Came(receipt(0, due=30), attempt(0, ago=9.0, seconds=2.5, number=2, host="node-b")))
    first, second = heard.notes
    assert (first["partition"], first["host"], first["took"], first["items"]) == (2, "node-a", 1.5, 10)
    # 40 agreements in 4 seconds, two partitions of four in the same.
    assert (second["partition"], second["attempt"], second["per_second"], second["seconds_left"]) == (0, 2, 10, 4.0)


def test_what_was_lost_gets_its_cause_in_the_note_that_its_process_could_not_end(tmp_path: Path) -> None:
    task, heard = Task("/nowhere", "bill-x", 3), Heard()
    following = Following("rate", tmp_path, heard, tasks=1, items="due")
    following.lost(task, "the machine is gone")
    assert heard.notes == []  # it had not begun: nothing was lost with it
    note(tmp_path, attempt(3, ago=5.0))
    following.lost(task, "the machine is gone")
    assert heard.notes == [
        {"event": "lost", "partition": 3, "attempt": 1, "host": "node-a", "pid": 7, "cause": "the machine is gone"}
    ]
    (ended,) = attempts(tmp_path)
    assert (ended.failure, ended.seconds, ended.is_open) == ("the machine is gone", None, False)


def test_an_attempt_that_told_its_own_end_keeps_it(tmp_path: Path) -> None:
    note(tmp_path, attempt(3, ago=5.0, seconds=1.0, failure="no space"))
    assert end_lost(tmp_path, Task("/nowhere", "bill-x", 3), "lost") == attempts_at(tmp_path, 3)[0]
    assert attempts_at(tmp_path, 3)[0].failure == "no space"


def test_a_partition_that_takes_longer_than_twice_the_median_is_told_of_once(tmp_path: Path) -> None:
    heard = Heard()
    following = Following("rate", tmp_path, heard, tasks=5, items="due")
    for number, seconds in enumerate((9.0, 10.0, 11.0)):
        following.came(Came(receipt(number), note(tmp_path, attempt(number, ago=60.0, seconds=seconds))))
    note(tmp_path, attempt(3, ago=19.0))  # not yet twice 10 seconds
    note(tmp_path, attempt(4, ago=30.0, host="node-b"))
    following.waiting()
    following.waiting()
    (slow,) = [told for told in heard.notes if told["event"] == "slow"]
    assert (slow["partition"], slow["host"]) == (4, "node-b")
    assert slow["times"] == pytest.approx(3.0, abs=0.2)


def test_the_log_lines_of_machines_carry_run_partition_and_time() -> None:
    out = io.StringIO()
    lines = JsonLines(out)
    lines.about("bill-x")
    lines.note("rate", "lost", partition=3, attempt=1, host="node-a", cause="gone")
    (line,) = [json.loads(text) for text in out.getvalue().splitlines()]
    assert {
        "run_id": "bill-x",
        "event": "lost",
        "partition": 3,
        "host": "node-a",
        "cause": "gone",
    }.items() <= line.items()
    assert line["at"].endswith("+00:00")


def test_afterwards_anybody_reads_where_partitions_were_what_is_slow_and_what_was_lost(tmp_path: Path) -> None:
    workspace = Workspace(tmp_path, "w")
    assert followed(workspace, "bill-x") == NOTHING_FOLLOWED
    folder = workspace.runs / "bill-x"
    note(folder, attempt(0, ago=60.0, seconds=None, failure="its process died\nand more"))
    for number, host in ((0, "node-a"), (1, "node-b"), (2, "node-b")):
        note(folder, attempt(number, ago=50.0, seconds=10.0, number=2, host=host))
        write_receipt(folder, receipt(number))
    note(folder, attempt(3, ago=25.0))
    note(folder, attempt(4, ago=5.0))
    found = followed(workspace, "bill-x", NOW)
    assert found.places == {"ray on node-a": 1, "ray on node-b": 2}
    assert found.running == 2
    assert [one.sentence() for one in found.stragglers] == ["partition 3 on node-a: 25 s, 2.5 times the median"]
    assert [one.sentence() for one in found.failures] == ["partition 0, attempt 1 on node-a: its process died"]
