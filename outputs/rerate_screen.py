"""How a bill that was rated again is shown: what was known, and line by line what it comes to."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

import polars as pl

from model.money import CURRENCY_EXPONENT, format_minor
from outputs.console import print_facts, print_frame


def print_rerated(rerated: Mapping[str, Any]) -> None:
    """Print a comparison (`cycles.bills.rerate.Rerated.as_dict`): totals, then a row per line that differs."""
    currency = rerated["currency"]
    totals = {
        name: f"{format_minor(rerated[f'{name}_minor'], currency)} {currency}" for name in ("old", "new", "apart")
    }
    print_facts(
        {"bill": rerated["bill_id"], "billed as known at": rerated["billed_at"], "rated as known at":
         rerated["known_at"], "inputs that changed": ", ".join(rerated["changed_inputs"]) or "none", **totals}
    )  # fmt: skip
    print()
    for detail in rerated["parked"]:
        print(f"cannot be billed as known then: {detail}")
    differing = rerated["lines"].filter(
        (pl.col("apart_minor") != 0) | pl.col("old_minor").is_null() | pl.col("new_minor").is_null()
    )
    print_frame(_shown(differing, currency), nothing=_verdict(rerated))
    if not rerated["reproduced"]:
        print("The inputs of then give other lines than the bill has; causes are not told. See: billmill bill explain")


def _verdict(rerated: Mapping[str, Any]) -> str:
    count = rerated["lines"].height
    if rerated["same"]:
        return f"The same {count} lines."
    return f"The same {count} amounts; versions, prices or quantities behind them differ."


def _shown(lines: pl.DataFrame, currency: str) -> pl.DataFrame:
    scale = CURRENCY_EXPONENT[currency]
    point = pl.lit(Decimal(1).scaleb(-scale), dtype=pl.Decimal(38, scale))
    amounts = [
        (pl.col(f"{name}_minor").cast(pl.Decimal(38, 0)) * point).alias(name) for name in ("old", "new", "apart")
    ]
    return lines.select(
        "agreement_id", "component_id", pl.col("period_start_date").alias("from"),
        pl.col("period_end_date").alias("to"), "tou", "tier", *amounts, "cause",
    )  # fmt: skip
