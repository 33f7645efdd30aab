"""Accounts whose bills are made anew cut into partitions, and the frames of each pass cut alike."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import polars as pl

from accounts.selection import REGISTER_COST
from cycles.rebill.days import Pass
from cycles.runs.inputs import COST_PER_PARTITION, Inputs
from cycles.runs.partition import BOOK

# Intervals of all passes from which two partitions take less time than one: each pass costs some 0.2 s by itself.
_WORTH_TWO = 200_000_000


def placed_frames(inputs: Mapping[str, Inputs], partitions: pl.DataFrame) -> dict[str, dict[str, pl.DataFrame]]:
    """Return the frames of each pass with the partition of each account."""
    found: dict[str, dict[str, pl.DataFrame]] = {}
    books: dict[str, pl.DataFrame] = {}
    for name, own in inputs.items():
        due = own.frames["due"].drop("partition").join(partitions, on="account_id", how="left", validate="m:1")
        of_agreement = due.select("agreement_id", "partition").unique()
        channels = (
            own.frames["channels"].drop("partition").join(of_agreement, on="agreement_id", how="left", validate="m:1")
        )
        found[name] = own.frames | _books_shared(own.frames, books) | {
            "due": due.select(own.frames["due"].columns), "channels": channels.select(own.frames["channels"].columns)
        }  # fmt: skip
    return found


def _books_shared(frames: Mapping[str, pl.DataFrame], books: dict[str, pl.DataFrame]) -> dict[str, pl.DataFrame]:
    """Return the tables of a pass's rate book, the frame of an earlier pass (`books`) where they say the same.

    What follows from a book is found once for those of the very same frames (`rating.once`).
    """
    shared = {}
    for name, frame in frames.items():
        if name.startswith(BOOK):
            shared[name] = books[name] if name in books and books[name].equals(frame) else frame
            books[name] = shared[name]
    return shared


def cut_accounts(passes: Sequence[Pass], inputs: Mapping[str, Inputs]) -> pl.DataFrame:
    """Give each account a partition of about equal cost: account_id, partition.

    A partition is as large as a run's in each of its passes; what is worth it comes in two, for two cores. Accounts
    that share a service point stay together, for what one of them leaves is what the other finds; neighbours on disk
    come together.
    """
    places = [own.due.select("account_id", "service_point_id") for own in passes]
    places += [own.then.select("account_id", "service_point_id") for own in passes]
    labels = _components(pl.concat(places).unique())
    slots = pl.when(pl.col("interval_minutes") > 0).then(1440 // pl.col("interval_minutes")).otherwise(0)
    days = (pl.col("end_date") - pl.col("start_date")).dt.total_days()
    supplied = [
        inputs[own.name].frames["channels"]
        .join(inputs[own.name].frames["due"].select("agreement_id", "account_id", "start_date", "end_date"),
              on="agreement_id", how="inner", validate="m:m")
        .select("account_id", "channel_no", (REGISTER_COST + days * slots).alias("cost"))
        for own in passes
    ]  # fmt: skip
    costs = (
        labels.join(pl.concat(supplied), on="account_id", how="left", validate="1:m")
        .group_by("label")
        .agg(pl.col("cost").fill_null(REGISTER_COST).sum(), pl.col("channel_no").min())
        .sort("channel_no", "label", nulls_last=True)
    )
    total = int(costs["cost"].sum())
    count = max(-(-total // (COST_PER_PARTITION * len(passes))), 2 if total > _WORTH_TWO else 1)
    # As of a run, the partition is where the middle of the cost falls on the line of all costs.
    middle = pl.col("cost").cum_sum() * 2 - pl.col("cost")
    cut = (middle * count) // (2 * max(total, 1))
    numbered = costs.with_columns(cut.rank("dense").cast(pl.Int32).sub(1).alias("partition"))
    placed = labels.join(numbered.select("label", "partition"), on="label", how="inner", validate="m:1")
    return placed.select("account_id", "partition").sort("account_id")


def _components(edges: pl.DataFrame) -> pl.DataFrame:
    """Return for each account the first account that it hangs together with: account_id, label."""
    labelled = edges.with_columns(pl.col("account_id").alias("label"))
    while True:
        of_point = labelled.with_columns(pl.col("label").min().over("service_point_id"))
        following = of_point.with_columns(pl.col("label").min().over("account_id"))
        if following["label"].equals(labelled["label"]):
            return labelled.select("account_id", "label").unique().sort("account_id")
        labelled = following
