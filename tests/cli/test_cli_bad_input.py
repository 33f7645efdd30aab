"""The person with the wrong file: every wrong input ends in its exit code with a message that names the thing.

Nothing good is lost: what a refused command found in the books is there afterwards, and beside bad rows good ones land.
"""

from __future__ import annotations

import fcntl
import io
import os
import shutil
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import polars as pl
import pytest
from books_by_hand import FLAT, LONG_HEADER, REGISTER_HEADER, WATER_LATE, CommandLine, bill, june_ready

from store.control import control, query
from store.lock import hold
from store.workspace import LAYOUT, open_workspace

PUBLISHED, PLANNED = "bill-2026-06-20260702-1", "bill-2026-06-20260705-1"
TABLES = (
    "branches", "accounts", "customers", "cycles", "agreements", "meters", "channels", "tariff_file", "load", "run",
    "segment_key", "journal_line", "lake_file",
)  # fmt: skip


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
    """A wrong input: what it is, the command, its exit code, and words that stderr (or the result) must hold."""

    what: str
    words: Callable[[Place], list[object]]
    code: int
    says: tuple[str, ...]


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Books with a published run of June and a planned one for the account that waited."""
    folder = tmp_path_factory.mktemp("original")
    command = CommandLine(folder / "books")
    june_ready(command, folder)
    assert bill(command, "2026-06", "2026-07-02") == PUBLISHED
    (folder / "late.csv").write_text(REGISTER_HEADER + WATER_LATE)
    command.done("reads", "land", folder / "late.csv")
    command.done("cycle", "plan", "2026-06", "--business-date", "2026-07-05", "--by", "ops")
    return folder / "books"


@pytest.fixture
def place(original: Path, tmp_path: Path) -> Place:
    shutil.copytree(original, tmp_path / "books")
    (tmp_path / "files").mkdir()
    return Place(tmp_path / "files", tmp_path / "books")


def counts(books: Path) -> dict[str, int]:
    """Return how many rows each control table has."""
    with control(open_workspace(books), purpose="test") as connection:
        return {table: int(query(connection, f'SELECT count(*) AS n FROM "{table}"').item()) for table in TABLES}


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


def plain(*words: str) -> Callable[[Place], list[object]]:
    return lambda place: list(words)


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


PLAN = ("cycle", "plan", "2026-06", "--business-date")

NEW_WORKSPACE = [
    Wrong("init without a folder", plain("init"), 2, ("Missing argument",)),
    Wrong("init of a workspace", lambda p: ["init", p.books], 2, ("is a workspace already", "hint")),
    Wrong("init of a file", lambda p: ["init", p.file("books.txt", "x")], 2, ("is a file", "hint")),
    Wrong("init of a full folder", lambda p: ["init", p.file("a.txt", "x").parent], 2, ("a.txt", "hint")),
    Wrong("unknown option", plain("run", "list", "--frobnicate"), 2, ("--frobnicate",)),
    Wrong("unknown command", plain("frobnicate"), 2, ("frobnicate",)),
    Wrong("no workspace", lambda p: ["run", "list", "-w", p.folder], 2, ("is not a workspace", "billmill init")),
    Wrong("workspace is a file", lambda p: ["run", "list", "-w", p.file("w", "x")], 2, ("is not a workspace",)),
    Wrong("workspace is nowhere", lambda p: ["run", "list", "-w", p.folder / "no"], 2, ("is not a workspace",)),
    Wrong(
        "another layout",
        after(lambda p: (p.books / "billmill.toml").write_text('name = "x"\nlayout = 99\n'), "run", "list"),
        2,
        (f"expected layout {LAYOUT}, found 99", "hint"),
    ),
    Wrong(
        "configuration is no TOML",
        after(lambda p: (p.books / "billmill.toml").write_bytes(BINARY), "run", "list"),
        2,
        ("billmill.toml", "hint"),
    ),
    Wrong(
        "control database is garbage",
        after(lambda p: (p.books / "control.duckdb").write_bytes(BINARY), "run", "list"),
        4,
        ("control.duckdb", "billmill repair"),
    ),
    Wrong(
        "control database is gone",
        after(lambda p: (p.books / "control.duckdb").unlink(), "run", "list"),
        4,
        ("control.duckdb", "billmill restore"),
    ),
    Wrong(
        "analysts' database is gone",
        after(lambda p: (p.books / "analytics.duckdb").unlink(), "query", "SELECT 1"),
        2,
        ("analytics.duckdb", "hint"),
    ),
    Wrong(
        "analysts' database is garbage",
        after(lambda p: (p.books / "analytics.duckdb").write_bytes(BINARY), "query", "SELECT 1"),
        2,
        ("analytics.duckdb", "hint"),
    ),
    Wrong("demo into a full folder", lambda p: ["demo", p.file("a.txt", "x").parent], 2, ("something else", "hint")),
    Wrong("demo of ten points", lambda p: ["demo", p.folder / "d", "--points", "10"], 2, ("--points", "50")),
]
REFERENCE_DATA = [
    Wrong("file is missing", lambda p: ["accounts", "import", p.folder / "accounts.csv"], 2, ("accounts.csv", "hint")),
    Wrong("name of no table", accounts("people.csv", "a,b\n1,2\n"), 2, ("people.csv", "rename")),
    Wrong("folder without files", lambda p: ["accounts", "import", p.folder], 2, ("holds no .csv", "hint")),
    Wrong("empty file", accounts("accounts.csv", ""), 2, ("accounts.csv", "hint")),
    Wrong("binary file", accounts("accounts.csv", BINARY), 2, ("accounts.csv", "hint")),
    Wrong("web page", accounts("accounts.csv", HTML), 2, ("accounts.csv", "hint")),
    Wrong("UTF-16", accounts("accounts.csv", UTF16), 2, ("accounts.csv", "hint")),
    Wrong("truncated Parquet", accounts("customers.parquet", truncated_parquet()), 2, ("customers.parquet", "hint")),
    Wrong("CSV called Parquet", accounts("accounts.parquet", ACCOUNT_HEADER), 2, ("accounts.parquet", "hint")),
    Wrong("columns of another table", accounts("accounts.csv", AGREEMENT_HEADER), 2, ("accounts.csv", "account_id")),
    Wrong(
        "unknown customer",
        accounts("accounts.csv", ACCOUNT_HEADER + "A5,K9,N,monthly,AUD,residential,14\n" + GOOD_ACCOUNT),
        3,
        ("unknown_reference", "K9"),
    ),
    Wrong(
        "unknown currency",
        accounts("accounts.csv", ACCOUNT_HEADER + "A5,K1,N,monthly,DUCAT,residential,14\n" + GOOD_ACCOUNT),
        3,
        ("value_not_allowed", "DUCAT"),
    ),
    Wrong(
        "negative days to pay",
        accounts("accounts.csv", ACCOUNT_HEADER + "A5,K1,N,monthly,AUD,residential,-1\n" + GOOD_ACCOUNT),
        3,
        ("payment_days", "-1"),
    ),
    Wrong(
        "number that is none",
        accounts("accounts.csv", ACCOUNT_HEADER + "A5,K1,N,monthly,AUD,residential,1e400\n" + GOOD_ACCOUNT),
        3,
        ("payment_days", "1e400"),
    ),
    Wrong(
        "key twice",
        accounts("accounts.csv", ACCOUNT_HEADER + GOOD_ACCOUNT + GOOD_ACCOUNT.replace("14", "15")),
        3,
        ("key_doubled",),
    ),
    Wrong(
        "30 February",
        accounts("agreements.csv", AGREEMENT_HEADER + "S9,A3,E2,flat,2026-02-30,\n"),
        3,
        ("start_date", "2026-02-30"),
    ),
    Wrong(
        "date of another country",
        accounts("agreements.csv", AGREEMENT_HEADER + "S9,A3,E2,flat,01/08/2026,\n"),
        3,
        ("start_date", "01/08/2026"),
    ),
    Wrong(
        "end before start",
        accounts("agreements.csv", AGREEMENT_HEADER + "S9,A3,E2,flat,2026-09-01,2026-08-01\n"),
        3,
        ("dates_reversed",),
    ),
    Wrong(
        "supplied twice",
        accounts("agreements.csv", AGREEMENT_HEADER + "S9,A3,E1,flat,2026-09-01,\n"),
        3,
        ("supplied_twice", "S1"),
    ),
    Wrong(
        "unknown zone",
        accounts("service_points.csv", POINT_HEADER + "E9,P1,electricity,Australia/Atlantis,R1,1\n"),
        3,
        ("Australia/Atlantis",),
    ),
    Wrong(
        "interval of seven minutes",
        accounts("channels.csv", CHANNEL_HEADER + "E1/X,E1,X,import_energy,7,,\n"),
        3,
        ("interval_minutes", "7"),
    ),
    Wrong(
        "huge line", accounts("customers.csv", "customer_id,name\nK9," + "x" * 3_000_000 + ",y\n"), 2, ("customers",)
    ),
    Wrong(
        "one bad row, all or nothing",
        accounts(
            "accounts.csv", ACCOUNT_HEADER + GOOD_ACCOUNT + "A5,K9,N,monthly,AUD,residential,1\n", "--all-or-nothing"
        ),
        2,
        ("nothing was recorded",),
    ),
]
TARIFFS = [
    Wrong("file is missing", lambda p: ["tariff", "add", p.folder / "no.toml"], 2, ("no.toml", "hint")),
    Wrong("folder", lambda p: ["tariff", "add", p.folder], 2, (": ", "hint")),
    Wrong("empty", tariff(""), 2, ("wrong.toml", "tariff")),
    Wrong("binary", tariff(BINARY), 2, ("wrong.toml", "hint")),
    Wrong("UTF-16", tariff(FLAT.encode("utf-16")), 2, ("wrong.toml", "UTF-8")),
    Wrong("TOML syntax", tariff(FLAT + "price = = 3\n"), 2, ("wrong.toml", "line", "hint")),
    Wrong("unknown key", tariff(FLAT.replace("price = 0.30", "prise = 0.30")), 2, ("prise", "price")),
    Wrong("price nan", tariff(FLAT.replace("0.30", "nan")), 2, ("price", "NaN")),
    Wrong("price inf", tariff(FLAT.replace("0.30", "inf")), 2, ("price", "Infinity")),
    Wrong("price 1e400", tariff(FLAT.replace("0.30", "1e400")), 2, ("price", "1")),
    Wrong("price in quotes", tariff(FLAT.replace("0.30", '"0,30"')), 2, ("price", "0,30")),
    Wrong("unknown zone", tariff(FLAT.replace("Brisbane", "Atlantis")), 2, ("Australia/Atlantis",)),
    Wrong("unknown currency", tariff(FLAT.replace("AUD", "DUC")), 2, ("DUC",)),
    Wrong(
        "one good, one bad: none is added",
        lambda p: ["tariff", "add", p.file("a.toml", FLAT.replace('"flat"', '"other"')), p.file("b.toml", "x = ")],
        2,
        ("b.toml",),
    ),
    Wrong("show an unknown one", plain("tariff", "show", "res-gold"), 2, ("res-gold", "tariff list")),
    Wrong("show a missing file", lambda p: ["tariff", "show", p.folder / "no.toml"], 2, ("no.toml", "hint")),
    Wrong("factors are missing", lambda p: ["tariff", "factor", "add", p.folder / "f.csv"], 2, ("f.csv", "hint")),
    Wrong("factors are empty", factors(""), 2, ("wrong-factors.csv",)),
    Wrong("factors are a web page", factors(HTML), 2, ("wrong-factors.csv",)),
    Wrong(
        "factors are UTF-16", factors((FACTOR_HEADER + "f,2026-01-01,,1,s\n").encode("utf-16")), 2, ("wrong-factors",)
    ),
    Wrong("factors are binary", factors(BINARY), 2, ("wrong-factors.csv",)),
    Wrong("factor nan", factors(FACTOR_HEADER + "f,2026-01-01,,nan,s\ng,2026-01-01,,0.1,s\n"), 3, ("nan",)),
    Wrong("factor 1e400", factors(FACTOR_HEADER + "f,2026-01-01,,1e400,s\ng,2026-01-01,,0.1,s\n"), 3, ("1e400",)),
    Wrong("factor of no day", factors(FACTOR_HEADER + "f,2026-13-01,,1,s\ng,2026-01-01,,0.1,s\n"), 3, ("2026-13-01",)),
]
READS = [
    Wrong("file is missing", lambda p: ["reads", "land", p.folder / "no.csv"], 2, ("no.csv", "cannot be read")),
    Wrong("folder", lambda p: ["reads", "land", p.folder], 2, ("cannot be read", "hint")),
    Wrong("empty", land("empty.csv", ""), 2, ("empty.csv", "cannot be used")),
    Wrong("binary", land("binary.csv", BINARY), 2, ("binary.csv", "cannot be used")),
    Wrong("web page", land("page.csv", HTML), 2, ("page.csv", "cannot be used")),
    Wrong("UTF-16", land("wide.csv", reading("1").encode("utf-16-le")), 2, ("wide.csv", "cannot be used")),
    Wrong("truncated Parquet", land("reads.parquet", truncated_parquet()), 2, ("reads.parquet", "cannot be used")),
    Wrong("damaged zip", land("a.zip", zipped("a.csv", reading("1").encode())[:-30]), 2, ("a.zip", "unpacked")),
    Wrong("empty zip", land("a.zip", zipped("", b"")), 2, ("a.zip", "found none")),
    Wrong("zip bomb", land("a.zip", zipped("a.csv", b"0" * 5_000_000)), 2, ("a.zip", "packed")),
    Wrong("workbook", land("a.xlsx", zipped("xl/workbook.xml", b"<workbook/>")), 2, ("workbook.xml",)),
    Wrong("header without lines", land("head.csv", LONG_HEADER), 2, ("head.csv",)),
    Wrong("other columns", land("other.csv", "meter,when,how_much\nE1,now,1\n"), 2, ("other.csv", "cannot be used")),
    Wrong("huge line", land("huge.csv", LONG_HEADER + "E1," + "9" * 3_000_000 + "\n"), 3, ("wrong_field_count",)),
    Wrong("unknown channel", land("r.csv", reading("1").replace("E1,E1", "E7,E1")), 3, ("unknown_channel",)),
    Wrong("value nan", land("r.csv", reading("nan")), 3, ("bad_number",)),
    Wrong("value inf", land("r.csv", reading("inf")), 3, ("bad_number",)),
    Wrong("value 1e400", land("r.csv", reading("1e400")), 3, ("bad_number",)),
    Wrong("value as a formula", land("r.csv", reading("=1+1")), 3, ("bad_number",)),
    Wrong("value too large", land("r.csv", reading("99999999999999999999")), 3, ("value_too_large",)),
    Wrong("value too fine", land("r.csv", reading("0.00001")), 3, ("too_precise",)),
    Wrong("13th month", land("r.csv", reading("1").replace("2026-07", "2026-13")), 3, ("bad_time",)),
    Wrong("unit of another measure", land("r.csv", reading("1").replace("kWh", "m3")), 3, ("unit_mismatch",)),
    Wrong("unit of nothing", land("r.csv", reading("1").replace("kWh", "furlong")), 3, ("unknown_unit",)),
    Wrong(
        "negative reading",
        land("r.csv", REGISTER_HEADER + "W1,W,MW1B,m3,2026-08-01,-1,regular,A\n"),
        3,
        ("negative_reading",),
    ),
    Wrong(
        "one good file, one bad",
        lambda p: ["reads", "land", p.file("a.csv", reading("1")), p.file("b.csv", HTML)],
        3,
        ("b.csv", "1 landed", "1 unusable"),
    ),
    Wrong("vee backwards", plain("reads", "vee", "--from", "2026-07-01", "--to", "2026-06-01"), 2, ("empty", "hint")),
    Wrong("vee of no days", plain("reads", "vee", "--from", "2026-07-01", "--to", "2026-07-01"), 2, ("empty", "hint")),
    Wrong(
        "vee on 30 February", plain("reads", "vee", "--from", "2026-02-30", "--to", "2026-03-01"), 2, ("2026-02-30",)
    ),
    Wrong("vee without an end", plain("reads", "vee", "--from", "2026-07-01"), 2, ("--to",)),
]
CYCLES = [
    Wrong(
        "unknown cycle", plain("cycle", "plan", "2027-01", "--business-date", "2026-07-02"), 2, ("2027-01", "2026-06")
    ),
    Wrong("before the window", plain(*PLAN, "2026-06-30"), 2, ("outside its window", "hint")),
    Wrong("after the window", plain(*PLAN, "2026-07-11"), 2, ("outside its window", "hint")),
    Wrong("no date", plain(*PLAN, "tomorrow"), 2, ("tomorrow",)),
    Wrong("unknown branch", plain(*PLAN, "2026-07-05", "--branch", "SOUTH"), 2, ("SOUTH", "known branches: N")),
    Wrong("sequence 0", plain(*PLAN, "2026-07-05", "--sequence", "0"), 2, ("--sequence",)),
    Wrong("partitions -1", plain(*PLAN, "2026-07-05", "--partitions", "-1"), 2, ("--partitions",)),
    Wrong("run that is not known", plain("cycle", "run", "bill-x"), 2, ("bill-x", PLANNED)),
    Wrong("no workers", plain("cycle", "run", PLANNED, "--workers", "0"), 2, ("--workers",)),
    Wrong("status of no run", plain("cycle", "status", "bill-x"), 2, ("bill-x",)),
    Wrong("show of no run", plain("run", "show", "bill-x"), 2, ("bill-x",)),
    Wrong("approve no run", plain("cycle", "approve", "bill-x"), 2, ("bill-x",)),
    Wrong(
        "approve what is planned", plain("cycle", "approve", PLANNED, "--by", "mira"), 4, ("is planned", "cycle run")
    ),
    Wrong("publish what is planned", plain("cycle", "publish", PLANNED), 4, ("is planned", "cycle run")),
    Wrong("abandon what is published", plain("cycle", "abandon", PUBLISHED), 4, ("is published", "hint")),
    Wrong(
        "plan is garbage",
        after(lambda p: run_file(PLANNED, "plan/plan.json")(p).write_bytes(BINARY), "cycle", "run", PLANNED),
        2,
        (PLANNED, "--sequence"),
    ),
    Wrong(
        "plan is gone",
        after(lambda p: run_file(PLANNED, "plan/plan.json")(p).unlink(), "cycle", "run", PLANNED),
        2,
        (PLANNED, "--sequence"),
    ),
    Wrong(
        "a file of the plan was changed",
        after(lambda p: run_file(PLANNED, "plan/due.parquet")(p).write_bytes(BINARY), "cycle", "run", PLANNED),
        2,
        ("due.parquet", "--sequence"),
    ),
    Wrong(
        "a file of the plan is gone",
        after(lambda p: run_file(PLANNED, "plan/meters.parquet")(p).unlink(), "cycle", "run", PLANNED),
        2,
        ("meters.parquet", "--sequence"),
    ),
    Wrong(
        "a file of reads is gone",
        after(lambda p: first_lake_file(p, "register_reads").unlink(), "cycle", "run", PLANNED),
        4,
        ("register_reads", "backup"),
    ),
    Wrong(
        "a manifest is gone",
        after(lambda p: run_file(PUBLISHED, "manifest.json")(p).unlink(), "run", "show", PUBLISHED),
        4,
        ("manifest.json", "backup"),
    ),
    Wrong("unknown bill", plain("bill", "show", "A9.2026-06.r0"), 2, ("A9.2026-06.r0", "--run")),
    Wrong("explain an unknown bill", plain("bill", "explain", "X"), 2, ("`X`", "hint")),
    Wrong(
        "bill of a planned run",
        plain("bill", "show", "A3.2026-06.r0", "--run", PLANNED),
        2,
        ("no bills yet", "cycle run"),
    ),
    Wrong("bill of no run", plain("bill", "show", "A3.2026-06.r0", "--run", "x"), 2, ("`x`", "hint")),
    Wrong(
        "page in place of a folder",
        lambda p: ["bill", "show", "A1.2026-06.r0", "--html", p.folder],
        2,
        ("files", "hint"),
    ),
]
QUERIES = [
    Wrong("syntax", plain("query", "SELEC 1"), 2, ("SELEC", "hint")),
    Wrong("unknown table", plain("query", "SELECT * FROM meters2"), 2, ("meters2", "SHOW TABLES")),
    Wrong("nothing", plain("query", ""), 2, ("found 0 statements",)),
    Wrong("two statements", plain("query", "SELECT 1; SELECT 2"), 2, ("found 2 statements",)),
    Wrong("delete", plain("query", "DELETE FROM invoices"), 2, ("DELETE", "hint")),
    Wrong("insert", plain("query", "INSERT INTO invoices SELECT * FROM invoices"), 2, ("INSERT", "hint")),
    Wrong("copy", plain("query", "COPY invoices TO 'stolen.csv'"), 2, ("COPY", "hint")),
    Wrong("attach", plain("query", "ATTACH 'control.duckdb' AS books"), 2, ("ATTACH", "hint")),
    Wrong("another file", plain("query", "SELECT * FROM read_csv('/etc/passwd')"), 2, ("cannot be answered", "hint")),
    Wrong("settings", plain("query", "SET threads = 1"), 2, ("SET", "hint")),
    Wrong("format", plain("query", "SELECT 1", "--format", "xls"), 2, ("xls", "parquet")),
    Wrong("parquet to a terminal", plain("query", "SELECT 1", "--format", "parquet"), 2, ("--output",)),
    Wrong("output is a folder", lambda p: ["query", "SELECT 1", "--output", p.folder], 2, ("files", "hint")),
]
CASES = [
    pytest.param(case, id=f"{group}: {case.what}")
    for group, cases in {
        "workspace": NEW_WORKSPACE, "accounts": REFERENCE_DATA, "tariff": TARIFFS, "reads": READS, "cycle": CYCLES,
        "query": QUERIES,
    }.items()
    for case in cases
]  # fmt: skip


@pytest.mark.parametrize("case", CASES)
def test_wrong_input_is_told_and_nothing_is_lost(case: Wrong, place: Place) -> None:
    is_damaged = "database is" in case.what or "layout" in case.what or "configuration" in case.what
    before = None if is_damaged else counts(place.books)
    ended = CommandLine(place.books)(*case.words(place))
    assert ended.code == case.code, ended
    # What is refused is told on stderr; of what was set aside beside good rows the result tells.
    told = " ".join((ended.err + ended.out if case.code == 3 else ended.err).split())
    assert all(part in told for part in case.says), (case.says, ended)
    if before is not None and case.code != 3:
        assert counts(place.books) == before


def test_the_good_rows_beside_a_bad_one_are_recorded(place: Place) -> None:
    rows = ACCOUNT_HEADER + "A5,K9,N,monthly,AUD,residential,14\n" + GOOD_ACCOUNT
    ended = CommandLine(place.books)("accounts", "import", place.file("accounts.csv", rows), "--json")
    assert ended.code == 3
    assert ended.json["counts"] == [{"table": "accounts", "new": 1, "changed": 0, "same": 0}]
    assert [(row["line"], row["reason"]) for row in ended.json["rejects"]] == [(2, "unknown_reference")]


def test_the_good_readings_beside_a_bad_one_land(place: Place) -> None:
    lines = REGISTER_HEADER + "W1,W,MW1B,m3,2026-08-01,-1,regular,A\nW3,W,MW3,m3,2026-08-01,30.000,regular,A\n"
    ended = CommandLine(place.books)("reads", "land", place.file("r.csv", lines), "--json")
    assert ended.code == 3
    assert [(file["status"], file["readings"], file["rejected"]) for file in ended.json["files"]] == [("landed", 1, 1)]


@contextmanager
def taken(path: Path) -> Iterator[None]:
    """Hold a lock as another process would: on a handle of its own."""
    handle = os.open(path, os.O_RDWR | os.O_CREAT)
    fcntl.flock(handle, fcntl.LOCK_EX)
    try:
        yield
    finally:
        os.close(handle)


@pytest.mark.parametrize(
    "words", [("cycle", "status"), ("tariff", "list"), ("cycle", "publish", PUBLISHED)], ids=" ".join
)
def test_a_locked_workspace_says_so_and_to_try_later(
    words: tuple[str, ...], place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(hold.__wrapped__.__kwdefaults__, "wait_seconds", 0.0)  # type: ignore[attr-defined]
    with taken(place.books / ".lock"):
        ended = CommandLine(place.books)(*words)
    assert ended.code == 75 and "is in use" in ended.err and "run the same command again" in ended.err


def test_a_run_that_another_process_drives_is_left_to_it(place: Place) -> None:
    driver = place.books / "lake" / "runs" / PLANNED / ".driver"
    with taken(driver):
        ended = CommandLine(place.books)("cycle", "run", PLANNED, "--workers", 1)
    assert ended.code == 75 and "is in use" in ended.err


def test_who_planned_a_run_cannot_approve_it_and_another_can(place: Place) -> None:
    command = CommandLine(place.books)
    command.done("cycle", "run", PLANNED, "--workers", 1)
    refused = command("cycle", "approve", PLANNED, "--by", "ops")
    assert refused.code == 4 and f"billmill cycle approve {PLANNED} --by NAME" in refused.err
    early = command("cycle", "publish", PLANNED)
    assert early.code == 4 and f"billmill cycle approve {PLANNED}" in early.err
    command.done("cycle", "approve", PLANNED, "--by", "mira")
    command.done("cycle", "publish", PLANNED, "--by", "ops")


def test_names_from_files_are_text_on_the_page_and_on_the_screen(place: Place) -> None:
    name = "=cmd|' /C calc'!A0 <script>alert(1)</script> [red]"
    command = CommandLine(place.books)
    command.done("accounts", "import", place.file("customers.csv", f'customer_id,name\nK1,"{name}"\n'))
    assert name in command.done("bill", "show", "A1.2026-06.r0").out
    command.done("bill", "show", "A1.2026-06.r0", "--html", place.folder / "bill.html")
    page = (place.folder / "bill.html").read_text()
    assert "<script>" not in page and "&lt;script&gt;" in page


def test_parked_above_the_limit_is_told_by_the_exit_code(place: Place) -> None:
    command = CommandLine(place.books)
    shutil.rmtree(place.books)
    june_ready(command, place.folder)
    run = command.done("cycle", "plan", "2026-06", "--business-date", "2026-07-02", "--json").json["run_id"]
    # One of four agreements is parked: a quarter.
    above = command("cycle", "run", run, "--workers", 1, "--parked-limit", "24.9")
    assert above.code == 3 and "1 of 4 agreements are parked" in above.err
    command.done("cycle", "run", run, "--workers", 1, "--parked-limit", "25")
