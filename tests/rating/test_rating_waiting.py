"""Before a cycle's estimate date, agreements that rest on estimates wait; the rest is billed."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import pytest
from rating_rows import JUNE, book, channel, component, day_rows, due, price, rating_input

from model.codes import Quality
from model.rating import Rated
from rating.stages import rate

TENTH = date(2026, 7, 10)
WAITS = "quantity `kwh` rests on estimates; expected actual reads, or a business date from 2026-07-10 on"


def rated(quality: Quality, estimates_from: date | None) -> Rated:
    days = day_rows(1, *JUNE, 100)
    days[0] |= {"worst": quality, "flags": bytes([quality] + [0] * 95)}  # one interval of June
    given = rating_input(book(components=[component()], prices=[price()]), [due()], [channel()], {15: days})
    return rate(replace(given, estimates_from=estimates_from))


@pytest.mark.parametrize(
    ("quality", "estimates_from", "waits"),
    [
        (Quality.ESTIMATED, TENTH, True),
        (Quality.SUBSTITUTED, TENTH, True),
        (Quality.EDITED, TENTH, False),  # a person gave the value
        (Quality.ACTUAL, TENTH, False),
        (Quality.ESTIMATED, None, False),
    ],
)
def test_estimates_wait_for_their_date(quality: Quality, estimates_from: date | None, waits: bool) -> None:
    found = rated(quality, estimates_from)
    told = found.parked.select("reason", "detail", "owner").rows()
    assert told == ([("waiting_for_reads", WAITS, "metering")] if waits else [])
    assert found.lines.is_empty() == waits
