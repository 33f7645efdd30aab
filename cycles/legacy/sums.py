"""The figures of a comparison: by class, by branch, the largest first."""

from __future__ import annotations

import polars as pl

from cycles.legacy.compare import Compared
from cycles.legacy.signing import reasons_of, with_reasons
from model.parallel import Cause
from outputs.parallel_report import CLASSES, ParallelReport
from store.workspace import Workspace

_SERVICE = ["account_id", "service_point_id", "period_start_date"]


def parallel_report(workspace: Workspace, compared: Compared, threshold_percent: float) -> ParallelReport:
    """Return a comparison with its figures, and with what people say of it now."""
    apart = pl.col("ours_minor").fill_null(0) - pl.col("legacy_minor").fill_null(0)
    told = with_reasons(compared.differences, reasons_of(workspace, compared.row["comparison_id"]))
    differences = told.with_columns(apart.alias("apart_minor")).sort(
        pl.col("apart_minor").abs(), "account_id", "service_point_id", "line", descending=[True, False, False, False]
    )
    sums = [pl.len().alias("lines"), pl.col("apart_minor").sum(), pl.col("apart_minor").abs().sum().alias("size_minor")]
    return ParallelReport(
        utility=workspace.name,
        row=compared.row,
        legacy_rows=compared.legacy.rows,
        legacy_total_minor=compared.legacy.total_minor,
        rejects=compared.legacy.rejects,
        branches=compared.branches,
        classes=_classes(differences, int(compared.branches["equal"].sum())),
        by_branch=differences.group_by("branch_id", "cause").agg(sums).sort("branch_id", "cause"),
        differences=differences,
        threshold_percent=threshold_percent,
        not_again=compared.not_again,
    )


def service_classes(differences: pl.DataFrame) -> pl.DataFrame:
    """Return the class of each service that differs: that of its lines, or several, or unexplained if one is."""
    causes = differences.group_by(_SERVICE, maintain_order=True).agg(pl.col("cause").unique().alias("causes"))
    cause = (
        pl.when(pl.col("causes").list.contains(Cause.UNEXPLAINED.value)).then(pl.lit(Cause.UNEXPLAINED.value))
        .when(pl.col("causes").list.len() > 1).then(pl.lit(Cause.SEVERAL.value))
        .otherwise(pl.col("causes").list.first())
    )  # fmt: skip
    return causes.with_columns(cause.alias("cause")).drop("causes")


def _classes(differences: pl.DataFrame, equal: int) -> pl.DataFrame:
    counted = differences.group_by("cause").agg(
        pl.len().cast(pl.Int64).alias("lines"), pl.col("is_within").sum().cast(pl.Int64).alias("within"),
        pl.col("code").is_not_null().sum().cast(pl.Int64).alias("explained"),
        pl.col("is_open").sum().cast(pl.Int64).alias("open"),
        pl.col("apart_minor").sum(), pl.col("apart_minor").abs().sum().alias("size_minor"),
    )  # fmt: skip
    services = service_classes(differences).group_by("cause").agg(pl.len().cast(pl.Int64).alias("services"))
    order = pl.DataFrame({"cause": list(CLASSES)})
    found = order.join(counted, on="cause", how="left", validate="1:1", maintain_order="left").join(
        services, on="cause", how="left", validate="1:1", maintain_order="left"
    )  # fmt: skip
    filled = found.with_columns(pl.col(pl.Int64).fill_null(0))
    lines = (
        pl.when(pl.col("cause") == Cause.EQUAL.value).then(pl.lit(equal, pl.Int64)).otherwise("lines").alias("lines")
    )
    return filled.with_columns(lines).select(
        "cause", "lines", "services", "within", "explained", "open", "apart_minor", "size_minor"
    )
