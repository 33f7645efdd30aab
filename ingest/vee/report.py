"""What a run of VEE reports: how many days, which estimates, which findings, energy before and after."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import polars as pl
from pandera.typing.polars import DataFrame

from ingest.vee.matrix import day_positions, flat_bytes
from model.codes import Measure, Method
from model.reads import Findings, slot_columns
from model.units import SMALLEST_UNIT

_METHOD_NAMES = {method: method.name.lower() for method in Method if method is not Method.NONE}


@dataclass(frozen=True)
class BlockTotals:
    """Totals of the channel-days of a block."""

    days_judged: int
    days_complete: int
    days_estimated: int
    days_missing: int
    slots_by_method: dict[str, int]
    quantity_before: dict[str, int]
    quantity_after: dict[str, int]


@dataclass(frozen=True)
class VeeReport:
    """A run of VEE in figures; quantities in the smallest unit of each measure.

    days_judged = days_complete + days_estimated + days_missing.
    """

    seq: int | None
    """Sequence of the run's load; None when nothing was new and nothing was written."""
    days_judged: int = 0
    days_complete: int = 0
    """Used as landed."""
    days_estimated: int = 0
    """Whole after estimation or editing."""
    days_missing: int = 0
    """A slot is still empty: billing parks these."""
    slots_by_method: dict[str, int] = field(default_factory=dict)
    """Estimated slots that stand, by method."""
    findings: dict[tuple[str, str], int] = field(default_factory=dict)
    """By reason and severity: what this run found for the first time."""
    quantity_before: dict[str, int] = field(default_factory=dict)
    """By measure, of the judged days as landed."""
    quantity_after: dict[str, int] = field(default_factory=dict)
    """By measure, with the estimates and edits that stand."""
    rows_written: int = 0
    """Channel-days written."""

    @property
    def units(self) -> dict[str, str]:
        """Return the smallest unit of each measure reported."""
        return {measure: SMALLEST_UNIT[Measure(measure)] for measure in self.quantity_before}


def block_totals(
    days: pl.DataFrame, standing: pl.DataFrame, channels: pl.DataFrame, interval_minutes: int
) -> BlockTotals:
    """Return the totals of judged `days` when the VEE rows in `standing` stand for some of them."""
    slots = slot_columns(interval_minutes)
    changed = standing.select(
        "channel_no",
        "day",
        slots_after=pl.sum_horizontal(pl.col(slots).is_not_null().cast(pl.Int32)),
        after=pl.sum_horizontal(pl.col(slots).cast(pl.Int64)),
    ).sort("channel_no", "day")
    places = pl.Series(day_positions(days, changed))
    of_days = changed.select(pl.col("slots_after", "after").gather(places.set(places < 0, None)))
    rows = pl.concat([days, of_days], how="horizontal").select(
        "channel_no",
        "quantity",
        after=pl.coalesce("after", "quantity"),
        is_changed=pl.col("after").is_not_null(),
        is_whole=pl.coalesce("slots_after", "slots_valued") >= pl.col("slots"),
    )
    is_whole, is_changed = pl.col("is_whole"), pl.col("is_changed")
    counts = rows.select(
        days_judged=pl.len(),
        days_complete=(is_whole & ~is_changed).sum(),
        days_estimated=(is_whole & is_changed).sum(),
        days_missing=(~is_whole).sum(),
    ).row(0, named=True)
    of_channels = rows.group_by("channel_no").agg(pl.col("quantity", "after").sum())
    measured = of_channels.join(channels.select("channel_no", "measure"), how="left", on="channel_no", validate="1:1")
    sums = measured.group_by("measure").agg(pl.col("quantity", "after").sum()).sort("measure")
    return BlockTotals(
        days_judged=counts["days_judged"],
        days_complete=counts["days_complete"],
        days_estimated=counts["days_estimated"],
        days_missing=counts["days_missing"],
        slots_by_method=count_methods(standing["methods"]),
        quantity_before=dict(sums.select("measure", "quantity").iter_rows()),
        quantity_after=dict(sums.select("measure", "after").iter_rows()),
    )


def added_totals(parts: Sequence[BlockTotals]) -> BlockTotals:
    """Return the totals of several parts as one."""
    return BlockTotals(
        days_judged=sum(part.days_judged for part in parts),
        days_complete=sum(part.days_complete for part in parts),
        days_estimated=sum(part.days_estimated for part in parts),
        days_missing=sum(part.days_missing for part in parts),
        slots_by_method=_added([part.slots_by_method for part in parts]),
        quantity_before=_added([part.quantity_before for part in parts]),
        quantity_after=_added([part.quantity_after for part in parts]),
    )


def count_methods(methods: pl.Series) -> dict[str, int]:
    """Return how many slots each method estimated; `methods` holds one byte a slot."""
    data, _ = flat_bytes(methods)
    counts = np.bincount(data, minlength=256)
    return {name: int(counts[code]) for code, name in _METHOD_NAMES.items() if counts[code]}


def report_of(
    totals: Sequence[BlockTotals],
    findings: DataFrame[Findings],
    *,
    seq: int | None,
    rows_written: int,
) -> VeeReport:
    """Return the report of a run: totals of all blocks, and the findings that are new."""
    counted = findings.group_by("reason", "severity").len().sort("reason", "severity")
    by_reason = {(reason, severity): count for reason, severity, count in counted.rows()}
    return VeeReport(seq=seq, findings=by_reason, rows_written=rows_written, **vars(added_totals(totals)))


def _added(parts: Sequence[dict[str, int]]) -> dict[str, int]:
    names = sorted({name for part in parts for name in part})
    return {name: sum(part.get(name, 0) for part in parts) for name in names}
