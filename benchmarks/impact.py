"""`python -m benchmarks.impact`: all electricity accounts of a base on a proposed tariff (`tariff diff --impact`)."""

from __future__ import annotations

import argparse
import json
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import date
from functools import partial
from hashlib import sha256
from pathlib import Path
from typing import Any

import polars as pl
from rich.console import Console

from benchmarks.month import tell
from benchmarks.month_data import DRAWN_AT, DrawnBooks, Say, draw_books
from benchmarks.month_shapes import TIERS, shaped, tariff_file
from benchmarks.record import FOLDER, Sheet, keep, machine
from benchmarks.stages import StageMeasured, apart, count_apart, measure_stage, medians
from cycles.quotes.impact import Asked, find_impact, last_cycle
from demo.utility import Utility
from ingest.vee.run import run_vee
from model.progress import Silent
from store.workspace import open_workspace
from tariffs.comparison import sides_of_tariffs

_DAYS = 31
FIRST = "another price, the first proposal"
_HEADINGS = ("proposal", "accounts", "wall s", "CPU s", "CPU ms / account", "peak MB", "read MB")


@dataclass(frozen=True)
class ImpactReport:
    """What each proposal took: medians of the turns, and what it comes to."""

    meters: int
    intervals: int
    repeat: int
    proposals: dict[str, StageMeasured]
    told: dict[str, dict[str, Any]]


def on_one_tariff(utility: Utility) -> dict[str, pl.DataFrame]:
    """Return the utility's tables with all electricity accounts on one tariff."""
    tables = shaped(utility)
    points = tables["service_points"].filter(pl.col("commodity") == "electricity")["service_point_id"]
    is_mine = pl.col("service_point_id").is_in(points.implode())
    tariff = pl.when(is_mine).then(pl.lit(TIERS)).otherwise("tariff_id").alias("tariff_id")
    return tables | {"agreements": tables["agreements"].with_columns(tariff)}


def validated(root: Path, start: date, end: date, workers: int) -> None:
    """Validate and estimate the month, so that everybody can be billed."""
    run_vee(
        open_workspace(root), from_date=start, to_date=end, received_at=DRAWN_AT, progress=Silent(), workers=workers
    )


def proposals(folder: Path) -> dict[str, Path]:
    """Write what is proposed, in the order of asking: the first adds up the days, the next finds them."""
    folder.mkdir(exist_ok=True)
    text = tariff_file(TIERS).read_text(encoding="utf-8").split("[[examples]]", maxsplit=1)[0]
    later = text.replace("to = 20:00:00 }", "to = 21:00:00 }").replace("from = 20:00:00", "from = 21:00:00")
    changed = {
        FIRST: text.replace("0.4990", "0.5230"),
        "other windows, days added up before": later,
        "a demand charge, the first: maxima are looked for": _with_demand(text, "max", "3.10"),
        "another demand charge, maxima found before": _with_demand(text, "max", "2.40"),
        "the mean of three peaks, day by day": _with_demand(text, "mean_of_n", "3.10"),
    }
    paths = {}
    for number, (name, proposal) in enumerate(changed.items()):
        assert proposal != text, f"the tariff has nothing to change for {name}"
        paths[name] = folder / f"{number}.toml"
        paths[name].write_text(proposal, encoding="utf-8")
    return paths


def _with_demand(text: str, agg: str, price: str) -> str:
    """Return a tariff that also prices demand at peak times."""
    many = ", n = 3" if agg == "mean_of_n" else ""
    quantity = f'kw_peak = {{ measure = "import_energy", agg = "{agg}"{many}, unit = "kW", window = "peak" }}'
    charge = f'[versions.charges.demand]\nof = "kw_peak"\nprice = {price}\ntext = "Peak demand"\n'
    return text.replace("[quantities]", "[quantities]\n" + quantity) + "\n" + charge


def impact(root: Path, proposal: Path) -> dict[str, Any]:
    """Rate the base both ways; return how many accounts there are, what they owe, and a digest of each account's."""
    count_apart("cycles.quotes.impact:_found", "accounts, facts")
    workspace, asked = open_workspace(root), Asked(None, (), DRAWN_AT)
    cycle = last_cycle(workspace, asked)
    old, new = sides_of_tariffs(lambda: workspace, TIERS, str(proposal), cycle.period_start_date)
    found = find_impact(workspace, old, new, cycle, asked)
    told: dict[str, Any] = found.as_dict()
    rows = found.accounts.select("account_id", "old_minor", "new_minor").write_csv()
    totals: dict[str, Any] = told["totals"]
    parked = sum(row["accounts"] for row in told["parked"])
    return totals | {"parked": parked, "digest": sha256(rows.encode()).hexdigest()[:12]}


def run_impact(folder: Path, meters: int, repeat: int, seed: int, workers: int, say: Say) -> ImpactReport:
    """Draw a base, validate its month, and let each proposal take turns."""
    drawn: DrawnBooks = apart(draw_books, folder, meters, _DAYS, seed, workers, say, on_one_tariff)
    say("validating")
    apart(validated, drawn.root, drawn.period_start_date, drawn.period_end_date, workers)
    return measured(drawn, proposals(folder / "proposals"), repeat, say)


def measured(drawn: DrawnBooks, paths: dict[str, Path], repeat: int, say: Say) -> ImpactReport:
    """Let each proposal take turns over drawn books."""
    runs: dict[str, list[StageMeasured]] = {name: [] for name in paths}
    told: dict[str, dict[str, Any]] = {}
    for turn in range(1, repeat + 1):
        shutil.rmtree(open_workspace(drawn.root).profiles, ignore_errors=True)
        for name, path in paths.items():
            say(f"turn {turn} of {repeat}: {name}")
            took, came = measure_stage(impact, drawn.root, path)
            runs[name].append(took)
            assert told.setdefault(name, came) == came, "turns over the same books came to other bills"
    return ImpactReport(
        drawn.interval_channels, drawn.intervals, repeat, {name: medians(took) for name, took in runs.items()}, told
    )


def impact_sheet(report: ImpactReport) -> Sheet:
    """Return what each proposal took, whole and for each account."""
    rows = []
    for name, took in report.proposals.items():
        accounts = report.told[name]["accounts"]
        rows.append([
            name, f"{accounts:,}", f"{took.wall_seconds:.2f}", f"{took.cpu_seconds:.2f}",
            f"{took.cpu_seconds / accounts * 1e3:.3f}", f"{took.peak_bytes / 1e6:,.0f}",
            f"{took.read_bytes / 1e6:,.0f}",
        ])  # fmt: skip
        rows += [
            [f"  {part}", "", f"{one.wall_seconds:.2f}", f"{one.cpu_seconds:.2f}", "", "", ""]
            for part, one in took.parts.items()
        ]
    digests = ", ".join(f"{name} {told['digest']}" for name, told in report.told.items())
    title = (
        f"The whole base on a proposed tariff: {report.meters:,} channels, {report.intervals / 1e6:,.1f} M intervals"
    )
    return Sheet(title, _HEADINGS, rows, [f"Medians of {report.repeat}. Accounts' amounts, by digest: {digests}."])


def main(arguments: Sequence[str] | None = None) -> None:
    """Read the options, measure, print, keep."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.impact", description=__doc__)
    parser.add_argument("--meters", type=int, default=20_000, help="15-minute channels, about")
    parser.add_argument("--repeat", type=int, default=1, help="turns; medians are shown")
    parser.add_argument("--seed", type=int, default=7, help="seed of the draw")
    parser.add_argument("--folder", type=Path, help="where to draw; kept. Otherwise a temporary one")
    parser.add_argument("--json", type=Path, help="write the report to this file")
    parser.add_argument("--results", type=Path, default=FOLDER, help="folder of results.json and results.md")
    parser.add_argument("--no-results", action="store_true", help="print only")
    asked = parser.parse_args(arguments)
    began, say = machine(), partial(tell, time.monotonic())
    with tempfile.TemporaryDirectory(prefix="billmill-impact-") as temporary:
        folder = asked.folder or Path(temporary)
        report = run_impact(folder, asked.meters, asked.repeat, asked.seed, os.cpu_count() or 1, say)
    sheet = impact_sheet(report)
    Console(file=sys.stdout, width=120, highlight=False).print(sheet.as_rich())
    if asked.json:
        asked.json.write_text(json.dumps(asdict(report), indent=2) + "\n", encoding="utf-8")
    if not asked.no_results:
        command = f"python -m benchmarks.impact --meters {asked.meters} --repeat {asked.repeat} --seed {asked.seed}"
        keep(asked.results, command, began, asdict(report), [sheet])


if __name__ == "__main__":
    main()
