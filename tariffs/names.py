"""Names in formulas: what each stands for, which charges a formula counts, and the order that follows."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from model.formula import Formula, Name, TextTest
from tariffs.formula import FormulaError, parse_formula
from tariffs.problems import KeyPath, Problem, show_names, show_value, suggestion
from tariffs.sheet import Charge, TariffFile, Version

_NUMBER_LIKE = re.compile(r"[-+]?[0-9.,' ]+%?")
# Values that the calendar gives: days billed, days of the cycle, days of a normal one, months billed (each calendar
# month by the share of its days, to 4 decimals), the month in which the period begins, the year's days.
CALENDAR_NAMES = ("days", "cycle_days", "normal_days", "months", "month", "year_days")


@dataclass(frozen=True)
class Place:
    """A formula where it stands: its path, its text, and whether it may name charges."""

    path: KeyPath
    text: str
    may_name_charges: bool


def formula_places(file: TariffFile, version: Version, path: KeyPath) -> Iterator[Place]:
    """Yield every formula of a version: those of its quantities, banks and charges."""
    for name, quantity in file.quantities.items():
        if quantity.formula is not None:
            own = (*path, "quantities") if name in version.quantities else ("quantities",)
            yield Place((*own, name, "formula"), quantity.formula, may_name_charges=False)
    for name, bank in file.banks.items():
        yield Place(("banks", name, "closing"), bank.closing, may_name_charges=True)
    for name, charge in version.charges.items():
        for key, text, may_name_charges in charge_formulas(charge):
            yield Place((*path, "charges", name, *key), text, may_name_charges)


def charge_formulas(charge: Charge) -> Iterator[tuple[KeyPath, str, bool]]:
    """Yield key, text and whether charges may be named, for each formula of a charge."""
    for key in ("amount", "percent", "at_least", "at_most"):
        value = getattr(charge, key)
        if isinstance(value, str):
            yield (key,), value, True
    if charge.when is not None:
        yield ("when",), charge.when, False
    for key, text in (("tiers_per", scale_formula(charge)), ("times", times_formula(charge))):
        if text is not None:
            yield (key,), text, False
    for key in ("price", "tiers"):
        for inner, text in _texts(getattr(charge, key)):
            yield (key, *inner), text, False


def _texts(tree: object) -> Iterator[tuple[KeyPath, str]]:
    """Yield the texts in a table of prices: each is a formula. The name of a factor is none."""
    if isinstance(tree, str):
        yield (), tree
    elif isinstance(tree, dict):
        for key, part in tree.items():
            if key != "factor":
                yield from (((key, *inner), text) for inner, text in _texts(part))
    elif isinstance(tree, list):
        for index, part in enumerate(tree):
            yield from (((index, *inner), text) for inner, text in _texts(part))


def scale_formula(charge: Charge) -> str | None:
    """Return the formula by which the thresholds of a charge are multiplied; None for those per cycle or day."""
    named = [name for name in charge.tiers_per or () if name not in {"cycle", "day", "none"}]
    return " * ".join(named) or None


def times_formula(charge: Charge) -> str | None:
    """Return the formula by which the days or cycles of a charge are multiplied; None without."""
    return " * ".join(charge.times) if charge.times else None


def meaning(file: TariffFile, version: Version, name: str) -> list[str]:
    """Return what a name stands for: quantity (banks are quantities too), attribute, factor, calendar, charge."""
    tables = {
        "quantity": [*file.quantities, *file.banks],
        "attribute": file.attributes,
        "factor": file.factors,
        "calendar": CALENDAR_NAMES,
        "charge": version.charges,
    }
    return [kind for kind, names in tables.items() if name in names]


def operand_kind(file: TariffFile, version: Version, name: str) -> str:
    """Return the one thing that a checked name stands for: a charge only where it is nothing else."""
    return meaning(file, version, name)[0]


def name_problems(file: TariffFile, version: Version, path: KeyPath) -> list[Problem]:
    """Return the problems of the formulas of a version: their grammar, and names that stand for nothing."""
    found: list[Problem] = []
    seen: set[tuple[KeyPath, str]] = set()
    for place in formula_places(file, version, path):
        if (place.path, place.text) in seen:
            continue
        seen.add((place.path, place.text))
        try:
            formula = parse_formula(place.text)
        except FormulaError as error:
            found.append(_unreadable(place, error))
            continue
        if len(formula.operands) == 1 and not formula.names and not formula.text_names:
            text = f"expected a formula with a name in it, found the number `{place.text}`"
            found.append(Problem(place.path, text, "numbers stand without quotes"))
        found += _unknown_names(file, version, place, formula)
    return found + _quantity_circles(file, path)


def _unreadable(place: Place, error: FormulaError) -> Problem:
    if _NUMBER_LIKE.fullmatch(place.text):
        text = f"expected a number, found {show_value(place.text)}"
        return Problem(place.path, text, "numbers stand without quotes, with a point before their decimals")
    return Problem(place.path, error.message, error.hint)


def _unknown_names(file: TariffFile, version: Version, place: Place, formula: Formula) -> list[Problem]:
    found = []
    known = [*file.quantities, *file.banks, *file.attributes, *file.factors, *CALENDAR_NAMES]
    if place.may_name_charges:
        known += list(version.charges)
    for operand in formula.operands:
        if isinstance(operand, Name):
            if operand.name not in known:
                what = "quantity, attribute, factor, bank" + (", charge" if place.may_name_charges else "")
                text = f"expected the name of a {what} or of the calendar, found `{operand.name}`"
                hint = suggestion(operand.name, known) or f"known are {show_names(known)}"
                found.append(Problem(place.path, text, hint))
            elif operand.name in file.attributes and file.attributes[operand.name].values is not None:
                text = f"expected a number, found attribute `{operand.name}`, which is a text"
                found.append(Problem(place.path, text, f'compare it: {operand.name} == "..."'))
        elif isinstance(operand, TextTest):
            attribute = file.attributes.get(operand.name)
            if attribute is None or attribute.values is None:
                texts = [name for name, one in file.attributes.items() if one.values is not None]
                text = f"expected a text attribute ({show_names(texts)}), found `{operand.name}`"
                found.append(Problem(place.path, text, suggestion(operand.name, texts)))
            elif operand.text not in attribute.values:
                text = f"expected a text of `{operand.name}` ({show_names(attribute.values)}), found `{operand.text}`"
                found.append(Problem(place.path, text, suggestion(operand.text, attribute.values)))
    return found


def names_in(text: str) -> tuple[str, ...]:
    """Return the names of a formula; none of one that cannot be read, which is a problem of its own."""
    try:
        return parse_formula(text).names
    except FormulaError:
        return ()


def charges_named(file: TariffFile, version: Version, charge: Charge) -> list[str]:
    """Return the charges that the formulas of a charge name, in the order of the bill."""
    named = {
        name
        for _, text, may_name_charges in charge_formulas(charge)
        if may_name_charges
        for name in names_in(text)
        if meaning(file, version, name)[:1] == ["charge"]
    }
    return [name for name in version.charges if name in named]


def quantity_levels(file: TariffFile) -> dict[str, int]:
    """Return the level of each quantity and bank: 0, or one above the highest that its formula names.

    Quantities in a circle, and what names them, have none.
    """
    needs = {name: _quantities_named(file, name) for name in file.quantities}
    levels = {name: 0 for name, named in needs.items() if file.quantities[name].kind != "formula"}
    levels |= dict.fromkeys(file.banks, 0)
    waiting = [name for name in needs if name not in levels]
    while ready := [name for name in waiting if all(other in levels for other in needs[name])]:
        for name in ready:
            levels[name] = 1 + max((levels[other] for other in needs[name]), default=0)
        waiting = [name for name in waiting if name not in levels]
    return levels


def _quantities_named(file: TariffFile, name: str) -> list[str]:
    text = file.quantities[name].formula
    known = {*file.quantities, *file.banks}
    return [other for other in names_in(text) if other in known] if text is not None else []


def _quantity_circles(file: TariffFile, path: KeyPath) -> list[Problem]:
    levels = quantity_levels(file)
    circle = [name for name in file.quantities if name not in levels]
    if not circle:
        return []
    text = f"expected formulas that do not need each other, found a circle among {show_names(circle)}"
    return [Problem(("quantities", circle[0], "formula"), text, "take one of them out of the other's formula")]


def needed_quantities(file: TariffFile, version: Version) -> set[str]:
    """Return the quantities that charges, formulas in use, and history count."""
    charges = version.charges.values()
    needed = {charge.of[0] for charge in charges if charge.kind == "quantity" and charge.of is not None}
    formulas = {place.path: place.text for place in formula_places(file, version, ())}
    by_quantity = {str(path[-2]): text for path, text in formulas.items() if path[-1] == "formula"}
    in_use = [text for path, text in formulas.items() if path[-1] != "formula"]
    needed &= set(file.quantities)
    needed |= {name for text in in_use for name in names_in(text) if name in file.quantities}
    waiting = list(needed)
    while waiting:
        name = waiting.pop()
        quantity = file.quantities[name]
        named = [quantity.history] if quantity.history is not None else []
        if name in by_quantity:
            named += [other for other in names_in(by_quantity[name]) if other in file.quantities]
        waiting += [other for other in named if other not in needed]
        needed.update(named)
    return needed
