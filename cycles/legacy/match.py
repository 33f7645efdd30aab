"""Matching by account, service, period and line: what both sides have in each cell.

A *unit* is a service point that an account has for days that follow each other; a *cell* is a unit and a group of
lines. A group is what the mapping puts together: one legacy code may stand for several of our lines, and several codes
for one. Lines of a legacy bill without a service point make a unit of the account.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import polars as pl

from cycles.legacy.mapping import TAX_CODE, LegacyMapping

ATOM = ["component_id", "tou", "tier"]
UNIT = ["account_id", "service_point_id", "from_date"]
CELL = ["unit_no", "line"]


@dataclass(frozen=True)
class Groups:
    """Which lines are compared together: by our components, periods and tiers, and by legacy code."""

    targets: Mapping[str, str]
    """`component`, `component/period`, `component#tier` or `component/period#tier` -> group."""
    codes: Mapping[str, str]
    """Legacy code -> group."""
    taxes: str
    """Group of our taxes, where the file has them in a column; else empty."""
    tax_components: frozenset[str]

    def named(self, lines: pl.DataFrame) -> pl.DataFrame:
        """Return the distinct lines of ours (ATOM) with their group, `line`: the most exact target names it."""
        atoms = lines.select(ATOM).unique().sort(ATOM)
        names = [self._group(*atom) for atom in atoms.iter_rows()]  # a row per kind of line, not per account
        return atoms.with_columns(pl.Series("line", names, dtype=pl.String))

    def _group(self, component: str, tou: str, tier: int) -> str:
        if self.taxes and component in self.tax_components:
            return self.taxes
        asked = (f"{component}/{tou}#{tier}", f"{component}/{tou}", f"{component}#{tier}", component)
        return next((self.targets[name] for name in asked if name in self.targets), component)


def group_lines(mapping: LegacyMapping, codes: Sequence[str], tax_components: frozenset[str]) -> Groups:
    """Return the groups: codes and lines of ours that the mapping connects, directly or through each other.

    A code that the mapping does not name stands for the line of ours that is called so.
    """
    named = {code: mapping.codes.get(code, (code,)) for code in codes if code != TAX_CODE}
    members: list[tuple[set[str], set[str]]] = []
    for code, lines in sorted(named.items()):
        touched = [group for group in members if group[1] & set(lines)]
        members = [group for group in members if group not in touched]
        members.append(({code}.union(*(g[0] for g in touched)), set(lines).union(*(g[1] for g in touched))))
    taxes = "+".join(sorted(tax_components)) or TAX_CODE if TAX_CODE in codes else ""
    names = [("+".join(sorted(lines)) or "+".join(sorted(of))) for of, lines in members]
    # Taxes stand in a column of their own and as lines beside: they are compared together.
    joined = [
        taxes if taxes and lines & tax_components else name for name, (_, lines) in zip(names, members, strict=True)
    ]
    by_target = {line: name for name, (_, lines) in zip(joined, members, strict=True) for line in lines}
    by_code = {code: name for name, (of, _) in zip(joined, members, strict=True) for code in of}
    return Groups(by_target, by_code | ({TAX_CODE: taxes} if taxes else {}), taxes, tax_components)


def find_units(due: pl.DataFrame) -> pl.DataFrame:
    """Return our units: account_id, service_point_id, from_date, to_date, branch_id, bill_id, from what was due."""
    ordered = due.sort("account_id", "service_point_id", "start_date")
    begins = (pl.col("start_date") > pl.col("end_date").shift(1)).over("account_id", "service_point_id").fill_null(True)
    return (
        ordered.with_columns(begins.cast(pl.Int32).alias("begins"))
        .with_columns(pl.col("begins").cum_sum().over("account_id", "service_point_id").alias("span"))
        .group_by("account_id", "service_point_id", "span", maintain_order=True)
        .agg(
            pl.col("start_date").min().alias("from_date"), pl.col("end_date").max().alias("to_date"),
            pl.col("branch_id", "bill_id").first(),
        )
        .drop("span")
    )  # fmt: skip


def number_units(ours: pl.DataFrame, legacy: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Return all units with `unit_no`, and the legacy lines (LegacyLines) with theirs.

    A legacy line belongs to the unit in which its period begins, or else to the first that it overlaps. One that
    overlaps none makes a unit of the legacy system's own.
    """
    keys = ["account_id", "service_point_id"]
    met = legacy.join(ours.select(*keys, "from_date", "to_date"), on=keys, how="inner", validate="m:m").filter(
        (pl.col("period_start_date") < pl.col("to_date")) & (pl.col("period_end_date") > pl.col("from_date"))
    )
    begins = pl.col("period_start_date").is_between("from_date", "to_date", closed="left")
    placed = met.sort("row", "code", begins, "from_date", descending=[False, False, True, False]).unique(
        ["row", "code"], keep="first", maintain_order=True
    )
    alone = legacy.join(placed, on=["row", "code"], how="anti").with_columns(
        pl.col("period_start_date").alias("from_date"), pl.col("period_end_date").alias("to_date")
    )
    branches = ours.select("account_id", "branch_id").unique("account_id", keep="first", maintain_order=True)
    own = (
        alone.group_by(*keys, "from_date", maintain_order=True).agg(pl.col("to_date").max())
        .join(branches, on="account_id", how="left", validate="m:1")
        .with_columns(pl.col("branch_id").fill_null(""), pl.lit(None, pl.String).alias("bill_id"))
    )  # fmt: skip
    units = pl.concat([ours, own.select(ours.columns)]).sort(UNIT).with_row_index("unit_no")
    units = units.with_columns(pl.col("unit_no").cast(pl.Int64))
    lines = pl.concat([placed, alone.select(placed.columns)])
    return units, lines.join(units.select(*UNIT, "unit_no"), on=UNIT, how="left", validate="m:1")


def our_cells(lines: pl.DataFrame, units: pl.DataFrame, groups: Groups, whole: pl.DataFrame) -> pl.DataFrame:
    """Return what our lines come to in each cell: unit_no, line, ours_minor, ours_quantity, unit_size, ours_lines.

    `whole` (account_id, line): groups that the legacy system has once for a whole bill; they are counted in the unit
    of the account. A quantity is told where all lines of the cell have the same unit.
    """
    cells = placed_lines(lines, units, groups, whole).group_by(CELL).agg(
        pl.col("amount_minor").sum().alias("ours_minor"),
        pl.when(is_measured().all() & (pl.col("unit").n_unique() == 1)).then(pl.col("quantity").sum())
        .alias("ours_quantity"),
        pl.col("unit_size").first(), pl.col("unit").first(), pl.len().alias("ours_lines"),
    )  # fmt: skip
    return cells.sort(CELL)


def is_measured() -> pl.Expr:
    """Return whether a bill line prices a quantity, not days, cycles or other lines."""
    return (pl.col("kind") == "quantity") & (pl.col("unit_size") > 1)


def placed_lines(lines: pl.DataFrame, units: pl.DataFrame, groups: Groups, whole: pl.DataFrame) -> pl.DataFrame:
    """Return our lines with their unit and group."""
    named = lines.join(groups.named(lines), on=ATOM, how="left", validate="m:1").join(
        whole.with_columns(pl.lit(True).alias("is_whole")), on=["account_id", "line"], how="left", validate="m:1"
    )  # fmt: skip
    at = pl.when("is_whole").then(pl.lit("")).otherwise("service_point_id").alias("service_point_id")
    keys = ["account_id", "service_point_id"]
    # A line over others bears the days of what is due, so it begins in its unit as the others do.
    spans = units.select(*keys, "from_date", "to_date", "unit_no")
    return named.with_columns(at).join(spans, on=keys, how="inner", validate="m:m").filter(
        pl.col("period_start_date").is_between("from_date", "to_date", closed="left")
    )  # fmt: skip


def whole_bill_units(units: pl.DataFrame, legacy: pl.DataFrame, groups: Groups) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Return our units with one more for each account of which the file has lines of the whole bill, and `whole`."""
    of_bill = legacy.filter(pl.col("service_point_id") == "")
    whole = with_group(of_bill, groups).select("account_id", "line").unique().sort("account_id", "line")
    added = (
        units.join(whole, on="account_id", how="semi")
        .group_by("account_id", maintain_order=True)
        .agg(
            pl.lit("").alias("service_point_id"), pl.col("from_date").min(), pl.col("to_date").max(),
            pl.col("branch_id", "bill_id").first(),
        )
    )  # fmt: skip
    return pl.concat([units, added.select(units.columns)]), whole


def with_group(legacy: pl.DataFrame, groups: Groups) -> pl.DataFrame:
    """Return legacy lines with the group of their code."""
    names = pl.col("code").replace_strict(dict(groups.codes), default=pl.col("code"), return_dtype=pl.String)
    return legacy.with_columns(names.alias("line"))


def legacy_cells(legacy: pl.DataFrame, groups: Groups) -> pl.DataFrame:
    """Return what legacy lines (with `unit_no`) come to: unit_no, line, legacy_minor, legacy_quantity_e6, codes."""
    cells = with_group(legacy, groups).group_by(CELL).agg(
        pl.col("amount_minor").sum().alias("legacy_minor"),
        pl.when(pl.col("quantity_e6").is_not_null().all()).then(pl.col("quantity_e6").sum()).alias("legacy_quantity_e6"),
        pl.col("code").unique().sort().str.join("+").alias("codes"),
    )  # fmt: skip
    return cells.sort(CELL)


def both_sides(ours: pl.DataFrame, legacy: pl.DataFrame) -> pl.DataFrame:
    """Return each cell with both sides; a side that has no such line is null there. Quantities in smallest units."""
    both = ours.join(legacy, on=CELL, how="full", coalesce=True, validate="1:1").sort(CELL)
    product = pl.col("legacy_quantity_e6").cast(pl.Int128) * pl.col("unit_size")
    # A legacy quantity is printed, so a half of the smallest unit is beyond what it says.
    size = (product.abs() + 500_000) // 1_000_000
    quantity = pl.when(pl.col("ours_quantity").is_not_null()).then(product.sign() * size).cast(pl.Int64)
    return both.with_columns(quantity.alias("legacy_quantity")).drop("legacy_quantity_e6")
