"""A legacy system's file made of a run's own bills, with differences planted whose class is known. Seeded.

Amounts are worked in plain Python from the printed columns of the lines; nothing of the engine takes part.
`python -m demo.legacy demo-utility/books legacy.csv` writes the file, and what was planted where beside it.
"""

from __future__ import annotations

import csv
import random
import sys
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import date
from decimal import ROUND_DOWN, ROUND_HALF_UP, Decimal
from pathlib import Path
from typing import Any

import polars as pl

from cycles.runs.folders import read_manifest, run_folder, run_table
from store.workspace import Workspace, open_workspace

EACH = 12  # service points of each kind of difference; together they are about a twentieth of the demo's
_CENT = Decimal("0.01")
_HEADER = ("account", "service_point", "period_start", "period_end", "line", "quantity", "amount")


@dataclass(frozen=True)
class Line:
    """A line as a legacy system prints it: amounts in major units, quantity in printed units."""

    component: str
    kind: str
    start: date
    end: date
    tou: str
    quantity: Decimal | None
    rate: Decimal
    exact: Decimal
    amount: Decimal
    bases: frozenset[str]
    share: Decimal = Decimal(1)


@dataclass(frozen=True)
class Service:
    """The lines of a service point, and who pays."""

    account: str
    point: str
    tariff: str
    days: int
    lines: tuple[Line, ...]
    is_whole: bool

    def of(self, component: str) -> list[Line]:
        """Return the lines of a charge."""
        return [line for line in self.lines if line.component == component]


@dataclass(frozen=True)
class Planted:
    """What a plant made of a service point: its lines, and the class that must be found."""

    lines: tuple[Line, ...]
    cause: str
    what: str


Plant = Callable[[Service], tuple[Line, ...] | None]


def write_legacy(workspace: Workspace, run_id: str, path: Path, *, seed: int = 7, each: int = EACH) -> pl.DataFrame:
    """Write the file; return what was planted: account_id, service_point_id, cause, what. `each` 0 plants nothing."""
    services = _services(workspace, run_id)
    draw = random.Random(seed)
    order = sorted(services, key=lambda service: service.point)
    draw.shuffle(order)
    used: set[str] = set()
    planted: dict[tuple[str, str], Planted] = {}
    for cause, what, plant in PLANTS:
        count = 0
        for service in order:
            if count == each:
                break
            lines = None if service.account in used else plant(service)
            if lines is None or _sums(lines) == _sums(service.lines):
                continue
            planted[service.account, service.point] = Planted(lines, cause, what)
            used.add(service.account)
            count += 1
    rows = [row for service in services for row in _rows(service, planted.get((service.account, service.point)))]
    with path.open("w", newline="", encoding="utf-8") as out:
        writer = csv.writer(out)
        writer.writerow(_HEADER)
        writer.writerows(rows)
    return pl.DataFrame(
        [(account, point, found.cause, found.what) for (account, point), found in sorted(planted.items())],
        schema=["account_id", "service_point_id", "cause", "what"], orient="row",
    )  # fmt: skip


def _rows(service: Service, planted: Planted | None) -> Iterable[tuple[str, ...]]:
    for line in planted.lines if planted else service.lines:
        quantity = "" if line.quantity is None else str(line.quantity)
        yield (service.account, service.point, line.start.isoformat(), line.end.isoformat(), line.component, quantity,
               str(line.amount))  # fmt: skip


def _services(workspace: Workspace, run_id: str) -> list[Service]:
    """Return the bills of a run, a service point at a time, in order of account and service point."""
    folder = run_folder(workspace, run_id)
    lines = run_table(workspace, read_manifest(folder), "bill_lines").sort("account_id", "service_point_id", "line_no")
    bases: dict[tuple[str, str], set[str]] = {}
    for version, component, base in pl.read_parquet(folder / "plan" / "book_bases.parquet").iter_rows():
        bases.setdefault((version, component), set()).add(base)
    due = pl.read_parquet(folder / "plan" / "due.parquet")
    spans = {
        row["service_point_id"] + row["account_id"]: row for row in due.iter_rows(named=True)
    }  # the demo's agreements are due for one period each
    found: dict[tuple[str, str], list[dict[str, Any]]] = {}
    for row in lines.collect().iter_rows(named=True):
        found.setdefault((row["account_id"], row["service_point_id"]), []).append(row)
    services = []
    for (account, point), rows in found.items():
        span = spans[point + account]
        days = (span["end_date"] - span["start_date"]).days
        own = tuple(_line(row, frozenset(bases.get((row["version_id"], row["component_id"]), ()))) for row in rows)
        is_whole = days == (span["cycle_end_date"] - span["cycle_start_date"]).days
        services.append(Service(account, point, span["tariff_id"], days, own, is_whole))
    return services


def _line(row: Mapping[str, Any], bases: frozenset[str]) -> Line:
    part, whole = row["share_part"], row["share_whole"]
    quantity = Decimal(row["quantity"]) / Decimal(row["unit_size"])
    return Line(
        component=row["component_id"],
        kind=row["kind"],
        start=row["period_start_date"],
        end=row["period_end_date"],
        tou=row["tou"],
        quantity=quantity if row["kind"] in ("quantity", "daily") else None,
        rate=row["rate"],
        exact=row["amount_exact"],
        amount=Decimal(row["amount_minor"]) * _CENT,
        bases=bases,
        share=Decimal(1) if part is None else Decimal(part) / Decimal(whole),
    )


def _sums(lines: Iterable[Line]) -> dict[str, Decimal]:
    sums: dict[str, Decimal] = {}
    for line in lines:
        sums[line.component] = sums.get(line.component, Decimal(0)) + line.amount
    return {component: amount for component, amount in sums.items() if amount}


def _half_up(amount: Decimal) -> Decimal:
    return amount.quantize(_CENT, ROUND_HALF_UP)


def _cut(amount: Decimal) -> Decimal:
    return amount.quantize(_CENT, ROUND_DOWN)


def _again(lines: Iterable[Line], to_cents: Callable[[Decimal], Decimal] = _half_up) -> tuple[Line, ...]:
    """Return the lines with percentages reckoned on the others, in their order: sewer comes before tax."""
    done: list[Line] = []
    for line in sorted(lines, key=lambda item: (item.kind == "percent", item.component == "gst")):
        if line.kind != "percent":
            done.append(line)
            continue
        base = sum((item.amount for item in done if item.component in line.bases), Decimal(0))
        done.append(replace(line, amount=to_cents(base * line.rate / 100)))
    return tuple(done)


def _priced(line: Line, quantity: Decimal, rate: Decimal | None = None) -> Line:
    price = line.rate if rate is None else rate
    return replace(line, quantity=quantity, amount=_half_up(price * quantity * line.share))


def _truncated(service: Service) -> tuple[Line, ...] | None:
    """All lines cut below the cent. Only where more than one line shows it: one could be cut by chance."""
    cut = [line if line.kind == "percent" else replace(line, amount=_cut(line.exact)) for line in service.lines]
    lines = _again(cut, _cut)
    apart = [name for name, amount in _sums(lines).items() if amount != _sums(service.lines).get(name)]
    return lines if len(apart) >= 2 and any(name != "gst" for name in apart) else None


def _tiers_once(service: Service) -> tuple[Line, ...] | None:
    """The sum of the tiers rounded, not each; what is over goes to the first."""
    tiers = service.of("energy")
    if service.tariff not in ("gas-home", "res-block", "water-home") or len(tiers) < 2:
        return None
    over = _half_up(sum((line.exact for line in tiers), Decimal(0))) - sum((line.amount for line in tiers), Decimal(0))
    if not over:
        return None
    first = tiers[0]
    return _again(replace(line, amount=line.amount + over) if line is first else line for line in service.lines)


def _last_day_counts(service: Service) -> tuple[Line, ...] | None:
    """Supply for one day more, on the last of its lines."""
    if not service.of("supply") or service.of("supply")[0].kind != "daily":
        return None
    last = service.of("supply")[-1]
    assert last.quantity is not None
    return _again(_priced(line, last.quantity + 1) if line is last else line for line in service.lines)


def _thirty_days(service: Service) -> tuple[Line, ...] | None:
    """Supply for 30 days of October."""
    supply = service.of("supply")
    if (
        not service.is_whole
        or len(supply) != 1
        or supply[0].kind != "daily"
        or service.tariff not in ("res-flat", "heat-home")
    ):
        return None
    return _again(_priced(line, Decimal(30)) if line is supply[0] else line for line in service.lines)


# Upper edges of the tiers of water, clause 6.1 of its price sheet: of a whole cycle.
_WATER_EDGES = (Decimal(10), Decimal(25), Decimal(10**6))


def _not_prorated(service: Service) -> tuple[Line, ...] | None:
    """Supply and tiers of a whole cycle where only a part was supplied."""
    tiers = service.of("energy")
    if service.tariff != "water-home" or service.is_whole or not tiers:
        return None
    total = sum((line.quantity or Decimal(0) for line in tiers), Decimal(0))
    lower, energy = Decimal(0), []
    # A whole edge is reached later than a part of it, so the lines have all prices that are needed.
    for line, upper in zip(tiers, _WATER_EDGES, strict=False):
        energy.append(_priced(line, max(min(total, upper) - lower, Decimal(0))))
        lower = upper
    others = [
        replace(line, amount=_half_up(line.rate)) if line.component == "supply" else line
        for line in service.lines
        if line.component != "energy"
    ]
    return _again([*(line for line in energy if line.quantity), *others])


def _former_price(service: Service) -> tuple[Line, ...] | None:
    """The change of 16 October missed: all days at the prices before."""
    if service.tariff != "res-tou" or not service.is_whole:
        return None
    before = {(line.component, line.tou): line.rate for line in service.lines if line.start == date(2026, 10, 1)}
    if any((line.component, line.tou) not in before for line in service.lines):
        return None
    lines = []
    sums: dict[tuple[str, str], list[Line]] = {}
    for line in service.lines:
        if line.kind == "percent":
            lines.append(line)
        else:
            sums.setdefault((line.component, line.tou), []).append(line)
    # With one version there is one line for the whole month, and one rounding.
    for key, parts in sums.items():
        quantity = sum((line.quantity or Decimal(0) for line in parts), Decimal(0))
        lines.append(_priced(replace(parts[0], end=parts[-1].end, rate=before[key]), quantity))
    return _again(lines)


def _other_price(service: Service) -> tuple[Line, ...] | None:
    """A flat price that is no price of ours."""
    if service.tariff != "res-flat" or len(service.of("energy")) != 1:
        return None
    energy = service.of("energy")[0]
    assert energy.quantity is not None
    if energy.quantity < 100:
        return None
    return _again(
        _priced(line, energy.quantity, energy.rate + Decimal("0.0137")) if line is energy else line
        for line in service.lines
    )


def _other_read(service: Service) -> tuple[Line, ...] | None:
    """A twentieth less was read."""
    if service.tariff not in ("res-flat", "heat-home") or not service.is_whole:
        return None
    return _again(
        _priced(line, (line.quantity * Decimal("0.95")).quantize(Decimal("0.001"), ROUND_DOWN))
        if line.component == "energy" and line.quantity
        else line
        for line in service.lines
    )


def _tax_by_line(service: Service) -> tuple[Line, ...] | None:
    """Tax of each line, rounded; only where charges tell that they are not cut or rounded up themselves."""
    tax = service.of("gst")
    charges = [line for line in service.lines if line.component in tax[0].bases] if len(tax) == 1 else []
    tells = {line.amount > line.exact for line in charges if line.kind != "percent" and line.amount != line.exact}
    if len(tells) < 2:
        return None
    amount = sum((_half_up(line.amount * tax[0].rate / 100) for line in charges), Decimal(0))
    return tuple(replace(line, amount=amount) if line is tax[0] else line for line in service.lines)


def _untaxed_supply(service: Service) -> tuple[Line, ...] | None:
    tax = service.of("gst")
    if len(tax) != 1 or len(service.of("energy")) == 0 or service.tariff == "biz-demand":
        return None
    return _again(
        replace(line, bases=line.bases - {"supply"}) if line.component == "gst" else line for line in service.lines
    )


def _tax_rate(service: Service) -> tuple[Line, ...] | None:
    if service.tariff != "gas-home" or not service.of("gst"):
        return None
    return _again(replace(line, rate=Decimal("12.5")) if line.component == "gst" else line for line in service.lines)


def _without_supply(service: Service) -> tuple[Line, ...] | None:
    """The supply charge left out, and its tax with it."""
    if service.tariff == "biz-demand" or not service.of("supply"):
        return None
    return _again(line for line in service.lines if line.component != "supply")


def _without_service(service: Service) -> tuple[Line, ...] | None:
    return ()


def _with_fee(service: Service) -> tuple[Line, ...] | None:
    """A fee that we do not have, without tax."""
    fee = replace(service.lines[0], component="paper_bill_fee", kind="amount", quantity=None, amount=Decimal("2.75"))
    return (*service.lines, fee)


def _read_and_days(service: Service) -> tuple[Line, ...] | None:
    """Two causes on one service: another read, and the last day counted."""
    read = _other_read(service) if service.tariff == "res-flat" else None
    return None if read is None else _last_day_counts(replace(service, lines=read))


def _by_hand(service: Service) -> tuple[Line, ...] | None:
    """An amount that somebody typed."""
    if service.tariff == "biz-demand" or len(service.of("supply")) != 1:
        return None
    supply, typed = service.of("supply")[0], Decimal(int(service.point[-4:]) % 997 + 300) * _CENT
    return tuple(replace(line, amount=line.amount + typed) if line is supply else line for line in service.lines)


PLANTS: tuple[tuple[str, str, Plant], ...] = (
    ("rounding", "every line cut below the cent", _truncated),
    ("rounding", "the sum of the tiers rounded once", _tiers_once),
    ("proration", "the last day counted as well", _last_day_counts),
    ("proration", "October counted as 30 days", _thirty_days),
    ("proration", "supply and tiers of a whole cycle for a part", _not_prorated),
    ("tariff", "the prices of before 16 October on all days", _former_price),
    ("tariff", "another price of energy", _other_price),
    ("read", "a twentieth less was read", _other_read),
    ("tax", "tax reckoned line by line", _tax_by_line),
    ("tax", "no tax on supply", _untaxed_supply),
    ("tax", "tax at 12.5 %", _tax_rate),
    ("missing_there", "no supply charge", _without_supply),
    ("missing_there", "no line of the service at all", _without_service),
    ("missing_here", "a fee that we do not have", _with_fee),
    ("several", "another read, and the last day counted", _read_and_days),
    ("unexplained", "an amount typed by hand", _by_hand),
)


def main() -> None:
    """Write a legacy file for the last run of a workspace."""
    books, path = Path(sys.argv[1]), Path(sys.argv[2])
    workspace = open_workspace(books)
    run_id = max(folder.name for folder in workspace.runs.iterdir() if folder.name.startswith("bill-"))
    planted = write_legacy(workspace, run_id, path)
    planted.write_csv(path.with_suffix(".planted.csv"))
    print(f"{path}: the bills of {run_id}, with {planted.height} service points planted")


if __name__ == "__main__":
    main()
