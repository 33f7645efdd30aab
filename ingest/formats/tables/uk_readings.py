"""British half-hourly CSV, a row per reading: meter point, date and time, kWh, and perhaps a read type.

Stamps stand at the start or at the end of their half hour; files do not say which. Where the readings of a meter point
begin at 00:00 and end at 23:30 they are starts, where they begin at 00:30 and end at 00:00 they are ends: what closes
the days of more of them decides, and the notes say so. Where nothing does, they are taken as starts and the notes say
`ambiguous`. Times are those of the clock in London; of the hour that it shows twice the first row is the first pass.
"""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl

from ingest.formats.parsed import Source, gather_rejects, split_by_reason
from ingest.formats.quality import quality_of
from ingest.formats.records import FileRecords, IntervalRecords, Opening, Series
from ingest.formats.series import named_series
from ingest.formats.stamps import local_times, utc_of_ends, utc_of_local
from ingest.formats.tables.csv_table import bad_header, no_data
from ingest.formats.tables.quoted_fields import read_fields
from ingest.formats.tables.uk_columns import SUPPLY_NAMES, unit_of
from ingest.formats.tables.uk_half_hourly import MINUTES, UK_QUALITY, ZONE
from model.codes import Quality
from model.schema import arranged

FORMAT = "uk_readings"
_TIME_NAMES = ("readdatetime", "read datetime", "reading datetime", "read date time", "datetime", "date time")
_UTC_NAMES = ("datetime (utc)", "readdatetime (utc)", "read datetime (utc)")
_CODE_NAMES = ("readtype", "read type", "type", "status", "flag")
_LAST_START = 23 * 60 + 30


def matches(opening: Opening) -> bool:
    """Return whether the header has a meter point, a date with time, and one column of a unit: kWh."""
    return _columns(opening.header) is not None


def read(source: Source) -> FileRecords:
    """Return the readings of a file.

    Refused as a whole: no_data, bad_header. Rejects lines as wrong_field_count, bad_quotes, no_meter_point,
    bad_time, no_such_time (a value at a time that the clock skips), bad_quality.
    """
    fields = read_fields(source)
    if source.lines.height <= 1:
        return no_data(source, FORMAT)
    columns = _columns([name.lower() for name in fields.header])
    if columns is None:
        return bad_header(source, FORMAT, ["meter point", "time", "kWh"])
    point, time, value, code = columns
    codes = pl.lit("") if code is None else fields.text(code)
    unit = unit_of(fields.header[value].lower())
    rows = fields.rows.select(
        "line",
        fields.text(point).str.strip_chars("'").alias("meter_point"),
        pl.lit(unit).alias("suffix"),
        pl.lit(unit).alias("unit"),
        pl.lit(MINUTES, pl.Int32).alias("file_minutes"),
        fields.text(time).alias("found"),
        fields.text(value).alias("value"),
        codes.alias("code"),
        quality_of(codes.str.to_lowercase(), UK_QUALITY).alias("quality"),
    ).with_columns(local_times(fields.rows.select(fields.text(time)).to_series()).alias("stamp"))
    good, bad = split_by_reason(source, rows, _reason(), _detail())
    numbered, series = named_series(good)
    is_utc = fields.header[time].lower() in _UTC_NAMES
    timed, notes = _with_starts(numbered, is_utc)
    placed, skipped = split_by_reason(source, timed, _skipped(), _skipped_detail())
    intervals = placed.filter(pl.col("start_utc").is_not_null()).with_columns(
        pl.when(pl.col("value") == "").then(int(Quality.MISSING)).otherwise("quality").alias("quality")
    )
    return FileRecords(
        source.name, source.sha256, FORMAT, arranged(Series, series),
        gather_rejects([*fields.rejects, bad, skipped]), arranged(IntervalRecords, intervals), notes=notes,
    )  # fmt: skip


def _columns(header: Sequence[str]) -> tuple[int, int, int, int | None] | None:
    """Return the places of meter point, time, value and read type; None when it is no such header."""
    # A time and kWh have many files of the world; only the name of the supply point says that this is a British one.
    point = next((header.index(name) for name in SUPPLY_NAMES if name in header), None)
    time = next((header.index(name) for name in (*_TIME_NAMES, *_UTC_NAMES) if name in header), None)
    values = [place for place, name in enumerate(header) if unit_of(name)]
    if point is None or time is None or len(values) != 1:
        return None
    code = next((header.index(name) for name in _CODE_NAMES if name in header), None)
    return point, time, values[0], code


def _reason() -> pl.Expr:
    return (
        pl.when(pl.col("meter_point") == "")
        .then(pl.lit("no_meter_point"))
        .when(pl.col("stamp").is_null())
        .then(pl.lit("bad_time"))
        .when(pl.col("quality").is_null())
        .then(pl.lit("bad_quality"))
    )


def _detail() -> pl.Expr:
    return pl.format(
        "expected a meter point, a time such as 31 Dec 2026 23:30:00 and a read type such as Actual; "
        "found `{}`, `{}`, `{}`",
        "meter_point",
        pl.col("found").str.head(40),
        "code",
    )


def _with_starts(rows: pl.DataFrame, is_utc: bool) -> tuple[pl.DataFrame, dict[str, str]]:
    """Add `start_utc`, null where the clock skips the time, and say whether the stamps are starts or ends."""
    marks, clear = _marks(rows)
    descending = rows.height > 1 and bool(rows["stamp"][0] > rows["stamp"][-1])
    local = rows.select("series_no", pl.col("stamp").alias("local"))
    if marks == "ends" and not is_utc:
        instants = utc_of_ends(local, ZONE, MINUTES, newest_first=descending)
    elif is_utc:
        instants = local["local"].dt.replace_time_zone("UTC").dt.offset_by(f"-{MINUTES if marks == 'ends' else 0}m")
    else:
        instants = utc_of_local(local, ZONE, newest_first=descending)
    timed = rows.with_columns(instants.alias("start_utc"))
    said = f"{marks} of the half hours" if clear else "ambiguous; taken as starts of the half hours"
    return timed, {"stamps": said}


def _marks(rows: pl.DataFrame) -> tuple[str, bool]:
    """Return `starts` or `ends`, and whether the file makes it clear.

    The first and last stamps of the series speak first; where they are silent or contradict, those of the runs without
    a gap do.
    """
    ordered = rows.select("series_no", "stamp").sort("series_no", "stamp")
    same_series = pl.col("series_no") == pl.col("series_no").shift(1)
    is_next = same_series & (pl.col("stamp") - pl.col("stamp").shift(1) <= pl.duration(minutes=MINUTES))
    for begins in (~same_series, ~is_next):
        first = begins.fill_null(True)
        edges = ordered.with_columns(first.alias("first"), first.shift(-1, fill_value=True).alias("last")).with_columns(
            (pl.col("stamp").dt.hour().cast(pl.Int32) * 60 + pl.col("stamp").dt.minute()).alias("minute")
        )
        counted = edges.select(
            ((pl.col("first") & (pl.col("minute") == 0)) | (pl.col("last") & (pl.col("minute") == _LAST_START)))
            .sum()
            .alias("starts"),
            ((pl.col("first") & (pl.col("minute") == MINUTES)) | (pl.col("last") & (pl.col("minute") == 0)))
            .sum()
            .alias("ends"),
        ).row(0, named=True)
        if counted["starts"] != counted["ends"]:
            return ("starts" if counted["starts"] > counted["ends"] else "ends"), True
    return "starts", False


def _skipped() -> pl.Expr:
    return pl.when(pl.col("start_utc").is_null() & (pl.col("value") != "")).then(pl.lit("no_such_time"))


def _skipped_detail() -> pl.Expr:
    return pl.format("expected a time that the clock of {} shows, found `{}`", pl.lit(ZONE), "found")
