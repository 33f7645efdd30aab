"""One-off charges: lines of a bill that no tariff makes. Each is rounded once, half away from zero, and so is its tax.

They stand after the lines of the tariffs and are no base of any percentage: a charge states its own tax.
"""

from __future__ import annotations

import polars as pl
from pandera.typing.polars import DataFrame

from model.events import OneOffCharges
from model.money import CURRENCY_EXPONENT
from model.rating import BillLines
from model.schema import arranged
from rating.rounding import exact_decimal, int128, rate_decimal, wide

KIND = "one_off"
TAX_SUFFIX = ".tax"
"""After the component of a charge: the component of its tax. No charge of a tariff has a dot in its name."""
# Taxes collected payable. Source: Uniform System of Accounts, 18 CFR part 101, account 241.
GL_TAX = "241"
_OF_AGREEMENT = [
    "bill_id", "account_id", "branch_id", "agreement_id", "service_point_id", "commodity", "cycle_id",
    "tariff_id", "version_id", "currency",
]  # fmt: skip


def with_one_offs(
    lines: DataFrame[BillLines], due: pl.DataFrame, charges: DataFrame[OneOffCharges]
) -> DataFrame[BillLines]:
    """Return the lines with those of the charges of agreements that have lines; the others wait for their next bill.

    `due`: agreement_id, start_date, end_date of what is billed. A charge's line covers the days of its agreement on
    this bill and names the tariff version in force on the first of them, which does not price it.
    """
    if charges.is_empty():
        return lines
    first = lines.sort("bill_id", "line_no").unique("agreement_id", keep="first", maintain_order=True)
    spans = due.group_by("agreement_id").agg(
        pl.col("start_date").min().alias("period_start_date"), pl.col("end_date").max().alias("period_end_date")
    )
    owed = (
        charges.drop("currency")
        .join(first.select(_OF_AGREEMENT), on="agreement_id", how="inner", validate="m:1")
        .join(spans, on="agreement_id", how="left", validate="m:1")
        .with_columns(pl.col("currency").replace_strict(CURRENCY_EXPONENT, return_dtype=pl.Int64).alias("exponent"))
    )
    priced = _priced(owed)
    added = pl.concat([_charge_lines(priced), _tax_lines(priced)]).sort("agreement_id", "charge_date", "line_id")
    last = lines.group_by("bill_id").agg(pl.col("line_no").max().alias("last_no"))
    numbered = added.join(last, on="bill_id", how="left", validate="m:1").with_columns(
        (pl.col("last_no") + pl.int_range(1, pl.len() + 1).over("bill_id")).cast(pl.Int32).alias("line_no")
    )
    both = pl.concat([lines, arranged(BillLines, numbered)]).sort("bill_id", "line_no")
    return arranged(BillLines, both)


def _priced(owed: pl.DataFrame) -> pl.DataFrame:
    """Add the exact amount x 10^15 and the amount in minor units."""
    # Unit sizes are powers of ten up to 10^6, so the division leaves nothing.
    exact = wide("quantity") * wide("price_e9") * int128(10**6) // wide("unit_size")
    return owed.with_columns(exact.alias("exact_e15")).with_columns(_rounded("exact_e15").alias("minor"))


def _rounded(exact_e15: str) -> pl.Expr:
    """Return an amount x 10^15 in minor units, half away from zero."""
    step = _minor_e15()
    size = wide(exact_e15).abs()
    return (wide(exact_e15).sign() * ((size * 2 + step) // (step * 2))).cast(pl.Int64)


def _minor_e15() -> pl.Expr:
    return pl.col("exponent").replace_strict({n: 10 ** (15 - n) for n in range(5)}, return_dtype=pl.Int64).cast(
        pl.Int128
    )  # fmt: skip


def _charge_lines(priced: pl.DataFrame) -> pl.DataFrame:
    return priced.select(
        *_common("component_id", pl.lit("")),
        "charge_date",
        pl.lit(KIND).alias("kind"),
        pl.lit("charge").alias("category"),
        pl.lit(None, pl.String).alias("tax_code"),
        "line_text",
        pl.col("charge_id").alias("determinant"),
        "quantity", "unit", "unit_size",
        rate_decimal("price_e9").alias("rate"),
        exact_decimal("exact_e15").alias("amount_exact"),
        pl.col("minor").alias("amount_minor"),
        "gl_account",
    )  # fmt: skip


def _tax_lines(priced: pl.DataFrame) -> pl.DataFrame:
    percent_e9 = pl.col("tax_percent").to_physical().cast(pl.Int128)
    # Minor units are 10^-exponent: base x percent / 100 x 10^15, of which 10^9 are in the percentage already.
    exact = wide("minor") * percent_e9 * _minor_e15() // int128(10**11)
    taxed = priced.filter(pl.col("tax_code").is_not_null()).with_columns(exact.alias("tax_e15"))
    component = pl.col("component_id") + TAX_SUFFIX
    return taxed.select(
        *_common(component.alias("component_id"), pl.lit(TAX_SUFFIX)),
        "charge_date",
        pl.lit("percent").alias("kind"),
        pl.lit("tax").alias("category"),
        "tax_code",
        pl.format("{} on {}", "tax_code", "line_text").alias("line_text"),
        pl.col("charge_id").alias("determinant"),
        pl.col("minor").alias("quantity"), pl.lit("%").alias("unit"), pl.lit(1, pl.Int64).alias("unit_size"),
        pl.col("tax_percent").alias("rate"),
        exact_decimal("tax_e15").alias("amount_exact"),
        _rounded("tax_e15").alias("amount_minor"),
        pl.lit(GL_TAX).alias("gl_account"),
    )  # fmt: skip


def _common(component: str | pl.Expr, ending: pl.Expr) -> list[pl.Expr]:
    line_id = pl.concat_str(["bill_id", "agreement_id", pl.lit(KIND), "charge_id"], separator="/") + ending
    named = pl.col(component) if isinstance(component, str) else component
    assessed = pl.col("component_id") == "assessed_use"
    return [
        line_id.alias("line_id"), *(pl.col(name) for name in _OF_AGREEMENT),
        pl.col("period_start_date"), pl.col("period_end_date"),
        named, pl.lit("").alias("season"), pl.lit("").alias("tou"), pl.lit(0, pl.Int32).alias("tier"),
        pl.lit(None, pl.String).alias("factor_id"),
        pl.lit(0).cast(pl.Decimal(18, 9)).alias("fixed"),
        pl.lit(None, pl.Int64).alias("share_part"), pl.lit(None, pl.Int64).alias("share_whole"),
        pl.lit(None, pl.Int64).alias("memo_minor"), pl.lit("none").alias("split_method"),
        assessed.alias("is_estimated"), pl.lit(0, pl.Int64).alias("reads_seq"),
        pl.lit(None, pl.String).alias("party"),
    ]  # fmt: skip
