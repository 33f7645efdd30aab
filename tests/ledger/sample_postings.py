"""Postings by hand: two accounts, in two branches; tests change them."""

from __future__ import annotations

from datetime import date
from typing import Any

import polars as pl
from pandera.typing.polars import DataFrame

from ledger.templates import TEMPLATES
from model.ledger import JournalKind
from model.postings import Postings
from model.schema import arranged

DAY = date(2026, 11, 20)
# The bill that adjustments share by: 100.00 of electricity, 50.00 of water, 15.00 of tax.
BILL_LEGS = pl.DataFrame(
    [
        {"bill_id": "B1", "gl_account": "142", "commodity": None, "tax_code": None, "amount_minor": 16_500},
        {"bill_id": "B1", "gl_account": "440", "commodity": "electricity", "tax_code": None, "amount_minor": -10_000},
        {"bill_id": "B1", "gl_account": "460", "commodity": "water", "tax_code": None, "amount_minor": -5_000},
        {"bill_id": "B1", "gl_account": "241", "commodity": None, "tax_code": "GST", "amount_minor": -1_500},
    ]
)
ITEMS = pl.DataFrame({"item_id": ["B1/I", "F1/I"], "gl_account": ["142", "142.1"]})


def posting(kind: JournalKind, amount_minor: int = 1_100, **given: Any) -> dict[str, Any]:
    """A posting of 11.00 for A1 in branch N, about bill B1, its item, or account A2 of branch S where it must."""
    template = TEMPLATES[kind]
    row: dict[str, Any] = {
        "posting_id": f"{kind.value}-1", "kind": kind.value, "state": "booked",
        "account_id": "A1" if template.needs_account else None, "branch_id": "N", "currency": "AUD",
        "amount_minor": amount_minor, "booked_date": DAY, "channel": "ledger", "batch": "1", "reference": "1",
        "made_by": "ops",
    }  # fmt: skip
    if kind in {JournalKind.CREDIT_ADJUSTMENT, JournalKind.DEBIT_ADJUSTMENT}:
        row["bill_id"] = "B1"
    if kind is JournalKind.WAIVER:
        row["item_id"] = "F1/I"
    if kind in {JournalKind.WRITE_OFF, JournalKind.DEPOSIT_CANCELLED}:
        row["item_id"] = "B1/I"
    if "other_account_id" in template.about:
        row |= {"other_account_id": "A2", "other_branch_id": "S"}
    return row | given


def postings(*rows: dict[str, Any]) -> DataFrame[Postings]:
    return arranged(Postings, pl.DataFrame(list(rows), infer_schema_length=None))
