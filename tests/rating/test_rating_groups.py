"""What charges over other charges count when versions, or conditions, change inside a bill; worked by hand.

June 2026: 30 days of 96 quarters of 100 Wh make 9.6 kWh a day, 288 kWh in all. Energy costs 1.00 a kWh unless said.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from decimal import Decimal
from typing import Any

import polars as pl
import pytest
from rating_rows import (
    Row,
    base,
    book,
    channel,
    component,
    day_rows,
    due,
    factor,
    price,
    quantity,
    rating_input,
    season_days,
    version,
    windows,
)

from model.rating import DueAttributes, Rated, RatingInput
from model.schema import arranged, polars_schema
from rating.stages import rate

TURN = date(2026, 6, 11)
ONE = 10**9


def two_versions(first: list[tuple[Row, Any]], second: list[tuple[Row, Any]], **tables: list[Row]) -> RatingInput:
    """June under t@1 to the 10th and t@2 from the 11th; each with energy at 1.00 and the charges given."""
    rows: dict[str, list[Row]] = {"components": [], "prices": []}
    for version_id, charges in (("t@1", first), ("t@2", second)):
        rows["components"].append(component(version_id=version_id))
        rows["prices"].append(price(price_e9=ONE, version_id=version_id))
        for charge, number in charges:
            rows["components"].append(charge | {"version_id": version_id})
            if number is not None:
                rows["prices"].append(price(charge["component_id"], number, version_id))
    rate_book = book(
        versions=[version(valid_to=TURN), version("t@2", valid_from=TURN)],
        quantities=[quantity(), quantity(version_id="t@2")],
        season_days=season_days() + season_days("t@2"), tou_windows=windows() + windows("t@2"), **rows, **tables,
    )  # fmt: skip
    return rating_input(rate_book, [due()], [channel()], {15: day_rows(1, date(2026, 6, 1), date(2026, 7, 1), 100)})


def percent(component_id: str, **given: Any) -> Row:
    return component(component_id, kind="percent", **given)


def bases(*names: tuple[str, str]) -> list[Row]:
    return [base(*pair, version_id=version_id) for version_id in ("t@1", "t@2") for pair in names]


def told(rated: Rated) -> list[tuple[Any, ...]]:
    return rated.lines.select("component_id", "period_start_date", "quantity", "amount_minor").rows()


def test_a_percentage_inside_its_base_is_that_of_its_own_version() -> None:
    # 96 kWh to the 10th, 192 from the 11th: 96.00 x 10 / 90 = 10.666..., 192.00 x 20 / 80 = 48.00.
    case = two_versions(
        [(percent("tax", is_gross=True), 10 * ONE)], [(percent("tax", is_gross=True), 20 * ONE)],
        bases=bases(("tax", "energy")),
    )  # fmt: skip
    assert told(rate(case))[2:] == [("tax", date(2026, 6, 1), 9600, 1067), ("tax", TURN, 19200, 4800)]


def test_percentages_inside_one_base_share_their_denominator_version_by_version() -> None:
    # state 5 % holds all month, city 10 % becomes 15 %: state 96.00 x 5/85 = 5.647 and 192.00 x 5/80 = 12.00;
    # city 96.00 x 10/85 = 11.294 and 192.00 x 15/80 = 36.00.
    state, city = percent("state", is_gross=True, position=2), percent("city", is_gross=True, position=3)
    case = two_versions(
        [(state, 5 * ONE), (city, 10 * ONE)], [(state, 5 * ONE), (city, 15 * ONE)],
        bases=bases(("state", "energy"), ("city", "energy")),
    )  # fmt: skip
    assert [row[3] for row in told(rate(case))[2:]] == [565, 1200, 1129, 3600]


def test_a_percentage_of_exact_amounts_stays_one_where_another_version_takes_rounded_ones() -> None:
    case = two_versions(
        [(percent("tax", is_exact=True), 10 * ONE)], [(percent("tax"), 10 * ONE)], bases=bases(("tax", "energy"))
    )
    assert told(rate(case))[2:] == [("tax", date(2026, 6, 1), 9600, 960), ("tax", TURN, 19200, 1920)]


def formula(version_id: str, text: str, shape: str, *operands: tuple[str, str | int]) -> tuple[Row, list[Row]]:
    rows = [
        {"version_id": version_id, "formula_id": text, "place": place, "kind": kind,
         "name": name if kind != "number" else "", "number_e12": Decimal(name) if kind == "number" else None,
         "text": None, "is_negated": False, "by": None}
        for place, (kind, name) in enumerate(operands)
    ]  # fmt: skip
    return {"version_id": version_id, "formula_id": text, "shape": shape}, rows


def test_an_amount_that_changes_counts_what_its_own_version_charged() -> None:
    # surcharge: 10 % all month; levy: 0.5 x surcharge, then 0.25 x surcharge: 9.60 x 0.5 = 4.80, 19.20 x 0.25 = 4.80.
    surcharge = percent("surcharge", position=2)
    first = component("levy", kind="amount", level=3, position=3, amount_id="0.5 * surcharge")
    second = first | {"amount_id": "0.25 * surcharge"}
    halves = formula("t@1", "0.5 * surcharge", "(* 0 1)", ("number", 5 * 10**11), ("charge", "surcharge"))
    quarters = formula("t@2", "0.25 * surcharge", "(* 0 1)", ("number", 25 * 10**10), ("charge", "surcharge"))
    case = two_versions(
        [(surcharge, 10 * ONE), (first, None)], [(surcharge, 10 * ONE), (second, None)],
        bases=bases(("surcharge", "energy")),
        formulas=[halves[0], quarters[0]], operands=halves[1] + quarters[1],
    )  # fmt: skip
    assert told(rate(case))[2:] == [
        ("surcharge", date(2026, 6, 1), 9600, 960), ("surcharge", TURN, 19200, 1920),
        ("levy", date(2026, 6, 1), 1, 480), ("levy", TURN, 1, 480),
    ]  # fmt: skip


def test_the_sum_is_rounded_once_by_the_last_version() -> None:
    # 96.00 + 192.00 + 5.55 = 293.55: to the 10 of the last version, down, is 290.
    fee = component("fee", kind="cycle", position=2)
    whole = component("rounding", kind="rounding", level=2, position=9, round_step_minor=100)
    case = two_versions(
        [(fee, 16_650_000_000), (whole, None)],
        [(whole | {"round_step_minor": 1000, "round_mode": "down", "level": 3}, None)],
    )  # fmt: skip
    assert told(rate(case))[-1] == ("rounding", date(2026, 6, 1), 29355, -355)
    assert sum(row[3] for row in told(rate(case))) == 29000


def in_two_periods(case: RatingInput, care: tuple[int, int]) -> RatingInput:
    """The agreement is due for two periods, since an attribute changes on the 11th."""
    cycle = {"cycle_start_date": date(2026, 6, 1), "cycle_end_date": date(2026, 7, 1)}
    dues = [due(date(2026, 6, 1), TURN, **cycle), due(TURN, date(2026, 7, 1), **cycle)]
    said = [
        {"agreement_id": "A1-1", "start_date": row["start_date"], "name": "care", "number": Decimal(number),
         "text": None}
        for row, number in zip(dues, care, strict=True)
    ]  # fmt: skip
    attributes = arranged(DueAttributes, pl.DataFrame(said, schema=polars_schema(DueAttributes), orient="row"))
    both = rating_input(case.book, dues, [channel()])
    return replace(case, due=both.due, attributes=attributes)


def with_care(charges: list[tuple[Row, int]], names: list[tuple[str, str]]) -> RatingInput:
    """One version with energy at 1.00 and these charges; conditions may ask `care == 1` and `care == 0`."""
    asked = [
        formula("t@1", f"care == {number}", "(== 0 1)", ("attribute", "care"), ("number", number * 10**12))
        for number in (0, 1)
    ]
    rate_book = book(
        components=[component(), *(charge for charge, _ in charges)],
        prices=[price(price_e9=ONE), *(price(charge["component_id"], number) for charge, number in charges)],
        bases=[base(*pair) for pair in names],
        formulas=[row for row, _ in asked], operands=[row for _, rows in asked for row in rows],
        attributes=[{"version_id": "t@1", "name": "care", "is_text": False, "default_e12": None,
                     "default_text": None}],
    )  # fmt: skip
    days = {15: day_rows(1, date(2026, 6, 1), date(2026, 7, 1), 100)}
    return rating_input(rate_book, [due()], [channel()], days)


def test_a_percentage_counts_the_periods_in_which_its_condition_is_met() -> None:
    # The discount begins on the 11th with 192 kWh: 20 % of 192.00, not of 288.00.
    discount = percent("discount", position=2, when_id="care == 1")
    case = in_two_periods(with_care([(discount, -20 * ONE)], [("discount", "energy")]), care=(0, 1))
    assert told(rate(case))[2:] == [("discount", TURN, 19200, -3840)]


def test_what_a_conditional_charge_counts_is_kept_apart_by_its_condition() -> None:
    # The surcharge of 10 % is 9.60 to the 10th and 19.20 after; the levy of 50 % of it holds to the 10th alone.
    surcharge, levy = percent("surcharge", position=2), percent("levy", position=3, level=3, when_id="care == 0")
    names = [("surcharge", "energy"), ("levy", "surcharge")]
    case = in_two_periods(with_care([(surcharge, 10 * ONE), (levy, 50 * ONE)], names), care=(0, 1))
    assert told(rate(case))[2:] == [
        ("surcharge", date(2026, 6, 1), 9600, 960), ("surcharge", TURN, 19200, 1920),
        ("levy", date(2026, 6, 1), 960, 480),
    ]  # fmt: skip


def test_percentages_inside_one_base_share_their_denominator_where_they_apply() -> None:
    # state 5 % and, from the 11th, city 15 %: 96.00 x 5/95 = 5.0526; 192.00 x 5/80 = 12.00 and 192.00 x 15/80 = 36.00.
    state = percent("state", is_gross=True, position=2)
    city = percent("city", is_gross=True, position=3, when_id="care == 1")
    case = in_two_periods(
        with_care([(state, 5 * ONE), (city, 15 * ONE)], [("state", "energy"), ("city", "energy")]), care=(0, 1)
    )
    assert told(rate(case))[2:] == [
        ("state", date(2026, 6, 1), 9600, 505), ("state", TURN, 19200, 1200), ("city", TURN, 19200, 3600)
    ]  # fmt: skip


def test_a_factor_of_a_condition_does_not_cut_what_is_charged() -> None:
    # Tiers that are not shared: 288 kWh fill the first 200 at 1.00 once, the rest costs 2.00: 200 + 176.
    condition = formula("t@1", "fca > 0", "(> 0 1)", ("factor", "fca"), ("number", 0))
    tiers = component(tier_method="graduated", tiers_share="none", when_id="fca > 0")
    prices = [price(price_e9=ONE, to_quantity=200_000), price(price_e9=2 * ONE, tier=2, from_quantity=200_000)]
    rate_book = book(
        components=[tiers], prices=prices, formulas=[condition[0]], operands=condition[1],
        factors=[factor("fca", ONE, date(2020, 1, 1)), factor("fca", 2 * ONE, TURN)],
    )  # fmt: skip
    days = {15: day_rows(1, date(2026, 6, 1), date(2026, 7, 1), 100)}
    rated = rate(rating_input(rate_book, [due()], [channel()], days))
    assert [row[3] for row in told(rated)] == [20000, 17600]


@pytest.mark.parametrize(("number", "reason"), [(-99, None), (-100, "formula_undefined"), (-101, "formula_undefined")])
def test_a_contained_percentage_of_minus_100_has_no_amount(number: int, reason: str | None) -> None:
    # 288.00 x -99 / 1 is -28,512.00; of nothing there is no part.
    contained = percent("contained", is_included=True, category="memo", position=2)
    case = with_care([(contained, number * ONE)], [("contained", "energy")])
    attributes = in_two_periods(case, care=(0, 0)).attributes
    rated = rate(replace(case, attributes=attributes))
    assert rated.parked["reason"].to_list() == ([] if reason is None else [reason])
    assert rated.lines["memo_minor"].to_list() == ([None, -2_851_200] if reason is None else [])


def test_what_is_owed_once_is_owed_once_where_an_attribute_cuts_the_bill() -> None:
    # 10 and 20 of 30 days: a fee of 30.00 that nothing shares, and a tier that owes 60.00 beside its price of 1.00.
    fee = component("fee", kind="cycle", price_share="none", position=2)
    band = component("band", tier_method="volume", tiers_share="none", position=3)
    case = in_two_periods(with_care([(fee, 30 * ONE)], []), care=(0, 1))
    prices = [price(price_e9=ONE), price("fee", 30 * ONE), price("band", ONE, fixed_e9=60 * ONE)]
    tables = {
        name: frame.to_dicts() for name, frame in case.book.frames().items() if name in ("attributes", "formulas")
    }
    rate_book = book(components=[component(), fee, band], prices=prices, **tables)
    lines = rate(replace(case, book=rate_book)).lines
    assert lines.select("component_id", "period_start_date", "amount_minor").rows()[2:] == [
        ("fee", date(2026, 6, 1), 1000), ("fee", TURN, 2000),
        ("band", date(2026, 6, 1), 9600 + 2000), ("band", TURN, 19200 + 4000),
    ]  # fmt: skip
