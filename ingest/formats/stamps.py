"""Dates and times as vendors write them, and what the clock of a zone makes of them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from functools import partial

import polars as pl

from ingest.formats.dates import of_full_width, parsed_once, usable_instant
from model.zones import zone

# The day comes before the month, as British and Irish systems write it. Where a year of four digits is looked for, one
# of two digits is a year of antiquity: no reads are of that time, and the next format is tried.
UK_FORMATS = (
    "%d/%m/%Y %H:%M:%S", "%d/%m/%Y %H:%M", "%d/%m/%Y", "%d/%m/%y", "%d/%m/%y %H:%M:%S", "%d/%m/%y %H:%M",
    "%Y-%m-%d", "%Y-%m-%d %H:%M:%S", "%Y-%m-%d %H:%M", "%Y-%m-%dT%H:%M:%S", "%Y-%m-%dT%H:%M", "%Y/%m/%d",
    "%Y-%m-%dT%H:%M:%SZ", "%Y-%m-%d %H:%M:%S%.f",
    "%d %b %Y %H:%M:%S", "%d %b %Y %H:%M", "%d %b %Y", "%d-%b-%Y", "%d-%b-%y", "%d-%b-%Y %H:%M:%S", "%d-%b-%Y %H:%M",
    "%b %d %Y %I:%M%p", "%b %d %Y", "%d-%m-%Y", "%d-%m-%Y %H:%M:%S", "%d-%m-%Y %H:%M", "%d.%m.%Y", "%d.%m.%Y %H:%M",
    "%Y%m%d", "%Y%m%d%H%M",
)  # fmt: skip
# Spreadsheets count days from here; 60 is a day that they have and the calendar does not, long before any meter file.
_SPREADSHEET_START = pl.date(1899, 12, 30)
_SERIAL = r"^[1-9]\d{4}(\.\d+)?$"
# At the beginning or behind the date: in 12:24:00 it is minutes.
_MIDNIGHT = r"(^|[ T])24:00(:00)?\b"
_LOCAL = pl.Datetime("us")


def local_times(text: pl.Series, formats: Sequence[str] = UK_FORMATS) -> pl.Series:
    """Return the times on a clock that texts name, in the first format that fits; null where none does.

    Serial numbers of spreadsheets (days and their fractions) are times to the minute; 24:00 begins the next day.
    """
    return parsed_once(text, partial(_local_times, formats=formats))


def midnights(text: pl.Series) -> tuple[pl.Series, pl.Series]:
    """Return texts with 00:00 for 24:00, and how much later they are: a day where it was 24:00, else nothing."""
    is_late = text.str.contains(_MIDNIGHT)
    days = pl.DataFrame({"late": is_late}).select(pl.duration(days=pl.col("late").cast(pl.Int64)).alias("late"))
    plain = text.str.replace(_MIDNIGHT, "${1}00:00${2}") if is_late.any() else text
    return plain, days.to_series()


def _local_times(text: pl.Series, formats: Sequence[str]) -> pl.Series:
    plain, extra = midnights(text)
    return _in_first_format(plain, formats) + extra


def _in_first_format(text: pl.Series, formats: Sequence[str]) -> pl.Series:
    found = pl.Series("at", [None], dtype=_LOCAL).new_from_index(0, len(text))
    for form in formats:
        frame = pl.DataFrame({"at": found, "text": text})
        parsed = of_full_width(pl.col("text"), form).str.to_datetime(form, time_unit="us", strict=False)
        found = frame.select(pl.col("at").fill_null(_usable(parsed))).to_series()
        if not found.null_count():
            return found
    return pl.DataFrame({"at": found, "text": text}).select(pl.col("at").fill_null(_usable(_spreadsheet_time())))["at"]


def _usable(local: pl.Expr) -> pl.Expr:
    return usable_instant(local.dt.replace_time_zone("UTC")).dt.replace_time_zone(None)


def _spreadsheet_time() -> pl.Expr:
    serial = pl.when(pl.col("text").str.contains(_SERIAL)).then(pl.col("text"))
    # The fraction is one of a day: in minutes it is rounded, since a third of a day has no end of digits.
    minutes = (serial.cast(pl.Decimal(38, 12), strict=False).to_physical() * 1440 + 5 * 10**11) // 10**12
    return _SPREADSHEET_START.cast(_LOCAL) + pl.duration(minutes=minutes.cast(pl.Int64))


def utc_of_local(rows: pl.DataFrame, tz_name: str, *, key: str = "series_no", newest_first: bool = False) -> pl.Series:
    """Return the instant of each `local` time on the clock of a zone; null where the clock skips it.

    A time that the clock shows twice is the first pass where it comes first in the file, the second where it comes
    again; with `newest_first` the other way round.

    Raises:
        ConfigError: there is no such zone.
    """
    zone(tz_name)
    local = pl.col("local")
    passes = rows.select(
        key, "local",
        local.dt.replace_time_zone(tz_name, ambiguous="earliest", non_existent="null").alias("early"),
        local.dt.replace_time_zone(tz_name, ambiguous="latest", non_existent="null").alias("late"),
    ).with_row_index("at")  # fmt: skip
    twice = passes.filter(pl.col("early") != pl.col("late"))
    if twice.is_empty():
        return passes["early"].dt.convert_time_zone("UTC").rename("start_utc")
    # Only the times of the repeated hour are counted, a few in a year.
    count = pl.int_range(pl.len()).over(key, "local", order_by="at", descending=newest_first)
    seconds = twice.select("at", (count % 2 == 1).alias("is_second")).filter("is_second")
    told = passes.join(seconds, on="at", how="left", validate="1:1", maintain_order="left")
    chosen = pl.when(pl.col("is_second").fill_null(False)).then("late").otherwise("early")
    return told.select(chosen.dt.convert_time_zone("UTC").alias("start_utc")).to_series()


def utc_of_ends(rows: pl.DataFrame, tz_name: str, minutes: int, *, newest_first: bool = False) -> pl.Series:
    """Return the instant at which each interval began that ends at `local`; null where the clock skips all of it.

    End labels come in two kinds. Those that a clock shows are instants: when it goes back from 02:00, the labels 01:00
    and 01:30 come twice. Those that are counted on from the start come as 01:30 and 02:00 twice, and as 01:00, which no
    clock shows, when it goes forward. Each file has labels of one kind, and where they differ it shows by which.

    Raises:
        ConfigError: there is no such zone.
    """
    length = pl.duration(minutes=minutes)
    keyed = rows.select("series_no", "local")
    ends = utc_of_local(keyed, tz_name, newest_first=newest_first)
    counted = utc_of_local(keyed.with_columns(pl.col("local") - length), tz_name, newest_first=newest_first)
    told = keyed.with_columns(
        (ends - timedelta(minutes=minutes)).alias("shown"),
        counted.alias("counted"),
        keyed.select(pl.struct("series_no", "local").is_duplicated()).to_series().alias("twice"),
    )
    # A label that the file has twice and the clock shows once was counted on, from a start that the clock shows twice.
    is_once, from_twice = ~_comes_twice(pl.col("local"), tz_name), _comes_twice(pl.col("local") - length, tz_name)
    is_counted = (pl.col("twice") & is_once & from_twice) | pl.col("shown").is_null()
    return told.select(pl.when(is_counted).then("counted").otherwise("shown").alias("start_utc")).to_series()


def _comes_twice(local: pl.Expr, tz_name: str) -> pl.Expr:
    """Return whether the clock of a zone shows a time twice."""
    early = local.dt.replace_time_zone(tz_name, ambiguous="earliest", non_existent="null")
    late = local.dt.replace_time_zone(tz_name, ambiguous="latest", non_existent="null")
    return (early != late).fill_null(False)
