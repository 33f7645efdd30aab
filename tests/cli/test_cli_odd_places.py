"""Workspaces in folders with odd names, and workspaces that were moved."""

from __future__ import annotations

import shutil
from pathlib import Path

from books_by_hand import CommandLine, bill, june_ready

TOTALS = "SELECT bill_id, total FROM bills ORDER BY bill_id"
JUNE_TOTALS = [{"bill_id": "A1.2026-06.r0", "total": "265.10"}, {"bill_id": "A2.2026-06.r0", "total": "61.60"}]


def test_a_folder_may_have_brackets_quotes_and_commas_in_its_name(tmp_path: Path) -> None:
    folder = tmp_path / "books [2026] 'a', é"
    folder.mkdir()
    command = CommandLine(folder / "w")
    june_ready(command, tmp_path)
    run = bill(command, "2026-06", "2026-07-02")
    assert command.done("query", TOTALS, "--format", "json").json == JUNE_TOTALS
    assert command.done("query", "SELECT count(*) AS n FROM intervals", "--format", "json").json == [{"n": 1440}]
    assert command.done("run", "show", run, "--json").code == 0
    assert "the same" in command.done("bill", "explain", "A1.2026-06.r0").out


def test_a_moved_workspace_says_how_analysts_reach_it_again(tmp_path: Path) -> None:
    command = CommandLine(tmp_path / "books")
    june_ready(command, tmp_path)
    run = bill(command, "2026-06", "2026-07-02")
    shutil.move(tmp_path / "books", tmp_path / "moved")
    moved = CommandLine(tmp_path / "moved")
    refused = moved("query", TOTALS)
    assert refused.code == 2
    assert f"was built for the workspace at `{tmp_path / 'books'}`" in refused.err
    assert f"billmill cycle publish {run}" in refused.err
    moved.done("cycle", "publish", run, "--by", "ops")
    assert moved.done("query", TOTALS, "--format", "json").json == JUNE_TOTALS
