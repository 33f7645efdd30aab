"""Checks of a tariff file: what its keys must mean together. A gap is refused here, not when a bill is computed."""

from __future__ import annotations

import re
from itertools import pairwise

from model.errors import ConfigError
from model.money import CURRENCY_EXPONENT
from model.zones import zone
from tariffs.bases import circle_problems, needs_of, resolve_bases
from tariffs.cells import NAME
from tariffs.check_charges import charge_problems, rounding_problems
from tariffs.check_examples import example_problems
from tariffs.check_quantities import name_table_problems, quantity_problems
from tariffs.check_windows import window_problems
from tariffs.names import name_problems
from tariffs.problems import KeyPath, Problem
from tariffs.sheet import TariffFile, Version


def find_problems(file: TariffFile) -> list[Problem]:
    """Return every problem of a tariff whose keys and types are right; an empty list when it can be used."""
    problems = [*_name_problems(file), *_header_problems(file)]
    problems += quantity_problems(file, (), list(file.quantities)) + name_table_problems(file)
    in_windows = _all_window_problems(file)
    problems += in_windows + _version_problems(file)
    for index, version in enumerate(file.versions):
        path: KeyPath = ("versions", index)
        problems += charges_of_version_problems(file, version, path, are_windows_right=not in_windows)
    # An example is read against a tariff that is right, and whole.
    return problems or ([] if file.is_open else example_problems(file))


def charges_of_version_problems(
    file: TariffFile, version: Version, path: KeyPath, *, are_windows_right: bool
) -> list[Problem]:
    """Return the problems of the formulas and charges of a version."""
    seen = file.of_version(version)
    problems = quantity_problems(seen, path, list(version.quantities))
    problems += name_problems(seen, version, path)
    bases, in_bases = resolve_bases(version, path, is_open=file.is_open)
    problems += in_bases + circle_problems(version, needs_of(seen, version, bases), path)
    for name, charge in version.charges.items():
        here = (*path, "charges", name)
        problems += charge_problems(charge, here, seen, are_windows_right=are_windows_right)
    return problems


def _all_window_problems(file: TariffFile) -> list[Problem]:
    """Return the problems of the windows of the file, of its schedules, and of its versions."""
    problems = window_problems(file)
    for name in file.schedules:
        problems += window_problems(file.on_schedule(name), ("schedules", name))
    for index, version in enumerate(file.versions):
        if version.windows:
            problems += window_problems(file.of_version(version), ("versions", index, "windows"))
        for name in version.schedules:
            seen = file.of_version(version).on_schedule(name)
            problems += window_problems(seen, ("versions", index, "schedules", name))
    return problems


def _name_problems(file: TariffFile) -> list[Problem]:
    """Names become part of line ids, so they are plain."""
    paths: list[KeyPath] = [("windows", name) for name in file.windows]
    paths += [("quantities", name) for name in file.quantities]
    tags: list[tuple[KeyPath, str]] = []
    for index, version in enumerate(file.versions):
        for name, charge in version.charges.items():
            paths.append(("versions", index, "charges", name))
            tags += [(("versions", index, "charges", name, "tags"), tag) for tag in charge.tags]
    named = [(path, str(path[-1])) for path in paths] + tags
    text = "expected a name of small letters, digits and `_`, found"
    return [Problem(path, f"{text} `{name}`") for path, name in named if not re.match(NAME, name)]


def _header_problems(file: TariffFile) -> list[Problem]:
    found = []
    if file.currency not in CURRENCY_EXPONENT:
        text = f"expected a currency code of ISO 4217 such as AUD, found `{file.currency}`"
        # The first two letters of a code are its country's.
        alike = [code for code in CURRENCY_EXPONENT if code[:2] == file.currency[:2].upper()]
        found.append(Problem(("currency",), text, f"did you mean {' or '.join(alike)}?" if alike else None))
    try:
        zone(file.timezone)
    except ConfigError as error:
        found.append(Problem(("timezone",), f"expected the name of a zone, found `{file.timezone}`", error.hint))
    found += rounding_problems(file.rounding.line, ("rounding", "line"), file)
    if file.rounding.total is not None:
        found += rounding_problems(file.rounding.total, ("rounding", "total"), file)
    return found


def _version_problems(file: TariffFile) -> list[Problem]:
    """Return gaps, overlaps and missing sources; versions stand in the order of their dates."""
    found: list[Problem] = []
    for index, version in enumerate(file.versions):
        path: KeyPath = ("versions", index)
        if version.source is None or not version.source.strip():
            hint = "name the price sheet, order or decision that the prices were taken from"
            found.append(Problem((*path, "source"), "expected a source, found none", hint))
        if version.valid_to is not None and version.valid_to <= version.valid_from:
            text = f"expected a day after {version.valid_from}, found `{version.valid_to}`"
            found.append(Problem((*path, "valid_to"), text, "valid_to is the day after the last"))
    for index, (earlier, later) in enumerate(pairwise(file.versions), start=1):
        path = ("versions", index, "valid_from")
        if later.valid_from <= earlier.valid_from:
            text = f"expected a day after {earlier.valid_from}, found `{later.valid_from}`"
            found.append(Problem(path, text, "write versions in the order of their dates"))
        elif earlier.valid_to is not None and earlier.valid_to != later.valid_from:
            what = "gap" if earlier.valid_to < later.valid_from else "overlap"
            text = f"expected {earlier.valid_to}, where the version before ends, found `{later.valid_from}`: {what}"
            found.append(Problem(path, text, "leave out valid_to: a version holds until the next"))
    return found
