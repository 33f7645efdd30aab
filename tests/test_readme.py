"""The README's commands and queries run as they stand."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import duckdb
import pytest
from whole_night import bill_cycle, prepare_books

from demo.night import prepare

PROJECT = Path(__file__).parents[1]
README = (PROJECT / "README.md").read_text(encoding="utf-8")


def blocks(language: str, text: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", text, flags=re.DOTALL)


@pytest.mark.skipif(shutil.which("bash") is None, reason="the README's commands are for a shell")
def test_a_utility_of_ones_own_is_billed_with_the_readmes_commands(tmp_path: Path) -> None:
    section = README.split("## Bill your own data")[1].split("\n## ")[0]
    script = "set -e\n" + "".join(blocks("sh", section))
    environment = os.environ | {"PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"}
    environment.pop("BILLMILL_WORKSPACE", None)
    result = subprocess.run(
        ["bash", "-c", script], cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
    )
    assert result.returncode == 0, result.stderr
    # Between the readings of 30 September and 2 November: 15,191 L in 33 days; October is day 1 to day 32 of them.
    # 15191 x 1/33 = 460 (down), 15191 x 32/33 = 14730 (down): 14.270 kL.
    # Supply 31 x 0.6035 = 18.7085 -> 18.71; use 10 x 1.85 = 18.50 and 4.270 x 3.10 = 13.237 -> 13.24;
    # GST 10 % of 50.45 = 5.045 -> 5.05 (half up). Together 55.50.
    assert "14.27" in result.stdout and "55.50" in result.stdout
    assert "Computed again" in result.stdout and "the same 4 lines" in result.stdout
    assert (
        "<svg" in (tmp_path / "town" / "bill.html").read_text()
        or "<html" in (tmp_path / "town" / "bill.html").read_text()
    )


def test_the_readmes_queries_are_answered(tmp_path: Path) -> None:
    files = prepare(tmp_path / "incoming", 60, 5)
    workspace = prepare_books(tmp_path / "books", files)
    bill_cycle(workspace, files)
    queries = blocks("sql", README)
    assert len(queries) == 3
    connection = duckdb.connect(str(workspace.analytics_path), read_only=True)
    for query in queries:
        assert connection.execute(query).fetchall(), query
