"""Wide CSV: a line per channel and civil day, its intervals in order.

Columns: meter_point, channel, unit, date, quality, v1 to vN, and updated_at if wanted. v1 is the first interval of the
day as the clock ran through it, so a day of 23 hours leaves the last columns empty. An empty field is a missing value.
"""

from __future__ import annotations

import numpy as np
import polars as pl

from ingest.formats.dates import usable_day
from ingest.formats.kernels import decimal_fields
from ingest.formats.parsed import Source, gather_rejects, reject_rows, split_by_reason
from ingest.formats.quality import CSV_QUALITY, quality_of
from ingest.formats.records import DayBlock, FileRecords, Opening, Series, refused
from ingest.formats.series import series_of
from ingest.formats.tables.csv_table import header_names, no_data, update_time
from ingest.formats.value_rows import billionths_of, reject_bad_values
from model.schema import arranged

FORMAT = "wide"
REQUIRED = ("meter_point", "channel", "unit", "date", "quality", "v1")


def matches(opening: Opening) -> bool:
    """Return whether the header has the columns of this layout."""
    return set(opening.header).issuperset(REQUIRED)


def read(source: Source) -> FileRecords:
    """Return the days of a wide CSV.

    Rejects lines as wrong_field_count, bad_date, bad_quality, bad_number, too_precise, value_too_large.
    """
    header = header_names(source)
    first = header.index("v1")
    width = sum(name.startswith("v") and name[1:].isdigit() for name in header)
    if first == 0 or header[first : first + width] != [f"v{number}" for number in range(1, width + 1)]:
        detail = f"expected columns v1 to v{width} in order, each once, after the others"
        return refused(source.name, source.sha256, FORMAT, "bad_header", detail)
    if source.lines.height == 1:
        return no_data(source, FORMAT)
    lines = source.lines.slice(1)
    values = decimal_fields(lines["text"], first, width)
    placed = lines.with_row_index("row").with_columns(
        pl.Series("begin", values.begin), pl.Series("end", values.end), pl.Series("fields", values.fields)
    )
    is_right = pl.col("fields") == len(header)
    detail_of = pl.format("expected {} fields, found {}", pl.lit(len(header)), "fields")
    wrong = reject_rows(source, placed.filter(~is_right), "wrong_field_count", detail_of)
    named = _with_other_columns(placed.filter(is_right), header, first, width)
    dated, bad_dates = _with_dates(source, named.rename({"channel": "suffix"}), "updated_at" in header)
    sound, bad_values = reject_bad_values(source, dated, values, width, first=first, named="v{}")
    series, rows = series_of(sound, ["meter_point", "suffix", "unit"])
    block = DayBlock(
        rows=rows.select(pl.col("series_no").cast(pl.Int32), "line", "day", "code", "updated_at"),
        values=billionths_of(values, rows["row"], width),
        quality=np.broadcast_to(rows["level"].to_numpy()[:, None], (rows.height, width)),
        count=width,
    )
    told = arranged(
        Series,
        series.with_columns(
            pl.lit(0, dtype=pl.Int8).alias("power"), pl.lit(None, dtype=pl.Int32).alias("file_minutes")
        ),
    )
    rejects = gather_rejects([wrong, bad_dates, bad_values])
    return FileRecords(source.name, source.sha256, FORMAT, told, rejects, days=(block,))


def _with_other_columns(rows: pl.DataFrame, header: list[str], first: int, width: int) -> pl.DataFrame:
    """Add the columns before and behind the values; each line is cut once, then its short rest into fields."""
    text = pl.col("text").cast(pl.Binary)  # places are in bytes
    before = text.bin.slice(0, pl.col("begin") - 1)
    behind = text.bin.slice(pl.col("end"))  # begins with the comma, or is empty
    cut = rows.with_columns((before + behind).cast(pl.String).str.split(",").alias("others"))
    names = [*header[:first], *header[first + width :]]
    wanted = [name for name in (*REQUIRED[:-1], "updated_at") if name in names]
    field = pl.col("others").list
    return cut.with_columns(
        field.get(names.index(name), null_on_oob=True).str.strip_chars(' \t"').alias(name) for name in wanted
    ).drop("others")


def _with_dates(source: Source, rows: pl.DataFrame, has_update: bool) -> tuple[pl.DataFrame, pl.DataFrame]:
    dated = rows.with_columns(
        usable_day(pl.col("date").str.to_date("%Y-%m-%d", strict=False)).alias("day"),
        quality_of(pl.col("quality").str.to_lowercase(), CSV_QUALITY).alias("level"),
        pl.col("quality").alias("code"),
        (pl.col("updated_at") != "" if has_update else pl.lit(False)).alias("has_update"),
        update_time(has_update),
    )
    is_bad_date = pl.col("day").is_null() | (pl.col("has_update") & pl.col("updated_at").is_null())
    reason = pl.when(is_bad_date).then(pl.lit("bad_date")).when(pl.col("level").is_null()).then(pl.lit("bad_quality"))
    detail = pl.format(
        "expected a date as 2026-10-04, an update time as 2026-10-05T06:00:00 and a quality code, found `{}` and `{}`",
        "date",
        "quality",
    )
    return split_by_reason(source, dated, reason, detail)
