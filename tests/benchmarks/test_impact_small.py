"""The benchmark of a base on proposed tariffs: what it proposes can be compared, and its table tells all of it."""

from __future__ import annotations

from datetime import date
from pathlib import Path

from benchmarks.impact import FIRST, ImpactReport, impact_sheet, on_one_tariff, proposals
from benchmarks.month_shapes import TIERS, tariff_file
from benchmarks.stages import PartMeasured, StageMeasured
from demo.utility import draw_utility
from rating.profile_needs import can_be_profiled
from tariffs.compile import compile_tariff
from tariffs.file import parse_tariff


def test_proposals_are_tariffs_and_one_of_them_needs_the_days(tmp_path: Path) -> None:
    files = {name: parse_tariff(path.read_text(encoding="utf-8"), name) for name, path in proposals(tmp_path).items()}
    current = parse_tariff(tariff_file(TIERS).read_text(encoding="utf-8"), TIERS)
    assert current.model_copy(update={"examples": ()}) not in files.values()
    assert [can_be_profiled(compile_tariff(file)) for file in files.values()] == [True, True, True, True, False]


def test_all_electricity_is_on_one_tariff() -> None:
    utility = draw_utility(400, 7, period_start=date(2026, 10, 1), period_end=date(2026, 11, 1))
    tables = on_one_tariff(utility)
    agreements = tables["agreements"].join(
        tables["service_points"].select("service_point_id", "commodity"), on="service_point_id", how="left",
        validate="m:1",
    )  # fmt: skip
    on_it = agreements.filter(agreements["tariff_id"] == TIERS)["commodity"]
    assert on_it.unique().to_list() == ["electricity"]
    assert len(on_it) == (agreements["commodity"] == "electricity").sum() > 100


def test_the_table_has_a_row_for_each_proposal_and_part() -> None:
    took = StageMeasured(5.0, 8.0, 10**9, 10**8, 0, {"accounts, facts": PartMeasured(1.0, 2.0)})
    told = {FIRST: {"accounts": 40_000, "digest": "abc"}}
    sheet = impact_sheet(ImpactReport(50_000, 10**8, 1, {FIRST: took}, told))
    assert sheet.rows == [
        [FIRST, "40,000", "5.00", "8.00", "0.200", "1,000", "100"],
        ["  accounts, facts", "", "1.00", "2.00", "", "", ""],
    ]
