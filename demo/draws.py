"""Streams of random numbers: one per subject, block and day, so that nothing depends on what else is drawn.

A block holds a fixed number of service points. Whatever is drawn for a block is a function of the seed, the
block's number and, for reads, the day: a utility of 50 points is the beginning of one of 500,000.
"""

from __future__ import annotations

from datetime import date
from enum import IntEnum

import numpy as np

BLOCK_POINTS = 1_000


class Subject(IntEnum):
    """What a stream is drawn for. The numbers are part of the seed: new subjects are added at the end."""

    ROSTER = 1
    LOAD = 2
    SLOT_NOISE = 3
    BURSTS = 4
    CARS = 5
    SUN = 6
    WEATHER = 7
    CLOUDS = 8
    DEFECTS = 9
    REGISTER = 10
    REGISTER_USE = 11
    REGISTER_READS = 12


def stream(seed: int, subject: Subject, block: int = 0, day: date | None = None) -> np.random.Generator:
    """Return the generator of one subject, block and day; the same arguments give the same numbers."""
    key = [seed, int(subject), block, 0 if day is None else day.toordinal()]
    return np.random.Generator(np.random.PCG64(np.random.SeedSequence(key)))


def block_count(points: int) -> int:
    """Return how many blocks hold `points` service points.

    >>> block_count(1_001)
    2
    """
    assert points >= 0, f"points: expected 0 or more, found {points}"
    return -(-points // BLOCK_POINTS)
