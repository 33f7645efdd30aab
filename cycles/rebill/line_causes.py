"""The cause of each line that becomes another: the one class of inputs that alone gives its new amount."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import polars as pl

from cycles.rebill.causes import with_class
from cycles.rebill.compare import LINE_KEY
from cycles.rebill.days import Pass
from cycles.rebill.inputs import Knowledge, frames_then, of_bills
from cycles.rebill.search import Search
from cycles.runners.tasks import lake_file_from
from cycles.runs.folders import frames_at_hand
from cycles.runs.inputs import Inputs, book_frames, rated_book
from cycles.runs.partition import STEPS, Work
from cycles.runs.plan import reread
from cycles.runs.records import the_run
from store.control import Connection
from store.workspace import Workspace
from tariffs.catalogue import load_rate_book

_ALONE = {"new_id": pl.String, "cause": pl.String, "alone_minor": pl.Int64}


def with_causes(
    workspace: Workspace, connection: Connection, found: Search, knowledge: Knowledge, base: dict[str, Any]
) -> pl.DataFrame:
    """Return the lines of a search with `cause`: null where no class alone gives the amount, or several do.

    Where one class of a bill's inputs changed it is the cause of all its lines, and nothing is rated again.
    """
    ids = found.bills.select("new_id", pl.coalesce("bill_id", "new_id").alias("bill_id"))
    classes = found.candidates.causes.join(ids, on="bill_id", how="inner", validate="m:1").select("new_id", "cause")
    counted = classes.group_by("new_id").agg(pl.len().alias("classes"), pl.col("cause").first().alias("only"))
    several = counted.filter(pl.col("classes") > 1).select("new_id")
    changed = found.bills.filter(pl.col("outcome") == "changed", pl.col("bill_id").is_not_null())
    asked = changed.join(several, on="new_id", how="semi")
    alone = [pl.DataFrame(schema=_ALONE | {name: found.lines.schema[name] for name in LINE_KEY})]
    for own in found.candidates.passes:
        mine = own.bills.join(asked, on="new_id", how="semi")
        if mine.height:
            alone += _alone(workspace, connection, own, mine, found, knowledge, base, classes)
    single = _explained(found.lines, pl.concat(alone))
    by_class = counted.filter(pl.col("classes") == 1).select("new_id", "only")
    return (
        found.lines.join(by_class, on="new_id", how="left", validate="m:1", maintain_order="left")
        .join(single, on=["new_id", *LINE_KEY], how="left", validate="1:1", maintain_order="left")
        .with_columns(pl.when(pl.col("is_other")).then(pl.coalesce("only", "single")).alias("cause"))
        .drop("only", "single")
    )


def _explained(lines: pl.DataFrame, alone: pl.DataFrame) -> pl.DataFrame:
    """Return the class that alone gives a line's new amount: keys, single; null where several do."""
    key = ["new_id", *LINE_KEY]
    tried = alone.select("new_id", "cause").unique()
    each = lines.filter("is_other").select(*key, "new_minor").join(tried, on="new_id", how="inner", validate="m:m")
    both = each.join(alone, on=[*key, "cause"], how="left", validate="1:1")
    gives = both.filter(pl.col("alone_minor").eq_missing(pl.col("new_minor")))
    return gives.group_by(key).agg(pl.when(pl.len() == 1).then(pl.col("cause").first()).alias("single"))


def _alone(
    workspace: Workspace, connection: Connection, own: Pass, mine: pl.DataFrame, found: Search, knowledge: Knowledge,
    base: dict[str, Any], classes: pl.DataFrame,
) -> list[pl.DataFrame]:  # fmt: skip
    """Rate bills of a pass once for each class of inputs that changed: only that class is as it is now."""
    parts = []
    sources = own.then.join(mine, on="bill_id", how="semi").select("run_id", "pass_name", "bill_id").unique()
    for (run, name), some in sorted(sources.partition_by("run_id", "pass_name", as_dict=True).items()):
        bills = mine.join(some, on="bill_id", how="semi")
        then, now = _both(workspace, connection, own, bills, (str(run), str(name)), found, knowledge)
        own_classes = classes.join(bills, on="new_id", how="semi")
        for cause in own_classes["cause"].unique().sort().to_list():
            lines = _rated(workspace, own, with_class(then, now, cause), base)
            names = bills.select(pl.col("bill_id").alias("old_id"), "new_id")
            named = lines.join(names, left_on="bill_id", right_on="old_id", how="left", validate="m:1").with_columns(
                pl.coalesce("new_id", "bill_id").alias("new_id"), pl.lit(cause).alias("cause")
            )
            wanted = named.join(own_classes, on=["new_id", "cause"], how="semi")
            parts.append(wanted.select("new_id", "cause", pl.col("amount_minor").alias("alone_minor"), *LINE_KEY))
    return parts


def _both(
    workspace: Workspace, connection: Connection, own: Pass, bills: pl.DataFrame, source: tuple[str, str],
    found: Search, knowledge: Knowledge,
) -> tuple[Inputs, Inputs]:  # fmt: skip
    """Return what bills of a run were made of and what they are made of now; both books hold the tariffs of both."""
    run = the_run(connection, source[0])
    plan = reread(workspace, run).content
    listed = next((item["inputs"] for item in plan.get("passes", []) if item["name"] == source[1]), plan["inputs"])
    files = {table: [lake_file_from(item) for item in items] for table, items in listed.items()}
    current = found.candidates.inputs[own.name]
    names = [name for name in current.frames if name not in {"spans"} and not name.startswith("book_")]
    then = of_bills(frames_then(workspace, *source, names), bills["bill_id"])
    now = of_bills(current.frames | found.opened[own.name], bills["new_id"])
    due = pl.concat([
        frames["due"].select("tariff_id", "tz_name", "start_date", "end_date") for frames in (then, now)
    ])  # fmt: skip
    at = plan["known_at"]
    before = load_rate_book(connection, known_at=datetime.fromisoformat(at))
    then |= book_frames(rated_book(connection, before, due, datetime.fromisoformat(at)))
    now |= book_frames(rated_book(connection, knowledge.book, due, knowledge.known_at))
    return Inputs(then, files), Inputs(now, current.files)


def _rated(workspace: Workspace, own: Pass, inputs: Inputs, base: Mapping[str, Any]) -> pl.DataFrame:
    cycle = {"period_start_date": own.cycle.period_start_date.isoformat(),
             "period_end_date": own.cycle.period_end_date.isoformat()}  # fmt: skip
    plan = dict(base) | {"cycle": cycle, "inputs": inputs.listed()}
    work = Work(workspace, workspace.runs, plan, pl.lit(True), 0, frames_at_hand(inputs.frames))
    for step in STEPS[:2]:
        step.run(work)
    assert work.rated is not None
    return work.rated.lines
