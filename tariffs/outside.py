"""What a tariff takes from outside its file: dated factors, events, interval prices; and which of it is not there."""

from __future__ import annotations

from dataclasses import dataclass

import polars as pl

from store.control import Connection, query
from tariffs.compile import compile_tariff
from tariffs.factors import load_factors
from tariffs.sheet import TariffFile, Version


@dataclass(frozen=True)
class Outside:
    """Names of the series that a version uses, each list in alphabetical order.

    `factors` by a text attribute are there once for each of its texts, as `series.text`.
    """

    factors: tuple[str, ...]
    events: tuple[str, ...]
    prices: tuple[str, ...]


def taken_from_outside(file: TariffFile, version: Version) -> Outside:
    """Return the series that the charges of a version use."""
    book = compile_tariff(file.model_copy(update={"versions": (version,)}), is_alone=True)
    attributes = file.of_version(version).attributes
    factors = set(book.prices["factor_id"].drop_nulls())
    named = book.operands.filter(pl.col("kind") == "factor").select("name", "by")
    of_split = book.quantities.filter(pl.col("split_factor").is_not_null()).select(
        pl.col("split_factor").alias("name"), pl.col("split_by").alias("by")
    )
    for name, by in pl.concat([named, of_split]).unique().iter_rows():
        texts = () if by is None else attributes[by].values or ()
        factors |= {f"{name}.{text}" for text in texts} if by is not None else {name}
    events, prices = book.event_windows["event_series"], book.quantities["series_id"].drop_nulls()
    return Outside(tuple(sorted(factors)), tuple(sorted(set(events))), tuple(sorted(set(prices))))


def missing_series(connection: Connection, file: TariffFile) -> list[str]:
    """Return a warning for each series of the tariff that has no values at all.

    It is no error: the series may come later. Whoever is billed for a day without a value or price is parked.
    """
    used = [taken_from_outside(file, version) for version in file.versions]
    known = set(load_factors(connection)["factor_id"])
    factors = sorted({name for one in used for name in one.factors} - known)
    return [
        f"tariff `{file.tariff}`: factor `{name}` has no values yet; add them before the first bill" for name in factors
    ] + _without_feeds(connection, f"tariff `{file.tariff}`", used)


def missing_on_first_day(connection: Connection, file: TariffFile, versions: list[Version]) -> list[str]:
    """Return a warning for each factor without a value on the first day of a version that uses it, and for each
    series of events or prices that was never added."""
    values = load_factors(connection)
    warnings = []
    for version in versions:
        subject = f"tariff `{file.tariff}` version {version.valid_from}"
        used = taken_from_outside(file, version)
        day = pl.lit(version.valid_from)
        held = values.filter(
            (pl.col("valid_from") <= day) & (pl.col("valid_to").is_null() | (pl.col("valid_to") > day))
        )
        missing = sorted(set(used.factors) - set(held["factor_id"]))
        warnings += [
            f"{subject}: factor `{name}` has no value on its first day; who is billed for a day without one is parked"
            for name in missing
        ]
        warnings += _without_feeds(connection, subject, [used])
    return warnings


def _without_feeds(connection: Connection, subject: str, used: list[Outside]) -> list[str]:
    events = set(query(connection, "SELECT DISTINCT event_series FROM called_event")["event_series"])
    prices = set(query(connection, "SELECT DISTINCT series_id FROM interval_prices")["series_id"])
    return [
        f"{subject}: event series `{name}` was never added; bills count no events of it"
        for name in sorted({name for one in used for name in one.events} - events)
    ] + [
        f"{subject}: price series `{name}` was never added; who is billed for a day without its prices is parked"
        for name in sorted({name for one in used for name in one.prices} - prices)
    ]
