"""What bills were made of and what is known now, side by side, and in which classes of inputs they differ."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

import polars as pl

from accounts.numbering import channel_numbers_of
from cycles.publishing.carried import banks_before
from cycles.publishing.published_rows import frame_of_pass
from cycles.rebill.causes import TwoSides
from cycles.rebill.days import Pass
from cycles.rebill.late_reads import changed_reads
from cycles.runs.folders import run_folder
from cycles.runs.inputs import Inputs, gather_inputs, known_facts
from model.tariff import RateBook
from store.control import Connection, query
from store.facts import facts
from store.workspace import Workspace
from tariffs.catalogue import load_rate_book

OF_AGREEMENT = ("channels", "attributes", "banks", "one_offs")
OF_POINT = ("numbers", "meters", "history")


@dataclass(frozen=True)
class Knowledge:
    """Facts and tariffs as known at a time, read once for all passes."""

    known_at: datetime
    seq_max: int
    facts: Mapping[str, pl.DataFrame]
    numbers: pl.DataFrame
    """The channels (model.accounts.ChannelNumbers)"""
    book: RateBook


def known_now(connection: Connection, known_at: datetime, seq_max: int) -> Knowledge:
    """Return what is known at a time, with reads up to a load."""
    found = known_facts(connection, known_at)
    numbers, book = channel_numbers_of(connection, found), load_rate_book(connection, known_at=known_at)
    return Knowledge(known_at, seq_max, found, numbers, book)


def inputs_now(connection: Connection, own: Pass, knowledge: Knowledge) -> Inputs:
    """Return the inputs of a pass as known now; what later passes take from earlier ones is as published."""
    found = gather_inputs(
        connection, own.cycle, own.due, knowledge.facts, knowledge.numbers, knowledge.book,
        known_at=knowledge.known_at, seq_max=knowledge.seq_max, partitions=1, replaced=own.bills,
    )  # fmt: skip
    found.frames["banks"] = banks_before(connection, found.frames["due"], knowledge.known_at)
    return found


def of_bills(frames: Mapping[str, pl.DataFrame], bills: pl.Series) -> dict[str, pl.DataFrame]:
    """Return the frames of a plan for some of its bills; the rate book and the gates are left whole."""
    due = frames["due"].filter(pl.col("bill_id").is_in(bills.implode()))
    cut = {name: frames[name].join(due, on="agreement_id", how="semi") for name in OF_AGREEMENT}
    cut |= {name: frames[name].join(due, on="service_point_id", how="semi") for name in OF_POINT}
    corrections = frames["corrections"].join(cut["numbers"], on="channel_no", how="semi")
    return dict(frames) | cut | {"due": due, "corrections": corrections}


def frames_then(workspace: Workspace, run: str, pass_name: str, names: list[str]) -> dict[str, pl.DataFrame]:
    """Return the frames of the plan by which a run made its bills of a pass."""
    folder = run_folder(workspace, run)
    return {name: frame_of_pass(folder, pass_name, name) for name in names}


@dataclass(frozen=True)
class Changed:
    """What is no longer as bills were made of it."""

    causes: pl.DataFrame
    """bill_id, cause: classes of inputs. A new bill stands by its own id."""
    self_correcting: pl.Series
    """Bills of which nothing changed but estimates, which their tariffs leave to the next reading"""


def changed_classes(
    workspace: Workspace, connection: Connection, passes: list[Pass], inputs: Mapping[str, Inputs],
    leaving: pl.Series, owed: pl.Series,
) -> Changed:  # fmt: skip
    """Return the bills of which inputs changed.

    `leaving`: tariffs that leave estimates to the next reading; `owed`: new bills of days that were taken back.
    """
    found = []
    for own in passes:
        now = dict(inputs[own.name].frames)
        old_ids = own.bills.select(pl.col("new_id").alias("bill_id"), pl.col("bill_id").alias("old_id"))
        mapped = now["due"].join(old_ids, on="bill_id", how="left", validate="m:1")
        now["due"] = mapped.with_columns(pl.coalesce("old_id", "bill_id").alias("bill_id")).drop("old_id")
        why = pl.when(pl.col("bill_id").is_in(owed.implode())).then(pl.lit("cancelled")).otherwise(pl.lit("agreement"))
        fresh = mapped.filter(pl.col("old_id").is_null()).select("bill_id", why.alias("cause"))
        found.append(fresh.unique())
        sources = own.then.select("run_id", "bill_id", "pass_name").unique()
        for (run, name), some in sorted(sources.partition_by("run_id", "pass_name", as_dict=True).items()):
            then = frames_then(workspace, str(run), str(name), list(now))
            bills = some["bill_id"]
            sides = TwoSides(
                of_bills(then, bills), of_bills(now, bills), own.cycle.period_start_date, own.cycle.period_end_date
            )
            found.append(sides.told())
    told = pl.concat(found).unique()
    read, estimated = _read_again(workspace, connection, pl.concat([own.bills for own in passes]), leaving)
    is_alone = ~estimated.is_in(told["bill_id"].implode()) & ~estimated.is_in(read.implode())
    # Where anything else changed the bill becomes another anyhow, with the reads that are there.
    both = pl.concat([read, estimated.filter(~is_alone)]).unique().to_frame("bill_id")
    causes = pl.concat([told, both.with_columns(pl.lit("read").alias("cause"))]).unique().sort("bill_id", "cause")
    return Changed(causes, estimated.filter(is_alone))


def _read_again(
    workspace: Workspace, connection: Connection, bills: pl.DataFrame, leaving: pl.Series
) -> tuple[pl.Series, pl.Series]:
    """Return the bills whose reads changed, and those of which only estimates did that their tariffs leave."""
    keys = query(connection, "SELECT k.*, r.seq_max FROM segment_key AS k JOIN run AS r USING (run_id)")
    billed = keys.join(bills, on="bill_id", how="semi")
    tariffs = facts(connection, "agreements").select("agreement_id", "tariff_id")
    changed = changed_reads(workspace, connection, billed).join(tariffs, on="agreement_id", how="left", validate="m:1")
    is_left = pl.col("tariff_id").is_in(leaving.implode()) & (pl.col("estimated_days") == pl.col("days"))
    by_bill = changed.group_by("bill_id").agg(is_left.all().alias("is_left")).sort("bill_id")
    return by_bill.filter(~pl.col("is_left"))["bill_id"], by_bill.filter("is_left")["bill_id"]
