"""The work list of findings: where each stands, whose it is, how old, what it moved, whether it parks an account."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

import polars as pl

from cycles.asked import check_option
from cycles.work.finding_effects import energy_effect, with_money
from cycles.work.finding_parks import with_parks
from cycles.work.finding_places import with_bases, with_channels, with_parties
from cycles.work.lists import each_once, with_owner
from ingest.rules.catalogue import known_reasons, known_rules
from model.codes import FindingState, Measure, Severity
from model.errors import ConfigError, RoleError
from model.reads import Findings
from model.schema import column_names, polars_schema
from model.units import SMALLEST_UNIT
from store.control import Connection, control, query
from store.facts import facts
from store.lake import lake_files, scan_lake
from store.roles import own_branches
from store.workspace import Workspace

ID_SHORTEST = 4
ALL = "all"

LISTED = [
    "finding_id", "rule", "reason", "severity", "state", "day", "first_slot", "last_slot", "channel_no", "channel_id",
    "meter_id", "service_point_id", "account_id", "agreement_id", "branch_id", "owner", "found_date", "age_days",
    "measure", "unit", "interval_minutes", "tz_name", "found", "used", "method", "effect_quantity", "effect_minor",
    "currency", "price_source", "parks", "detail", "rule_set", "seq", "base_seq",
]  # fmt: skip


@dataclass(frozen=True)
class Asked:
    """Which findings are asked for; what is empty or None asks for all."""

    ids: tuple[str, ...] = ()
    """Ids, or their beginnings, each of one finding."""
    rules: tuple[str, ...] = ()
    reasons: tuple[str, ...] = ()
    severities: tuple[str, ...] = ()
    branches: tuple[str, ...] = ()
    owners: tuple[str, ...] = ()
    age_days: int | None = None
    """Found so many days before the business date, or more."""
    from_date: date | None = None
    to_date: date | None = None
    """Day after the last."""
    state: str = ALL
    seq: int | None = None
    """Found by this run of VEE."""
    parks: bool = False
    """Only those that park an account, or would."""


def work_list(workspace: Workspace, asked: Asked, business_date: date) -> pl.DataFrame:
    """Return findings as rows of `LISTED`, those that moved most money first; age is counted to the business date.

    Raises:
        ConfigError: an id is not known, or the beginning of several.
    """
    with control(workspace, purpose="findings") as connection:
        return work_list_of(workspace, connection, asked, business_date)


def work_list_of(workspace: Workspace, connection: Connection, asked: Asked, business_date: date) -> pl.DataFrame:
    """Return `work_list` under a connection that is open already."""
    _check(asked)
    found = with_channels(connection, _found(workspace, connection, asked))
    branches = own_branches(workspace, asked.branches)
    if branches:
        found = found.filter(pl.col("branch_id").is_in(list(branches)))
    if asked.ids and found.is_empty():
        raise RoleError(f"finding `{asked.ids[0]}` is of another branch than yours")
    stated = _with_state(connection, with_bases(workspace, connection, found))
    if asked.state != ALL:
        stated = stated.filter(pl.col("state") == asked.state)
    owned = with_owner(workspace, connection, stated, "finding")
    aged = _with_age(connection, owned, business_date)
    if asked.owners:
        aged = aged.filter(pl.col("owner").is_in(list(asked.owners)))
    if asked.age_days is not None:
        aged = aged.filter(pl.col("age_days") >= asked.age_days)
    unit = pl.col("measure").replace_strict({measure.value: SMALLEST_UNIT[measure] for measure in Measure})
    placed = with_parties(connection, aged).with_columns(energy_effect(), unit.alias("unit"))
    parked = with_parks(workspace, connection, placed)
    if asked.parks:
        parked = parked.filter(pl.col("parks") != "")
    priced = with_money(workspace, connection, parked)
    size = [pl.col(name).abs() for name in ("effect_minor", "effect_quantity")]
    return priced.sort(
        *size, "day", "channel_id", "finding_id", descending=[True, True, False, False, False], nulls_last=True
    ).select(LISTED)


def finding_files(workspace: Workspace, connection: Connection) -> pl.LazyFrame:
    """Return all findings that runs of VEE recorded."""
    files = lake_files(connection, "findings")
    if not files:
        return pl.LazyFrame(schema=polars_schema(Findings))
    return scan_lake(workspace, files).select(column_names(Findings))


def _check(asked: Asked) -> None:
    states = [ALL, *(state.value for state in FindingState)]
    if asked.state not in states:
        raise ConfigError(f"option --state: expected one of {', '.join(states)}, found `{asked.state}`")
    check_option("--severity", asked.severities, [severity.value for severity in Severity])
    short = [text for text in asked.ids if len(text) < ID_SHORTEST]
    if short:
        raise ConfigError(f"finding `{short[0]}`: expected at least {ID_SHORTEST} characters of its id")


def _found(workspace: Workspace, connection: Connection, asked: Asked) -> pl.DataFrame:
    rows = finding_files(workspace, connection)
    known = {"rule": known_rules(), "reason": known_reasons()}
    for name, values in (("rule", asked.rules), ("reason", asked.reasons), ("severity", asked.severities)):
        if values and name in known:
            # What an older version found is known too.
            found = set(rows.select(name).unique().collect()[name])
            check_option(f"--{name}", values, sorted(known[name] | found))
        if values:
            rows = rows.filter(pl.col(name).is_in(list(values)))
    if asked.from_date is not None:
        rows = rows.filter(pl.col("day") >= asked.from_date)
    if asked.to_date is not None:
        rows = rows.filter(pl.col("day") < asked.to_date)
    if asked.seq is not None:
        rows = rows.filter(pl.col("seq") == asked.seq)
    if asked.ids:
        begins = pl.any_horizontal(pl.col("finding_id").str.starts_with(text) for text in asked.ids)
        how = "billmill findings list --state all"
        return each_once(rows.filter(begins).collect(), asked.ids, "finding_id", "finding", how)
    return rows.collect()


def _with_state(connection: Connection, findings: pl.DataFrame) -> pl.DataFrame:
    """Add `state`. A finding is overtaken when its day was landed or judged again with another outcome."""
    decisions = facts(connection, "finding_decision").select(
        "finding_id", decided="state", is_approved=pl.col("approved_by").is_not_null()
    )
    same = ["channel_no", "day", "first_slot", "last_slot", "rule"]
    # Register findings of one day and rule may be about two meters; only interval ones have slots to go by.
    latest = pl.when(pl.col("first_slot").is_not_null()).then(pl.col("seq").max().over(same)).otherwise("seq")
    is_interval = pl.col("first_slot").is_not_null()
    is_overtaken = is_interval & ((latest > pl.col("seq")) | (pl.col("landed_seq") != pl.col("base_seq")))
    waits = (pl.col("decided") == FindingState.EDITED.value) & ~pl.col("is_approved")
    state = (
        pl.when(waits)
        .then(pl.lit(FindingState.PROPOSED.value))
        .otherwise(pl.col("decided").fill_null(FindingState.OPEN.value))
    )
    is_open = state.is_in([FindingState.OPEN.value, FindingState.PROPOSED.value])
    return findings.join(decisions, how="left", on="finding_id", validate="1:1").with_columns(
        state=pl.when(is_open & is_overtaken).then(pl.lit(FindingState.OVERTAKEN.value)).otherwise(state)
    )


def _with_age(connection: Connection, findings: pl.DataFrame, business_date: date) -> pl.DataFrame:
    loads = query(connection, "SELECT seq, received_at FROM load WHERE kind = 'vee'")
    dated = findings.join(
        loads.select("seq", found_date=pl.col("received_at").dt.date()), how="left", on="seq", validate="m:1"
    )
    age = (pl.lit(business_date) - pl.col("found_date")).dt.total_days()
    return dated.with_columns(age_days=age.clip(lower_bound=0))
