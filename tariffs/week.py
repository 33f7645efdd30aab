"""The week of a tariff version: which time-of-use period holds at which hour of which kind of day."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import polars as pl

from model.tariff import ANY
from tariffs.windows import MINUTES_PER_DAY

DAY_LABELS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun", "Hol")
# Columns of clock time must fit beside the days on a narrow screen: 24 of two letters, or 48 of one.
_COLUMN_STEPS = (60, 30)
# What a row of the compiled windows says; other columns tell several weeks of one version apart.
_SPELL = {"version_id", "season", "day_class", "from_minute", "to_minute", "tou"}


@dataclass(frozen=True)
class Week:
    """A week that holds in some seasons. `rows` and `columns` are days and clock times, whichever way they fit.

    `cells` names the period of each row and column. `cell_width` is how many letters a column is wide.
    """

    title: str
    rows: tuple[str, ...]
    columns: tuple[str, ...]
    cells: tuple[tuple[str, ...], ...]
    cell_width: int

    @property
    def header(self) -> str:
        """The names of the columns; of clock times every third hour, because each has no room for its own."""
        if self.columns[0] in DAY_LABELS:
            return "".join(f"{name:<{self.cell_width}}" for name in self.columns).rstrip()
        step = len(self.columns) // 8
        return "".join(f"{name:<{self.cell_width * step}}" for name in self.columns[::step]).rstrip()

    def as_dict(self) -> dict[str, Any]:
        """Return the week as plain values."""
        return {"title": self.title, "rows": self.rows, "columns": self.columns, "cells": self.cells}


def weeks_of(windows: pl.DataFrame) -> list[Week]:
    """Return the weeks of the compiled windows of one version; seasons that are alike share one.

    A version without time-of-use periods has none.
    """
    if windows["tou"].unique().to_list() == [ANY]:
        return []
    keys = ["season", *(name for name in windows.columns if name not in _SPELL)]
    alike: dict[tuple[Any, ...], list[str]] = {}
    grids: dict[tuple[Any, ...], pl.DataFrame] = {}
    for key, part in windows.group_by(keys, maintain_order=True):
        spells = part.select("day_class", "from_minute", "to_minute", "tou").sort("day_class", "from_minute")
        same = (tuple(spells.rows()), key[1:])
        alike.setdefault(same, []).append(", ".join(str(value) for value in key if value not in (ANY, None)))
        grids[same] = spells
    return [_week([name for name in names if name], grids[same]) for same, names in alike.items()]


def letters_of(periods: Sequence[str]) -> dict[str, str]:
    """Return a letter for each period, its own first one where that is free."""
    letters: dict[str, str] = {}
    for name in periods:
        choices = [*name.replace("_", "").upper(), *"ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"]
        letters[name] = next(letter for letter in choices if letter not in letters.values())
    return letters


def _week(names: Sequence[str], spells: pl.DataFrame) -> Week:
    title = "Week" + (f" in {', '.join(names)}" if names else "") + ", by the clock on the wall"
    days = [int(day) for day in spells["day_class"].unique().sort()]
    labels = tuple(DAY_LABELS[day - 1] for day in days)
    edges = sorted({0, MINUTES_PER_DAY, *spells["from_minute"]})
    step = next((step for step in _COLUMN_STEPS if all(edge % step == 0 for edge in edges)), None)
    if step is not None:
        minutes = range(0, MINUTES_PER_DAY, step)
        cells = tuple(tuple(_period_at(spells, day, minute) for minute in minutes) for day in days)
        return Week(title, labels, tuple(f"{minute // 60:02}" for minute in minutes), cells, step // 30)
    bands = tuple(f"{_clock(start)}-{_clock(end)}" for start, end in pairwise(edges))
    cells = tuple(tuple(_period_at(spells, day, start) for day in days) for start in edges[:-1])
    return Week(title, bands, labels, cells, 4)


def _period_at(spells: pl.DataFrame, day: int, minute: int) -> str:
    holds = (pl.col("day_class") == day) & (pl.col("from_minute") <= minute) & (pl.col("to_minute") > minute)
    return ", ".join(spells.filter(holds)["tou"])


def _clock(minute: int) -> str:
    return f"{minute // 60:02}:{minute % 60:02}"
