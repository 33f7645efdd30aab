"""The screen of a run: counts, time left, approvals, totals beside the last cycle; plain words in a pipe."""

from __future__ import annotations

import io
from datetime import UTC, datetime
from typing import Any

import pytest
from rich.console import Console

from outputs.status_screen import duration, print_status, variance, watch_status

NOW = datetime(2026, 11, 4, 2, 0, 30, tzinfo=UTC)


def status(**changed: Any) -> dict[str, Any]:
    return {
        "run_id": "bill-x-1", "state": "planned", "cycle_id": "2026-10", "business_date": "2026-11-04",
        "window": ("2026-11-01", "2026-11-11"), "selected": 400, "partitions": "3 of 8", "stage": "rating",
        "rated": 150, "bills_so_far": 148, "parked_so_far": 2, "per_second": 50.0, "seconds_left": 75.2,
        "last_at": datetime(2026, 11, 4, 2, 0, 18, tzinfo=UTC), "funnel": {"due": 400}, "branches": (),
        "exceptions": (), "totals": (), "last_error": "", "next": "wait: a process works on it",
        "followed": {"places": {}, "running": 0, "stragglers": [], "failures": []},
    } | changed  # fmt: skip


def shown(*statuses: dict[str, Any], is_terminal: bool = False) -> str:
    out = io.StringIO()
    print_status(Console(file=out, width=130, force_terminal=is_terminal, no_color=True), statuses, NOW)
    return out.getvalue()


def test_a_run_that_is_computed_says_how_far_and_how_long() -> None:
    text = shown(status())
    assert "bill-x-1  planned, rating now" in text
    assert "3 of 8 partitions, 150 agreements, 148 bills and 2 parked so far, 50 a second" in text
    assert "1 min 15 s left, last one 12 s ago" in text
    assert "╭" not in text and "━" not in text and "╭" in shown(status(), is_terminal=True)


def test_a_run_says_where_partitions_were_and_what_was_lost() -> None:
    lost = [{"sentence": f"partition {number}, attempt 1 on [b]: gone"} for number in range(5)]
    slow = [{"sentence": "partition 9 on a: 45 s, 3.0 times the median"}]
    places = {"ray on a": 4, "ray on b": 1200}
    text = shown(status(followed={"places": places, "running": 2, "stragglers": slow, "failures": lost}))
    assert "partitions: 4 by ray on a, 1,200 by ray on b, 2 running or left by a process that died" in text
    assert "slow: partition 9 on a: 45 s, 3.0 times the median" in text
    assert "left nothing: partition 4, attempt 1 on [b]: gone" in text and "partition 1, attempt" not in text
    assert "2 more: billmill run partitions RUN" in text


def test_a_computed_run_shows_its_branches_and_totals() -> None:
    branches = (
        {"branch_id": "N", "currency": "AUD", "bills": 2, "kept_out": 1, "total_minor": 123456, "approved_by": "mira"},
        {"branch_id": "[S]", "currency": "", "bills": 0, "kept_out": 0, "total_minor": 0, "approved_by": None},
    )
    totals = (
        {
            "currency": "AUD",
            "bills": 2,
            "total_minor": 123456,
            "last_bills": 4,
            "last_total_minor": 100000,
            "last_cycle": "c",
        },
    )
    codes = tuple({"code": f"c{place}", "severity": "info", "count": 10 - place} for place in range(9))
    listed = (*codes, {"code": "shock_bill", "severity": "stop", "count": 1})
    text = shown(status(state="validated", branches=branches, totals=totals, exceptions=listed, last_error="no [disk]"))
    lines = [" ".join(line.split()) for line in text.splitlines()]
    assert "N 2 1 1,234.56 AUD by mira" in lines and "[S] 0 0 waits" in lines
    assert "bills 2 4 -50.0 %" in lines and "total AUD 1,234.56 1,000.00 +23.5 %" in lines  # 23.456 %
    assert lines.index("shock_bill stop 1") < lines.index("c0 info 10")
    assert "2 more codes 5" in lines  # c7 3 and c8 2
    assert "last error: no [disk]" in lines


def test_without_an_open_run_it_says_so() -> None:
    assert shown() == "no run is open; all of them: billmill run list\n"


def test_watching_ends_when_no_run_is_open() -> None:
    looks = iter([[status()], [status(partitions="8 of 8")], []])
    out = io.StringIO()
    watch_status(Console(file=out, width=130, force_terminal=True), lambda: next(looks), lambda: NOW, 0.0)
    assert "8 of 8 partitions" in out.getvalue() and "no run is open" in out.getvalue()


@pytest.mark.parametrize(("seconds", "text"), [(0.4, "0 s"), (59, "59 s"), (60, "1 min 00 s"), (3_660, "1 h 01 min")])
def test_durations(seconds: float, text: str) -> None:
    assert duration(seconds) == text


@pytest.mark.parametrize(
    ("now", "before", "text"),
    [(100, 100, "0.0 %"), (1_000, 0, "new"), (0, 0, "same"), (-50, -100, "+50.0 %"), (10_005, 10_000, "+0.1 %"),
     (10_004, 10_000, "+0.0 %")],
)  # fmt: skip
def test_variances_are_rounded_to_a_tenth_of_a_percent(now: int, before: int, text: str) -> None:
    assert variance(now, before) == text
