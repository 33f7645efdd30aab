"""Partitions computed one by one, as a job array does, give the run that one command gives."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import pytest
from whole_night import PLANNED, request

from cycles.runners import attempts
from cycles.runners.attempts import Told
from cycles.runs.one_partition import compute_alone
from cycles.runs.partition import compute_partition
from cycles.runs.partitions import partitions_of
from cycles.runs.plan import plan_cycle
from cycles.runs.run import commit_run, partition_task, run_cycle
from cycles.verify.workspace import verify_workspace
from demo.night import DemoFiles
from model.codes import RunnerName, RunState
from model.errors import ConfigError, ControlError, StaleError
from model.progress import Silent
from store.workspace import Workspace, open_workspace

PARTITIONS = 3


def test_an_array_leaves_the_manifest_of_one_command(
    workspace: Workspace, books: Path, files: DemoFiles, tmp_path: Path
) -> None:
    whole = plan_cycle(workspace, request(files, partitions=PARTITIONS))
    run_cycle(workspace, whole.run_id, workers=1, progress=Silent(), at=PLANNED, actor="night")

    shutil.copytree(books, tmp_path / "array")
    array = open_workspace(tmp_path / "array")
    planned = plan_cycle(array, request(files, partitions=PARTITIONS))
    with pytest.raises(ControlError, match="3 of 3 partitions have no receipt: 0, 1, 2"):
        commit_run(array, planned.run_id, at=PLANNED, actor="night")
    for index in (2, 0, 1, 2):  # in any order, one of them twice
        receipt, is_new = compute_alone(array, planned.run_id, index)
        assert receipt.partition == index
    assert not is_new
    shown = partitions_of(array, planned.run_id)
    assert shown.select("partition", "state", "runner", "attempts").rows() == [
        (n, "done", "array", 1) for n in range(3)
    ]
    assert shown["agreements"].sum() == planned.content["selected"]
    assert commit_run(array, planned.run_id, at=PLANNED, actor="night").state == RunState.VALIDATED
    assert commit_run(array, planned.run_id, at=PLANNED, actor="night").state == RunState.VALIDATED  # changes nothing
    assert (planned.folder / "manifest.json").read_bytes() == (whole.folder / "manifest.json").read_bytes()

    noted = attempts.attempts(planned.folder)
    assert [(note.partition, note.runner, note.failure) for note in noted] == [
        (index, "array", "") for index in (2, 0, 1)
    ]
    found = verify_workspace(array, deep=False, against=None, progress=Silent()).problems
    assert found.is_empty(), found


def test_a_partition_that_is_not_in_the_plan_is_refused(workspace: Workspace, files: DemoFiles) -> None:
    planned = plan_cycle(workspace, request(files, partitions=PARTITIONS))
    with pytest.raises(ConfigError, match=r"partition 3: run .* has 3, from 0 to 2"):
        compute_alone(workspace, planned.run_id, 3)
    with pytest.raises(ConfigError, match="run `bill-nothing` has no plan"):
        compute_alone(workspace, "bill-nothing", 0)


def test_a_machine_with_another_version_of_the_code_is_refused(workspace: Workspace, files: DemoFiles) -> None:
    planned = plan_cycle(workspace, request(files, partitions=PARTITIONS))
    other = replace(partition_task(workspace, planned, 1), code_version="0" * 64)
    with pytest.raises(StaleError, match=r"partition 1 of run .*: .* has another version of Billmill"):
        Told(compute_partition, RunnerName.RAY)(other)
    (note,) = attempts.attempts(planned.folder)
    assert "another version of Billmill" in note.failure
    assert not list((planned.folder / "receipts").glob("p*.json"))
    shown = partitions_of(workspace, planned.run_id)
    assert shown["state"].to_list() == ["waiting", "failed", "waiting"]
    assert "another version of Billmill" in shown["note"][1]


def test_a_changed_plan_is_refused_without_the_control_database(workspace: Workspace, files: DemoFiles) -> None:
    planned = plan_cycle(workspace, request(files, partitions=PARTITIONS))
    path = planned.folder / "plan" / "due.parquet"
    path.chmod(0o644)
    path.write_bytes(path.read_bytes() + b" ")
    with pytest.raises(StaleError, match=r"file `due\.parquet` of the plan"):
        compute_alone(workspace, planned.run_id, 0)


def test_another_runner_goes_on_where_an_array_was_left(
    workspace: Workspace, books: Path, files: DemoFiles, tmp_path: Path
) -> None:
    whole = plan_cycle(workspace, request(files, partitions=PARTITIONS))
    run_cycle(workspace, whole.run_id, workers=1, progress=Silent(), at=PLANNED, actor="night")

    shutil.copytree(books, tmp_path / "mixed")
    mixed = open_workspace(tmp_path / "mixed")
    planned = plan_cycle(mixed, request(files, partitions=PARTITIONS))
    compute_alone(mixed, planned.run_id, 1)
    done = run_cycle(mixed, planned.run_id, workers=2, progress=Silent(), at=PLANNED, actor="night")
    assert done.computed == PARTITIONS - 1
    assert partitions_of(mixed, planned.run_id)["runner"].to_list() == ["local", "array", "local"]
    assert (planned.folder / "manifest.json").read_bytes() == (whole.folder / "manifest.json").read_bytes()
