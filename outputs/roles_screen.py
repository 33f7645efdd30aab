"""Roles as tables: what the configuration states, and what it comes to for one person."""

from __future__ import annotations

from decimal import Decimal

import polars as pl

from model.roles import Act, Role, Roles

_ALL = "all"


def role_rows(roles: Roles) -> pl.DataFrame:
    """Return a row for each role: role, users, branches, may, approve_up_to, approve_branch_up_to."""
    columns = ["role", "users", "branches", "may", "approve_up_to", "approve_branch_up_to"]
    rows = [
        (
            role.name, ", ".join(sorted(role.users)), ", ".join(sorted(role.branches)) or _ALL,
            ", ".join(act.value for act in Act if act in role.may), _limit(role.approve_up_to),
            _limit(role.approve_branch_up_to),
        )
        for role in roles.roles
    ]  # fmt: skip
    return pl.DataFrame(rows, schema=dict.fromkeys(columns, pl.String), orient="row")


def allowed_rows(roles: Roles, user: str) -> pl.DataFrame:
    """Return a row for each act and role that allows it: act, role, branches, bill_up_to, branch_up_to."""
    columns = ["act", "role", "branches", "bill_up_to", "branch_up_to"]
    if not roles.roles:
        rows = [(Act.ALL.value, "no roles are stated", _ALL, "any amount", "any amount")]
    else:
        rows = [_allowed(act, role) for act in Act if act is not Act.ALL for role in roles.of(user) if role.allows(act)]
    return pl.DataFrame(rows, schema=dict.fromkeys(columns, pl.String), orient="row")


def _allowed(act: Act, role: Role) -> tuple[str, str, str, str, str]:
    is_limited = act is Act.APPROVE
    bill, branch = (_limit(role.approve_up_to), _limit(role.approve_branch_up_to)) if is_limited else ("", "")
    return act.value, role.name, ", ".join(sorted(role.branches)) or _ALL, bill, branch


def _limit(amount: Decimal | None) -> str:
    return "any amount" if amount is None else f"{amount:,}"
