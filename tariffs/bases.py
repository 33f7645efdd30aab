"""What percentages and minimums count: names and tags resolved to charges, and the order that follows."""

from __future__ import annotations

from collections.abc import Collection

from tariffs.names import charges_named
from tariffs.problems import KeyPath, Problem, show_names, suggestion
from tariffs.sheet import Charge, TariffFile, Version

Bases = dict[str, tuple[str, ...]]


def resolve_bases(version: Version, path: KeyPath, *, is_open: bool = False) -> tuple[Bases, list[Problem]]:
    """Return, for each percentage and minimum, the charges that it counts, in the order of the file.

    A base that names neither a charge nor a tag, or both at once, is a problem. What is not known yet is none when
    the version `is_open`: a rider and its tariff count each other's charges, which meet once they are attached.
    """
    problems: list[Problem] = []
    tagged: dict[str, list[str]] = {}
    for name, charge in version.charges.items():
        for tag in charge.tags:
            # A tag gathers what is part of the bill; a charge for information is counted where it is named itself.
            tagged.setdefault(tag, []).extend([] if charge.memo or charge.included else [name])
    bases: Bases = {}
    for name, charge in version.charges.items():
        if charge.kind not in {"percent", "minimum", "maximum"}:
            continue
        counted: set[str] = set()
        for base in charge.of or ():
            here = (*path, "charges", name, "of")
            if base in version.charges and base in tagged:
                text = f"expected a base of one meaning, found `{base}`, which is a charge and a tag"
                problems.append(Problem(here, text, "rename the tag"))
            elif base not in version.charges and base not in tagged and not is_open:
                known = list(dict.fromkeys([*version.charges, *tagged]))
                hint = suggestion(base, known) or f"charges and tags here are {show_names(known)}"
                problems.append(Problem(here, f"expected a charge or a tag, found `{base}`, which is neither", hint))
            counted.update([base] if base in version.charges else tagged.get(base, []))
        bases[name] = tuple(other for other in version.charges if other in counted)
    return bases, problems


def needs_of(file: TariffFile, version: Version, bases: Bases) -> Bases:
    """Return, for each charge that is above others, those it needs: its base, and those that its formulas name."""
    needs = {name: (*bases.get(name, ()), *charges_named(file, version, charge)) for name, charge in
             version.charges.items()}  # fmt: skip
    return {name: named for name, named in needs.items() if named or name in bases}


def charge_levels(charges: dict[str, Charge], bases: Bases, by_part: Collection[str] = ()) -> dict[str, int]:
    """Return the level of each charge: 1 for what counts no other charge, else one above the highest it counts.

    An amount by formula is found once for the whole bill, as what counts other charges is: it stands at 2 at least.
    Those of `by_part` are found for each part of the bill, and add up.
    What counts charges stands above them even on days when there is none: its riders have not begun.
    Charges that count each other in a circle, and what counts them, have no level and are left out.
    """
    levels = {
        name: 2 if charge.kind == "amount" and name not in by_part else 1
        for name, charge in charges.items()
        if name not in bases
    }
    waiting = [name for name in charges if name in bases]
    while ready := [name for name in waiting if all(base in levels for base in bases[name])]:
        for name in ready:
            levels[name] = 1 + max((levels[base] for base in bases[name]), default=1)
        waiting = [name for name in waiting if name not in levels]
    return levels


def circle_problems(version: Version, bases: Bases, path: KeyPath) -> list[Problem]:
    """Return a problem for each circle of charges that need each other (`needs_of`)."""
    levels = charge_levels(version.charges, bases)
    problems: list[Problem] = []
    seen: set[str] = set()
    for name in version.charges:
        if name in levels or name in seen:
            continue
        circle = _circle_from(name, bases, levels)
        if seen.isdisjoint(circle):
            text = f"expected charges that do not count each other, found {' -> '.join([*circle, circle[0]])}"
            problems.append(Problem((*path, "charges", circle[0], "of"), text, "take one of them out of a base"))
        seen.update(circle, [name])
    return problems


def _circle_from(name: str, bases: Bases, levels: dict[str, int]) -> list[str]:
    """Follow bases without a level from `name` until one comes twice; return the circle."""
    walked: list[str] = []
    while name not in walked:
        walked.append(name)
        name = next(base for base in bases[name] if base not in levels)
    return walked[walked.index(name) :]
