"""Wide CSV: a line per channel and civil day, its intervals in order.

Columns: meter_point, channel, unit, date, quality, v1 to vN, and updated_at if wanted. v1 is the first interval of the
day as the clock ran through it, so a day of 23 hours leaves the last columns empty. An empty field is a missing value.
"""

from __future__ import annotations

import numpy as np
import polars as pl
from pandera.typing.polars import DataFrame

from ingest.formats.channels import resolve_channels, with_day_slots
from ingest.formats.csv_table import header_names, read_columns, split_by_reason, update_time
from ingest.formats.dates import usable_day
from ingest.formats.days import assemble_days, settle_days
from ingest.formats.numbers import SLOT_MAX, exact_integers
from ingest.formats.parsed import ParsedFile, Source, gather_rejects, refused, reject_rows
from ingest.formats.quality import CSV_QUALITY, quality_of
from model.accounts import ChannelNumbers

FORMAT = "wide"
REQUIRED = ("meter_point", "channel", "unit", "date", "quality", "v1")


def parse_wide(source: Source, channels: DataFrame[ChannelNumbers]) -> ParsedFile:
    """Return the days of a wide CSV; the interval length is that of the channel.

    Rejects lines as bad_date, bad_quality, wrong_slot_count (the columns do not hold that day's intervals, or there
    are values behind its last), duplicate_day, bad_number, too_precise, value_too_large.
    """
    header = header_names(source)
    first = header.index("v1")
    width = sum(name.startswith("v") and name[1:].isdigit() for name in header)
    if header[first : first + width] != [f"v{number}" for number in range(1, width + 1)]:
        detail = f"expected columns v1 to v{width} in order, each once"
        return refused(source.name, source.sha256, FORMAT, "bad_header", detail)
    rows, wrong = read_columns(source, [*REQUIRED[:-1], "updated_at"], span=(first, width))
    named = rows.rename({"channel": "suffix"}).with_columns(pl.lit(None, dtype=pl.Int32).alias("file_minutes"))
    resolved = resolve_channels(source, named, channels)
    dated, bad_dates = _with_dates(source, resolved.rows, "updated_at" in header)
    fit, misfits = _that_fit(source, with_day_slots(dated), width)
    found: dict[int, list[pl.DataFrame]] = {}
    rejects = [wrong, resolved.rejects, bad_dates, misfits]
    groups = fit.partition_by(["interval_minutes", "n"], as_dict=True, maintain_order=True)
    for (minutes, count), group in sorted(groups.items()):
        days, bad_values = _days(source, group, int(str(count)), int(str(minutes)))
        found.setdefault(int(str(minutes)), []).append(days)
        rejects.append(bad_values)
    kept, duplicates = settle_days(source, {minutes: pl.concat(parts) for minutes, parts in found.items()})
    return ParsedFile(source.name, source.sha256, FORMAT, gather_rejects([*rejects, *duplicates]), kept)


def _with_dates(source: Source, rows: pl.DataFrame, has_update: bool) -> tuple[pl.DataFrame, pl.DataFrame]:
    dated = rows.with_columns(
        usable_day(pl.col("date").str.to_date("%Y-%m-%d", strict=False)).alias("day"),
        quality_of(pl.col("quality").str.to_lowercase(), CSV_QUALITY).alias("level"),
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


def _that_fit(source: Source, rows: pl.DataFrame, width: int) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Refuse days that have more intervals than there are columns, and values behind the last interval."""
    behind = pl.col("values").list.slice(pl.col("n"), None).list.join("").str.strip_chars(' \t"')
    detail = pl.format(
        "expected {} intervals on {} and nothing behind them, found {} columns and `{}`",
        "n",
        "day",
        pl.lit(width),
        behind.str.head(40),
    )
    misfit = pl.when((pl.col("n") > width) | (behind != "")).then(pl.lit("wrong_slot_count"))
    return split_by_reason(source, rows, misfit, detail)


def _days(source: Source, group: pl.DataFrame, count: int, minutes: int) -> tuple[pl.DataFrame, pl.DataFrame]:
    rows = group.with_row_index("row")
    raw = rows.select(pl.col("values").list.slice(0, count).list.explode()).to_series()
    texts = raw.str.strip_chars(' \t"')
    per = np.repeat(rows["smallest_per"].to_numpy(), count)
    numbers = exact_integers(texts, pl.Series(per), limit=SLOT_MAX)
    bad = (
        numbers.with_row_index("at")
        .with_columns(texts.alias("found"))
        .filter(pl.col("problem").is_not_null())
        .with_columns((pl.col("at") // count).alias("row"), (pl.col("at") % count + 1).alias("slot"))
        .group_by("row", maintain_order=True)
        .agg(pl.col("problem", "found", "slot").first())
        .join(rows.select("row", "line"), on="row", how="left", validate="1:1")
    )
    detail = pl.format(
        "expected a decimal number that whole smallest units hold, found `{}` in v{}",
        pl.col("found").str.head(40),
        "slot",
    )
    sound = rows.join(bad, on="row", how="anti", maintain_order="left")
    at = (sound["row"].to_numpy()[:, None].astype(np.int64) * count + np.arange(count)).reshape(-1)
    quality = np.repeat(sound["level"].to_numpy()[:, None], count, axis=1)
    keys = sound.select("line", "channel_no", "day", pl.col("quality").alias("raw_code"), "updated_at")
    values = numbers["value"].cast(pl.Int32).gather(at)
    return assemble_days(keys, values, quality, minutes), reject_rows(source, bad, pl.col("problem"), detail)
