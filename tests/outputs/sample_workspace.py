"""A workspace with a published run and a few days of reads, small enough to check by hand."""

from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import polars as pl
from sample_books import ISSUE_DATE, books

from model.accounts import ChannelNumbers
from model.control import Runs
from model.reads import Findings, ReadDays, VeeDays, read_days_schema, slot_columns
from model.schema import arranged
from outputs.invoices import number_invoices
from store.control import control, insert, transaction
from store.facts import record_facts
from store.lake import register_files, write_lake_file
from store.workspace import Workspace, create_workspace
from tariffs.catalogue import tables_ddl

AT = datetime(2026, 11, 2, 8, tzinfo=UTC)


def new_workspace(root: Path) -> Workspace:
    return create_workspace(root, name="Test", ddl=tables_ddl())


def day_row(channel_no: int, day: date, values: list[int | None], *, minutes: int = 60, **given: Any) -> dict[str, Any]:
    """A wide day whose slots are `values`; actual unless told otherwise."""
    names = slot_columns(minutes)
    slots = dict(zip(names, [*values, *[None] * (len(names) - len(values))], strict=True))
    head = {"channel_no": channel_no, "day": day, "n": len(values), "worst": 0, "flags": None, "raw_code": None,
            "seq": 1, "updated_at": None}  # fmt: skip
    return head | given | slots


def land(
    workspace: Workspace, rows: list[dict[str, Any]], *, minutes: int = 60, table: type[ReadDays] = ReadDays
) -> None:
    """Land rows as one file of reads, or of VEE."""
    frame = pl.DataFrame(rows, schema=read_days_schema(minutes, table)).sort("channel_no", "day", "seq")
    name = f"{'vee' if table is VeeDays else 'reads'}_day_{minutes}"
    file = write_lake_file(workspace, name, name, frame)
    with control(workspace, purpose="test") as connection, transaction(connection):
        register_files(connection, [file], owner=f"load:{rows[0]['seq']}")


def number_channels(
    workspace: Workspace, *, tz_name: str = "America/Chicago", minutes: int = 60, points: int = 3
) -> None:
    """Import channels 1, 2, ... at service points SP1, SP2, ..."""
    rows = [
        {"channel_no": no, "channel_id": f"SP{no}/E1", "service_point_id": f"SP{no}", "suffix": "E1",
         "measure": "import_energy", "interval_minutes": minutes, "tz_name": tz_name, "commodity": "electricity",
         "branch_id": "north"}
        for no in range(1, points + 1)
    ]  # fmt: skip
    with control(workspace, purpose="test") as connection:
        insert(connection, "channel_number", arranged(ChannelNumbers, pl.DataFrame(rows)))


def record_accounts(workspace: Workspace, currency: str = "USD") -> None:
    rows = [
        {"account_id": account, "customer_id": customer, "branch_id": "north", "bill_group": "G", "currency": currency,
         "revenue_class": "residential", "payment_days": 14}
        for account, customer in (("A1", "K1"), ("A2", "K2"))
    ]  # fmt: skip
    customers = [{"customer_id": "K1", "name": "Ada Example"}, {"customer_id": "K2", "name": "Ben Example"}]
    with control(workspace, purpose="test") as connection, transaction(connection):
        record_facts(connection, "accounts", pl.DataFrame(rows), recorded_at=AT)
        record_facts(connection, "customers", pl.DataFrame(customers), recorded_at=AT)


def run_row(run_id: str, state: str) -> dict[str, Any]:
    return {
        "run_id": run_id, "kind": "bill", "cycle_id": "C", "branches": "", "business_date": ISSUE_DATE, "sequence": 1,
        "fingerprint": "f", "plan_sha256": "p", "state": state, "known_at": AT, "seq_max": 3, "partitions": 1,
        "selected": 3, "planned_by": "ops", "planned_at": AT,
        "published_at": AT if state == "published" else None,
    }  # fmt: skip


def stage_run(workspace: Workspace, run_id: str, state: str) -> None:
    """Write and register the tables of the sample run under this run id."""
    frames = books()
    numbered = number_invoices(frames["bills"], frames["lines"], {})
    tables = {
        "bill_lines": frames["lines"], "bills": frames["bills"], "parked": frames["parked"],
        "journal_lines": frames["journal_lines"], "open_items": frames["open_items"],
        "invoices": numbered.invoices, "invoice_taxes": numbered.invoice_taxes,
    }  # fmt: skip
    files = [write_lake_file(workspace, name, f"runs/{run_id}", frame) for name, frame in tables.items()]
    with control(workspace, purpose="test") as connection, transaction(connection):
        insert(connection, "run", arranged(Runs, pl.DataFrame([run_row(run_id, state)])))
        register_files(connection, files, owner=run_id)


def add_finding(workspace: Workspace) -> None:
    row = {
        "finding_id": "f1", "channel_no": 1, "day": date(2026, 10, 2), "rule": "V03", "reason": "missing",
        "severity": "warn", "method": "linear", "detail": "one slot is missing", "rule_set": "default@1", "seq": 2,
    }  # fmt: skip
    file = write_lake_file(workspace, "findings", "findings", arranged(Findings, pl.DataFrame([row])))
    with control(workspace, purpose="test") as connection, transaction(connection):
        register_files(connection, [file], owner="load:2")
