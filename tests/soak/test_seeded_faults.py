"""Faults in our own code: none may stay silent. All run in `make soak`; here those of rating and some of the rest.

| scenario | faults | caught by |
|---|---|---|
| twin | rounding, tiers, taxes, days, readings, determinants | the slow twin, or an assertion of a kernel's wrapper |
| by_hand | tiers, registers, sums, allocation, clock changes, marks, rollover | figures worked by hand |
| month | posting, invoices, selection, landing, lake, audit | a control of run or publish; `verify`; the auditor |
| correction | reversal, allocation | a control, an invariant (I1 to I18), the auditor |

The auditor has the amounts of three accounts, worked by hand.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from faults_by_hand import WORKED
from seeded_faults import FAULTS, SCENARIOS, WITHOUT_BOOKS, Fault, caught_by, make_books, twin

TWIN = [fault for fault in FAULTS if fault.scenario == "twin"]
BY_HAND = [fault for fault in FAULTS if fault.scenario == "by_hand"]
OTHERS = [fault for fault in FAULTS if fault.scenario not in WITHOUT_BOOKS]


@pytest.fixture(scope="module")
def books(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("faults")
    make_books(folder)
    return folder


def test_there_are_40_faults_each_with_a_scenario() -> None:
    assert len({fault.what for fault in FAULTS}) == len(FAULTS) >= 40
    assert {fault.scenario for fault in FAULTS} == set(SCENARIOS)


def test_without_a_fault_rating_says_nothing(tmp_path: Path) -> None:
    assert twin(tmp_path) == ""


@pytest.mark.parametrize("scenario", ["month", "correction"])
def test_without_a_fault_a_scenario_says_nothing(scenario: str, books: Path, tmp_path: Path) -> None:
    clean = Fault("no fault", "ledger.post:_credit_legs", "credits", "credits", scenario)
    assert caught_by(clean, books, tmp_path / "books") == ""


@pytest.mark.parametrize("fault", TWIN[::2], ids=lambda fault: fault.what)
def test_a_fault_in_rating_is_told(fault: Fault, tmp_path: Path) -> None:
    assert caught_by(fault, tmp_path, tmp_path)


@pytest.mark.parametrize("worked", WORKED, ids=lambda worked: worked.__name__)
def test_what_is_worked_by_hand_is_what_the_code_makes(worked: Callable[[], str]) -> None:
    assert worked() == ""


@pytest.mark.parametrize("fault", BY_HAND, ids=lambda fault: fault.what)
def test_a_fault_is_told_by_figures_worked_by_hand(fault: Fault, tmp_path: Path) -> None:
    assert caught_by(fault, tmp_path, tmp_path)


@pytest.mark.parametrize("fault", OTHERS[::5], ids=lambda fault: fault.what)
def test_a_fault_in_the_books_is_told(fault: Fault, books: Path, tmp_path: Path) -> None:
    assert caught_by(fault, books, tmp_path / "books")
