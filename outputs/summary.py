"""What a run did, in frames: counts and control totals, what was parked and why, the largest and the negative bills.

Frames in, frames out, so that the terminal, JSON and tests show the same figures. Amounts are printed in major units
with the decimals of their currency, and every total stands beside the currency that it is in.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from decimal import Decimal
from typing import Any

import polars as pl

from ledger.post import summed_minor
from model.codes import Measure
from model.controls import EnergyControls
from model.money import CURRENCY_EXPONENT, format_minor
from model.schema import empty
from model.units import SMALLEST_UNIT

TOP_BILLS = 5
_AGREEMENTS = ("selected", "billed", "parked")
_ENERGY = ("read", "billed", "parked", "unpriced")
_AMOUNTS = {"net_minor": "net", "tax_minor": "tax", "total_minor": "total"}


@dataclass(frozen=True)
class RunSummary:
    """The control sheet of a run."""

    by_branch: pl.DataFrame
    """branch_id, currency, accounts, billed, parked, estimated, net, tax, total; a row `all` for each currency"""
    by_commodity: pl.DataFrame
    """commodity, currency, due, billed, parked (agreements), lines, net, tax, total"""
    energy: pl.DataFrame
    """measure, read, billed, parked, unpriced (smallest units), unit: read is the sum of the other three"""
    parked: pl.DataFrame
    """reason, owner, agreements, branches, example, its detail: the most frequent first"""
    top_bills: pl.DataFrame
    """bill_id, branch_id, currency, total: the largest first"""
    negative_bills: pl.DataFrame
    """bill_id, branch_id, currency, total: bills that give money back, the largest credit first"""
    funnel: pl.DataFrame = field(default_factory=pl.DataFrame)
    """step, agreements: due, read, estimated, billed, parked, held, kept_out"""
    review: pl.DataFrame = field(default_factory=pl.DataFrame)
    """severity, code, listed, open, kept_out (bills), example, its detail: what review listed"""
    waiting: pl.DataFrame = field(default_factory=pl.DataFrame)
    """code, owner, today, days_1_to_3, days_4_to_7, older: parked agreements by the days since they were first"""

    def named(self) -> dict[str, pl.DataFrame]:
        """Return the frames by their names, for machines."""
        return {field.name: getattr(self, field.name) for field in fields(self)}

    def tables(self) -> dict[str, pl.DataFrame]:
        """Return the frames with the titles that a person reads, those without rows left out."""
        titled = {
            "Agreements: due = billed + parked + held + kept out": self.funnel,
            "By branch": self.by_branch,
            "By commodity": self.by_commodity,
            "Interval reads: read = billed + parked + unpriced": self.energy,
            "Parked": self.parked,
            "Parked by age": self.waiting,
            "Bills to look at": self.review,
            "Largest bills": self.top_bills,
            "Bills in credit": self.negative_bills,
        }
        return {title: frame for title, frame in titled.items() if frame.height}


def run_summary(
    due: pl.DataFrame,
    lines: pl.DataFrame,
    bills: pl.DataFrame,
    parked: pl.DataFrame,
    energy_controls: pl.DataFrame | None = None,
) -> RunSummary:
    """Return the control sheet of a run from its frames (model.rating, model.bills, model.controls.EnergyControls).

    The order of rows does not matter. Accounts of a branch are counted once, however many agreements they have.
    """
    return RunSummary(
        by_branch=_by_branch(due, bills, parked),
        by_commodity=_by_commodity(due, lines, parked),
        energy=_energy(empty(EnergyControls) if energy_controls is None else energy_controls),
        parked=_parked(parked),
        top_bills=_top(bills),
        negative_bills=_top(bills, in_credit=True),
    )


def describe_run(run: Mapping[str, Any], currency: str | None = None) -> dict[str, object]:
    """Return a run (a row of model.control.Runs) as names and values for a person.

    `currency` prints the totals in major units; without it they are printed in minor units, and say so.
    """
    described: dict[str, object] = {
        "run": run["run_id"],
        "state": run["state"],
        "cycle": run["cycle_id"],
        "branches": run["branches"] or "all",
        "business date": run["business_date"],
        "agreements": "{} due = {} billed + {} parked".format(*(_count(run[name]) for name in _AGREEMENTS)),
    }
    for column, name in _AMOUNTS.items():
        value = run[column]
        if value is not None:
            described[name] = f"{format_minor(value, currency)} {currency}" if currency else f"{value:,} minor units"
    return described | {
        "reads up to load": run["seq_max"],
        "facts known at": run["known_at"],
        "partitions": run["partitions"],
        "planned": f"{run['planned_at']:%Y-%m-%d %H:%M:%S} by {run['planned_by']}",
        "approved by": run["approved_by"] or "nobody yet",
        "published": run["published_at"] or "not yet",
        "fingerprint": run["fingerprint"],
    }


def _by_branch(due: pl.DataFrame, bills: pl.DataFrame, parked: pl.DataFrame) -> pl.DataFrame:
    keys = ["branch_id", "currency"]
    # A run that takes bills back need not bill their accounts; one that bills again has several bills of each.
    selected = pl.concat([due.select(*keys, "account_id"), bills.select(*keys, "account_id")]).unique()
    waiting = parked.select("account_id").unique().with_columns(is_parked=pl.lit(True))
    made = pl.col("reverses_id").is_null()
    billed = bills.group_by(*keys, "account_id").agg(
        (made & pl.col("is_estimated")).any().alias("is_estimated"),
        made.any().alias("is_billed"),
        *(summed_minor(name) for name in _AMOUNTS),
    )
    rows = selected.join(waiting, how="left", on="account_id", validate="m:1").join(
        billed, how="left", on=[*keys, "account_id"], validate="1:1"
    )
    figures = [
        pl.len().alias("accounts"),
        pl.col("is_billed").fill_null(False).sum().alias("billed"),
        pl.col("is_parked").fill_null(False).sum().alias("parked"),
        pl.col("is_estimated").fill_null(False).sum().alias("estimated"),
        *(summed_minor(name) for name in _AMOUNTS),
    ]
    branches = rows.group_by(keys).agg(figures).sort(keys)
    whole = rows.group_by("currency").agg(figures).sort("currency").with_columns(branch_id=pl.lit("all"))
    return _in_major_units(pl.concat([branches, whole.select(branches.columns)]))


def _by_commodity(due: pl.DataFrame, lines: pl.DataFrame, parked: pl.DataFrame) -> pl.DataFrame:
    keys = ["commodity", "currency"]
    is_tax = pl.col("category") == "tax"
    split = lines.with_columns(
        net_minor=pl.when(is_tax).then(0).otherwise(pl.col("amount_minor")),
        tax_minor=pl.when(is_tax).then(pl.col("amount_minor")).otherwise(0),
        total_minor=pl.col("amount_minor"),
    )
    summed = split.group_by(keys).agg(
        pl.col("agreement_id").n_unique().alias("billed"), pl.len().alias("lines"), *(summed_minor(n) for n in _AMOUNTS)
    )
    places = due.select("agreement_id", *keys).unique("agreement_id", maintain_order=True)
    waiting = places.join(parked, how="semi", on="agreement_id").group_by(keys).agg(pl.len().alias("parked"))
    sheet = places.group_by(keys).agg(pl.len().alias("due")).join(summed, how="left", on=keys, validate="1:1")
    whole = sheet.join(waiting, how="left", on=keys, validate="1:1").with_columns(pl.exclude(keys).fill_null(0))
    return _in_major_units(whole.sort(keys).select(*keys, "due", "billed", "parked", "lines", *_AMOUNTS))


def _energy(controls: pl.DataFrame) -> pl.DataFrame:
    units = {measure.value: SMALLEST_UNIT[measure] for measure in Measure}
    summed = controls.group_by("measure").agg(pl.col(name).cast(pl.Int128).sum().cast(pl.Int64) for name in _ENERGY)
    unit = pl.col("measure").replace_strict(units, return_dtype=pl.String).alias("unit")
    return summed.sort("measure").with_columns(unit)


def _parked(parked: pl.DataFrame) -> pl.DataFrame:
    return (
        parked.group_by("reason", "owner")
        .agg(
            pl.col("agreement_id").n_unique().alias("agreements"),
            pl.col("branch_id").n_unique().alias("branches"),
            pl.col("agreement_id").min().alias("example"),
            pl.col("detail").sort_by("agreement_id").first(),
        )
        .sort("agreements", "reason", "owner", descending=[True, False, False])
    )


def _top(bills: pl.DataFrame, *, in_credit: bool = False) -> pl.DataFrame:
    chosen = bills.filter(pl.col("total_minor") < 0) if in_credit else bills
    ordered = chosen.sort("total_minor", "bill_id", descending=[not in_credit, False]).head(TOP_BILLS)
    return _in_major_units(ordered.select("bill_id", "branch_id", "currency", "total_minor"))


def _in_major_units(frame: pl.DataFrame) -> pl.DataFrame:
    """Replace amounts in minor units by Decimals in major units, exact: a product of a whole and a power of ten."""
    present = [name for name in _AMOUNTS if name in frame.columns]
    scale = max((CURRENCY_EXPONENT[currency] for currency in frame["currency"].unique()), default=2)
    lift = pl.col("currency").replace_strict(
        {currency: 10 ** (scale - exponent) for currency, exponent in CURRENCY_EXPONENT.items() if exponent <= scale},
        return_dtype=pl.Int64,
    )
    # Whole steps of the finest currency, then the point is set: no decimal product, so nothing is rounded.
    steps = [(pl.col(name).cast(pl.Int128) * lift).alias(name) for name in present]
    point = pl.lit(Decimal(1).scaleb(-scale), dtype=pl.Decimal(38, scale))
    decimals = [(pl.col(name).cast(pl.Decimal(38, 0)) * point).alias(_AMOUNTS[name]) for name in present]
    return frame.with_columns(steps).with_columns(decimals).drop(present)


def _count(value: int | None) -> str:
    return "?" if value is None else f"{value:,}"
