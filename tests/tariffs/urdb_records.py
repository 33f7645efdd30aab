"""Records of the rate database written by hand: one price all year, unless a test says otherwise."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

Row = list[int]


def every_hour(*periods: int) -> list[Row]:
    """Return a schedule of one period for the whole year, or of one for each month."""
    return [[period] * 24 for period in (periods if len(periods) == 12 else periods * 12)]


def day_hours(inside: int, outside: int, start: int, end: int) -> list[Row]:
    """Return a schedule with a period from one hour to another, the same all year."""
    return [[inside if start <= hour < end else outside for hour in range(24)] for _ in range(12)]


def record(**keys: Any) -> dict[str, Any]:
    """Return a record with a flat price, a label and an address; `keys` replace or add, None removes."""
    plain: dict[str, Any] = {
        "label": "abc", "name": "Flat", "utility": "Invented Power", "uri": "https://example.org/abc",
        "energyratestructure": [[{"rate": 0.1}]],
        "energyweekdayschedule": every_hour(0), "energyweekendschedule": every_hour(0),
    }  # fmt: skip
    return {key: value for key, value in (plain | keys).items() if value is not None}


def energy(structure: Sequence[Any], weekday: list[Row], weekend: list[Row] | None = None) -> dict[str, Any]:
    """Return the keys of energy prices."""
    return {
        "energyratestructure": structure, "energyweekdayschedule": weekday,
        "energyweekendschedule": weekday if weekend is None else weekend,
    }  # fmt: skip


def demand(structure: Sequence[Any], weekday: list[Row], weekend: list[Row] | None = None) -> dict[str, Any]:
    """Return the keys of demand by time of use."""
    return {
        "demandratestructure": structure, "demandweekdayschedule": weekday,
        "demandweekendschedule": weekday if weekend is None else weekend,
    }  # fmt: skip
