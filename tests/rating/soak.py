"""Random bills beside the slow twin for as long as one likes: `make bills BILLS=1000000`.

A batch is drawn from a seed, so one that failed can be drawn again: `python -m soak --seed 123`.
"""

from __future__ import annotations

import argparse
from random import Random, SystemRandom

from bill_strategies import Bills, make_given_bills, make_read_bills
from twin import differences

from model.rating import Rated
from rating.stages import rate, rate_given

TARIFFS, GIVEN, READ = 12, 1500, 150


def rated(bills: Bills) -> Rated:
    """Rate the bills as the night does, or as a quote does."""
    given = bills.given
    if bills.quantities is None:
        return rate(given)
    return rate_given(given.due, given.book, bills.quantities, given.attributes, given.banks)  # type: ignore[arg-type]


def batch(seed: int, tariffs: int = TARIFFS, given: int = GIVEN, read: int = READ) -> tuple[int, list[str]]:
    """Return how many due periods were billed twice, and what the twin says differently."""
    random = Random(seed)
    count, found = 0, []
    for bills in (make_given_bills(random, tariffs, given), make_read_bills(random, tariffs, read)):
        try:
            fast = rated(bills)
        except AssertionError as error:
            error.add_note(f"seed {seed}")
            raise
        found += differences(bills.given, fast, bills.quantities)
        count += len(bills.given.due) - len(fast.parked)
    return count, found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--bills", type=int, default=1_000_000, help="stop after so many due periods")
    parser.add_argument("--seed", type=int, help="only the batch of this seed")
    options = parser.parse_args()
    count, batches = 0, 0
    while count < options.bills:
        seed = SystemRandom().randrange(2**32) if options.seed is None else options.seed
        billed, found = batch(seed)
        count, batches = count + billed, batches + 1
        if found:
            print(f"seed {seed}: {len(found)} differences", *found[:20], sep="\n")
            raise SystemExit(1)
        if options.seed is not None or batches % 10 == 0:
            print(f"{count} bills in {batches} batches, 0 cents apart", flush=True)
        if options.seed is not None:
            return
    print(f"{count} bills in {batches} batches, 0 cents apart")


if __name__ == "__main__":
    main()
