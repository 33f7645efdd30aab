"""An analyst's notebook stays open through the night: nothing breaks, and the next opening sees the new bills."""

from __future__ import annotations

import subprocess
import sys

from whole_night import bill_cycle

from demo.night import DemoFiles
from store.workspace import Workspace

NOTEBOOK = """
import sys, duckdb
path = sys.argv[1]
old = duckdb.connect(path, read_only=True)
print(old.sql("SELECT count(*) FROM bill_lines").fetchone()[0] if hasattr(old.sql("SELECT 1"), "fetchone")
      else old.execute("SELECT count(*) FROM bill_lines").fetchall()[0][0], flush=True)
sys.stdin.readline()
print(old.execute("SELECT count(*) FROM bill_lines").fetchall()[0][0],
      old.execute("SELECT sum(slots) > 0 FROM usage_daily").fetchall()[0][0], flush=True)
old.close()
new = duckdb.connect(path, read_only=True)
print(new.execute("SELECT count(*) FROM bill_lines").fetchall()[0][0], flush=True)
"""


def test_a_notebook_that_is_open_during_the_night_breaks_nothing(workspace: Workspace, files: DemoFiles) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", NOTEBOOK, str(workspace.analytics_path)],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    ) as notebook:  # fmt: skip
        assert notebook.stdin is not None and notebook.stdout is not None
        assert notebook.stdout.readline() == "0\n"
        bill_cycle(workspace, files)
        notebook.stdin.write("go on\n")
        notebook.stdin.flush()
        before, _ = notebook.stdout.readline().split()
        after = int(notebook.stdout.readline())
        assert notebook.wait() == 0
    assert before == "0" and after > 100
