"""Bad inputs of reference data: a table for each kind of mistake in a file."""

from __future__ import annotations

from bad_kinds import (
    ACCOUNT_HEADER,
    AGREEMENT_HEADER,
    BINARY,
    CHANNEL_HEADER,
    GOOD_ACCOUNT,
    HTML,
    POINT_HEADER,
    UTF16,
    Wrong,
    accounts,
    bad_row,
    given,
    refused_file,
    truncated_parquet,
)

ACCOUNTS = [
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

BRANCH, CUSTOMER = "branch_id,name", "customer_id,name"
CYCLE = "cycle_id,bill_group,period_start_date,period_end_date,window_open_date,window_close_date"
ACCOUNT, AGREEMENT = ACCOUNT_HEADER.strip(), AGREEMENT_HEADER.strip()
POINT, CHANNEL = POINT_HEADER.strip(), CHANNEL_HEADER.strip()
METER = "meter_id,service_point_id,installed_date,removed_date,dials,multiplier"
PREMISE = "premise_id,branch_id,address,city,postcode"
ATTRIBUTE = "agreement_id,name,value,valid_from,valid_to"
PLACE_ATTRIBUTE = "service_point_id,name,value,valid_from,valid_to"
HISTORY = "service_point_id,quantity_id,period_start_date,period_end_date,quantity,unit"
GOOD = {
    BRANCH: "S,South", CUSTOMER: "K4,Dora Example", CYCLE: "2026-08,monthly,2026-08-01,2026-09-01,2026-09-01,2026-09-11",
    ACCOUNT: GOOD_ACCOUNT.strip(), AGREEMENT: "S9,A3,E2,flat,2027-01-01,", POINT: "E9,P1,electricity,UTC,R1,9",
    CHANNEL: "E2/E2,E2,E2,export_energy,60,,", METER: "ME9,E2,2027-01-01,,6,1", PREMISE: "P9,N,9 Ninth Street,North,4000",
    ATTRIBUTE: "S1,units,2,2025-01-01,", PLACE_ATTRIBUTE: "E1,size,2,2025-01-01,",
    HISTORY: "E1,peak_kw,2026-05-01,2026-06-01,41.5,kW",
}  # fmt: skip
TABLE = {
    BRANCH: "branches", CUSTOMER: "customers", CYCLE: "cycles", ACCOUNT: "accounts", AGREEMENT: "agreements",
    POINT: "service_points", CHANNEL: "channels", METER: "meters", PREMISE: "premises",
    ATTRIBUTE: "agreement_attributes", PLACE_ATTRIBUTE: "service_point_attributes", HISTORY: "history",
}  # fmt: skip
ROWS: list[tuple[str, str, tuple[str, ...]]] = [
    (BRANCH, ",Nameless", ("branch_id",)),
    (BRANCH, "X,", ("name",)),
    (BRANCH, "X\0Y,Nul", ("branch_id",)),
    (BRANCH, "X\x1b[31m,Red", ("branch_id",)),
    (CUSTOMER, ",Nobody", ("customer_id",)),
    (CUSTOMER, "K\x07,Bell", ("customer_id",)),
    (CUSTOMER, "K8,Nul\0Name", ("name",)),
    (CYCLE, "c,monthly,2026-09-01,2026-08-01,2026-09-01,2026-09-11", ("dates_reversed",)),
    (CYCLE, "c,monthly,2026-09-01,2026-10-01,2026-10-11,2026-10-01", ("dates_reversed",)),
    (CYCLE, "c,monthly,2026-13-01,2026-10-01,2026-10-01,2026-10-11", ("2026-13-01",)),
    (CYCLE, "c,monthly,,2026-10-01,2026-10-01,2026-10-11", ("period_start_date",)),
    (CYCLE, "c,monthly,2026-07-15,2026-08-15,2026-09-01,2026-09-11", ("periods_overlap", "2026-07")),
    (CYCLE, "../c,monthly,2026-09-01,2026-10-01,2026-10-01,2026-10-11", ("cycle_id",)),
    (ACCOUNT, "A5,K1,Z,monthly,AUD,residential,14", ("unknown_reference", "Z")),
    (ACCOUNT, "A5,K1,N,monthly,aud,residential,14", ("value_not_allowed", "aud")),
    (ACCOUNT, "A5,K1,N,monthly,AUD,residential,99999999999999999999", ("99999999999999999999",)),
    (ACCOUNT, "A5,K1,N,monthly,AUD,residential,1.5", ("1.5",)),
    (ACCOUNT, "A5,K1,N,,AUD,residential,14", ("bill_group",)),
    (ACCOUNT, ",K1,N,monthly,AUD,residential,14", ("account_id",)),
    (ACCOUNT, "A5'; DROP TABLE run; --,K9,N,monthly,AUD,residential,14", ("unknown_reference", "K9")),
    (PREMISE, "P8,Z,1 Street,Town,1", ("unknown_reference", "Z")),
    (PREMISE, ",N,1 Street,Town,1", ("premise_id",)),
    (POINT, "E8,P7,electricity,UTC,R1,1", ("unknown_reference", "P7")),
    (POINT, "E1,P1,water,Australia/Brisbane,R1,1", ("measure_mismatch", "import_energy")),
    (POINT, "E8,P1,steam,UTC,R1,1", ("steam",)),
    (POINT, "E8,P1,electricity,UTC+25,R1,1", ("UTC+25",)),
    (POINT, "E8,P1,electricity,,R1,1", ("tz_name",)),
    (POINT, "E8,P1,electricity,UTC,R1,minus", ("minus",)),
    (POINT, "E8,P1,electricity,../../etc/passwd,R1,1", ("../../etc/passwd",)),
    (METER, "M8,E7,2020-01-01,,6,1", ("unknown_reference", "E7")),
    (METER, "M8,E1,2020-01-01,,0,1", ("dials",)),
    (METER, "M8,E1,2020-01-01,,99,1", ("dials", "99")),
    (METER, "M8,E1,2020-01-01,,6,0", ("multiplier",)),
    (METER, "M8,E1,2020-01-01,,6,-1", ("multiplier", "-1")),
    (METER, "M8,E1,2020-01-01,,6,nan", ("multiplier", "nan")),
    (METER, "M8,E1,2020-01-01,,6,10000000000000000000", ("multiplier",)),
    (METER, "M8,E1,2020-01-01,,6,1000000001", ("multiplier", "1000000001")),
    (METER, "M8,E1,2020-02-01,2020-01-01,6,1", ("dates_reversed",)),
    (METER, "M8,E1,31.12.2020,,6,1", ("31.12.2020",)),
    (CHANNEL, "C,E7,E1,import_energy,60,,", ("unknown_reference", "E7")),
    (CHANNEL, "C,E1,E9,power,60,,", ("power",)),
    (CHANNEL, "C,E1,E9,water_volume,0,,", ("measure_mismatch", "water_volume")),
    (CHANNEL, "C,E1,E1,export_energy,60,,", ("suffix_doubled", "E1/E1")),
    (CHANNEL, "C,E1,E9,import_energy,-60,,", ("-60",)),
    (CHANNEL, "C,E1,E9,import_energy,60,2026-02-01,2026-01-01", ("dates_reversed",)),
    (AGREEMENT, "S8,A9,E1,flat,2026-09-01,", ("unknown_reference", "A9")),
    (AGREEMENT, "S8,A3,E9,flat,2026-09-01,", ("unknown_reference", "E9")),
    (AGREEMENT, "S8,A3,E2,,2026-09-01,", ("tariff_id",)),
    (AGREEMENT, "S8,A3,E2,flat,,", ("start_date",)),
    (AGREEMENT, "S8,A3,E2,flat,2026-09-01T00:00,", ("2026-09-01T00:00",)),
    (ATTRIBUTE, "S7,units,2,2025-01-01,", ("unknown_reference", "S7")),
    (ATTRIBUTE, "S1,units,3,2026-01-01,2025-01-01", ("dates_reversed",)),
    (ATTRIBUTE, "S1,,3,2026-01-01,", ("name",)),
    (PLACE_ATTRIBUTE, "E7,size,2,2025-01-01,", ("unknown_reference", "E7")),
    (HISTORY, "E7,peak_kw,2026-05-01,2026-06-01,41.5,kW", ("unknown_reference", "E7")),
    (HISTORY, "E1,peak_kw,2026-05-01,2026-06-01,1e400,kW", ("1e400",)),
    (HISTORY, "E1,peak_kw,2026-05-01,2026-06-01,nan,kW", ("nan",)),
    (HISTORY, "E1,peak_kw,2026-06-01,2026-05-01,1,kW", ("dates_reversed",)),
    (HISTORY, "E1,peak_kw,2026-04-01,2026-05-01,0.0000001,kW", ("too_precise",)),
]
ROW_CASES = [bad_row(f"{TABLE[head]}: {row!r}", TABLE[head], head, row, GOOD[head], *says) for head, row, says in ROWS]
FILES = [
    refused_file("columns renamed", "accounts import @", "customers.csv", "id,name\nK4,x\n", "customer_id"),
    refused_file("a column twice", "accounts import @", "customers.csv", "customer_id,name,name\nK4,x,y\n", "name"),
    refused_file("a column more", "accounts import @", "customers.csv", "customer_id,name,iban\nK4,x,y\n", "iban"),
    refused_file("semicolons", "accounts import @", "customers.csv", "customer_id;name\nK4;x\n", "customers.csv"),
    refused_file(
        "Latin-1",
        "accounts import @",
        "customers.csv",
        "customer_id,name\nK4,Jos\xe9\n".encode("latin-1"),
        "customers.csv",
        "utf-8",
    ),
    refused_file(
        "quotes never closed", "accounts import @", "customers.csv", 'customer_id,name\nK4,"x\n', "customers.csv"
    ),
    refused_file("NUL bytes only", "accounts import @", "customers.csv", bytes(400), "customers.csv"),
    refused_file("a password file", "accounts import @", "passwd", "root:x:0:0\n", "passwd"),
    Wrong(
        "byte order mark",
        given("accounts import @", "customers.csv", b"\xef\xbb\xbfcustomer_id,name\nK4,x\n"),
        0,
        (),
        taken={"customers": 1},
    ),
]
ACCOUNTS += ROW_CASES + FILES
