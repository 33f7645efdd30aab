"""Bills that utilities publish with their tariffs, rated from the printed prices."""

from __future__ import annotations

from rating_rows import (
    JUNE,
    Row,
    base,
    book,
    channel,
    component,
    due,
    price,
    quantity,
    rating_input,
    usage_row,
    version,
)

from model.rating import Rated
from rating.stages import rate

SOLD = {"measure": "import_energy", "interval_minutes": 0}


def rate_kwh(kwh: int, components: list[Row], prices: list[Row], bases: list[Row], currency: str) -> Rated:
    rate_book = book(
        versions=[version(currency=currency)],
        quantities=[quantity()],
        components=components,
        prices=prices,
        bases=bases,
    )
    usage = [usage_row(1, *JUNE, kwh * 1000)]
    return rate(rating_input(rate_book, [due(currency=currency)], [channel(**SOLD)], usage=usage))


def tiers(component_id: str, *edges_and_prices: tuple[int | None, int]) -> list[Row]:
    """Tiers from their upper edges in kWh and prices in 10^-4 of the currency per kWh."""
    lower, rows = 0, []
    for place, (upper, price_e4) in enumerate(edges_and_prices, start=1):
        to_quantity = None if upper is None else upper * 1000
        rows.append(price(component_id, price_e4 * 10**5, tier=place, from_quantity=lower, to_quantity=to_quantity))
        lower = to_quantity or lower
    return rows


def test_seymour_residential_winter_1200_kwh() -> None:
    # Source: city of Seymour, utilities, residential electricity, bill comparison: blocks of 16.00, 22.05 and 22.30,
    # power cost 102.00, base 7.50, city tax 1.70; total 171.55 USD.
    rated = rate_kwh(
        1200,
        [
            component("energy", tier_method="graduated"), component("power_cost", position=2),
            component("base", kind="cycle", position=3), component("city_tax", kind="percent", position=4),
        ],
        [
            *tiers("energy", (250, 640), (700, 490), (None, 446)), price("power_cost", 85_000_000),
            price("base", 7_500_000_000), price("city_tax", 1_000_000_000),
        ],
        [base("city_tax", name) for name in ("energy", "power_cost", "base")],
        "USD",
    )  # fmt: skip
    assert rated.lines["amount_minor"].to_list() == [1600, 2205, 2230, 10_200, 750, 170]
    assert rated.lines["amount_minor"].sum() == 17_155


def test_tenaga_nasional_domestic_350_kwh() -> None:
    # Source: mytnb.com.my, residential, billing component, tariff A of 2018: 200, 100 and 50 kWh of the three blocks.
    blocks = tiers("energy", (200, 2180), (300, 3340), (None, 5160))
    rated = rate_kwh(350, [component("energy", tier_method="graduated")], blocks, [], "MYR")
    assert rated.lines["quantity"].to_list() == [200_000, 100_000, 50_000]
    assert rated.lines["amount_minor"].sum() == 10_280
