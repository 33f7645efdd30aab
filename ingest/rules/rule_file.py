"""Rule sets as a meter-data analyst writes them: TOML, every key known, every limit a whole number.

rule_set = "standard"
version = 2
holidays = [2026-12-25]

[settings]
linear_minutes_max = 120

[[rules]]
check = "zero_use"
severity = "warn"
days = 7
measures = ["import_energy"]
classes = ["commercial"]
sources = ["initial", "manual"]
from = 2026-01-01
to = 2027-01-01
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import MISSING, fields
from datetime import date, datetime
from enum import StrEnum
from pathlib import Path
from typing import Any, TypeGuard

from ingest.rules.catalogue import CHECKS, Check
from ingest.rules.rules import INTERVAL_METHODS, REGISTER_METHODS, Rule, RuleSet
from model.codes import Measure, RuleSource, Severity
from model.errors import InputError

STANDARD_FILE = Path(__file__).parent / "standard.toml"
WEIGHT_MAX = 100_000  # 72 of them stay below the 2^24 up to which a shape is exact
LIMIT_MAX = 10**12  # times a value of 2^31 a limit stays below Int128, and alone far below 2^63

_TOP = {"rule_set", "version", "title", "source", "holidays", "settings", "rules"}
_RULE = {"check", "rule", "severity", "sources", "measures", "classes", "from", "to", "why"}
_NOT_SETTINGS = {"name", "version", "rules", "holidays"} | {
    field for check in CHECKS.values() for field in check.fields.values()
}


class _Problems(list[str]):
    """What is wrong with a file, each with its place."""

    def add(self, place: str, expected: str, found: object) -> None:
        """Note a problem."""
        self.append(f"{place}: expected {expected}, found {_shown(found)}")


def parse_rules(text: str, name: str) -> RuleSet:
    """Return the rule set that a TOML text states; `name` is the file's.

    Raises:
        InputError: the text is not TOML, has unknown keys, or says what no check understands; all of it is named.
    """
    try:
        content = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise InputError(f"rule set `{name}`: expected TOML: {error}", hint="correct the line named") from error
    problems = _Problems()
    _no_others("file", content, _TOP, problems)
    settings: dict[str, Any] = _settings(content.get("settings", {}), problems)
    holidays = content.get("holidays", [])
    if not isinstance(holidays, list) or not all(_is_date(day) for day in holidays):
        problems.add("holidays", "a list of dates", holidays)
        holidays = []
    rules = tuple(
        rule for place, row in enumerate(_rows(content, problems), 1) if (rule := _rule(place, row, problems))
    )
    found_name, version = content.get("rule_set"), content.get("version")
    if not isinstance(found_name, str) or not found_name.strip():
        problems.add("rule_set", "a name", found_name)
    if not _is_whole(version) or not 1 <= version < 2**31:
        problems.add("version", "a whole number from 1", version)
        version = 1
    if problems:
        raise InputError(f"rule set `{name}`:\n  " + "\n  ".join(problems), hint="the checks and limits: docs/vee.md")
    return RuleSet(
        name=str(found_name), version=version, rules=rules, holidays=tuple(sorted(set(holidays))), **settings
    )


def _rows(content: Mapping[str, Any], problems: _Problems) -> list[Mapping[str, Any]]:
    rows = content.get("rules", [])
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        problems.add("rules", "tables [[rules]]", rows)
        return []
    return rows


def _rule(place: int, row: Mapping[str, Any], problems: _Problems) -> Rule | None:
    where = f"rules[{place}]"
    check = CHECKS.get(str(row.get("check")))
    if check is None:
        problems.add(f"{where}.check", "one of " + ", ".join(CHECKS), row.get("check"))
        return None
    where = f"rules[{place}] `{check.name}`"
    before = len(problems)
    _no_others(where, row, _RULE | set(check.limits), problems)
    if row.get("rule", check.rule) != check.rule:
        problems.add(f"{where}.rule", f"`{check.rule}`", row.get("rule"))
    severity = _words(where, "severity", Severity, row.get("severity", check.severity), problems)
    if severity and severity not in check.severities:
        problems.add(f"{where}.severity", " or ".join(f"`{one}`" for one in check.severities), row.get("severity"))
    sources = _list_of(where, "sources", RuleSource, row.get("sources", [RuleSource.INITIAL]), problems)
    measures = _list_of(where, "measures", Measure, row.get("measures", []), problems)
    classes = row.get("classes", [])
    if not isinstance(classes, list) or not all(isinstance(one, str) and one for one in classes):
        problems.add(f"{where}.classes", "a list of classes of revenue", classes)
    for key in ("from", "to"):
        if key in row and not _is_date(row[key]):
            problems.add(f"{where}.{key}", "a date", row[key])
    limits = _limits(where, check, row, problems)
    if len(problems) > before or severity is None:
        return None
    first, after = row.get("from"), row.get("to")
    if first is not None and after is not None and first >= after:
        problems.add(f"{where}.to", f"a day after {first}", after)
        return None
    return Rule(
        check.name, Severity(severity), limits, tuple(RuleSource(one) for one in sources), tuple(measures),
        tuple(classes), first, after,
    )  # fmt: skip


def _limits(where: str, check: Check, row: Mapping[str, Any], problems: _Problems) -> tuple[tuple[str, int], ...]:
    found = []
    for key, default in check.limits.items():
        value = row.get(key, default)
        if not _is_whole(value) or not 0 <= value <= LIMIT_MAX:
            problems.add(f"{where}.{key}", f"a whole number from 0 to {LIMIT_MAX}", value)
            continue
        found.append((key, int(value)))
    return tuple(found)


def _settings(section: object, problems: _Problems) -> dict[str, Any]:
    """Return the settings: each field of `RuleSet` that no check owns is a key of its own type."""
    if not isinstance(section, dict):
        problems.add("settings", "a table", section)
        return {}
    defaults = {
        one.name: one.default for one in fields(RuleSet) if one.name not in _NOT_SETTINGS and one.default is not MISSING
    }
    _no_others("settings", section, set(defaults), problems)
    settings: dict[str, Any] = {}
    for key, value in section.items():
        default: object = defaults.get(key)
        if isinstance(default, tuple) and isinstance(value, list):
            settings[key] = tuple(value)
        elif type(value) is type(default) and (not _is_whole(value) or 0 <= value <= LIMIT_MAX):
            settings[key] = value
        elif key in defaults:
            problems.add(f"settings.{key}", f"a value such as {_shown(default)}", value)
    for key, known in (("methods", INTERVAL_METHODS), ("register_methods", REGISTER_METHODS)):
        if not set(settings.get(key, ())) <= set(known):
            problems.add(f"settings.{key}", f"a list of {', '.join(known)}", list(settings[key]))
    if "load_profile" in settings:
        settings["load_profile"] = _profile(settings["load_profile"], problems)
    return settings


def _profile(days: tuple[object, ...], problems: _Problems) -> tuple[tuple[int, ...], ...]:
    """Return the weights of the hours of a working day, a Saturday, a Sunday."""
    rows = [list(day) for day in days if isinstance(day, list)]
    whole = [row for row in rows if len(row) == 24 and all(_is_whole(one) and 0 <= one <= WEIGHT_MAX for one in row)]
    if len(days) != 3 or len(whole) != 3:
        problems.add("settings.load_profile", f"3 lists of 24 whole numbers up to {WEIGHT_MAX}", list(days))
        return ()
    return tuple(tuple(row) for row in whole)


def _words(where: str, key: str, words: type[StrEnum], found: object, problems: _Problems) -> str | None:
    known = [one.value for one in words]
    if found in known:
        return str(found)
    problems.add(f"{where}.{key}", "one of " + ", ".join(known), found)
    return None


def _list_of(where: str, key: str, words: type[StrEnum], found: object, problems: _Problems) -> list[str]:
    if not isinstance(found, list):
        problems.add(f"{where}.{key}", "a list", found)
        return []
    return [word for one in found if (word := _words(where, key, words, one, problems)) is not None]


def _no_others(where: str, found: Mapping[str, Any], known: set[str], problems: _Problems) -> None:
    for key in found:
        if key not in known:
            problems.add(where, "one of the keys " + ", ".join(sorted(known)), key)


def _is_whole(value: object) -> TypeGuard[int]:
    return isinstance(value, int) and not isinstance(value, bool)


def _is_date(value: object) -> bool:
    return isinstance(value, date) and not isinstance(value, datetime)


def _shown(value: object) -> str:
    return "nothing" if value is None else f"`{value}`"
