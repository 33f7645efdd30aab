"""Bad inputs to the ledger, to corrections, events and comparisons."""

from __future__ import annotations

from bad_kinds import (
    BINARY,
    HTML,
    PLANNED,
    PUBLISHED,
    Place,
    Wrong,
    given,
    refused,
    refused_file,
    say,
    truncated_parquet,
)
from books_by_hand import CommandLine

PAYMENT = "channel,batch,reference,account_id,amount,booked_date,branch_id"
POST = "ledger post credit_adjustment --account A1 --business-date 2026-07-20 --why x"


def payment(line: str, *says: str) -> Wrong:
    """Return a case of a payment file: one bad row, one good."""
    text = f"{PAYMENT}\n{line}\nbank,1,R9,A1,5.00,2026-07-10,\n"
    return Wrong(f"payment: {line!r}", given("ledger import @", "p.csv", text), 3, says, taken={"posting": 1})


def closed(line: str, *says: str) -> Wrong:
    """Return a case in a period that has been closed."""

    def words(place: Place) -> list[object]:
        CommandLine(place.books).done("ledger", "close", "2026-07", "--by", "mira")
        return say(line)(place)

    return Wrong(f"July is closed: {line}", words, 4, says, is_damage=True)


LEDGER = [
    refused("ledger post gift --account A1 --amount 1", "gift"),
    refused("ledger post payment --account A99 --amount 1", "A99"),
    refused("ledger post payment --account A1", "--amount"),
    refused("ledger post payment --amount 1", "--account"),
    *(refused(f"{POST} --amount={amount}", amount) for amount in ("nan", "inf", "1.005", "abc", "99999999999999999999", "1,50", "=1+1")),
    refused(f"{POST} --amount 1 --bill A9.2026-06.r0", "A9.2026-06.r0"),
    refused(f"{POST} --amount 1 --bill A2.2026-06.r0", "A2.2026-06.r0"),
    refused(f"{POST} --amount 1 --gl 999", "999"),
    refused(f"{POST} --amount 1 --currency USD", "USD"),
    refused("ledger post credit_adjustment --account A1 --amount 1", "--why"),
    refused("ledger post write_off --account A1 --item nothing --why x", "nothing"),
    refused("ledger post transfer --account A1 --to-account A99 --amount 1 --why x", "A99"),
    refused("ledger post payment --account \"A1' OR '1'='1\" --amount 1", "OR"),
    refused("ledger post payment --account A1 --amount 1 --business-date 2026-02-30", "2026-02-30"),
    refused("ledger approve nothing --by mira", "nothing"),
    refused("ledger approve nothing --refuse --by mira", "nothing"),
    refused("ledger close June", "June"),
    refused("ledger close 2026-13", "2026-13"),
    refused("ledger close 9999-01", "9999-01"),
    refused("ledger balance A99", "A99"),
    refused("ledger statement A99", "A99"),
    refused("ledger items --account A99", "A99"),
    refused("ledger items --branch SOUTH", "SOUTH"),
    refused("ledger items --due-before soon", "soon"),
    refused("ledger postings --state lost", "lost"),
    refused("ledger postings --account A99", "A99"),
    refused("ledger trial-balance --branch SOUTH", "SOUTH"),
    refused("ledger trial-balance --at soon", "soon"),
    refused("ledger roll-forward --from 2026-07-01 --to 2026-06-01", "2026-06-01"),
    refused("ledger export --format xml", "xml"),
    refused("ledger export --format hledger --out {folder}", "hint"),
    refused("ledger export --format hledger --from 2026-07-01 --to 2026-06-01", "2026-06-01"),
    refused("ledger accounts set 999 --number 1", "999"),
    refused("ledger accounts set 142", "--number"),
    refused("ledger accounts set 142 --type wealth", "wealth"),
    refused("ledger fees --business-date 2026-02-30", "2026-02-30"),
    refused("ledger allocate --business-date soon", "soon"),
    refused("ledger import {folder}/no.csv", "no.csv"),
    refused("ledger post payment --account A1 --amount 5 --reference a\0b", "--reference", "a?b"),
    refused_file("payments: a web page", "ledger import @", "p.csv", HTML, "p.csv"),
    refused_file("payments: empty", "ledger import @", "p.csv", "", "p.csv"),
    refused_file("payments: binary", "ledger import @", "p.csv", BINARY, "p.csv"),
    refused_file("payments: UTF-16", "ledger import @", "p.csv", f"{PAYMENT}\n".encode("utf-16"), "p.csv"),
    refused_file("payments: other columns", "ledger import @", "p.csv", "a,b\n1,2\n", "p.csv", "amount"),
    refused_file("payments: an unknown kind", "ledger import @ --kind gift", "p.csv", f"{PAYMENT}\n", "gift"),
    refused_file("payments: a control total that is none", "ledger import @ --control-total much", "p.csv", f"{PAYMENT}\n", "much"),
    refused_file("payments: a control total of nan", "ledger import @ --control-total nan", "p.csv", f"{PAYMENT}\n", "nan"),
    refused_file("payments: another control total", "ledger import @ --control-total 6", "p.csv", f"{PAYMENT}\nbank,1,R1,A1,5.00,2026-07-10,\n", "5.00", "6", code=4),
    payment("bank,1,R1,A9,1.00,2026-07-10,", "branch_unknown"),
    payment("bank,1,R1,A9,1.00,2026-07-10,SOUTH", "branch_unknown"),
    payment("bank,1,,A1,1.00,2026-07-10,", "key_missing"),
    payment(",1,R1,A1,1.00,2026-07-10,", "key_missing"),
    *(payment(f"bank,1,R1,A1,{amount},2026-07-10,", "amount_wrong") for amount in ("", "nan", "-1", "0", "1.005", "1e5", "=1", "9999999999999999")),
    payment("bank,1,R1,A1,1.00,2026-02-30,", "date_wrong"),
    payment("bank,1,R1,A1,1.00,,", "date_wrong"),
    payment("bank,1,R9,A1,6.00,2026-07-10,", "key_twice"),
    closed("ledger post payment --account A1 --amount 1 --business-date 2026-07-20", "2026-07"),
    closed("ledger close 2026-06", "2026-0"),
]  # fmt: skip
CORRECTIONS = [
    refused('bill show "x\'; DROP TABLE bills; --"', "DROP TABLE"),
    refused("bill show ../../etc/passwd", "../../etc/passwd"),
    refused("bill rerate A9.2026-06.r0", "A9.2026-06.r0"),
    refused("bill rerate A1.2026-06.r0 --as-known-at yesterday", "yesterday"),
    refused("bill final --business-date 2026-07-21", "agreement"),
    refused("bill final S99 --business-date 2026-07-21", "S99"),
    refused("bill final S1 --business-date 2026-07-21", "S1"),
    refused("bill final S3 --business-date 2026-02-30", "2026-02-30"),
    refused("bill cancel A9.2026-06.r0 --business-date 2026-07-03 --why x", "A9.2026-06.r0"),
    refused("bill cancel --business-date 2026-07-03 --why x", "--account"),
    refused("bill cancel A1.2026-06.r0 --business-date 2026-07-03", "--why"),
    refused("bill cancel A1.2026-06.r0 --business-date 2026-07-03 --why ''", "--why"),
    refused("bill cancel A1.2026-06.r0 --business-date soon --why x", "soon"),
    refused("bill cancel --account A99 --business-date 2026-07-03 --why x", "A99"),
    refused("bill cancel --run bill-x --business-date 2026-07-03 --why x", "bill-x"),
    refused("bill cancel --cycle 2031-01 --business-date 2026-07-03 --why x", "2031-01"),
    refused("bill cancel --branch SOUTH --cycle 2026-06 --business-date 2026-07-03 --why x", "SOUTH"),
    refused("rebill plan --business-date 2026-07-03 --why ''", "--why"),
    refused("rebill plan --business-date soon --why x", "soon"),
    refused("rebill plan --business-date 2026-07-03 --why x --cause luck", "luck"),
    refused("rebill plan --business-date 2026-07-03 --why x --account A99", "A99"),
    refused("rebill plan --business-date 2026-07-03 --why x --tariff gold", "gold"),
    refused("rebill plan --business-date 2026-07-03 --why x --branch SOUTH", "SOUTH"),
    refused("rebill plan --business-date 2026-07-03 --why x --cycle 2031-01", "2031-01"),
    refused("rebill plan --business-date 2026-07-03 --why x --since yesterday", "yesterday"),
    refused("rebill show rebill-x", "rebill-x"),
    refused("rebill apply rebill-x", "rebill-x"),
    refused(f"rebill apply {PUBLISHED}", PUBLISHED),
    refused(f"rebill show {PLANNED}", PLANNED),
]
EVENT = "event_id,kind,date,account,agreement,point,meter,details,why,evidence"
EVENTS = [
    refused("event add party --date 2026-07-01 --why x", "party"),
    refused("event add move_out --date 2026-07-01 --why x", "agreement"),
    refused("event add move_out --date 2026-02-30 --why x --set agreement=S1", "2026-02-30"),
    refused("event add move_out --date 2026-07-01 --why '' --set agreement=S1", "why"),
    refused("event add move_out --date 2026-07-01 --why x --set agreement=S99", "S99"),
    refused("event add move_out --date 2026-07-01 --why x --set agreement", "agreement"),
    refused("event add move_out --date 2026-07-01 --why x --set agreement=S1 --set colour=red", "colour"),
    refused("event add move_out --date 2024-07-01 --why x --set agreement=S1", "2024-07-01"),
    refused("event add move_out --date 2026-07-01 --why x --set agreement=S1 --set agreement=S2", "agreement"),
    refused("event add move_in --date 2026-07-01 --why x --set point=E1 --set account=A3 --set tariff=flat", "E1"),
    refused("event add move_in --date 2026-08-01 --why x --set point=E9 --set account=A3 --set tariff=flat", "E9"),
    refused("event add move_in --date 2026-08-01 --why x --set point=E2 --set account=A99 --set tariff=flat", "A99"),
    refused("event add meter_exchange --date 2026-07-05 --why x --set meter=MX --set new_meter=MY", "MX"),
    refused("event add meter_exchange --date 2026-07-05 --why x --set meter=MW1B --set new_meter=MY --set reading=-5 --set new_reading=0", "-5"),
    refused("event add meter_exchange --date 2026-07-05 --why x --set meter=MW1B --set new_meter=MY --set reading=nan --set new_reading=0", "nan"),
    refused("event add reconfiguration --date 2026-07-05 --why x --set meter=MW1B --set multiplier=0", "multiplier"),
    refused("event add disconnection --date 2026-07-05 --why x --set point=E1 --set fee=free", "fee"),
    refused("event add tamper --date 2026-07-05 --why x --set agreement=S1 --set quantity=1e400 --set unit=kWh --set price=1 --set from=2026-06-01 --set to=2026-06-02", "1e400"),
    refused("event add meter_test --date 2026-07-05 --why x --set meter=ME1 --set error_percent=-100 --set since=2026-06-01", "-100"),
    refused("event add charge --date 2026-07-05 --why x --set agreement=S1 --set fee=99999999999999999999 --set text=x", "99999999999999999999"),
    refused("event add cycle_change --date 2026-07-05 --why x --set account=A1 --set bill_group=never", "never"),
    refused("event show nothing", "nothing"),
    refused("event approve nothing --by mira", "nothing"),
    refused("event list --kind party", "party"),
    refused("event list --point E99", "E99"),
    refused("event import {folder}/no.csv", "no.csv"),
    refused_file("events: a web page", "event import @", "e.csv", HTML, "e.csv"),
    refused_file("events: other columns", "event check @", "e.csv", "a,b\n1,2\n", "e.csv"),
    refused_file("events: one bad, none kept", "event import @", "e.csv", f"{EVENT}\n,move_out,2026-07-20,,S1,,,,moved,\n,party,2026-07-20,,S1,,,,x,\n", "party"),
    refused_file("events: binary", "event import @", "e.csv", BINARY, "e.csv"),
    refused_file("events: half a detail", "event import @", "e.csv", f"{EVENT}\n,move_out,2026-07-20,,S1,,,reading,moved,\n", "reading"),
]  # fmt: skip
LEGACY = "account,service_point,period_start,period_end,line,amount"
ROW = "A1,E1,2026-06-01,2026-07-01,energy,108.00"
COMPARE = f"compare --legacy @ --run {PUBLISHED}"
COMPARISONS = [
    refused("compare", "--legacy"),
    refused(f"compare --legacy {{folder}}/no.csv --run {PUBLISHED}", "no.csv"),
    refused("compare explain rounding --code R1 --why x", "compar"),
    refused("compare sign-off --by mira", "compar"),
    refused("compare sign-off --comparison nothing --by mira", "nothing"),
    refused_file("legacy: no such run", "compare --legacy @ --run bill-x", "l.csv", f"{LEGACY}\n{ROW}\n", "bill-x"),
    refused_file("legacy: a run without bills", f"compare --legacy @ --run {PLANNED}", "l.csv", f"{LEGACY}\n{ROW}\n", PLANNED),
    refused_file("legacy: a tolerance that is none", f"{COMPARE} --tolerance much", "l.csv", f"{LEGACY}\n{ROW}\n", "much"),
    refused_file("legacy: a tolerance below zero", f"{COMPARE} --tolerance=-1", "l.csv", f"{LEGACY}\n{ROW}\n", "-1"),
    refused_file("legacy: a tolerance of nan", f"{COMPARE} --tolerance nan", "l.csv", f"{LEGACY}\n{ROW}\n", "nan"),
    refused_file("legacy: a web page", COMPARE, "l.csv", HTML, "l.csv"),
    refused_file("legacy: empty", COMPARE, "l.csv", "", "l.csv"),
    refused_file("legacy: binary", COMPARE, "l.csv", BINARY, "l.csv"),
    refused_file("legacy: truncated Parquet", COMPARE, "l.parquet", truncated_parquet(), "l.parquet"),
    refused_file("legacy: other columns", COMPARE, "l.csv", "a,b\n1,2\n", "account"),
    refused_file("legacy: another control total", f"{COMPARE} --control-total 1", "l.csv", f"{LEGACY}\n{ROW}\n", "108.00", code=4),
    refused_file("legacy: a control total of nan", f"{COMPARE} --control-total nan", "l.csv", f"{LEGACY}\n{ROW}\n", "nan"),
    refused_file("legacy: an amount that is none", COMPARE, "l.csv", f"{LEGACY}\n{ROW.replace('108.00', 'nan')}\n", "nan", code=3),
    refused_file("legacy: a day that is none", COMPARE, "l.csv", f"{LEGACY}\n{ROW.replace('2026-06-01', '2026-02-30')}\n", "2026-02-30", code=3),
]  # fmt: skip
