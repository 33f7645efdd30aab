"""Every way to hurt Billmill in turn, for so many minutes, with a table of counts: `make soak MINUTES=10`.

Ends with exit code 1 when anything is unexplained; `--seed` does the same again, `--only` one part of it.
"""

from __future__ import annotations

import argparse
import importlib
import time
import traceback
from random import SystemRandom

from counts import Count

# A module with `soak(seed, seconds)` each, and its share of the time.
PARTS = {
    "random_bills": 0.10, "process_faults": 0.35, "storage": 0.10, "concurrency": 0.15,
    "world": 0.15, "bad_inputs": 0.05, "seeded_faults": 0.10,
}  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=10.0, help="how long in all")
    parser.add_argument("--seed", type=int, help="the seed that a run told, to do the same again")
    parser.add_argument("--only", choices=PARTS, action="append", help="one part; may be repeated")
    parser.add_argument("--points", action="store_true", help="list the named points and end")
    options = parser.parse_args()
    if options.points:
        importlib.import_module("process_faults").list_points()
        return
    seed = SystemRandom().randrange(2**32) if options.seed is None else options.seed
    chosen = {name: PARTS[name] for name in options.only or PARTS}
    whole = sum(chosen.values())
    counts: list[Count] = []
    for name, share in chosen.items():
        began = time.monotonic()
        try:
            found = importlib.import_module(name).soak(seed, 60 * options.minutes * share / whole)
        except Exception:  # whatever it is, nobody expected it: the other parts go on, and this one is not explained
            traceback.print_exc()
            found = [Count(name, 0, 1, "ended with the traceback above")]
        print(f"{name}: {time.monotonic() - began:.0f} s", flush=True)
        print_table(found)
        counts += found
    print_table(counts)
    unexplained = sum(count.unexplained for count in counts)
    print(f"{unexplained} unexplained; seed {seed}")
    raise SystemExit(1 if unexplained else 0)


def print_table(counts: list[Count]) -> None:
    """Print what was done, a row a kind."""
    print(f"{'what':28} {'done':>10} {'unexplained':>12}  note")
    for count in counts:
        print(f"{count.what:28} {count.done:>10,} {count.unexplained:>12,}  {count.note}")


if __name__ == "__main__":
    main()
