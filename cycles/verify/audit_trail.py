"""`audit list` and `audit show`: who did what."""

from __future__ import annotations

from datetime import date
from typing import Any

import polars as pl

from model.errors import ConfigError
from store.audit import audit_head, find_entry, list_entries
from store.control import control
from store.workspace import Workspace


def audit_entries(
    workspace: Workspace, *, actor: str | None, action: str | None, since: date | None, subject: str | None
) -> pl.DataFrame:
    """Return the entries of an actor, an action, since a day, on a subject; the last first."""
    with control(workspace, purpose="audit list") as connection:
        return list_entries(connection, actor=actor, action=action, since=since, subject=subject)


def audit_entry(workspace: Workspace, number: int) -> dict[str, Any]:
    """Return an entry of the audit and the hash of the one before it.

    Raises:
        ConfigError: there is no entry of that number.
    """
    with control(workspace, purpose="audit show") as connection:
        found, (last, _) = find_entry(connection, number), audit_head(connection)
    if found is None:
        raise ConfigError(f"the audit has no entry {number}", hint=f"it goes from 1 to {last}: billmill audit list")
    return found
