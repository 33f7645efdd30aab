"""Energy of a block's 15-minute channels, day by day: what the customers really used and sent back.

For a day: shape of its kind x the point's day x noise, then refrigeration, bursts of appliances, heating and
cooling by temperature, cars at night; roofs are taken off, and what is left over flows back. Whole Wh and varh.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from functools import lru_cache

import numpy as np
import polars as pl
from numpy.typing import NDArray

from demo import tables
from demo.draws import Subject, stream
from demo.roster import draw_roster
from demo.shapes import SHAPES, SLOT_NOISE, DayKind
from demo.weather import SLOTS, Floats, clock_of_slots, days_between, slot_temperatures, sunshine

BURSTS_PER_DAY = 5
COOLING_FROM_C = 24.0
HEATING_BELOW_C = 15.0


@dataclass(frozen=True)
class Loads:
    """What does not change from day to day: one row per electricity point of a block."""

    branch: NDArray[np.int64]
    tz_names: tuple[str, ...]
    tz_of: NDArray[np.int64]
    shapes: Floats  # kind of day, point, quarter of the clock; watts
    noise: Floats
    is_home: NDArray[np.bool_]
    fridge: Floats  # watts, period in slots, phase
    climate: Floats  # watts per degree: cooling, heating
    roof_watts: Floats
    car_watts: Floats
    tangent: Floats  # reactive by active energy
    solar: NDArray[np.intp]
    large: NDArray[np.intp]
    cars: NDArray[np.intp]


@dataclass(frozen=True)
class Energy:
    """Drawn energy: `values[channel, day, slot]` in Wh or varh, zero beyond `slots[channel, day]`."""

    channels: pl.DataFrame
    days: list[date]
    slots: NDArray[np.int16]
    values: NDArray[np.int32]


def _size_of(draws: NDArray[np.float64], low: float, spread: float) -> Floats:
    return np.asarray(low + spread * draws, dtype=np.float32)


@lru_cache(maxsize=2)
def draw_loads(seed: int, block: int, period_start_date: date, period_end_date: date) -> Loads:
    """Draw the habits of the electricity points of a block, in order of `point_no`."""
    roster = draw_roster(seed, block, period_start_date, period_end_date).filter(pl.col("letter") == "E")
    count = roster.height
    draws = stream(seed, Subject.LOAD, block).random((count, 20))
    shapes = np.zeros((len(DayKind), count, 96), dtype=np.float32)
    noise = np.zeros(count, dtype=np.float32)
    kinds = roster["archetype"].to_numpy()
    for kind, shape in SHAPES.items():
        rows = np.flatnonzero(kinds == kind)
        shapes[:, rows] = np.rint(shape(draws[rows, :8]))
        noise[rows] = SLOT_NOISE[kind]
    is_home = kinds == "home"
    tz_names, tz_of = np.unique(roster["tz_name"].to_numpy(), return_inverse=True)
    fridge = np.stack([_size_of(draws[:, 8], 60.0, 90.0), _size_of(draws[:, 9], 3.0, 5.0), draws[:, 10]])
    # Two homes of three have a heat pump; firms heat and cool in proportion to their size.
    pump = np.where(draws[:, 11] < 0.67, 1.0, 0.0) * np.where(
        is_home, 1.0, shapes[0].sum(axis=1, dtype=np.float64) / 86_400.0
    )
    climate = np.stack([pump * _size_of(draws[:, 12], 60.0, 110.0), pump * _size_of(draws[:, 13], 35.0, 60.0)])
    solar = roster["has_solar"].to_numpy()
    return Loads(
        branch=roster["branch"].to_numpy().astype(np.int64),
        tz_names=tuple(str(name) for name in tz_names),
        tz_of=tz_of.astype(np.int64),
        shapes=shapes,
        noise=noise,
        is_home=is_home,
        fridge=fridge.astype(np.float32),
        climate=climate.astype(np.float32),
        roof_watts=_size_of(draws[:, 14], 3_000.0, 7_000.0),
        car_watts=np.where(draws[:, 15] < 0.5, 3_600.0, 7_200.0).astype(np.float32),
        tangent=_size_of(draws[:, 16], 0.25, 0.40),
        solar=np.flatnonzero(solar),
        large=np.flatnonzero(roster["is_large"].to_numpy()),
        cars=np.flatnonzero(roster["has_car"].to_numpy()),
    )


def day_kind(day: date) -> DayKind:
    """Return the kind of a day by its weekday."""
    return {5: DayKind.SATURDAY, 6: DayKind.SUNDAY}.get(day.weekday(), DayKind.WORKDAY)


def _by_clock(loads: Loads, seed: int, day: date) -> Floats:
    """Return watts by point and slot of the civil day, before what is random: shape and weather by the clock.

    A day of 23 hours lacks the hour that the clock skips; a day of 25 hours has the repeated hour twice.
    """
    temperature = slot_temperatures(seed, day)[loads.branch]
    watts = loads.shapes[day_kind(day)] + loads.climate[0][:, None] * np.clip(temperature - COOLING_FROM_C, 0.0, None)
    watts += loads.climate[1][:, None] * np.clip(HEATING_BELOW_C - temperature, 0.0, 9.0)
    by_slot = np.zeros((len(watts), SLOTS), dtype=np.float32)
    for index, tz_name in enumerate(loads.tz_names):
        clock = clock_of_slots(tz_name, day)
        rows = np.flatnonzero(loads.tz_of == index)
        by_slot[rows, : len(clock)] = watts[rows][:, clock]
    return by_slot


def _add_bursts(watts: Floats, loads: Loads, seed: int, block: int, day: date) -> None:
    """Add kettles, ovens and washing: 1 to 3 kW for one to four slots, mostly in the morning and evening."""
    generator = stream(seed, Subject.BURSTS, block, day)
    size = (BURSTS_PER_DAY, len(watts))
    hour = np.where(generator.random(size) < 0.3, generator.normal(8.5, 2.0, size), generator.normal(18.0, 2.6, size))
    first = (hour * 4.0 % 92.0).astype(np.int64)  # a few run on after midnight
    length = generator.integers(1, 5, size)
    power = generator.uniform(700.0, 2_600.0, size).astype(np.float32) * (generator.random(size) < 0.55)
    rows = np.arange(len(watts))
    for burst in range(BURSTS_PER_DAY):
        for step in range(4):
            runs = loads.is_home & (length[burst] > step)
            watts[rows, first[burst] + step] += np.where(runs, power[burst], 0.0)


def _add_cars(watts: Floats, loads: Loads, seed: int, block: int, day: date) -> None:
    """Add cars that charge at home after midnight, about every other night, for two to five hours."""
    generator = stream(seed, Subject.CARS, block, day)
    count = len(loads.cars)
    first, length = generator.integers(0, 8, count), generator.integers(8, 21, count)
    charges = generator.random(count) < 0.5
    slot = np.arange(SLOTS)[None, :]
    on = (slot >= first[:, None]) & (slot < (first + length)[:, None]) & charges[:, None]
    watts[loads.cars] += np.where(on, loads.car_watts[loads.cars][:, None], 0.0)


def draw_day(loads: Loads, seed: int, block: int, day: date) -> tuple[Floats, Floats]:
    """Return watts used and watts of the roofs, by electricity point and slot of the civil day."""
    watts = _by_clock(loads, seed, day)
    generator = stream(seed, Subject.SLOT_NOISE, block, day)
    of_day = generator.normal(1.0, 0.12, len(watts)).astype(np.float32)
    noise = generator.standard_normal(watts.shape, dtype=np.float32)
    noise *= loads.noise[:, None]
    noise += 1.0
    np.clip(noise, 0.15, None, out=noise)
    watts *= noise
    watts *= np.clip(of_day, 0.5, 1.6)[:, None]
    power, period, phase = loads.fridge
    turns = (np.arange(SLOTS, dtype=np.float32)[None, :] + 96.0 * (day.toordinal() % 97)) / period[:, None] + phase[
        :, None
    ]
    watts += np.where(loads.is_home[:, None] & (turns % 1.0 < 0.38), power[:, None], 0.0)
    _add_bursts(watts, loads, seed, block, day)
    _add_cars(watts, loads, seed, block, day)
    roofs = sunshine(seed, day)[loads.branch[loads.solar]] * loads.roof_watts[loads.solar][:, None]
    wobble = stream(seed, Subject.SUN, block, day).standard_normal(roofs.shape, dtype=np.float32)
    return watts, roofs * np.clip(1.0 + 0.05 * wobble, 0.7, 1.2)


@lru_cache(maxsize=4)
def block_channels(seed: int, block: int, period_start_date: date, period_end_date: date) -> pl.DataFrame:
    """Return the interval channels of a block: row order of all its arrays, with the roster's columns."""
    roster = draw_roster(seed, block, period_start_date, period_end_date)
    return tables.channels(roster).filter(pl.col("interval_minutes") > 0)


def draw_energy(
    seed: int, block: int, first_day: date, end_date: date, *, period_start_date: date, period_end_date: date
) -> Energy:
    """Return the energy of all interval channels of a block on the days of a half-open span.

    A day's values depend on seed, block and day alone. Bound: no factory draws 1 MW, so a slot stays below
    250,000 Wh and forty times that (a spike) far below 2^31.
    """
    loads = draw_loads(seed, block, period_start_date, period_end_date)
    channels = block_channels(seed, block, period_start_date, period_end_date)
    days = days_between(first_day, end_date)
    suffix = channels["suffix"].to_numpy()
    rows = {name: np.flatnonzero(suffix == name) for name in ("E1", "B1", "Q1")}
    values = np.zeros((channels.height, len(days), SLOTS), dtype=np.int32)
    slots = np.zeros((channels.height, len(days)), dtype=np.int16)
    tz_of_channel = channels["tz_name"].to_numpy()
    for number, day in enumerate(days):
        used, roofs = draw_day(loads, seed, block, day)
        used *= 0.25  # watts over a quarter of an hour: watt-hours
        export = 0.25 * roofs - used[loads.solar]
        used[loads.solar] = np.clip(-export, 0.0, None)
        values[rows["E1"], number] = np.rint(used)
        values[rows["B1"], number] = np.rint(np.clip(export, 0.0, None))
        values[rows["Q1"], number] = np.rint(used[loads.large] * loads.tangent[loads.large][:, None])
        for tz_name in loads.tz_names:
            slots[tz_of_channel == tz_name, number] = len(clock_of_slots(tz_name, day))
    values[np.arange(SLOTS)[None, None, :] >= slots[:, :, None]] = 0
    return Energy(channels=channels, days=days, slots=slots, values=values)
