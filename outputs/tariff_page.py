"""A tariff on a terminal: facts, a table of prices, and the week as a grid of letters and colours.

The letters say all that the colours do, so nothing is lost in a pipe or to who cannot tell colours apart.
"""

from __future__ import annotations

from rich.console import Console
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from outputs.console import cell_text, print_facts, stdout
from tariffs.show import NUMBERS, TariffPage, VersionPage
from tariffs.week import Week, letters_of

# From the cheapest period to the dearest.
_COLOURS = ("green", "cyan", "yellow", "red")


def print_tariff(page: TariffPage) -> None:
    """Print a tariff; a week is printed again only where a version changes it."""
    console = stdout()
    console.print(Text(f"{page.tariff}: {cell_text(page.title)}", style="bold"))
    print_facts(page.facts)
    before: VersionPage | None = None
    for version in page.versions:
        console.print()
        console.print(Text(_version_title(version), style="bold"))
        print_facts(version.facts)
        console.print()
        console.print(_charges(version))
        for note in version.notes:
            console.print(Text(cell_text(note)), soft_wrap=True)
        if before is None or before.weeks != version.weeks:
            _print_weeks(console, version)
        before = version


def _version_title(version: VersionPage) -> str:
    until = f"until {version.valid_to}, not included" if version.valid_to else "until further notice"
    state = f": {version.state}" if version.state else ""
    return f"Version from {version.valid_from} {until}{state}"


def _charges(version: VersionPage) -> Table:
    table = Table(header_style="bold", box=None, pad_edge=False)
    for name in version.charges.columns:
        is_number = name in NUMBERS
        table.add_column(name.replace("_", " "), justify="right" if is_number else "left", overflow="fold")
    for row in version.charges.iter_rows():
        table.add_row(*(escape(cell_text(cell)) for cell in row))
    return table


def _print_weeks(console: Console, version: VersionPage) -> None:
    if not version.weeks:
        return
    letters, colours = letters_of(version.periods), _colours(version)
    for week in version.weeks:
        console.print()
        console.print(Text(week.title))
        width = max(len(label) for label in week.rows)
        console.print(Text(f"{'':{width}}  {week.header}"))
        for label, cells in zip(week.rows, week.cells, strict=True):
            line = Text(f"{label:{width}}  ")
            for name in cells:
                line.append(*_cell(name, week, letters, colours))
            console.print(line)
    legend = Text()
    for name in version.periods:
        legend.append(f" {letters[name]} ", style=colours[name]).append(f" {name}   ")
    legend.rstrip()
    console.print(legend)


def _cell(name: str, week: Week, letters: dict[str, str], colours: dict[str, str]) -> tuple[str, str]:
    return letters.get(name, "?") * week.cell_width, colours.get(name, "")


def _colours(version: VersionPage) -> dict[str, str]:
    """Return the style of each period: green for the cheapest, red for the dearest, the others between."""
    last = max(len(version.periods) - 1, 1)
    places = {name: (rank * (len(_COLOURS) - 1) + last // 2) // last for name, rank in version.dearness.items()}
    return {name: f"black on {_COLOURS[place]}" for name, place in places.items()}
