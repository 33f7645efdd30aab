"""The cost model finds what was planted, and keeps each month once."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from benchmarks.cost_model import fit, main, resampled
from benchmarks.cost_runs import CostRun, keep_run, read_runs, runs_in
from benchmarks.month_stages import JUDGE, PARTITIONS, PLAN, PUBLISH, RATE, VEE

RATE_PER_CPU_SECOND = 10_000_000
COMMIT_PER_SECOND = 20_000


def run(meters: int, workers: int = 2, *, start_cpu: float = 2.0, start: float = 3.0) -> CostRun:
    """A month of a machine of two cores, of which the divided work kept four fifths busy."""
    intervals, agreements = meters * 3_000, meters * 2
    work_cpu = start_cpu + intervals / RATE_PER_CPU_SECOND
    return CostRun(
        meters, workers, 2, intervals, agreements, work_cpu, work_cpu / 2 / 0.8, start + agreements / COMMIT_PER_SECOND,
        intervals * 5, None, "2026-11-22T00:00:00+00:00", {"cores": 2},
    )  # fmt: skip


RUNS = [run(meters) for meters in (1_000, 20_000, 400_000)]


def test_what_was_planted_is_found() -> None:
    model = fit(RUNS)
    assert (model.start_cpu, model.start) == (pytest.approx(2.0), pytest.approx(3.0))
    assert 1 / model.per_interval == pytest.approx(RATE_PER_CPU_SECOND)
    assert 1 / model.per_agreement == pytest.approx(COMMIT_PER_SECOND)
    assert model.efficiency == pytest.approx(0.8)
    # A million meters, 10 cores, 1 GB/s: 3 + 2 / 0.8; 15 GB; 300 CPU seconds on 10 cores at 0.8; 2 million agreements.
    assert model.seconds(3e9, 10, 1e9) == pytest.approx((5.5, 15.0, 37.5, 100.0))
    assert model.seconds(3e9, 10, None)[1] == 0.0


def test_nothing_begins_below_zero() -> None:
    model = fit([replace(one, driver_wall=one.driver_wall - 3.05) for one in RUNS])
    assert model.start == 0.0
    assert model.per_agreement > 0.0


def test_runs_without_noise_have_no_error_bars() -> None:
    rates = {round(model.per_interval * 1e12) for model in resampled(RUNS)}
    assert rates == {100_000}


def test_a_month_is_kept_once_for_each_size_and_count_of_workers(tmp_path: Path) -> None:
    path = tmp_path / "runs.json"
    for one in (run(20_000), run(1_000), run(20_000, workers=1), replace(run(1_000), driver_wall=9.0)):
        keep_run(path, one)
    assert [(one.meters, one.workers, one.driver_wall) for one in read_runs(path)] == [
        (1_000, 2, 9.0), (20_000, 1, 5.0), (20_000, 2, 5.0)
    ]  # fmt: skip


def test_months_that_were_kept_elsewhere_are_taken_with_their_other_turns(tmp_path: Path) -> None:
    stage = {"wall_seconds": 4.0, "cpu_seconds": 6.0, "read_bytes": 70, "written_bytes": 30, "parts": {}}
    part = {"wall_seconds": 3.0, "cpu_seconds": 5.0}
    rated = stage | {"parts": {PARTITIONS: part}}
    stages = {VEE: stage | {"parts": {JUDGE: part}}, PLAN: stage, RATE: rated, PUBLISH: stage}
    drawn = {"interval_channels": 48_997, "intervals": 1_000, "agreements": 10}
    report = {"drawn": drawn, "workers": 2, "stages": stages, "others": {"1": stages | {VEE: stage}}}
    command = "python -m benchmarks.month --meters 50000 --also-workers 1"
    results = tmp_path / "results.json"
    results.write_text(
        json.dumps({"runs": [{"command": command, "measured_at": "now", "machine": {"cores": 2}, "report": report}]})
    )
    first, other = runs_in(results)
    assert (first.meters, first.workers, first.work_cpu, first.driver_wall) == (50_000, 2, 10.0, 10.0)
    # Where judging was not told apart all of its stage counts as divided.
    assert (other.workers, other.work_cpu, other.driver_wall, other.work_bytes) == (1, 11.0, 9.0, 200)


def test_it_asks_for_months_when_there_are_too_few(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["--runs", str(tmp_path / "none.json"), "--no-results"])
    assert "months of fewer than two sizes" in capsys.readouterr().err
