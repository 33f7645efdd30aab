"""Edits and quality gates through the commands: proposed, approved by another, billed or parked."""

from __future__ import annotations

from pathlib import Path

from books_by_hand import CommandLine, bill, june_ready, write_file

LINES = (
    "SELECT component_id, quantity, CAST(amount AS TEXT) AS amount FROM bill_lines "
    "WHERE agreement_id = 'S1' AND component_id = 'energy'"
)


def propose(command: CommandLine, *words: object) -> str:
    """Propose an edit of the whole 5 June of E1 as tom; return its id."""
    asked = (
        "reads",
        "edit",
        "--channel",
        "E1/E1",
        "--from",
        "2026-06-05",
        "--to",
        "2026-06-06",
        "--by",
        "tom",
        "--json",
    )
    return str(command.done(*asked, *words).json[0]["edit_id"])


def test_an_edit_is_billed_once_another_person_approves_it(tmp_path: Path) -> None:
    command = CommandLine(tmp_path / "books")
    june_ready(command, tmp_path)
    edit = propose(command, "--total", "20", "--reason", "meter read on site")
    refused = command("reads", "edit", "--approve", edit, "--by", "tom")
    assert (refused.code, "the same person cannot approve it" in refused.err) == (4, True)
    approved = command.done("reads", "edit", "--approve", edit, "--by", "mira")
    assert approved.out.startswith(f"{edit} approved by mira, reads changed by load ")
    assert command.done("reads", "edit", "--approve", edit, "--by", "mira").out == f"{edit} approved by mira before\n"
    (listed,) = command.done("reads", "edit", "--list", "--json").json
    assert (listed["before"], listed["after"], listed["decided_by"]) == (12_000, 20_000, "mira")
    bill(command, "2026-06", "2026-07-02")
    # 29 days of 12 kWh and one of 20 kWh: 368 kWh at 0.30.
    (line,) = command.done("query", LINES, "--format", "json").json
    assert (line["quantity"], line["amount"]) == (368_000, "110.40")


def test_an_agreement_with_more_edits_than_its_gate_allows_is_parked(tmp_path: Path) -> None:
    command = CommandLine(tmp_path / "books")
    june_ready(command, tmp_path)
    command.done("reads", "edit", "--approve", propose(command, "--kind", "zero", "--reason", "x"), "--by", "mira")
    header = "tariff_id,measure,quality,share_percent_max\n"
    gates = write_file(tmp_path / "quality_gates.csv", header + "flat,*,edited,3.333\n")
    command.done("accounts", "import", gates)
    run = bill(command, "2026-06", "2026-07-02")
    parked = command.done("run", "show", run, "--json").json["parked"]
    # The water of the same account waits with it; that of A3 for its reading. 1 day of 30 is 3.3333 %.
    assert sorted((row["reason"], row["agreements"]) for row in parked) == [
        ("end_read_missing", 1), ("quality_limit", 1), ("sibling_parked", 1),
    ]  # fmt: skip
    command.done("accounts", "import", write_file(gates, header + "flat,*,edited,3.334\n"))
    again = command.done("cycle", "plan", "2026-06", "--business-date", "2026-07-03", "--json").json
    assert again["selected"] == 3


def test_what_is_refused_or_asked_wrongly_is_said(tmp_path: Path) -> None:
    command = CommandLine(tmp_path / "books")
    june_ready(command, tmp_path)
    edit = propose(command, "--value", "0.7", "--reason", "guess")
    assert "expected a --reason" in command("reads", "edit", "--refuse", edit, "--by", "mira").err
    command.done("reads", "edit", "--refuse", edit, "--reason", "no proof", "--by", "mira")
    blocked = command("reads", "edit", "--approve", edit, "--by", "mira")
    assert (blocked.code, "was refused by mira" in blocked.err) == (4, True)
    both = command("reads", "edit", "--list", "--channel", "E1/E1")
    assert (both.code, "found --channel and --list" in both.err) == (2, True)
    assert command("reads", "edit", "--approve", "nothing").code == 2
