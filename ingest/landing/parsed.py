"""A meter file in the landed layout: days and register readings of known channels, and what was not taken."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import polars as pl
from pandera.typing.polars import DataFrame

from model.reads import RegisterReads, Rejects
from model.schema import empty


@dataclass(frozen=True)
class ParsedFile:
    """A meter file in the landed layout, `seq` still 0.

    `days` maps an interval length in minutes to ReadDays and slots, plus `line`, the line that each day began on.
    A file is unusable when it was refused as a whole (a reject at line 0). `notes`: see FileRecords.
    """

    name: str
    sha256: str
    file_format: str
    rejects: DataFrame[Rejects]
    days: Mapping[int, pl.DataFrame] = field(default_factory=dict)
    registers: DataFrame[RegisterReads] = field(default_factory=lambda: empty(RegisterReads))
    notes: Mapping[str, str] = field(default_factory=dict)

    @property
    def is_usable(self) -> bool:
        """True unless the file was refused as a whole."""
        return not (self.rejects["line"] == 0).any()
