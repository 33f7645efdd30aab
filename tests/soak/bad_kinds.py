"""A bad input as data: what is given, the command, how it must end, what it must say; and how to write one short."""

from __future__ import annotations

import io
import shlex
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import polars as pl
from books_by_hand import LONG_HEADER, REGISTER_HEADER

PUBLISHED, PLANNED = "bill-2026-06-20260702-1", "bill-2026-06-20260705-1"


@dataclass(frozen=True)
class Place:
    """Where a case works: a folder for its files, and a copy of the books."""

    folder: Path
    books: Path

    def file(self, name: str, content: str | bytes) -> Path:
        """Write a file of the case."""
        path = self.folder / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path


@dataclass(frozen=True)
class Wrong:
    """A wrong input: what it is, the command, its exit code, and words that stderr (or the result) must hold.

    A refused one (2, 4) leaves the books as they were; `taken` says how many rows each table has more beside what was
    set aside (3), and `is_damage` that the books themselves were spoilt first.
    """

    what: str
    words: Callable[[Place], list[object]]
    code: int
    says: tuple[str, ...]
    taken: dict[str, int] | None = None
    is_damage: bool = False


HTML = "<!doctype html><html><body>Your session has expired</body></html>"
BINARY = bytes(range(256)) * 40
UTF16 = "account_id,customer_id\nA1,K1\n".encode("utf-16")
ACCOUNT_HEADER = "account_id,customer_id,branch_id,bill_group,currency,revenue_class,payment_days\n"
GOOD_ACCOUNT = "A4,K1,N,monthly,AUD,residential,14\n"
AGREEMENT_HEADER = "agreement_id,account_id,service_point_id,tariff_id,start_date,end_date\n"
POINT_HEADER = "service_point_id,premise_id,commodity,tz_name,route,route_sequence\n"
CHANNEL_HEADER = "channel_id,service_point_id,suffix,measure,interval_minutes,start_date,end_date\n"
FACTOR_HEADER = "factor_id,valid_from,valid_to,value,source\n"
READ = "E1,E1,kWh,2026-07-01T{hour:02}:00:00+10:00,{value},A,\n"


def truncated_parquet() -> bytes:
    buffer = io.BytesIO()
    pl.DataFrame({"customer_id": ["K9"] * 500, "name": ["Nobody"] * 500}).write_parquet(buffer)
    return buffer.getvalue()[:-60]


def zipped(name: str, content: bytes) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        if name:
            archive.writestr(name, content)
    return buffer.getvalue()


def accounts(name: str, content: str | bytes, *options: str) -> Callable[[Place], list[object]]:
    return lambda place: ["accounts", "import", place.file(name, content), *options]


def tariff(content: str | bytes) -> Callable[[Place], list[object]]:
    return lambda place: ["tariff", "add", place.file("wrong.toml", content)]


def factors(content: str | bytes) -> Callable[[Place], list[object]]:
    return lambda place: ["tariff", "factor", "add", place.file("wrong-factors.csv", content)]


def land(name: str, content: str | bytes) -> Callable[[Place], list[object]]:
    return lambda place: ["reads", "land", place.file(name, content)]


def reading(value: str) -> str:
    return LONG_HEADER + READ.format(hour=0, value=value)


def register(line: str) -> Callable[[Place], list[object]]:
    return land("r.csv", f"{REGISTER_HEADER}{line}\n")


def plain(*words: str) -> Callable[[Place], list[object]]:
    return lambda place: list(words)


def say(line: str) -> Callable[[Place], list[object]]:
    """Return a command as it is typed; `{folder}` is the folder of the case."""
    return lambda place: [word.replace("{folder}", str(place.folder)) for word in shlex.split(line)]


def given(line: str, name: str, content: str | bytes) -> Callable[[Place], list[object]]:
    """Return a command as it is typed, with a file that is written first; `@` is its path."""
    return lambda place: [place.file(name, content) if word == "@" else word for word in shlex.split(line)]


def refused(line: str, *says: str, code: int = 2) -> Wrong:
    """Return a case that is only its command; it must say the words."""
    return Wrong(line, say(line), code, says)


def refused_file(what: str, line: str, name: str, content: str | bytes, *says: str, code: int = 2) -> Wrong:
    """Return a case with a file, `@` in its command."""
    return Wrong(what, given(line, name, content), code, says)


def bad_row(what: str, table: str, header: str, row: str, good: str, *says: str) -> Wrong:
    """Return a case of reference data: the row is set aside with its reason, the good one beside it is taken."""
    words = given("accounts import @", f"{table}.csv", f"{header}\n{row}\n{good}\n")
    return Wrong(what, words, 3, says, taken={table: 1})


def after(change: Callable[[Place], object], *words: str) -> Callable[[Place], list[object]]:
    """Damage the books first, then say the words."""

    def make(place: Place) -> list[object]:
        change(place)
        return list(words)

    return make


def run_file(run: str, name: str) -> Callable[[Place], Path]:
    return lambda place: place.books / "lake" / "runs" / run / name


def first_lake_file(place: Place, table: str) -> Path:
    return sorted((place.books / "lake" / table).rglob("*.parquet"))[0]
