"""Registers: gas, water and heat used by day, and the readings that people and meters send of them.

A register shows litres or watt-hours as whole printed units with three decimals, before its multiplier.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np
import polars as pl
from numpy.typing import NDArray

from demo import tables
from demo.draws import Subject, stream
from demo.load import day_kind
from demo.roster import draw_roster
from demo.shapes import DayKind
from demo.weather import Floats, day_temperatures, days_between

READ_MONTHS_BEFORE = 3  # readings of the three month beginnings before the period's
LATEST_READ_DAYS = 3  # the routes after the period end on the third day
SMALLEST_PER_PRINTED = 1_000
CUSTOMER_READ_EVERY = 25
ESTIMATED_READ_EVERY = 20
MISREAD_UNITS = 40  # a figure read too low by so many printed units
REGISTER_UNIT = {"G": "m3", "W": "kL", "H": "kWh"}
# Size of a business in homes.
SIZE = {"home": 1.0, "shop": 3.0, "office": 6.0, "factory": 60.0, "school": 15.0}


@dataclass(frozen=True)
class RegisterUse:
    """Use by register point of a block and day, in smallest units after the multiplier."""

    points: pl.DataFrame
    days: list[date]
    use: NDArray[np.int64]


def _daily_use(letters: NDArray[np.str_], draws: Floats, temperature: Floats, kind: DayKind, noise: Floats) -> Floats:
    """Return litres or watt-hours of one day by point: a base and what the temperature asks for.

    Gas warms water and rooms below 18 degrees; heat follows below 17; water rises with warm days (gardens) and at
    weekends. Sizes are those of a home.
    """
    cold, warm = np.clip(18.0 - temperature, 0.0, None), np.clip(temperature - 16.0, 0.0, None)
    gas = (600.0 + 900.0 * draws[:, 0]) + (150.0 + 250.0 * draws[:, 1]) * cold
    heat = (4_000.0 + 5_000.0 * draws[:, 0]) + (1_800.0 + 1_600.0 * draws[:, 1]) * np.clip(cold - 1.0, 0.0, None)
    water = (220.0 + 380.0 * draws[:, 0]) + (4.0 + 26.0 * draws[:, 1]) * warm
    water *= 1.0 if kind is DayKind.WORKDAY else 1.15
    chosen = np.select([letters == "G", letters == "H"], [gas, heat], water)
    return np.asarray(chosen * np.clip(1.0 + 0.22 * noise, 0.1, None), dtype=np.float32)


def draw_register_use(
    seed: int, block: int, first_day: date, end_date: date, *, period_start_date: date, period_end_date: date
) -> RegisterUse:
    """Return the use of a block's registers on the days of a half-open span; whole multiples of the multiplier."""
    roster = draw_roster(seed, block, period_start_date, period_end_date).filter(pl.col("letter") != "E")
    points = roster.with_columns(multiplier=tables.multiplier().cast(pl.Int64))
    draws = stream(seed, Subject.REGISTER, block).random((points.height, 4), dtype=np.float32)
    letters, branch = points["letter"].to_numpy(), points["branch"].to_numpy()
    size = points["archetype"].replace_strict(SIZE, return_dtype=pl.Float64).to_numpy() * (0.6 + 0.8 * draws[:, 2])
    factor = points["multiplier"].to_numpy()
    days = days_between(first_day, end_date)
    use = np.zeros((points.height, len(days)), dtype=np.int64)
    for number, day in enumerate(days):
        noise = stream(seed, Subject.REGISTER_USE, block, day).standard_normal(points.height, dtype=np.float32)
        drawn = size * _daily_use(letters, draws, day_temperatures(seed, day)[branch], day_kind(day), noise)
        use[:, number] = np.rint(drawn / factor).astype(np.int64) * factor
    return RegisterUse(points=points, days=days, use=use)


def first_read_date(period_start_date: date) -> date:
    """Return the first day of which a register's use is needed: two days before the earliest read month."""
    month = period_start_date.replace(day=1)
    for _ in range(READ_MONTHS_BEFORE):
        month = (month - timedelta(days=1)).replace(day=1)
    return month - timedelta(days=2)


def _schedule(points: pl.DataFrame, period_start_date: date, period_end_date: date) -> pl.DataFrame:
    """Return the readings to take: point, read_date, kind. Routes walk from two days before to two days after.

    After the period no route is read before the day it ends, so that use up to then can be measured.
    """
    months = [period_start_date]
    for _ in range(READ_MONTHS_BEFORE):
        months.append((months[-1] - timedelta(days=1)).replace(day=1))
    offset = (pl.col("route") - 1) % 5 - 2
    base = points.select("point", "point_no", "route", "event", "event_date")
    around = pl.concat(
        [
            base.with_columns(read_date=pl.lit(month) + pl.duration(days=offset), turn=pl.lit(n))
            for n, month in enumerate(months)
        ]
    )
    after = base.with_columns(read_date=pl.lit(period_end_date) + pl.duration(days=offset.abs()), turn=pl.lit(-1))
    estimated = (pl.col("point_no") % ESTIMATED_READ_EVERY == 3) & (pl.col("turn") == 1)
    regular = pl.concat([around, after]).with_columns(
        kind=pl.when(estimated).then(pl.lit("estimate")).otherwise(pl.lit("regular"))
    )
    middle = period_start_date + (period_end_date - period_start_date) // 2
    asked = (pl.col("point_no") % CUSTOMER_READ_EVERY == 7) & pl.col("event").is_null()
    by_customer = base.filter(asked).with_columns(
        read_date=pl.lit(middle) + pl.duration(days=pl.col("point_no") % 5), turn=pl.lit(0), kind=pl.lit("customer")
    )
    # Every other move is read on its day; the rest is shared by days.
    moved = pl.col("event").is_in(["move", "move_out"]) & (pl.col("point_no") % 2 == 0)
    at_move = base.filter(moved).with_columns(read_date=pl.col("event_date"), turn=pl.lit(0), kind=pl.lit("regular"))
    return pl.concat([regular, by_customer, at_move])


def _without_what_is_missing(planned: pl.DataFrame, period_start_date: date, period_end_date: date) -> pl.DataFrame:
    """Leave out the readings that events take away."""
    event = pl.col("event").fill_null("")
    no_end = (event == "end_read_missing") & (pl.col("read_date") >= period_end_date)
    no_start = (event == "start_read_missing") & (pl.col("read_date") < period_end_date)
    not_there = (event == "connection") & (pl.col("read_date") <= pl.col("event_date"))
    twice = (event == "register_exchange") & (pl.col("read_date") == pl.col("event_date"))
    return planned.filter(~(no_end | no_start | not_there | twice)).with_columns(
        generation=pl.when((event == "register_exchange") & (pl.col("read_date") > pl.col("event_date")))
        .then(2)
        .otherwise(1)
    )


def _with_exchanges(planned: pl.DataFrame, points: pl.DataFrame) -> pl.DataFrame:
    """Add the reads of installed and removed meters: a new connection's first, an exchange's last and first."""
    base = points.select("point", "point_no", "route", "event", "event_date").with_columns(
        read_date=pl.col("event_date"), turn=pl.lit(0)
    )
    exchanged = base.filter(pl.col("event") == "register_exchange")
    added = [
        exchanged.with_columns(kind=pl.lit("removal"), generation=pl.lit(1)),
        exchanged.with_columns(kind=pl.lit("install"), generation=pl.lit(2)),
        base.filter(pl.col("event") == "connection").with_columns(kind=pl.lit("install"), generation=pl.lit(1)),
    ]
    return pl.concat([planned, *added]).sort("point", "read_date", "generation", "kind")


def draw_register_reads(seed: int, block: int, *, period_start_date: date, period_end_date: date) -> pl.DataFrame:
    """Return the readings of a block's registers, in order of point, date and meter.

    Columns: point_no, service_point_id, suffix, channel_id, meter_id, unit, read_date, kind, quality (A, E, S or
    empty), reading (smallest units, before the multiplier).
    """
    first_day = first_read_date(period_start_date)
    drawn = draw_register_use(
        seed, block, first_day, period_end_date + timedelta(days=LATEST_READ_DAYS),
        period_start_date=period_start_date, period_end_date=period_end_date,
    )  # fmt: skip
    points = drawn.points.with_row_index("row")
    planned = _without_what_is_missing(
        _schedule(points, period_start_date, period_end_date), period_start_date, period_end_date
    )
    reads = _with_exchanges(planned, points).join(
        points.select("row", "point", "letter", "multiplier"),
        how="left",
        on="point",
        validate="m:1",
        maintain_order="left",
    )
    return _read_columns(reads, _readings(reads, drawn, seed, block, first_day, period_end_date))


def _readings(
    reads: pl.DataFrame, drawn: RegisterUse, seed: int, block: int, first_day: date, period_end_date: date
) -> NDArray[np.int64]:
    """Return what the register shows at each planned reading: its beginning, the use since, modulo its dials."""
    row = reads["row"].to_numpy()
    total = np.concatenate([np.zeros((len(drawn.use), 1), dtype=np.int64), np.cumsum(drawn.use, axis=1)], axis=1)
    at = (reads["read_date"] - pl.Series([first_day])).dt.total_days().to_numpy()
    event_at = (reads["event_date"] - pl.Series([first_day])).dt.total_days().to_numpy()
    is_second = (reads["generation"] == 2).to_numpy()
    is_new = is_second | (reads["event"] == "connection").fill_null(value=False).to_numpy()
    origin = np.where(is_new, total[row, np.where(is_new, event_at, 0)], 0)
    factor = reads["multiplier"].to_numpy()
    advance = (total[row, at] - origin) // factor
    dials = reads["letter"].replace_strict(tables.DIALS, return_dtype=pl.Int64).to_numpy()
    scale = 10**dials * SMALLEST_PER_PRINTED
    begins = stream(seed, Subject.REGISTER_READS, block).integers(1_000_000, 60_000_000, len(drawn.use))[row]
    # A register that rolls over stands half the period's use below its end when the period begins.
    rolls = (reads["event"] == "rollover").fill_null(value=False).to_numpy()
    days_left = (period_end_date - first_day).days
    before_end = scale - (total[row, days_left] - drawn.use[row, -12:].sum(axis=1)) // factor
    begins = np.where(is_new, np.where(is_second, 0, 120), np.where(rolls, before_end, begins))
    reading = (begins + advance) % scale
    after = (reads["read_date"] >= period_end_date).to_numpy()
    misread = (reads["event"] == "read_decreased").fill_null(value=False).to_numpy() & after
    previous = (begins + total[row, np.maximum(at - 40, 0)] // factor) % scale
    return np.asarray(np.where(misread, previous - MISREAD_UNITS * SMALLEST_PER_PRINTED, reading), dtype=np.int64)


def _read_columns(reads: pl.DataFrame, reading: NDArray[np.int64]) -> pl.DataFrame:
    quality = (
        pl.when(pl.col("kind") == "estimate").then(pl.lit("E"))
        .when(pl.col("kind") == "customer").then(pl.lit(""))
        .when(pl.col("point_no") % 41 == 5).then(pl.lit("S"))
        .otherwise(pl.lit("A"))
    )  # fmt: skip
    return reads.with_columns(
        service_point_id=tables.point_id(),
        suffix=pl.col("letter").replace_strict(tables.REGISTER_SUFFIX, return_dtype=pl.String),
        unit=pl.col("letter").replace_strict(REGISTER_UNIT, return_dtype=pl.String),
        meter_id=pl.when(pl.col("generation") == 2).then(tables.meter_id(2)).otherwise(tables.meter_id(1)),
        quality=quality,
        reading=pl.Series(reading),
    ).select(
        "point_no", "service_point_id", "suffix", "meter_id", "unit", "read_date", "kind", "quality", "reading",
        channel_id=pl.concat_str("service_point_id", "suffix", separator="/"),
    )  # fmt: skip
