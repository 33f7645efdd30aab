"""Random bills of random tariffs beside the slow twin, as a part of the soak."""

from __future__ import annotations

import sys
import time
from pathlib import Path
from random import Random

from counts import Count

sys.path.append(str(Path(__file__).parents[1] / "rating"))
from soak import batch


def soak(seed: int, seconds: float) -> list[Count]:
    """Bill batches until the time is over."""
    until, dice, bills, wrong = time.monotonic() + seconds, Random(seed), 0, []
    while time.monotonic() < until:
        number = dice.randrange(2**32)
        billed, found = batch(number)
        bills += billed
        if found:
            wrong.append(f"seed {number}: {len(found)} differences; python -m soak --seed {number}")
            print(f"UNEXPLAINED random bills, {wrong[-1]}", flush=True)
    return [Count("random bills", bills, len(wrong), wrong[0] if wrong else "0 cents from the slow twin")]
