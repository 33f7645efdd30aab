"""Which rule of a check judges a row, as expressions: first by source, then the first that fits."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date
from itertools import pairwise

import polars as pl

from ingest.rules.catalogue import CHECKS, CORE_CHECKS
from ingest.rules.rules import Rule, RuleSet
from model.codes import RuleSource


@dataclass(frozen=True)
class Governing:
    """The rules of one check and source, in order; frames need the columns measure, revenue_class and day."""

    check: str
    rules: tuple[Rule, ...]

    @property
    def rule(self) -> str:
        """Return the rule of the field, for example V08."""
        return CHECKS[self.check].rule

    def limit(self, name: str) -> pl.Expr:
        """Return a limit, Int64; null where no rule fits."""
        return self._first([pl.lit(dict(rule.limits)[name], dtype=pl.Int64) for rule in self.rules], pl.Int64())

    def severity(self) -> pl.Expr:
        """Return the severity; null where no rule fits."""
        return self._first([pl.lit(rule.severity.value) for rule in self.rules], pl.String())

    def concerns(self) -> pl.Expr:
        """Return whether one of the rules is for a channel, on whatever day; needs measure and revenue_class."""
        return pl.any_horizontal(_fits_channel(rule) for rule in self.rules)

    def _first(self, values: Sequence[pl.Expr], dtype: pl.DataType) -> pl.Expr:
        found: pl.Expr = pl.lit(None, dtype=dtype)
        for rule, value in zip(reversed(self.rules), reversed(values), strict=True):
            found = pl.when(_fits(rule)).then(value).otherwise(found)
        return found


def governing(rules: RuleSet, check: str, source: RuleSource = RuleSource.INITIAL) -> Governing | None:
    """Return the rules of a check for a source; None when the set has none."""
    found = tuple(rule for rule in rules.rules if rule.check == check and source in rule.sources)
    return Governing(check, found) if found else None


def has_any(rules: RuleSet, checks: Sequence[str], source: RuleSource = RuleSource.INITIAL) -> bool:
    """Return whether the set has a rule of one of the checks for a source."""
    return any(rule.check in checks and source in rule.sources for rule in rules.rules)


def _fits_channel(rule: Rule) -> pl.Expr:
    fits: pl.Expr = pl.lit(value=True)
    if rule.measures:
        fits = fits & pl.col("measure").is_in(list(rule.measures))
    if rule.classes:
        fits = fits & pl.col("revenue_class").is_in(list(rule.classes)).fill_null(value=False)
    return fits


def _fits(rule: Rule) -> pl.Expr:
    fits = _fits_channel(rule)
    if rule.valid_from is not None:
        fits = fits & (pl.col("day") >= rule.valid_from)
    if rule.valid_to is not None:
        fits = fits & (pl.col("day") < rule.valid_to)
    return fits


def core_rules(rules: RuleSet, measure: str, revenue_class: str | None, day: date) -> RuleSet:
    """Return the set with the thresholds of the checks that every run makes as they are for a channel on a day."""
    changed: dict[str, int] = {}
    for check in CORE_CHECKS:
        for rule in rules.rules:
            if rule.check == check and RuleSource.INITIAL in rule.sources and rule.fits(measure, revenue_class, day):
                names = CHECKS[check].fields
                changed |= {names[limit]: value for limit, value in rule.limits}
                break
    return replace(rules, **changed) if changed else rules  # type: ignore[arg-type]  # limits are whole numbers


def core_limit(rules: RuleSet, check: str, name: str) -> pl.Expr:
    """Return a threshold of a check that every run makes: of the first rule that fits a row, else that of the set."""
    of_set = pl.lit(getattr(rules, CHECKS[check].fields[name]), dtype=pl.Int64)
    found = governing(rules, check)
    return of_set if found is None else pl.coalesce(found.limit(name), of_set)


@dataclass(frozen=True)
class CoreGroup:
    """Channels and days that one set of core thresholds judges."""

    kinds: tuple[tuple[str, str | None], ...]  # measure, class of revenue
    from_date: date
    to_date: date
    rules: RuleSet


def core_groups(
    rules: RuleSet, kinds: Sequence[tuple[str, str | None]], from_date: date, to_date: date
) -> list[CoreGroup]:
    """Return how a period and kinds of channels divide so that each part has one set of core thresholds.

    Where no core rule names a measure, a class or a date inside the period, that is one group.
    """
    core = [rule for rule in rules.rules if rule.check in CORE_CHECKS]
    cuts = {day for rule in core for day in (rule.valid_from, rule.valid_to) if day and from_date < day < to_date}
    edges = [from_date, *sorted(cuts), to_date]
    groups = []
    for first, after in pairwise(edges):
        by_set: dict[RuleSet, list[tuple[str, str | None]]] = {}
        for kind in sorted(set(kinds), key=lambda pair: (pair[0], pair[1] or "")):
            by_set.setdefault(core_rules(rules, *kind, first), []).append(kind)
        groups += [CoreGroup(tuple(found), first, after, part) for part, found in by_set.items()]
    return groups
