"""Readings that did not come, estimated and landed as estimates; a reading that comes counts before them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta

import polars as pl
from pandera.typing.polars import DataFrame

from ingest.estimates.beside import registers_beside
from ingest.estimates.methods_registers import DUE_SCHEMA, before_reading, estimate_readings
from ingest.rules.rule_store import rules_in_force
from ingest.rules.rules import RuleSet
from ingest.vee.lake import active_days, overlapping
from ingest.vee.registers import usage_between_reads
from ingest.versions import current_days, current_registers
from model.accounts import ChannelNumbers, Meters
from model.codes import Method, Quality, ReadKind
from model.ids import content_hash
from model.reads import Estimates, RegisterReads, slot_columns
from model.schema import arranged, empty, polars_schema
from store.audit import record
from store.control import Connection, control, query, transaction
from store.facts import facts
from store.lake import LakeFile, lake_files, register_files, scan_lake, write_lake_file
from store.loads import Load, next_seq, record_load
from store.workspace import Workspace

_METER = ["channel_no", "meter_id"]
_OURS = "vee "  # begins the raw code of the estimates made here; what a provider estimated is left alone


@dataclass(frozen=True)
class RegisterEstimates:
    """What was estimated (see `methods_registers.estimate_readings`), what not and why; `seq` None: nothing new."""

    made: pl.DataFrame
    refused: pl.DataFrame
    seq: int | None


def estimate_registers(
    workspace: Workspace, *, on: date, at: datetime, actor: str, rules: RuleSet | None = None, is_trial: bool = False
) -> RegisterEstimates:
    """Estimate the readings that should be there on a day: of registers under an agreement until then, or longer.

    A meter that was read on that day or later is left alone, unless it was estimated here before: then the estimate is
    made again between both readings. Doing it again with nothing new changes nothing; `is_trial` never writes.
    """
    with control(workspace, purpose="reads estimate") as connection:
        rules = rules_in_force(connection) if rules is None else rules
        channels = arranged(ChannelNumbers, query(connection, "SELECT * FROM channel_number ORDER BY channel_no"))
        reads = _readings(workspace, connection)
        due = _due(connection, channels, reads, on)
        is_read = pl.col("read_kind") != ReadKind.ESTIMATE.value
        meters = arranged(Meters, facts(connection, "meters"))
        usage, _ = usage_between_reads(arranged(RegisterReads, reads.filter(is_read)), meters, channels, rules)
        intervals = _interval_use(workspace, connection, channels, before_reading(due, reads, on), on)
        classes = channels.filter(pl.col("interval_minutes") == 0).select("channel_no", "measure", "branch_id")
        found = estimate_readings(due, reads, usage, intervals, classes, on=on, rules=rules)
        made, refused = found.filter(pl.col("reason").is_null()), found.filter(pl.col("reason").is_not_null())
        standing = reads.filter(pl.col("read_date") == on, ~is_read).select(*_METER, "reading", "raw_code")
        named = made.with_columns(raw_code=pl.concat_str(pl.lit(_OURS), "method"))
        new = named.join(standing, how="anti", on=[*_METER, "reading", "raw_code"], maintain_order="left")
        seq = None
        if new.height and not is_trial:
            with transaction(connection):
                seq = _write(workspace, connection, new, on, at, actor)
    return RegisterEstimates(made.drop("reason"), refused.select(*_METER, "reason"), seq)


def _readings(workspace: Workspace, connection: Connection) -> DataFrame[RegisterReads]:
    files = lake_files(connection, "register_reads")
    if not files:
        return empty(RegisterReads)
    landed = scan_lake(workspace, files).select(list(polars_schema(RegisterReads))).collect()
    return current_registers(landed)


def _due(connection: Connection, channels: DataFrame[ChannelNumbers], reads: pl.DataFrame, on: date) -> pl.DataFrame:
    """Return the meters whose reading on a day is to be estimated (DUE_SCHEMA)."""
    registers = arranged(ChannelNumbers, channels.filter(pl.col("interval_minutes") == 0))
    active = active_days(connection, registers, on - timedelta(days=1), on)
    some = registers.join(active, how="semi", on="channel_no")
    hung = facts(connection, "meters").filter(
        pl.col("installed_date") < on, (pl.col("removed_date") >= on).fill_null(value=True)
    )
    both = some.join(hung, how="inner", on="service_point_id", validate="m:m").select(list(DUE_SCHEMA))
    is_read = pl.col("read_kind") != ReadKind.ESTIMATE.value
    read_then = reads.filter(is_read, pl.col("read_date") == on)
    read_later = reads.filter(is_read, pl.col("read_date") > on)
    estimated = reads.filter(~is_read, pl.col("read_date") == on)
    is_ours = pl.col("raw_code").str.starts_with(_OURS).fill_null(value=False)
    waiting = both.join(read_then, how="anti", on=_METER).join(estimated.filter(~is_ours), how="anti", on=_METER)
    again = waiting.join(estimated.filter(is_ours), how="semi", on=_METER)
    return pl.concat([again, waiting.join(read_later, how="anti", on=_METER)]).unique().sort(_METER)


def _interval_use(
    workspace: Workspace,
    connection: Connection,
    channels: DataFrame[ChannelNumbers],
    before: pl.DataFrame,
    on: date,
) -> pl.DataFrame:
    """Return the use of the interval channels beside registers since their reading before: channel_no, use."""
    asked = registers_beside(channels).join(
        before.select("channel_no", "from_date"), how="inner", left_on="register_no", right_on="channel_no",
        validate="1:m",
    )  # fmt: skip
    found = [pl.DataFrame(schema={"channel_no": pl.Int32, "use": pl.Int64})]
    for (minutes,), some in asked.partition_by("interval_minutes", as_dict=True).items():
        first = some["from_date"].min()
        low, high = some["channel_no"].min(), some["channel_no"].max()
        assert isinstance(first, date) and isinstance(low, int) and isinstance(high, int), "a channel has a reading"
        wanted = pl.col("day").is_between(first, on, closed="left") & pl.col("channel_no").is_in(
            some["channel_no"].implode()
        )
        scans = {}
        for kind in ("reads", "vee"):
            files: list[LakeFile] = overlapping(lake_files(connection, f"{kind}_day_{minutes}"), low, high, first, on)
            scans[kind] = scan_lake(workspace, files).filter(wanted) if files else None
        if scans["reads"] is not None:
            found.append(_whole_use(current_days(scans["reads"], scans["vee"], int(minutes)), some, int(minutes), on))
    return pl.concat(found)


def _whole_use(days: pl.DataFrame, asked: pl.DataFrame, minutes: int, on: date) -> pl.DataFrame:
    """Return the use of channels on whose days since `from_date` no interval is missing."""
    slots = slot_columns(minutes)
    sums = days.filter(pl.col("worst") < int(Quality.MISSING)).select(
        "channel_no",
        "day",
        use=pl.sum_horizontal(pl.col(slots).cast(pl.Int64)),
        is_whole=pl.sum_horizontal(pl.col(slots).is_not_null().cast(pl.Int64)) >= pl.col("n"),
    )
    placed = asked.join(sums.filter("is_whole"), how="inner", on="channel_no", validate="m:m").filter(
        pl.col("day").is_between("from_date", pl.lit(on), closed="left")
    )
    use = placed.group_by("register_no", "from_date").agg(pl.col("use").sum(), days=pl.len())
    length = (pl.lit(on) - pl.col("from_date")).dt.total_days()
    return use.filter(pl.col("days") == length).select("use", channel_no="register_no").select("channel_no", "use")


def _write(workspace: Workspace, connection: Connection, new: pl.DataFrame, on: date, at: datetime, actor: str) -> int:
    seq = next_seq(connection)
    stamped = new.with_columns(
        read_date=pl.lit(on),
        read_kind=pl.lit(ReadKind.ESTIMATE.value),
        quality=pl.lit(int(Quality.ESTIMATED), dtype=pl.UInt8),
        seq=pl.lit(seq, dtype=pl.Int64),
    )
    is_open = pl.col("next_date").is_null()
    between = pl.format("readings of {} and {}", "from_date", "next_date")
    how = new.select(
        *_METER,
        day=pl.lit(on),
        base_seq=pl.lit(0, dtype=pl.Int64),
        first_slot=pl.lit(0, dtype=pl.Int16),
        last_slot=pl.lit(0, dtype=pl.Int16),
        method="method",
        shape=pl.when(is_open).then(pl.lit(Method.EXTRAPOLATED.name.lower())).otherwise("method"),
        quantity="use",
        refs=pl.when(is_open).then(pl.format("reading of {}", "from_date")).otherwise(between),
        low="low",
        high="high",
        seq=pl.lit(seq, dtype=pl.Int64),
    )
    files = [
        write_lake_file(workspace, "register_reads", "register_reads", arranged(RegisterReads, stamped)),
        write_lake_file(workspace, "estimates", "estimates", arranged(Estimates, how.sort("channel_no", "day"))),
    ]
    register_files(connection, files, owner=f"load:{seq}")
    load = Load(
        seq=seq, kind="vee", source_name=f"registers on {on}", sha256=content_hash(*(file.sha256 for file in files)),
        received_at=at, rows=new.height, rejected=0, detail=f"{new.height} register readings estimated",
    )  # fmt: skip
    record_load(connection, load)
    record(connection, at=at, actor=actor, action="estimate", subject=load.source_name, detail=load.detail)
    return seq
