"""Tariffs to be priced: files, or what is in force in a workspace; with the dated factors that they need."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal
from pathlib import Path

import polars as pl

from model.codes import Commodity
from model.errors import ConfigError, TariffError
from model.schema import arranged, grain, polars_schema
from model.tariff import Factors, RateBook, TariffVersions
from store.control import Connection, control
from store.workspace import Workspace
from tariffs.catalogue import load_rate_book
from tariffs.compile import compile_tariffs, with_factors
from tariffs.feeds import with_feeds
from tariffs.file import parse_tariff
from tariffs.library import tariff_text, whole_tariff
from tariffs.prices import price_e9
from tariffs.problems import suggestion
from tariffs.riders import billed_files
from tariffs.sheet import TariffFile
from tariffs.states import files_in_force

# Opened only when a tariff of a workspace is named: files need none.
Opener = Callable[[], Workspace]
EARLIEST = date(1900, 1, 1)


@dataclass(frozen=True)
class Offer:
    """A tariff to be priced, under a name that no other offer has. Its versions may lie in several files."""

    tariff_id: str
    files: tuple[TariffFile, ...]

    @property
    def title(self) -> str:
        """Title as printed."""
        return self.files[-1].title

    @property
    def commodity(self) -> Commodity:
        """What it prices."""
        return self.files[-1].commodity

    @property
    def currency(self) -> str:
        """ISO 4217 code."""
        return self.files[-1].currency

    @property
    def tz_name(self) -> str:
        """Zone of its clock times."""
        return self.files[-1].timezone


@dataclass(frozen=True)
class Offers:
    """Tariffs to be priced and their rate book.

    `is_dated`: a workspace says what the tariffs take from outside; otherwise they are files alone.
    """

    items: tuple[Offer, ...]
    book: RateBook
    is_dated: bool = False


def find_offers(names: Sequence[str], workspace: Opener, *, every: bool = False) -> Offers:
    """Return tariffs by name: files (`.toml`), or ids of the workspace, whose approved versions count.

    `every` adds all tariffs of the workspace with an approved version. A second tariff of the same id, such as a new
    file beside what is approved, is called `id (file)`.

    Raises:
        TariffError: a file cannot be used, or the workspace has no approved version of a tariff.
    """
    held: dict[str, tuple[TariffFile, ...]] = {}
    dated: RateBook | None = None
    if every or any(not _is_file(name) for name in names):
        with control(workspace(), purpose="tariff quote") as connection:
            for file in billed_files(files_in_force(connection))[0]:
                held[file.tariff] = (*held.get(file.tariff, ()), file)
            dated = load_rate_book(connection)
    found: dict[str, Offer] = {}
    for name in [*names, *(held if every else ())]:
        if _is_file(name):
            _add_file(found, Path(name), workspace)
        elif name not in found:
            found[name] = Offer(name, _held(held, name))
    book = compile_tariffs([file for offer in found.values() for file in offer.files])
    if dated is None:
        return Offers(tuple(found.values()), book)
    return Offers(tuple(found.values()), replace(book, factors=dated.factors), is_dated=True)


def dated_tables(connection: Connection, book: RateBook) -> RateBook:
    """Return a compiled rate book with the dated factors of the workspace."""
    return replace(book, factors=load_rate_book(connection).factors)


def on_days(offers: Offers, workspace: Opener, tz_name: str, start_date: date, end_date: date) -> Offers:
    """Return the offers with the events and interval prices of the days in a zone, where a workspace knows them."""
    if not offers.is_dated:
        return offers
    periods = pl.DataFrame({"tz_name": [tz_name], "start_date": [start_date], "end_date": [end_date]})
    with control(workspace(), purpose="tariff quote") as connection:
        return replace(offers, book=with_feeds(connection, offers.book, periods))


def with_values(offers: Offers, values: Mapping[str, Decimal]) -> Offers:
    """Return the offers with values of dated factors that hold on all days, in place of what is known of them.

    A value is named by its series, or by the name that a tariff's formulas have for it; where the series is chosen by
    a text of the contract, it is that of every text.

    Raises:
        ConfigError: no tariff uses such a factor, or the value has more digits than a price.
    """
    series = _series(offers)
    rows = []
    for name, value in values.items():
        value_e9 = price_e9(value)
        if name not in series:
            hint = suggestion(name, series) or f"used are {', '.join(sorted(series)) or 'none'}"
            raise ConfigError(f"--factor: expected a dated factor that a tariff uses, found `{name}`", hint=hint)
        if value_e9 is None:
            raise ConfigError(f"--factor {name}: expected a number below 10^9 with at most 9 decimals, found `{value}`")
        rows += [
            {"factor_id": factor_id, "valid_from": EARLIEST, "valid_to": None, "value_e9": value_e9, "source": "stated"}
            for factor_id in sorted(series[name])
        ]
    stated = pl.DataFrame(rows, schema=polars_schema(Factors), orient="row").unique("factor_id", keep="last")
    kept = offers.book.factors.join(stated, on="factor_id", how="anti")
    return replace(offers, book=with_factors(offers.book, pl.concat([kept, stated])))


def as_of(book: RateBook, day: date, tariffs: Collection[str] | None = None) -> RateBook:
    """Return the rate book in which the versions and dated factors of one day hold on all days.

    A tariff without a version on that day loses all of its versions; `tariffs` None means every one.
    """
    holds = (pl.col("valid_from") <= day) & (pl.col("valid_to").is_null() | (pl.col("valid_to") > day))
    is_asked = pl.lit(True) if tariffs is None else pl.col("tariff_id").is_in(list(tariffs))
    always = [pl.lit(EARLIEST).alias("valid_from"), pl.lit(None, pl.Date).alias("valid_to")]
    dated = book.versions.sort("tariff_id", "valid_from").with_columns(
        pl.col("valid_to").fill_null(pl.col("valid_from").shift(-1).over("tariff_id"))
    )
    kept = dated.filter(is_asked & holds).with_columns(always)
    versions = pl.concat([dated.filter(~is_asked), kept]).sort(grain(TariffVersions))
    factors = book.factors.filter(holds).with_columns(always)
    return with_factors(replace(book_of(book, versions), versions=arranged(TariffVersions, versions)), factors)


def book_of(book: RateBook, versions: pl.DataFrame) -> RateBook:
    """Return the rate book with the rows of these versions alone."""
    kept = versions["version_id"].implode()
    parts = {
        name: frame.filter(pl.col("version_id").is_in(kept)) if "version_id" in frame.columns else frame
        for name, frame in book.frames().items()
    }
    return RateBook(**parts)  # type: ignore[arg-type]  # filtering rows keeps each table's type


def _is_file(name: str) -> bool:
    return Path(name).suffix == ".toml"


def _held(held: Mapping[str, tuple[TariffFile, ...]], name: str) -> tuple[TariffFile, ...]:
    if name not in held:
        raise TariffError(
            f"tariff `{name}`: expected a tariff with an approved version, found none",
            hint=suggestion(name, held) or "approve it, or name its file",
        )
    return held[name]


def _add_file(found: dict[str, Offer], path: Path, workspace: Opener) -> None:
    file = whole_tariff(parse_tariff(tariff_text(path), path.name), path, workspace=workspace)
    if file.rider:
        raise TariffError(
            f"tariff file `{path.name}`: expected a tariff, found rider `{file.tariff}`",
            hint="name a tariff that attaches it",
        )
    name = file.tariff if file.tariff not in found else f"{file.tariff} ({path.name})"
    if name in found:
        raise TariffError(f"tariff file `{path.name}` of tariff `{file.tariff}` is named twice")
    found[name] = Offer(name, (file.model_copy(update={"tariff": name}),))


def _series(offers: Offers) -> dict[str, set[str]]:
    """Return the series behind each name by which a value may be given."""
    found: dict[str, set[str]] = {
        str(factor_id): {str(factor_id)} for factor_id in offers.book.prices["factor_id"].drop_nulls().unique()
    }
    for offer in offers.items:
        for file in offer.files:
            for version in file.versions:
                seen = file.of_version(version)
                for name, factor in seen.factors.items():
                    texts = (seen.attributes[factor.by].values or ()) if factor.by is not None else ()
                    ids = {f"{factor.series}.{text}" for text in texts} or {factor.series}
                    for key in (name, factor.series, *ids):
                        found.setdefault(key, set()).update(ids if key in (name, factor.series) else {key})
    return found
