"""Determinants: for each slice, the quantities that its tariff version prices, by time-of-use period."""

from __future__ import annotations

from collections.abc import Callable

import polars as pl
from pandera.typing.polars import DataFrame

from model.rating import Determinants, RatingInput
from model.schema import arranged
from rating.asked import Asked, asked_of
from rating.calendar import Calendar
from rating.costs import added_costs, days_without_series, of_short_prices, rounded_costs
from rating.coverage import incomplete, of_long_intervals, of_mixed_lengths, uncovered, without_channel, without_split
from rating.gates import over_gates
from rating.intervals import USE_SCHEMA, IntervalUse, no_use
from rating.measured import Measuring, measure_intervals, measuring, needed_sources
from rating.parking import no_parks
from rating.powers import SLICE_KEYS, Powers
from rating.ratebook import MEASURE_NO
from rating.registers import register_use
from rating.weights import day_weights

# From the best to the worst way in which a quantity was cut; a sum takes the worst of its parts.
SPLIT_METHODS = ("none", "interval", "register", "weights", "days")


FOUND = ["quantity_id", "tou", "agg", "n", "distinct_days", "rank", "quantity", "minutes", "peak_day", "is_estimated",
         "split_method", "reads_seq"]  # fmt: skip


def find_determinants(
    due: pl.DataFrame,
    calendar: Calendar,
    given: RatingInput,
    measure: Callable[[pl.DataFrame, Measuring], IntervalUse] = measure_intervals,
) -> tuple[pl.DataFrame, list[pl.DataFrame]]:
    """Return the determinants of the numbered agreements, and the parks.

    Columns: due_no, segment_no, slice_no, quantity_id, tou, agg, n, distinct_days, rank, quantity, minutes, peak_day,
    is_estimated, split_method, reads_seq. Every quantity of a slice has at least one row; it is zero where an
    optional channel is absent or its period does not occur. `rating.aggregates.aggregate` reduces rows of several
    slices or periods, and the ranks of nth and mean_of_n, to one value. `measure` reads the intervals of channels: day
    by day, or from days that were added up before (`rating.profiles`).
    """
    asked = asked_of(given.book)
    quantities, parts = asked.quantities, asked.parts
    what = measuring(calendar, given, asked)
    channels = _needed_channels(due, calendar, given, parts, what.powers)
    read, register_parks = _registers(channels, calendar, given, asked)
    intervals = measure(channels, what)
    is_summed = intervals.is_summed and read.is_empty()
    use = intervals.use if is_summed else _summed(pl.concat([intervals.use, read]))
    use = _with_differences(use, asked.made)
    found, large = _by_quantity(due, calendar, quantities, use, intervals, given.book.period_names)
    parks = [
        without_channel(due, channels, calendar, parts),
        without_split(due, channels, calendar, given, parts),
        of_mixed_lengths(channels, calendar, parts),
        of_long_intervals(channels, calendar, parts),
        of_short_prices(channels, calendar, parts, quantities, given.book),
        days_without_series(due, calendar, quantities, given.book),
        no_parks()
        if intervals.is_complete
        else incomplete(channels, calendar, _measured(calendar, parts), intervals.good),
        uncovered(channels, calendar, parts),
        *register_parks,
        over_gates(due, channels, given),
        large,
    ]
    return filled(found, due, calendar, given, quantities), parks


def _registers(
    channels: pl.DataFrame, calendar: Calendar, given: RatingInput, asked: Asked
) -> tuple[pl.DataFrame, list[pl.DataFrame]]:
    """Return the use of the register channels (USE_SCHEMA), and the parks."""
    registers = channels.filter(pl.col("interval_minutes") == 0).select(
        "due_no", "cal_no", "channel_no", "channel_id", "measure_no"
    )
    if registers.is_empty():
        return no_use().use, []
    slices = calendar.slices.select("cal_no", "segment_no", "slice_no", "start_date", "end_date").join(
        _measured(calendar, asked.parts), on=["cal_no", "segment_no"], how="inner", validate="m:m"
    )
    return register_use(given.usage, registers, slices, day_weights(calendar, asked.quantities, given.book))


def _measured(calendar: Calendar, parts: pl.DataFrame) -> pl.DataFrame:
    """Return the measures that each segment needs: cal_no, segment_no, measure_no."""
    measures = parts.select("version_id", "measure_no").unique()
    return calendar.segments.select("cal_no", "segment_no", "version_id").join(
        measures, on="version_id", how="inner", validate="m:m"
    ).select("cal_no", "segment_no", "measure_no")  # fmt: skip


def _needed_channels(
    due: pl.DataFrame, calendar: Calendar, given: RatingInput, parts: pl.DataFrame, powers: Powers
) -> pl.DataFrame:
    """Return the channels that some version of the agreement's calendar measures."""
    needs = needed_sources(calendar, parts, powers)
    channels = (
        due.select("due_no", "cal_no", "agreement_id")
        .join(given.channels.drop("partition"), on="agreement_id", how="inner", validate="m:m")
        .with_columns(pl.col("measure").replace_strict(MEASURE_NO, return_dtype=pl.Int32).alias("measure_no"))
        .join(needs, on=["cal_no", "measure_no"], how="inner", validate="m:1")
    )
    # A length that does not divide an hour has no exact mean power; channels of it are refused when declared.
    return channels.with_columns((pl.len().over("due_no", "measure_no") > 1).alias("is_shared")).sort(
        "due_no", "channel_no"
    )


def _summed(use: pl.DataFrame) -> pl.DataFrame:
    """Return use with channels of several lengths, or of both kinds, added up."""
    return (
        use.group_by(*SLICE_KEYS, "measure_no", "tou")
        .agg(pl.col("quantity").sum(), pl.col("is_estimated").any(), pl.col("reads_seq").max(), worst_split())
        .select(list(USE_SCHEMA))
    )


def _with_differences(use: pl.DataFrame, sources: pl.DataFrame) -> pl.DataFrame:
    """Add the differences of sums, for slices in which the first measure is read; they may be negative."""
    if not (sources["kind"] == "sums").any():
        return use
    differences = sources.filter(pl.col("kind") == "sums").rename({"measure_no": "made_no"})
    first = differences.join(use, left_on="first_no", right_on="measure_no", how="inner", validate="m:m")
    second = differences.join(use, left_on="second_no", right_on="measure_no", how="inner", validate="m:m").join(
        first, on=[*SLICE_KEYS, "made_no"], how="semi"
    )
    columns = [pl.col("made_no").alias("measure_no") if name == "measure_no" else pl.col(name) for name in USE_SCHEMA]
    parts = [first.select(columns), second.with_columns(-pl.col("quantity")).select(columns)]
    return pl.concat([use, _summed(pl.concat(parts))])


def worst_split() -> pl.Expr:
    """Return the worst `split_method` of a group."""
    places = {method: place for place, method in enumerate(SPLIT_METHODS)}
    return (
        pl.col("split_method")
        .replace_strict(places, return_dtype=pl.Int8)
        .max()
        .replace_strict(dict(enumerate(SPLIT_METHODS)), return_dtype=pl.String)
        .alias("split_method")
    )


def _by_quantity(
    due: pl.DataFrame,
    calendar: Calendar,
    quantities: pl.DataFrame,
    use: pl.DataFrame,
    intervals: IntervalUse,
    period_names: pl.DataFrame,
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Return what was measured, under the names that the version of each slice gives it; and parks of large costs."""
    wanted = quantities.select(
        "version_id", "measure_no", "quantity_id", "agg", "n", "distinct_days", "power_no", "price_no", "unit_size",
        "schedule",
        pl.col("tou").alias("only_tou"),
    )  # fmt: skip
    asked = (
        use.join(due.select("due_no", "cal_no"), on="due_no", how="left", validate="m:1")
        .join(calendar.segments.select("cal_no", "segment_no", "version_id"), on=["cal_no", "segment_no"], how="left",
              validate="m:1")
        .join(wanted, on=["version_id", "measure_no"], how="inner", validate="m:m")
    )  # fmt: skip
    named = _of_own_period(asked, calendar, period_names)
    keys = [*SLICE_KEYS, "measure_no", "tou"]
    unnamed = named.drop("quantity")
    powers = unnamed.join(intervals.powers, on=[*keys, "power_no"], how="inner", validate="m:m")
    unranked = [
        pl.lit(None, pl.Int32).alias("rank"), pl.lit(None, pl.Int64).alias("minutes"),
        pl.lit(None, pl.Date).alias("peak_day"),
    ]  # fmt: skip
    parts, large = [named.filter(pl.col("agg") == "sum").with_columns(unranked), powers], no_parks()
    if intervals.costs.height:
        costs, large = rounded_costs(
            unnamed.join(added_costs(intervals.costs), on=[*keys, "price_no"], how="inner", validate="m:1")
        )
        parts.append(costs.with_columns(unranked))
    return pl.concat([part.select(*SLICE_KEYS, *FOUND) for part in parts]), large


def _of_own_period(asked: pl.DataFrame, calendar: Calendar, period_names: pl.DataFrame) -> pl.DataFrame:
    """Return the rows that lie in the period to which their quantity is limited; all rows of one that is not."""
    limited = asked.filter(pl.col("only_tou") != "")
    if limited.is_empty():
        return asked
    seasons = calendar.slices.select("cal_no", "segment_no", "slice_no", pl.col("season").alias("season_part"))
    names = period_names.select(
        "version_id", "schedule", "season_part", pl.col("tou_part").alias("tou"), pl.col("tou").alias("only_tou")
    )
    inside = limited.join(seasons, on=["cal_no", "segment_no", "slice_no"], how="left", validate="m:1").join(
        names, on=["version_id", "schedule", "season_part", "tou", "only_tou"], how="semi"
    )
    return pl.concat([asked.filter(pl.col("only_tou") == ""), inside.drop("season_part")])


def filled(
    found: pl.DataFrame, due: pl.DataFrame, calendar: Calendar, given: RatingInput, quantities: pl.DataFrame
) -> pl.DataFrame:
    """Add a row of zero for each quantity of a slice that has none, in the period of the quantity or the first."""
    told = quantities.select("version_id", "schedule", "tou", "quantity_id", "agg", "n", "distinct_days")
    expected = slice_quantities(due, calendar, given, told).with_columns(pl.col("tou").fill_null(""))
    absent = expected.join(found, on=[*SLICE_KEYS, "quantity_id"], how="anti").with_columns(
        pl.lit(None, pl.Int32).alias("rank"),
        pl.lit(0, pl.Int64).alias("quantity"), pl.lit(None, pl.Int64).alias("minutes"),
        pl.lit(None, pl.Date).alias("peak_day"),
        pl.lit(False).alias("is_estimated"), pl.lit("none").alias("split_method"),
        pl.lit(0, pl.Int64).alias("reads_seq"),
    )  # fmt: skip
    # All that follows looks rows up; to move those of one piece takes a quarter of the time.
    return pl.concat([found, absent.select(found.columns)], rechunk=True)


def slice_quantities(
    due: pl.DataFrame, calendar: Calendar, given: RatingInput, quantities: pl.DataFrame
) -> pl.DataFrame:
    """Return the quantities that each slice prices; `tou` is the first part of the week in their period, or of all.

    `tou` is null where the period of the quantity does not occur in the slice.
    """
    names = given.book.period_names
    keys = ["version_id", "schedule", "season_part"]
    first = pl.concat(
        [
            names.group_by(keys).agg(pl.col("tou_part").min().alias("part")).with_columns(pl.lit("").alias("tou")),
            names.filter(pl.col("tou") != "").group_by(*keys, "tou").agg(pl.col("tou_part").min().alias("part")),
        ],
        how="diagonal",
    )
    return (
        calendar.slices.join(quantities, on="version_id", how="inner", validate="m:m")
        .join(first, left_on=["version_id", "schedule", "season", "tou"], right_on=[*keys, "tou"], how="left",
              validate="m:1")
        .with_columns(pl.col("part").alias("tou"))
        .drop("part")
        .join(due.select("due_no", "cal_no"), on="cal_no", how="inner", validate="m:m")
    )  # fmt: skip


def determinants_table(due: pl.DataFrame, found: pl.DataFrame) -> DataFrame[Determinants]:
    """Return the determinants of the agreements in `due` (which has `segment_offset`) as a table."""
    frame = (
        found.join(due.select("due_no", "agreement_id", "segment_offset"), on="due_no", how="inner", validate="m:1")
        .with_columns(pl.col("segment_no") + pl.col("segment_offset"))
        .sort("agreement_id", "segment_no", "slice_no", "quantity_id", "tou", "rank")
    )
    return arranged(Determinants, frame)
