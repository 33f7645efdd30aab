"""Values finer than the smallest unit, carried to whole ones so that each day keeps its total.

Meters and their systems give values of more decimals than a channel keeps: a vendor divides pulses by a factor, power
is turned into energy. What is left over from one interval is carried into the next: the running total of the day is
rounded, half up, and an interval gets the difference of two running totals. So each value is less than a unit away
from its own, and a day is its exact total rounded once. This happens only where a mapping or `reads land --carry` asks
for it; otherwise such values are refused as `too_precise`.
"""

from __future__ import annotations

from dataclasses import replace

import polars as pl

from ingest.formats.decimal_texts import ONE, decimal_texts, exact
from ingest.formats.records import DayBlock, FileRecords, IntervalRecords
from model.errors import InputError
from model.schema import arranged
from model.units import PRINTED_UNITS, printed_unit
from model.zones import day_begin, zone


def carry_fractions(records: FileRecords, zones: pl.Series | None = None) -> FileRecords:
    """Return the records with every value in whole smallest units of its series.

    Days are those of the records: local days, and for instants those of the zone of their series in `zones` (names of
    zones by series, from 0), of UTC where there is none; a zone may begin its days at another hour. A series whose unit
    is not known, and texts that are no plain decimals of at most 24 places, stay as they are: they are judged where the
    records are. Notes say how many values were carried.
    """
    steps = _steps(records.series)
    days = tuple(_carried_block(block, steps) for block in records.days)
    intervals = _carried_intervals(records.intervals, steps, zones)
    changed = sum(
        int((new.values != _texts(old.values).fill_null("")).sum()) for new, old in zip(days, records.days, strict=True)
    )
    changed += int((intervals["value"] != records.intervals["value"]).sum())
    notes = dict(records.notes) | (
        {"precision": f"{changed} values carried to whole smallest units"} if changed else {}
    )
    return replace(records, days=days, intervals=arranged(IntervalRecords, intervals), notes=notes)


def _steps(series: pl.DataFrame) -> pl.DataFrame:
    """Return, for each series of a known unit, how many 10^-24 of what it counts are one smallest unit."""
    rows = []
    for number, unit, power in series.select("series_no", "unit", "power").iter_rows():
        try:
            per = PRINTED_UNITS[printed_unit(unit)][1]
        except InputError:
            continue
        step, rest = divmod(ONE * 10 ** max(-power, 0), per * 10 ** max(power, 0))
        if not rest:
            rows.append({"series_no": number, "step": step})
    schema = {"series_no": pl.Int32, "step": pl.Int128}
    return pl.DataFrame(rows, schema=schema)


def _carried_block(block: DayBlock, steps: pl.DataFrame) -> DayBlock:
    keys = block.rows.select("series_no").with_row_index("day").select(pl.all().repeat_by(block.count).explode())
    slots = keys.with_columns(_texts(block.values).fill_null("").alias("value"))
    slots = slots.with_columns(pl.int_range(pl.len()).alias("at"))
    return replace(block, values=_carried(slots, steps, ["day"]).rename(block.values.name))


def _texts(values: pl.Series) -> pl.Series:
    """Return values as text, also those that a reader gives as billionths."""
    return (
        decimal_texts(values.cast(pl.Int128) * (ONE // 10**9)) if values.dtype == pl.Int64 else values.cast(pl.String)
    )


def _carried_intervals(intervals: pl.DataFrame, steps: pl.DataFrame, zones: pl.Series | None) -> pl.DataFrame:
    # Text sorts times of the clock before or after each other as it runs: instants go by instants.
    rows = intervals.with_columns(
        pl.coalesce("start_local", pl.col("start_utc").dt.replace_time_zone(None)).alias("order"),
        _days(intervals, zones).alias("day"),
    )
    order = rows.with_columns(
        pl.struct("order", pl.col("fold").fill_null(0), "line").rank("ordinal").cast(pl.Int64).alias("at")
    )
    return intervals.with_columns(_carried(order, steps, ["series_no", "day"]).alias("value"))


def _days(intervals: pl.DataFrame, zones: pl.Series | None) -> pl.Series:
    """Return the day of each interval: as the clock of its series' zone shows it, from the hour at which days begin."""
    instants = intervals["start_utc"]
    clock = pl.DataFrame([intervals["start_local"], instants.dt.replace_time_zone(None).alias("utc")])
    days = clock.select(pl.coalesce("start_local", "utc").dt.date()).to_series()
    if zones is None:
        return days
    zone_of = zones[intervals["series_no"]]
    for tz_name in zones.drop_nulls().unique():
        begin = day_begin(tz_name)
        local = instants.dt.convert_time_zone(zone(tz_name).key).dt.replace_time_zone(None).alias("local")
        late = pl.coalesce("start_local", "local") - pl.duration(hours=begin.hour, minutes=begin.minute)
        shown = clock.with_columns(local).select(late.dt.date()).to_series()
        days = shown.zip_with((zone_of == tz_name).fill_null(False), days)
    return days


def _carried(rows: pl.DataFrame, steps: pl.DataFrame, day: list[str]) -> pl.Series:
    """Return the values of the rows (series_no, value, at and the columns of `day`), carried in order of `at`."""
    known = rows.join(steps, on="series_no", how="left", validate="m:1", maintain_order="left").with_columns(
        exact(rows["value"]).alias("exact")
    )
    counted = known.with_columns(pl.when(pl.col("step").is_not_null()).then("exact").alias("exact"))
    running = pl.col("exact").fill_null(0).cum_sum().over(day, order_by="at")
    rounded = counted.with_columns(((running + pl.col("step") // 2) // pl.col("step")).alias("rounded"))
    before = pl.col("rounded").shift(1).over(day, order_by="at").fill_null(0)
    whole = ((pl.col("rounded") - before) * pl.col("step")).alias("whole")
    told = rounded.with_columns(whole).with_columns(
        pl.when(pl.col("exact").is_not_null() & (pl.col("whole") != pl.col("exact"))).then("whole").alias("changed")
    )
    text = decimal_texts(told["changed"])
    return told.select(pl.coalesce(text, pl.col("value")).alias("value")).to_series()
