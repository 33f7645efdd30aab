"""What the tariff commands print for a person."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Any

import polars as pl

from outputs.console import print_facts, print_frame
from tariffs.approval import Approved, Retired
from tariffs.diff import Section

# What a person looks for; the rest is in --json.
_SHOWN = ("tariff_id", "state", "valid_from", "valid_to", "source", "added_by", "approved_by", "agreements")


def approvals(done: Sequence[Approved]) -> list[dict[str, Any]]:
    """Return approvals as plain values."""
    return [vars(approved) | {"new": approved.is_new} for approved in done]


def print_approvals(done: Sequence[Approved], actor: str) -> None:
    """Print what was approved, tariff by tariff."""
    if not done:
        print("nothing waits for approval")
    else:
        print_facts({approved.tariff_id: _approval_text(approved, actor) for approved in done})


def retirement_text(retired: Retired) -> str:
    """Return what retiring did, in a sentence."""
    if not retired.versions:
        return f"{retired.tariff_id} was retired from {retired.end_date} before; nothing changed"
    return f"{retired.tariff_id} retired from {retired.end_date} (versions from {_days(retired.versions)})"


def print_versions(frame: pl.DataFrame) -> None:
    """Print the versions of tariffs."""
    shown = frame.select(_SHOWN).with_columns(pl.col("valid_from", "valid_to").cast(pl.String))
    print_frame(shown.rename({"tariff_id": "tariff"}), limit=200, nothing="no tariffs yet: billmill tariff add FILES")


def print_sections(sections: Sequence[Section]) -> None:
    """Print what is said differently."""
    lines = [line for section in sections for line in section.as_lines()]
    print("\n".join(lines) if lines else "no difference")


def _approval_text(approved: Approved, actor: str) -> str:
    if not approved.is_new:
        return "nothing to approve; nothing changed"
    parts = []
    if approved.versions:
        parts.append(f"approved by {actor}: versions from {_days(approved.versions)}")
    if approved.withdrawn:
        parts.append(f"withdrawn, as the file leaves them out: versions from {_days(approved.withdrawn)}")
    return "; ".join(parts)


def _days(days: Sequence[date]) -> str:
    return ", ".join(map(str, days))
