"""Layouts of handheld route files: which field stands where in the records that go out and in those that come back."""

from __future__ import annotations

import tomllib
from itertools import pairwise
from typing import Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator
from pydantic_core import PydanticCustomError

from model.codes import ReadKind
from model.errors import InputError

# What a record can hold. Keys come back as they went out and are never cut; texts are cut to their length.
KEYS = ("route", "sequence", "service_point", "channel", "meter", "unit", "account")
NUMBERS = ("dials", "previous_reading", "low_limit", "high_limit")
TEXTS = ("address", "city", "name", "commodity")
DATES = ("previous_date", "route_date")
COMING_BACK = ("reading", "read_date", "read_time", "read_code", "note_code")
_NEEDED_BACK = ("service_point", "channel", "meter", "unit", "reading", "read_date")
FieldName = Literal[
    "route", "sequence", "service_point", "channel", "meter", "unit", "account", "dials", "previous_reading",
    "low_limit", "high_limit", "address", "city", "name", "commodity", "previous_date", "route_date", "reading",
    "read_date", "read_time", "read_code", "note_code", "constant",
]  # fmt: skip


def _refused(expected: str, found: str) -> PydanticCustomError:
    return PydanticCustomError("billmill", "expected {expected}, found {found}", {"expected": expected, "found": found})


class Part(BaseModel):
    """A table of the file; a key that it does not know is refused."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class Place(Part):
    """A field of a record: columns from `start`, counted from 1, `length` of them."""

    field: FieldName
    start: int = Field(ge=1)
    length: int = Field(ge=1)
    align: Literal["left", "right"] = "left"
    fill: Literal[" ", "0"] = " "
    format: str = "%Y%m%d"
    decimals: int = Field(default=0, ge=0, le=3)
    text: str = ""

    @property
    def end(self) -> int:
        """The last column."""
        return self.start + self.length - 1


class RouteLayout(Part):
    """A layout: records `out` and `back`, the codes of readings, and the codes of what was not read.

    With `framed` the file begins with a header that names Billmill and the date of the route, and ends with a count.
    """

    name: str = Field(min_length=1)
    framed: bool = False
    out_width: int = Field(ge=1)
    back_width: int = Field(ge=1)
    out: tuple[Place, ...] = Field(strict=False)
    back: tuple[Place, ...] = Field(strict=False)
    read_codes: dict[str, Literal["regular", "customer", "estimate", "removal", "install"]]
    skip_codes: dict[str, str] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        _check_places("out", self.out, self.out_width)
        _check_places("back", self.back, self.back_width)
        missing = [name for name in _NEEDED_BACK if name not in {place.field for place in self.back}]
        if missing:
            raise _refused(f"`back` with the fields {', '.join(_NEEDED_BACK)}", f"none of {', '.join(missing)}")
        wrong = [place.field for place in self.out if place.field in COMING_BACK]
        if wrong:
            raise _refused("`out` with fields that are known beforehand", f"`{wrong[0]}`")
        return self

    def read_kind(self, code: str) -> str | None:
        """Return the kind of a reading with this code; None when the layout does not list it."""
        return self.read_codes.get(code, ReadKind.REGULAR.value if code == "" else None)


def _check_places(which: str, places: tuple[Place, ...], width: int) -> None:
    ordered = sorted(places, key=lambda place: place.start)
    for before, after in pairwise(ordered):
        if after.start <= before.end:
            raise _refused(f"fields of `{which}` that stand apart", f"`{before.field}` and `{after.field}` overlapping")
    if ordered and ordered[-1].end > width:
        raise _refused(f"fields of `{which}` within {width} columns", f"`{ordered[-1].field}` up to {ordered[-1].end}")
    named = [place.field for place in places if place.field != "constant"]
    twice = sorted({name for name in named if named.count(name) > 1})
    if twice and which == "back":
        raise _refused(f"each field of `{which}` once", f"`{twice[0]}` twice")


def parse_layout(text: str, name: str) -> RouteLayout:
    """Return the layout that a TOML file states; `name` is the file's, for messages.

    Raises:
        InputError: it is not TOML, or a key is unknown, missing, of another type, or does not go with another.
    """
    try:
        return RouteLayout.model_validate(tomllib.loads(text))
    except tomllib.TOMLDecodeError as error:
        raise InputError(f"layout `{name}`: expected TOML, found: {error}", hint="text stands in quotes") from None
    except ValidationError as error:
        problems = [
            f"key `{'.'.join(map(str, detail['loc']))}`: {detail['msg'].lower()}" if detail["loc"] else detail["msg"]
            for detail in error.errors(include_url=False)
        ]
        hint = "docs/routes.md lists the keys"
        raise InputError(f"layout `{name}`: {'; '.join(problems)}", hint=hint) from None
