"""Times of EDIFACT DTM segments: a value and a format code, with or without an offset."""

from __future__ import annotations

from datetime import UTC, datetime

import polars as pl

from ingest.formats.dates import FIRST_DAY, LAST_DAY

# MSCONS is the format of Germany, Switzerland, Austria and Luxembourg: all on central European time. A reading that is
# stated with an offset (0:00 on 1 June is 202505312200+00) is put back on that clock, to name the day it was taken.
MARKET_ZONE = "Europe/Berlin"

# Format code of DTM -> how many digits of CCYYMMDDHHMMSS it states. 303 and 304 end with an offset from UTC.
# Source: UN/EDIFACT code list 2379.
_DIGITS = {"102": 8, "203": 12, "204": 14, "303": 12, "304": 14}
_WITH_OFFSET = ["303", "304"]
_OFFSET_MAX = 14 * 60  # no zone is further from UTC


def with_times(frame: pl.DataFrame) -> pl.DataFrame:
    """Add `local`, `utc` and `clock` to rows of (value, format): utc where the format has an offset, else local.

    `clock` is the time on the wall of the market. All are null where the value is no such time, or from years that
    have no reads.
    """
    digits = pl.col("format").replace_strict(_DIGITS, default=None, return_dtype=pl.Int32)
    has_offset = pl.col("format").is_in(_WITH_OFFSET)
    plain = frame.with_columns(
        (pl.col("value").str.slice(0, digits) + pl.lit("000000")).str.slice(0, 14).alias("digits"),
        pl.col("value").str.slice(digits.fill_null(0)).alias("tail"),
    )
    offset = _offset_minutes()
    moment = pl.when(pl.col("digits").str.contains(r"^\d{14}$")).then("digits")
    wall = moment.str.to_datetime("%Y%m%d%H%M%S", time_unit="us", strict=False)
    usable = wall.is_between(datetime.combine(FIRST_DAY, datetime.min.time()), _last())
    is_offset = has_offset & offset.is_between(-_OFFSET_MAX, _OFFSET_MAX)
    return plain.with_columns(
        pl.when(usable & ~has_offset & (pl.col("tail") == "")).then(wall).alias("local"),
        pl.when(usable & is_offset).then(wall - pl.duration(minutes=offset)).dt.replace_time_zone("UTC").alias("utc"),
    ).select(pl.exclude("digits", "tail"), _market_clock().alias("clock"))


def _market_clock() -> pl.Expr:
    return pl.col("utc").dt.convert_time_zone(MARKET_ZONE).dt.replace_time_zone(None).fill_null(pl.col("local"))


def _last() -> datetime:
    return datetime.combine(LAST_DAY, datetime.max.time(), tzinfo=UTC).replace(tzinfo=None)


def _offset_minutes() -> pl.Expr:
    """Return minutes east of UTC of `+01`, `-05`, `+0530` in `tail`; null for anything else."""
    tail = pl.col("tail")
    is_offset = tail.str.contains(r"^[+-]\d\d([0-5]\d)?$")
    hours = tail.str.slice(1, 2).cast(pl.Int32, strict=False)
    minutes = tail.str.slice(3, 2).cast(pl.Int32, strict=False).fill_null(0)
    sign = pl.when(tail.str.starts_with("-")).then(-1).otherwise(1)
    return pl.when(is_offset).then(sign * (hours * 60 + minutes))
