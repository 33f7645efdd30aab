"""The grid of days to estimate: what is faulty in it, what is known beside it, and what became of each slot.

What cannot be estimated stays empty. Values that were measured never change.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import IntEnum

import numpy as np
import numpy.typing as npt
import polars as pl

from ingest.estimates.grid_kernels import opened_slots
from ingest.rules.rules import RuleSet
from ingest.vee.kernels import KEPT, NEIGHBOUR, PENDING
from ingest.vee.matrix import MISSING, Bytes, DayKinds, Ints, Values, quality_matrix, real_slots
from model.codes import Method, Quality

# A neighbour or a reference is measured, edited or finally substituted, or read by the customer.
TRUSTED = np.isin(
    np.arange(256),
    [Quality.ACTUAL, Quality.EDITED, Quality.SUBSTITUTED, Quality.FINAL_SUBSTITUTED, Quality.CUSTOMER],
)

DECIDED = 2  # mark of a slot to which a person gave the value
ACCEPTED = 3  # mark of a slot whose value a person accepted as it came

SPAN_SCHEMA = {
    "channel_no": pl.Int32(),
    "from_date": pl.Date(),
    "to_date": pl.Date(),
    "quantity": pl.Int64(),
    "tolerance": pl.Int64(),
}
OUTAGE_SCHEMA = {"channel_no": pl.Int32(), "day": pl.Date(), "first_slot": pl.Int64(), "after_slot": pl.Int64()}
FLOW_SCHEMA = {"channel_no": pl.Int32(), "day": pl.Date(), "slot": pl.Int16(), "value": pl.Int64()}
EDIT_SCHEMA = {
    "channel_no": pl.Int32(),
    "day": pl.Date(),
    "slot": pl.Int16(),
    "base_seq": pl.Int64(),
    "kind": pl.String(),
    "value": pl.Int64(),
}


class Fault(IntEnum):
    """Why a slot is to be estimated."""

    NONE = 0
    MISSING = 1
    NEGATIVE = 2
    SPIKE = 3
    SET_ASIDE = 4
    """A person decided that the value is not used."""


@dataclass(frozen=True)
class DayGrid:
    """Days of the channels that need work, by channel and day, with a row for each expected day."""

    keys: pl.DataFrame  # channel_no, day, n, worst, flags, raw_code, seq, updated_at, kind, is_expected, refuse_above
    values: Values  # [row, slot], as landed, edits applied
    qualities: Bytes  # [row, slot]
    faults: Bytes  # [row, slot], Fault; zero beyond the day's real slots
    slots_real: Ints  # [row]
    touched: Bytes  # [row, slot]: 1 where a person decided; DECIDED: gave the value; ACCEPTED: as it came


def _none(schema: dict[str, pl.DataType]) -> pl.DataFrame:
    return pl.DataFrame(schema=schema)


@dataclass(frozen=True)
class Beside:
    """What is known beside the landed days of the channels to estimate. Nothing of it is needed."""

    spans: pl.DataFrame = field(default_factory=lambda: _none(SPAN_SCHEMA))
    """Use between two register readings of the same flow, in the channel's smallest unit; spans do not overlap."""
    outages: pl.DataFrame = field(default_factory=lambda: _none(OUTAGE_SCHEMA))
    """Slots that lie in a known outage, the last not included; the slots at its ends are only partly in it."""
    checks: pl.DataFrame = field(default_factory=lambda: _none(FLOW_SCHEMA))
    """Trusted values of the channel's check channel."""
    flows: pl.DataFrame = field(default_factory=lambda: _none(FLOW_SCHEMA))
    """Values calculated from other flows."""
    edits: pl.DataFrame = field(default_factory=lambda: _none(EDIT_SCHEMA))
    """Approved decisions about slots, one a slot: kinds `value`, `accept` and `restore` (as landed), `estimate`
    (set aside)."""


NOTHING = Beside()


@dataclass(frozen=True)
class Estimated:
    """The grid after estimation: `MISSING` where a fault could not be estimated, Method of each estimate."""

    values: Values
    methods: Bytes
    shapes: Bytes
    """[row, slot]: the method before scaling to a register; the same as `methods` where nothing was scaled."""
    references: dict[Method, tuple[Ints, Ints]]
    """Of methods that average days: the rows they fill, and for each the rows averaged; -1 where there is none."""
    scaled: pl.DataFrame
    """Days of register spans to which estimates were scaled: channel_no, day, from_date, to_date, quantity."""
    drafts: list[pl.DataFrame]
    """Findings about what was refused."""


@dataclass
class Gaps:
    """The slots that are to be estimated, and how far that is. Methods fill `values` and `methods` where PENDING."""

    grid: DayGrid
    kinds: DayKinds
    interval_minutes: int
    rules: RuleSet
    beside: Beside
    values: Values
    methods: Bytes
    states: Bytes
    """[row, slot]: NEIGHBOUR may be the end of a line or a reference, KEPT may not, GAP is faulty."""
    references: dict[Method, tuple[Ints, Ints]] = field(default_factory=dict)

    @property
    def beyond(self) -> npt.NDArray[np.bool_]:
        """Return which slots lie beyond their day."""
        return np.arange(self.states.shape[1])[None, :] >= self.grid.slots_real[:, None]

    @property
    def usable(self) -> npt.NDArray[np.bool_]:
        """Return which days can be references: every slot of theirs may be."""
        trusted = (self.states == NEIGHBOUR) | self.beyond
        usable: npt.NDArray[np.bool_] = (self.grid.slots_real > 0) & trusted.all(axis=1)
        return usable

    @property
    def pending(self) -> Ints:
        """Return the rows with a slot that is still to be estimated."""
        return np.flatnonzero((self.methods == PENDING).any(axis=1))

    def fill(self, rows: Ints, is_filled: npt.NDArray[np.bool_], values: Ints, method: Method) -> None:
        """Take `values` of `rows` where `is_filled`, and nowhere but in slots that are still pending."""
        methods = self.methods[rows]
        at, slot = np.nonzero(is_filled & (methods == PENDING))
        self.values[rows[at], slot] = values[at, slot]
        self.methods[rows[at], slot] = method


def build_grid(keys: pl.DataFrame, values: Values, edits: pl.DataFrame | None = None) -> DayGrid:
    """Return the grid of `keys` and their slots, faults marked: missing, negative, spike, in that order.

    `edits` (EDIT_SCHEMA) hold for the landed row that they were made upon; a value of theirs is not judged again.
    """
    slots_real = real_slots(keys["n"])
    qualities = quality_matrix(keys["worst"], keys["flags"], values.shape[1])
    refuse_above = keys["refuse_above"].fill_null(np.iinfo(np.int64).max).to_numpy()
    touched = np.zeros(values.shape, np.uint8)
    faults = np.zeros(values.shape, np.uint8)
    faults[values > refuse_above[:, None]] = Fault.SPIKE
    faults[values < 0] = Fault.NEGATIVE
    faults[(values == MISSING) | (qualities == Quality.MISSING)] = Fault.MISSING
    faults[np.arange(values.shape[1])[None, :] >= slots_real[:, None]] = Fault.NONE
    grid = DayGrid(keys, values, qualities, faults, slots_real, touched)
    if edits is not None and edits.height:
        _apply_edits(grid, edits)
    return grid


def open_gaps(
    grid: DayGrid,
    kinds: DayKinds,
    interval_minutes: int,
    rules: RuleSet,
    beside: Beside,
    refused: npt.NDArray[np.bool_],
) -> Gaps:
    """Return the gaps of the expected days as nothing has filled them yet; `refused` rows are left as they are."""
    is_expected = grid.keys["is_expected"].to_numpy()
    values, methods, states = opened_slots(
        (is_expected, refused), grid.slots_real, grid.values, (grid.faults, grid.qualities), TRUSTED
    )
    if beside.outages.height:
        states[_outage_slots(grid, beside.outages) & (states == NEIGHBOUR)] = KEPT
    return Gaps(grid, kinds, interval_minutes, rules, beside, values, methods, states)


def grid_rows(grid: DayGrid, frame: pl.DataFrame) -> pl.DataFrame:
    """Add `row`, the row of the grid that holds the channel-day of each row of `frame`; others are left out."""
    places = grid.keys.select("channel_no", "day").with_row_index("row")
    return frame.join(places, how="inner", on=["channel_no", "day"], validate="m:1", maintain_order="left")


def slot_ranges(grid: DayGrid, ranges: pl.DataFrame) -> npt.NDArray[np.bool_]:
    """Return which slots lie in `ranges`: channel_no, day, first_slot, after_slot."""
    if ranges.is_empty():
        return np.zeros(grid.values.shape, np.bool_)
    placed = grid_rows(grid, ranges)
    edges = np.zeros((grid.values.shape[0], grid.values.shape[1] + 1), np.int32)
    rows = placed["row"].to_numpy()
    np.add.at(edges, (rows, placed["first_slot"].clip(0, grid.values.shape[1]).to_numpy()), 1)
    np.add.at(edges, (rows, placed["after_slot"].clip(0, grid.values.shape[1]).to_numpy()), -1)
    inside: npt.NDArray[np.bool_] = np.cumsum(edges, axis=1, dtype=np.int32)[:, :-1] > 0
    return inside


def _outage_slots(grid: DayGrid, outages: pl.DataFrame) -> npt.NDArray[np.bool_]:
    """Return the slots in or at the ends of an outage: no ends of lines and no references (V23)."""
    wider = outages.with_columns(pl.col("first_slot") - 1, pl.col("after_slot") + 1)
    return slot_ranges(grid, wider)


def _apply_edits(grid: DayGrid, edits: pl.DataFrame) -> None:
    placed = grid_rows(grid, edits)
    of_rows = grid.keys[placed["row"]].select("seq", "n")
    placed = pl.concat([placed, of_rows], how="horizontal")
    # An edit was made looking at one landed row; what landed later is not changed by it.
    placed = placed.filter((pl.col("seq") == pl.col("base_seq")) & (pl.col("slot") < pl.col("n")))
    for kind in ("restore", "accept", "estimate", "value"):
        some = placed.filter(pl.col("kind") == kind)
        place = (some["row"].to_numpy(), some["slot"].to_numpy())
        grid.touched[place] = 1
        if kind == "accept":
            # Where nothing came there is nothing to stand: the estimate does.
            came = grid.faults[place] != Fault.MISSING
            grid.faults[place] = np.where(came, np.uint8(Fault.NONE), grid.faults[place])
            grid.touched[place] = np.where(came, np.uint8(ACCEPTED), np.uint8(0))
        if kind == "estimate":
            grid.faults[place] = Fault.SET_ASIDE
        if kind == "value":
            grid.values[place] = some["value"].to_numpy()
            grid.qualities[place] = Quality.EDITED
            grid.faults[place] = Fault.NONE
            grid.touched[place] = DECIDED
