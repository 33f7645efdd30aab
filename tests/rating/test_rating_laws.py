"""Laws of rating, each asked of many agreements at once: what must hold whatever the tariff and the use are."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import replace
from datetime import date
from decimal import Decimal
from random import Random
from typing import Any

import polars as pl
import pytest
from bill_strategies import Bills, make_given_bills, make_read_bills, table
from hypothesis import given, settings
from hypothesis import strategies as st
from polars.testing import assert_frame_equal
from rating_rows import Row, base, book, component, due, price, quantity, rating_input, season_days, version, windows
from soak import rated

from model.rating import DueAttributes, Rated
from model.tariff import RateBook
from rating.given import GivenQuantities
from rating.stages import rate_given

ONE = 10**9
FRAMES = ("segments", "slices", "determinants", "lines", "parked", "history", "banks")

edges = st.lists(st.integers(1, 400_000), min_size=1, max_size=3, unique=True).map(sorted)
prices = st.lists(st.integers(0, 3 * 10**9), min_size=4, max_size=4)
shares = st.sampled_from([("none", 10**4), ("cycle", 10**4), ("day", 10**4), ("days", 304_167), ("months", 10**4)])


def tiered(limits: list[int], amounts: list[int], **terms: Any) -> RateBook:
    """One charge on kWh with these edges, in Wh, and prices x 10^9; it may be scaled by the attribute `units`."""
    lows, highs = [0, *limits], [*limits, None]
    rows = [
        price(price_e9=amounts[place], tier=place + 1, from_quantity=low, to_quantity=high)
        for place, (low, high) in enumerate(zip(lows, highs, strict=True))
    ]
    units: Row = {"version_id": "t@1", "name": "units", "is_text": False, "default_e12": Decimal(10**12),
                  "default_text": None}  # fmt: skip
    operand = {"version_id": "t@1", "formula_id": "units", "place": 0, "kind": "attribute", "name": "units",
               "number_e12": None, "text": None, "is_negated": False, "by": None}  # fmt: skip
    terms = {"tier_method": "graduated", "tiers_share": "none"} | terms
    return book(
        components=[component(**terms)], prices=rows, attributes=[units], operands=[operand],
        formulas=[{"version_id": "t@1", "formula_id": "units", "shape": "0"}],
    )  # fmt: skip


def rate_all(rate_book: RateBook, uses: list[int], units: list[int] | None = None) -> Rated:
    """Rate an agreement for each use, in Wh; `A0`, `A1` and so on."""
    dues = [due(account_id=f"A{place}", agreement_id=f"A{place}") for place in range(len(uses))]
    given_rows = [
        {"agreement_id": f"A{place}", "quantity_id": "kwh", "tou": "", "quantity": used}
        for place, used in enumerate(uses)
    ]
    said = [
        {"agreement_id": f"A{place}", "start_date": date(2026, 6, 1), "name": "units", "number": Decimal(number),
         "text": None}
        for place, number in enumerate(units or [])
    ]  # fmt: skip
    return rate_given(
        rating_input(rate_book, dues, []).due, rate_book, table(GivenQuantities, given_rows), table(DueAttributes, said)
    )


def exact(found: Rated) -> dict[str, Decimal]:
    totals: dict[str, Decimal] = defaultdict(Decimal)
    for agreement_id, amount in found.lines.select("agreement_id", "amount_exact").iter_rows():
        totals[agreement_id] += amount
    return totals


@given(limits=edges, amounts=prices, share=shares)
@settings(max_examples=8, deadline=None)
def test_one_more_watt_hour_costs_the_price_of_its_tier(
    limits: list[int], amounts: list[int], share: tuple[str, int]
) -> None:
    """Graduated tiers have no jump, at their edges or anywhere else, however their thresholds are shared."""
    rate_book = tiered(limits, amounts, tiers_share=share[0], tiers_whole_e4=share[1])
    first = rate_all(rate_book, [10**9]).lines.sort("tier")
    tops = first["quantity"].cum_sum().to_list()[:-1]  # the edges as they are in this month
    uses = sorted({used for top in tops for used in (top - 1, top, top + 1) if used >= 0})
    totals = exact(rate_all(rate_book, [*uses, *(used + 1 for used in uses)]))
    for place, used in enumerate(uses):
        tier = sum(used >= top for top in tops)
        more = totals[f"A{place + len(uses)}"] - totals[f"A{place}"]
        assert more == Decimal(amounts[tier]).scaleb(-12), used


@given(limits=edges, amounts=prices, share=shares, packed=st.booleans(), uses=st.lists(st.integers(0, 10**6)))
@settings(max_examples=8, deadline=None)
def test_who_uses_more_never_pays_less_at_prices_above_zero(
    limits: list[int], amounts: list[int], share: tuple[str, int], packed: bool, uses: list[int]
) -> None:
    terms: dict[str, Any] = {"tiers_share": share[0], "tiers_whole_e4": share[1]}
    if packed:
        limits, terms = [], {"tier_method": "package", "package_size": limits[0], "package_free": 7}
    uses = sorted([0, 1, 500_000, *uses])
    found = rate_all(tiered(limits, amounts, **terms), uses)
    totals = exact(found)
    in_order = [totals[f"A{place}"] for place in range(len(uses))]
    assert in_order == sorted(in_order)
    minors = found.lines.group_by("agreement_id").agg(pl.col("amount_exact").sum(), pl.col("amount_minor").sum())
    assert minors.filter((pl.col("amount_exact") < 0) | (pl.col("amount_minor") < 0)).is_empty()


@given(limits=edges, amounts=prices, scale=st.integers(1, 60), uses=st.lists(st.integers(0, 10**5), min_size=3))
@settings(max_examples=8, deadline=None)
def test_scaled_thresholds_are_the_bill_of_one_unit_times_the_units(
    limits: list[int], amounts: list[int], scale: int, uses: list[int]
) -> None:
    """graduated(q; s x t) = s x graduated(q / s; t); s is whole and q a multiple, so nothing is rounded."""
    scaled = tiered(limits, amounts, scale_id="units")
    whole = exact(rate_all(scaled, [used * scale for used in uses], [scale] * len(uses)))
    one = exact(rate_all(tiered(limits, amounts), uses))
    assert [whole[f"A{place}"] for place in range(len(uses))] == [
        one[f"A{place}"] * scale for place in range(len(uses))
    ]


@given(limits=edges, amounts=prices, scale=st.integers(1, 60), days=st.integers(1, 29))
@settings(max_examples=8, deadline=None)
def test_tiers_hold_the_whole_quantity_between_them(
    limits: list[int], amounts: list[int], scale: int, days: int
) -> None:
    rate_book = tiered(limits, amounts, scale_id="units", tiers_share="days", tiers_whole_e4=days * 10**4)
    uses = [0, *limits, 10**6, 10**6 * days + 1]
    lines = rate_all(rate_book, uses, [scale] * len(uses)).lines
    held = dict(lines.group_by("agreement_id").agg(pl.col("quantity").sum()).iter_rows())
    assert [held[f"A{place}"] for place in range(len(uses))] == uses


def test_no_use_owes_the_standing_charge_and_what_the_first_tier_owes() -> None:
    rate_book = book(
        components=[
            component(tier_method="graduated", tiers_share="none"),
            component("band", tier_method="volume", tiers_share="none", position=2),
            component("daily", kind="daily", position=3),
            component("packs", tier_method="package", package_size=10_000, package_free=0, position=4),
        ],
        prices=[
            price(fixed_e9=5 * ONE, to_quantity=100_000), price(tier=2, from_quantity=100_000, fixed_e9=7 * ONE),
            price("band", fixed_e9=3 * ONE, to_quantity=100_000),
            price("band", tier=2, from_quantity=100_000, fixed_e9=4 * ONE),
            price("daily", ONE), price("packs", ONE),
        ],
    )  # fmt: skip
    lines = rate_all(rate_book, [0]).lines.filter(pl.col("amount_minor") != 0)
    assert lines.select("component_id", "tier", "amount_minor").rows() == [
        ("energy", 1, 500), ("band", 1, 300), ("daily", 0, 3000)
    ]  # fmt: skip


@given(turn=st.integers(2, 29), uses=st.lists(st.integers(0, 10**6), min_size=2, max_size=8))
@settings(max_examples=6, deadline=None)
def test_a_version_that_changes_nothing_changes_no_amount(turn: int, uses: list[int]) -> None:
    """Prices per kWh, day and cycle, and the percentage over them, are the same in one part or two, to a cut digit."""
    versions = ["t@1", "t@2"]

    def charged(of: list[str]) -> RateBook:
        begins = {"t@1": date(2000, 1, 1), "t@2": date(2026, 6, turn)}
        return book(
            versions=[version(name, valid_from=begins[name]) for name in of],
            quantities=[quantity(version_id=name) for name in of],
            components=[
                row
                for name in of
                for row in (
                    component(version_id=name), component("daily", name, kind="daily"),
                    component("cycle", name, kind="cycle"), component("tax", name, kind="percent", is_exact=True),
                )
            ],
            prices=[
                price(charge, 300_000_000 + 7, version_id=name)
                for name in of
                for charge in ("energy", "daily", "cycle", "tax")
            ],
            bases=[base("tax", charge, name) for name in of for charge in ("energy", "daily", "cycle")],
            season_days=[row for name in of for row in season_days(name)],
            tou_windows=[row for name in of for row in windows(name)],
        )  # fmt: skip

    def sums(found: Rated) -> pl.DataFrame:
        return found.lines.group_by("agreement_id", "component_id").agg(
            pl.col("amount_exact").sum(), pl.len().alias("lines")
        ).sort("agreement_id", "component_id")  # fmt: skip

    once, twice = sums(rate_all(charged(versions[:1]), uses)), sums(rate_all(charged(versions), uses))
    assert set(twice.filter(component_id="tax")["lines"]) == {1}
    apart = (once["amount_exact"] - twice["amount_exact"]).abs()
    assert once.select("agreement_id", "component_id").equals(twice.select("agreement_id", "component_id"))
    assert apart.max() <= Decimal(4).scaleb(-15)


def drawn(kind: str, seed: int) -> Bills:
    random = Random(seed)
    return make_given_bills(random, 5, 60) if kind == "given" else make_read_bills(random, 5, 40)


def only(bills: Bills, due_rows: pl.DataFrame) -> Bills:
    return replace(bills, given=replace(bills.given, due=due_rows))


def shuffled(frame: pl.DataFrame, random: Random) -> pl.DataFrame:
    order = list(range(len(frame)))
    random.shuffle(order)
    return frame[order]


@pytest.mark.parametrize("kind", ["given", "read"])
@given(seed=st.integers(0, 2**32))
@settings(max_examples=2, deadline=None)
def test_the_order_of_rows_changes_no_bill(kind: str, seed: int) -> None:
    bills, random = drawn(kind, seed), Random(seed)
    old = bills.given
    given_rows = None if bills.quantities is None else shuffled(bills.quantities, random)
    frames = {name: shuffled(frame, random) for name, frame in old.book.frames().items()}
    named = ("due", "channels", "usage", "attributes", "history", "banks")
    other = replace(
        old, **{name: shuffled(getattr(old, name), random) for name in named},
        days={minutes: shuffled(frame, random) for minutes, frame in old.days.items()},
        book=RateBook(**frames),  # type: ignore[arg-type]
    )  # fmt: skip
    first, second = rated(bills), rated(Bills(other, given_rows))
    for name in FRAMES:
        assert_frame_equal(getattr(first, name), getattr(second, name))


@pytest.mark.parametrize("kind", ["given", "read"])
@given(seed=st.integers(0, 2**32), parts=st.integers(2, 5))
@settings(max_examples=2, deadline=None)
def test_partitions_bill_what_the_whole_bills(kind: str, seed: int, parts: int) -> None:
    bills = drawn(kind, seed)
    whole = rated(bills)
    of_bill = pl.col("bill_id").str.extract(r"(\d+)").cast(pl.Int64) % parts
    split = [rated(only(bills, bills.given.due.filter(of_bill == part))) for part in range(parts)]
    for name in ("lines", "parked", "history", "banks"):
        keys = getattr(whole, name).columns
        together = pl.concat([getattr(part, name) for part in split])
        assert_frame_equal(getattr(whole, name).sort(keys), together.sort(keys))


@given(seed=st.integers(0, 2**32))
@settings(max_examples=2, deadline=None)
def test_a_reversal_and_the_bill_anew_come_to_the_new_bill(seed: int) -> None:
    """What a corrected quantity changes is found line by line; other agreements keep theirs to the byte."""
    bills = drawn("given", seed)
    assert bills.quantities is not None
    old = rated(bills)
    corrected = bills.quantities.with_columns(
        pl.when(pl.col("agreement_id") == "A1")
        .then(pl.col("quantity") + 12_345)
        .otherwise("quantity")
        .alias("quantity")
    )
    new = rated(Bills(bills.given, corrected))
    reversed_old = old.lines.with_columns(-pl.col("amount_minor"), -pl.col("amount_exact"))
    journal = pl.concat([frame.select("bill_id", "amount_minor") for frame in (old.lines, reversed_old, new.lines)])
    sums = [
        frame.group_by("bill_id").agg(pl.col("amount_minor").sum()).filter(pl.col("amount_minor") != 0).sort("bill_id")
        for frame in (journal, new.lines)
    ]
    assert_frame_equal(sums[0], sums[1])
    touched = set(bills.given.due.filter(pl.col("agreement_id") == "A1")["bill_id"])
    others = [frame.filter(~pl.col("bill_id").is_in(touched)) for frame in (old.lines, new.lines)]
    assert_frame_equal(*others)
