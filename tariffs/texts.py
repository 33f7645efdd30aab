"""The texts of tariff files in the control database, as known at a time."""

from __future__ import annotations

from datetime import datetime

import polars as pl

from model.errors import TariffError
from model.ids import content_hash
from store.control import Connection, insert, query
from tariffs.problems import suggestion

_COLUMNS = "tariff_id, content_hash, file_name, text, recorded_at, recorded_by"


def tariff_texts(connection: Connection, known_at: datetime | None = None) -> pl.DataFrame:
    """Return the text of each tariff as known at a time (now when None), in order of tariff.

    Columns: tariff_id, content_hash, file_name, text, recorded_at, recorded_by.
    """
    if known_at is None:
        return query(connection, f"SELECT {_COLUMNS} FROM tariff_file WHERE superseded_at IS NULL ORDER BY tariff_id")
    return query(
        connection,
        f"""SELECT {_COLUMNS} FROM tariff_file
            WHERE recorded_at <= ? AND (superseded_at IS NULL OR superseded_at > ?) ORDER BY tariff_id""",
        [known_at, known_at],
    )


def all_texts(connection: Connection) -> pl.DataFrame:
    """Return every text that was ever known, each once, with who added it last. Columns as of `tariff_texts`."""
    return query(
        connection,
        f"""SELECT {_COLUMNS} FROM tariff_file
            QUALIFY row_number() OVER (PARTITION BY tariff_id, content_hash ORDER BY recorded_at DESC) = 1
            ORDER BY tariff_id, content_hash""",
    )


def the_text(texts: pl.DataFrame, tariff_id: str) -> dict[str, object]:
    """Return the row of a tariff among texts.

    Raises:
        TariffError: it is not among them; the hint names one that is spelt alike.
    """
    found = texts.filter(pl.col("tariff_id") == tariff_id)
    if found.is_empty():
        hint = suggestion(tariff_id, texts["tariff_id"].to_list()) or "see `billmill tariff list`"
        raise TariffError(f"tariff `{tariff_id}`: expected a tariff of the catalogue, found none", hint=hint)
    return found.row(0, named=True)


def record_text(
    connection: Connection, tariff_id: str, name: str, text: str, *, recorded_at: datetime, recorded_by: str
) -> None:
    """Record a text, which supersedes the one known before. Call it in a transaction."""
    # Never before the text that it replaces: a command that waited for the lock brings an earlier time.
    latest = query(connection, "SELECT max(recorded_at) AS at FROM tariff_file WHERE tariff_id = ?", [tariff_id]).item()
    recorded_at = recorded_at if latest is None else max(recorded_at, latest)
    connection.execute(
        "UPDATE tariff_file SET superseded_at = ? WHERE tariff_id = ? AND superseded_at IS NULL",
        [recorded_at, tariff_id],
    )
    row = {
        "tariff_id": tariff_id,
        "content_hash": content_hash(text),
        "file_name": name,
        "text": text,
        "recorded_by": recorded_by,
    }
    insert(connection, "tariff_file", pl.DataFrame([row]).with_columns(recorded_at=pl.lit(recorded_at)))
