"""Lists of ids that somebody wrote: a CSV file with one column of them."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from pathlib import Path

from model.errors import InputError
from store.files import read_text


def read_ids(path: Path, columns: Sequence[str]) -> dict[str, list[str]]:
    """Return the ids in a CSV file by column, each once, in their order; further columns are notes.

    Raises:
        InputError: it cannot be read, has none of `columns`, or a line without an id.
    """
    rows = list(csv.DictReader(io.StringIO(read_text(path))))
    header = list(rows[0]) if rows else []
    present = [name for name in columns if name in header]
    if not present:
        raise InputError(
            f"file `{path}`: expected a column {' or '.join(columns)} and a line for each, "
            f"found {', '.join(header) if header else 'nothing'}",
            hint=f"first line: {columns[0]}",
        )
    for place, row in enumerate(rows, start=2):
        if not any((row[name] or "").strip() for name in present):
            raise InputError(f"file `{path}`, line {place}: expected an id, found nothing")
    return {
        name: list(dict.fromkeys((row[name] or "").strip() for row in rows if (row[name] or "").strip()))
        for name in present
    }
