"""docs/vee.md names every check with its rule, limits, defaults and severity; its example is a rule set."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from ingest.rules.catalogue import CHECKS, Check
from ingest.rules.rule_file import parse_rules

PAGE = (Path(__file__).parents[2] / "docs" / "vee.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("check", CHECKS.values(), ids=list(CHECKS))
def test_each_check_is_documented_as_it_is(check: Check) -> None:
    rows = [line for line in PAGE.splitlines() if line.startswith(f"| {check.rule} | `{check.name}` |")]
    assert len(rows) == 1, check.name
    _, _, _, says, limits, severity, source, _ = (cell.strip() for cell in rows[0].split("|"))
    assert says == check.says and source
    stated = [f"{name} {'(must be given)' if value is None else f'{value:,}'}" for name, value in check.limits.items()]
    assert limits == (", ".join(stated) or "none")
    assert severity.split()[0] == check.severity.value
    assert ("may fail" in severity) == (len(check.severities) > 2)


def test_the_example_is_a_rule_set() -> None:
    found = re.search(r"```toml\n(.*?)```", PAGE, re.DOTALL)
    assert found is not None
    rules = parse_rules(found.group(1), "docs/vee.md")
    assert rules.rule_set_id == "wattle.v3" and [rule.check for rule in rules.rules] == ["zero_use", "zero_use"]


def test_every_rule_of_the_field_is_named() -> None:
    named = {int(number) for number in re.findall(r"V(\d\d)", PAGE)}
    assert set(range(1, 35)) - named == set()
