"""What rating takes, gathered without a plan: for questions whose answers are never posted."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import date, datetime
from typing import Any

import polars as pl

from accounts.numbering import channel_numbers_of
from accounts.selection import Cycle, select_due
from cycles.runs.folders import frames_at_hand
from cycles.runs.inputs import Inputs, gather_inputs, known_facts, last_load
from cycles.runs.partition import STEPS, Work
from model.events import OneOffCharges
from model.rating import RatingInput
from model.schema import empty
from store.control import Connection
from store.workspace import Workspace
from tariffs.catalogue import load_rate_book

# Nothing is kept between partitions, so they may be larger than a run's: each costs half a second of its own.
_INTERVALS_AT_ONCE = 20_000_000
_SLOTS_OF_A_DAY = 96  # of most channels
NOTHING_BILLED = pl.DataFrame(
    schema={"agreement_id": pl.String, "period_start_date": pl.Date, "period_end_date": pl.Date, "bill_id": pl.String}
)


@dataclass(frozen=True)
class Unplanned:
    """Inputs of a cycle, whoever is billed already, cut into partitions."""

    workspace: Workspace
    cycle: Cycle
    inputs: Inputs

    @property
    def partitions(self) -> list[int]:
        """Numbers of the partitions, in order."""
        found: list[int] = self.inputs.frames["due"]["partition"].unique().sort().to_list()
        return found

    def rating_input(self, partition: int) -> RatingInput:
        """Read the inputs of a partition by the step of a run that does."""
        dates = {
            key: value.isoformat() if isinstance(value, date) else value for key, value in asdict(self.cycle).items()
        }
        plan: dict[str, Any] = {"cycle": dates, "inputs": self.inputs.listed()}
        keep = pl.col("partition") == partition
        frames = frames_at_hand(self.inputs.frames)
        work = Work(self.workspace, self.workspace.runs, plan, keep, partition, frames)
        STEPS[0].run(work)
        assert work.rating_input is not None, "the first step gathers"
        return work.rating_input


def gather_unplanned(
    connection: Connection, workspace: Workspace, cycle: Cycle, chosen: pl.Expr, branches: tuple[str, ...],
    known_at: datetime, asked: pl.DataFrame | None = None,
) -> Unplanned | None:  # fmt: skip
    """Return the inputs of those agreements of a cycle's group for which `chosen` is true; None when there are none.

    `chosen` sees the agreement's own columns and those of its account and service point. `asked`: the attributes that
    matter (tariff_id, name); all that are known when None.
    """
    known = known_facts(connection, known_at)
    due = select_due(cycle, known, NOTHING_BILLED, branches).filter(chosen)
    if due.is_empty():
        return None
    if asked is None:
        tables = (known["agreement_attributes"], known["service_point_attributes"])
        asked = due.select("tariff_id").unique().join(_names(*tables), how="cross")
    days = (cycle.period_end_date - cycle.period_start_date).days
    partitions = -(-due.height * days * _SLOTS_OF_A_DAY // _INTERVALS_AT_ONCE)
    inputs = gather_inputs(
        connection, cycle, due, known, channel_numbers_of(connection, known),
        load_rate_book(connection, known_at=known_at), known_at=known_at, seq_max=last_load(connection),
        asked=asked, partitions=partitions,
    )  # fmt: skip
    inputs.frames["one_offs"] = empty(OneOffCharges)  # owed whatever the tariff
    return Unplanned(workspace, cycle, inputs)


def _names(*tables: pl.DataFrame) -> pl.DataFrame:
    return pl.concat([table.select("name") for table in tables]).unique()
