"""`compare`: a run beside a legacy system's bills, line by line, each difference with its class."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import polars as pl

from accounts.selection import Cycle
from cycles.legacy.causes import Matched, differing_units, find_causes, find_fitted, find_pairs, lines_of, upper_cells
from cycles.legacy.classes import classified, with_pairs
from cycles.legacy.lines import LegacyFile, read_legacy
from cycles.legacy.mapping import LegacyMapping, parse_legacy_mapping
from cycles.legacy.match import (
    CELL,
    both_sides,
    find_units,
    group_lines,
    legacy_cells,
    number_units,
    our_cells,
    whole_bill_units,
)
from cycles.legacy.variants import Variant
from cycles.legacy.words import with_words
from cycles.runs.folders import plan_frame, read_manifest, run_folder, run_table
from cycles.runs.inputs import listed_reads
from cycles.runs.partition import work_on
from cycles.runs.records import the_run
from model.errors import ConfigError
from model.ids import content_hash
from model.money import CURRENCY_EXPONENT
from model.parallel import Cause, Comparisons, Differences
from model.progress import SILENT, Progress
from model.schema import arranged
from store.audit import record
from store.control import control, insert, query, transaction
from store.files import read_text
from store.workspace import Workspace

_ID = 12  # signs of a comparison's id


@dataclass(frozen=True)
class CompareRequest:
    """What is compared. `tolerance` in major units of the currency."""

    run_id: str
    legacy: Path
    mapping: Path | None
    tolerance: Decimal
    control_total: Decimal | None
    at: datetime
    actor: str


@dataclass(frozen=True)
class Compared:
    """A comparison. `cells`: branch_id, lines, equal, ours_minor, legacy_minor; a row per branch."""

    row: dict[str, Any]
    """Row of model.parallel.Comparisons."""
    legacy: LegacyFile
    branches: pl.DataFrame
    differences: pl.DataFrame
    """model.parallel.Differences."""
    not_again: int
    """Units whose own lines the engine of today does not bring again; their classes rest on nothing."""
    is_new: bool


def compare_run(workspace: Workspace, request: CompareRequest, progress: Progress = SILENT) -> Compared:
    """Compare a run with a legacy file and keep what differs. The same again changes nothing.

    Raises:
        ConfigError: there is no such run, it has no bills yet, or they are in several currencies.
        InputError: the legacy file or the mapping cannot be read.
        ControlError: the file does not add up to its control total.
    """
    mapping = _mapping(request.mapping)
    with control(workspace, purpose="compare") as connection:
        row = the_run(connection, request.run_id)
        folder = run_folder(workspace, request.run_id)
        if not (folder / "manifest.json").is_file():
            raise ConfigError(
                f"run `{request.run_id}` is {row['state']}: it has no bills yet",
                hint=f"billmill cycle run {request.run_id}",
            )
        now = listed_reads(connection, _cycle(workspace, request.run_id))
    due = plan_frame(folder, "due")
    currency = _currency(request.run_id, due)
    tolerance = request.tolerance.scaleb(CURRENCY_EXPONENT[currency])
    if tolerance != tolerance.to_integral_value() or tolerance < 0:
        raise ConfigError(f"--tolerance: expected an amount in {currency}, found {request.tolerance}")
    legacy = read_legacy(request.legacy, mapping, currency, request.control_total)
    matched, parked = _matched(workspace, request.run_id, due, legacy, mapping)
    told, variants, not_again = _classes(workspace, request.run_id, matched, now, progress)
    differences = _differences(told, matched, variants, parked, int(tolerance))
    return _keep(workspace, request, mapping, legacy, matched, differences, not_again)


def _classes(
    workspace: Workspace, run_id: str, matched: Matched, now: dict[str, Any], progress: Progress
) -> tuple[pl.DataFrame, dict[str, Variant], int]:
    """Return the class of each line that differs, the variants behind them, and how many units do not come again.

    Rules first, then numbers fitted to what no rule explains, then two of all these together.
    """
    upper, both = upper_cells(matched.lines), differing_units(matched.cells)

    def left(told: pl.DataFrame) -> pl.DataFrame:
        found = told.filter(pl.col("cause") == Cause.UNEXPLAINED.value).select("unit_no").unique()
        return found.join(both, on="unit_no", how="semi").sort("unit_no")

    found = find_causes(workspace, run_id, matched, now, progress)
    told = classified(matched.cells, found, upper, matched.units)
    not_again = found.not_again.height
    if left(told).height:
        found = found.and_more(find_fitted(workspace, run_id, matched, left(told), progress))
        told = classified(matched.cells, found, upper, matched.units)
    variants = found.variants
    if left(told).height:
        pairs = find_pairs(workspace, run_id, matched, now, found, left(told), progress)
        told, variants = with_pairs(told, pairs), variants | pairs.variants
    return told, variants, not_again


def _mapping(path: Path | None) -> LegacyMapping:
    if path is None:
        return LegacyMapping()
    text = read_text(path)
    return parse_legacy_mapping(text, path.name, content_hash(text))


def _cycle(workspace: Workspace, run_id: str) -> Cycle:
    return Cycle.planned(work_on(workspace, run_id, pl.lit(True)).plan)


def _currency(run_id: str, due: pl.DataFrame) -> str:
    found = due["currency"].unique().sort().to_list()
    if len(found) != 1:
        raise ConfigError(
            f"run `{run_id}` bills in {', '.join(found)}: expected one currency", hint="plan a run for each: --branch"
        )
    return str(found[0])


def _matched(
    workspace: Workspace, run_id: str, due: pl.DataFrame, legacy: LegacyFile, mapping: LegacyMapping
) -> tuple[Matched, pl.DataFrame]:
    """Return both sides matched, and what was parked."""
    folder = run_folder(workspace, run_id)
    manifest = read_manifest(folder)
    lines = run_table(workspace, manifest, "bill_lines").filter(pl.col("category") != "memo").collect()
    taxes = frozenset(lines.filter(pl.col("category") == "tax")["component_id"].unique().to_list())
    groups = group_lines(mapping, legacy.lines["code"].unique().sort().to_list(), taxes)
    ours, whole = whole_bill_units(find_units(due), legacy.lines, groups)
    units, placed = number_units(ours, legacy.lines)
    cells = both_sides(our_cells(lines, units, groups, whole), legacy_cells(placed, groups))
    levels = plan_frame(folder, "book_components").select("version_id", "component_id", "level")
    own = lines_of(lines, units, groups, whole, levels)
    differing = own.join(differing_units(cells), on="unit_no", how="semi")
    parked = (
        run_table(workspace, manifest, "parked").collect().sort("agreement_id", "start_date")
        .group_by("account_id", "service_point_id", maintain_order=True)
        .agg(pl.format("{}, {}", pl.col("reason").first(), pl.col("detail").first()).alias("parked"))
    )  # fmt: skip
    return Matched(units, cells, differing, groups, whole, legacy.currency), parked


def _differences(
    told: pl.DataFrame, matched: Matched, variants: dict[str, Any], parked: pl.DataFrame, tolerance_minor: int
) -> pl.DataFrame:
    """Return what differs as model.parallel.Differences, without the comparison's id."""
    apart = (pl.col("ours_minor").fill_null(0) - pl.col("legacy_minor").fill_null(0)).abs()
    joined = (
        told.join(matched.cells, on=CELL, how="inner", validate="1:1")
        .join(matched.units, on="unit_no", how="inner", validate="m:1")
        .with_columns((apart <= tolerance_minor).alias("is_within"))
        .rename({"from_date": "period_start_date", "to_date": "period_end_date"})
    )
    return with_words(joined, variants, parked).sort("unit_no", "line")


def _keep(
    workspace: Workspace, request: CompareRequest, mapping: LegacyMapping, legacy: LegacyFile, matched: Matched,
    found: pl.DataFrame, not_again: int,
) -> Compared:  # fmt: skip
    told = found.select(
        "account_id", "service_point_id", pl.col("period_start_date").cast(pl.String), "line",
        pl.col("ours_minor", "legacy_minor").cast(pl.String), "cause", "variants",
    )  # fmt: skip
    result = content_hash(*(value for row in told.rows() for value in row))
    name = "cmp-" + content_hash(request.run_id, legacy.sha256, mapping.sha256, request.tolerance, result)[:_ID]
    differences = arranged(Differences, _with_ids(found, name))
    tolerance = int(request.tolerance.scaleb(CURRENCY_EXPONENT[legacy.currency]))
    sums = matched.cells.select(pl.col("ours_minor").sum(), pl.col("legacy_minor").sum()).row(0)
    is_open = (pl.col("cause") == Cause.UNEXPLAINED.value) | ~pl.col("is_within")
    row = {
        "comparison_id": name, "run_id": request.run_id, "legacy_name": legacy.name, "legacy_sha256": legacy.sha256,
        "mapping_sha256": mapping.sha256, "tolerance_minor": tolerance, "currency": legacy.currency,
        "cells": matched.cells.height, "differing": differences.height,
        "open_cells": differences.filter(is_open).height, "ours_minor": int(sums[0] or 0),
        "legacy_minor": int(sums[1] or 0), "result_sha256": result, "made_by": request.actor, "made_at": request.at,
    }  # fmt: skip
    with control(workspace, purpose="compare") as connection, transaction(connection):
        known = query(connection, "SELECT * FROM comparison WHERE comparison_id = ?", [name])
        if known.is_empty():
            insert(connection, "comparison", arranged(Comparisons, pl.DataFrame([row])))
            insert(connection, "difference", differences)
            detail = f"{legacy.name}: {row['cells']} lines, {row['differing']} differ, {legacy.rejects.height} rejected"
            record(connection, at=request.at, actor=request.actor, action="compare", subject=name, detail=detail)
        else:
            row = known.row(0, named=True)
    return Compared(row, legacy, _by_branch(matched), differences, not_again, known.is_empty())


def _with_ids(found: pl.DataFrame, name: str) -> pl.DataFrame:
    keys = ["account_id", "service_point_id", "period_start_date", "line"]
    ids = [content_hash(name, *row)[:_ID] for row in found.select(keys).iter_rows()]  # a row per difference
    return found.with_columns(pl.Series("difference_id", ids, dtype=pl.String), pl.lit(name).alias("comparison_id"))


def _by_branch(matched: Matched) -> pl.DataFrame:
    """Return the lines compared by branch: branch_id, accounts, lines, equal, ours_minor, legacy_minor."""
    is_equal = pl.col("ours_minor").fill_null(0) == pl.col("legacy_minor").fill_null(0)
    joined = matched.cells.join(matched.units, on="unit_no", how="inner", validate="m:1")
    return joined.group_by("branch_id").agg(
        pl.col("account_id").n_unique().alias("accounts"), pl.len().alias("lines"), is_equal.sum().alias("equal"),
        pl.col("account_id").filter(~is_equal).n_unique().alias("accounts_differing"),
        pl.col("ours_minor").sum(), pl.col("legacy_minor").sum(),
    ).sort("branch_id")  # fmt: skip
