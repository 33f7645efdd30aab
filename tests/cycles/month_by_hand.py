"""Thirty nights of a utility of three branches and two cycles, written by hand, and a way to play them.

Brisbane has no daylight saving. All are read hourly or by register; prices are those of `tests/cli/books_by_hand.py`.

G1 is billed for June in the window 1 to 8 July, G2 for 6 June to 6 July in the window 6 to 16 July.

A1  G1, branch N, hourly       reads are there on 1 July
A2  G1, branch S, water        its reading of 1 July comes on 4 July
A3  G1, branch W, water        its reading of 1 July never comes: unbilled at the close, 9 July
B1  G2, branch N, hourly       reads are there on 6 July
B2  G2, branch S, water        its reading of 6 July comes on 20 July, after the close: an exception, billed by no night
B3  G2, branch W, hourly       one day is missing, so VEE estimates it; estimates are billed from 10 July
"""

from __future__ import annotations

from contextlib import chdir
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

from accounts.importing import import_files
from cycles.nights.bill import NightRequest
from cycles.nights.manifest import NightReport
from cycles.nights.night import run_night
from cycles.review.review import approve_run
from cycles.setup import init_workspace
from model.progress import SILENT, Progress
from store.control import control, query
from store.workspace import Workspace
from tariffs.library import add_tariff_files
from tariffs.lifecycle import approve_tariffs

FIRST = date(2026, 7, 1)
NIGHTS = 19
BEFORE = datetime(2026, 6, 30, 12, tzinfo=UTC)
_POINTS = {"A1": "electricity", "A2": "water", "A3": "water", "B1": "electricity", "B2": "water", "B3": "electricity"}
_BRANCH = {"1": "N", "2": "S", "3": "W"}
ACCOUNTS = {
    "branches.csv": "branch_id,name\nN,North\nS,South\nW,West\n",
    "cycles.csv": "cycle_id,bill_group,period_start_date,period_end_date,window_open_date,window_close_date,"
    "estimate_date,due_date\n"
    "2026-06-G1,G1,2026-06-01,2026-07-01,2026-07-01,2026-07-09,,2026-07-22\n"
    "2026-07-G2,G2,2026-06-06,2026-07-06,2026-07-06,2026-07-17,2026-07-10,\n",
    "customers.csv": "customer_id,name\nK1,Ada Example\n",
    "accounts.csv": "account_id,customer_id,branch_id,bill_group,currency,revenue_class,payment_days\n"
    + "".join(
        f"{point},K1,{_BRANCH[point[1]]},{'G1' if point[0] == 'A' else 'G2'},AUD,residential,14\n" for point in _POINTS
    ),
    "premises.csv": "premise_id,branch_id,address,city,postcode\n"
    + "".join(f"P{point},{_BRANCH[point[1]]},1 Street,Town,4000\n" for point in _POINTS),
    "service_points.csv": "service_point_id,premise_id,commodity,tz_name,route,route_sequence\n"
    + "".join(f"{point},P{point},{what},Australia/Brisbane,R{point[0]},1\n" for point, what in _POINTS.items()),
    "meters.csv": "meter_id,service_point_id,installed_date,removed_date,dials,multiplier\n"
    + "".join(f"M{point},{point},2020-01-01,,6,1\n" for point in _POINTS),
    "channels.csv": "channel_id,service_point_id,suffix,measure,interval_minutes,start_date,end_date\n"
    + "".join(
        f"{point}/E1,{point},E1,import_energy,60,,\n"
        if what == "electricity"
        else f"{point}/W,{point},W,water_volume,0,,\n"
        for point, what in _POINTS.items()
    ),
    "agreements.csv": "agreement_id,account_id,service_point_id,tariff_id,start_date,end_date\n"
    + "".join(
        f"S{point},{point},{point},{'flat' if what == 'electricity' else 'water'},2025-01-01,\n"
        for point, what in _POINTS.items()
    ),
}  # fmt: skip
LONG_HEADER = "meter_point,channel,unit,start,value,quality,updated_at\n"
REGISTER_HEADER = "meter_point,channel,meter,unit,read_date,reading,kind,quality\n"


def hourly(point: str, first: date, end: date, *, without: date | None = None) -> str:
    """Return lines of a long CSV, half a kWh in every hour of [first, end), one day left out."""
    days = [first + timedelta(days=number) for number in range((end - first).days)]
    return "".join(
        f"{point},E1,kWh,{day}T{hour:02}:00:00+10:00,0.500,A,\n" for day in days if day != without for hour in range(24)
    )


def reading(point: str, day: date, value: str) -> str:
    """Return a line of a register file."""
    return f"{point},W,M{point},m3,{day},{value},regular,A\n"


def arriving() -> dict[date, tuple[str, str]]:
    """Return which file lies in the inbox from which night on: name and text."""
    june, july, sixth = date(2026, 6, 1), date(2026, 7, 1), date(2026, 7, 6)
    missing = date(2026, 6, 20)
    return {
        date(2026, 7, 1): (
            "june.csv", LONG_HEADER + hourly("A1", june, july) + hourly("B1", june, july)
            + hourly("B3", june, july, without=missing),
        ),
        date(2026, 7, 2): ("water.csv", REGISTER_HEADER + "".join(
            reading(point, june + timedelta(days=5 if point == "B2" else 0), "100.000") for point in ("A2", "A3", "B2")
        )),
        date(2026, 7, 4): ("water-a2.csv", REGISTER_HEADER + reading("A2", july, "120.000")),
        date(2026, 7, 6): ("july.csv", LONG_HEADER + hourly("B1", july, sixth) + hourly("B3", july, sixth)),
        date(2026, 7, 20): ("water-b2.csv", REGISTER_HEADER + reading("B2", sixth, "130.000")),
    }  # fmt: skip


def make_books(root: Path, tariffs: dict[str, str]) -> Workspace:
    """Make the workspace as it is before the first night, with an inbox."""
    workspace = init_workspace(root, name="month", at=BEFORE, actor="ops")
    sources = root.parent / "sources"
    sources.mkdir()
    for name, text in (ACCOUNTS | tariffs).items():
        (sources / name).write_text(text, encoding="utf-8")
    paths = [sources / name for name in ACCOUNTS]
    assert import_files(workspace, paths, all_or_nothing=True, recorded_at=BEFORE, actor="ops").is_recorded
    files = [sources / name for name in tariffs]
    add_tariff_files(workspace, files, at=BEFORE, actor="ops", prove=lambda new: [None] * len(new))
    approve_tariffs(workspace, None, at=BEFORE, actor="mira", prove=lambda new: [None] * len(new), waiver="by hand")
    (root / "inbox").mkdir()
    return workspace


def deliver(workspace: Workspace, night: date) -> None:
    """Put the file of a night into the inbox."""
    if night in arriving():
        name, text = arriving()[night]
        (workspace.root / "inbox" / name).write_text(text, encoding="utf-8")


def play_night(workspace: Workspace, night: date, progress: Progress = SILENT) -> NightReport:
    """Do a night as a scheduler would, from the workspace: the books keep the names of files as they were given."""
    at = datetime(night.year, night.month, night.day, 20, tzinfo=UTC)
    with chdir(workspace.root):
        return run_night(workspace, NightRequest(night, (), 1, at, "night"), progress, inbox=Path("inbox"))


def approve_in_the_morning(workspace: Workspace, night: date) -> list[str]:
    """Approve all that waits, on the morning after a night; return the runs."""
    with control(workspace, purpose="test") as connection:
        runs = query(connection, "SELECT run_id FROM run WHERE state = 'validated' ORDER BY run_id")["run_id"].to_list()
    at = datetime(night.year, night.month, night.day, 22, tzinfo=UTC)
    for run in runs:
        approve_run(workspace, run, at=at, actor="mira")
    return runs
