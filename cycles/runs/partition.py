"""What one partition computes: a function of its inputs alone, whatever machine, order or attempt.

The steps are values in `STEPS`: a worker runs them, and `bill explain` runs the same ones to show their results.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import date
from functools import partial
from pathlib import Path
from typing import Any

import polars as pl
from pandera.typing.polars import DataFrame

from cycles.review.bill_use import use_of
from cycles.runners.tasks import Receipt, Task, lake_file_from, write_receipt
from cycles.runs.controls import control_totals, partition_offenders
from cycles.runs.energy import energy_controls
from cycles.runs.folders import Frames, plan_frame, plan_rows, read_frame
from ingest.rules.rule_store import rules_of_text
from ingest.vee.registers import usage_between_reads
from ingest.versions import current_days, current_registers
from ledger.post import post_bills
from model.accounts import ChannelNumbers, Meters
from model.bills import Bills
from model.codes import ParkReason
from model.events import OneOffCharges
from model.metering import QualityGates
from model.rating import (
    BankBalances,
    DueAgreements,
    DueAttributes,
    DueChannels,
    History,
    Parked,
    Rated,
    RatingInput,
)
from model.reads import INTERVAL_LENGTHS, RegisterReads, read_days_schema
from model.schema import arranged, checked, empty
from model.tariff import RATE_BOOK_TABLES, RateBook
from outputs.bills import build_bills
from rating.aside import set_aside
from rating.corrections import corrected_days, corrected_usage
from rating.stages import rate
from store.bring import bring_plan
from store.files import read_bytes
from store.lake import LakeFile, scan_lake, write_lake_files
from store.workspace import Workspace, open_workspace

# Before the name of a table of the rate book, among the frames of a plan.
BOOK = "book_"
# Tables of rate books that this process read last, by their hash; the oldest goes first.
_TABLES: dict[str, pl.DataFrame] = {}
_KEPT_TABLES = 2 * len(RATE_BOOK_TABLES)


@dataclass
class Work:
    """A partition's inputs and, step by step, its results."""

    workspace: Workspace
    folder: Path
    plan: dict[str, Any]
    keep: pl.Expr
    """Which rows of the plan's due agreements belong to this work."""
    partition: int
    frame: Frames
    """Gives a frame of the plan by its name."""
    rating_input: RatingInput | None = None
    rated: Rated | None = None
    bills: DataFrame[Bills] | None = None
    tables: dict[str, pl.DataFrame] = field(default_factory=dict)


def compute_partition(task: Task) -> Receipt:
    """Compute a partition, write its files and leave its receipt. Computing it again changes nothing."""
    workspace = open_workspace(Path(task.workspace))
    work = work_on(workspace, task.run_id, pl.col("partition") == task.partition, task.partition)
    work.frame = partial(_frame_of_partition, work.folder, work.plan, task.partition)
    for step in STEPS:
        step.run(work)
    assert work.rating_input is not None
    return leave_receipt(workspace, task, work.tables, due=work.rating_input.due)


def leave_receipt(
    workspace: Workspace, task: Task, tables: dict[str, pl.DataFrame], *, due: DataFrame[DueAgreements],
    is_reviewed: bool = True,
) -> Receipt:  # fmt: skip
    """Write the tables of a partition to the lake and leave its receipt. `due`: what it was to bill.

    What must meet is compared here, where the rows are in memory; the receipt says how often it does not. So is found
    what the review of a run looks at (`is_reviewed`).
    """
    folder = f"runs/{task.run_id}/tables"
    files = write_lake_files(workspace, folder, tables)
    counts = {table: frame.height for table, frame in tables.items()} | {"due": due.height}
    offenders = partition_offenders(due, tables).height
    used = {"bill_use": use_of(tables["bill_lines"].lazy(), tables["bills"].lazy())} if is_reviewed else {}
    beside = write_lake_files(workspace, folder, used)
    receipt = Receipt(task.run_id, task.partition, files, counts, control_totals(tables), offenders, beside)
    return write_receipt(workspace.runs / task.run_id, receipt)


def work_on(workspace: Workspace, run_id: str, keep: pl.Expr, partition: int = 0) -> Work:
    """Return the work for a part of a planned run."""
    folder = workspace.runs / run_id
    bring_plan(folder)
    plan = json.loads(read_bytes(folder / "plan" / "plan.json"))
    return Work(workspace, folder, plan, keep, partition, partial(_frame_of_plan, folder, plan["files"]))


def _frame_of_plan(folder: Path, hashes: dict[str, str], name: str, keep: pl.Expr | None = None) -> pl.DataFrame:
    """Return a frame of a plan; the tables of its rate book are read once by each worker."""
    if keep is None and name.startswith(BOOK):
        return kept_table(folder / "plan" / f"{name}.parquet", hashes[f"{name}.parquet"])
    return plan_frame(folder, name, keep).rechunk()


def _frame_of_partition(
    folder: Path, plan: dict[str, Any], partition: int, name: str, keep: pl.Expr | None = None
) -> pl.DataFrame:
    """Return a frame of a plan; of one that lies in order of partitions (`inputs.Inputs.places`) only its own part."""
    places = plan.get("places", {}).get(name)
    if places is None or keep is None:
        return _frame_of_plan(folder, plan["files"], name, keep)
    return plan_rows(folder, name, [(places[partition], places[partition + 1]), (places[-2], places[-1])]).filter(keep)


def kept_table(path: Path, sha256: str) -> pl.DataFrame:
    """Return a table of a rate book in a plan; one that was read lately is the very same frame, wherever it lies."""
    found = _TABLES.pop(sha256, None)
    table = read_frame(path) if found is None else found
    _TABLES[sha256] = table
    while len(_TABLES) > _KEPT_TABLES:
        _TABLES.pop(next(iter(_TABLES)))
    return table


def _gather(work: Work) -> None:
    """Read the part of the plan and the reads it needs."""
    due = checked(DueAgreements, work.frame("due", work.keep))
    of_agreement, of_point = (
        pl.col(name).is_in(due[name].unique().implode()) for name in ("agreement_id", "service_point_id")
    )
    attributes, banks = (work.frame(name, of_agreement) for name in ("attributes", "banks"))
    # Beside what is asked for stands what lets whole row groups be passed by.
    channels = work.frame("channels", of_agreement & _between("partition", due))
    history = work.frame("history", of_point)
    of_channel = pl.col("channel_no").is_in(channels["channel_no"].unique().implode())
    numbers = work.frame("numbers", of_channel & _between("channel_no", channels))
    first = min([date.fromisoformat(work.plan["cycle"]["period_start_date"]), *due["start_date"].unique()])
    after = date.fromisoformat(work.plan["cycle"]["period_end_date"])
    days = {}
    for minutes in INTERVAL_LENGTHS:
        wanted = channels.filter(pl.col("interval_minutes") == minutes)["channel_no"].unique().sort()
        if wanted.len():
            days[minutes] = _days(work, minutes, wanted, first, after)
    book = RateBook(**{table: work.frame(BOOK + table) for table in RATE_BOOK_TABLES})  # type: ignore[arg-type]
    meters = arranged(Meters, work.frame("meters", of_point))
    usage, _ = usage_between_reads(
        _registers(work, numbers), meters, arranged(ChannelNumbers, numbers), rules_of_text(work.plan.get("rules")),
        classes=_classes(due, numbers),
    )  # fmt: skip
    corrections = work.frame("corrections")
    days = {minutes: corrected_days(frame, corrections, minutes) for minutes, frame in days.items()}
    usage = corrected_usage(usage, corrections)
    charges = work.frame("one_offs", of_agreement)
    work.rating_input = RatingInput(
        due, checked(DueChannels, channels), days, usage, book,
        checked(DueAttributes, attributes), checked(History, history), checked(BankBalances, banks),
        checked(QualityGates, work.frame("gates")),
        None if work.plan.get("estimates_allowed", True) else _date(work.plan["cycle"], "estimate_date"),
        checked(OneOffCharges, charges),
    )  # fmt: skip


def _between(name: str, rows: pl.DataFrame) -> pl.Expr:
    """Return whether a column lies between its lowest and highest value in some rows."""
    return pl.col(name).is_between(rows[name].min(), rows[name].max())


def _date(values: dict[str, Any], key: str) -> date | None:
    """Return a date of a plan; None where it has none."""
    return date.fromisoformat(values[key]) if values.get(key) else None


def _classes(due: pl.DataFrame, numbers: pl.DataFrame) -> pl.DataFrame:
    """Return the class of each channel as VEE sees it: that of the agreement which began last."""
    latest = due.sort("service_point_id", "start_date", "account_id").unique("service_point_id", keep="last")
    points = latest.select("service_point_id", "revenue_class")
    return (
        numbers.select("channel_no", "service_point_id")
        .join(points, how="left", on="service_point_id", validate="m:1")
        .drop("service_point_id")
    )


def _rate(work: Work) -> None:
    assert work.rating_input is not None
    rated = rate(work.rating_input)
    rated = replace(rated, parked=_with_notes(rated.parked, work.rating_input.due, work.plan.get("tariff_notes", {})))
    rated = _with_holds(rated, work.rating_input.due, work.plan.get("held", {}))
    work.rated = rated
    work.tables |= {
        "bill_lines": rated.lines, "determinants": rated.determinants, "parked": rated.parked,
        "history": rated.history, "banks": rated.banks,
    }  # fmt: skip


def _with_holds(rated: Rated, due: DataFrame[DueAgreements], held: dict[str, str]) -> Rated:
    """Park the accounts that the plan says are held, each with what it says of the hold."""
    if not held:
        return rated
    detail = pl.col("account_id").replace_strict(held, default=None, return_dtype=pl.String)
    bills = due.select("bill_id", detail=detail).drop_nulls().unique()
    return set_aside(rated, due, bills, ParkReason.HELD, "hold")


def _with_notes(parked: DataFrame[Parked], due: DataFrame[DueAgreements], notes: dict[str, str]) -> DataFrame[Parked]:
    """Add to who misses a tariff version what the plan knows of it: a draft that waits, or since when it is retired."""
    if not notes:
        return parked
    tariffs = due.select(
        "agreement_id",
        "start_date",
        pl.col("tariff_id").replace_strict(notes, default=None, return_dtype=pl.String).alias("note"),
    )
    noted = parked.join(tariffs, on=["agreement_id", "start_date"], how="left", validate="m:1", maintain_order="left")
    is_noted = (pl.col("reason") == ParkReason.NO_TARIFF_VERSION.value) & pl.col("note").is_not_null()
    detail = pl.when(is_noted).then(pl.format("{}; {}", "detail", "note")).otherwise("detail").alias("detail")
    return arranged(Parked, noted.with_columns(detail))


def _bill(work: Work) -> None:
    assert work.rating_input is not None and work.rated is not None
    issue_date = date.fromisoformat(work.plan["business_date"])
    work.bills = build_bills(work.rated.lines, work.rating_input.due, issue_date, _date(work.plan["cycle"], "due_date"))
    work.tables["bills"] = work.bills


def _count(work: Work) -> None:
    assert work.rating_input is not None and work.rated is not None
    work.tables["energy_controls"] = energy_controls(work.rating_input, work.rated, work.partition)


def _post(work: Work) -> None:
    assert work.rated is not None and work.bills is not None
    posted = post_bills(work.bills, work.rated.lines, date.fromisoformat(work.plan["business_date"]))
    work.tables |= {"journal_lines": posted.journal_lines, "open_items": posted.open_items}


@dataclass(frozen=True)
class Step:
    """A step of a partition: what it is called, what it does, and the function that does it."""

    name: str
    what: str
    run: Callable[[Work], None]


STEPS: tuple[Step, ...] = (
    Step("gather", "read the plan's agreements, validated intervals, register use and the rate book", _gather),
    Step("rate", "segments, determinants, charges, percentages, rounding", _rate),
    Step("bill", "bills from lines", _bill),
    Step("count", "energy read against energy billed and parked", _count),
    Step("post", "a balanced journal and an open item per bill", _post),
)


def _inputs(work: Work, table: str, channels: pl.Series) -> list[LakeFile]:
    """Return the plan's files of a table that can hold rows of these channels, in order of channel and day."""
    low, high = int(channels.min()), int(channels.max())  # type: ignore[arg-type]
    listed = [lake_file_from(item) for item in work.plan["inputs"].get(table, [])]
    files = sorted(listed, key=lambda file: (file.channel_min or 0, file.day_min or date.min, file.path))
    return [
        file
        for file in files
        if file.channel_min is None or (file.channel_min <= high and (file.channel_max or 0) >= low)
    ]


def _days(work: Work, minutes: int, channels: pl.Series, first: date, after: date) -> pl.DataFrame:
    low, high = channels.min(), channels.max()
    near = pl.col("channel_no").is_between(low, high) & pl.col("day").is_between(first, after, closed="left")
    wanted = near & pl.col("channel_no").is_in(channels.implode())
    landed, judged = (_inputs(work, f"{kind}_day_{minutes}", channels) for kind in ("reads", "vee"))
    nothing = pl.LazyFrame(schema=read_days_schema(minutes))
    return current_days(
        scan_lake(work.workspace, landed).filter(wanted) if landed else nothing,
        scan_lake(work.workspace, judged).filter(wanted) if judged else None,
        minutes,
    )


def _registers(work: Work, numbers: pl.DataFrame) -> DataFrame[RegisterReads]:
    if numbers.is_empty():
        return empty(RegisterReads)
    files = _inputs(work, "register_reads", numbers["channel_no"])
    if not files:
        return empty(RegisterReads)
    wanted = pl.col("channel_no").is_in(numbers["channel_no"].implode())
    return current_registers(scan_lake(work.workspace, files).filter(wanted).collect())
