"""Random tariffs of every construct, and thousands of bills on them, beside the slow twin."""

from __future__ import annotations

from soak import batch


def test_ten_thousand_bills_and_their_slow_twin_are_0_cents_apart() -> None:
    count, seed = 0, 0
    while count < 10_000:
        billed, found = batch(seed, given=3_500, read=250)
        assert found == [], f"seed {seed}: {len(found)} differences"
        count, seed = count + billed, seed + 1
    print(f"{count} bills in {seed} batches, 0 cents apart")
