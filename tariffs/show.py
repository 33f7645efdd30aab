"""Showing a tariff to a person: its versions, its prices in a table, and the week as a grid of hours."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

import polars as pl

from model.tariff import ANY, RateBook
from tariffs.check_windows import show_clock, show_days
from tariffs.compile import compile_tariff
from tariffs.sheet import TariffFile
from tariffs.windows import MINUTES_PER_DAY, seasons_by_day

_STEPS = (60, 30, 15, 5, 1)  # minutes of a column in the week's grid: the longest that shows every change
_HEADINGS = ("charge", "of", "season", "period", "from", "to", "price", "per", "line")


def describe(file: TariffFile) -> list[str]:
    """Return the lines that show a tariff: title, seasons, the week, and the charges of each version."""
    book = compile_tariff(file)
    rounding = file.rounding.line
    lines = [
        f"{file.tariff}: {file.title}",
        f"{file.commodity.value}, {file.currency}, clock of {file.timezone}, "
        f"each line rounded {rounding.mode.value} {rounding.step}",
    ]
    lines += _season_lines(file)
    lines += _week_lines(book)
    for version in book.versions.sort("valid_from").iter_rows(named=True):
        until = f"until {version['valid_to']}, not included" if version["valid_to"] else "until further notice"
        lines += ["", f"Version from {version['valid_from']} {until}", f"  source: {version['source']}", ""]
        lines += [f"  {line}" for line in _charge_lines(book, version["version_id"], file.currency)]
    return lines


def _season_lines(file: TariffFile) -> list[str]:
    days = list(seasons_by_day(file).items())
    if days[0][1] == (ANY,):
        return []
    runs: list[tuple[str, str]] = []
    for (month, day), names in days:
        if not runs or runs[-1][0] != names[0]:
            runs.append((names[0], f"{month:02d}-{day:02d}"))
    if len(runs) > 1 and runs[0][0] == runs[-1][0]:
        runs = runs[1:]  # it runs over the new year
    begins = ", ".join(f"{name} from {start}" for name, start in runs)
    return ["", f"Seasons (month-day): {begins}"]


def _week_lines(book: RateBook) -> list[str]:
    """Return a grid of hours for each season: a letter per period; kinds of days that are alike share a line."""
    first = book.versions.sort("valid_from")["version_id"][0]
    windows = book.tou_windows.filter(pl.col("version_id") == first)
    periods = windows["tou"].unique(maintain_order=True).to_list()
    if periods == [ANY]:
        return []
    letters = _letters(periods)
    step = _grid_step(windows["from_minute"].to_list())
    lines = []
    for (season,), part in windows.group_by("season", maintain_order=True):
        lines += ["", "Week" + (f" in {season}" if season else "") + ", by the clock on the wall"]
        alike: dict[str, list[int]] = {}
        for (day_class,), spells in part.group_by("day_class", maintain_order=True):
            row = "".join(
                letters[spell["tou"]] * ((spell["to_minute"] - spell["from_minute"]) // step)
                for spell in spells.iter_rows(named=True)
            )
            alike.setdefault(row, []).append(int(str(day_class)))
        names = [show_days(classes) for classes in alike.values()]
        width = max(len(name) for name in names)
        lines.append(f"  {'':{width}}  {_clock_header(step)}")
        lines += [f"  {name:{width}}  {row}" for name, row in zip(names, alike, strict=True)]
    return [*lines, "  " + ", ".join(f"{letter} {period}" for period, letter in letters.items())]


def _grid_step(minutes: Sequence[int]) -> int:
    return next(step for step in _STEPS if all(minute % step == 0 for minute in minutes))


def _clock_header(step: int) -> str:
    """Return the clock above the grid: the time every six hours."""
    return "".join(f"{show_clock(minute):{360 // step}}" for minute in range(0, MINUTES_PER_DAY, 360)).rstrip()


def _letters(names: Sequence[str]) -> dict[str, str]:
    """Return a letter for each name: a letter of its own where one is free."""
    letters: dict[str, str] = {}
    for name in names:
        choices = [*name.replace("_", "").upper(), *"ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"]
        letters[name] = next(letter for letter in choices if letter not in letters.values())
    return letters


def _charge_lines(book: RateBook, version_id: str, currency: str) -> list[str]:
    """Return the charges of a version as a table, a row per price."""
    of_version = pl.col("version_id") == version_id
    charges = (
        book.components.filter(of_version)
        .join(book.quantities, how="left", on=["version_id", "quantity_id"], validate="m:1")
        .join(_base_names(book), how="left", on=["version_id", "component_id"], validate="1:1")
        .join(book.prices, how="left", on=["version_id", "component_id"], validate="1:m")
        .filter(of_version)
        .sort("position", "season", "tou_right", "tier")
    )
    rows = [_HEADINGS] + [_price_cells(row, currency) for row in charges.iter_rows(named=True)]
    for index in range(len(rows) - 1, 1, -1):  # a charge is named once, on its first row
        if rows[index][0] == rows[index - 1][0]:
            rows[index] = ("", "", *rows[index][2:-1], "")
    shown = [column for column in range(len(_HEADINGS)) if any(row[column] for row in rows[1:])]
    widths = {column: max(len(row[column]) for row in rows) for column in shown}
    return [
        "  ".join(
            row[column].rjust(widths[column])
            if _HEADINGS[column] in {"from", "to", "price"}
            else row[column].ljust(widths[column])
            for column in shown
        ).rstrip()
        for row in rows
    ]


def _base_names(book: RateBook) -> pl.DataFrame:
    """Return what each percentage and minimum counts, in the order of the bill."""
    places = book.components.select("version_id", "position", base_component_id="component_id")
    counted = book.bases.join(places, how="left", on=["version_id", "base_component_id"], validate="m:1")
    names = pl.col("base_component_id").sort_by("position").str.join(", ")
    return counted.group_by("version_id", "component_id").agg(base=names)


def _price_cells(row: dict[str, object], currency: str) -> tuple[str, ...]:
    """Return the cells of one price, as text in the order of the headings."""
    size = row["unit_size"] or 1
    edges = [_printed(value, size) for value in (row["from_quantity"], row["to_quantity"])]
    price = f"factor {row['factor_id']}" if row["factor_id"] else _printed(row["price_e9"], 10**9)
    is_tiered = row["tier_method"] != "none"
    per = {"percent": "%", "daily": f"{currency}/day", "cycle": f"{currency}/cycle"}.get(
        str(row["kind"]), f"{currency}/{row['unit'] or row['tiers_share']}"
    )
    if is_tiered and not row["is_peak"]:
        edges = [f"{edge}/{row['tiers_share']}" if edge else "" for edge in edges]
    of = str(row["quantity_id"] or row["base"] or "")
    return (
        str(row["component_id"]),
        of,
        str(row["season"]),
        str(row["tou_right"] or ""),
        edges[0] if is_tiered else "",
        edges[1] if is_tiered else "",
        ("at least " if row["kind"] == "minimum" else "") + price,
        per,
        str(row["line_text"]) + (f" (tax {row['tax_code']})" if row["tax_code"] else ""),
    )


def _printed(value: object, size: object) -> str:
    """Return an integer of smallest units as its decimal; empty when there is none."""
    if value is None:
        return ""
    number = Decimal(str(value)) / Decimal(str(size))
    return f"{number.normalize():f}"
