"""What a decision about work did, on a terminal."""

from __future__ import annotations

import sys
from collections.abc import Sequence

import polars as pl

from outputs.console import print_frame


def print_decided(
    found: pl.DataFrame, verb: str, things: str, by: Sequence[str], *, new: int, same: int, recorded: bool
) -> None:
    """Print what deciding did, or would do, to the `things` in `found`; counted by the columns `by`.

    Rows with a `refusal` were left as they are.
    """
    left, chosen = pl.col("refusal").is_not_null(), found.filter(pl.col("refusal").is_null())
    if recorded:
        before = f", {same:,} were before" if same else ""
        sys.stdout.write(f"{_counted(new, things)} {verb}{before}\n")
    else:
        of = _counted(found.height, things)
        sys.stdout.write(f"{chosen.height:,} of {of} would be {verb}; nothing is recorded\n")
        if chosen.height:
            print_frame(chosen.group_by(by).len(things).sort(by))
    refused = found.filter(left).group_by("refusal").len(things).sort("refusal")
    if refused.height:
        print_frame(refused.select(things, left_as_they_are="refusal"), "\nLeft as they are")


def _counted(count: int, things: str) -> str:
    return f"1 {things.removesuffix('s')}" if count == 1 else f"{count:,} {things}"
