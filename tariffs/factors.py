"""Dated factors: series of values kept outside the tariffs, read from CSV and recorded in two times."""

from __future__ import annotations

from datetime import datetime

import polars as pl

from model.schema import arranged, grain, polars_schema
from model.tariff import Factors
from store.control import Connection, insert, query
from tariffs.dated_csv import (
    VALUE_EXPECTED,
    RowsAdded,
    Rule,
    holds,
    judged,
    read_rows,
    reject_overlaps,
    rejected,
    usable,
    value_e9,
)

FACTOR_COLUMNS = ("factor_id", "valid_from", "valid_to", "value", "source")
# A series by a text of the contract is named `series.text`; `;` stands between such texts in rating.
_FACTOR_ID = r"^[a-z][a-z0-9_]*(\.[^;]+)?$"
_ID_EXPECTED = "small letters, digits, `_`, and after a point the text that chooses it"


def add_factors(
    connection: Connection, data: bytes, name: str, *, recorded_at: datetime, recorded_by: str
) -> RowsAdded:
    """Record the values of a CSV file (factor_id, valid_from, valid_to, value, source). Call it in a transaction.

    A value holds from its first day until `valid_to`, not included, or, when that is empty, until the next value of
    its series. A row for a day that has a value already replaces it; the old one stays known as of before. Rows that
    cannot be used are rejected with line and reason, the others are taken.

    Raises:
        InputError: the file is not such a CSV.
    """
    known = _current(connection)
    rows = _reject_overlaps(_judge_rows(read_rows(data, name, FACTOR_COLUMNS)), known)
    counts = _record(connection, arranged(Factors, usable(rows)), known, recorded_at, recorded_by)
    return RowsAdded(*counts, rejected(rows))


def load_factors(connection: Connection, *, known_at: datetime | None = None) -> pl.DataFrame:
    """Return the factors as known at a time (now when None); an open value ends where the next begins."""
    rows = _current(connection, known_at).sort(grain(Factors))
    following = pl.col("valid_from").shift(-1).over("factor_id", order_by="valid_from")
    return rows.with_columns(valid_to=pl.coalesce("valid_to", following))


def _current(connection: Connection, known_at: datetime | None = None) -> pl.DataFrame:
    columns = ", ".join(polars_schema(Factors))
    if known_at is None:
        rows = query(connection, f"SELECT {columns} FROM factor WHERE superseded_at IS NULL")
    else:
        rows = query(
            connection,
            f"SELECT {columns} FROM factor WHERE recorded_at <= ? AND (superseded_at IS NULL OR superseded_at > ?)",
            [known_at, known_at],
        )
    return arranged(Factors, rows)


def _judge_rows(rows: pl.DataFrame) -> pl.DataFrame:
    """Return the rows with typed columns, and with reason and detail where they cannot be used."""
    typed = rows.with_columns(
        raw_from=pl.col("valid_from"),
        raw_to=pl.col("valid_to"),
        valid_from=pl.col("valid_from").str.to_date("%Y-%m-%d", strict=False),
        valid_to=pl.col("valid_to").str.to_date("%Y-%m-%d", strict=False),
        value_e9=value_e9(pl.col("value")),
    )
    first_line = pl.col("line").min().over("factor_id", "valid_from")
    bad_end = pl.col("valid_to").is_null() & pl.col("raw_to").is_not_null()
    day = "a date such as 2026-01-01"
    rules = [
        Rule("bad_factor_id", ~holds(pl.col("factor_id").str.contains(_FACTOR_ID)), "factor_id", _ID_EXPECTED),
        Rule("bad_date", pl.col("valid_from").is_null(), "raw_from", day),
        Rule("bad_date", bad_end, "raw_to", day),
        Rule("bad_value", pl.col("value_e9").is_null(), "value", VALUE_EXPECTED),
        Rule("source_missing", pl.col("source").is_null(), "source", "where the value was published"),
        Rule("empty_period", holds(pl.col("valid_to") <= pl.col("valid_from")), "raw_to", "a day after valid_from"),
        Rule("doubled", pl.col("line") != first_line, "raw_from", "one value for each first day"),
    ]
    return judged(typed, rules)


def _reject_overlaps(rows: pl.DataFrame, known: pl.DataFrame) -> pl.DataFrame:
    """Reject rows whose stated end lies beyond the first day of another value, or that begin inside another.

    A row that says what is known already is not judged; of two new rows that overlap both are rejected.
    """
    keys = grain(Factors)
    fresh = usable(rows).join(known, how="anti", on=list(polars_schema(Factors)), nulls_equal=True)
    kept = known.join(fresh, how="anti", on=keys).with_columns(line=pl.lit(None, dtype=pl.UInt32))
    columns = [*keys, "valid_to", "line"]
    series = pl.concat([kept.select(columns), fresh.select(columns)])
    expected = "a period that no other value of the series overlaps"
    return reject_overlaps(rows, series, "factor_id", "valid_from", "valid_to", expected)


def _record(
    connection: Connection, taken: pl.DataFrame, known: pl.DataFrame, recorded_at: datetime, recorded_by: str
) -> tuple[int, int, int]:
    """Supersede what changed, add what is new; return how many rows are new, changed and the same.

    A value is never learned before the one that it replaces: a command that waited for the lock brings an earlier
    time than the one that held it.
    """
    keys = grain(Factors)
    columns = list(polars_schema(Factors))
    same = taken.join(known, how="semi", on=columns, nulls_equal=True)
    fresh = taken.join(known, how="anti", on=columns, nulls_equal=True)
    changed = fresh.join(known, how="semi", on=keys)
    if not changed.is_empty():
        connection.register("changed_factors", changed.select(keys).to_arrow())
        try:
            connection.execute(
                """UPDATE factor SET superseded_at = greatest(?, factor.recorded_at) FROM changed_factors AS changed
                   WHERE factor.superseded_at IS NULL AND factor.factor_id = changed.factor_id
                     AND factor.valid_from = changed.valid_from""",
                [recorded_at],
            )
        finally:
            connection.unregister("changed_factors")
    last = query(connection, "SELECT factor_id, valid_from, max(superseded_at) AS last_at FROM factor GROUP BY ALL")
    learned = fresh.join(last, on=keys, how="left", validate="1:1").with_columns(
        recorded_at=pl.max_horizontal(pl.lit(recorded_at), "last_at"), recorded_by=pl.lit(recorded_by)
    )
    insert(connection, "factor", learned.drop("last_at"))
    return fresh.height - changed.height, changed.height, same.height
