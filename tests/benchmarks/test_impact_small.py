"""The benchmark of a base on proposed tariffs, at a size that takes no time: its parts fit together."""

from __future__ import annotations

from pathlib import Path

from benchmarks.impact import FIRST, impact_sheet, run_impact


def silent(what: str) -> None:
    """Tell nobody; drawing is done by another process, so this has a name."""


def test_a_small_base_is_rated_on_each_proposal(tmp_path: Path) -> None:
    report = run_impact(tmp_path, 1, 1, 7, 1, silent)
    sheet = impact_sheet(report)
    totals = report.told[FIRST]
    assert totals["accounts"] > 300 and totals["down"] == 0 and totals["up"] > 0
    assert {told["accounts"] for told in report.told.values()} == {totals["accounts"]}
    assert [row[0] for row in sheet.rows if not row[0].startswith(" ")] == list(report.proposals)
