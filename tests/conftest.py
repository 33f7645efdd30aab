"""Which tests begin first."""

from __future__ import annotations

import gc

import pytest

import model  # noqa: F401  # first: it says how pandera is loaded

# A worker holds millions of objects for all its tests: looking through them as often as Python would for a small
# program takes a fifteenth of the run.
gc.set_threshold(200_000, 20, 20)

# Files with few but long tests. A worker takes a file at a time: one of these begun last would keep the others waiting.
LONG = (
    "tests/stories/test_real_meters.py", "tests/cycles/test_killed_runs.py", "tests/rating/test_rating_bills.py",
    "tests/cycles/test_demo_twin.py", "tests/test_packaging.py", "tests/test_readme.py",
    "tests/soak/test_process_faults.py",
)  # fmt: skip


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    items.sort(key=lambda item: item.location[0].replace("\\", "/") not in LONG)
