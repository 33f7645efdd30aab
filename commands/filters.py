"""The filters of work lists as options, and what they say together."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Annotated

import typer

from commands.option_sets import OptionSet

SeverityOption = Annotated[list[str] | None, typer.Option("--severity", help="Only so severe; may be repeated.")]
BranchOption = Annotated[list[str] | None, typer.Option("--branch", help="Only of this branch; may be repeated.")]
OfOption = Annotated[list[str] | None, typer.Option("--of", help="Only whose work it is; may be repeated.")]
# Where a command gives work to nobody the same filter is called by what the list shows.
OwnerOption = Annotated[list[str] | None, typer.Option("--owner", help="Only whose work it is; may be repeated.")]
AgeOption = Annotated[int | None, typer.Option("--age", min=0, help="Only those found so many days ago or earlier.")]
YesOption = Annotated[bool, typer.Option("--yes", help="Do it; without it a filter only counts.")]


@dataclass(frozen=True)
class Filters(OptionSet):
    """What filters say; a field that is None or empty says nothing."""

    @property
    def is_empty(self) -> bool:
        """Return whether nothing is filtered."""
        return all(getattr(self, field.name) in (None, []) for field in fields(self))
