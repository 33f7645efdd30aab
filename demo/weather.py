"""Weather of each branch: temperature by day and slot, clouds, and how high the sun stands.

Floats are used here and in the shapes: they say how much was used, which is drawn, not money. What leaves the
generator is whole watt-hours and litres.
"""

from __future__ import annotations

from datetime import date, timedelta
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from demo.draws import Subject, stream
from demo.places import BRANCHES
from model.zones import day_slots, day_start_utc, slot_clock_minutes

Floats = NDArray[np.float32]

SLOTS = 100
HOTTEST_DAY_OF_YEAR = 20  # around 20 January in the south
COLDEST_DAY_OF_YEAR = 199
DAY_NOISE_C = 2.2
DAY_MEMORY = 0.7  # share of a day's departure from the season that the next day keeps
CLOCK_SWING_C = 4.5
WARMEST_HOUR = 15.0
# Sines and exponentials differ between processors in their last bits: what comes of them is rounded to a grid that
# floats hold exactly, so that a seed gives the same utility everywhere.
DEGREE_GRID = 128.0
SUN_GRID = 4_096.0


def on_grid(values: NDArray[np.floating], per_unit: float) -> Floats:
    """Return values rounded to multiples of 1 / `per_unit`, a power of two."""
    return np.asarray(np.rint(values * per_unit) / per_unit, dtype=np.float32)


@lru_cache(maxsize=64)
def year_temperatures(seed: int, year: int) -> Floats:
    """Return mean temperatures by branch and day of the year (366 columns), degrees Celsius."""
    generator = stream(seed, Subject.WEATHER, year)
    shocks = generator.standard_normal((len(BRANCHES), 366))
    noise = np.empty_like(shocks)
    noise[:, 0] = shocks[:, 0]
    fresh = np.sqrt(1.0 - DAY_MEMORY**2)
    for day in range(1, 366):
        noise[:, day] = DAY_MEMORY * noise[:, day - 1] + fresh * shocks[:, day]
    angle = 2.0 * np.pi * (np.arange(366) + 1 - HOTTEST_DAY_OF_YEAR) / 365.25
    mean = np.array([[branch.temperature_mean_c] for branch in BRANCHES])
    swing = np.array([[branch.temperature_swing_c] for branch in BRANCHES])
    return on_grid(mean + swing * np.cos(angle) + DAY_NOISE_C * noise, DEGREE_GRID)


def day_temperatures(seed: int, day: date) -> Floats:
    """Return the mean temperature of a day by branch, degrees Celsius."""
    return year_temperatures(seed, day.year)[:, day.timetuple().tm_yday - 1]


@lru_cache(maxsize=4_096)
def clock_of_slots(tz_name: str, day: date) -> NDArray[np.int32]:
    """Return, for each 15-minute slot of a civil day, the quarter of the day that the clock shows (0 to 95)."""
    return np.array(slot_clock_minutes(tz_name, day, 15), dtype=np.int32) // 15


@lru_cache(maxsize=512)
def slot_temperatures(seed: int, day: date) -> Floats:
    """Return temperatures by branch and clock quarter (96 columns), degrees Celsius."""
    hours = np.arange(96) / 4.0 + 0.125
    swing = CLOCK_SWING_C * np.cos(2.0 * np.pi * (hours - WARMEST_HOUR) / 24.0)
    return on_grid(day_temperatures(seed, day)[:, None] + swing[None, :], DEGREE_GRID)


def _sun_height(latitude_deg: float, longitude_deg: float, tz_name: str, day: date) -> NDArray[np.float64]:
    """Return the sine of the sun's height at the middle of each slot; zero at night and beyond the day's slots.

    Standard formula: sin h = sin(lat) sin(decl) + cos(lat) cos(decl) cos(hour angle), with the declination
    -23.44 degrees x cos(360/365 x (day of year + 10)).
    """
    slots = day_slots(tz_name, day, 15)
    start = day_start_utc(tz_name, day)
    utc_hours = start.hour + start.minute / 60.0 + (np.arange(slots) + 0.5) / 4.0
    hour_angle = np.radians(15.0 * (utc_hours - 12.0) + longitude_deg)
    declination = np.radians(-23.44) * np.cos(2.0 * np.pi * (day.timetuple().tm_yday + 10) / 365.0)
    latitude = np.radians(latitude_deg)
    height = np.sin(latitude) * np.sin(declination) + np.cos(latitude) * np.cos(declination) * np.cos(hour_angle)
    padded = np.zeros(SLOTS, dtype=np.float64)
    padded[:slots] = np.clip(height, 0.0, None)
    return padded


@lru_cache(maxsize=512)
def sunshine(seed: int, day: date) -> Floats:
    """Return, by branch and slot (100 columns), the share of full sun that reaches a roof: sun and clouds."""
    generator = stream(seed, Subject.CLOUDS, 0, day)
    cover = generator.beta(0.9, 1.4, (len(BRANCHES), 1))
    ripple = generator.standard_normal((len(BRANCHES), SLOTS + 3))
    smooth = (ripple[:, :-3] + ripple[:, 1:-2] + ripple[:, 2:-1] + ripple[:, 3:]) / 2.0
    # Half-covered skies flicker most; a clear or a closed sky does not.
    flicker = 0.5 * cover * (1.0 - cover)
    clear = np.clip(1.0 - 0.75 * cover + flicker * smooth, 0.06, 1.0)
    height = np.stack([_sun_height(at.latitude_deg, at.longitude_deg, at.tz_name, day) for at in BRANCHES])
    return on_grid(height * clear, SUN_GRID)


def days_between(first_day: date, end_date: date) -> list[date]:
    """Return the days of a half-open period."""
    return [first_day + timedelta(days=number) for number in range((end_date - first_day).days)]
