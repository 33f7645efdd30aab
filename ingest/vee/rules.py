"""The rule set of VEE: every threshold is data, and every finding names the set that judged it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from model.codes import RuleSource, Severity


@dataclass(frozen=True)
class Rule:
    """A check with its severity and limits, and what it is for: empty means every source, measure or class.

    Of several rules of one check the first that fits a value judges it, so exceptions stand before the rule.
    """

    check: str
    severity: Severity
    limits: tuple[tuple[str, int], ...] = ()
    sources: tuple[RuleSource, ...] = (RuleSource.INITIAL,)
    measures: tuple[str, ...] = ()
    classes: tuple[str, ...] = ()
    valid_from: date | None = None
    """First day that it judges."""
    valid_to: date | None = None
    """Day after the last."""

    def fits(self, measure: str, revenue_class: str | None, day: date) -> bool:
        """Return whether the rule is for a channel of this measure and class on a day."""
        return (
            (not self.measures or measure in self.measures)
            and (not self.classes or revenue_class in self.classes)
            and (self.valid_from is None or self.valid_from <= day)
            and (self.valid_to is None or day < self.valid_to)
        )


@dataclass(frozen=True)
class RuleSet:
    """Thresholds of validation and estimation. A changed threshold is a new version.

    Quantities are in the channel's smallest unit. Where no text at hand fixes a number, the field says so.
    """

    name: str = "standard"
    version: int = 1

    rules: tuple[Rule, ...] = ()
    """Checks beside the ones that every run makes (missing, negative, spike; register differences)."""

    history_days: int = 56
    """Days before the period that say what is usual, read when a rule asks for them. Ours: eight of each weekday."""

    history_days_min: int = 14
    """Days that the past of a channel must have before anything is learned from it. Ours: two weeks."""

    linear_minutes_max: int = 120
    """E01: longest gap that a straight line fills. Source: California's VEE rules, section 4.1: two hours."""

    like_days: int = 3
    """E02: days averaged for a longer gap. Source: the three nearest like days, as meter data systems do."""

    like_days_within: int = 28
    """E02: how many days away a like day may be. Ours: four weeks hold four days of each weekday."""

    holidays: tuple[date, ...] = ()
    """E02: days that are like each other and like no weekday."""

    spike_warn_percent: int = 180
    """V10: warn when (highest - third highest) / third highest of a day is above it. California: 180 %, to be
    confirmed."""

    spike_fail_ratio: int = 12
    """V10: a value is refused only above this many times the day's third highest value and also above this many
    times the highest value of the channel's other days. Ours: real household data stays below 9."""

    spike_fail_floor: int = 1_000
    """V10: a value up to this is never refused: on an idle meter a ratio says nothing. Ours: 1 kWh or 1 m3."""

    rollover_max_percent: int = 5
    """V18: a register that reads less has rolled over only when the use is at most this share of its full scale.
    Source: plausible only if more than 95 % of the scale was crossed; to be confirmed."""

    usage_high_ratio: int = 5
    """V15: warn when the average daily use is above this many times the median of the other readings'. Ours."""

    usage_high_others_min: int = 3
    """V15: how many other readings it takes to know what is usual. Ours."""

    @property
    def rule_set_id(self) -> str:
        """Return what findings carry: name and version.

        >>> RuleSet().rule_set_id
        'standard.v1'
        """
        return f"{self.name}.v{self.version}"


DEFAULT_RULES = RuleSet()
