"""Quotes: what tariffs make of a load, month by month, without accounts and without posting anything."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from decimal import Decimal, InvalidOperation

import polars as pl
from pandera.typing.polars import DataFrame

from cycles.quotes.offers import Offer, Offers, as_of, book_of, with_values
from model.errors import ConfigError
from model.rating import BankBalances, BillLines, DueAgreements, DueAttributes, DueChannels, History, Rated, RatingInput
from model.reads import RegisterUsage
from model.schema import arranged, empty, polars_schema
from model.tariff import RateBook
from rating.stages import rate
from tariffs.problems import suggestion

_NUMBER_DIGITS = 26  # what DECIMAL(38, 12) holds before the point


@dataclass(frozen=True)
class Use:
    """What is priced: the channels of one place, their days and register use.

    `channels`: channel_no, channel_id, measure, interval_minutes. `history`: what was billed there before (History).
    """

    tz_name: str
    commodity: str
    channels: pl.DataFrame
    days: dict[int, pl.DataFrame]
    usage: DataFrame[RegisterUsage]
    history: pl.DataFrame = field(default_factory=lambda: empty(History))


@dataclass(frozen=True)
class Terms:
    """What else a price depends on.

    Days from `start_date` up to, not including, `end_date`; `attributes` of the contract as text; values of dated
    `factors`; `prices_of`: a day whose versions and factors hold on all days, None for those of each day.
    """

    start_date: date
    end_date: date
    attributes: Mapping[str, str]
    factors: Mapping[str, Decimal]
    prices_of: date | None = None


@dataclass(frozen=True)
class Quoted:
    """Bills of each tariff and month.

    `months`: month (`2026-01`), start_date, end_date, is_whole. `lines`: bill lines, with tariff_id and `cycle_id` the
    month. `parked`: tariff_id, month, reason, detail of months that cannot be priced.
    """

    terms: Terms
    months: pl.DataFrame
    lines: DataFrame[BillLines]
    parked: pl.DataFrame


def quote(offers: Offers, use: Use, terms: Terms) -> Quoted:
    """Price a load by each tariff, in calendar months.

    A month that the days begin or end inside of is a part of its cycle, and shared as a bill of those days would be.
    What a month leaves to later ones (banks, quantities that are looked back at) is carried on from month to month.

    Raises:
        ConfigError: no tariff knows an attribute or factor that is given.
    """
    if terms.start_date >= terms.end_date:
        raise ConfigError(f"expected --from before --to, found {terms.start_date} and {terms.end_date}")
    _refuse_unknown(terms.attributes, offers.book)
    book = with_values(offers, terms.factors).book
    if terms.prices_of is not None:
        book = as_of(book, terms.prices_of)
    months = cut_months(terms.start_date, terms.end_date)
    due = _due(offers.items, use, months)
    chained = _chained_tariffs(book)
    is_chained = pl.col("tariff_id").is_in(chained)
    free = due.filter(~is_chained)
    rated = [_rated(free, use, terms, book)] if free.height else []
    rated += _rated_in_order(due.filter(is_chained), use, terms, book)
    parked = pl.concat([part.parked for part in rated]).join(
        due.select("agreement_id", "tariff_id", pl.col("cycle_id").alias("month")), on="agreement_id", how="left",
        validate="m:1",
    )  # fmt: skip
    lines = pl.concat([part.lines for part in rated]).sort("tariff_id", "cycle_id", "line_no")
    return Quoted(
        terms, months, arranged(BillLines, lines),
        parked.select("tariff_id", "month", "reason", "detail").sort("tariff_id", "month"),
    )  # fmt: skip


def cut_months(start_date: date, end_date: date) -> pl.DataFrame:
    """Return the calendar months of days: month, start_date, end_date, cycle_start_date, cycle_end_date, is_whole."""
    rows = []
    day = start_date
    while day < end_date:
        first = day.replace(day=1)
        after = (first + timedelta(days=32)).replace(day=1)
        last = min(after, end_date)
        rows.append((f"{first:%Y-%m}", day, last, first, after, (day, last) == (first, after)))
        day = after
    names = ["month", "start_date", "end_date", "cycle_start_date", "cycle_end_date", "is_whole"]
    return pl.DataFrame(rows, schema=names, orient="row")


def _refuse_unknown(attributes: Mapping[str, str], book: RateBook) -> None:
    known = book.attributes["name"].unique().sort().to_list()
    for name in attributes:
        if name not in known:
            hint = suggestion(name, known) or f"known are {', '.join(known) or 'none'}"
            raise ConfigError(f"--attribute: expected an attribute that a tariff asks for, found `{name}`", hint=hint)


def _chained_tariffs(book: RateBook) -> list[str]:
    """Return the tariffs whose months rest on the months before."""
    kinds = book.quantities.filter(pl.col("kind").is_in(["history", "bank"])).select("version_id")
    banks = book.banks.select("version_id")
    versions = book.versions.join(pl.concat([kinds, banks]), on="version_id", how="semi")
    return versions["tariff_id"].unique().sort().to_list()


def _due(items: Sequence[Offer], use: Use, months: pl.DataFrame) -> DataFrame[DueAgreements]:
    """Return an agreement for each tariff and month; each tariff has a service point, and so a history, of its own."""
    fit = [(offer.tariff_id, offer.currency) for offer in items if offer.commodity.value == use.commodity]
    tariffs = pl.DataFrame(fit, schema={"tariff_id": pl.String, "currency": pl.String}, orient="row")
    name = pl.format("{} {}", "tariff_id", "month")
    quoted = pl.lit("quote")
    rows = tariffs.join(months, how="cross").with_columns(
        name.alias("bill_id"), name.alias("agreement_id"), name.alias("account_id"),
        pl.col("tariff_id").alias("service_point_id"), pl.col("month").alias("cycle_id"),
        quoted.alias("customer_id"), quoted.alias("branch_id"), quoted.alias("revenue_class"),
        quoted.alias("premise_id"), pl.lit(0).alias("payment_days"), pl.lit(0).alias("partition"),
        pl.lit(use.commodity).alias("commodity"), pl.lit(use.tz_name).alias("tz_name"),
    )  # fmt: skip
    return arranged(DueAgreements, rows)


def _rated_in_order(due: pl.DataFrame, use: Use, terms: Terms, book: RateBook) -> list[Rated]:
    """Rate month after month, each with what those before it left."""
    history, banks = _earlier(due, use.history), empty(BankBalances)
    done = []
    for (_,), of_month in due.sort("start_date").partition_by("cycle_id", as_dict=True, maintain_order=True).items():
        names = of_month.select("service_point_id", pl.col("agreement_id").alias("next_id"))
        carried = banks.join(names, left_on="agreement_id", right_on="service_point_id", how="inner", validate="m:1")
        rated = _rated(
            arranged(DueAgreements, of_month), use, terms, book, history=history,
            banks=arranged(BankBalances, carried.with_columns(pl.col("next_id").alias("agreement_id"))),
        )  # fmt: skip
        points = of_month.select("agreement_id", "service_point_id")
        left = rated.banks.join(points, on="agreement_id", how="inner", validate="m:1")
        history = arranged(History, pl.concat([history, rated.history]))
        # Between months a bank is the service point's: each month is an agreement of its own.
        moved = left.with_columns(pl.col("service_point_id").alias("agreement_id")).select(banks.columns)
        stayed = banks.join(moved, on=["agreement_id", "bank_id", "tou"], how="anti")
        banks = arranged(BankBalances, pl.concat([stayed, moved]))
        done.append(rated)
    return done


def _earlier(due: pl.DataFrame, history: pl.DataFrame) -> DataFrame[History]:
    """Return what was billed at the place before, for the service point of each tariff."""
    points = due.select("service_point_id").unique()
    return arranged(History, points.join(history.drop("service_point_id"), how="cross"))


def _rated(
    due: pl.DataFrame, use: Use, terms: Terms, book: RateBook, *,
    history: DataFrame[History] | None = None, banks: DataFrame[BankBalances] | None = None,
) -> Rated:  # fmt: skip
    channels = due.select("agreement_id").join(
        use.channels.select("channel_no", "channel_id", "measure", "interval_minutes"), how="cross"
    )
    given = RatingInput(
        arranged(DueAgreements, due),
        arranged(DueChannels, channels.with_columns(pl.lit(0).alias("partition"))),
        use.days,
        use.usage,
        book_of(book, book.versions.join(due, on="tariff_id", how="semi")),
        _attributes(due, terms.attributes),
        empty(History) if history is None else history,
        empty(BankBalances) if banks is None else banks,
    )
    return rate(given)


def _attributes(due: pl.DataFrame, attributes: Mapping[str, str]) -> DataFrame[DueAttributes]:
    rows = [{"name": name, "number": _number(text), "text": text} for name, text in attributes.items()]
    said = {name: dtype for name, dtype in polars_schema(DueAttributes).items() if name in ("name", "number", "text")}
    told = pl.DataFrame(rows, schema=said, orient="row")
    return arranged(DueAttributes, due.select("agreement_id", "start_date").join(told, how="cross"))


def _number(text: str) -> Decimal | None:
    """Return the number that a text is, or None: a size such as `5/8` is none."""
    try:
        number = Decimal(text)
    except InvalidOperation:
        return None
    exponent = number.as_tuple().exponent
    fits = isinstance(exponent, int) and exponent >= -12 and number.adjusted() < _NUMBER_DIGITS
    return number if fits else None
