"""A run cut into parts of whole partitions: reviewing it takes the memory of a part, however many there are."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl

from cycles.runners.tasks import read_receipt
from cycles.runs.folders import manifest_files
from store.lake import LakeFile, scan_lake
from store.workspace import Workspace

SUPPLIES = 300_000
"""Supplies on bills of a part, about: some 500 MB with all that is asked of them."""


@dataclass(frozen=True)
class Part:
    """Files of some partitions of a run. An account, and so a bill, is in one part with all that it has."""

    bills: tuple[LakeFile, ...]
    used: tuple[LakeFile, ...]

    def headers(self, workspace: Workspace) -> pl.LazyFrame:
        """Return the bills (model.bills.Bills)."""
        return scan_lake(workspace, self.bills)

    def use(self, workspace: Workspace) -> pl.LazyFrame:
        """Return what they took (model.review.BillUse)."""
        return scan_lake(workspace, self.used)


def parts_of(folder: Path, manifest: dict[str, Any], supplies_each: int = SUPPLIES) -> list[Part]:
    """Return the parts of the computed run in a folder, in order of partition: a function of its files alone."""
    cut: list[list[tuple[LakeFile, LakeFile]]] = []
    held = supplies_each
    for number, bills in enumerate(manifest_files(manifest, "bills")):
        receipt = read_receipt(folder, number)
        assert receipt is not None, f"partition {number} has no receipt"
        (used,) = receipt.beside
        if held >= supplies_each:
            cut.append([])
            held = 0
        cut[-1].append((bills, used))
        held += used.rows
    return [_part(pairs) for pairs in cut]


def _part(pairs: Sequence[tuple[LakeFile, LakeFile]]) -> Part:
    bills, used = zip(*pairs, strict=True)
    return Part(tuple(bills), tuple(used))
