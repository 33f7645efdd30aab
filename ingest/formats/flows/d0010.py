"""D0010: register readings of British electricity, a flow of the data transfer catalogue.

Records, fields between bars: ZHV head, 026 meter point (MPAN, validation status), 028 meter (serial, reading type),
030 register reading (register, time, value, two fields of the demand reset, valid flag, method), ZPT foot with the
counts of records and meter points. Other groups (027 site visit, 029, 032, 033) say nothing of a reading and are passed
over. The flow states no unit: that of the register is agreed elsewhere. Times are those of the wall clock.
Source: Data Transfer Catalogue, flow D0010 version 2; code lists J0022 (validation status) and J0171 (reading type).
"""

from __future__ import annotations

import polars as pl

from ingest.formats.flows.fields import cut_fields, field_at, stamp
from ingest.formats.parsed import Source, gather_rejects, reject_rows, split_by_reason
from ingest.formats.quality import quality_of
from ingest.formats.records import FileRecords, Opening, ReadingRecords, refused
from ingest.formats.series import number_series
from model.codes import Quality, ReadKind
from model.schema import arranged

FORMAT = "d0010"
_HEADS, _FEET = ("ZHV", "ZHD"), ("ZPT",)
_FLOW = "D0010"
_WITHDRAWN = "W"
# Reading type -> why it was read, and how good it is. D is deemed, O the old supplier's estimate, Q a reading that a
# person changed; A, I, F, M, P, R, S, T and Z were taken at the meter.
_TYPES: dict[str, tuple[ReadKind, Quality]] = {
    **dict.fromkeys("AMPRSTZ", (ReadKind.REGULAR, Quality.ACTUAL)),
    "C": (ReadKind.CUSTOMER, Quality.CUSTOMER),
    "D": (ReadKind.ESTIMATE, Quality.ESTIMATED),
    "O": (ReadKind.ESTIMATE, Quality.ESTIMATED),
    "F": (ReadKind.REMOVAL, Quality.ACTUAL),
    "I": (ReadKind.INSTALL, Quality.ACTUAL),
    "Q": (ReadKind.REGULAR, Quality.EDITED),
}


def matches(opening: Opening) -> bool:
    """Return whether the head of the file names a D0010 flow."""
    fields = opening.first.strip().split("|")
    return fields[0] in _HEADS and any(field.strip().startswith(_FLOW) for field in fields[1:4])


def read(source: Source) -> FileRecords:
    """Return the readings of a D0010 flow.

    Refused as a whole: no_header_record, no_data. Rejects of lines: unknown_record, no_end_record (no ZPT: the file may
    be cut off), record_count (ZPT counts other than the body has: the readings are kept, the foot is not believed),
    no_meter_point (no 026 above), no_meter (no 028 above), no_channel (no register), bad_date, no_reading, withdrawn.
    """
    records = cut_fields(source, "|").with_columns(field_at(0).alias("group"))
    if records["group"][0] not in _HEADS:
        detail = f"expected a ZHV record first, found `{source.lines['text'][0][:40]}`"
        return refused(source.name, source.sha256, FORMAT, "no_header_record", detail)
    if not (records["group"] == "030").any():
        return refused(
            source.name, source.sha256, FORMAT, "no_data", "expected register readings (030 records), found none"
        )
    good, bad = split_by_reason(source, _readings(records), _reason(), _detail())
    series, rows = number_series(good)
    rejects = gather_rejects([bad, *_strays(source, records)])
    readings = arranged(ReadingRecords, rows)
    return FileRecords(source.name, source.sha256, FORMAT, series, rejects, readings=readings)


def _readings(records: pl.DataFrame) -> pl.DataFrame:
    """Return the 030 records with the meter point and the meter above them, as columns of ReadingRecords."""
    is_point, is_meter = pl.col("group") == "026", pl.col("group") == "028"
    is_edge = pl.col("group").is_in([*_HEADS, *_FEET])
    placed = records.with_columns(
        _carried(is_point, is_edge, 1).alias("meter_point"),
        _carried(is_point, is_edge, 2).alias("status"),
        _carried(is_meter, is_edge | is_point, 1).alias("meter_id"),
        _carried(is_meter, is_edge | is_point, 2).alias("type"),
        pl.when(pl.col("group").is_in(_HEADS)).then(stamp(field_at(7))).forward_fill().alias("updated_at"),
    ).filter(pl.col("group") == "030")
    valid = field_at(6)
    kinds = {letter: kind.value for letter, (kind, _) in _TYPES.items()}
    by_type = quality_of(pl.col("type"), {letter: int(quality) for letter, (_, quality) in _TYPES.items()})
    # F: the collector's own check refused the reading, for the point (026) or for the register (030).
    is_failed = (pl.col("status") == "F") | (valid == "F")
    return placed.select(
        "line",
        "meter_point",
        "meter_id",
        "type",
        "updated_at",
        field_at(1).alias("suffix"),
        field_at(2).alias("read_text"),
        stamp(field_at(2)).alias("read_at"),
        field_at(3).alias("value"),
        pl.concat_str("status", "type", valid, field_at(7), separator="/").alias("code"),
        pl.when(is_failed).then(int(Quality.SUSPECT)).otherwise(by_type).cast(pl.UInt8).alias("quality"),
        pl.col("type").replace_strict(kinds, default=ReadKind.REGULAR.value).alias("kind"),
        pl.lit("").alias("unit"),
        pl.lit(0, dtype=pl.Int8).alias("power"),
        pl.lit(None, dtype=pl.Int32).alias("minutes"),
    )


def _carried(opens: pl.Expr, ends: pl.Expr, number: int) -> pl.Expr:
    """Return a field of the last record that `opens`, "" from a record that `ends`."""
    return pl.when(opens).then(field_at(number)).when(ends).then(pl.lit("")).forward_fill().fill_null("")


def _reason() -> pl.Expr:
    return (
        pl.when(pl.col("meter_point") == "")
        .then(pl.lit("no_meter_point"))
        .when(pl.col("meter_id") == "")
        .then(pl.lit("no_meter"))
        .when(pl.col("suffix") == "")
        .then(pl.lit("no_channel"))
        .when(pl.col("read_at").is_null())
        .then(pl.lit("bad_date"))
        .when(pl.col("value") == "")
        .then(pl.lit("no_reading"))
        .when(pl.col("type") == _WITHDRAWN)
        .then(pl.lit("withdrawn"))
    )


def _detail() -> pl.Expr:
    return pl.format(
        "expected a register reading below 026 (MPAN) and 028 (meter), its time as YYYYMMDDhhmmss, not withdrawn; "
        "found MPAN `{}`, meter `{}`, type `{}`, register `{}`, `{}` at `{}`",
        "meter_point",
        "meter_id",
        "type",
        "suffix",
        "value",
        "read_text",
    )


def _strays(source: Source, records: pl.DataFrame) -> list[pl.DataFrame]:
    is_edge = pl.col("group").is_in([*_HEADS, *_FEET])
    unknown = records.filter(~is_edge & ~pl.col("group").str.contains(r"^\d{3}$"))
    foot = records.tail(1)
    rejects = [reject_rows(source, unknown, "unknown_record", "expected ZHV, a group of three digits, or ZPT")]
    if foot["group"][0] not in _FEET:
        detail = "expected a ZPT record last: the file may be cut off"
        return [*rejects, reject_rows(source, foot, "no_end_record", detail)]
    if (records["group"].is_in(_HEADS)).sum() > 1:
        return rejects  # files joined into one: each foot counts its own part
    body = records.filter(~is_edge)
    found = [str(body.height), str((body["group"] == "026").sum())]
    counts = foot.select(field_at(2).alias("records"), field_at(4).alias("points")).row(0)
    if [count.lstrip("0") or "0" for count in counts] != found:
        detail = (
            f"expected {found[0]} records and {found[1]} meter points, as the body has; found `{'`, `'.join(counts)}`"
        )
        rejects.append(reject_rows(source, foot, "record_count", detail))
    return rejects
