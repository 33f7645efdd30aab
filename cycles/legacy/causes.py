"""Which variants bring a legacy system's amounts: units that differ are rated once for each, over all accounts."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import combinations
from typing import Any

import polars as pl

from cycles.legacy.fitted import fitted_variants
from cycles.legacy.match import CELL, Groups, our_cells, placed_lines
from cycles.legacy.reads import of_due, read_variants, stated_quantities
from cycles.legacy.variants import STATED_NAME, Variant, standing_variants
from cycles.runs.folders import plan_frame
from cycles.runs.partition import STEPS, Work, work_on
from model.errors import TariffError
from model.parallel import Cause
from model.progress import Progress
from rating import stages
from rating.variants import Case, given_lines
from store.workspace import Workspace

AS_BILLED = "as_billed"
# A charge over others follows from them: with lines that only the legacy system has among them, or without.
FOLLOW = ("follows", "follows_untaxed")
_MOST_PAIRS = 60


@dataclass(frozen=True)
class Matched:
    """Both sides of a run, matched: what the recomputing works on."""

    units: pl.DataFrame
    cells: pl.DataFrame
    lines: pl.DataFrame
    """Our bill lines of units that differ, with unit_no, line and the `level` of their charge."""
    groups: Groups
    whole: pl.DataFrame
    currency: str


@dataclass(frozen=True)
class Found:
    """What the variants bring. `of_units`: variant, unit_no; `of_cells`: variant, unit_no, line (of those that differ).

    `variants` are those that were tried, by name; a pair is named `a+b`.
    """

    of_units: pl.DataFrame
    of_cells: pl.DataFrame
    variants: dict[str, Variant]
    touching: pl.DataFrame
    """Variants that change some line that differs, and no charge that does not: variant, unit_no."""
    not_again: pl.DataFrame
    """Units whose own lines do not come again: unit_no."""

    def and_more(self, other: Found) -> Found:
        """Return both."""
        frames = ("of_units", "of_cells", "touching", "not_again")
        joined = {name: pl.concat([getattr(self, name), getattr(other, name)]) for name in frames}
        return Found(variants=self.variants | other.variants, **joined)


def differing_units(cells: pl.DataFrame) -> pl.DataFrame:
    """Return the units (unit_no) in which a line differs and both sides have something to compare."""
    apart = pl.col("ours_minor").fill_null(0) != pl.col("legacy_minor").fill_null(0)
    has_both = pl.col("ours_minor").is_not_null().any() & pl.col("legacy_minor").is_not_null().any()
    return cells.group_by("unit_no").agg(apart.any().alias("apart"), has_both.alias("both")).filter(
        pl.col("apart") & pl.col("both")
    ).select("unit_no").sort("unit_no")  # fmt: skip


def find_causes(workspace: Workspace, run_id: str, matched: Matched, now: dict[str, Any], progress: Progress) -> Found:
    """Rate the units that differ as each variant would have them, and say where it brings the legacy amounts."""
    stated = stated_quantities(matched.lines, matched.cells)
    plain = [*standing_variants(_taxed(workspace, run_id)), *([] if stated is None else [stated])]
    follow = [
        Variant(
            name, Cause.SEVERAL, "follows from other lines", partial(_with_given, matched=matched, is_taxed=is_taxed)
        )
        for name, is_taxed in zip(FOLLOW, (True, False), strict=True)
    ]

    def tried(work: Work) -> list[Variant]:
        return [Variant(AS_BILLED, Cause.EQUAL, "", lambda case: case), *follow, *plain, *read_variants(work, now)]

    return _passes(workspace, run_id, matched, differing_units(matched.cells), tried, progress)


def find_fitted(workspace: Workspace, run_id: str, matched: Matched, units: pl.DataFrame, progress: Progress) -> Found:
    """Rate units that no rule explains by prices and tax rates which several of them share."""
    lines = matched.lines.join(units, on="unit_no", how="semi")
    fitted = fitted_variants(lines, _cells_of(matched, units), matched.currency)
    return _passes(workspace, run_id, matched, units if fitted else units.clear(), lambda work: fitted, progress)


def find_pairs(
    workspace: Workspace, run_id: str, matched: Matched, now: dict[str, Any], singles: Found, units: pl.DataFrame,
    progress: Progress,
) -> Found:  # fmt: skip
    """Rate units as two causes of different classes together would have them.

    Only variants that explain something on their own somewhere, or that the legacy file states: a habit of the legacy
    system shows in more than one bill. Of these, pairs that both change lines of one unit which differ, and no others.
    """
    seen = set(singles.of_units["variant"]) | set(singles.of_cells["variant"]) | {STATED_NAME}
    touching = singles.touching.join(units, on="unit_no", how="semi").filter(pl.col("variant").is_in(list(seen)))
    meeting = touching.join(touching, on="unit_no", how="inner", validate="m:m", suffix="_two")
    together = set(meeting.select("variant", "variant_two").iter_rows())

    def tried(work: Work) -> list[Variant]:
        known = {variant.name: variant for variant in read_variants(work, now)}
        usable = [known.get(name, variant) for name, variant in singles.variants.items() if name not in FOLLOW]
        pairs = [
            (one, two) for one, two in combinations(usable, 2)
            if one.cause != two.cause and (one.name, two.name) in together
        ]  # fmt: skip
        return [_both(one, two) for one, two in pairs[:_MOST_PAIRS]]

    return _passes(workspace, run_id, matched, units, tried, progress)


def _both(one: Variant, two: Variant) -> Variant:
    words = f"{one.words}, and {two.words}"
    return Variant(
        f"{one.name}+{two.name}",
        Cause.SEVERAL,
        words,
        lambda case: two.change(one.change(case)),
        max(one.rank, two.rank),
    )


def _taxed(workspace: Workspace, run_id: str) -> list[str]:
    """Return the charges that some tax counts."""
    folder = workspace.runs / run_id
    components = plan_frame(folder, "book_components").filter(pl.col("category") == "tax")
    bases = plan_frame(folder, "book_bases").join(components, on=["version_id", "component_id"], how="semi")
    return bases["base_component_id"].unique().sort().to_list()


def _passes(
    workspace: Workspace, run_id: str, matched: Matched, units: pl.DataFrame,
    tried: Callable[[Work], Sequence[Variant]], progress: Progress,
) -> Found:  # fmt: skip
    accounts = matched.units.join(units, on="unit_no", how="semi")["account_id"].unique()
    due = plan_frame(workspace.runs / run_id, "due").filter(pl.col("account_id").is_in(accounts.implode()))
    expected, upper = _cells_of(matched, units), upper_cells(matched.lines)
    variants: dict[str, Variant] = {}
    of_units, of_cells = [pl.DataFrame(schema={"variant": pl.String, "unit_no": pl.Int64})], []
    touching, not_again = [of_units[0]], [pl.DataFrame(schema={"unit_no": pl.Int64})]
    partitions = due["partition"].unique().sort().to_list()
    progress.begin("compare", len(partitions), "partitions")
    for partition in partitions:
        keep = (pl.col("partition") == partition) & pl.col("account_id").is_in(accounts.implode())
        work = work_on(workspace, run_id, keep, partition)
        STEPS[0].run(work)
        assert work.rating_input is not None, "the first step gathers"
        case = Case.of(work.rating_input)
        mine = matched.units.join(work.rating_input.due, on="account_id", how="semi").select("unit_no")
        here = expected.join(mine, on="unit_no", how="semi")
        for variant in tried(work):
            variants[variant.name] = variant
            changed = variant.change(case)
            if not changed.is_changed and variant.name != AS_BILLED:
                continue  # a rule that no tariff here has: the bill would be the same
            brought = _brought(changed, here, matched)
            if variant.name == AS_BILLED:
                not_again.append(_unlike(brought))
                continue
            whole, cells = _equal(variant.name, brought)
            of_units.append(whole)
            of_cells.append(cells)
            touching.append(_touching(variant.name, brought, upper))
        progress.advance("compare")
    progress.end("compare", units=units.height)
    nothing = pl.DataFrame(schema={"variant": pl.String, "unit_no": pl.Int64, "line": pl.String})
    return Found(
        pl.concat(of_units), pl.concat([nothing, *of_cells]), variants, pl.concat(touching), pl.concat(not_again)
    )


def _cells_of(matched: Matched, units: pl.DataFrame) -> pl.DataFrame:
    return matched.cells.join(units, on="unit_no", how="semi")


def _brought(case: Case, here: pl.DataFrame, matched: Matched) -> pl.DataFrame:
    """Return the cells of both sides, `here`, with what a case brings in each: `variant_minor`."""
    try:
        rated = case.rated()
    except TariffError:  # a book that a variant makes may be none: a version that prices other periods
        rated = None
    lines = matched.lines.clear() if rated is None else rated.lines
    found = our_cells(lines, matched.units, matched.groups, matched.whole).select(
        *CELL, pl.col("ours_minor").alias("variant_minor")
    )  # fmt: skip
    billed = found.select("unit_no").unique()
    mine = here.select("unit_no").unique().join(billed, on="unit_no", how="semi")
    return here.join(mine, on="unit_no", how="semi").join(
        found.join(mine, on="unit_no", how="semi"), on=CELL, how="full", coalesce=True, validate="1:1"
    )  # fmt: skip


def _unlike(brought: pl.DataFrame) -> pl.DataFrame:
    apart = pl.col("variant_minor").fill_null(0) != pl.col("ours_minor").fill_null(0)
    return brought.filter(apart).select("unit_no").unique()


def _touching(name: str, brought: pl.DataFrame, upper: pl.DataFrame) -> pl.DataFrame:
    """Return the units in which a variant changes a line that differs, and no charge that does not."""
    ours, legacy = pl.col("ours_minor").fill_null(0), pl.col("legacy_minor").fill_null(0)
    changed = brought.filter(pl.col("variant_minor").fill_null(0) != ours)
    good = changed.filter(ours != legacy).select("unit_no").unique()
    bad = changed.filter(ours == legacy).join(upper, on=CELL, how="anti")
    return good.join(bad, on="unit_no", how="anti").select(pl.lit(name).alias("variant"), "unit_no")


def upper_cells(lines: pl.DataFrame) -> pl.DataFrame:
    """Return the cells (unit_no, line) of charges over other charges. `lines` have the level of their charge."""
    return lines.group_by(CELL).agg(pl.col("level").min()).filter(pl.col("level") > 1).select(CELL)


def _equal(name: str, brought: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
    is_equal = pl.col("variant_minor").fill_null(0) == pl.col("legacy_minor").fill_null(0)
    label = pl.lit(name).alias("variant")
    whole = brought.group_by("unit_no").agg(is_equal.all().alias("all")).filter("all").select(label, "unit_no")
    differed = pl.col("ours_minor").fill_null(0) != pl.col("legacy_minor").fill_null(0)
    return whole, brought.filter(is_equal & differed).select(label, *CELL)


def _with_given(case: Case, matched: Matched, is_taxed: bool) -> Case:
    """Return a case with the legacy amounts in place of our charges on quantities, days and cycles."""
    wanted = given_amounts(matched, is_taxed=is_taxed)

    def change(work: stages.Work) -> stages.Work:
        return given_lines(work, of_due(work, wanted).select("due_no", "component_id", "tou", "tier", "add_minor"))

    return case.then("charges", change)


def given_amounts(matched: Matched, *, is_taxed: bool) -> pl.DataFrame:
    """Return what to add to lines of ours so that each cell comes to its legacy amount, and taxes follow.

    `is_taxed`: a line that only the legacy system has is added to the first of the unit, and taxed as that one is.
    """
    less = (pl.col("legacy_minor").fill_null(0) - pl.col("ours_minor").fill_null(0)).alias("add_minor")
    apart = matched.cells.with_columns(less).filter(pl.col("add_minor") != 0)
    charges = matched.lines.filter(pl.col("level") == 1)
    first = charges.unique(CELL, keep="first", maintain_order=True)
    own = apart.join(first, on=CELL, how="inner", validate="1:1")
    is_extra = pl.col("ours_minor").is_null() & pl.lit(is_taxed)
    extra = apart.filter(is_extra).group_by("unit_no").agg(pl.col("add_minor").sum())
    of_unit = charges.unique("unit_no", keep="first", maintain_order=True)
    added = extra.join(of_unit, on="unit_no", how="inner", validate="1:1")
    columns = ["agreement_id", "period_start_date", "component_id", "tou", "tier", "add_minor"]
    both = pl.concat([own.select(columns), added.select(columns)])
    return both.group_by(columns[:-1], maintain_order=True).agg(pl.col("add_minor").sum())


def lines_of(
    lines: pl.DataFrame, units: pl.DataFrame, groups: Groups, whole: pl.DataFrame, levels: pl.DataFrame
) -> pl.DataFrame:
    """Return bill lines with unit_no, line and the level of their charge. `levels`: version_id, component_id, level."""
    placed = placed_lines(lines, units, groups, whole)
    return placed.join(levels, on=["version_id", "component_id"], how="left", validate="m:1").sort("unit_no", "line_no")
