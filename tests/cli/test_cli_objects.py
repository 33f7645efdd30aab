"""A workspace whose lake lies in an S3 bucket: the month that a local one gives, whoever computes it."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from books_by_hand import CommandLine, make_june

sys.path.append(str(Path(__file__).parents[1] / "cycles"))

pytest.importorskip("obstore", reason="the extra `s3` is not installed")
pytest.importorskip("moto.server", reason="moto and flask are not installed")
pytest.importorskip("flask_cors", reason="moto and flask are not installed")

from s3_server import Server

from cycles.runners.attempts import Told
from cycles.runners.tasks import Task
from cycles.runs.partition import compute_partition
from model.codes import RunnerName

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
    june: tuple[CommandLine, str], tmp_path: Path
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
    assert "nothing differs" in drill.done("verify").out
    moved = [key.replace("moved/", "books/") for key in server.keys("june") if key.startswith("moved/")]
    assert moved == [key for key in keys if ".attempt-" not in key]
