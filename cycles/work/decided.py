"""What every decision about work has in common: who decides what and why, what came of it, how it is told."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar, Generic, TypeVar

import polars as pl

from model.codes import FindingState
from model.errors import ConfigError
from model.review import ReviewState

State = TypeVar("State", FindingState, ReviewState)

_NAMED = 3  # ids that the audit log names of many


@dataclass(frozen=True)
class Decision(Generic[State]):
    """What is decided, by whom, when and why.

    Raises:
        ConfigError: there is no reason given.
    """

    state: State
    why: str
    actor: str
    at: datetime

    def __post_init__(self) -> None:
        if not self.why.strip():
            raise ConfigError("option --why: expected a reason, found nothing", hint="say in a sentence why")


@dataclass(frozen=True)
class Outcome:
    """What deciding did. `found` is the work asked for; rows with a `refusal` were left as they are."""

    things: ClassVar[str]
    """What the work consists of, in the plural."""
    found: pl.DataFrame
    new: int
    same: int
    is_recorded: bool

    @property
    def taken(self) -> pl.DataFrame:
        """The work that can be decided so."""
        return self.found.filter(pl.col("refusal").is_null())

    @property
    def refused(self) -> pl.DataFrame:
        """How many were left as they are, by reason."""
        left = self.found.filter(pl.col("refusal").is_not_null())
        return left.group_by("refusal").len(self.things).sort("refusal")


def needs_owner(owner: str) -> None:
    """Refuse to give work to nobody.

    Raises:
        ConfigError: there is no name.
    """
    if not owner.strip():
        raise ConfigError("option --owner: expected a name, found nothing")


def subject(found: pl.DataFrame, key: str) -> str:
    """Return the work that a decision was about as the audit log names it: the first ids, and how many more."""
    named = found[key].sort().head(_NAMED).to_list()
    more = found.height - len(named)
    return ", ".join(named) + (f" and {more} more" if more else "")
