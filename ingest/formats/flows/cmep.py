"""CMEP: the California metering exchange protocol, a record of meter data (MEPMD01) per line.

14 fields - record, version, sender, sender's customer, receiver, receiver's customer, creation time, meter, purpose,
commodity, unit, calculation constant, interval (MMDDhhmm), count - then `count` triples of time, quality, value. A unit
that ends with REG is a register: its values are readings; other rows are intervals. A time may be left out: it is then
one interval after the one before. Stamps have no zone; an interval's stamp is its END, as the registers of the same
meters show: the hours stamped 08:00 to 07:00 add up to the register's readings from 07:00 to 07:00.
Source: CMEP version 4, record MEPMD01; Sensus RNI extended CMEP for the quality letters and flags.
"""

from __future__ import annotations

import polars as pl

from ingest.formats.flows.cmep_stamps import interval_minutes, start_of_interval, with_stamps
from ingest.formats.flows.cmep_values import is_multiplier, multiplied, power_of
from ingest.formats.flows.fields import cut_fields, field_at, stamp
from ingest.formats.parsed import Source, gather_rejects, reject_rows, split_by_reason
from ingest.formats.quality import quality_of
from ingest.formats.records import FileRecords, IntervalRecords, Opening, ReadingRecords, refused
from ingest.formats.series import number_series
from model.codes import Quality, ReadKind
from model.schema import arranged

FORMAT = "cmep"
_RECORD = "MEPMD01"
_HEAD_FIELDS = 14
_REGISTER = r"(?i)REG$"
_NO_READS = ["SUMMARY", "TEMPLATE", "REJECT", "PROFILE"]  # purposes whose quantities are no metered values

# Letter of the quality: raw, verified, derived from registers; adjusted (alone, or derived as well); estimated; none.
CMEP_QUALITY: dict[str, int] = {
    "": Quality.ACTUAL,
    "R": Quality.ACTUAL,
    "V": Quality.ACTUAL,
    "D": Quality.ACTUAL,
    "A": Quality.EDITED,
    "M": Quality.EDITED,
    "E": Quality.ESTIMATED,
    "N": Quality.MISSING,
}
# Bits of the number behind the letter that spoil the value: 9 the counter overflowed, 13 the register rolled over.
_SPOILED = 1 << 9 | 1 << 13


def matches(opening: Opening) -> bool:
    """Return whether the file begins with a record of meter data."""
    return opening.first.lstrip(' "').startswith("MEP") and opening.first.split(",")[0].strip(' "').upper() == _RECORD


def read(source: Source) -> FileRecords:
    """Return what a CMEP file says; the channel of a meter is its unit as written: KWH, KWHREG.

    Refused as a whole: no_data. Rejects of lines: unsupported_record, wrong_field_count (more or fewer triples than
    stated), no_meter_point, no_channel (no unit), bad_interval, bad_multiplier, not_reads (a summary, a template),
    bad_date (its creation time, or a stamp among its triples, with their number), bad_number (beside a constant).
    """
    records = cut_fields(source, ",").with_columns(field_at(0).str.to_uppercase().alias("record"))
    heads = _heads(records)
    if heads.is_empty():
        return refused(source.name, source.sha256, FORMAT, "no_data", "expected records MEPMD01, found none")
    other = records.filter(pl.col("record") != _RECORD)
    known, bad = split_by_reason(source, heads, _reason(), _detail())
    triples = with_stamps(_triples(known))
    unplaced = triples.filter(pl.col("stamp").is_null()).group_by("line").agg(pl.len().alias("triples"))
    detail = pl.format("expected times as YYYYMMDDhhmm, or none after the first; {} values have no place", "triples")
    valued = multiplied(triples.filter(pl.col("stamp").is_not_null()))
    unscaled = valued.filter(pl.col("value").is_null())
    scaled = valued.filter(pl.col("value").is_not_null()) if unscaled.height else valued
    series, rows = number_series(scaled.with_columns(_quality().alias("quality")))
    rejects = [
        reject_rows(source, other, "unsupported_record", f"expected {_RECORD}, the record of meter data"),
        bad,
        reject_rows(source, unplaced, "bad_date", detail),
        reject_rows(source, unscaled.unique("line"), "bad_number", "expected plain decimals beside a constant"),
    ]
    return FileRecords(
        source.name,
        source.sha256,
        FORMAT,
        series,
        gather_rejects(rejects),
        intervals=arranged(IntervalRecords, _intervals(rows)),
        readings=arranged(ReadingRecords, _readings(rows)),
    )


def _heads(records: pl.DataFrame) -> pl.DataFrame:
    """Return the MEPMD01 records with their head fields judged, the fields of their triples in `fields`."""
    values = pl.col("fields").list.slice(_HEAD_FIELDS)
    return records.filter(pl.col("record") == _RECORD).select(
        "line",
        field_at(7).alias("meter_point"),
        field_at(10).alias("suffix"),
        field_at(10).str.replace(_REGISTER, "").alias("unit"),
        field_at(10).str.contains(_REGISTER).alias("is_reading"),
        field_at(8).str.to_uppercase().alias("purpose"),
        stamp(field_at(6), 12).alias("updated_at"),
        field_at(6).alias("created"),
        field_at(11).alias("constant"),
        power_of(field_at(11)).alias("power"),
        field_at(12).alias("interval"),
        interval_minutes(field_at(12)).alias("length"),
        field_at(13).cast(pl.Int64, strict=False).alias("count"),
        values.list.len().cast(pl.Int64).alias("found"),
        values.alias("fields"),
    )


def _reason() -> pl.Expr:
    is_counted = (pl.col("found") == 3 * pl.col("count")) & (pl.col("count") > 0)
    return (
        pl.when(~is_counted.fill_null(False))
        .then(pl.lit("wrong_field_count"))
        .when(pl.col("meter_point") == "")
        .then(pl.lit("no_meter_point"))
        .when(pl.col("unit") == "")
        .then(pl.lit("no_channel"))
        .when(pl.col("purpose").is_in(_NO_READS))
        .then(pl.lit("not_reads"))
        .when(~pl.col("is_reading") & pl.col("length").is_null())
        .then(pl.lit("bad_interval"))
        .when(~is_multiplier(pl.col("constant")))
        .then(pl.lit("bad_multiplier"))
        .when((pl.col("created") != "") & pl.col("updated_at").is_null())
        .then(pl.lit("bad_date"))
    )


def _detail() -> pl.Expr:
    return pl.format(
        "expected a meter, a unit, metered values, an interval as MMDDhhmm, a constant, and {} triples in {} fields; "
        "found meter `{}`, unit `{}`, purpose `{}`, interval `{}`, constant `{}`, {} fields, created `{}`",
        pl.col("count").cast(pl.String).fill_null("a number of"),
        (3 * pl.col("count")).cast(pl.String).fill_null("three times as many"),
        "meter_point",
        "suffix",
        "purpose",
        "interval",
        "constant",
        "found",
        "created",
    )


def _triples(heads: pl.DataFrame) -> pl.DataFrame:
    """Return a row per triple: the head's columns, position, time, code, value; in order of the file."""
    every_third = [
        pl.col("fields").list.gather_every(3, offset).alias(name)
        for offset, name in enumerate(("time", "code", "value"))
    ]
    head = ["line", "meter_point", "suffix", "unit", "power", "constant", "length", "is_reading", "updated_at"]
    minutes = pl.when(~pl.col("is_reading")).then("length").alias("minutes")
    split = heads.select(*head, minutes, *every_third)
    rows = split.explode("time", "code", "value", empty_as_null=False, keep_nulls=False)
    return rows.with_columns(pl.int_range(pl.len()).over("line").alias("position"))


def _quality() -> pl.Expr:
    code = pl.col("code").str.to_uppercase()
    flags = code.str.slice(1).cast(pl.Int64, strict=False)
    by_letter = quality_of(code.str.head(1), CMEP_QUALITY)
    is_spoiled = by_letter.is_in([Quality.ACTUAL, Quality.EDITED, Quality.ESTIMATED]) & (flags & _SPOILED != 0)
    known = pl.when((code.str.len_bytes() < 2) | flags.is_not_null()).then(by_letter)
    return pl.when(is_spoiled.fill_null(False)).then(int(Quality.SUSPECT)).otherwise(known).cast(pl.UInt8)


def _intervals(rows: pl.DataFrame) -> pl.DataFrame:
    curve = rows.filter(~pl.col("is_reading"))
    return curve.with_columns(_value(), start_of_interval().alias("start_local"))


def _readings(rows: pl.DataFrame) -> pl.DataFrame:
    is_estimate = (pl.col("quality") == Quality.ESTIMATED).fill_null(False)
    return rows.filter(pl.col("is_reading")).with_columns(
        _value(),
        pl.col("meter_point").alias("meter_id"),
        pl.col("stamp").alias("read_at"),
        pl.when(is_estimate)
        .then(pl.lit(ReadKind.ESTIMATE.value))
        .otherwise(pl.lit(ReadKind.REGULAR.value))
        .alias("kind"),
    )


def _value() -> pl.Expr:
    """Return the value; what stands beside a missing one (N) is a filler."""
    is_missing = (pl.col("quality") == Quality.MISSING).fill_null(False)
    return pl.when(is_missing).then(pl.lit("")).otherwise("value").alias("value")
