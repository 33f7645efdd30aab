"""The catalogue of tariffs in the control database: texts in two times, and the rate book made from them.

The text is what is kept; the rate book is compiled from it each time. So what a version says and what is billed
cannot drift apart, and what was known at any time can be compiled again.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

import polars as pl

from model.control import TariffStates
from model.ids import content_hash
from model.schema import create_table_sql
from model.tariff import Factors, RateBook
from store.control import Connection, query
from tariffs.compile import compile_tariff, compile_tariffs, with_factors
from tariffs.factors import load_factors
from tariffs.file import parse_tariff
from tariffs.outside import missing_series
from tariffs.riders import billed_files, missing_riders
from tariffs.sheet import TariffFile
from tariffs.states import files_in_force
from tariffs.texts import record_text, tariff_texts, the_text

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
    states = create_table_sql(TariffStates, "tariff_state")
    return [f"{_TARIFF_FILE_DDL}{_TWO_TIMES_DDL}", states, f"{factor},{_TWO_TIMES_DDL}"]


def add_tariff(connection: Connection, text: str, name: str, *, recorded_at: datetime, recorded_by: str) -> Added:
    """Check a tariff file and record it; what it says anew is a draft until it is approved. Call it in a transaction.

    The same text again changes nothing; another text of the same tariff supersedes the one known before, which stays
    readable as of its time. `name` is the file's name; `recorded_by` is who adds it.

    Raises:
        TariffError: the file cannot be used; nothing is recorded.
    """
    file = parse_tariff(text, name)
    book = compile_tariff(file, is_alone=True)
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
        record_text(connection, file.tariff, name, text, recorded_at=recorded_at, recorded_by=recorded_by)
    versions = book.versions.sort("valid_from")["version_id"].to_list()
    return Added(file.tariff, outcome, text_hash, tuple(versions), tuple(missing_series(connection, file)))


def load_riders(connection: Connection) -> list[TariffFile]:
    """Return the riders of the catalogue as added last, approved or not: what a tariff that is written now attaches."""
    return [file for _, file in files_about_riders(connection) if file.rider]


def riders_of(connection: Connection, file: TariffFile) -> list[TariffFile]:
    """Return the riders of a tariff as they are in force; one that is not approved yet as added last."""
    if not file.riders:
        return []
    held = [rider for rider in files_in_force(connection, tariffs=file.riders) if rider.rider]
    missing = missing_riders(file, held)
    return [*held, *(rider for rider in load_riders(connection) if rider.tariff in missing)]


def files_about_riders(connection: Connection) -> list[tuple[str, TariffFile]]:
    """Return riders, and tariffs that attach some, as added last, with the names of their files."""
    texts = tariff_texts(connection).filter(pl.col("text").str.contains("rider", literal=True))
    files = [(row["file_name"], parse_tariff(row["text"], row["file_name"])) for row in texts.iter_rows(named=True)]
    return [(name, file) for name, file in files if file.is_open]


def known_texts(connection: Connection) -> set[str]:
    """Return the texts of all tariffs as known now."""
    return set(tariff_texts(connection)["text"].to_list())


def load_tariff(connection: Connection, tariff_id: str, *, known_at: datetime | None = None) -> TariffFile:
    """Return a tariff as known at a time (now when None).

    Raises:
        TariffError: it was not in the catalogue then.
    """
    row = the_text(tariff_texts(connection, known_at), tariff_id)
    return parse_tariff(str(row["text"]), str(row["file_name"]))


def load_rate_book(connection: Connection, *, known_at: datetime | None = None) -> RateBook:
    """Return the rate book of the approved versions and of all factors as known at a time (now when None).

    Riders are attached as they were in force then. A tariff without an approved rider of its own is left out. Events
    and interval prices are many: `tariffs.feeds.with_feeds` adds those of the days that are rated.
    """
    billed, _ = billed_files(files_in_force(connection, known_at=known_at))
    book = compile_tariffs(billed)
    return with_factors(book, load_factors(connection, known_at=known_at))
