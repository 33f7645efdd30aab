"""Roles: who may do what, in which branches, up to which amount. The workspace's configuration states them."""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal
from enum import StrEnum

EVERYBODY = "*"


class Act(StrEnum):
    """What a command does, as a role allows it. Every role may look."""

    LOOK = "look"
    PLAN = "plan"
    RUN = "run"
    REVIEW = "review"
    """Accept, exclude, include, hold, assign: what stands between a computed and an approved run."""
    APPROVE = "approve"
    PUBLISH = "publish"
    CORRECT = "correct"
    """Take bills back, bill them again."""
    IMPORT = "import"
    """Customers, accounts, agreements, events, the calendar."""
    LAND = "land"
    """Meter files, and judging what they brought."""
    EDIT = "edit"
    """Reads and the findings of VEE."""
    TARIFF = "tariff"
    """Tariff files, factors, rule sets."""
    POST = "post"
    EXPORT = "export"
    """Whole tables, the analysts' database."""
    KEEP = "keep"
    """Backups, proofs and repairs of the books."""
    ALL = "all"


class Reach(StrEnum):
    """What a command touches."""

    OWN = "own"
    """It keeps to the branches of who acts."""
    WHOLE = "whole"
    """The whole utility: refused to a role that is for some branches."""
    NONE = "none"
    """No workspace."""


@dataclass(frozen=True)
class Need:
    """What a command asks of who gives it."""

    act: Act
    reach: Reach = Reach.WHOLE


@dataclass(frozen=True)
class Role:
    """A role as `billmill.toml` states it. Empty `branches` are all; a limit that is None is none."""

    name: str
    users: frozenset[str]
    may: frozenset[Act]
    branches: frozenset[str] = frozenset()
    approve_up_to: Decimal | None = None
    """Largest amount of a single bill, in major units, above or below zero."""
    approve_branch_up_to: Decimal | None = None
    """Largest total of a branch in a run, in major units."""

    def holds(self, user: str) -> bool:
        """Tell whether somebody has this role."""
        return user in self.users or EVERYBODY in self.users

    def allows(self, act: Act) -> bool:
        """Tell whether this role may do something."""
        return act is Act.LOOK or act in self.may or Act.ALL in self.may

    def covers(self, branch_id: str) -> bool:
        """Tell whether this role is for a branch."""
        return not self.branches or branch_id in self.branches


@dataclass(frozen=True)
class Roles:
    """All roles of a workspace. Without any it is a workshop of one: everything is allowed to everybody."""

    roles: tuple[Role, ...] = ()
    trusted_users: frozenset[str] = field(default_factory=frozenset)
    """Users of the system that may act for others with --by: the account of a scheduler."""

    def of(self, user: str) -> tuple[Role, ...]:
        """Return the roles that somebody has, in order of their names."""
        return tuple(role for role in self.roles if role.holds(user))

    def allowing(self, act: Act) -> tuple[Role, ...]:
        """Return the roles that may do something."""
        return tuple(role for role in self.roles if role.allows(act))


class Actor(str):
    """Who acts: a name that knows under which roles. Wherever a name is asked for, it is one."""

    __slots__ = ("branches", "roles")

    roles: tuple[Role, ...]
    branches: frozenset[str] | None
    """Branches that it may see and change; None for all."""

    def __new__(cls, name: str, roles: tuple[Role, ...] = (), branches: frozenset[str] | None = None) -> Actor:
        """Return the name with its roles."""
        made = super().__new__(cls, name)
        made.roles, made.branches = roles, branches
        return made

    @property
    def role(self) -> str:
        """Names of its roles, comma-joined; empty in a workspace without roles."""
        return ",".join(role.name for role in self.roles)


def role_of(actor: str) -> str:
    """Return under which role somebody acts; empty when nobody asked for one."""
    return actor.role if isinstance(actor, Actor) else ""
