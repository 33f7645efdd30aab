"""The files that a manifest lists: in it while they are few, in a Parquet file beside it when they are many.

Ten thousand partitions leave ninety thousand files: 38 MB of JSON that everybody who reads a run would parse.
"""

from __future__ import annotations

import hashlib
import io
import json
from datetime import date
from pathlib import Path
from typing import Any

import polars as pl

from model.errors import ControlError
from store.files import SEALED, file_sha256, write_bytes_atomic

# Files that a manifest lists itself, for people to read.
_LISTED = 2_000
_ASIDE = "files_in"
_SCHEMA = {
    "table": pl.String(), "path": pl.String(), "sha256": pl.String(), "rows": pl.Int64(), "bytes": pl.Int64(),
    "channel_min": pl.Int64(), "channel_max": pl.Int64(), "day_min": pl.String(), "day_max": pl.String(),
    "seq_max": pl.Int64(),
}  # fmt: skip


def listing_text(folder: Path, content: dict[str, Any]) -> bytes:
    """Return a manifest (or what a run was published as) as the bytes of its file in a run's folder.

    Its `files` are written beside it when they are many: the same files are the same bytes, under the same name.
    """
    files = content["files"]
    if len(files) > _LISTED:
        buffer = io.BytesIO()
        rows = [file | {key: file[key] and str(file[key]) for key in ("day_min", "day_max")} for file in files]
        pl.DataFrame(rows, schema=_SCHEMA).write_parquet(buffer, compression="zstd")
        sha256 = hashlib.sha256(buffer.getbuffer()).hexdigest()
        name = f"files-{sha256[:16]}.parquet"
        write_bytes_atomic(folder / name, buffer.getvalue(), mode=SEALED)
        content = {key: value for key, value in content.items() if key != "files"}
        content[_ASIDE] = {"name": name, "sha256": sha256, "files": len(files)}
    return json.dumps(content, indent=1, sort_keys=True, default=_iso).encode()


def read_listing(path: Path) -> dict[str, Any]:
    """Return a manifest with its `files`, wherever they are listed.

    Raises:
        OSError, ValueError: it cannot be read.
        ControlError: the file that lists them is not the one that was written.
    """
    content: dict[str, Any] = json.loads(path.read_bytes())
    aside = content.get(_ASIDE)
    if aside is not None:
        listed = path.with_name(aside["name"])
        if not listed.is_file() or file_sha256(listed) != aside["sha256"]:
            raise ControlError(
                f"file `{listed}` is not the one that `{path.name}` names", hint="restore it from a backup"
            )
        content["files"] = pl.read_parquet(listed, glob=False).to_dicts()
    return content


def listed_aside(content: dict[str, Any]) -> tuple[str, str] | None:
    """Return name and hash of the file beside a manifest that lists its files; None when it does so itself."""
    aside = content.get(_ASIDE)
    return None if aside is None else (aside["name"], aside["sha256"])


def _iso(value: object) -> str:
    assert isinstance(value, date), f"{value!r} has no place in a manifest"
    return value.isoformat()
