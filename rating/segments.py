"""Segments: due periods cut at the dates on which tariff versions begin and end.

Agreements that share tariff, zone, period and cycle share all their dates, so dates are worked out once for each
such *calendar* (a few for each tariff), and agreements only carry its number, `cal_no`.
"""

from __future__ import annotations

import polars as pl
from pandera.typing.polars import DataFrame

from model.codes import ParkReason
from model.rating import DueAgreements, DueAttributes, Segments
from model.schema import arranged
from model.tariff import RateBook, TariffVersions
from rating.parking import no_parks, park
from rating.uses import named_texts

KEYS_APART = "\x1f"  # between the texts of `factor_keys`: a text of a contract may hold any sign that people write
CALENDAR_KEYS = [
    "tariff_id", "tz_name", "start_date", "end_date", "cycle_start_date", "cycle_end_date", "factor_keys",
]  # fmt: skip


def number_due(due: DataFrame[DueAgreements], attributes: DataFrame[DueAttributes], book: RateBook) -> pl.DataFrame:
    """Return the due agreements with `due_no` in order of bill, agreement and date, and `cal_no` of their calendar.

    `bill_no` and `agreement_no` number bills, and agreements within their bills, in that order.

    `factor_keys`: the texts of the contract by which the tariff chooses its dated factors, `area=north` and `zone=2`
    with KEYS_APART between them: what they change is a date of the calendar.
    """
    ordered = due.sort("bill_id", "agreement_id", "start_date").with_row_index("due_no")
    ordered = ordered.with_columns(
        pl.col("due_no").cast(pl.Int64),
        number_of("bill_id").alias("bill_no"),
        number_of("bill_id", "agreement_id").alias("agreement_no"),
    )
    if named_texts(book).is_empty():
        keyed = ordered.with_columns(pl.lit("").alias("factor_keys"))
    else:
        keyed = ordered.join(_factor_keys(ordered, attributes, book), on="due_no", how="left", validate="1:1")
        keyed = keyed.with_columns(pl.col("factor_keys").fill_null(""))
    return keyed.with_columns(pl.struct(CALENDAR_KEYS).rank("dense").cast(pl.Int64).alias("cal_no")).sort("due_no")


def number_of(*names: str) -> pl.Expr:
    """Return a number, from 0, that goes up where one of the columns changes: equal rows must stand together."""
    changes = pl.any_horizontal(pl.col(name) != pl.col(name).shift(1) for name in names)
    return changes.fill_null(value=False).cast(pl.Int64).cum_sum()


def place_in(name: str) -> pl.Expr:
    """Return the place of a row, from 1, among the rows with the same value, which stand together."""
    row, begins = pl.int_range(pl.len()), (pl.col(name) != pl.col(name).shift(1)).fill_null(value=True)
    return row - pl.when(begins).then(row).forward_fill() + 1


def _factor_keys(due: pl.DataFrame, attributes: DataFrame[DueAttributes], book: RateBook) -> pl.DataFrame:
    names = (
        named_texts(book)
        .join(book.versions.select("version_id", "tariff_id"), on="version_id", how="left", validate="m:1")
        .join(book.attributes.select("version_id", pl.col("name").alias("by"), "default_text"),
              on=["version_id", "by"], how="left", validate="m:1")
        .group_by("tariff_id", "by")
        .agg(pl.col("default_text").last())
    )  # fmt: skip
    texts = attributes.select("agreement_id", "start_date", pl.col("name").alias("by"), "text")
    found = due.select("due_no", "tariff_id", "agreement_id", "start_date").join(
        names, on="tariff_id", how="inner", validate="m:m"
    ).join(texts, on=["agreement_id", "start_date", "by"], how="left", validate="m:1")  # fmt: skip
    said = found.with_columns(pl.coalesce("text", "default_text").alias("text")).filter(pl.col("text").is_not_null())
    return (
        said.sort("due_no", "by")
        .group_by("due_no", maintain_order=True)
        .agg(pl.format("{}={}", "by", "text").str.join(KEYS_APART).alias("factor_keys"))
    )


def calendars(due: pl.DataFrame) -> pl.DataFrame:
    """Return the distinct calendars of numbered agreements, with `cycle_days`."""
    return (
        due.select("cal_no", *CALENDAR_KEYS)
        .unique(subset="cal_no")
        .sort("cal_no")
        .with_columns(_days("cycle_start_date", "cycle_end_date").alias("cycle_days"))
    )


def cut_segments(cals: pl.DataFrame, versions: DataFrame[TariffVersions]) -> pl.DataFrame:
    """Return the parts of each calendar that a tariff version covers, numbered from 1 by date.

    A version without `valid_to` holds until the next version of its tariff begins.
    Columns: cal_no, segment_no, version_id, start_date, end_date, days, cycle_days, tz_name.
    """
    dated = (
        versions.sort("tariff_id", "valid_from")
        .with_columns(pl.col("valid_to").fill_null(pl.col("valid_from").shift(-1).over("tariff_id")))
        .select("tariff_id", "version_id", "valid_from", "valid_to")
    )
    return (
        cals.join(dated, on="tariff_id", how="inner", validate="m:m")
        .with_columns(
            pl.max_horizontal("start_date", "valid_from").alias("start_date"),
            pl.min_horizontal("end_date", "valid_to").alias("end_date"),
        )
        .filter(pl.col("start_date") < pl.col("end_date"))
        .sort("cal_no", "start_date")
        .with_columns(
            pl.int_range(1, pl.len() + 1).over("cal_no").cast(pl.Int32).alias("segment_no"),
            _days("start_date", "end_date").alias("days"),
        )
        .select("cal_no", "segment_no", "version_id", "start_date", "end_date", "days", "cycle_days", "tz_name",
                "factor_keys")
    )  # fmt: skip


def days_without_version(due: pl.DataFrame, cals: pl.DataFrame, segments: pl.DataFrame) -> pl.DataFrame:
    """Return parks `no_tariff_version` for agreements with days that no version covers; the detail names them."""
    # Versions of a tariff do not overlap, so as many days as are due are all of them.
    if segments["days"].sum() == cals.select(_days("start_date", "end_date").sum()).item():
        return no_parks()
    pieces = pl.concat(
        [
            segments.select("cal_no", pl.col("start_date").alias("next_date"), pl.col("end_date").alias("from_date")),
            cals.select("cal_no", pl.col("end_date").alias("next_date"), pl.lit(None, pl.Date).alias("from_date")),
        ]
    )
    gaps = (
        pieces.sort("cal_no", "next_date", "from_date", nulls_last=True)
        .join(cals.select("cal_no", "start_date"), on="cal_no", how="left", validate="m:1")
        .with_columns(pl.col("from_date").shift(1).over("cal_no").fill_null(pl.col("start_date")).alias("gap_date"))
        .filter(pl.col("gap_date") < pl.col("next_date"))
        .sort("cal_no", "gap_date")
        .group_by("cal_no", maintain_order=True)
        .agg(pl.format("{} to {}", "gap_date", pl.col("next_date").dt.offset_by("-1d")).alias("gaps"))
    )
    found = due.join(gaps, on="cal_no", how="inner", validate="m:1")
    detail = pl.format(
        "tariff {} has no version for {}; expected one for every day", "tariff_id", pl.col("gaps").list.join(", ")
    )
    return park(found, ParkReason.NO_TARIFF_VERSION, detail)


def currencies_that_differ(
    due: pl.DataFrame, segments: pl.DataFrame, versions: DataFrame[TariffVersions]
) -> pl.DataFrame:
    """Return parks `currency_mismatch` for agreements whose tariff prices in another currency than the account's."""
    priced_in = segments.select("cal_no", "version_id").join(
        versions.select("version_id", pl.col("currency").alias("version_currency")),
        on="version_id", how="left", validate="m:1",
    )  # fmt: skip
    if pl.concat([due["currency"], priced_in["version_currency"]]).n_unique() == 1:
        return no_parks()
    found = due.join(priced_in, on="cal_no", how="inner", validate="m:m").filter(
        pl.col("currency") != pl.col("version_currency")
    )
    detail = pl.format(
        "tariff version {} prices in {}, the account is kept in {}", "version_id", "version_currency", "currency"
    )
    return park(found, ParkReason.CURRENCY_MISMATCH, detail)


def offset_segments(due: pl.DataFrame, segments: pl.DataFrame) -> pl.DataFrame:
    """Return due_no and `segment_offset`: segments number on when an agreement is due for several periods."""
    if due["agreement_id"].is_unique().all():
        return due.select("due_no", pl.lit(0, pl.Int32).alias("segment_offset"))
    counts = segments.group_by("cal_no").agg(pl.len().cast(pl.Int32).alias("segment_count"))
    return (
        due.join(counts, on="cal_no", how="left", validate="m:1")
        .sort("agreement_id", "start_date")
        .with_columns(
            (pl.col("segment_count").fill_null(0).cum_sum() - pl.col("segment_count").fill_null(0))
            .over("agreement_id")
            .alias("segment_offset")
        )
        .select("due_no", "segment_offset")
    )


def segments_table(due: pl.DataFrame, segments: pl.DataFrame) -> DataFrame[Segments]:
    """Return the segments of the agreements in `due` (which has `segment_offset`) as a table."""
    frame = (
        due.select("due_no", "cal_no", "agreement_id", "segment_offset")
        .join(segments, on="cal_no", how="inner", validate="m:m")
        .with_columns(pl.col("segment_no") + pl.col("segment_offset"))
        .sort("agreement_id", "segment_no")
    )
    return arranged(Segments, frame)


def _days(start: str, end: str) -> pl.Expr:
    """Return the days from one date column to another, the second not included."""
    return (pl.col(end) - pl.col(start)).dt.total_days().cast(pl.Int32)
