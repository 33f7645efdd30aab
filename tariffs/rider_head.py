"""The head of a rider's file: it has an id, a title and a currency; the rest is of the tariffs that attach it."""

from __future__ import annotations

from typing import Any

from tariffs.problems import KeyPath, Problem

# What a tariff decides for the riders that it attaches. A rider is read with values that say nothing for what every
# file must have; they reach no bill.
HEAD_OF_A_TARIFF: dict[str, Any] = {
    "commodity": "electricity",
    "timezone": "UTC",
    "rounding": {"line": "half_up 1"},
}
_NOT_IN_A_RIDER = (
    *HEAD_OF_A_TARIFF, "holidays", "holiday_lists", "normal_days", "true_up", "windows", "schedules", "banks",
)  # fmt: skip
_NOT_IN_A_VERSION = ("rounding", "normal_days", "windows", "schedules")
_HINT = "the tariff that attaches the rider says it"


def with_rider_head(content: dict[str, Any]) -> tuple[dict[str, Any], list[Problem]]:
    """Return a rider's content with a head that can be read, and the keys that a rider cannot have.

    The content of a tariff, and what is no rider for sure, is returned as it is.
    """
    if content.get("rider") is not True:
        return content, []
    found = [_problem((key,), _HINT) for key in _NOT_IN_A_RIDER if key in content]
    if "riders" in content:
        found.append(_problem(("riders",), "a rider cannot attach riders: name them in the tariff"))
    if "examples" in content:
        found.append(_problem(("examples",), "work them out in a tariff that attaches the rider"))
    versions = content.get("versions")
    for index, version in enumerate(versions if isinstance(versions, list) else []):
        stated = version if isinstance(version, dict) else {}
        found += [_problem(("versions", index, key), _HINT) for key in _NOT_IN_A_VERSION if key in stated]
    return HEAD_OF_A_TARIFF | content, found


def _problem(path: KeyPath, hint: str) -> Problem:
    return Problem(path, f"expected no `{path[-1]}` in a rider, found one", hint)
