"""What people decided about findings, as edits of slots that a run of VEE follows.

A decision is about a landed row (`base_seq`): once the day is landed again it says nothing any more.
"""

from __future__ import annotations

from datetime import date

import polars as pl
from pandera.typing.polars import DataFrame

from ingest.estimates.estimate import EDIT_SCHEMA
from model.codes import FindingState
from model.decisions import DecidedSlots
from model.reads import Findings
from model.schema import arranged
from store.control import Connection, query

_DAY_KEY = ["channel_no", "day"]
_BASE_KEY = [*_DAY_KEY, "base_seq"]
_SLOT_KEY = [*_BASE_KEY, "slot"]
_KINDS = {
    FindingState.ACCEPTED.value: "accept",
    FindingState.ESTIMATED.value: "estimate",
    FindingState.EDITED.value: "value",
    FindingState.OPEN.value: "restore",
}


def decided_slots(connection: Connection, from_date: date, to_date: date) -> DataFrame[DecidedSlots]:
    """Return the decisions about intervals of the days in [from_date, to_date), the later one where two meet.

    What was taken back is among them, as `open`: the day is to be judged again. An edit counts once it is approved.
    """
    rows = query(
        connection,
        """SELECT channel_no, day, base_seq, first_slot, last_slot, rule, slot_values, recorded_at,
                  CASE WHEN state = 'edited' AND approved_by IS NULL THEN 'open' ELSE state END AS state
           FROM finding_decision
           WHERE superseded_at IS NULL AND first_slot IS NOT NULL AND day >= ? AND day < ?
           ORDER BY channel_no, day, base_seq, first_slot, rule, recorded_at, finding_id""",
        [from_date, to_date],
    )
    return arranged(DecidedSlots, rows.unique([*_BASE_KEY, "first_slot", "rule"], keep="last", maintain_order=True))


def decided_of(
    decided: DataFrame[DecidedSlots], channels: pl.Series, from_date: date, to_date: date
) -> DataFrame[DecidedSlots]:
    """Return the decisions about some channels on the days in [from_date, to_date)."""
    inside = pl.col("day").is_between(from_date, to_date, closed="left")
    return arranged(DecidedSlots, decided.filter(inside & pl.col("channel_no").is_in(channels.implode())))


def with_decided(edits: pl.DataFrame, decided: DataFrame[DecidedSlots]) -> pl.DataFrame:
    """Return edits of reads (EDIT_SCHEMA, two persons each) and, where there is none, decisions about findings."""
    if decided.is_empty():
        return edits
    slots = pl.int_ranges(pl.col("first_slot").cast(pl.Int64), pl.col("last_slot").cast(pl.Int64) + 1)
    values = pl.col("slot_values").str.split(",").list.eval(pl.element().cast(pl.Int64))
    nothing = pl.lit(None, dtype=pl.Int64).repeat_by(slots.list.len())
    opened = decided.select(
        *_BASE_KEY,
        "recorded_at",
        kind=pl.col("state").replace_strict(_KINDS, return_dtype=pl.String),
        slot=slots,
        value=pl.when(pl.col("slot_values").is_null()).then(nothing).otherwise(values),
    ).explode("slot", "value")
    # What was taken back gives way to what stands about the same slot by another rule.
    is_standing = (pl.col("kind") != "restore").alias("is_standing")
    latest = opened.with_columns(is_standing).sort(*_SLOT_KEY, "is_standing", "recorded_at")
    own = latest.unique(_SLOT_KEY, keep="last", maintain_order=True).select(list(EDIT_SCHEMA)).cast(EDIT_SCHEMA)  # type: ignore[arg-type]
    return pl.concat([edits, own.join(edits, how="anti", on=_SLOT_KEY)])


def unsettled(
    findings: DataFrame[Findings], days: pl.DataFrame, decided: DataFrame[DecidedSlots]
) -> DataFrame[Findings]:
    """Return the findings but those about slots that a person decided on, under the same rule or as set aside.

    `days`: channel_no, day, base_seq of the judged days.
    """
    if decided.is_empty():
        return findings
    settled = decided.filter(pl.col("state") != FindingState.OPEN.value).select(
        *_BASE_KEY, "rule", "state", since="first_slot", until="last_slot"
    )
    bases = findings.filter(pl.col("first_slot").is_not_null()).join(
        days.select(_BASE_KEY), how="inner", on=_DAY_KEY, validate="m:1"
    )
    met = bases.join(settled, how="inner", on=_BASE_KEY, validate="m:m", suffix="_decided").filter(
        (pl.col("first_slot") >= pl.col("since"))
        & (pl.col("last_slot") <= pl.col("until"))
        & ((pl.col("rule") == pl.col("rule_decided")) | (pl.col("state") == FindingState.ESTIMATED.value))
    )
    return arranged(Findings, findings.join(met, how="anti", on="finding_id", maintain_order="left"))
