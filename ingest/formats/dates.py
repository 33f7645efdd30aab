"""Dates of meter files: which ones can be days of reads at all."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, date, datetime

import polars as pl

# No utility has interval reads from outside these years; a date beyond them is a slip of the keyboard, and zones have
# no rules for it. Two days of margin keep a local day inside whatever its zone.
FIRST_DAY, LAST_DAY = date(1970, 1, 3), date(2199, 12, 29)
_SIDE_BY_SIDE = re.compile(r"(?:%[YymdHMS]){2,}")


def usable_day(day: pl.Expr) -> pl.Expr:
    """Return the date, null when no reads can be of that day."""
    return pl.when(day.is_between(FIRST_DAY, LAST_DAY)).then(day)


def usable_instant(instant: pl.Expr) -> pl.Expr:
    """Return the instant (UTC), null when no reads can be of that time."""
    first = datetime(FIRST_DAY.year, FIRST_DAY.month, FIRST_DAY.day, tzinfo=UTC)
    last = datetime(LAST_DAY.year, LAST_DAY.month, LAST_DAY.day, tzinfo=UTC)
    return pl.when(instant.is_between(first, last)).then(instant)


def of_full_width(text: pl.Expr, form: str) -> pl.Expr:
    """Return the texts whose digits a format can cut into its fields, null for others.

    Where fields stand side by side (%Y%m%d) each must be written in full: Polars reads 2024101 as 1 October, though the
    digit that is missing may be any of its eight. A format whose fields are kept apart takes texts as they are.
    """
    if not _SIDE_BY_SIDE.search(form):
        return text
    pattern, at = "^", 0
    for run in _SIDE_BY_SIDE.finditer(form):
        width = sum(4 if name == "Y" else 2 for name in run[0].split("%")[1:])
        pattern += (".*" if run.start() > at else "") + rf"\d{{{width}}}"
        at = run.end()
    return pl.when(text.str.contains(f"{pattern}{'.*' if at < len(form) else ''}$")).then(text)


def parsed_once(text: pl.Series, parse: Callable[[pl.Series], pl.Series]) -> pl.Series:
    """Return `parse(text)`, parsing each distinct text once: the times of a file repeat from channel to channel."""
    distinct = text.unique()
    told = pl.DataFrame({"text": distinct, "parsed": parse(distinct)})
    rows = pl.DataFrame({"text": text})
    found = rows.join(told, on="text", how="left", validate="m:1", nulls_equal=True, maintain_order="left")
    return found["parsed"]
