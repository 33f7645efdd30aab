"""The month benchmark on a small utility: all stages run, and what they take is seen."""

from __future__ import annotations

import io
from pathlib import Path

from rich.console import Console

from benchmarks.month import month_table, run_month
from benchmarks.stages import measure_stage


def _spend(megabytes: int) -> int:
    held = bytearray(b"x") * (megabytes * 1_000_000)
    return sum(held[:: 1 << 12]) and len(held)


def test_a_month_is_billed_and_measured_stage_by_stage(tmp_path: Path) -> None:
    report = run_month(tmp_path, 300, 31, 1, 7, lambda _: None)
    assert report.billed and report.billed + report.parked >= report.drawn.agreements
    assert report.drawn.intervals > report.drawn.interval_channels * 28 * 92
    assert list(report.stages) == [
        "validate, estimate", "plan", "rate, tax, post, controls", "approve, number, publish",
    ]  # fmt: skip
    assert all(stage.cpu_seconds > 0 and stage.read_bytes > 0 for stage in report.stages.values())
    shown = io.StringIO()
    Console(file=shown, width=200).print(month_table(report))
    assert report.digest[:12] in shown.getvalue()


def test_what_a_stage_holds_in_memory_is_seen() -> None:
    measured, held = measure_stage(_spend, 300)
    assert held == 300_000_000
    assert measured.peak_bytes > held
