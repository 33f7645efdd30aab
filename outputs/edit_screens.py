"""What `reads edit` prints."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict

import polars as pl

from ingest.edits.approvals import Decided
from ingest.edits.edits import Proposed
from outputs.console import print_frame


def proposed_rows(done: Sequence[Proposed]) -> list[dict[str, object]]:
    """Return proposed edits as rows; quantities in smallest units."""
    return [asdict(one) for one in done]


def decided_rows(done: Sequence[Decided]) -> list[dict[str, object]]:
    """Return decided edits as rows."""
    return [asdict(one) for one in done]


def print_proposed(done: Sequence[Proposed]) -> None:
    """Print what was proposed, and how much it changes."""
    print_frame(pl.DataFrame(proposed_rows(done)).drop("is_new"))


def print_decided(done: Sequence[Decided], actor: str) -> None:
    """Print what was decided, a line for each."""
    for one in done:
        load = f", reads changed by load {one.seq}" if one.seq is not None else ""
        print(f"{one.edit_id} {one.state} by {actor}" + ("" if one.is_new else " before") + load)
