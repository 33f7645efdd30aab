"""One bill again: its document, and its working, computed anew by the same steps from what was known then."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import polars as pl

from cycles.bills.work import bill_work
from cycles.rebill.compare import BACK_BILLING
from cycles.rebill.correction import reversed_rows
from cycles.runs.folders import read_manifest, run_folder, run_table
from cycles.runs.partition import STEPS, Work
from cycles.runs.records import the_run
from model.codes import Measure, Quality, RunState
from model.errors import ConfigError
from model.money import format_minor
from model.rating import BillLines
from model.reads import slot_columns
from model.schema import arranged
from model.units import READABLE_UNIT, SMALLEST_UNIT, smallest_per
from outputs.documents import USAGE_SCHEMA, BillDocument
from rating.explain import explain_lines
from store.code import code_version
from store.control import Connection, control, query
from store.facts import facts
from store.lake import lake_files, scan_lake
from store.roles import refuse_strange
from store.workspace import Workspace

# What a usage chart shows: what the customer took, or gave where that is all there is.
_SHOWN = (
    *(Measure.IMPORT_ENERGY, Measure.HEAT_ENERGY, Measure.GAS_VOLUME, Measure.GAS_ENERGY, Measure.WATER_VOLUME),
    *(Measure.GAS_CUBIC_FEET, Measure.WATER_CUBIC_FEET, Measure.WATER_GALLONS, Measure.GAS_BTU),
)


@dataclass(frozen=True)
class BillPlace:
    """Where a bill lies: its run, that run's manifest, its lines and its row."""

    run_id: str
    manifest: dict[str, Any]
    bill: dict[str, Any]
    lines: pl.DataFrame
    invoice: dict[str, Any] | None


@dataclass(frozen=True)
class Explanation:
    """The working of a bill, as lines of text, and whether computing it again gave the same lines."""

    text: list[str]
    is_same: bool


def find_bill(workspace: Workspace, bill_id: str, run_id: str | None = None) -> BillPlace:
    """Find a published bill by its id or its invoice number; with `run_id` a bill of that run, published or not.

    Raises:
        ConfigError: there is no such bill.
    """
    with control(workspace, purpose="bill show") as connection:
        found, run = _whose(workspace, connection, bill_id, run_id)
        row = the_run(connection, run)
    folder = run_folder(workspace, run)
    if not (folder / "manifest.json").is_file():
        raise ConfigError(f"run `{run}` is {row['state']}: it has no bills yet", hint=f"billmill cycle run {run}")
    manifest = read_manifest(folder)
    bills = run_table(workspace, manifest, "bills").filter(pl.col("bill_id") == found).collect()
    if bills.is_empty():
        raise _unknown(bill_id, 'billmill query "SELECT bill_id FROM bills LIMIT 5" lists some')
    refuse_strange(workspace, bills["branch_id"].to_list(), f"bill `{found}`")
    lines = run_table(workspace, manifest, "bill_lines").filter(pl.col("bill_id") == found).sort("line_no").collect()
    return BillPlace(run, manifest, bills.row(0, named=True), lines, _invoice(workspace, row, found))


def bill_document(workspace: Workspace, bill_id: str, run_id: str | None = None) -> BillDocument:
    """Return all that the printed bill shows. Personal data comes from the control database."""
    place = find_bill(workspace, bill_id, run_id)
    work = _worked(workspace, place, steps=1)
    assert work.rating_input is not None
    due = work.rating_input.due
    with control(workspace, purpose="bill show") as connection:
        tables = {name: facts(connection, name) for name in ("customers", "branches", "premises", "meters")}
    customer = tables["customers"].filter(pl.col("customer_id") == place.bill["customer_id"]).row(0, named=True)
    branch = tables["branches"].filter(pl.col("branch_id") == place.bill["branch_id"]).row(0, named=True)
    supplied = due.join(tables["premises"].drop("branch_id"), on="premise_id", how="left", validate="m:1")
    places = supplied.select(
        "service_point_id",
        pl.format("{}, {} {}", "address", "city", "postcode").alias("printed"),
        "address",
        "city",
        "postcode",
    )
    home = places.row(0, named=True)
    return BillDocument(
        customer_name=customer["name"],
        address_lines=(home["address"], f"{home['city']} {home['postcode']}"),
        branch_name=branch["name"],
        bill=place.bill,
        invoice=place.invoice,
        lines=arranged(BillLines, place.lines),
        usage=_daily_usage(work),
        meters=_meters(due, tables["meters"]),
        supply_addresses=dict(places.select("service_point_id", "printed").iter_rows()),  # the places of one bill
    )


def explain_bill(workspace: Workspace, bill_id: str, run_id: str | None = None) -> Explanation:
    """Explain a bill from invoice to reads, and compute it again from the plan's pinned inputs.

    The steps are those of the run (`cycles.runs.partition.STEPS`), so the explanation cannot differ from the run.
    """
    place = find_bill(workspace, bill_id, run_id)
    work = _worked(workspace, place, steps=len(STEPS))
    assert work.rating_input is not None and work.rated is not None
    again = _lines_again(workspace, place, work)
    is_same = again.equals(place.lines.select(again.columns))
    text = [*_heading(place), ""]
    of_tariff = pl.col("component_id") != BACK_BILLING
    text += [_limit_text(line) for line in place.lines.filter(~of_tariff).to_dicts()]  # of one bill: a few
    text += explain_lines(
        arranged(BillLines, place.lines.filter(of_tariff)),
        work.rated.determinants,
        work.rating_input.book,
        work.rated.slices,
    )
    text += ["", "Reads by day:", *_reads_by_day(work), "", _verdict(place, is_same, work)]
    return Explanation(text, is_same)


def _limit_text(line: dict[str, Any]) -> str:
    """Return the working of a line that takes off what may not be billed any more."""
    amount = format_minor(line["amount_minor"], line["currency"])
    return (
        f"{line['line_no']}. {line['line_text']}: {amount} {line['currency']}, the rise of service point "
        f"{line['service_point_id']} for {line['share_part']} of {line['share_whole']} days"
    )


def _lines_again(workspace: Workspace, place: BillPlace, work: Work) -> pl.DataFrame:
    """Return the lines of a bill as computed anew; of a reversal the lines that it takes back, negated anew."""
    original = place.bill["reverses_id"]
    if original is None:
        assert work.rated is not None
        return work.rated.lines.filter(pl.col("bill_id") == place.bill["bill_id"]).sort("line_no")
    taken = pl.DataFrame({"bill_id": [original], "run_id": [find_bill(workspace, original).run_id]})
    return reversed_rows(workspace, taken, place.bill["issue_date"]).lines.sort("line_no")


def _whose(workspace: Workspace, connection: Connection, bill_id: str, run_id: str | None) -> tuple[str, str]:
    if run_id is not None:
        return bill_id, run_id
    rows = query(connection, "SELECT DISTINCT run_id FROM segment_key WHERE bill_id = ?", [bill_id])
    if rows.is_empty():
        rows = query(connection, "SELECT run_id FROM reversed_bill WHERE reversal_id = ?", [bill_id])
    if rows.height:
        return bill_id, str(rows.item(0, 0))
    files = lake_files(connection, "invoices")
    if files:
        numbered = scan_lake(workspace, files).filter(pl.col("invoice_no") == bill_id).select("bill_id").collect()
        if numbered.height:
            return _whose(workspace, connection, str(numbered.item(0, 0)), None)
    raise _unknown(bill_id, "a bill that is not published yet is found with --run RUN")


def _unknown(bill_id: str, hint: str) -> ConfigError:
    return ConfigError(f"bill or invoice `{bill_id}` is not known", hint=hint)


def _invoice(workspace: Workspace, run: dict[str, Any], bill_id: str) -> dict[str, Any] | None:
    if run["state"] != RunState.PUBLISHED:
        return None
    with control(workspace, purpose="bill show") as connection:
        files = [file for file in lake_files(connection, "invoices") if f"/{run['run_id']}/" in file.path]
    rows = scan_lake(workspace, files).filter(pl.col("bill_id") == bill_id).collect()
    return rows.row(0, named=True)


def _worked(workspace: Workspace, place: BillPlace, *, steps: int) -> Work:
    """Return the work of the run that made a bill; of a reversal that of the bill which it takes back."""
    if place.bill["reverses_id"] is not None:
        return _worked(workspace, find_bill(workspace, place.bill["reverses_id"]), steps=steps)
    return bill_work(workspace, place.run_id, place.bill, steps)


def _daily_usage(work: Work) -> pl.DataFrame:
    assert work.rating_input is not None
    given = work.rating_input
    spans = given.due.select("agreement_id", "service_point_id", "start_date", "end_date")
    found = [pl.DataFrame(schema=USAGE_SCHEMA)]
    for minutes, days in sorted(given.days.items()):
        channels = given.channels.filter(pl.col("measure").is_in([item.value for item in _SHOWN]))
        placed = (
            _day_totals(days, minutes)
            .join(channels, on="channel_no", how="inner", validate="m:m")
            .join(spans, on="agreement_id", how="inner", validate="m:m")
            .filter(pl.col("day").is_between("start_date", "end_date", closed="left"))
        )
        summed = placed.group_by("service_point_id", "day", "measure").agg(
            pl.col("quantity").sum(), (pl.col("worst") >= Quality.SUBSTITUTED).any().alias("is_estimated")
        )
        unit = pl.col("measure").replace_strict({item.value: SMALLEST_UNIT[item] for item in Measure})
        found.append(summed.with_columns(unit.alias("unit")).select(list(USAGE_SCHEMA)))
    return pl.concat(found).sort("service_point_id", "day")


def _day_totals(days: pl.DataFrame, minutes: int) -> pl.DataFrame:
    slots = [pl.col(name).cast(pl.Int64).fill_null(0) for name in slot_columns(minutes)]
    return days.select("channel_no", "day", "n", "worst", "seq", pl.sum_horizontal(slots).alias("quantity"))


def _meters(due: pl.DataFrame, meters: pl.DataFrame) -> dict[str, str]:
    hung = (
        due.select("service_point_id", "start_date", "end_date")
        .join(meters, on="service_point_id", how="inner", validate="m:m")
        .filter(
            pl.col("installed_date") < pl.col("end_date"),
            pl.col("removed_date").is_null() | (pl.col("removed_date") >= pl.col("start_date")),
        )
        .sort("service_point_id", "installed_date")
        .group_by("service_point_id", maintain_order=True)
        .agg(pl.col("meter_id").unique(maintain_order=True).str.join(", "))
    )
    return dict(hung.iter_rows())


def _heading(place: BillPlace) -> list[str]:
    bill = place.bill
    number = place.invoice["invoice_no"] if place.invoice else "to be assigned at publish"
    back = f", takes back {bill['reverses_id']}" if bill["reverses_id"] else ""
    instead = f", in place of {bill['replaces_id']}" if bill["replaces_id"] else ""
    return [
        f"Bill {bill['bill_id']}{back}{instead}, invoice {number}, run {place.run_id}",
        f"account {bill['account_id']}, branch {bill['branch_id']}, period {bill['period_start_date']} to "
        f"{bill['period_end_date']} (not included), {bill['line_count']} lines",
    ]


def _reads_by_day(work: Work) -> list[str]:
    assert work.rating_input is not None
    given = work.rating_input
    text = []
    for minutes, days in sorted(given.days.items()):
        totals = _day_totals(days, minutes).join(
            given.channels.unique("channel_no").select("channel_no", "channel_id", "measure"),
            on="channel_no",
            how="left",
            validate="m:1",
        )
        for row in totals.sort("channel_no", "day").iter_rows(named=True):  # one account: a row per day
            quality = Quality(row["worst"]).name.lower()
            text.append(
                f"  {row['day']}  {row['channel_id']:<22} {row['measure']:<16} {row['n']:>3} slots of "
                f"{minutes} min  {_readable(row['quantity'], row['measure']):>18}  worst quality {quality}, "
                f"load {row['seq']}"
            )
    registers = given.channels.unique("channel_no").select("channel_no", "channel_id", "measure")
    usage = given.usage.join(registers, on="channel_no", how="left", validate="m:1")
    for row in usage.sort("channel_no", "from_date").iter_rows(named=True):
        text.append(
            f"  {row['from_date']} to {row['to_date']}  {row['channel_id']:<22} meter {row['meter_id']}: "
            f"{_readable(row['quantity'], row['measure'])} between readings, "
            f"quality {Quality(row['quality']).name.lower()}, load {row['seq']}"
        )
    return text or ["  none"]


def _readable(quantity: int, measure: str) -> str:
    """Return a quantity in the unit of its lines: 113614 Wh is `113.614 kWh`."""
    unit = READABLE_UNIT[SMALLEST_UNIT[Measure(measure)]]
    decimals = len(str(smallest_per(unit))) - 1  # a readable unit is a power of ten of its smallest unit
    return f"{Decimal(quantity).scaleb(-decimals):,} {unit}"


def _verdict(place: BillPlace, is_same: bool, work: Work) -> str:
    if is_same:
        return f"Computed again from the reads up to load {work.plan['seq_max']}: the same {place.lines.height} lines."
    if work.plan["code_version"] != code_version():
        return "Computed again from the plan's inputs: other lines, by another version of Billmill than the run's."
    return "Computed again from the plan's inputs: DIFFERENT lines. Do not rely on this bill; report it."
