"""`bill rerate`: the days of a published bill rated again, as known at another time, beside the bill. Posts nothing.

The steps are those of the run. Whatever the inputs of then and of now differ in is told apart by classes: a line's
cause is the one class that alone, put in place of what the bill had, brings the line's new amount.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import polars as pl

from accounts.numbering import channel_numbers_of
from accounts.selection import Cycle, select_again
from cycles.bills.again import BillPlace, find_bill
from cycles.bills.work import bill_work
from cycles.publishing.carried import banks_before
from cycles.rebill.causes import CAUSES, with_class
from cycles.rebill.compare import BACK_BILLING
from cycles.runners.tasks import lake_file_from
from cycles.runs.folders import frames_at_hand
from cycles.runs.inputs import Inputs, book_frames, gather_inputs, known_facts, rated_book
from cycles.runs.partition import STEPS, Work
from model.errors import ConfigError
from model.rating import Rated
from store.control import Connection, control, query
from store.workspace import Workspace
from tariffs.catalogue import load_rate_book

_LINE = [
    "line_id", "line_no", "agreement_id", "component_id", "line_text", "period_start_date", "period_end_date",
    "tou", "tier", "amount_minor",
]  # fmt: skip


@dataclass(frozen=True)
class Rerated:
    """A bill beside what its days come to. Amounts are in minor units of `currency`."""

    bill_id: str
    currency: str
    billed_at: datetime
    """Time as of which the bill was rated."""
    known_at: datetime
    """Time as of which it was rated again."""
    reproduced: bool
    """Whether the inputs of then still give the lines of the bill."""
    is_same: bool
    """Whether the inputs of `known_at` give the same lines, in every column."""
    changed: tuple[str, ...]
    """Classes of inputs that differ between the two times."""
    lines: pl.DataFrame
    """A row per line of either: `_LINE` without line_no and amount, old_minor, new_minor, apart_minor, cause."""
    parked: tuple[str, ...]
    """Why it could not be billed as known at that time; it then has no new lines."""

    @property
    def totals(self) -> tuple[int, int]:
        """Old and new total, in minor units."""
        return int(self.lines["old_minor"].sum()), int(self.lines["new_minor"].sum())

    def as_dict(self) -> dict[str, Any]:
        """Return the comparison as plain values."""
        old, new = self.totals
        return {
            "bill_id": self.bill_id, "currency": self.currency, "billed_at": self.billed_at,
            "known_at": self.known_at, "reproduced": self.reproduced, "same": self.is_same,
            "changed_inputs": self.changed, "old_minor": old, "new_minor": new, "apart_minor": new - old,
            "lines": self.lines, "parked": self.parked,
        }  # fmt: skip


def rerate_bill(workspace: Workspace, bill_id: str, known_at: datetime) -> Rerated:
    """Rate a published bill's days again as known at a time, and compare line by line.

    The days are those that the bill has, at its service points: see `accounts.selection.select_again`. Reads are
    those of the loads received by then.

    Raises:
        ConfigError: there is no such bill, or it is not published.
    """
    place = find_bill(workspace, bill_id)
    if place.invoice is None:
        raise ConfigError(f"bill `{bill_id}` is not published", hint=f"billmill cycle publish {place.run_id}")
    if place.bill["reverses_id"] is not None:
        raise ConfigError(
            f"bill `{bill_id}` takes back `{place.bill['reverses_id']}`; it was not rated",
            hint=f"billmill bill rerate {place.bill['reverses_id']}",
        )
    work = bill_work(workspace, place.run_id, place.bill, steps=1)
    billed_at = datetime.fromisoformat(work.plan["known_at"])
    with control(workspace, purpose="bill rerate") as connection:
        then, now = _both_inputs(connection, place, work, known_at)
    lines = place.lines.filter(pl.col("component_id") != BACK_BILLING)
    differing = tuple(name for name in CAUSES if not _equal(then, now, name))
    again, found = _rated(work, then), _rated(work, now)
    reproduced = _same_lines(again, lines)
    compared = _compared(lines, found.lines)
    causes = {name: _rated(work, with_class(then, now, name)).lines for name in differing} if reproduced else {}
    return Rerated(
        bill_id=place.bill["bill_id"],
        currency=place.bill["currency"],
        billed_at=billed_at,
        known_at=known_at,
        reproduced=reproduced,
        is_same=_same_lines(found, lines),
        changed=differing,
        lines=_with_causes(compared, causes),
        parked=tuple(found.parked.select(pl.format("{}: {}: {}", "agreement_id", "reason", "detail")).to_series()),
    )


def known_load(connection: Connection, plan: dict[str, Any], known_at: datetime) -> int:
    """Return the last load known at a time: all up to it had been received.

    What a plan used was known at the plan's time, whatever the clocks of the loads say.
    """
    planned_at = datetime.fromisoformat(plan["known_at"])
    if known_at == planned_at:
        return int(plan["seq_max"])
    later = query(connection, "SELECT min(seq) FROM load WHERE received_at > ?", [known_at]).item()
    last = query(connection, "SELECT coalesce(max(seq), 0) FROM load").item() if later is None else later - 1
    return max(int(last), int(plan["seq_max"])) if known_at > planned_at else int(last)


def _both_inputs(connection: Connection, place: BillPlace, work: Work, known_at: datetime) -> tuple[Inputs, Inputs]:
    """Return what the bill was made of, and the same as known at a time."""
    plan = work.plan
    then = _planned(place, work)
    billed = then.frames["due"]
    cycle = Cycle.planned(plan)
    known = known_facts(connection, known_at)
    times = (datetime.fromisoformat(plan["known_at"]), known_at)
    books = [load_rate_book(connection, known_at=at) for at in times]
    now = gather_inputs(
        connection, cycle, select_again(billed, known), known, channel_numbers_of(connection, known), books[1],
        known_at=known_at, seq_max=known_load(connection, plan, known_at), partitions=1,
    )  # fmt: skip
    now.frames["banks"] = banks_before(connection, now.frames["due"], known_at)
    # Both books hold the tariffs of both times, so that each class of inputs can be put in the other's place.
    due = pl.concat(
        [frame.select("tariff_id", "tz_name", "start_date", "end_date") for frame in (billed, now.frames["due"])]
    )
    for inputs, book, at in zip((then, now), books, times, strict=True):
        inputs.frames.update(book_frames(rated_book(connection, book, due, at)))
    return then, now


def _planned(place: BillPlace, work: Work) -> Inputs:
    """Return the part of a run's plan that one bill was made of."""
    assert work.rating_input is not None, "the work has gathered its inputs"
    names = ("due", "channels", "attributes", "meters", "numbers", "gates", "one_offs", "corrections")
    # What a run that bills again carries from one of its passes to the next is in no plan.
    frames: dict[str, pl.DataFrame] = {name: work.frame(name) for name in names}
    frames |= {"history": work.rating_input.history, "banks": work.rating_input.banks}
    due = frames["due"].filter(pl.col("bill_id") == place.bill["bill_id"])
    for name, key in (
        ("channels", "agreement_id"), ("attributes", "agreement_id"), ("banks", "agreement_id"),
        ("one_offs", "agreement_id"),
        ("meters", "service_point_id"), ("numbers", "service_point_id"), ("history", "service_point_id"),
    ):  # fmt: skip
        frames[name] = frames[name].join(due, on=key, how="semi")
    numbers = frames["numbers"]
    frames["corrections"] = frames["corrections"].join(numbers, on="channel_no", how="semi")
    # The partition that computed it is no part of what it was made of.
    frames |= {"due": _alone(due), "channels": _alone(frames["channels"])}
    files = {table: [lake_file_from(item) for item in found] for table, found in work.plan["inputs"].items()}
    return Inputs(frames, files)


def _alone(frame: pl.DataFrame) -> pl.DataFrame:
    return frame.with_columns(pl.lit(0, pl.Int32).alias("partition"))


def _rated(work: Work, inputs: Inputs) -> Rated:
    """Rate inputs by the run's own steps."""
    # What a bill comes to is asked, not whether it may go out today: estimates are not waited for.
    plan = work.plan | {"inputs": inputs.listed(), "estimates_allowed": True}
    again = Work(work.workspace, work.folder, plan, work.keep, 0, frames_at_hand(inputs.frames))
    for step in STEPS[:2]:
        step.run(again)
    assert again.rated is not None, "the second step rates"
    return again.rated


def _equal(then: Inputs, now: Inputs, cause: str) -> bool:
    if cause == "read":
        return then.listed() == now.listed()
    return all(_rows(then.frames[name]) == _rows(now.frames[name]) for name in CAUSES[cause])


def _rows(frame: pl.DataFrame) -> list[tuple[Any, ...]]:
    """Return the rows in an order of their own: a class is the same however its rows lie."""
    return sorted(frame.rows(), key=repr)  # of one bill: a few hundred


def _same_lines(rated: Rated, lines: pl.DataFrame) -> bool:
    return rated.lines.sort("line_no").equals(lines.select(rated.lines.columns))


def _compared(old: pl.DataFrame, new: pl.DataFrame) -> pl.DataFrame:
    """Return a row per line of either bill, in the order of the new one."""
    both = new.select(_LINE).join(
        old.select(_LINE), on="line_id", how="full", suffix="_old", coalesce=True, validate="1:1"
    )
    told = [pl.coalesce(name, f"{name}_old").alias(name) for name in _LINE if name not in {"line_id", "amount_minor"}]
    amounts = [
        pl.col("amount_minor_old").alias("old_minor"),
        pl.col("amount_minor").alias("new_minor"),
        (pl.col("amount_minor").fill_null(0) - pl.col("amount_minor_old").fill_null(0)).alias("apart_minor"),
    ]
    return both.select("line_id", *told, *amounts).sort("line_no", "line_id").drop("line_no")


def _with_causes(compared: pl.DataFrame, lines_by_cause: Mapping[str, pl.DataFrame]) -> pl.DataFrame:
    """Add the class of inputs that alone explains a line's new amount; null where none does, or several would."""
    told = compared
    for cause, lines in lines_by_cause.items():
        alone = lines.select("line_id", pl.col("amount_minor").alias("alone_minor"))
        told = (
            told.join(alone, on="line_id", how="left", validate="1:1", maintain_order="left")
            .with_columns(pl.col("alone_minor").eq_missing(pl.col("new_minor")).alias(f"is_{cause}"))
            .drop("alone_minor")
        )
    flags = [f"is_{cause}" for cause in lines_by_cause]
    count = pl.sum_horizontal(pl.lit(0), *flags)
    named = pl.coalesce(
        pl.lit(None, pl.String), *(pl.when(f"is_{cause}").then(pl.lit(cause)) for cause in lines_by_cause)
    )
    only = pl.when((pl.col("apart_minor") != 0) & (count == 1)).then(named).alias("cause")
    return told.with_columns(only).drop(flags)
