"""Exceptions: what a cycle left for a person to act on, with an owner, until it is settled."""

from __future__ import annotations

from enum import StrEnum

import pandera.polars as pa
import polars as pl

from model.codes import Severity
from model.schema import column


class ExceptionCode(StrEnum):
    """What kind of exception it is."""

    UNBILLED_AT_CLOSE = "unbilled_at_close"


class Exceptions(pa.DataFrameModel):
    """Exceptions that nights recorded. Grain: exception_id."""

    exception_id: str = column("Hash of code, cycle and subject: found again, it is the same one")
    code: str = column("What kind it is, for example unbilled_at_close")
    severity: str = column("info, warn, fail", isin=[severity.value for severity in Severity])
    subject: str = column("Account, run or file that it is about")
    branch_id: str = column("Branch that owns the work", nullable=True)
    cycle_id: str = column("Cycle in which it arose", nullable=True)
    owner: str = column("Queue that has to act: metering, tariffs, accounts, billing")
    opened_on: pl.Date = column("Business date of the night that found it")
    closed_on: pl.Date = column("Business date of the night that found it settled", nullable=True)
    detail: str = column("What was expected and what was found")
    run_id: str = column("Last run that tried", nullable=True)

    class Config:
        strict = True
        metadata = {"grain": ["exception_id"]}


EXCEPTIONS: dict[str, type[pa.DataFrameModel]] = {"exception": Exceptions}
