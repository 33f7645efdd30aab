"""Stamps of mapped files as starts: instants where the mapping states a clock, local times where it states none."""

from __future__ import annotations

from datetime import timedelta
from functools import partial

import polars as pl

from ingest.formats.dates import of_full_width, parsed_once, usable_instant
from ingest.formats.decimal_texts import ONE, decimal_texts, exact
from ingest.formats.mapped.mapping import FIXED_CLOCK, FileMapping
from ingest.formats.parsed import Source, split_by_reason
from ingest.formats.stamps import midnights, utc_of_ends, utc_of_local
from model.codes import Quality
from model.errors import InputError
from model.reads import Rejects
from model.schema import polars_schema
from model.units import PRINTED_UNITS, printed_unit

SUMMED = "summed"
NOTHING = r"^-?0*\.?0*$"


def parsed_stamps(text: pl.Series, form: str) -> pl.Series:
    """Return the times that texts name, in UTC where the format holds an offset; null where the text is none.

    24:00 is the beginning of the next day.
    """
    return parsed_once(text, partial(_parsed, form=form))


def _parsed(text: pl.Series, form: str) -> pl.Series:
    plain, extra = midnights(text)
    plain = pl.DataFrame({"text": plain}).select(of_full_width(pl.col("text"), form)).to_series()
    if "%z" in form or "%:z" in form or "%#z" in form:
        plain = plain.str.replace(r"[Zz]$", "+00:00")
        at = plain.str.to_datetime(form, time_unit="us", strict=False)
    else:
        at = plain.str.to_datetime(form, time_unit="us", strict=False).dt.replace_time_zone("UTC")
    return pl.DataFrame({"at": at + extra}).select(usable_instant(pl.col("at"))).to_series()


def with_starts(source: Source, rows: pl.DataFrame, mapping: FileMapping) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Turn `at` (as `parsed_stamps`; of rows in the order of the file) into start_utc, or start_local with fold.

    Rejects lines as `no_such_time`: a value at a time that the clock skips. One without value, or zero where the
    mapping says that the file writes it there, is no interval.
    """
    clock, tz_name = mapping.stamp.clock, mapping.stamp.tz_name
    length = timedelta(minutes=mapping.minutes or 0) if mapping.stamp.marks == "end" else timedelta()
    if tz_name is not None:
        return _in_zone(source, rows, mapping, tz_name, length)
    if clock == "local":
        return _local(rows, mapping, length), _none()
    offset = _offset(clock)
    return rows.with_columns((pl.col("at") - offset - length).alias("start_utc")), _none()


def _none() -> pl.DataFrame:
    return pl.DataFrame(schema=polars_schema(Rejects))


def _offset(clock: str) -> timedelta:
    found = FIXED_CLOCK.match(clock)
    if found is None:
        return timedelta()
    minutes = timedelta(hours=int(found[2]), minutes=int(found[3]))
    return -minutes if found[1] == "-" else minutes


def _in_zone(
    source: Source, rows: pl.DataFrame, mapping: FileMapping, tz_name: str, length: timedelta
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Find instants on the clock of a zone.

    End stamps that the clock shows are instants of their own. A file that has a label for every hour of an ordinary
    day counts them without looking at the clock: there the length is taken off the label.
    """
    label_runs_on = mapping.habits.spring != "absent" or mapping.habits.autumn == SUMMED
    local = pl.col("at").dt.replace_time_zone(None) - (length if label_runs_on else timedelta())
    placed = rows.with_columns(local.alias("local"))
    backwards = mapping.stamp.newest_first
    if length and not label_runs_on:
        instants = utc_of_ends(placed, tz_name, mapping.minutes or 0, newest_first=backwards)
    else:
        instants = utc_of_local(placed, tz_name, newest_first=backwards)
    timed = placed.with_columns(instants)
    is_nothing = pl.col("value") == ""
    if mapping.habits.spring == "zero":
        is_nothing |= pl.col("value").str.contains(NOTHING)
    is_skipped = pl.col("start_utc").is_null()
    detail = pl.format("expected a time that the clock of {} shows, found `{}`", pl.lit(tz_name), "found")
    reason = pl.when(is_skipped & ~is_nothing).then(pl.lit("no_such_time"))
    good, rejects = split_by_reason(source, timed, reason, detail)
    real = good.filter(pl.col("start_utc").is_not_null())
    if mapping.habits.autumn == SUMMED:
        real = _halved(real, tz_name)
    return real.drop("local"), rejects


def _halved(rows: pl.DataFrame, tz_name: str) -> pl.DataFrame:
    """Share what stands at a time that the clock shows twice: half to each pass, what is left over to the first.

    The shares are substitutes: the file has only their sum. What is no number stays as it is, to be refused.
    """
    late = pl.col("local").dt.replace_time_zone(tz_name, ambiguous="latest", non_existent="null")
    second = late.dt.convert_time_zone("UTC")
    units = {text: _per(text) for text in rows["unit"].unique().to_list()}
    step = pl.col("unit").replace_strict(units, return_dtype=pl.Int128).alias("step")
    whole = rows.with_columns(exact(rows["value"]).alias("exact"), step, second.alias("second_utc"))
    is_sum = (pl.col("second_utc") != pl.col("start_utc")).fill_null(False) & pl.col("exact").is_not_null()
    sums = whole.filter(is_sum)
    if sums.is_empty():
        return rows
    halves = _halves(sums)
    shared = sums.with_columns(
        pl.lit(int(Quality.SUBSTITUTED), pl.UInt8).alias("quality"), pl.lit(SUMMED).alias("code")
    )
    early = shared.with_columns(decimal_texts(halves["first"]).alias("value"))
    later = shared.with_columns(decimal_texts(halves["second"]).alias("value"), pl.col("second_utc").alias("start_utc"))
    every = pl.concat([whole.filter(~is_sum), early, later]).sort("line", "start_utc", maintain_order=True)
    return every.select(rows.columns)


def _halves(sums: pl.DataFrame) -> pl.DataFrame:
    """Return `first` and `second` of each `exact`: whole smallest units (`step`) where it is made of whole ones."""
    value, step = pl.col("exact"), pl.col("step")
    shared = pl.when(value % step == 0).then((value // step + 1) // 2 * step).otherwise((value + 1) // 2)
    return sums.with_columns(shared.alias("first")).select("first", (value - pl.col("first")).alias("second"))


def _per(unit: str) -> int:
    """Return how many 10^-24 of a unit are one smallest unit; 1 of a unit that is not known, and is refused later."""
    try:
        return int(ONE // PRINTED_UNITS[printed_unit(unit)][1])
    except InputError:
        return 1


def _local(rows: pl.DataFrame, mapping: FileMapping, length: timedelta) -> pl.DataFrame:
    """Return local starts; of times that come twice the fold is said only where the file runs backwards.

    An end label that goes back behind the one before it (01:00 after 01:30, of one series) ends an interval that
    began at that label.
    """
    start = pl.col("at").dt.replace_time_zone(None)
    placed = rows.with_columns(start.alias("start_local"))
    if mapping.stamp.newest_first:
        placed = placed.reverse()
    if length:
        before = pl.col("start_local").shift(1).over("series_no")
        hour = timedelta(hours=1)
        goes_back = (pl.col("start_local") - before == length - hour).fill_null(False)
        placed = placed.with_columns(
            pl.when(goes_back).then(before).otherwise(pl.col("start_local") - length).alias("start_local")
        )
    if not mapping.stamp.newest_first:
        return placed
    # The lines stand in the other order, so that it is said which pass comes first.
    count = pl.len().over("series_no", "start_local")
    turn = pl.int_range(pl.len()).over("series_no", "start_local")
    return placed.with_columns(pl.when(count == 2).then(turn).cast(pl.Int8).alias("fold")).reverse()
