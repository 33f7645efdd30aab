"""Slots that a check refused: how they enter the grid of gaps, and what is said of them after estimation."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

import numpy as np
import polars as pl

from ingest.checks.drafts import DRAFT, REFUSING
from ingest.estimates.estimate import DECIDED, DayGrid, Fault

# Faults of refused slots are numbered from here, by rule, reason and severity; they live as long as a judgement.
REFUSED_FROM = 32
_KIND = ["rule", "reason", "severity"]
_DAY = ["channel_no", "day"]


@dataclass(frozen=True)
class Refusals:
    """Drafts whose slots are not to be used, and the kinds of verdict among them, in order."""

    drafts: pl.DataFrame
    kinds: pl.DataFrame  # fault, rule, reason, severity

    @property
    def channels(self) -> pl.DataFrame:
        """Return the channels concerned, in order."""
        return self.drafts.select("channel_no").unique().sort("channel_no")

    def of(self, channels: pl.Series, from_date: date, to_date: date) -> Refusals:
        """Return those of some channels on the days in [from_date, to_date)."""
        inside = pl.col("day").is_between(from_date, to_date, closed="left")
        return Refusals(self.drafts.filter(inside & pl.col("channel_no").is_in(channels.implode())), self.kinds)


def refusals_of(drafts: pl.DataFrame) -> Refusals:
    """Return the refusals among drafts: those that fail or terminate and name their slots."""
    refused = drafts.filter(pl.col("severity").is_in(REFUSING) & pl.col("first_slot").is_not_null())
    kinds = refused.select(_KIND).unique().sort(_KIND)
    assert kinds.height < 256 - REFUSED_FROM, "more kinds of verdicts than a byte counts"
    return Refusals(refused, kinds.with_row_index("fault", offset=REFUSED_FROM))


# Made without a query: one would start the threads of Polars on import, and a process forked after that hangs.
NO_REFUSALS = Refusals(
    pl.DataFrame(schema=DRAFT), pl.DataFrame(schema={"fault": pl.UInt32, **{name: DRAFT[name] for name in _KIND}})
)


def refuse_slots(grid: DayGrid, refusals: Refusals) -> None:
    """Mark refused slots as faulty, in place; those that are missing or negative already say more.
    A value that a person gave is not the one that was refused.

    What a check refuses by a known limit goes before a spike, which is told by comparison alone.
    """
    if refusals.drafts.is_empty():
        return
    places = grid.keys.select(_DAY).with_row_index("place")
    slots = (
        refusals.drafts.join(refusals.kinds, how="inner", on=_KIND, validate="m:1")
        .join(places, how="inner", on=_DAY, validate="m:1")
        .select("place", "fault", slot=pl.int_ranges("first_slot", pl.col("last_slot") + 1))
        .explode("slot")
        .sort("fault")
    )
    rows, columns = slots["place"].to_numpy(), slots["slot"].to_numpy().astype(np.int64)
    inside = columns < grid.slots_real[rows]
    rows, columns, faults = rows[inside], columns[inside], slots["fault"].to_numpy()[inside]
    free = np.isin(grid.faults[rows, columns], [Fault.NONE, Fault.SPIKE]) & (grid.touched[rows, columns] != DECIDED)
    # Written from the last kind to the first, so that the first speaks where two refuse one slot.
    grid.faults[rows[free][::-1], columns[free][::-1]] = faults[free][::-1]


def worded_refusals(runs: pl.DataFrame, refusals: Refusals) -> pl.DataFrame:
    """Return drafts of the runs of refused slots: what the check said, and what was done.

    `runs` has channel_no, day, base_seq, first_slot, last_slot, fault, found, used, method, remedy.
    """
    named = runs.join(
        refusals.kinds.with_columns(pl.col("fault").cast(runs.schema["fault"])), how="inner", on="fault",
        validate="m:1", maintain_order="left",
    )  # fmt: skip
    # A day that a check refuses in several places is told of in the words of the first one.
    words = refusals.drafts.sort("first_slot").unique([*_DAY, *_KIND], keep="first", maintain_order=True)
    told = named.join(
        words.select(*_DAY, *_KIND, "detail", "subject"), how="left", on=[*_DAY, *_KIND], validate="m:1",
        maintain_order="left",
    )  # fmt: skip
    return told.with_columns(detail=pl.format("{}; {}", "detail", "remedy")).select(
        [pl.col(name).cast(dtype) for name, dtype in DRAFT.items()]
    )
