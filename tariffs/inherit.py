"""Versions that inherit: what a later version does not say again holds on.

Resolved in the file as TOML reads it, so that everything after sees whole versions.
"""

from __future__ import annotations

from typing import Any

from tariffs.problems import KeyPath, Problem, show_names, show_value, suggestion

_KEYS = ("inherit", "without")
# Keys of one charge of which only one can stand: saying one anew ends the other.
_PRICES = ("price", "tiers")


def with_inherited(content: dict[str, Any]) -> tuple[dict[str, Any], list[Problem]]:
    """Return the file with whole versions, and what is wrong with `inherit` and `without`.

    A version with `inherit = true` has the charges of the one before it, in their order; of a charge that it names
    again, the keys given replace those before. `without` lists charges that end. New charges come last.
    """
    versions = content.get("versions")
    if not isinstance(versions, list) or not all(isinstance(version, dict) for version in versions):
        return content, []
    found: list[Problem] = []
    whole: list[dict[str, Any]] = []
    for index, version in enumerate(versions):
        before = whole[-1] if whole else None
        found += _problems(version, before, ("versions", index))
        stated = {key: value for key, value in version.items() if key not in _KEYS}
        if version.get("inherit") is True and before is not None:
            stated["charges"] = _charges(before, version)
        whole.append(stated)
    return content | {"versions": whole}, found


def _charges(before: dict[str, Any], version: dict[str, Any]) -> dict[str, Any]:
    earlier, own = before.get("charges"), version.get("charges", {})
    if not isinstance(earlier, dict) or not isinstance(own, dict):
        return own if isinstance(own, dict) else {}
    ended = version.get("without", [])
    kept = {name: charge for name, charge in earlier.items() if name not in ended}
    return kept | {name: _charge(kept.get(name), charge) for name, charge in own.items()}


def _charge(before: object, own: object) -> object:
    if not isinstance(before, dict) or not isinstance(own, dict):
        return own
    replaced = set(_PRICES) if any(key in own for key in _PRICES) else set()
    return {key: value for key, value in before.items() if key not in replaced} | own


def _problems(version: dict[str, Any], before: dict[str, Any] | None, path: KeyPath) -> list[Problem]:
    found = []
    inherit, ended = version.get("inherit", False), version.get("without", [])
    if not isinstance(inherit, bool):
        found.append(Problem((*path, "inherit"), f"expected `true` or `false`, found {show_value(inherit)}"))
    elif inherit and before is None:
        found.append(Problem((*path, "inherit"), "expected a version before this one, found none"))
    if "without" in version and inherit is not True:
        found.append(Problem((*path, "without"), "expected `inherit = true` beside `without`, found none"))
    if not isinstance(ended, list):
        return [*found, Problem((*path, "without"), f"expected a list of charges, found {show_value(ended)}")]
    charges = before.get("charges", {}) if before is not None else {}
    for name in ended if inherit is True and isinstance(charges, dict) else []:
        if name not in charges:
            text = f"expected a charge of the version before ({show_names(list(charges))}), found `{name}`"
            found.append(Problem((*path, "without"), text, suggestion(str(name), list(charges))))
    return found
