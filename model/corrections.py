"""What a run that takes bills back is planned with."""

from __future__ import annotations

import pandera.polars as pa
import polars as pl

from model.schema import column


class Reversals(pa.DataFrameModel):
    """Bills that a run takes back. Grain: bill_id."""

    bill_id: str = column("Bill that is taken back")
    reversal_id: str = column("Bill that will negate it, line by line")
    run_id: str = column("Run that published it")
    account_id: str = column("Account that pays")
    branch_id: str = column("Branch that billed")
    cycle_id: str = column("Cycle")
    currency: str = column("Currency of the bill")
    replaced_by: str = column("Bill of the same run that bills its days again; null when none does", nullable=True)
    reason: str = column("Why, in the words of who asks for it")
    partition: pl.Int32 = column("Partition of the run that computes it", ge=0)

    class Config:
        strict = True
        metadata = {"grain": ["bill_id"]}


class LeftHistory(pa.DataFrameModel):
    """Values of quantities that bills left to later ones. Grain: service_point_id, quantity_id, period_start_date."""

    service_point_id: str = column("Service point")
    quantity_id: str = column("Quantity, as tariffs name it")
    period_start_date: pl.Date = column("First day of the period")

    class Config:
        strict = True
        metadata = {"grain": ["service_point_id", "quantity_id", "period_start_date"]}


class LeftBanks(pa.DataFrameModel):
    """Banks that bills left a balance in. Grain: agreement_id, bank_id, tou."""

    agreement_id: str = column("Service agreement")
    bank_id: str = column("Bank, as the tariff names it")
    tou: str = column("Time-of-use period; empty for all")

    class Config:
        strict = True
        metadata = {"grain": ["agreement_id", "bank_id", "tou"]}
