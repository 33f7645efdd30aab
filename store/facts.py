"""Facts in two times: when a fact holds is in its columns, when we learned it is here.

Nothing is overwritten: a changed row closes the knowledge of the old one (`superseded_at`) and adds a new one.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import polars as pl

from model.facts import FACTS
from model.schema import arranged, column_names, grain
from store.control import Connection, query
from store.failpoints import reached


@dataclass(frozen=True)
class FactCounts:
    """What recording did: rows not known before, rows that changed, rows known already."""

    new: int
    changed: int
    same: int


def record_facts(connection: Connection, table: str, frame: pl.DataFrame, *, recorded_at: datetime) -> FactCounts:
    """Record rows of a table of `model.facts`, by its grain. Recording the same rows again changes nothing.

    `frame` has one row per grain (checked by the caller). Call it inside a transaction. A row is never learned before
    the one that it replaces: a command that waited for the lock brings an earlier time than the one that held it.
    """
    declared = FACTS[table]
    keys = grain(declared)
    others = [name for name in column_names(declared) if name not in keys]
    match = " AND ".join(f'known."{key}" = incoming."{key}"' for key in keys)
    same = " AND ".join(f'known."{name}" IS NOT DISTINCT FROM incoming."{name}"' for name in others) or "TRUE"
    connection.register("incoming", arranged(declared, frame).to_arrow())
    try:
        counted = query(
            connection,
            f"""SELECT count(*) FILTER (known."{keys[0]}" IS NULL) AS new,
                       count(*) FILTER (known."{keys[0]}" IS NOT NULL AND NOT ({same})) AS changed,
                       count(*) FILTER (known."{keys[0]}" IS NOT NULL AND {same}) AS same
                FROM incoming LEFT JOIN (SELECT * FROM "{table}" WHERE superseded_at IS NULL) AS known ON {match}""",
        ).row(0)
        reached("before update of", table)
        connection.execute(
            f"""UPDATE "{table}" AS known SET superseded_at = greatest(?, known.recorded_at) FROM incoming
                WHERE known.superseded_at IS NULL AND {match} AND NOT ({same})""",
            [recorded_at],
        )
        reached("before insert into", table)
        connection.execute(
            f"""INSERT INTO "{table}" BY NAME
                SELECT incoming.*, greatest(?::TIMESTAMPTZ,
                    (SELECT max(known.superseded_at) FROM "{table}" AS known WHERE {match})) AS recorded_at
                FROM incoming
                WHERE NOT EXISTS (SELECT 1 FROM "{table}" AS known WHERE known.superseded_at IS NULL AND {match})""",
            [recorded_at],
        )
        reached("after insert into", table)
    finally:
        connection.unregister("incoming")
    return FactCounts(*(int(count) for count in counted))


def retract_facts(connection: Connection, table: str, keys: pl.DataFrame, *, recorded_at: datetime) -> None:
    """Hold the rows of some grains no longer true, and nothing in their place. Call it inside a transaction.

    `keys` has the columns of the table's grain. What was known before stays readable as of its time.
    """
    names = grain(FACTS[table])
    match = " AND ".join(f'known."{key}" = retracted."{key}"' for key in names)
    connection.register("retracted", keys.select(names).to_arrow())
    try:
        connection.execute(
            f"""UPDATE "{table}" AS known SET superseded_at = greatest(?, known.recorded_at) FROM retracted
                WHERE known.superseded_at IS NULL AND {match}""",
            [recorded_at],
        )
    finally:
        connection.unregister("retracted")


def facts_mark(connection: Connection, table: str, *, known_at: datetime) -> str:
    """Return what the rows of a table are known by, as known at a time: other rows, another mark.

    It tells whether something that was made of them still holds, in a hundredth of the time that they take to read.
    """
    columns = ", ".join(f'"{name}"' for name in column_names(FACTS[table]))
    counted = query(
        connection,
        f"""SELECT count(*) AS rows, CAST(coalesce(sum(hash({columns})), 0) AS VARCHAR) AS mark FROM "{table}"
            WHERE recorded_at <= ? AND (superseded_at IS NULL OR superseded_at > ?)""",
        [known_at, known_at],
    ).row(0)
    return f"{table} {counted[0]} {counted[1]}"


def facts(
    connection: Connection, table: str, *, known_at: datetime | None = None, among: pl.Series | None = None
) -> pl.DataFrame:
    """Return the rows of a table of `model.facts` as known at a time (now when None), sorted by grain.

    `among` asks for the rows with these values in the column of the series' name.
    """
    declared = FACTS[table]
    columns = ", ".join(f'"{name}"' for name in column_names(declared))
    order = ", ".join(f'"{key}"' for key in grain(declared))
    known, parameters = "superseded_at IS NULL", []
    if known_at is not None:
        known, parameters = "recorded_at <= ? AND (superseded_at IS NULL OR superseded_at > ?)", [known_at, known_at]
    if among is None:
        rows = query(connection, f'SELECT {columns} FROM "{table}" WHERE {known} ORDER BY {order}', parameters)
        return arranged(declared, rows)
    connection.register("among_these", among.to_frame().to_arrow())
    try:
        chosen = f'"{table}" SEMI JOIN among_these USING ("{among.name}")'
        rows = query(connection, f"SELECT {columns} FROM {chosen} WHERE {known} ORDER BY {order}", parameters)
    finally:
        connection.unregister("among_these")
    return arranged(declared, rows)
