"""Harmonised downloadable file of ESB Networks (Ireland): a row per half hour, its local END stamp, newest first.

Columns: MPRN, Meter Serial Number, Read Value, Read Type, Read Date and End Time. The read type names direction and
unit: `Active Import Interval (kWh)`, or `(kW)`, the mean power of the half hour, of which half is the energy. Types
without `Interval` are readings of a register.

On the day the clock goes back the labels 01:00 and 01:30 come twice; the file runs backwards, so that the second pass
comes first. Instants are found on the clock of Dublin from the end stamps, and half an hour taken off.
"""

from __future__ import annotations

from decimal import Decimal

import polars as pl
from pandera.typing.polars import DataFrame

from ingest.formats.decimal_texts import multiplied_texts
from ingest.formats.parsed import Source, gather_rejects, split_by_reason
from ingest.formats.records import FileRecords, IntervalRecords, Opening, ReadingRecords
from ingest.formats.series import named_series
from ingest.formats.stamps import local_times, utc_of_ends
from ingest.formats.tables.csv_table import bad_header, no_data
from ingest.formats.tables.quoted_fields import read_fields
from model.codes import Quality, ReadKind
from model.schema import arranged

FORMAT = "esb_hdf"
ZONE = "Europe/Dublin"
MINUTES = 30
HEADER = ("mprn", "meter serial number", "read value", "read type", "read date and end time")
HOURS = Decimal("0.5")  # kW x 0.5 h = kWh
_FORMATS = ("%d-%m-%Y %H:%M", "%d/%m/%Y %H:%M", "%Y-%m-%d %H:%M", "%d-%m-%Y %H:%M:%S", "%d/%m/%Y %H:%M:%S", "%d-%m-%Y")
_POWERS = {"kW": "kWh", "kVAr": "kVArh", "kVar": "kvarh", "kvar": "kvarh"}


def matches(opening: Opening) -> bool:
    """Return whether the header is that of the file."""
    return set(HEADER) <= set(opening.header)


def read(source: Source) -> FileRecords:
    """Return the half hours and readings of a file; a series per meter point and read type.

    Refused as a whole: no_data, bad_header. Rejects lines as wrong_field_count, bad_quotes, no_meter_point,
    bad_time, bad_read_type (it names no unit), no_such_time (a value at a time that the clock skips).
    """
    fields = read_fields(source)
    if source.lines.height <= 1:
        return no_data(source, FORMAT)
    names = [name.lower() for name in fields.header]
    if not set(HEADER) <= set(names):
        return bad_header(source, FORMAT, HEADER)
    point, serial, value, kind, time = (fields.text(names.index(name)) for name in HEADER)
    is_interval = kind.str.to_lowercase().str.contains("interval", literal=True)
    stated = kind.str.extract(r"\(([^()]+)\)\s*$")
    rows = fields.rows.select(
        "line",
        point.str.strip_chars("'").alias("meter_point"),
        kind.alias("suffix"),
        stated.alias("stated"),
        stated.replace(_POWERS).alias("unit"),
        pl.when(is_interval).then(MINUTES).otherwise(0).cast(pl.Int32).alias("file_minutes"),
        serial.alias("meter_id"),
        value.alias("value"),
        time.alias("found"),
    ).with_columns(local_times(fields.rows.select(time).to_series(), _FORMATS).alias("local"))
    good, bad = split_by_reason(source, rows, _reason(), _detail())
    numbered, series = named_series(good)
    is_half_hour = pl.col("file_minutes") == MINUTES
    intervals, skipped = _intervals(source, numbered.filter(is_half_hour))
    return FileRecords(
        source.name, source.sha256, FORMAT, series, gather_rejects([*fields.rejects, bad, skipped]), intervals,
        readings=_readings(numbered.filter(~is_half_hour)),
        notes={"stamps": "ends of the half hours on the clock of Dublin"},
    )  # fmt: skip


def _reason() -> pl.Expr:
    return (
        pl.when(pl.col("meter_point") == "")
        .then(pl.lit("no_meter_point"))
        .when(pl.col("stated").is_null())
        .then(pl.lit("bad_read_type"))
        .when(pl.col("local").is_null())
        .then(pl.lit("bad_time"))
    )


def _detail() -> pl.Expr:
    return pl.format(
        "expected an MPRN, a read type with its unit such as Active Import Interval (kWh), and an end time such as "
        "31-12-2026 23:30; found `{}`, `{}`, `{}`",
        "meter_point",
        pl.col("suffix").str.head(60),
        pl.col("found").str.head(40),
    )


def _intervals(source: Source, rows: pl.DataFrame) -> tuple[DataFrame[IntervalRecords], pl.DataFrame]:
    descending = rows.height > 1 and bool(rows["local"][0] > rows["local"][-1])
    is_power = pl.col("stated").is_in(list(_POWERS))
    timed = rows.with_columns(
        utc_of_ends(rows, ZONE, MINUTES, newest_first=descending).alias("start_utc"),
        multiplied_texts(rows["value"], HOURS).alias("energy"),
    )
    is_skipped = pl.col("start_utc").is_null() & (pl.col("value") != "")
    detail = pl.format("expected a time that the clock of {} shows, found `{}`", pl.lit(ZONE), "found")
    placed, skipped = split_by_reason(source, timed, pl.when(is_skipped).then(pl.lit("no_such_time")), detail)
    intervals = placed.filter(pl.col("start_utc").is_not_null()).select(
        "series_no",
        "line",
        "start_utc",
        pl.when(is_power).then("energy").otherwise("value").alias("value"),
        pl.lit("").alias("code"),
        _quality(),
    )
    return arranged(IntervalRecords, intervals), skipped


def _readings(rows: pl.DataFrame) -> DataFrame[ReadingRecords]:
    return arranged(
        ReadingRecords,
        rows.select(
            "series_no",
            "line",
            "meter_id",
            pl.col("local").alias("read_at"),
            "value",
            pl.lit(ReadKind.REGULAR.value).alias("kind"),
            pl.lit("").alias("code"),
            _quality(),
        ),
    )


def _quality() -> pl.Expr:
    """The file states none: what is there was measured."""
    return pl.when(pl.col("value") == "").then(int(Quality.MISSING)).otherwise(int(Quality.ACTUAL)).alias("quality")
