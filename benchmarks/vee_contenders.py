"""Ways to validate a month of landed reads: Billmill's run of VEE, and what an analyst would write in Polars or SQL.

Billmill's contenders also estimate, edit and commit; the analysts' only say which channel-days are incomplete, have a
value below zero, or one far above the day's third highest. By these three counts all are compared.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import duckdb
import polars as pl

from benchmarks.vee_data import FIRST, NOW, october_files
from demo.lake import INTERVAL_MINUTES, PERIOD
from ingest.rules.rule_store import standard_rules
from ingest.rules.rules import DEFAULT_RULES, RuleSet
from ingest.vee.blocks import CHANNELS_PER_BLOCK
from ingest.vee.run import run_vee
from model.reads import slot_columns
from store.control import control, query
from store.lake import lake_files, scan_lake
from store.workspace import Workspace

_SLOTS = slot_columns(INTERVAL_MINUTES)
_WARN = DEFAULT_RULES.spike_warn_percent
RESULT = "found.parquet"
FLAGS = ("missing", "negative", "spike")

Counts = dict[str, int]
Work = Callable[[Workspace], Callable[[], Counts]]


@dataclass(frozen=True)
class Contender:
    """Work on books whose days of October have faults or not; `work` returns how its result is counted.

    `is_kept`: the months before were judged, so that what was measured of them is kept.
    """

    name: str
    is_faulty: bool
    work: Work
    is_kept: bool = False


def billmill(rules: RuleSet, block: int) -> Work:
    """Return a run of VEE: from landed to committed Parquet, findings and estimates included."""

    def run(workspace: Workspace) -> Callable[[], Counts]:
        run_vee(
            workspace, from_date=PERIOD[0], to_date=PERIOD[1], received_at=NOW, rules=rules, channels_per_block=block
        )
        return lambda: _committed(workspace)

    return run


def plain_polars(workspace: Workspace) -> Callable[[], Counts]:
    """Ask each landed day for its count, its lowest and its three highest values; write the days that fail."""
    channels = _channel_numbers(workspace)
    ordered = pl.concat_list(_SLOTS).list.drop_nulls().list.sort(descending=True)
    first, third = (pl.col("ordered").list.get(place, null_on_oob=True) for place in (0, 2))
    days = pl.scan_parquet(october_files(workspace)).select("channel_no", "day", "n", ordered=ordered)
    asked = days.select(
        "channel_no", "day",
        missing=pl.col("ordered").list.len() < pl.col("n"),
        negative=pl.col("ordered").list.get(-1, null_on_oob=True) < 0,
        spike=(third > 0) & ((first - third).cast(pl.Int64) * 100 > third.cast(pl.Int64) * _WARN),
    )  # fmt: skip
    calendar = pl.date_range(*PERIOD, closed="left", eager=True).alias("day").to_frame()
    every = channels.join(calendar, how="cross").lazy()
    joined = every.join(asked, how="left", on=["channel_no", "day"]).with_columns(
        pl.col("missing").fill_null(value=True), pl.col("negative", "spike").fill_null(value=False)
    )
    path = workspace.root / RESULT
    joined.filter(pl.any_horizontal(FLAGS)).collect().write_parquet(path)
    return lambda: _counted(path)


def duckdb_sql(workspace: Workspace) -> Callable[[], Counts]:
    """Ask the same in SQL."""
    numbers = _channel_numbers(workspace)
    path = workspace.root / RESULT
    files = [str(file) for file in october_files(workspace)]
    with duckdb.connect(config={"threads": 2}) as connection:
        connection.register("numbers", numbers)
        connection.execute(
            f"""
            COPY (
                WITH ordered AS (
                    SELECT channel_no, day, n,
                           list_reverse_sort(list_filter([{", ".join(_SLOTS)}], lambda v: v IS NOT NULL)) AS v
                    FROM read_parquet({files!r})
                ), every AS (
                    SELECT channel_no, day::DATE AS day
                    FROM numbers, range(DATE '{PERIOD[0]}', DATE '{PERIOD[1]}', INTERVAL 1 DAY) AS t(day)
                ), asked AS (
                    SELECT channel_no, day,
                           coalesce(len(v) < n, true) AS missing,
                           coalesce(v[-1] < 0, false) AS negative,
                           coalesce(v[3] > 0 AND (v[1] - v[3])::BIGINT * 100 > v[3]::BIGINT * {_WARN}, false) AS spike
                    FROM every LEFT JOIN ordered USING (channel_no, day)
                )
                SELECT * FROM asked WHERE missing OR negative OR spike
            ) TO '{path}' (FORMAT parquet)
            """
        )
    return lambda: _counted(path)


def judge_months_before(workspace: Workspace, block: int) -> None:
    """Judge the eight weeks before October, a month at a time, as a utility did when they were billed."""
    first = FIRST
    while first < PERIOD[0]:
        after = (first.replace(day=1) + timedelta(days=31)).replace(day=1)
        run_vee(
            workspace, from_date=first, to_date=after, received_at=NOW, rules=standard_rules(), channels_per_block=block
        )
        first = after


def contenders(block: int = CHANNELS_PER_BLOCK) -> list[Contender]:
    """Return all, in the order of the table; `block` channels are judged at once by Billmill."""
    return [
        Contender("Billmill, no rule set", False, billmill(DEFAULT_RULES, block)),
        Contender("Billmill, no rule set, 1 % of days faulty", True, billmill(DEFAULT_RULES, block)),
        Contender("Billmill, standard rule set", False, billmill(standard_rules(), block)),
        Contender("Billmill, standard rule set, 1 % of days faulty", True, billmill(standard_rules(), block)),
        Contender("Billmill, standard rule set, past kept", False, billmill(standard_rules(), block), is_kept=True),
        Contender(
            "Billmill, standard rule set, past kept, 1 % of days faulty",
            True,
            billmill(standard_rules(), block),
            is_kept=True,
        ),
        Contender("Polars, three checks", True, plain_polars),
        Contender("DuckDB SQL, three checks", True, duckdb_sql),
    ]


def _channel_numbers(workspace: Workspace) -> pl.DataFrame:
    with control(workspace, purpose="benchmark") as connection:
        return query(connection, "SELECT channel_no FROM channel_number ORDER BY channel_no")


def _committed(workspace: Workspace) -> Counts:
    """Count the channel-days of October with findings that an analyst would have, in what was committed."""
    with control(workspace, purpose="benchmark") as connection:
        files = lake_files(connection, "findings")
    october = scan_lake(workspace, files).filter(pl.col("day") >= PERIOD[0])
    found = october.select("channel_no", "day", "reason").unique().collect()
    reasons = {"missing": ["missing", "missing_day"], "negative": ["negative"], "spike": ["spike"]}
    keyed = {flag: found.filter(pl.col("reason").is_in(names)) for flag, names in reasons.items()}
    return {flag: rows.select("channel_no", "day").n_unique() for flag, rows in keyed.items()}


def _counted(path: Path) -> Counts:
    flagged = pl.read_parquet(path)
    return {flag: int(flagged[flag].sum()) for flag in FLAGS}
