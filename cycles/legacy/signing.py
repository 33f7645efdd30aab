"""What people say of differences from a legacy system, and the signature of a second person over all of it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

import polars as pl

from model.errors import ConfigError, ControlError
from model.ids import content_hash
from model.parallel import Cause, Comparisons, DifferenceReasons, SignOffs
from model.schema import arranged
from store.audit import record
from store.control import Connection, control, insert, query, transaction
from store.facts import facts, record_facts
from store.workspace import Workspace


@dataclass(frozen=True)
class Told:
    """What an explanation did."""

    comparison_id: str
    count: int
    """Differences that it is about."""
    left: int
    """Differences that still need one."""
    is_new: bool

    @property
    def next_step(self) -> str:
        """Return the command that comes next."""
        if self.left:
            return f"{self.left} lines are still open: billmill compare explain CLASS --code CODE --why TEXT"
        return "billmill compare sign-off --by ANOTHER"


@dataclass(frozen=True)
class Signed:
    """A signature."""

    comparison_id: str
    sha256: str
    actor: str
    is_new: bool


def reasons_of(workspace: Workspace, comparison_id: str) -> pl.DataFrame:
    """Return what people say of a comparison's differences now (model.parallel.DifferenceReasons)."""
    with control(workspace, purpose="compare") as connection:
        return _reasons(connection, comparison_id)


def with_reasons(differences: pl.DataFrame, reasons: pl.DataFrame) -> pl.DataFrame:
    """Add to differences `code`, `why`, `said_by` (of the line itself, or else of its class), and `is_open`.

    Open is what is unexplained or beyond tolerance as long as nobody has said why.
    """
    names = ["code", "why", "said_by"]
    own = reasons.select(pl.col("subject").alias("difference_id"), *names)
    of_class = reasons.select(pl.col("subject").alias("cause"), *names)
    joined = differences.join(own, on="difference_id", how="left", validate="1:1", maintain_order="left").join(
        of_class, on="cause", how="left", validate="m:1", maintain_order="left", suffix="_class"
    )  # fmt: skip
    said = joined.with_columns(pl.coalesce(name, f"{name}_class").alias(name) for name in names)
    matters = (pl.col("cause") == Cause.UNEXPLAINED.value) | ~pl.col("is_within")
    return said.drop(f"{name}_class" for name in names).with_columns(
        (matters & pl.col("code").is_null()).alias("is_open")
    )


def explain_differences(
    workspace: Workspace, comparison_id: str | None, subject: str, *, code: str, why: str, at: datetime, actor: str
) -> Told:
    """Say why the differences of a class, or one difference, are as they are.

    Raises:
        ConfigError: there is no such comparison, class or difference, or code or words are empty.
    """
    if not code.strip() or not why.strip():
        raise ConfigError("compare explain: expected a code and a reason, found none", hint="--code CODE --why TEXT")
    with control(workspace, purpose="compare explain") as connection, transaction(connection):
        row = _comparison(connection, comparison_id)
        name = row["comparison_id"]
        differences = query(connection, "SELECT * FROM difference WHERE comparison_id = ?", [name])
        subject, about = _about(differences, subject)
        said = {"comparison_id": name, "subject": subject, "code": code, "why": why, "said_by": actor}
        counts = record_facts(
            connection, "difference_reason", arranged(DifferenceReasons, pl.DataFrame([said])), recorded_at=at
        )
        is_new = counts.same == 0
        if is_new:
            record(connection, at=at, actor=actor, action="explain_difference", subject=f"{name} {subject}",
                   detail=f"{about.height} lines, {code}: {why}")  # fmt: skip
        left = with_reasons(differences, _reasons(connection, name)).filter("is_open").height
    return Told(name, about.height, left, is_new)


def sign_off(workspace: Workspace, comparison_id: str | None, *, at: datetime, actor: str) -> Signed:
    """Sign a comparison: the hash covers its differences and what was said of them.

    Raises:
        ConfigError: there is no such comparison.
        ControlError: lines are open, or the same person compared or explained.
    """
    with control(workspace, purpose="compare sign-off") as connection, transaction(connection):
        row = _comparison(connection, comparison_id)
        name = row["comparison_id"]
        reasons = _reasons(connection, name)
        _refuse_own(name, row, reasons, actor)
        differences = query(connection, "SELECT * FROM difference WHERE comparison_id = ?", [name])
        left = with_reasons(differences, reasons).filter("is_open").sort("difference_id")
        if left.height:
            raise ControlError(
                f"comparison `{name}`: expected every line within tolerance or explained, found {left.height} open; "
                f"first: `{left['difference_id'][0]}` ({left['cause'][0]})",
                hint=f"billmill compare explain {left['cause'][0]} --code CODE --why TEXT",
            )
        told = [value for values in reasons.rows() for value in values]
        sha256 = content_hash(name, row["run_id"], row["legacy_sha256"], row["result_sha256"], *told)
        known = query(
            connection,
            "SELECT * FROM comparison_sign_off WHERE comparison_id = ? AND signed_sha256 = ?",
            [name, sha256],
        )
        if known.height:
            return Signed(name, sha256, str(known["signed_by"][0]), is_new=False)
        signed = {"comparison_id": name, "signed_sha256": sha256, "signed_by": actor, "signed_at": at}
        insert(connection, "comparison_sign_off", arranged(SignOffs, pl.DataFrame([signed])))
        record(connection, at=at, actor=actor, action="sign_comparison", subject=name, detail=f"signed {sha256}")
    return Signed(name, sha256, actor, is_new=True)


def _reasons(connection: Connection, comparison_id: str) -> pl.DataFrame:
    return facts(connection, "difference_reason").filter(pl.col("comparison_id") == comparison_id)


def _comparison(connection: Connection, comparison_id: str | None) -> dict[str, Any]:
    """Return a comparison's row: the one named, or the last."""
    rows = arranged(Comparisons, query(connection, "SELECT * FROM comparison ORDER BY made_at DESC, comparison_id"))
    found = rows if comparison_id is None else rows.filter(pl.col("comparison_id") == comparison_id)
    if found.is_empty():
        said = "nothing was compared yet" if comparison_id is None else f"comparison `{comparison_id}` is not known"
        known = ", ".join(rows["comparison_id"].head(5).to_list())
        raise ConfigError(said, hint=f"there is {known}" if known else "billmill compare --legacy FILE --run RUN")
    return found.row(0, named=True)


def _about(differences: pl.DataFrame, subject: str) -> tuple[str, pl.DataFrame]:
    """Return the subject in full and the differences that it names: a class, or the beginning of one id."""
    if subject in {cause.value for cause in Cause if cause != Cause.EQUAL}:
        found = differences.filter(pl.col("cause") == subject)
        if found.is_empty():
            raise ConfigError(f"no line differs by `{subject}`", hint=f"there are {_classes(differences)}")
        return subject, found
    found = differences.filter(pl.col("difference_id").str.starts_with(subject))
    if found.height != 1 or not subject:
        raise ConfigError(
            f"expected a class or the id of one difference, found `{subject}`, which {found.height} have",
            hint=f"classes are {_classes(differences)}",
        )
    return str(found["difference_id"][0]), found


def _classes(differences: pl.DataFrame) -> str:
    return ", ".join(differences["cause"].unique().sort().to_list()) or "none: nothing differs"


def _refuse_own(name: str, row: dict[str, Any], reasons: pl.DataFrame, actor: str) -> None:
    did = "compared" if row["made_by"] == actor else "explained differences"
    if row["made_by"] == actor or actor in reasons["said_by"].to_list():
        raise ControlError(
            f"comparison `{name}`: {actor} {did}; the same person cannot sign it",
            hint="another person signs: billmill compare sign-off --by NAME",
        )
