"""The checks that a rule set may ask for: which rule of the field each is, its limits, what becomes of the value."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from model.codes import Severity

WARN_ONLY = (Severity.INFO, Severity.WARN)
ANY = tuple(Severity)

Reads = Literal["intervals", "registers", "both"]


@dataclass(frozen=True)
class Check:
    """A check. `limits` gives each limit's default; None has to be given. The unit ends the limit's name."""

    name: str
    rule: str
    reads: Reads
    severity: Severity
    says: str
    limits: dict[str, int | None] = field(default_factory=dict)
    severities: tuple[Severity, ...] = WARN_ONLY
    """What a rule may say. Fail empties the slots, which are then estimated; a register's difference is refused."""
    fields: dict[str, str] = field(default_factory=dict)
    """Limits of the checks that every run makes: the fields of `RuleSet` that hold them."""


_WARN, _FAIL, _INFO = Severity.WARN, Severity.FAIL, Severity.INFO

_CORE = (
    Check(
        "spike", "V10", "intervals", _WARN,
        "highest value of a day against its third highest: warned above a share, refused above a multiple that the "
        "channel's other days do not reach either",
        {"warn_percent": 180, "fail_ratio": 12, "fail_floor": 1_000},
        fields={
            "warn_percent": "spike_warn_percent", "fail_ratio": "spike_fail_ratio", "fail_floor": "spike_fail_floor",
        },
    ),
    Check(
        "usage_high", "V15", "registers", _WARN,
        "average daily use between two readings against the median of the channel's others",
        {"ratio": 5, "others_min": 3},
        fields={"ratio": "usage_high_ratio", "others_min": "usage_high_others_min"},
    ),
    Check(
        "rollover", "V18", "registers", _INFO,
        "a register that reads less has rolled over when the use is at most this share of its full scale",
        {"max_percent": 5},
        fields={"max_percent": "rollover_max_percent"},
    ),
)  # fmt: skip

_INTERVALS = (
    Check(
        "slot_count", "V05", "intervals", _FAIL,
        "the day has another number of slots than the clock of its zone gives it", severities=ANY,
    ),
    Check(
        "zero_use", "V08", "intervals", _WARN,
        "complete days with nothing used, one after the other, while the customer is supplied", {"days": 7},
    ),
    Check(
        "inactive_use", "V09", "intervals", _WARN,
        "use on days without an agreement (vacant_use), without a meter (uninstalled_use) or while disconnected "
        "(disconnected_use)", {"daily_floor": 1_000},
    ),
    Check(
        "stuck_value", "V11", "intervals", _WARN,
        "the same value, not zero, slot after slot within a day", {"minutes": 360}, severities=ANY,
    ),
    Check("never_zero", "V11", "intervals", _WARN, "complete days on which flow never stops: a leak", {"days": 3}),
    Check(
        "over_capacity", "V12", "intervals", _FAIL,
        "power above a share of what the connection can carry (attribute `capacity_kw` of the service point)",
        {"percent": 110}, severities=ANY,
    ),
    Check(
        "demand_step", "V13", "intervals", _WARN,
        "a value above the one before it by more than a share of it, and above a floor",
        {"percent": None, "floor": 1_000}, severities=ANY,
    ),
    Check(
        "peak_change", "V14", "intervals", _WARN,
        "highest value of the period above that of as many days before by more than a share",
        {"percent": 200, "floor": 1_000},
    ),
    Check(
        "reverse_flow", "V21", "intervals", _WARN,
        "energy sent back at a service point that has no generation (attribute `generation` = `none`)",
        {"daily_floor": 0},
    ),
    Check(
        "load_factor", "V28", "intervals", _WARN,
        "mean of the period as a share of its highest value, outside a band",
        {"low_percent": None, "high_percent": None},
    ),
    Check(
        "estimated_long", "V29", "intervals", _WARN,
        "days that came estimated or forecast, one after the other", {"days": 5},
    ),
    Check(
        "replaced", "V30", "intervals", _WARN,
        "a day that landed again has another total than before, by more than a share",
        {"percent": 50, "floor": 1_000},
    ),
    Check(
        "reconnected_use", "V32", "intervals", _WARN,
        "use of a day above a fixed maximum on the first days of an agreement before which nobody was supplied, while "
        "a meter hung there",
        {"daily_max": None, "days": 7},
    ),
)  # fmt: skip

_REGISTERS = (
    Check(
        "delta_outside", "V16", "registers", _WARN,
        "use a day between two readings outside fixed limits (smallest units)",
        {"low": 0, "high": None}, severities=ANY,
    ),
    Check(
        "delta_change", "V16", "registers", _WARN,
        "use a day against that of the pair of readings before: their difference as a share of now", {"percent": None},
    ),
    Check(
        "register_zero", "V08", "registers", _WARN,
        "readings that do not move for so many days while a customer is supplied", {"days": 60},
    ),
    Check(
        "register_inactive", "V09", "registers", _WARN,
        "use between two readings while nobody has an agreement, or while disconnected", {"daily_floor": 1_000},
    ),
    Check(
        "usage_low", "V15", "registers", _WARN,
        "average daily use below a share of the median of the channel's other readings",
        {"percent": 20, "others_min": 3},
    ),
    Check(
        "reads_estimated", "V29", "registers", _WARN,
        "estimated, forecast or customer's readings, one after the other", {"reads": 3},
    ),
    Check(
        "previous_refused", "V31", "registers", _WARN,
        "the earlier reading of the pair is one that a refused pair ended with", severities=ANY,
    ),
)  # fmt: skip

_BOTH = (
    Check(
        "sum_check", "V17", "both", _WARN,
        "intervals between two readings against the register's difference (same service point and measure): beyond "
        "the larger of a share and some units of the last dial, times the multiplier",
        {"per_mille": 5, "dial_units": 1},
    ),
    Check(
        "tou_sum", "V33", "both", _WARN,
        "registers by time of use against the total register (attribute `total_register` of the service point)",
        {"per_mille": 5, "dial_units": 2},
    ),
    Check(
        "reactive_share", "V24", "intervals", _WARN,
        "reactive energy above a share of active energy on a day, or while there is none", {"percent": 300,
        "floor": 1_000},
    ),
    Check(
        "reactive_missing", "V24", "intervals", _WARN,
        "a day of the active channel without its reactive one, or the other way round",
    ),
    Check(
        "main_check", "V26", "intervals", _WARN,
        "main against check meter (attribute `check_suffix` of the service point) over the days that both have",
        {"per_mille": 10, "floor": 1_000},
    ),
)  # fmt: skip

_HISTORY = (
    Check(
        "use_above_past", "V15", "intervals", _WARN,
        "use against the channel's own past on days of the same kind, the class's change taken out: above",
        {"percent": 200, "spreads": 6, "floor": 2_000},
    ),
    Check(
        "use_below_past", "V15", "intervals", _WARN,
        "the same: below, but not stopped", {"percent": 50, "spreads": 6, "floor": 2_000},
    ),
    Check(
        "step_down", "H01", "intervals", _WARN,
        "use fell on a day and stayed low to the end, the night by as much to some points, while the class did not "
        "fall: theft, bypass, a dead phase",
        {"percent": 60, "days": 7, "spreads": 4, "floor": 2_000, "night_points": 12},
    ),
    Check(
        "night_flow", "H02", "intervals", _WARN,
        "lowest flow of the night (1 to 5 o'clock) rose above its own past and stayed: a leak",
        {"percent": 150, "days": 3, "floor": 3},
    ),
    Check(
        "stopped", "H03", "intervals", _WARN,
        "a channel that was in use reads zero, day after day", {"days": 3, "past_floor": 1_000},
    ),
    Check(
        "shape_changed", "H04", "intervals", _WARN,
        "share of the day's energy by three-hour group moved against the channel's own past",
        {"per_mille": 250, "spreads": 4},
    ),
    Check(
        "swapped", "H05", "intervals", _WARN,
        "two channels of a branch took over each other's level and shape: meters exchanged in the books",
        {"per_mille": 350},
    ),
    Check(
        "clock_shifted", "H06", "intervals", _WARN,
        "the day's shape lies hours beside the channel's own past, and as near to it again when they are taken off: "
        "the meter's clock is wrong",
        {"per_mille": 150, "hours": 3},
    ),
)  # fmt: skip

CHECKS: dict[str, Check] = {check.name: check for check in (*_CORE, *_INTERVALS, *_REGISTERS, *_BOTH, *_HISTORY)}
CORE_CHECKS = tuple(check.name for check in _CORE)
HISTORY_CHECKS = tuple(check.name for check in _HISTORY)

# What every run may say beside the names of the checks: rule -> its reasons.
FURTHER_REASONS: dict[str, tuple[str, ...]] = {
    "V01": ("meter_unknown", "reads_overlap"),
    "V03": ("missing", "missing_day"),
    "V07": ("negative",),
    "V09": ("vacant_use", "uninstalled_use", "disconnected_use"),
    "V18": ("reading_above_dials",),
    "V19": ("read_decreased",),
    "V20": ("usage_too_large",),
    "E16": ("set_aside",),
}


def known_rules() -> set[str]:
    """Return the rules that a finding may name."""
    return {check.rule for check in CHECKS.values()} | set(FURTHER_REASONS)


def known_reasons() -> set[str]:
    """Return the reasons that a finding may name."""
    return set(CHECKS) | {reason for reasons in FURTHER_REASONS.values() for reason in reasons}
