"""The life of a tariff through the commands: draft, approved by another person, retired; what is parked meanwhile."""

from __future__ import annotations

from pathlib import Path

import pytest
from books_by_hand import (
    AUGUST,
    FLAT,
    JULY,
    JUNE,
    LONG_HEADER,
    WATER,
    CommandLine,
    add_tariffs,
    bill,
    hourly,
    june_ready,
    write_accounts,
    write_file,
)

from cycles.quotes import tariff_check
from store.audit import broken_entries
from store.control import control, query
from store.workspace import open_workspace

RUN = "bill-2026-06-20260702-1"
# 100 x 0.30 = 30.00; 30 x 1.00 = 30.00; 10 % of 60.00 = 6.00.
EXAMPLE = """
[[examples]]
name = "June, 100 kWh"
period = [2026-06-01, 2026-07-01]
usage = { kwh = 100 }
expect = { total = 66.00 }
source = "worked by hand"
"""


@pytest.fixture
def command(tmp_path: Path) -> CommandLine:
    command = CommandLine(tmp_path / "books")
    command.done("init", command.workspace, "--by", "ops")
    return command


def flat(folder: Path, text: str = FLAT + EXAMPLE) -> Path:
    return write_file(folder / "flat.toml", text)


def listed(command: CommandLine, *columns: str) -> list[tuple[object, ...]]:
    return [tuple(row[name] for name in columns) for row in command.done("tariff", "list", "--json").json]


def parked(command: CommandLine, folder: Path) -> dict[str, str]:
    """Bill June of all accounts; return the details of who is parked for a missing tariff version, by agreement."""
    command.done("accounts", "import", write_accounts(folder / "accounts"), "--all-or-nothing")
    reads = LONG_HEADER + hourly("E1", JUNE, JULY, "0.500") + hourly("E2", JUNE, JULY, "0.250")
    command.done("reads", "land", write_file(folder / "june.csv", reads))
    command.done("reads", "vee", "--from", JUNE, "--to", JULY)
    command.done("cycle", "plan", "2026-06", "--business-date", "2026-07-02", "--by", "ops")
    command.done("cycle", "run", RUN, "--workers", 1, "--parked-limit", 100)
    command.done("cycle", "approve", RUN, "--by", "mira")
    command.done("cycle", "publish", RUN, "--by", "ops")
    rows = command.done(
        "query", "SELECT agreement_id, detail FROM parked WHERE reason = 'no_tariff_version'", "--format", "json"
    ).json
    return {row["agreement_id"]: row["detail"] for row in rows}


def test_a_draft_is_approved_by_another_person_and_the_list_tells_both(command: CommandLine, tmp_path: Path) -> None:
    added = command.done("tariff", "add", flat(tmp_path), "--by", "ana")
    assert added.err == "next, another person: billmill tariff approve flat --by NAME\n"
    assert listed(command, "tariff_id", "state", "added_by", "approved_by") == [("flat", "draft", "ana", None)]
    own = command("tariff", "approve", "flat", "--by", "ana")
    assert (own.code, own.out) == (4, "")
    assert own.err == (
        "error: tariff `flat` was added by ana; the same person cannot approve it\n"
        "hint: another person approves: billmill tariff approve flat --by NAME\n"
    )
    assert command.done("tariff", "approve", "flat", "--by", "mira").out == (
        "flat  approved by mira: versions from 2020-01-01\n"
    )
    assert listed(command, "tariff_id", "state", "added_by", "approved_by") == [("flat", "approved", "ana", "mira")]
    again = command.done("tariff", "approve", "flat", "--by", "mira", "--json").json
    assert again == [{"tariff_id": "flat", "versions": [], "withdrawn": [], "warnings": [], "new": False}]


def test_all_that_wait_are_approved_or_none(command: CommandLine, tmp_path: Path) -> None:
    command.done("tariff", "add", flat(tmp_path), "--by", "ana")
    command.done("tariff", "add", write_file(tmp_path / "water.toml", WATER), "--by", "mira")
    refused = command("tariff", "approve", "--all", "--by", "mira")
    assert refused.code == 4 and "tariff `water` was added by mira" in refused.err and "`flat`" not in refused.err
    assert {row[0] for row in listed(command, "state")} == {"draft"}
    both = command("tariff", "approve", "--all", "--by", "ana")
    assert both.code == 4
    assert both.err == (
        "error: tariff `flat` was added by ana; the same person cannot approve it\n"
        "hint: another person approves: billmill tariff approve flat --by NAME\n"
        "tariff `water`: expected at least one worked bill ([[examples]]), found none\n"
        "hint: write one from the sheet and add the file again, or say why not: --without-examples REASON\n"
    )
    command.done("tariff", "approve", "--all", "--without-examples", "as printed", "--by", "zoe")
    assert {row[0] for row in listed(command, "state")} == {"approved"}
    assert command.done("tariff", "approve", "--all", "--by", "zoe").out == "nothing waits for approval\n"


def test_worked_bills_are_rated_again_before_approval(
    command: CommandLine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    wrong = flat(tmp_path, FLAT + EXAMPLE.replace("66.00", "66.01"))
    with monkeypatch.context() as patch:
        patch.setattr(
            tariff_check, "prove_examples", lambda new: [None] * len(new)
        )  # as an engine that rated otherwise
        command.done("tariff", "add", wrong, "--by", "ana")
    refused = command("tariff", "approve", "flat", "--by", "mira")
    assert refused.code == 4
    assert refused.err == (
        "error: tariff `flat`: example `June, 100 kWh`: charge `total`: expected 66.01, found 66.00\n"
        "  at flat.toml, examples[0].expect.total\n"
        "hint: see all amounts with: billmill tariff check flat.toml\n"
    )


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ((), "error: expected tariffs, or --all of them\n"),
        (("flat", "--all"), "error: expected tariffs, or --all of them\n"),
        (("--all", "--version", "2026-01-01"), "error: option --version: expected it with one tariff\n"),
        (("flat", "water", "--version", "2026-01-01"), "error: option --version: expected it with one tariff\n"),
        (("flat", "--without-examples", " "), "error: option --without-examples: expected why there are none"),
        (("flot",), "error: tariff `flot`: expected a tariff of the catalogue, found none\nhint: did you mean `flat`?"),
        (("flat", "--version", "2026-01-01"), "error: tariff `flat`: expected a version from 2026-01-01, found none\n"),
    ],
)
def test_what_to_approve_is_said_clearly(
    command: CommandLine, tmp_path: Path, words: tuple[str, ...], told: str
) -> None:
    command.done("tariff", "add", flat(tmp_path), "--by", "ana")
    ended = command("tariff", "approve", *words, "--by", "mira")
    assert ended.code == 2 and ended.err.startswith(told), ended


def test_who_has_a_draft_only_is_parked_and_told_that_it_waits(command: CommandLine, tmp_path: Path) -> None:
    command.done("tariff", "add", flat(tmp_path), "--by", "ana")
    details = parked(command, tmp_path)
    assert details["S1"] == (
        "tariff flat has no version for 2026-06-01 to 2026-06-30; expected one for every day; "
        "a draft from 2020-01-01 waits: billmill tariff approve flat"
    )
    assert details["S4"] == "tariff water has no version for 2026-06-01 to 2026-06-30; expected one for every day"


def test_who_stays_on_a_retired_tariff_is_parked_and_told_since_when(command: CommandLine, tmp_path: Path) -> None:
    add_tariffs(command, flat(tmp_path))
    retired = command.done("tariff", "retire", "flat", "--from", "2026-06-21", "--reason", "replaced by tou")
    assert retired.out == "flat retired from 2026-06-21 (versions from 2020-01-01)\n"
    details = parked(command, tmp_path)
    assert details["S1"] == (
        "tariff flat has no version for 2026-06-21 to 2026-06-30; expected one for every day; "
        "retired from 2026-06-21: replaced by tou"
    )
    # Two agreements, S1 and S3, run on it in June and later.
    again = command.done("tariff", "retire", "flat", "--from", "2026-06-21", "--reason", "replaced by tou")
    assert again.out == "flat was retired from 2026-06-21 before; nothing changed\n"
    assert again.err == "2 agreements run on it from 2026-06-21 on: they will be parked as no_tariff_version\n"
    assert listed(command, "tariff_id", "state", "valid_to", "agreements") == [("flat", "retired", "2026-06-21", 2)]


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (
            ("flat", "--from", "2026-06-01", "--reason", ""),
            "error: option --reason: expected why the tariff is retired",
        ),
        (("flat", "--from", "2019-12-31", "--reason", "x"), "error: tariff `flat`: expected a day from 2020-01-01 on"),
        (("water", "--from", "2026-06-01", "--reason", "x"), "error: tariff `water`: expected a tariff"),
    ],
)
def test_what_cannot_be_retired_is_said(
    command: CommandLine, tmp_path: Path, words: tuple[str, ...], told: str
) -> None:
    add_tariffs(command, flat(tmp_path))
    ended = command("tariff", "retire", *words)
    assert ended.code == 2 and ended.err.startswith(told), ended


def test_the_audit_tells_who_added_approved_and_retired(command: CommandLine, tmp_path: Path) -> None:
    command.done("tariff", "add", flat(tmp_path, FLAT), "--by", "ana")
    command.done("tariff", "approve", "flat", "--without-examples", "one flat price", "--by", "mira")
    command.done("tariff", "retire", "flat", "--from", "2026-07-01", "--reason", "replaced", "--by", "ana")
    with control(open_workspace(command.workspace), purpose="test") as connection:
        rows = query(connection, "SELECT actor, action, subject, detail FROM audit ORDER BY entry_no").rows()
        assert broken_entries(connection) == []
    assert rows[-2:] == [
        ("mira", "approve_tariff", "flat", "2020-01-01; without examples: one flat price"),
        ("ana", "retire_tariff", "flat", "from 2026-07-01: replaced"),
    ]


SECOND = FLAT[FLAT.index("[[versions]]") :].replace("2020-01-01", "2026-07-01").replace("0.30", "0.33")


def test_the_approver_sees_what_would_change(command: CommandLine, tmp_path: Path) -> None:
    add_tariffs(command, flat(tmp_path))
    # 30.00, 30 x 1.05 = 31.50, 10 % of 61.50 = 6.15; together 67.65.
    changed = FLAT.replace("1.00", "1.05") + SECOND + EXAMPLE.replace("66.00", "67.65")
    command.done("tariff", "add", flat(tmp_path, changed), "--by", "ana")
    assert command.done("tariff", "diff", "flat").out == (
        "for all versions\n"
        "  worked bill `June, 100 kWh`, expect, total: 66.00 -> 67.65 (+2.5 %)\n"
        "draft from 2020-01-01, beside the approved one from 2020-01-01\n"
        "  charge `supply`, price: 1.00 -> 1.05 AUD/day (+5.0 %)\n"
        "draft from 2026-07-01, beside the draft one from 2020-01-01\n"
        "  charge `energy`, price: 0.30 -> 0.33 AUD/kWh (+10.0 %)\n"
        "  charge `supply`, price: 1.05 -> 1.00 AUD/day (-4.8 %)\n"
    )


def test_days_files_and_tariffs_are_compared(command: CommandLine, tmp_path: Path) -> None:
    add_tariffs(command, flat(tmp_path, FLAT + SECOND + EXAMPLE))
    days = command.done("tariff", "diff", "flat", "--from", "2026-06-30", "--to", "2026-07-01", "--json").json
    assert days == [
        {
            "title": "version from 2026-07-01, beside the one from 2020-01-01",
            "changes": [
                {"what": "changed", "path": "charges.energy.price", "before": "0.30", "after": "0.33",
                 "percent": "10.0", "text": "charge `energy`, price: 0.30 -> 0.33 AUD/kWh (+10.0 %)"}
            ],
        }
    ]  # fmt: skip
    assert command.done("tariff", "diff", "flat").out.splitlines()[1:] == [f"  {days[0]['changes'][0]['text']}"]
    one = write_file(tmp_path / "one.toml", FLAT)
    other = write_file(tmp_path / "other.toml", FLAT.replace("0.30", "0.27"))
    told = "version from 2020-01-01\n  charge `energy`, price: 0.30 -> 0.27 AUD/kWh (-10.0 %)\n"
    assert CommandLine(tmp_path / "nowhere").done("tariff", "diff", one, other).out == told
    assert command.done("tariff", "diff", one, one).out == "no difference\n"
    assert "version from 2026-07-01 removed" in command.done("tariff", "diff", "flat", other).out


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("flat",), "error: tariff `flat`: expected two versions to compare, found one\nhint: name another tariff or"),
        (("flat", "--from", "2026-01-01"), "error: expected --from and --to with one tariff, or two tariffs without"),
        (
            ("flat", "--from", "2019-12-31", "--to", "2020-01-01"),
            "error: tariff `flat`: expected a version that holds on 2019-12-31, found none\nhint: versions begin",
        ),
        (("water",), "error: tariff `water`: expected a tariff of the catalogue, found none"),
        (("flat", "no.toml"), "error: file `no.toml`"),
    ],
)
def test_what_cannot_be_compared_is_said(
    command: CommandLine, tmp_path: Path, words: tuple[str, ...], told: str
) -> None:
    add_tariffs(command, flat(tmp_path))
    ended = command("tariff", "diff", *words)
    assert ended.code == 2 and ended.err.startswith(told), ended


def test_a_tariff_is_shown_with_where_its_versions_stand(command: CommandLine, tmp_path: Path) -> None:
    add_tariffs(command, flat(tmp_path))
    assert (
        "Version from 2020-01-01 until further notice: approved by mira\n" in command.done("tariff", "show", "flat").out
    )
    command.done("tariff", "add", flat(tmp_path, FLAT + SECOND + EXAMPLE), "--by", "ana")
    versions = command.done("tariff", "show", "flat", "--json").json["versions"]
    assert [(one["valid_from"], one["valid_to"], one["state"]) for one in versions] == [
        ("2020-01-01", "2026-07-01", "approved by mira"),
        ("2026-07-01", None, "draft, added by ana"),
    ]
    assert versions[1]["charges"][0] == {
        "charge": "energy", "of": "kwh", "price": "0.33", "per": "AUD/kWh", "line": "Electricity"
    }  # fmt: skip
    command.done("tariff", "retire", "flat", "--from", "2026-06-01", "--reason", "replaced by tou")
    assert ": retired from 2026-06-01: replaced by tou\n" in command.done("tariff", "show", "flat").out


def test_what_is_decided_later_changes_no_bill_of_before(tmp_path: Path) -> None:
    command = CommandLine(tmp_path / "books")
    june_ready(command, tmp_path)
    bill(command, "2026-06", "2026-07-02")
    doubled = flat(tmp_path, FLAT.replace("0.30", "0.60"))
    command.done("tariff", "add", doubled, "--by", "ana")
    command.done("reads", "land", write_file(tmp_path / "july.csv", LONG_HEADER + hourly("E2", JULY, AUGUST, "0.250")))
    command.done("reads", "vee", "--from", JULY, "--to", AUGUST)
    bill(command, "2026-07", "2026-08-02")
    # A2 moves out on 21 July: 20 days x 24 h x 0.250 kWh = 120 kWh x 0.30 = 36.00, at the price that is approved.
    energy = "SELECT bill_id, amount FROM bill_lines WHERE bill_id LIKE 'A2%' AND component_id = 'energy' ORDER BY 1"
    assert command.done("query", energy, "--format", "csv").out == (
        "bill_id,amount\nA2.2026-06.r0,36.00\nA2.2026-07.r0,36.00\n"
    )
    command.done("tariff", "approve", "flat", "--without-examples", "the story works them out", "--by", "mira")
    command.done("tariff", "retire", "flat", "--from", "2026-06-01", "--reason", "never to be billed again")
    for bill_id in ("A2.2026-06.r0", "A2.2026-07.r0"):
        assert command.done("bill", "explain", bill_id, "--json").json["same"] is True
