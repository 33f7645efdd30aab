"""Lots kept in the workspace: who compares a second proposal need not gather whom it bills, nor read the month."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pandera.polars as pa
import polars as pl

from cycles.quotes.lots import Lot
from model.events import OneOffCharges
from model.metering import QualityGates
from model.rating import BankBalances, DueAgreements, DueAttributes, DueChannels, History, RatingInput
from model.reads import RegisterUsage
from model.schema import checked
from model.tariff import RateBook
from rating.profiles import ByKind
from store.kept import keep_frames, kept_frames

_TABLES: dict[str, type[pa.DataFrameModel]] = {
    "due": DueAgreements, "channels": DueChannels, "usage": RegisterUsage, "attributes": DueAttributes,
    "history": History, "banks": BankBalances, "gates": QualityGates, "charges": OneOffCharges,
}  # fmt: skip
_DAYS = "days"
_INDEX = "lots"


class NotKeptError(Exception):
    """A part of what was kept is gone or damaged: all has to be made again."""


class Shelf:
    """Where lots lie, under a key that stands for all that they are made of."""

    def __init__(self, folder: Path, key: str) -> None:
        """Take a folder and a key."""
        self._folder, self._key = folder, key

    def count(self) -> int | None:
        """Return how many lots lie here; None when not all of them were kept."""
        found = kept_frames(self._folder, self._key, [_INDEX])
        return None if found is None else found[_INDEX].height

    def keep(self, number: int, lot: Lot) -> list[str]:
        """Keep a lot, and return the names of its frames; it counts once all are listed (`close`)."""
        by_agg = {_DAYS: lot.given.days} | (lot.extremes or {})
        frames = {name: getattr(lot.given, name) for name in _TABLES}
        frames |= {f"{agg}-{minutes}": wide for agg, days in by_agg.items() for minutes, wide in days.items()}
        keep_frames(self._folder, self._key, {f"{number}-{name}": frame for name, frame in frames.items()})
        return sorted(frames)

    def close(self, names: Sequence[Sequence[str]], is_profiled: Sequence[bool]) -> None:
        """List the frames of all lots, in order of number."""
        frames = pl.Series("frames", names, dtype=pl.List(pl.String))
        index = pl.DataFrame([frames, pl.Series("is_profiled", is_profiled, dtype=pl.Boolean)])
        keep_frames(self._folder, self._key, {_INDEX: index})

    def opened(self, number: int, book: RateBook) -> Lot:
        """Return a lot that lies here; `book` stands where the input of rating has one.

        Raises:
            NotKeptError: it is gone or damaged.
        """
        row = self._kept([_INDEX])[_INDEX].row(number, named=True)
        found = self._kept([f"{number}-{name}" for name in row["frames"]])
        tables = {name: checked(table, found[f"{number}-{name}"]) for name, table in _TABLES.items()}
        by_agg: ByKind = {_DAYS: {}}
        for name in row["frames"]:
            if name not in _TABLES:
                agg, minutes = name.split("-")
                by_agg.setdefault(agg, {})[int(minutes)] = found[f"{number}-{name}"]
        given = RatingInput(days=by_agg.pop(_DAYS), book=book, **tables)  # type: ignore[arg-type]  # by table
        return Lot(given, by_agg if row["is_profiled"] else None)

    def _kept(self, names: list[str]) -> dict[str, pl.DataFrame]:
        found = kept_frames(self._folder, self._key, names)
        if found is None:
            raise NotKeptError(f"profiles `{self._key}` are gone or damaged")
        return found
