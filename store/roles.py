"""Who may do what in a workspace: its roles read from billmill.toml, and the one check that every command passes."""

from __future__ import annotations

import getpass
import os
import sys
from collections.abc import Collection, Mapping
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Any

from model.errors import ConfigError, RoleError
from model.roles import Act, Actor, Need, Reach, Role, Roles
from store.workspace import CONFIG_NAME, Workspace, read_config

if sys.platform != "win32":
    import pwd

_KEYS = ("users", "branches", "may", "approve_up_to", "approve_branch_up_to")
_TRUSTED = "trusted_users"


def login_name() -> str:
    """Return the name of the system's user. On POSIX it is looked up by number: the environment cannot change it."""
    if sys.platform == "win32":
        return getpass.getuser()
    try:
        return pwd.getpwuid(os.getuid()).pw_name
    except KeyError:  # a container's user without an entry
        return f"uid-{os.getuid()}"


def read_roles(root: Path) -> Roles:
    """Return the roles of a workspace's folder; none when its configuration has no [roles].

    Raises:
        ConfigError: a role has an unknown key, act or amount, or no users.
    """
    path = root / CONFIG_NAME
    found = read_config(path).get("roles", {}) if path.is_file() else {}
    if not isinstance(found, dict):
        raise ConfigError(f"`{path}`: expected tables [roles.NAME], found `{found}`")
    trusted = _texts(path, _TRUSTED, found.get(_TRUSTED, []))
    roles = [_role(path, name, table) for name, table in sorted(found.items()) if name != _TRUSTED]
    if found and not roles:
        raise ConfigError(f"`{path}`: [roles] has no role", hint="state one: [roles.operator]")
    return Roles(tuple(roles), frozenset(trusted))


def acting_user(roles: Roles, by: str | None, login: str) -> str:
    """Return who acts: the user logged in, or another that a trusted account names.

    Raises:
        RoleError: the workspace has roles, and the user may not act for others.
    """
    if by is None or by == login or not roles.roles:
        return by or login
    if login not in roles.trusted_users:
        raise RoleError(
            f"option --by {by}: {login} cannot act for somebody else",
            hint=f"leave --by out, or list {login} in {_TRUSTED} of [roles] in {CONFIG_NAME}",
        )
    return by


def authorised(roles: Roles, user: str, need: Need, branches: Collection[str] = ()) -> Actor:
    """Return who acts, with the roles that allow it and the branches that they are for.

    `branches` are those that were asked for by name.

    Raises:
        RoleError: no role of the user allows it; the message names those that would.
    """
    if not roles.roles or need.reach is Reach.NONE:
        return Actor(user)
    held = tuple(role for role in roles.of(user) if role.allows(need.act))
    if not held:
        mine = ", ".join(role.name for role in roles.of(user)) or "no role"
        raise RoleError(f"{user} ({mine}) may not {need.act.value} here", hint=_who_may(roles, need.act))
    whole = tuple(role for role in held if not role.branches)
    if need.reach is Reach.WHOLE:
        if not whole:
            raise RoleError(
                f"this command is about the whole utility; {user} may {need.act.value} in "
                f"{_listed(_branches(held))} only",
                hint=_who_may(roles, need.act, is_whole=True),
            )
        return Actor(user, whole)
    for branch in branches:
        if not any(role.covers(branch) for role in held):
            raise RoleError(
                f"branch `{branch}`: {user} may {need.act.value} in {_listed(_branches(held))} only",
                hint=_who_may(roles, need.act, branch=branch),
            )
    return Actor(user, held, None if whole else _branches(held))


def own_branches(workspace: Workspace, asked: Collection[str] = ()) -> tuple[str, ...]:
    """Return the branches to keep to: those asked for, otherwise those of who opened the workspace; empty for all.

    Raises:
        RoleError: one that was asked for is not among them.
    """
    if workspace.branches is None:
        return tuple(asked)
    strange = sorted(set(asked) - workspace.branches)
    if strange:
        raise RoleError(f"branch `{strange[0]}` is not among yours: {_listed(workspace.branches)}")
    return tuple(asked) or tuple(sorted(workspace.branches))


def refuse_strange(workspace: Workspace, branches: Collection[str], what: str) -> None:
    """Refuse something that touches other branches than those of who opened the workspace.

    Raises:
        RoleError: names the first such branch.
    """
    strange = [] if workspace.branches is None else sorted(set(branches) - workspace.branches)
    if strange:
        raise RoleError(
            f"{what} is about branch `{strange[0]}`; yours: {_listed(workspace.branches or ())}",
            hint="somebody with a role in that branch does this",
        )


def _who_may(roles: Roles, act: Act, *, branch: str | None = None, is_whole: bool = False) -> str:
    able = [
        f"{role.name} ({', '.join(sorted(role.users))})"
        for role in roles.allowing(act)
        if (branch is None or role.covers(branch)) and not (is_whole and role.branches)
    ]
    return f"a role that may {act.value}: {'; '.join(able) or f'none; state one in {CONFIG_NAME}'}"


def _branches(roles: Collection[Role]) -> frozenset[str]:
    return frozenset(branch for role in roles for branch in role.branches)


def _listed(branches: Collection[str]) -> str:
    return ", ".join(sorted(branches))


def _role(path: Path, name: str, table: object) -> Role:
    place = f"`{path}`, [roles.{name}]"
    if not isinstance(table, dict):
        raise ConfigError(f"`{path}`: expected a table [roles.{name}], found `{table}`")
    unknown = sorted(set(table) - set(_KEYS))
    if unknown:
        raise ConfigError(f"{place} has the key `{unknown[0]}`", hint=f"it knows {', '.join(_KEYS)}")
    users = _texts(path, f"{name}.users", table.get("users", []))
    if not users:
        raise ConfigError(f"{place} has no users", hint='users = ["mira", "ben"]; "*" is everybody')
    acts = [act.value for act in Act]
    may = _texts(path, f"{name}.may", table.get("may", []))
    strange = [word for word in may if word not in acts]
    if strange:
        raise ConfigError(f"{place}: `{strange[0]}` is nothing that a role may", hint=f"expected {', '.join(acts)}")
    return Role(
        name, frozenset(users), frozenset(Act(word) for word in may),
        frozenset(_texts(path, f"{name}.branches", table.get("branches", []))),
        _amount(place, table, "approve_up_to"), _amount(place, table, "approve_branch_up_to"),
    )  # fmt: skip


def _texts(path: Path, key: str, value: object) -> list[str]:
    if not isinstance(value, list) or not all(isinstance(item, str) and item for item in value):
        raise ConfigError(f"`{path}`: roles.{key}: expected a list of names, found `{value}`")
    return value


def _amount(place: str, table: Mapping[str, Any], key: str) -> Decimal | None:
    value = table.get(key)
    if value is None:
        return None
    try:
        amount = Decimal(value) if isinstance(value, str) else None
    except InvalidOperation:
        amount = None
    if amount is None or not amount.is_finite() or amount < 0:
        raise ConfigError(f'{place}: {key}: expected an amount as text, "10000.00", found `{value}`')
    return amount
