"""Rule sets as data: what a file may say, which rule judges what, what a workspace keeps."""

from __future__ import annotations

from dataclasses import fields
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import polars as pl
import pytest
from typer.testing import CliRunner

import cli
from ingest.rules.catalogue import CHECKS, CORE_CHECKS
from ingest.rules.governing import core_groups, core_rules, governing
from ingest.rules.rule_file import STANDARD_FILE, parse_rules
from ingest.rules.rule_store import add_rule_sets, rules_in_force, standard_rules, stored_rules
from ingest.rules.rules import DEFAULT_RULES, Rule, RuleSet
from model.codes import RuleSource, Severity
from model.errors import InputError
from store.control import control, query
from store.workspace import Workspace, create_workspace

NOW = datetime(2026, 11, 2, tzinfo=UTC)
HEAD = 'rule_set = "wattle"\nversion = 3\n'
NEW_YEAR = date(2026, 1, 1)


def refused(text: str) -> str:
    with pytest.raises(InputError) as caught:
        parse_rules(text, "wattle.toml")
    return caught.value.message


def test_a_file_without_rules_says_what_every_run_does() -> None:
    rules = parse_rules(HEAD, "wattle.toml")
    assert rules == RuleSet(name="wattle", version=3)
    assert rules.rule_set_id == "wattle.v3"


def test_a_rule_takes_the_defaults_that_it_does_not_state() -> None:
    rules = parse_rules(HEAD + '[[rules]]\ncheck = "zero_use"\n', "wattle.toml").rules
    assert rules == (Rule("zero_use", Severity.WARN, (("days", 7),), (RuleSource.INITIAL,)),)


def test_a_rule_states_severity_limits_sources_and_what_it_is_for() -> None:
    text = HEAD + (
        '[[rules]]\ncheck = "over_capacity"\nrule = "V12"\nseverity = "terminate"\npercent = 130\n'
        'sources = ["manual", "estimate"]\nmeasures = ["import_energy"]\nclasses = ["industrial"]\n'
        "from = 2026-01-01\nto = 2027-01-01\n"
    )
    assert parse_rules(text, "wattle.toml").rules == (
        Rule(
            "over_capacity", Severity.TERMINATE, (("percent", 130),), (RuleSource.MANUAL, RuleSource.ESTIMATE),
            ("import_energy",), ("industrial",), NEW_YEAR, date(2027, 1, 1),
        ),
    )  # fmt: skip


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("version = 1", "rule_set: expected a name, found nothing"),
        ('rule_set = "x"\nversion = 0', "version: expected a whole number from 1, found `0`"),
        ('rule_set = "x"\nversion = true', "version: expected a whole number from 1, found `True`"),
        (HEAD + "colour = 1", "found `colour`"),
        (HEAD + "holidays = [1]", "holidays: expected a list of dates"),
        (HEAD + "rules = 1", "rules: expected tables [[rules]]"),
        (HEAD + '[[rules]]\ncheck = "zero"', "rules[1].check: expected one of spike, "),
        (HEAD + '[[rules]]\ncheck = "zero_use"\nrule = "V09"', "rules[1] `zero_use`.rule: expected `V08`, found `V09`"),
        (HEAD + '[[rules]]\ncheck = "zero_use"\nseverity = "fail"', "expected `info` or `warn`, found `fail`"),
        (HEAD + '[[rules]]\ncheck = "zero_use"\ndays = -1', "days: expected a whole number from 0"),
        (HEAD + '[[rules]]\ncheck = "zero_use"\ndays = 1.5', "days: expected a whole number from 0"),
        (HEAD + '[[rules]]\ncheck = "zero_use"\npercent = 5', "found `percent`"),
        (HEAD + '[[rules]]\ncheck = "demand_step"', "percent: expected a whole number from 0 to 1000000000000"),
        (HEAD + '[[rules]]\ncheck = "zero_use"\nmeasures = ["steam"]', "measures: expected one of import_energy"),
        (HEAD + '[[rules]]\ncheck = "zero_use"\nfrom = "2026"', "from: expected a date, found `2026`"),
        (HEAD + '[[rules]]\ncheck = "zero_use"\nfrom = 2026-01-01\nto = 2026-01-01', "to: expected a day after 2026"),
        (HEAD + "[settings]\nlike_days = 0.5", "settings.like_days: expected a value such as `3`, found `0.5`"),
        (HEAD + "[settings]\nspike_fail_ratio = 5", "found `spike_fail_ratio`"),
        ("rule_set = ", "expected TOML"),
    ],
)  # fmt: skip
def test_a_file_that_cannot_be_used_says_where_and_why(text: str, said: str) -> None:
    assert said in refused(text)


def test_every_problem_of_a_file_is_told_at_once() -> None:
    message = refused('version = 0\n[[rules]]\ncheck = "zero"\n')
    assert message.count("\n  ") == 3


def test_the_standard_set_can_be_used_and_names_each_check_once() -> None:
    rules = standard_rules()
    names = [rule.check for rule in rules.rules]
    assert len(names) == len(set(names))
    # What is left out has a limit that only the utility can say, or runs anyway.
    left = set(CHECKS) - set(names) - set(CORE_CHECKS)
    assert left == {"demand_step", "load_factor", "delta_outside", "delta_change", "reconnected_use"}


def test_the_defaults_of_core_checks_are_those_of_the_rule_set() -> None:
    for name in CORE_CHECKS:
        check = CHECKS[name]
        assert {key: getattr(DEFAULT_RULES, field) for key, field in check.fields.items()} == check.limits
    known = {one.name for one in fields(RuleSet)}
    assert {field for check in CHECKS.values() for field in check.fields.values()} <= known


def frame(*rows: tuple[str, str | None, date]) -> pl.DataFrame:
    return pl.DataFrame(
        list(rows), schema={"measure": pl.String, "revenue_class": pl.String, "day": pl.Date}, orient="row"
    )


def test_the_first_rule_that_fits_judges() -> None:
    text = HEAD + (
        '[[rules]]\ncheck = "zero_use"\ndays = 30\nclasses = ["public"]\n'
        '[[rules]]\ncheck = "zero_use"\ndays = 14\nfrom = 2026-01-01\nto = 2026-02-01\n'
        '[[rules]]\ncheck = "zero_use"\ndays = 7\nmeasures = ["import_energy"]\nseverity = "info"\n'
    )
    found = governing(parse_rules(text, "wattle.toml"), "zero_use")
    assert found is not None and found.rule == "V08"
    rows = frame(
        ("import_energy", "public", NEW_YEAR),
        ("import_energy", None, NEW_YEAR),
        ("import_energy", "residential", date(2026, 2, 1)),  # the day after the last of the second rule
        ("import_energy", "residential", date(2025, 12, 31)),
        ("water_volume", "residential", date(2025, 12, 31)),
    )
    judged = rows.select(found.limit("days"), found.severity().alias("severity"))
    assert judged.rows() == [(30, "warn"), (14, "warn"), (7, "info"), (7, "info"), (None, None)]


def test_a_source_is_judged_by_its_own_rules() -> None:
    rules = parse_rules(HEAD + '[[rules]]\ncheck = "zero_use"\nsources = ["manual"]\n', "wattle.toml")
    assert governing(rules, "zero_use") is None
    assert governing(rules, "zero_use", RuleSource.MANUAL) is not None


def test_core_thresholds_follow_class_and_date() -> None:
    text = HEAD + (
        '[[rules]]\ncheck = "spike"\nfail_ratio = 40\nclasses = ["industrial"]\n'
        '[[rules]]\ncheck = "spike"\nfail_ratio = 20\nfrom = 2026-01-10\n'
    )
    rules = parse_rules(text, "wattle.toml")
    assert core_rules(rules, "import_energy", "industrial", NEW_YEAR).spike_fail_ratio == 40
    assert core_rules(rules, "import_energy", None, date(2026, 1, 9)).spike_fail_ratio == 12
    assert core_rules(rules, "import_energy", None, date(2026, 1, 10)).spike_fail_ratio == 20
    kinds = [("import_energy", None), ("import_energy", "industrial")]
    groups = core_groups(rules, kinds, NEW_YEAR, date(2026, 2, 1))
    parts = [(one.kinds, one.from_date.day, one.to_date.day, one.rules.spike_fail_ratio) for one in groups]
    assert parts == [
        ((kinds[0],), 1, 10, 12),
        ((kinds[1],), 1, 10, 40),
        ((kinds[0],), 10, 1, 20),
        ((kinds[1],), 10, 1, 40),
    ]


def test_without_core_rules_there_is_one_group() -> None:
    kinds = [("import_energy", None), ("water_volume", "public")]
    groups = core_groups(standard_rules(), kinds, NEW_YEAR, date(2026, 2, 1))
    assert [(one.kinds, one.rules) for one in groups] == [(tuple(kinds), standard_rules())]


# In a workspace


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    return create_workspace(tmp_path / "utility", name="test")


def write(folder: Path, text: str, name: str = "wattle.toml") -> Path:
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


def in_force(workspace: Workspace, known_at: datetime | None = None) -> RuleSet:
    with control(workspace, purpose="test") as connection:
        return rules_in_force(connection, known_at=known_at)


def test_without_a_rule_set_the_defaults_judge(workspace: Workspace) -> None:
    assert in_force(workspace) == DEFAULT_RULES


def test_the_rule_set_added_last_is_in_force_and_the_past_is_kept(workspace: Workspace, tmp_path: Path) -> None:
    first = write(tmp_path, HEAD)
    assert add_rule_sets(workspace, [first], at=NOW, actor="mira")[0]["outcome"] == "new"
    assert add_rule_sets(workspace, [first], at=NOW, actor="mira")[0]["outcome"] == "unchanged"
    later = NOW + timedelta(days=1)
    second = write(tmp_path, HEAD.replace("3", "4") + "[settings]\nlike_days = 4\n")
    add_rule_sets(workspace, [second], at=later, actor="tom")
    assert (in_force(workspace).rule_set_id, in_force(workspace).like_days) == ("wattle.v4", 4)
    assert in_force(workspace, NOW).rule_set_id == "wattle.v3"
    assert in_force(workspace, NOW - timedelta(days=1)) == DEFAULT_RULES
    with control(workspace, purpose="test") as connection:
        assert stored_rules(connection)["added_by"].to_list() == ["mira", "tom"]
        audit = query(connection, "SELECT subject, actor FROM audit WHERE action = 'add_rules' ORDER BY entry_no")
    assert audit.rows() == [("wattle.v3", "mira"), ("wattle.v4", "tom")]


def test_a_known_version_with_another_text_is_refused(workspace: Workspace, tmp_path: Path) -> None:
    add_rule_sets(workspace, [write(tmp_path, HEAD)], at=NOW, actor="mira")
    with pytest.raises(InputError, match="version 3 of `wattle` is known with another text") as caught:
        add_rule_sets(workspace, [write(tmp_path, HEAD + "# changed\n")], at=NOW, actor="mira")
    assert caught.value.hint == "a changed threshold is a new version: write version = 4"


def test_one_bad_file_keeps_all_out(workspace: Workspace, tmp_path: Path) -> None:
    good, bad = write(tmp_path, HEAD), write(tmp_path, "version = 1", "bad.toml")
    with pytest.raises(InputError):
        add_rule_sets(workspace, [good, bad], at=NOW, actor="mira")
    assert in_force(workspace) == DEFAULT_RULES


def test_the_commands_check_add_list_and_show(workspace: Workspace, tmp_path: Path) -> None:
    run = CliRunner()
    books = ["--workspace", str(workspace.root)]
    assert "standard.v2" in run.invoke(cli.app, ["reads", "rules", "check", "--standard"]).output
    bad = run.invoke(cli.app, ["reads", "rules", "check", str(write(tmp_path, "version = 1"))])
    assert bad.exit_code == 2 and "rule_set: expected a name" in bad.output
    assert "standard.v1 of Billmill judges" in run.invoke(cli.app, ["reads", "rules", "list", *books]).output
    added = run.invoke(cli.app, ["reads", "rules", "add", "--standard", "--by", "mira", *books])
    assert added.exit_code == 0 and "new" in added.output
    listed = run.invoke(cli.app, ["reads", "rules", "list", "--json", *books]).output
    assert '"in_force": true' in listed and '"mira"' in listed
    shown = run.invoke(cli.app, ["reads", "rules", "show", "--json", *books]).output
    assert shown.count('"check"') == len(standard_rules().rules) + len(CORE_CHECKS)
    assert STANDARD_FILE.is_file()
