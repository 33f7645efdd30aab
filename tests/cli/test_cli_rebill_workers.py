"""A rebill gives the same bytes with one, two and three workers, and the same rows whatever its partitions."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from books_by_hand import CommandLine, add_tariffs, write_file
from test_cli_rebill import DEARER, LINES, planned, published, two_months

import cycles.rebill.placed
from cycles.runs.folders import read_manifest, run_folder
from store.workspace import open_workspace


@pytest.fixture(scope="module")
def changed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Books in which June and July are published at a price that was wrong."""
    folder = tmp_path_factory.mktemp("workers")
    command = CommandLine(folder / "books")
    two_months(command, folder)
    add_tariffs(command, write_file(folder / "dearer.toml", DEARER))
    return folder / "books"


def cut(command: CommandLine, monkeypatch: pytest.MonkeyPatch, cost_each: int) -> tuple[str, int]:
    """Plan the rebill; return its run, and how many partitions it has."""
    monkeypatch.setattr(cycles.rebill.placed, "COST_PER_PARTITION", cost_each)
    run = planned(command)["run_id"]
    plan = run_folder(open_workspace(command.workspace), run) / "plan" / "plan.json"
    return run, int(json.loads(plan.read_bytes())["partitions"])


def applied(command: CommandLine, run: str, workers: int) -> tuple[str, list[tuple[Any, ...]]]:
    """Apply the rebill; return the digest of its manifest, and the names and hashes of its files."""
    command.done("rebill", "apply", run, "--workers", workers, "--by", "ops")
    manifest = read_manifest(run_folder(open_workspace(command.workspace), run))
    return manifest["digest"], sorted((item["table"], item["path"], item["sha256"]) for item in manifest["files"])


def test_workers_and_partitions_do_not_show(changed: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shutil.copytree(changed, tmp_path / "planned")
    run, partitions = cut(CommandLine(tmp_path / "planned"), monkeypatch, 1)
    assert partitions > 1
    found = []
    for workers in (1, 2, 3):
        command = CommandLine(Path(shutil.copytree(tmp_path / "planned", tmp_path / str(workers))))
        found.append(applied(command, run, workers))
    assert found[0] == found[1] == found[2]
    whole = CommandLine(Path(shutil.copytree(changed, tmp_path / "whole")))
    other, one = cut(whole, monkeypatch, 10**9)
    assert one == 1
    published(whole, other)
    parted = CommandLine(tmp_path / "3")
    published(parted, run)
    rows = [books.done("query", LINES, "--format", "json").json for books in (whole, parted)]
    assert rows[0] == rows[1]


def test_what_is_worth_it_is_cut_in_two(changed: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found = {}
    for worth_two in (10**9, 1):
        monkeypatch.setattr(cycles.rebill.placed, "_WORTH_TWO", worth_two)
        command = CommandLine(Path(shutil.copytree(changed, tmp_path / str(worth_two))))
        run, partitions = cut(command, monkeypatch, 10**9)
        shown = command.done("rebill", "show", run, "--json").json
        found[partitions] = {name: shown[name] for name in shown if name not in {"run_id", "fingerprint"}}
    assert set(found) == {1, 2}
    assert found[1] == found[2]
