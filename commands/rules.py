"""`billmill reads rules`: rule sets of validation, estimation and editing."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from commands.context import (
    HERE,
    ByOption,
    JsonOption,
    WorkspaceOption,
    command_group,
    now,
    open_books,
    print_result,
    talk,
    who_acts,
)
from model.errors import BillmillError, ConfigError, ExitCode

rules_app = command_group("Rule sets of validation: check, add, list, show.")

FilesArgument = Annotated[
    list[Path] | None, typer.Argument(help="Rule sets (TOML).", show_default="with --standard: the one of Billmill")
]
StandardOption = Annotated[bool, typer.Option("--standard", help="The rule set that comes with Billmill.")]


@rules_app.command("check")
def rules_check(files: FilesArgument = None, standard: StandardOption = False, json: JsonOption = False) -> None:
    """Check rule sets; no workspace is needed, nothing is added. Exit code 2 when one cannot be used.

    Example: `billmill reads rules check --standard`
    """
    from ingest.rules.rule_file import parse_rules
    from ingest.rules.rule_store import rule_text

    checked: list[dict[str, object]] = []
    for path in _paths(files, standard):
        try:
            rules = parse_rules(rule_text(path), path.name)
            checked.append(
                {"file": path.name, "rule_set": rules.rule_set_id, "rules": len(rules.rules), "problem": None}
            )
        except BillmillError as error:
            checked.append({"file": path.name, "rule_set": None, "rules": None, "problem": error.message})
    told = [str(row["problem"] or f"{row['file']}: {row['rule_set']}, {row['rules']} rules") for row in checked]
    print_result(json, checked, lambda: print("\n".join(told)))
    if any(row["problem"] for row in checked):
        raise typer.Exit(ExitCode.REFUSED)


@rules_app.command("add")
def rules_add(
    files: FilesArgument = None,
    standard: StandardOption = False,
    workspace: WorkspaceOption = HERE,
    by: ByOption = None,
    json: JsonOption = False,
) -> None:
    """Check rule sets and add them; the one added last judges from now on. Nothing is overwritten.

    A changed threshold is a new version: the same version with another text is refused.

    Example: `billmill reads rules add --standard --by mira`
    """
    import polars as pl

    from ingest.rules.rule_store import add_rule_sets
    from outputs.console import print_frame

    added = pl.DataFrame(add_rule_sets(open_books(workspace), _paths(files, standard), at=now(), actor=who_acts(by)))
    print_result(json, added, lambda: print_frame(added))
    talk("findings name the rule set that judged; see it: billmill reads rules show")


@rules_app.command("list")
def rules_list(workspace: WorkspaceOption = HERE, json: JsonOption = False) -> None:
    """List the rule sets of a workspace, when each was added, by whom, and which is in force.

    Example: `billmill reads rules list`
    """
    import polars as pl

    from ingest.rules.rule_store import workspace_rules
    from outputs.console import print_frame

    known, rules = workspace_rules(open_books(workspace))
    named = pl.format("{}.v{}", "rule_set", "version")
    frame = known.select(
        rule_set=named, in_force=named == rules.rule_set_id, file="file_name", added_by="added_by", added="recorded_at"
    )
    nothing = f"none was added: {rules.rule_set_id} of Billmill judges; next: billmill reads rules add --standard"
    print_result(json, frame, lambda: print_frame(frame, nothing=nothing))


@rules_app.command("show")
def rules_show(
    rule_set: Annotated[
        str | None, typer.Argument(help="Name and version, as `standard.v2`.", show_default="the one in force")
    ] = None,
    workspace: WorkspaceOption = HERE,
    json: JsonOption = False,
) -> None:
    """Show the rules of a set: what each says, its limits and severity, and what it is for.

    Example: `billmill reads rules show`
    """
    from ingest.rules.rule_store import rule_set_named
    from outputs.console import print_frame
    from outputs.rules_screen import rule_rows

    rules = rule_set_named(open_books(workspace), rule_set)
    frame = rule_rows(rules)
    print_result(json, frame, lambda: print_frame(frame, rules.rule_set_id, limit=200))


def _paths(files: list[Path] | None, standard: bool) -> list[Path]:
    from ingest.rules.rule_file import STANDARD_FILE

    if bool(files) == standard:
        raise ConfigError("expected files of rule sets, or --standard", hint="see --help")
    return [STANDARD_FILE] if standard else list(files or ())
