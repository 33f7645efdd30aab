"""`python -m benchmarks.urdb`: tariffs of OpenEI's rate database on load profiles, beside the bills of another engine.

Each record becomes a tariff file, the files one rate book, and each tariff is billed on each profile, month by month,
by the stages that bill customers. Amounts before rounding are compared with those expected.
"""

from __future__ import annotations

import argparse
import json
import random
import sys
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import polars as pl

from benchmarks.urdb_compare import TOLERANCE, Comparison, amounts, compare, no_amounts
from benchmarks.urdb_data import Imported, Profile, Rate, due_months, import_rates, read_profiles, read_rates, wide_days
from benchmarks.urdb_peer import PeerRun, is_installed, run_peer
from model.rating import Parked, RatingInput
from model.reads import RegisterUsage
from model.schema import empty
from model.tariff import RateBook
from rating.stages import rate as rate_agreements
from tariffs.compile import compile_tariffs
from tariffs.sheet import TariffFile

BATCH = 400
FIRST_DAY = date(1970, 1, 1)
_PERIODS = {
    "rate": pl.String(), "component_id": pl.String(), "season": pl.String(), "tou": pl.String(), "period": pl.Int32(),
}  # fmt: skip


@dataclass(frozen=True)
class Run:
    """Amounts of all tariffs, what was parked (rate, profile, reason, detail), and CPU seconds by step."""

    found: pl.DataFrame
    parked: pl.DataFrame
    intervals: int
    tariff_profiles: int
    cpu_seconds: dict[str, float]


def rate_all(imported: Imported, profiles: list[Profile]) -> Run:
    """Compile all tariffs into one rate book and rate them, `BATCH` tariffs at a time to bound memory.

    Tariffs that cut the day alike are rated together: their days are added up by the same few hours.
    """
    seconds: dict[str, float] = {}
    began = time.process_time()
    files = sorted(imported.files, key=lambda file: (repr(file.windows), file.tariff))
    book = compile_tariffs(files)
    seconds["compile"] = time.process_time() - began
    days, periods = wide_days(profiles), pl.DataFrame(imported.periods, schema=_PERIODS, orient="row")
    _rate(files[:1], book, profiles, days)  # not measured: what a long-lived process has compiled and loaded
    seconds["rate"] = 0.0
    found, parked = [no_amounts()], [empty(Parked).select("agreement_id", "reason", "detail")]
    for start in range(0, len(files), BATCH):
        began = time.process_time()
        rated = _rate(files[start : start + BATCH], book, profiles, days)
        seconds["rate"] += time.process_time() - began
        found.append(amounts(rated.lines, periods))
        parked.append(rated.parked.select("agreement_id", "reason", "detail"))
    count = len(files)
    return Run(
        pl.concat(found), pl.concat(parked), count * sum(profile.intervals for profile in profiles),
        count * len(profiles), seconds,
    )  # fmt: skip


def _rate(files: list[TariffFile], book: RateBook, profiles: list[Profile], days: dict[int, pl.DataFrame]) -> Any:
    tariffs = [file.tariff for file in files]
    due, channels = due_months(tariffs, profiles)
    return rate_agreements(RatingInput(due, channels, days, empty(RegisterUsage), _part_of(book, tariffs)))


def _part_of(book: RateBook, tariffs: list[str]) -> RateBook:
    """Return the rate book of some of its tariffs."""
    versions = book.versions.filter(pl.col("tariff_id").is_in(tariffs))
    parts: dict[str, Any] = {
        name: frame.join(versions, on="version_id", how="semi") if "version_id" in frame.columns else frame
        for name, frame in book.frames().items()
    }
    return RateBook(**parts)


def report_lines(
    rates: list[Rate], imported: Imported, run: Run, comparison: Comparison, profiles: list[Profile]
) -> list[str]:
    """Return the report as a person reads it."""
    within, count = comparison.counts(uncontested=True)
    lines = [f"uncontested: {within} of {count} tariff-profiles within {TOLERANCE:g} $"]
    within, count = comparison.counts(uncontested=False)
    lines += [f"contested: {within} of {count} tariff-profiles within {TOLERANCE:g} $; by tag:"]
    heading = ("tag", "tariff-profiles", "not rated", "within", "apart", "largest $")
    rows = [
        (tag, str(pairs), str(unrated), str(same), str(apart), "" if most is None else f"{most:,.6f}")
        for tag, pairs, unrated, same, apart, most in comparison.by_tag(rates).rows()
    ]
    lines += _columns([heading, *rows])
    tags = Counter(tag for _, tag, _ in imported.refused)
    refused = len({name for name, _, _ in imported.refused})
    lines += [f"refused: {refused} of {len(rates)} tariffs; by reason (a tariff may have several):"]
    lines += _columns([("reason", "tariffs"), *((tag, str(number)) for tag, number in tags.most_common())])
    if run.parked.height:
        lines += [f"parked: {run.parked.height} bills; the first: {run.parked.row(0)}"]
    lines += [f"profiles: {', '.join(f'{each.name} ({each.intervals:,} intervals)' for each in profiles)}"]
    return lines


def speed_lines(run: Run, peer: PeerRun | None) -> list[str]:
    """Return CPU seconds and intervals per CPU-second of both engines."""
    if not run.tariff_profiles:
        return ["no tariff was rated"]
    ours = run.intervals / run.cpu_seconds["rate"]
    steps = ", ".join(f"{name} {seconds:.1f} s" for name, seconds in run.cpu_seconds.items())
    lines = [
        f"CPU: {steps}",
        f"Billmill: {run.tariff_profiles:,} tariff-profiles, {ours:,.0f} intervals per CPU-second, "
        f"{run.cpu_seconds['rate'] / run.tariff_profiles * 1000:.2f} ms each",
    ]
    if peer is None:
        return [*lines, "PySAM: not installed; pip install nrel-pysam puts it beside Billmill in this run"]
    theirs = peer.intervals / peer.cpu_seconds
    return [
        *lines,
        f"PySAM:    {peer.tariff_profiles:,} tariff-profiles, {theirs:,.0f} intervals per CPU-second, "
        f"{peer.cpu_seconds / peer.tariff_profiles * 1000:.2f} ms each; Billmill takes {theirs / ours:.3f} of its time",
    ]


def _columns(rows: list[tuple[str, ...]]) -> list[str]:
    widths = [max(len(row[place]) for row in rows) for place in range(len(rows[0]))]
    return [
        "  "
        + "  ".join(
            [f"{row[0]:<{widths[0]}}", *(f"{cell:>{width}}" for cell, width in zip(row[1:], widths[1:], strict=True))]
        )
        for row in rows
    ]


def _sample(rates: list[Rate], comparison: Comparison, size: int) -> list[Rate]:
    """Return some of the uncontested rates, the same ones each time: the peer can bill those."""
    usable = set(comparison.pairs.filter("uncontested")["rate"].to_list())
    listed = [rate for rate in rates if rate.name in usable]
    return random.Random(7).sample(listed, min(size, len(listed)))


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the benchmark; 1 when an uncontested tariff-profile is apart or not rated."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.urdb", description=__doc__)
    parser.add_argument("--rates", type=Path, required=True, help="JSON lines, packed or not: rate, features, item")
    parser.add_argument("--expected", type=Path, required=True, help="Parquet: rate, profile, month, component, amount")
    parser.add_argument("--profiles", type=Path, required=True, help="folder of profile_<name>.parquet")
    parser.add_argument("--limit", type=int, help="only the first tariffs of the file")
    parser.add_argument("--show", type=int, default=0, metavar="N", help="show the N amounts that are most apart")
    parser.add_argument("--peer-sample", type=int, default=100, metavar="N", help="tariffs that PySAM rates; 0: none")
    parser.add_argument("--json", type=Path, help="write counts and times to this file")
    asked = parser.parse_args(arguments)
    rates, profiles = read_rates(asked.rates, asked.limit), read_profiles(asked.profiles)
    began = time.process_time()
    imported = import_rates(rates, FIRST_DAY)
    import_seconds = time.process_time() - began
    run = rate_all(imported, profiles)
    run.cpu_seconds["import"] = import_seconds
    expected = pl.read_parquet(asked.expected).filter(pl.col("rate").is_in([rate.name for rate in rates]))
    comparison = compare(expected, run.found)
    print("\n".join(report_lines(rates, imported, run, comparison, profiles)))
    if asked.show:
        print(_shown(comparison, imported, asked.show))
    sampled = _sample(rates, comparison, asked.peer_sample) if is_installed() else []
    peer = run_peer(sampled, profiles) if sampled else None
    print("\n".join(speed_lines(run, peer)))
    within, count = comparison.counts(uncontested=True)
    if asked.json:
        kept = {"within": within, "uncontested": count, "cpu_seconds": run.cpu_seconds, "intervals": run.intervals}
        asked.json.write_text(json.dumps(kept, indent=2) + "\n")
    return 0 if within == count else 1


def _shown(comparison: Comparison, imported: Imported, number: int) -> str:
    """Return the worst amounts, uncontested ones first, and uncontested tariffs that were not rated."""
    worst = comparison.worst.sort("uncontested", descending=True, maintain_order=True).head(number)
    missing = comparison.pairs.filter(pl.col("uncontested"), ~pl.col("is_rated"))["rate"].unique().sort().to_list()
    why = {name: detail for name, _, detail in imported.refused}
    with pl.Config(
        tbl_rows=number, tbl_cols=20, tbl_hide_dataframe_shape=True, fmt_str_lengths=60, tbl_width_chars=160
    ):
        lines = [str(worst)]
    return "\n".join([*lines, *(f"{name}: {why.get(name, 'parked')}" for name in missing[:number])])


if __name__ == "__main__":
    sys.exit(main())
