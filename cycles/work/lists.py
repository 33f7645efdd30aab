"""What work lists share: rows found by the beginning of an id, and whose work a row is."""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl

from model.errors import ConfigError
from store.control import Connection
from store.facts import facts
from store.workspace import Workspace, workspace_settings

DESK = {"finding": "metering", "exception": "billing"}
"""Whose work it is when neither a person nor a desk is named."""
_SETTINGS = ("owner", "branch_owners")


def each_once(found: pl.DataFrame, ids: Sequence[str], key: str, what: str, how: str) -> pl.DataFrame:
    """Return the rows whose `key` begins with one of `ids`, or is one of them; each names exactly one row.

    Raises:
        ConfigError: one names none, or several; `how` is the command that lists them.
    """
    exact = found.filter(pl.col(key).is_in(list(ids)))[key].to_list()
    begins = [text for text in ids if text not in exact]
    for text in begins:  # as many as somebody typed
        met = found.filter(pl.col(key).str.starts_with(text)).height
        if met != 1:
            told = "is not known" if met == 0 else f"is the beginning of {met} ids"
            raise ConfigError(f"{what} `{text}` {told}", hint=f"{how} lists them")
    chosen = pl.any_horizontal(pl.lit(False), *(pl.col(key).str.starts_with(text) for text in begins))
    return found.filter(pl.col(key).is_in(exact) | chosen)


def with_owner(workspace: Workspace, connection: Connection, rows: pl.DataFrame, what: str) -> pl.DataFrame:
    """Add `owner`: whom it was given to, else the row's own `desk`, else its branch's, as the configuration says.

    `what` is `finding` or `exception`: the word of the tables, and of the configuration with an s.
    """
    settings = workspace_settings(workspace, f"{what}s", _SETTINGS)
    branches = {str(branch): str(owner) for branch, owner in dict(settings.get("branch_owners", {})).items()}
    by_branch = pl.col("branch_id").replace_strict(
        branches, default=str(settings.get("owner", DESK[what])), return_dtype=pl.String
    )
    owners = facts(connection, f"{what}_owner").select(f"{what}_id", assigned="owner")
    joined = rows.join(owners, how="left", on=f"{what}_id", validate="1:1")
    desk = ["desk"] if "desk" in rows.columns else []
    return joined.with_columns(owner=pl.coalesce("assigned", *desk, by_branch))
