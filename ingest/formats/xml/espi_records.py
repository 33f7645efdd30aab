"""Interval readings of an ESPI feed as the records that all formats share."""

from __future__ import annotations

import polars as pl
from pandera.typing.polars import DataFrame

from ingest.formats.dates import usable_instant
from ingest.formats.parsed import Source, reject_rows
from ingest.formats.records import IntervalRecords, ReadingRecords, Series
from ingest.formats.xml.elements import Elements
from ingest.formats.xml.espi_clock import EspiClock
from ingest.formats.xml.espi_series import EspiSeries, SeriesOfBlocks
from model.codes import ReadKind
from model.schema import arranged, checked, empty, polars_schema

_INSTANT = pl.Datetime("us", "UTC")
_REGULAR = str(ReadKind.REGULAR)


def sound_rows(
    source: Source, elements: Elements, blocks: SeriesOfBlocks, rows: pl.DataFrame
) -> tuple[pl.DataFrame, list[pl.DataFrame]]:
    """Return the rows that can be records, with `start` (UTC) and `is_register`, and rejects for the others."""
    unjoined = pl.DataFrame(
        [(int(elements.line[row]), reason, detail) for row, (reason, detail) in blocks.wrong.items()],
        schema={"line": pl.Int64, "reason": pl.String, "detail": pl.String},
        orient="row",
    )
    is_register = pl.Series([one.is_register for one in blocks.series], dtype=pl.Boolean)
    joined = rows.filter(pl.col("series_no") >= 0)
    placed = joined.with_columns(
        usable_instant(pl.col("start_us").cast(_INSTANT)).alias("start"),
        is_register.gather(joined["series_no"]).alias("is_register"),
    )
    fits = (pl.col("seconds") % 60 == 0) & (pl.col("is_register") | (pl.col("seconds") > 0))
    reason = (
        pl.when(pl.col("value").is_null())
        .then(pl.lit("bad_reading"))
        .when(pl.col("start").is_null())
        .then(pl.lit("bad_date"))
        .when(~fits.fill_null(False))
        .then(pl.lit("bad_duration"))
    )
    judged = placed.with_columns(reason.alias("reason"))
    wrong = judged.filter(pl.col("reason").is_not_null())
    return judged.filter(pl.col("reason").is_null()), [
        reject_rows(source, unjoined, pl.col("reason"), pl.col("detail")),
        reject_rows(source, wrong, pl.col("reason"), _detail()),
    ]


def _detail() -> pl.Expr:
    seconds = pl.coalesce(pl.col("seconds").cast(pl.String), pl.lit("none that can be read"))
    return (
        pl.when(pl.col("reason") == "bad_reading")
        .then(pl.lit("expected one value, one start and one duration without elements in them, found others"))
        .when(pl.col("reason") == "bad_date")
        .then(pl.lit("expected a start in seconds from 1970 UTC, found none that can be read"))
        .otherwise(pl.format("expected a duration in whole minutes, found seconds: {}", seconds))
    )


def series_table(series: list[EspiSeries], intervals: pl.DataFrame) -> DataFrame[Series]:
    """Return the series as a table; a length that the feed does not state is that of the intervals if they agree."""
    lengths = intervals.group_by("series_no").agg(
        pl.when(pl.col("seconds").n_unique() == 1).then(pl.col("seconds").first()).alias("seconds")
    )
    agreed = dict(lengths.select("series_no", "seconds").iter_rows())
    return arranged(
        Series,
        pl.DataFrame(
            [
                {
                    "series_no": number,
                    "line": one.line,
                    "meter_point": one.meter_point,
                    "suffix": one.suffix,
                    "unit": one.unit,
                    "power": one.power,
                    "file_minutes": 0 if one.is_register else _minutes(one.seconds, agreed.get(number)),
                }
                for number, one in enumerate(series)
            ],
            schema=polars_schema(Series),
        ),
    )


def _minutes(stated: int | None, agreed: int | None) -> int | None:
    seconds = agreed if stated is None else stated
    return None if seconds is None or seconds % 60 else seconds // 60


def interval_table(intervals: pl.DataFrame, series: DataFrame[Series]) -> DataFrame[IntervalRecords]:
    """Return the intervals of all series that are no registers."""
    own = series["file_minutes"].gather(intervals["series_no"])
    minutes = (pl.col("seconds") // 60).cast(pl.Int32)
    return arranged(
        IntervalRecords,
        intervals.select(
            "series_no",
            "line",
            pl.col("start").alias("start_utc"),
            pl.when(minutes.ne_missing(own)).then(minutes).alias("minutes"),
            "value",
            "code",
            "quality",
            pl.lit(None, dtype=pl.Datetime("us")).alias("start_local"),
        ),
    )


def reading_table(
    source: Source, rows: pl.DataFrame, clocks: list[EspiClock | None]
) -> tuple[DataFrame[ReadingRecords], pl.DataFrame]:
    """Return what registers showed, at the end of each reading's period, and rejects of those without a local clock."""
    has_clock = pl.Series([clock is not None for clock in clocks], dtype=pl.Boolean)
    is_placed = has_clock.gather(rows["series_no"])
    homeless = reject_rows(
        source, rows.filter(~is_placed), "no_local_time", "expected LocalTimeParameters to tell the day of a register"
    )
    parts = [empty(ReadingRecords)]
    for number, part in rows.filter(is_placed).partition_by("series_no", as_dict=True, maintain_order=True).items():
        clock = clocks[number[0]]
        assert clock is not None, "filtered above"
        end = part.select((pl.col("start") + pl.duration(seconds="seconds")).alias("end")).to_series()
        told = part.select("series_no", "line", "value", "code", "quality", meter_id=pl.lit(""), kind=pl.lit(_REGULAR))
        parts.append(arranged(ReadingRecords, told.with_columns(clock.local(end).alias("read_at"))))
    return checked(ReadingRecords, pl.concat(parts)), homeless
