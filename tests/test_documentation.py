"""The documentation says what the code does: generated pages are current, every command has help with an example."""

from __future__ import annotations

import re
import subprocess
import sys
import time
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

import cli
from docs import generate

PROJECT = Path(__file__).parents[1]


@pytest.mark.parametrize(
    ("name", "text"), [("tables.md", generate.tables_text), ("commands.md", generate.commands_text)]
)
def test_generated_pages_are_current(name: str, text: object) -> None:
    found = (PROJECT / "docs" / name).read_text(encoding="utf-8")
    assert callable(text) and found == text(), f"docs/{name} is not current: run `make docs`"


def commands() -> list[tuple[str, ...]]:
    root = typer.main.get_command(cli.app)
    return [path for path in generate._paths(root, ()) if not getattr(_at(root, path), "commands", None)]


def _at(command: object, path: tuple[str, ...]) -> object:
    for name in path:
        command = command.commands[name]  # type: ignore[attr-defined]
    return command


@pytest.mark.parametrize("path", commands(), ids=" ".join)
def test_every_command_has_an_example_that_names_it(path: tuple[str, ...]) -> None:
    help_text = CliRunner().invoke(cli.app, [*path, "--help"]).output
    assert re.search(rf"Example:\s+billmill {' '.join(path)}\b", " ".join(help_text.split())), help_text


def test_help_comes_without_the_heavy_libraries() -> None:
    script = (
        "import sys; sys.argv = ['billmill', '--help']; import cli\n"
        "try: cli.main()\n"
        "except SystemExit: pass\n"
        "heavy = {'polars', 'duckdb', 'numba', 'pandera', 'pyarrow'} & set(sys.modules); print('heavy:', sorted(heavy))"
    )
    took: list[float] = []
    # Half a second on a quiet machine: others use this one too, so the best of some tries counts.
    while len(took) < 12 and min(took, default=1) >= 0.5:
        began = time.perf_counter()
        result = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, cwd=PROJECT, check=True)
        took.append(time.perf_counter() - began)
    assert result.stdout.rstrip().endswith("heavy: []")
    assert min(took) < 0.5, took


def test_links_in_the_documentation_lead_somewhere() -> None:
    for page in [PROJECT / "README.md", *(PROJECT / "docs").glob("*.md")]:
        for target in re.findall(r"\]\(([^)#:]+)\)", page.read_text(encoding="utf-8")):
            assert (page.parent / target).exists(), f"{page.name} links to {target}, which is not there"


def test_no_module_is_crowded() -> None:
    tracked = [path for folder in generate_folders() for path in folder.rglob("*.py")]
    crowded = {path.name: len(path.read_text(encoding="utf-8").splitlines()) for path in tracked}
    assert {name: lines for name, lines in crowded.items() if lines > 700} == {}


def generate_folders() -> list[Path]:
    names = (
        "model",
        "store",
        "accounts",
        "tariffs",
        "ingest",
        "rating",
        "ledger",
        "outputs",
        "cycles",
        "commands",
        "demo",
        "benchmarks",
    )
    return [PROJECT / name for name in names]
