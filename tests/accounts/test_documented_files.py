"""The files that the documentation shows are taken as they stand there."""

from __future__ import annotations

import re
from pathlib import Path

from test_accounts_import import GOOD, load, write

from store.workspace import create_workspace

FILES = Path(__file__).parents[2] / "docs" / "files.md"
POINTS = "".join(f"{point},P1,electricity,America/Chicago,R1,1\n" for point in ("E1", "W1"))


def test_the_examples_of_reference_data_are_taken_whole(tmp_path: Path) -> None:
    blocks = re.findall(r"```text\n(\w+_id,.*?)```", FILES.read_text(encoding="utf-8"), re.DOTALL)
    attributes, history = (next(text for text in blocks if f",{column}," in text) for column in ("name", "quantity_id"))
    folder = write(
        tmp_path / "in",
        agreements=GOOD["agreements"].replace("G1,", "S1,"),
        service_points=GOOD["service_points"] + POINTS,
        agreement_attributes=attributes,
        history=history,
    )
    report = load(create_workspace(tmp_path / "books", name="x"), folder)
    assert report.rejects.is_empty()
    assert (report.counts["agreement_attributes"].new, report.counts["history"].new) == (2, 2)
