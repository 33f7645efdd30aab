"""The text of a tariff file: comments, tables and numbers as an analyst writes them."""

from __future__ import annotations

import json
import textwrap
from collections.abc import Iterable, Mapping
from datetime import date, time
from decimal import Decimal
from typing import Any

WIDTH = 116


def comment(text: str, indent: str = "") -> list[str]:
    """Return text as lines of comment; what TOML forbids in comments becomes a space."""
    plain = " ".join("".join(char if char.isprintable() else " " for char in text).split())
    lines = textwrap.wrap(
        indent + plain, WIDTH, subsequent_indent=indent, break_long_words=False, break_on_hyphens=False
    )
    return [f"# {line}".rstrip() for line in lines]


def value(item: Any) -> str:
    """Return a value as TOML: numbers as printed, never with an exponent; tables in one line."""
    match item:
        case bool() | None:
            return str(item).lower()
        case Decimal():
            return f"{item:f}"
        case int() | float() | date() | time():
            return str(item)
        case str():
            return quoted(item)
    if isinstance(item, Mapping):
        return "{ " + ", ".join(f"{key} = {value(inner)}" for key, inner in item.items()) + " }"
    return "[" + ", ".join(value(inner) for inner in item) + "]"


def quoted(text: str) -> str:
    """Return text in quotes, on one line, without characters that TOML or UTF-8 refuse.

    >>> quoted('a "b"')
    '"a \\\\"b\\\\""'
    """
    plain = "".join(char if char.isprintable() else " " for char in text)
    return json.dumps(" ".join(plain.split()), ensure_ascii=False)


def pairs(rows: Iterable[tuple[str, str]]) -> list[str]:
    """Return `key = value` lines with their equal signs in one column; long lists of tiers have a line for each."""
    listed = list(rows)
    width = max((len(key) for key, _ in listed), default=0)
    lines = []
    for key, text in listed:
        line = f"{key:<{width}} = {text}"
        broken = len(line) > WIDTH and text.startswith("[{")
        lines.append(
            line.replace("[{", "[\n    {").replace("}, {", "},\n    {").replace("}]", "},\n]") if broken else line
        )
    return lines


def price_table(path: str, tree: Mapping[str, Any]) -> list[str]:
    """Return a table of prices: one line for each name, or a table for each where lists of tiers lie deeper."""
    if any(isinstance(inner, Mapping) and any(isinstance(leaf, list) for leaf in inner.values())
           for inner in tree.values()):  # fmt: skip
        return [line for name, inner in tree.items() for line in price_table(f"{path}.{name}", inner)]
    return ["", f"[{path}]", *pairs((name, value(inner)) for name, inner in tree.items())]
