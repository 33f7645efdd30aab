"""The load ledger: one sequence for all that is learned about reads."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import datetime

import polars as pl

from model.control import Loads
from model.schema import arranged
from store.control import Connection, insert, query


@dataclass(frozen=True)
class Load:
    """A landed file (`land`), a VEE run (`vee`) an edited register (`edit`). The higher `seq`, the later learned.

    `read_by` names what told how a file is read, beside its content; empty when nothing did.
    """

    seq: int
    kind: str
    source_name: str
    sha256: str
    received_at: datetime
    rows: int
    rejected: int
    detail: str
    read_by: str = ""


def next_seq(connection: Connection) -> int:
    """Return the sequence that the next load takes. Call it inside the transaction that records the load."""
    return int(query(connection, "SELECT coalesce(max(seq), 0) + 1 AS seq FROM load").item())


def find_loads(connection: Connection, sha256: str, read_by: str) -> list[Load]:
    """Return the loads that brought exactly these bytes, read the same way, the first one first."""
    sql = "SELECT * FROM load WHERE sha256 = ? AND read_by = ? AND kind = 'land' ORDER BY seq"
    found = query(connection, sql, [sha256, read_by])
    return [Load(**row) for row in found.iter_rows(named=True)]


def record_load(connection: Connection, load: Load) -> None:
    """Add a load to the ledger."""
    insert(connection, "load", arranged(Loads, pl.DataFrame([asdict(load)])))
