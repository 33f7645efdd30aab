"""Where days stand among others: mostly both are in order, and one walk along them is enough."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from model.compiled import compiled

Ints = npt.NDArray[np.int64]

_ABSENT = -1
_STEPS = 64  # a channel's days between two that are sought; a search takes as long as about twenty steps


@compiled
def place_kernel(keys: Ints, sought: Ints, out_places: Ints) -> None:
    """Fill the place of each sought key among `keys`, -1 where it is not there.

    keys: int64, rising, each once; sought: int64 and out_places: int64 of one length. Sought in any order: what is not
    a few steps on is searched for.
    """
    place = 0
    for row in range(len(sought)):
        wanted = sought[row]
        last = min(place + _STEPS, len(keys))
        while place < last and keys[place] < wanted:
            place += 1
        is_short = place == last and place < len(keys) and keys[place] < wanted
        if is_short or (place > 0 and keys[place - 1] >= wanted):
            place = np.searchsorted(keys, wanted)
        out_places[row] = place if place < len(keys) and keys[place] == wanted else _ABSENT


def day_places(keys: Ints, sought: Ints) -> Ints:
    """Return the place of each sought key among rising ones, -1 where it is not there."""
    assert keys.dtype == sought.dtype == np.int64 and keys.ndim == sought.ndim == 1, "keys are int64"
    places = np.empty(len(sought), np.int64)
    place_kernel(keys, sought, places)
    return places
