"""`roles`: what the workspace's roles say, and what somebody may do."""

from __future__ import annotations

from typing import Annotated

import typer

from commands.context import HERE, JsonOption, WorkspaceOption, command_group, open_books, print_result

roles_app = command_group("Roles: who may do what, in which branches, up to which amount.")


@roles_app.command("show")
def roles_show(workspace: WorkspaceOption = HERE, json: JsonOption = False) -> None:
    """Show the roles that the workspace's configuration states.

    Example: `billmill roles show`
    """
    from outputs.console import print_frame
    from outputs.roles_screen import role_rows
    from store.roles import read_roles

    rows = role_rows(read_roles(open_books(workspace).root))
    nothing = "no roles: a workshop of one, where everybody may do everything and nobody approves what they made"
    print_result(json, rows, lambda: print_frame(rows, nothing=nothing))


@roles_app.command("check")
def roles_check(
    user: Annotated[str, typer.Argument(help="Name of a user.")],
    workspace: WorkspaceOption = HERE,
    json: JsonOption = False,
) -> None:
    """Say what somebody may do: each act, in which branches, up to which amount, by which role.

    Example: `billmill roles check mira`
    """
    from outputs.console import print_frame
    from outputs.roles_screen import allowed_rows
    from store.roles import read_roles

    rows = allowed_rows(read_roles(open_books(workspace).root), user)
    print_result(json, rows, lambda: print_frame(rows, nothing=f"{user} has no role here"))
