"""Export of Badger Meter's Beacon 360: a row per reading of a water meter, with the flow of the interval before it.

`Flow` in `Flow_Unit` is the use of the interval that `Flow_Time` ends: stamps are local and stand at its last minute,
00:59 for the hour from 00:00. Intervals are of an hour, or of 15 minutes where stamps stand at other quarters. `Read`
in `Read_Unit` is what the register showed at `Read_Time`. The two need not be of one unit: each is a series of its
own, `flow` and `read`. The meter point is `Location_ID`, or `Account_ID` where a row has none; the meter `Meter_SN`,
or `Meter_ID`. `Estimated_Flag` is 0 or 1.
"""

from __future__ import annotations

import polars as pl
from pandera.typing.polars import DataFrame

from ingest.formats.parsed import Source, gather_rejects, split_by_reason
from ingest.formats.quality import quality_of
from ingest.formats.records import FileRecords, IntervalRecords, Opening, ReadingRecords
from ingest.formats.series import named_series
from ingest.formats.stamps import local_times
from ingest.formats.tables.csv_table import bad_header, no_data
from ingest.formats.tables.quoted_fields import Fields, read_fields
from model.codes import Quality, ReadKind
from model.schema import arranged

FORMAT = "beacon"
REQUIRED = ("account_id", "flow", "flow_time", "flow_unit", "read", "read_time", "read_unit", "estimated_flag")
_FORMATS = ("%Y-%m-%d %H:%M", "%Y-%m-%d %H:%M:%S", "%m/%d/%Y %H:%M", "%m/%d/%Y %H:%M:%S", "%m/%d/%Y %I:%M %p")
_QUALITY = {"": int(Quality.ACTUAL), "0": int(Quality.ACTUAL), "1": int(Quality.ESTIMATED)}
_POINT = ["meter_point", "suffix", "unit"]


def matches(opening: Opening) -> bool:
    """Return whether the header names flow and read, each with a time and a unit."""
    return set(REQUIRED) <= set(opening.header)


def read(source: Source) -> FileRecords:
    """Return the intervals and readings of an export.

    Refused as a whole: no_data, bad_header. Rejects lines as wrong_field_count, bad_quotes, no_meter_point,
    bad_time, bad_quality.
    """
    fields = read_fields(source)
    if source.lines.height <= 1:
        return no_data(source, FORMAT)
    if not set(REQUIRED) <= {name.lower() for name in fields.header}:
        return bad_header(source, FORMAT, REQUIRED)
    rows, bad = split_by_reason(source, _rows(fields), _reason(), _detail())
    flows = _of(rows, "flow").filter(pl.col("at").is_not_null())
    lengths = flows.group_by(_POINT).agg(_minutes().alias("file_minutes"))
    flows = flows.join(lengths, on=_POINT, how="left", validate="m:1", maintain_order="left")
    reads = _of(rows, "read").filter(pl.col("at").is_not_null() & (pl.col("value") != ""))
    both = pl.concat([flows, reads.with_columns(pl.lit(0, pl.Int32).alias("file_minutes")).select(flows.columns)])
    numbered, series = named_series(both)
    is_read = pl.col("file_minutes") == 0
    return FileRecords(
        source.name, source.sha256, FORMAT, series, gather_rejects([*fields.rejects, bad]),
        _intervals(numbered.filter(~is_read)), _readings(numbered.filter(is_read)),
        notes={"stamps": "the last minute of the intervals, on the clock of the service point"},
    )  # fmt: skip


def _rows(fields: Fields) -> pl.DataFrame:
    names = [name.lower() for name in fields.header]
    text = {name: fields.text(names.index(name)) for name in names}
    account, code = text["account_id"], text["estimated_flag"]
    location = text.get("location_id", account)
    serial = text.get("meter_sn", pl.lit(""))
    rows = fields.rows.select(
        "line",
        pl.when(location == "").then(account).otherwise(location).alias("meter_point"),
        pl.when(serial == "").then(text.get("meter_id", pl.lit(""))).otherwise(serial).alias("meter_id"),
        code.alias("code"),
        quality_of(code, _QUALITY).alias("quality"),
        *(text[f"{kind}{part}"].alias(f"{kind}{part}") for kind in ("flow", "read") for part in ("", "_time", "_unit")),
    )
    return rows.with_columns(
        local_times(rows[f"{kind}_time"], _FORMATS).alias(f"{kind}_at") for kind in ("flow", "read")
    )


def _reason() -> pl.Expr:
    is_lost = [(pl.col(kind) != "") & pl.col(f"{kind}_at").is_null() for kind in ("flow", "read")]
    return (
        pl.when(pl.col("meter_point") == "")
        .then(pl.lit("no_meter_point"))
        .when(pl.any_horizontal(is_lost))
        .then(pl.lit("bad_time"))
        .when(pl.col("quality").is_null())
        .then(pl.lit("bad_quality"))
    )


def _detail() -> pl.Expr:
    return pl.format(
        "expected a location or account, times such as 2026-12-31 23:59 and an Estimated_Flag of 0 or 1; "
        "found `{}`, `{}`, `{}`, `{}`",
        "meter_point",
        "flow_time",
        "read_time",
        "code",
    )


def _of(rows: pl.DataFrame, kind: str) -> pl.DataFrame:
    """Return the flows or the reads of the rows, each with its unit and time."""
    return rows.select(
        "line",
        "meter_point",
        "meter_id",
        pl.lit(kind).alias("suffix"),
        pl.col(f"{kind}_unit").alias("unit"),
        pl.col(f"{kind}_at").alias("at"),
        pl.col(kind).alias("value"),
        "code",
        pl.when(pl.col(kind) == "").then(int(Quality.MISSING)).otherwise("quality").alias("quality"),
    )


def _minutes() -> pl.Expr:
    """Return 60 where all stamps end an hour, else 15."""
    return pl.when((pl.col("at").dt.minute().is_in([59, 0])).all()).then(60).otherwise(15).cast(pl.Int32)


def _intervals(rows: pl.DataFrame) -> DataFrame[IntervalRecords]:
    """A stamp at the last minute lies inside its interval, one on the full hour ends it: a minute less lies in both."""
    length = pl.concat_str(pl.col("file_minutes"), pl.lit("m"))
    inside = pl.col("at") - pl.duration(minutes=pl.when(pl.col("at").dt.minute() % 15 == 0).then(1).otherwise(0))
    return arranged(IntervalRecords, rows.with_columns(inside.dt.truncate(length).alias("start_local")))


def _readings(rows: pl.DataFrame) -> DataFrame[ReadingRecords]:
    kind = pl.when(pl.col("quality") == int(Quality.ESTIMATED)).then(pl.lit(ReadKind.ESTIMATE.value))
    return arranged(
        ReadingRecords,
        rows.with_columns(pl.col("at").alias("read_at"), kind.otherwise(pl.lit(ReadKind.REGULAR.value)).alias("kind")),
    )
