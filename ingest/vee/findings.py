"""Findings of VEE: one for each run of slots with the same fault and the same remedy."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import polars as pl
from pandera.typing.polars import DataFrame

from ingest.checks.refusals import NO_REFUSALS, REFUSED_FROM, Refusals, worded_refusals
from ingest.estimates.estimate import DayGrid, Estimated, Fault
from ingest.rules.rules import RuleSet
from ingest.vee.matrix import MISSING, Ints, Values
from model.codes import Method, Severity
from model.ids import content_hashes
from model.reads import Findings
from model.schema import arranged

ID_LENGTH = 16  # 64 bits: among a million findings two share an id with a chance of 1 in 37 million

_RULES = {Fault.MISSING: "V03", Fault.NEGATIVE: "V07", Fault.SPIKE: "V10", Fault.SET_ASIDE: "E16"}
_REASONS = {Fault.MISSING: "missing", Fault.NEGATIVE: "negative", Fault.SPIKE: "spike", Fault.SET_ASIDE: "set_aside"}
_WORDS = {
    Fault.MISSING: "missing",
    Fault.NEGATIVE: "below zero",
    Fault.SPIKE: "far above every other value",
    Fault.SET_ASIDE: "set aside by a person",
}
_METHODS = {method: method.name.lower() for method in Method}
_REMEDIES = {
    Method.NONE: "no day to estimate from, left empty",
    Method.LINEAR: "estimated by a straight line",
    Method.LIKE_DAY: "estimated from like days",
    Method.MULTI_WEEK: "estimated from the same weekday of the weeks before",
    Method.REGISTER_SCALED: "estimated so that the register's difference is met",
    Method.CHECK_CHANNEL: "taken from the check channel",
    Method.CALCULATED: "calculated from other flows",
    Method.ZERO: "zero in a known outage",
    Method.HOLD: "estimated by the value beside the gap",
}


def gap_findings(grid: DayGrid, estimated: Estimated, refusals: Refusals = NO_REFUSALS) -> pl.DataFrame:
    """Return a draft finding for each run of faulty slots on the expected days; ids are given by `finish_findings`.

    `refusals` are those that were marked in the grid: their runs are told of in the words of their checks.
    """
    rows = np.flatnonzero(grid.keys["is_expected"].to_numpy() & (grid.faults != Fault.NONE).any(axis=1))
    code = grid.faults[rows].astype(np.int16) * 256 + estimated.methods[rows]
    code[grid.faults[rows] == Fault.NONE] = 0
    before = np.pad(code[:, :-1], ((0, 0), (1, 0)))
    after = np.pad(code[:, 1:], ((0, 0), (0, 1)))
    first = np.flatnonzero((code != 0) & (code != before))
    last = np.flatnonzero((code != 0) & (code != after))
    slots = code.shape[1]
    place = first // max(slots, 1)
    runs = pl.DataFrame(
        {
            "first_slot": (first - place * slots).astype(np.int16),
            "last_slot": (last - place * slots).astype(np.int16),
            "fault": code.ravel()[first] // 256,
            "estimate": code.ravel()[first] % 256,
            "found": _run_sums(grid.values[rows], first, last),
            "used": _run_sums(estimated.values[rows], first, last),
        }
    )
    present = (grid.values[rows] != MISSING).sum(axis=1)
    keys = grid.keys.select("channel_no", "day", "n", base_seq="seq")[rows]
    keys = keys.with_columns(pl.Series("is_empty", present == 0))
    whole = pl.concat([keys[place], runs], how="horizontal")
    is_refused = pl.col("fault") >= REFUSED_FROM
    worded = _worded(whole.filter(~is_refused))
    if refusals.drafts.is_empty():
        return worded
    return pl.concat([worded, worded_refusals(_remedied(whole.filter(is_refused)), refusals)], how="vertical_relaxed")


def _remedied(runs: pl.DataFrame) -> pl.DataFrame:
    """Add what was done about runs of slots: method, remedy; `used` stays null where nothing was."""
    estimate = pl.col("estimate")
    return runs.with_columns(
        method=estimate.replace_strict(_by_number(_METHODS), return_dtype=pl.String),
        remedy=estimate.replace_strict(_by_number(_REMEDIES), return_dtype=pl.String),
        used=pl.when(estimate != int(Method.NONE)).then(pl.col("used")),
    )


def spike_warnings(days: pl.DataFrame) -> pl.DataFrame:
    """Return a draft finding for each row: a day whose highest value is kept, but stands out.

    Columns wanted: channel_no, day, base_seq, highest_slot, highest, third.
    """
    detail = pl.format("highest value {} is more than the limit above the third highest {}; kept", "highest", "third")
    return days.select(
        "channel_no",
        "day",
        "base_seq",
        first_slot="highest_slot",
        last_slot="highest_slot",
        rule=pl.lit("V10"),
        reason=pl.lit("spike"),
        severity=pl.lit(Severity.WARN.value),
        found=pl.col("highest").cast(pl.Int64),
        used=pl.lit(None, dtype=pl.Int64),
        method=pl.lit("none"),
        detail=detail,
        subject=pl.lit(""),
    )


def finish_findings(drafts: list[pl.DataFrame], rules: RuleSet) -> DataFrame[Findings]:
    """Return the drafts as findings, in order, each with the id of its content; seq is 0 until a run sets it.

    The id hashes what was judged (channel, meter, day, slots, landed sequence), by which rule, and the outcome, so
    that judging again finds the same ids.
    """
    drafted = pl.concat(drafts, how="vertical_relaxed").with_columns(rule_set=pl.lit(rules.rule_set_id))
    natural = ["channel_no", "subject", "day", "first_slot", "last_slot", "base_seq", "rule", "reason", "severity"]
    key = pl.concat_str(pl.col([*natural, "method", "rule_set"]).cast(pl.String).fill_null("-"), separator="|")
    # The hash has no form in columns; findings are few beside the days they come from.
    ids = [text_hash[:ID_LENGTH] for text_hash in content_hashes(drafted.select(key).to_series().to_list())]
    findings = drafted.with_columns(pl.Series("finding_id", ids, dtype=pl.String), seq=pl.lit(0, dtype=pl.Int64))
    order = ["channel_no", "day", "first_slot", "rule", "finding_id"]
    return arranged(Findings, findings.sort(order, nulls_last=True))


def _worded(runs: pl.DataFrame) -> pl.DataFrame:
    fault = pl.col("fault")
    is_missing = fault == int(Fault.MISSING)
    is_estimated = pl.col("estimate") != int(Method.NONE)
    reason = fault.replace_strict(_by_number(_REASONS), return_dtype=pl.String)
    words = fault.replace_strict(_by_number(_WORDS), return_dtype=pl.String)
    remedy = pl.col("estimate").replace_strict(_by_number(_REMEDIES), return_dtype=pl.String)
    count = pl.col("last_slot") - pl.col("first_slot") + 1
    return runs.select(
        "channel_no",
        "day",
        "base_seq",
        "first_slot",
        "last_slot",
        rule=fault.replace_strict(_by_number(_RULES), return_dtype=pl.String),
        reason=pl.when(is_missing & pl.col("is_empty")).then(pl.lit("missing_day")).otherwise(reason),
        severity=pl.when(is_missing & is_estimated)
        .then(pl.lit(Severity.WARN.value))
        .otherwise(pl.lit(Severity.FAIL.value)),
        found=pl.when(~is_missing).then(pl.col("found")),
        used=pl.when(is_estimated).then(pl.col("used")),
        method=pl.col("estimate").replace_strict(_by_number(_METHODS), return_dtype=pl.String),
        detail=pl.format("{} of {} slots {}; {}", count, "n", words, remedy),
        subject=pl.lit(""),
    )


def _by_number(words: dict[Fault, str] | dict[Method, str]) -> dict[int, str]:
    return {int(code): word for code, word in words.items()}


def _run_sums(values: Values, first: npt.NDArray[np.intp], last: npt.NDArray[np.intp]) -> Ints:
    """Return the sum of each run of the flattened values, `MISSING` counting as zero."""
    sums = np.concatenate([np.zeros(1, np.int64), np.cumsum(np.where(values == MISSING, 0, values), dtype=np.int64)])
    runs: Ints = sums[last + 1] - sums[first]
    return runs
