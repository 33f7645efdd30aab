"""Rule sets of VEE as a person reads them."""

from __future__ import annotations

import polars as pl

from ingest.rules.catalogue import CHECKS, CORE_CHECKS
from ingest.rules.rules import Rule, RuleSet

_SCHEMA = {
    "rule": pl.String(), "check": pl.String(), "severity": pl.String(), "limits": pl.String(), "for": pl.String(),
    "says": pl.String(),
}  # fmt: skip


def rule_rows(rules: RuleSet) -> pl.DataFrame:
    """Return a row for each rule of a set; the checks that every run makes stand first where the set has no rule."""
    written = {rule.check for rule in rules.rules}
    rows = [_core_row(rules, check) for check in CORE_CHECKS if check not in written]
    rows += [_row(rule) for rule in rules.rules]
    return pl.DataFrame(rows, schema=_SCHEMA)


def _core_row(rules: RuleSet, name: str) -> dict[str, str]:
    check = CHECKS[name]
    limits = ", ".join(f"{limit} {getattr(rules, field):,}" for limit, field in check.fields.items())
    return {
        "rule": check.rule, "check": name, "severity": check.severity.value, "limits": limits, "for": "everything",
        "says": check.says,
    }  # fmt: skip


def _row(rule: Rule) -> dict[str, str]:
    check = CHECKS[rule.check]
    parts = [", ".join(rule.measures), ", ".join(rule.classes), " and ".join(rule.sources) + " values"]
    if rule.valid_from:
        parts.append(f"from {rule.valid_from}")
    if rule.valid_to:
        parts.append(f"until {rule.valid_to}")
    return {
        "rule": check.rule, "check": rule.check, "severity": rule.severity.value,
        "limits": ", ".join(f"{name} {value:,}" for name, value in rule.limits),
        "for": "; ".join(part for part in parts if part), "says": check.says,
    }  # fmt: skip
