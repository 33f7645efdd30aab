"""What a tariff file says, as a person reads it; whatever its keys."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import time
from decimal import Decimal
from enum import Enum
from typing import Any

from tariffs.sheet import Part


def said(part: Part) -> dict[str, Any]:
    """Return what a part of the file says: keys as the file writes them, without those that say nothing."""
    dumped = part.model_dump(by_alias=True, exclude_none=True)
    return {key: value for key, value in dumped.items() if not _says_nothing(value)}


def is_rounding(value: Mapping[str, Any]) -> bool:
    """Return whether a table is a rounding rule, which is one thing: mode and step."""
    return set(value) == {"mode", "step"}


def shown(value: Any, key: str = "") -> str:
    """Return a value as a person reads it; `key` is the one under which it stands."""
    if isinstance(value, Mapping):
        meant = {key: item for key, item in value.items() if item is not False and not _says_nothing(item)}
        told = [f"{key} {shown(item, key)}".strip() for key, item in meant.items()]
        return f"{shown(value['mode'])} {shown(value['step'])}" if is_rounding(value) else ", ".join(told)
    if isinstance(value, list | tuple):
        if key in {"from", "to"}:  # month and day of a season
            return "-".join(f"{number:02}" for number in value)
        inner = [f"({shown(item)})" if isinstance(item, Mapping) else shown(item) for item in value]
        return ", ".join(inner) or "nothing"
    return _plain_text(value)


def _plain_text(value: object) -> str:
    match value:
        case bool():
            return "yes" if value else "no"
        case Decimal():
            return f"{value:f}"
        case Enum():
            return str(value.value)
        case time():
            return f"{value:%H:%M}"
        case _:
            text = str(value)
            return f'"{text}"' if isinstance(value, str) and (not text or " " in text) else text


def _says_nothing(value: object) -> bool:
    is_empty = isinstance(value, list | tuple | Mapping | str) and not value
    return value is None or value is False or is_empty
