"""A comparison with a legacy system on a terminal, and as CSV."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

import polars as pl

from model.money import CURRENCY_EXPONENT, format_minor
from outputs.console import print_facts, print_frame
from outputs.parallel_report import ParallelReport
from outputs.vee_report import share_text
from store.csv_text import csv_for_people

_SHOWN = 2  # of each class
_CSV = [
    "difference_id", "branch_id", "account_id", "service_point_id", "period_start_date", "period_end_date", "line",
    "bill_id", "ours", "legacy", "apart", "cause", "also", "explanation", "code", "why", "said_by",
]  # fmt: skip


def print_compared(report: ParallelReport) -> None:
    """Print a comparison: totals, lines by class, by branch, the largest differences, what was not compared."""
    row, currency = report.row, report.row["currency"]
    cells = int(row["cells"])
    print_facts(
        {
            "comparison": row["comparison_id"], "run": row["run_id"], "legacy file": row["legacy_name"],
            "rows": f"{report.legacy_rows:,}, {report.rejects.height:,} rejected",
            "total of the file": f"{format_minor(report.legacy_total_minor, currency)} {currency}",
            "ours": f"{format_minor(row['ours_minor'], currency)} {currency}",
            "compared there": f"{format_minor(row['legacy_minor'], currency)} {currency}",
            "apart": f"{format_minor(row['ours_minor'] - row['legacy_minor'], currency)} {currency}",
            "lines": f"{cells:,}, {row['differing']:,} differ ({share_text(row['differing'], cells)})",
            "open": f"{report.open_lines:,} ({share_text(report.open_lines, cells)}); threshold "
            f"{report.threshold_percent:g} %",
        }
    )  # fmt: skip
    if report.not_again:
        print(f"{report.not_again} services are reckoned otherwise by this version of Billmill than by the run's")
    print()
    print_frame(_money(report.classes, currency, "apart", "size").filter(pl.col("lines") > 0), "by class")
    print()
    print_frame(_money(report.branches, currency, "ours", "legacy"), "by branch")
    print()
    largest = shown_differences(report.top.filter(pl.int_range(pl.len()).over("cause") < _SHOWN), currency)
    print_frame(
        largest.select("difference_id", "service_point_id", "line", "ours", "legacy", "apart", "cause", "explanation"),
        "largest differences of each class", nothing="Every line is equal.",
    )  # fmt: skip
    if report.rejects.height:
        print()
        print_frame(report.rejects, "rows not compared")


def shown_differences(differences: pl.DataFrame, currency: str) -> pl.DataFrame:
    """Return differences with amounts in major units: ours, legacy, apart."""
    return _money(differences, currency, "ours", "legacy", "apart")


def as_csv(report: ParallelReport) -> str:
    """Return every difference as CSV; a text that a spreadsheet would take for a formula is marked as text."""
    return csv_for_people(shown_differences(report.differences, report.row["currency"]).select(_CSV))


def print_opening(proof: Mapping[str, Any]) -> None:
    """Print the proof of opening balances: a row per branch, then the accounts that differ."""
    currency = proof["currency"]
    print_frame(_money(proof["branches"], currency, "ours", "legacy", "apart"), "opening balances by branch")
    print()
    print_frame(
        _money(proof["accounts"], currency, "ours", "legacy", "apart"), "accounts that differ",
        nothing="Every account has the same balance on both sides.",
    )  # fmt: skip
    if proof["rejects"].height:
        print()
        print_frame(proof["rejects"], "rows not compared")


def _money(frame: pl.DataFrame, currency: str, *names: str) -> pl.DataFrame:
    scale = CURRENCY_EXPONENT[currency]
    point = pl.lit(Decimal(1).scaleb(-scale), dtype=pl.Decimal(38, scale))
    amounts = [(pl.col(f"{name}_minor").cast(pl.Decimal(38, 0)) * point).alias(name) for name in names]
    return frame.with_columns(amounts).drop(f"{name}_minor" for name in names)
