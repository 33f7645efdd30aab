"""Roles of a workspace: what the configuration says, who is allowed what, where, and on whose behalf."""

from __future__ import annotations

from pathlib import Path

import pytest

from model.errors import BillmillError, ConfigError, ExitCode, RoleError
from model.roles import Act, Need, Reach, role_of
from store.roles import acting_user, authorised, own_branches, read_roles, refuse_strange
from store.workspace import Workspace

ROLES = """name = "w"
layout = 6
[roles]
trusted_users = ["cron"]
[roles.operator]
users = ["ola", "uma"]
branches = ["N", "S"]
may = ["plan", "run"]
[roles.night]
users = ["uma"]
branches = ["W"]
may = ["run"]
[roles.chief]
users = ["mira"]
may = ["all"]
approve_up_to = "500.00"
[roles.reader]
users = ["*"]
may = []
"""
PLAN, IMPORT = Need(Act.PLAN, Reach.OWN), Need(Act.IMPORT)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "billmill.toml").write_text(ROLES, encoding="utf-8")
    return tmp_path


def test_a_workspace_without_roles_allows_everything_to_everybody(tmp_path: Path) -> None:
    roles = read_roles(tmp_path)
    actor = authorised(roles, acting_user(roles, "mira", "root"), IMPORT)
    assert (actor, actor.role, actor.branches) == ("mira", "", None)


def test_a_role_allows_an_act_in_its_branches(folder: Path) -> None:
    actor = authorised(read_roles(folder), "ola", PLAN, ["N"])
    assert (actor, role_of(actor), actor.branches) == ("ola", "operator", {"N", "S"})


def test_the_branches_of_several_roles_add_up(folder: Path) -> None:
    actor = authorised(read_roles(folder), "uma", Need(Act.RUN, Reach.OWN), ["W"])
    assert (actor.role, actor.branches) == ("night,operator", {"N", "S", "W"})


def test_a_role_without_branches_is_for_all(folder: Path) -> None:
    assert authorised(read_roles(folder), "mira", PLAN, ["W"]).branches is None


def test_everybody_may_look_where_a_role_is_for_everybody(folder: Path) -> None:
    assert authorised(read_roles(folder), "somebody", Need(Act.LOOK)).role == "reader"


@pytest.mark.parametrize(
    ("user", "need", "branches", "message"),
    [
        ("ola", Need(Act.PUBLISH, Reach.OWN), (), r"ola \(operator, reader\) may not publish here"),
        ("ola", PLAN, ("W",), r"branch `W`: ola may plan in N, S only"),
        ("uma", PLAN, ("W",), r"branch `W`: uma may plan in N, S only"),  # there she may only run
        ("ola", Need(Act.PLAN), (), r"about the whole utility; ola may plan in N, S only"),
        ("eve", PLAN, (), r"eve \(reader\) may not plan here"),
    ],
)
def test_what_no_role_allows_is_refused_by_name(
    folder: Path, user: str, need: Need, branches: tuple[str, ...], message: str
) -> None:
    with pytest.raises(RoleError, match=message) as refused:
        authorised(read_roles(folder), user, need, branches)
    assert refused.value.hint is not None and "chief (mira)" in refused.value.hint
    assert refused.value.exit_code == ExitCode.BLOCKED_BY_CONTROL


def test_only_a_trusted_account_acts_for_others(folder: Path) -> None:
    roles = read_roles(folder)
    assert acting_user(roles, "mira", "cron") == "mira"
    assert acting_user(roles, "ola", "ola") == acting_user(roles, None, "ola") == "ola"
    with pytest.raises(RoleError, match="option --by mira: ola cannot act for somebody else"):
        acting_user(roles, "mira", "ola")


def test_a_command_keeps_to_the_branches_of_who_opened_the_workspace(tmp_path: Path) -> None:
    whole, part = Workspace(tmp_path, "w"), Workspace(tmp_path, "w", frozenset({"S", "N"}))
    assert own_branches(whole) == () and own_branches(whole, ["N"]) == ("N",)
    assert own_branches(part) == ("N", "S") and own_branches(part, ["N"]) == ("N",)
    with pytest.raises(RoleError, match="branch `W` is not among yours: N, S"):
        own_branches(part, ["W"])
    with pytest.raises(RoleError, match="run `r` is about branch `W`; yours: N, S"):
        refuse_strange(part, ["N", "W"], "run `r`")
    refuse_strange(whole, ["W"], "run `r`")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[roles]\n", ""),  # an empty table says nothing
        ("roles = 3\n", r"expected tables \[roles.NAME\], found `3`"),
        ("[roles]\ntrusted_users = ['a']\n", r"\[roles\] has no role"),
        ("[roles.x]\nmay = []\n", r"\[roles.x\] has no users"),
        ("[roles.x]\nusers = 'a'\n", "roles.x.users: expected a list of names, found `a`"),
        ("[roles.x]\nusers = ['a']\nmay = ['pay']\n", r"\[roles.x\]: `pay` is nothing that a role may"),
        ("[roles.x]\nusers = ['a']\nlimit = 3\n", r"\[roles.x\] has the key `limit`"),
        ("[roles.x]\nusers = ['a']\napprove_up_to = 500.0\n", r'approve_up_to: expected an amount as text, "10000.00"'),
        ("[roles.x]\nusers = ['a']\napprove_up_to = 'NaN'\n", "approve_up_to: expected an amount as text"),
        ("[roles.x\n", "cannot be read"),
    ],
)
def test_roles_that_mean_nothing_are_refused(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "billmill.toml").write_text(text, encoding="utf-8")
    if not message:
        assert read_roles(tmp_path).roles == ()
        return
    with pytest.raises(ConfigError, match=message) as refused:
        read_roles(tmp_path)
    assert isinstance(refused.value, BillmillError)
