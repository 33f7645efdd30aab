"""Runs and branches: which branches a run is about, and whether who acts may touch them."""

from __future__ import annotations

from typing import Any

import polars as pl

from cycles.runs.folders import run_folder
from model.errors import RoleError
from store.roles import refuse_strange
from store.workspace import Workspace


def run_branches(workspace: Workspace, row: dict[str, Any]) -> list[str]:
    """Return the branches of a run (a row of model.control.Runs): those asked for, or those of what its plan lists."""
    if row["branches"]:
        return sorted(str(row["branches"]).split(","))
    found = set[str]()
    for name in ("due", "reversals"):  # what it bills, what it takes back
        path = run_folder(workspace, row["run_id"]) / "plan" / f"{name}.parquet"
        if path.is_file():
            branches = pl.scan_parquet(path, glob=False).select(pl.col("branch_id").unique()).collect()["branch_id"]
            found |= {str(branch) for branch in branches}
    return sorted(found)


def refuse_strange_run(workspace: Workspace, row: dict[str, Any]) -> None:
    """Refuse to touch a run that is about other branches, too, than those of who opened the workspace.

    Raises:
        RoleError: names the first such branch.
    """
    if workspace.branches is None:
        return
    branches = run_branches(workspace, row)
    if not branches:
        raise RoleError(f"run `{row['run_id']}`: its branches are not known, so it is nobody's who is for some only")
    refuse_strange(workspace, branches, f"run `{row['run_id']}`")


def of_own_branches(workspace: Workspace, frame: pl.DataFrame) -> pl.DataFrame:
    """Return the rows of a frame with `branch_id` that who opened the workspace may see."""
    return frame if workspace.branches is None else frame.filter(pl.col("branch_id").is_in(sorted(workspace.branches)))
