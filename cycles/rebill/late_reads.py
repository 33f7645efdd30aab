"""Reads that came after their days were billed: which published bills they touch, and by how much."""

from __future__ import annotations

import polars as pl
from pandera.typing.polars import DataFrame

from ingest.replaced import changed_days, use_in_spans
from ingest.rules.rule_store import rules_in_force
from ingest.vee.registers import usage_between_reads
from ingest.versions import current_days, current_registers
from model.accounts import ChannelNumbers, Meters
from model.reads import INTERVAL_LENGTHS, RegisterReads, read_days_schema
from model.schema import arranged, polars_schema
from model.units import SMALLEST_UNIT
from store.control import Connection, control, query
from store.facts import facts
from store.lake import LakeFile, lake_files, scan_lake
from store.standing import known_loads_of, standing_keys
from store.workspace import Workspace

_PIECES = {
    "span_no": pl.Int64, "channel_no": pl.Int32, "days": pl.Int64, "estimated_days": pl.Int64, "before": pl.Int64,
    "after": pl.Int64,
}  # fmt: skip


def rebill_candidates(workspace: Workspace) -> pl.DataFrame:
    """Return the published bills whose reads changed since, a row for each agreement and channel.

    bill_id, account_id, agreement_id, channel_id, measure, unit, days (changed), estimated_days (of these, billed on
    an estimate), before, after, delta (smallest unit). For registers `days` are all of the period. Reads that VEE has
    not judged yet count as they landed.
    """
    with control(workspace, purpose="bill late") as connection:
        # What a bill rests on was known when its run was planned.
        billed = standing_keys(connection).join(known_loads_of(connection), on="run_id", how="inner", validate="m:1")
        return changed_reads(workspace, connection, billed)


def changed_reads(workspace: Workspace, connection: Connection, billed: pl.DataFrame) -> pl.DataFrame:
    """Return what `rebill_candidates` does, for periods that were billed on the loads up to a sequence.

    `billed`: bill_id, agreement_id, period_start_date, period_end_date, seq_max.
    """
    channels = arranged(ChannelNumbers, query(connection, "SELECT * FROM channel_number ORDER BY channel_no"))
    agreements = facts(connection, "agreements").select("agreement_id", "account_id", "service_point_id")
    spans = (
        billed.select(
            "agreement_id", pl.col("period_start_date").alias("start_date"),
            pl.col("period_end_date").alias("end_date"), "bill_id", "seq_max",
        )
        .join(agreements, how="inner", on="agreement_id", validate="m:1")
        .join(channels, how="inner", on="service_point_id", validate="m:m", suffix="_channel")
        .sort("bill_id", "agreement_id", "channel_no", "start_date")
        .with_row_index("span_no")
        .with_columns(pl.col("span_no").cast(pl.Int64))
    )  # fmt: skip
    pieces = [pl.DataFrame(schema=_PIECES)]
    for (seq_max,), some in spans.partition_by("seq_max", as_dict=True, maintain_order=True).items():
        for minutes in INTERVAL_LENGTHS:
            own = some.filter(pl.col("interval_minutes") == minutes)
            pieces.append(_interval_changes(workspace, connection, own, minutes, int(seq_max)))
        registers = some.filter(pl.col("interval_minutes") == 0)
        pieces.append(_register_changes(workspace, connection, registers, channels, int(seq_max)))
    units = {measure.value: unit for measure, unit in SMALLEST_UNIT.items()}
    found = spans.join(pl.concat(pieces).drop("channel_no"), how="inner", on="span_no", validate="1:1")
    return found.select(
        "bill_id", "account_id", "agreement_id", "channel_id", "measure",
        pl.col("measure").replace_strict(units, return_dtype=pl.String).alias("unit"),
        "days", "estimated_days", "before", "after", (pl.col("after") - pl.col("before")).alias("delta"),
    )  # fmt: skip


def _interval_changes(
    workspace: Workspace, connection: Connection, spans: pl.DataFrame, minutes: int, seq_max: int
) -> pl.DataFrame:
    """Return the changes of interval channels in spans that were billed on loads up to `seq_max`."""
    tables = [f"{kind}_day_{minutes}" for kind in ("reads", "vee")]
    newer = [[f for f in lake_files(connection, table) if f.seq_max > seq_max] for table in tables]
    if spans.is_empty() or not any(newer):
        return pl.DataFrame(schema=_PIECES)
    bounds = spans.select("span_no", "channel_no", "start_date", "end_date")
    touched = [
        scan_lake(workspace, files).filter(pl.col("seq") > seq_max).select("channel_no", "day").collect()
        for files in newer if files
    ]  # fmt: skip
    keys = (
        pl.concat(touched).unique().join(bounds, how="inner", on="channel_no", validate="m:m")
        .filter(pl.col("day").is_between("start_date", "end_date", closed="left"))
    )  # fmt: skip
    days = keys.select("channel_no", "day").unique().lazy()
    before, after = (
        _days(workspace, [lake_files(connection, table, seq_max=limit) for table in tables], days, minutes)
        for limit in (seq_max, None)
    )
    changed = changed_days(before, after, minutes).join(keys, how="inner", on=["channel_no", "day"], validate="1:m")
    return changed.group_by("span_no", "channel_no").agg(
        days=pl.len().cast(pl.Int64),
        estimated_days=pl.col("was_estimated").sum().cast(pl.Int64),
        before=pl.col("before").sum(),
        after=pl.col("after").sum(),
    ).sort("span_no")  # fmt: skip


def _days(workspace: Workspace, files: list[list[LakeFile]], wanted: pl.LazyFrame, minutes: int) -> pl.DataFrame:
    """Return the rows that count of some channel-days, from files of landed and of judged days."""
    landed, judged = (
        scan_lake(workspace, some).join(wanted, how="semi", on=["channel_no", "day"]) if some else None
        for some in files
    )
    nothing = pl.LazyFrame(schema=read_days_schema(minutes))
    return current_days(nothing if landed is None else landed, judged, minutes)


def _register_changes(
    workspace: Workspace,
    connection: Connection,
    spans: pl.DataFrame,
    channels: DataFrame[ChannelNumbers],
    seq_max: int,
) -> pl.DataFrame:
    """Return the changes of registers in spans that were billed on loads up to `seq_max`."""
    files = lake_files(connection, "register_reads")
    if spans.is_empty() or all(file.seq_max <= seq_max for file in files):
        return pl.DataFrame(schema=_PIECES)
    wanted = pl.col("channel_no").is_in(spans["channel_no"].unique().implode())
    reads = scan_lake(workspace, files).filter(wanted).select(list(polars_schema(RegisterReads))).collect()
    meters = arranged(Meters, facts(connection, "meters"))
    bounds = spans.select("span_no", "channel_no", "start_date", "end_date")
    rules, uses = rules_in_force(connection), []
    for some in (reads.filter(pl.col("seq") <= seq_max), reads):
        usage, _ = usage_between_reads(current_registers(some), meters, channels, rules)
        uses.append(use_in_spans(usage, bounds))
    key = ["channel_no", "span_no"]
    both = uses[0].join(uses[1], how="full", on=key, validate="1:1", coalesce=True, suffix="_after")
    days = (pl.col("end_date") - pl.col("start_date")).dt.total_days()
    changed = both.with_columns(pl.col("use", "use_after").fill_null(0)).filter(pl.col("use") != pl.col("use_after"))
    return changed.join(bounds.select("span_no", days=days), how="left", on="span_no", validate="1:1").select(
        "span_no",
        "channel_no",
        "days",
        pl.when(pl.col("is_estimated").fill_null(value=False)).then("days").otherwise(0).alias("estimated_days"),
        before="use",
        after="use_after",
    )
