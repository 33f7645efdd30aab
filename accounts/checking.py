"""What must hold between rows: one row per key, references that exist, dates in order, nothing supplied twice."""

from __future__ import annotations

from zoneinfo import available_timezones

import polars as pl

from accounts.reading import DETAIL, LINE, REASON
from model.accounts import IMPORTED
from model.money import CURRENCY_EXPONENT
from model.schema import grain

# table -> (column, table referred to, its column)
REFERENCES: dict[str, list[tuple[str, str, str]]] = {
    "accounts": [("customer_id", "customers", "customer_id"), ("branch_id", "branches", "branch_id")],
    "premises": [("branch_id", "branches", "branch_id")],
    "service_points": [("premise_id", "premises", "premise_id")],
    "meters": [("service_point_id", "service_points", "service_point_id")],
    "channels": [("service_point_id", "service_points", "service_point_id")],
    "agreements": [
        ("account_id", "accounts", "account_id"),
        ("service_point_id", "service_points", "service_point_id"),
    ],
}
# table -> (first day, day after the last), of which the first must be earlier
SPANS: dict[str, tuple[str, str]] = {
    "cycles": ("period_start_date", "period_end_date"),
    "meters": ("installed_date", "removed_date"),
    "channels": ("start_date", "end_date"),
    "agreements": ("start_date", "end_date"),
}
_EMPTY = {LINE: pl.Int64(), REASON: pl.String(), DETAIL: pl.String()}


def find_bad_rows(table: str, rows: pl.DataFrame, known: dict[str, pl.DataFrame]) -> pl.DataFrame:
    """Return line, reason and detail of rows that cannot stand beside the others.

    `rows` has the columns `line` (over all files), `file` and `file_line`; `known` holds what was recorded before, and
    for the tables that come before this one the good rows of this import as well. One reason per line, the first that
    applies.
    """
    found = [pl.DataFrame(schema=_EMPTY), _doubled(table, rows)]
    found += [_dangling(rows, column, known[other][key], other) for column, other, key in REFERENCES.get(table, [])]
    if table in SPANS:
        found.append(_reversed_span(rows, *SPANS[table]))
    if table == "accounts":
        found.append(_unknown(rows, "currency", list(CURRENCY_EXPONENT), "a currency of ISO 4217 that Billmill knows"))
    if table == "service_points":
        found.append(_unknown(rows, "tz_name", sorted(available_timezones()), "an IANA zone like Australia/Sydney"))
    bad = pl.concat(found).unique(LINE, keep="first", maintain_order=True)
    if table == "agreements":
        bad = _without_double_supply(rows, bad, known["agreements"])
    return bad.sort(LINE)


def _doubled(table: str, rows: pl.DataFrame) -> pl.DataFrame:
    keys = grain(IMPORTED[table])
    later = rows.filter(pl.struct(keys).is_duplicated()).sort(LINE)
    # Two rows of one key that differ: neither is more right than the other, so the first stays and the rest wait.
    named = later.with_columns(
        first=pl.col(LINE).first().over(keys),
        first_file=pl.col("file").first().over(keys),
        first_line=pl.col("file_line").first().over(keys),
    )
    return named.filter(pl.col(LINE) != pl.col("first")).select(
        LINE,
        pl.lit("key_doubled").alias(REASON),
        pl.format("{} stands already in {} line {}", pl.lit(", ".join(keys)), "first_file", "first_line").alias(DETAIL),
    )


def _dangling(rows: pl.DataFrame, column: str, known: pl.Series, other: str) -> pl.DataFrame:
    return rows.filter(~pl.col(column).is_in(known.implode())).select(
        LINE,
        pl.lit("unknown_reference").alias(REASON),
        pl.format("{} `{}` is not among the {}", pl.lit(column), column, pl.lit(other.replace("_", " "))).alias(DETAIL),
    )


def _reversed_span(rows: pl.DataFrame, first: str, after: str) -> pl.DataFrame:
    return rows.filter(pl.col(after) <= pl.col(first)).select(
        LINE,
        pl.lit("dates_reversed").alias(REASON),
        pl.format("{} {} is not after {} {}", pl.lit(after), after, pl.lit(first), first).alias(DETAIL),
    )


def _unknown(rows: pl.DataFrame, column: str, allowed: list[str], expected: str) -> pl.DataFrame:
    return rows.filter(~pl.col(column).is_in(allowed)).select(
        LINE,
        pl.lit("value_not_allowed").alias(REASON),
        pl.format("column {}: expected {}, found `{}`", pl.lit(column), pl.lit(expected), column).alias(DETAIL),
    )


def _without_double_supply(rows: pl.DataFrame, bad: pl.DataFrame, recorded: pl.DataFrame) -> pl.DataFrame:
    """Add to `bad` the rows whose service point is under another agreement on the same day.

    A row that is set aside does not count: what was recorded of its agreement goes on, and can meet others in turn.
    """
    columns = ["service_point_id", "agreement_id", "start_date", "end_date"]
    while True:
        left = rows.join(bad.select(LINE), on=LINE, how="anti")
        standing = recorded.join(left, on="agreement_id", how="anti").select(columns)
        more = _supplied_twice(left, left.select(columns), standing)
        if more.is_empty():
            return bad
        bad = pl.concat([bad, more])


def _supplied_twice(rows: pl.DataFrame, incoming: pl.DataFrame, standing: pl.DataFrame) -> pl.DataFrame:
    others = pl.concat([
        incoming.with_columns(is_recorded=pl.lit(False)), standing.with_columns(is_recorded=pl.lit(True))
    ])  # fmt: skip
    pairs = rows.join(others, on="service_point_id", how="inner", suffix="_other", validate="m:m").filter(
        pl.col("agreement_id") != pl.col("agreement_id_other"),
        pl.col("start_date") < pl.col("end_date_other").fill_null(pl.date(9999, 12, 31)),
        pl.col("start_date_other") < pl.col("end_date").fill_null(pl.date(9999, 12, 31)),
    )
    # What is recorded stays. Of two new ones that overlap, the one that began later is the one in question.
    later = pairs.filter(
        pl.col("is_recorded")
        | (pl.col("start_date") > pl.col("start_date_other"))
        | (
            (pl.col("start_date") == pl.col("start_date_other"))
            & (pl.col("agreement_id") > pl.col("agreement_id_other"))
        )
    )
    return (
        later.sort(LINE, "agreement_id_other")
        .unique(LINE, keep="first", maintain_order=True)
        .select(
            LINE,
            pl.lit("supplied_twice").alias(REASON),
            pl.format(
                "service point `{}` is under agreement `{}` on these days", "service_point_id", "agreement_id_other"
            ).alias(DETAIL),
        )
    )
