"""A control table against what it should hold: by hash first, row by row where that differs."""

from __future__ import annotations

from dataclasses import dataclass

import polars as pl

from store.control import Connection, query

SHOWN = 20


@dataclass(frozen=True)
class RowDifference:
    """A row that is not what it should be: its key, what was expected, what is found."""

    key: str
    expected: str
    found: str


def differing_rows(
    connection: Connection,
    table: str,
    expected: str,
    found: str,
    *,
    keys: list[str],
    without: frozenset[str] = frozenset(),
) -> list[RowDifference]:
    """Return the first rows in which two sources of the same columns differ; SQL of ours, each after a FROM.

    `keys` name a row; columns in `without` may differ.
    """
    columns = [name for name in query(connection, f"SELECT * FROM {found} LIMIT 0").columns if name not in without]
    listed = ", ".join(f'"{name}"' for name in columns)
    if _sum(connection, listed, expected) == _sum(connection, listed, found):
        return []
    gone, added = (
        query(
            connection,
            f"SELECT {listed} FROM {one} EXCEPT ALL SELECT {listed} FROM {other} ORDER BY ALL LIMIT {SHOWN}",
        )
        for one, other in ((expected, found), (found, expected))
    )
    return _paired(table, gone, added, [key for key in keys if key in columns] or columns[:2])


def missing_rows(
    connection: Connection, table: str, expected: str, found: str, *, keys: list[str], without: frozenset[str]
) -> list[RowDifference]:
    """Return the first rows of `expected` that `found` no longer has, where rows may have been added."""
    columns = [name for name in query(connection, f"SELECT * FROM {found} LIMIT 0").columns if name not in without]
    listed = ", ".join(f'"{name}"' for name in columns)
    gone = query(
        connection,
        f"SELECT {listed} FROM {expected} EXCEPT SELECT {listed} FROM {found} ORDER BY ALL LIMIT {SHOWN}",
    )
    return _paired(table, gone, gone.clear(), [key for key in keys if key in columns] or columns[:2])


def _sum(connection: Connection, listed: str, source: str) -> tuple[int, object]:
    row = query(connection, f"SELECT count(*), sum(hash({listed})::HUGEINT)::VARCHAR FROM {source}").row(0)
    return int(row[0]), row[1]


def _paired(table: str, gone: pl.DataFrame, added: pl.DataFrame, keys: list[str]) -> list[RowDifference]:
    def by_key(frame: pl.DataFrame) -> dict[str, dict[str, object]]:
        return {
            f"{table} " + ", ".join(f"{key} {row[key]}" for key in keys): row for row in frame.iter_rows(named=True)
        }

    theirs, ours = by_key(gone), by_key(added)
    differences = []
    for key in sorted(theirs | ours):
        expected, found = theirs.get(key), ours.get(key)
        if expected is None or found is None:
            known = "a row" if expected is not None else "no row"
            differences.append(RowDifference(key, known, "no row" if expected is not None else "a row"))
            continue
        other = [name for name in expected if expected[name] != found[name]]
        differences.append(RowDifference(key, _values(expected, other), _values(found, other)))
    return differences


def _values(row: dict[str, object], names: list[str]) -> str:
    return ", ".join(f"{name} {row[name]}" for name in names) or "one row"
