"""A manifest lists its files in it, or beside it when they are many; what is read is the same."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from cycles.runs import listed
from cycles.runs.listed import listed_aside, listing_text, read_listing
from model.errors import ControlError

FILE = {
    "table": "bills", "path": "lake/a.parquet", "sha256": "aa", "rows": 1, "bytes": 2, "channel_min": None,
    "channel_max": None, "day_min": "2026-10-01", "day_max": None, "seq_max": 0,
}  # fmt: skip
CONTENT = {"run_id": "R", "files": [FILE, FILE | {"table": "parked", "day_min": None}]}


@pytest.mark.parametrize(("most", "beside"), [(2, 0), (1, 1)])
def test_files_are_read_wherever_they_are_listed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, most: int, beside: int
) -> None:
    monkeypatch.setattr(listed, "_LISTED", most)
    path = tmp_path / "manifest.json"
    path.write_bytes(listing_text(tmp_path, CONTENT))
    assert listing_text(tmp_path, CONTENT) == path.read_bytes()  # writing it again changes nothing
    assert len(list(tmp_path.glob("files-*.parquet"))) == beside
    found = read_listing(path)
    assert found["files"] == CONTENT["files"] and found["run_id"] == "R"
    assert (listed_aside(json.loads(path.read_bytes())) is None) == (beside == 0)


@pytest.mark.parametrize("damage", ["changed", "gone"])
def test_a_list_that_is_not_the_one_named_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, damage: str
) -> None:
    monkeypatch.setattr(listed, "_LISTED", 0)
    path = tmp_path / "manifest.json"
    path.write_bytes(listing_text(tmp_path, CONTENT))
    aside = next(tmp_path.glob("files-*.parquet"))
    aside.chmod(0o600)
    if damage == "changed":
        aside.write_bytes(aside.read_bytes()[:-1] + b"x")
    else:
        aside.unlink()
    with pytest.raises(ControlError, match=r"is not the one that `manifest\.json` names"):
        read_listing(path)
