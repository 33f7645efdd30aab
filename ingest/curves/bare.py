"""Bare load curves: values of one load over time, in a CSV (`start,value[,unit]`), a Parquet file, or one a line.

What is below zero flows the other way: it becomes a channel of exported energy of its own.
"""

from __future__ import annotations

import hashlib
import io
from dataclasses import dataclass
from datetime import date

import polars as pl
from pandera.typing.polars import DataFrame

from ingest.curves.named import measure_of, shortest_step
from ingest.formats.numbers import SLOT_MAX
from ingest.formats.parsed import Source, gather_rejects, split_by_reason
from ingest.formats.tables.csv_long import instants
from ingest.formats.tables.csv_table import header_names, read_columns
from ingest.formats.text import read_source
from ingest.landing.days import settle_days
from ingest.landing.parsed import ParsedFile
from ingest.landing.place_intervals import place_instants
from ingest.landing.slots import days_of_slots
from model.accounts import ChannelNumbers
from model.codes import Commodity, Quality
from model.errors import ConfigError, InputError
from model.reads import INTERVAL_LENGTHS
from model.schema import arranged
from model.units import PRINTED_UNITS
from model.zones import day_start_utc, zone

FORMAT = "load curve"
CSV_COLUMNS = frozenset({"start", "value"})
PARQUET_COLUMNS = ("interval_start", "energy_wh")
_PARQUET_MARK = b"PAR1"
_SCALE = 20  # decimals that are read of a value, before it becomes whole smallest units
_UNIT = {Commodity.ELECTRICITY: "kWh", Commodity.HEAT: "kWh", Commodity.GAS: "m3", Commodity.WATER: "m3"}


@dataclass(frozen=True)
class BareCurve:
    """A parsed bare load curve with the channels that were made for it. `rounded`: values that had to be rounded."""

    parsed: ParsedFile
    channels: DataFrame[ChannelNumbers]
    rounded: int


@dataclass(frozen=True)
class _Values:
    """Rows of line, text, start (text), start_utc, and value as a decimal of `unit`; null is missing."""

    rows: pl.DataFrame
    unit: str


def parse_bare(name: str, data: bytes, commodity: Commodity, tz_name: str, year: int | None) -> BareCurve | None:
    """Return a bare load curve, or None when the file is none.

    Values without a stated unit are kWh (m3 for gas and water), one number a line kW; a power is the mean of its
    interval. Times without offset are those of the clock in `tz_name`. Values become whole smallest units, half away
    from zero.

    Raises:
        InputError: the values cannot be laid out in time.
        ConfigError: the file is one number a line, and no `year` says of when.
    """
    digest = hashlib.sha256(data).hexdigest()
    if data.startswith(_PARQUET_MARK):
        source = Source(name, digest, pl.DataFrame(schema={"line": pl.Int64, "text": pl.String}))
        values = _of_parquet(name, data, tz_name)
    else:
        source = read_source(name, digest, data)
        found = _of_text(source, commodity, tz_name, year)
        if found is None:
            return None
        values = found
    return _laid_out(source, values, commodity, tz_name)


def _of_text(source: Source, commodity: Commodity, tz_name: str, year: int | None) -> _Values | None:
    if source.lines.is_empty():
        return None
    if _decimals(source.lines["text"].head(1)).null_count() == 0:
        return _of_numbers(source, tz_name, year)
    header = set(header_names(source))
    if not CSV_COLUMNS <= header <= CSV_COLUMNS | {"unit"}:
        return None
    rows, _ = read_columns(source, ["start", "value", "unit"])
    units = rows["unit"].unique().to_list() if "unit" in header else [_UNIT[commodity]]
    if len(units) != 1:
        raise InputError(f"`{source.name}`: expected one unit, found {', '.join(map(str, sorted(units)))}")
    timed = rows.with_columns(
        _starts(rows["start"], tz_name).alias("start_utc"), _decimals(rows["value"]).alias("found")
    )
    return _Values(timed.select("line", pl.col("value").alias("text"), "start", "start_utc", "found"), units[0])


def _of_numbers(source: Source, tz_name: str, year: int | None) -> _Values:
    if year is None:
        raise ConfigError(
            f"`{source.name}` holds numbers without times: expected the year that they are of", hint="add --year 2026"
        )
    first = day_start_utc(tz_name, date(year, 1, 1))
    minutes = int((day_start_utc(tz_name, date(year + 1, 1, 1)) - first).total_seconds()) // 60
    count = source.lines.height
    lengths = {minutes // length: length for length in INTERVAL_LENGTHS}
    if count not in lengths:
        known = ", ".join(f"{number:,}" for number in sorted(lengths))
        raise InputError(
            f"`{source.name}`: expected a number for each interval of {year} ({known}), found {count:,}",
            hint="give the year that it is of with --year",
        )
    start = pl.lit(first).dt.cast_time_unit("us") + pl.duration(minutes=lengths[count]) * pl.int_range(pl.len())
    texts = source.lines["text"].str.strip_chars()
    rows = source.lines.select(
        "line",
        texts,
        start.alias("start_utc"),
        start.dt.to_string("iso").alias("start"),
        _decimals(texts).alias("found"),
    )
    return _Values(rows, "kW")


def _of_parquet(name: str, data: bytes, tz_name: str) -> _Values:
    try:
        frame = pl.read_parquet(io.BytesIO(data))
    except pl.exceptions.PolarsError as error:
        raise InputError(f"`{name}` cannot be read as Parquet: {error}") from error
    start, energy = PARQUET_COLUMNS
    schema = dict(frame.schema)
    fits = isinstance(schema.get(start), pl.Datetime) and schema.get(energy, pl.String()).is_integer()
    if not fits:
        told = ", ".join(f"{key} {dtype}" for key, dtype in schema.items())
        raise InputError(
            f"`{name}`: expected columns {start} (time) and {energy} (whole Wh), found {told}",
            hint="or write a CSV: start,value,unit",
        )
    naive = schema[start].time_zone is None  # type: ignore[attr-defined]
    times = frame[start].dt.cast_time_unit("us")
    starts = _clock_times(times, tz_name) if naive else times.dt.convert_time_zone("UTC")
    rows = frame.select(
        pl.int_range(1, pl.len() + 1, dtype=pl.Int64).alias("line"),
        pl.col(energy).cast(pl.String).alias("text"),
        pl.col(start).cast(pl.String).alias("start"),
        starts.alias("start_utc"),
        _decimals(frame[energy].cast(pl.String)).alias("found"),
    )
    return _Values(rows, "Wh")


def _decimals(text: pl.Series) -> pl.Series:
    """Return decimal numbers; null where the text is none, or empty."""
    return text.str.strip_chars(' \t"').cast(pl.Decimal(38, _SCALE), strict=False)


def _starts(text: pl.Series, tz_name: str) -> pl.Series:
    """Return the instants that times with offset, or of the clock in the zone, name; null where they name none."""
    stated = instants(text)
    if not stated.null_count():
        return stated
    plain = text.str.replace("T", " ", literal=True).str.replace(r"^(.{10})$", "${1} 00:00")
    clocks = plain.str.to_datetime("%Y-%m-%d %H:%M", time_unit="us", strict=False)
    seconds = plain.str.to_datetime("%Y-%m-%d %H:%M:%S", time_unit="us", strict=False)
    local = _clock_times(clocks.fill_null(seconds) if clocks.null_count() else clocks, tz_name)
    return pl.select(pl.coalesce(stated, local)).to_series()


def _clock_times(clock: pl.Series, tz_name: str) -> pl.Series:
    """Return the instants of clock times; the second of two like ones is after the clock went back.

    A time that the clock skips is null.
    """
    zone(tz_name)
    frame = pl.DataFrame({"clock": clock}).with_columns(pl.int_range(pl.len()).over("clock").alias("repeat"))
    fold = pl.when(pl.col("repeat") == 0).then(pl.lit("earliest")).otherwise(pl.lit("latest"))
    local = pl.col("clock").dt.replace_time_zone(tz_name, ambiguous=fold, non_existent="null")
    return frame.select(local.dt.convert_time_zone("UTC")).to_series()


def _laid_out(source: Source, values: _Values, commodity: Commodity, tz_name: str) -> BareCurve:
    timed = _refuse_bad_times(source, values.rows, tz_name)
    minutes = timed.sort("start_utc").select(shortest_step("start_utc")).item()
    if minutes not in INTERVAL_LENGTHS:
        lengths = ", ".join(map(str, INTERVAL_LENGTHS))
        said = "one time" if minutes is None else f"{minutes} minutes"
        raise InputError(f"`{source.name}`: expected intervals of {lengths} minutes, found {said}")
    counted, rounded = _whole_units(timed, values.unit, minutes)
    good, bad = _judged_values(source, counted, commodity)
    channels = _channels(source.name, values.unit, commodity, tz_name, minutes, has_export=(good["value"] < 0).any())
    rows = pl.concat(_of_channel(good, number) for number in channels["channel_no"]).with_columns(
        pl.lit(minutes, pl.Int32).alias("interval_minutes"), pl.lit(tz_name).alias("tz_name")
    )
    slots, off_grid = place_instants(source, rows, drift_seconds_max=0)
    days, repeated = days_of_slots(source, slots)
    kept, duplicates = settle_days(source, days)
    rejects = gather_rejects([bad, off_grid, repeated, *duplicates])
    return BareCurve(ParsedFile(source.name, source.sha256, FORMAT, rejects, kept), channels, rounded)


def _refuse_bad_times(source: Source, rows: pl.DataFrame, tz_name: str) -> pl.DataFrame:
    """Return the rows with their time; an hour that the clock skips may stand there without a value.

    A load with other times that do not exist runs on another clock, which moves every hour of it: it is refused.
    """
    bad = rows.filter(pl.col("start_utc").is_null() & (pl.col("text").str.strip_chars(' \t"') != ""))
    if bad.height:
        raise InputError(
            f"`{source.name}`, line {bad['line'][0]}: expected a time such as 2026-10-04T01:45:00+10:00, or one that "
            f"the clock of {tz_name} shows, found `{bad['start'][0]}`",
            hint="a load without daylight saving has a zone without it: --zone UTC",
        )
    return rows.filter(pl.col("start_utc").is_not_null())


def _whole_units(rows: pl.DataFrame, unit: str, minutes: int) -> tuple[pl.DataFrame, int]:
    """Add `value`, whole smallest units of energy or volume, half away from zero, and tell how many were rounded."""
    if unit not in PRINTED_UNITS:
        raise InputError(f"expected a unit such as kWh, kW or m3, found `{unit}`")
    smallest, per = PRINTED_UNITS[unit]
    parts = 60 // minutes if smallest == "W" else 1
    scaled = pl.col("found").to_physical().cast(pl.Int128) * per
    whole = pl.lit(10**_SCALE, pl.Int128) * parts
    nearest = (scaled.abs() * 2 + whole) // (whole * 2) * scaled.sign()
    rounded = rows.select((scaled % whole != 0).sum()).item()
    return rows.with_columns(nearest.alias("value")), int(rounded)


def _judged_values(source: Source, rows: pl.DataFrame, commodity: Commodity) -> tuple[pl.DataFrame, pl.DataFrame]:
    is_number = pl.col("value").is_not_null() | (pl.col("text").str.strip_chars(' \t"') == "")
    lowest = -SLOT_MAX if commodity is Commodity.ELECTRICITY else 0
    reason = (
        pl.when(~is_number).then(pl.lit("bad_number"))
        .when(~pl.col("value").is_between(lowest, SLOT_MAX)).then(pl.lit("value_out_of_range"))
    )  # fmt: skip
    detail = pl.format("expected a decimal number that an interval can have, found `{}`", pl.col("text").str.head(40))
    good, bad = split_by_reason(source, rows, reason, detail)
    return good.with_columns(pl.col("value").cast(pl.Int32)), bad


def _of_channel(rows: pl.DataFrame, number: int) -> pl.DataFrame:
    """Return the rows of the load (channel 1), or what is below zero, as export (channel 2)."""
    value = pl.col("value").clip(lower_bound=0) if number == 1 else (-pl.col("value")).clip(lower_bound=0)
    quality = pl.when(pl.col("value").is_null()).then(int(Quality.MISSING)).otherwise(int(Quality.ACTUAL))
    return rows.select(
        "line", "start", "start_utc", pl.lit(number, pl.Int32).alias("channel_no"), value.alias("value"),
        quality.cast(pl.UInt8).alias("quality"), pl.lit("").alias("code"),
        pl.lit(None, pl.Datetime("us")).alias("updated_at"),
    )  # fmt: skip


def _channels(
    name: str, unit: str, commodity: Commodity, tz_name: str, minutes: int, *, has_export: bool
) -> DataFrame[ChannelNumbers]:
    counted = "kWh" if PRINTED_UNITS[unit][0] == "W" else unit
    rows = [
        {"channel_no": number, "channel_id": suffix, "service_point_id": name, "suffix": suffix,
         "measure": measure_of(counted, commodity, is_export=is_export).value, "interval_minutes": minutes,
         "tz_name": tz_name, "commodity": commodity.value, "branch_id": ""}
        for number, (suffix, is_export) in enumerate([("load", False), ("export", True)][: 1 + has_export], start=1)
    ]  # fmt: skip
    return arranged(ChannelNumbers, pl.DataFrame(rows))
