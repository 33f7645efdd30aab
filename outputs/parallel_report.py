"""What is shown of a comparison with a legacy system: the figures, already counted."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import polars as pl

# Classes in the order in which they are shown.
CLASSES = (
    "equal", "rounding", "proration", "tariff", "read", "tax", "missing_here", "missing_there", "several",
    "unexplained",
)  # fmt: skip
TOP_OF_CLASS = 4


@dataclass(frozen=True)
class ParallelReport:
    """A comparison for a reader who was not there. Amounts in minor units; apart is ours less the legacy amount."""

    utility: str
    row: dict[str, Any]
    """model.parallel.Comparisons."""
    legacy_rows: int
    legacy_total_minor: int
    rejects: pl.DataFrame
    """Rows that were not compared: row, reason, text."""
    branches: pl.DataFrame
    """branch_id, accounts, lines, equal, accounts_differing, ours_minor, legacy_minor."""
    classes: pl.DataFrame
    """cause, lines, services, within, explained, open, apart_minor, size_minor; a row per class, equal among them."""
    by_branch: pl.DataFrame
    """branch_id, cause, lines, apart_minor, size_minor."""
    differences: pl.DataFrame
    """model.parallel.Differences with code, why, said_by, is_open; the largest first."""
    threshold_percent: float
    not_again: int

    @property
    def open_lines(self) -> int:
        """Lines that are unexplained or beyond tolerance, and nobody has said why."""
        return int(self.differences["is_open"].sum())

    @property
    def is_above(self) -> bool:
        """Whether more lines are open than the threshold allows."""
        return self.open_lines * 100 > self.threshold_percent * int(self.row["cells"])

    @property
    def top(self) -> pl.DataFrame:
        """Return the largest differences of each class, the classes in their order."""
        place = pl.col("cause").replace_strict({cause: place for place, cause in enumerate(CLASSES)})
        largest = self.differences.filter(pl.int_range(pl.len()).over("cause") < TOP_OF_CLASS)
        return largest.sort(place, maintain_order=True)

    @property
    def next_step(self) -> str:
        """Return what to do next."""
        open_lines = self.differences.filter("is_open")
        if open_lines.is_empty():
            return f"billmill compare sign-off --comparison {self.row['comparison_id']} --by ANOTHER"
        named = open_lines.filter(pl.col("cause") != "unexplained")
        subject = named["cause"][0] if named.height else open_lines["difference_id"][0]
        return f"billmill compare explain {subject} --code CODE --why TEXT"

    def as_dict(self) -> dict[str, Any]:
        """Return the comparison as plain values."""
        return self.row | {
            "utility": self.utility, "legacy_rows": self.legacy_rows, "legacy_total_minor": self.legacy_total_minor,
            "rejects": self.rejects, "branches": self.branches, "classes": self.classes, "by_branch": self.by_branch,
            "differences": self.differences, "open_lines": self.open_lines, "threshold_percent": self.threshold_percent,
            "above_threshold": self.is_above, "not_reproduced": self.not_again, "next": self.next_step,
        }  # fmt: skip
