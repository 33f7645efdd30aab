"""Lifelike reads with faults in them, each known: what `benchmarks.anomalies` looks for.

Electricity is the demo utility's (homes, shops, offices, factories, schools; weather, cars, holidays of nobody), drawn
without defects; water is drawn here by draw-offs of homes. On top of that comes ordinary life that is no fault: people
who are away, and people who buy a car.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np
import polars as pl
from numpy.typing import NDArray

from benchmarks.anomaly_faults import FAULTS_AND_SWAPS, LIFE, Life, inject
from demo.lake import INTERVAL_MINUTES, PERIOD, draw_days, interval_channels
from demo.roster import REVENUE_CLASS, draw_roster
from ingest.checks.places import Places
from ingest.vee.matrix import MISSING, value_columns, value_matrix
from model.reads import read_days_schema

HISTORY_DAYS = 70  # what history_days and the look back of a month ask for
FIRST = PERIOD[0] - timedelta(days=HISTORY_DAYS)
WATER_SHARE = 0.4  # of the electricity points
_WATER_FROM = 1_000_000  # water channels are numbered from here
_DRAW_OFF_LITRES = (2, 6, 9, 30, 60)
_DRAW_OFF_SHARES = (0.45, 0.25, 0.15, 0.1, 0.05)
_SPANS = {"channel_no": pl.Int32, "from_date": pl.Date, "to_date": pl.Date}


@dataclass(frozen=True)
class Drawn:
    """Reads and places, and which channel has which fault."""

    landed: pl.DataFrame
    """ReadDays with slots, history and period."""
    places: Places
    faults: pl.DataFrame
    """channel_no, kind: of each channel with a fault; channels without are healthy."""
    life: pl.DataFrame
    """channel_no, kind: of healthy channels to which something ordinary happens."""


def draw(seed: int, blocks: int) -> Drawn:
    """Return reads of some blocks of the demo utility, from ten weeks before October 2026 to its end."""
    parts, listed = [], []
    for block in range(blocks):
        channels = interval_channels(block, seed).filter(pl.col("suffix") == "E1")
        days = draw_days(block, seed, from_date=FIRST, to_date=PERIOD[1], has_defects=False)
        parts.append(days.join(channels, how="semi", on="channel_no", maintain_order="left"))
        listed.append(channels.join(_classes(seed, block), how="left", on="service_point_id", validate="m:1"))
    power = pl.concat(listed).with_columns(commodity=pl.lit("electricity"))
    generator = np.random.Generator(np.random.PCG64(np.random.SeedSequence([seed, 4_711])))
    water_channels, water, drips = draw_water(generator, power)
    channels = pl.concat([power, water_channels], how="diagonal_relaxed").sort("channel_no")
    landed = pl.concat([*parts, water]).sort("channel_no", "day")
    return _with_faults(generator, channels, landed, drips)


def _classes(seed: int, block: int) -> pl.DataFrame:
    roster = draw_roster(seed, block, *PERIOD).filter(pl.col("letter") == "E")
    point = pl.format("WTE{}", pl.col("point_no").cast(pl.String).str.zfill(7))
    revenue = pl.col("archetype").replace_strict(REVENUE_CLASS, return_dtype=pl.String)
    return roster.select(service_point_id=point, revenue_class=revenue)


def draw_water(generator: np.random.Generator, power: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame, set[int]]:
    """Return water channels at some of the points, and their quarter hours in litres: draw-offs, mostly by day; and
    which of them drip."""
    homes = power.filter(pl.col("revenue_class") == "residential")
    some = homes[: int(homes.height * WATER_SHARE)]
    channels = some.with_columns(
        channel_no=pl.col("channel_no") + _WATER_FROM, channel_id=pl.col("channel_id").str.replace("E1", "W1"),
        suffix=pl.lit("W1"), measure=pl.lit("water_volume"), commodity=pl.lit("water"),
        tz_name=pl.lit("Australia/Brisbane"),
    ).with_columns(pl.col("channel_no").cast(pl.Int32))  # fmt: skip
    days = pl.date_range(FIRST, PERIOD[1], closed="left", eager=True)
    hour = np.arange(96) / 4.0
    wanted = 0.02 + 0.5 * np.exp(-0.5 * ((hour - 7.2) / 1.1) ** 2) + 0.45 * np.exp(-0.5 * ((hour - 19.0) / 2.2) ** 2)
    wanted += 0.12 * ((hour > 8) & (hour < 22))
    wanted[:20] = 0.015
    size = generator.uniform(0.5, 1.5, channels.height)
    shape = (channels.height, len(days), 96)
    times = generator.poisson(size[:, None, None] * np.broadcast_to(wanted, shape))
    litres = generator.choice(_DRAW_OFF_LITRES, shape, p=_DRAW_OFF_SHARES) * times
    # One home in fifty has a tap or a tank that always dripped.
    drips = generator.random(channels.height) < 0.02
    litres[drips] += generator.integers(1, 3, drips.sum())[:, None, None]
    values = np.full((channels.height * len(days), 100), MISSING, np.int32)
    values[:, :96] = litres.reshape(-1, 96)
    keys = (
        channels.select("channel_no")
        .join(days.alias("day").to_frame(), how="cross")
        .with_columns(
            n=pl.lit(96),
            worst=pl.lit(0),
            flags=pl.lit(None),
            raw_code=pl.lit("A"),
            seq=pl.lit(1),
            updated_at=pl.lit(None),
        )
    )
    frame = pl.concat([keys, value_columns(values, INTERVAL_MINUTES)], how="horizontal")
    schema = read_days_schema(INTERVAL_MINUTES)
    dripping = {int(number) for number in channels["channel_no"].to_numpy()[drips]}
    return channels, frame.select(pl.col(name).cast(dtype) for name, dtype in schema.items()), dripping


def _with_faults(
    generator: np.random.Generator, channels: pl.DataFrame, landed: pl.DataFrame, drips: set[int]
) -> Drawn:
    life = Life(
        channels["channel_no"].to_numpy(), channels["branch_id"].to_numpy(),
        (channels["measure"] == "water_volume").to_numpy(), (channels["revenue_class"] == "residential").to_numpy(),
        landed["channel_no"].to_numpy(), (landed["day"] - PERIOD[0]).dt.total_days().to_numpy(),
        value_matrix(landed, INTERVAL_MINUTES).copy(), landed["n"].cast(pl.Int64).to_numpy(),
    )  # fmt: skip
    capacity = _capacities(channels, life)
    kinds = inject(generator, life, capacity, drips)
    keys = landed.select(name for name in landed.columns if not name.startswith("v"))
    again = pl.concat([keys, value_columns(life.values, INTERVAL_MINUTES)], how="horizontal").select(landed.columns)
    return Drawn(
        again, _places(channels, capacity, kinds), _listed(kinds, FAULTS_AND_SWAPS), _listed(kinds, tuple(LIFE))
    )


def _listed(kinds: dict[str, set[int]], names: tuple[str, ...]) -> pl.DataFrame:
    rows = [(int(number), kind) for kind in names for number in sorted(kinds[kind])]
    return pl.DataFrame(rows, schema={"channel_no": pl.Int32, "kind": pl.String}, orient="row")


def _capacities(channels: pl.DataFrame, life: Life) -> NDArray[np.int64]:
    """Return what each connection carries, W: the next standard fuse above a third more than it ever took."""
    highest = np.zeros(len(life.numbers), np.int64)
    place = np.searchsorted(life.numbers, life.row_channel)
    np.maximum.at(highest, place, np.where(life.values == MISSING, 0, life.values).max(axis=1))
    fuses = np.array([10, 15, 25, 40, 60, 100, 160, 250, 400, 630, 1_000, 1_600], np.int64) * 1_000
    taken = highest * 4 * 4 // 3
    return fuses[np.minimum(np.searchsorted(fuses, taken), len(fuses) - 1)]


def _places(channels: pl.DataFrame, capacity: NDArray[np.int64], kinds: dict[str, set[int]]) -> Places:
    is_power = pl.col("measure") == "import_energy"
    known = channels.with_columns(
        interval_minutes=pl.lit(INTERVAL_MINUTES, dtype=pl.Int32), generation=pl.lit(None, dtype=pl.String),
        check_suffix=pl.lit(None, dtype=pl.String), total_register=pl.lit(None, dtype=pl.String),
        capacity_w=pl.when(is_power).then(pl.Series(capacity)),
    )  # fmt: skip
    began = date(2020, 1, 1)
    empty = kinds["vacant"] | kinds["empty"]
    spans = [(int(number), began, PERIOD[0] if number in empty else None) for number in channels["channel_no"]]
    hung = [(int(number), began, None) for number in channels["channel_no"]]
    return Places(
        known, pl.DataFrame(hung, schema=_SPANS, orient="row"), pl.DataFrame(spans, schema=_SPANS, orient="row")
    )
