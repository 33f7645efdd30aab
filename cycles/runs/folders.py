"""What lies in a run's folder: its manifest, and the tables that the manifest lists."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import partial
from pathlib import Path
from typing import Any, Protocol

import polars as pl

from cycles.runners.tasks import lake_file_from
from cycles.runs.listed import read_listing
from model.errors import ControlError
from store.bring import bring_run
from store.files import file_sha256
from store.lake import LakeFile, scan_lake
from store.workspace import Workspace


class Frames(Protocol):
    """Gives a frame of a plan by its name, and of it only the rows that are asked for."""

    def __call__(self, name: str, keep: pl.Expr | None = None) -> pl.DataFrame:
        """Return the frame."""


def frames_at_hand(frames: Mapping[str, pl.DataFrame]) -> Frames:
    """Return what gives frames that are in memory."""
    return partial(_frame_at_hand, frames)


def _frame_at_hand(frames: Mapping[str, pl.DataFrame], name: str, keep: pl.Expr | None = None) -> pl.DataFrame:
    return frames[name] if keep is None else frames[name].filter(keep)


def read_frame(path: Path, keep: pl.Expr | None = None) -> pl.DataFrame:
    """Return a frame of a plan; with `keep` only these rows, without reading all of the others."""
    if keep is None:
        return pl.read_parquet(path, glob=False)
    return pl.scan_parquet(path, glob=False).filter(keep).collect()


def plan_frame(folder: Path, name: str, keep: pl.Expr | None = None) -> pl.DataFrame:
    """Return a frame of the plan in a run's folder; with `keep` only these rows, without reading all others."""
    return read_frame(folder / "plan" / f"{name}.parquet", keep)


def plan_rows(folder: Path, name: str, parts: Iterable[tuple[int, int]]) -> pl.DataFrame:
    """Return some parts of a frame of the plan, each from a row up to another one, without reading the others."""
    rows = pl.scan_parquet(folder / "plan" / f"{name}.parquet", glob=False)
    return pl.concat([rows.slice(first, after - first) for first, after in parts]).collect()


def run_folder(workspace: Workspace, run: str) -> Path:
    """Return the folder of a run; of a lake in a bucket its plan, receipts and manifests are here then."""
    folder = workspace.runs / run
    bring_run(folder)
    return folder


RELEASED = "released.json"


def read_manifest(folder: Path) -> dict[str, Any]:
    """Return what counts of a staged run: its manifest, or what was released of it when bills are kept out.

    Raises:
        ControlError: it is gone or not what was written; the lake was touched by hand.
    """
    released = folder / RELEASED
    return _read(released) if released.is_file() else staged_manifest(folder)


def staged_manifest(folder: Path) -> dict[str, Any]:
    """Return the manifest of a staged run: all that it computed.

    Raises:
        ControlError: it is gone or not what was written; the lake was touched by hand.
    """
    return _read(folder / "manifest.json")


def _read(path: Path) -> dict[str, Any]:
    try:
        return read_listing(path)
    except (OSError, ValueError) as error:
        raise ControlError(f"manifest `{path}` cannot be read: {error}", hint="restore it from a backup") from error


def manifest_sha256(folder: Path) -> str:
    """Return the hash of a staged run's manifest, as the run's row and the audit name it."""
    return file_sha256(folder / "manifest.json")


def checked_manifest(folder: Path, expected_sha256: str) -> dict[str, Any]:
    """Return the manifest of a staged run, once it is sure to be what the run's controls were checked on.

    Raises:
        ControlError: it was changed since.
    """
    manifest = staged_manifest(folder)
    if manifest_sha256(folder) != expected_sha256:
        raise ControlError(
            f"manifest `{folder / 'manifest.json'}` is not the one that was staged",
            hint="restore it from a backup (billmill restore), or abandon the run and plan again",
        )
    return manifest


def manifest_files(manifest: dict[str, Any], table: str) -> list[LakeFile]:
    """Return the files of a table that the manifest lists, in order of partition."""
    return [lake_file_from(item) for item in manifest["files"] if item["table"] == table]


def run_table(workspace: Workspace, manifest: dict[str, Any], table: str) -> pl.LazyFrame:
    """Return the rows of a run's table over all its partitions."""
    return scan_lake(workspace, manifest_files(manifest, table))
