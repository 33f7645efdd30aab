"""Reading a tariff file: TOML text to a `TariffFile` that has passed every check, or one error with every problem."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator
from decimal import Decimal
from types import NoneType, UnionType
from typing import Any, Union, get_args, get_origin

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from model.errors import TariffError
from tariffs.check import find_problems
from tariffs.inherit import with_inherited
from tariffs.problems import KeyPath, Problem, show_names, show_value, suggestion, tariff_error
from tariffs.rider_head import with_rider_head
from tariffs.sheet import Part, TariffFile

# What a message calls the type that was expected, by the name of pydantic's error.
_EXPECTED = {
    "string_type": "text in quotes",
    "bool_type": "`true` or `false`",
    "dict_type": "a table",
    "model_type": "a table",
    "string_too_short": "text that is not empty",
}


def parse_tariff(text: str, name: str) -> TariffFile:
    """Return the tariff that a file states. `name` is the file's name, for messages.

    Numbers are read as decimals, exactly as printed. Comments, spacing and the order of keys mean nothing, except
    that the order of charges is their order on the bill.

    Raises:
        TariffError: the text is not TOML; or it has unknown keys, wrong types, gaps, overlaps or prices that cannot
            be used. All problems found are in the one message; what has wrong keys or types is not checked further.
    """
    content = _read_toml(text, name)
    if problems := list(_control_characters(content, ())):
        raise tariff_error(problems, content, name)
    whole, problems = with_inherited(content)
    whole, in_rider = with_rider_head(whole)
    if problems := problems + in_rider:
        raise tariff_error(problems, content, name)
    try:
        tariff = TariffFile.model_validate(whole)
    except ValidationError as error:
        problems = [_structural_problem(detail) for detail in error.errors(include_url=False)]
        raise tariff_error(problems, content, name) from None
    if problems := find_problems(tariff):
        raise tariff_error(problems, content, name)
    return tariff


def _read_toml(text: str, name: str) -> dict[str, Any]:
    try:
        return tomllib.loads(text, parse_float=Decimal)
    except tomllib.TOMLDecodeError as error:
        raise TariffError(
            f"tariff file {name}: expected TOML, found: {error}",
            hint="text stands in quotes, dates and numbers do not, and a key stands once in its table",
        ) from None


def _control_characters(value: Any, path: KeyPath) -> Iterator[Problem]:
    """Yield texts with control characters: screens obey them, and files of text break on them. Lines may end."""
    if isinstance(value, str):
        if not value.replace("\n", "").replace("\t", "").isprintable():
            yield Problem(path, "expected text without control characters, found " + show_value(value))
    elif isinstance(value, dict):
        for key, inner in value.items():
            yield from _control_characters(inner, (*path, key))
    elif isinstance(value, list):
        for place, inner in enumerate(value):
            yield from _control_characters(inner, (*path, place))


def _structural_problem(detail: ErrorDetails) -> Problem:
    """Return one of pydantic's errors in our words."""
    path: KeyPath = tuple(detail["loc"])
    kind, found = detail["type"], detail["input"]
    context = detail.get("ctx", {})
    if kind == "billmill":
        return Problem(path, detail["msg"], context.get("hint"))
    if kind == "extra_forbidden":
        known = known_keys(path[:-1])
        hint = suggestion(str(path[-1]), known) or f"the keys known here are {show_names(known)}"
        return Problem(path, f"expected no key `{path[-1]}`, found one", hint)
    if kind == "missing":
        return Problem(path, f"expected a key `{path[-1]}`, found none")
    if kind == "literal_error":
        return Problem(path, f"expected {context['expected']}, found {show_value(found)}".replace("'", "`"))
    if kind == "string_pattern_mismatch":
        return Problem(path, f"expected letters, digits, `-`, `_` or `.`, found {show_value(found)}")
    return Problem(path, f"expected {_EXPECTED.get(kind, detail['msg'])}, found {show_value(found)}")


def known_keys(path: KeyPath) -> list[str]:
    """Return the keys that the file may have at a path, in the order of their declaration."""
    part: type[Part] = TariffFile
    for key in path:
        declared = _field_types(part).get(str(key))
        if declared is not None:
            part = _part_in(declared) or part
    return list(_field_types(part))


def _field_types(part: type[Part]) -> dict[str, Any]:
    return {field.alias or name: field.annotation for name, field in part.model_fields.items()}


def _part_in(annotation: Any) -> type[Part] | None:
    """Return the table type inside `tuple[X, ...]`, `dict[str, X]` or `X | None`, if there is one."""
    if isinstance(annotation, type) and get_origin(annotation) is None:
        return annotation if issubclass(annotation, Part) else None
    is_wrapper = get_origin(annotation) in {dict, tuple, Union, UnionType} or hasattr(annotation, "__metadata__")
    inner = [item for item in get_args(annotation) if item not in {NoneType, Ellipsis, str}] if is_wrapper else []
    return next((part for item in inner if (part := _part_in(item)) is not None), None)
