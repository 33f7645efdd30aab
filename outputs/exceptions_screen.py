"""Exceptions on a terminal: the work list, one exception with its figures."""

from __future__ import annotations

import sys
import textwrap
from collections.abc import Mapping
from typing import Any

import polars as pl

from model.money import format_minor
from outputs.console import ROWS_SHOWN, cell_text, print_facts, print_frame

_DETAIL = 60
_WIDTH = 100


def print_exceptions(rows: pl.DataFrame, limit: int = ROWS_SHOWN) -> None:
    """Print the work list: what stops a bill first, then what is parked, then what somebody should look at."""
    if rows.is_empty():
        sys.stdout.write("no exceptions\n")
        return
    shown = rows.head(limit)
    detail = pl.col("detail")
    short = pl.when(detail.str.len_chars() > _DETAIL).then(detail.str.slice(0, _DETAIL - 1) + "…").otherwise(detail)
    table = shown.select(
        "exception_id", "severity", pl.col("state"), branch="branch_id", owner="owner",
        bill=pl.Series([bill_text(row) for row in shown.iter_rows(named=True)], dtype=pl.String),
        age=pl.format("{} d", "age_days"), what=short,
    ).rename({"exception_id": "exception"})  # fmt: skip
    print_frame(table, limit=limit)
    if rows.height > limit:
        sys.stdout.write(f"... {rows.height - limit:,} more: --limit, or all of them with --json or --csv\n")
    sys.stdout.write(f"{summary(rows)}\n")


def summary(rows: pl.DataFrame) -> str:
    """Return how many exceptions there are, by severity, and how many bills are kept out."""
    counted = rows.group_by("severity").len().sort("len", "severity", descending=[True, False])
    counts = ", ".join(f"{count:,} {severity}" for severity, count in counted.iter_rows())
    out = rows.filter(pl.col("kept_out"))["bill_id"].n_unique()
    kept = f"; {_bills(out)} kept out of their run until somebody decides" if out else ""
    return f"{_exceptions(rows.height)}: {counts}{kept}"


def bill_text(row: Mapping[str, Any]) -> str:
    """Return the total of an exception's bill; empty when it has none."""
    if row["amount_minor"] is None or row["currency"] is None:
        return ""
    return f"{format_minor(row['amount_minor'], row['currency'])} {row['currency']}"


def print_exception(row: Mapping[str, Any], history: pl.DataFrame) -> None:
    """Print all about one exception."""
    waits = "yes: it is not published until somebody accepts it" if row["kept_out"] else ""
    facts: dict[str, object] = {
        "exception": row["exception_id"], "code": row["code"],
        "state": f"{row['severity']}, {row['state']}", "what": row["detail"], "bill": row["bill_id"],
        "total": bill_text(row), "kept out": waits, "account": row["account_id"], "agreement": row["agreement_id"],
        "branch": row["branch_id"], "owner": row["owner"], "cycle": row["cycle_id"],
        "run": f"{row['run_id']} ({row['run_state']})" if row["run_id"] else "",
        "found": f"{row['found_date']}, {row['age_days']} days ago",
    }  # fmt: skip
    print_facts({name: value for name, value in facts.items() if value})
    if history.is_empty():
        sys.stdout.write("\nNothing was decided about it yet.\n")
        return
    sys.stdout.write("\nDecided:\n")
    for item in history.iter_rows(named=True):  # as many as were made by hand
        why = f": {item['why']}" if item["why"] else ""
        text = f"{cell_text(item['at_utc'])}  {item['state']} by {item['by']}{why}"
        sys.stdout.write(textwrap.fill(text, _WIDTH, initial_indent="  ", subsequent_indent="    ") + "\n")


def _exceptions(count: int) -> str:
    return "1 exception" if count == 1 else f"{count:,} exceptions"


def _bills(count: int) -> str:
    return "1 bill is" if count == 1 else f"{count:,} bills are"
