"""The lots of a base: those that were kept, or made of its reads."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial

from cycles.quotes.bases import Base
from cycles.quotes.kept_lots import Shelf
from cycles.quotes.lots import Lot, joined
from cycles.quotes.unplanned import Unplanned
from model.ids import content_hash
from model.rating import RatingInput
from model.reads import INTERVAL_LENGTHS
from model.tariff import RateBook
from rating.profile_needs import extremes_asked
from rating.profiles import DayKinds, added_days, cut_by_accounts, day_kinds

# So many agreements are priced at once: the first costs as much as ten thousand, and a thousand take ten megabytes.
_AGREEMENTS_AT_ONCE = 50_000
_ROWS_AT_ONCE = 300_000  # days of channels that are rated day by day


@dataclass
class Lots:
    """All lots. `openers`: each opens one, from any thread; `left_over` gives those of what these have left.

    `mark`: which accounts' days may be added up. Who has too many estimates is only parked where days are one by one,
    so what accounts owe serves another proposal of the same mark alone.
    """

    openers: list[Callable[[], Lot]]
    mark: str
    shelf: Shelf | None = None
    left: dict[int, list[RatingInput]] = field(default_factory=dict)
    names: dict[int, list[str]] = field(default_factory=dict)

    def left_over(self) -> list[Lot]:
        """Return lots of the accounts whose days could not be added up, once all others were opened."""
        if self.shelf is None:
            return []
        left = [given for number in sorted(self.left) for given in self.left[number]]
        lots = _in_lots([given for given in left if given.due.height])
        for number, lot in enumerate(lots, len(self.openers)):
            self.names[number] = self.shelf.keep(number, lot)
        is_profiled = [number < len(self.openers) for number in sorted(self.names)]
        self.shelf.close([self.names[number] for number in sorted(self.names)], is_profiled)
        return lots


def find_lots(base: Base, books: Sequence[RateBook], gather: Callable[[], Unplanned], *, may_be_kept: bool) -> Lots:
    """Return the lots of a base: those kept of a proposal that told the same days apart, or else of its reads."""
    kinds = day_kinds(base.due, base.attributes, books, INTERVAL_LENGTHS)
    if kinds is None:
        gathered = base.gathered or gather()
        return Lots([partial(_of_partition, gathered, partition) for partition in gathered.partitions], "days")
    extremes = sorted(set().union(*map(extremes_asked, books)))
    shelf, mark = Shelf(base.workspace.profiles, _key(base, kinds, extremes)), ",".join(["kinds", *extremes])
    count = shelf.count() if may_be_kept else None
    if count is not None:
        return Lots([partial(shelf.opened, number, books[0]) for number in range(count)], mark)
    gathered = base.gathered or gather()
    lots = Lots([], mark, shelf)
    for number, group in enumerate(_groups(gathered)):
        lots.openers.append(partial(_of_group, lots, number, gathered, group, kinds, extremes))
    return lots


def _key(base: Base, kinds: DayKinds, extremes: Sequence[str]) -> str:
    days = [f"{minutes}\n{frame.write_json()}" for minutes, frame in sorted(kinds.of_length.items())]
    return content_hash(base.key, kinds.start_date, kinds.end_date, *days, *extremes)[:32]


def _groups(gathered: Unplanned) -> list[list[int]]:
    """Return the partitions in groups that are priced at once: as many as there are cores, or more."""
    partitions, cores = gathered.partitions, os.cpu_count() or 1
    rounds = -(-gathered.inputs.frames["due"].height // (_AGREEMENTS_AT_ONCE * cores))
    each = -(-len(partitions) // (rounds * cores))
    return [partitions[first : first + each] for first in range(0, len(partitions), each)]


def _of_partition(gathered: Unplanned, partition: int) -> Lot:
    return Lot(gathered.rating_input(partition))


def _of_group(
    lots: Lots, number: int, gathered: Unplanned, partitions: Sequence[int], kinds: DayKinds, extremes: Sequence[str]
) -> Lot:
    """Return the lot of those accounts of some partitions whose days can be added up; keep it, and leave the others."""
    wholes, lots.left[number] = [], []
    for partition in partitions:
        given = gathered.rating_input(partition)
        cut = cut_by_accounts(given, kinds, added_days(given, kinds, extremes))
        wholes.append(Lot(cut.whole, cut.extremes))
        lots.left[number].append(cut.rest)
    lot = joined(wholes)
    assert lots.shelf is not None, "what is added up is kept"
    lots.names[number] = lots.shelf.keep(number, lot)
    return lot


def _in_lots(rests: Sequence[RatingInput]) -> list[Lot]:
    """Return inputs, each of few accounts, as lots that are worth a rating of their own."""
    found, some, rows = [], list[Lot](), 0
    for rest in rests:
        some.append(Lot(rest))
        rows += sum(wide.height for wide in rest.days.values())
        if rows > _ROWS_AT_ONCE:
            found.append(joined(some))
            some, rows = [], 0
    return found + ([joined(some)] if some else [])
