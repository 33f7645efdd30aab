"""A workspace: the folder that holds one utility's books."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Collection, Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

import duckdb

from model.accounts import ChannelNumbers
from model.control import CONTROL
from model.errors import ConfigError
from model.exceptions import EXCEPTIONS
from model.facts import FACTS, fact_table_sql
from model.ledger import Allocations, JournalLines, OpenItems
from model.nights import NIGHTS
from model.schema import create_table_sql
from store.audit_log import log_path
from store.bucket import LakeSettings
from store.claims import claim_lake
from store.failpoints import around
from store.files import PRIVATE, private_folder, rename, write_bytes_atomic
from store.mount import mount

CONFIG_NAME = "billmill.toml"
_TABLES = (
    "name", "layout", "roles", "ledger", "late_fee", "review", "back_billing", "exceptions", "findings", "lake",
)  # fmt: skip
_LAKE_URL = re.compile(r"s3://[a-z0-9][a-z0-9.-]+(/[^@?#]*)?|file:///[^@?#]+")
_KINDS = {str: "text", bool: "true or false"}
LAYOUT = 6  # raised when the layout on disk changes; a newer one is refused


@dataclass(frozen=True)
class Workspace:
    """Where everything of one utility lies."""

    root: Path
    name: str
    branches: frozenset[str] | None = None
    """Branches of who opened it, which commands keep to; None for all."""
    bucket: LakeSettings | None = None
    """Where its lake lies; None for its own folder. A process that it is sent to works there, too."""

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        mount(self.lake, self.bucket)

    @property
    def control_path(self) -> Path:
        """The system of record; one writer."""
        return self.root / "control.duckdb"

    @property
    def analytics_path(self) -> Path:
        """What analysts open; replaced after each publish."""
        return self.root / "analytics.duckdb"

    @property
    def lake(self) -> Path:
        """Immutable Parquet."""
        return self.root / "lake"

    @property
    def runs(self) -> Path:
        """Plans, receipts and results of runs."""
        return self.lake / "runs"

    @property
    def backups(self) -> Path:
        """Copies of the control database, kept after each publish."""
        return self.root / "backups"

    @property
    def books(self) -> Path:
        """The control tables as Parquet, kept after each publish: what `rebuild` begins with."""
        return self.backups / "books"

    @property
    def quarantine(self) -> Path:
        """Rejected lines, as CSV, for people."""
        return self.root / "quarantine"

    @property
    def profiles(self) -> Path:
        """Days added up by kind, kept from one comparison of tariffs to the next; whoever removes them loses time."""
        return self.root / "profiles"

    @property
    def measured(self) -> Path:
        """What was measured of days, kept from one validation to the next; whoever removes it loses time."""
        return self.root / "measured"


def create_workspace(root: Path, *, name: str, ddl: Sequence[str] = ()) -> Workspace:
    """Create a workspace; `ddl` adds the control tables of other folders (tariffs).

    Raises:
        ConfigError: there is one already, or the folder holds other files.
    """
    workspace = lay_out_workspace(root, name=name, ddl=ddl)
    seal_workspace(workspace)
    return workspace


def lay_out_workspace(root: Path, *, name: str, ddl: Sequence[str] = (), lake: LakeSettings | None = None) -> Workspace:
    """Make the folders and the control database of a workspace that is not one before it is sealed.

    A kill before `seal_workspace` leaves no workspace; laying it out again begins anew. `lake` is claimed where it
    lies elsewhere than in the folder.

    Raises:
        ConfigError: there is one already, the folder or the lake holds other files, or the lake cannot be reached.
    """
    root = root.resolve()
    if (root / CONFIG_NAME).exists():
        raise ConfigError(f"`{root}` is a workspace already", hint="choose another folder, or work with this one")
    if root.is_file():
        raise ConfigError(f"`{root}` is a file, not a folder", hint="choose another name")
    foreign = [entry.name for entry in root.iterdir() if not _is_ours(entry.name)] if root.exists() else []
    if foreign:
        raise ConfigError(
            f"folder `{root}` is not empty: it holds `{sorted(foreign)[0]}`", hint="choose an empty folder"
        )
    workspace = Workspace(root, name, bucket=lake)
    mount(workspace.lake, lake)
    if lake is not None:
        claim_lake(lake, name, root)
    for folder in (workspace.lake, workspace.runs, workspace.quarantine):
        folder.mkdir(parents=True, exist_ok=True)
    private_folder(workspace.quarantine)  # rejected lines are as personal as what they were to be
    _create_control(workspace, ddl)
    return workspace


def seal_workspace(workspace: Workspace, lake: LakeSettings | None = None) -> None:
    """Write the configuration file: from now on the folder is a workspace."""
    config = f'# A Billmill workspace.\nname = "{_toml_text(workspace.name)}"\nlayout = {LAYOUT}\n'
    if lake is not None:
        config += "\n[lake]\n" + "".join(f"{key} = {value}\n" for key, value in _lake_text(lake).items())
    write_bytes_atomic(workspace.root / CONFIG_NAME, config.encode(), mode=PRIVATE)


def open_workspace(root: Path) -> Workspace:
    """Open a workspace.

    Raises:
        ConfigError: the folder is no workspace, or one of a newer Billmill, or its configuration has an unknown key.
    """
    root = root.resolve()
    path = root / CONFIG_NAME
    if not path.is_file():
        raise ConfigError(
            f"`{root}` is not a workspace: it has no {CONFIG_NAME}", hint=f"make one: billmill init {root}"
        )
    config = read_config(path)
    layout = config.get("layout")
    if layout != LAYOUT:
        raise ConfigError(f"`{path}`: expected layout {LAYOUT}, found {layout}", hint="use the Billmill that made it")
    # A table that is misspelt would be no table at all: [role] would let everybody do everything.
    unknown = sorted(set(config) - set(_TABLES))
    if unknown:
        raise ConfigError(f"`{path}` has the key `{unknown[0]}`", hint=f"it knows {', '.join(_TABLES)}")
    settings = lake_settings(config.get("lake"), f"`{path}`")
    workspace = Workspace(root, str(config.get("name", root.name)), bucket=settings)
    mount(workspace.lake, settings)
    return workspace


def keep_lake_here(workspace: Workspace) -> None:
    """Let a workspace's lake lie in its folder: table [lake] of its configuration becomes a comment.

    Raises:
        ConfigError: the table is written in another way than with a line `[lake]`.
    """
    path = workspace.root / CONFIG_NAME
    if "lake" not in read_config(path):
        return
    table, lines = "", []
    for line in path.read_text(encoding="utf-8").splitlines():
        table = line.strip() if line.startswith("[") else table
        lines.append(f"# {line}" if table == "[lake]" and line else line)
    text = "\n".join(lines) + "\n"
    if "lake" in tomllib.loads(text):
        raise ConfigError(f"`{path}`: expected the lake's settings below a line [lake]", hint="take them out by hand")
    write_bytes_atomic(path, text.encode(), mode=PRIVATE)


def lake_settings(found: object, where: str) -> LakeSettings | None:
    """Return where the lake lies by table [lake] of a configuration; None for the workspace's own folder.

    Raises:
        ConfigError: a key is not known or has no usable value, or credentials stand in the address.
    """
    if found is None:
        return None
    known = {field.name: bool if field.name == "path_style" else str for field in fields(LakeSettings)}
    if not isinstance(found, dict) or "url" not in found:
        raise ConfigError(f"{where}: table [lake] has no url", hint='for example: url = "s3://bucket/prefix"')
    for key, value in found.items():
        if key not in known:
            raise ConfigError(
                f"{where}: table [lake] has the key `{key}`",
                hint=f"it knows {', '.join(known)}; credentials come from the environment alone",
            )
        if not isinstance(value, known[key]):
            raise ConfigError(f"{where}: [lake] {key}: expected {_KINDS[known[key]]}, found `{value}`")
    settings = LakeSettings(**found)
    if not _LAKE_URL.fullmatch(settings.url):
        shown = settings.url.rpartition("@")[2]  # what stands before may be a secret
        raise ConfigError(
            f"{where}: [lake] url: expected s3://BUCKET/PREFIX or file:///FOLDER, found `{shown}`",
            hint="credentials do not belong there: they come from the environment",
        )
    if settings.endpoint is not None and not settings.endpoint.startswith(("http://", "https://")):
        raise ConfigError(f"{where}: [lake] endpoint: expected http(s)://HOST, found `{settings.endpoint}`")
    return settings


def _lake_text(lake: LakeSettings) -> dict[str, str]:
    """Return the keys of [lake] as TOML, those that are not as they are without being said."""
    named = {name: value for name, value in asdict(lake).items() if value != getattr(LakeSettings, name, None)}
    return {
        name: str(value).lower() if isinstance(value, bool) else f'"{_toml_text(value)}"'
        for name, value in named.items()
    }


def workspace_settings(workspace: Workspace, table: str, known: Collection[str]) -> dict[str, Any]:
    """Return a table of the workspace's configuration file, empty when it has none.

    Raises:
        ConfigError: the file cannot be read, or the table has a key that is not `known`.
    """
    path = workspace.root / CONFIG_NAME
    found = read_config(path).get(table, {})
    if not isinstance(found, dict):
        raise ConfigError(f"`{path}`: expected a table [{table}], found `{found}`")
    unknown = sorted(set(found) - set(known))
    if unknown:
        raise ConfigError(
            f"`{path}`: table [{table}] has the key `{unknown[0]}`", hint=f"it knows {', '.join(sorted(known))}"
        )
    return found


def read_config(path: Path) -> dict[str, Any]:
    """Return what a workspace's configuration file says.

    Raises:
        ConfigError: it cannot be read.
    """
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"`{path}` cannot be read: {error}", hint="restore it from a backup") from error


def _is_ours(name: str) -> bool:
    ours = {"lake", "quarantine", "control.duckdb", "control.duckdb.wal", "analytics.duckdb", "audit.log"}
    return name in ours or name.startswith(".")


def _toml_text(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"')


def _create_control(workspace: Workspace, ddl: Sequence[str]) -> None:
    # A kill while DuckDB creates a file can leave one that cannot be opened, so it is made under another name.
    aside = workspace.control_path.with_name(".control.duckdb.new")
    # What an earlier attempt left was never part of a workspace; its .wal would not fit the new file.
    for path in (aside, workspace.control_path):
        path.unlink(missing_ok=True)
        path.with_name(path.name + ".wal").unlink(missing_ok=True)
    log_path(workspace.root).unlink(missing_ok=True)
    create_control_file(aside, ddl)
    rename(aside, workspace.control_path)


def create_control_file(path: Path, ddl: Sequence[str]) -> None:
    """Make a control database without rows at `path`, where nothing is; `ddl` adds the tables of other folders."""
    connection = duckdb.connect(str(path))
    try:
        with around("making", path):
            for statement in (*_control_ddl(), *ddl):
                connection.execute(statement)
            connection.execute("CHECKPOINT")
    finally:
        connection.close()
    path.chmod(PRIVATE)


def _control_ddl() -> list[str]:
    facts = [fact_table_sql(name) for name in FACTS]
    plain = [create_table_sql(table, name) for name, table in (CONTROL | EXCEPTIONS | NIGHTS).items()]
    books = {"posted_line": JournalLines, "posted_item": OpenItems, "allocation": Allocations}
    kept = [create_table_sql(table, name) for name, table in books.items()]
    return [*facts, create_table_sql(ChannelNumbers, "channel_number"), *plain, *kept]
