"""Determinants: for each slice, the quantities that its tariff version prices, by time-of-use period."""

from __future__ import annotations

import polars as pl
from pandera.typing.polars import DataFrame

from model.rating import Determinants, RatingInput
from model.schema import arranged
from rating.calendar import Calendar, build_masks
from rating.coverage import incomplete, of_mixed_lengths, uncovered, without_channel, without_split
from rating.intervals import PEAK_SCHEMA, SLICE_KEYS, USE_SCHEMA, IntervalUse, highest_by_slice, interval_use, no_use
from rating.ratebook import MEASURE_NO
from rating.registers import register_use

# From the best to the worst way in which a quantity was cut; a sum takes the worst of its parts.
SPLIT_METHODS = ("none", "interval", "register", "days")


def find_determinants(
    due: pl.DataFrame, calendar: Calendar, given: RatingInput
) -> tuple[pl.DataFrame, list[pl.DataFrame]]:
    """Return the determinants of the numbered agreements, and the parks.

    Columns: due_no, segment_no, slice_no, quantity_id, tou, agg, quantity, peak_day, is_estimated, split_method,
    reads_seq. Every quantity of a slice has at least one row; it is zero where an optional channel is absent or
    its period does not occur.
    """
    quantities = given.book.quantities.with_columns(_measure_no())
    channels = _needed_channels(due, calendar, given, quantities)
    measured = _measured(calendar, quantities)
    intervals = [
        _of_length(given.days.get(minutes), channels, calendar, given, minutes)
        for minutes in sorted(set(channels["interval_minutes"].to_list()) - {0})
    ]
    registers = channels.filter(pl.col("interval_minutes") == 0).select(
        "due_no", "cal_no", "channel_no", "channel_id", "measure_no"
    )
    register_slices = calendar.slices.select("cal_no", "segment_no", "slice_no", "version_id", "start_date", "end_date")
    register_slices = register_slices.join(measured, on=["cal_no", "segment_no"], how="inner", validate="m:m").drop(
        "version_id"
    )
    read, register_parks = register_use(given.usage, registers, register_slices)
    whole = _joined(intervals)
    parks = [
        without_channel(due, channels, calendar, quantities),
        without_split(due, channels, calendar, given, quantities),
        of_mixed_lengths(channels, calendar, quantities),
        incomplete(channels, calendar, measured, whole.good),
        uncovered(channels, calendar, quantities),
        *register_parks,
    ]
    use = _summed(pl.concat([whole.use, read]))
    found = _by_quantity(due, calendar, quantities, use, whole.peaks)
    return filled(found, due, calendar, given, quantities), parks


def _measure_no() -> pl.Expr:
    return pl.col("measure").replace_strict(MEASURE_NO, return_dtype=pl.Int32).alias("measure_no")


def _measured(calendar: Calendar, quantities: pl.DataFrame) -> pl.DataFrame:
    """Return the measures that each segment needs: cal_no, segment_no, measure_no."""
    measures = quantities.select("version_id", "measure_no").unique()
    return calendar.segments.select("cal_no", "segment_no", "version_id").join(
        measures, on="version_id", how="inner", validate="m:m"
    ).select("cal_no", "segment_no", "measure_no")  # fmt: skip


def _needed_channels(
    due: pl.DataFrame, calendar: Calendar, given: RatingInput, quantities: pl.DataFrame
) -> pl.DataFrame:
    """Return the channels that some version of the agreement's calendar measures."""
    needs = (
        calendar.segments.select("cal_no", "version_id")
        .join(quantities, on="version_id", how="inner", validate="m:m")
        .group_by("cal_no", "measure_no")
        .agg((pl.col("agg") == "max").any().alias("needs_peak"))
    )
    channels = (
        due.select("due_no", "cal_no", "agreement_id")
        .join(given.channels.drop("partition"), on="agreement_id", how="inner", validate="m:m")
        .with_columns(_measure_no())
        .join(needs, on=["cal_no", "measure_no"], how="inner", validate="m:1")
    )
    # A length that does not divide an hour has no exact mean power; channels of it are refused when declared.
    return channels.with_columns((pl.len().over("due_no", "measure_no") > 1).alias("is_shared")).sort(
        "due_no", "channel_no"
    )


def _of_length(
    wide: pl.DataFrame | None, channels: pl.DataFrame, calendar: Calendar, given: RatingInput, minutes: int
) -> IntervalUse:
    if wide is None or wide.is_empty():
        return no_use()
    mine = channels.filter(pl.col("interval_minutes") == minutes).select(
        "due_no", "cal_no", "channel_no", "measure_no", "needs_peak", "is_shared", "from_date", "to_date"
    )
    days = calendar.days.join(mine.select("cal_no").unique(), on="cal_no", how="semi")
    masked_days, masks = build_masks(days, given.book.tou_windows, minutes)
    return interval_use(wide, mine, masked_days, masks, minutes)


def _joined(intervals: list[IntervalUse]) -> IntervalUse:
    parts = [no_use(), *intervals]
    return IntervalUse(
        pl.concat([part.use for part in parts]),
        highest_by_slice(pl.concat([part.peaks for part in parts])),
        pl.concat([part.good for part in parts]),
    )


def _summed(use: pl.DataFrame) -> pl.DataFrame:
    """Return use with channels of several lengths, or of both kinds, added up."""
    return (
        use.group_by(*SLICE_KEYS, "measure_no", "tou")
        .agg(pl.col("quantity").sum(), pl.col("is_estimated").any(), pl.col("reads_seq").max(), worst_split())
        .select(list(USE_SCHEMA))
    )


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
    due: pl.DataFrame, calendar: Calendar, quantities: pl.DataFrame, use: pl.DataFrame, peaks: pl.DataFrame
) -> pl.DataFrame:
    """Return what was measured, under the names that the version of each slice gives it."""
    peak_keys = [*SLICE_KEYS, "measure_no", "tou"]
    highest = peaks.select(*peak_keys, pl.col("quantity").alias("peak_w"), "peak_day")
    assert list(PEAK_SCHEMA)[:5] == peak_keys, "maxima are kept by slice, measure and period"
    measured = (
        use.join(highest, on=peak_keys, how="left", validate="1:1")
        .join(due.select("due_no", "cal_no"), on="due_no", how="left", validate="m:1")
        .join(calendar.segments.select("cal_no", "segment_no", "version_id"), on=["cal_no", "segment_no"], how="left",
              validate="m:1")
    )  # fmt: skip
    wanted = quantities.select("version_id", "measure_no", "quantity_id", "agg", pl.col("tou").alias("only_tou"))
    is_max = pl.col("agg") == "max"
    return (
        measured.join(wanted, on=["version_id", "measure_no"], how="inner", validate="m:m")
        .filter((pl.col("only_tou") == "") | (pl.col("only_tou") == pl.col("tou")))
        .filter(~is_max | pl.col("peak_w").is_not_null())
        .with_columns(
            pl.when(is_max).then("peak_w").otherwise("quantity").alias("quantity"),
            pl.when(is_max).then("peak_day").alias("peak_day"),
        )
        .select(*SLICE_KEYS, "quantity_id", "tou", "agg", "quantity", "peak_day", "is_estimated", "split_method",
                "reads_seq")
    )  # fmt: skip


def filled(
    found: pl.DataFrame, due: pl.DataFrame, calendar: Calendar, given: RatingInput, quantities: pl.DataFrame
) -> pl.DataFrame:
    """Add a row of zero for each quantity of a slice that has none, in the period of the quantity or the first."""
    expected = slice_quantities(due, calendar, given, quantities)
    absent = expected.join(found, on=[*SLICE_KEYS, "quantity_id"], how="anti").select(
        *SLICE_KEYS, "quantity_id", "tou", "agg",
        pl.lit(0, pl.Int64).alias("quantity"), pl.lit(None, pl.Date).alias("peak_day"),
        pl.lit(False).alias("is_estimated"), pl.lit("none").alias("split_method"),
        pl.lit(0, pl.Int64).alias("reads_seq"),
    )  # fmt: skip
    return pl.concat([found, absent]).sort(*SLICE_KEYS, "quantity_id", "tou")


def slice_quantities(
    due: pl.DataFrame, calendar: Calendar, given: RatingInput, quantities: pl.DataFrame
) -> pl.DataFrame:
    """Return the quantities that each slice prices; `tou` is the period of the quantity, or the first that occurs."""
    first_tou = given.book.tou_windows.group_by("version_id", "season").agg(pl.col("tou").min().alias("first_tou"))
    return (
        calendar.slices.join(quantities, on="version_id", how="inner", validate="m:m")
        .join(first_tou, on=["version_id", "season"], how="left", validate="m:1")
        .with_columns(pl.when(pl.col("tou") == "").then("first_tou").otherwise("tou").fill_null("").alias("tou"))
        .join(due.select("due_no", "cal_no"), on="cal_no", how="inner", validate="m:m")
    )


def determinants_table(due: pl.DataFrame, found: pl.DataFrame) -> DataFrame[Determinants]:
    """Return the determinants of the agreements in `due` (which has `segment_offset`) as a table."""
    frame = (
        found.join(due.select("due_no", "agreement_id", "segment_offset"), on="due_no", how="inner", validate="m:1")
        .with_columns(pl.col("segment_no") + pl.col("segment_offset"))
        .sort("agreement_id", "segment_no", "slice_no", "quantity_id", "tou")
    )
    return arranged(Determinants, frame)
