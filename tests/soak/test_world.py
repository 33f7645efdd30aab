"""A drawn utility of nine branches lives two years; an auditor that shares no code with Billmill explains every bill.

BILLMILL_SEED says another seed. Those that once failed stay in `world.REGRESSIONS`, for the soak.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path

import pytest
from world import play
from world_audit import audit
from world_truth import Agreement, Truth

SEED = int(os.environ.get("BILLMILL_SEED", "5"))
pytestmark = pytest.mark.skipif(
    "BILLMILL_SEED" not in os.environ, reason="two years of a utility take two minutes: `make soak`, or BILLMILL_SEED=5"
)


@dataclass(frozen=True)
class Lived:
    """A world and what analysts see of its books."""

    truth: Truth
    analytics: Path


@pytest.fixture(scope="module")
def lived(tmp_path_factory: pytest.TempPathFactory) -> Lived:
    truth, office = play(SEED, tmp_path_factory.mktemp("world"))
    return Lived(truth, office.workspace.analytics_path)


def test_nobody_is_billed_otherwise_than_the_truth_says(lived: Lived) -> None:
    assert audit(lived.analytics, lived.truth) == [], f"seed {SEED}"


def dearer(truth: Truth) -> Callable[[], None]:
    price = truth.prices["water-EU"][0]
    price.supply += Decimal("0.001")

    def undo() -> None:
        price.supply -= Decimal("0.001")

    return undo


def more_water(truth: Truth) -> Callable[[], None]:
    used = truth.points["P5W"].use[truth.cycles[0][1]]
    used[0] += 1

    def undo() -> None:
        used[0] -= 1

    return undo


def an_hour_more(truth: Truth) -> Callable[[], None]:
    point = truth.points["P4E"]
    used = next(slots for day, slots in sorted(point.use.items()) if day not in point.never_read)
    used[-1] += 1

    def undo() -> None:
        used[-1] -= 1

    return undo


def one_day_less(truth: Truth) -> Callable[[], None]:
    agreement = truth.current("P3G")
    agreement.end = truth.cycles[-1][1]

    def undo() -> None:
        agreement.end = truth.cycles[-1][2]

    return undo


def a_payment_lost(truth: Truth) -> Callable[[], None]:
    truth.postings.append(("A1-1", -1))
    return lambda: truth.postings.remove(("A1-1", -1))


def somebody_forgotten(truth: Truth) -> Callable[[], None]:
    last = truth.cycles[-1]
    truth.agreements["forgotten"] = Agreement("forgotten", "A1-4", "P1G", "gas", last[1], last[2])
    return lambda: truth.agreements.pop("forgotten") and None


@pytest.mark.parametrize(
    "changed", [dearer, more_water, an_hour_more, one_day_less, a_payment_lost, somebody_forgotten]
)
def test_the_auditor_sees_what_is_wrong(lived: Lived, changed: Callable[[Truth], Callable[[], None]]) -> None:
    undo = changed(lived.truth)
    found = audit(lived.analytics, lived.truth)
    undo()
    assert found
