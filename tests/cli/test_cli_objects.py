"""A workspace whose lake lies in an S3 bucket: the month that a local one gives, whoever computes it."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest
from books_by_hand import CommandLine, make_june

sys.path.append(str(Path(__file__).parents[1] / "cycles"))

pytest.importorskip("obstore", reason="the extra `s3` is not installed")
pytest.importorskip("moto.server", reason="moto and flask are not installed")
pytest.importorskip("flask_cors", reason="moto and flask are not installed")

from s3_server import Server

from cycles.runners.attempts import Came, Told
from cycles.runners.chosen import Runner
from cycles.runners.tasks import Task
from cycles.runners.vee_blocks import judging
from cycles.runners.watch import UNWATCHED, Watch
from cycles.runs.partition import compute_partition
from ingest.vee.block import JudgedBlock
from ingest.vee.blocks import Judge, judged_blocks
from ingest.vee.run import run_vee
from model.codes import RunnerName
from store.claims import CLAIM
from store.workspace import Workspace, open_workspace

Compute = Callable[[Task], Came]
PLAN = ("cycle", "plan", "2026-06", "--business-date", "2026-07-01", "--partitions", 2, "--by", "ops", "--json")
TOTALS = ("query", "SELECT invoice_no, account_id, total FROM invoices ORDER BY ALL", "--format", "csv")

HOURS = "SELECT count(*) AS hours FROM intervals"
NAMED = ("/tables/bills-", "/reads_day_60/", "/plan/due.parquet")


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AWS_ACCESS_KEY_ID", "loopback")
        patch.setenv("AWS_SECRET_ACCESS_KEY", "loopback")
        running = Server()
        yield running
        running.stop()


def planned(command: CommandLine) -> str:
    return str(command.done(*PLAN).json["run_id"])


def publish(command: CommandLine, run: str) -> None:
    command.done("cycle", "approve", run, "--by", "mira")
    command.done("cycle", "publish", run, "--by", "ops")


def other_machine(command: CommandLine, folder: Path) -> CommandLine:
    """A machine that has the configuration and nothing else."""
    folder.mkdir()
    shutil.copy(command.workspace / "billmill.toml", folder)
    return CommandLine(folder)


def twin(command: CommandLine, folder: Path) -> CommandLine:
    """The same workspace with its lake on this machine alone."""
    shutil.copytree(command.workspace, folder)
    config = folder / "billmill.toml"
    config.write_text(config.read_text().partition("[lake]")[0])
    return CommandLine(folder)


def manifest(command: CommandLine, run: str) -> bytes:
    return (command.workspace / "lake" / "runs" / run / "manifest.json").read_bytes()


@pytest.fixture(scope="module")
def june(server: Server, tmp_path_factory: pytest.TempPathFactory) -> tuple[CommandLine, str]:
    """June, planned, in a bucket."""
    folder = tmp_path_factory.mktemp("june")
    command = CommandLine(folder / "w")
    make_june(command, folder, "--lake", f"s3://{server.make_bucket('june')}/books", "--endpoint", server.endpoint)
    return command, planned(command)


def test_a_month_whose_partitions_other_machines_compute_is_that_of_one_machine(
    june: tuple[CommandLine, str], server: Server, tmp_path: Path
) -> None:
    command, run = june
    alone = twin(command, tmp_path / "alone")
    first, second = (other_machine(command, tmp_path / name) for name in ("first", "second"))
    assert first.done("cycle", "run-partition", run, "--index", 1, "--json").json["new"]
    assert not second.done("cycle", "run-partition", run, "--index", 1, "--json").json["new"]
    # A task of Ray names the driver's folder, which a machine may not have.
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("BILLMILL_WORKSPACE", str(second.workspace))
        Told(compute_partition, RunnerName.RAY)(Task(str(tmp_path / "not here"), run, 0))
    assert not [*first.workspace.glob("*.duckdb"), *second.workspace.glob("*.duckdb")]
    shown = command.done("run", "partitions", run, "--json").json
    assert [(row["state"], row["runner"]) for row in shown] == [("done", "ray"), ("done", "array")]
    command.done("cycle", "commit", run, "--parked-limit", 100, "--by", "ops")
    publish(command, run)
    lake = command.workspace / "lake"
    here = {path.relative_to(lake).as_posix() for path in lake.rglob("[!.]*") if path.is_file()}
    in_bucket = {key.removeprefix("books/") for key in server.keys("june")}
    assert here == {key for key in in_bucket if "/receipts/." not in key} - {
        CLAIM
    }  # no file of the lake is put past it

    alone.done("cycle", "run", run, "--workers", 1, "--parked-limit", 100, "--by", "ops")
    assert manifest(command, run) == manifest(alone, run)
    assert "nothing differs" in command.done("verify").out


def test_what_is_lost_changed_or_strange_in_the_bucket_is_named_and_put_back(
    june: tuple[CommandLine, str], server: Server, tmp_path: Path
) -> None:
    command, _ = june
    backup = tmp_path / "backup"
    command.done("backup", "--to", backup)
    bills, reads, plan = (next(key for key in server.keys("june") if name in key) for name in NAMED)
    server.put("june", bills, b"other bytes")
    server.delete("june", reads)
    server.delete("june", plan)
    server.put("june", "books/runs/notes.txt", b"hello")
    found = command("verify", "--json")
    assert found.code == 4
    assert sorted((row["kind"], row["subject"]) for row in found.json["problems"]) == [
        ("altered", f"s3://june/{bills}"), ("extra", "s3://june/books/runs/notes.txt"),
        ("missing", f"s3://june/{reads}"), ("missing", f"s3://june/{plan}"),
    ]  # fmt: skip
    restored = command.done("restore", backup, "--json").json["put_back"]
    assert sorted(restored) == sorted(key.replace("books/", "lake/") for key in (bills, reads, plan))
    server.delete("june", "books/runs/notes.txt")


def test_a_machine_without_copies_gets_what_it_needs(june: tuple[CommandLine, str], tmp_path: Path) -> None:
    """The folder `lake/` is a cache: gone, everything comes back when it is asked for."""
    command, _ = june
    before, hours = command.done(*TOTALS).out, command.done("query", HOURS, "--format", "csv").out
    shutil.rmtree(command.workspace / "lake")
    assert command.done(*TOTALS).out == before
    assert "nothing differs" in command.done("verify").out  # also that what the test before lost is put back
    shutil.rmtree(command.workspace / "lake")
    assert command.done("query", HOURS, "--format", "csv").out == hours
    shutil.rmtree(command.workspace / "lake")
    invoice = before.splitlines()[1].partition(",")[0]
    assert "Electricity" in command.done("bill", "explain", invoice).out


def test_a_drill_is_restored_without_touching_the_bucket(
    june: tuple[CommandLine, str], server: Server, tmp_path: Path
) -> None:
    command, _ = june
    command.done("backup", "--to", tmp_path / "backup")
    totals, keys, asked = command.done(*TOTALS).out, server.keys("june"), len(server.asked)
    command.done("restore", tmp_path / "backup", "--into", tmp_path / "drill")
    drill = CommandLine(tmp_path / "drill")
    assert drill.done(*TOTALS).out == totals
    assert not server.asked[asked:]
    assert server.keys("june") == keys

    config = drill.workspace / "billmill.toml"
    config.write_text(config.read_text().replace("# [", "[").replace("# url", "url").replace("# endpoint", "endpoint"))
    config.write_text(config.read_text().replace("june/books", "june/moved"))
    drill.done("restore", tmp_path / "backup")
    moved = [key.replace("moved/", "books/") for key in server.keys("june") if key.startswith("moved/")]
    assert moved == [key for key in keys if ".attempt-" not in key]


def test_a_new_driver_takes_the_place_of_one_that_is_lost(june: tuple[CommandLine, str], tmp_path: Path) -> None:
    command, _ = june
    totals = command.done(*TOTALS).out
    command.done("backup", "--to", tmp_path / "backup")
    command.workspace.rename(tmp_path / "lost")
    command.done("restore", tmp_path / "backup", "--into", command.workspace, "--same-lake")
    assert open_workspace(command.workspace).bucket == open_workspace(tmp_path / "lost").bucket
    shutil.rmtree(command.workspace / "lake")
    assert command.done(*TOTALS).out == totals


def test_blocks_of_reads_are_judged_on_machines_that_share_the_bucket_alone(
    june: tuple[CommandLine, str], server: Server, tmp_path: Path
) -> None:
    command, _ = june
    there = other_machine(command, tmp_path / "there").workspace
    given: list[int] = []

    def elsewhere(compute: Compute, tasks: Sequence[Task], *, workers: int, watch: Watch = UNWATCHED) -> Iterator[Came]:
        for task in tasks:
            given.append(task.partition)
            yield compute(replace(task, workspace=str(there)))

    def killed(compute: Compute, tasks: Sequence[Task], *, workers: int, watch: Watch = UNWATCHED) -> Iterator[Came]:
        for _ in elsewhere(compute, tasks, workers=workers):
            raise KeyboardInterrupt
        yield from ()

    workspace = open_workspace(command.workspace)
    by_threads = judged(workspace, judged_blocks)
    with pytest.raises(KeyboardInterrupt), judging(workspace, Runner(RunnerName.RAY, killed)) as judge:
        judged(workspace, judge)
    assert [key for key in server.keys("june") if "/aside/vee-2026-06-01-" in key and "/receipts/p00000" in key]
    assert "nothing differs" in command.done("verify").out  # what a killed validation left is nobody's mistake
    shutil.rmtree(workspace.lake / "aside")  # another driver's machine
    with judging(workspace, Runner(RunnerName.RAY, elsewhere)) as judge:
        by_machine = judged(workspace, judge)
    assert given == [0], "the block that was done before the kill is not judged again"
    for one, other in zip(by_threads, by_machine, strict=True):
        assert one.findings.equals(other.findings)
        assert one.edited.equals(other.edited)
        assert one.totals == other.totals
    assert not list(there.glob("*.duckdb"))
    assert not [key for key in server.keys("june") if "/aside/" in key]


def test_an_array_judges_blocks_on_machines_that_share_the_bucket_alone(
    june: tuple[CommandLine, str], server: Server, tmp_path: Path
) -> None:
    command, _ = june
    days = ("--from", "2026-06-01", "--to", "2026-07-01", "--json")
    there = other_machine(command, tmp_path / "there")
    figures = twin(command, tmp_path / "alone").done("reads", "vee", *days).json
    for _ in range(2):  # nothing is new, so the second plan bears the first one's name, and the machine has its copies
        plan = command.done("reads", "vee-plan", *days).json
        assert [there.done("reads", "vee-block", plan["plan"], "--index", 0, "--json").json["new"] for _ in "ab"] == [
            True, False,
        ]  # fmt: skip
        done = command.done("reads", "vee-commit", plan["plan"], "--by", "ops", "--json").json
        assert done == {"plan": plan["plan"], "load": None, "new": True, **figures}
        assert not [key for key in server.keys("june") if key.endswith(".pickle")]
    assert plan["blocks"] == 1
    assert not list(there.workspace.glob("*.duckdb"))


def judged(workspace: Workspace, judge: Judge) -> list[JudgedBlock]:
    """Validate June and return what came of each block."""
    found: list[JudgedBlock] = []

    def kept(reads: Sequence[Any], *given: Any) -> Iterator[Any]:
        for lake, block in judge(reads, *given):
            found.append(block)
            yield lake, block

    run_vee(
        workspace, from_date=date(2026, 6, 1), to_date=date(2026, 7, 1), received_at=datetime(2026, 7, 2, tzinfo=UTC),
        judge=kept,
    )  # fmt: skip
    return found
