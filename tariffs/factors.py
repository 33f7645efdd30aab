"""Dated factors: series of values kept outside the tariffs, read from CSV and recorded in two times."""

from __future__ import annotations

import io
from dataclasses import dataclass
from datetime import datetime

import polars as pl

from model.errors import InputError
from model.schema import arranged, grain, polars_schema
from model.tariff import Factors
from store.control import Connection, insert, query
from tariffs.sheet import NAME

FACTOR_COLUMNS = ("factor_id", "valid_from", "valid_to", "value", "source")
_VALUE = r"^[+-]?[0-9]{1,9}(\.[0-9]{1,9})?$"  # below 10^9, at most 9 decimals: it fits 64 bits when x 10^9


@dataclass(frozen=True)
class FactorsAdded:
    """What adding factors did: rows not known before, changed, known already; and rows not taken."""

    new: int
    changed: int
    same: int
    rejected: pl.DataFrame
    """Columns: line (from 1, the header is line 1), reason (stable code), detail, text."""


def add_factors(
    connection: Connection, data: bytes, name: str, *, recorded_at: datetime, recorded_by: str
) -> FactorsAdded:
    """Record the values of a CSV file (factor_id, valid_from, valid_to, value, source). Call it in a transaction.

    A value holds from its first day until `valid_to`, not included, or, when that is empty, until the next value of
    its series. A row for a day that has a value already replaces it; the old one stays known as of before. Rows that
    cannot be used are rejected with line and reason, the others are taken.

    Raises:
        InputError: the file is not such a CSV.
    """
    rows = _judge_rows(_read_rows(data, name))
    good = rows.filter(pl.col("reason").is_null())
    known = _current(connection)
    rows = _reject_overlaps(rows, good, known)
    taken = arranged(Factors, rows.filter(pl.col("reason").is_null()))
    counts = _record(connection, taken, known, recorded_at, recorded_by)
    rejected = rows.filter(pl.col("reason").is_not_null()).select("line", "reason", "detail", "text").sort("line")
    return FactorsAdded(*counts, rejected)


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


def _read_rows(data: bytes, name: str) -> pl.DataFrame:
    """Return the file's rows as text, with their line numbers."""
    expected = f"a CSV file with the columns {', '.join(FACTOR_COLUMNS)}"
    try:
        rows = pl.read_csv(io.BytesIO(data), infer_schema=False, encoding="utf8")
    except (pl.exceptions.PolarsError, UnicodeDecodeError) as error:
        raise InputError(f"{name}: expected {expected}, found: {str(error).splitlines()[0]}") from error
    rows = rows.rename({column: column.removeprefix("\ufeff").strip() for column in rows.columns})
    if sorted(rows.columns) != sorted(FACTOR_COLUMNS):
        raise InputError(f"{name}: expected {expected}, found {', '.join(rows.columns)}")
    return rows.select(pl.col(FACTOR_COLUMNS).str.strip_chars().replace("", None)).with_row_index("line", offset=2)


def _judge_rows(rows: pl.DataFrame) -> pl.DataFrame:
    """Return the rows with typed columns, and with reason and detail where they cannot be used."""
    text = pl.concat_str(pl.col(FACTOR_COLUMNS).fill_null(""), separator=",")
    typed = rows.with_columns(
        text=text,
        raw_from=pl.col("valid_from"),
        raw_to=pl.col("valid_to"),
        valid_from=pl.col("valid_from").str.to_date("%Y-%m-%d", strict=False),
        valid_to=pl.col("valid_to").str.to_date("%Y-%m-%d", strict=False),
        value_e9=_value_e9(pl.col("value")),
    )
    first_line = pl.col("line").min().over("factor_id", "valid_from")
    rules = [
        ("bad_factor_id", ~_holds(pl.col("factor_id").str.contains(NAME)), "factor_id", "small letters, digits, `_`"),
        ("bad_date", pl.col("valid_from").is_null(), "raw_from", "a date such as 2026-01-01"),
        (
            "bad_date",
            pl.col("valid_to").is_null() & pl.col("raw_to").is_not_null(),
            "raw_to",
            "a date such as 2026-01-01",
        ),
        ("bad_value", pl.col("value_e9").is_null(), "value", "a number below 10^9 with at most 9 decimals"),
        ("source_missing", pl.col("source").is_null(), "source", "where the value was published"),
        ("empty_period", _holds(pl.col("valid_to") <= pl.col("valid_from")), "raw_to", "a day after valid_from"),
        ("doubled", pl.col("line") != first_line, "raw_from", "one value for each first day"),
    ]
    reason: pl.Expr = pl.lit(None, dtype=pl.String)
    detail: pl.Expr = pl.lit(None, dtype=pl.String)
    for code, is_wrong, column, expected in reversed(rules):
        found = pl.format("expected {}, found `{}`", pl.lit(expected), pl.col(column).fill_null(""))
        reason = pl.when(is_wrong).then(pl.lit(code)).otherwise(reason)
        detail = pl.when(is_wrong).then(found).otherwise(detail)
    return typed.with_columns(reason=reason, detail=detail)


def _holds(condition: pl.Expr) -> pl.Expr:
    return condition.fill_null(value=False)


def _value_e9(value: pl.Expr) -> pl.Expr:
    """Return the number that a text states, x 10^9, exactly; null when it states none."""
    usable = pl.when(value.str.contains(_VALUE)).then(value)
    parts = usable.str.strip_chars("+-").str.split(".")
    whole = parts.list.get(0).cast(pl.Int64)
    decimals = parts.list.get(1, null_on_oob=True).fill_null("").str.pad_end(9, "0").cast(pl.Int64)
    size = whole * 10**9 + decimals
    return pl.when(usable.str.starts_with("-")).then(-size).otherwise(size)


def _reject_overlaps(rows: pl.DataFrame, good: pl.DataFrame, known: pl.DataFrame) -> pl.DataFrame:
    """Reject rows whose stated end lies beyond the first day of another value, or that begin inside another.

    A row that says what is known already is not judged; of two new rows that overlap both are rejected.
    """
    keys = grain(Factors)
    fresh = good.join(known, how="anti", on=list(polars_schema(Factors)), nulls_equal=True)
    kept = known.join(fresh, how="anti", on=keys).with_columns(line=pl.lit(None, dtype=pl.UInt32))
    columns = [*keys, "valid_to", "line"]
    series = pl.concat([kept.select(columns), fresh.select(columns)]).sort(keys)
    stated_end = pl.coalesce("valid_to", "valid_from")  # an open value ends where the next begins
    is_inside = pl.col("valid_from") < stated_end.cum_max().shift(1).over("factor_id")
    reaches_beyond = pl.col("valid_to") > pl.col("valid_from").shift(-1).over("factor_id")
    lines = series.filter(pl.col("line").is_not_null() & (_holds(is_inside) | _holds(reaches_beyond)))["line"]
    is_overlap = pl.col("line").is_in(lines.to_list())
    detail = pl.lit("expected a period that no other value of the series overlaps, found one that does")
    return rows.with_columns(
        reason=pl.when(is_overlap).then(pl.lit("overlap")).otherwise("reason"),
        detail=pl.when(is_overlap).then(detail).otherwise("detail"),
    )


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
