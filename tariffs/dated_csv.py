"""CSV files of what tariffs take from outside: rows read as text, judged one by one, and refused with a reason."""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass

import polars as pl

from model.errors import ConfigError, InputError
from model.zones import zone

_VALUE = r"^[+-]?[0-9]{1,9}(\.[0-9]{1,9})?$"  # below 10^9, at most 9 decimals: it fits 64 bits when x 10^9
_INSTANT = r"^(\d{4}-\d\d-\d\d)[T ](\d\d:\d\d)(?::00)?(?:(Z)|([+-])(\d\d):?(\d\d))?$"
VALUE_EXPECTED = "a number below 10^9 with at most 9 decimals"
INSTANT_EXPECTED = (
    "a whole minute with its UTC offset, such as 2026-07-14T16:00:00-05:00, or a local time, beside `zone`, that the "
    "clock shows once"
)


@dataclass(frozen=True)
class Rule:
    """What makes a row unusable: a stable code, when it is broken, the column that is shown, what was expected."""

    code: str
    is_broken: pl.Expr
    shown: str
    expected: str


@dataclass(frozen=True)
class RowsAdded:
    """What adding a file did: values not known before, changed, known already; and rows not taken."""

    new: int
    changed: int
    same: int
    rejected: pl.DataFrame
    """Columns: line (from 1, the header is line 1), reason (stable code), detail, text."""

    @property
    def detail(self) -> str:
        """The counts in words."""
        return f"{self.new} new, {self.changed} changed, {self.same} same, {self.rejected.height} rejected"


def read_rows(data: bytes, name: str, columns: Sequence[str], optional: Sequence[str] = ()) -> pl.DataFrame:
    """Return the rows of a CSV file as text, with `line` and `text`; optional columns that it lacks are null.

    Raises:
        InputError: the file is not such a CSV.
    """
    expected = f"a CSV file with the columns {', '.join(columns)}"
    expected += f" and, if need be, {', '.join(optional)}" if optional else ""
    try:
        rows = pl.read_csv(io.BytesIO(data), infer_schema=False, encoding="utf8")
    except (pl.exceptions.PolarsError, UnicodeDecodeError) as error:
        raise InputError(f"{name}: expected {expected}, found: {str(error).splitlines()[0]}") from error
    rows = rows.rename({column: column.removeprefix("\ufeff").strip() for column in rows.columns})
    found = set(rows.columns)
    if not set(columns) <= found <= {*columns, *optional}:
        raise InputError(f"{name}: expected {expected}, found {', '.join(rows.columns)}")
    stated = [column for column in (*columns, *optional) if column in found]
    text = pl.concat_str(pl.col(stated).fill_null(""), separator=",")
    absent = [pl.lit(None, pl.String).alias(column) for column in optional if column not in found]
    return (
        rows.select(pl.col(stated).str.strip_chars().replace("", None))
        .with_columns(text.alias("text"), *absent)
        .with_row_index("line", offset=2)
    )


def judged(rows: pl.DataFrame, rules: Sequence[Rule]) -> pl.DataFrame:
    """Return the rows with `reason` and `detail` of the first rule that each breaks; null where it can be used."""
    reason: pl.Expr = pl.lit(None, dtype=pl.String)
    detail: pl.Expr = pl.lit(None, dtype=pl.String)
    for rule in reversed(rules):
        found = pl.format("expected {}, found `{}`", pl.lit(rule.expected), pl.col(rule.shown).fill_null(""))
        reason = pl.when(rule.is_broken).then(pl.lit(rule.code)).otherwise(reason)
        detail = pl.when(rule.is_broken).then(found).otherwise(detail)
    return rows.with_columns(reason=reason, detail=detail)


def usable(rows: pl.DataFrame) -> pl.DataFrame:
    """Return the judged rows that can be used."""
    return rows.filter(pl.col("reason").is_null())


def rejected(rows: pl.DataFrame) -> pl.DataFrame:
    """Return the judged rows that cannot be used: line, reason, detail, text."""
    return rows.filter(pl.col("reason").is_not_null()).select("line", "reason", "detail", "text").sort("line")


def holds(condition: pl.Expr) -> pl.Expr:
    """Return whether a condition is known to hold."""
    return condition.fill_null(value=False)


def value_e9(value: pl.Expr) -> pl.Expr:
    """Return the number that a text states, x 10^9, exactly; null when it states none."""
    stated = pl.when(value.str.contains(_VALUE)).then(value)
    parts = stated.str.strip_chars("+-").str.split(".")
    whole = parts.list.get(0).cast(pl.Int64)
    decimals = parts.list.get(1, null_on_oob=True).fill_null("").str.pad_end(9, "0").cast(pl.Int64)
    size = whole * 10**9 + decimals
    return pl.when(stated.str.starts_with("-")).then(-size).otherwise(size)


def with_instants(rows: pl.DataFrame, columns: Sequence[str]) -> pl.DataFrame:
    """Add the instant of each column as `column_utc`, null where its text states none, and `is_zone_known`.

    A text with an offset is that instant; without one it is the time on the clock of the row's `zone`, and states no
    instant when that clock shows the time twice or never.
    """
    zones = [name for name in rows["zone"].unique().sort().drop_nulls().to_list() if _is_zone(name)]
    known = pl.col("zone").is_null() | pl.col("zone").is_in(zones)
    return rows.with_columns(
        *(_instant(column, zones).alias(f"{column}_utc") for column in columns), is_zone_known=known
    )


def _is_zone(name: str) -> bool:
    try:
        zone(name)
    except ConfigError:
        return False
    return True


def _instant(column: str, zones: Sequence[str]) -> pl.Expr:
    parts = pl.col(column).str.extract_groups(_INSTANT)
    day, clock, zulu, sign, hours, minutes = (parts.struct.field(str(number)) for number in range(1, 7))
    wall = pl.concat_str(day, clock, separator=" ").str.to_datetime("%Y-%m-%d %H:%M", time_unit="us", strict=False)
    offset = pl.duration(minutes=hours.cast(pl.Int64) * 60 + minutes.cast(pl.Int64))
    stated = pl.when(sign == "-").then(wall + offset).when(sign == "+").then(wall - offset).when(zulu == "Z").then(wall)
    instant = stated.dt.replace_time_zone("UTC")
    has_offset = sign.is_not_null() | zulu.is_not_null()
    for name in zones:
        local = wall.dt.replace_time_zone(name, ambiguous="null", non_existent="null").dt.convert_time_zone("UTC")
        instant = pl.when(~has_offset & (pl.col("zone") == name)).then(local).otherwise(instant)
    return instant


def reject_overlaps(
    rows: pl.DataFrame, series: pl.DataFrame, of: str, start: str, end: str, expected: str
) -> pl.DataFrame:
    """Reject the rows that overlap others of `series` (of, start, end, line; null where a row is known already).

    A null end is that of a row which holds until the next.
    """
    ordered = series.sort(of, start, end)
    is_inside = pl.col(start) < pl.coalesce(end, start).cum_max().shift(1).over(of)
    reaches_beyond = pl.col(end) > pl.col(start).shift(-1).over(of)
    lines = ordered.filter(pl.col("line").is_not_null() & (holds(is_inside) | holds(reaches_beyond)))["line"]
    is_overlap = pl.col("line").is_in(lines.implode())
    return rows.with_columns(
        reason=pl.when(is_overlap).then(pl.lit("overlap")).otherwise("reason"),
        detail=pl.when(is_overlap).then(pl.lit(f"expected {expected}, found one that does")).otherwise("detail"),
    )
