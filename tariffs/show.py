"""A tariff as a page for a person: what it is, and for each version its prices in a table and its week.

What the language of tariff files gains is shown too: keys and columns that have no place of their own come under
their names.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any

import polars as pl

from model.schema import column_names
from model.tariff import ANY, Prices, RateBook
from tariffs.compile import compile_tariff
from tariffs.rider_head import HEAD_OF_A_TARIFF
from tariffs.sheet import Quantity, TariffFile, Version
from tariffs.week import Week, weeks_of
from tariffs.windows import seasons_by_day
from tariffs.words import said, shown

HEADINGS = ("charge", "of", "season", "period", "from", "to", "price", "per", "line")
NUMBERS = ("from", "to", "price")
_NAMED_BEFORE = {"tariff", "title", "holiday_lists", "windows", "quantities", "versions", "examples"}
_IN_THE_TABLE = {"of", "by", "price", "tiers", "tiers_share", "per", "percent", "at_least", "tax", "text"}
_OF_A_VERSION = {"valid_from", "valid_to", "source", "charges"}
_PRICE_COLUMNS = set(column_names(Prices))


@dataclass(frozen=True)
class VersionPage:
    """A version: its days, where it stands, its prices, and the weeks in which its periods hold.

    `charges` are rows of `HEADINGS`, and of further columns that the compiled prices may have. `periods` are in the
    order of the file; `dearness` ranks them by price, 0 for the cheapest.
    """

    valid_from: date
    valid_to: date | None
    state: str | None
    facts: dict[str, str]
    charges: pl.DataFrame
    notes: tuple[str, ...]
    weeks: tuple[Week, ...]
    periods: tuple[str, ...]
    dearness: dict[str, int]


@dataclass(frozen=True)
class TariffPage:
    """A tariff with all its versions."""

    tariff: str
    title: str
    facts: dict[str, str]
    versions: tuple[VersionPage, ...]

    def as_dict(self) -> dict[str, Any]:
        """Return the page as plain values."""
        versions = [
            {"valid_from": one.valid_from, "valid_to": one.valid_to, "state": one.state, "facts": one.facts,
             "charges": one.charges, "notes": one.notes, "weeks": [week.as_dict() for week in one.weeks]}
            for one in self.versions
        ]  # fmt: skip
        return {"tariff": self.tariff, "title": self.title, "facts": self.facts, "versions": versions}


def describe(file: TariffFile, states: Mapping[date, str] | None = None) -> TariffPage:
    """Return the page of a tariff. `states` says where the versions stand, by their first days."""
    book = compile_tariff(file, is_alone=True)
    pages = []
    for row, version in zip(book.versions.sort("valid_from").iter_rows(named=True), file.versions, strict=True):
        of_version = pl.col("version_id") == row["version_id"]
        windows = book.tou_windows.filter(of_version)
        weeks = tuple(weeks_of(windows))
        periods = tuple(windows["tou"].unique(maintain_order=True)) if weeks else ()
        facts = {"source": row["source"]} | _facts(version, _OF_A_VERSION)
        pages.append(
            VersionPage(
                version.valid_from, row["valid_to"], (states or {}).get(version.valid_from), facts,
                _charge_table(book, row["version_id"], file.currency), tuple(_notes(version)), weeks, periods,
                _dearness(book.prices.filter(of_version), periods),
            )
        )  # fmt: skip
    return TariffPage(file.tariff, file.title, _header_facts(file), tuple(pages))


def _header_facts(file: TariffFile) -> dict[str, str]:
    facts = _facts(file, _NAMED_BEFORE | (set(HEAD_OF_A_TARIFF) if file.rider else set()))
    if days := file.holiday_dates:
        facts["holidays"] = f"{days[0]}, 1 day" if len(days) == 1 else f"{len(days)} days, {days[0]} to {days[-1]}"
    if file.quantities:
        facts["quantities"] = "; ".join(_quantity(name, part) for name, part in file.quantities.items())
    if seasons := _seasons(file):
        facts["seasons"] = seasons
    return facts


def _quantity(name: str, quantity: Quantity) -> str:
    rest = {key: value for key, value in said(quantity).items() if key not in {"measure", "agg", "unit"}}
    text = f"{name}, {shown(quantity.agg)} of {shown(quantity.measure)} in {quantity.unit}"
    return f"{text} ({shown(rest)})" if any(rest.values()) else text


def _facts(part: TariffFile | Version, hidden: set[str]) -> dict[str, str]:
    found = {key.replace("_", " "): shown(value, key) for key, value in said(part).items() if key not in hidden}
    return {key: text.strip('"') for key, text in found.items()}


def _notes(version: Version) -> list[str]:
    """Return what charges say that has no column in the table."""
    notes = []
    for name, charge in version.charges.items():
        rest = {key: value for key, value in said(charge).items() if key not in _IN_THE_TABLE}
        if rest:
            notes.append(f"{name}: " + "; ".join(f"{key.replace('_', ' ')} {shown(v, key)}" for key, v in rest.items()))
    return notes


def _seasons(file: TariffFile) -> str:
    """Return the seasons by the day on which each begins; empty when there are none."""
    days = list(seasons_by_day(file).items())
    if days[0][1] == (ANY,):
        return ""
    runs: list[tuple[str, str]] = []
    for (month, day), names in days:
        if not runs or runs[-1][0] != names[0]:
            runs.append((names[0], f"{month:02d}-{day:02d}"))
    if len(runs) > 1 and runs[0][0] == runs[-1][0]:
        runs = runs[1:]  # it runs over the new year
    return ", ".join(f"{name} from {start}" for name, start in runs) + " (month-day)"


def _dearness(prices: pl.DataFrame, periods: Sequence[str]) -> dict[str, int]:
    """Rank periods by their dearest price, the cheapest 0; those without a printed price stand in order of the file."""
    dearest = dict(prices.group_by("tou").agg(pl.col("price_e9").max()).select("tou", "price_e9").iter_rows())
    ranked = sorted(periods, key=lambda name: (dearest.get(name) or 0, periods.index(name)))
    return {name: place for place, name in enumerate(ranked)}


def _charge_table(book: RateBook, version_id: str, currency: str) -> pl.DataFrame:
    """Return the charges of a version as text, a row per price; a charge is named on its first row."""
    of_version = pl.col("version_id") == version_id
    charges = (
        book.components.filter(of_version)
        .join(book.quantities, how="left", on=["version_id", "quantity_id"], validate="m:1")
        .join(_base_names(book), how="left", on=["version_id", "component_id"], validate="1:1")
        .join(book.prices, how="left", on=["version_id", "component_id"], validate="1:m")
        .sort("position", "season", "tou_right", "tier")
    )
    further = [name for name in book.prices.columns if name not in _PRICE_COLUMNS]
    rows: list[dict[str, str]] = []
    before = None
    for row in charges.iter_rows(named=True):
        cells = _price_cells(row, currency) | {name: "" if row[name] is None else str(row[name]) for name in further}
        if cells["charge"] == before:
            cells |= {"charge": "", "of": "", "line": ""}
        before = str(row["component_id"])
        rows.append(cells)
    table = pl.DataFrame(rows, schema=dict.fromkeys([*HEADINGS, *further], pl.String()))
    return table.select(name for name in table.columns if (table[name] != "").any())


def _base_names(book: RateBook) -> pl.DataFrame:
    """Return what each percentage and minimum counts, in the order of the bill."""
    places = book.components.select("version_id", "position", base_component_id="component_id")
    counted = book.bases.join(places, how="left", on=["version_id", "base_component_id"], validate="m:1")
    names = pl.col("base_component_id").sort_by("position").str.join(", ")
    return counted.group_by("version_id", "component_id").agg(base=names)


def _price_cells(row: dict[str, object], currency: str) -> dict[str, str]:
    """Return the cells of one price, as text by heading."""
    size = row["unit_size"] or 1
    edges = [_printed(value, size) for value in (row["from_quantity"], row["to_quantity"])]
    price = f"factor {row['factor_id']}" if row["factor_id"] else _printed(row["price_e9"], 10**9)
    is_tiered = row["tier_method"] != "none"
    per = {"percent": "%", "daily": f"{currency}/day", "cycle": f"{currency}/cycle"}.get(
        str(row["kind"]), f"{currency}/{row['unit'] or row['tiers_share']}"
    )
    if is_tiered and not row["is_peak"]:
        edges = [f"{edge}/{row['tiers_share']}" if edge else "" for edge in edges]
    return {
        "charge": str(row["component_id"]),
        "of": str(row["quantity_id"] or row["base"] or ""),
        "season": str(row["season"] or ""),
        "period": str(row["tou_right"] or ""),
        "from": edges[0] if is_tiered else "",
        "to": edges[1] if is_tiered else "",
        "price": ("at least " if row["kind"] == "minimum" else "") + price,
        "per": per if price else "",
        "line": str(row["line_text"]) + (f" (tax {row['tax_code']})" if row["tax_code"] else ""),
    }


def _printed(value: object, size: object) -> str:
    """Return an integer of smallest units as its decimal; empty when there is none."""
    if value is None:
        return ""
    number = Decimal(str(value)) / Decimal(str(size))
    return f"{number.normalize():f}"
