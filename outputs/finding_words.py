"""A finding in words: its rule and threshold, what came, what is used, what it moved."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ingest.rules.catalogue import CHECKS
from ingest.rules.rules import DEFAULT_RULES, RuleSet
from model.money import format_minor
from outputs.chart import readable

_METHODS = {
    "linear": "a straight line between its neighbours",
    "like_day": "the mean of like days",
}
PARKS = {
    "parked": "the last run parked the account for it",
    "would": "the next run would park the account for it",
    "": "no account",
}


def rule_words(rule: str, rules: RuleSet = DEFAULT_RULES) -> str:
    """Return what a rule asks, with its thresholds; one that only rule sets ask for as the catalogue says it."""
    words = {
        "V01": "a reading belongs to a meter that hangs at the service point, and no two meters count the same days",
        "V03": f"every interval of the day has a value; up to {rules.linear_minutes_max} minutes are estimated by a "
        f"straight line, more by the mean of {rules.like_days} like days not further than {rules.like_days_within} "
        "days away",
        "V07": "a value is not below zero",
        "V10": f"the highest value of a day is not more than {rules.spike_warn_percent} % above the third highest "
        f"(warning); it is refused above {rules.spike_fail_ratio} times the third highest and {rules.spike_fail_ratio} "
        "times what the other days reach",
        "V15": f"the use per day is not above {rules.usage_high_ratio} times the median of the other readings",
        "V18": f"a register that reads less has rolled over only if it moved at most {rules.rollover_max_percent} % of "
        "its scale; no reading is above what its dials can show",
        "V19": "a register does not read less than before, unless it rolled over",
        "V20": "readings times the multiplier stay within what can be counted",
    }
    checks = [check.says for check in CHECKS.values() if check.rule == rule]
    return words.get(rule) or "; ".join(checks) or f"rule {rule} of the rule set"


def slots_words(row: Mapping[str, Any]) -> str:
    """Return the slots of a finding: 3 slots from the 40th; empty for a register."""
    if row["first_slot"] is None:
        return ""
    count = row["last_slot"] - row["first_slot"] + 1
    return f"{count} {'slot' if count == 1 else 'slots'} of {row['interval_minutes']} minutes"


def found_words(row: Mapping[str, Any]) -> str:
    """Return what came."""
    return "nothing" if row["found"] is None else readable(row["found"], row["unit"])


def used_words(row: Mapping[str, Any]) -> str:
    """Return what is used instead, and how it was made."""
    amount, how = used_parts(row)
    return f"{amount}, {how}" if how else amount


def used_parts(row: Mapping[str, Any]) -> tuple[str, str]:
    """Return what is used instead, and how it was made; the second is empty where nothing was made."""
    if row["used"] is None:
        is_kept = row["severity"] in {"info", "warn"}
        return ("the value as it came" if is_kept else "nothing: it is left empty"), ""
    how = "by the readings" if row["method"] == "none" else _METHODS.get(row["method"], row["method"].replace("_", " "))
    return readable(row["used"], row["unit"]), how


def energy_words(row: Mapping[str, Any]) -> str:
    """Return the energy moved with its sign, empty when nobody knows."""
    effect = row["effect_quantity"]
    return "" if effect is None else f"{'+' if effect > 0 else ''}{readable(effect, row['unit'])}"


def money_words(row: Mapping[str, Any]) -> str:
    """Return the money moved with its sign and currency, empty when nobody knows."""
    effect = row["effect_minor"]
    if effect is None or row["currency"] is None:
        return ""
    return f"{'+' if effect > 0 else ''}{format_minor(effect, row['currency'])} {row['currency']}"
