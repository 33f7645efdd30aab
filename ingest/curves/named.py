"""Channels as a meter file itself names them: meter point, suffix, unit, and the length of its intervals."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import polars as pl
from pandera.typing.polars import DataFrame

from ingest.formats.parsed import Source
from ingest.formats.tables import csv_long, csv_wide, registers_csv, smt
from ingest.formats.tables.csv_long import instants
from ingest.formats.tables.csv_table import header_names, read_columns
from ingest.formats.text import read_source
from model.accounts import ChannelNumbers
from model.codes import Commodity, Measure
from model.errors import InputError
from model.reads import INTERVAL_LENGTHS, MINUTES_LONGEST_DAY
from model.schema import arranged, empty
from model.units import PRINTED_UNITS, READABLE_UNIT, SMALLEST_UNIT, printed_unit

NEM12 = "nem12"
# NEM12 days run at UTC+10 all year: the zone of their civil days.
NEM_ZONE = "Australia/Brisbane"
_MEASURES = {
    Commodity.ELECTRICITY: (Measure.IMPORT_ENERGY, Measure.REACTIVE_ENERGY),
    Commodity.GAS: (Measure.GAS_VOLUME, Measure.GAS_ENERGY, Measure.GAS_CUBIC_FEET, Measure.GAS_BTU),
    Commodity.WATER: (Measure.WATER_VOLUME, Measure.WATER_GALLONS, Measure.WATER_CUBIC_FEET),
    Commodity.HEAT: (Measure.HEAT_ENERGY,),
}
_EXPORTED = {
    Measure.IMPORT_ENERGY: Measure.EXPORT_ENERGY,
    Measure.REACTIVE_ENERGY: Measure.REACTIVE_EXPORT,
}
# What suffixes of electricity that is fed into the grid begin with. NEM12: B is energy, K reactive energy, the other
# way round than E and Q (AEMO, National Metering Identifier procedure, datastream suffixes).
_EXPORT_WORDS = ("export", "surplus", "generation", "feed")
_NEM_EXPORT = ("B", "K")
_NAMED = {"meter_point": pl.String(), "suffix": pl.String(), "unit": pl.String(), "interval_minutes": pl.Int32()}


def named_channels(
    name: str, texts: Sequence[bytes], commodity: Commodity, tz_name: str, meter_point: str | None = None
) -> DataFrame[ChannelNumbers] | None:
    """Return the channels of one meter point that a file, or the members of a zip, name; None when none does.

    Raises:
        InputError: several meter points are named and none was chosen, or a unit that the commodity is not measured in.
    """
    found = [rows for text in texts if (rows := _rows_of(name, text)) is not None]
    if not found:
        return None
    named = pl.concat(found).unique(maintain_order=True)
    points = named["meter_point"].unique().sort().to_list()
    if meter_point is not None and meter_point not in points:
        raise InputError(
            f"`{name}`: expected meter point `{meter_point}`, found {', '.join(points[:5])}",
            hint="name one of these with --meter-point",
        )
    if meter_point is None and len(points) > 1:
        raise InputError(
            f"`{name}`: expected one meter point, found {len(points)}: {', '.join(points[:5])}",
            hint=f"choose one: --meter-point {points[0]}",
        )
    mine = named.filter(pl.col("meter_point") == (meter_point or points[0])) if points else named
    return _numbered(name, mine, commodity, tz_name)


def measure_of(unit: str, commodity: Commodity, *, is_export: bool) -> Measure:
    """Return what a channel of a unit measures.

    Raises:
        InputError: the unit is not known, or the commodity is not measured in it.
    """
    smallest = PRINTED_UNITS[printed_unit(unit)][0]
    for measure in _MEASURES[commodity]:
        if SMALLEST_UNIT[measure] == smallest:
            return _EXPORTED.get(measure, measure) if is_export else measure
    known = ", ".join(READABLE_UNIT[SMALLEST_UNIT[measure]] for measure in _MEASURES[commodity])
    raise InputError(f"expected a unit of {commodity.value} ({known}, or a multiple), found `{unit}`")


def _rows_of(name: str, text: bytes) -> pl.DataFrame | None:
    source = read_source(name, hashlib.sha256(text).hexdigest(), text)
    found = None if source.lines.is_empty() else _rows(source)
    return None if found is None else found[1].with_columns(pl.lit(found[0]).alias("file_format"))


def _rows(source: Source) -> tuple[str, pl.DataFrame] | None:
    """Return the format and a row per channel; None for a file of another layout."""
    first = source.lines["text"][0].strip()
    if first[:3].isdigit() and first[3:4] == ",":
        return NEM12, _of_nem12(source)
    header = set(header_names(source))
    if header.issuperset(smt.REQUIRED):
        return smt.FORMAT, _of_smt(source)
    for file_format, required in (
        (registers_csv.FORMAT, registers_csv.REQUIRED),
        (csv_wide.FORMAT, csv_wide.REQUIRED),
        (csv_long.FORMAT, csv_long.REQUIRED),
    ):
        if header.issuperset(required):
            return file_format, _of_csv(source, file_format)
    return None


def _of_nem12(source: Source) -> pl.DataFrame:
    fields = source.lines.filter(pl.col("text").str.starts_with("200,")).select(pl.col("text").str.split(","))
    at = [pl.col("text").list.get(index, null_on_oob=True).str.strip_chars() for index in (1, 4, 7, 8)]
    named = fields.select(expr.alias(key) for expr, key in zip(at, _NAMED, strict=True))
    lengths = pl.col("interval_minutes").cast(pl.Int32, strict=False)
    return _unique(named.with_columns(lengths))


def _of_smt(source: Source) -> pl.DataFrame:
    rows, _ = read_columns(source, ["esiid", "consumption_surplusgeneration"])
    kind = pl.col("consumption_surplusgeneration").str.to_lowercase()
    suffix = pl.when(kind.str.starts_with("surplus")).then(pl.lit("surplus")).otherwise(kind)
    named = rows.select(
        pl.col("esiid").str.strip_chars("'").alias("meter_point"), suffix.alias("suffix"), pl.lit("kWh").alias("unit"),
        pl.lit(15, pl.Int32).alias("interval_minutes"),
    )  # fmt: skip
    return _unique(named)


def _of_csv(source: Source, file_format: str) -> pl.DataFrame:
    has_start = file_format == csv_long.FORMAT
    rows, _ = read_columns(source, ["meter_point", "channel", "unit", *(["start"] if has_start else [])])
    rows = rows.rename({"channel": "suffix"})
    key = ["meter_point", "suffix", "unit"]
    if file_format == registers_csv.FORMAT:
        return _unique(rows.select(*key, pl.lit(0, pl.Int32).alias("interval_minutes")))
    if file_format == csv_wide.FORMAT:
        width = sum(name.startswith("v") and name[1:].isdigit() for name in header_names(source))
        return _unique(rows.select(*key, pl.lit(_length_of_width(width), pl.Int32).alias("interval_minutes")))
    timed = rows.with_columns(instants(rows["start"]).alias("start_utc")).sort(*key, "start_utc")
    steps = timed.group_by(key).agg(shortest_step("start_utc").alias("interval_minutes"))
    return _unique(steps)


def shortest_step(instant: str) -> pl.Expr:
    """Return the minutes between the two nearest of the sorted instants: the length of an interval; null for one."""
    gap = pl.col(instant).diff().dt.total_minutes()
    return gap.filter(gap > 0).min().cast(pl.Int32)


def _length_of_width(width: int) -> int | None:
    """Return the interval length whose days, of 24 hours or of the longest, have so many columns."""
    fits = [minutes for minutes in INTERVAL_LENGTHS if 1440 // minutes <= width <= MINUTES_LONGEST_DAY // minutes]
    return fits[0] if len(fits) == 1 else None


def _unique(named: pl.DataFrame) -> pl.DataFrame:
    typed = named.select(pl.col(name).cast(dtype) for name, dtype in _NAMED.items())
    return typed.with_columns(pl.col("meter_point", "suffix", "unit").fill_null("")).unique(maintain_order=True)


def _numbered(name: str, named: pl.DataFrame, commodity: Commodity, tz_name: str) -> DataFrame[ChannelNumbers]:
    rows = []
    for number, row in enumerate(named.sort("suffix", "unit", "interval_minutes").iter_rows(named=True), start=1):
        channel = f"{row['meter_point']}/{row['suffix']}"
        if row["interval_minutes"] not in (0, *INTERVAL_LENGTHS):
            lengths = ", ".join(map(str, INTERVAL_LENGTHS))
            raise InputError(
                f"`{name}`: channel `{channel}`: expected intervals of {lengths} minutes, found other ones"
            )
        try:
            measure = measure_of(row["unit"] or "", commodity, is_export=_is_export(row["suffix"], row["file_format"]))
        except InputError as error:
            raise InputError(f"`{name}`: channel `{channel}`: {error.message}", hint=error.hint) from error
        rows.append(
            {"channel_no": number, "channel_id": channel, "service_point_id": row["meter_point"],
             "suffix": row["suffix"], "measure": measure.value, "interval_minutes": row["interval_minutes"],
             "tz_name": tz_name, "commodity": commodity.value, "branch_id": ""}
        )  # fmt: skip
    return arranged(ChannelNumbers, pl.DataFrame(rows, infer_schema_length=None)) if rows else empty(ChannelNumbers)


def _is_export(suffix: str, file_format: str) -> bool:
    if file_format == NEM12:
        return suffix.upper().startswith(_NEM_EXPORT)
    return suffix.lower().startswith(_EXPORT_WORDS)
