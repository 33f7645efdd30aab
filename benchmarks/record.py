"""Results kept: `results.json` holds every run by its command, `results.md` a table of each between two markers."""

from __future__ import annotations

import json
import os
import platform
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

from rich import box
from rich.table import Table

FOLDER = Path(__file__).parent
LIBRARIES = ("polars", "duckdb", "pyarrow", "numpy", "numba")
_BEGIN, _END = "<!-- measured: {} -->", "<!-- measured ends -->"


@dataclass(frozen=True)
class Sheet:
    """A table for the terminal and for Markdown: its first column is text, the others are figures."""

    title: str
    headings: Sequence[str]
    rows: list[list[str]] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def as_rich(self) -> Table:
        """Return the table for a terminal; lines of about 110 characters."""
        table = Table(title=self.title, title_justify="left", title_style="bold", box=box.SIMPLE, pad_edge=False)
        for number, heading in enumerate(self.headings):
            table.add_column(heading, justify="right" if number else "left", no_wrap=True)
        for row in self.rows:
            table.add_row(*row)
        if self.notes:
            table.caption, table.caption_justify, table.caption_style = "\n".join(self.notes), "left", ""
        return table

    def as_markdown(self, *told: str) -> str:
        """Return the table as Markdown under its title and what is told of it, its notes below."""
        head = _line(self.headings), _line(["---", *["--:"] * (len(self.headings) - 1)], pad="")
        table = "\n".join([*head, *(_line(row) for row in self.rows)])
        notes = ["\n".join(self.notes)] if self.notes else []
        return "\n\n".join([f"## {self.title}", *told, table, *notes])


def machine() -> dict[str, Any]:
    """Return what the figures depend on: the machine, its load when asked, the versions."""
    with_model = re.search(r"model name\s*: (.+)", _text("/proc/cpuinfo"))
    memory = re.search(r"MemTotal:\s*(\d+)", _text("/proc/meminfo"))
    return {
        "cores": os.cpu_count(),
        "processor": with_model[1].strip() if with_model else platform.processor(),
        "memory_mb": int(memory[1]) // 1024 if memory else None,
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
        "versions": {name: version(name) for name in LIBRARIES},
        "load": round(os.getloadavg()[0], 1),
    }


def machine_line(told: dict[str, Any]) -> str:
    """Return the machine, its load and the versions as one sentence."""
    versions = ", ".join(f"{name} {number}" for name, number in told["versions"].items())
    return (
        f"{told['cores']} cores ({told['processor']}), {told['memory_mb'] or 0:,} MB, {told['system']}, load "
        f"{told['load']} when it began; Python {told['python']}, {versions}."
    )


def keep(folder: Path, command: str, began: dict[str, Any], report: dict[str, Any], sheets: Sequence[Sheet]) -> None:
    """Write a run into `results.json` and `results.md` of a folder, in place of the run of the same command before."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "results.json"
    runs = json.loads(path.read_text(encoding="utf-8"))["runs"] if path.is_file() else []
    measured_at = datetime.now(UTC).isoformat(timespec="seconds")
    run = {"command": command, "measured_at": measured_at, "machine": began, "report": report}
    kept = [one for one in runs if one["command"] != command]
    text = json.dumps({"runs": sorted([*kept, run], key=lambda one: one["command"])}, indent=1)
    path.write_text(text + "\n", encoding="utf-8")
    told = (f"    {command}", f"{measured_at[:10]}, {machine_line(began)}")
    first, *others = sheets
    body = "\n\n".join([first.as_markdown(*told), *(sheet.as_markdown() for sheet in others)])
    page = folder / "results.md"
    before = page.read_text(encoding="utf-8") if page.is_file() else "# Results\n"
    page.write_text(with_section(before, command, body), encoding="utf-8")


def with_section(text: str, command: str, body: str) -> str:
    """Return a page with `body` as the section of a command: where it was before, otherwise at the end."""
    begin = _BEGIN.format(command)
    section = f"{begin}\n\n{body}\n\n{_END}"
    if begin in text:
        head, rest = text.split(begin, 1)
        return head + section + rest.split(_END, 1)[1]
    return f"{text.rstrip()}\n\n{section}\n"


def _line(cells: Sequence[str], pad: str = " ") -> str:
    return "|" + "|".join(f"{pad}{cell}{pad}" for cell in cells) + "|"


def _text(path: str) -> str:
    return Path(path).read_text() if Path(path).exists() else ""
