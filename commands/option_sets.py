"""Options that several commands take alike: declared once, a field each, and taken as one argument."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields
from functools import wraps
from inspect import Parameter, isclass, signature
from typing import TYPE_CHECKING, Annotated, Any, TypeVar, get_type_hints

import typer

from commands.context import HERE, ByOption, JsonOption, WorkspaceOption, open_books, who_acts

if TYPE_CHECKING:
    from store.workspace import Workspace

WhyOption = Annotated[str, typer.Option("--why", help="Why; kept with the decision.")]

_Command = TypeVar("_Command", bound=Callable[..., None])


@dataclass(frozen=True)
class OptionSet:
    """Options that belong together: the type of each field is its option, with the field's default."""


@dataclass(frozen=True)
class Signing(OptionSet):
    """What a person who decides says: why, about which books, in whose name, and how it is told."""

    why: WhyOption = ""
    workspace: WorkspaceOption = HERE
    by: ByOption = None
    json: JsonOption = False

    @property
    def actor(self) -> str:
        """Who decides."""
        return who_acts(self.by)

    def books(self) -> Workspace:
        """Open the workspace. Raises as `open_books` does."""
        return open_books(self.workspace)


SIGNING = Signing()


def with_options(**instead: Any) -> Callable[[_Command], _Command]:
    """Give a command the options of each argument that is an `OptionSet`; `instead` names other options for fields."""

    def decorate(command: _Command) -> _Command:
        hints = get_type_hints(command, include_extras=True)
        sets: dict[str, type[OptionSet]] = {}
        parameters: list[Parameter] = []
        for parameter in signature(command).parameters.values():
            kind = hints[parameter.name]
            if isclass(kind) and issubclass(kind, OptionSet):
                sets[parameter.name] = kind
                parameters += _parameters(kind, instead)
            else:
                parameters.append(parameter.replace(annotation=kind))

        @wraps(command)
        def with_sets(**given: Any) -> None:
            taken = {
                name: kind(**{field.name: given.pop(field.name) for field in fields(kind)})
                for name, kind in sets.items()
            }
            command(**given, **taken)

        with_sets.__signature__ = signature(command).replace(parameters=parameters)  # type: ignore[attr-defined]
        with_sets.__annotations__ = {parameter.name: parameter.annotation for parameter in parameters}
        return with_sets  # type: ignore[return-value]  # called with the same names, but for the sets

    return decorate


def _parameters(kind: type[OptionSet], instead: dict[str, Any]) -> list[Parameter]:
    options = get_type_hints(kind, include_extras=True) | instead
    return [
        Parameter(field.name, Parameter.POSITIONAL_OR_KEYWORD, default=field.default, annotation=options[field.name])
        for field in fields(kind)
    ]
