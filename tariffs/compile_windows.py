"""Compiling windows: the days of seasons and the hours of periods.

Thousands of tariffs share few sets of windows, and a set has hundreds of rows: each set is laid out once, and its rows
are given to its versions by a join.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

import polars as pl

from model.schema import grain, polars_schema
from model.tariff import ANY, RATE_BOOK_TABLES
from tariffs.parts import Parts, lay_over
from tariffs.sheet import TariffFile, Window
from tariffs.windows import event_names

Row = dict[str, Any]
_TABLES = ("period_names", "season_days", "tou_windows", "event_windows")
_Set = tuple[tuple[str, tuple[tuple[str, Window], ...]], ...]


def as_json(rows: Sequence[Row]) -> str:
    """Return rows as JSON with sorted keys, as content ids are made from it."""
    return json.dumps(rows, sort_keys=True, default=str)


class LaidWindows:
    """The tables of windows of many versions; sets of windows are numbered in the order of their first version."""

    def __init__(self) -> None:
        self._numbers: dict[_Set, int] = {}
        self._rows: list[dict[str, list[Row]]] = []
        self._texts: list[Mapping[str, str]] = []
        self._of_version: list[tuple[str, int]] = []

    def texts(self, file: TariffFile) -> Mapping[str, str]:
        """Return the tables of the windows of a file as JSON, by name."""
        return self._texts[self._number(file)]

    def add(self, version_id: str, file: TariffFile) -> None:
        """Say that a version has the windows of a file."""
        self._of_version.append((version_id, self._number(file)))

    def frames(self) -> dict[str, pl.DataFrame]:
        """Return the tables of all versions, each in the order of its key."""
        versions = pl.DataFrame(self._of_version, schema={"version_id": pl.String, "set_no": pl.Int32}, orient="row")
        return {name: self._frame(name, versions.sort("version_id")) for name in _TABLES}

    def _frame(self, name: str, versions: pl.DataFrame) -> pl.DataFrame:
        table = RATE_BOOK_TABLES[name]
        schema: dict[str, pl.DataType] = {"set_no": pl.Int32()}
        schema |= {key: dtype for key, dtype in polars_schema(table).items() if key != "version_id"}
        rows = [(number, row) for number, tables in enumerate(self._rows) for row in tables[name]]
        columns: dict[str, list[Any]] = {key: [row[key] for _, row in rows] for key in schema if key != "set_no"}
        sets = pl.DataFrame({"set_no": [number for number, _ in rows]} | columns, schema=schema)
        ordered = sets.sort("set_no", *[key for key in grain(table) if key != "version_id"])
        # In the order of the key already: sorting millions of rows again would take longer than all the rest.
        found = versions.join(ordered, on="set_no", how="inner", validate="m:m", maintain_order="left_right")
        return found.drop("set_no")

    def _number(self, file: TariffFile) -> int:
        held: _Set = tuple(
            (name, tuple(windows.items())) for name, windows in [(ANY, file.windows), *file.schedules.items()]
        )
        number = self._numbers.get(held)
        if number is None:
            number = self._numbers[held] = len(self._rows)
            rows = _window_rows(file)
            self._rows.append(rows)
            self._texts.append({name: as_json(part) for name, part in rows.items()})
        return number


def _window_rows(file: TariffFile) -> dict[str, list[Row]]:
    parts = lay_over(file)
    return {
        "period_names": _period_name_rows(file, parts),
        "season_days": [
            {"month": day[0], "day_of_month": day[1], "season": part} for day, part in parts.season_of.items()
        ],
        "tou_windows": _tou_rows(parts),
        "event_windows": [
            {"tou": name, "event_series": series, "position": place}
            for place, (name, series) in enumerate(event_names(file).items(), start=1)
        ],
    }


def _period_name_rows(file: TariffFile, parts: Parts) -> list[Row]:
    return [
        {
            "schedule": schedule,
            "season_part": season_part,
            "tou_part": tou_part,
            "season": parts.seasons[season_part][place],
            "tou": periods[place],
        }
        for (season_part, tou_part), periods in parts.periods.items()
        for place, schedule in enumerate(file.schedule_names)
    ] + [
        {"schedule": ANY, "season_part": part, "tou_part": name, "season": seasons[0], "tou": name}
        for part, seasons in parts.seasons.items()
        for name in event_names(file)
    ]


def _tou_rows(parts: Parts) -> list[Row]:
    return [
        {
            "season": season_part,
            "day_class": day_class,
            "from_minute": spell.from_minute,
            "to_minute": spell.to_minute,
            "tou": spell.names[0],
        }
        for (season_part, day_class), spells in parts.spells.items()
        for spell in spells
    ]
