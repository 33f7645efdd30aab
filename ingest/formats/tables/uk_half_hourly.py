"""British half-hourly CSV, a row per day: a meter point, a date, and 48 or 50 values.

Columns are named by the clock, at the start (00:00 to 23:30) or at the end ([00:30] to [24:00]) of their half hour, or
numbered (HH1, kWh_1); kVArh_1 and so on are a second channel; a type may stand behind each value. A file without header
has the meter point, perhaps a serial number, a date and the values. The unit is kWh where the file states none.

Both habits on the days the clock changes are told apart row by row, by the days of Europe/London. In spring either the
last two columns are empty, or those of the hour that the clock skips; in autumn the last two of 50 hold what 48 cannot.
Columns under the header `Date (UTC)` are instants.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date

import numpy as np
import numpy.typing as npt
import polars as pl

from ingest.formats.dates import usable_day
from ingest.formats.parsed import Source, gather_rejects, reject_rows
from ingest.formats.quality import CSV_QUALITY, quality_of
from ingest.formats.records import DayBlock, FileRecords, IntervalRecords, Opening, Series, refused
from ingest.formats.series import named_series
from ingest.formats.stamps import local_times
from ingest.formats.tables.csv_table import no_data
from ingest.formats.tables.quoted_fields import Fields, read_fields
from ingest.formats.tables.uk_columns import DayColumns, SlotColumns, bare_columns, day_columns
from model.codes import Quality
from model.schema import arranged, empty
from model.zones import day_slots

FORMAT = "uk_half_hourly"
ZONE = "Europe/London"
MINUTES = 30
UK_QUALITY = CSV_QUALITY | {
    "act": int(Quality.ACTUAL),
    "est": int(Quality.ESTIMATED),
    "estimate": int(Quality.ESTIMATED),
}
_SKIPPED = slice(2, 4)  # the half hours of 01:00 and 01:30, which the clock skips in spring
_NOTHING = r"^-?0*\.?0*$"


@dataclass(frozen=True)
class _Rows:
    """Rows of one channel: `rows` has series_no, line, day, code; texts and qualities lie row after row."""

    rows: pl.DataFrame
    texts: pl.Series
    quality: npt.NDArray[np.uint8]

    @property
    def width(self) -> int:
        return int(self.quality.shape[1])

    def block(self, which: npt.NDArray[np.bool_], slots: Sequence[int]) -> DayBlock:
        """Return the chosen slots of the chosen rows as days."""
        chosen = np.flatnonzero(which)
        columns = np.array(slots, dtype=np.int64)
        at = (chosen[:, None] * self.width + columns).reshape(-1)
        quality = self.quality[chosen][:, columns]
        return DayBlock(self.rows[chosen], self.texts.gather(at), quality, len(slots))


def matches(opening: Opening) -> bool:
    """Return whether the first line is a header of 48 or 50 half hours, or a row of them."""
    if {"meter_point", "channel"} <= set(opening.header):  # the wide CSV of our own
        return False
    return day_columns(opening.header) is not None or bare_columns(opening.first.split(",")) is not None


def read(source: Source) -> FileRecords:
    """Return the half hours of a file.

    Rejects lines as wrong_field_count, bad_quotes, no_meter_point, bad_date, bad_quality, wrong_slot_count (values
    that the day has no half hours for, or 48 on the day of 50).
    """
    first = source.lines["text"][0]
    bare = bare_columns(first.split(","))
    fields = read_fields(source, has_header=bare is None)
    columns = bare or day_columns(fields.header)
    if columns is None:
        detail = "expected a date and 48 or 50 half hours in the header"
        return refused(source.name, source.sha256, FORMAT, "bad_header", detail)
    if fields.rows.is_empty() and source.lines.height <= 1:
        return no_data(source, FORMAT)
    named, rejected = _named(source, fields, columns)
    kept = Fields(fields.header, named, ())
    columns, silent = _without_silent(kept, columns)
    numbered, series = _numbered(kept.rows, columns)
    rejected = [*fields.rejects, *rejected]
    blocks: list[DayBlock] = []
    instants: list[pl.DataFrame] = []
    notes = dict.fromkeys(silent, "no values")
    if columns.unit is None and not all(channel.unit for channel in columns.channels):
        notes["unit"] = "kWh by the format; the file states none"
    for place, channel in enumerate(columns.channels):
        mine, bad_codes = _channel_rows(source, kept, numbered[place], channel)
        rejected.append(bad_codes)
        if columns.is_utc:
            found, misfits = _instants(source, mine)
            instants.append(found)
            rejected.append(misfits)
            continue
        days, misfits = _civil_days(source, mine, columns.is_clock, notes)
        blocks += days
        rejected.append(misfits)
    intervals = arranged(IntervalRecords, pl.concat(instants)) if instants else empty(IntervalRecords)
    return FileRecords(
        source.name, source.sha256, FORMAT, arranged(Series, series), gather_rejects(rejected), intervals,
        days=tuple(block for block in blocks if block.rows.height), notes=notes,
    )  # fmt: skip


def _named(source: Source, fields: Fields, columns: DayColumns) -> tuple[pl.DataFrame, list[pl.DataFrame]]:
    """Add meter_point, day and unit to the rows; those without a point or a date are rejected."""
    stated = pl.lit("") if columns.unit is None else fields.text(columns.unit)
    rows = fields.rows.with_columns(
        fields.text(columns.point).str.strip_chars("'").alias("meter_point"),
        fields.text(columns.date).alias("found"),
        stated.alias("unit"),
    )
    at = pl.DataFrame({"at": local_times(rows["found"])})
    day = pl.when(pl.col("at").dt.time() == pl.time(0, 0)).then(pl.col("at").dt.date())
    rows = rows.with_columns(at.select(usable_day(day).alias("day")).to_series())
    nameless = rows.filter(pl.col("meter_point") == "")
    dateless = rows.filter((pl.col("meter_point") != "") & pl.col("day").is_null())
    detail = pl.format("expected a date such as 31/12/2026, found `{}`", pl.col("found").str.head(40))
    rejects = [
        reject_rows(source, nameless, "no_meter_point", "expected a meter point, found none"),
        reject_rows(source, dateless, "bad_date", detail),
    ]
    return rows.filter((pl.col("meter_point") != "") & pl.col("day").is_not_null()), rejects


def _without_silent(fields: Fields, columns: DayColumns) -> tuple[DayColumns, list[str]]:
    """Leave out further channels without a single value: exports have columns for kvarh that nobody measures."""
    spoken = [
        channel
        for place, channel in enumerate(columns.channels)
        if place == 0 or (fields.texts(channel.values) != "").any()
    ]
    silent = [channel.suffix for channel in columns.channels if channel not in spoken]
    return replace(columns, channels=tuple(spoken)), silent


def _numbered(rows: pl.DataFrame, columns: DayColumns) -> tuple[list[pl.DataFrame], pl.DataFrame]:
    """Return `series_no`, line and day of each row for each channel, and the series of the file."""
    parts = [
        rows.select(
            "line", "day", "meter_point",
            pl.when(pl.lit(bool(channel.unit)) | (pl.col("unit") == "")).then(pl.lit(channel.suffix))
            .otherwise("unit").alias("suffix"),
            _unit(channel).alias("unit"),
            pl.lit(MINUTES, pl.Int32).alias("file_minutes"),
            pl.lit(place).alias("place"),
        )
        for place, channel in enumerate(columns.channels)
    ]  # fmt: skip
    numbered, series = named_series(pl.concat(parts))
    every = [numbered.filter(pl.col("place") == place) for place in range(len(parts))]
    return every, series


def _unit(channel: SlotColumns) -> pl.Expr:
    if channel.unit:
        return pl.lit(channel.unit)
    return pl.when(pl.col("unit") == "").then(pl.lit("kWh")).otherwise("unit")


def _channel_rows(
    source: Source, fields: Fields, numbered: pl.DataFrame, channel: SlotColumns
) -> tuple[_Rows, pl.DataFrame]:
    """Return the values of one channel with their qualities; rows with an unknown type are rejected."""
    width = len(channel.values)
    texts = fields.texts(channel.values)
    quality = np.where((texts == "").to_numpy(), np.uint8(Quality.MISSING), np.uint8(Quality.ACTUAL))
    rows = numbered.select("series_no", "line", "day", pl.lit("").alias("code"))
    if not channel.codes:
        return _Rows(_dated(rows), texts, quality.reshape(-1, width)), reject_rows(source, rows.clear(), "", "")
    codes = fields.texts(channel.codes)
    levels = pl.DataFrame({"code": codes}).select(quality_of(pl.col("code").str.to_lowercase(), UK_QUALITY)).to_series()
    is_known = levels.is_not_null().to_numpy().reshape(-1, width).all(axis=1)
    stated = np.maximum(levels.fill_null(0).to_numpy(), quality).reshape(-1, width)
    rows = rows.with_columns(_codes_of_days(codes, width), pl.Series("is_known", is_known, dtype=pl.Boolean))
    detail = pl.format("expected Actual or Estimated beside each value, found `{}`", "code")
    bad = reject_rows(source, rows.filter(~pl.col("is_known")), "bad_quality", detail)
    at = np.flatnonzero(is_known)
    places = (at[:, None] * width + np.arange(width)).reshape(-1)
    return _Rows(_dated(rows[at].drop("is_known")), texts.gather(places), stated[at]), bad


def _dated(rows: pl.DataFrame) -> pl.DataFrame:
    return rows.with_columns(pl.lit(None, pl.Datetime("us")).alias("updated_at"))


def _codes_of_days(codes: pl.Series, width: int) -> pl.Series:
    """Return the distinct codes of each row, joined by commas."""
    frame = pl.DataFrame({"code": codes}).with_columns((pl.int_range(pl.len()) // width).alias("row"))
    told = frame.filter(pl.col("code") != "").unique().sort("row", "code")
    joined = told.group_by("row", maintain_order=True).agg(pl.col("code").str.join(","))
    every = pl.DataFrame({"row": pl.int_range(len(codes) // width, eager=True)})
    return every.join(joined, on="row", how="left", validate="1:1", maintain_order="left")["code"].fill_null("")


def _civil_days(
    source: Source, mine: _Rows, is_clock: bool, notes: dict[str, str]
) -> tuple[list[DayBlock], pl.DataFrame]:
    """Return the days of 48, 46 and 50 half hours, and rejects of the rows that are none of these."""
    slots = _half_hours(mine.rows["day"])
    texts = mine.texts.to_frame("text")
    is_empty = (mine.texts == "").to_numpy().reshape(-1, mine.width)
    is_nothing = texts.select(pl.col("text").str.contains(_NOTHING)).to_series().to_numpy().reshape(-1, mine.width)
    nothing_behind = is_nothing[:, 48:].all(axis=1)
    ordinary = (slots == 48) & nothing_behind
    by_clock, in_sequence = _short_days((slots == 46) & nothing_behind, is_empty, is_nothing, is_clock)
    is_whole = ~is_empty[:, 48:].all(axis=1) if mine.width == 50 else is_empty.all(axis=1)
    long = (slots == 50) & (is_whole | is_empty.all(axis=1))
    kept = ordinary | by_clock | in_sequence | long
    rejects = _misfits(source, mine.rows, slots, kept)
    for said, which in (("last columns empty", in_sequence), ("skipped half hours empty", by_clock)):
        days = mine.rows["day"].filter(pl.Series(which)).unique().sort()
        if len(days):
            notes["spring"] = "; ".join(filter(None, [notes.get("spring"), f"{said} on {days[0]}"]))
    width = list(range(mine.width))
    clock = [slot for slot in range(48) if slot not in range(_SKIPPED.start, _SKIPPED.stop)]
    # Where 48 columns are empty on the day of 50 half hours, all 50 are missing.
    padded = width + [0] * (50 - mine.width)
    return [
        mine.block(ordinary, width[:48]),
        mine.block(by_clock, clock),
        mine.block(in_sequence, width[:46]),
        mine.block(long, padded),
    ], rejects


def _short_days(
    short: npt.NDArray[np.bool_], is_empty: npt.NDArray[np.bool_], is_nothing: npt.NDArray[np.bool_], is_clock: bool
) -> tuple[npt.NDArray[np.bool_], npt.NDArray[np.bool_]]:
    """Return which of the days of 46 half hours leave the skipped hour out, and which the last columns.

    What is empty decides; where nothing or both are, zeros do; then how the columns are named.
    """
    by_clock, in_sequence = np.zeros_like(short), np.zeros_like(short)
    for is_out in (is_empty, is_nothing):
        skipped, last = is_out[:, _SKIPPED].all(axis=1), is_out[:, 46:48].all(axis=1)
        open_days = short & ~by_clock & ~in_sequence
        both = skipped & last
        by_clock |= open_days & ((skipped & ~last) | (both & is_clock))
        in_sequence |= open_days & ((last & ~skipped) | (both & (not is_clock)))
    return by_clock, in_sequence


def _half_hours(days: pl.Series) -> npt.NDArray[np.int64]:
    """Return how many half hours each day has on the clock of London."""
    counts: dict[date, int] = {day: day_slots(ZONE, day, MINUTES) for day in days.unique().to_list()}
    told = pl.DataFrame({"day": days})
    return told.select(pl.col("day").replace_strict(counts, return_dtype=pl.Int64)).to_series().to_numpy()


def _misfits(
    source: Source, rows: pl.DataFrame, slots: npt.NDArray[np.int64], kept: npt.NDArray[np.bool_]
) -> pl.DataFrame:
    wrong = rows.with_columns(pl.Series("slots", slots, dtype=pl.Int64)).filter(pl.Series(~kept, dtype=pl.Boolean))
    hint = (
        pl.when(pl.col("slots") == 46)
        .then(pl.lit("nothing in the last two columns or in those of the hour that the clock skips"))
        .when(pl.col("slots") == 50)
        .then(pl.lit("the hour that comes twice in columns 49 and 50"))
        .otherwise(pl.lit("nothing behind them"))
    )
    detail = pl.format("expected {} half hours on {}, {}; found others", "slots", "day", hint)
    return reject_rows(source, wrong, "wrong_slot_count", detail)


def _instants(source: Source, mine: _Rows) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Return days of UTC, of 48 half hours each, as intervals; rows with values behind them are rejected."""
    is_nothing = mine.texts.str.contains(_NOTHING).to_numpy().reshape(-1, mine.width)
    kept = np.asarray(is_nothing[:, 48:].all(axis=1))
    rejects = _misfits(source, mine.rows, np.full(mine.rows.height, 48, dtype=np.int64), kept)
    block = mine.block(kept, range(48))
    slot = pl.int_range(pl.len()) % 48
    start = pl.col("day").cast(pl.Datetime("us")) + pl.duration(minutes=slot * MINUTES)
    intervals = block.rows.select(pl.all().repeat_by(48).explode()).with_columns(
        block.values.alias("value"),
        pl.Series("quality", block.quality.reshape(-1), dtype=pl.UInt8),
        start.dt.replace_time_zone("UTC").alias("start_utc"),
    )
    return intervals.drop("day"), rejects
