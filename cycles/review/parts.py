"""A run cut into parts of whole partitions: reviewing it takes the memory of a part, however many there are."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import polars as pl

from cycles.runs.folders import manifest_files
from store.lake import LakeFile, scan_lake
from store.workspace import Workspace

LINES = 750_000
"""Bill lines of a part, about: some 500 MB with all that is asked of them."""


@dataclass(frozen=True)
class Part:
    """Files of some partitions of a run. An account, and so a bill, is in one part with all that it has."""

    bills: tuple[LakeFile, ...]
    lines: tuple[LakeFile, ...]

    def headers(self, workspace: Workspace) -> pl.LazyFrame:
        """Return the bills (model.bills.Bills)."""
        return scan_lake(workspace, self.bills)

    def rows(self, workspace: Workspace) -> pl.LazyFrame:
        """Return their lines (model.rating.BillLines)."""
        return scan_lake(workspace, self.lines)


def parts_of(manifest: dict[str, Any], lines_each: int = LINES) -> list[Part]:
    """Return the parts of a computed run, in order of partition: a function of its files alone."""
    cut: list[list[tuple[LakeFile, LakeFile]]] = []
    held = lines_each
    for pair in zip(manifest_files(manifest, "bills"), manifest_files(manifest, "bill_lines"), strict=True):
        if held >= lines_each:
            cut.append([])
            held = 0
        cut[-1].append(pair)
        held += pair[1].rows
    return [_part(pairs) for pairs in cut]


def _part(pairs: Sequence[tuple[LakeFile, LakeFile]]) -> Part:
    bills, lines = zip(*pairs, strict=True)
    return Part(tuple(bills), tuple(lines))
