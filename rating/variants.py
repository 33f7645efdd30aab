"""Other ways to reckon the same bill, for comparison with a legacy system: roundings, days, versions, prices, taxes.

A case is what rating takes, and what is changed between its stages. Each function here removes or replaces one rule
and leaves everything else, so that two of them can be put together.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

import polars as pl

from model.rating import Rated, RatingInput
from model.schema import arranged
from model.tariff import Bases, Components, Prices, RateBook, TariffVersions
from rating.amounts import CORE_SCHEMA, rounded, with_exact_amount
from rating.rounding import divide_half_up, int128, wide
from rating.stages import Work, measure, rate_measured

Change = Callable[[Work], Work]
_PRICE_KEY = ["version_id", "component_id", "tou", "tier"]


# Tables of a rate book that only price: where nothing else changes, what was measured is as it was.
_PRICING = ("components", "prices", "bases")


@dataclass(frozen=True)
class Case:
    """What is rated, and what is changed after each stage of rating, in order. `measured`: the work of `origin`."""

    given: RatingInput
    origin: RatingInput
    measured: Work | None
    after: Mapping[str, tuple[Change, ...]] = field(default_factory=dict)

    @classmethod
    def of(cls, given: RatingInput) -> Case:
        """Return the case as it is billed."""
        return cls(given, given, measure(given))

    @property
    def is_changed(self) -> bool:
        """Whether anything differs from what is billed."""
        return bool(self.after) or bool(self._changed_tables()) or self._is_measured_anew()

    def rated(self) -> Rated | None:
        """Return the case rated; None when nothing is due."""
        anew = self._is_measured_anew() or not self._changed_tables() <= set(_PRICING)
        work = measure(self.given) if anew else self.measured
        if work is None:
            return None
        return rate_measured(work, self.given.book, {stage: _in_turn(changes) for stage, changes in self.after.items()})

    def then(self, stage: str, change: Change) -> Case:
        """Return the case with one more change after a stage."""
        return replace(self, after={**self.after, stage: (*self.after.get(stage, ()), change)})

    def with_book(self, **tables: pl.DataFrame) -> Case:
        """Return the case with some tables of its rate book replaced."""
        book = replace(self.given.book, **tables)  # type: ignore[arg-type]  # the callers keep each table's columns
        return replace(self, given=replace(self.given, book=book))

    def with_reads(self, days: Mapping[int, pl.DataFrame], usage: pl.DataFrame) -> Case:
        """Return the case with other reads."""
        return replace(self, given=replace(self.given, days=dict(days), usage=usage))

    def _changed_tables(self) -> set[str]:
        ours, theirs = self.given.book.frames(), self.origin.book.frames()
        return {name for name, frame in ours.items() if frame is not theirs[name] and not frame.equals(theirs[name])}

    def _is_measured_anew(self) -> bool:
        ours, theirs = self.given, self.origin
        if ours.days is theirs.days and ours.usage is theirs.usage:
            return False
        same_days = ours.days.keys() == theirs.days.keys() and all(
            days.equals(theirs.days[minutes]) for minutes, days in ours.days.items()
        )
        return not (same_days and ours.usage.equals(theirs.usage))


def _in_turn(changes: tuple[Change, ...]) -> Change:
    def run(work: Work) -> Work:
        for change in changes:
            work = change(work)
        return work

    return run


def with_rules(case: Case, *changed: pl.Expr) -> Case:
    """Return the case with columns of its charges (model.tariff.Components) replaced."""
    return case.with_book(components=arranged(Components, case.given.book.components.with_columns(*changed)))


def rounded_by(case: Case, mode: str) -> Case:
    """Return the case with every line rounded by another mode."""
    return with_rules(case, pl.lit(mode).alias("round_mode"))


def without_base(case: Case, component_id: str) -> Case:
    """Return the case in which no tax counts a charge."""
    taxes = case.given.book.components.filter(pl.col("category") == "tax").select("version_id", "component_id")
    keys = ["version_id", "component_id"]
    dropped = case.given.book.bases.filter(pl.col("base_component_id") == component_id).join(taxes, on=keys, how="semi")
    return case.with_book(
        bases=arranged(Bases, case.given.book.bases.join(dropped, on=list(dropped.columns), how="anti"))
    )


def with_prices(case: Case, found: pl.DataFrame) -> Case:
    """Return the case with other printed prices: version_id, component_id, tou, tier (0: untiered), price_e9."""
    prices = case.given.book.prices
    plain = pl.when(pl.col("tier") == 0).then(pl.lit(1)).otherwise("tier").cast(pl.Int32).alias("tier")
    keyed = found.with_columns(plain).rename({"price_e9": "found_e9"})
    joined = prices.join(keyed, on=_PRICE_KEY, how="left", validate="m:1", maintain_order="left")
    is_printed = pl.col("price_e9").is_not_null() & pl.col("found_e9").is_not_null()
    chosen = pl.when(is_printed).then("found_e9").otherwise("price_e9").alias("price_e9")
    return case.with_book(prices=arranged(Prices, joined.with_columns(chosen)))


def holding_version(case: Case, place: str) -> Case:
    """Return the case in which one version of each tariff holds on all days.

    `place`: `first` or `last` of those that the bills were made by; `former`, the one before the first; `next`, the
    one after the last. A tariff without such a version keeps what it has.
    """
    due = case.given.due.group_by("tariff_id").agg(
        pl.col("cycle_start_date").min().alias("from"), pl.col("cycle_end_date").max().alias("to")
    )
    dated = case.given.book.versions.sort("tariff_id", "valid_from").join(
        due, on="tariff_id", how="inner", validate="m:1", maintain_order="left"
    ).with_columns(pl.int_range(pl.len()).over("tariff_id").alias("number"))  # fmt: skip
    until = pl.coalesce(pl.col("valid_to"), pl.col("valid_from").shift(-1).over("tariff_id"))
    in_use = (pl.col("valid_from") < pl.col("to")) & (until.is_null() | (until > pl.col("from")))
    numbers = {
        "first": pl.col("number").filter("in_use").min(),
        "last": pl.col("number").filter("in_use").max(),
        "former": pl.col("number").filter("in_use").min() - 1,
        "next": pl.col("number").filter("in_use").max() + 1,
    }
    wanted = dated.with_columns(in_use.alias("in_use")).group_by("tariff_id").agg(numbers[place].alias("number"))
    kept = dated.join(wanted, on=["tariff_id", "number"], how="semi")
    always = kept.with_columns(pl.date(1900, 1, 1).alias("valid_from"), pl.lit(None, pl.Date).alias("valid_to"))
    rest = case.given.book.versions.join(kept, on="tariff_id", how="anti")
    columns = rest.columns
    versions = pl.concat([rest, always.select(columns)]).sort("version_id")
    return case.with_book(**_book_of(case.given.book, arranged(TariffVersions, versions)))


def _book_of(book: RateBook, versions: pl.DataFrame) -> dict[str, pl.DataFrame]:
    kept = versions["version_id"].implode()
    parts = {
        name: frame.filter(pl.col("version_id").is_in(kept))
        for name, frame in book.frames().items()
        if "version_id" in frame.columns
    }
    return parts | {"versions": versions}


def first_factors(case: Case) -> Case:
    """Return the case in which each dated factor keeps the value of the first day that is billed."""
    first = case.given.due["cycle_start_date"].min()
    holds = (pl.col("valid_from") <= first) & (pl.col("valid_to").is_null() | (pl.col("valid_to") > first))
    held = case.given.book.factors.filter(holds)
    rest = case.given.book.factors.join(held, on="factor_id", how="anti")
    always = held.with_columns(pl.lit(None, pl.Date).alias("valid_to"))
    return case.with_book(factors=pl.concat([rest, always]).sort("factor_id", "valid_from"))


def tax_by_line(work: Work) -> Work:
    """Reckon percentages that are taxes line by line, each rounded, in place of once on their sum. After `taxes`."""
    assert work.lines is not None, "taxes come after charges"
    rules = work.components.filter((pl.col("category") == "tax") & (pl.col("kind") == "percent"))
    rules = rules.select("version_id", "component_id", "currency_exponent")
    keys = ["version_id", "component_id"]
    numbered = work.lines.with_row_index("row").join(
        work.due.select("due_no", "agreement_no"), on="due_no", how="left", validate="m:1"
    )  # fmt: skip
    taxes = numbered.join(rules, on=keys, how="inner", validate="m:1")
    bases = work.given.book.bases.select(*keys, "base_component_id")
    counted = taxes.select("row", "agreement_no", *keys, "price_e9").join(
        bases, on=keys, how="inner", validate="m:m"
    ).join(
        numbered.select("agreement_no", pl.col("component_id").alias("base_component_id"),
                        pl.col("amount_minor").alias("base_minor")),
        on=["agreement_no", "base_component_id"], how="inner", validate="m:m",
    )  # fmt: skip
    product, hundred = wide("base_minor") * wide("price_e9"), int128(100 * 10**9)
    each = (product.sign() * divide_half_up(product.abs(), hundred)).cast(pl.Int64)
    sums = counted.group_by("row").agg(each.sum().alias("by_line"))
    replaced = numbered.join(sums, on="row", how="left", validate="1:1", maintain_order="left").with_columns(
        pl.coalesce("by_line", "amount_minor").alias("amount_minor")
    )
    return replace(work, lines=replaced.select(list(CORE_SCHEMA)))


def counted_days(work: Work, quantity: pl.Expr, part: pl.Expr, whole: pl.Expr) -> Work:
    """Reckon charges by day and shared prices with other days. After `charges`.

    The expressions see a line's columns, `kind`, `is_last` (the line ends with what is due), `is_whole` (the whole
    cycle is due), `cycle_days` and `due_days`, and give days of a daily charge, and part and whole of a share.
    """
    assert work.lines is not None, "segments come before charges"
    rules = work.components.select("version_id", "component_id", "kind", "price_share", "tier_method")
    spans = work.due.select(
        "due_no", "end_date", _days("start_date", "end_date").alias("due_days"),
        _days("cycle_start_date", "cycle_end_date").alias("cycle_days"),
    )  # fmt: skip
    seen = work.lines.join(rules, on=["version_id", "component_id"], how="left", validate="m:1").join(
        spans, on="due_no", how="left", validate="m:1"
    ).with_columns(
        (pl.col("period_end_date") == pl.col("end_date")).alias("is_last"),
        (pl.col("due_days") == pl.col("cycle_days")).alias("is_whole"),
    )  # fmt: skip
    of_days = (pl.col("kind") == "daily") & (pl.col("unit_size") == 1)
    of_share = pl.col("kind").is_in(["cycle", "quantity"]) & (pl.col("price_share") != "none")
    touched = seen.filter(of_days | of_share)
    changed = touched.with_columns(
        pl.when(pl.col("kind") == "daily").then(quantity).otherwise("quantity").cast(pl.Int64).alias("quantity"),
        pl.when(pl.col("kind") != "daily").then(part).otherwise("share_part").cast(pl.Int64).alias("share_part"),
        pl.when(pl.col("kind") != "daily").then(whole).otherwise("share_whole").cast(pl.Int64).alias("share_whole"),
    )
    kept = seen.filter(~(of_days | of_share))
    lines, _ = rounded(_exact(changed), work.components)
    return replace(work, lines=pl.concat([kept.select(list(CORE_SCHEMA)), lines]))


def _exact(lines: pl.DataFrame) -> pl.DataFrame:
    """Return lines with the exact amount of their columns; what a tier owes is shared as the price is."""
    ready = lines.drop("amount_e15", "amount_minor").with_columns(
        pl.lit(None, pl.Int128).alias("formula_e15"),
        pl.col("share_part").alias("fixed_part"),
        pl.col("share_whole").alias("fixed_whole"),
    )
    return with_exact_amount(ready)


def _days(start: str, end: str) -> pl.Expr:
    return (pl.col(end) - pl.col(start)).dt.total_days()


def scaled_use(work: Work, wanted: pl.DataFrame) -> Work:
    """Put other quantities in place of those measured. After `determinants`.

    `wanted`: due_no, quantity_id, tou (null: of all periods), less (smallest units, subtracted from what was measured).
    The difference goes where most was used.
    """
    assert work.determinants is not None, "determinants were found"
    keys = ["due_no", "quantity_id"]
    numbered = work.determinants.with_row_index("row")
    hits = numbered.join(wanted, on=keys, how="inner", validate="m:m", suffix="_wanted").filter(
        pl.col("tou_wanted").is_null() | (pl.col("tou") == pl.col("tou_wanted"))
    )
    largest = hits.sort("quantity", descending=True, maintain_order=True).unique(
        [*keys, "tou_wanted"], keep="first", maintain_order=True
    )  # fmt: skip
    less = largest.group_by("row").agg(pl.col("less").sum())
    changed = numbered.join(less, on="row", how="left", validate="1:1", maintain_order="left").with_columns(
        (pl.col("quantity") - pl.col("less").fill_null(0)).alias("quantity")
    )
    return replace(work, determinants=changed.drop("row", "less"))


def given_lines(work: Work, wanted: pl.DataFrame) -> Work:
    """Put other amounts in place of those of charges, so that what counts them follows. After `charges`.

    `wanted`: due_no, component_id, tou, tier, add_minor.
    """
    assert work.lines is not None, "charges were found"
    keys = ["due_no", "component_id", "tou", "tier"]
    first = work.lines.with_row_index("row").join(wanted, on=keys, how="inner", validate="m:m").unique(
        keys, keep="first", maintain_order=True
    )  # fmt: skip
    added = work.lines.with_row_index("row").join(
        first.select("row", "add_minor"), on="row", how="left", validate="1:1", maintain_order="left"
    )
    new = (pl.col("amount_minor") + pl.col("add_minor").fill_null(0)).alias("amount_minor")
    return replace(work, lines=added.with_columns(new).select(list(CORE_SCHEMA)))
