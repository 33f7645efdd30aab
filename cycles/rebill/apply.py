"""`rebill apply`: take bills back and bill their days again in one run, exactly as the plan showed, or refuse."""

from __future__ import annotations

from datetime import datetime

from cycles.runs.records import the_run
from cycles.runs.run import RunResult, run_cycle
from model.codes import RunKind
from model.errors import ConfigError
from model.progress import Progress
from store.control import control
from store.workspace import Workspace


def apply_rebill(
    workspace: Workspace, run_id: str, *, workers: int, progress: Progress, at: datetime, actor: str
) -> RunResult:
    """Compute a planned rebill up to `validated`; going on where it was cut, or saying that it is done.

    Raises:
        ConfigError: there is no such run, or it is no rebill.
        StaleError: what its bills rest on has changed since it was planned.
        ControlError: totals do not meet, or differ from what the plan showed.
    """
    with control(workspace, purpose="rebill apply") as connection:
        row = the_run(connection, run_id)
        if row["kind"] != RunKind.REBILL:
            raise ConfigError(f"run `{run_id}` is a {row['kind']} run, no rebill", hint=f"billmill run show {run_id}")
    return run_cycle(workspace, run_id, workers=workers, progress=progress, at=at, actor=actor)
