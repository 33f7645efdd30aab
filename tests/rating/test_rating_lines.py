"""The order of bill lines."""

from __future__ import annotations

from datetime import date, timedelta
from random import Random

import polars as pl
import pytest

from rating import lines

ORDER = ["agreement_no", "place", "period_start_date", "season", "tou", "tier"]


def drawn(rows: int) -> pl.DataFrame:
    draw = Random(7)
    values = [
        (draw.randrange(50), draw.randrange(4), date(2026, 1, 1) + timedelta(draw.randrange(40)), draw.randrange(3),
         draw.randrange(3), draw.randrange(-1, 3))
        for _ in range(rows)
    ]  # fmt: skip
    schema = dict(zip(ORDER, [pl.Int64, pl.UInt32, pl.Date, pl.Int64, pl.Int64, pl.Int32], strict=True))
    return pl.DataFrame(values, schema=schema, orient="row").unique(ORDER, maintain_order=True)


@pytest.mark.parametrize("places", [2**62, 1])
def test_one_number_puts_lines_in_the_order_of_their_columns(places: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lines, "_PLACES_MAX", places)
    for rows in (drawn(2_000), drawn(1), drawn(0)):
        assert lines._in_order(rows).rows() == sorted(rows.rows())


def test_what_spans_more_than_a_number_holds_is_in_order_as_well() -> None:
    far = pl.DataFrame({"agreement_no": [2**62, 0, 2**40, 7]})
    rows = pl.concat([far, drawn(4).drop("agreement_no")], how="horizontal")
    assert lines._in_order(rows)["agreement_no"].to_list() == [0, 7, 2**40, 2**62]


def test_names_are_numbered_in_their_order() -> None:
    assert lines._ranks(pl.Series("tou", ["peak", "", "off", "peak"])).to_list() == [2, 0, 1, 2]
