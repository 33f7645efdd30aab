"""Other reads than the run's: as they landed, as known at another time, and quantities that the legacy file states."""

from __future__ import annotations

from functools import partial
from typing import Any

import polars as pl

from cycles.legacy.match import is_measured
from cycles.legacy.variants import STATED, STATED_NAME, Variant
from cycles.runners.tasks import lake_file_from
from cycles.runs.partition import STEPS, Work
from ingest.versions import DAY_KEY, READING_KEY
from model.parallel import Cause
from model.rating import RatingInput
from rating import stages
from rating.variants import Case, scaled_use
from store.lake import scan_lake

# Loads that replaced reads: the earlier state of each costs a pass, and older ones say ever less.
_EARLIER = 3


def read_variants(work: Work, now: dict[str, list[dict[str, Any]]]) -> list[Variant]:
    """Return the variants of a part of a run. `now`: the lake files known now, as a plan lists them."""
    planned: dict[str, list[dict[str, Any]]] = work.plan["inputs"]
    landed = {table: files for table, files in planned.items() if not table.startswith("vee_")}
    ways = [("as_landed", "bills reads as they landed, without estimates and edits", landed)]
    if now != planned:
        ways.append(("known_now", "bills reads that came after the run was planned", now))
    for seq in _replacing_loads(work):
        before = {
            table: [file for file in files if file["seq_max"] < seq or table.startswith("vee_")]
            for table, files in planned.items()
        }
        ways.append((f"before_load_{seq}", f"bills reads as they were before load {seq}", before))
    return [
        Variant(f"reads:{name}", Cause.READ, words, partial(_with_inputs, work=work, inputs=inputs))
        for name, words, inputs in ways
        if inputs != planned
    ]


def _with_inputs(case: Case, work: Work, inputs: dict[str, list[dict[str, Any]]]) -> Case:
    """Return a case with the reads of other files."""
    found = gathered(work, inputs)
    return case.with_reads(found.days, found.usage)


def gathered(work: Work, inputs: dict[str, list[dict[str, Any]]]) -> RatingInput:
    """Return what rating takes of a part of a run, with the reads of some files, by the run's own step."""
    again = Work(work.workspace, work.folder, work.plan | {"inputs": inputs}, work.keep, work.partition, work.frame)
    STEPS[0].run(again)
    assert again.rating_input is not None, "the first step gathers"
    return again.rating_input


def _replacing_loads(work: Work) -> list[int]:
    """Return the loads that replaced most reads of the part's channels, most first."""
    assert work.rating_input is not None, "the part was gathered"
    channels = work.rating_input.channels["channel_no"].unique().implode()
    seen = [pl.DataFrame(schema={"seq": pl.Int64})]
    for table, files in work.plan["inputs"].items():
        if table.startswith("vee_"):
            continue
        key = READING_KEY if table == "register_reads" else DAY_KEY
        rows = scan_lake(work.workspace, [lake_file_from(file) for file in files])
        mine = rows.filter(pl.col("channel_no").is_in(channels)).select(*key, "seq").collect()
        first = pl.col("seq").min().over(key)
        seen.append(mine.filter(pl.col("seq") > first).select("seq"))
    counts = pl.concat(seen).group_by("seq").len().sort("len", "seq", descending=True)
    return [int(seq) for seq in counts["seq"].head(_EARLIER)]


def stated_quantities(lines: pl.DataFrame, cells: pl.DataFrame) -> Variant | None:
    """Return the variant that bills the quantities which the legacy file states; None where none differs.

    `lines`: our lines of units that differ, with unit_no and line. `cells`: both sides of these units.
    """
    apart = cells.filter(
        pl.col("ours_quantity").is_not_null() & pl.col("legacy_quantity").is_not_null()
        & (pl.col("ours_quantity") != pl.col("legacy_quantity"))
    )  # fmt: skip
    if apart.is_empty():
        return None
    less = (pl.col("ours_quantity") - pl.col("legacy_quantity")).alias("less")
    one_period = (pl.col("tou").n_unique() == 1) & (pl.col("tou").first() != "")
    by_cell = (
        lines.filter(is_measured())
        .join(apart.select("unit_no", "line", less), on=["unit_no", "line"], how="inner", validate="m:1")
        .sort("quantity", descending=True, maintain_order=True)
        .group_by("unit_no", "line", "component_id", "determinant", maintain_order=True)
        .agg(
            pl.col("agreement_id", "period_start_date", "less").first(),
            pl.when(one_period).then(pl.col("tou").first()).alias("tou"),
        )
    )
    # Charges on the same quantity state it each: it is changed once. Tiers that are compared apart state parts of it.
    quantity = ["unit_no", "determinant", "tou"]
    by_charge = by_cell.group_by(*quantity, "component_id", maintain_order=True).agg(
        pl.col("agreement_id", "period_start_date").first(), pl.col("less").sum()
    )
    once = by_charge.unique(quantity, keep="first", maintain_order=True)
    by_period = once.filter(pl.col("tou").is_not_null())
    whole = once.filter(pl.col("tou").is_null()).join(by_period, on=["unit_no", "determinant"], how="anti")
    wanted = pl.concat([by_period, whole]).rename({"determinant": "quantity_id"})

    def change(work: stages.Work) -> stages.Work:
        return scaled_use(work, of_due(work, wanted).select("due_no", "quantity_id", "tou", "less"))

    words = "bills the quantities that its file states"
    return Variant(STATED_NAME, Cause.READ, words, lambda case: case.then("determinants", change), STATED)


def of_due(work: stages.Work, wanted: pl.DataFrame) -> pl.DataFrame:
    """Return rows that name an agreement and a day of it (period_start_date) with their `due_no`."""
    spans = work.due.select("due_no", "agreement_id", "start_date", "end_date")
    met = wanted.join(spans, on="agreement_id", how="inner", validate="m:m")
    return met.filter(pl.col("period_start_date").is_between("start_date", "end_date", closed="left"))
