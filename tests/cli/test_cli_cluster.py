"""The page about clusters: its Slurm script, the command of its Kubernetes job, its DAG, all with this workspace."""

from __future__ import annotations

import ast
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from books_by_hand import FLAT, WATER, CommandLine

sys.path.append(str(Path(__file__).parents[1] / "cycles"))
from month_by_hand import FIRST, deliver, make_books

PROJECT = Path(__file__).parents[2]
PAGE = (PROJECT / "docs" / "cluster.md").read_text(encoding="utf-8")
PLAN = ("cycle", "plan", "2026-06-G1", "--business-date", "2026-07-01", "--by", "ops", "--json")
RUN = "bill-2026-06-G1-20260701-1"
POSIX = pytest.mark.skipif(sys.platform == "win32", reason="sh")


@pytest.fixture(scope="module")
def books(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The utility with June landed and validated, nothing planned."""
    workspace = make_books(tmp_path_factory.mktemp("cluster") / "w", {"flat.toml": FLAT, "water.toml": WATER})
    deliver(workspace, FIRST)
    command = CommandLine(workspace.root)
    command.done("reads", "land", *sorted((workspace.root / "inbox").iterdir()))
    command.done("reads", "vee", "--from", "2026-06-01", "--to", "2026-07-01")
    return workspace.root


@pytest.fixture
def command(books: Path, tmp_path: Path) -> CommandLine:
    return CommandLine(Path(shutil.copytree(books, tmp_path / "w")))


def block(language: str, number: int = 0) -> str:
    return re.findall(rf"```{language}\n(.*?)```", PAGE, re.DOTALL)[number]


def in_shell(text: str, command: CommandLine, tools: Path, **tool: str) -> subprocess.CompletedProcess[str]:
    """Run a script by bash, with `billmill` and other `tool`s on its path."""
    tools.mkdir(exist_ok=True)
    tool["billmill"] = f'cd "{PROJECT}" && exec "{sys.executable}" -m cli "$@"'
    for name, script in tool.items():
        (tools / name).write_text(f"#!/bin/bash\n{script}\n")
        (tools / name).chmod(0o755)
    environment = os.environ | {
        "BILLMILL_WORKSPACE": str(command.workspace), "PATH": f"{tools}:{os.environ['PATH']}", "PARTITIONS": "2",
    }  # fmt: skip
    return subprocess.run(["bash", "-c", text], capture_output=True, text=True, env=environment, check=False)


# What Slurm does with the two calls of the script: the array one task after the other, then the commit.
SBATCH = """
for word in "$@"; do case "$word" in --array=*) range=${word#--array=0-};; esac; done
if [ -n "$range" ]; then
  for index in $(seq 0 "${range%%%*}"); do SLURM_ARRAY_TASK_ID=$index bash -c "${@: -1}" >&2 || exit 1; done
  echo 4711
else
  [[ "$1" == --dependency=afterok:4711 ]] && bash -c "${@: -1}" >&2
fi
"""


@POSIX
@pytest.mark.skipif(shutil.which("bash") is None, reason="the script is for bash")
def test_the_slurm_script_computes_and_commits(command: CommandLine, tmp_path: Path) -> None:
    script = f"set -- 2026-06-G1 2026-07-01\n{block('bash')}"
    ended = in_shell(script, command, tmp_path / "bin", sbatch=SBATCH)
    assert ended.returncode in {0, 3}, ended.stderr  # most of this utility is parked
    assert command.done("cycle", "status", RUN, "--json").json[0]["state"] == "validated"
    shown = command.done("run", "partitions", RUN, "--json").json
    assert [(row["partition"], row["state"], row["runner"]) for row in shown] == [
        (number, "done", "array") for number in range(len(shown))
    ]


def test_the_commands_of_the_slurm_script_for_reads_judge_and_commit(command: CommandLine) -> None:
    # A day more than was judged. Starting an interpreter for each command would take ten times as long.
    days = {'"$1"': "2026-05-31", '"$2"': "2026-07-01"}
    found = re.findall(r"billmill (reads [^)]*?)\)?\"?\)?$", block("bash", 1), re.MULTILINE)
    plan, *others = (text.rstrip('")') for text in found)
    planned = command.done(*(days.get(word, word) for word in plan.split())).json
    filled = {"$plan": planned["plan"], "\\$SLURM_ARRAY_TASK_ID": "0"}
    assert planned["blocks"] == 1
    for text in others:
        command.done(*(filled.get(word, word) for word in text.split()))
    assert [text.split()[1] for text in others] == ["vee-block", "vee-commit"]
    again = command.done("reads", "vee", "--from", days['"$1"'], "--to", days['"$2"'], "--json").json
    assert again["load"] is None, "nothing is left to be found"


def test_the_command_of_the_kubernetes_job_computes_a_partition(command: CommandLine) -> None:
    command.done(*PLAN)
    found = re.search(r"command: \[billmill, (.*)\]", block("yaml"))
    assert found is not None
    words = found[1].replace("$(RUN)", RUN).replace("$(JOB_COMPLETION_INDEX)", "0").split(", ")
    assert command.done(*words, "--json").json["new"]
    assert not command.done(*words, "--json").json["new"]
    assert command("cycle", "commit", RUN, "--by", "ops").code in {0, 3}


def test_the_dag_gives_a_command_to_each_partition(command: CommandLine) -> None:
    plan = json.dumps(command.done(*PLAN, "--partitions", "2").json)
    tree = ast.parse(block("python"))
    function = next(node for node in tree.body if isinstance(node, ast.FunctionDef) and node.name == "commands")
    names: dict[str, object] = {"json": json}
    exec(compile(ast.Module([function], []), "dag", "exec"), names)  # the page's own function
    commands = names["commands"](plan)  # type: ignore[operator]
    assert commands[0] == f"billmill cycle run-partition {RUN} --index 0"
    for text in commands:
        command.done(*text.split()[1:])
    assert command("cycle", "commit", RUN, "--by", "ops").code in {0, 3}


def test_a_commit_names_what_is_missing(command: CommandLine) -> None:
    command.done(*PLAN)
    ended = command("cycle", "commit", RUN, "--by", "ops")
    assert ended.code == 4
    assert "1 of 1 partitions have no receipt: 0" in ended.err
    assert f"billmill cycle run-partition {RUN} --index 0" in ended.err
    assert command("cycle", "run-partition", RUN, "--index", "7").code == 2
