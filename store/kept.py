"""Frames kept for the next time: what can be made again from the lake, under a key that says what it was made of.

Those of `keep_sealed` are named by their bytes as well: who decides by them reads what was written, or nothing.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Mapping
from hashlib import sha256
from io import BytesIO
from pathlib import Path

import polars as pl

from store.files import PRIVATE, private_folder, remove, written_aside
from store.lake import ROW_GROUP_ROWS, write_rows

# A month of half a million channels takes half a gigabyte.
BYTES_KEPT = 2 * 10**9


def kept_frames(folder: Path, key: str, names: list[str]) -> dict[str, pl.DataFrame] | None:
    """Return what was kept under a key; None when any of it is gone or cannot be read."""
    found = {}
    for name in names:
        path = _path(folder, key, name)
        try:
            found[name] = pl.read_parquet(path)
            os.utime(path)  # what is in use is removed last
        except (OSError, pl.exceptions.ComputeError):
            return None
    return found


def keep_frames(folder: Path, key: str, frames: Mapping[str, pl.DataFrame]) -> None:
    """Keep frames under a key. A disk that takes no more, or a folder of others, only means that they are not kept."""
    with contextlib.suppress(OSError):
        private_folder(folder)
        for name, frame in frames.items():
            with written_aside(_path(folder, key, name), mode=PRIVATE) as aside:
                write_rows(frame, aside, "lz4")


def keep_sealed(folder: Path, stem: str, frame: pl.DataFrame) -> None:
    """Keep a frame as `<stem>-<hash of its bytes>.parquet`, or not, as `keep_frames`."""
    written = BytesIO()
    frame.write_parquet(written, compression="lz4", row_group_size=ROW_GROUP_ROWS, statistics=False)
    data = written.getvalue()
    with contextlib.suppress(OSError):
        private_folder(folder)
        with written_aside(folder / f"{stem}-{_seal(data)}.parquet", mode=PRIVATE) as aside:
            aside.write_bytes(data)


def sealed_stems(folder: Path) -> list[str]:
    """Return the stems of the sealed frames of a folder, in order, with their hash; none where it cannot be read."""
    with contextlib.suppress(OSError):
        return sorted(path.stem for path in folder.glob("*.parquet"))
    return []


def sealed_frame(folder: Path, stem: str, columns: list[str] | None = None) -> pl.DataFrame | None:
    """Return a frame of `sealed_stems`, or some of its columns; None when it is gone or not what was written."""
    try:
        data = (folder / f"{stem}.parquet").read_bytes()
    except OSError:
        return None
    return pl.read_parquet(BytesIO(data), columns=columns) if stem.endswith(_seal(data)) else None


def remove_sealed(folder: Path, stem: str) -> None:
    """Remove a sealed frame."""
    with contextlib.suppress(OSError):
        remove(folder / f"{stem}.parquet")


def _seal(data: bytes) -> str:
    return sha256(data).hexdigest()[:16]


def sweep_kept(folder: Path, bytes_kept: int = BYTES_KEPT) -> None:
    """Remove what was not used for longest, until no more bytes than these are kept."""
    with contextlib.suppress(OSError):
        listed = [(path.stat().st_mtime_ns, path.stat().st_size, path) for path in folder.glob("*.parquet")]
        total = 0
        for _, size, path in sorted(listed, reverse=True):
            total += size
            if total > bytes_kept:
                remove(path)


def _path(folder: Path, key: str, name: str) -> Path:
    return folder / f"{key}-{name}.parquet"
