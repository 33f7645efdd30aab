"""Checks of a run's bills, a part of them at once: against their own past, their class, the cycle and fixed limits.

Frames in, frame out. Figures a day are whole smallest or minor units. Each check returns rows of one shape, which
`check_bills` joins with the bills.
"""

from __future__ import annotations

from decimal import Decimal

import polars as pl
from pandera.typing.polars import DataFrame

from cycles.review.bill_past import with_past
from cycles.review.rules import ReviewRules
from cycles.review.whole_run import CLASS, WholeRun
from model.money import CURRENCY_EXPONENT
from model.review import BillCheck, BillFindings, BillUse, ReviewSeverity
from model.schema import arranged
from outputs.amount_text import amount_text, quantity_text

_SHAPE = pl.Schema({
    "bill_id": pl.String(), "agreement_id": pl.String(), "code": pl.String(), "found": pl.Int64(), "usual": pl.Int64(),
    "low": pl.Int64(), "high": pl.Int64(), "unit": pl.String(), "compared": pl.Int32(), "detail": pl.String(),
})  # fmt: skip


HEADERS = ["bill_id", "account_id", "branch_id", "currency", "total_minor"]
"""What `check_bills` looks at of the bills."""


def check_bills(
    bills: pl.DataFrame,
    use: DataFrame[BillUse],
    past: DataFrame[BillUse],
    terms: pl.DataFrame,
    rules: ReviewRules,
    run: WholeRun,
) -> DataFrame[BillFindings]:
    """Return what somebody should look at among bills of a run (model.bills.Bills, of which `HEADERS` are enough).

    `use` is what they took, `past` what standing bills before them did; `terms` (agreement_id, supplied_from,
    supplied_to, cycle_days) are the agreements' own days and the length of the cycle; `run` is what they are compared
    with over the whole run, of which they may be a part.
    """
    supplies = with_past(use, past, rules).join(terms, on="agreement_id", how="left", validate="m:1")
    whole = _whole_bills(bills, supplies)
    found = [
        *_use_checks(supplies, rules), _class_check(supplies, rules, run.classes), *_term_checks(supplies, rules),
        *_amount_checks(whole, rules), _top(whole, run.largest),
    ]  # fmt: skip
    levels = {code.value: rules.severity[code].value for code in BillCheck}
    headers = bills.select("bill_id", "account_id", "branch_id", "currency", amount_minor="total_minor")
    rows = (
        pl.concat([pl.DataFrame(schema=_SHAPE), *(frame.select(list(_SHAPE)).cast(_SHAPE) for frame in found)])
        .with_columns(severity=pl.col("code").replace_strict(levels, return_dtype=pl.String))
        .filter(pl.col("severity") != ReviewSeverity.OFF.value)
        .join(headers, on="bill_id", how="inner", validate="m:1")
        .with_columns(finding_id=_finding_id())
    )
    return arranged(BillFindings, rows.sort("finding_id"))


def _finding_id() -> pl.Expr:
    # Of content, and readable: a bill is listed once for each check and supply.
    whole = pl.format("{}/{}", "bill_id", "code")
    return pl.when(pl.col("agreement_id").is_null()).then(whole).otherwise(pl.format("{}/{}", whole, "agreement_id"))


def _whole_bills(bills: pl.DataFrame, supplies: pl.DataFrame) -> pl.DataFrame:
    """Return the bills with what their supplies usually and last cost over as many days."""
    days = (pl.col("period_end_date") - pl.col("period_start_date")).dt.total_days()
    # Supplies of a bill stand together, so they are added up by its number, which is sooner done than by texts.
    ordered = supplies if supplies["bill_id"].is_sorted() else supplies.sort("bill_id")
    numbered = ordered.select(
        "bill_id", "compared", bill_no=pl.col("bill_id").rle_id(), usual=pl.col("usual_day") * days,
        last=pl.col("last_day") * days, has_no_last=pl.col("last_day").is_null(),
    )  # fmt: skip
    # A day's amount was cut to whole units, so a comparison over a bill is a unit a day apart at most.
    sums = numbered.group_by("bill_no", maintain_order=True).agg(
        pl.col("bill_id").first(), pl.col("compared").min(), usual_minor=pl.col("usual").sum(),
        last_minor=pl.col("last").sum(), has_last=~pl.col("has_no_last").any(),
    )  # fmt: skip
    told = sums.select(
        pl.exclude("bill_no"), has_usual=pl.col("compared") > 0, agreement_id=pl.lit(None, dtype=pl.String)
    )
    # Numbers were given to bills in order: with the same ids beside them, no bill comes twice.
    if bills["bill_id"].equals(told["bill_id"]):
        return bills.with_columns(told.drop("bill_id"))
    return bills.join(told, on="bill_id", how="inner", validate="1:1")


def _use_checks(supplies: pl.DataFrame, rules: ReviewRules) -> list[pl.DataFrame]:
    least = pl.col("usual_use") * rules.spread_least_percent // 100
    room = pl.max_horizontal("use_spread", least) * rules.spread
    usual, now = pl.col("usual_use"), pl.col("use_day")
    known = supplies.filter(pl.col("compared") > 0, pl.col("usual_use").is_not_null()).with_columns(
        found=now, usual=usual, unit=pl.format("{}/day", "unit"), raw_unit=pl.col("unit"),
        low=pl.min_horizontal(usual - room, usual * rules.low_percent // 100).clip(lower_bound=0),
        high=pl.max_horizontal(usual + room, usual * rules.high_percent // 100),
    )  # fmt: skip
    a_day = [quantity_text(pl.col(name), pl.col("raw_unit")) for name in ("found", "usual", "low", "high")]
    band = pl.format(
        "{} a day; usual is {} (median of {} bills), from {} to {}", a_day[0], a_day[1], "compared", a_day[2], a_day[3]
    )
    is_zero = (pl.col("use_day") == 0) & (pl.col("quantity") == 0)
    zero = supplies.filter(is_zero, (pl.col("unit") != "") | (pl.col("usual_use") > 0)).with_columns(
        found=pl.col("quantity"), usual="usual_use", low=None, high=None, unit=pl.format("{}/day", "unit"),
        detail=pl.when(pl.col("usual_use") > 0)
        .then(pl.format("nothing was used; usual is {} a day", quantity_text(pl.col("usual_use"), pl.col("unit"))))
        .otherwise(pl.lit("nothing was used")),
    )  # fmt: skip
    return [
        _named(known.filter(pl.col("found") > pl.col("high")).with_columns(detail=band), BillCheck.HIGH_USE),
        _named(known.filter(pl.col("found") < pl.col("low"), ~is_zero).with_columns(detail=band), BillCheck.LOW_USE),
        _named(zero, BillCheck.ZERO_USE),
    ]


def _class_check(supplies: pl.DataFrame, rules: ReviewRules, classes: pl.DataFrame) -> pl.DataFrame:
    """High beside the class of the run, for supplies that have no past."""
    sized = supplies.filter(pl.col("compared") == 0, pl.col("unit") != "")
    new = sized.join(classes, on=CLASS, how="left", validate="m:1").filter(
        pl.col("peers") >= rules.class_least, pl.col("usual") > 0,
        pl.col("use_day") * 100 > pl.col("usual") * rules.class_percent,
    )  # fmt: skip
    words = pl.format(
        "{} a day; it has no past, and {} of {} supplies use {} (median)",
        quantity_text(pl.col("use_day"), pl.col("unit")), pl.col("revenue_class"), pl.col("commodity"),
        quantity_text(pl.col("usual"), pl.col("unit")),
    )  # fmt: skip
    rows = new.with_columns(
        found="use_day", low=None, high=pl.col("usual") * rules.class_percent // 100, detail=words,
        unit=pl.format("{}/day", "unit"), compared=pl.lit(0),
    )  # fmt: skip
    return _named(rows, BillCheck.HIGH_FOR_CLASS)


def _term_checks(supplies: pl.DataFrame, rules: ReviewRules) -> list[pl.DataFrame]:
    """First and final bills, odd periods, another tariff, estimates in a row."""
    days = (pl.col("period_end_date") - pl.col("period_start_date")).dt.total_days()
    bare = supplies.with_columns(
        found=days, usual="cycle_days", low=pl.col("cycle_days") * rules.short_percent // 100,
        high=pl.col("cycle_days") * rules.long_percent // 100, unit=pl.lit("day"),
    )  # fmt: skip
    is_first = pl.col("supplied_from") == pl.col("period_start_date")
    is_final = (pl.col("supplied_to") == pl.col("period_end_date")).fill_null(False)
    period = pl.format("{} days; the cycle has {}", "found", "cycle_days")
    is_short = (pl.col("found") < pl.col("low")) & ~is_first.fill_null(False) & ~is_final
    row = supplies.with_columns(found=(pl.col("past_estimates") + 1).cast(pl.Int64))
    in_row = row.filter(pl.col("is_estimated"), pl.col("found") >= rules.estimates).with_columns(
        usual=None, low=None, high=pl.lit(rules.estimates - 1), unit=pl.lit("bill"),
        detail=pl.format("{} bills in a row rest on estimates", "found"),
    )  # fmt: skip
    moved = _plain(supplies.filter(pl.col("last_tariff") != pl.col("tariff_id"))).with_columns(
        detail=pl.format("tariff {}; the last bill was on {}", "tariff_id", "last_tariff")
    )
    first = _plain(supplies.filter(is_first)).with_columns(detail=pl.format("supplied from {}", "supplied_from"))
    final = _plain(supplies.filter(is_final)).with_columns(detail=pl.format("supplied until {}", "supplied_to"))
    return [
        _named(first, BillCheck.FIRST_BILL),
        _named(final, BillCheck.FINAL_BILL),
        _named(bare.filter(is_short).with_columns(detail=period), BillCheck.SHORT_PERIOD),
        _named(bare.filter(pl.col("found") > pl.col("high")).with_columns(detail=period), BillCheck.LONG_PERIOD),
        _named(moved, BillCheck.NEW_TARIFF),
        _named(in_row, BillCheck.CONSECUTIVE_ESTIMATES),
    ]


def _amount_checks(whole: pl.DataFrame, rules: ReviewRules) -> list[pl.DataFrame]:
    total = pl.col("total_minor")
    money = amount_text(total, pl.col("currency"))
    base = whole.with_columns(found=total, low=pl.lit(None, dtype=pl.Int64), unit=pl.lit("minor"))
    # Few bills come to nothing or less, and nothing else is asked of the others here.
    bare = base.filter(total <= 0).with_columns(usual=None, high=None, compared=pl.lit(0), detail=pl.lit(""))
    credit = bare.with_columns(low=-_minor(rules.credit_limit))
    over_credit = credit.filter(total < pl.col("low")).with_columns(
        detail=pl.format(
            "a credit of {}; above {} it waits",
            amount_text(-total, pl.col("currency")),
            amount_text(-pl.col("low"), pl.col("currency")),
        )
    )
    return [
        _above(base, "usual_minor", "has_usual", rules.shock_percent, rules.shock_least, BillCheck.SHOCK_BILL),
        _above(base, "last_minor", "has_last", rules.change_percent, rules.change_least, BillCheck.LARGE_CHANGE),
        _named(over_credit, BillCheck.CREDIT_ABOVE_LIMIT),
        _named(bare.filter(total == 0).with_columns(detail=pl.lit("nothing to pay")), BillCheck.ZERO_BILL),
        _named(bare.filter(total < 0).with_columns(detail=pl.format("total is {}", money)), BillCheck.NEGATIVE_BILL),
    ]


def _above(
    base: pl.DataFrame, usual: str, is_known: str, percent: int, least: Decimal, code: BillCheck
) -> pl.DataFrame:
    before = pl.col(usual)
    high = pl.max_horizontal(before.clip(lower_bound=0) * percent // 100, before + _minor(least))
    told = {BillCheck.SHOCK_BILL: "usual is", BillCheck.LARGE_CHANGE: "the last bill's amount a day gives"}[code]
    compared = pl.col("compared") if code is BillCheck.SHOCK_BILL else pl.lit(1)
    rows = base.filter(is_known).with_columns(usual=before, high=high, compared=compared)
    words = pl.format(
        f"{{}}; {told} {{}} over as many days, listed above {{}}",
        *(amount_text(pl.col(name), pl.col("currency")) for name in ("found", "usual", "high")),
    )
    return _named(rows.filter(pl.col("found") > pl.col("high")).with_columns(detail=words), code)


def _top(whole: pl.DataFrame, largest: pl.DataFrame) -> pl.DataFrame:
    few = whole.filter(pl.col("bill_id").is_in(largest["bill_id"].implode()))
    rows = few.join(largest, on="bill_id", how="inner", validate="1:1").with_columns(
        found="total_minor", usual=None, low=None, high=None, unit=pl.lit("minor"), compared=pl.lit(0),
        detail=pl.format(
            "number {} of the branch: {}", "place", amount_text(pl.col("total_minor"), pl.col("currency"))
        ),
    )  # fmt: skip
    return _named(rows, BillCheck.TOP_AMOUNT)


def _plain(supplies: pl.DataFrame) -> pl.DataFrame:
    return supplies.with_columns(found=None, usual=None, low=None, high=None, unit=pl.lit(""), compared=pl.lit(0))


def _named(frame: pl.DataFrame, code: BillCheck) -> pl.DataFrame:
    return frame.with_columns(code=pl.lit(code.value)).select(list(_SHAPE)).cast(_SHAPE)


def _minor(amount: Decimal) -> pl.Expr:
    """Return a sum in major units as minor units of the row's currency; what is below a unit is cut off."""
    scaled = {code: int(amount.scaleb(places)) for code, places in CURRENCY_EXPONENT.items()}
    return pl.col("currency").replace_strict(scaled, return_dtype=pl.Int64)
