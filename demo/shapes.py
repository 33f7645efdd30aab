"""Shapes of a day: how much power homes, shops, offices, factories and schools draw by the clock on the wall.

Each archetype is a sum of a base, bells (people at home) and plateaus (opening hours, shifts), with its own times
and sizes for every point. The formulas are Billmill's own. Power in watts, 96 quarters of the clock's day; the
caller rounds to whole watts, so that the last bits of an exponential, which processors differ in, do not matter.
"""

from __future__ import annotations

from enum import IntEnum

import numpy as np
from numpy.typing import NDArray

Doubles = NDArray[np.float64]

HOURS = (np.arange(96, dtype=np.float64) / 4.0 + 0.125)[None, :]


class DayKind(IntEnum):
    """Kinds of days that shapes tell apart."""

    WORKDAY = 0
    SATURDAY = 1
    SUNDAY = 2


def bell(centre_hour: Doubles, width_hours: float) -> Doubles:
    """Return a bell around an hour, height 1, by point and quarter; it does not wrap over midnight."""
    return np.asarray(np.exp(-0.5 * ((HOURS - centre_hour[:, None]) / width_hours) ** 2), dtype=np.float64)


def plateau(from_hour: Doubles, to_hour: Doubles, edge_hours: float = 0.4) -> Doubles:
    """Return a plateau of height 1 between two hours, with soft edges; wraps over midnight when it ends earlier."""
    rise = 1.0 / (1.0 + np.exp(-(HOURS - from_hour[:, None]) / edge_hours))
    fall = 1.0 / (1.0 + np.exp((HOURS - to_hour[:, None]) / edge_hours))
    wraps = (to_hour < from_hour)[:, None]
    return np.asarray(np.where(wraps, np.maximum(rise, fall), rise * fall), dtype=np.float64)


def _column(values: NDArray[np.floating]) -> Doubles:
    return np.asarray(values, dtype=np.float64)[:, None]


def home_shapes(draws: Doubles) -> Doubles:
    """Return watts of homes by kind of day, point and quarter; `draws` is uniform, 8 numbers a point.

    A working day has a morning peak near 7 and an evening peak near 19; at weekends the morning is later and the
    middle of the day fuller. Sizes make about 8 to 25 kWh a day, with cooling, heating and bursts on top.
    """
    size = _column(0.55 + 0.9 * draws[:, 0] ** 1.5)
    base = _column(90.0 + 130.0 * draws[:, 1])
    evening = bell(18.2 + 1.6 * draws[:, 2], 2.0) * _column(700.0 + 800.0 * draws[:, 3])
    morning_hour = 6.5 + 1.4 * draws[:, 4]
    morning_watts = _column(300.0 + 500.0 * draws[:, 5])
    midday = bell(13.0 + 0.0 * draws[:, 0], 3.2) * _column(120.0 + 420.0 * draws[:, 6])
    late = bell(22.3 + 0.8 * draws[:, 7], 0.9) * 160.0
    workday = base + evening + bell(morning_hour, 0.8) * morning_watts + 0.6 * midday + late
    saturday = base + 0.9 * evening + bell(morning_hour + 1.9, 1.6) * morning_watts * 0.9 + 1.3 * midday + 1.2 * late
    sunday = base + 1.05 * evening + bell(morning_hour + 2.3, 1.8) * morning_watts + 1.5 * midday + 0.7 * late
    return np.stack([size * workday, size * saturday, size * sunday])


def shop_shapes(draws: Doubles) -> Doubles:
    """Return watts of shops: refrigeration all night, lights and ovens while they are open; short Sundays."""
    size = _column(0.6 + 2.4 * draws[:, 0] ** 2)
    base = _column(500.0 + 900.0 * draws[:, 1])
    opens, closes = 6.5 + 2.5 * draws[:, 2], 17.0 + 3.0 * draws[:, 3]
    open_watts = _column(2_200.0 + 2_500.0 * draws[:, 4])
    lunch = bell(12.5 + 0.0 * draws[:, 0], 1.3) * 700.0
    workday = base + (plateau(opens, closes) * open_watts) + lunch
    saturday = base + plateau(opens + 0.5, closes - 1.0) * open_watts * 1.05 + 1.3 * lunch
    sunday = base + plateau(opens + 2.5, closes - 2.5) * open_watts * 0.5
    return np.stack([size * workday, size * saturday, size * sunday])


def office_shapes(draws: Doubles) -> Doubles:
    """Return watts of offices: servers all week, people and cooling from Monday to Friday."""
    size = _column(0.4 + 3.0 * draws[:, 0] ** 2)
    base = _column(1_500.0 + 2_500.0 * draws[:, 1])
    begins, ends = 7.0 + 1.2 * draws[:, 2], 17.2 + 1.8 * draws[:, 3]
    full = _column(9_000.0 + 14_000.0 * draws[:, 4])
    cleaning = plateau(18.5 + 0.5 * draws[:, 5], 20.5 + 0.5 * draws[:, 6]) * full * 0.15
    workday = base + plateau(begins, ends, 0.7) * full + cleaning
    saturday = base + plateau(begins + 2.0, ends - 4.0, 0.8) * full * 0.12
    return np.stack([size * workday, size * saturday, size * base * np.ones_like(workday)])


def factory_shapes(draws: Doubles) -> Doubles:
    """Return watts of factories on one, two or three shifts from 6 o'clock; Saturday has the first shift only."""
    size = _column(0.5 + 2.5 * draws[:, 0] ** 2)
    base = _column(9_000.0 + 12_000.0 * draws[:, 1])
    full = _column(50_000.0 + 90_000.0 * draws[:, 2])
    starts = 5.7 + 0.6 * draws[:, 3]
    first = plateau(starts, starts + 8.0, 0.25)
    second = plateau(starts + 8.0, starts + 16.0, 0.25) * _column((draws[:, 4] > 0.35) * np.float64(1.0)) * 0.9
    third = plateau(starts + 16.0, starts, 0.25) * _column((draws[:, 4] > 0.7) * np.float64(1.0)) * 0.8
    pause = bell(starts + 4.0, 0.25) * 0.3
    workday = base + full * np.clip(first + second + third - pause, 0.0, 1.05)
    saturday = base + full * 0.6 * first
    return np.stack([size * workday, size * saturday, size * base * np.ones_like(workday)])


def school_shapes(draws: Doubles) -> Doubles:
    """Return watts of schools and public buildings: weekdays from 8 to 16, little else."""
    size = _column(0.6 + 1.6 * draws[:, 0])
    base = _column(1_200.0 + 1_800.0 * draws[:, 1])
    full = _column(14_000.0 + 16_000.0 * draws[:, 2])
    workday = base + plateau(7.6 + 0.6 * draws[:, 3], 15.6 + 0.8 * draws[:, 4], 0.5) * full
    saturday = base + bell(10.0 + 2.0 * draws[:, 5], 1.5) * full * 0.1
    return np.stack([size * workday, size * saturday, size * base * np.ones_like(workday)])


SHAPES = {
    "home": home_shapes,
    "shop": shop_shapes,
    "office": office_shapes,
    "factory": factory_shapes,
    "school": school_shapes,
}
# How much a point's quarter departs from its shape (standard deviation, share of the shape).
SLOT_NOISE = {"home": 0.30, "shop": 0.14, "office": 0.07, "factory": 0.06, "school": 0.08}
