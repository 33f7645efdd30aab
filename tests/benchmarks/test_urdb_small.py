"""The rate database benchmark: bills worked by hand, and a part of the published comparison where it is at hand."""

from __future__ import annotations

import gzip
import json
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from benchmarks import urdb
from benchmarks.urdb_compare import compare
from benchmarks.urdb_data import import_rates, read_profiles, read_rates
from model.errors import InputError

SHARED = Path(__file__).parents[3] / "shared" / "conformance" / "urdb"
COLUMNS = ["rate", "profile", "month", "component", "period", "tier", "quantity", "unit", "amount", "uncontested"]

# 1 kWh in each hour of January and February 2018: 744 and 672 kWh, 1 kW. The price is 0.10 to 500 kWh, 0.05 above;
# 5 a month, and 3 for each kW. January: 50 + 12.20 + 3 + 5 = 70.20; February: 50 + 8.60 + 3 + 5 = 66.60.
RECORD: dict[str, Any] = {
    "energyratestructure": [[{"max": 500, "rate": 0.1}, {"rate": 0.04, "adj": 0.01}]],
    "energyweekdayschedule": [[0] * 24] * 12, "energyweekendschedule": [[0] * 24] * 12,
    "flatdemandstructure": [[{"rate": 3}]], "flatdemandmonths": [0] * 12,
    "fixedchargefirstmeter": 5, "fixedchargeunits": "$/month", "startdate": 1735689600,
}  # fmt: skip
JANUARY = {
    ("energy", 0, 0): 50.0, ("energy", 0, 1): 12.2, ("energy_total", None, None): 62.2, ("fixed", None, None): 5.0,
    ("demand_flat", None, None): 3.0, ("demand_tou", None, None): 0.0, ("minimum", None, None): 0.0,
    ("total", None, None): 70.2,
}  # fmt: skip
FEBRUARY = JANUARY | {
    ("energy", 0, 1): 8.6, ("energy_total", None, None): 58.6, ("total", None, None): 66.6,
}  # fmt: skip


def write_case(folder: Path, record: dict[str, Any], *, apart: float = 0.0, hours: int = 59 * 24) -> list[str]:
    """Write rates, profile and expected amounts; `apart` is added to January's fixed charge. Returns the arguments."""
    start = datetime(2018, 1, 1)
    pl.DataFrame(
        {"interval_start": [start + timedelta(hours=hour) for hour in range(hours)], "energy_wh": [1000] * hours}
    ).write_parquet(folder / "profile_even.parquet")
    rate = {"rate": "by_hand", "features": ["energy_tiered"], "item": record}
    (folder / "rates.jsonl").write_text(json.dumps(rate) + "\n")
    rows = [
        ("by_hand", "even", month, *key, None, None, amount + (apart if (month, key[0]) == (1, "fixed") else 0), True)
        for month, amounts in ((1, JANUARY), (2, FEBRUARY))
        for key, amount in amounts.items()
    ]
    pl.DataFrame(rows, schema=COLUMNS, orient="row").write_parquet(folder / "expected.parquet")
    return [
        "--rates", str(folder / "rates.jsonl"), "--expected", str(folder / "expected.parquet"),
        "--profiles", str(folder), "--peer-sample", "0",
    ]  # fmt: skip


def test_a_year_worked_by_hand_is_met(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert urdb.main(write_case(tmp_path, RECORD)) == 0
    printed = capsys.readouterr().out
    assert printed.startswith("uncontested: 1 of 1 tariff-profiles within 1e-06 $\n")
    assert "refused: 0 of 1 tariffs" in printed
    assert "intervals per CPU-second" in printed


def test_two_millionths_of_a_dollar_are_a_miss(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert urdb.main([*write_case(tmp_path, RECORD, apart=2e-6), "--show", "3"]) == 1
    printed = capsys.readouterr().out
    assert printed.startswith("uncontested: 0 of 1 tariff-profiles within 1e-06 $\n")
    assert "by_hand" in printed and "fixed" in printed


def test_a_refused_tariff_is_a_miss_with_its_reason(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert urdb.main([*write_case(tmp_path, RECORD | {"flatdemandunit": "hp"}), "--show", "1"]) == 1
    printed = capsys.readouterr().out
    assert "uncontested: 0 of 1" in printed
    assert "demand_unit_hp        1" in printed


def test_an_amount_that_one_side_lacks_counts_as_zero() -> None:
    key = {"rate": "a", "profile": "p", "month": 1, "period": None, "tier": None}
    expected = pl.DataFrame(
        [key | {"component": "total", "amount": 3.0, "uncontested": True}, key | {"component": "fixed", "amount": 0.0}],
        schema_overrides={"period": pl.Int16, "tier": pl.Int16},
    ).with_columns(uncontested=True)
    found = pl.DataFrame(
        [key | {"component": "total", "found": 3.0}, key | {"component": "fuel", "found": 9.0}],
        schema_overrides={"period": pl.Int16, "tier": pl.Int16},
    )
    assert compare(expected, found).counts(uncontested=True) == (1, 1)
    short = found.filter(pl.col("component") == "fuel")
    assert compare(expected, short).worst["apart"].to_list() == [-3.0]


def test_a_profile_with_a_missing_hour_is_refused(tmp_path: Path) -> None:
    write_case(tmp_path, RECORD, hours=59 * 24 - 1)
    with pytest.raises(InputError, match="expected whole days of intervals of one length"):
        read_profiles(tmp_path)


@pytest.mark.skipif(not SHARED.is_dir(), reason="the published comparison is not beside the project")
def test_a_part_of_the_published_comparison_is_met() -> None:
    """Some tariffs of every kind that is uncontested, on all four profiles."""
    expected = pl.read_parquet(SHARED / "expected.parquet").filter("uncontested")
    known = set(expected["rate"].unique().to_list())
    rates = [rate for rate in read_rates(SHARED / "rates.jsonl.gz") if rate.name in known]
    seen: dict[str, int] = {}
    chosen = []
    for rate in rates:
        if any(seen.get(tag, 0) < 3 for tag in rate.features):
            chosen.append(rate)
            for tag in rate.features:
                seen[tag] = seen.get(tag, 0) + 1
    profiles = read_profiles(SHARED)
    imported = import_rates(chosen, date(1970, 1, 1))
    assert imported.refused == []
    run = urdb.rate_all(imported, profiles)
    comparison = compare(expected.filter(pl.col("rate").is_in([rate.name for rate in chosen])), run.found)
    assert comparison.worst.is_empty()
    assert comparison.counts(uncontested=True) == (len(chosen) * 4, len(chosen) * 4)


def test_rates_may_be_packed(tmp_path: Path) -> None:
    path = tmp_path / "rates.jsonl.gz"
    path.write_bytes(gzip.compress(b'{"rate": "a", "features": [], "item": {}}\n'))
    assert [rate.name for rate in read_rates(path)] == ["a"]
    path.write_bytes(gzip.compress(b'{"rate": "a"}\n'))
    with pytest.raises(InputError, match="line 1: expected an object with `rate` and `item`"):
        read_rates(path)
