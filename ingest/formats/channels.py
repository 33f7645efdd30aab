"""Which channel a record of a file speaks of: meter point and suffix looked up, unit and interval compared."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

import polars as pl
from pandera.typing.polars import DataFrame

from ingest.formats.parsed import Source, reject_rows
from model.accounts import ChannelNumbers
from model.codes import Measure
from model.errors import InputError
from model.units import PRINTED_UNITS, SMALLEST_UNIT, printed_unit
from model.zones import day_slots, day_start_utc

NEM_OFFSET = timedelta(hours=10)  # NEM12 days run in Eastern Standard Time, UTC+10, all year

_KEY = ["meter_point", "suffix", "unit", "file_minutes"]


@dataclass(frozen=True)
class Resolved:
    """Records whose channel is known, with `channel_no`, `interval_minutes`, `tz_name`, `smallest_per`; the rest."""

    rows: pl.DataFrame
    rejects: pl.DataFrame


def resolve_channels(
    source: Source, rows: pl.DataFrame, channels: DataFrame[ChannelNumbers], *, is_nem_time: bool = False
) -> Resolved:
    """Look up the channel of each row.

    `rows` has line, meter_point, suffix, unit and file_minutes: the interval length that the file states, 0 for a
    register reading, null when the file does not say. A channel that does not fit is rejected once, at its first
    line, with the number of records: `unknown_channel`, `unknown_unit`, `unit_mismatch`, `interval_mismatch`,
    `ambiguous_channel`, and with `is_nem_time` `zone_not_nem_time`.
    """
    asked = rows.group_by(_KEY).agg(pl.col("line").min(), pl.len().alias("records"))
    judged = (
        _looked_up(asked, channels)
        .join(_units(asked), on="unit", how="left", validate="m:1", nulls_equal=True)
        .with_columns(_smallest_of_measure(), _is_nem_zone(channels))
        .with_columns(_reason(is_nem_time).alias("reason"))
    )
    bad = judged.filter(pl.col("reason").is_not_null())
    fit = judged.filter(pl.col("reason").is_null()).select(
        *_KEY, "channel_no", "interval_minutes", "tz_name", "smallest_per"
    )
    matched = rows.join(fit, on=_KEY, how="inner", validate="m:1", nulls_equal=True, maintain_order="left")
    return Resolved(matched, reject_rows(source, bad, pl.col("reason"), _detail()))


def with_day_slots(rows: pl.DataFrame) -> pl.DataFrame:
    """Add `n`, how many slots the civil day of a row (tz_name, day, interval_minutes) has."""
    keys = rows.select("tz_name", "day", "interval_minutes").unique()
    # A few zones times the days of the file, not the rows.
    counts = [day_slots(*key) for key in keys.iter_rows()]
    return rows.join(
        keys.with_columns(pl.Series("n", counts, dtype=pl.Int16)),
        on=["tz_name", "day", "interval_minutes"],
        how="left",
        validate="m:1",
        maintain_order="left",
    )


def _looked_up(asked: pl.DataFrame, channels: DataFrame[ChannelNumbers]) -> pl.DataFrame:
    """Add the channel of this meter point and suffix; null when there is none.

    A meter that was set to another interval length has a channel for each: then the length that the file states
    chooses, and `is_ambiguous` says that the file states none.
    """
    name = ["meter_point", "suffix"]
    known = channels.sort("channel_no").select(
        pl.col("service_point_id").alias("meter_point"),
        "suffix", "channel_no", "measure", "interval_minutes", "tz_name",
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
    texts = asked["unit"].unique().to_list()
    rows = [{"unit": text, **_unit(text)} for text in texts]
    return pl.DataFrame(
        rows, schema={"unit": pl.String, "file_smallest": pl.String, "smallest_per": pl.Int64}, orient="row"
    )


def _unit(text: str | None) -> dict[str, object]:
    try:
        smallest, count = PRINTED_UNITS[printed_unit(text or "")]
    except InputError:
        return {"file_smallest": None, "smallest_per": None}
    return {"file_smallest": smallest, "smallest_per": count}


def _smallest_of_measure() -> pl.Expr:
    units = {measure.value: unit for measure, unit in SMALLEST_UNIT.items()}
    assert set(units) == {measure.value for measure in Measure}, "a measure has no smallest unit"
    return pl.col("measure").replace_strict(units, default=None, return_dtype=pl.String).alias("channel_smallest")


def _is_nem_zone(channels: DataFrame[ChannelNumbers]) -> pl.Expr:
    zones = [name for name in channels["tz_name"].unique().to_list() if _runs_on_nem_time(name)]
    return pl.col("tz_name").is_in(zones).alias("is_nem_zone")


def _runs_on_nem_time(tz_name: str) -> bool:
    """Return whether the zone is at UTC+10 in every season: a zone that saves daylight has other days in summer."""
    seasons = (date(2024, month, 1) for month in (1, 4, 7, 10))
    return all(
        day_start_utc(tz_name, day) == datetime(day.year, day.month, day.day, tzinfo=UTC) - NEM_OFFSET
        for day in seasons
    )


def _reason(is_nem_time: bool) -> pl.Expr:
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
        .when(pl.lit(is_nem_time) & ~pl.col("is_nem_zone"))
        .then(pl.lit("zone_not_nem_time"))
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
        .otherwise(pl.format("expected a zone at UTC+10 all year for NEM12, found {}", pl.col("tz_name")))
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
