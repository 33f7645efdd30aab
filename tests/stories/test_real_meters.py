"""Real meter files from landing to invoice: what is billed is what the files hold, for every month they cover."""

from __future__ import annotations

import csv
import zipfile
from collections import defaultdict
from collections.abc import Iterator
from datetime import date, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest
from real_meters import AT, SHARED, RealChannel, bill_months, make_books, months

from cycles.bills.again import explain_bill
from ingest.landing.land import land_files
from ingest.landing.report import LandStatus
from ingest.vee.run import run_vee
from model.codes import Measure
from outputs.query import analytics_frame
from store.workspace import Workspace

pytestmark = pytest.mark.skipif(
    not (SHARED / "meterdata").is_dir(), reason="the folder shared/ with real meter files is not beside the project"
)
TEXAS = SHARED / "meterdata" / "smt" / "IntervalData_anon.csv"
ESIID = "10400000000000001"
NEM_MEASURES = {
    "E": Measure.IMPORT_ENERGY,
    "B": Measure.EXPORT_ENERGY,
    "Q": Measure.REACTIVE_ENERGY,
    "K": Measure.REACTIVE_EXPORT,
}


@pytest.fixture(scope="module")
def texas(tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    channel = RealChannel(ESIID, "consumption", Measure.IMPORT_ENERGY, 15)
    span = (date(2022, 3, 1), date(2023, 1, 15))
    workspace = make_books(
        tmp_path_factory.mktemp("texas") / "books", [channel], {ESIID: span}, tariff="tx-res-tou",
        tz_name="America/Chicago", currency="USD",
    )  # fmt: skip
    land_files(workspace, [TEXAS], received_at=AT)
    run_vee(workspace, from_date=span[0], to_date=span[1], received_at=AT)
    bill_months(workspace, *span)
    return workspace


def texas_by_month() -> dict[str, Decimal]:
    """Sum the file by month, with nothing but the csv module."""
    found: dict[str, Decimal] = defaultdict(Decimal)
    with TEXAS.open(newline="") as source:
        for row in csv.DictReader(source):
            day = datetime.strptime(row["USAGE_DATE"], "%m/%d/%Y")
            found[f"{day:%Y-%m}"] += Decimal(row["USAGE_KWH"] or 0)
    return dict(found)


def test_the_texas_meter_is_billed_for_what_its_file_holds_month_by_month(texas: Workspace) -> None:
    billed = analytics_frame(
        texas, "SELECT cycle_id, sum(quantity)::BIGINT AS wh FROM bill_lines WHERE component_id = 'energy' GROUP BY ALL"
    )
    expected = {month: int(kwh * 1000) for month, kwh in texas_by_month().items()}
    assert dict(billed.iter_rows()) == expected
    # The file's sum as several parsers found it: meterdata/expected.csv, smt, "rows / kWh".
    assert sum(expected.values()) == 6_825_137


def test_the_day_of_25_hours_is_billed_whole_and_explained(texas: Workspace) -> None:
    explained = explain_bill(texas, f"A-{ESIID}.2022-11.r0")
    day = [line for line in explained.text if line.strip().startswith("2022-11-06")]
    assert explained.is_same
    assert len(day) == 1 and "100 slots of 15 min" in day[0] and "3.701 kWh" in day[0]


def test_the_day_of_23_hours_has_92_slots_and_no_estimate(texas: Workspace) -> None:
    day = analytics_frame(texas, "SELECT slots, estimated_slots FROM usage_daily WHERE day = DATE '2022-03-13'")
    assert day.rows() == [(92, 0)]


def test_every_cent_of_the_texas_bills_is_in_the_ledger(texas: Workspace) -> None:
    sums = analytics_frame(
        texas,
        "SELECT (SELECT sum(total_minor) FROM invoices), (SELECT sum(amount_minor) FROM bill_lines), "
        "(SELECT sum(amount_minor) FROM journal_lines WHERE gl_account = '142'), "
        "(SELECT sum(amount_minor) FROM journal_lines)",
    ).row(0)
    assert sums[0] == sums[1] == sums[2] > 0 and sums[3] == 0


ONE_DAY = timedelta(days=1)


def by_point(channels: list[RealChannel]) -> dict[str, list[RealChannel]]:
    found: dict[str, list[RealChannel]] = defaultdict(list)
    for channel in channels:
        found[channel.service_point_id].append(channel)
    return found


def nem12_files() -> list[Path]:
    folder = SHARED / "meterdata"
    return [*sorted((folder / "nem12").glob("*.csv")), *sorted((folder / "nem12_plain").glob("Example_NEM12_*"))]


def records(path: Path) -> Iterator[list[str]]:
    """Return the records of a file, or of the files in a zip, with nothing but the standard library."""
    if path.suffix == ".zip":
        with zipfile.ZipFile(path) as archive:
            texts = [archive.read(name).decode() for name in archive.namelist()]
    else:
        texts = [path.read_text(encoding="utf-8")]
    for text in texts:
        yield from (row for row in csv.reader(text.splitlines()) if row)


def nem12_channels(paths: list[Path]) -> list[RealChannel]:
    """Read meters, channels and their days from 200 and 300 records; channels that are no energy (volts) left out."""
    days: dict[tuple[str, str, Measure, int], set[date]] = defaultdict(set)
    for path in paths:
        for row in records(path):
            if row[0] == "200":
                measure = NEM_MEASURES.get(row[4][0])
                key = (row[1], row[4], measure, int(row[8]))
            elif row[0] == "300" and measure is not None:
                days[key].add(datetime.strptime(row[1], "%Y%m%d").date())
    return [RealChannel(*key, start_date=min(found), end_date=max(found) + ONE_DAY) for key, found in days.items()]


def test_nem12_meters_are_billed_for_what_their_files_hold(tmp_path: Path) -> None:
    paths = nem12_files()
    channels = nem12_channels(paths)
    spans = {
        point: (min(c.start_date for c in own), max(c.end_date for c in own))
        for point, own in by_point(channels).items()
    }
    workspace = make_books(
        tmp_path / "books", channels, spans, tariff="nem-flat", tz_name="Australia/Brisbane", currency="AUD"
    )
    landed = land_files(workspace, paths, received_at=AT)
    assert landed.count(LandStatus.UNUSABLE) == 0
    first, after = min(start for start, _ in spans.values()), max(end for _, end in spans.values())
    run_vee(workspace, from_date=first, to_date=after, received_at=AT)
    for start in sorted({start.replace(day=1) for span in spans.values() for start, _ in months(*span)}):
        bill_months(workspace, start, start + ONE_DAY)
    billed = analytics_frame(
        workspace,
        "SELECT service_point_id, sum(quantity)::BIGINT AS wh FROM bill_lines WHERE component_id = 'energy' "
        "GROUP BY ALL",
    )
    expected = expected_import_wh(paths)
    for point, wh in billed.iter_rows():
        assert wh == expected[point], point
    parked = analytics_frame(workspace, "SELECT DISTINCT service_point_id, reason FROM parked ORDER BY ALL")
    unbilled = set(spans) - set(billed["service_point_id"].to_list())
    assert unbilled <= set(parked["service_point_id"].to_list()), "a meter is neither billed nor parked"
    print(f"{billed.height} NEM12 meters billed, {parked.rows()} parked")
    assert billed.height >= 0.9 * len(spans)


WH_IN = {"WH": 1, "KWH": 1_000, "MWH": 1_000_000}


def expected_import_wh(paths: list[Path]) -> dict[str, int]:
    """Sum of the E channels of each meter over all files, from expected.csv (three parsers agree), in Wh."""
    units: dict[tuple[str, str], int] = {}
    for path in paths:
        for row in records(path):
            if row[0] == "200" and row[4].startswith("E"):
                units[f"{path.parent.name}/{path.name}", f"{row[1]}/{row[4]}"] = WH_IN[row[7].upper()]
    sums: dict[str, int] = defaultdict(int)
    with (SHARED / "meterdata" / "expected.csv").open(newline="") as source:
        for row in csv.reader(source):
            channel = row[1].removeprefix("sum ").split(" ")[0]
            if row[1].startswith("sum ") and (row[0], channel) in units:
                sums[channel.split("/")[0]] += int(Decimal(row[2]) * units[row[0], channel])
    return dict(sums)
