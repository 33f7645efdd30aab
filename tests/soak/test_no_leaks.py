"""What lies in the workspace for others: no formulas in CSV, no names and addresses, no SQL of outside words."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import duckdb
import polars as pl
import pytest
from bad_inputs import make_books
from books_by_hand import CommandLine

ROOT = Path(__file__).parents[2]
FOLDERS = ("accounts", "commands", "cycles", "ingest", "ledger", "model", "outputs", "rating", "store", "tariffs")
PERSONAL = ("Ada Example", "Ben Example", "Cleo Example", "First Street", "Second Street", "Third Street")


def calls() -> Iterator[tuple[str, ast.Call]]:
    for folder in FOLDERS:
        for path in sorted((ROOT / folder).rglob("*.py")):
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                if isinstance(node, ast.Call):
                    yield path.relative_to(ROOT).as_posix(), node


def test_csv_for_people_is_written_in_one_place() -> None:
    writers = {path for path, call in calls() if isinstance(call.func, ast.Attribute) and call.func.attr == "write_csv"}
    # A calendar goes back into `accounts import`, which takes no cycle whose name begins like a formula.
    assert writers == {"store/csv_text.py", "commands/calendar.py"}


def test_no_sql_is_put_together_by_format_or_percent() -> None:
    """f-strings of our own names are looked through by ruff (S608); of the two other ways these are left."""
    found = []
    for path, call in calls():
        is_sql = isinstance(call.func, ast.Attribute) and call.func.attr in {"execute", "sql"}
        is_sql = is_sql or (isinstance(call.func, ast.Name) and call.func.id == "query")
        for given in call.args if is_sql else []:
            by_percent = isinstance(given, ast.BinOp) and isinstance(given.op, ast.Mod)
            by_format = isinstance(given, ast.Call) and getattr(given.func, "attr", "") == "format"
            if by_percent or by_format:
                found.append(f"{path}:{call.lineno}")
    # ATTACH takes no parameter; the path is our own folder, its quotes doubled.
    assert {place.partition(":")[0] for place in found} == {"cycles/verify/rebuild.py"}


@pytest.fixture(scope="module")
def books(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_books(tmp_path_factory.mktemp("leaks"))


def test_a_customer_is_in_the_books_and_on_the_bill(books: Path) -> None:
    """Else the tests below would look for what is nowhere."""
    page = CommandLine(books).done("bill", "show", "A1.2026-06.r0").out
    assert PERSONAL[0] in page and PERSONAL[3] in page


def test_no_personal_data_in_the_analysts_database(books: Path) -> None:
    with duckdb.connect(str(books / "analytics.duckdb"), read_only=True) as connection:
        listed = connection.execute(
            "SELECT schema_name, view_name FROM duckdb_views() WHERE NOT internal UNION ALL "
            "SELECT schema_name, table_name FROM duckdb_tables()"
        ).fetchall()
        assert len(listed) > 10
        text = " ".join(
            str(connection.execute(f'SELECT * FROM "{schema}"."{name}"').fetchall()) for schema, name in listed
        )
    assert [word for word in PERSONAL if word in text] == []


def test_no_personal_data_in_run_folders_logs_and_manifests(books: Path) -> None:
    frames = [pl.read_parquet(path, glob=False) for path in sorted((books / "lake").rglob("*.parquet"))]
    text = " ".join(str(frame.to_dicts()) for frame in frames)
    plain = [path for path in books.rglob("*") if path.is_file() and path.suffix in {".json", ".log", ".toml", ".csv"}]
    assert len(frames) > 20 and len(plain) >= 4
    text += " ".join(path.read_text(encoding="utf-8") for path in plain)
    assert [word for word in PERSONAL if word in text] == []
