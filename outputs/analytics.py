"""`analytics.duckdb`: small, views over the published Parquet, replaced whole by rename.

A notebook that has the old file open keeps reading it; whoever opens the file next sees the new one. Personal data
(names, addresses) is not in it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import timedelta
from functools import partial

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
from outputs.analytics_making import Making, open_making
from outputs.interval_views import DayFiles, current_days, intervals_view, superseded_statements, usage_daily_view
from outputs.ledger_views import copy_ledger, ledger_views
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
from store.lake import LakeFile, lake_files, lake_paths
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


def build_analytics(workspace: Workspace, connection: Connection, *, whole: bool = False) -> None:
    """Make the analysts' database of what is published and registered, and put it in the old one's place.

    What has not changed is taken over from the old one; with `whole` nothing is, which also mends a damaged one.
    `connection` is the open control database: its lock also keeps two builds apart.
    """
    old = workspace.analytics_path
    for left in workspace.root.glob(f".{old.name}.*.tmp*"):
        left.unlink(missing_ok=True)  # of a build that was killed; nobody else builds while we hold the lock
    with written_aside(old, mode=SEALED) as aside:
        options = {"threads": "2", "storage_compatibility_version": READABLE_SINCE}
        analytics, stood = open_making(aside, None if whole else old, options)
        try:
            analytics.execute("SET TimeZone = 'UTC'")
            with transaction(analytics):  # one: each statement by itself would wait for the disk
                analytics.execute("CREATE SCHEMA IF NOT EXISTS lake")
                _fill(workspace, connection, Making(analytics, stood, connection))
            checkpoint(analytics)
        finally:
            analytics.close()


def _fill(workspace: Workspace, connection: Connection, making: Making) -> None:
    decimals = _dimensions(connection, making)
    _published_files(workspace, connection, making)
    published = _published_paths(workspace, connection)
    for name, table in RUN_VIEWS.items():
        making.view(lake_view(name, table, published.get(name, ()), decimals=decimals))
    copy_ledger(making, connection)
    for view in ledger_views(decimals):
        making.view(view)
    making.view(_findings_view(_paths(workspace, lake_files(connection, "findings"))))
    held = query(connection, "SELECT DISTINCT table_name FROM lake_file")["table_name"].to_list()
    lengths = [length for length in INTERVAL_LENGTHS if {f"reads_day_{length}", f"vee_day_{length}"} & set(held)]
    for length in lengths:
        _days_view(making, _day_files(workspace, connection, length))
    _day_starts(connection, making)
    making.view(intervals_view(lengths))
    making.view(usage_daily_view(lengths))
    making.end()


def _dimensions(connection: Connection, making: Making) -> int:
    """Copy what analysts may see of the control tables; return the decimals that the currencies need."""
    known: dict[str, tuple[type[pa.DataFrameModel], tuple[str, ...], Callable[[], pl.DataFrame]]] = {
        name: (table, (name,), partial(facts, connection, name))
        for name, table in (
            ("branches", Branches), ("cycles", BillCycles), ("accounts", Accounts), ("service_points", ServicePoints),
            ("agreements", Agreements),
        )
    }  # fmt: skip
    known["tariffs"] = (
        TariffVersions,
        ("tariff_file", "tariff_state", "factor"),
        lambda: load_rate_book(connection).versions,
    )
    known["loads"] = (Loads, ("load",), partial(query, connection, 'SELECT * FROM "load" ORDER BY seq'))
    making.table("channels", ("channel_number",), partial(_channels, connection))
    unit = ViewColumn("unit", "VARCHAR", "Smallest unit of the measure: Wh, varh, L, kJ")
    shown = (*table_columns(ChannelNumbers), unit)
    making.view(View("channels", table_comment(ChannelNumbers), shown, "SELECT * FROM lake.channels"))
    making.small_table("runs", query(connection, "SELECT * FROM run ORDER BY run_id").select(column_names(Runs)))
    making.view(View("runs", table_comment(Runs), table_columns(Runs), "SELECT * FROM lake.runs"))
    for name, (table, sources, rows) in known.items():
        making.table(name, sources, rows, columns=column_names(table))
        making.view(View(name, table_comment(table), table_columns(table), f"SELECT * FROM lake.{name}"))
    # Of all that was ever known: an older bill may be in a currency that its account no longer has.
    currencies = query(connection, "SELECT DISTINCT currency FROM accounts")["currency"]
    return max([DEFAULT_DECIMALS, *(CURRENCY_EXPONENT[currency] for currency in currencies)])


def _channels(connection: Connection) -> pl.DataFrame:
    units = {measure.value: SMALLEST_UNIT[measure] for measure in Measure}
    unit = pl.col("measure").replace_strict(units, return_dtype=pl.String)
    return query(connection, "SELECT * FROM channel_number ORDER BY channel_no").with_columns(unit=unit)


def _published_files(workspace: Workspace, connection: Connection, making: Making) -> None:
    files = query(
        connection,
        "SELECT f.path, f.owner, f.byte_count FROM lake_file AS f JOIN run AS r ON r.run_id = f.owner "
        "WHERE r.state = ? ORDER BY f.path",
        [RunState.PUBLISHED.value],
    )
    root = f"{workspace.root.as_posix()}/"
    making.small_table("files", files.select((pl.lit(root) + pl.col("path")).alias("file_name"), "owner", "byte_count"))


def _published_paths(workspace: Workspace, connection: Connection) -> dict[str, list[str]]:
    """Return the files of each table that published runs left, in order of path."""
    rows = query(
        connection,
        "SELECT f.table_name, f.path FROM lake_file AS f JOIN run AS r ON r.run_id = f.owner "
        "WHERE r.state = ? ORDER BY f.path",
        [RunState.PUBLISHED.value],
    )
    found: dict[str, list[str]] = {}
    for table, path in rows.iter_rows():  # a row per file
        found.setdefault(table, []).append(path)
    return {table: lake_paths(workspace, paths) for table, paths in found.items()}


def _paths(workspace: Workspace, files: Sequence[LakeFile]) -> tuple[str, ...]:
    return tuple(lake_paths(workspace, (file.path for file in files)))


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


def _days_view(making: Making, files: DayFiles) -> None:
    """Create `lake.days_*` of one interval length, where files have come."""
    minutes = files.interval_minutes
    statements = superseded_statements(files)
    if not making.has_changed(f"days_{minutes}", *statements):
        return
    making.run(*(f"DROP TABLE IF EXISTS lake.{name}_{minutes}" for name in ("superseded", "superseded_vee")))
    making.run(*statements)
    select = current_days(
        files,
        has_superseded=making.has_rows(f"superseded_{minutes}"),
        has_superseded_vee=making.has_rows(f"superseded_vee_{minutes}"),
    )
    comment = f"Days of {minutes}-minute channels as they are kept: a column a slot; the version that counts."
    making.run(
        f"CREATE OR REPLACE VIEW lake.days_{minutes} AS {select}",
        f"COMMENT ON VIEW lake.days_{minutes} IS '{comment}'",
    )


def _day_starts(connection: Connection, making: Making) -> None:
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
    making.small_table("day_starts", pl.DataFrame(rows, schema=schema, orient="row"))
