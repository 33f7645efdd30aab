"""A price sheet that changes nothing changes no bill: each case is billed again with a second version of the same."""

from __future__ import annotations

from pathlib import Path

import pytest

from cycles.quotes.tariff_check import CheckedExample, check_all_examples
from tariffs.file import parse_tariff
from tariffs.library import whole_tariff
from tariffs.sheet import Example, TariffFile

CASES = sorted(Path(__file__).parent.glob("*.toml"))
SAMPLES = sorted((Path(__file__).parents[2] / "data" / "samples" / "tariffs").glob("*.toml"))
# What each part rounds for itself, in minor units; two parts of a line are a cent apart at most.
ROUNDED_APART = {
    "E03": 10,    # the bill is cut to 10 won
    "E21": 100,   # a threshold of whole kWh in each part, at 1.00
    "F17": 24,    # a quantity cut to 0.1 m3 in each part, at 2.40
    "U01": 100,   # whole kWh in each part, at 1.00
    "water-sewer": 20,
}  # fmt: skip
# Cases that a cut changes for a reason of their own.
NOT_SHARED = {
    "E22": "the baseline is that of all events, and they lie in one part",
    "G06": "the difference of two prices belongs to no days",
    "U05": "each part fills packages of its own",
}


def cut(file: TariffFile, example: Example) -> TariffFile:
    """Return the tariff with its version of the middle of the example written twice, and that example alone."""
    start, end = example.period
    middle = start + (end - start) // 2
    place = max(number for number, version in enumerate(file.versions) if version.valid_from <= middle)
    first = file.versions[place].model_copy(update={"valid_to": None})
    second = file.versions[place].model_copy(update={"valid_from": middle})
    versions = (*file.versions[:place], first, second, *file.versions[place + 1 :])
    return file.model_copy(update={"versions": versions, "examples": (example,)})


def found_minor(checked: CheckedExample) -> dict[str, int]:
    """Return the amounts of charges and of the bill; tiers and the rounding of the sum are each part's own."""
    assert checked.parked is None, checked.parked
    return {
        amount.charge: amount.found_minor
        for amount in checked.amounts
        if not amount.period and amount.charge != "rounding"
    }


@pytest.fixture(scope="module")
def found() -> dict[str, list[tuple[str, dict[str, int], dict[str, int]]]]:
    """By case its examples: name, amounts as it stands, amounts cut; rated together, a call costs more than a bill."""
    files, told = [], []
    for path in [*CASES, *SAMPLES]:
        file = whole_tariff(parse_tariff(path.read_text(encoding="utf-8"), path.name), path)
        for number, example in enumerate(file.examples):
            if any(example.period[0] < version.valid_from < example.period[1] for version in file.versions):
                continue  # it is cut already
            if path.stem.split("_")[0] in NOT_SHARED:
                continue
            named = file.model_copy(update={"tariff": f"{file.tariff}-{number}", "examples": (example,)})
            files += [named, cut(named.model_copy(update={"tariff": f"{named.tariff}-cut"}), example)]
            told.append((path.stem, example.name))
    checked = [one[0] for one in check_all_examples(files)]
    by_case: dict[str, list[tuple[str, dict[str, int], dict[str, int]]]] = {}
    for (stem, name), whole, parts in zip(told, checked[::2], checked[1::2], strict=True):
        by_case.setdefault(stem, []).append((name, found_minor(whole), found_minor(parts)))
    return by_case


@pytest.mark.parametrize("path", [*CASES, *SAMPLES], ids=lambda path: path.stem)
def test_a_version_that_changes_nothing_changes_no_amount(
    path: Path, found: dict[str, list[tuple[str, dict[str, int], dict[str, int]]]]
) -> None:
    case = path.stem.split("_")[0]
    if case in NOT_SHARED:
        pytest.skip(NOT_SHARED[case])
    for name, whole, parts in found.get(path.stem, []):
        apart = {charge: amount - whole.get(charge, 0) for charge, amount in parts.items()}
        most = ROUNDED_APART.get(case, 3)
        assert {charge: minor for charge, minor in apart.items() if abs(minor) > most} == {}, name
