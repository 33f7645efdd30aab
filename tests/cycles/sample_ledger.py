"""Small books with every kind of thing in them: the sample run, and postings by hand in November and December."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any

import polars as pl
from sample_books import books
from sample_workspace import AT, new_workspace, record_accounts, stage_run

from cycles.books.acts import LedgerRules, book, posting_rows
from ledger.unbilled import unbilled_journals
from model.control import SegmentKeys
from model.postings import ClosedPeriods, Unbilled
from model.schema import arranged
from store.control import Connection, control, insert, transaction
from store.facts import record_facts
from store.ledger_rows import show_ledger
from store.workspace import Workspace

RUN = "bill-C-20261102-1"
NOVEMBER, DECEMBER = date(2026, 11, 20), date(2026, 12, 5)


def row(name: str, kind: str, amount_minor: int, booked_date: date, **given: Any) -> dict[str, Any]:
    return {
        "posting_id": f"{kind}-{name}", "kind": kind, "state": "booked", "currency": "USD",
        "amount_minor": amount_minor, "booked_date": booked_date, "channel": "hand", "batch": "1", "reference": name,
        "made_by": "ops",
    } | given  # fmt: skip


NORTH: dict[str, Any] = {"account_id": "A1", "branch_id": "north"}
SOUTH: dict[str, Any] = {"account_id": "A2", "branch_id": "south"}


def sample_ledger(root: Path) -> Workspace:
    """A1 owes a bill of 66.00 and A2 one of 25.00; November is closed."""
    workspace = new_workspace(root)
    stage_run(workspace, RUN, "published")
    record_accounts(workspace)
    with control(workspace, purpose="test") as connection, transaction(connection):
        _places(connection)
        _publish(workspace, connection)
        for some in (_november(), _december()):
            for posted in some:  # one by one, as people post
                book(connection, posting_rows([posted]), LedgerRules(), recorded_at=AT)
    return workspace


def _november() -> list[dict[str, Any]]:
    return [
        row("1", "payment", 10_000, NOVEMBER, **NORTH),          # settles 66.00, 34.00 stay
        row("1", "deposit_billed", 5_000, NOVEMBER, **SOUTH),
        row("2", "payment", 8_000, NOVEMBER, **SOUTH),           # the deposit, the bill, 5.00 stay
    ]  # fmt: skip


def _december() -> list[dict[str, Any]]:
    return [
        row("1", "late_fee", 4_000, DECEMBER, **NORTH),          # 34.00 of it are settled at once
        row("1", "waiver", 600, DECEMBER, item_id="late_fee-1/I", **NORTH),
        row("1", "opening_balance", 2_000, DECEMBER, **SOUTH),   # 5.00 of it are settled at once
        row("1", "provision", 9_000, DECEMBER, branch_id="south"),
        row("1", "write_off", 1_500, DECEMBER, item_id="opening_balance-1/I", approved_by="mira", **SOUTH),
        row("1", "debit_adjustment", 700, DECEMBER, gl_account="451", **SOUTH),
        row("1", "transfer", 300, DECEMBER, other_account_id="A1", other_branch_id="north", **SOUTH),
    ]  # fmt: skip


def _places(connection: Connection) -> None:
    facts = {
        "branches": [{"branch_id": "north", "name": "North"}, {"branch_id": "south", "name": "South"}],
        "cycles": [{
            "cycle_id": "C", "bill_group": "G", "period_start_date": date(2026, 10, 1),
            "period_end_date": date(2026, 11, 1), "window_open_date": date(2026, 11, 1),
            "window_close_date": date(2026, 11, 11),
        }],
        "agreements": [
            {"agreement_id": f"S{number}", "account_id": f"A{number}", "service_point_id": f"SP{number}",
             "tariff_id": "RES", "start_date": date(2026, 1, 1)} for number in (1, 2)
        ],
    }  # fmt: skip
    for table, rows in facts.items():
        frame = pl.DataFrame(rows)
        nulls = [pl.lit(None, dtype=pl.Date).alias("end_date")] if table == "agreements" else []
        record_facts(connection, table, frame.with_columns(nulls), recorded_at=AT)


def _publish(workspace: Workspace, connection: Connection) -> None:
    frames = books()
    # The bills' rows stand among what was posted, where a test can plant a fault, and not in files beside.
    connection.execute("DELETE FROM lake_file WHERE table_name IN ('journal_lines', 'open_items')")
    show_ledger(workspace.root, connection)
    insert(connection, "posted_line", frames["journal_lines"])
    insert(connection, "posted_item", frames["open_items"])
    keys = [
        {"agreement_id": f"S{number}", "period_start_date": date(2026, 10, 1), "period_end_date": date(2026, 11, 1),
         "revision": 0, "bill_id": f"A{number}.C.r0", "run_id": RUN} for number in (1, 2)
    ]  # fmt: skip
    insert(connection, "segment_key", arranged(SegmentKeys, pl.DataFrame(keys)))
    series = {"series": ["north-2026", "south-2026"], "last_no": [1, 1]}
    insert(connection, "invoice_series", pl.DataFrame(series))
    connection.execute("UPDATE run SET billed = 2, parked = 1")
    unbilled = {
        "at_date": date(2026, 11, 30), "branch_id": "north", "revenue_class": "residential",
        "commodity": "electricity", "gl_account": "440", "currency": "USD", "method": "last_bill", "agreements": 1,
        "days": 30, "amount_minor": 5_806,
    }  # fmt: skip
    rows = arranged(Unbilled, pl.DataFrame([unbilled]))
    insert(connection, "unbilled", rows)
    insert(connection, "posted_line", unbilled_journals(rows, date(2026, 11, 30)))


def close_november(connection: Connection, digest: dict[str, Any]) -> None:
    row = {"period_id": "2026-11", "end_date": date(2026, 12, 1), "closed_by": "ops", "closed_at": AT} | digest
    insert(connection, "closed_period", arranged(ClosedPeriods, pl.DataFrame([row])))
