"""What a legacy system may reckon otherwise: a variant removes one cause and leaves everything else."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import polars as pl

from model.parallel import Cause
from rating.stages import Work
from rating.variants import (
    Case,
    counted_days,
    first_factors,
    holding_version,
    rounded_by,
    tax_by_line,
    with_rules,
    without_base,
)


@dataclass(frozen=True)
class Variant:
    """A cause, and how a case is rated as if it held. `rank`: evidence of its own kind before fitted numbers."""

    name: str
    cause: Cause
    words: str
    """What the legacy system does, in words that follow its name."""
    change: Callable[[Case], Case]
    rank: int = 1


FITTED = 2
"""Rank of a variant whose numbers come from the legacy amounts themselves."""
STATED = 0
"""Rank of a variant that the legacy file itself states."""
STATED_NAME = "quantity"


def standing_variants(taxed: list[str]) -> list[Variant]:
    """Return the variants that ask nothing of the legacy file. `taxed`: charges that some tax counts."""
    return [*_roundings(), *_prorations(), *_versions(), *_taxes(taxed)]


def _roundings() -> list[Variant]:
    modes = {"half_even": "rounds halves to the even cent", "down": "cuts what is below a cent",
             "up": "rounds up what is below a cent", "half_up": "rounds halves away from zero"}  # fmt: skip
    by_mode = [
        Variant(f"rounded_{mode}", Cause.ROUNDING, words, partial(rounded_by, mode=mode))
        for mode, words in modes.items()
    ]
    kinds = {True: "rounds the sum of a charge's tiers and periods once", False: "rounds each tier and period"}
    once = [
        Variant(f"parts_{'once' if flag else 'each'}", Cause.ROUNDING, words,
                lambda case, flag=flag: with_rules(case, pl.lit(flag).alias("is_rounded_once")))  # type: ignore[misc]
        for flag, words in kinds.items()
    ]  # fmt: skip
    exact = Variant(
        "exact_base", Cause.ROUNDING, "takes percentages of amounts before they are rounded",
        lambda case: with_rules(case, (pl.col("kind") == "percent").alias("is_exact")),
    )  # fmt: skip
    return [*by_mode, *once, exact]


def _prorations() -> list[Variant]:
    days, cycle = pl.col("quantity"), pl.col("cycle_days")
    part = pl.coalesce("share_part", "due_days")
    whole = pl.coalesce("share_whole", "cycle_days")
    last, month = pl.col("is_last").cast(pl.Int64), pl.col("period_start_date").dt.days_in_month().cast(pl.Int64)
    thirty = days - pl.when("is_whole").then(last * (cycle - 30)).otherwise(0)
    # A whole cycle owes a price by the cycle in full, however its days are counted.
    is_cut = ~pl.col("is_whole")

    def where_cut(value: pl.Expr, otherwise: str) -> pl.Expr:
        return pl.when(is_cut).then(value).otherwise(otherwise)

    of_cut = where_cut(whole, "share_whole")
    ways: list[tuple[str, str, pl.Expr, pl.Expr, pl.Expr]] = [
        ("month_of_30", "counts a month as 30 days", thirty, where_cut(part, "share_part"),
         where_cut(pl.lit(30), "share_whole")),
        ("end_day_counts", "counts the last day as well", days + last, where_cut(part + last, "share_part"), of_cut),
        ("first_day_free", "does not count the first day", days - last, where_cut(part - last, "share_part"), of_cut),
        ("days_of_30", "shares by days of a month of 30, also a whole one", days, part, pl.lit(30)),
        ("calendar_month", "shares by the days of the calendar month", days, part, month),
        ("year_of_365", "shares by the days of a twelfth of a year", days, part * 12, pl.lit(365)),
        ("not_prorated", "bills a whole period, whatever days were supplied",
         days + last * (cycle - pl.col("due_days")), pl.col("share_part"),
         where_cut(pl.col("due_days"), "share_whole")),
    ]  # fmt: skip
    return [
        Variant(f"days:{name}", Cause.PRORATION, words, partial(_with_days, name=name, days=(quantity, of, all_of)))
        for name, words, quantity, of, all_of in ways
    ]


def _with_days(case: Case, name: str, days: tuple[pl.Expr, pl.Expr, pl.Expr]) -> Case:
    """Return a case with other days of charges; thresholds that are shared follow where the way names a whole."""

    def change(work: Work) -> Work:
        return counted_days(work, *days)

    shared = pl.col("tiers_share") == "cycle"
    if name == "not_prorated":
        none = pl.when(shared).then(pl.lit("none")).otherwise("tiers_share").alias("tiers_share")
        case = with_rules(case, none)
    if name == "days_of_30":
        by_days = pl.when(shared).then(pl.lit("days")).otherwise("tiers_share").alias("tiers_share")
        thirty = (
            pl.when(shared).then(pl.lit(300_000)).otherwise("tiers_whole_e4").cast(pl.Int64).alias("tiers_whole_e4")
        )
        case = with_rules(case, by_days, thirty)
    return case.then("charges", change)


def _versions() -> list[Variant]:
    words = {
        "former": "bills by the version before", "first": "bills all days by the version of the first day",
        "last": "bills all days by the version of the last day", "next": "bills by the version that comes after",
    }  # fmt: skip
    held = [
        Variant(f"version:{place}", Cause.TARIFF, said, partial(holding_version, place=place))
        for place, said in words.items()
    ]
    return [*held, Variant("factor:first", Cause.TARIFF, "keeps the factors of the first day", first_factors)]


def _taxes(taxed: list[str]) -> list[Variant]:
    def by_line(case: Case) -> Case:
        return case.then("taxes", tax_by_line)

    untaxed = [
        Variant(f"untaxed:{component}", Cause.TAX, f"takes no tax on `{component}`",
                partial(without_base, component_id=component))
        for component in taxed
    ]  # fmt: skip
    return [Variant("tax_by_line", Cause.TAX, "reckons tax line by line, each rounded", by_line), *untaxed]
