"""The pages about tariffs: their examples hold, every key and function is told, every row has its proof."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any, get_args

import pytest
from pydantic import BaseModel

from cycles.quotes.tariff_check import check_tariff_file
from model.formula import FUNCTIONS
from tariffs.sheet import TariffFile

PROJECT = Path(__file__).parents[1]
PAGE = (PROJECT / "docs" / "tariffs.md").read_text(encoding="utf-8")
FEATURES = (PROJECT / "docs" / "features.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"```toml\n(.*?)```", PAGE, flags=re.DOTALL)


@pytest.mark.parametrize("number", range(len(BLOCKS)))
def test_a_tariff_on_the_page_bills_its_example(number: int, tmp_path: Path) -> None:
    path = tmp_path / "town-power.toml"
    path.write_text(BLOCKS[number], encoding="utf-8")
    report = check_tariff_file(path)
    assert report.holds and report.examples, "\n".join(report.as_lines())


def parts(kind: Any, found: set[type[BaseModel]]) -> set[type[BaseModel]]:
    """Return the tables that an annotation reaches."""
    if isinstance(kind, type) and issubclass(kind, BaseModel):
        if kind not in found:
            found.add(kind)
            for field in kind.model_fields.values():
                parts(field.annotation, found)
        return found
    for inner in get_args(kind):
        parts(inner, found)
    return found


def test_every_key_of_a_tariff_file_is_on_the_page() -> None:
    keys = {
        field.alias or name
        for table in parts(TariffFile, set())
        for name, field in table.model_fields.items()
    }  # fmt: skip
    prose = re.sub(r"```.*?```", "", PAGE, flags=re.DOTALL)
    told = {word for code in re.findall(r"`([^`]+)`", prose) for word in re.findall(r"[a-z_]+", code)}
    assert keys - told == set()


def test_every_function_of_formulas_is_on_the_page() -> None:
    assert {name for name in FUNCTIONS if f"`{name}(" not in PAGE and f", `{name}(" not in PAGE} == set()


def feature_rows() -> list[list[str]]:
    rows = [line.strip("|").split(" | ") for line in FEATURES.splitlines() if re.match(r"\| \d+ \|", line)]
    return [[cell.strip(" |") for cell in row] for row in rows]


def test_the_features_are_seventy_six_and_each_is_written_somehow() -> None:
    rows = feature_rows()
    assert [int(row[0]) for row in rows] == list(range(1, 77))
    assert all(len(row) == 4 and row[2] for row in rows), [row for row in rows if len(row) != 4]


def test_every_proof_of_a_feature_is_there_and_every_case_proves_one() -> None:
    named = {name for row in feature_rows() for name in re.findall(r"`([^`]+)`", row[3])}
    files = {path.stem for path in (PROJECT / "tests" / "cases").glob("*.toml")}
    files |= {path.name for path in (PROJECT / "tests").rglob("test_*.py")}
    files |= {path.stem for path in (PROJECT / "data" / "samples" / "tariffs").glob("*.toml")}
    assert named - files == set()
    cases = {path.stem for path in (PROJECT / "tests" / "cases").glob("*.toml")}
    assert cases - named == set()
