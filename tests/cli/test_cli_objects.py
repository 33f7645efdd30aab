"""A workspace whose lake lies in an S3 bucket: the month that a local one gives, whoever computes it."""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from books_by_hand import CommandLine, june_ready

sys.path.append(str(Path(__file__).parents[1] / "cycles"))

pytest.importorskip("obstore", reason="the extra `s3` is not installed")
pytest.importorskip("moto.server", reason="moto and flask are not installed")
pytest.importorskip("flask_cors", reason="moto and flask are not installed")

from s3_server import Server

from store.files import file_sha256

PLAN = ("cycle", "plan", "2026-06", "--business-date", "2026-07-01", "--partitions", 2, "--by", "ops", "--json")
TOTALS = ("query", "SELECT invoice_no, account_id, total FROM invoices ORDER BY ALL", "--format", "csv")


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AWS_ACCESS_KEY_ID", "loopback")
        patch.setenv("AWS_SECRET_ACCESS_KEY", "loopback")
        running = Server()
        yield running
        running.stop()


@pytest.fixture(scope="module")
def local(tmp_path_factory: pytest.TempPathFactory) -> CommandLine:
    """The same month in a workspace on this machine alone."""
    folder = tmp_path_factory.mktemp("local")
    command = CommandLine(folder / "w")
    june_ready(command, folder)
    publish(command, ("cycle", "run", planned(command), "--parked-limit", 100, "--by", "ops"))
    return command


def planned(command: CommandLine) -> str:
    return str(command.done(*PLAN).json["run_id"])


def publish(command: CommandLine, *steps: tuple[object, ...]) -> str:
    run = planned(command)
    for step in steps:
        command.done(*step)
    command.done("cycle", "approve", run, "--by", "mira")
    command.done("cycle", "publish", run, "--by", "ops")
    return run


def other_machine(command: CommandLine, folder: Path) -> CommandLine:
    """A machine that has the configuration and nothing else."""
    folder.mkdir()
    shutil.copy(command.workspace / "billmill.toml", folder)
    return CommandLine(folder)


def digest(command: CommandLine, run: str) -> tuple[str, str]:
    manifest = command.workspace / "lake" / "runs" / run / "manifest.json"
    return file_sha256(manifest), json.loads(manifest.read_bytes())["digest"]


def test_a_month_whose_partitions_other_machines_compute_is_that_of_one_machine(
    server: Server, local: CommandLine, tmp_path: Path
) -> None:
    bucket = server.make_bucket("month")
    command = CommandLine(tmp_path / "w")
    june_ready(command, tmp_path, "--lake", f"s3://{bucket}/books", "--endpoint", server.endpoint)
    run = planned(command)
    for index in (1, 0):
        other = other_machine(command, tmp_path / f"machine-{index}")
        assert other.done("cycle", "run-partition", run, "--index", index, "--json").json["new"]
        assert not (other.workspace / "control.duckdb").exists()
    assert not other.done("cycle", "run-partition", run, "--index", 1, "--json").json["new"]
    shown = command.done("run", "partitions", run, "--json").json
    assert [(row["partition"], row["state"], row["runner"]) for row in shown] == [(0, "done", "array"), (1, "done", "array")]
    publish(command, ("cycle", "commit", run, "--parked-limit", 100, "--by", "ops"))
    assert digest(command, run) == digest(local, run)
    assert command.done(*TOTALS).out == local.done(*TOTALS).out
    assert command.done("verify").code == 0
