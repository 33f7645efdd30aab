"""Register readings of a file to landed readings: channels known, whole smallest units, each reading once."""

from __future__ import annotations

from datetime import time

import polars as pl

from ingest.formats.numbers import READING_MAX, exact_integers
from ingest.formats.parsed import Source, reject_rows, split_by_reason
from ingest.formats.records import FileRecords
from ingest.landing.channels import Resolved
from ingest.versions import READING_KEY, best_first
from model.codes import Quality, ReadKind
from model.reads import RegisterReads
from model.schema import column_names

_DAY_ENDS = time(23, 59)  # a reading from this minute on closes its day: it holds at the start of the next
_SERIES = ("channel_no", "exponent")


def place_readings(source: Source, records: FileRecords, resolved: Resolved) -> tuple[pl.DataFrame, list[pl.DataFrame]]:
    """Return the readings of a file as RegisterReads, and rejects.

    A record that states the reading before it as well (NEM13) gives both. Rejects: no_meter, no_reading (a quantity
    alone cannot be set against other readings), negative_reading, bad_number, too_precise, value_too_large,
    bad_quality, duplicate_reading.
    """
    known = resolved.at(records.readings, *_SERIES).filter(pl.col("channel_no").is_not_null())
    current = known.select(
        "line", "channel_no", "exponent", "meter_id", "read_at", "value", "kind", "code", "quality", "updated_at",
        pl.lit(False).alias("is_before"),
    )  # fmt: skip
    before = known.filter(pl.col("from_at").is_not_null() & (pl.col("from_value").fill_null("") != "")).select(
        "line", "channel_no", "exponent", "meter_id",
        pl.col("from_at").alias("read_at"),
        pl.col("from_value").alias("value"),
        _kind_before().alias("kind"),
        pl.col("from_code").fill_null("").alias("code"),
        pl.col("from_quality").alias("quality"),
        "updated_at",
        pl.lit(True).alias("is_before"),
    )  # fmt: skip
    judged = _judged(pl.concat([current, before]))
    detail = pl.format(
        "expected a meter, a reading of zero or more in whole smallest units and a quality code; "
        "found `{}`, `{}`, `{}`",
        "meter_id",
        pl.col("found").str.head(40),
        "code",
    )
    good, bad = split_by_reason(source, judged, _reason(), detail)
    reads, duplicates = _settled(source, _without_known(good))
    return reads, [bad, duplicates]


def _kind_before() -> pl.Expr:
    """Return why the reading before was taken, as far as its quality tells."""
    kinds = {
        Quality.ESTIMATED: ReadKind.ESTIMATE,
        Quality.FORECAST: ReadKind.ESTIMATE,
        Quality.CUSTOMER: ReadKind.CUSTOMER,
    }
    return pl.col("from_quality").replace_strict(
        [int(quality) for quality in kinds],
        [kind.value for kind in kinds.values()],
        default=ReadKind.REGULAR.value,
        return_dtype=pl.String,
    )


def _judged(rows: pl.DataFrame) -> pl.DataFrame:
    numbers = exact_integers(rows["value"], rows["exponent"], limit=READING_MAX)
    closes = pl.col("read_at").dt.time() >= _DAY_ENDS
    day = pl.col("read_at").dt.date()
    return rows.with_columns(
        pl.col("value").alias("found"),
        numbers["value"].alias("reading"),
        numbers["problem"],
        pl.when(closes).then(day.dt.offset_by("1d")).otherwise(day).alias("read_date"),
    )


def _reason() -> pl.Expr:
    return (
        pl.when(pl.col("meter_id") == "")
        .then(pl.lit("no_meter"))
        .when(pl.col("found") == "")
        .then(pl.lit("no_reading"))
        .when(pl.col("problem").is_not_null())
        .then("problem")
        .when(pl.col("reading") < 0)
        .then(pl.lit("negative_reading"))
        .when(pl.col("quality").is_null())
        .then(pl.lit("bad_quality"))
    )


def _without_known(reads: pl.DataFrame) -> pl.DataFrame:
    """Leave out readings before that the file states as readings of their own: the next record only repeats them."""
    same = ["channel_no", "meter_id", "read_date", "reading"]
    current, before = reads.filter(~pl.col("is_before")), reads.filter("is_before")
    told = before.join(current.select(same).unique(), on=same, how="anti").unique(
        [*same, "kind"], keep="last", maintain_order=True
    )
    return pl.concat([current, told])


def _settled(source: Source, good: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
    reads = good.select(
        "channel_no",
        "meter_id",
        "read_date",
        pl.col("kind").alias("read_kind"),
        "reading",
        "quality",
        pl.col("code").alias("raw_code"),
        pl.lit(0, dtype=pl.Int64).alias("seq"),
        "updated_at",
        "line",
    )
    ordered = best_first(reads, READING_KEY, quality="quality", latest="line")
    is_first = ordered.select(pl.struct(READING_KEY).is_first_distinct()).to_series()
    kept = ordered.filter(is_first)
    winners = kept.select(*READING_KEY, pl.col("line").alias("winner"))
    losers = ordered.filter(~is_first).join(winners, on=READING_KEY, how="left", validate="m:1")
    detail = pl.format("expected each reading once; it is taken from line {}", "winner")
    return kept.select(column_names(RegisterReads)), reject_rows(source, losers, "duplicate_reading", detail)
