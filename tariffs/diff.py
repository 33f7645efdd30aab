"""What two versions of a tariff say differently, in words.

It walks what the files say, whatever their keys: a key that is new to the language is compared like any other, and
the words for known ones are only nicer.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import ROUND_HALF_UP, Decimal
from itertools import zip_longest
from typing import Any, Literal

from tariffs.problems import KeyPath, path_text
from tariffs.sheet import Charge, Part, TariffFile, Version
from tariffs.words import is_rounding, said, shown

# Tables whose keys are names, and what a named thing is called.
_THINGS = {
    "charges": "charge",
    "windows": "window",
    "quantities": "quantity",
    "holiday_lists": "holiday list",
    "examples": "worked bill",
}
_KEYS = {
    "of": "what it prices",
    "at_least": "minimum",
    "tiers_per": "tiers per",
    "tier_method": "tier method",
    "tax": "tax code",
    "gl_account": "ledger account",
    "valid_to": "day after the last",
}
# Items of a list, by the list's key.
_ITEMS = {"tiers": "tier", "spans": "span"}
_NOT_COMPARED = {"versions", "valid_from"}
_MISSING = object()


@dataclass(frozen=True)
class Change:
    """One thing that is said differently. `path` is its key in the file; `text` tells of it in words.

    `percent` is by how much a number grew, to one decimal; None for what is no number, or grew from zero.
    """

    what: Literal["added", "removed", "changed"]
    path: str
    before: str | None
    after: str | None
    percent: Decimal | None
    text: str

    @classmethod
    def of_version(cls, what: Literal["added", "removed"], day: date) -> Change:
        """Return the change that adds or removes the whole version from a day."""
        was, now = (None, str(day)) if what == "added" else (str(day), None)
        return cls(what, "versions", was, now, None, f"version from {day} {what}")


@dataclass(frozen=True)
class Section:
    """What is compared, and the changes found."""

    title: str
    changes: tuple[Change, ...]

    def as_lines(self) -> list[str]:
        """Return the section as a person reads it."""
        return [self.title, *(f"  {change.text}" for change in self.changes or ())] + (
            [] if self.changes else ["  no difference"]
        )

    def as_dict(self) -> dict[str, Any]:
        """Return the section as plain values."""
        return {"title": self.title, "changes": [vars(change) for change in self.changes]}


def compare_headers(before: TariffFile, after: TariffFile) -> tuple[Change, ...]:
    """Return what two files say differently for all their versions: title, windows, quantities, worked bills."""
    return tuple(_changes((), _header(before), _header(after), _Units(after, None, before, None)))


def compare_versions(before: tuple[TariffFile, Version], after: tuple[TariffFile, Version]) -> tuple[Change, ...]:
    """Return what two versions say differently; what their files say for all versions is not compared."""
    units = _Units(after[0], after[1], before[0], before[1])
    found = list(_changes((), _compared(before[1]), _compared(after[1]), units))
    kept = [name for name in before[1].charges if name in after[1].charges]
    order = [name for name in after[1].charges if name in before[1].charges]
    if kept != order:
        was, now = ", ".join(kept), ", ".join(order)
        found.append(Change("changed", "charges", was, now, None, f"order of the charges: {was} -> {now}"))
    return tuple(found)


def compare_files(before: TariffFile, after: TariffFile) -> list[Section]:
    """Return the sections that differ between two files: what holds for all versions, then version by version.

    A version that only the new file has is compared with the one before it.
    """
    sections = [Section("for all versions", compare_headers(before, after))]
    old = {version.valid_from: version for version in before.versions}
    new = {version.valid_from: version for version in after.versions}
    for day in sorted(old.keys() | new.keys()):
        if day not in new:
            sections.append(Section(f"version from {day}", (Change.of_version("removed", day),)))
        elif day in old:
            changes = compare_versions((before, old[day]), (after, new[day]))
            sections.append(Section(f"version from {day}", changes))
        else:
            sections.append(_new_version(after, new[day]))
    return [section for section in sections if section.changes]


def _new_version(file: TariffFile, version: Version) -> Section:
    earlier = [one for one in file.versions if one.valid_from < version.valid_from]
    added = Change.of_version("added", version.valid_from)
    if not earlier:
        return Section(f"version from {version.valid_from}", (added,))
    title = f"version from {version.valid_from}, beside the one from {earlier[-1].valid_from}"
    return Section(title, (added, *compare_versions((file, earlier[-1]), (file, version))))


def _header(file: TariffFile) -> dict[str, Any]:
    header = _compared(file)
    if "examples" in header:
        header["examples"] = {example.pop("name"): example for example in header["examples"]}
    return header


def _compared(part: Part) -> dict[str, Any]:
    return {key: value for key, value in said(part).items() if key not in _NOT_COMPARED}


@dataclass(frozen=True)
class _Units:
    """Where the units of a changed number are looked up: in the new version, in the old one for what is gone."""

    file: TariffFile
    version: Version | None
    old_file: TariffFile
    old_version: Version | None

    def unit(self, path: KeyPath) -> str:
        """Return the unit of the number at a path; empty when it is none that is known."""
        for file, version in ((self.file, self.version), (self.old_file, self.old_version)):
            if version is not None and len(path) > 2 and path[0] == "charges" and path[1] in version.charges:
                return _charge_unit(file, version.charges[str(path[1])], path[2:])
        return ""


def _charge_unit(file: TariffFile, charge: Charge, keys: KeyPath) -> str:
    quantity = file.quantities.get(charge.of[0]) if charge.of else None
    unit = quantity.unit if quantity is not None else charge.per
    if keys[0] == "percent":
        return "%"
    if keys[0] == "tiers" and keys[-1] == "to":
        return unit or ""
    is_price = keys[0] in {"price", "at_least"} or (keys[0] == "tiers" and "price" in keys)
    return f"{file.currency}/{unit}" if is_price and unit else ""


def _changes(path: KeyPath, before: Any, after: Any, units: _Units) -> Iterator[Change]:
    """Return the changes below a path, in the order of the old file, then what is new."""
    for key, was, now in _parts(path, before, after):
        yield from _changes((*path, key), was, now, units)
    if not _parts(path, before, after) and before != after:
        yield _change(path, before, after, units)


def _parts(path: KeyPath, before: Any, after: Any) -> list[tuple[str | int, Any, Any]]:
    """Return the pairs to compare one by one; none when the two values are compared as they are."""
    if _is_list_of_tables(before) and _is_list_of_tables(after):
        return [(index, was, now) for index, (was, now) in enumerate(zip_longest(before, after, fillvalue=_MISSING))]
    # A table that only one side has is told as a whole, unless its keys are names of things.
    was, now = ({} if side is _MISSING and _is_thing_table(path) else side for side in (before, after))
    if not _is_table(was) or not _is_table(now):
        return []
    keys = [*was, *(key for key in now if key not in was)]
    return [(key, was.get(key, _MISSING), now.get(key, _MISSING)) for key in keys]


def _change(path: KeyPath, before: Any, after: Any, units: _Units) -> Change:
    subject, unit, key = _words(path), units.unit(path), str(path[-1])
    if before is _MISSING or after is _MISSING:
        value = after if before is _MISSING else before
        plainly, with_unit = _said_plainly(value, key), f" {unit}" if unit and _is_number(value) else ""
        # Nobody reads a whole worked bill in a line.
        told = "" if path[0] == "examples" and len(path) == 2 else f": {shown(value, key)}{with_unit}"
        if before is _MISSING:
            return Change("added", path_text(path), None, plainly, None, f"{subject} added{told}")
        return Change("removed", path_text(path), plainly, None, None, f"{subject} removed{told}")
    was, now = _said_plainly(before, key), _said_plainly(after, key)
    if _are_days(before) and _are_days(after):
        return Change("changed", path_text(path), was, now, None, f"{subject}: {_days_changed(before, after)}")
    percent = _grown(before, after) if unit != "%" else None
    grown = f" ({percent:+} %)" if percent is not None else ""
    both = f"{shown(before, key)} -> {shown(after, key)}"
    with_unit = f" {unit}" if unit and _is_number(before) and _is_number(after) else ""
    return Change("changed", path_text(path), was, now, percent, f"{subject}: {both}{with_unit}{grown}")


def _words(path: KeyPath) -> str:
    """Return a path in words: `charge `energy`, tier 2, price`."""
    words: list[str] = []
    rest = list(path)
    if len(rest) > 1 and rest[0] in _THINGS:
        words.append(f"{_THINGS[str(rest[0])]} `{rest[1]}`")
        rest = rest[2:]
    for key in rest:
        if isinstance(key, int):
            name = words.pop() if words else "item"
            words.append(f"{_ITEMS.get(name, name)} {key + 1}")
        else:
            words.append(_KEYS.get(key, key))
    return ", ".join(word for word in words if word)  # a number for all periods stands under an empty name


def _is_thing_table(path: KeyPath) -> bool:
    return len(path) == 1 and path[0] in _THINGS


def _is_table(value: object) -> bool:
    return isinstance(value, Mapping) and not is_rounding(value)


def _is_list_of_tables(value: object) -> bool:
    return isinstance(value, list | tuple) and bool(value) and all(isinstance(item, Mapping) for item in value)


def _is_number(value: object) -> bool:
    return isinstance(value, int | Decimal) and not isinstance(value, bool)


def _are_days(value: object) -> bool:
    return isinstance(value, list | tuple) and bool(value) and all(isinstance(item, date) for item in value)


def _days_changed(before: Sequence[date], after: Sequence[date]) -> str:
    new, gone = sorted(set(after) - set(before)), sorted(set(before) - set(after))
    parts = [f"{', '.join(map(str, days))} {what}" for days, what in ((new, "added"), (gone, "removed")) if days]
    return "; ".join(parts) or "in another order"


def _grown(before: Any, after: Any) -> Decimal | None:
    if not _is_number(before) or not _is_number(after) or before == 0:
        return None
    change = (Decimal(after) - Decimal(before)) / abs(Decimal(before)) * 100
    return change.quantize(Decimal("0.1"), rounding=ROUND_HALF_UP)


def _said_plainly(value: Any, key: str) -> str:
    """Return a value for a machine: text as it is, without the quotes that set it off in a sentence."""
    return value if type(value) is str else shown(value, key)
