"""What a soak counts: so many of a kind done, and those that nobody can explain."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Count:
    """How many things of a kind were tried, and how many ended in a way that nobody can explain."""

    what: str
    done: int
    unexplained: int
    note: str = ""
