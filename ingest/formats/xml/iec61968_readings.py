"""Readings of IEC 61968-9 messages, in columns."""

from __future__ import annotations

import numpy as np
import polars as pl
from pandera.typing.polars import DataFrame

from ingest.formats.dates import usable_instant
from ingest.formats.parsed import Source, reject_rows
from ingest.formats.records import IntervalRecords, ReadingRecords, Series
from ingest.formats.xml.elements import Elements, Rows, placed
from ingest.formats.xml.iec61968_types import quality_of_codes, read_type
from model.codes import Quality, ReadKind
from model.schema import arranged

READINGS = ("IntervalReadings", "IntervalReading", "Readings", "Reading")
BLOCKS = ("IntervalBlocks", "IntervalBlock")
_STAMP = r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,6})?(Z|[+-]\d\d:\d\d)?$"
_OFFSET = r"(Z|[+-]\d\d:\d\d)$"
_MIDNIGHT = "T24:00:00"  # xs:dateTime allows it for the end of a day
_MINUTES_MAX = 400 * 24 * 60
_KEY = ["meter_point", "suffix"]


def read_readings(elements: Elements) -> pl.DataFrame:
    """Return a row for each reading of a message.

    Columns, all text as written but `line`: meter_point, meter_id, suffix (the reading type), value, stamp, start and
    end (of its time period), code and quality. Empty is what a reading does not state; null, what it states twice.
    """
    rows = elements.of(*READINGS)
    stated = np.concatenate([elements.parent[elements.of(name)] for name in ("timeStamp", "value", "timePeriod")])
    rows = rows[np.isin(rows, stated)]
    owners = elements.enclosing(rows, "MeterReading")
    rows, owners = rows[owners >= 0], owners[owners >= 0]
    own, block = _types(elements, rows), _types(elements, elements.parent[rows])
    frame = pl.DataFrame(
        {
            "line": elements.line[rows],
            "meter_reading": owners,
            "suffix": pl.select(pl.when(own != "").then(own).otherwise(block)).to_series(),
            "value": elements.texts_below(rows, "value"),
            "stamp": elements.texts_below(rows, "timeStamp"),
            "start": elements.texts_below(rows, "timePeriod", "start"),
            "end": elements.texts_below(rows, "timePeriod", "end"),
        }
    )
    names = _names(elements, np.unique(owners))
    named = frame.join(names, on="meter_reading", how="left", validate="m:1", maintain_order="left")
    return named.hstack(_codes(elements, rows)).drop("meter_reading")


def _types(elements: Elements, holders: Rows) -> pl.Series:
    """Return the code of the reading type that each element names: in an attribute `ref`, or as text."""
    rows, owners = elements.down("ReadingType")
    codes = pl.select(pl.coalesce(elements.attributes(rows, "ref"), elements.texts(rows))).to_series()
    distinct, place = np.unique(holders, return_inverse=True)
    return placed(distinct, owners, codes).gather(place)


def _names(elements: Elements, owners: Rows) -> pl.DataFrame:
    """Return `meter_reading` (row), `meter_point` and `meter_id`."""
    told = pl.DataFrame(
        {
            "meter_reading": owners,
            **{
                f"{kind}{'/'.join(path)}": elements.texts_below(owners, kind, *path)
                for kind in ("UsagePoint", "Meter")
                for path in (("mRID",), ("Names", "name"), ("name",))
            },
        }
    )
    stated = {
        kind: pl.coalesce(pl.col(f"^{kind}.*$").exclude("meter_reading").replace("", None))
        for kind in ("UsagePoint", "Meter")
    }
    return told.select(
        "meter_reading",
        pl.coalesce(stated["UsagePoint"], stated["Meter"]).fill_null("").alias("meter_point"),
        stated["Meter"].fill_null("").alias("meter_id"),
    )


def _codes(elements: Elements, rows: Rows) -> pl.DataFrame:
    """Return `code` (all of them, in order) and `quality` (the worst) of each reading; one unknown makes it null."""
    kinds = elements.children("ReadingQualityType", "ReadingQualities", "ReadingQuality")
    codes = pl.select(pl.coalesce(elements.attributes(kinds, "ref"), elements.texts(kinds), pl.lit("?"))).to_series()
    owners = elements.parent[elements.parent[kinds]]
    told = pl.DataFrame({"row": owners, "code": codes}).with_columns(quality_of_codes(pl.col("code")).alias("quality"))
    if told["row"].is_duplicated().any():
        worst = pl.when(pl.col("quality").is_not_null().all()).then(pl.col("quality").max())
        told = told.group_by("row", maintain_order=True).agg(pl.col("code").str.join(" "), worst.alias("quality"))
    coded = pl.DataFrame({"row": rows}).join(told, on="row", how="left", validate="1:1", maintain_order="left")
    actual = pl.lit(int(Quality.ACTUAL), dtype=pl.UInt8)
    return coded.select(
        pl.col("code").fill_null(""),
        pl.when(pl.col("code").is_null()).then(actual).otherwise("quality").alias("quality"),
    )


def sound_rows(source: Source, rows: pl.DataFrame, *, is_end_stamped: bool) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Return the readings that can be records, and rejects of the others.

    Adds `minutes` (of the type), unit, power, is_interval, start_utc and length (minutes), read_at.
    """
    typed = rows.join(_type_table(rows["suffix"]), on="suffix", how="left", validate="m:1", maintain_order="left")
    has_period = (pl.col("start") != "") & (pl.col("end") != "")
    timed = typed.with_columns(
        (pl.col("is_delta") | ~pl.col("is_register") & (pl.col("minutes").is_not_null() | has_period)).alias(
            "is_interval"
        ),
        pl.when(pl.col("stamp") == "").then("end").otherwise("stamp").alias("stamp"),
    ).with_columns(
        _instant("stamp").alias("stamp_utc"),
        _clock("stamp").alias("read_at"),
        pl.when(has_period).then(_instant("start")).alias("period_start"),
        pl.when(has_period).then(_instant("end")).alias("period_end"),
    )
    back = pl.duration(minutes="minutes") if is_end_stamped else pl.duration(minutes=0)
    seconds = (pl.col("period_end") - pl.col("period_start")).dt.total_seconds()
    placed_rows = timed.with_columns(
        pl.when(has_period).then("period_start").otherwise(pl.col("stamp_utc") - back).alias("start_utc"),
        pl.when(~has_period).then("minutes").when(seconds % 60 == 0).then(seconds // 60).alias("length"),
    )
    judged = placed_rows.with_columns(_reason().alias("reason"))
    wrong = judged.filter(pl.col("reason").is_not_null())
    return judged.filter(pl.col("reason").is_null()), reject_rows(source, wrong, pl.col("reason"), _detail())


def _type_table(codes: pl.Series) -> pl.DataFrame:
    """Return what each reading type of the file says; unit is null for a code that is none."""
    kinds = [(code, read_type(code)) for code in codes.drop_nulls().unique(maintain_order=True)]
    return pl.DataFrame(
        [
            (code, kind.minutes, kind.is_register, kind.is_delta, kind.unit, kind.power)
            if kind
            else (code, None, False, False, None, None)
            for code, kind in kinds
        ],
        schema={
            "suffix": pl.String,
            "minutes": pl.Int64,
            "is_register": pl.Boolean,
            "is_delta": pl.Boolean,
            "unit": pl.String,
            "power": pl.Int8,
        },
        orient="row",
    )


def _instant(name: str) -> pl.Expr:
    """Return a stamp as an instant; null when it is none or states no offset."""
    text = pl.col(name).str.replace("Z$", "+00:00").str.replace(_MIDNIGHT, "T00:00:00", literal=True)
    instant = text.str.to_datetime("%Y-%m-%dT%H:%M:%S%.f%:z", time_unit="us", time_zone="UTC", strict=False)
    return pl.when(pl.col(name).str.contains(_STAMP)).then(usable_instant(instant + _next_day(name)))


def _clock(name: str) -> pl.Expr:
    """Return what the clock of a stamp shows, without its offset."""
    text = pl.col(name).str.head(19).str.replace(_MIDNIGHT, "T00:00:00", literal=True)
    return text.str.to_datetime("%Y-%m-%dT%H:%M:%S", time_unit="us", strict=False) + _next_day(name)


def _next_day(name: str) -> pl.Expr:
    return pl.duration(days=pl.col(name).str.contains(_MIDNIGHT, literal=True).cast(pl.Int64))


def _reason() -> pl.Expr:
    """Return why a reading cannot be a record; null when it can."""
    has_offset = pl.col("stamp").str.contains(_OFFSET)
    is_placed = (
        pl.when("is_interval").then(pl.col("start_utc").is_not_null()).otherwise(pl.col("stamp_utc").is_not_null())
    )
    is_timed = pl.col("length").is_between(1, _MINUTES_MAX).fill_null(False)
    return (
        pl.when(pl.any_horizontal(pl.col("value", "stamp", "start", "end", "suffix").is_null()))
        .then(pl.lit("bad_reading"))
        .when(pl.col("unit").is_null())
        .then(pl.lit("bad_reading_type"))
        .when(pl.col("is_interval") & pl.col("minutes").is_null() & ((pl.col("start") == "") | (pl.col("end") == "")))
        .then(pl.lit("bad_duration"))
        .when(~is_placed & pl.col("stamp").str.contains(_STAMP) & ~has_offset)
        .then(pl.lit("no_offset"))
        .when(~is_placed)
        .then(pl.lit("bad_date"))
        .when(pl.col("is_interval") & ~is_timed)
        .then(pl.lit("bad_duration"))
        .when(~pl.col("is_interval") & pl.col("stamp").str.ends_with("Z"))
        .then(pl.lit("no_local_time"))
    )


def _detail() -> pl.Expr:
    stamp = pl.col("stamp").fill_null("").str.head(40)
    said = {
        "bad_reading": pl.lit("expected one value, one time stamp and one reading type, found others"),
        "bad_reading_type": pl.format("expected a reading type of 18 parts, found `{}`", pl.col("suffix").str.head(60)),
        "no_offset": pl.format("expected a time with its offset from UTC, found `{}`", stamp),
        "bad_date": pl.format("expected a time as YYYY-MM-DDThh:mm:ss with offset, found `{}`", stamp),
        "bad_duration": pl.lit("expected a reading type with the length of intervals, or a period of whole minutes"),
        "no_local_time": pl.format("expected a register's time on the clock of its place, found UTC: `{}`", stamp),
    }
    detail = pl.lit("")
    for reason, text in said.items():
        detail = pl.when(pl.col("reason") == reason).then(text).otherwise(detail)
    return detail


def series_table(rows: pl.DataFrame) -> DataFrame[Series]:
    """Return a series for each reading type of each meter point, in the order of the file."""
    series = rows.group_by(_KEY, maintain_order=True).agg(
        pl.col("line").min(),
        pl.col("unit").first(),
        pl.col("power").first(),
        # A type without a length of its own: that of the intervals if they agree. Without intervals, a register.
        pl.when(pl.col("is_interval").any())
        .then(
            pl.coalesce(
                pl.col("minutes").first(),
                pl.when(pl.col("length").n_unique() == 1).then(pl.col("length").first()),
            )
        )
        .otherwise(0)
        .alias("file_minutes"),
    )
    return arranged(Series, series.with_row_index("series_no"))


def interval_table(rows: pl.DataFrame, series: DataFrame[Series]) -> DataFrame[IntervalRecords]:
    """Return the intervals."""
    own = pl.col("length").ne_missing(pl.col("file_minutes"))
    return arranged(
        IntervalRecords,
        _numbered(rows.filter("is_interval"), series).select(
            "series_no", "line", "start_utc", pl.when(own).then("length").alias("minutes"), "value", "code", "quality"
        ),
    )


def reading_table(rows: pl.DataFrame, series: DataFrame[Series]) -> DataFrame[ReadingRecords]:
    """Return what registers showed."""
    return arranged(
        ReadingRecords,
        _numbered(rows.filter(~pl.col("is_interval")), series).select(
            "series_no", "line", "meter_id", "read_at", "value", "code", "quality", kind=pl.lit(str(ReadKind.REGULAR))
        ),
    )


def _numbered(rows: pl.DataFrame, series: DataFrame[Series]) -> pl.DataFrame:
    numbers = series.select("series_no", "file_minutes", *_KEY)
    return rows.join(numbers, on=_KEY, how="left", validate="m:1", maintain_order="left")
