"""`analytics.duckdb`: small, views over the published Parquet, replaced whole by rename.

A notebook that has the old file open keeps reading it; whoever opens the file next sees the new one. Personal data
(names, addresses) is not in it.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import duckdb
import pandera.polars as pa
import polars as pl

from model.accounts import Accounts, Agreements, BillCycles, Branches, ChannelNumbers, ServicePoints
from model.bills import Bills, Invoices, InvoiceTaxes
from model.codes import Measure, RunState
from model.control import Loads, Runs
from model.ledger import JournalLines, OpenItems
from model.money import CURRENCY_EXPONENT
from model.rating import BankBalances, BillLines, Determinants, History, Parked
from model.reads import INTERVAL_LENGTHS, Findings
from model.review import BillFindings, BillUse
from model.schema import column_names
from model.tariff import TariffVersions
from model.units import SMALLEST_UNIT
from model.zones import day_start_utc
from outputs.interval_views import DayFiles, current_days, intervals_view, superseded_statements, usage_daily_view
from outputs.ledger_views import ledger_copies, ledger_views
from outputs.views import (
    View,
    ViewColumn,
    file_list,
    lake_view,
    table_columns,
    table_comment,
)
from store.control import Connection, checkpoint, query, transaction
from store.facts import facts
from store.files import SEALED, written_aside
from store.lake import LakeFile, lake_files
from store.workspace import Workspace
from tariffs.catalogue import load_rate_book

# Views over what runs published: view -> table of the lake and of the model.
RUN_VIEWS: dict[str, type[pa.DataFrameModel]] = {
    "bill_lines": BillLines,
    "bills": Bills,
    "invoices": Invoices,
    "invoice_taxes": InvoiceTaxes,
    "journal_lines": JournalLines,
    "open_items": OpenItems,
    "determinants": Determinants,
    "parked": Parked,
    "history": History,
    "banks": BankBalances,
    "bill_findings": BillFindings,
    "bill_use": BillUse,
}
# Analysts open the file with the client they have: this storage version is read by DuckDB 1.2 and everything since.
READABLE_SINCE = "v1.2.0"
DEFAULT_DECIMALS = 2  # of amounts in major units; more when a currency of the utility has more


def build_analytics(workspace: Workspace, connection: Connection) -> None:
    """Build the analysts' database from what is published and registered, and put it in the old one's place.

    `connection` is the open control database: its lock also keeps two builds apart.
    """
    for left in workspace.root.glob(f".{workspace.analytics_path.name}.*.tmp*"):
        left.unlink(missing_ok=True)  # of a build that was killed; nobody else builds while we hold the lock
    with written_aside(workspace.analytics_path, mode=SEALED) as aside:
        analytics = duckdb.connect(str(aside), config={"threads": 2, "storage_compatibility_version": READABLE_SINCE})
        try:
            analytics.execute("SET TimeZone = 'UTC'")
            with transaction(analytics):  # one: each statement by itself would wait for the disk
                analytics.execute("CREATE SCHEMA lake")
                _fill(workspace, connection, analytics)
            checkpoint(analytics)
        finally:
            analytics.close()


def _fill(workspace: Workspace, connection: Connection, analytics: Connection) -> None:
    decimals = _dimensions(connection, analytics)
    _published_files(workspace, connection, analytics)
    for name, table in RUN_VIEWS.items():
        paths = _run_paths(workspace, connection, name)
        _create(analytics, lake_view(name, table, paths, decimals=decimals))
    _ledger(connection, analytics, decimals)
    _create(analytics, _findings_view(_paths(workspace, lake_files(connection, "findings"))))
    by_length = [_day_files(workspace, connection, length) for length in INTERVAL_LENGTHS]
    lengths = [files.interval_minutes for files in by_length if _days_view(analytics, files)]
    _day_starts(connection, analytics)
    _create(analytics, intervals_view(lengths))
    _create(analytics, usage_daily_view(lengths))


def _dimensions(connection: Connection, analytics: Connection) -> int:
    """Copy what analysts may see of the control tables; return the decimals that the currencies need."""
    tables: list[tuple[str, type[pa.DataFrameModel], pl.DataFrame]] = [
        ("branches", Branches, facts(connection, "branches")),
        ("cycles", BillCycles, facts(connection, "cycles")),
        ("accounts", Accounts, facts(connection, "accounts")),
        ("service_points", ServicePoints, facts(connection, "service_points")),
        ("agreements", Agreements, facts(connection, "agreements")),
        ("tariffs", TariffVersions, load_rate_book(connection).versions),
        ("runs", Runs, query(connection, "SELECT * FROM run ORDER BY run_id")),
        ("loads", Loads, query(connection, 'SELECT * FROM "load" ORDER BY seq')),
    ]
    channels = query(connection, "SELECT * FROM channel_number ORDER BY channel_no").with_columns(
        unit=pl.col("measure").replace_strict(
            {measure.value: SMALLEST_UNIT[measure] for measure in Measure}, return_dtype=pl.String
        )
    )
    unit = ViewColumn("unit", "VARCHAR", "Smallest unit of the measure: Wh, varh, L, kJ")
    _copy(analytics, "lake.channels", channels)
    shown = (*table_columns(ChannelNumbers), unit)
    _create(analytics, View("channels", table_comment(ChannelNumbers), shown, "SELECT * FROM lake.channels"))
    for name, table, frame in tables:
        _copy(analytics, f"lake.{name}", frame.select(column_names(table)))
        _create(analytics, View(name, table_comment(table), table_columns(table), f"SELECT * FROM lake.{name}"))
    # Of all that was ever known: an older bill may be in a currency that its account no longer has.
    currencies = query(connection, "SELECT DISTINCT currency FROM accounts")["currency"]
    return max([DEFAULT_DECIMALS, *(CURRENCY_EXPONENT[currency] for currency in currencies)])


def _ledger(connection: Connection, analytics: Connection, decimals: int) -> None:
    """Copy what is not in the lake: postings beyond bills, what is open, what settles what."""
    for copied in ledger_copies(connection):
        _copy(analytics, f"lake.{copied.name}", copied.frame)
    for view in ledger_views(decimals):
        _create(analytics, view)


def _copy(analytics: Connection, name: str, frame: pl.DataFrame) -> None:
    zoned = [key for key, dtype in frame.schema.items() if isinstance(dtype, pl.Datetime) and dtype.time_zone]
    naive = frame.with_columns(pl.col(key).dt.convert_time_zone("UTC").dt.replace_time_zone(None) for key in zoned)
    analytics.register("incoming_rows", naive.to_arrow())
    analytics.execute(f"CREATE TABLE {name} AS SELECT * FROM incoming_rows")
    analytics.unregister("incoming_rows")


def _create(analytics: Connection, view: View) -> None:
    for statement in view.statements():
        analytics.execute(statement)


def _published_files(workspace: Workspace, connection: Connection, analytics: Connection) -> None:
    files = query(
        connection,
        "SELECT f.path, f.owner FROM lake_file AS f JOIN run AS r ON r.run_id = f.owner "
        "WHERE r.state = ? ORDER BY f.path",
        [RunState.PUBLISHED.value],
    )
    root = f"{workspace.root.as_posix()}/"
    _copy(analytics, "lake.files", files.select((pl.lit(root) + pl.col("path")).alias("file_name"), "owner"))


def _run_paths(workspace: Workspace, connection: Connection, table: str) -> list[str]:
    rows = query(
        connection,
        "SELECT f.path FROM lake_file AS f JOIN run AS r ON r.run_id = f.owner "
        "WHERE f.table_name = ? AND r.state = ? ORDER BY f.path",
        [table, RunState.PUBLISHED.value],
    )
    return [(workspace.root / path).as_posix() for path in rows["path"]]


def _paths(workspace: Workspace, files: Sequence[LakeFile]) -> tuple[str, ...]:
    return tuple((workspace.root / file.path).as_posix() for file in files)


def _findings_view(paths: Sequence[str]) -> View:
    own = table_columns(Findings)
    places = (
        ViewColumn("channel_id", "VARCHAR", "Channel"),
        ViewColumn("service_point_id", "VARCHAR", "Service point"),
    )
    select = (
        f"SELECT f.*, c.channel_id, c.service_point_id FROM {file_list(paths)} AS f "
        "LEFT JOIN lake.channels AS c USING (channel_no)"
    )
    return View("findings", table_comment(Findings), (*own, *places), select if paths else None)


def _day_files(workspace: Workspace, connection: Connection, minutes: int) -> DayFiles:
    landed = _paths(workspace, lake_files(connection, f"reads_day_{minutes}"))
    overlapping = query(
        connection,
        """SELECT DISTINCT a.path FROM lake_file AS a JOIN lake_file AS b
           ON a.table_name = b.table_name AND a.path <> b.path
           AND a.channel_min <= b.channel_max AND b.channel_min <= a.channel_max
           AND a.day_min <= b.day_max AND b.day_min <= a.day_max
           WHERE a.table_name = ?""",
        [f"reads_day_{minutes}"],
    )
    repeated = set(_several_loads(connection, landed))
    repeated |= {(workspace.root / path).as_posix() for path in overlapping["path"]}
    vee = _paths(workspace, lake_files(connection, f"vee_day_{minutes}"))
    return DayFiles(minutes, landed, vee, tuple(sorted(repeated)))


def _several_loads(connection: Connection, paths: Sequence[str]) -> list[str]:
    """Return the files that hold several loads, told from their footers; one load has each channel's day once."""
    if not paths:
        return []
    listed = file_list(paths).removeprefix("read_parquet")
    rows = query(
        connection,
        f"""SELECT file_name FROM parquet_metadata{listed} WHERE path_in_schema = 'seq' GROUP BY file_name
            HAVING min(stats_min_value::BIGINT) <> max(stats_max_value::BIGINT)
            OR bool_or(stats_min_value IS NULL)""",
    )
    return [str(name) for name in rows["file_name"]]


def _days_view(analytics: Connection, files: DayFiles) -> bool:
    """Create `lake.days_*` of one interval length; return False when nothing of that length has landed."""
    if not files.landed and not files.vee:
        return False
    for statement in superseded_statements(files):
        analytics.execute(statement)
    minutes = files.interval_minutes
    select = current_days(
        files,
        has_superseded=_has_rows(analytics, f"lake.superseded_{minutes}"),
        has_superseded_vee=_has_rows(analytics, f"lake.superseded_vee_{minutes}"),
    )
    analytics.execute(f"CREATE VIEW lake.days_{minutes} AS {select}")
    comment = f"Days of {minutes}-minute channels as they are kept: a column a slot; the version that counts."
    analytics.execute(f"COMMENT ON VIEW lake.days_{minutes} IS '{comment}'")
    return True


def _has_rows(analytics: Connection, table: str) -> bool:
    row: Any = analytics.execute(f"SELECT count(*) FROM {table}").fetchone()
    return bool(row[0])


def _day_starts(connection: Connection, analytics: Connection) -> None:
    """Keep the instant at which each civil day begins, in each zone that has channels: a few thousand rows."""
    zones = query(connection, "SELECT DISTINCT tz_name FROM channel_number ORDER BY tz_name")["tz_name"].to_list()
    bounds = query(
        connection,
        "SELECT min(day_min) AS first_day, max(day_max) AS last_day FROM lake_file WHERE table_name LIKE '%_day_%'",
    ).row(0)
    days = 0 if bounds[0] is None else (bounds[1] - bounds[0]).days + 1
    rows = [
        (name, bounds[0] + timedelta(days=step), day_start_utc(name, bounds[0] + timedelta(days=step)))
        for name in zones
        for step in range(days)
    ]
    schema = {"tz_name": pl.String(), "day": pl.Date(), "start_utc": pl.Datetime("us", "UTC")}
    _copy(analytics, "lake.day_starts", pl.DataFrame(rows, schema=schema, orient="row"))
