"""Published bills whose days a landing changes: what is billed is corrected by a new bill, so somebody must know."""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl
from pandera.typing.polars import DataFrame

from ingest.landing.report import TouchedBills
from ingest.landing.write import REGISTER_TABLE
from ingest.versions import DAY_KEY, READING_KEY, best_first
from model.schema import arranged, empty
from store.control import Connection, query
from store.facts import facts
from store.lake import LakeFile, lake_files, scan_lake
from store.standing import standing_keys
from store.workspace import Workspace

_DAYS = "reads_day_"


def touched_bills(workspace: Workspace, connection: Connection, written: Sequence[LakeFile]) -> DataFrame[TouchedBills]:
    """Return the published bills with days on which a file of this call, not yet registered, now counts.

    A day that landed and does not count (an estimate of what was read) touches no bill. A reading touches the bill
    that it begins, and the one that it ends.
    """
    billed = standing_keys(connection).select("agreement_id", "period_start_date", "period_end_date", "bill_id")
    if billed.is_empty() or not written:
        return empty(TouchedBills)
    agreements = facts(connection, "agreements").select("agreement_id", "account_id", "service_point_id")
    channels = query(connection, "SELECT channel_no, service_point_id FROM channel_number")
    spans = billed.join(agreements, on="agreement_id", how="inner", validate="m:1")
    by_channel = spans.join(channels, on="service_point_id", how="inner", validate="m:m")
    tables = sorted({file.table for file in written if file.table.startswith(_DAYS) or file.table == REGISTER_TABLE})
    found = [_touched(workspace, connection, table, written, by_channel) for table in tables]
    if not found:
        return empty(TouchedBills)
    bills = pl.concat(found).group_by("account_id", "bill_id").agg(pl.col("day").unique().sort().alias("days"))
    told = bills.select(
        "account_id",
        "bill_id",
        pl.col("days").list.first().alias("first_day"),
        pl.col("days").list.last().alias("last_day"),
        pl.col("days").list.len().cast(pl.Int64).alias("days"),
    )
    return arranged(TouchedBills, told.sort("account_id", "bill_id"))


def _touched(
    workspace: Workspace, connection: Connection, table: str, written: Sequence[LakeFile], billed: pl.DataFrame
) -> pl.DataFrame:
    """Return account_id, bill_id, day of what landed in one table and counts."""
    is_register = table == REGISTER_TABLE
    key, quality = (READING_KEY, "quality") if is_register else (DAY_KEY, "worst")
    day = "read_date" if is_register else "day"
    new = scan_lake(workspace, [file for file in written if file.table == table])
    columns = [*key, quality, "updated_at", "seq"]
    landed = new.select(columns).collect().join(billed, on="channel_no", how="inner", validate="m:m")
    ends = pl.col(day) <= pl.col("period_end_date") if is_register else pl.col(day) < pl.col("period_end_date")
    within = landed.filter((pl.col(day) >= pl.col("period_start_date")) & ends)
    if within.is_empty():
        return within.select("account_id", "bill_id", pl.col(day).alias("day"))
    keys = within.select(key).unique()
    past = [
        scan_lake(workspace, [file]).select(columns).join(keys.lazy(), on=key, how="semi").collect()
        for file in lake_files(connection, table)
    ]
    versions = pl.concat([*past, within.select(columns).unique()])
    counting = best_first(versions, key, quality=quality, latest="seq").unique(key, keep="first", maintain_order=True)
    touched = within.join(counting.select(*key, "seq"), on=[*key, "seq"], how="semi")
    return touched.select("account_id", "bill_id", pl.col(day).alias("day"))
