"""CSV that people open: a spreadsheet must not take text from a meter file or a customer's name for a formula."""

from __future__ import annotations

import polars as pl

# What a spreadsheet takes for the begin of a formula. Source: OWASP, "CSV Injection".
_FORMULA_BEGINS = r"^[=+\-@\t\r\n]"
# A number stays a number, though it begins with a sign.
_NUMBER = r"^[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d+)?$"


def csv_for_people(frame: pl.DataFrame) -> str:
    """Return a frame as CSV in which text that looks like a formula stands behind an apostrophe, as text."""
    named = {name: _as_text(name) for name in frame.columns}
    texts = pl.col(pl.String)
    is_formula = texts.str.contains(_FORMULA_BEGINS) & ~texts.str.contains(_NUMBER)
    shown = frame.with_columns(pl.when(is_formula).then(pl.format("'{}", texts)).otherwise(texts).name.keep())
    return shown.rename(named).write_csv()


def _as_text(name: str) -> str:
    return f"'{name}" if name[:1] in {"=", "+", "-", "@", "\t", "\r", "\n"} else name
