"""Bad inputs to decisions: findings, exceptions, exclusions, holds, roles, approvals, nights and calendars."""

from __future__ import annotations

import os
import pwd

from bad_kinds import HTML, PLANNED, PUBLISHED, Place, Wrong, refused, refused_file, say

PARKED = "S4/2026-06-01/end_read_missing"
ROLES = f"""
[roles]
trusted_users = ["{pwd.getpwuid(os.getuid()).pw_name}"]
[roles.reader]
users = ["rita"]
may = []
[roles.chief]
users = ["mira"]
may = ["all"]
"""


def with_roles(line: str, *says: str, roles: str = ROLES, code: int = 4) -> Wrong:
    """Return a case in a workspace whose configuration has roles."""

    def words(place: Place) -> list[object]:
        with (place.books / "billmill.toml").open("a", encoding="utf-8") as file:
            file.write(roles)
        return say(line)(place)

    return Wrong(f"roles: {line}: {says[0]} {len(roles)}", words, code, says, is_damage="[roles.reader]" not in roles)


DECISIONS = [
    *(refused(f"findings {act} no-such-finding --why x --yes", "no-such-finding") for act in ("accept", "estimate", "release")),
    refused("findings show no-such-finding", "no-such-finding"),
    refused("findings show \"x'; DROP TABLE run; --\"", "DROP TABLE"),
    refused("findings assign no-such-finding --owner x --yes", "no-such-finding"),
    refused("findings edit no-such-finding --value 1 --why x", "no-such-finding"),
    refused("findings edit no-such-finding --why x", "value"),
    refused("findings list --severity horrible", "horrible"),
    refused("findings list --state gone", "gone"),
    refused("findings list --from 2026-02-30", "2026-02-30"),
    refused("findings list --age=-3", "--age"),
    refused("findings list --age old", "--age"),
    refused("findings list --limit 0", "--limit"),
    refused("findings accept", "hint"),
    *(refused(f"exceptions {act} no-such-exception --why x --yes", "no-such-exception") for act in ("accept", "exclude", "release")),
    refused("exceptions show no-such-exception", "no-such-exception"),
    refused("exceptions assign no-such-exception --owner x --yes", "no-such-exception"),
    refused("exceptions accept", "hint"),
    refused(f"exceptions accept {PARKED} --yes", "why"),
    refused(f"exceptions assign {PARKED} --owner '' --yes", "owner"),
    refused("exceptions list --severity horrible", "horrible"),
    refused("exceptions list --branch SOUTH", "SOUTH"),
    refused("exceptions list --run bill-x", "bill-x"),
    refused("exceptions list --min-amount much", "--min-amount"),
    refused("exceptions list --min-amount=-1", "--min-amount"),
    refused("exceptions list --code high_hat", "high_hat", "unbilled_at_close"),
    refused("findings list --reason high_hat", "high_hat", "meter_unknown"),
    refused("findings list --rule V99", "V99", "V18"),
    refused("exceptions list --min-amount nan", "--min-amount"),
    refused("exceptions list --state gone", "gone"),
    refused("exceptions list --business-date 2026-02-30", "2026-02-30"),
    refused("exceptions list --account A99", "A99"),
    refused("cycle hold --account A99 --why x", "A99"),
    refused("cycle hold --account A1", "why"),
    refused("cycle hold --why x", "--account"),
    refused("cycle hold --list {folder}/no.csv --why x", "no.csv"),
    refused_file("hold an empty list", "cycle hold --list @ --why x", "l.csv", "", "l.csv"),
    refused_file("hold a web page", "cycle hold --list @ --why x", "l.csv", HTML, "l.csv"),
    refused(f"cycle exclude {PUBLISHED} --account A1 --why x", "published", code=4),
    refused(f"cycle exclude {PLANNED} --account A3 --why x", "planned", code=4),
    refused("cycle exclude bill-x --account A1 --why x", "bill-x"),
    refused("cycle include bill-x --account A1 --why x", "bill-x"),
    refused(f"cycle exclude {PUBLISHED} --why x", "published", code=4),
    refused("cycle ready --cycle 2031-01", "2031-01"),
    refused("cycle calendar --year 1", "--year"),
    refused("cycle calendar --year 2027 --groups 0", "--groups"),
    refused("cycle calendar --year 2027 --group monthly --branch SOUTH --apply", "SOUTH"),
    refused("cycle calendar --year 2027 --group monthly --holidays XX", "XX"),
    refused("cycle calendar --year 2027 --group monthly --weekend funday", "funday"),
    refused("cycle calendar --year 2027 --group monthly --due-days=-1", "--due-days"),
    refused("cycle calendar --year 2027 --group monthly --window-days 0", "--window-days"),
    refused("cycle list --business-date 2026-02-30", "2026-02-30"),
    refused("cycle list --state ajar", "ajar"),
    refused("cycle list --branch SOUTH", "SOUTH"),
    refused("cycle night", "--business-date"),
    refused("cycle night --business-date tomorrow", "tomorrow"),
    refused("cycle night --business-date 2026-07-02 --branch SOUTH", "SOUTH"),
    refused("cycle night --business-date 2026-07-02 --inbox {folder}/none", "none"),
    refused("cycle night --business-date 2026-07-02 --workers 0", "--workers"),
    refused("cycle night --business-date 2026-07-02 --skip-code 0", "--skip-code"),
    refused("cycle night --business-date 2026-07-02 --skip-code 256", "--skip-code"),
    refused("cycle night --business-date 2026-07-02 --max-exceptions=-1", "--max-exceptions"),
    refused("cycle status bill-x --watch", "bill-x"),
    refused(f"cycle status {PLANNED} --watch --every 0", "--every"),
    with_roles("accounts import {folder} --by rita", "may not import", "mira"),
    with_roles("tariff approve flat --by rita", "may not approve"),
    with_roles("cycle plan 2026-06 --business-date 2026-07-05 --sequence 2 --by rita", "may not plan"),
    with_roles(f"cycle run {PLANNED} --by rita", "may not run"),
    with_roles(f"cycle publish {PUBLISHED} --by rita", "may not publish"),
    with_roles(f"exceptions accept {PARKED} --why x --yes --by rita", "may not review"),
    with_roles("reads vee --from 2026-06-01 --to 2026-06-02 --by rita", "may not land"),
    with_roles("reads estimate --on 2026-06-02 --by rita", "may not edit"),
    with_roles("bill cancel A1.2026-06.r0 --business-date 2026-07-03 --why x --by rita", "may not correct"),
    with_roles("rebill plan --business-date 2026-07-03 --why x --all --by rita", "may not correct"),
    with_roles("ledger close 2026-06 --by rita", "may not post"),
    with_roles("event add move_out --date 2026-07-01 --why x --set agreement=S1 --by rita", "may not import"),
    with_roles("run list", "roles", roles='\n[roles.a]\nusers = ["x"]\nmay = ["fly"]\n', code=2),
    with_roles("run list", "rolls", roles='\n[rolls.a]\nusers = ["x"]\n', code=2),
    with_roles("run list", "users", roles='\n[roles.a]\nusers = "x"\nmay = []\n', code=2),
    with_roles("run list", "approve_up_to", roles='\n[roles.a]\nusers = ["x"]\nmay = ["approve"]\napprove_up_to = "lots"\n', code=2),
    with_roles("run list", "approve_up_to", roles='\n[roles.a]\nusers = ["x"]\nmay = ["approve"]\napprove_up_to = "-1"\n', code=2),
]  # fmt: skip
