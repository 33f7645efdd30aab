"""The month benchmark on a small utility: all stages run, what they take is seen, and the figures are kept."""

from __future__ import annotations

import json
from pathlib import Path

import polars as pl
import pytest

from benchmarks.month import Asked, MonthReport, copy_books, run_month
from benchmarks.month_shapes import RATCHET, TIERS
from benchmarks.month_stages import PLAN, PUBLISH, RATE, VEE
from benchmarks.month_tables import growth_sheet, month_sheet
from benchmarks.record import Sheet, keep, machine, with_section
from benchmarks.stages import PartMeasured, StageMeasured, measure_stage, medians

Books = tuple[Path, MonthReport]


def _ignore(what: str) -> None:
    """Tell nobody."""


def _spend(megabytes: int) -> int:
    held = bytearray(b"x") * (megabytes * 1_000_000)
    return sum(held[:: 1 << 12]) and len(held)


@pytest.fixture(scope="module")
def books(tmp_path_factory: pytest.TempPathFactory) -> Books:
    folder = tmp_path_factory.mktemp("month")
    return folder, run_month(folder, Asked(300, 31, 1, 1, 7), _ignore)


def test_a_month_is_billed_and_measured_stage_by_stage(books: Books) -> None:
    report = books[1]
    assert report.billed and report.billed + report.parked >= report.drawn.agreements
    assert report.drawn.intervals > report.drawn.interval_channels * 28 * 92
    assert list(report.stages) == [VEE, PLAN, RATE, PUBLISH]
    assert all(stage.cpu_seconds > 0 and stage.read_bytes > 0 for stage in report.stages.values())
    # What a stage names as its parts is found in the code: a function that was renamed would be told no more.
    assert set(report.stages[RATE].parts) == {"rate, tax, post", "review of bills"}
    assert set(report.stages[PUBLISH].parts) == {"approve", "analysts' views", "backup"}


def test_the_tables_fit_a_terminal_of_120_columns(books: Books) -> None:
    sheet = month_sheet(books[1])
    assert books[1].digest[:16] in "\n".join(sheet.notes)
    for shown in (sheet, growth_sheet([books[1]])):
        widths = [max(len(row[place]) for row in [list(shown.headings), *shown.rows]) for place in range(9)]
        assert sum(widths) + 2 * len(widths) <= 120
        assert all(len(note) <= 120 for note in shown.notes)


def test_the_utility_has_the_shapes_of_tariffs_that_it_states(books: Books) -> None:
    folder, report = books
    assert sum(report.drawn.shares.values()) == report.drawn.agreements
    assert {TIERS, RATCHET, "res-flat", "water-home", "gas-home"} <= set(report.drawn.shares)
    lake = folder / "books" / "lake" / "runs"
    lines = pl.read_parquet(lake / "*" / "tables" / "bill_lines-*.parquet")
    tiers = lines.filter(pl.col("tariff_id") == TIERS, pl.col("component_id") == "energy")["tier"]
    assert tiers.n_unique() == 2
    found = pl.read_parquet(lake / "*" / "tables" / "determinants-*.parquet").filter(pl.col("quantity_id") == "kw_peak")
    drawn_w = found.group_by("agreement_id").agg(pl.col("quantity").max().alias("drawn_w"))
    demands = lines.filter(pl.col("tariff_id") == RATCHET, pl.col("component_id") == "demand").join(
        drawn_w, on="agreement_id", how="left", validate="m:1"
    )
    # The line says millionths of a watt. Some bill what they drew in the month, some what they drew in the year before.
    billed_w = demands["quantity"] // 1_000_000
    assert (billed_w > demands["drawn_w"]).any() and (billed_w == demands["drawn_w"]).any()


def test_copied_books_share_the_files_of_the_lake_and_nothing_else(books: Books) -> None:
    folder, report = books
    copy = copy_books(report.drawn.root, folder / "copy")
    of_lake = next(copy.rglob("*.parquet"))
    assert of_lake.samefile(report.drawn.root / of_lake.relative_to(copy))
    assert not (copy / "control.duckdb").samefile(report.drawn.root / "control.duckdb")


def test_what_a_stage_holds_in_memory_is_seen() -> None:
    measured, held = measure_stage(_spend, 300)
    assert held == 300_000_000
    assert measured.peak_bytes > held
    # Not what this process, or a stage before, once held.
    assert measure_stage(_spend, 1)[0].peak_bytes < held


def test_medians_are_taken_figure_by_figure_and_part_by_part() -> None:
    turns = [
        StageMeasured(1.0, 9.0, 30, 1, 1, {"a": PartMeasured(1.0, 3.0), "b": PartMeasured(1.0, 1.0)}),
        StageMeasured(2.0, 8.0, 10, 1, 1, {"a": PartMeasured(5.0, 1.0)}),
        StageMeasured(3.0, 7.0, 20, 1, 1, {"a": PartMeasured(2.0, 2.0)}),
    ]
    assert medians(turns) == StageMeasured(2.0, 8.0, 20, 1, 1, {"a": PartMeasured(2.0, 2.0)})


def test_a_run_takes_the_place_of_the_run_of_the_same_command(tmp_path: Path) -> None:
    def sheet(figure: str) -> Sheet:
        return Sheet("A month", ("stage", "CPU s"), [["plan", figure]], ["A note."])

    keep(tmp_path, "measure --meters 1", machine(), {"cpu": 1}, [sheet("1.00")])
    keep(tmp_path, "measure --meters 2", machine(), {"cpu": 2}, [sheet("2.00")])
    keep(tmp_path, "measure --meters 1", machine(), {"cpu": 3}, [sheet("3.00")])
    runs = json.loads((tmp_path / "results.json").read_text(encoding="utf-8"))["runs"]
    assert [(run["command"], run["report"]["cpu"]) for run in runs] == [
        ("measure --meters 1", 3), ("measure --meters 2", 2)
    ]  # fmt: skip
    page = (tmp_path / "results.md").read_text(encoding="utf-8")
    assert [page.count(f"| plan | {figure} |") for figure in ("1.00", "2.00", "3.00")] == [0, 1, 1]


def test_what_is_written_by_hand_stays() -> None:
    page = with_section("# Results\n\nBy hand.\n", "measure", "first")
    page = with_section(page + "\nMore by hand.\n", "measure", "second")
    assert "first" not in page and "second" in page
    assert page.startswith("# Results\n\nBy hand.\n") and page.endswith("\nMore by hand.\n")
