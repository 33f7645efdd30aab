"""Where a file is damaged is told, wherever the damage is."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

import polars as pl

from store.damage import where_damaged
from store.files import file_sha256


def test_a_flipped_bit_is_told_anywhere_in_a_file_its_footer_too(tmp_path: Path) -> None:
    path = tmp_path / "items.parquet"
    pl.DataFrame({"item_id": ["A1/I", "A2/I"], "amount_minor": [26510, 6160]}).write_parquet(path)
    sound, sha256 = path.read_bytes(), file_sha256(path)
    footer = len(sound) - 8 - int.from_bytes(sound[-8:-4], "little")
    # The names of columns stand in the footer twice; each of their bytes, and some of all others.
    names = [at for at in range(footer, len(sound)) if sound[at : at + 7] == b"item_id"]
    assert len(names) >= 2
    for place in sorted({*(name + step for name in names for step in range(7)), *range(0, len(sound), 97)}):
        damaged = bytearray(sound)
        damaged[place] ^= 1 << place % 7
        path.write_bytes(damaged)
        told = where_damaged(path, sha256, len(sound))
        assert told.startswith(f"byte {place:,} is 0x{damaged[place]:02x}, not 0x{sound[place]:02x}"), (place, told)


def test_a_time_that_became_one_of_no_calendar_is_told(tmp_path: Path) -> None:
    path, at = tmp_path / "runs.parquet", datetime(2026, 11, 4, 1)
    pl.DataFrame({"at_utc": [at]}).write_parquet(path, compression="uncompressed")
    sound, sha256 = path.read_bytes(), file_sha256(path)
    stored = int((at - datetime(1970, 1, 1)).total_seconds() * 1_000_000).to_bytes(8, "little")
    place = sound.index(stored) + 7
    damaged = bytearray(sound)
    damaged[place] ^= 0x40
    path.write_bytes(damaged)
    assert where_damaged(path, sha256, len(sound)).startswith(f"byte {place:,} is 0x40, not 0x00")
