"""Files truncated, flipped, deleted, swapped and doubled, in a published workspace, for as long as one likes."""

from __future__ import annotations

import sys
import tempfile
import time
from pathlib import Path
from random import Random

from counts import Count

sys.path.append(str(Path(__file__).parents[1] / "cycles"))
from storage_faults import KINDS, storage_faults
from whole_night import bill_cycle, prepare_books

from demo.night import prepare

ROUND = len(KINDS)


def soak(seed: int, seconds: float) -> list[Count]:
    """Do faults, each kind of file in turn, until the time is over."""
    until, dice = time.monotonic() + seconds, Random(seed)
    done, unexplained, found = 0, [], 0
    with tempfile.TemporaryDirectory(prefix="soak-") as scratch:
        base = Path(scratch)
        files = prepare(base / "incoming", 60, 5)
        sound = prepare_books(base / "sound", files)
        bill_cycle(sound, files)
        while time.monotonic() < until:
            number = dice.randrange(2**32)
            folder = Path(tempfile.mkdtemp(dir=base))
            told = storage_faults(sound, folder, seed=number, count=ROUND)
            wrong = [what for what in told if what.startswith("UNEXPLAINED")]
            print(*wrong, sep="\n", end="\n" if wrong else "", flush=True)
            done += sum(told.values()) - told["not there"]
            found += sum(number for what, number in told.items() if what.endswith("found"))
            unexplained += wrong
    note = f"{found} found and named, no total was wrong; {len(KINDS)} kinds of files"
    return [Count("storage faults", done, len(unexplained), unexplained[0] if unexplained else note)]
