"""`compare`: June of the story beside what a legacy system billed, worked by hand.

E1 360 kWh x 0.30 = 108.00, supply 30.00, GST 13.80; W1 50 kL x 2.00 = 100.00, supply 3.00, GST 10.30;
E2 (20 days) 120 kWh = 36.00, supply 20.00, GST 5.60. W3 is parked: its reading comes late. Together 326.70.
"""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from books_by_hand import LONG_HEADER, CommandLine, bill, hourly, june_ready, write_file

HEADER = "account,service_point,period_start,period_end,line,quantity,amount\n"
E1 = {"energy": ("360", "108.00"), "supply": ("", "30.00"), "gst": ("", "13.80")}
W1 = {"energy": ("50", "100.00"), "supply": ("", "3.00"), "gst": ("", "10.30")}
E2 = {"energy": ("120", "36.00"), "supply": ("", "20.00"), "gst": ("", "5.60")}
CLEAN = {("A1", "E1", "2026-06-01"): E1, ("A1", "W1", "2026-06-01"): W1, ("A2", "E2", "2026-06-11"): E2}


@pytest.fixture(scope="module")
def june(tmp_path_factory: pytest.TempPathFactory) -> tuple[CommandLine, str]:
    """The story's June, published, and reads that came later; tests of the module only compare it."""
    folder = tmp_path_factory.mktemp("june")
    command = CommandLine(folder / "books")
    june_ready(command, folder)
    run = bill(command, "2026-06", "2026-07-02")
    # Two days of 0.75 in place of 0.50 kWh an hour come after the bill.
    late = LONG_HEADER + hourly("E1", date(2026, 6, 10), date(2026, 6, 12), "0.75")
    command.done("reads", "land", write_file(folder / "late.csv", late))
    return command, run


def legacy(path: Path, **changed: dict[str, tuple[str, str]]) -> Path:
    """Write the clean file with some lines replaced: `E1={"energy": ("350", "105.00")}`."""
    rows = []
    for (account, point, start), lines in CLEAN.items():
        for line, (quantity, amount) in (lines | changed.get(point, {})).items():
            rows.append(f"{account},{point},{start},2026-07-01,{line},{quantity},{amount}\n")
    return write_file(path, HEADER + "".join(rows))


def compare(june: tuple[CommandLine, str], path: Path, *options: object, code: int = 3) -> Any:
    """Compare and return the JSON."""
    command, run = june
    ended = command("compare", "--legacy", path, "--run", run, "--by", "ana", "--json", *options)
    assert ended.code == code, ended
    return ended.json


def causes(found: Any) -> dict[tuple[str, str], str]:
    return {(row["service_point_id"], row["line"]): row["cause"] for row in found["differences"]}


def test_the_same_bills_are_equal(june: tuple[CommandLine, str], tmp_path: Path) -> None:
    found = compare(june, legacy(tmp_path / "same.csv"), "--control-total", "326.70", code=0)
    assert found["differences"] == []
    assert (found["cells"], found["ours_minor"], found["legacy_minor"]) == (9, 32670, 32670)


def test_each_difference_has_the_class_of_the_one_cause_that_brings_it(
    june: tuple[CommandLine, str], tmp_path: Path
) -> None:
    path = legacy(
        tmp_path / "legacy.csv",
        E1={"energy": ("350", "105.00"), "gst": ("", "13.50")},  # 10 % of 135.00
        E2={"supply": ("", "21.00"), "gst": ("", "5.70")},  # 11 June to 1 July with its last day: 21 days
        W1={"gst": ("", "10.00")},  # 10 % of 100.00 alone
    )
    found = compare(june, path)
    assert causes(found) == {
        ("E1", "energy"): "read", ("E1", "gst"): "read", ("E2", "supply"): "proration", ("E2", "gst"): "proration",
        ("W1", "gst"): "tax",
    }  # fmt: skip
    (energy,) = [row for row in found["differences"] if row["line"] == "energy"]
    assert energy["explanation"] == (
        "The legacy system bills the quantities that its file states. Quantity: 360 kWh here, 350 there."
    )
    assert (energy["ours_minor"], energy["legacy_minor"], energy["apart_minor"]) == (10800, 10500, 300)
    assert (energy["ours_quantity"], energy["legacy_quantity"]) == (360_000, 350_000)


def test_whole_months_later_reads_and_what_nobody_can_explain(june: tuple[CommandLine, str], tmp_path: Path) -> None:
    path = legacy(
        tmp_path / "legacy.csv",
        E1={"energy": ("", "111.60"), "gst": ("", "14.16")},  # the reads that came later: 372 kWh; 10 % of 141.60
        E2={"supply": ("", "30.00"), "gst": ("", "6.60")},  # 30 days for 20; 10 % of 66.00
        W1={"supply": ("", "4.23"), "late fee": ("", "5.00")},
    )
    found = compare(june, path)
    assert causes(found) == {
        ("E1", "energy"): "read", ("E1", "gst"): "read", ("E2", "supply"): "proration", ("E2", "gst"): "proration",
        ("W1", "supply"): "unexplained", ("W1", "late fee"): "missing_here",
    }  # fmt: skip
    variants = {row["service_point_id"]: row["variants"] for row in found["differences"]}
    assert (variants["E1"], variants["E2"]) == ("reads:known_now", "days:not_prorated")


def test_two_causes_on_one_line_are_found_together(june: tuple[CommandLine, str], tmp_path: Path) -> None:
    # 10 % of 105.00 alone: another read, and no tax on supply. The water service shows that habit by itself.
    path = legacy(
        tmp_path / "legacy.csv", E1={"energy": ("350", "105.00"), "gst": ("", "10.50")}, W1={"gst": ("", "10.00")}
    )
    found = compare(june, path)
    assert causes(found) == {("E1", "energy"): "read", ("E1", "gst"): "several", ("W1", "gst"): "tax"}
    assert [row["variants"] for row in found["differences"] if row["cause"] == "several"] == ["untaxed:supply+quantity"]


def test_a_line_that_is_not_there_is_missing_and_its_tax_with_it(june: tuple[CommandLine, str], tmp_path: Path) -> None:
    rows = legacy(tmp_path / "all.csv", E1={"gst": ("", "10.80")}).read_text().splitlines(keepends=True)
    path = write_file(tmp_path / "less.csv", "".join(row for row in rows if ",E1," not in row or ",supply," not in row))
    # Without the supply charge there is no tax on it: 10 % of 108.00.
    assert causes(compare(june, path)) == {("E1", "supply"): "missing_there", ("E1", "gst"): "missing_there"}


def test_what_we_parked_is_missing_here_with_the_reason(june: tuple[CommandLine, str], tmp_path: Path) -> None:
    text = legacy(tmp_path / "all.csv").read_text() + "A3,W3,2026-06-01,2026-07-01,energy,12.345,24.69\n"
    (row,) = compare(june, write_file(tmp_path / "more.csv", text))["differences"]
    assert (row["service_point_id"], row["cause"], row["branch_id"]) == ("W3", "missing_here", "N")
    assert row["explanation"].startswith("We billed nothing here: end_read_missing, ")


def test_an_account_that_is_not_ours_is_missing_here(june: tuple[CommandLine, str], tmp_path: Path) -> None:
    text = legacy(tmp_path / "all.csv").read_text() + "A9,X9,2026-06-01,2026-07-01,energy,1,24.69\n"
    (row,) = compare(june, write_file(tmp_path / "more.csv", text))["differences"]
    assert (row["cause"], row["branch_id"], row["ours_minor"], row["legacy_minor"]) == ("missing_here", "", None, 2469)


MAPPING = """
ignore = ["PAY"]
[file]
separator = ";"
decimal = ","
thousands = "."
dates = "%d.%m.%Y"
encoding = "cp1252"
[columns]
account = "Konto"
service_point = "Stelle"
period_start = "von"
period_end = "bis"
line = "Art"
quantity = "Menge"
amount = "Betrag"
tax = "Steuer"
total = "Summe"
[period]
end = "included"
[signs]
negate = ["GUT"]
[codes]
"AP1" = "energy"
"AP2" = "energy"
"GUT" = "energy"
"GP" = "supply"
"KOMBI" = ["energy", "supply"]
"""


def test_a_mapping_says_how_the_file_is_written_and_what_its_codes_stand_for(
    june: tuple[CommandLine, str], tmp_path: Path
) -> None:
    """Two codes for our one line, one for two; half months; taxes in a column; a payment that is no part of a bill."""
    mapping = write_file(tmp_path / "mapping.toml", MAPPING)
    text = (
        "Konto;Stelle;von;bis;Art;Menge;Betrag;Steuer;Summe\n"
        "A1;E1;01.06.2026;15.06.2026;AP1;180,000;54,00;5,40;59,40\n"
        "A1;E1;16.06.2026;30.06.2026;AP2;180,000;1.054,00;105,40;1.159,40\n"
        "A1;E1;16.06.2026;30.06.2026;GUT;;1.000,00;100,00;1.100,00\n"
        "A1;E1;01.06.2026;30.06.2026;GP;;30,00;3,00;33,00\n"
        "A1;W1;01.06.2026;30.06.2026;KOMBI;;103,00;10,30;113,30\n"
        "A2;E2;11.06.2026;30.06.2026;KOMBI;;56,00;5,60;61,60\n"
        "A1;;01.06.2026;30.06.2026;PAY;;200,00-;;200,00-\n"
        "A2;E2;11.06.2026;30.06.2026;GP;;1,005;;1,005\n"
        "A2;E2;30.06.2026;11.06.2026;GP;;1,00;;1,00\n"
        "A2;E2;11.06.2026;30.06.2026;GP;;1,00;0,10;1,20\n"
    )
    path = tmp_path / "legacy.csv"
    path.write_text(text, encoding="cp1252")
    found = compare(june, path, "--mapping", mapping, code=0)
    assert found["differences"] == []
    assert [(row["row"], row["reason"]) for row in found["rejects"]] == [
        (9, "amount: expected a number with at most 2 decimals (AUD), found `1,005`"),
        (10, "period 30.06.2026 to 11.06.2026 has no day"),
        (11, "total: expected amount and tax, 1,00 and 0,10, found 1,20"),
    ]


def test_a_tax_of_the_whole_bill_is_compared_with_all_its_services(
    june: tuple[CommandLine, str], tmp_path: Path
) -> None:
    rows = [row for row in legacy(tmp_path / "all.csv").read_text().splitlines(keepends=True) if ",gst," not in row]
    # 13.80 + 10.30 on the bill of A1.
    taxes = "A1,,2026-06-01,2026-07-01,gst,,24.10\nA2,,2026-06-11,2026-07-01,gst,,5.60\n"
    compare(june, write_file(tmp_path / "taxes.csv", "".join(rows) + taxes), code=0)
    other = "".join(rows).replace("360,108.00", "350,105.00") + taxes.replace("24.10", "23.80")
    found = causes(compare(june, write_file(tmp_path / "other.csv", other)))
    assert found == {("E1", "energy"): "read", ("", "gst"): "read"}


def test_a_second_person_signs_what_is_explained(june: tuple[CommandLine, str], tmp_path: Path) -> None:
    command, _ = june
    path = legacy(tmp_path / "signed.csv", E1={"gst": ("", "10.80")}, E2={"supply": ("", "22.34")})
    compared = compare(june, path)
    name = compared["comparison_id"]
    refused = command("compare", "sign-off", "--comparison", name, "--by", "mira")
    assert refused.code == 4 and "found 2 open" in refused.err
    command.done("compare", "explain", "tax", "--comparison", name, "--code", "T1", "--why", "exempt", "--by", "ana")
    (row,) = [row for row in compared["differences"] if row["cause"] == "unexplained"]
    said = (
        "compare",
        "explain",
        row["difference_id"][:8],
        "--comparison",
        name,
        "--code",
        "H",
        "--why",
        "typed",
        "--by",
    )
    assert "1 differences" in command.done(*said, "ben").out
    assert command.done(*said, "ben").out.endswith(" before\n")
    compare(june, path, code=0)  # what is explained is no longer open
    for person in ("ana", "ben"):
        own = command("compare", "sign-off", "--comparison", name, "--by", person)
        assert own.code == 4 and "the same person cannot sign it" in own.err
    first = command.done("compare", "sign-off", "--comparison", name, "--by", "mira").out
    assert command.done("compare", "sign-off", "--comparison", name, "--by", "mira").out == first.replace(
        "signed by mira", "signed by mira before"
    )
    # What is said later is signed anew: the hash covers it.
    command.done("compare", "explain", "tax", "--comparison", name, "--code", "T2", "--why", "other", "--by", "ana")
    assert command.done("compare", "sign-off", "--comparison", name, "--by", "mira").out != first


def without_e2(path: Path) -> Path:
    """Write the clean file without a service: 36.00, 20.00 and 5.60 are missing there."""
    rows = legacy(path).read_text().splitlines(keepends=True)
    return write_file(path, "".join(row for row in rows if ",E2," not in row))


def test_within_tolerance_is_not_open(june: tuple[CommandLine, str], tmp_path: Path) -> None:
    path = without_e2(tmp_path / "legacy.csv")
    assert compare(june, path, "--tolerance", "5.59")["open_lines"] == 3
    assert compare(june, path, "--tolerance", "5.60")["open_lines"] == 2
    assert compare(june, path, "--tolerance", "36.00", code=0)["open_lines"] == 0
    assert compare(june, path, "--threshold", 34, code=0)["open_lines"] == 3  # of nine lines: 33.3 %


def test_comparing_again_changes_nothing(june: tuple[CommandLine, str], tmp_path: Path) -> None:
    path = without_e2(tmp_path / "legacy.csv")
    assert compare(june, path) == compare(june, path)


def test_the_page_and_the_csv_are_written(june: tuple[CommandLine, str], tmp_path: Path) -> None:
    text = legacy(tmp_path / "legacy.csv").read_text() + "A9,X9,2026-06-01,2026-07-01,=1+1,,5.00\n"
    path = write_file(tmp_path / "formula.csv", text)
    compare(june, path, "--out", tmp_path / "page.html", "--csv", tmp_path / "all.csv")
    page = (tmp_path / "page.html").read_text()
    assert "1 lines are open" in page and "missing here" in page and "http" not in page
    assert "'=1+1" in (tmp_path / "all.csv").read_text()  # a spreadsheet takes it for text


@pytest.mark.parametrize(
    ("text", "options", "code", "message"),
    [
        ("account,amount\nA1,1\n", (), 2, "expected column `period_start` (period_start), found `account`, `amount`"),
        (HEADER + "A1,E1,2026-06-01\n" + "A1,E1,2026-06-01,2026-07-01,energy,1,2,3,4,5\n", (), 2, "expected rows with"),
        (HEADER, ("--control-total", "1.00"), 4, "expected a total of 1.00 AUD, found 0.00 AUD"),
        (HEADER, ("--tolerance", "0.005"), 2, "--tolerance: expected an amount in AUD, found 0.005"),
        (HEADER, ("--tolerance", "much"), 2, "--tolerance: expected an amount such as 0.01, found `much`"),
    ],
)
def test_what_cannot_be_compared_is_refused(
    june: tuple[CommandLine, str], tmp_path: Path, text: str, options: tuple[str, ...], code: int, message: str
) -> None:
    command, run = june
    ended = command("compare", "--legacy", write_file(tmp_path / "bad.csv", text), "--run", run, *options)
    assert ended.code == code and message in ended.err, ended


def test_parquet_is_read_exactly_and_never_from_floats(june: tuple[CommandLine, str], tmp_path: Path) -> None:
    texts = pl.read_csv(legacy(tmp_path / "clean.csv"), infer_schema=False)
    exact = texts.with_columns(
        pl.col("amount").cast(pl.Decimal(18, 2)), pl.col("period_start", "period_end").str.to_date()
    )
    exact.write_parquet(tmp_path / "exact.parquet")
    compare(june, tmp_path / "exact.parquet", code=0)
    texts.with_columns(pl.col("amount").cast(pl.Float64)).write_parquet(tmp_path / "float.parquet")
    command, run = june
    ended = command("compare", "--legacy", tmp_path / "float.parquet", "--run", run)
    assert ended.code == 2 and "found floating point in column `amount`" in ended.err


def test_a_mapping_with_an_unknown_key_is_refused(june: tuple[CommandLine, str], tmp_path: Path) -> None:
    command, run = june
    mapping = write_file(tmp_path / "m.toml", "[file]\nsep = ';'\n")
    ended = command("compare", "--legacy", legacy(tmp_path / "l.csv"), "--run", run, "--mapping", mapping)
    assert ended.code == 2 and "mapping `m.toml`: file.sep: Extra inputs are not permitted" in ended.err


def test_opening_balances_are_proved_branch_by_branch(june: tuple[CommandLine, str], tmp_path: Path) -> None:
    command, _ = june
    proved = write_file(tmp_path / "zero.csv", "account,amount\nA1,0.00\nA2,5.00\nA2,-5.00\n")
    assert command.done("compare", "--opening", proved, "--json").json["proved"] is True
    owed = write_file(tmp_path / "owed.csv", "account,amount\nA1,12.34\nA9,1.00\n")
    ended = command("compare", "--opening", owed, "--json")
    assert ended.code == 3
    assert [(row["branch_id"], row["legacy_minor"], row["differing"]) for row in ended.json["branches"]] == [
        ("", 100, 1), ("N", 1234, 1)
    ]  # fmt: skip
    assert Decimal(ended.json["accounts"][0]["apart_minor"]) == -1234
