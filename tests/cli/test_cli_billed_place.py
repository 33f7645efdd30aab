"""Days that stand billed to one agreement of a place are not billed to another one as well.

A1's electricity of June is published as one bill. Only then it is told that A3 pays for the place since 16 June:
until a rebill takes A1's days back, nobody else is billed for them; then A1 pays 15 days and A3 the other 15.
15 days x 12 kWh x 0.30 = 54.00, supply 15.00, tax 6.90: 75.90 each.
"""

from __future__ import annotations

from pathlib import Path

from books_by_hand import CommandLine, bill, june_ready
from events_by_hand import books, event, published, reads, staged

from model.errors import ExitCode

LINES = (
    "SELECT account_id, sum(amount_minor)::BIGINT AS minor FROM bill_lines WHERE service_point_id = 'E1' "
    "GROUP BY ALL ORDER BY ALL"
)


def test_days_that_went_to_another_agreement_are_billed_once(tmp_path: Path) -> None:
    command = CommandLine(tmp_path / "books")
    june_ready(command, tmp_path)
    bill(command, "2026-06", "2026-07-02")
    told = ("--set", "agreement=S1", "--set", "account=A3", "--set", "new_agreement=S1B")
    command.done("event", "add", "owner_change", "--date", "2026-06-16", *told, "--why", "form 12", "--by", "ops")
    planned = command.done("cycle", "plan", "2026-06", "--business-date", "2026-07-03", "--sequence", 2, "--json").json
    ran = command("cycle", "run", planned["run_id"], "--workers", 1, "--parked-limit", 0, "--by", "ops", "--json")
    assert ran.code == ExitCode.PARKED_ABOVE_LIMIT and ran.json["selected"] == 1  # A3's water alone, which is not read
    command.done("cycle", "abandon", planned["run_id"], "--by", "ops")
    order = ("--business-date", "2026-07-04", "--why", "A3 since 16 June", "--by", "ops", "--json")
    run = command.done("rebill", "plan", *order).json["run_id"]
    command.done("rebill", "apply", run, "--workers", 1, "--by", "ops")
    command.done("cycle", "approve", run, "--by", "mira")
    command.done("cycle", "publish", run, "--by", "ops")
    assert command.done("query", LINES, "--format", "json").json == [
        {"account_id": "A1", "minor": 7590}, {"account_id": "A3", "minor": 7590}
    ]  # fmt: skip


def test_a_run_that_was_planned_before_days_moved_to_another_agreement_is_refused(tmp_path: Path) -> None:
    # A1's run of June is staged, then it is told that A2 had G1 from 16 to 21 June: the final bill has those days.
    command = CommandLine(tmp_path / "books")
    books(command, tmp_path / "files")
    reads(command, tmp_path, "july.csv", "G1,1,M1,kWh,2026-07-01,1600,regular,A\n")
    stale = staged(command, "2026-06", "2026-07-02")
    event(command, "owner_change", "2026-06-16", agreement="S1", account="A2", new_agreement="S1B", reading=1450)
    event(command, "move_out", "2026-06-21", agreement="S1B", reading=1500)
    planned = command.done("bill", "final", "S1B", "--business-date", "2026-07-02", "--json").json["run_id"]
    command.done("cycle", "run", planned, "--workers", 1)
    published(command, planned)
    command.done("cycle", "approve", stale, "--by", "mira")
    refused = command("cycle", "publish", stale, "--by", "ops")
    assert refused.code == ExitCode.BLOCKED_BY_CONTROL
    assert (
        f"run `{stale}`: days of 1 service points would stand on two bills; first: `G1` from 2026-06-16 to 2026-06-21 "
        "on `A1.2026-06.r0` and on `A2.2026-06.r0`; concerns `G1`"
    ) in " ".join(refused.err.split())
    command.done("cycle", "abandon", stale, "--by", "ops")
    again = staged(command, "2026-06", "2026-07-02", sequence=2)
    published(command, again)
    offenders = command("ledger", "check", "--business-date", "2026-07-05").out.partition("Offenders")[2]
    assert "twice" not in offenders
