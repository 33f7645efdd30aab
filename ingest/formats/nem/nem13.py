"""NEM13: the Australian market's files of accumulation meters: use between two readings of a register.

Records: 100 head, 250 reading (previous and current register read, their quality, quantity), 550 transaction codes of
the reading above it, 900 end. Times are those of the market, UTC+10 all year, and are kept as written: a reading counts
for its day.
Source: AEMO, Meter Data File Format Specification NEM12 and NEM13, version 2.6.
"""

from __future__ import annotations

import polars as pl

from ingest.formats.flows.fields import cut_fields, field_at, stamp
from ingest.formats.parsed import Source, gather_rejects, reject_rows, split_by_reason
from ingest.formats.quality import NEM12_QUALITY, quality_of
from ingest.formats.records import FileRecords, Opening, ReadingRecords, refused
from ingest.formats.series import number_series
from model.codes import Quality, ReadKind
from model.schema import arranged

FORMAT = "nem13"
_RECORDS = ["100", "250", "550", "900"]
_FIELDS_MIN = 20  # to the unit; what follows (next read date, update and load times) may be missing
_CUSTOMER_REASON = "75"  # reason code: the customer read the register
_TRANSACTION_KIND = {"R": ReadKind.REMOVAL, "E": ReadKind.ESTIMATE}  # transaction codes of 550; others are routine


def matches(opening: Opening) -> bool:
    """Return whether the head of the file names NEM13."""
    fields = [field.strip().strip('"').upper() for field in opening.first.split(",")]
    return fields[0] == "100" and fields[1:2] == ["NEM13"]


def read(source: Source) -> FileRecords:
    """Return the readings of a NEM13 file.

    Refused as a whole: no_header_record, no_data. Rejects of lines: unknown_record, no_end_record (the file may be cut
    off), no_reading_record (550 without 250), wrong_field_count, no_meter_point, bad_date, no_quantity.
    """
    records = cut_fields(source, ",").with_columns(field_at(0).alias("kind"))
    if records["kind"][0] != "100":
        detail = f"expected a 100 record first, found `{source.lines['text'][0][:40]}`"
        return refused(source.name, source.sha256, FORMAT, "no_header_record", detail)
    if not (records["kind"] == "250").any():
        return refused(source.name, source.sha256, FORMAT, "no_data", "expected readings (250 records), found none")
    stated, short = _readings(source, records)
    reason = (
        pl.when((pl.col("meter_point") == "") | (pl.col("suffix") == ""))
        .then(pl.lit("no_meter_point"))
        .when(_has_bad_date())
        .then(pl.lit("bad_date"))
        .when(pl.col("quantity") == "")
        .then(pl.lit("no_quantity"))
    )
    good, bad = split_by_reason(source, stated, reason, _detail())
    series, rows = number_series(good)
    rejects = gather_rejects([*_strays(source, records), short, bad])
    readings = arranged(ReadingRecords, rows)
    return FileRecords(source.name, source.sha256, FORMAT, series, rejects, readings=readings)


def _detail() -> pl.Expr:
    return pl.format(
        "expected NMI, suffix, quantity, and dates as YYYYMMDDhhmmss, the earlier one first; found `{}`, `{}`, `{}`, "
        "`{}` to `{}`, updated `{}`",
        "meter_point",
        "suffix",
        "quantity",
        "from_text",
        "read_text",
        "updated_text",
    )


def _strays(source: Source, records: pl.DataFrame) -> list[pl.DataFrame]:
    above = pl.col("kind").shift(1).fill_null("")
    unknown = records.filter(~pl.col("kind").is_in(_RECORDS))
    orphans = records.filter((pl.col("kind") == "550") & ~above.is_in(["250", "550"]))
    unended = records.tail(1).filter(pl.col("kind") != "900")
    return [
        reject_rows(source, unknown, "unknown_record", f"expected one of the records {', '.join(_RECORDS)}"),
        reject_rows(source, orphans, "no_reading_record", "expected a 250 record above this transaction"),
        reject_rows(source, unended, "no_end_record", "expected a 900 record last: the file may be cut off"),
    ]


def _readings(source: Source, records: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Return the 250 records as columns of ReadingRecords, and rejects of those that are too short."""
    opens = pl.when(pl.col("kind") != "550").then("line").forward_fill()
    placed = records.with_columns(opens.alias("above"))
    codes = placed.filter(pl.col("kind") == "550").select(
        pl.col("above").alias("line"), field_at(3).alias("transaction")
    )
    known = codes.unique("line", keep="first", maintain_order=True)
    stated = records.filter(pl.col("kind") == "250")
    count = pl.col("fields").list.len()
    short = stated.filter(count < _FIELDS_MIN)
    detail = pl.format("expected a 250 record of {} fields or more, found {}", pl.lit(_FIELDS_MIN), count)
    whole = stated.filter(count >= _FIELDS_MIN).join(
        known, on="line", how="left", validate="m:1", maintain_order="left"
    )
    rows = whole.select(
        "line",
        field_at(1).alias("meter_point"),
        field_at(4).alias("suffix"),
        field_at(6).alias("meter_id"),
        *_state("from", 8),
        *_state("read", 13),
        field_at(18).alias("quantity"),
        field_at(19).alias("unit"),
        field_at(21).alias("updated_text"),
        stamp(field_at(21)).alias("updated_at"),
        pl.lit(0, dtype=pl.Int8).alias("power"),
        pl.lit(None, dtype=pl.Int32).alias("minutes"),
        _kind().alias("kind"),
    )
    named = rows.rename({"read_value": "value", "read_code": "code", "read_quality": "quality"})
    return named, reject_rows(source, short, "wrong_field_count", detail)


def _state(name: str, first: int) -> list[pl.Expr]:
    """Return value, time, code and quality of one of the two readings, whose fields begin at `first`."""
    reason = field_at(first + 3)
    code = pl.concat_str(field_at(first + 2), reason, separator="/").str.strip_chars_end("/")
    by_flag = quality_of(field_at(first + 2).str.head(1).str.to_uppercase(), NEM12_QUALITY)
    quality = (
        pl.when(by_flag.is_not_null() & (reason == _CUSTOMER_REASON)).then(int(Quality.CUSTOMER)).otherwise(by_flag)
    )
    return [
        field_at(first).alias(f"{name}_value"),
        field_at(first + 1).alias(f"{name}_text"),
        stamp(field_at(first + 1)).alias(f"{name}_at"),
        code.alias(f"{name}_code"),
        quality.cast(pl.UInt8).alias(f"{name}_quality"),
    ]


def _has_bad_date() -> pl.Expr:
    is_backwards = (pl.col("read_at") < pl.col("from_at")).fill_null(True)
    return is_backwards | ((pl.col("updated_text") != "") & pl.col("updated_at").is_null())


def _kind() -> pl.Expr:
    flag, reason = field_at(15).str.head(1).str.to_uppercase(), field_at(16)
    by_transaction = pl.col("transaction").replace_strict(_TRANSACTION_KIND, default=None, return_dtype=pl.String)
    return (
        pl.when(flag.is_in(["E", "S", "F"]))
        .then(pl.lit(ReadKind.ESTIMATE.value))
        .when(reason == _CUSTOMER_REASON)
        .then(pl.lit(ReadKind.CUSTOMER.value))
        .otherwise(by_transaction.fill_null(ReadKind.REGULAR.value))
    )
