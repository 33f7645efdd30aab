"""Stable codes. The text of a message may change; these never do."""

from __future__ import annotations

from enum import IntEnum, StrEnum


class Commodity(StrEnum):
    """What a service point delivers."""

    ELECTRICITY = "electricity"
    GAS = "gas"
    WATER = "water"
    HEAT = "heat"


class Measure(StrEnum):
    """What a channel measures. Each has one smallest unit: see `model.units`."""

    IMPORT_ENERGY = "import_energy"
    EXPORT_ENERGY = "export_energy"
    REACTIVE_ENERGY = "reactive_energy"
    REACTIVE_EXPORT = "reactive_export"
    APPARENT_ENERGY = "apparent_energy"
    GAS_VOLUME = "gas_volume"
    GAS_ENERGY = "gas_energy"
    WATER_VOLUME = "water_volume"
    HEAT_ENERGY = "heat_energy"
    WATER_GALLONS = "water_gallons"
    WATER_CUBIC_FEET = "water_cubic_feet"
    GAS_CUBIC_FEET = "gas_cubic_feet"
    GAS_BTU = "gas_btu"


class Quality(IntEnum):
    """Canonical quality of a slot or a reading; the larger, the less it is worth. 255 has no meaning.

    Source: the quality codes of NEM12, ESPI, MSCONS and IEC 61968-9 mapped onto one scale.
    """

    ACTUAL = 0
    EDITED = 1
    SUBSTITUTED = 2
    FINAL_SUBSTITUTED = 3
    ESTIMATED = 4
    FORECAST = 5
    CUSTOMER = 6
    SUSPECT = 7
    MISSING = 8


class Method(IntEnum):
    """Method of an estimate, one byte a slot: the number is that of the VEE rules, E01 to E16."""

    NONE = 0
    LINEAR = 1
    LIKE_DAY = 2
    MULTI_WEEK = 3
    PROFILE = 5
    REGISTER_SCALED = 6
    FLAT = 7
    CHECK_CHANNEL = 8
    CALCULATED = 9
    INTERVALS = 11
    SCALAR = 12
    DAILY_USE = 13
    EXTRAPOLATED = 14
    ZERO = 15
    MANUAL = 16
    CLASS = 20
    """E12, the trend of the class: for a meter without a past of its own."""
    HOLD = 21
    """E01 with one end only: the value beside the gap is held."""
    ACCEPTED = 200
    """No estimate: the value as it landed, which a person accepted."""


class Severity(StrEnum):
    """How much a finding weighs: `fail` means that the value was not used as it came, `terminate` that no other rule
    looked at it."""

    INFO = "info"
    WARN = "warn"
    FAIL = "fail"
    TERMINATE = "terminate"


class RuleSource(StrEnum):
    """Where a value comes from: each source is judged by the rules of its own group."""

    INITIAL = "initial"
    MANUAL = "manual"
    ESTIMATE = "estimate"


class FindingState(StrEnum):
    """Where a finding stands."""

    OPEN = "open"
    PROPOSED = "proposed"
    """An edit that waits for a second person."""
    ACCEPTED = "accepted"
    ESTIMATED = "estimated"
    EDITED = "edited"
    OVERTAKEN = "overtaken"
    """The day was landed again, or judged again with another outcome: nothing is left to decide."""


class ReadKind(StrEnum):
    """Why a register was read."""

    REGULAR = "regular"
    INSTALL = "install"
    REMOVAL = "removal"
    CUSTOMER = "customer"
    ESTIMATE = "estimate"


class ParkReason(StrEnum):
    """Why an account is not billed this night."""

    NO_TARIFF_VERSION = "no_tariff_version"
    NO_PRICE = "no_price"
    NO_FACTOR = "no_factor"
    NO_CHANNEL = "no_channel"
    INTERVALS_MISSING = "intervals_missing"
    START_READ_MISSING = "start_read_missing"
    END_READ_MISSING = "end_read_missing"
    READ_REJECTED = "read_rejected"
    WAITING_FOR_READS = "waiting_for_reads"
    """What there is are estimates, and the cycle's estimate date has not come."""
    QUALITY_LIMIT = "quality_limit"
    CURRENCY_MISMATCH = "currency_mismatch"
    ATTRIBUTE_MISSING = "attribute_missing"
    HISTORY_MISSING = "history_missing"
    BANK_OUT_OF_ORDER = "bank_out_of_order"
    FORMULA_UNDEFINED = "formula_undefined"
    AMOUNT_TOO_LARGE = "amount_too_large"
    HELD = "held"
    EXCLUDED = "excluded"
    """Its bill was computed, and is kept out of what is published."""
    SIBLING_PARKED = "sibling_parked"


class TrueUp(StrEnum):
    """How a tariff puts bills right that rest on estimates, once the actual reads are there."""

    REBILL = "rebill"
    """The bill is taken back and its days are billed again."""
    SELF_CORRECT = "self_correct"
    """The bill stays: the next reading of the register bills what the estimate missed."""


class RunKind(StrEnum):
    """What a run does; the word its id begins with."""

    BILL = "bill"
    REBILL = "rebill"
    """Takes bills back and bills their days again."""
    FINAL = "final"
    """Bills agreements that have ended, outside their cycle's window."""
    CANCEL = "cancel"
    """Takes bills back."""


class RunnerName(StrEnum):
    """Who computes the partitions of a run."""

    LOCAL = "local"
    """Processes of this machine."""
    RAY = "ray"
    ARRAY = "array"
    """Tasks of a scheduler: one command for each partition, one that commits."""


class RunState(StrEnum):
    """States of a run, in order; `abandoned` only before `published`."""

    PLANNED = "planned"
    STAGED = "staged"
    VALIDATED = "validated"
    APPROVED = "approved"
    PUBLISHED = "published"
    ABANDONED = "abandoned"


class TariffState(StrEnum):
    """Where a version of a tariff stands; only approved ones are billed, retired ones until their last day."""

    DRAFT = "draft"
    APPROVED = "approved"
    RETIRED = "retired"
