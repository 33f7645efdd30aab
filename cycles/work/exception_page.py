"""One exception: its row of the work list, and what was decided about it."""

from __future__ import annotations

from datetime import date
from typing import Any

import polars as pl

from cycles.work.exception_decisions import exception_history
from cycles.work.exceptions import AskedExceptions, exceptions_of
from store.control import control
from store.workspace import Workspace


def exception_page(workspace: Workspace, exception: str, business_date: date) -> tuple[dict[str, Any], pl.DataFrame]:
    """Return an exception, named by its id or the beginning of it, and the history of its decisions.

    Raises:
        ConfigError: there is no such exception, or there are several.
    """
    with control(workspace, purpose="exceptions show") as connection:
        rows = exceptions_of(workspace, connection, AskedExceptions(ids=(exception,)), business_date)
        row = rows.row(0, named=True)
        return row, exception_history(connection, row["exception_id"])
