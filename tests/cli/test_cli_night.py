"""The night as schedulers call it: one line, exit codes, the page about schedulers; calendar, list and ready."""

from __future__ import annotations

import ast
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from books_by_hand import FLAT, WATER, CommandLine

sys.path.append(str(Path(__file__).parents[1] / "cycles"))
from month_by_hand import FIRST, deliver, make_books

from store.lock import hold

PROJECT = Path(__file__).parents[2]
PAGE = (PROJECT / "docs" / "schedulers.md").read_text(encoding="utf-8")
CLOCK = ("--clock", "2026-07-01T20:00:00")


@pytest.fixture(scope="module")
def books(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The utility on the evening of 1 July, its first file in the inbox."""
    workspace = make_books(tmp_path_factory.mktemp("night") / "w", {"flat.toml": FLAT, "water.toml": WATER})
    deliver(workspace, FIRST)
    return workspace.root


@pytest.fixture
def command(books: Path, tmp_path: Path) -> CommandLine:
    return CommandLine(Path(shutil.copytree(books, tmp_path / "w")))


def night(command: CommandLine, day: str, *words: object) -> Any:
    return command("--clock", f"{day}T20:00:00", "cycle", "night", "--business-date", day, "--workers", 1, *words)


def test_a_night_ends_with_one_line_and_says_what_waits(command: CommandLine) -> None:
    ended = night(command, "2026-07-01", "--by", "ops", "--json")
    summary = json.loads(ended.out.splitlines()[-1])
    assert ended.code == 0
    assert len(ended.out.splitlines()) == 1
    assert {key: summary[key] for key in ("skipped", "cycles", "billed", "parked", "waiting_for_approval")} == {
        "skipped": False, "cycles": 1, "billed": 1, "parked": 2, "waiting_for_approval": 1,
    }  # fmt: skip
    manifest = json.loads(Path(summary["manifest"]).read_bytes())
    assert manifest["next"] == ["billmill cycle approve bill-2026-06-G1-20260701-1"]
    assert "next: billmill cycle approve bill-2026-06-G1-20260701-1" in ended.err
    lines = [json.loads(line) for line in ended.err.splitlines() if line.startswith("{")]
    rated = [line for line in lines if line["stage"] == "rate"]
    assert {line["run_id"] for line in rated} == {"bill-2026-06-G1-20260701-1"}
    assert all(line["seconds"] >= 0 for line in lines)


def test_a_second_night_of_the_date_is_skipped(command: CommandLine) -> None:
    night(command, "2026-07-01")
    again = night(command, "2026-07-01", "--skip-code", 99)
    assert again.code == 99
    assert again.out.startswith("night 2026-07-01: nothing left to do, skipped: 0 published, 1 cycles, 1 billed")
    assert night(command, "2026-07-01").code == 0


def test_more_exceptions_than_allowed_tell_so(command: CommandLine) -> None:
    assert night(command, "2026-07-01", "--max-exceptions", 1).code == 3  # the water of A2 and A3 is not read
    assert night(command, "2026-07-01", "--max-exceptions", 2).code == 0


def test_what_a_closed_window_left_unbilled_is_on_the_work_list(command: CommandLine) -> None:
    night(command, "2026-07-01")
    night(command, "2026-07-20", "--by", "ops")  # long after the window
    listed = command.done("exceptions", "list", "--code", "unbilled_at_close", "--json").json
    rows = listed["exceptions"] if isinstance(listed, dict) else listed
    assert {(row["account_id"], row["source"], row["owner"]) for row in rows} >= {
        ("A2", "cycle", "metering"), ("A3", "cycle", "metering"),
    }  # fmt: skip


def test_a_run_that_waits_is_kept_until_it_is_overtaken(command: CommandLine) -> None:
    night(command, "2026-07-01")
    night(command, "2026-07-02")
    assert [run["run_id"] for run in command.done("run", "list", "--json").json] == ["bill-2026-06-G1-20260701-1"]
    root = command.workspace
    changed = (root / "inbox" / "june.csv").read_text().replace("A1,E1,kWh,2026-06-03T05:00:00+10:00,0.500",
                                                               "A1,E1,kWh,2026-06-03T05:00:00+10:00,0.700")  # fmt: skip
    (root / "inbox" / "june-corrected.csv").write_text(changed)
    night(command, "2026-07-03")
    states = {run["run_id"]: run["state"] for run in command.done("run", "list", "--json").json}
    assert states == {"bill-2026-06-G1-20260701-1": "abandoned", "bill-2026-06-G1-20260703-1": "validated"}


def test_a_night_of_a_branch_leaves_the_others(command: CommandLine) -> None:
    ended = night(command, "2026-07-01", "--branch", "S", "--json")
    assert json.loads(ended.out)["parked"] == 1  # A2 alone
    assert json.loads(ended.out)["billed"] == 0
    unknown = night(command, "2026-07-01", "--branch", "X")
    assert (unknown.code, unknown.err) == (2, "error: branch `X` is not known\nhint: known branches: N, S, W\n")


def test_two_nights_at_once_are_one(command: CommandLine) -> None:
    with hold(command.workspace / ".night", purpose="cycle night 2026-07-01"):
        script = [sys.executable, "-m", "cli", "cycle", "night", "--business-date", "2026-07-01", "--workspace",
                  str(command.workspace)]  # fmt: skip
        ended = subprocess.run(script, capture_output=True, text=True, cwd=PROJECT, check=False)
    assert ended.returncode == 75
    assert "cycle night 2026-07-01" in ended.stderr


def test_sigterm_ends_a_night_that_can_go_on(command: CommandLine) -> None:
    script = [sys.executable, "-m", "cli", *CLOCK, "cycle", "night", "--business-date", "2026-07-01", "--json",
              "--workers", "1", "--workspace", str(command.workspace)]  # fmt: skip
    process = subprocess.Popen(script, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=PROJECT)
    assert process.stderr is not None
    for line in process.stderr:
        if '"stage": "land"' in line:
            process.send_signal(signal.SIGTERM)
            break
    said = process.stderr.read()
    assert process.wait(60) == 20
    assert "stopped as asked: what was computed is kept" in said
    ended = night(command, "2026-07-01", "--json")
    assert json.loads(ended.out)["billed"] == 1


def test_the_list_adds_up(command: CommandLine) -> None:
    night(command, "2026-07-01")
    rows = command.done("cycle", "list", "--business-date", "2026-07-01", "--json").json
    june = {key: rows[0][key] for key in ("cycle_id", "state", "accounts", "billed", "waiting", "parked", "unbilled")}
    assert june == {
        "cycle_id": "2026-06-G1", "state": "open", "accounts": 3, "billed": 0, "waiting": 1, "parked": 2, "unbilled": 0,
    }  # fmt: skip
    assert (rows[1]["state"], rows[1]["accounts"]) == ("upcoming", None)
    assert command("cycle", "list", "--state", "shut").code == 2


def test_ready_says_what_is_missing(command: CommandLine) -> None:
    night(command, "2026-07-01")
    ended = command("cycle", "ready", "--cycle", "2026-06-G1", "--business-date", "2026-07-01", "--json")
    told = {row["check"]: (row["is_ready"], row["found"]) for row in ended.json}
    assert ended.code == 3
    assert told["window"] == (True, "2026-07-01 to 2026-07-08; estimates allowed")
    assert told["reads"] == (False, "1 of 3 channels are complete")
    assert told["validation"][0]
    assert told["tariffs"] == (True, "2 of 2 tariffs are approved")
    assert told["approvals"] == (False, "1 runs wait for approval")


def test_a_calendar_is_taken_over_once(command: CommandLine) -> None:
    asked = ("cycle", "calendar", "--year", 2027, "--groups", 2, "--by", "ops")
    assert "shown only" in command.done(*asked).err
    assert "24 cycles new, 0 changed, 0 known already" in command.done(*asked, "--apply").err
    assert "0 cycles new, 0 changed, 24 known already" in command.done(*asked, "--apply").err
    assert "0 cycles new, 24 changed" in command.done(*asked, "--apply", "--window-days", 7).err
    out = command.workspace / "cycles.csv"
    command.done(*asked, "--window-days", 7, "--out", out)
    assert "changed" not in command.done("accounts", "import", out, "--all-or-nothing").err
    neither = command("cycle", "calendar", "--year", 2027)
    assert (neither.code, neither.err.splitlines()[0]) == (2, "error: expected either --groups NUMBER or --group NAME")


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", PAGE, re.DOTALL)


def run_in_shell(shell: str, text: str, command: CommandLine, tmp_path: Path) -> subprocess.CompletedProcess[str]:
    """Run a scheduler's command with its paths led to this workspace and its date to the first night."""
    tool = tmp_path / "bin" / "billmill"
    tool.parent.mkdir(exist_ok=True)
    tool.write_text(f'#!/bin/sh\ncd "{PROJECT}" && exec "{sys.executable}" -m cli "$@"\n')
    tool.chmod(0o755)
    text = text.replace("/opt/billmill/bin/billmill", str(tool)).replace(
        "/srv/billing/inbox", str(command.workspace / "inbox")
    )
    text = text.replace("date -d yesterday", "date -d 2026-07-01")
    environment = os.environ | {
        "BILLMILL_WORKSPACE": str(command.workspace),
        "PATH": f"{tool.parent}:{os.environ['PATH']}",
    }
    return subprocess.run([shell, "-c", text], capture_output=True, text=True, env=environment, check=False)


@pytest.mark.skipif(sys.platform == "win32", reason="cron and sh")
def test_the_crontab_is_one_and_its_command_runs(command: CommandLine, tmp_path: Path) -> None:
    lines = [line for line in blocks("crontab")[0].splitlines() if line and not line.startswith("#")]
    jobs = [line for line in lines if not re.match(r"^[A-Z_]+=", line)]
    found = re.fullmatch(r"(\S+) (\S+) (\S+) (\S+) (\S+) (.*)", jobs[0])
    assert len(jobs) == 1 and found is not None
    assert found.groups()[:5] == ("30", "1", "*", "*", "*")
    assert not re.search(r"(?<!\\)%", found[6])  # a bare one ends the command
    ended = run_in_shell("sh", found[6].replace("\\%", "%"), command, tmp_path)
    assert ended.returncode == 0, ended.stderr
    assert ended.stdout.splitlines()[-1].startswith("night 2026-07-01: 0 published, 1 cycles, 1 billed")


@pytest.mark.skipif(sys.platform == "win32", reason="systemd and sh")
def test_the_units_hold_and_their_command_runs(command: CommandLine, tmp_path: Path) -> None:
    service, timer = blocks("ini")
    start = re.search(r"^ExecStart=/bin/sh -c '(.*)'$", service, re.MULTILINE)
    assert start is not None
    assert "SuccessExitStatus=3\n" in service
    assert "RestartForceExitStatus=20 75\n" in service
    ended = run_in_shell("sh", start[1].replace("$$", "$").replace("%%", "%"), command, tmp_path)
    assert ended.returncode == 0, ended.stderr
    assert json.loads(ended.stdout.splitlines()[-1])["waiting_for_approval"] == 1
    if shutil.which("systemd-analyze"):
        tool = tmp_path / "bin" / "billmill"
        local = service.replace("/opt/billmill/bin/billmill", str(tool)).replace("User=billing\n", "")
        for name, text in (("billmill-night.service", local), ("billmill-night.timer", timer)):
            (tmp_path / name).write_text(text)
        paths = [str(tmp_path / "billmill-night.service"), str(tmp_path / "billmill-night.timer")]
        verified = subprocess.run(["systemd-analyze", "verify", *paths], capture_output=True, text=True, check=False)
        assert (verified.returncode, verified.stderr) == (0, "")


@pytest.mark.skipif(shutil.which("bash") is None, reason="Airflow runs bash")
def test_the_dag_compiles_and_its_command_runs(command: CommandLine, tmp_path: Path) -> None:
    tree = ast.parse(blocks("python")[0])
    text = next(
        ast.literal_eval(node.value) for node in tree.body
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name) and node.targets[0].id == "NIGHT"
    )  # fmt: skip
    first = run_in_shell("bash", text.replace("{{ ds }}", "2026-07-01"), command, tmp_path)
    assert (first.returncode, json.loads(first.stdout.splitlines()[-1])["skipped"]) == (0, False)
    again = run_in_shell("bash", text.replace("{{ ds }}", "2026-07-01"), command, tmp_path)
    assert (again.returncode, json.loads(again.stdout.splitlines()[-1])["skipped"]) == (99, True)


def test_a_night_with_nothing_due_is_quick(command: CommandLine) -> None:
    """Half a second of work on a quiet machine; the rest is starting Python, which others here slow down."""
    began = time.process_time()
    assert night(command, "2026-06-25").code == 0
    assert time.process_time() - began < 2.0
