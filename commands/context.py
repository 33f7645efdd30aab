"""What every command shares: the options of most of them, the time, who acts, the workspace, ways to print."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

import typer
from typer.core import TyperCommand, TyperGroup

from model.codes import RunnerName

if TYPE_CHECKING:
    from ingest.formats.detect import Reading
    from model.progress import Progress
    from model.roles import Actor
    from store.workspace import Workspace

WorkspaceOption = Annotated[
    Path,
    typer.Option(
        "--workspace", "-w", envvar="BILLMILL_WORKSPACE", help="Folder of the workspace.", show_default="here"
    ),
]
JsonOption = Annotated[bool, typer.Option("--json", help="Result as JSON on stdout, progress as JSON lines on stderr.")]
ByOption = Annotated[str | None, typer.Option("--by", help="Who acts.", show_default="the user logged in")]
MappingOption = Annotated[
    Path | None,
    typer.Option("--mapping", help="TOML file that says which columns hold what, for files of no known format."),
]
RunnerOption = Annotated[RunnerName, typer.Option("--runner", help="Who computes: this machine, or Ray.")]
AddressOption = Annotated[
    str | None, typer.Option("--address", help="Ray cluster, `auto` or host:port; otherwise one of this machine.")
]
HERE = Path()
CommandFunction = TypeVar("CommandFunction", bound=Callable[..., Any])


class Acting:
    """Who gives the command that runs; None outside of commands."""

    actor: Actor | None = None


class Command(TyperCommand):
    """A command: before it runs, its words are looked up in `commands.acts`, and who gives it must be allowed to."""

    def invoke(self, ctx: Any) -> Any:
        """Run the command as who gives it, or refuse.

        Raises:
            RoleError: no role of theirs allows it.
        """
        with _acting(ctx):
            return super().invoke(ctx)


class Group(TyperGroup):
    """A group of commands; what it does itself is checked as a command is."""

    def invoke(self, ctx: Any) -> Any:
        """Run the group's own work and its command. Raises as `Command.invoke` does."""
        with _acting(ctx):
            return super().invoke(ctx)


@contextmanager
def _acting(ctx: Any) -> Iterator[None]:
    """Let who gives a command act as long as the block lasts; one without a workspace is not asked for roles."""
    root: Path | None = ctx.params.get("workspace")
    before = Acting.actor
    if root is not None:
        Acting.actor = _authorised(" ".join(_words(ctx)), root, ctx.params.get("by"), ctx.params.get("branch"))
    try:
        yield
    finally:
        Acting.actor = before


def _words(ctx: Any) -> list[str]:
    """Return the words of a command after `billmill`, however that was called."""
    return [] if ctx.parent is None else [*_words(ctx.parent), ctx.info_name]


class Commands(typer.Typer):
    """A group whose commands are all `Command`."""

    def command(self, name: str | None = None, **kwargs: Any) -> Callable[[CommandFunction], CommandFunction]:
        """Register a command."""
        return super().command(name, **({"cls": Command} | kwargs))


def command_group(text: str) -> typer.Typer:
    """Return a group of commands with its help."""
    return Commands(cls=Group, help=text, no_args_is_help=True, rich_markup_mode="markdown")


def _authorised(command: str, root: Path, by: str | None, branch: object) -> Actor:
    from commands.acts import need_of
    from store.roles import acting_user, authorised, login_name, read_roles

    roles = read_roles(root)
    asked = [branch] if isinstance(branch, str) else list(branch) if isinstance(branch, list | tuple) else []
    return authorised(roles, acting_user(roles, by, login_name()), need_of(command), asked)


class Clock:
    """The one place where time is read."""

    fixed: datetime | None = None


def now() -> datetime:
    """Return the time in UTC, or the one that `--clock` fixed."""
    return Clock.fixed or datetime.now(UTC)


def who_acts(by: str | None) -> str:
    """Return who acts: the one that `--by` names, otherwise the user logged in; it knows under which roles."""
    from store.roles import login_name

    return Acting.actor or by or login_name()


def workers_asked(asked: int | None) -> int:
    """Return how many processes to use: as many as asked for, otherwise the machine's cores."""
    return asked or os.cpu_count() or 1


def open_books(root: Path) -> Workspace:
    """Return the workspace in a folder.

    Raises:
        ConfigError: the folder is no workspace.
    """
    from dataclasses import replace

    from store.workspace import open_workspace

    opened = open_workspace(root)
    return opened if Acting.actor is None else replace(opened, branches=Acting.actor.branches)


def reading_of(mapping: Path | None) -> Reading | None:
    """Return how files are read by a mapping file; None where they are to be known by their content.

    Raises:
        InputError: the mapping cannot be read, or is none.
    """
    if mapping is None:
        return None
    from functools import partial

    from ingest.formats.detect import Reading
    from ingest.formats.mapped.mapped import read_mapped
    from ingest.formats.mapped.mapping import parse_mapping
    from model.ids import content_hash
    from store.files import read_text

    text = read_text(mapping)
    parsed = parse_mapping(text, mapping.name)
    return Reading(f"mapping {content_hash(text)}", partial(read_mapped, mapping=parsed))


@contextmanager
def progress_shown(as_json: bool) -> Iterator[Progress]:
    """Show progress on stderr: JSON lines for a machine, bars for somebody who watches, otherwise nothing."""
    from model.progress import Silent
    from outputs.progress import Bars, JsonLines, is_watched

    if as_json:
        yield JsonLines(sys.stderr)
    elif is_watched():
        with Bars() as bars:
            yield bars
    else:
        yield Silent()


def print_result(as_json: bool, value: object, show: Callable[[], None]) -> None:
    """Print a result to stdout: `value` as JSON, or what `show` prints for a person."""
    from outputs.console import print_json

    if as_json:
        print_json(value)
    else:
        show()


def amount_asked(text: str | None, option: str, *, at_least: int | None = None) -> Decimal | None:
    """Return an amount in major units that an option gives; None when it is left out.

    Raises:
        ConfigError: it is no number, or below what it may be.
    """
    from model.errors import ConfigError

    if text is None:
        return None
    try:
        number = Decimal(text)
    except InvalidOperation:
        number = Decimal("NaN")
    if not number.is_finite() or (at_least is not None and number < at_least):
        wanted = "an amount" if at_least is None else f"an amount of {at_least} or more"
        raise ConfigError(f"option {option}: expected {wanted}, found `{text}`", hint="for example 12.50")
    return number


def talk(text: str | None) -> None:
    """Print a sentence to stderr; None prints nothing."""
    if text is not None:
        print(text, file=sys.stderr)
