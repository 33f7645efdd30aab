"""Whom a tariff bills in a cycle, known by a hash of all that it rests on: the same hash, the same amounts.

So what was made of it for one proposal serves the next: agreements, added-up days, what accounts owe by the present
tariff. What is stale is not found. It only serves comparisons, whose amounts nobody owes.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from datetime import datetime

import polars as pl
from pandera.typing.polars import DataFrame

from accounts.selection import Cycle
from cycles.publishing.carried import banks_before
from cycles.quotes.unplanned import Unplanned, gather_unplanned
from cycles.runs.inputs import GATHERED_FROM, Inputs, last_load, reads_of
from model.accounts import IMPORTED
from model.errors import ConfigError
from model.events import EVENTS
from model.ids import content_hash
from model.rating import DueAgreements, DueAttributes
from model.schema import checked
from rating.segments import KEYS_APART
from store.code import code_version
from store.control import Connection, query
from store.facts import facts_mark
from store.kept import keep_frames, kept_frames
from store.workspace import Workspace

_FACTS = tuple(dict.fromkeys([*IMPORTED, *EVENTS, *GATHERED_FROM, "quantity_history", "opening_banks"]))
_HEAD = ["due", "attributes", "reads"]


@dataclass(frozen=True)
class Question:
    """Whose bills: who has a tariff in a cycle, in some branches (none: all), as known at a time.

    `names`: the attributes that matter (tariff_id, name).
    """

    tariff_id: str
    cycle: Cycle
    branches: tuple[str, ...]
    known_at: datetime
    names: pl.DataFrame


@dataclass(frozen=True)
class Base:
    """Whom a tariff bills. `key` stands for all of it and for its reads.

    `due`: for each calendar an agreement; `attributes`: theirs. `gathered`: all agreements, when they were gathered.
    """

    workspace: Workspace
    key: str
    due: DataFrame[DueAgreements]
    attributes: DataFrame[DueAttributes]
    gathered: Unplanned | None


def find_base(connection: Connection, workspace: Workspace, question: Question) -> Base:
    """Return whom a tariff bills, gathered only when nothing is kept of it.

    Raises:
        ConfigError: it is nobody.
    """
    key, gathered = _facts_key(connection, question), None
    head = kept_frames(workspace.profiles, key, _HEAD)
    if head is None:
        gathered = gather_base(connection, workspace, question)
        head = _head(gathered)
        keep_frames(workspace.profiles, key, head)
    reads = _reads_key(connection, head["reads"])
    due, attributes = checked(DueAgreements, head["due"]), checked(DueAttributes, head["attributes"])
    return Base(workspace, content_hash(key, reads)[:32], due, attributes, gathered)


def gather_base(connection: Connection, workspace: Workspace, question: Question) -> Unplanned:
    """Return all agreements that a tariff bills, and what they carried into days that may be billed already.

    Raises:
        ConfigError: it bills nobody.
    """
    chosen = pl.col("tariff_id") == question.tariff_id
    gathered = gather_unplanned(
        connection, workspace, question.cycle, chosen, question.branches, question.known_at, question.names
    )
    if gathered is None:
        raise ConfigError(
            f"tariff `{question.tariff_id}` bills nobody in cycle `{question.cycle.cycle_id}`",
            hint="choose another with --cycle",
        )
    frames = gathered.inputs.frames
    frames["banks"] = banks_before(connection, frames["due"], question.known_at)
    return gathered


def _facts_key(connection: Connection, question: Question) -> str:
    """Return the hash of the question, and of all tables that `gather_base` looks at."""
    names = question.names.select("tariff_id", "name").sort("tariff_id", "name").write_json()
    cycle = json.dumps(asdict(question.cycle), default=str)
    asked = [question.tariff_id, cycle, json.dumps(question.branches), names]
    marks = [facts_mark(connection, table, known_at=question.known_at) for table in _FACTS]
    # Numbers of channels have no time of their own; of balances every one that was ever learned may count.
    numbers = "SELECT count(*) AS rows, CAST(sum(hash(channel_no, channel_id)) AS VARCHAR) AS mark FROM channel_number"
    banks = (
        "SELECT count(*) AS rows, CAST(sum(hash(b)) AS VARCHAR) AS mark FROM bank_balance AS b WHERE recorded_at <= ?"
    )
    others = [query(connection, numbers).row(0), query(connection, banks, [question.known_at]).row(0)]
    return content_hash(code_version(), *asked, *marks, *others)[:32]


def _head(gathered: Unplanned) -> dict[str, pl.DataFrame]:
    """Return what has to be known of the agreements before their rows are: few rows, whatever their number."""
    frames = gathered.inputs.frames
    due, attributes = frames["due"], frames["attributes"]
    key = ["agreement_id", "start_date"]
    texts = (
        attributes.filter(pl.col("text").is_not_null())
        .sort(*key, "name")
        .group_by(key, maintain_order=True)
        .agg(pl.format("{}={}", "name", "text").str.join(KEYS_APART).alias("texts"))
    )
    calendar = ["tz_name", "start_date", "end_date", "texts"]
    named = due.join(texts, on=key, how="left", validate="1:1", maintain_order="left")
    some = named.unique(calendar, keep="first", maintain_order=True).drop("texts")
    first_date = min(gathered.cycle.period_start_date, due["start_date"].min())  # type: ignore[type-var]  # dates
    reads = (
        frames["channels"]
        .group_by("interval_minutes")
        .agg(pl.col("channel_no").min().alias("low"), pl.col("channel_no").max().alias("high"))
        .sort("interval_minutes")
        .with_columns(first_date=pl.lit(first_date), after_date=pl.lit(gathered.cycle.period_end_date))
    )
    return {"due": some, "attributes": attributes.join(some, on=key, how="semi"), "reads": reads}


def _reads_key(connection: Connection, reads: pl.DataFrame) -> str:
    """Return the hash of the files that can hold reads of the channels. `reads`: see `_head`."""
    if reads.is_empty():
        return ""
    found = reads_of(connection, reads.select("first_date", "after_date").row(0), last_load(connection))
    listed = Inputs({}, found).listed()
    mine = [
        file
        for minutes, low, high in reads.select("interval_minutes", "low", "high").iter_rows()
        for table in (["register_reads"] if minutes == 0 else [f"reads_day_{minutes}", f"vee_day_{minutes}"])
        for file in listed.get(table, [])
        if file["channel_min"] is None or (file["channel_min"] <= high and file["channel_max"] >= low)
    ]
    return content_hash(json.dumps(mine, sort_keys=True, default=str))
