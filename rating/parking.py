"""Parking: what cannot be billed is set aside with a reason, an owner and one sentence; everyone else goes on.

Inside rating a park is a row of `due_no`, `reason`, `detail`. An agreement is parked once, for its first reason.
"""

from __future__ import annotations

from functools import cache

import polars as pl
from pandera.typing.polars import DataFrame

from model.codes import ParkReason
from model.rating import Parked
from model.schema import arranged

PARKS_SCHEMA = {"due_no": pl.Int64(), "reason": pl.String(), "detail": pl.String()}

# Who has to act on a reason. A parked sibling waits for the agreement that its detail names.
OWNER: dict[ParkReason, str] = {
    ParkReason.NO_TARIFF_VERSION: "tariffs",
    ParkReason.NO_PRICE: "tariffs",
    ParkReason.NO_FACTOR: "tariffs",
    ParkReason.NO_CHANNEL: "metering",
    ParkReason.INTERVALS_MISSING: "metering",
    ParkReason.START_READ_MISSING: "metering",
    ParkReason.END_READ_MISSING: "metering",
    ParkReason.READ_REJECTED: "metering",
    ParkReason.WAITING_FOR_READS: "metering",
    ParkReason.QUALITY_LIMIT: "metering",
    ParkReason.CURRENCY_MISMATCH: "accounts",
    ParkReason.ATTRIBUTE_MISSING: "accounts",
    ParkReason.HISTORY_MISSING: "accounts",
    ParkReason.BANK_OUT_OF_ORDER: "accounts",
    ParkReason.FORMULA_UNDEFINED: "tariffs",
    ParkReason.AMOUNT_TOO_LARGE: "tariffs",
    ParkReason.HELD: "accounts",
    ParkReason.EXCLUDED: "billing",
    ParkReason.SIBLING_PARKED: "accounts",
}
_ORDER = {reason.value: place for place, reason in enumerate(ParkReason)}


@cache
def no_parks() -> pl.DataFrame:
    """Return parks without rows."""
    return pl.DataFrame(schema=PARKS_SCHEMA)


def park(frame: pl.DataFrame, reason: ParkReason, detail: pl.Expr) -> pl.DataFrame:
    """Return parks for the rows of `frame` (which has `due_no`), each with the sentence `detail`."""
    return frame.select(
        pl.col("due_no").cast(pl.Int64), pl.lit(reason.value).alias("reason"), detail.cast(pl.String).alias("detail")
    )


def apart(frame: pl.DataFrame, holds: pl.Expr) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Return the rows of which a statement holds, and those of which it does not. Mostly it holds of all."""
    told = frame.select(holds.alias("holds")).to_series()
    if told.all(ignore_nulls=False):
        return frame, frame.clear()
    return frame.filter(told), frame.filter(~told)


def without_rows(frame: pl.DataFrame, others: pl.DataFrame, *, on: list[str]) -> pl.DataFrame:
    """Return the rows of `frame` that have no match in `others`, which mostly has no rows."""
    return frame if others.is_empty() else frame.join(others, on=on, how="anti")


def first_parks(parks: list[pl.DataFrame]) -> pl.DataFrame:
    """Return one park per agreement: the first reason in the order of the codes, then the first sentence."""
    every = [some for some in parks if some.height]
    if not every:
        return no_parks()
    return (
        pl.concat(every, how="vertical")
        .with_columns(pl.col("reason").replace_strict(_ORDER, return_dtype=pl.Int32).alias("place"))
        .sort("due_no", "place", "detail")
        .unique(subset="due_no", keep="first", maintain_order=True)
        .select(list(PARKS_SCHEMA))
    )


def sibling_parks(due: pl.DataFrame, parks: pl.DataFrame) -> pl.DataFrame:
    """Return parks for agreements whose bill has another agreement that is parked: a bill is whole or not at all.

    `due` holds every due agreement; the detail names the first parked one of the bill.
    """
    bills = (
        due.join(parks, on="due_no", how="inner", validate="1:1")
        .sort("bill_id", "agreement_id", "start_date")
        .unique(subset="bill_id", keep="first", maintain_order=True)
        .select("bill_id", pl.col("agreement_id").alias("parked_agreement"), pl.col("reason").alias("parked_reason"))
    )
    siblings = due.join(parks, on="due_no", how="anti").join(bills, on="bill_id", how="inner", validate="m:1")
    detail = pl.format(
        "agreement {} of the same bill is parked: {}", pl.col("parked_agreement"), pl.col("parked_reason")
    )
    return park(siblings, ParkReason.SIBLING_PARKED, detail)


def parked_table(due: pl.DataFrame, parks: pl.DataFrame) -> DataFrame[Parked]:
    """Return the table of parked agreements; `parks` also says in which `stage` each was parked."""
    owners = {reason.value: owner for reason, owner in OWNER.items()}
    frame = (
        due.join(parks, on="due_no", how="inner", validate="1:1")
        .with_columns(pl.col("reason").replace_strict(owners, return_dtype=pl.String).alias("owner"))
        .sort("account_id", "agreement_id", "start_date")
    )
    return arranged(Parked, frame)
