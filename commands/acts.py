"""What each command asks of who gives it. A command that is not listed asks for everything."""

from __future__ import annotations

from model.roles import Act, Need, Reach

_ANYWHERE = Need(Act.LOOK, Reach.NONE)
_OTHERWISE = Need(Act.ALL)


def _own(act: Act) -> Need:
    return Need(act, Reach.OWN)


NEEDS: dict[str, Need] = {
    "init": _ANYWHERE,
    "demo": _ANYWHERE,
    "query": Need(Act.EXPORT),
    "accounts import": Need(Act.IMPORT),
    "tariff quote": Need(Act.LOOK),
    "tariff compare": Need(Act.LOOK),
    "tariff add": Need(Act.TARIFF),
    "tariff check": Need(Act.LOOK),
    "tariff import-urdb": _ANYWHERE,
    "tariff approve": Need(Act.APPROVE),
    "tariff retire": Need(Act.TARIFF),
    "tariff list": _own(Act.LOOK),
    "tariff show": _own(Act.LOOK),
    "tariff diff": Need(Act.LOOK),
    "tariff factor add": Need(Act.TARIFF),
    "tariff event add": Need(Act.TARIFF),
    "tariff event list": _own(Act.LOOK),
    "tariff series add": Need(Act.TARIFF),
    "tariff series list": _own(Act.LOOK),
    "reads edit": Need(Act.EDIT),
    "reads estimate": Need(Act.EDIT),
    "reads land": Need(Act.LAND),
    "reads inspect": _ANYWHERE,
    "reads vee": Need(Act.LAND),
    "reads report": Need(Act.LOOK),
    "reads route out": Need(Act.EXPORT),
    "reads route in": Need(Act.LAND),
    "reads rules check": _ANYWHERE,
    "reads rules add": Need(Act.TARIFF),
    "reads rules list": _own(Act.LOOK),
    "reads rules show": _own(Act.LOOK),
    "cycle plan": _own(Act.PLAN),
    "cycle run": _own(Act.RUN),
    "cycle status": _own(Act.LOOK),
    "cycle approve": _own(Act.APPROVE),
    "cycle publish": _own(Act.PUBLISH),
    "cycle abandon": _own(Act.PLAN),
    "cycle exclude": _own(Act.REVIEW),
    "cycle include": _own(Act.REVIEW),
    "cycle hold": _own(Act.REVIEW),
    "cycle unhold": _own(Act.REVIEW),
    "exceptions list": _own(Act.LOOK),
    "exceptions show": _own(Act.LOOK),
    "exceptions assign": _own(Act.REVIEW),
    "exceptions accept": _own(Act.REVIEW),
    "exceptions release": _own(Act.REVIEW),
    "exceptions exclude": _own(Act.REVIEW),
    "findings list": _own(Act.LOOK),
    "findings show": _own(Act.LOOK),
    "findings accept": _own(Act.EDIT),
    "findings estimate": _own(Act.EDIT),
    "findings release": _own(Act.EDIT),
    "findings edit": _own(Act.EDIT),
    "findings assign": _own(Act.EDIT),
    "bill show": _own(Act.LOOK),
    "bill explain": _own(Act.LOOK),
    "bill rerate": Need(Act.LOOK),
    "bill late": Need(Act.LOOK),
    "run list": _own(Act.LOOK),
    "run show": _own(Act.LOOK),
    "roles show": _own(Act.LOOK),
    "roles check": _own(Act.LOOK),
}


def need_of(command: str) -> Need:
    """Return what a command asks, by the words after `billmill`."""
    return NEEDS.get(command, _OTHERWISE)
