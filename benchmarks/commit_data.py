"""A planned run with computed partitions, drawn by the real schemas: what the driver finds when workers are done."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path

import polars as pl

from benchmarks.pool import in_processes
from cycles.review.bill_use import use_of
from cycles.runners.tasks import Receipt, write_receipt
from cycles.runs.controls import control_totals, partition_offenders
from cycles.runs.plan import as_parquet
from cycles.runs.records import add_run
from cycles.setup import init_workspace
from ledger.post import post_bills
from model.codes import ParkReason, RunKind, RunState
from model.controls import EnergyControls
from model.ids import content_hash, run_id
from model.rating import BankBalances, BillLines, Determinants, DueAgreements, History, Parked
from model.schema import arranged, empty
from outputs.bills import build_bills
from store.audit import record
from store.code import code_version
from store.control import control, transaction
from store.files import file_content_hash, write_bytes_atomic
from store.lake import write_lake_files
from store.workspace import open_workspace

DRAWN_AT = datetime(2026, 11, 3, tzinfo=UTC)
START, END, ISSUED = date(2026, 10, 1), date(2026, 11, 1), date(2026, 11, 3)
CYCLE = "2026-10-G01"
BRANCHES = 9
# Of 11 accounts nine have electricity and water, two electricity alone: about as many as in the month's utility.
_KEYS, _ACCOUNTS = 20, 11
_PARKED_EVERY = 97  # accounts of a partition
_HISTORY_EVERY = 40  # agreements, those whose demand later bills look back at
_ROW_GROUP = 100_000
# Ids are a letter, the number of the partition, a number in it; the partition that is computed has a mark there.
_DIGITS, _PLACE = 5, "#####"


@dataclass(frozen=True)
class DrawnRun:
    """A run that is planned and computed, and nothing else in its workspace."""

    root: Path
    run_id: str
    partitions: int
    keys: int
    file_bytes: int


def draw_run(root: Path, partitions: int, keys: int, workers: int, say: Callable[[str], None]) -> DrawnRun:
    """Draw a run of so many partitions and about so many segment keys."""
    each = max(1, keys // partitions // _KEYS) * _KEYS
    assert each < 10**_DIGITS and partitions < 10**_DIGITS, "numbers of five digits"
    keys = each * partitions
    workspace = init_workspace(root, name="commit", at=DRAWN_AT, actor="bench")
    run = run_id(RunKind.BILL, CYCLE, ISSUED, 1)
    folder = workspace.runs / run / "plan"
    folder.mkdir(parents=True)
    numbers = pl.int_range(keys, eager=True).alias("k").to_frame().lazy()
    in_plan = _due(numbers, each, pl.col("partition").cast(pl.String).str.zfill(_DIGITS), partitions)
    in_plan.sink_parquet(folder / "due.parquet", compression="lz4", row_group_size=_ROW_GROUP)
    (folder / "banks.parquet").write_bytes(as_parquet(empty(BankBalances)))
    files = {path.name: file_content_hash(path) for path in sorted(folder.glob("*.parquet"))}
    _add_run(root, run, partitions, keys, files)
    tasks = [(root, run, *part, each, partitions) for part in _parts(partitions)]
    drawn = sum(in_processes(_draw_partitions, tasks, workers, "drawing", say))
    return DrawnRun(root, run, partitions, keys, drawn)


def _parts(partitions: int) -> Iterator[tuple[int, int]]:
    """Cut the partitions into pieces of work for a process: first, after."""
    step = max(1, partitions // 64)
    for first in range(0, partitions, step):
        yield first, min(first + step, partitions)


def _draw_partitions(root: Path, run: str, first: int, after: int, each: int, partitions: int) -> int:
    """Draw partitions as workers leave them; return their bytes. They need not survive a power cut.

    One is computed, by the functions that a worker calls; the others are it, with numbers and branches of their own.
    """
    os.fsync = _not_forced
    workspace, total = open_workspace(root), 0
    numbers = pl.int_range(each, eager=True).alias("k").to_frame().lazy()
    due = arranged(DueAgreements, _due(numbers, each, pl.lit(_PLACE), partitions).collect())
    tables = _tables(due)
    counts = {table: frame.height for table, frame in tables.items()} | {"due": due.height}
    totals, offenders = control_totals(tables), partition_offenders(due, tables).height
    used = {"bill_use": use_of(tables["bill_lines"].lazy(), tables["bills"].lazy())}
    for partition in range(first, after):
        files, beside = (
            write_lake_files(
                workspace, f"runs/{run}/tables",
                {table: _of_partition(frame, partition, partitions) for table, frame in computed.items()},
            )
            for computed in (tables, used)
        )  # fmt: skip
        write_receipt(workspace.runs / run, Receipt(run, partition, files, counts, totals, offenders, beside))
        total += sum(file.bytes for file in (*files, *beside))
    return total


def _of_partition(frame: pl.DataFrame, partition: int, partitions: int) -> pl.DataFrame:
    """Return a table of the partition that was computed as that of another one."""
    head = frame.head(1)
    numbered = [
        name
        for name, dtype in frame.schema.items()
        if dtype == pl.String and head.select(pl.col(name).str.contains(_PLACE, literal=True).any()).item()
    ]
    own = {"branch_id": pl.lit(_branch(partition, partitions)), "partition": pl.lit(partition, dtype=pl.Int32)}
    return frame.with_columns(
        pl.col(numbered).str.replace(_PLACE, str(partition).zfill(_DIGITS), literal=True),
        **{name: value.cast(frame.schema[name]) for name, value in own.items() if name in frame.columns},
    )  # fmt: skip


def _branch(partition: int, partitions: int) -> str:
    return f"B{partition * BRANCHES // partitions + 1}"


def _not_forced(fd: object) -> None:
    """Leave a file to the system, in place of `os.fsync`."""


def _due(numbers: pl.LazyFrame, each: int, place: pl.Expr, partitions: int) -> pl.LazyFrame:
    """Return the due agreements of numbers `k`, so many to a partition, whose number in ids is `place`."""
    own = pl.col("k") % each
    number = own * _ACCOUNTS // _KEYS
    padded, agreement = (pl.concat_str(place, one.cast(pl.String).str.zfill(_DIGITS)) for one in (number, own))
    is_second = (own > 0) & ((own - 1) * _ACCOUNTS // _KEYS == number)
    return numbers.with_columns(partition=(pl.col("k") // each).cast(pl.Int32)).select(
        bill_id=pl.concat_str(pl.lit("A"), padded, pl.lit(f".{CYCLE}.r0")),
        account_id=pl.concat_str(pl.lit("A"), padded),
        customer_id=pl.concat_str(pl.lit("C"), padded),
        branch_id=pl.format("B{}", pl.col("partition").cast(pl.Int64) * BRANCHES // partitions + 1),
        revenue_class=pl.lit("residential"),
        payment_days=pl.lit(14, dtype=pl.Int32),
        currency=pl.lit("EUR"),
        agreement_id=pl.concat_str(pl.lit("S"), agreement),
        service_point_id=pl.concat_str(pl.lit("P"), agreement),
        premise_id=pl.concat_str(pl.lit("H"), padded),
        commodity=pl.when(is_second).then(pl.lit("water")).otherwise(pl.lit("electricity")),
        tz_name=pl.lit("Europe/Berlin"),
        tariff_id=pl.lit("res-tou"),
        start_date=pl.lit(START),
        end_date=pl.lit(END),
        cycle_id=pl.lit(CYCLE),
        cycle_start_date=pl.lit(START),
        cycle_end_date=pl.lit(END),
        partition=pl.col("partition"),
    )


def _tables(due: pl.DataFrame) -> dict[str, pl.DataFrame]:
    """Return what a partition leaves: each agreement a line of use and one of days, each bill a tax."""
    parks = pl.col("account_id").str.tail(_DIGITS).cast(pl.Int64) % _PARKED_EVERY == 0
    billed = due.filter(~parks)
    lines = arranged(BillLines, _lines(billed).sort("bill_id", "line_no"))
    bills = build_bills(lines, due, ISSUED)  # type: ignore[arg-type]  # arranged by who draws
    posted = post_bills(bills, lines, ISSUED)
    parked = due.filter(parks).with_columns(
        stage=pl.lit("segments"), reason=pl.lit(ParkReason.NO_TARIFF_VERSION.value), owner=pl.lit("tariffs"),
        detail=pl.lit("no version on 2026-10-01"),
    )  # fmt: skip
    energy = due.group_by("partition", "branch_id", measure=pl.lit("import_energy")).agg(
        read=pl.len() * 1000, billed=(~parks).sum() * 1000, parked=parks.sum() * 1000, unpriced=pl.lit(0)
    )
    return {
        "bill_lines": lines, "bills": bills, "determinants": _determinants(billed), "history": _history(billed),
        "banks": empty(BankBalances), "parked": arranged(Parked, parked),
        "energy_controls": arranged(EnergyControls, energy.sort("branch_id")),
        "journal_lines": posted.journal_lines, "open_items": posted.open_items,
    }  # fmt: skip


def _quantity() -> pl.Expr:
    """Return the use of an agreement: 100.000 to 699.999 kWh."""
    return 100_000 + pl.col("agreement_id").str.tail(_DIGITS).cast(pl.Int64) * 7919 % 600_000


def _lines(billed: pl.DataFrame) -> pl.DataFrame:
    place = pl.int_range(pl.len()).over("bill_id") * 2
    common = billed.with_columns(
        quantity=_quantity(), place=place, period_start_date="start_date", period_end_date="end_date",
        version_id=pl.lit("res-tou@2026-01-01"), category=pl.lit("charge"), gl_account=pl.lit("440"),
        season=pl.lit(""), tou=pl.lit(""), tier=pl.lit(0), unit_size=pl.lit(1000), split_method=pl.lit("interval"),
        is_estimated=pl.lit(False), reads_seq=pl.lit(1), fixed=pl.lit(0),
    )  # fmt: skip
    use = common.with_columns(
        component_id=pl.lit("energy"), kind=pl.lit("quantity"), determinant=pl.lit("kwh"), unit=pl.lit("kWh"),
        rate=pl.lit("0.30").cast(pl.Decimal(18, 9)), line_text=pl.lit("Energy"), line_no=pl.col("place") + 1,
        amount_minor=pl.col("quantity") * 30 // 1000,
    )  # fmt: skip
    days = common.with_columns(
        component_id=pl.lit("supply"), kind=pl.lit("daily"), determinant=pl.lit("days"), unit=pl.lit("day"),
        quantity=pl.lit(31, dtype=pl.Int64), rate=pl.lit("0.40").cast(pl.Decimal(18, 9)), unit_size=pl.lit(1),
        line_text=pl.lit("Supply"), line_no=pl.col("place") + 2, amount_minor=pl.lit(1240, dtype=pl.Int64),
    )  # fmt: skip
    charges = pl.concat([use, days])
    base = charges.group_by("bill_id").agg(pl.col("amount_minor").sum().alias("base"), pl.len().alias("lines"))
    tax = (
        use.filter(pl.col("place") == 0)
        .join(base, on="bill_id", how="inner", validate="1:1")
        .with_columns(
            component_id=pl.lit("vat"), kind=pl.lit("percent"), category=pl.lit("tax"), tax_code=pl.lit("VAT"),
            determinant=pl.lit("energy,supply"), unit=pl.lit("%"), unit_size=pl.lit(1), quantity="base",
            rate=pl.lit("19").cast(pl.Decimal(18, 9)), line_text=pl.lit("VAT"), gl_account=pl.lit("241"),
            line_no=pl.col("lines").cast(pl.Int64) + 1, amount_minor=(pl.col("base") * 19 + 50) // 100,
        )
    )  # fmt: skip
    columns = charges.columns
    every = pl.concat([charges.with_columns(tax_code=pl.lit(None, dtype=pl.String)), tax.select(*columns, "tax_code")])
    return every.with_columns(
        line_id=pl.concat_str("bill_id", "agreement_id", "component_id", separator="|"),
        amount_exact=pl.col("amount_minor").cast(pl.Decimal(38, 15)) / 100,
    )


def _determinants(billed: pl.DataFrame) -> pl.DataFrame:
    found = billed.select(
        "agreement_id", segment_no=pl.lit(1), slice_no=pl.lit(1), quantity_id=pl.lit("kwh"), tou=pl.lit(""),
        agg=pl.lit("sum"), quantity=_quantity(), is_estimated=pl.lit(False), split_method=pl.lit("interval"),
        reads_seq=pl.lit(1),
    )  # fmt: skip
    return arranged(Determinants, found)


def _history(billed: pl.DataFrame) -> pl.DataFrame:
    found = billed.gather_every(_HISTORY_EVERY).select(
        "service_point_id", quantity_id=pl.lit("kw"), period_start_date="start_date", period_end_date="end_date",
        quantity=_quantity(), unit_size=pl.lit(1000), is_estimated=pl.lit(False), source=pl.lit("bill"),
    )  # fmt: skip
    return arranged(History, found)


def _add_run(root: Path, run: str, partitions: int, keys: int, files: dict[str, str]) -> None:
    """Write the plan and add its run, as planning does."""
    cycle = {"cycle_id": CYCLE, "bill_group": "G01", "period_start_date": START.isoformat(),
             "period_end_date": END.isoformat()}  # fmt: skip
    fingerprint = content_hash(*files.values(), code_version())
    plan = {
        "run_id": run, "kind": RunKind.BILL.value, "cycle": cycle, "branches": [], "sequence": 1, "seq_max": 1,
        "business_date": ISSUED.isoformat(), "known_at": DRAWN_AT.isoformat(), "partitions": partitions,
        "selected": keys, "files": files, "inputs": {}, "code_version": code_version(), "fingerprint": fingerprint,
    }  # fmt: skip
    text = json.dumps(plan, indent=1, sort_keys=True).encode()
    workspace = open_workspace(root)
    write_bytes_atomic(workspace.runs / run / "plan" / "plan.json", text)
    row = {
        "run_id": run, "kind": RunKind.BILL.value, "cycle_id": CYCLE, "branches": "", "business_date": ISSUED,
        "sequence": 1, "fingerprint": fingerprint, "plan_sha256": content_hash(text), "state": RunState.PLANNED.value,
        "known_at": DRAWN_AT, "seq_max": 1, "partitions": partitions, "selected": keys, "planned_by": "night",
        "planned_at": DRAWN_AT,
    }  # fmt: skip
    with control(workspace, purpose="draw") as connection, transaction(connection):
        add_run(connection, row)
        record(connection, at=DRAWN_AT, actor="night", action="plan", subject=run, detail=f"{keys} agreements")
