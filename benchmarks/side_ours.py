"""The month of `benchmarks.side_by_side` by Billmill, and what the machine could do: a bare scan, memory bandwidth."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import polars as pl

from benchmarks.contenders import due_of, parts_of
from benchmarks.determinants_data import rate_book, wide_files
from benchmarks.side_tariff import PATH, TARIFF
from demo.lake import INTERVAL_MINUTES
from ingest.versions import current_days
from model.rating import RatingInput
from model.reads import RegisterUsage, slot_columns
from model.schema import empty
from rating.parking import no_parks
from rating.ratebook import ready_components
from rating.segments import number_due
from rating.stages import STAGES, rate
from rating.stages import Work as RatingWork

Work = Callable[[], pl.DataFrame]
SLOTS = slot_columns(INTERVAL_MINUTES)


def determinants(folder: Path) -> Work:
    """Landed days to energy by period and maximum: versions settled, every slot and quality checked."""

    def found(given: RatingInput, numbers: pl.DataFrame) -> pl.DataFrame:
        due = number_due(given.due, given.attributes, given.book)
        work = RatingWork(given, ready_components(given.book), due, due, no_parks())
        for stage in STAGES:
            if work.determinants is None:
                work, _ = stage.run(work)
        assert work.determinants is not None, "a stage finds determinants"
        numbered = due.select("due_no", "agreement_id").join(numbers, on="agreement_id", how="left", validate="1:1")
        named = work.determinants.join(numbered, on="due_no", how="left", validate="m:1")
        is_energy = pl.col("quantity_id") == "kwh"
        return named.select(
            "channel_no", item=pl.when(is_energy).then("tou").otherwise(pl.lit("w_max")), amount="quantity"
        )

    return _by_part(folder, found)


def lines(folder: Path) -> Work:
    """Landed days to bill lines: as `determinants`, then tiers, demand, daily charge, tax, rounding, checks."""

    def found(given: RatingInput, numbers: pl.DataFrame) -> pl.DataFrame:
        rated = rate(given)
        assert rated.parked.is_empty(), "the drawn month has no defects, so nothing is parked"
        tiered = pl.format("energy.{}.{}", "tou", "tier")
        item = pl.when(pl.col("component_id") == "energy").then(tiered).otherwise("component_id")
        named = rated.lines.join(numbers, on="agreement_id", how="left", validate="m:1")
        return named.select("channel_no", item=item, amount="amount_minor")

    return _by_part(folder, found)


def reading(folder: Path) -> Work:
    """The first step of both: the current version of each landed day, in memory."""
    paths = wide_files(folder)

    def work() -> pl.DataFrame:
        days = [current_days(pl.scan_parquet(path), None, INTERVAL_MINUTES) for path in paths]
        return _total(pl.concat(part.select(pl.col(SLOTS).sum()) for part in days))

    return work


def scan(folder: Path) -> Work:
    """Decode the slot columns and add each up: nothing that reads every interval can be faster."""
    paths = wide_files(folder)

    def work() -> pl.DataFrame:
        return _total(pl.scan_parquet(paths).select(pl.col(SLOTS).sum()).collect())

    return work


def memory(folder: Path) -> Work:
    """Add up the same values in memory, decoded before: a file's worth of them again and again, by numpy.

    Integers are added as 64 bits, so this is arithmetic, too; `memory_peak` is the bandwidth alone.
    """
    parts = _in_memory(folder)

    def work() -> pl.DataFrame:
        return pl.DataFrame({"amount": [sum(int(part.sum(dtype=np.int64)) for part in parts)]})

    return work


def memory_peak(folder: Path) -> Work:
    """Find the highest of the same values in memory: as fast as one core reads bytes."""
    parts = _in_memory(folder)
    highest = pl.scan_parquet(wide_files(folder)).select(pl.max_horizontal(pl.col(SLOTS).max())).collect().item()

    def work() -> pl.DataFrame:
        assert max(int(part.max()) for part in parts) == highest, "numpy and Polars find different maxima"
        return pl.DataFrame({"amount": [None]}, schema={"amount": pl.Int64})

    return work


def _in_memory(folder: Path) -> list[np.ndarray]:
    return [pl.read_parquet(path, columns=SLOTS).fill_null(0).to_numpy(order="fortran") for path in wide_files(folder)]


def _total(sums: pl.DataFrame) -> pl.DataFrame:
    return pl.DataFrame({"amount": [sum(value or 0 for value in sums.sum().row(0))]}, schema={"amount": pl.Int64})


def _by_part(folder: Path, found: Callable[[RatingInput, pl.DataFrame], pl.DataFrame]) -> Work:
    """Return work part by part, as a run does by partition. `found` gets the channel of each agreement as well."""
    book = rate_book(PATH)
    due, channels = due_of(folder, TARIFF)
    numbers = channels.select("agreement_id", "channel_no")
    parts = parts_of(folder, due, channels)

    def work() -> pl.DataFrame:
        inputs = (RatingInput(part.due, part.channels, part.days(), empty(RegisterUsage), book) for part in parts)
        return pl.concat(found(given, numbers) for given in inputs)

    return work
