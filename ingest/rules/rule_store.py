"""Rule sets in a workspace: added by version, kept in two times; the one added last is in force."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

import polars as pl

from ingest.rules.rule_file import STANDARD_FILE, parse_rules
from ingest.rules.rules import DEFAULT_RULES, RuleSet
from model.errors import ConfigError, InputError
from model.ids import content_hash
from store.audit import record
from store.control import Connection, control, query, transaction
from store.facts import record_facts
from store.files import read_bytes
from store.workspace import Workspace

_COLUMNS = '"rule_set", version, content_hash, file_name, text, added_by, recorded_at'


def rule_text(path: Path) -> str:
    """Return the text of a rule set's file.

    Raises:
        InputError: the file cannot be read, or is not UTF-8.
    """
    try:
        return read_bytes(path).decode("utf-8")
    except UnicodeDecodeError as error:
        message = f"rule set `{path.name}`: expected UTF-8 text, found another byte at {error.start}"
        raise InputError(message, hint="save it as UTF-8") from error


def standard_rules() -> RuleSet:
    """Return the rule set that comes with Billmill: every rule whose default is not the user's to say."""
    return parse_rules(rule_text(STANDARD_FILE), STANDARD_FILE.name)


def add_rule_sets(workspace: Workspace, paths: Sequence[Path], *, at: datetime, actor: str) -> list[dict[str, str]]:
    """Check rule sets and add them in one transaction: all of them, or none. The last one named is in force.

    Raises:
        InputError: a file cannot be used, or states a known version otherwise than before.
    """
    read = [(path.name, text, parse_rules(text, path.name)) for path in paths for text in [rule_text(path)]]
    added = []
    with control(workspace, purpose="reads rules add") as connection, transaction(connection):
        for name, text, rules in read:
            known = stored_rules(connection)
            same = known.filter((pl.col("rule_set") == rules.name) & (pl.col("version") == rules.version))
            if same.height and same["content_hash"].item() != content_hash(text):
                raise InputError(
                    f"rule set `{name}`: version {rules.version} of `{rules.name}` is known with another text",
                    hint=f"a changed threshold is a new version: write version = {_next(known, rules.name)}",
                )
            outcome = "unchanged" if same.height else "new"
            if outcome == "new":
                row = {
                    "rule_set": rules.name, "version": rules.version, "content_hash": content_hash(text),
                    "file_name": name, "text": text, "added_by": actor,
                }  # fmt: skip
                record_facts(connection, "rule_set", pl.DataFrame([row]), recorded_at=at)
                record(connection, at=at, actor=actor, action="add_rules", subject=rules.rule_set_id, detail=name)
            added.append({"file": name, "rule_set": rules.rule_set_id, "outcome": outcome})
    return added


def stored_rules(connection: Connection, *, known_at: datetime | None = None) -> pl.DataFrame:
    """Return the rule sets known at a time (now when None), the one added last at the end.

    Columns: rule_set, version, content_hash, file_name, text, added_by, recorded_at.
    """
    order = 'ORDER BY recorded_at, "rule_set", version'
    if known_at is None:
        return query(connection, f"SELECT {_COLUMNS} FROM rule_set WHERE superseded_at IS NULL {order}")
    return query(connection, f"SELECT {_COLUMNS} FROM rule_set WHERE recorded_at <= ? {order}", [known_at])


def text_in_force(connection: Connection, *, known_at: datetime | None = None) -> str | None:
    """Return the text of the rule set added last; None when none was: the thresholds in `ingest.rules.rules` hold."""
    known = stored_rules(connection, known_at=known_at)
    return None if known.is_empty() else str(known["text"][-1])


def rules_of_text(text: str | None) -> RuleSet:
    """Return the rule set of a text that was added, or the one that holds where none was."""
    return DEFAULT_RULES if text is None else parse_rules(text, "rule set in force")


def rules_in_force(connection: Connection, *, known_at: datetime | None = None) -> RuleSet:
    """Return the rule set that judges: the one added last; without any, the thresholds in `ingest.rules.rules`."""
    return rules_of_text(text_in_force(connection, known_at=known_at))


def workspace_rules(workspace: Workspace) -> tuple[pl.DataFrame, RuleSet]:
    """Return the rule sets of a workspace, and the one in force."""
    with control(workspace, purpose="reads rules list") as connection:
        return stored_rules(connection), rules_in_force(connection)


def rule_set_named(workspace: Workspace, name: str | None) -> RuleSet:
    """Return a rule set by its name and version (`standard.v2`), or the one in force when None.

    Raises:
        ConfigError: there is none of that name.
    """
    known, in_force = workspace_rules(workspace)
    if name is None or name == in_force.rule_set_id:
        return in_force
    for row in known.iter_rows(named=True):
        if name == f"{row['rule_set']}.v{row['version']}":
            return parse_rules(row["text"], row["file_name"])
    raise ConfigError(f"rule set `{name}`: expected one of the workspace", hint="see `billmill reads rules list`")


def _next(known: pl.DataFrame, name: str) -> int:
    latest = known.filter(pl.col("rule_set") == name)["version"].max()
    return int(latest) + 1  # type: ignore[arg-type]  # there is one
