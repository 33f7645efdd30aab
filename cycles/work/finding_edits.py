"""The values of an edit, from an option or a file, as smallest units for each slot of a finding."""

from __future__ import annotations

from datetime import date
from decimal import Decimal, InvalidOperation
from pathlib import Path

from cycles.work.finding_decisions import refusal, shared_values, slot_count_of, smallest_units
from cycles.work.findings import Asked, work_list
from model.codes import FindingState
from model.errors import ConfigError, InputError
from store.files import read_bytes
from store.workspace import Workspace


def edit_values(
    workspace: Workspace, finding: str, *, value: str | None, file: Path | None, business_date: date
) -> list[int]:
    """Return a value for each slot: the total `value` shared evenly, or the lines of `file`; in readable units.

    Raises:
        ConfigError: both or neither are given, the finding cannot be edited, or the total is no number.
        InputError: a line of the file is no number.
    """
    if (value is None) == (file is None):
        raise ConfigError("expected --value or --file", hint="--value is the energy of the slots together")
    found = work_list(workspace, Asked(ids=(finding,)), business_date)
    refused = found.select(refusal(FindingState.EDITED).alias("refusal")).item()
    if refused is not None:
        raise ConfigError(f"finding `{finding}`: {refused}", hint=f"billmill findings show {finding}")
    unit = str(found.item(0, "unit"))
    if value is not None:
        total = _number(value)
        if total is None:
            raise ConfigError(f"option --value: expected a number, found `{value}`")
        return shared_values(total, slot_count_of(found), unit)
    assert file is not None
    return [smallest_units(number, unit) for number in _lines(file)]


def _lines(file: Path) -> list[Decimal]:
    numbers = []
    for line_no, line in enumerate(read_bytes(file).decode("utf-8", errors="replace").split("\n"), start=1):
        text = line.strip()
        if not text or (line_no == 1 and text == "value"):
            continue
        number = _number(text)
        if number is None:
            raise InputError(f"`{file}` line {line_no}: expected a number, found `{text}`")
        numbers.append(number)
    return numbers


def _number(text: str) -> Decimal | None:
    try:
        number = Decimal(text)
    except InvalidOperation:
        return None
    return number if number.is_finite() else None
