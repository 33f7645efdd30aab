"""The catalogue of tariffs in the control database: texts in two times, and the rate book made from them.

The text is what is kept; the rate book is compiled from it each time. So what a version says and what is billed
cannot drift apart, and what was known at any time can be compiled again.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

import polars as pl

from model.errors import TariffError
from model.ids import content_hash
from model.schema import create_table_sql
from model.tariff import Factors, RateBook
from store.control import Connection, insert, query
from tariffs.check import factor_warnings
from tariffs.compile import compile_tariff, compile_tariffs, with_factors
from tariffs.factors import load_factors
from tariffs.file import parse_tariff
from tariffs.problems import suggestion
from tariffs.sheet import TariffFile

_TARIFF_FILE_DDL = """CREATE TABLE "tariff_file" (
    "tariff_id" VARCHAR NOT NULL,
    "content_hash" VARCHAR NOT NULL,
    "file_name" VARCHAR NOT NULL,
    "text" VARCHAR NOT NULL,"""
_TWO_TIMES_DDL = """
    "recorded_at" TIMESTAMPTZ NOT NULL,
    "superseded_at" TIMESTAMPTZ,
    "recorded_by" VARCHAR NOT NULL
)"""


@dataclass(frozen=True)
class Added:
    """What adding a tariff file did."""

    tariff_id: str
    outcome: Literal["new", "changed", "unchanged"]
    content_hash: str
    version_ids: tuple[str, ...]
    """Versions that the file states, in the order of their dates."""
    warnings: tuple[str, ...]
    """What should be looked at before the first bill, for example factors without values."""


def tables_ddl() -> list[str]:
    """Return the statements that create the catalogue's tables in a new control database."""
    factor = create_table_sql(Factors, "factor").removesuffix("\n)")
    return [f"{_TARIFF_FILE_DDL}{_TWO_TIMES_DDL}", f"{factor},{_TWO_TIMES_DDL}"]


def add_tariff(connection: Connection, text: str, name: str, *, recorded_at: datetime, recorded_by: str) -> Added:
    """Check a tariff file and record it. Call it in a transaction.

    The same text again changes nothing; another text of the same tariff supersedes the one known before, which stays
    readable as of its time. `name` is the file's name; `recorded_by` is who adds it.

    Raises:
        TariffError: the file cannot be used; nothing is recorded.
    """
    file = parse_tariff(text, name)
    book = compile_tariff(file)
    text_hash = content_hash(text)
    known = query(
        connection,
        "SELECT content_hash FROM tariff_file WHERE tariff_id = ? AND superseded_at IS NULL",
        [file.tariff],
    )["content_hash"].to_list()
    outcome: Literal["new", "changed", "unchanged"] = "new" if not known else "changed"
    if known == [text_hash]:
        outcome = "unchanged"
    else:
        _record_text(connection, file.tariff, text_hash, name, text, recorded_at, recorded_by)
    series = load_factors(connection)["factor_id"].unique().to_list()
    versions = book.versions.sort("valid_from")["version_id"].to_list()
    return Added(file.tariff, outcome, text_hash, tuple(versions), tuple(factor_warnings(file, series)))


def known_texts(connection: Connection) -> set[str]:
    """Return the texts of all tariffs as known now."""
    return set(_texts(connection, None)["text"].to_list())


def list_tariffs(connection: Connection, *, known_at: datetime | None = None) -> pl.DataFrame:
    """Return the versions of all tariffs as known at a time (now when None), with the file that states each.

    Columns are those of `TariffVersions`, and file_name, content_hash, recorded_at, recorded_by.
    """
    texts = _texts(connection, known_at).drop("text")
    versions = load_rate_book(connection, known_at=known_at).versions
    return versions.join(texts, how="left", on="tariff_id", validate="m:1").sort("tariff_id", "valid_from")


def load_tariff(connection: Connection, tariff_id: str, *, known_at: datetime | None = None) -> TariffFile:
    """Return a tariff as known at a time (now when None).

    Raises:
        TariffError: it was not in the catalogue then.
    """
    texts = _texts(connection, known_at)
    found = texts.filter(pl.col("tariff_id") == tariff_id)
    if found.is_empty():
        hint = suggestion(tariff_id, texts["tariff_id"].to_list()) or "see `billmill tariff list`"
        raise TariffError(f"tariff `{tariff_id}`: expected a tariff of the catalogue, found none", hint=hint)
    return parse_tariff(found["text"][0], found["file_name"][0])


def load_rate_book(connection: Connection, *, known_at: datetime | None = None) -> RateBook:
    """Return the rate book of all tariffs and factors as known at a time (now when None)."""
    texts = _texts(connection, known_at)
    pairs = zip(texts["text"].to_list(), texts["file_name"].to_list(), strict=True)
    book = compile_tariffs([parse_tariff(text, name) for text, name in pairs])
    return with_factors(book, load_factors(connection, known_at=known_at))


def _texts(connection: Connection, known_at: datetime | None) -> pl.DataFrame:
    columns = "tariff_id, content_hash, file_name, text, recorded_at, recorded_by"
    if known_at is None:
        return query(connection, f"SELECT {columns} FROM tariff_file WHERE superseded_at IS NULL ORDER BY tariff_id")
    return query(
        connection,
        f"""SELECT {columns} FROM tariff_file
            WHERE recorded_at <= ? AND (superseded_at IS NULL OR superseded_at > ?) ORDER BY tariff_id""",
        [known_at, known_at],
    )


def _record_text(
    connection: Connection,
    tariff_id: str,
    text_hash: str,
    name: str,
    text: str,
    recorded_at: datetime,
    recorded_by: str,
) -> None:
    # Never before the text that it replaces: a command that waited for the lock brings an earlier time.
    latest = query(connection, "SELECT max(recorded_at) AS at FROM tariff_file WHERE tariff_id = ?", [tariff_id]).item()
    recorded_at = recorded_at if latest is None else max(recorded_at, latest)
    connection.execute(
        "UPDATE tariff_file SET superseded_at = ? WHERE tariff_id = ? AND superseded_at IS NULL",
        [recorded_at, tariff_id],
    )
    row = {
        "tariff_id": tariff_id,
        "content_hash": text_hash,
        "file_name": name,
        "text": text,
        "recorded_by": recorded_by,
    }
    insert(connection, "tariff_file", pl.DataFrame([row]).with_columns(recorded_at=pl.lit(recorded_at)))
