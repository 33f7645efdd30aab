"""What the analysts' database is made of: what has not changed since the last one is taken over from it.

The table `lake.made_of` keeps a mark of each part. A part whose mark is another one is made anew; a file without the
table, or one that cannot be read, is made whole.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import duckdb
import polars as pl

from model.ids import content_hash
from outputs.views import View
from store.control import Connection, query

# Tables that are only added to, or keep what they knew: their counts tell whether they are as they were.
_GROWING = ("load", "posted_line", "posted_item", "allocation", "unbilled", "lake_file")
_IN_TWO_TIMES = (
    "branches", "cycles", "accounts", "service_points", "agreements", "posting", "ledger_account", "tariff_file",
    "tariff_state", "factor",
)  # fmt: skip


class Making:
    """An analysts' database as it is filled. `stood` are the marks of the parts that it has from the last one."""

    def __init__(self, analytics: Connection, stood: dict[str, str], books: Connection) -> None:
        self._analytics = analytics
        self._counts = _table_marks(books)
        self._stood = stood
        self._stands: dict[str, str] = {}

    def has_changed(self, part: str, *made_of: object) -> bool:
        """Return whether a part has to be made anew, and keep what it is made of now."""
        self._stands[part] = content_hash(part, *(str(one) for one in made_of))
        return self._stood.get(part) != self._stands[part]

    def table(
        self,
        name: str,
        sources: tuple[str, ...],
        rows: Callable[[], pl.DataFrame],
        *,
        columns: Sequence[str] | None = None,
    ) -> None:
        """Keep rows (these columns of them) as `lake.<name>`, where one of the control tables `sources` has changed."""
        if self.has_changed(name, columns, *(self._counts[source] for source in sources)):
            found = rows()
            self._copy(name, found if columns is None else found.select(columns))

    def small_table(self, name: str, rows: pl.DataFrame) -> None:
        """Keep some rows as `lake.<name>`, where they have changed."""
        if self.has_changed(name, rows.rows()):
            self._copy(name, rows)

    def view(self, view: View) -> None:
        """Make a view and what it says of its columns; rows from files lie in a view of their own below it.

        So a view that people see, and its many comments, is made once, and new files change only what is below.
        """
        below = f'lake."{view.name}_rows"'
        if self.has_changed(f"{view.name}_rows", view.rows()):
            self._analytics.execute(f"CREATE OR REPLACE VIEW {below} AS {view.rows()}")
        statements = view.statements(below)
        if self.has_changed(f"view {view.name}", *statements):
            self.run(*statements)

    def run(self, *statements: str) -> None:
        """Run statements on the database that is made."""
        for statement in statements:
            self._analytics.execute(statement)

    def has_rows(self, name: str) -> bool:
        """Return whether `lake.<name>` has rows."""
        return bool(self._analytics.execute(f"SELECT 1 FROM lake.{name} LIMIT 1").fetchall())

    def end(self) -> None:
        """Keep the marks of all parts."""
        self._copy(
            "made_of",
            pl.DataFrame(list(self._stands.items()), schema={"name": pl.String, "mark": pl.String}, orient="row"),
        )

    def _copy(self, name: str, frame: pl.DataFrame) -> None:
        zoned = [key for key, dtype in frame.schema.items() if isinstance(dtype, pl.Datetime) and dtype.time_zone]
        naive = frame.with_columns(pl.col(key).dt.convert_time_zone("UTC").dt.replace_time_zone(None) for key in zoned)
        self._analytics.register("incoming_rows", naive.to_arrow())
        self._analytics.execute(f"CREATE OR REPLACE TABLE lake.{name} AS SELECT * FROM incoming_rows")
        self._analytics.unregister("incoming_rows")


def open_making(aside: Path, old: Path | None, options: dict[str, Any]) -> tuple[Connection, dict[str, str]]:
    """Open a database at `aside`, a copy of `old` if that can be read; return it with the marks of its parts."""
    if old is not None and old.is_file():
        shutil.copyfile(old, aside)
        try:
            analytics = duckdb.connect(str(aside), config=options)
            try:
                return analytics, dict(analytics.execute("SELECT name, mark FROM lake.made_of").fetchall())
            except duckdb.Error:
                analytics.close()
        except duckdb.Error:  # damaged: what it was made of is there, and it is made whole
            pass
        aside.unlink()
    return duckdb.connect(str(aside), config=options), {}


def _table_marks(books: Connection) -> dict[str, str]:
    """Return for each control table what shows that it has changed; one query over them all."""
    in_two_times = "concat_ws(' ', count(*), count(superseded_at), max(recorded_at))"
    marks = dict.fromkeys(_IN_TWO_TIMES, in_two_times) | dict.fromkeys(_GROWING, "count(*)::VARCHAR")
    # Channels are numbered anew at each import: the rows themselves are compared.
    marks["channel_number"] = "concat_ws(' ', count(*), bit_xor(hash(channel_number)))"
    counts = [f"SELECT '{name}', {mark} FROM \"{name}\"" for name, mark in marks.items()]
    return dict(query(books, " UNION ALL ".join(counts)).iter_rows())
