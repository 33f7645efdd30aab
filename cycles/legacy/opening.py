"""Opening balances at cutover: what each account owed in the legacy system against what our books open with."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl

from cycles.legacy.lines import read_balances
from cycles.legacy.mapping import LegacyMapping, parse_legacy_mapping
from model.errors import ConfigError
from model.ids import content_hash
from store.control import control, query
from store.facts import facts
from store.files import read_text
from store.workspace import Workspace

# What the books open with: items that no bill made. What settles them lowers a debit by as much as it uses of a
# credit, so the sum of the items is the balance.
_OWED = """
    SELECT account_id, sum(amount_minor)::BIGINT AS ours_minor FROM open_item WHERE bill_id IS NULL GROUP BY account_id
"""


@dataclass(frozen=True)
class OpeningProof:
    """Balances of both sides. Amounts in minor units."""

    currency: str
    branches: pl.DataFrame
    """branch_id, accounts, differing, ours_minor, legacy_minor, apart_minor."""
    accounts: pl.DataFrame
    """Accounts that differ: branch_id, account_id, ours_minor, legacy_minor (null: not there), apart_minor."""
    rejects: pl.DataFrame

    @property
    def is_proved(self) -> bool:
        """Whether every account of every branch has the same balance, and every row was read."""
        return self.accounts.is_empty() and self.rejects.is_empty()

    def as_dict(self) -> dict[str, Any]:
        """Return the proof as plain values."""
        return {
            "currency": self.currency, "proved": self.is_proved, "branches": self.branches, "accounts": self.accounts,
            "rejects": self.rejects,
        }  # fmt: skip


def compare_opening(workspace: Workspace, path: Path, mapping_path: Path | None) -> OpeningProof:
    """Return both sides' balances by branch, and the accounts that differ.

    Raises:
        ConfigError: there is no account, or accounts are in several currencies.
        InputError: the file or the mapping cannot be read.
        ControlError: the file does not add up to the control total of its mapping.
    """
    mapping = LegacyMapping()
    if mapping_path is not None:
        text = read_text(mapping_path)
        mapping = parse_legacy_mapping(text, mapping_path.name, content_hash(text))
    with control(workspace, purpose="compare") as connection:
        accounts = facts(connection, "accounts")
        owed = query(connection, _OWED)
    currencies = accounts["currency"].unique().sort().to_list()
    if len(currencies) != 1:
        found = ", ".join(currencies) or "no account"
        raise ConfigError(f"opening balances: expected accounts in one currency, found {found}")
    balances, rejects = read_balances(path, mapping, currencies[0])
    both = (
        accounts.select("account_id", "branch_id")
        .join(owed, on="account_id", how="left", validate="1:1")
        .join(balances, on="account_id", how="full", coalesce=True, validate="1:1")
        .with_columns(pl.col("branch_id").fill_null(""))
        .with_columns((pl.col("ours_minor").fill_null(0) - pl.col("legacy_minor").fill_null(0)).alias("apart_minor"))
    )
    is_apart = pl.col("apart_minor") != 0
    branches = both.group_by("branch_id").agg(
        pl.len().cast(pl.Int64).alias("accounts"), is_apart.sum().cast(pl.Int64).alias("differing"),
        pl.col("ours_minor", "legacy_minor", "apart_minor").sum(),
    ).sort("branch_id")  # fmt: skip
    apart = both.filter(is_apart).select("branch_id", "account_id", "ours_minor", "legacy_minor", "apart_minor")
    largest = apart.sort(pl.col("apart_minor").abs(), "account_id", descending=[True, False])
    return OpeningProof(currencies[0], branches, largest, rejects)
