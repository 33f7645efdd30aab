"""Each tariff file beside this module bills what its publisher, or a hand, worked out: to the minor unit."""

from __future__ import annotations

from pathlib import Path

import pytest

from cycles.quotes.tariff_check import CheckReport, check_tariff_files
from tariffs.file import parse_tariff

CASES = sorted(Path(__file__).parent.glob("*.toml"))
# Ids of the published bills that must be here; a worked bill begins with its id.
PUBLISHED = (
    *("E01", "E03", "E06", "E08", "E09", "E10", "E11", "E12a", "E12b", "E12c", "E14", "E15", "E18", "E21", "E22"),
    *("E24", "G01", "G02", "G04", "G06", "G07", "G08", "G09", "H01", "H02", "H03", "H04", "H05", "S10", "S11", "U01"),
    *("U03", "U04", "U05", "U06", "U07", "W01", "W04", "W05", "W07", "W08", "W09", "W11", "W13"),
)
# Bills whose publisher slipped, hid a digit or allows a cent: their files say how far the rules are from the print.
SLIPS = ("E06", "E15", "G07", "W09", "W11")


@pytest.fixture(scope="module")
def reports() -> dict[Path, CheckReport]:
    return dict(zip(CASES, check_tariff_files(CASES), strict=True))


@pytest.mark.parametrize("path", CASES, ids=lambda path: path.stem)
def test_the_engine_bills_what_the_publisher_worked_out(reports: dict[Path, CheckReport], path: Path) -> None:
    report = reports[path]
    assert report.holds, "\n".join(report.as_lines())
    assert report.examples, f"{path.name} has no worked bill"


@pytest.mark.parametrize("path", CASES, ids=lambda path: path.stem)
def test_a_case_is_named_as_its_file_and_says_where_it_is_from(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert text.startswith("# "), f"{path.name} does not begin with what it shows"
    assert parse_tariff(text, path.name).tariff == path.stem


def test_every_published_bill_is_here() -> None:
    texts = [path.read_text(encoding="utf-8") for path in CASES]
    missing = [name for name in PUBLISHED if not any(f'"{name}' in text for text in texts)]
    assert missing == []


def test_slips_of_publishers_are_the_only_bills_that_stand_apart() -> None:
    apart = {path.stem.split("_")[0] for path in CASES if "\napart" in path.read_text(encoding="utf-8")}
    assert apart == set(SLIPS)
