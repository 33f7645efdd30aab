"""Thresholds of review: from [review] of the workspace's configuration, pinned in each plan."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from decimal import Decimal, InvalidOperation
from typing import Any

from model.errors import ConfigError
from model.review import BillCheck, ReviewSeverity
from store.workspace import Workspace, workspace_settings

SEVERITY: dict[BillCheck, ReviewSeverity] = {
    BillCheck.SHOCK_BILL: ReviewSeverity.STOP,
    BillCheck.CREDIT_ABOVE_LIMIT: ReviewSeverity.STOP,
    BillCheck.HIGH_USE: ReviewSeverity.WARN,
    BillCheck.LOW_USE: ReviewSeverity.WARN,
    BillCheck.HIGH_FOR_CLASS: ReviewSeverity.WARN,
    BillCheck.ZERO_USE: ReviewSeverity.WARN,
    BillCheck.ZERO_BILL: ReviewSeverity.WARN,
    BillCheck.NEGATIVE_BILL: ReviewSeverity.WARN,
    BillCheck.LARGE_CHANGE: ReviewSeverity.WARN,
    BillCheck.CONSECUTIVE_ESTIMATES: ReviewSeverity.WARN,
    BillCheck.SHORT_PERIOD: ReviewSeverity.INFO,
    BillCheck.LONG_PERIOD: ReviewSeverity.WARN,
    BillCheck.NEW_TARIFF: ReviewSeverity.INFO,
    BillCheck.FIRST_BILL: ReviewSeverity.INFO,
    BillCheck.FINAL_BILL: ReviewSeverity.INFO,
    BillCheck.TOP_AMOUNT: ReviewSeverity.INFO,
}
_SEVERITY = "severity"


@dataclass(frozen=True)
class ReviewRules:
    """What is listed. Percentages are whole; sums are in major units of the bill's currency."""

    past_bills: int = 12
    """Bills of a supply that it is compared with, the last ones."""
    past_least: int = 3
    """Fewer bills than this are no past: the supply is compared with its class."""
    season_months: int = 1
    """Bills of the same season begin at most so many months from this one, in any year."""
    spread: int = 5
    """Use is high or low when it is further from the median than so many median deviations."""
    spread_least_percent: int = 10
    """The deviation counts as at least this part of the median: a very even past is not a narrow one."""
    high_percent: int = 200
    """High use is also above this part of the median."""
    low_percent: int = 50
    """Low use is also below this part of the median."""
    class_percent: int = 1000
    """High for its class: above this part of the median of supplies of the class."""
    class_least: int = 20
    """Supplies that a class needs to be compared with."""
    change_percent: int = 300
    """A large change: the amount per day is above this part of the last bill's."""
    change_least: Decimal = Decimal(100)
    """... and the bill is so much more than at the last bill's amount per day."""
    shock_percent: int = 1000
    """A shock: the amount per day is above this part of the usual one ..."""
    shock_least: Decimal = Decimal(500)
    """... and the bill is so much more than usual."""
    credit_limit: Decimal = Decimal(500)
    """A credit above this waits."""
    estimates: int = 3
    """So many bills in a row that rest on estimates, this one among them."""
    short_percent: int = 50
    """A short period: fewer days than this part of the cycle's, first and final bills apart."""
    long_percent: int = 150
    top: int = 10
    """The largest bills of each branch."""
    severity: dict[BillCheck, ReviewSeverity] = field(default_factory=lambda: dict(SEVERITY))

    def plain(self) -> dict[str, Any]:
        """Return the rules as a plan keeps them."""
        values = {item.name: getattr(self, item.name) for item in fields(self) if item.name != _SEVERITY}
        told = {name: str(value) if isinstance(value, Decimal) else value for name, value in values.items()}
        return told | {_SEVERITY: {code.value: level.value for code, level in self.severity.items()}}


def review_rules(workspace: Workspace) -> ReviewRules:
    """Return the rules that a workspace states; what it does not state has its default.

    Raises:
        ConfigError: a key or a code is not known, or a value is none.
    """
    names = [item.name for item in fields(ReviewRules)]
    return rules_from(workspace_settings(workspace, "review", names))


def rules_from(settings: Mapping[str, Any]) -> ReviewRules:
    """Return rules from what a configuration, or a plan, says."""
    values: dict[str, Any] = {}
    for item in fields(ReviewRules):
        if item.name in settings and item.name != _SEVERITY:
            values[item.name] = _value(item.name, item.default, settings[item.name])
    severity = dict(SEVERITY)
    for code, level in dict(settings.get(_SEVERITY, {})).items():
        severity[_one_of(BillCheck, "code", code)] = _one_of(ReviewSeverity, "severity", level)
    return ReviewRules(**values, severity=severity)


def _value(name: str, default: object, value: object) -> int | Decimal:
    if isinstance(default, Decimal):
        try:
            amount = Decimal(value) if isinstance(value, str) else None
        except InvalidOperation:
            amount = None
        if amount is None or not amount.is_finite() or amount < 0:
            raise ConfigError(f'[review] {name}: expected an amount as text, "500.00", found `{value}`')
        return amount
    if isinstance(value, bool) or not isinstance(value, int) or value < 0:
        raise ConfigError(f"[review] {name}: expected a whole number, found `{value}`")
    return value


def _one_of(kind: type[BillCheck] | type[ReviewSeverity], what: str, value: object) -> Any:
    known = [item.value for item in kind]
    if value not in known:
        raise ConfigError(f"[review.severity]: {what} `{value}` is not known", hint=f"known: {', '.join(known)}")
    return kind(value)
