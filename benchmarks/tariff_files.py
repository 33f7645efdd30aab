"""Tariff files for the benchmark of tariffs: as many different ones as asked, of the shapes that tariff books have.

Prices, thresholds, hours and seasons differ from file to file, drawn from the number of the file alone. All prices are
in USD, all days in one zone, and every tariff holds from 1 January 2026.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from random import Random

HOURS_FROM, HOURS_LONG = range(6, 18), range(3, 7)


@dataclass(frozen=True)
class Draw:
    """The numbers of one tariff file."""

    random: Random

    def price(self, low: float, high: float) -> str:
        """Return a price with five decimals, as a sheet prints it."""
        return f"{self.random.randrange(round(low * 10**5), round(high * 10**5)) / 10**5:.5f}"

    def pick(self, numbers: range) -> int:
        """Return one of the numbers."""
        return self.random.choice(numbers)


def tariff_text(number: int) -> str:
    """Return the text of the tariff file of a number; shapes take turns."""
    shape = SHAPES[number % len(SHAPES)]
    draw = Draw(Random(number))
    body = SHAPE_TEXTS[shape](draw)
    return f"""
tariff    = "{tariff_id(number)}"
title     = "{shape.capitalize()} no. {number}"
commodity = "electricity"
currency  = "USD"
timezone  = "America/Chicago"
rounding  = {{ line = "half_up 0.01" }}
{body}"""


def tariff_id(number: int) -> str:
    """Return the id of the tariff of a number; ids in order of their numbers."""
    return f"{SHAPES[number % len(SHAPES)]}-{number:06}"


_KWH = 'kwh = { measure = "import_energy", agg = "sum", unit = "kWh" }'
_VERSION = """
[[versions]]
valid_from = 2026-01-01
source     = "drawn for the benchmark"
"""


def _supply(draw: Draw) -> str:
    return f'\n[versions.charges.supply]\nper = "day"\nprice = {draw.price(0.2, 1.5)}\n'


def _taxes(draw: Draw, *charges: str) -> str:
    """Return a percentage of the charges, and a tax on both."""
    names = ", ".join(f'"{name}"' for name in charges)
    return f"""
[versions.charges.franchise]
percent = {draw.price(1, 5)}
of      = [{names}]

[versions.charges.tax]
percent = {draw.price(4, 10)}
of      = [{names}, "franchise"]
tax     = "SALES"
"""


def _flat(draw: Draw) -> str:
    energy = f'\n[versions.charges.energy]\nof = "kwh"\nprice = {draw.price(0.08, 0.4)}\n'
    return f"\n[quantities]\n{_KWH}\n{_VERSION}{energy}{_supply(draw)}{_taxes(draw, 'energy', 'supply')}"


def _hours(draw: Draw) -> str:
    start = draw.pick(HOURS_FROM)
    end = start + draw.pick(HOURS_LONG)
    return (
        f'peak = {{ days = "mon-fri", from = {start:02}:00:00, to = {end:02}:00:00 }}\noff_peak = {{ else = "peak" }}\n'
    )


def _season(draw: Draw) -> str:
    first = draw.pick(range(4, 7))
    months = ", ".join(str(month) for month in range(first, first + draw.pick(range(3, 6))))
    return f'summer = {{ months = [{months}] }}\nwinter = {{ else = "summer" }}\n'


def _tou(draw: Draw) -> str:
    energy = (
        '\n[versions.charges.energy]\nof = "kwh"\nby = ["tou"]\n'
        f"price = {{ peak = {draw.price(0.2, 0.5)}, off_peak = {draw.price(0.08, 0.2)} }}\n"
    )
    windows = f"\n[windows]\n{_hours(draw)}"
    return f"{windows}\n[quantities]\n{_KWH}\n{_VERSION}{energy}{_supply(draw)}{_taxes(draw, 'energy', 'supply')}"


def _tiers_of(draw: Draw) -> str:
    first = draw.pick(range(5, 15))
    edges = [first, first + draw.pick(range(5, 20))]
    prices = [draw.price(0.08, 0.15), draw.price(0.12, 0.25), draw.price(0.2, 0.4)]
    return (
        f"[{{ to = {edges[0]}, price = {prices[0]} }}, {{ to = {edges[1]}, price = {prices[1]} }}, "
        f"{{ price = {prices[2]} }}]"
    )


def _tiers(draw: Draw) -> str:
    energy = f'\n[versions.charges.energy]\nof = "kwh"\ntiers_per = "day"\ntiers = {_tiers_of(draw)}\n'
    return f"\n[quantities]\n{_KWH}\n{_VERSION}{energy}{_supply(draw)}{_taxes(draw, 'energy', 'supply')}"


def _seasonal(draw: Draw) -> str:
    energy = (
        '\n[versions.charges.energy]\nof = "kwh"\nby = ["season", "tou"]\n'
        f"price.summer = {{ peak = {draw.price(0.3, 0.5)}, off_peak = {draw.price(0.1, 0.2)} }}\n"
        f"price.winter = {{ peak = {draw.price(0.2, 0.4)}, off_peak = {draw.price(0.05, 0.1)} }}\n"
    )
    windows = f"\n[windows]\n{_season(draw)}{_hours(draw)}"
    return f"{windows}\n[quantities]\n{_KWH}\n{_VERSION}{energy}{_supply(draw)}{_taxes(draw, 'energy', 'supply')}"


def _seasonal_tiers(draw: Draw) -> str:
    energy = (
        '\n[versions.charges.energy]\nof = "kwh"\nby = ["season"]\ntiers_per = "day"\n'
        f"tiers.summer = {_tiers_of(draw)}\ntiers.winter = {_tiers_of(draw)}\n"
    )
    windows = f"\n[windows]\n{_season(draw)}"
    return f"{windows}\n[quantities]\n{_KWH}\n{_VERSION}{energy}{_supply(draw)}{_taxes(draw, 'energy', 'supply')}"


def _demand(draw: Draw) -> str:
    quantities = f'{_KWH}\nkw = {{ measure = "import_energy", agg = "max", unit = "kW" }}'
    energy = (
        '\n[versions.charges.energy]\nof = "kwh"\nby = ["tou"]\n'
        f"price = {{ peak = {draw.price(0.1, 0.2)}, off_peak = {draw.price(0.05, 0.1)} }}\n"
    )
    demand = f'\n[versions.charges.demand]\nof = "kw"\nprice = {draw.price(5, 20)}\n'
    windows = f"\n[windows]\n{_hours(draw)}"
    taxes = _taxes(draw, "energy", "demand", "supply")
    return f"{windows}\n[quantities]\n{quantities}\n{_VERSION}{energy}{demand}{_supply(draw)}{taxes}"


def _formula(draw: Draw) -> str:
    quantities = (
        f'{_KWH}\nkw = {{ measure = "import_energy", agg = "max", unit = "kW" }}\n'
        f'billed_kw = {{ formula = "max(kw, {draw.pick(range(2, 8))})", unit = "kW" }}'
    )
    energy = f'\n[versions.charges.energy]\nof = "kwh"\nprice = {draw.price(0.08, 0.2)}\n'
    demand = f'\n[versions.charges.demand]\nof = "billed_kw"\nprice = {draw.price(5, 20)}\n'
    relief = (
        f'\n[versions.charges.relief]\nwhen = "kwh <= {draw.pick(range(200, 500))}"\n'
        f'amount = "-0.05 * energy - {draw.price(0.1, 1)}"\n'
    )
    taxes = _taxes(draw, "energy", "demand", "supply")
    return f"\n[quantities]\n{quantities}\n{_VERSION}{energy}{demand}{_supply(draw)}{relief}{taxes}"


SHAPE_TEXTS: dict[str, Callable[[Draw], str]] = {
    "flat": _flat,
    "tou": _tou,
    "tiers": _tiers,
    "seasonal": _seasonal,
    "seasonal_tiers": _seasonal_tiers,
    "demand": _demand,
    "formula": _formula,
}
SHAPES = tuple(SHAPE_TEXTS)
