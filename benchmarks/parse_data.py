"""Meter files of drawn values, for the benchmark of the parsers."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime, timedelta
from pathlib import Path

import numpy as np
import numpy.typing as npt
import polars as pl
from pandera.typing.polars import DataFrame

from model.accounts import ChannelNumbers
from model.schema import arranged

Energies = npt.NDArray[np.int64]

FIRST_DAY = date(2024, 9, 1)
DAYS = 30
ZONE = "Australia/Brisbane"  # its civil days are the days of the NEM
_HIGHEST_WH = 3_000
_PER_KWH = 1_000


def write_file(path: Path, layout: str, minutes: int, intervals: int) -> int:
    """Write a month of as many channels as hold about `intervals`; return how many intervals it has."""
    per_day = 24 * 60 // minutes
    channels = channels_of(minutes, intervals)
    draw = np.random.default_rng(1)
    with path.open("w", encoding="ascii") as file:
        file.write(_HEADS[layout](per_day))
        for channel in range(channels):
            energies = draw.integers(0, _HIGHEST_WH, (DAYS, per_day))
            file.write(_CHANNELS[layout](channel, minutes, energies))
        file.write("900\n" if layout == "nem12" else "")
    return channels * DAYS * per_day


def channels_of(minutes: int, intervals: int) -> int:
    """Return how many channels of a month hold about that many intervals."""
    return max(1, intervals * minutes // (24 * 60 * DAYS))


def channel_table(minutes: int, count: int) -> DataFrame[ChannelNumbers]:
    """Return the channels that the files speak of."""
    names = [name_of(channel) for channel in range(count)]
    rows = pl.DataFrame({"service_point_id": names}).with_columns(
        pl.int_range(1, pl.len() + 1, dtype=pl.Int32).alias("channel_no"),
        pl.format("{}/E1", "service_point_id").alias("channel_id"),
        pl.lit("E1").alias("suffix"),
        pl.lit("import_energy").alias("measure"),
        pl.lit(minutes, dtype=pl.Int32).alias("interval_minutes"),
        pl.lit(ZONE).alias("tz_name"),
        pl.lit("electricity").alias("commodity"),
        pl.lit("B").alias("branch_id"),
    )
    return arranged(ChannelNumbers, rows)


def name_of(channel: int) -> str:
    """Return the meter point of a channel."""
    return f"N{channel:09d}"


def _texts(energies: Energies) -> list[str]:
    return [f"{energy // _PER_KWH}.{energy % _PER_KWH:03d}" for energy in energies.tolist()]


def _nem12(channel: int, minutes: int, energies: Energies) -> str:
    lines = [f"200,{name_of(channel)},E1,1,E1,N1,M{channel},kWh,{minutes},20241201"]
    for number, day in enumerate(energies):
        stamp = f"{FIRST_DAY + timedelta(days=number):%Y%m%d}"
        lines.append(f"300,{stamp},{','.join(_texts(day))},A,,,20241002000000,20241003000000")
    return "\n".join(lines) + "\n"


def _wide(channel: int, minutes: int, energies: Energies) -> str:
    lines = [
        f"{name_of(channel)},E1,kWh,{FIRST_DAY + timedelta(days=number)},A,{','.join(_texts(day))}"
        for number, day in enumerate(energies)
    ]
    return "\n".join(lines) + "\n"


def _long(channel: int, minutes: int, energies: Energies) -> str:
    start = datetime.combine(FIRST_DAY, datetime.min.time())
    lines = [
        f"{name_of(channel)},E1,kWh,{start + number * timedelta(minutes=minutes):%Y-%m-%dT%H:%M:%S}+10:00,{text},A"
        for number, text in enumerate(_texts(energies.reshape(-1)))
    ]
    return "\n".join(lines) + "\n"


_HEADS: dict[str, Callable[[int], str]] = {
    "nem12": lambda _: "100,NEM12,202410020000,MDP,RETAILER\n",
    "wide": lambda per_day: (
        f"meter_point,channel,unit,date,quality,{','.join(f'v{number}' for number in range(1, per_day + 1))}\n"
    ),
    "long": lambda _: "meter_point,channel,unit,start,value,quality\n",
}
_CHANNELS = {"nem12": _nem12, "wide": _wide, "long": _long}
