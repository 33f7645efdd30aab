"""The filters of work lists as options: declared once, a field each, and taken by every command that asks for them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields
from functools import wraps
from inspect import Parameter, signature
from typing import Annotated, Any, TypeVar, get_type_hints

import typer

SeverityOption = Annotated[list[str] | None, typer.Option("--severity", help="Only so severe; may be repeated.")]
BranchOption = Annotated[list[str] | None, typer.Option("--branch", help="Only of this branch; may be repeated.")]
OfOption = Annotated[list[str] | None, typer.Option("--of", help="Only whose work it is; may be repeated.")]
# Where a command gives work to nobody the same filter is called by what the list shows.
OwnerOption = Annotated[list[str] | None, typer.Option("--owner", help="Only whose work it is; may be repeated.")]
AgeOption = Annotated[int | None, typer.Option("--age", min=0, help="Only those found so many days ago or earlier.")]
WhyOption = Annotated[str, typer.Option("--why", help="Why; kept with the decision.")]
YesOption = Annotated[bool, typer.Option("--yes", help="Do it; without it a filter only counts.")]

_TAKES = "chosen"
_Command = TypeVar("_Command", bound=Callable[..., None])


@dataclass(frozen=True)
class Filters:
    """What filters say; a field that is None or empty says nothing. Each field's type is its option."""

    @property
    def is_empty(self) -> bool:
        """Return whether nothing is filtered."""
        return all(getattr(self, field.name) in (None, []) for field in fields(self))


def with_filters(kind: type[Filters], **instead: Any) -> Callable[[_Command], _Command]:
    """Give a command the options of `kind`, which come to it as `chosen`; `instead` names other options for fields."""
    options = get_type_hints(kind, include_extras=True) | instead

    def decorate(command: _Command) -> _Command:
        hints = get_type_hints(command, include_extras=True)
        parameters: list[Parameter] = []
        for parameter in signature(command).parameters.values():
            if parameter.name == _TAKES:
                parameters += [
                    Parameter(name, Parameter.POSITIONAL_OR_KEYWORD, default=None, annotation=option)
                    for name, option in options.items()
                ]
            else:
                parameters.append(parameter.replace(annotation=hints[parameter.name]))

        @wraps(command)
        def with_chosen(**given: Any) -> None:
            chosen = kind(**{name: given.pop(name) for name in options})
            command(**given, **{_TAKES: chosen})

        with_chosen.__signature__ = signature(command).replace(parameters=parameters)  # type: ignore[attr-defined]
        with_chosen.__annotations__ = {parameter.name: parameter.annotation for parameter in parameters}
        return with_chosen  # type: ignore[return-value]  # called with the same names, but for the filters

    return decorate
