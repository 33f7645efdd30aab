"""Checking tariff files: their keys, and their worked bills rated by the engine that bills customers."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import date, datetime
from functools import partial
from pathlib import Path
from typing import Any

import polars as pl

from cycles.quotes.worked_bills import RatedBill, rate_worked_bills
from model.errors import InputError, TariffError
from model.money import format_minor
from store.workspace import Workspace
from tariffs import lifecycle
from tariffs.approval import Approved
from tariffs.check_examples import TOTAL, minor_units
from tariffs.file import parse_tariff
from tariffs.library import Opener, add_tariff_files, tariff_text, whole_tariff
from tariffs.sheet import Example, TariffFile


@dataclass(frozen=True)
class Amount:
    """An amount of an example in minor units; `expected_minor` is None where the example does not state it."""

    charge: str
    period: str
    expected_minor: int | None
    found_minor: int
    known_apart_minor: int = 0
    """Found less expected, as the file itself says: the publisher's own slip, or digits that it does not print."""

    @property
    def apart_minor(self) -> int:
        """Found less expected; 0 where nothing was stated."""
        return 0 if self.expected_minor is None else self.found_minor - self.expected_minor

    @property
    def holds(self) -> bool:
        """Whether found and expected are as far apart as the file says: usually not at all."""
        return self.expected_minor is None or self.apart_minor == self.known_apart_minor

    @property
    def name(self) -> str:
        """The amount as `expect` names it."""
        return f"{self.charge}.{self.period}" if self.period else self.charge


@dataclass(frozen=True)
class CheckedExample:
    """A worked bill beside what rating found. `parked` says why it could not be billed; it then has no amounts."""

    name: str
    source: str
    start_date: date
    end_date: date
    amounts: tuple[Amount, ...]
    parked: str | None

    @property
    def holds(self) -> bool:
        """Whether every stated amount was found to the minor unit."""
        return self.parked is None and all(amount.holds for amount in self.amounts)


@dataclass(frozen=True)
class CheckReport:
    """What a check of a tariff file found. `problem` is the message when the file cannot be used at all."""

    file: str
    tariff: str | None
    currency: str | None
    versions: int
    examples: tuple[CheckedExample, ...]
    problem: str | None

    @property
    def holds(self) -> bool:
        """Whether the file can be used and all its examples hold."""
        return self.problem is None and all(example.holds for example in self.examples)

    def as_dict(self) -> dict[str, Any]:
        """Return the report as plain values; amounts are in minor units."""
        return {
            "file": self.file, "tariff": self.tariff, "currency": self.currency, "holds": self.holds,
            "versions": self.versions, "problem": self.problem,
            "examples": [
                {"name": example.name, "source": example.source, "start_date": example.start_date,
                 "end_date": example.end_date, "holds": example.holds, "parked": example.parked,
                 "amounts": [vars(amount) | {"apart_minor": amount.apart_minor} for amount in example.amounts]}
                for example in self.examples
            ],
        }  # fmt: skip

    def as_lines(self) -> list[str]:
        """Return the report as a person reads it."""
        if self.problem is not None or self.currency is None:
            return [f"{self.file}: cannot be used", *(f"  {line}" for line in (self.problem or "").splitlines())]
        failed = sum(not example.holds for example in self.examples)
        verdict = f"{failed} do not hold" if failed else "all hold" if self.examples else "nothing was worked out"
        counts = f"{_count(self.versions, 'version')}, {_count(len(self.examples), 'example')}"
        lines = [f"{self.file}: tariff `{self.tariff}`, {counts}: {verdict}"]
        for example in self.examples:
            lines += _example_lines(example, self.currency)
        return lines


def check_tariff_files(paths: Sequence[Path], workspace: Opener | None = None) -> list[CheckReport]:
    """Check tariff files; riders are looked for among them, beside each, and in the workspace if there is one.

    The examples of all of them are rated together.
    """
    given = []
    for path in paths:
        with suppress(InputError, TariffError):  # told by the report of the file itself
            given.append(parse_tariff(tariff_text(path), path.name))
    read = [_read(path, given, workspace) for path in paths]
    found = iter(check_all_examples([held.file for held in read if isinstance(held, _Read)]))
    return [
        CheckReport(path.name, held.file.tariff, held.file.currency, held.versions, tuple(next(found)), None)
        if isinstance(held, _Read)
        else CheckReport(path.name, None, None, 0, (), held)
        for path, held in zip(paths, read, strict=True)
    ]


def check_tariff_file(path: Path, *, workspace: Opener | None = None) -> CheckReport:
    """Check a tariff file and rate its examples. A file that cannot be used is a report that says so.

    Its riders stand beside it, or are in the workspace.
    """
    return check_tariff_files([path], workspace)[0]


@dataclass(frozen=True)
class _Read:
    """A tariff with its riders attached, and how many versions its own file states."""

    file: TariffFile
    versions: int


def _read(path: Path, given: Sequence[TariffFile], workspace: Opener | None) -> _Read | str:
    """Return the tariff of a file, or why it cannot be used."""
    try:
        stated = parse_tariff(tariff_text(path), path.name)
        return _Read(whole_tariff(stated, path, given=given, workspace=workspace), len(stated.versions))
    except (InputError, TariffError) as error:
        return str(error)


def check_examples(file: TariffFile) -> list[CheckedExample]:
    """Return the examples of a tariff that passed its checks, riders attached, each beside what rating finds."""
    return check_all_examples([file])[0]


def check_all_examples(files: Sequence[TariffFile]) -> list[list[CheckedExample]]:
    """Return the examples of each tariff, rated together: a call of the engine takes longer than most of its bills."""
    bills = [(file, example) for file in files for example in file.examples]
    rated = iter(rate_worked_bills(bills))
    return [[_checked(file, example, next(rated)) for example in file.examples] for file in files]


def add_tariffs(workspace: Workspace, paths: Sequence[Path], *, at: datetime, actor: str) -> list[dict[str, Any]]:
    """Check tariff files with their examples, and add them: all of them, or none.

    Raises:
        TariffError: a file cannot be used, or an example does not come out to the minor unit.
    """
    return add_tariff_files(workspace, paths, at=at, actor=actor, prove=prove_examples)


def approve_tariffs(
    workspace: Workspace,
    tariffs: Sequence[str] | None,
    *,
    at: datetime,
    actor: str,
    valid_from: date | None = None,
    waiver: str | None = None,
) -> list[Approved]:
    """Rate the worked bills of tariffs again and approve what their files say: all of them, or none.

    `tariffs` None means every tariff with something to approve; `valid_from` names one version of it; `waiver` says
    why there are no worked bills.

    Raises:
        TariffError: there is no such tariff or version.
        ControlError: the approver added the file, it has no worked bills, or one of them fails.
    """
    return lifecycle.approve_tariffs(
        workspace, tariffs, at=at, actor=actor, prove=prove_examples, valid_from=valid_from, waiver=waiver
    )


def prove_examples(tariffs: Sequence[tuple[TariffFile, str]]) -> list[TariffError | None]:
    """Return for each tariff, given with the name of its file, why its examples fail; None where they hold.

    An error names each example that fails with its charges, what was expected and what was found.
    """
    found = check_all_examples([file for file, _ in tariffs])
    return [_refusal(file, name, examples) for (file, name), examples in zip(tariffs, found, strict=True)]


def _refusal(file: TariffFile, name: str, examples: Sequence[CheckedExample]) -> TariffError | None:
    failures = _failures(file, name, examples)
    hint = f"see all amounts with: billmill tariff check {name}"
    return TariffError("\n".join(failures), hint=hint) if failures else None


def _failures(file: TariffFile, name: str, examples: Sequence[CheckedExample]) -> list[str]:
    money = partial(format_minor, currency=file.currency)
    failures = []
    for index, example in enumerate(examples):
        subject = f"tariff `{file.tariff}`: example `{example.name}`"
        place = f"\n  at {name}, examples[{index}]"
        if example.parked is not None:
            failures.append(f"{subject}: expected a bill, found: {example.parked}{place}")
        failures += [
            f"{subject}: charge `{amount.name}`: expected {money(amount.expected_minor)}, "
            f"found {money(amount.found_minor)}{place}.expect.{amount.name}"
            for amount in example.amounts
            if amount.expected_minor is not None and not amount.holds
        ]
    return failures


def _checked(file: TariffFile, example: Example, rated: RatedBill) -> CheckedExample:
    start, end = example.period
    amounts = tuple(_amounts(file, example, rated.lines)) if rated.parked is None else ()
    return CheckedExample(example.name, example.source, start, end, amounts, rated.parked)


def _amounts(file: TariffFile, example: Example, rated: pl.DataFrame) -> list[Amount]:
    """Return what the example states beside what was found, in the order of the bill; then what it leaves out."""
    lines = rated.sort("line_no").with_columns(pl.coalesce("memo_minor", "amount_minor").alias("shown"))
    sums = _sums(lines, ["component_id"]) | {(TOTAL,): int(lines["amount_minor"].sum())}
    parts = _sums(lines.filter(pl.col("tou") != ""), ["component_id", "tou"])
    tiers = lines.filter(pl.col("tier") > 0).with_columns(pl.col("tier").cast(pl.String))
    parts |= _sums(tiers, ["component_id", "tier"])
    apart = {name: int(minor_units(file, amount)) for name, amount in example.apart.items()}

    def stated(charge: str, period: str, expected: int | None) -> Amount:
        found = parts.get((charge, period), 0) if period else sums.get((charge,), 0)
        return Amount(charge, period, expected, found, apart.get(f"{charge}.{period}" if period else charge, 0))

    expected = {(charge, period): int(minor_units(file, amount)) for charge, period, amount in example.expected}
    told = [stated(*place, minor) for place, minor in expected.items() if place[0] != TOTAL]
    named = {amount.charge for amount in told} | {TOTAL}
    untold = [stated(charge, "", None) for (charge,) in sums if charge not in named]
    return [*told, *untold, stated(TOTAL, "", expected.get((TOTAL, "")))]


def _sums(lines: pl.DataFrame, keys: list[str]) -> dict[tuple[str, ...], int]:
    """Return what the lines of each group come to, in the order of the bill."""
    found = lines.group_by(keys, maintain_order=True).agg(pl.col("shown").sum())
    return {tuple(row[:-1]): row[-1] for row in found.iter_rows()}


def _example_lines(example: CheckedExample, currency: str) -> list[str]:
    lines = [f"  {example.name}: {'holds' if example.holds else 'does not hold'}"]
    lines += [f"    {example.start_date} to {example.end_date}, {example.source}"]
    if example.parked is not None:
        return [*lines, f"    expected a bill, found: {example.parked}"]
    rows = [("charge", "expected", "found", "apart")]
    for amount in example.amounts:
        stated = "" if amount.expected_minor is None else format_minor(amount.expected_minor, currency)
        apart = format_minor(amount.apart_minor, currency) if amount.apart_minor else ""
        apart += " (known)" if apart and amount.holds else ""
        rows.append((amount.name, stated, format_minor(amount.found_minor, currency), apart))
    widths = [max(len(row[place]) for row in rows) for place in range(4)]
    for name, *numbers in rows:
        cells = [f"{number:>{width}}" for number, width in zip(numbers, widths[1:], strict=True)]
        lines.append(f"    {name:<{widths[0]}}  {'  '.join(cells)}".rstrip())
    return lines


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
