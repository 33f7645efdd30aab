"""Where findings belong: channel, meter, agreement and account of their day, and the landed row that was judged."""

from __future__ import annotations

import polars as pl

from ingest.versions import DAY_KEY, best_first
from model.reads import INTERVAL_LENGTHS
from store.control import Connection, query
from store.facts import facts
from store.lake import lake_files, scan_lake
from store.workspace import Workspace

CHANNEL_COLUMNS = [
    "channel_id", "service_point_id", "measure", "interval_minutes", "tz_name", "commodity", "branch_id",
]  # fmt: skip


def with_channels(connection: Connection, findings: pl.DataFrame) -> pl.DataFrame:
    """Add what is known of each finding's channel."""
    channels = query(connection, "SELECT * FROM channel_number ORDER BY channel_no")
    return findings.join(channels.select("channel_no", *CHANNEL_COLUMNS), how="inner", on="channel_no", validate="m:1")


def with_parties(connection: Connection, findings: pl.DataFrame) -> pl.DataFrame:
    """Add the meter, the agreement, its tariff, the account and its currency; null where there was none on the day.

    A register finding is dated by the later reading, whose use lies before that day.
    """
    lived = pl.col("day") - pl.when(pl.col("interval_minutes") == 0).then(pl.duration(days=1)).otherwise(
        pl.duration(days=0)
    )
    dated = findings.with_columns(lived_day=lived)
    accounts = facts(connection, "accounts").select("account_id", "currency")
    agreements = facts(connection, "agreements").join(accounts, how="left", on="account_id", validate="m:1")
    meters = facts(connection, "meters").select("meter_id", "service_point_id", "installed_date", "removed_date")
    supplied = _on_day(dated, agreements, "start_date", "end_date").unique("finding_id", keep="first")
    hung = _on_day(dated, meters, "installed_date", "removed_date")
    hung = hung.group_by("finding_id").agg(pl.col("meter_id").unique().sort().str.join(", "))
    parties = ["agreement_id", "account_id", "tariff_id", "currency"]
    return dated.join(supplied.select("finding_id", *parties), how="left", on="finding_id", validate="1:1").join(
        hung, how="left", on="finding_id", validate="1:1"
    )


def with_bases(workspace: Workspace, connection: Connection, findings: pl.DataFrame) -> pl.DataFrame:
    """Add base_seq, the landed row that was judged (0: none), and landed_seq, the one that counts now."""
    keys = ["finding_id", *DAY_KEY]
    wanted = findings.select(*keys, "interval_minutes", judged_seq="seq")
    found = [pl.DataFrame(schema={"finding_id": pl.String, "base_seq": pl.Int64, "landed_seq": pl.Int64})]
    for minutes in INTERVAL_LENGTHS:
        own = wanted.filter(pl.col("interval_minutes") == minutes)
        files = lake_files(connection, f"reads_day_{minutes}") if own.height else []
        if not files:
            continue
        versions = scan_lake(workspace, files).select(*DAY_KEY, "seq", "worst", "updated_at")
        days = own.select(DAY_KEY).unique()
        rows = versions.join(days.lazy(), how="semi", on=DAY_KEY).collect()
        told = own.join(rows, how="inner", on=DAY_KEY, validate="m:m")
        ordered = best_first(told, ["finding_id"], quality="worst", latest="seq")
        now = ordered.unique("finding_id", keep="first").select("finding_id", landed_seq="seq")
        then = ordered.filter(pl.col("seq") <= pl.col("judged_seq")).unique("finding_id", keep="first")
        then = then.select("finding_id", base_seq="seq")
        found.append(now.join(then, how="left", on="finding_id", validate="1:1").select(found[0].columns))
    zero = [pl.col(name).fill_null(0) for name in ("base_seq", "landed_seq")]
    return findings.join(pl.concat(found), how="left", on="finding_id", validate="1:1").with_columns(zero)


def _on_day(findings: pl.DataFrame, dated: pl.DataFrame, first: str, after: str) -> pl.DataFrame:
    """Return findings beside the rows of `dated` that hold at their service point on their day, in order of `first`."""
    day = pl.col("lived_day")
    holds = (pl.col(first) <= day) & (pl.col(after).is_null() | (day < pl.col(after)))
    pairs = findings.select("finding_id", "service_point_id", "lived_day").join(
        dated, how="inner", on="service_point_id", validate="m:m"
    )
    return pairs.filter(holds).sort("finding_id", first)
