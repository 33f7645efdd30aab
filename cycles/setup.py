"""`init`: a new workspace with every control table."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

from outputs.analytics import build_analytics
from store.audit import record
from store.bucket import LakeSettings
from store.control import control, transaction
from store.workspace import LAYOUT, Workspace, lay_out_workspace, seal_workspace
from tariffs.catalogue import tables_ddl


def init_workspace(root: Path, *, name: str, at: datetime, actor: str, lake: LakeSettings | None = None) -> Workspace:
    """Create a workspace, ready for imports, with an empty analysts' database; its lake lies where `lake` says.

    Raises:
        ConfigError: the folder is a workspace already or holds other files, or the lake is not free.
    """
    workspace = lay_out_workspace(root, name=name, ddl=tables_ddl(), lake=lake)
    with control(workspace, purpose="init") as connection:
        with transaction(connection):
            record(connection, at=at, actor=actor, action="init", subject=name, detail=f"layout {LAYOUT}")
        build_analytics(workspace, connection)
    seal_workspace(workspace, lake)
    return workspace
