"""What a person and a machine see: one JSON document, tables that fit, empty states, pipes and Ctrl-C."""

from __future__ import annotations

import io
import os
import subprocess
import sys
from pathlib import Path

import polars as pl
import pytest
from books_by_hand import JULY, JUNE, CommandLine, bill, june_ready

import cycles.status
from outputs.console import print_frame

PROJECT = Path(__file__).parents[2]
RUN = "bill-2026-06-20260702-1"


@pytest.fixture(scope="module")
def command(tmp_path_factory: pytest.TempPathFactory) -> CommandLine:
    folder = tmp_path_factory.mktemp("printing")
    command = CommandLine(folder / "books")
    june_ready(command, folder)
    assert bill(command, "2026-06", "2026-07-02") == RUN
    return command


@pytest.mark.parametrize(
    "words",
    [
        ("run", "list"),
        ("run", "show", RUN),
        ("cycle", "status"),
        ("cycle", "plan", "2026-06", "--business-date", "2026-07-02"),
        ("cycle", "run", RUN, "--parked-limit", 25),
        ("cycle", "publish", RUN),
        ("tariff", "list"),
        ("reads", "vee", "--from", JUNE, "--to", JULY),
        ("bill", "explain", "N-2026-0000001"),
    ],
    ids=lambda words: " ".join(map(str, words[:2])),
)
def test_json_is_one_document_on_stdout(words: tuple[object, ...], command: CommandLine) -> None:
    assert command.done(*words, "--json").json is not None


def test_a_run_is_shown_in_major_units_with_its_currency(command: CommandLine) -> None:
    # A1 265.10 and A2 61.60, as the story works them out.
    assert "326.70 AUD" in command.done("run", "list").out
    shown = command.done("run", "show", RUN).out
    assert "326.70 AUD" in shown and "4 due = 3 billed + 1 parked" in shown and "minor" not in shown
    assert "326.70 AUD = lines = debits = credits" in command.done("cycle", "run", RUN, "--parked-limit", 25).out
    again = command.done("cycle", "publish", RUN).out
    assert "326.70 AUD" in again and "before; nothing changed" in again


def test_empty_books_say_what_to_do(tmp_path: Path) -> None:
    command = CommandLine(tmp_path / "books")
    assert "next: billmill accounts import" in command.done("init", command.workspace).err
    assert command.done("run", "list").out == "no runs yet: billmill cycle plan CYCLE --business-date DATE\n"
    assert command.done("cycle", "status").out == "no run is open; all of them: billmill run list\n"
    assert command.done("tariff", "list").out == "no tariffs yet: billmill tariff add FILES\n"
    assert command.done("query", "SELECT count(*) AS n FROM invoices", "--format", "csv").out == "n\n0\n"
    plan = command("cycle", "plan", "2026-06", "--business-date", "2026-07-02")
    assert plan.code == 2 and "import cycles.csv first" in plan.err


@pytest.mark.parametrize("error", [KeyboardInterrupt(), RuntimeError("Query interrupted")], ids=["Python", "DuckDB"])
def test_an_interrupted_command_says_so(
    error: BaseException, command: CommandLine, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(workspace: object) -> None:
        raise error

    monkeypatch.setattr(cycles.status, "all_runs", interrupted)
    ended = command("run", "list")
    assert (ended.code, ended.out) == (130, "")
    assert ended.err == "interrupted; nothing is lost, run the same command again\n"


def test_a_full_disk_is_told_without_a_traceback(command: CommandLine, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(workspace: object) -> None:
        raise OSError(28, "No space left on device", "/books/lake")

    monkeypatch.setattr(cycles.status, "all_runs", full)
    ended = command("run", "list")
    assert ended.code == 2 and "No space left on device: `/books/lake`" in ended.err


def test_a_reader_that_has_seen_enough_is_no_error(command: CommandLine) -> None:
    words = [sys.executable, "-m", "cli", "query", "SELECT * FROM range(200000)", "--format", "csv"]
    environment = os.environ | {"BILLMILL_WORKSPACE": str(command.workspace)}
    with subprocess.Popen(
        words, cwd=PROJECT, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None and process.stderr is not None
        assert process.stdout.readline() == "range\n"
        process.stdout.close()
        assert process.stderr.read() == ""
    assert process.returncode == 0


class Window(io.StringIO):
    """A terminal."""

    def isatty(self) -> bool:
        return True


def shown_in(columns: int, frame: pl.DataFrame, monkeypatch: pytest.MonkeyPatch) -> str:
    window = Window()
    for name, value in {"COLUMNS": str(columns), "LINES": "50", "NO_COLOR": "1", "TERM": "dumb"}.items():
        monkeypatch.setenv(name, value)
    with monkeypatch.context() as patch:
        patch.setattr(sys, "stdout", window)
        print_frame(frame)
    return window.getvalue()


def test_a_table_that_does_not_fit_becomes_blocks_and_no_number_is_cut(monkeypatch: pytest.MonkeyPatch) -> None:
    # The table needs 10 + 2 + 9 columns: run_a_long_ and 1,234,567.
    frame = pl.DataFrame({"run_id": ["run_a_long", "b"], "wh": [1_234_567, None]})
    assert shown_in(21, frame, monkeypatch).splitlines()[1] == "run_a_long  1,234,567"
    assert shown_in(20, frame, monkeypatch) == "  run id  run_a_long\n  wh      1,234,567\n\n  run id  b\n  wh\n"


def test_what_a_file_calls_itself_cannot_move_the_cursor(monkeypatch: pytest.MonkeyPatch) -> None:
    frame = pl.DataFrame({"name": ["a\x1b[2Jb", "[bold]c[/bold]"]})
    shown = shown_in(80, frame, monkeypatch)
    assert "\x1b[2J" not in shown and "[bold]c[/bold]" in shown
