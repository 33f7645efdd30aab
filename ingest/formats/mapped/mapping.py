"""Mapping files: TOML that says which columns of a vendor's file hold what, for files that no format of ours knows.

The page for who writes one is docs/mapping.md.
"""

from __future__ import annotations

import codecs
import re
import tomllib
from decimal import Decimal
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, model_validator
from pydantic_core import ErrorDetails, PydanticCustomError

from ingest.formats.decimal_texts import FACTOR_MAX
from model.codes import Quality, ReadKind
from model.errors import BillmillError, InputError
from model.reads import INTERVAL_LENGTHS
from model.zones import zone

FIXED_CLOCK = re.compile(r"^([+-])(\d\d):(\d\d)$")
_QUALITIES = tuple(quality.name.lower() for quality in Quality)
_PLAIN_CLOCKS = ("local", "utc", "offset")


def _refused(expected: str, found: object) -> PydanticCustomError:
    return PydanticCustomError("billmill", "expected {expected}, found {found}", {"expected": expected, "found": found})


def _read_column(value: object) -> str | int:
    if isinstance(value, bool) or not isinstance(value, (str, int)) or (isinstance(value, int) and value < 1):
        raise _refused("the name of a column, or its number from 1", f"`{value}`")
    return value


def _read_clock(value: object) -> str:
    text = value if isinstance(value, str) else ""
    if text in _PLAIN_CLOCKS or FIXED_CLOCK.match(text):
        return text
    try:
        zone(text)
    except BillmillError:
        expected = "local, utc, offset, an offset such as +01:00, or a zone such as Europe/Lisbon"
        raise _refused(expected, f"`{value}`") from None
    return text


def _read_encoding(value: object) -> str:
    try:
        b"".decode(str(value))  # base64 and the like are codecs too, but of no text
        return codecs.lookup(str(value)).name
    except LookupError:
        raise _refused("an encoding such as utf-8, utf-16, cp1252 or latin-1", f"`{value}`") from None


def _read_factor(value: object) -> Decimal:
    is_number = isinstance(value, (int, Decimal)) and not isinstance(value, bool)
    number = Decimal(value) if is_number else Decimal("NaN")  # type: ignore[arg-type]  # is_number says that it is one
    if not number.is_finite() or not 0 < number <= FACTOR_MAX or number != number.quantize(Decimal("0.000001")):
        raise _refused("a number above 0, with at most 6 decimals, up to 1000", f"`{value}`")
    return number


Column = Annotated[str | int, BeforeValidator(_read_column)]
QualityName = Literal["actual", "edited", "substituted", "final_substituted", "estimated", "forecast", "customer",
                      "suspect", "missing"]  # fmt: skip
assert set(_QUALITIES) == set(QualityName.__args__), "a quality has no name in mapping files"  # type: ignore[attr-defined]


class Part(BaseModel):
    """A table of the file; a key that it does not know is refused."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class Text(Part):
    """A text of each row: that of a column, or one for all."""

    column: Column | None = None
    constant: str | None = None

    @model_validator(mode="after")
    def _one_of_them(self) -> Self:
        if (self.column is None) == (self.constant is None):
            raise _refused("either `column` or `constant`", "both" if self.column is not None else "neither")
        return self


class Stamp(Part):
    """When: the columns (joined by a blank), how they are written, what they mark, and on which clock."""

    column: Column | None = None
    columns: tuple[Column, ...] = Field(default=(), strict=False)
    format: str | None = None
    marks: Literal["start", "end"] = "start"
    clock: Annotated[str, BeforeValidator(_read_clock)] = "local"
    newest_first: bool = False

    @model_validator(mode="after")
    def _one_of_them(self) -> Self:
        if (self.column is None) == (not self.columns):
            raise _refused("either `column` or `columns`", "both" if self.columns else "neither")
        has_offset = self.format is not None and re.search(r"%(#z|:?z)", self.format) is not None
        if self.format is not None and has_offset != (self.clock == "offset"):
            raise _refused('`%z` in `format` where, and only where, `clock` is "offset"', f"`{self.format}`")
        return self

    @property
    def parts(self) -> tuple[str | int, ...]:
        """The columns of which the stamp is made."""
        return self.columns or ((self.column,) if self.column is not None else ())

    @property
    def tz_name(self) -> str | None:
        """The zone whose clock the stamps show, None when `clock` names none."""
        is_zone = self.clock not in _PLAIN_CLOCKS and not FIXED_CLOCK.match(self.clock)
        return self.clock if is_zone else None


class Value(Part):
    """The values: one column, or the columns from `first` to `last`; how they are written and what they count."""

    column: Column | None = None
    first: Column | None = None
    last: Column | None = None
    decimal_comma: bool = False
    missing: tuple[str, ...] = Field(default=(), strict=False)
    factor: Annotated[Decimal, BeforeValidator(_read_factor)] = Decimal(1)


class Coded(Part):
    """A code of each row and what it means; texts are compared without regard to case."""

    column: Column
    codes: dict[str, QualityName]


class Kinds(Part):
    """Why a register was read: of a column with its codes, or one for all."""

    column: Column | None = None
    constant: ReadKind = Field(default=ReadKind.REGULAR, strict=False)
    codes: dict[str, Annotated[ReadKind, Field(strict=False)]] = Field(default_factory=dict)


class Csv(Part):
    """How the text is laid out."""

    separator: str = Field(default=",", min_length=1, max_length=1)
    skip_lines: int = Field(default=0, ge=0)
    encoding: Annotated[str, BeforeValidator(_read_encoding)] | None = None
    header: bool = True


class Habits(Part):
    """What the file does on the days the clock changes."""

    spring: Literal["absent", "empty", "zero"] = "absent"
    autumn: Literal["twice", "summed"] = "twice"


class FileMapping(Part):
    """A mapping file."""

    kind: Literal["intervals", "registers"] = "intervals"
    form: Literal["csv", "parquet"] = "csv"
    layout: Literal["long", "wide", "meters"] = "long"
    slots: Literal["sequence", "clock"] = "sequence"
    minutes: int | None = None
    precision: Literal["refuse", "carry"] = "refuse"
    meter_point: Text | None = None
    channel: Text
    unit: Text
    meter: Text | None = None
    stamp: Stamp
    value: Value
    quality: Coded | None = None
    read_kind: Kinds = Field(default_factory=Kinds)
    csv: Csv = Field(default_factory=Csv)
    habits: Habits = Field(default_factory=Habits)

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        for is_wrong, expected, found in _clashes(self):
            if is_wrong:
                raise _refused(expected, found)
        return self


def _clashes(mapping: FileMapping) -> list[tuple[bool, str, str]]:
    """Return, for each rule of keys that go together, whether it is broken, what is expected and what was found."""
    stamp, value, layout = mapping.stamp, mapping.value, mapping.layout
    spans = value.first is not None and value.last is not None
    needs_zone = mapping.habits.spring == "zero" or mapping.habits.autumn == "summed"
    one_each = mapping.kind == "registers" or layout == "long"
    lengths = ", ".join(map(str, INTERVAL_LENGTHS))
    return [
        (mapping.minutes is not None and mapping.minutes not in INTERVAL_LENGTHS,
         f"`minutes` one of {lengths}", f"{mapping.minutes}"),
        (mapping.minutes is None and (layout == "wide" or stamp.marks == "end") and mapping.kind == "intervals",
         "`minutes`, the length of the intervals, for wide files and for end stamps", "none"),
        (one_each and (value.column is None or spans), "`value.column` for a value in each row", "none or a span"),
        (not one_each and (not spans or value.column is not None),
         "`value.first` and `value.last` for a row of many values", "another key or none"),
        (layout != "meters" and mapping.meter_point is None, "`meter_point`", "none"),
        (layout == "meters" and mapping.meter_point is not None,
         "no `meter_point`: the columns are named after the meter points", "one"),
        (mapping.kind == "registers" and layout != "long", '`layout = "long"` for registers', f"`{layout}`"),
        (mapping.kind == "registers" and stamp.clock != "local", '`clock = "local"` for registers', f"`{stamp.clock}`"),
        (mapping.kind == "registers" and mapping.meter is None, "`meter`, the serial number, for registers", "none"),
        (mapping.form == "csv" and stamp.format is None, "`stamp.format`, such as %d/%m/%Y %H:%M", "none"),
        (needs_zone and stamp.tz_name is None,
         "a zone in `stamp.clock` for these habits: they turn on the days its clock changes", f"`{stamp.clock}`"),
        (layout == "wide" and stamp.clock == "offset",
         "days on a clock: local, utc, an offset such as +01:00, or a zone", "`offset`"),
        (layout == "wide" and mapping.slots == "sequence" and needs_zone,
         '`slots = "clock"` for these habits: columns in sequence have no hour of their own', "`sequence`"),
    ]  # fmt: skip


def parse_mapping(text: str, name: str) -> FileMapping:
    """Return the mapping that a file states; `name` is the file's, for messages.

    Raises:
        InputError: it is not TOML, or a key is unknown, missing, of another type, or does not go with another.
    """
    try:
        content = tomllib.loads(text, parse_float=Decimal)
    except tomllib.TOMLDecodeError as error:
        raise InputError(
            f"mapping `{name}`: expected TOML, found: {error}", hint="text stands in quotes, numbers do not"
        ) from None
    try:
        return FileMapping.model_validate(content)
    except ValidationError as error:
        told = [_problem(detail) for detail in error.errors(include_url=False)]
        raise InputError(f"mapping `{name}`: " + "; ".join(told), hint="docs/mapping.md lists the keys") from None


def _problem(detail: ErrorDetails) -> str:
    """Return one of pydantic's errors in our words, with the key that it is about."""
    path: list[Any] = [part for part in detail["loc"] if not str(part).startswith("function-")]
    key = f"key `{'.'.join(map(str, path))}`: " if path else ""
    kind, found, context = detail["type"], detail["input"], detail.get("ctx", {})
    if kind == "billmill":
        return key + detail["msg"]
    if kind == "extra_forbidden":
        return f"{key}expected no such key, found one"
    if kind == "missing":
        return f"{key}expected it, found none"
    if kind in {"literal_error", "enum"}:
        return f"{key}expected {context['expected']}, found `{found}`".replace("'", "`")
    return f"{key}{detail['msg'].lower()}, found `{found}`"
