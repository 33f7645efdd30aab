"""Riders: price lists of their own that many tariffs attach, and what a tariff says once they are attached.

On each day the charges of a tariff are its own and those of the version of each rider in force on that day. So the
versions of the tariff are cut where a version of a rider begins or ends; what comes out is a tariff without riders.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import Any

from tariffs.check import charges_of_version_problems
from tariffs.check_examples import example_problems
from tariffs.names import charges_named
from tariffs.problems import KeyPath, Problem, tariff_error
from tariffs.rider_clashes import TABLES, Said, clashes, said_by
from tariffs.sheet import Charge, TariffFile, Version

# Kinds of charges whose `of` names charges and tags.
COUNTING = ("percent", "minimum", "maximum")


@dataclass(frozen=True)
class _Held:
    """A version of a rider and the days on which it holds; the last is not included, None without end."""

    file: TariffFile
    version: Version
    valid_from: date
    valid_to: date | None

    def holds_on(self, day: date) -> bool:
        return self.valid_from <= day and (self.valid_to is None or day < self.valid_to)


@dataclass(frozen=True)
class _Piece:
    """A version of the tariff with riders, the place of the tariff's own in its file, and whose charge each is."""

    version: Version
    own_index: int
    rider_of: dict[str, str]


def attached(file: TariffFile, riders: Iterable[TariffFile]) -> tuple[TariffFile, list[Problem]]:
    """Return a tariff with its riders attached, and what is wrong; with problems the tariff is as it was.

    `riders` may hold others too, and several files of one rider with versions of different days. Before its first
    version, and after its last, a rider charges nothing. Paths of problems are those of the tariff's file.
    """
    if not file.riders:
        return file, []
    named = [rider for rider in riders if rider.tariff in file.riders]
    if problems := _unusable(file, named):
        return file, problems
    held = [one for name in file.riders for one in _held_by(rider for rider in named if rider.tariff == name)]
    pieces: list[_Piece] = []
    for index in range(len(file.versions)):
        for piece, found in _pieces(file, index, held):
            pieces.append(piece)
            problems += found
    if problems:
        return file, list(dict.fromkeys(problems))
    merged = file.model_copy(
        update=_tables_for_all(file, held) | {"riders": (), "versions": tuple(piece.version for piece in pieces)}
    )
    problems = _problems_of(merged, pieces) or example_problems(merged)
    return (file, problems) if problems else (merged, [])


def attached_or_refused(file: TariffFile, riders: Iterable[TariffFile], name: str) -> TariffFile:
    """Return a tariff with its riders attached. `name` is its file's name, for messages.

    Raises:
        TariffError: a rider is missing, or says something that does not go with the tariff; every problem is told.
    """
    merged, problems = attached(file, riders)
    if problems:
        raise tariff_error(problems, _content(file), name)
    return merged


def _content(file: TariffFile) -> dict[str, object]:
    """Return of the file what names tariff, version and worked bill in a message."""
    return {
        "tariff": file.tariff,
        "versions": [{"valid_from": version.valid_from} for version in file.versions],
        "examples": [{"name": example.name} for example in file.examples],
    }


def missing_riders(file: TariffFile, riders: Iterable[TariffFile]) -> list[str]:
    """Return the riders that a tariff names and that are not there, in the order of the file."""
    there = {rider.tariff for rider in riders}
    return [name for name in file.riders if name not in there]


def billed_files(in_force: Sequence[TariffFile]) -> tuple[list[TariffFile], dict[str, str]]:
    """Return the tariffs among the files in force with their riders attached, and why others are left out.

    Riders are no tariffs: nobody is billed by one alone. The reasons are by tariff, as a sentence.
    """
    riders = [file for file in in_force if file.rider]
    notes = {rider.tariff: "it is a rider: tariffs attach it, and nobody is billed by it alone" for rider in riders}
    billed = []
    for file in in_force:
        if file.rider:
            continue
        # Their worked bills are of days on which not all versions of this file may be in force.
        merged, problems = attached(file.model_copy(update={"examples": ()}) if file.riders else file, riders)
        if missing := missing_riders(file, riders):
            notes[file.tariff] = "; ".join(
                f"rider `{name}` is not approved: billmill tariff approve {name}" for name in missing
            )
        elif problems:
            notes[file.tariff] = "its riders do not go with it: " + "; ".join(problem.text for problem in problems)
        else:
            billed.append(merged)
    return billed, notes


def _unusable(file: TariffFile, named: Sequence[TariffFile]) -> list[Problem]:
    found = [
        Problem(("riders",), f"expected rider `{name}`, found none of that name", "give the rider's file too")
        for name in missing_riders(file, named)
    ]
    for rider in named:
        if not rider.rider:
            text = f"expected a rider, found tariff `{rider.tariff}`"
            found.append(Problem(("riders",), text, "a rider's file begins with `rider = true`"))
        elif rider.currency != file.currency:
            text = f"expected a rider in {file.currency}, found `{rider.tariff}` in {rider.currency}"
            found.append(Problem(("riders",), text))
    return found


def _held_by(files: Iterable[TariffFile]) -> list[_Held]:
    """Return the versions of one rider with their days, in the order of their files."""
    held = []
    for file in files:
        later = [*(version.valid_from for version in file.versions[1:]), None]
        held += [
            _Held(file, version, version.valid_from, version.valid_to or until)
            for version, until in zip(file.versions, later, strict=True)
        ]
    return held


def _pieces(file: TariffFile, index: int, held: Sequence[_Held]) -> list[tuple[_Piece, list[Problem]]]:
    """Return a version of the tariff in parts, cut where a version of a rider begins or ends."""
    version = file.versions[index]
    later = file.versions[index + 1].valid_from if index + 1 < len(file.versions) else None
    last = version.valid_to or later
    days = {day for one in held for day in (one.valid_from, one.valid_to) if day is not None}
    inner = sorted(day for day in days if version.valid_from < day and (last is None or day < last))
    of_riders = {name for one in held for name in _bases_named(one.version.charges)}
    cut = []
    for start, end in zip([version.valid_from, *inner], [*inner, version.valid_to], strict=True):
        own = version.model_copy(update={"valid_from": start, "valid_to": end})
        cut.append(_with_charges(file, own, index, [one for one in held if one.holds_on(start)], of_riders))
    return cut


def _with_charges(
    file: TariffFile, own: Version, index: int, in_force: Sequence[_Held], of_riders: Collection[str]
) -> tuple[_Piece, list[Problem]]:
    """Return a version with the charges and names of riders in force on all its days, and names of two meanings."""
    seen = file.of_version(own)
    said = said_by(seen, own, "the tariff")
    problems: list[Problem] = []
    for one in in_force:
        of_rider = said_by(one.file.of_version(one.version), one.version, f"rider `{one.file.tariff}`")
        problems += [replace(problem, path=("riders",)) for problem in clashes(said, of_rider)]
        said |= {name: one for name, one in of_rider.items() if name not in said}
    whose = {name: one.file.tariff for one in reversed(in_force) for name in one.version.charges}
    whose = {name: rider for name, rider in whose.items() if name not in own.charges}
    sources = [own.source or "", *(f"{one.file.title}: {one.version.source}" for one in in_force)]
    charges = _counting_what_is_there(_in_order_of_bill(seen, own, in_force), of_riders)
    update: dict[str, Any] = {"source": "; ".join(sources), "charges": charges}
    update |= {table: _named(said, table) for table in TABLES} if in_force else {}
    return _Piece(own.model_copy(update=update), index, whose), problems


def _bases_named(charges: Mapping[str, Charge]) -> set[str]:
    """Return the names under which these charges can be counted: their own and their tags."""
    return {*charges, *(tag for charge in charges.values() for tag in charge.tags)}


def _counting_what_is_there(charges: dict[str, Charge], of_riders: Collection[str]) -> dict[str, Charge]:
    """Return the charges without bases that only a rider names, and that on other days: nothing is counted there."""
    known = _bases_named(charges)
    absent = {name for name in of_riders if name not in known}
    return {
        name: charge.model_copy(update={"of": tuple(base for base in charge.of if base not in absent)})
        if charge.kind in COUNTING and charge.of is not None and not absent.isdisjoint(charge.of)
        else charge
        for name, charge in charges.items()
    }


def _in_order_of_bill(seen: TariffFile, own: Version, in_force: Sequence[_Held]) -> dict[str, Charge]:
    """Return the charges as they are printed: riders stand below what the tariff prices, above what counts charges."""
    names = list(own.charges)
    above = [place for place, name in enumerate(names, start=1) if not _counts_charges(seen, own, own.charges[name])]
    place = max(above, default=0)
    charges = {name: own.charges[name] for name in names[:place]}
    for one in in_force:
        charges |= {name: charge for name, charge in one.version.charges.items() if name not in own.charges}
    return charges | {name: own.charges[name] for name in names[place:]}


def _counts_charges(seen: TariffFile, version: Version, charge: Charge) -> bool:
    return charge.kind in COUNTING or bool(charges_named(seen, version, charge))


def _named(said: Said, table: str) -> dict[str, Any]:
    return {name: one.part for (in_table, name), one in said.items() if in_table == table}


def _tables_for_all(file: TariffFile, held: Sequence[_Held]) -> dict[str, Any]:
    """Return quantities, attributes and factors of the file with those of riders: worked bills may name any."""
    tables = {table: dict(getattr(file, table)) for table in TABLES}
    for one in held:
        seen = one.file.of_version(one.version)
        for table, known in tables.items():
            known |= {name: part for name, part in getattr(seen, table).items() if name not in known}
    return tables


def _problems_of(merged: TariffFile, pieces: Sequence[_Piece]) -> list[Problem]:
    """Return what is wrong with the charges together, each problem once, where the tariff's own file has it."""
    found: dict[tuple[KeyPath, str], Problem] = {}
    for place, piece in enumerate(pieces):
        path = ("versions", place)
        for problem in charges_of_version_problems(merged, piece.version, path, are_windows_right=True):
            told = _in_own_file(problem, piece)
            found.setdefault((told.path, told.text), told)
    return list(found.values())


def _in_own_file(problem: Problem, piece: _Piece) -> Problem:
    if problem.path[:1] != ("versions",):
        return problem
    inner = problem.path[2:]
    rider = piece.rider_of.get(str(inner[1])) if inner[:1] == ("charges",) and len(inner) > 1 else None
    if rider is None:
        return replace(problem, path=("versions", piece.own_index, *inner))
    return Problem(("riders",), f"charge `{inner[1]}` of rider `{rider}`: {problem.text}", problem.hint)
