"""The mapping of a legacy file: which columns hold what, how numbers and days are written, what its codes stand for."""

from __future__ import annotations

import tomllib
from datetime import date
from decimal import Decimal
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from model.errors import InputError

TAX_CODE = "tax"
"""The code under which the file's own column of taxes is compared."""


class _Part(BaseModel):
    """A table of the mapping; a key that it does not know is refused."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class Layout(_Part):
    """How the file is written."""

    separator: str = Field(default=",", min_length=1, max_length=1)
    decimal: Literal[".", ","] = "."
    thousands: Literal["", ".", ",", " ", "'"] = ""
    dates: str = "%Y-%m-%d"
    encoding: Literal["utf-8", "latin-1", "cp1252"] = "utf-8"


class Columns(_Part):
    """Names of the file's columns."""

    account: str = "account"
    service_point: str | None = "service_point"
    period_start: str = "period_start"
    period_end: str = "period_end"
    line: str = "line"
    quantity: str | None = "quantity"
    amount: str = "amount"
    tax: str | None = "tax"
    total: str | None = "total"


class Period(_Part):
    """What the end of a period says: the day after the last (`excluded`), or the last day (`included`)."""

    end: Literal["excluded", "included"] = "excluded"


class Signs(_Part):
    """Codes whose amounts the file prints without their minus."""

    negate: tuple[str, ...] = Field(default=(), strict=False)


class Control(_Part):
    """What the file must add up to, as who made it says."""

    rows: int | None = None
    total: Decimal | None = None


class LegacyMapping(_Part):
    """A mapping. `codes`: legacy code -> our lines: `component`, `component/period`, `component#tier`."""

    file: Layout = Layout()
    columns: Columns = Columns()
    period: Period = Period()
    signs: Signs = Signs()
    control: Control = Control()
    codes: dict[str, tuple[str, ...]] = Field(default={}, strict=False)
    ignore: tuple[str, ...] = Field(default=(), strict=False)
    """Codes that are no part of what Billmill bills, for example payments."""
    sha256: str = ""

    def end_date(self, said: date) -> date:
        """Return the day after the last of a period that ends as the file says."""
        return date.fromordinal(said.toordinal() + 1) if self.period.end == "included" else said


def parse_legacy_mapping(text: str, name: str, sha256: str = "") -> LegacyMapping:
    """Return the mapping that a TOML text states.

    Raises:
        InputError: it is no TOML, or has a key or value that a mapping cannot have.
    """
    try:
        found = tomllib.loads(text, parse_float=Decimal)
    except tomllib.TOMLDecodeError as error:
        raise InputError(f"mapping `{name}`: expected TOML: {error}", hint="see docs/cutover.md") from error
    lists = {
        code: (lines,) if isinstance(lines, str) else tuple(lines) for code, lines in found.get("codes", {}).items()
    }
    try:
        return LegacyMapping.model_validate(found | {"codes": lists, "sha256": sha256})
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"])
        raise InputError(
            f"mapping `{name}`: {place}: {first['msg']}, found `{first['input']}`", hint="see docs/cutover.md"
        ) from error
