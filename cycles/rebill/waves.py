"""Passes rated one after another: what an earlier cycle leaves is what a later one finds, as if billed anew."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import polars as pl

from cycles.runs.folders import Frames, frames_at_hand
from cycles.runs.partition import STEPS, Work
from model.rating import BankBalances, History
from model.schema import arranged, empty, grain

NOTHING_NARROWED: Mapping[str, pl.Expr] = {}
_SPAN = {"service_point_id": pl.String, "start_date": pl.Date, "end_date": pl.Date}


@dataclass(frozen=True)
class Carry:
    """What the passes so far leave in place of what was published."""

    spans: pl.DataFrame = field(default_factory=lambda: pl.DataFrame(schema=_SPAN))
    """Days of service points whose bills are made anew: service_point_id, start_date, end_date"""
    history: pl.DataFrame = field(default_factory=lambda: empty(History))
    banks: pl.DataFrame = field(default_factory=lambda: empty(BankBalances))

    def over(self, frame: Frames) -> Frames:
        """Return the frames of a pass with what was carried laid over what was published."""
        if self.spans.is_empty():
            return frame
        laid = {"history": self._history(frame("history"), frame("due")), "banks": self._banks(frame("banks"))}
        return partial(_one_of, laid, frame)

    def _history(self, published: pl.DataFrame, due: pl.DataFrame) -> pl.DataFrame:
        begins = due.group_by("service_point_id").agg(pl.col("cycle_start_date").min())
        replaced = (
            published.filter(pl.col("source") == "bill")
            .join(self.spans, on="service_point_id", how="inner", validate="m:m")
            .filter(pl.col("period_start_date").is_between("start_date", "end_date", closed="left"))
        )
        carried = self.history.join(begins, on="service_point_id", how="inner", validate="m:1").filter(
            pl.col("period_start_date") < pl.col("cycle_start_date")
        )
        kept = published.join(replaced, on=grain(History), how="anti")
        both = pl.concat([carried.select(kept.columns), kept]).unique(grain(History), keep="first", maintain_order=True)
        return arranged(History, both.sort(grain(History)))

    def _banks(self, published: pl.DataFrame) -> pl.DataFrame:
        both = pl.concat([published, self.banks]).sort("as_of_date", maintain_order=True)
        key = grain(BankBalances)
        return arranged(BankBalances, both.unique(key, keep="last", maintain_order=True).sort(key))

    def after(self, work: Work, spans: pl.DataFrame) -> Carry:
        """Return what is carried once a pass was rated; `spans` are its days as they were billed, by new bill."""
        assert work.rated is not None, "a pass is rated before it leaves anything"
        parked = work.rated.parked["account_id"].unique()
        made = spans.filter(~pl.col("account_id").is_in(parked.implode())).select(list(_SPAN))
        banks = pl.concat([self.banks, work.rated.banks]).sort("as_of_date", maintain_order=True)
        return Carry(
            pl.concat([self.spans, made]),
            pl.concat([work.rated.history, self.history]).unique(grain(History), keep="first", maintain_order=True),
            banks.unique(grain(BankBalances), keep="last", maintain_order=True),
        )


def _one_of(laid: Mapping[str, pl.DataFrame], frame: Frames, name: str, keep: pl.Expr | None = None) -> pl.DataFrame:
    if name not in laid:
        return frame(name, keep)
    return frames_at_hand(laid)(name, keep)


def rate_passes(
    base: Work,
    passes: Sequence[Mapping[str, Any]],
    frame_of: Callable[..., pl.DataFrame],
    keep: pl.Expr,
    narrowed: Mapping[str, pl.Expr] = NOTHING_NARROWED,
) -> Iterator[tuple[str, Work]]:
    """Rate the passes of a plan in order and yield each work after its rating.

    `base` says workspace, folder, plan and partition; `passes` are those of the plan (name, cycle, inputs); `frame_of`
    gives a frame of a pass, `spans` among them (service_point_id, account_id, start_date, end_date as published);
    `narrowed` are passes that are done for a smaller part than `keep`.
    """
    carry = Carry()
    for item in passes:
        name = str(item["name"])
        frame = partial(frame_of, name)
        plan = base.plan | {"cycle": item["cycle"], "inputs": item["inputs"]}
        kept = narrowed.get(name, keep)
        work = Work(base.workspace, base.folder, plan, kept, base.partition, carry.over(frame))
        for step in STEPS[:2]:
            step.run(work)
        yield name, work
        carry = carry.after(work, frame("spans"))
