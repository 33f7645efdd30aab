"""The back-billing limit: days that are older may not cost the customer more than was billed; credits are never cut.

The rule of a utility stands in `billmill.toml`, table [back_billing]. Source of the usual rule: Ofgem, electricity and
gas supply licences, condition 21BA: nothing is charged for what was supplied more than 12 months ago.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from decimal import Decimal

import polars as pl
from pandera.typing.polars import DataFrame

from cycles.rebill.compare import BACK_BILLING
from model.errors import ConfigError
from model.money import CURRENCY_EXPONENT
from model.rating import BillLines
from model.schema import arranged
from store.workspace import Workspace, workspace_settings

# Revenue that is given up. Source: Uniform System of Accounts, 18 CFR part 101, account 449.1, rate refunds.
GL_BACK_BILLING = "449.1"
_KEYS = ("months", "classes", "branches", "gl_account")
_GROUP = ["bill_id", "service_point_id"]


@dataclass(frozen=True)
class BackBilling:
    """The limit. Days before `first_date` are older; empty classes or branches mean all."""

    first_date: date
    months: int
    classes: tuple[str, ...]
    branches: tuple[str, ...]
    gl_account: str

    def covers(self) -> pl.Expr:
        """Return whether the limit holds for a due agreement."""
        chosen = [pl.lit(True)]
        if self.classes:
            chosen.append(pl.col("revenue_class").is_in(list(self.classes)))
        if self.branches:
            chosen.append(pl.col("branch_id").is_in(list(self.branches)))
        return pl.all_horizontal(chosen)


def back_billing_rule(workspace: Workspace, business_date: date) -> BackBilling | None:
    """Return the limit of a workspace as of a business date; None when it has none.

    Raises:
        ConfigError: the table [back_billing] is not usable.
    """
    found = workspace_settings(workspace, "back_billing", _KEYS)
    if not found:
        return None
    months = found.get("months")
    if not isinstance(months, int) or isinstance(months, bool) or months < 1:
        raise ConfigError(
            f"billmill.toml: [back_billing] months: expected a number from 1, found `{months}`", hint="months = 12"
        )
    lists = {name: found.get(name, []) for name in ("classes", "branches")}
    for name, value in lists.items():
        if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
            raise ConfigError(
                f"billmill.toml: [back_billing] {name}: expected a list of names, found `{value}`",
                hint=f'{name} = ["residential"]',
            )
    first = pl.select(pl.lit(business_date).dt.offset_by(f"-{months}mo")).item()
    gl_account = str(found.get("gl_account", GL_BACK_BILLING))
    return BackBilling(first, months, tuple(lists["classes"]), tuple(lists["branches"]), gl_account)


def with_limit(
    lines: DataFrame[BillLines], due: pl.DataFrame, old: pl.DataFrame, rule: BackBilling | None
) -> DataFrame[BillLines]:
    """Return the lines of new bills with those that take off what may not be billed any more.

    `old` are the lines of the bills in whose place they come, `new_id` beside them; what an earlier limit took off
    counts in them. Compared is what a service point costs on a bill, tax included: where it rises, the part of the rise
    that falls on older days is taken off again, net and tax by tax. Where days of a bill are older only in part, the
    rise is shared by days and rounded half away from zero to the minor unit.
    """
    if rule is None or lines.is_empty():
        return lines
    rises = _rises(lines, old).join(_older_days(due, rule), on=_GROUP, how="inner", validate="m:1")
    whole = pl.col("rise_minor").sum().over(_GROUP)
    off = rises.filter((whole > 0) & (pl.col("old_days") > 0)).with_columns(_shared().alias("off_minor"))
    taken = off.filter(pl.col("off_minor") != 0)
    if taken.is_empty():
        return lines
    return arranged(BillLines, pl.concat([lines, _limit_lines(lines, taken, rule)]).sort("bill_id", "line_no"))


def _rises(lines: pl.DataFrame, old: pl.DataFrame) -> pl.DataFrame:
    """Return by how much each bill's service point costs more, net and by tax: keys, rise_minor."""
    is_tax = pl.col("category") == "tax"
    keys: list[str | pl.Expr] = [
        *_GROUP, pl.when(is_tax).then(pl.col("tax_code").fill_null("")).alias("tax_code"),
        pl.when(is_tax).then("gl_account").alias("tax_account"),
    ]  # fmt: skip
    after = lines.select(*keys, "amount_minor")
    before = old.drop("bill_id").rename({"new_id": "bill_id"}).select(*keys, -pl.col("amount_minor"))
    summed = pl.concat([after, before]).group_by(*_GROUP, "tax_code", "tax_account").agg(
        pl.col("amount_minor").cast(pl.Int128).sum().cast(pl.Int64).alias("rise_minor")
    )  # fmt: skip
    return summed.sort(*_GROUP, "tax_code", "tax_account")


def _older_days(due: pl.DataFrame, rule: BackBilling) -> pl.DataFrame:
    """Return the days of each bill's service point, and how many of them are older."""
    older_to = pl.min_horizontal("end_date", pl.lit(rule.first_date))
    days = (pl.col("end_date") - pl.col("start_date")).dt.total_days()
    old_days = (older_to - pl.col("start_date")).dt.total_days().clip(lower_bound=0)
    return due.filter(rule.covers()).group_by(_GROUP).agg(days.sum().alias("days"), old_days.sum().alias("old_days"))


def _shared() -> pl.Expr:
    """Return the part of a rise that falls on older days, rounded half away from zero."""
    product = pl.col("rise_minor").cast(pl.Int128).abs() * pl.col("old_days")
    rounded = (product * 2 + pl.col("days")) // (pl.col("days") * 2)
    return (rounded * pl.col("rise_minor").sign()).cast(pl.Int64)


def _limit_lines(lines: pl.DataFrame, taken: pl.DataFrame, rule: BackBilling) -> pl.DataFrame:
    """Return a line for each amount taken off, after the last line of its bill."""
    model = lines.sort("bill_id", "line_no").unique(_GROUP, keep="first", maintain_order=True)
    last = lines.group_by("bill_id").agg(pl.col("line_no").max().alias("last_no"))
    is_tax = pl.col("taken_code").is_not_null()
    renamed = taken.rename({"tax_code": "taken_code"}).sort(*_GROUP, "taken_code", "tax_account")
    rows = (
        renamed.join(model, on=_GROUP, how="inner", validate="m:1", maintain_order="left")
        .join(last, on="bill_id", how="left", validate="m:1", maintain_order="left")
        .with_columns(
            (pl.col("last_no") + pl.int_range(1, pl.len() + 1).over("bill_id")).cast(pl.Int32).alias("line_no"),
            pl.int_range(pl.len()).over(_GROUP).cast(pl.Int32).alias("tier"),
            (-pl.col("off_minor")).alias("amount_minor"),
        )
    )
    none = pl.lit("")
    ago = "1 month" if rule.months == 1 else f"{rule.months} months"
    text = pl.lit(f"Not billed: supplied more than {ago} ago")
    filled = rows.with_columns(
        pl.lit(BACK_BILLING).alias("component_id"), pl.lit("amount").alias("kind"), none.alias("season"),
        none.alias("tou"), pl.when(is_tax).then(pl.lit("tax")).otherwise(pl.lit("charge")).alias("category"),
        pl.when(is_tax & (pl.col("taken_code") != "")).then("taken_code").alias("tax_code"),
        pl.when(is_tax).then(pl.format("{} ({})", text, "taken_code")).otherwise(text).alias("line_text"),
        pl.lit("days").alias("determinant"), pl.col("old_days").alias("quantity"), pl.lit("day").alias("unit"),
        pl.lit(1, pl.Int64).alias("unit_size"), pl.lit(0).cast(pl.Decimal(18, 9)).alias("rate"),
        pl.lit(0).cast(pl.Decimal(18, 9)).alias("fixed"), pl.lit(None, pl.String).alias("factor_id"),
        pl.col("old_days").alias("share_part"), pl.col("days").alias("share_whole"),
        _major("amount_minor").alias("amount_exact"), pl.lit(None, pl.Int64).alias("memo_minor"),
        pl.lit("none").alias("split_method"), pl.lit(False).alias("is_estimated"),
        pl.lit(0, pl.Int64).alias("reads_seq"),
        pl.when(is_tax).then("tax_account").otherwise(pl.lit(rule.gl_account)).alias("gl_account"),
        pl.lit(None, pl.String).alias("party"),
    )  # fmt: skip
    keys = ["bill_id", "agreement_id", "component_id", pl.col("period_start_date").cast(pl.String), "season", "tou",
            pl.col("tier").cast(pl.String)]  # fmt: skip
    return filled.with_columns(pl.concat_str(keys, separator="/").alias("line_id")).select(lines.columns)


def _major(name: str) -> pl.Expr:
    """Return an amount in major units of its currency, exact."""
    exponents = sorted(set(CURRENCY_EXPONENT.values()))
    cases = [
        pl.when(pl.col("currency").is_in([key for key, value in CURRENCY_EXPONENT.items() if value == exponent])).then(
            (
                pl.col(name).cast(pl.Decimal(38, 15)) * pl.lit(Decimal(1).scaleb(-exponent), pl.Decimal(6, exponent))
            ).cast(pl.Decimal(38, 15))
        )
        for exponent in exponents
    ]
    return pl.coalesce(cases)
