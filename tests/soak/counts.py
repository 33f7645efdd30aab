"""What a part of the soak did: a row of its table. Each part is `soak(seed, seconds) -> list[Count]`."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Count:
    """A row: so many of a kind were tried, so many ended in a way that nobody can explain."""

    what: str
    """The kind, in the plural: `points killed`, `bad inputs`."""
    done: int
    unexplained: int
    note: str = ""
    """What a reader needs to judge the row; where something is unexplained, the seed and the place to replay it."""
