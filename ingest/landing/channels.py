"""Which channel a series of a file speaks of: meter point and suffix looked up, unit and interval compared."""

from __future__ import annotations

from dataclasses import dataclass

import polars as pl
from pandera.typing.polars import DataFrame

from ingest.formats.parsed import Source, reject_rows
from ingest.formats.records import Clock, FileRecords
from ingest.formats.runs import runs_of
from ingest.landing.nem_days import fits_nem_days
from model.accounts import ChannelNumbers
from model.codes import Measure
from model.errors import InputError
from model.units import PRINTED_UNITS, SMALLEST_UNIT, printed_unit
from model.zones import day_slots, fits_civil_days

_KEY = ["meter_point", "suffix", "unit", "power", "file_minutes"]


@dataclass(frozen=True)
class Resolved:
    """The series of a file with their channels.

    `series` has a row per series, in order: series_no, channel_no (null when it has none that fits),
    interval_minutes, tz_name, `exponent` (a value of 1 counts 10^exponent smallest units), life_start, life_end.
    """

    series: pl.DataFrame
    rejects: pl.DataFrame

    def at(self, rows: pl.DataFrame, *columns: str) -> pl.DataFrame:
        """Return `rows` (with `series_no`) and these columns of their series; a gather, since series are numbered."""
        return rows.hstack(self.series.select(columns)[rows["series_no"]])


def resolve_series(source: Source, records: FileRecords, channels: DataFrame[ChannelNumbers]) -> Resolved:
    """Look up the channel of each series that has records.

    A channel that does not fit is rejected once, at its first record, with the number of records: `unknown_channel`,
    `unknown_unit`, `unit_mismatch`, `interval_mismatch`, `ambiguous_channel`, `zone_not_nem_time`,
    `zone_splits_intervals`.
    """
    series = records.series
    assert (series["series_no"] == pl.int_range(series.height, eager=True)).all(), "series are numbered from 0"
    counted = series.drop("line").join(_records(records), on="series_no", how="left", validate="1:1")
    asked = (
        counted.filter(pl.col("records").is_not_null())
        .group_by(_KEY)
        .agg(pl.col("line").min(), pl.col("records").sum(), pl.col("is_nem").any())
    )
    judged = (
        _looked_up(asked, channels)
        .join(_units(asked), on="unit", how="left", validate="m:1", nulls_equal=True)
        .with_columns(_smallest_of_measure(), _fits_nem(channels), _fits_days(channels))
        .with_columns(_reason().alias("reason"))
    )
    bad = judged.filter(pl.col("reason").is_not_null())
    fit = judged.filter(pl.col("reason").is_null()).select(
        *_KEY, "channel_no", "interval_minutes", "tz_name", "unit_exponent", "life_start", "life_end"
    )
    placed = series.join(fit, on=_KEY, how="left", validate="m:1", nulls_equal=True, maintain_order="left")
    placed = placed.with_columns((pl.col("unit_exponent") + pl.col("power")).alias("exponent"))
    return Resolved(placed, reject_rows(source, bad, pl.col("reason"), _detail()))


def _records(records: FileRecords) -> pl.DataFrame:
    """Return how many records each series has, and the line of the first; a day of values counts once."""
    named = ["series_no", "line"]
    singly = [frame.select(*named, pl.lit(False).alias("is_nem")) for frame in (records.intervals, records.readings)]
    daily = [block.rows.select(*named, pl.lit(block.clock == Clock.NEM).alias("is_nem")) for block in records.days]
    counted = pl.concat([*singly, *daily]).group_by("series_no")
    return counted.agg(pl.col("line").min(), pl.len().alias("records"), pl.col("is_nem").any())


def with_day_slots(rows: pl.DataFrame) -> pl.DataFrame:
    """Add `n`, how many slots the civil day of a row (tz_name, day, interval_minutes) has."""
    key = ["tz_name", "day", "interval_minutes"]
    runs = runs_of(rows, key)
    named = rows.select(key)[runs.first]
    keys = named.unique()
    # A few zones times the days of the file, not the rows.
    counts = [day_slots(*key) for key in keys.iter_rows()]
    told = named.join(
        keys.with_columns(pl.Series("n", counts, dtype=pl.Int16)),
        on=key,
        how="left",
        validate="m:1",
        maintain_order="left",
    )
    return rows.rechunk().with_columns(runs.spread(told["n"]).alias("n"))


def _looked_up(asked: pl.DataFrame, channels: DataFrame[ChannelNumbers]) -> pl.DataFrame:
    """Add the channel of this meter point and suffix; null when there is none.

    A meter that was set to another interval length has a channel for each: then the length that the file states
    chooses, and `is_ambiguous` says that the file states none.
    """
    name = ["meter_point", "suffix"]
    known = channels.sort("channel_no").select(
        pl.col("service_point_id").alias("meter_point"),
        "suffix", "channel_no", "measure", "interval_minutes", "tz_name",
        pl.col("start_date").alias("life_start"), pl.col("end_date").alias("life_end"),
    )  # fmt: skip
    several = known.filter(pl.col("interval_minutes") > 0).group_by(name).len().filter(pl.col("len") > 1).select(name)
    lengths = known.with_columns(pl.col("interval_minutes").alias("file_minutes")).unique(
        [*name, "file_minutes"], keep="first", maintain_order=True
    )
    found = [*known.columns[len(name) :]]
    exact = asked.join(lengths, on=[*name, "file_minutes"], how="inner", validate="m:1")
    rest = asked.join(exact, on=_KEY, how="anti", nulls_equal=True)
    likely = known.sort(pl.col("interval_minutes") == 0, "channel_no", maintain_order=True)
    first = likely.unique(name, keep="first", maintain_order=True)
    guessed = rest.join(first, on=name, how="left", validate="m:1")
    unclear = several.with_columns(pl.lit(True).alias("is_ambiguous"))
    both = pl.concat([part.select(*asked.columns, *found) for part in (exact, guessed)])
    return both.join(unclear, on=name, how="left", validate="m:1").with_columns(
        pl.col("is_ambiguous").fill_null(False) & pl.col("file_minutes").is_null()
    )


def _units(asked: pl.DataFrame) -> pl.DataFrame:
    rows = [{"unit": text, **_unit(text)} for text in asked["unit"].unique().to_list()]
    schema = {"unit": pl.String, "file_smallest": pl.String, "unit_exponent": pl.Int32}
    return pl.DataFrame(rows, schema=schema, orient="row")


def _unit(text: str) -> dict[str, object]:
    try:
        smallest, count = PRINTED_UNITS[printed_unit(text)]
    except InputError:
        return {"file_smallest": None, "unit_exponent": None}
    exponent = len(str(count)) - 1
    assert count == 10**exponent, f"unit {text}: its smallest units are no power of ten"
    return {"file_smallest": smallest, "unit_exponent": exponent}


def _smallest_of_measure() -> pl.Expr:
    units = {measure.value: unit for measure, unit in SMALLEST_UNIT.items()}
    assert set(units) == {measure.value for measure in Measure}, "a measure has no smallest unit"
    return pl.col("measure").replace_strict(units, default=None, return_dtype=pl.String).alias("channel_smallest")


def _fits_days(channels: DataFrame[ChannelNumbers]) -> pl.Expr:
    misfits = [f"{name} {minutes}" for name, minutes in _zone_lengths(channels) if not fits_civil_days(name, minutes)]
    return ~pl.format("{} {}", "tz_name", "interval_minutes").is_in(misfits).alias("fits_days")


def _zone_lengths(channels: DataFrame[ChannelNumbers]) -> list[tuple[str, int]]:
    return channels.filter(pl.col("interval_minutes") > 0).select("tz_name", "interval_minutes").unique().rows()


def _fits_nem(channels: DataFrame[ChannelNumbers]) -> pl.Expr:
    misfits = [f"{name} {minutes}" for name, minutes in _zone_lengths(channels) if not fits_nem_days(name, minutes)]
    return ~pl.format("{} {}", "tz_name", "interval_minutes").is_in(misfits).alias("fits_nem")


def _reason() -> pl.Expr:
    other_length = pl.col("file_minutes").is_not_null() & (pl.col("file_minutes") != pl.col("interval_minutes"))
    # A file that does not state its interval length still cannot bring intervals to a register.
    no_intervals = pl.col("file_minutes").is_null() & (pl.col("interval_minutes") == 0)
    return (
        pl.when(pl.col("channel_no").is_null())
        .then(pl.lit("unknown_channel"))
        .when(pl.col("file_smallest").is_null())
        .then(pl.lit("unknown_unit"))
        .when(pl.col("file_smallest") != pl.col("channel_smallest"))
        .then(pl.lit("unit_mismatch"))
        .when(pl.col("is_ambiguous"))
        .then(pl.lit("ambiguous_channel"))
        .when(other_length | no_intervals)
        .then(pl.lit("interval_mismatch"))
        .when("is_nem", ~pl.col("fits_nem"))
        .then(pl.lit("zone_not_nem_time"))
        .when(~pl.col("fits_days"))
        .then(pl.lit("zone_splits_intervals"))
    )


def _detail() -> pl.Expr:
    channel = pl.format("channel `{}/{}`", pl.col("meter_point").fill_null(""), pl.col("suffix").fill_null(""))
    unit = pl.col("unit").fill_null("")
    said = (
        pl.when(pl.col("reason") == "unknown_channel")
        .then(pl.lit("expected a channel of the accounts, found none of this name"))
        .when(pl.col("reason") == "unknown_unit")
        .then(pl.format("expected {} or a multiple of it, found unit `{}`", pl.col("channel_smallest"), unit))
        .when(pl.col("reason") == "unit_mismatch")
        .then(pl.format("expected {} or a multiple of it, found `{}`", pl.col("channel_smallest"), unit))
        .when(pl.col("reason") == "interval_mismatch")
        .then(
            pl.format(
                "expected {}, found {}",
                _length(pl.col("interval_minutes")),
                _length(pl.col("file_minutes")),
            )
        )
        .when(pl.col("reason") == "ambiguous_channel")
        .then(pl.lit("expected one interval channel of this name, found several of other lengths"))
        .when(pl.col("reason") == "zone_splits_intervals")
        .then(
            pl.format(
                "expected intervals of which each civil day has a whole number, found {} minutes in {}",
                "interval_minutes",
                "tz_name",
            )
        )
        .otherwise(
            pl.format(
                "expected intervals of the NEM, at UTC+10, that are intervals of a civil day, found {} minutes in {}",
                "interval_minutes",
                "tz_name",
            )
        )
    )
    return pl.format("{}: {}; {} records", channel, said, pl.col("records"))


def _length(minutes: pl.Expr) -> pl.Expr:
    return (
        pl.when(minutes.is_null())
        .then(pl.lit("intervals"))
        .when(minutes == 0)
        .then(pl.lit("register readings"))
        .otherwise(pl.format("intervals of {} minutes", minutes))
    )
