"""`verify`, `rebuild`, `backup`, `restore`, `repair`, `audit` as an operator types them; errors of the database."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from books_by_hand import CommandLine, write_accounts, write_file

PROJECT = Path(__file__).parents[2]


@pytest.fixture
def command(tmp_path: Path) -> CommandLine:
    made = CommandLine(tmp_path / "books")
    made.done("init", made.workspace, "--by", "ana")
    made.done("accounts", "import", write_accounts(tmp_path / "in"), "--by", "ana")
    return made


def test_sound_books_are_verified_backed_up_and_restored(command: CommandLine, tmp_path: Path) -> None:
    verified = command("verify", "--json")
    assert verified.code == 0 and verified.json["problems"] == [] and verified.json["audit_entries"] == 2
    assert command.done("backup", "--to", tmp_path / "backup", "--json").json["copied"] > 0
    assert command.done("backup", "--to", tmp_path / "backup", "--json").json["copied"] == 0
    drill = CommandLine(tmp_path / "drill")
    command.done("restore", tmp_path / "backup", "--into", drill.workspace)
    assert drill("verify").code == 0


def test_a_foreign_file_makes_verify_end_with_exit_code_4(command: CommandLine) -> None:
    (command.workspace / "lake" / "notes.txt").write_text("mine")
    ended = command("verify")
    assert ended.code == 4
    assert "EXTRA  lake/notes.txt\n  expected   only files that Billmill wrote" in ended.out


def test_the_audit_tells_who_did_what(command: CommandLine) -> None:
    rows = command.done("audit", "list", "--actor", "ana", "--action", "import", "--json").json
    assert [(row["entry_no"], row["action"]) for row in rows] == [(2, "import")]
    assert command.done("audit", "list", "--since", "2100-01-01", "--json").json == []
    shown = command.done("audit", "show", 1, "--json").json
    assert shown["action"] == "init" and shown["hash_before"] == "0" * 64
    refused = command("audit", "show", 99)
    assert refused.code == 2 and "the audit has no entry 99" in refused.err and "from 1 to 2" in refused.err


def test_a_control_database_that_does_not_open_says_what_to_do(command: CommandLine, tmp_path: Path) -> None:
    command.done("backup", "--to", tmp_path / "backup")
    (command.workspace / "control.duckdb").write_bytes(b"x" * 5000)
    refused = command("run", "list")
    assert refused.code == 4 and "cannot be opened" in refused.err and "billmill repair" in refused.err
    assert command("repair").code == 4
    command.done("restore", tmp_path / "backup")
    assert command("verify").code == 0


def test_a_name_of_a_spreadsheets_formula_stays_a_name(command: CommandLine, tmp_path: Path) -> None:
    header = "branch_id,name\n"
    text = header + 'N,North\nX,=HYPERLINK("http://evil")\nY,-1\nZ,@sum\n'
    command.done("accounts", "import", write_file(tmp_path / "branches.csv", text))
    from outputs.analytics import build_analytics
    from store.control import control
    from store.workspace import open_workspace

    workspace = open_workspace(command.workspace)
    with control(workspace, purpose="test") as connection:
        build_analytics(workspace, connection)
    out = command.done("query", "SELECT branch_id, name, -5 AS n FROM branches ORDER BY ALL", "--format", "csv").out
    assert out.splitlines() == [
        "branch_id,name,n", "N,North,-5", "X,\"'=HYPERLINK(\"\"http://evil\"\")\",-5", "Y,-1,-5", "Z,'@sum,-5",
    ]  # fmt: skip


@pytest.mark.skipif(sys.platform == "win32", reason="limits of the size of files are POSIX")
def test_a_full_disk_is_told_and_nothing_is_lost(command: CommandLine, tmp_path: Path) -> None:
    """No file may grow beyond what the control database has: as on a full disk, writing fails."""
    size = (command.workspace / "control.duckdb").stat().st_size
    branches = "branch_id,name\n" + "".join(f"B{number},{'x' * 200}{number}\n" for number in range(20_000))
    path = write_file(tmp_path / "branches.csv", branches)
    script = (
        "import resource, signal, sys; signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        f"resource.setrlimit(resource.RLIMIT_FSIZE, ({size}, {size}))\n"
        f"sys.argv = ['billmill', 'accounts', 'import', {str(path)!r}, '-w', {str(command.workspace)!r}]\n"
        "import cli; cli.main()"
    )
    ended = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, cwd=PROJECT, check=False)
    assert ended.returncode in {2, 4} and "Traceback" not in ended.stderr
    assert "error: " in ended.stderr and "hint: " in ended.stderr
    assert command("verify").code == 0
    assert command.done("audit", "list", "--json").json[0]["entry_no"] == 2  # the import did not count
