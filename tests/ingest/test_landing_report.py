"""Totals of what landed, in units that people read."""

from __future__ import annotations

from datetime import date

import polars as pl
from vee_frames import channel_numbers, wide_days

from ingest.landing.report import energy_by_unit
from model.accounts import ChannelNumbers
from model.schema import arranged

DAY = date(2026, 10, 1)


def test_each_measure_is_printed_by_the_size_of_its_own_unit() -> None:
    # 24 hours of 100,000 Btu: a therm each. 24 hours of 1,500 Wh: 36 kWh.
    measures = pl.Series("measure", ["gas_btu", "import_energy"])
    channels = arranged(ChannelNumbers, channel_numbers((1, 2)).with_columns(measures))
    days = wide_days({(1, DAY): [100_000] * 24, (2, DAY): [1_500] * 24})
    assert energy_by_unit({60: days}, channels) == {"kWh": "36.000", "therm": "24.00000"}
