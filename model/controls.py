"""Control totals: what must meet before a run is published."""

from __future__ import annotations

import pandera.polars as pa
import polars as pl

from model.schema import column


class EnergyControls(pa.DataFrameModel):
    """Interval reads of a run against what became of them, by partition. Grain: partition, branch_id, measure.

    read = billed + parked + unpriced, to the smallest unit.
    """

    partition: pl.Int32 = column("Partition of the run", ge=0)
    branch_id: str = column("Branch")
    measure: str = column("What was measured; its smallest unit is the unit of the quantities")
    read: pl.Int64 = column("Sum of all slots of the due agreements' interval channels in their periods")
    billed: pl.Int64 = column("Sum of the determinants of billed agreements, each slot counted once")
    parked: pl.Int64 = column("Sum of the slots of parked agreements")
    unpriced: pl.Int64 = column("Sum of the slots of billed agreements whose tariff prices no such measure")

    class Config:
        strict = True
        metadata = {"grain": ["partition", "branch_id", "measure"]}
