"""Setting bills aside that could be billed: held accounts, and bills that review keeps out. Their agreements park."""

from __future__ import annotations

from dataclasses import replace
from typing import TypeVar, cast

import pandera.polars as pa
import polars as pl
from pandera.typing.polars import DataFrame

from model.codes import ParkReason
from model.rating import DueAgreements, History, Parked, Rated
from model.schema import arranged
from rating.parking import OWNER

Table = TypeVar("Table", bound=pa.DataFrameModel)
_PARKED = ["account_id", "agreement_id", "start_date"]


def set_aside(
    rated: Rated, due: DataFrame[DueAgreements], bills: pl.DataFrame, reason: ParkReason, stage: str
) -> Rated:
    """Return what is left when whole bills are set aside; `bills` has bill_id and the sentence `detail`.

    What the bills had is gone from every table, and each of their agreements is parked, so that due = billed + parked
    still holds. An agreement that was parked before keeps its reason.
    """
    chosen = due.join(bills, on="bill_id", how="inner", validate="m:1")
    new = chosen.join(rated.parked, on=["agreement_id", "start_date"], how="anti")
    if new.is_empty():
        return rated
    agreements = new.select("agreement_id").unique()
    return replace(
        rated,
        segments=_without(rated.segments, agreements),
        slices=_without(rated.slices, agreements),
        determinants=_without(rated.determinants, agreements),
        lines=_without(rated.lines, agreements),
        banks=_without(rated.banks, agreements),
        history=without_days(rated.history, new),
        parked=with_parked(rated.parked, new, reason, stage),
    )


def _without(table: DataFrame[Table], agreements: pl.DataFrame) -> DataFrame[Table]:
    left = table.join(agreements, on="agreement_id", how="anti", maintain_order="left")
    return cast("DataFrame[Table]", left)


def without_days(history: pl.DataFrame, aside: pl.DataFrame) -> DataFrame[History]:
    """Drop the quantities (model.rating.History) that due agreements which are set aside would have left."""
    spans = aside.select("service_point_id", "start_date", "end_date").unique()
    keys = ["service_point_id", "quantity_id", "period_start_date"]
    theirs = history.join(spans, on="service_point_id", how="inner", validate="m:m").filter(
        pl.col("period_start_date").is_between("start_date", "end_date", closed="left")
    )
    left = history.join(theirs.select(keys).unique(), on=keys, how="anti", maintain_order="left")
    return cast("DataFrame[History]", left)


def with_parked(parked: pl.DataFrame, aside: pl.DataFrame, reason: ParkReason, stage: str) -> DataFrame[Parked]:
    """Add due agreements that are set aside, with the sentence `detail` of each, to those that are parked."""
    rows = aside.with_columns(reason=pl.lit(reason.value), stage=pl.lit(stage), owner=pl.lit(OWNER[reason]))
    return arranged(Parked, pl.concat([parked, arranged(Parked, rows)]).sort(_PARKED))
