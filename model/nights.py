"""What nights did: the steps that a repeated night need not take again."""

from __future__ import annotations

import pandera.polars as pa
import polars as pl

from model.schema import column


class NightSteps(pa.DataFrameModel):
    """Steps of nights. Grain: business_date, branches, step, subject."""

    business_date: pl.Date = column("Business date of the night")
    branches: str = column("Branches of the night, comma-joined; empty for all")
    step: str = column("publish, vee, abandon, close, end", isin=["publish", "vee", "abandon", "close", "end"])
    subject: str = column("Run, period or cycle; empty for the whole night")
    seq_max: pl.Int64 = column("Last load when the step was taken", ge=0)
    detail: str = column("What it came to; of vee a hash of all that it looks at")

    class Config:
        strict = True
        metadata = {"grain": ["business_date", "branches", "step", "subject"]}


NIGHTS: dict[str, type[pa.DataFrameModel]] = {"night_step": NightSteps}
