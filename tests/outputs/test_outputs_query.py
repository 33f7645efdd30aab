"""Questions to the analysts' database: answers in four forms, and nothing but answers."""

import io
import json
from pathlib import Path

import polars as pl
import pytest
from sample_workspace import new_workspace, record_accounts, stage_run

from model.errors import ConfigError
from outputs.analytics import build_analytics
from outputs.query import query_analytics
from store.control import control
from store.workspace import Workspace

TOTALS = "SELECT bill_id, total FROM bills ORDER BY bill_id"


@pytest.fixture(scope="module")
def workspace(tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    made = new_workspace(tmp_path_factory.mktemp("w") / "w")
    record_accounts(made)
    stage_run(made, "bill-C-1", "published")
    with control(made, purpose="test") as connection:
        build_analytics(made, connection)
    return made


def test_a_table_shows_columns_rows_and_their_count(workspace: Workspace) -> None:
    shown = query_analytics(workspace, TOTALS)
    assert isinstance(shown, str)
    assert "A1.C.r0" in shown and "66.00" in shown and shown.endswith("\n2 rows\n")


def test_csv_and_json_are_exact(workspace: Workspace) -> None:
    assert query_analytics(workspace, TOTALS, "csv") == "bill_id,total\nA1.C.r0,66.00\nA2.C.r0,25.00\n"
    rows = json.loads(query_analytics(workspace, TOTALS, "json"))
    # Decimals are text, so that no reader turns money into a float.
    assert rows == [{"bill_id": "A1.C.r0", "total": "66.00"}, {"bill_id": "A2.C.r0", "total": "25.00"}]


def test_parquet_keeps_the_types(workspace: Workspace) -> None:
    data = query_analytics(workspace, TOTALS, "parquet")
    assert isinstance(data, bytes)
    assert isinstance(pl.read_parquet(io.BytesIO(data)).schema["total"], pl.Decimal)


@pytest.mark.parametrize(
    "sql",
    [
        "COPY (SELECT 1) TO '{lake}/x.csv'",
        "COPY (PIVOT bills ON branch_id USING sum(total)) TO '{lake}/x.csv'",
        "EXPLAIN ANALYZE COPY (SELECT 1) TO '{lake}/x.csv'",
        "INSERT INTO bills SELECT * FROM bills",
        "CREATE TABLE t (a INT)",
        "DROP VIEW bills",
        "ATTACH '{lake}/x.duckdb'",
        "INSTALL httpfs",
        "LOAD httpfs",
        "SET enable_external_access = true",
        "PRAGMA database_list",
        "EXPORT DATABASE '{lake}/x'",
        "SELECT 1; DROP VIEW bills",
        "",
    ],
)
def test_what_is_not_one_query_is_refused(workspace: Workspace, sql: str) -> None:
    before = sorted(workspace.root.rglob("*"))
    with pytest.raises(ConfigError) as refused:
        query_analytics(workspace, sql.format(lake=workspace.lake))
    assert refused.value.hint
    assert sorted(workspace.root.rglob("*")) == before


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT * FROM read_csv('/etc/passwd')",
        "SELECT * FROM read_blob('{root}/control.duckdb')",
        "SELECT * FROM read_text('{root}/billmill.toml')",
        "SELECT * FROM glob('/etc/*')",
        "SELECT * FROM read_text('{root}/lake/../billmill.toml')",
        "SELECT * FROM read_text('{root}/audit.log')",
        "SELECT * FROM parquet_scan('{root}/backups/books/*.parquet')",
        "SELECT * FROM 'https://example.com/x.parquet'",
        "SELECT getenv('HOME')",
    ],
)
def test_files_outside_the_lake_cannot_be_read(workspace: Workspace, sql: str) -> None:
    with pytest.raises(ConfigError, match="cannot be answered"):
        query_analytics(workspace, sql.format(root=workspace.root))


@pytest.mark.parametrize(
    ("sql", "found"), [("SELEC 1", "SELEC"), ("SELECT nothing FROM bills", "nothing"), ("FROM nowhere", "nowhere")]
)
def test_a_wrong_query_is_told_without_a_traceback(workspace: Workspace, sql: str, found: str) -> None:
    with pytest.raises(ConfigError, match=found):
        query_analytics(workspace, sql)


def test_an_unknown_format_is_refused(workspace: Workspace) -> None:
    with pytest.raises(ConfigError, match="xlsx"):
        query_analytics(workspace, TOTALS, "xlsx")


def test_a_workspace_without_the_database_says_what_makes_it(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="not there yet"):
        query_analytics(new_workspace(tmp_path / "w"), TOTALS)


def test_files_that_took_each_others_place_give_no_answer(tmp_path: Path) -> None:
    """Invoices have the columns of bills that totals need, and as many rows as numbers were given out."""
    swapped = new_workspace(tmp_path / "w")
    record_accounts(swapped)
    stage_run(swapped, "bill-C-1", "published")
    with control(swapped, purpose="test") as connection:
        build_analytics(swapped, connection)
    bills, invoices = (next(swapped.lake.rglob(f"{name}-*.parquet")) for name in ("bills", "invoices"))
    mine, theirs = bills.read_bytes(), invoices.read_bytes()
    assert len(mine) != len(theirs)
    for path, data in ((bills, theirs), (invoices, mine)):
        path.chmod(0o600)
        path.write_bytes(data)
    with pytest.raises(ConfigError, match=r"of the lake: expected .* bytes, found"):
        query_analytics(swapped, TOTALS)
