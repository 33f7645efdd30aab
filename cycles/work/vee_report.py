"""A run of VEE counted for its page: channel-days, shares by day, worst findings, channels with most trouble."""

from __future__ import annotations

from collections import Counter
from datetime import date
from typing import Any

import polars as pl

from cycles.work.finding_days import day_stories
from cycles.work.findings import Asked, work_list_of
from ingest.vee.judge import expected_days
from ingest.vee.lake import active_days, overlapping
from ingest.vee.matrix import day_kinds
from ingest.versions import current_days
from model.accounts import ChannelNumbers
from model.codes import Method, Quality
from model.errors import ConfigError
from model.money import format_minor
from model.reads import INTERVAL_LENGTHS, read_days_schema, slot_columns
from model.schema import arranged
from outputs.vee_report import SHARE_SCHEMA, Funnel, VeeRunReport, Worst
from store.control import Connection, control, query
from store.lake import lake_files, scan_lake
from store.workspace import Workspace

WORST_SHOWN = 50
WORST_PER_CHANNEL = 2
CHANNELS_SHOWN = 20
_NO_ESTIMATE = {int(Method.NONE), int(Method.ACCEPTED)}


def vee_report(workspace: Workspace, seq: int | None, business_date: date) -> VeeRunReport:
    """Return a run of VEE in figures; None asks for the last one.

    Raises:
        ConfigError: there is no such run.
    """
    with control(workspace, purpose="reads report") as connection:
        load = _the_run(connection, seq)
        first, after = (date.fromisoformat(text) for text in load["source_name"].split(".."))
        findings = work_list_of(workspace, connection, Asked(seq=load["seq"]), business_date)
        days = _judged_days(workspace, connection, first, after, load["seq"])
        methods: Counter[int] = Counter()
        for text in days["methods"].drop_nulls():  # the days that VEE wrote, few beside those that landed
            methods.update(text)
        return VeeRunReport(
            utility=workspace.name,
            seq=load["seq"],
            from_date=first,
            to_date=after,
            received_at=load["received_at"],
            actor=_actor(connection, load),
            rule_sets=tuple(findings["rule_set"].unique().sort()),
            funnel=_funnel(days),
            slots_by_method={
                Method(code).name.lower(): count for code, count in sorted(methods.items()) if code not in _NO_ESTIMATE
            },
            shares=_shares(days),
            findings=findings,
            worst=_worst(workspace, connection, findings, load["seq"]),
            channels=_troubled(findings),
        )


def _the_run(connection: Connection, seq: int | None) -> dict[str, Any]:
    runs = query(connection, "SELECT * FROM load WHERE kind = 'vee' ORDER BY seq")
    if runs.is_empty():
        raise ConfigError("no run of VEE wrote anything yet", hint="billmill reads vee --from DAY --to DAY")
    wanted = int(runs["seq"].max()) if seq is None else seq  # type: ignore[arg-type]  # an integer column with rows
    found = runs.filter(pl.col("seq") == wanted)
    if found.is_empty():
        known = ", ".join(map(str, runs["seq"].tail(5)))
        raise ConfigError(f"load {wanted} is no run of VEE", hint=f"there is {known}")
    return found.row(0, named=True)


def _actor(connection: Connection, load: dict[str, Any]) -> str:
    rows = query(
        connection,
        "SELECT actor FROM audit WHERE action = 'vee' AND subject = ? AND at_utc = ? ORDER BY entry_no DESC",
        [load["source_name"], load["received_at"]],
    )
    return "" if rows.is_empty() else str(rows.item(0, 0))


def _judged_days(workspace: Workspace, connection: Connection, first: date, after: date, seq: int) -> pl.DataFrame:
    """Return the channel-days that must have reads, as they stood after the run.

    channel_no, day, slots, is_landed, valued (slots with a value), methods (null where VEE wrote nothing).
    """
    channels = arranged(ChannelNumbers, query(connection, "SELECT * FROM channel_number ORDER BY channel_no"))
    active = active_days(connection, channels, first, after)
    parts = []
    for minutes in INTERVAL_LENGTHS:
        own = channels.filter(pl.col("interval_minutes") == minutes)
        zones = own.select("channel_no", "tz_name")
        expected = expected_days(active, zones, first, after).join(zones, how="inner", on="channel_no", validate="m:1")
        if expected.height:
            kinds = day_kinds(expected, minutes).table.select("tz_name", "day", "slots")
            due = expected.join(kinds, how="left", on=["tz_name", "day"], validate="m:1")
            stand = _standing_days(workspace, connection, minutes, (first, after), seq)
            parts.append(due.join(stand, how="left", on=["channel_no", "day"], validate="1:1"))
    schema = {"channel_no": pl.Int32, "day": pl.Date, "slots": pl.Int16, "is_landed": pl.Boolean, "valued": pl.Int64}
    empty = pl.DataFrame(schema={**schema, "methods": pl.Binary})
    days = pl.concat([empty, *(part.select(empty.columns) for part in parts)], how="vertical_relaxed")
    return days.with_columns(pl.col("is_landed").fill_null(value=False), pl.col("valued").fill_null(0))


def _standing_days(
    workspace: Workspace, connection: Connection, minutes: int, period: tuple[date, date], seq: int
) -> pl.DataFrame:
    """Return channel_no, day, is_landed, valued, methods of the days that counted after load `seq`."""
    bounds = (0, 2**31 - 1, *period)
    files = overlapping(lake_files(connection, f"reads_day_{minutes}"), *bounds)
    vee_files = overlapping(lake_files(connection, f"vee_day_{minutes}"), *bounds)
    known = pl.col("day").is_between(*period, closed="left") & (pl.col("seq") <= seq)
    landing = scan_lake(workspace, files) if files else pl.LazyFrame(schema=read_days_schema(minutes))
    parts = [landing.filter(known)]
    parts += [scan_lake(workspace, vee_files).filter(known)] if vee_files else []
    keys = ["channel_no", "day", "n", "worst", "seq", "methods"]
    rows = current_days(parts[0], parts[1] if vee_files else None, minutes, columns=keys)
    landed = parts[0].select("channel_no", "day", is_landed=pl.lit(value=True)).unique().collect()
    # Only days that lack something are counted slot by slot.
    lacking = pl.col("worst") == int(Quality.MISSING)
    slots = pl.sum_horizontal(pl.col(slot_columns(minutes)).is_not_null().cast(pl.Int64))
    short = pl.concat(
        [part.filter(lacking).select("channel_no", "day", "seq", present=slots) for part in parts]
    ).collect()
    days = ["channel_no", "day"]
    counted = rows.join(short, how="left", on=[*days, "seq"], validate="1:1")
    counted = counted.join(landed, how="left", on=days, validate="1:1")
    valued = pl.when(lacking).then(pl.col("present").fill_null(0)).otherwise(pl.col("n").cast(pl.Int64))
    return counted.select("channel_no", "day", "is_landed", valued=valued, methods="methods")


def _funnel(days: pl.DataFrame) -> Funnel:
    is_whole, is_written = pl.col("valued") >= pl.col("slots"), pl.col("methods").is_not_null()
    counts = days.select(
        expected=pl.len(),
        landed=pl.col("is_landed").sum(),
        as_landed=(is_whole & ~is_written).sum(),
        replaced=(is_whole & is_written).sum(),
        left_empty=(~is_whole).sum(),
    ).row(0, named=True)
    return Funnel(**counts)


def _shares(days: pl.DataFrame) -> pl.DataFrame:
    written = days.filter(pl.col("methods").is_not_null())
    estimated = [sum(code not in _NO_ESTIMATE for code in text) for text in written["methods"]]
    made = written.select("channel_no", "day").with_columns(pl.Series("estimated", estimated, dtype=pl.Int64))
    joined = days.join(made, how="left", on=["channel_no", "day"], validate="1:1")
    lacking = (pl.col("slots").cast(pl.Int64) - pl.col("valued")).clip(lower_bound=0)
    return (
        joined.group_by("day")
        .agg(
            slots=pl.col("slots").cast(pl.Int64).sum(),
            estimated=pl.col("estimated").fill_null(0).sum(),
            missing=lacking.sum(),
        )
        .sort("day")
        .select([pl.col(name).cast(dtype) for name, dtype in SHARE_SCHEMA.items()])
    )


def _worst(workspace: Workspace, connection: Connection, findings: pl.DataFrame, seq: int) -> tuple[Worst, ...]:
    """Return the interval findings that moved most, at most two of a channel, each with its day."""
    moved = findings.filter(pl.col("first_slot").is_not_null() & pl.col("effect_quantity").is_not_null())
    place = pl.int_range(pl.len()).over("channel_no")
    chosen = moved.filter(place < WORST_PER_CHANNEL).head(WORST_SHOWN)
    stories = day_stories(workspace, connection, chosen, judged_seq=seq, used_seq=seq)
    return tuple(Worst(row, stories[row["finding_id"]]) for row in chosen.iter_rows(named=True))


def _troubled(findings: pl.DataFrame) -> pl.DataFrame:
    """Return the channels with most trouble: first those left empty on most days, then those with most findings."""
    is_fail = ~pl.col("severity").is_in(["info", "warn"])
    counted = (
        findings.group_by("channel_id", "branch_id", "account_id", "measure", "currency")
        .agg(
            findings=pl.len(),
            fails=is_fail.sum(),
            days=pl.col("day").n_unique(),
            days_empty=pl.col("day").filter(is_fail & pl.col("used").is_null()).n_unique(),
            money_minor=pl.col("effect_minor").abs().sum(),
            is_priced=pl.col("effect_minor").is_not_null().any(),
        )
        .sort("days_empty", "fails", "money_minor", "findings", "channel_id", descending=[True] * 4 + [False])
        .head(CHANNELS_SHOWN)
    )
    money = [
        f"{format_minor(minor, currency)} {currency}" if is_priced and currency is not None else "not known"
        for minor, currency, is_priced in counted.select("money_minor", "currency", "is_priced").iter_rows()
    ]
    return counted.with_columns(pl.Series("money", money, dtype=pl.String)).drop("currency", "money_minor", "is_priced")
