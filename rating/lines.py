"""Bill lines: what charges and taxes found, with all that explains it, in the order of the bill."""

from __future__ import annotations

import polars as pl
from pandera.typing.polars import DataFrame

from model.codes import ParkReason
from model.rating import BillLines
from model.schema import arranged
from model.tariff import TariffVersions
from rating.parking import park
from rating.rounding import exact_decimal, rate_decimal
from rating.segments import place_in

_PLACES_MAX = 2**62
_BILL_ORDER = ["agreement_no", "place", "period_start_date", "season", "tou", "tier"]


def lines_table(
    due: pl.DataFrame, lines: pl.DataFrame, components: pl.DataFrame, versions: DataFrame[TariffVersions]
) -> DataFrame[BillLines]:
    """Return the lines of the agreements in `due` as a table, sorted by bill and line.

    Raises:
        AssertionError: two lines have the same id; a programmer's mistake.
    """
    texts = components.select(
        "version_id", "kind", "category", "tax_code", "line_text", "gl_account", "party"
    ).join(
        versions.select("version_id", "tariff_id"), on="version_id", how="left", validate="m:1", maintain_order="left"
    )  # fmt: skip
    owners = due.select("bill_no", "bill_id", "account_id", "branch_id", "agreement_id", "service_point_id",
                        "commodity", "cycle_id", "currency")  # fmt: skip
    is_memo = pl.col("category") == "memo"
    # Narrow rows are put in order, then each column of a line, its agreement and its charge is moved once.
    order = _order(due, lines, components)
    explained = [owners[order["due_row"]], texts.drop("version_id")[order["component_row"]]]
    frame = pl.concat([lines[order["line_row"]], *explained], how="horizontal").with_columns(
        place_in("bill_no").alias("line_no"),
        exact_decimal("amount_e15").alias("amount_exact"),
        rate_decimal("price_e9").alias("rate"),
        rate_decimal("fixed_e9").alias("fixed"),
        pl.when(is_memo).then("amount_minor").alias("memo_minor"),
        pl.when(is_memo).then(0).otherwise("amount_minor").cast(pl.Int64).alias("amount_minor"),
        _line_id(_day_texts(lines["period_start_date"])[order["line_row"]]),
    )
    assert frame["line_id"].n_unique() == len(frame), "two lines have the same id"
    return arranged(BillLines, frame)


def _order(due: pl.DataFrame, lines: pl.DataFrame, components: pl.DataFrame) -> pl.DataFrame:
    """Return the order of the lines of the agreements in `due`: line_row, and the rows of agreement and charge."""
    agreements = due.select("due_no", "agreement_no").with_row_index("due_row")
    # Numbers are compared in place of the few names of charges, seasons and periods.
    place = pl.struct("position", "component_id").rank("dense").alias("place")
    charges = components.select("version_id", "component_id", place).with_row_index("component_row")
    rows = (
        lines.select("due_no", "version_id", "component_id", "period_start_date", _ranks(lines["season"]),
                     _ranks(lines["tou"]), "tier")
        .with_row_index("line_row")
        .join(agreements, on="due_no", how="inner", validate="m:1")
        .join(charges, on=["version_id", "component_id"], how="left", validate="m:1")
    )  # fmt: skip
    return _in_order(rows).select("line_row", "due_row", "component_row")


def _in_order(rows: pl.DataFrame) -> pl.DataFrame:
    """Return rows in the order of their bills: by one number for each where that can hold all columns, as mostly."""
    columns = rows.select(pl.col(_BILL_ORDER).to_physical().cast(pl.Int64))
    if rows.is_empty() or any(column.null_count() for column in columns):
        return rows.sort(_BILL_ORDER)
    place, room = pl.lit(0, pl.Int64), 1
    for name, least, most in zip(_BILL_ORDER, columns.min().row(0), columns.max().row(0), strict=True):
        span = most - least + 1
        place, room = place * span + (pl.col(name) - least), room * span
    if room > _PLACES_MAX:
        return rows.sort(_BILL_ORDER)
    return rows[columns.select(place.alias("place")).to_series().arg_sort()]


def _ranks(names: pl.Series) -> pl.Series:
    """Return a number for each of few names, in their order."""
    few = names.unique().sort()
    return names.replace_strict(few, pl.int_range(few.len(), eager=True), return_dtype=pl.Int64)


def _day_texts(days: pl.Series) -> pl.Series:
    """Return days as texts: each of the few that there are is written once."""
    few = days.unique().sort()
    return few.cast(pl.String)[few.search_sorted(days)]


def _line_id(days: pl.Series) -> pl.Expr:
    keys = [
        "bill_id", "agreement_id", "component_id", pl.lit(days), "season", "tou",
        pl.col("tier").cast(pl.String),
    ]  # fmt: skip
    return pl.concat_str(keys, separator="/").alias("line_id")


def without_lines(due: pl.DataFrame, lines: pl.DataFrame) -> pl.DataFrame:
    """Return parks for agreements to which no charge applies: each is billed or parked, never lost."""
    bare = due.join(lines, on="due_no", how="anti")
    detail = pl.format("tariff {} has no charge that applies; expected at least one line", "tariff_id")
    return park(bare, ParkReason.NO_PRICE, detail)
