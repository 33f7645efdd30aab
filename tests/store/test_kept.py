"""Frames kept for the next time."""

from __future__ import annotations

from pathlib import Path

import polars as pl

from store.kept import keep_frames, kept_frames

ROWS = pl.DataFrame({"channel_no": [1, 2], "s00": [10, None]})


def test_what_was_kept_comes_back_and_what_is_damaged_does_not(tmp_path: Path) -> None:
    keep_frames(tmp_path / "kept", "k", {"days": ROWS})
    found = kept_frames(tmp_path / "kept", "k", ["days"])
    assert found is not None
    assert found["days"].equals(ROWS)
    assert kept_frames(tmp_path / "kept", "k", ["days", "kinds"]) is None
    (path,) = (tmp_path / "kept").iterdir()
    whole = path.read_bytes()
    for damaged in (b"", whole[: len(whole) // 2], b"else" + whole[4:-4] + b"else"):
        path.write_bytes(damaged)
        assert kept_frames(tmp_path / "kept", "k", ["days"]) is None
