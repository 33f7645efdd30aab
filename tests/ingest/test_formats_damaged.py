from __future__ import annotations

import random
from datetime import date

import pytest
from meter_files import CHICAGO, nem12, nem12_day, parse
from test_formats_csv import LONG, REGISTERS, SMT, WIDE, long_rows, quarter_hours, smt_rows, wide_row

from model.reads import ReadDays, RegisterReads
from model.schema import checked

SAMPLES = {
    "nem12": nem12(
        "200,NMI1,E1,1,E1,N1,METER1,kWh,30,", nem12_day(), nem12_day("20241002", tail="V,,,,"), "400,1,48,E52,,"
    ),
    "long": "\n".join(
        [LONG + ",updated_at", *(f"{row}," for row in long_rows("NMI3", CHICAGO, date(2022, 3, 13), 15))]
    ),
    "wide": "\n".join([WIDE, wide_row("NMI3", "2022-03-13", ["1"] * 92), wide_row("NMI4", "2026-10-04", ["2"] * 92)]),
    "smt": "\n".join([SMT, *smt_rows("06/01/2022", quarter_hours())]),
    "registers": "\n".join([REGISTERS, "WAT1,W1,M1,kL,2026-10-01,123.456,regular,A", "WAT1,W1,M1,kL,2026-11-01,130,,"]),
}
PIECES = [
    ",",
    "\n",
    "",
    "0",
    "-",
    "é",
    '"',
    "NaN",
    "1e9",
    "V",
    "300,",
    "200,",
    "400,1,2,A",
    "9" * 30,
    "0001-01-01",
    " ",
]


@pytest.mark.parametrize("name", SAMPLES)
def test_damage_anywhere_never_raises_and_never_breaks_the_tables(name: str) -> None:
    draw = random.Random(f"damage {name}")
    for _ in range(30):
        text = SAMPLES[name]
        for _ in range(draw.randint(1, 4)):
            at = draw.randrange(len(text))
            text = text[:at] + draw.choice(PIECES) + text[at + draw.choice([0, 1, 5, 200]) :]
        parsed = parse(text)
        checked(RegisterReads, parsed.registers)
        for days in parsed.days.values():
            checked(ReadDays, days)
            assert not days.select("channel_no", "day").is_duplicated().any()


def test_cutting_a_file_anywhere_never_raises() -> None:
    for text in SAMPLES.values():
        for at in range(0, len(text), max(1, len(text) // 12)):
            parse(text[:at])
