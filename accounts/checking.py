"""What must hold between rows: one row per key, references that exist, dates in order, nothing supplied twice."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from functools import lru_cache

import polars as pl

from accounts.attributes import ATTRIBUTE_OWNER, overlapping_attributes, unfit_attributes
from accounts.calendar_dates import unfit_dates, without_overlaps
from accounts.history import unfit_quantities
from accounts.point_channels import doubled_suffixes, strange_commodities, strange_measures
from accounts.reading import DETAIL, LINE, REASON
from model.accounts import IMPORTED
from model.money import CURRENCY_EXPONENT
from model.schema import declared_columns, grain
from model.zones import day_begin, day_start_utc, is_zone, zone

# table -> (column, table referred to, its column)
REFERENCES: dict[str, list[tuple[str, str, str]]] = {
    "cycles": [("branch_id", "branches", "branch_id")],
    "accounts": [("customer_id", "customers", "customer_id"), ("branch_id", "branches", "branch_id")],
    "premises": [("branch_id", "branches", "branch_id")],
    "service_points": [("premise_id", "premises", "premise_id")],
    "meters": [("service_point_id", "service_points", "service_point_id")],
    "channels": [("service_point_id", "service_points", "service_point_id")],
    "agreements": [
        ("account_id", "accounts", "account_id"),
        ("service_point_id", "service_points", "service_point_id"),
    ],
    "agreement_attributes": [("agreement_id", "agreements", "agreement_id")],
    "service_point_attributes": [("service_point_id", "service_points", "service_point_id")],
    "history": [("service_point_id", "service_points", "service_point_id")],
    "opening_dates": [("agreement_id", "agreements", "agreement_id")],
    "opening_banks": [("agreement_id", "agreements", "agreement_id")],
    "outages": [("service_point_id", "service_points", "service_point_id")],
    "channel_links": [("channel_id", "channels", "channel_id"), ("other_channel_id", "channels", "channel_id")],
}
# table -> (first day, day after the last), of which the first must be earlier
SPANS: dict[str, tuple[str, str]] = {
    "cycles": ("period_start_date", "period_end_date"),
    "meters": ("installed_date", "removed_date"),
    "channels": ("start_date", "end_date"),
    "agreements": ("start_date", "end_date"),
    "agreement_attributes": ("valid_from", "valid_to"),
    "service_point_attributes": ("valid_from", "valid_to"),
    "history": ("period_start_date", "period_end_date"),
    "outages": ("start_utc", "end_utc"),
}
# Clock changes are looked for in these years; rules of a zone repeat, and older reads are not billed any more.
_CLOCK_YEARS = range(2020, 2038)
# A file name has 255 bytes; the rest of it says kind, date, sequence, branches and that it is a backup being written.
NAME_BYTES = 100
_CONTROLS = r"[\x00-\x1f\x7f]"
_EMPTY = {LINE: pl.Int64(), REASON: pl.String(), DETAIL: pl.String()}


def find_bad_rows(table: str, rows: pl.DataFrame, known: dict[str, pl.DataFrame]) -> pl.DataFrame:
    """Return line, reason and detail of rows that cannot stand beside the others.

    `rows` has the columns `line` (over all files), `file` and `file_line`; `known` holds what was recorded before, and
    for the tables that come before this one the good rows of this import as well. One reason per line, the first that
    applies.
    """
    found = [pl.DataFrame(schema=_EMPTY), _doubled(table, rows)]
    found += [_with_controls(rows, name) for name in _texts(table, rows)]
    found += [_dangling(rows, column, known[other][key], other) for column, other, key in REFERENCES.get(table, [])]
    if table in SPANS:
        found.append(_reversed_span(rows, *SPANS[table]))
    if table == "cycles":
        found.append(_unfit_for_names(rows, "cycle_id"))
        found.append(unfit_dates(rows))
    if table == "accounts":
        found.append(_unknown(rows, "currency", list(CURRENCY_EXPONENT), "a currency of ISO 4217 that Billmill knows"))
    if table == "service_points":
        found.append(
            _unknown(rows, "tz_name", _zones(rows), "an IANA zone like Australia/Sydney, or Europe/Berlin@06:00")
        )
        found.append(_uneven_points(rows, known["channels"]))
        found.append(strange_commodities(rows, known["channels"]))
    if table == "channels":
        found.append(_uneven_channels(rows, known["service_points"]))
        found.append(strange_measures(rows, known["service_points"]))
        found.append(doubled_suffixes(rows, known["channels"]))
    if table in ATTRIBUTE_OWNER:
        found.append(unfit_attributes(rows))
        usable = rows.join(pl.concat(found).select(LINE), on=LINE, how="anti")
        found.append(overlapping_attributes(table, usable, known[table]))
    if table == "history":
        found.append(unfit_quantities(rows))
    bad = pl.concat(found).unique(LINE, keep="first", maintain_order=True)
    if table == "agreements":
        bad = _without_double_supply(rows, bad, known["agreements"])
    if table == "cycles":
        bad = without_overlaps(rows, bad, known["cycles"])
    return bad.sort(LINE)


def _texts(table: str, rows: pl.DataFrame) -> list[str]:
    """Return the columns of text that a table of reference data has."""
    return [name for name in declared_columns(IMPORTED[table]) if rows.schema.get(name) == pl.String]


def _with_controls(rows: pl.DataFrame, column: str) -> pl.DataFrame:
    """Text with control characters: screens obey them, and files of text break on them."""
    return rows.filter(pl.col(column).str.contains(_CONTROLS)).select(
        LINE,
        pl.lit("value_not_allowed").alias(REASON),
        pl.format(
            "column {}: expected text without control characters, found `{}`",
            pl.lit(column), pl.col(column).str.replace_all(_CONTROLS, "?"),
        ).alias(DETAIL),
    )  # fmt: skip


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


def _unfit_for_names(rows: pl.DataFrame, column: str) -> pl.DataFrame:
    """Ids after which folders and files are named: they must not lead elsewhere nor be too long for a name."""
    fits = pl.col(column).str.contains(r"^[\p{L}\p{N}_-][\p{L}\p{N}._-]*$") & (
        pl.col(column).str.len_bytes() <= NAME_BYTES
    )
    return rows.filter(~fits).select(
        LINE,
        pl.lit("value_not_allowed").alias(REASON),
        pl.format(
            "column {}: expected letters, digits and . _ - (at most {} bytes, a run's folder is named after it), "
            "found `{}`", pl.lit(column), pl.lit(NAME_BYTES), column,
        ).alias(DETAIL),
    )  # fmt: skip


def _uneven_channels(rows: pl.DataFrame, service_points: pl.DataFrame) -> pl.DataFrame:
    """Channels whose intervals do not fit into the days on which the clock of their zone changes."""
    zoned = rows.join(
        service_points.select("service_point_id", "tz_name"), on="service_point_id", how="inner", validate="m:1"
    )
    return _uneven(zoned.select(LINE, "tz_name", "interval_minutes"))


def _uneven_points(rows: pl.DataFrame, channels: pl.DataFrame) -> pl.DataFrame:
    """Service points that come into a zone whose days their channels' intervals do not fit."""
    lengths = channels.select("service_point_id", "interval_minutes").unique()
    measured = rows.join(lengths, on="service_point_id", how="inner", validate="m:m")
    return _uneven(measured.select(LINE, "tz_name", "interval_minutes").sort(LINE, "interval_minutes")).unique(
        LINE, keep="last", maintain_order=True
    )


def _zones(rows: pl.DataFrame) -> list[str]:
    """Return the zones among the names of `tz_name`."""
    return [name for name in rows["tz_name"].unique().sort().to_list() if name is not None and is_zone(name)]


def _uneven(zoned: pl.DataFrame) -> pl.DataFrame:
    kinds = zoned.filter(pl.col("interval_minutes") > 0).select("tz_name", "interval_minutes").unique()
    named = kinds.filter(pl.col("tz_name").is_in(_zones(kinds)))
    days = [_uneven_day(*kind) for kind in named.iter_rows()]  # a row per zone and length
    uneven = named.with_columns(pl.Series("day", days, dtype=pl.Date)).drop_nulls("day")
    return zoned.join(uneven, on=["tz_name", "interval_minutes"], how="inner", validate="m:1").select(
        LINE,
        pl.lit("slots_not_whole").alias(REASON),
        pl.format(
            "column interval_minutes: expected a length that divides every day of {}, found {}; "
            "{} is no multiple of it", "tz_name", "interval_minutes", "day",
        ).alias(DETAIL),
    )  # fmt: skip


@lru_cache(maxsize=1_024)
def _uneven_day(tz_name: str, interval_minutes: int) -> date | None:
    """Return the first day of `_CLOCK_YEARS` that is no whole number of intervals long, None when there is none."""
    first, after = date(_CLOCK_YEARS.start, 1, 1), date(_CLOCK_YEARS.stop, 1, 1)
    days = [first + timedelta(days=number) for number in range((after - first).days + 1)]
    # A day differs from 24 hours by how far the clock moves, so days of the usual offset are left out at once.
    offsets = [zone(tz_name).utcoffset(datetime.combine(day, day_begin(tz_name))) for day in days]
    for day, following, before, behind in zip(days, days[1:], offsets, offsets[1:], strict=False):
        if before == behind:
            continue
        length = day_start_utc(tz_name, following) - day_start_utc(tz_name, day)
        if int(length.total_seconds()) // 60 % interval_minutes:
            return day
    return None


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
