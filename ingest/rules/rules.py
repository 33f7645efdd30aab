"""The rule set of VEE: every threshold is data, and every finding names the set that judged it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from model.codes import RuleSource, Severity

# Methods for gaps in intervals, and for readings of registers: see RuleSet.methods, RuleSet.register_methods.
INTERVAL_METHODS = (
    "zero", "check_channel", "calculated", "linear", "like_day", "multi_week", "hold", "profile", "flat",
)  # fmt: skip
REGISTER_METHODS = ("linear", "intervals", "scalar", "daily_use", "class")


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

    methods: tuple[str, ...] = (
        "zero", "check_channel", "calculated", "linear", "like_day", "multi_week", "profile", "flat",
    )  # fmt: skip
    """Methods for gaps in intervals, the first that can fill a slot does: names of model.codes.Method. `profile` and
    `flat` give a shape alone, so they fill only what is scaled to a register afterwards. `hold` (one neighbour's value
    over a short gap) is left out: on a channel without a like day one value says little."""

    multi_weeks: int = 4
    """E03: how many weeks back the same weekday and clock time is averaged. Ours; systems let users set it."""

    load_profile: tuple[tuple[int, ...], ...] = ()
    """E05: weights of the 24 hours of a working day, a Saturday, a Sunday or holiday; empty when there is none."""

    scale_to_register: bool = True
    """E06: estimates between two register readings add up to their difference. Source: Elhub 3.0, "whatever the
    method"."""

    scale_tolerance_units: int = 1
    """E06: measured intervals may exceed the register by so many printed units (times its multiplier) before the
    estimates between the readings are refused. Ours: a register shows whole units, at both ends cut off."""

    missing_day_percent_max: int = 100
    """A day of which more is missing is not estimated. 100: every day is. Systems let users set it."""

    missing_period_percent_max: int = 100
    """A channel of whose judged days more is missing is not estimated. 100: every channel is."""

    register_methods: tuple[str, ...] = ("linear", "intervals", "scalar", "daily_use", "class")
    """Methods for a reading that did not come, the first that can gives it: between two readings by days (E01), the
    intervals beside it (E11), the same days of last year times the trend (E12), the average daily use (E13), that of
    the channels of its measure and branch. All but the first are extrapolations (E14)."""

    register_days_max: int = 92
    """Longest time after a reading that is estimated. Ours; BSCP502 allows one month around the date."""

    register_estimates_max: int = 4
    """V29: how many estimates may follow each other on a meter. Source: 3 to 6, to be confirmed."""

    daily_use_days: int = 366
    """E13: how far back the average daily use is taken. Ours: a year holds all seasons."""

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
