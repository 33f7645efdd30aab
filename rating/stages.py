"""The stages of rating, as values: `rate` runs them, `rating.explain` tells of them.

A stage takes the work so far and returns it with what it adds, and the agreements that it parks. Between stages
the parked agreements leave the work, so no stage sees what an earlier one refused.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial

import polars as pl
from pandera.typing.polars import DataFrame

from model.codes import ParkReason
from model.metering import QualityGates
from model.rating import (
    BankBalances,
    BillLines,
    Determinants,
    DueAgreements,
    DueAttributes,
    DueChannels,
    History,
    Rated,
    RatingInput,
    Segments,
    Slices,
)
from model.reads import RegisterUsage
from model.schema import arranged, checked, empty
from model.tariff import Quantities, RateBook
from rating.amounts import CORE_SCHEMA
from rating.asked import measured_book
from rating.calendar import Calendar, days_without_factor, lay_out, slices_table
from rating.carried import banks_out_of_order, carried_in, kept_banks, kept_history
from rating.charges import price_charges
from rating.determinants import determinants_table, find_determinants
from rating.given import GivenQuantities, given_carried, given_determinants, of_channels
from rating.lines import lines_table, without_lines
from rating.one_offs import with_one_offs
from rating.parking import PARKS_SCHEMA, first_parks, no_parks, park, parked_table, sibling_parks
from rating.personal import conditions
from rating.profiles import ByKind, measure_profiles
from rating.ratebook import check_book, ready_components
from rating.segments import (
    calendars,
    currencies_that_differ,
    cut_segments,
    days_without_version,
    number_due,
    offset_segments,
    segments_table,
)
from rating.taxes import price_over_bases
from rating.uses import needed_now
from rating.values import Known, stated_attributes


@dataclass(frozen=True)
class Work:
    """What a stage finds and leaves. `due` are the agreements still to be billed; `all_due` never shrinks.

    `parked`: due_no, reason, detail and the stage that parked.
    """

    given: RatingInput
    components: pl.DataFrame
    all_due: pl.DataFrame
    due: pl.DataFrame
    parked: pl.DataFrame
    calendar: Calendar | None = None
    determinants: pl.DataFrame | None = None
    lines: pl.DataFrame | None = None
    carried: pl.DataFrame | None = None
    """What earlier cycles left (see `rating.carried`)."""
    idle: pl.DataFrame | None = None
    """Charges whose condition is not met: due_no, version_id, component_id."""
    banks: DataFrame[BankBalances] | None = None
    history: pl.DataFrame | None = None

    def known(self) -> Known:
        """Return what formulas may ask."""
        assert self.calendar is not None, "segments come before values"
        assert self.determinants is not None, "determinants come before values"
        assert self.carried is not None, "determinants come before values"
        attributes = stated_attributes(self.due, self.given.attributes)
        return Known(self.given.book, self.calendar, self.due, self.determinants, attributes, self.carried)

    def without(self, parks: pl.DataFrame, stage: str) -> Work:
        """Return the work without the agreements that `stage` parked."""
        if parks.is_empty():
            return self
        stays = ~pl.col("due_no").is_in(parks["due_no"].implode())
        return replace(
            self,
            due=self.due.filter(stays),
            parked=pl.concat([self.parked, parks.with_columns(pl.lit(stage).alias("stage"))]),
            determinants=None if self.determinants is None else self.determinants.filter(stays),
            lines=None if self.lines is None else self.lines.filter(stays),
        )


@dataclass(frozen=True)
class Stage:
    """A step of rating: its name in parked rows, what it does, and the function that does it."""

    name: str
    title: str
    run: Callable[[Work], tuple[Work, list[pl.DataFrame]]]


def _cut(work: Work) -> tuple[Work, list[pl.DataFrame]]:
    cals = calendars(work.due)
    versions = work.given.book.versions
    segments = cut_segments(cals, versions)
    calendar, factor_gaps = lay_out(segments, work.given.book)
    parks = [
        days_without_version(work.due, cals, segments),
        currencies_that_differ(work.due, segments, versions),
        days_without_factor(work.due, factor_gaps),
    ]
    return replace(work, calendar=calendar), parks


def _measure(work: Work) -> tuple[Work, list[pl.DataFrame]]:
    assert work.calendar is not None, "segments come before determinants"
    found, parks = find_determinants(work.due, work.calendar, _measured_only(work.given))
    return replace(work, determinants=found, carried=carried_in(work.due, work.given)), [
        *parks,
        banks_out_of_order(work.due, work.given),
        _waiting(found, work.given),
    ]


def _waiting(found: pl.DataFrame, given: RatingInput) -> pl.DataFrame:
    """Return parks for agreements whose quantities rest on estimates that are not billed yet."""
    if given.estimates_from is None:
        return no_parks()
    estimated = found.filter("is_estimated").group_by("due_no").agg(pl.col("quantity_id").min())
    detail = pl.format(
        "quantity `{}` rests on estimates; expected actual reads, or a business date from {} on",
        "quantity_id", pl.lit(given.estimates_from.isoformat()),
    )  # fmt: skip
    return park(estimated, ParkReason.WAITING_FOR_READS, detail)


def _measured_only(given: RatingInput) -> RatingInput:
    """Return the input with the quantities that channels measure; the others are found from these."""
    return replace(given, book=measured_book(given.book))


def _judge(work: Work) -> tuple[Work, list[pl.DataFrame]]:
    idle, parks = conditions(work.known(), work.components)
    return replace(work, idle=idle), parks


def _charge(work: Work) -> tuple[Work, list[pl.DataFrame]]:
    assert work.idle is not None, "conditions come before charges"
    lines, parks = price_charges(work.known(), work.components, work.idle, work.given)
    return replace(work, lines=lines), parks


def _tax(work: Work) -> tuple[Work, list[pl.DataFrame]]:
    assert work.idle is not None, "conditions come before taxes"
    assert work.lines is not None, "charges come before taxes"
    lines, parks = price_over_bases(work.known(), work.lines, work.components, work.idle)
    return replace(work, lines=lines), parks


def _carry(work: Work) -> tuple[Work, list[pl.DataFrame]]:
    assert work.lines is not None, "charges come before balances"
    banks, bank_parks = kept_banks(work.known(), work.due, work.lines, work.components)
    history, parks = kept_history(work.known(), work.due)
    return replace(work, banks=banks, history=history), [bank_parks, *parks]


def _bill(work: Work) -> tuple[Work, list[pl.DataFrame]]:
    assert work.lines is not None, "charges come before bills"
    bare = without_lines(work.due, work.lines)
    parked = pl.concat([work.parked.select(list(PARKS_SCHEMA)), bare])
    return work, [bare, sibling_parks(work.all_due, parked)]


STAGES: tuple[Stage, ...] = (
    Stage("segments", "cut due periods at tariff versions, seasons and dated factors", _cut),
    Stage("determinants", "sum intervals by time-of-use period, find maxima, share register readings", _measure),
    Stage("conditions", "ask the conditions of charges", _judge),
    Stage("charges", "price quantities, days and cycles by season, period and tier; round each line once", _charge),
    Stage("taxes", "add percentages, floors and caps on the rounded lines, level by level", _tax),
    Stage("balances", "find what is carried into the next cycle", _carry),
    Stage("bills", "set aside whole bills of which an agreement is parked", _bill),
)

_MEASURED = 2
"""So many stages measure; the others price what was measured."""


def rate(given: RatingInput) -> Rated:
    """Return lines, what they rest on, and what is parked, for every due agreement.

    The result depends on the rows of `given` alone, not on their order. Segments, slices and determinants are
    those of the agreements that have lines.

    Raises:
        TariffError: the rate book would rate wrongly (see `rating.ratebook.check_book`).
        AssertionError: a table of `given` is not what it promises.
    """
    return _run(given, STAGES)


def rate_given(
    due: DataFrame[DueAgreements],
    book: RateBook,
    quantities: DataFrame[GivenQuantities],
    attributes: DataFrame[DueAttributes] | None = None,
    banks: DataFrame[BankBalances] | None = None,
) -> Rated:
    """Return lines for quantities that are given instead of measured: worked bills, a quote.

    Only the measuring stage differs from `rate`. A quantity is for the whole due period of its agreement; where that
    is cut, a sum is shared by days (largest remainder), and a maximum is the same in each part.

    Raises:
        TariffError: the rate book would rate wrongly (see `rating.ratebook.check_book`).
        AssertionError: a table is not what it promises, or an agreement is due for several periods.
    """
    checked(GivenQuantities, quantities)
    assert due["agreement_id"].n_unique() == len(due), "quantities are given for one period of each agreement"

    def take(work: Work) -> tuple[Work, list[pl.DataFrame]]:
        assert work.calendar is not None, "segments come before determinants"
        found, parks = given_determinants(
            work.due, work.calendar, _measured_only(_without_history(work.given)),
            of_channels(work.due, work.given, quantities),
        )  # fmt: skip
        carried = given_carried(work.due, work.given, quantities, carried_in(work.due, work.given))
        return replace(work, determinants=found, carried=carried), parks

    stages = tuple(replace(stage, run=take) if stage.run is _measure else stage for stage in STAGES)
    given = RatingInput(
        due, empty(DueChannels), {}, empty(RegisterUsage), book,
        attributes=empty(DueAttributes) if attributes is None else attributes,
        banks=empty(BankBalances) if banks is None else banks,
    )  # fmt: skip
    return _run(given, stages)


def rate_profiled(given: RatingInput, extremes: ByKind) -> Rated:
    """Return what `rate` does, for days that were added up by kind of day (`rating.profiles.profiled`).

    Only the day of a maximum or minimum is another: the first of its kind.

    Raises:
        TariffError: the rate book would rate wrongly (see `rating.ratebook.check_book`).
        AssertionError: a table of `given` is not what it promises.
    """
    return _run(*_from_profiles(given, extremes))


def priced(given: RatingInput, extremes: ByKind | None = None) -> Work | None:
    """Return the work from which `rate` makes its tables, or with `extremes` `rate_profiled`; None: nothing is due.

    Raises:
        TariffError: the rate book would rate wrongly (see `rating.ratebook.check_book`).
        AssertionError: a table of `given` is not what it promises.
    """
    given, stages = (given, STAGES) if extremes is None else _from_profiles(given, extremes)
    work = _begun(given)
    return None if work.due.is_empty() else _through(work, stages)


def _from_profiles(given: RatingInput, extremes: ByKind) -> tuple[RatingInput, tuple[Stage, ...]]:
    """Return what is rated of added-up days, and the stages that do."""

    def measure(work: Work) -> tuple[Work, list[pl.DataFrame]]:
        assert work.calendar is not None, "segments come before determinants"
        of_kinds = partial(measure_profiles, extremes=extremes)
        found, parks = find_determinants(work.due, work.calendar, _measured_only(work.given), of_kinds)
        return replace(work, determinants=found, carried=carried_in(work.due, work.given)), parks

    stages = tuple(replace(stage, run=measure) if stage.run is _measure else stage for stage in STAGES)
    # Added-up days do not say how good their intervals were; whoever compares tariffs asks for amounts, not for parks.
    return replace(given, gates=empty(QualityGates)), stages


def measure(given: RatingInput) -> Work | None:
    """Return the work up to the determinants, from which `rate_measured` goes on; None when nothing is due.

    Raises:
        TariffError: the rate book would rate wrongly (see `rating.ratebook.check_book`).
        AssertionError: a table of `given` is not what it promises.
    """
    work = _begun(given)
    return None if work.due.is_empty() else _through(work, STAGES[:_MEASURED])


def rate_measured(work: Work, book: RateBook, after: Mapping[str, Callable[[Work], Work]]) -> Rated:
    """Return the lines of measured work by another book, changed after some stages (by name).

    For questions of what another system may have billed. `book` has the versions, quantities and dates of the one
    that was measured by; its charges, prices and bases may differ.

    Raises:
        TariffError: the rate book would rate wrongly (see `rating.ratebook.check_book`).
        AssertionError: there is no stage of a name.
    """
    assert set(after) <= {stage.name for stage in STAGES}, f"no stage is called one of {sorted(after)}"
    check_book(book)
    work = replace(work, given=replace(work.given, book=book), components=ready_components(book))
    work = after.get(STAGES[_MEASURED - 1].name, _unchanged)(work)
    for stage in STAGES[_MEASURED:]:
        work, parks = stage.run(work)
        work = after.get(stage.name, _unchanged)(work.without(first_parks(parks), stage.name))
    return _tables(work)


def _unchanged(work: Work) -> Work:
    return work


def _without_history(given: RatingInput) -> RatingInput:
    """Return the input with quantities that only later cycles count as optional: a worked bill need not say them."""
    keys = ["version_id", "quantity_id"]
    now = needed_now(given.book).with_columns(pl.lit(True).alias("is_needed"))
    later = given.book.quantities.select("version_id", pl.col("history_of").alias("quantity_id")).drop_nulls().unique()
    marked = (
        given.book.quantities.join(now, on=keys, how="left", validate="1:1")
        .join(later.with_columns(pl.lit(True).alias("is_later")), on=keys, how="left", validate="1:1")
        .with_columns(
            (pl.col("is_optional") | (pl.col("is_later").fill_null(False) & pl.col("is_needed").is_null())).alias(
                "is_optional"
            )
        )
        .drop("is_needed", "is_later")
    )
    return replace(given, book=replace(given.book, quantities=checked(Quantities, marked)))


def _run(given: RatingInput, stages: tuple[Stage, ...]) -> Rated:
    work = _begun(given)
    if work.due.is_empty():
        nothing = (empty(Segments), empty(Slices), empty(Determinants), empty(BillLines))
        return Rated(*nothing, parked_table(work.due, work.parked))
    return _tables(_through(work, stages))


def _begun(given: RatingInput) -> Work:
    check_book(given.book)
    due = number_due(checked(DueAgreements, given.due), checked(DueAttributes, given.attributes), given.book)
    checked(DueChannels, given.channels)
    parked = no_parks().with_columns(pl.lit("").alias("stage"))
    return Work(given, ready_components(given.book), due, due, parked)


def _through(work: Work, stages: tuple[Stage, ...]) -> Work:
    for stage in stages:
        work, parks = stage.run(work)
        work = work.without(first_parks(parks), stage.name)
    return work


def _tables(work: Work) -> Rated:
    assert work.calendar is not None, "rating ran no stage"
    assert work.determinants is not None, "rating ran no stage"
    assert work.lines is not None, "rating ran no stage"
    due = work.due.join(offset_segments(work.all_due, work.calendar.segments), on="due_no", how="left", validate="1:1")
    assert len(due) + len(work.parked) == len(work.all_due), "an agreement is neither billed nor parked, or both"
    assert work.banks is not None and work.history is not None, "rating ran no stage"
    lines = work.lines.select(list(CORE_SCHEMA))
    billed = work.banks.join(work.due.select("agreement_id"), on="agreement_id", how="semi")
    kept = work.history.join(work.due.select("agreement_id"), on="agreement_id", how="semi", maintain_order="left")
    return Rated(
        segments_table(due, work.calendar.segments),
        slices_table(due, work.calendar.slices),
        determinants_table(due, work.determinants),
        with_one_offs(lines_table(due, lines, work.components, work.given.book.versions), due, work.given.charges),
        parked_table(work.all_due, work.parked),
        arranged(History, kept.drop("agreement_id")),
        checked(BankBalances, billed),
    )
