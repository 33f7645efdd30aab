"""Findings through the commands: the work list, decisions that the next run of VEE follows, the page of a run.

E1 takes 500 Wh in every hour of June. Its value of 10 June 12:00 came as 20 kWh, and those of 20 June 05:00 and 06:00
not at all. E2 was never read, so that no like day says what it took in the 20 days of its agreement.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import date
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from books_by_hand import (
    FLAT,
    JULY,
    JUNE,
    LONG_HEADER,
    REGISTER_HEADER,
    WATER,
    WATER_JUNE,
    CommandLine,
    Ended,
    add_tariffs,
    bill,
    hourly,
    write_accounts,
    write_file,
)

from store.audit import broken_entries
from store.control import control, query
from store.workspace import open_workspace

FOUND_AT = "2026-07-01T08:00:00"
SPIKE = 12
WHY = ("--why", "the pool was filled")


def reads() -> str:
    spiked = hourly("E1", JUNE, JULY, "0.500").replace(
        "2026-06-10T12:00:00+10:00,0.500", "2026-06-10T12:00:00+10:00,20.000"
    )
    gap = ("2026-06-20T05", "2026-06-20T06")
    first = [line for line in spiked.splitlines() if not any(hour in line for hour in gap)]
    return LONG_HEADER + "\n".join(first) + "\n"


@pytest.fixture(scope="module")
def june(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("june")
    command = CommandLine(folder / "books")
    command.done("init", command.workspace, "--name", "Story", "--by", "ops")
    command.done("accounts", "import", write_accounts(folder / "accounts"), "--all-or-nothing", "--by", "ops")
    add_tariffs(command, write_file(folder / "flat.toml", FLAT), write_file(folder / "water.toml", WATER))
    command.done("reads", "land", write_file(folder / "june.csv", reads()))
    command.done("--clock", FOUND_AT, "reads", "vee", "--from", JUNE, "--to", JULY, "--by", "ops")
    return folder / "books"


@pytest.fixture
def command(june: Path, tmp_path: Path) -> CommandLine:
    import shutil

    shutil.copytree(june, tmp_path / "books")
    return CommandLine(tmp_path / "books")


def listed(command: CommandLine, *words: object) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = command.done("findings", "list", "--json", *words).json
    return found


def finding(command: CommandLine, reason: str, day: str) -> str:
    rows = listed(command, "--state", "all", "--reason", reason, "--from", day)
    return str(next(row["finding_id"] for row in rows if row["day"] == day))


def spike(command: CommandLine) -> str:
    return finding(command, "spike", "2026-06-10")


def vee(command: CommandLine) -> Ended:
    return command.done("reads", "vee", "--from", JUNE, "--to", JULY)


def used(command: CommandLine, ident: str) -> list[int | None]:
    values: list[int | None] = command.done("findings", "show", ident, "--json").json["slots"]["used"]
    return values


def test_the_list_says_energy_money_age_owner_and_what_parks(command: CommandLine) -> None:
    rows = listed(command, "--business-date", "2026-07-04")
    # 500 Wh instead of 20 kWh: -19.5 kWh at 0.30 is -5.85. Two hours of 500 Wh: 1 kWh, 0.30.
    assert [
        (row["reason"], row["severity"], row["effect_quantity"], row["effect_minor"], row["parks"]) for row in rows
    ] == [
        ("spike", "fail", -19_500, -585, ""),
        ("missing", "warn", 1_000, 30, ""),
        *[("missing_day", "fail", None, None, "would")] * 20,
    ]
    assert {row["age_days"] for row in rows} == {3} and {row["owner"] for row in rows} == {"metering"}
    assert {(row["account_id"], row["agreement_id"], row["meter_id"]) for row in rows} == {
        ("A1", "S1", "ME1"),
        ("A2", "S3", "ME2"),
    }
    assert rows[0]["price_source"].startswith("first energy price of flat@2020-01-01")
    assert (rows[0]["state"], rows[0]["currency"], rows[0]["unit"], rows[0]["branch_id"]) == ("open", "AUD", "Wh", "N")


@pytest.mark.parametrize(
    ("words", "count"),
    [
        (("--code", "V10"), 1), (("--rule", "V03"), 21), (("--rule", "V03", "--rule", "V10"), 22),
        (("--severity", "warn"), 1), (("--branch", "N"), 22), (("--branch", "S"), 0), (("--owner", "metering"), 22),
        (("--owner", "lena"), 0), (("--from", "2026-06-14", "--to", "2026-06-21"), 8), (("--parks",), 20),
        (("--age", "3", "--business-date", "2026-07-04"), 22), (("--age", "4", "--business-date", "2026-07-04"), 0),
        (("--state", "accepted"), 0), (("--state", "all"), 22),
    ],
)  # fmt: skip
def test_filters_leave_what_they_say(command: CommandLine, words: tuple[str, ...], count: int) -> None:
    assert len(listed(command, *words)) == count


def test_after_a_bill_its_average_price_counts_and_the_run_says_who_is_parked(
    command: CommandLine, tmp_path: Path
) -> None:
    command.done("reads", "land", write_file(tmp_path / "water.csv", REGISTER_HEADER + WATER_JUNE))
    bill(command, "2026-06", "2026-07-02")
    rows = listed(command)
    # 360 kWh cost 108.00, so -19.5 kWh are -5.85.
    assert (rows[0]["effect_minor"], rows[0]["price_source"]) == (-585, "average of bill A1.2026-06.r0")
    assert [row["parks"] for row in rows] == ["", "", *["parked"] * 20]


def test_an_accepted_value_stands_from_the_next_run_on_and_released_is_estimated_again(command: CommandLine) -> None:
    ident = spike(command)
    assert used(command, ident)[SPIKE] == 500
    accepted = command.done("findings", "accept", ident[:8], *WHY, "--by", "ann")
    assert accepted.out == "1 finding accepted\n"
    assert accepted.err == "next: billmill reads vee --from 2026-06-10 --to 2026-06-11\n"
    assert used(command, ident)[SPIKE] == 500  # not before the next run
    assert "written       1 channel-days" in vee(command).out
    assert used(command, ident) == [500] * 12 + [20_000] + [500] * 11
    assert "written       nothing new" in vee(command).out
    assert [row["state"] for row in listed(command, "--state", "all", "--rule", "V10")] == ["accepted"]
    assert listed(command, "--rule", "V10") == []  # nor is it found again
    command.done("findings", "release", ident, "--why", "wrong house", "--by", "bob")
    vee(command)
    assert used(command, ident)[SPIKE] == 500
    history = command.done("findings", "show", ident, "--json").json["history"]
    assert [(item["state"], item["by"], item["why"]) for item in history] == [
        ("accepted", "ann", "the pool was filled"),
        ("open", "bob", "wrong house"),
    ]


def test_reads_never_change_and_every_decision_is_in_the_audit(command: CommandLine) -> None:
    landed = {path: path.read_bytes() for path in (command.workspace / "lake").rglob("reads_day_60/**/*.parquet")}
    ident = spike(command)
    command.done("findings", "accept", ident, *WHY, "--by", "ann")
    command.done("findings", "assign", ident, "--owner", "lena", "--by", "bob")
    vee(command)
    assert landed and {path: path.read_bytes() for path in landed} == landed
    with control(open_workspace(command.workspace), purpose="test") as connection:
        told = query(
            connection, "SELECT actor, action, subject, detail FROM audit WHERE action LIKE '%_finding'"
        ).rows()
        assert broken_entries(connection) == []
    assert told == [
        ("ann", "decide_finding", ident, "1 findings accepted: the pool was filled"),
        ("bob", "assign_finding", ident, "1 findings given to lena"),
    ]


def test_deciding_the_same_again_changes_nothing(command: CommandLine) -> None:
    words = ("findings", "accept", spike(command), *WHY, "--by", "ann", "--json")
    first, again = command.done(*words).json, command.done(*words).json
    assert (first["new"], first["same"], again["new"], again["same"]) == (1, 0, 0, 1)


def test_an_edit_needs_a_second_person(command: CommandLine) -> None:
    ident = finding(command, "missing_day", "2026-06-14")
    assert used(command, ident) == [None] * 24
    proposed = command.done("findings", "edit", ident, "--value", "12.001", "--why", "check meter", "--by", "ann")
    assert proposed.err == f"next, another person: billmill findings edit {ident} --approve --by NAME\n"
    vee(command)
    assert used(command, ident) == [None] * 24
    own = command("findings", "edit", ident, "--approve", "--by", "ann")
    assert (own.code, own.out) == (4, "") and "the same person cannot approve it" in own.err
    assert [row["state"] for row in listed(command, "--state", "proposed")] == ["proposed"]
    command.done("findings", "edit", ident, "--approve", "--by", "bob")
    vee(command)
    # 12,001 Wh over 24 hours: 500 each, and 1 more in the first.
    assert used(command, ident) == [501] + [500] * 23
    assert listed(command, "--state", "edited")[0]["parks"] == ""
    assert "written       nothing new" in vee(command).out


def test_an_edit_by_file_has_a_value_for_each_slot(command: CommandLine, tmp_path: Path) -> None:
    ident = finding(command, "missing", "2026-06-20")
    short = command("findings", "edit", ident, "--file", write_file(tmp_path / "one.csv", "value\n0.4\n"), *WHY)
    assert short.code == 2 and "expected 2 values, one for each slot, found 1" in short.err
    bad = command("findings", "edit", ident, "--file", write_file(tmp_path / "bad.csv", "0.4\nx\n"), *WHY)
    assert bad.code == 2 and "line 2: expected a number, found `x`" in bad.err
    command.done("findings", "edit", ident, "--file", write_file(tmp_path / "two.csv", "0.4\n0.7\n"), *WHY, "--by", "a")
    command.done("findings", "edit", ident, "--approve", "--by", "b")
    vee(command)
    assert used(command, ident)[4:8] == [500, 400, 700, 500]


def test_a_decision_ends_with_the_row_that_it_was_about(command: CommandLine, tmp_path: Path) -> None:
    ident = spike(command)
    command.done("findings", "accept", ident, *WHY)
    vee(command)
    corrected = hourly("E1", JUNE, JULY, "0.600").splitlines()
    day = [line for line in corrected if "2026-06-10" in line]
    command.done("reads", "land", write_file(tmp_path / "late.csv", LONG_HEADER + "\n".join(day) + "\n"))
    vee(command)
    assert [row["state"] for row in listed(command, "--state", "all", "--rule", "V10")] == ["accepted"]
    late = finding(command, "missing", "2026-06-20")
    again = [line for line in corrected if "2026-06-20" in line]
    command.done("reads", "land", write_file(tmp_path / "again.csv", LONG_HEADER + "\n".join(again) + "\n"))
    assert [row["finding_id"] for row in listed(command, "--state", "overtaken")] == [late]
    refused = command("findings", "accept", late, *WHY)
    assert refused.code == 2 and "its day was landed or judged again since" in refused.err


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("accept", "{empty}", *WHY), "nothing came that could stand"),
        (("estimate", "{empty}", *WHY), "there is no day to estimate from"),
        (("accept", "{spike}"), "option --why: expected a reason"),
        (("release", "{spike}", *WHY), "nothing was decided about it"),
        (("accept", *WHY), "expected ids of findings, or filters such as --rule, found neither"),
        (("accept", "{spike}", "--rule", "V10", *WHY), "such as --rule, found both"),
        (("accept", "zzzz", *WHY), "finding `zzzz` is not known"),
        (("accept", "ab", *WHY), "expected at least 4 characters"),
        (("edit", "{spike}", "--value", "-1", *WHY), "expected values from 0"),
        (("edit", "{spike}", "--value", "0.0001", *WHY), "expected whole Wh"),
        (("edit", "{spike}", "--value", "much", *WHY), "expected a number, found `much`"),
        (("edit", "{spike}", *WHY), "expected --value or --file"),
        (("edit", "{spike}", "--approve"), "no edit waits for approval"),
        (("list", "--state", "done"), "option --state: expected one of all, open"),
    ],
)
def test_what_cannot_be_decided_is_refused(command: CommandLine, words: tuple[str, ...], told: str) -> None:
    ids = {"empty": finding(command, "missing_day", "2026-06-14"), "spike": spike(command)}
    refused = command("findings", *(word.format(**ids) for word in words))
    assert refused.code == 2 and told in refused.err
    assert len(listed(command)) == 22


def test_a_filter_counts_first_and_decides_with_yes(command: CommandLine) -> None:
    words = ("findings", "accept", "--severity", "fail", *WHY, "--by", "ann")
    counted = command.done(*words)
    assert counted.out.startswith("1 of 21 findings would be accepted; nothing is recorded\n")
    assert counted.err == "add --yes to do it\n" and len(listed(command)) == 22
    done = command.done(*words, "--yes", "--json").json
    assert done["recorded"] and done["findings"] == [spike(command)]
    assert done["left"] == [{"refusal": "nothing came that could stand; edit it or land the day again", "findings": 20}]
    assert len(listed(command)) == 21


def test_owners_come_from_the_configuration_until_a_finding_is_assigned(command: CommandLine) -> None:
    config = command.workspace / "billmill.toml"
    config.write_text(config.read_text() + '[findings]\nowner = "desk"\n[findings.branch_owners]\nN = "north desk"\n')
    assert {row["owner"] for row in listed(command)} == {"north desk"}
    command.done("findings", "assign", spike(command), "--owner", "lena", "--by", "ann")
    assert [row["finding_id"] for row in listed(command, "--owner", "lena")] == [spike(command)]
    assert len(listed(command, "--owner", "north desk")) == 21
    config.write_text(config.read_text().replace("owner =", "owners ="))
    refused = command("findings", "list")
    assert refused.code == 2 and "table [findings] has the key `owners`" in refused.err


def test_one_finding_is_told_in_words_within_80_columns(command: CommandLine) -> None:
    text = command.done("findings", "show", spike(command)).out
    assert [line for line in text.splitlines() if len(line) > 80] == []
    plain = " ".join(text.split())
    for told in (
        "V10 spike, fail, open", "20 kWh", "0.5 kWh, a straight line between its neighbours",
        "-19.5 kWh; about -5.85 AUD",
        "E1/E1: import_energy, 60 min, Australia/Brisbane; meter ME1", "A1, agreement S1, service point E1, branch N",
        "refused above 12 times the third highest", "Wednesday 10 June 2026; marked: 12:00 to 13:00",
        "Nothing was decided about it yet.",
    ):  # fmt: skip
        assert told in plain, told


def test_an_estimate_names_the_days_that_it_rests_on(command: CommandLine, tmp_path: Path) -> None:
    later = hourly("E1", JULY, date(2026, 7, 9), "0.700").splitlines()
    kept = [line for line in later if "2026-07-08" not in line]
    command.done("reads", "land", write_file(tmp_path / "july.csv", LONG_HEADER + "\n".join(kept) + "\n"))
    command.done("reads", "vee", "--from", JULY, "--to", "2026-07-09")
    shown = command.done("findings", "show", finding(command, "missing_day", "2026-07-08")).out
    # Wednesday 8 July: the three days before, 24 hours of 700 Wh each.
    assert "rests on     like day from 2026-07-07, 2026-07-06, 2026-07-03, between 16.8 kWh" in shown


class Page(HTMLParser):
    """Checks that elements close in order, and collects what would be loaded from outside."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.outside: list[str] = []
        self.plots = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.outside += [f"{tag} {name}" for name, _ in attrs if name in {"src", "href", "xlink:href", "onload"}]
        self.outside += [tag] * (tag in {"script", "link", "iframe", "img"})
        self.plots += tag == "svg"
        if tag not in {"meta", "br"}:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        self.open.pop()

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


@pytest.fixture
def page(command: CommandLine, tmp_path: Path) -> Iterator[str]:
    command.done("reads", "report", "--out", tmp_path / "vee.html")
    yield (tmp_path / "vee.html").read_text(encoding="utf-8")


def test_the_page_of_a_run_is_whole_and_loads_nothing(page: str) -> None:
    parsed = Page()
    parsed.feed(page)
    parsed.close()
    assert (parsed.open, parsed.outside, parsed.plots) == ([], [], 2)
    assert "http" not in page and "url(" not in page and "@import" not in page


def test_the_page_counts_what_the_run_did(page: str) -> None:
    text = " ".join(re.sub(r"<style>.*</style>|<[^>]+>", " ", page, flags=re.DOTALL).split())
    # E1: 30 days, E2 from 11 June: 20 days, all left empty. Two days of E1 were mended, 28 stand.
    for told in (
        "Expected 50 100.0 %", "Landed 30 60.0 %", "Used as landed 28 56.0 %", "Estimated or edited 2 4.00 %",
        "Refused or empty 20 40.0 %", "1,200 intervals", "3 intervals", "480 intervals", "6.15 AUD",
        "V10 spike 1", "V03 missing day 20", "20 kWh came; 0.5 kWh used",
        "E2/E1 N A2 import energy 20 20 20 20 not known",
        "1 June 2026 to 30 June 2026 (30 days)", "by ops", "standard.v1",
    ):  # fmt: skip
        assert told in text, told


def test_names_on_the_page_are_text(command: CommandLine, tmp_path: Path) -> None:
    config = command.workspace / "billmill.toml"
    config.write_text(config.read_text().replace('"Story"', '"Wire <script> & Sons"'))
    command.done("reads", "report", "--out", tmp_path / "vee.html")
    text = (tmp_path / "vee.html").read_text(encoding="utf-8")
    assert "Wire &lt;script&gt; &amp; Sons" in text and "<script" not in text


def test_each_run_has_its_own_page(command: CommandLine, tmp_path: Path) -> None:
    command.done("findings", "accept", spike(command), *WHY)
    vee(command)
    first, second = tmp_path / "first.html", tmp_path / "second.html"
    command.done("reads", "report", "--run", 2, "--out", first)
    command.done("reads", "report", "--out", second)
    # The second run restored one value and found nothing new: two hours of 20 June stay estimated.
    assert "load 2" in first.read_text() and "3 intervals" in first.read_text()
    assert "load 3" in second.read_text() and "2 intervals" in second.read_text()


def test_a_run_that_is_none_is_refused(command: CommandLine, tmp_path: Path) -> None:
    refused = command("reads", "report", "--run", 1, "--out", tmp_path / "vee.html")
    assert refused.code == 2 and "load 1 is no run of VEE" in refused.err and not (tmp_path / "vee.html").exists()
