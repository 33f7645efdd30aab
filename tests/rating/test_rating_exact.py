"""Amounts whose parts are shared are exact before their one rounding; worked by hand."""

from __future__ import annotations

from datetime import date

import pytest
from rating_rows import Row, book, channel, component, due, price, rating_input, usage_row

from rating.stages import rate


def shared_tiers(**given: object) -> tuple[list[Row], list[Row]]:
    """Thirty tiers of 1 kWh at 0.05 with 0.10 fixed, of which a cycle of 7 of 30 days owes 7/30."""
    row = component(tier_method="volume", price_share="days", price_whole_e4=30 * 10**4, tiers_share="days",
                    tiers_whole_e4=30 * 10**4, **given)  # fmt: skip
    return [row], [price(price_e9=50_000_000, fixed_e9=100_000_000)]


@pytest.mark.parametrize(("mode", "expected"), [("half_up", 4), ("half_even", 4), ("down", 3), ("up", 4)])
def test_price_and_fixed_part_are_shared_as_one_exact_amount(mode: str, expected: int) -> None:
    # (1 kWh x 0.05 + 0.10) x 7 / 30 = 0.035 exactly; its two parts are 0.01166... and 0.02333...
    components, prices = shared_tiers(round_mode=mode)
    week = (date(2026, 6, 1), date(2026, 6, 8))
    case = rating_input(
        book(components=components, prices=prices), [due(*week)], [channel(interval_minutes=0)],
        usage=[usage_row(1, *week, 1000)],
    )  # fmt: skip
    lines = rate(case).lines
    assert lines["amount_minor"].to_list() == [expected]
    assert str(lines["amount_exact"].item()) == "0.035000000000000"


def test_lines_rounded_once_have_the_exact_sum_that_is_rounded() -> None:
    # 1 kWh in each of three tiers at 0.05, times 7 / 30: three times 0.011666... is 0.035 exactly, rounded 0.04.
    row = component(tier_method="graduated", tiers_share="none", price_share="days", price_whole_e4=30 * 10**4,
                    is_rounded_once=True)  # fmt: skip
    edges = [(0, 1000), (1000, 2000), (2000, None)]
    prices = [
        price(price_e9=50_000_000, tier=place, from_quantity=low, to_quantity=high)
        for place, (low, high) in enumerate(edges, start=1)
    ]
    week = (date(2026, 6, 1), date(2026, 6, 8))
    case = rating_input(
        book(components=[row], prices=prices), [due(*week)], [channel(interval_minutes=0)],
        usage=[usage_row(1, *week, 3000)],
    )  # fmt: skip
    assert rate(case).lines["amount_minor"].to_list() == [2, 1, 1]
