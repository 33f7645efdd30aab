"""Problems of a tariff file: where they are, what was expected, what was found, and the next step."""

from __future__ import annotations

import difflib
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date

from model.errors import TariffError

KeyPath = tuple[str | int, ...]

# Sections of the file whose second key names a thing that a message speaks of.
_THINGS = {"windows": "window", "quantities": "quantity", "charges": "charge", "holiday_lists": "holiday list"}


@dataclass(frozen=True)
class Problem:
    """One thing wrong in a tariff file. `text` reads `expected ..., found ...`."""

    path: KeyPath
    text: str
    hint: str | None = None


def tariff_error(problems: Sequence[Problem], content: Mapping[str, object], file_name: str) -> TariffError:
    """Return one error that prints every problem of the file.

    `content` is the file as TOML read it; it gives the names of tariff, version and charge that each message needs.
    """
    assert problems, "an error needs a problem"
    blocks = [
        f"{_subject(problem.path, content)}{problem.text}\n  at {_place(problem.path, file_name)}"
        for problem in problems
    ]
    if len(problems) == 1:
        return TariffError(blocks[0], hint=problems[0].hint)
    hints = [f"\nhint: {problem.hint}" if problem.hint else "" for problem in problems]
    return TariffError("\n".join(block + hint for block, hint in zip(blocks, hints, strict=True)))


def path_text(path: KeyPath) -> str:
    """Return a key path as TOML writes it.

    >>> path_text(("versions", 0, "charges", "energy", "price"))
    'versions[0].charges.energy.price'
    """
    text = ""
    for key in path:
        text += f"[{key}]" if isinstance(key, int) else f".{key}"
    return text.removeprefix(".")


def show_value(value: object) -> str:
    """Return a value as the file writes it, or what kind of thing it is."""
    match value:
        case None:
            return "none"
        case bool():
            return f"`{str(value).lower()}`"
        case str():
            return f'`"{value}"`'
        case Mapping():
            return f"a table ({', '.join(str(key) for key in value)})" if value else "an empty table"
        case Sequence():
            return "a list" if value else "an empty list"
        case _:
            return f"`{value}`"


def show_names(names: Collection[str]) -> str:
    """Return names in the order given, or `none`."""
    return ", ".join(names) if names else "none"


def suggestion(name: str, known: Collection[str]) -> str | None:
    """Return a hint with the known name that is spelt most like `name`."""
    by_folded = {other.casefold(): other for other in known}
    close = difflib.get_close_matches(name.casefold(), list(by_folded), n=1, cutoff=0.6)
    return f"did you mean `{by_folded[close[0]]}`?" if close else None


def _place(path: KeyPath, file_name: str) -> str:
    return f"{file_name}, {path_text(path)}" if path else file_name


def _subject(path: KeyPath, content: Mapping[str, object]) -> str:
    """Return the start of a message: tariff, version and the named thing."""
    tariff = content.get("tariff")
    subject = f"tariff `{tariff}`" if isinstance(tariff, str) else "tariff file"
    rest = path
    if len(path) > 1 and path[0] == "versions" and isinstance(path[1], int):
        subject += f" version {_version_name(path[1], content)}"
        rest = path[2:]
    if len(path) > 1 and path[0] == "examples" and isinstance(path[1], int):
        subject += f": example {_example_name(path[1], content)}"
    if len(rest) > 1 and rest[0] in _THINGS:
        subject += f": {_THINGS[str(rest[0])]} `{rest[1]}`"
    return f"{subject}: "


def _example_name(index: int, content: Mapping[str, object]) -> str:
    examples = content.get("examples")
    example = examples[index] if isinstance(examples, list) and index < len(examples) else None
    name = example.get("name") if isinstance(example, dict) else None
    return f"`{name}`" if isinstance(name, str) else f"number {index + 1}"


def _version_name(index: int, content: Mapping[str, object]) -> str:
    versions = content.get("versions")
    version = versions[index] if isinstance(versions, list) and index < len(versions) else None
    valid_from = version.get("valid_from") if isinstance(version, dict) else None
    return str(valid_from) if isinstance(valid_from, date) else f"number {index + 1}"
