"""Days that stand billed to one agreement of a place are not billed to another one as well.

A1's electricity of June is published as one bill. Only then it is told that A3 pays for the place since 16 June:
until a rebill takes A1's days back, nobody else is billed for them; then A1 pays 15 days and A3 the other 15.
15 days x 12 kWh x 0.30 = 54.00, supply 15.00, tax 6.90: 75.90 each.
"""

from __future__ import annotations

from pathlib import Path

from books_by_hand import CommandLine, bill, june_ready

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
