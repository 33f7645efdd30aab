"""`billmill tariff quote` and `compare`: what tariffs make of a load, without billing anybody."""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from commands.context import HERE, JsonOption, WorkspaceOption, now, open_books, print_result, progress_shown
from model.codes import Commodity
from model.errors import ConfigError, ExitCode

if TYPE_CHECKING:
    from store.workspace import Workspace

_DAY = ["%Y-%m-%d"]
FromOption = Annotated[
    datetime | None, typer.Option("--from", formats=_DAY, help="First day.", show_default="first of the reads")
]
ToOption = Annotated[
    datetime | None, typer.Option("--to", formats=_DAY, help="Day after the last.", show_default="after the reads")
]
PricesOfOption = Annotated[
    datetime | None,
    typer.Option("--prices-of", formats=_DAY, help="Day whose prices hold on all days.", show_default="each its own"),
]
AttributeOption = Annotated[
    list[str] | None, typer.Option("--attribute", metavar="NAME=VALUE", help="What the contract says; repeatable.")
]
FactorOption = Annotated[
    list[str] | None, typer.Option("--factor", metavar="NAME=VALUE", help="Value of a dated factor; repeatable.")
]
ZoneOption = Annotated[
    str | None, typer.Option("--zone", help="Zone of the load's days and clock.", show_default="the tariff's")
]
YearOption = Annotated[int | None, typer.Option("--year", min=1971, max=2199, help="Year of one number a line.")]
MeterPointOption = Annotated[str | None, typer.Option("--meter-point", help="Meter point of a file with several.")]


def tariff_quote(
    tariff: Annotated[str, typer.Argument(help="Tariff file, or an approved tariff of the workspace.")],
    reads: Annotated[Path, typer.Option("--reads", help="Meter file, or load curve: start,value or Parquet.")],
    from_date: FromOption = None,
    to_date: ToOption = None,
    prices_of: PricesOfOption = None,
    attribute: AttributeOption = None,
    factor: FactorOption = None,
    zone: ZoneOption = None,
    year: YearOption = None,
    meter_point: MeterPointOption = None,
    workspace: WorkspaceOption = HERE,
    json: JsonOption = False,
) -> None:
    """Price a load by a tariff, month by month, without accounts; nothing is landed or posted.

    Exit code 3 when a month cannot be priced.

    Example: `billmill tariff quote data/samples/tariffs/res-flat.toml --reads house.csv`
    """
    from cycles.quotes.quote_sheet import quote_file
    from outputs.quote_screen import print_quote

    sheet = quote_file(
        lambda: open_books(workspace), tariff, reads, terms=_terms(from_date, to_date, prices_of, attribute, factor),
        zone=zone, year=year, meter_point=meter_point,
    )  # fmt: skip
    print_result(json, sheet, lambda: print_quote(sheet))
    if not sheet["is_complete"]:
        raise typer.Exit(ExitCode.PARKED_ABOVE_LIMIT)


def tariff_compare(
    tariffs: Annotated[
        list[str] | None, typer.Argument(help="Tariff files, or approved tariffs of the workspace.", show_default=False)
    ] = None,
    every: Annotated[
        bool, typer.Option("--all", help="All tariffs of the workspace with an approved version.")
    ] = False,
    reads: Annotated[
        Path | None, typer.Option("--reads", help="Meter file, or load curve: start,value or Parquet.")
    ] = None,
    account: Annotated[
        str | None, typer.Option("--account", help="Account or agreement whose reads are priced.")
    ] = None,
    from_date: FromOption = None,
    to_date: ToOption = None,
    prices_of: PricesOfOption = None,
    attribute: AttributeOption = None,
    factor: FactorOption = None,
    commodity: Annotated[
        str | None, typer.Option("--commodity", help="What the reads are of.", show_default="the first tariff's")
    ] = None,
    zone: ZoneOption = None,
    year: YearOption = None,
    meter_point: MeterPointOption = None,
    workspace: WorkspaceOption = HERE,
    json: JsonOption = False,
) -> None:
    """Rank tariffs by what a load, or a year of an account's reads, costs on each. Nothing is posted.

    Exit code 3 when no tariff can price it.

    Example: `billmill tariff compare --all --account A000001`
    """
    from cycles.quotes.compare import Asked, compare_account, compare_file
    from outputs.quote_screen import print_comparison

    asked = Asked(tariffs or [], every, _terms(from_date, to_date, prices_of, attribute, factor))
    if not (tariffs or every):
        raise ConfigError("expected tariffs to compare, or --all of the workspace", hint="see billmill tariff list")
    if account is not None and reads is None:
        if zone or year or meter_point or commodity:
            raise ConfigError("options --zone, --year, --meter-point and --commodity are of --reads, not of --account")
        told = compare_account(open_books(workspace), asked, account, now())
    elif reads is not None and account is None:
        told = compare_file(
            lambda: open_books(workspace), asked, reads, commodity=_commodity(commodity), zone=zone, year=year,
            meter_point=meter_point,
        )  # fmt: skip
    else:
        raise ConfigError("expected either --reads or --account", hint="see billmill tariff compare --help")
    print_result(json, told, lambda: print_comparison(told))
    if not told["ranked"]:
        raise typer.Exit(ExitCode.PARKED_ABOVE_LIMIT)


def impact_of(
    books: Workspace, names: tuple[str, str | None], days: tuple[date, date] | None,
    where: tuple[str | None, tuple[str, ...]], *, as_json: bool,
) -> dict[str, Any]:  # fmt: skip
    """Return what a change of a tariff does to the bills of a cycle: see `tariff diff --impact`.

    `names`: a tariff, and another or None; `days` on which its old and new version hold; `where`: cycle and branches.
    """
    from cycles.quotes.impact import Asked, find_impact, last_cycle
    from tariffs.comparison import sides_of_dates, sides_of_drafts, sides_of_tariffs

    tariff, other = names
    asked = Asked(*where, now())
    cycle = last_cycle(books, asked)
    if days is not None:
        old, new = sides_of_dates(lambda: books, tariff, *days)
    elif other is not None:
        old, new = sides_of_tariffs(lambda: books, tariff, other, cycle.period_start_date)
    else:
        old, new = sides_of_drafts(lambda: books, tariff)
    with progress_shown(as_json) as progress:
        return find_impact(books, old, new, cycle, asked, progress).as_dict()


def _commodity(text: str | None) -> Commodity | None:
    known = [item.value for item in Commodity]
    if text is not None and text not in known:
        raise ConfigError(f"option --commodity: expected one of {', '.join(known)}, found `{text}`")
    return None if text is None else Commodity(text)


def _terms(
    from_date: datetime | None,
    to_date: datetime | None,
    prices_of: datetime | None,
    attribute: list[str] | None,
    factor: list[str] | None,
) -> dict[str, Any]:
    return {
        "start_date": from_date and from_date.date(),
        "end_date": to_date and to_date.date(),
        "prices_of": prices_of and prices_of.date(),
        "attributes": _pairs("--attribute", attribute),
        "factors": {name: _number("--factor", name, text) for name, text in _pairs("--factor", factor).items()},
    }


def _pairs(option: str, texts: list[str] | None) -> dict[str, str]:
    pairs = {}
    for text in texts or []:
        name, sign, value = text.partition("=")
        if not (sign and name.strip() and value.strip()):
            raise ConfigError(f"option {option}: expected NAME=VALUE, found `{text}`")
        pairs[name.strip()] = value.strip()
    return pairs


def _number(option: str, name: str, text: str) -> Decimal:
    try:
        number = Decimal(text)
    except InvalidOperation as error:
        raise ConfigError(f"option {option} {name}: expected a number, found `{text}`") from error
    if not number.is_finite():
        raise ConfigError(f"option {option} {name}: expected a number, found `{text}`")
    return number
