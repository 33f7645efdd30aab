"""What a change of a tariff does to the bills of a cycle, for who has to decide on it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

import polars as pl

from model.money import CURRENCY_EXPONENT, format_minor
from outputs.console import print_facts, print_frame
from outputs.tariff_screens import print_sections
from tariffs.diff import Section

_BAR = 40  # characters of the longest bar


def print_impact(sections: Sequence[Section], told: Mapping[str, Any]) -> None:
    """Print what is said differently, then what it does (`cycles.quotes.impact.Impact.as_dict`)."""
    print_sections(sections)
    print()
    print_facts(_facts(told))
    if told["totals"]["accounts"]:
        print("\nBills by how much they change")
        print("\n".join(histogram_lines(told["histogram"])))
        print()
        print_frame(_deciles(told))
        for title, name in (("By branch", "by_branch"), ("By revenue class", "by_revenue_class")):
            print_frame(_in_money(told[name], told["currency"]), f"\n{title}", limit=1_000)
        _print_rises(told)
    if told["parked"]:
        print_frame(pl.DataFrame(told["parked"]), "\nCannot be billed", limit=1_000)


def _deciles(told: Mapping[str, Any]) -> pl.DataFrame:
    exponent = CURRENCY_EXPONENT[told["currency"]]
    rows = [(row["percent"], Decimal(row["change_minor"]).scaleb(-exponent)) for row in told["deciles"]]
    return pl.DataFrame(rows, schema=["percent of accounts", "change at most"], orient="row")


def histogram_lines(classes: Sequence[Mapping[str, Any]]) -> list[str]:
    """Return a bar of text for each class of change."""
    highest = max((row["accounts"] for row in classes), default=0)
    width = max((len(row["change"]) for row in classes), default=0)
    digits = len(f"{highest:,}")
    lines = []
    for row in classes:
        # A class with anybody in it shows at least one sign.
        length = -(-row["accounts"] * _BAR // highest) if highest else 0
        lines.append(f"  {row['change']:>{width}}  {row['accounts']:>{digits},}  {'#' * length}".rstrip())
    return lines


def _facts(told: Mapping[str, Any]) -> dict[str, object]:
    totals = told["totals"]
    old, new = totals["old_minor"], totals["new_minor"]
    change = f"{_money(new - old, told)} {told['currency']}"
    if old:
        change += f" ({_percent(new - old, old)} %)"
    return {
        "old": told["old"],
        "new": told["new"],
        "cycle": f"{told['cycle']}, {told['from']} to {told['to']} (not included)",
        "accounts": f"{totals['accounts']:,} = {totals['up']:,} up + {totals['down']:,} down + "
        f"{totals['unchanged']:,} unchanged",
        "sum before": f"{_money(old, told)} {told['currency']}",
        "sum after": f"{_money(new, told)} {told['currency']}",
        "change": change,
        "days": _days(told["days"]),
    }


def _days(days: Mapping[str, Any]) -> str:
    """Return of how many accounts days were added up by kind, and of how many read one by one, and why."""
    why = days["because"] or ["a gap, a part of the cycle, or channels that count together"]
    one_by_one = f"read one by one for {days['one_by_one']:,} accounts"
    if days["one_by_one"]:
        one_by_one += f": {'; '.join(why)}"
    return f"added up by kind for {days['added_up']:,} accounts, {one_by_one}"


def _print_rises(told: Mapping[str, Any]) -> None:
    rows = []
    for rise in told["largest_rises"]:
        changed = [
            f"{row['component_id']} {_money(row['old_minor'] or 0, told)} -> {_money(row['new_minor'] or 0, told)}"
            for row in rise["charges"].iter_rows(named=True)
            if row["old_minor"] != row["new_minor"]
        ]
        rows.append(
            {"account": rise["account_id"], "branch": rise["branch_id"], "class": rise["revenue_class"],
             "old": _money(rise["old_minor"], told), "new": _money(rise["new_minor"], told),
             "change": _money(rise["change_minor"], told), "charges": "; ".join(changed)}
        )  # fmt: skip
    if rows:
        print_frame(pl.DataFrame(rows), "\nLargest rises")


def _in_money(frame: pl.DataFrame, currency: str) -> pl.DataFrame:
    scale = CURRENCY_EXPONENT[currency]
    point = pl.lit(Decimal(1).scaleb(-scale), dtype=pl.Decimal(38, scale))
    return frame.with_columns(
        (pl.col(f"{name}_minor").cast(pl.Decimal(38, 0)) * point).alias(f"{name}_minor")
        for name in ("old", "new", "change")
    ).rename({"old_minor": "before", "new_minor": "after", "change_minor": "change"})


def _money(minor: int, told: Mapping[str, Any]) -> str:
    return format_minor(minor, told["currency"])


def _percent(part: int, whole: int) -> str:
    share = (Decimal(part) * 100 / abs(whole)).quantize(Decimal("0.01"), ROUND_HALF_UP)
    return f"{share:+}"
