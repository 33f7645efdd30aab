"""The side by side on few channels: every contender finds the same, a difference is refused. Times are not tested."""

from __future__ import annotations

import json
import subprocess
import sys
from fractions import Fraction
from pathlib import Path

import polars as pl
import pytest

from benchmarks import side_peers
from benchmarks.determinants_data import rate_book, write_month
from benchmarks.measure import Measured
from benchmarks.side_by_side import DETERMINANTS, GROUPS, LINES, SideReport, refuse_differing, settled, side_sheets
from benchmarks.side_peers import PeerMeasured
from benchmarks.side_tariff import PATH, demand_price, edge_wh, supply_cents, tier_price

CHANNELS = 40


@pytest.fixture(scope="module")
def month(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("side")
    write_month(folder, CHANNELS, 31, 7, rate_book(PATH))
    return folder


@pytest.fixture(scope="module")
def found(month: Path) -> dict[str, dict[str, pl.DataFrame]]:
    return {
        group: {name: settled(contend(month)()) for name, contend in contenders.items()}
        for group, contenders in GROUPS.items()
    }


def test_all_contenders_of_a_group_find_the_same(found: dict[str, dict[str, pl.DataFrame]]) -> None:
    for results in found.values():
        refuse_differing(results)
    determinants, lines, _ = found.values()
    assert determinants[DETERMINANTS]["channel_no"].n_unique() == lines[LINES]["channel_no"].n_unique() == CHANNELS
    tiers = lines[LINES].filter(pl.col("item").str.ends_with(".2"))
    assert tiers.height > 0, "somebody uses more than the first tier"


def test_the_lines_of_a_channel_are_those_worked_by_hand(found: dict[str, dict[str, pl.DataFrame]]) -> None:
    determinants, lines, _ = found.values()
    channel_no = lines[LINES].filter(pl.col("item") == "energy.peak.2")["channel_no"][0]
    used = dict(determinants[DETERMINANTS].filter(pl.col("channel_no") == channel_no).drop("channel_no").iter_rows())
    cents = dict(lines[LINES].filter(pl.col("channel_no") == channel_no).drop("channel_no").iter_rows())
    # 31 days at 3 kWh: the first 93 kWh of the peak cost 0.4450, 93 x 0.4450 = 41.385 -> 41.39; the rest 0.4990.
    assert cents["energy.peak.1"] == 4_139
    assert cents["energy.peak.2"] == round(Fraction((used["peak"] - 93_000) * 4_990, 100_000) + Fraction(1, 10**9))
    # 31 x 1.1825 = 36.6575 -> 36.66.
    assert cents["supply"] == 3_666
    before_tax = sum(amount for item, amount in cents.items() if item != "gst")
    assert cents["gst"] == (before_tax + 5) // 10


def test_what_an_analyst_types_is_what_the_tariff_says() -> None:
    assert (edge_wh("peak", 31), tier_price("off_peak", 2), demand_price()) == (93_000, 2_310, 1_185)
    assert supply_cents(30) == 3_548  # 35.475: half a cent is rounded up


@pytest.mark.parametrize("column", ["amount", "channel_no"])
def test_a_result_that_differs_is_refused(column: str) -> None:
    right = pl.DataFrame({"channel_no": [1], "item": ["peak"], "amount": [100]})
    with pytest.raises(AssertionError, match="differ"):
        refuse_differing({"one": right, "other": right.with_columns(pl.col(column) + 1)})


def test_a_total_that_differs_is_refused() -> None:
    with pytest.raises(AssertionError, match="totals differ"):
        refuse_differing({"one": pl.DataFrame({"amount": [1]}), "other": pl.DataFrame({"amount": [2]})})


def test_tables_say_which_peers_were_not_asked() -> None:
    took = Measured(1.0, 2.0, 3_000_000)
    groups = {group: dict.fromkeys(contenders, took) for group, contenders in GROUPS.items()}
    peers = {"PySAM": PeerMeasured("7", "3.11", 2, 1_000, 1.0)}
    determinants, lines, physical = side_sheets(SideReport(10, 31, 1, 2_000_000, 1, 1, groups, peers))
    assert [row[-1] for row in determinants.rows] == ["1.00"] * 5
    # A million intervals a second against a thousand.
    assert lines.rows[-1][-1] == "1,000 each"
    assert any("not asked: ratebook" in note for note in physical.notes)


def test_peers_are_asked_of_an_interpreter_that_has_none() -> None:
    asked = json.dumps({"record": {}, "loads": [[1]], "from_date": "2026-10-01", "days": 31})
    script = Path(side_peers.__file__).parent / "peers.py"
    done = subprocess.run([sys.executable, "-S", script], input=asked, capture_output=True, text=True, check=True)
    assert json.loads(done.stdout)["engines"] == {}


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        # 100 kWh peak, 100 off peak; edges at 93: 93 x 0.4450 + 7 x 0.4990 + 93 x 0.2045 + 7 x 0.2310 = 65.5135
        ("ratebook", Fraction("65.5135")),
        # Half of 93 each: 46.5 x 0.4450 + 53.5 x 0.4990 + 46.5 x 0.2045 + 53.5 x 0.2310 = 69.25675
        ("PySAM", Fraction("69.25675")),
    ],
)
def test_each_peer_is_held_to_its_own_rule_of_tiers(name: str, expected: Fraction) -> None:
    assert side_peers._expected(name, {"peak": 100_000, "shoulder": 0, "off_peak": 100_000}, 31) == expected
    with pytest.raises(ValueError, match=f"{name}: expected"):
        side_peers._refuse_apart(name, [expected], [float(expected) + 0.01])
