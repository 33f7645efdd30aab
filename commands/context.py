"""What every command shares: the options of most of them, the time, who acts, the workspace, ways to print."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from ingest.formats.detect import Reading
    from model.progress import Progress
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
HERE = Path()


def command_group(text: str) -> typer.Typer:
    """Return a group of commands with its help."""
    return typer.Typer(help=text, no_args_is_help=True, rich_markup_mode="markdown")


class Clock:
    """The one place where time is read."""

    fixed: datetime | None = None


def now() -> datetime:
    """Return the time in UTC, or the one that `--clock` fixed."""
    return Clock.fixed or datetime.now(UTC)


def who_acts(by: str | None) -> str:
    """Return who acts: the one that `--by` names, otherwise the user logged in."""
    import getpass

    return by or getpass.getuser()


def workers_asked(asked: int | None) -> int:
    """Return how many processes to use: as many as asked for, otherwise the machine's cores."""
    return asked or os.cpu_count() or 1


def open_books(root: Path) -> Workspace:
    """Return the workspace in a folder.

    Raises:
        ConfigError: the folder is no workspace.
    """
    from store.workspace import open_workspace

    return open_workspace(root)


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


def talk(text: str | None) -> None:
    """Print a sentence to stderr; None prints nothing."""
    if text is not None:
        print(text, file=sys.stderr)
