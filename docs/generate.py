"""Writes what the documentation takes from the code: the tables and the commands.

`make docs` writes the files; a test compares them with what this module would write now.
"""

from __future__ import annotations

import os
from pathlib import Path
from types import ModuleType

import click
import pandera.polars as pa
import typer
from typer.testing import CliRunner

import cli
import model.accounts
import model.bills
import model.control
import model.controls
import model.corrections
import model.decisions
import model.edits
import model.events
import model.exceptions
import model.feeds
import model.ledger
import model.metering
import model.nights
import model.parallel
import model.postings
import model.problems
import model.rating
import model.reads
import model.review
import model.tariff
from model.schema import declared_columns, duckdb_type, grain

FOLDER = Path(__file__).parent
SUBJECTS: tuple[tuple[str, ModuleType], ...] = (
    ("Parties and places", model.accounts),
    ("Meter data", model.reads),
    ("Decisions about findings", model.decisions),
    ("Metering", model.metering),
    ("Edits of reads", model.edits),
    ("Events", model.events),
    ("The rate book", model.tariff),
    ("What tariffs take from outside", model.feeds),
    ("Rating", model.rating),
    ("Bills and invoices", model.bills),
    ("Review", model.review),
    ("The ledger", model.ledger),
    ("Postings beyond bills", model.postings),
    ("Controls", model.controls),
    ("Exceptions", model.exceptions),
    ("Nights", model.nights),
    ("Comparison with a legacy system", model.parallel),
    ("Bills that are taken back", model.corrections),
    ("Control database", model.control),
    ("What verify finds", model.problems),
)
HELP_WIDTH = "100"


def tables_text() -> str:
    """Return docs/tables.md: every table of `model/`, its grain, and each column with type, unit and meaning."""
    parts = [
        "# Tables",
        "",
        "Written from `model/` by `make docs`; do not edit. Types are those of DuckDB; Polars and Arrow types follow "
        "from the same declaration. A column that may be null says so.",
    ]
    for subject, module in SUBJECTS:
        parts += ["", f"## {subject}", "", (module.__doc__ or "").split("\n\n")[0].replace("\n", " ")]
        for table in _tables_of(module):
            parts += ["", *_table_lines(table)]
    return "\n".join(parts) + "\n"


def commands_text() -> str:
    """Return docs/commands.md: the help of every command."""
    parts = [
        "# Commands",
        "",
        "Written from `--help` by `make docs`; do not edit. Exit codes: 0 done; 1 crash; 2 refused (option, "
        "configuration or input file); 3 done, but more rejected or parked than the limit allows; 4 blocked by a "
        "control; 20 stopped when asked to, run it again; 75 another process holds the workspace, try later; "
        "130 interrupted.",
    ]
    root = typer.main.get_command(cli.app)
    for path in _paths(root, ()):
        parts += ["", f"## {' '.join(('billmill', *path))}", "", "```text", _help(path), "```"]
    return "\n".join(parts) + "\n"


def _tables_of(module: ModuleType) -> list[type[pa.DataFrameModel]]:
    found = [
        value for value in vars(module).values() if isinstance(value, type) and issubclass(value, pa.DataFrameModel)
    ]
    return [table for table in found if table.__module__ == module.__name__]


def _table_lines(table: type[pa.DataFrameModel]) -> list[str]:
    about = " ".join((table.__doc__ or "").split("Grain:")[0].split())
    lines = [f"### {table.__name__}", "", about, "", f"Grain: {', '.join(grain(table))}.", ""]
    lines += ["| column | type | meaning |", "|---|---|---|"]
    for name, declared in declared_columns(table).items():
        unit = (declared.metadata or {}).get("unit")
        meaning = (
            (declared.description or "")
            + (f" ({unit})" if unit else "")
            + ("; may be null" if declared.nullable else "")
        )
        lines.append(f"| `{name}` | {duckdb_type(declared.dtype.type)} | {meaning.replace('|', '/')} |")
    return lines


def _paths(command: object, path: tuple[str, ...]) -> list[tuple[str, ...]]:
    children = getattr(command, "commands", None)
    if not children:
        return [path]
    deeper = [found for name in children for found in _paths(children[name], (*path, name))]
    return [path, *deeper]


def _help(path: tuple[str, ...]) -> str:
    environment = {"NO_COLOR": "1", "TERMINAL_WIDTH": HELP_WIDTH, "COLUMNS": HELP_WIDTH, "FORCE_COLOR": None}
    result = CliRunner().invoke(cli.app, [*path, "--help"], env=environment, prog_name="billmill")
    assert result.exit_code == 0, f"{path}: {result.output}"
    return "\n".join(line.rstrip() for line in click.unstyle(result.output).strip("\n").splitlines())


def main() -> None:
    """Write both files."""
    for name, text in (("tables.md", tables_text()), ("commands.md", commands_text())):
        (FOLDER / name).write_text(text, encoding="utf-8")
        print(os.path.relpath(FOLDER / name))


if __name__ == "__main__":
    main()
