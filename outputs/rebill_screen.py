"""How a rebill is shown: what becomes another, by branch and by cause, and the largest changes."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import polars as pl

from model.money import CURRENCY_EXPONENT, format_minor
from outputs.console import print_facts, print_frame

TOP = 10
_SUMS = ["before_minor", "after_minor", "apart_minor"]


def rebill_sheet(bills: pl.DataFrame, lines: pl.DataFrame) -> dict[str, pl.DataFrame]:
    """Return the frames of a rebill plan (`cycles.rebill.plan.RebillPlan`), amounts in minor units.

    by_branch, by_cause (lines that differ; `several` where no class alone explains them), top (largest changes),
    outcomes (how many bills, why some stay).
    """
    changed = bills.filter(pl.col("outcome") == "changed")
    figures = [
        pl.col("account_id").n_unique().alias("accounts"),
        pl.len().alias("bills"),
        *(pl.col(n).sum() for n in _SUMS),
    ]
    differing = lines.filter(pl.col("apart_minor") != 0).join(
        changed.select("new_id", "currency"), on="new_id", how="inner", validate="m:1"
    )
    return {
        "by_branch": changed.group_by("branch_id", "currency").agg(figures).sort("branch_id", "currency"),
        "by_cause": differing.group_by(pl.col("cause").fill_null("several"), "currency").agg(
            pl.col("new_id").n_unique().alias("bills"), pl.len().alias("lines"), pl.col("apart_minor").sum()
        ).sort("cause", "currency"),
        "top": changed.sort(pl.col("apart_minor").abs(), "new_id", descending=[True, False]).head(TOP).select(
            "bill_id", "new_id", "account_id", "branch_id", "currency", *_SUMS, "causes"
        ),
        "outcomes": bills.group_by("outcome", pl.col("reason").fill_null("")).agg(
            pl.len().alias("bills"), pl.col("bill_id").min().alias("example")
        ).sort("outcome", "reason"),
    }  # fmt: skip


def print_rebill(plan: dict[str, Any] | None, bills: pl.DataFrame, lines: pl.DataFrame) -> None:
    """Print a rebill plan; `plan` is None when no bill becomes another."""
    if bills.is_empty():
        print("no published bill rests on inputs that changed")
        return
    sheet = rebill_sheet(bills, lines)
    if plan is not None:
        print_facts(_facts(plan, bills))
    titles = {
        "by_branch": "By branch", "by_cause": "By cause", "top": "Largest changes", "outcomes": "Bills looked at",
    }  # fmt: skip
    for name, title in titles.items():
        if sheet[name].height:
            print_frame(in_major_units(sheet[name]), f"\n{title}")


def _facts(plan: dict[str, Any], bills: pl.DataFrame) -> dict[str, object]:
    currencies = bills["currency"].unique().to_list()
    currency = currencies[0] if len(currencies) == 1 else None
    told = {name: plan[f"{name}_minor"] for name in ("before", "after")}
    told["apart"] = told["after"] - told["before"]
    amounts = {
        name: f"{format_minor(value, currency)} {currency}" if currency else f"{value:,} minor units"
        for name, value in told.items()
    }
    facts: dict[str, object] = {
        "run": plan["run_id"], "business date": plan["business_date"], "accounts": plan["accounts"],
        "bills that become others": plan["taken_back"], **amounts,
    }  # fmt: skip
    if plan["back_billing"]:
        limit = plan["back_billing"]
        facts["back-billing limit"] = f"days before {limit['first_date']} ({limit['months']} months)"
    return facts


def in_major_units(frame: pl.DataFrame) -> pl.DataFrame:
    """Replace amounts in minor units by Decimals in major units, exact."""
    present = [name for name in frame.columns if name.endswith("_minor")]
    scale = max((CURRENCY_EXPONENT[currency] for currency in frame["currency"].unique()), default=2) if present else 0
    if not present:
        return frame
    lift = pl.col("currency").replace_strict(
        {currency: 10 ** (scale - exponent) for currency, exponent in CURRENCY_EXPONENT.items() if exponent <= scale},
        return_dtype=pl.Int64,
    )
    point = pl.lit(Decimal(1).scaleb(-scale), dtype=pl.Decimal(38, scale))
    shown = [
        ((pl.col(name).cast(pl.Int128) * lift).cast(pl.Decimal(38, 0)) * point).alias(name.removesuffix("_minor"))
        for name in present
    ]
    return frame.select(*(name for name in frame.columns if name not in present), *shown)
