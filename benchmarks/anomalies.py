"""`python -m benchmarks.anomalies`: faults put into lifelike reads, and how many of them the checks find."""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import polars as pl

from benchmarks.anomaly_data import FIRST, Drawn, draw
from benchmarks.anomaly_faults import FAULTS_AND_SWAPS, LIFE
from demo.lake import INTERVAL_MINUTES, PERIOD
from ingest.checks.checks import checks_of
from ingest.checks.features import measured
from ingest.checks.refusals import refusals_of
from ingest.checks.siblings import PAIRS
from ingest.rules.rule_store import standard_rules
from ingest.rules.rules import RuleSet
from ingest.vee.judge import expected_days, survey_days
from ingest.vee.judge import judge_days as judge_core
from model.accounts import ChannelNumbers
from model.schema import arranged

# What speaks of a fault, by the reason of the finding; warnings of V10 do not, half of all homes have some.
REASONS: dict[str, tuple[str, ...]] = {
    "negative": ("negative",),
    "spike": ("spike", "over_capacity"),
    "over_capacity": ("over_capacity",),
    "stuck": ("stuck_value",),
    "stopped": ("stopped", "zero_use"),
    "theft": ("step_down",),
    "multiplier": ("use_above_past",),
    "clock": ("clock_shifted",),
    "vacant": ("vacant_use",),
    "leak": ("night_flow",),
    "swapped": ("swapped",),
    "drip": ("never_zero",),
}
# Other faults that make a reason true as well: a channel that has one is not flagged in vain.
ALSO: dict[str, tuple[str, ...]] = {
    "spike": ("over_capacity", "multiplier", "swapped"),
    "over_capacity": ("spike", "multiplier", "swapped"),
    "theft": ("swapped", "stopped"),
    "multiplier": ("swapped", "leak"),
    "drip": ("leak",),
}
TUNED_ON = 2026
MEASURED_ON = (41, 59, 73)


@dataclass(frozen=True)
class Found:
    """Counts of one kind of fault over channels; healthy ones have no fault of any kind."""

    kind: str
    injected: int
    hit: int
    flagged: int
    also: int
    healthy: int

    @property
    def precision(self) -> float:
        """Return the share of flagged channels that have this fault, or another one that shows so."""
        return (self.hit + self.also) / self.flagged if self.flagged else 1.0

    @property
    def recall(self) -> float:
        """Return the share of channels with this fault that are flagged."""
        return self.hit / self.injected if self.injected else 1.0


def findings_of(drawn: Drawn, rules: RuleSet, channels_per_block: int = 5_000) -> pl.DataFrame:
    """Return what a run of VEE over October finds: channel_no, day, reason, severity, detail."""
    channels = drawn.places.channels
    checks = checks_of(rules, drawn.places, *PERIOD)
    found, kept = [], []
    for start in range(0, channels.height, channels_per_block):
        some = arranged(ChannelNumbers, channels[start : start + channels_per_block])
        landed = drawn.landed.join(some.select("channel_no"), how="semi", on="channel_no", maintain_order="left")
        in_period = pl.col("day") >= PERIOD[0]
        spans = drawn.places.supplied.with_columns(pl.col("to_date").fill_null(PERIOD[1]))
        zones = some.select("channel_no", "tz_name")
        expected = expected_days(spans, zones, FIRST, PERIOD[1])
        now, past = landed.filter(in_period), landed.filter(~in_period)
        found_of_days = measured(now, [past], channels, INTERVAL_MINUTES)
        drafts, left = checks.judge(now, found_of_days, expected, INTERVAL_MINUTES, None)
        kept.append(left)
        refusals = refusals_of(drafts)
        found.append(drafts)
        survey = survey_days(now, some, INTERVAL_MINUTES, *PERIOD, rules=rules, active=spans, refusals=refusals)
        numbers = pl.col("channel_no").is_in(survey.doubtful.implode())
        close = (pl.col("day") >= PERIOD[0] - timedelta(days=rules.like_days_within)) & numbers
        judged = judge_core(
            landed.filter(close), arranged(ChannelNumbers, some.filter(numbers)), INTERVAL_MINUTES, *PERIOD,
            rules=rules, active=spans, refusals=refusals,
        )  # fmt: skip
        is_core = pl.col("reason").is_in(["spike", "negative"]) & (pl.col("severity") == "fail")
        found.append(judged.findings.filter(is_core))
    found.append(checks.finish(kept, pl.DataFrame(schema=PAIRS)))
    return pl.concat([one.select("channel_no", "day", "reason", "severity", "detail") for one in found])


def score(drawn: Drawn, findings: pl.DataFrame) -> list[Found]:
    """Return how each kind of fault fared."""
    faulty = drawn.faults["channel_no"].unique()
    rows = []
    for kind in FAULTS_AND_SWAPS:
        has = drawn.faults.filter(pl.col("kind") == kind)["channel_no"]
        flagged = findings.filter(pl.col("reason").is_in(REASONS[kind]))["channel_no"].unique()
        hit = flagged.filter(flagged.is_in(has.implode())).len()
        healthy = flagged.filter(~flagged.is_in(faulty.implode())).len()
        others = drawn.faults.filter(pl.col("kind").is_in(ALSO.get(kind, ())))["channel_no"]
        also = flagged.filter(flagged.is_in(others.implode()) & ~flagged.is_in(has.implode())).len()
        rows.append(Found(kind, has.len(), hit, flagged.len(), also, healthy))
    return rows


def false_alarms(drawn: Drawn, findings: pl.DataFrame) -> pl.DataFrame:
    """Return how many healthy channels each reason speaks of, by what happens to them: reason, life, channels."""
    healthy = findings.join(drawn.faults, how="anti", on="channel_no").select("channel_no", "reason").unique()
    named = healthy.join(drawn.life, how="left", on="channel_no", validate="m:1")
    return named.group_by("reason", life=pl.col("kind").fill_null("nothing")).agg(channels=pl.len().cast(pl.Int64))


def alarm_table(alarms: pl.DataFrame) -> str:
    """Return the false alarms of all reasons as Markdown, those of most channels first."""
    kinds = [*LIFE, "nothing"]
    lines = ["| reason | " + " | ".join(kinds) + " | all |", "|---|" + "--:|" * (len(kinds) + 1)]
    sums = alarms.group_by("reason").agg(pl.col("channels").sum()).sort("channels", "reason", descending=[True, False])
    for reason, total in sums.iter_rows():
        own = dict(alarms.filter(pl.col("reason") == reason).group_by("life").agg(pl.col("channels").sum()).iter_rows())
        lines.append(f"| `{reason}` | " + " | ".join(str(own.get(kind, 0)) for kind in kinds) + f" | {total} |")
    return "\n".join(lines)


def added(scores: Sequence[list[Found]]) -> list[Found]:
    """Return the counts of several seeds together."""
    return [
        Found(
            same[0].kind,
            sum(one.injected for one in same),
            sum(one.hit for one in same),
            sum(one.flagged for one in same),
            sum(one.also for one in same),
            sum(one.healthy for one in same),
        )
        for same in zip(*scores, strict=True)
    ]


def table(tuned: list[Found], measured: list[Found], healthy: int) -> str:
    """Return the table of results as Markdown."""
    heads = ["fault", "told by", "injected", "found", "flagged", "other fault that shows so", "healthy"]
    heads += ["precision", "recall", "tuned: precision", "recall"]
    lines = ["| " + " | ".join(heads) + " |", "|---|---|" + "--:|" * (len(heads) - 2)]
    for first, one in zip(tuned, measured, strict=True):
        told_by = ", ".join(f"`{reason}`" for reason in REASONS[one.kind])
        counts = (one.injected, one.hit, one.flagged, one.also, one.healthy)
        shares = (one.precision, one.recall, first.precision, first.recall)
        cells = [one.kind, told_by, *(str(count) for count in counts), *(f"{share:.2f}" for share in shares)]
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines) + f"\n\nHealthy channels: {healthy:,}.\n"


def measure(seed: int, blocks: int, rules: RuleSet) -> tuple[list[Found], int, pl.DataFrame, Drawn, float]:
    """Return the score of a seed, how many channels are healthy, the findings, the reads and CPU seconds taken."""
    drawn = draw(seed, blocks)
    began = time.process_time()
    findings = findings_of(drawn, rules)
    took = time.process_time() - began
    healthy = drawn.places.channels.height - drawn.faults["channel_no"].n_unique()
    return score(drawn, findings), healthy, findings, drawn, took


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure and print; `--markdown` and `--json` write the results to files."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--blocks", type=int, default=3, help="blocks of 1,000 service points a seed")
    parser.add_argument("--seeds", type=int, nargs="*", default=list(MEASURED_ON))
    parser.add_argument("--markdown", type=Path)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args(arguments)
    rules = standard_rules()
    tuned, *_ = measure(TUNED_ON, options.blocks, rules)
    runs = [measure(seed, options.blocks, rules) for seed in options.seeds]
    total = added([run[0] for run in runs])
    text = table(tuned, total, sum(run[1] for run in runs))
    intervals = sum(int(run[3].landed["n"].cast(pl.Int64).to_numpy().sum()) for run in runs)
    seconds = sum(run[4] for run in runs)
    alarms = pl.concat([false_alarms(run[3], run[2]) for run in runs])
    text += f"\nHealthy channels that each reason speaks of, by what happens to them:\n\n{alarm_table(alarms)}\n"
    text += (
        f"\nOrdinary life among the healthy: {', '.join(LIFE)}. {intervals:,} intervals (history included) in "
        f"{seconds:.1f} CPU seconds: {intervals / seconds / 1e6:.1f} million a CPU second.\n"
    )
    print(text)
    if options.markdown:
        options.markdown.write_text(text, encoding="utf-8")
    if options.json:
        options.json.write_text(json.dumps([vars(one) for one in total], indent=1), encoding="utf-8")


if __name__ == "__main__":
    main()
