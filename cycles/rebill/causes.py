"""Classes of inputs that a bill rests on, and which of them differ between what it was made of and what is known."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date

import polars as pl

from cycles.runs.inputs import Inputs
from model.tariff import RATE_BOOK_TABLES, RateBook
from rating.uses import used_factors

_FROM_OUTSIDE = ("factors", "events", "series_days")
# What a bill rests on, by who keeps it: the frames of each class; reads are files.
CAUSES: dict[str, tuple[str, ...]] = {
    "agreement": ("due", "channels", "numbers", "meters", "attributes"),
    "tariff": tuple(f"book_{table}" for table in RATE_BOOK_TABLES if table not in _FROM_OUTSIDE),
    "factor": ("book_factors",),
    "event": ("book_events",),
    "price": ("book_series_days",),
    "read": (),
    "history": ("history", "banks"),
    "gate": ("gates",),
    "charge": ("one_offs",),
    "correction": ("corrections",),
    "cancelled": (),  # days of a bill that was taken back: nothing stands to compare with
}
_OF_PLAN = ("partition", "bill_id")  # no part of what a bill is made of
_TOLD = {"bill_id": pl.String, "cause": pl.String}
Frames = Mapping[str, pl.DataFrame]


@dataclass(frozen=True)
class TwoSides:
    """Frames of a plan for the same bills, as they were made and as known now; due rows hold the bills."""

    then: Frames
    now: Frames
    start: date
    end: date
    """Days outside [start, end) concern no bill"""

    def told(self) -> pl.DataFrame:
        """Return the bills (of then) and the classes of inputs in which the sides differ; reads are not looked at."""
        found = [pl.DataFrame(schema=_TOLD), self._of_tariffs(), self._of_corrections()]
        for cause in ("agreement", "history", "charge"):
            for name in CAUSES[cause]:
                key = "agreement_id" if "agreement_id" in self.then[name].columns else "service_point_id"
                found.append(self._of_rows(name, key, cause))
        return pl.concat(found).unique().sort("bill_id", "cause")

    def _of_rows(self, name: str, key: str, cause: str) -> pl.DataFrame:
        """Return the bills of keys with a row that only one side has."""
        sides = [_plain(frames[name].drop(_OF_PLAN, strict=False)) for frames in (self.then, self.now)]
        keys = _rows_apart(*sides).select(key).unique()
        owners = pl.concat([frames["due"].select(key, "bill_id") for frames in (self.then, self.now)]).unique()
        return owners.join(keys, on=key, how="semi").select("bill_id", pl.lit(cause).alias("cause"))

    def _of_corrections(self) -> pl.DataFrame:
        """Return the bills of channels whose use is corrected otherwise."""
        apart = _rows_apart(_plain(self.then["corrections"]), _plain(self.now["corrections"])).select("channel_no")
        points = pl.concat(
            [frames["numbers"].select("channel_no", "service_point_id") for frames in (self.then, self.now)]
        )
        owners = pl.concat([frames["due"].select("service_point_id", "bill_id") for frames in (self.then, self.now)])
        touched = points.join(apart, on="channel_no", how="semi").unique()
        of_points = owners.unique().join(touched, on="service_point_id", how="semi")
        return of_points.select("bill_id", pl.lit("correction").alias("cause"))

    def _of_tariffs(self) -> pl.DataFrame:
        causes = [self._versions_apart(), *self._outside_apart()]
        owners = pl.concat([frames["due"].select("tariff_id", "bill_id") for frames in (self.then, self.now)]).unique()
        return owners.join(pl.concat(causes).unique(), on="tariff_id", how="inner", validate="m:m").select(*_TOLD)

    def _versions_apart(self) -> pl.DataFrame:
        """Return the tariffs whose versions of these days say something else."""
        sides = []
        for frames in (self.then, self.now):
            held = _in_days(frames["book_versions"], self.start, self.end)
            named = held.select("version_id", "tariff_id")
            tables = {name: frames[f"book_{name}"] for name in RATE_BOOK_TABLES if name not in _FROM_OUTSIDE}
            holidays = tables["holidays"].filter(pl.col("day").is_between(self.start, self.end, closed="left"))
            tables |= {"versions": held, "holidays": holidays}
            sides.append({
                name: frame.drop("tariff_id", strict=False).join(named, on="version_id", how="inner", validate="m:1")
                for name, frame in tables.items()
            })  # fmt: skip
        # A version's id is made of what it says, also where that comes to the same.
        apart = [_rows_apart(_plain(sides[0][name]), _plain(sides[1][name])).select("tariff_id") for name in sides[0]]
        return pl.concat(apart).unique().select("tariff_id", pl.lit("tariff").alias("cause"))

    def _outside_apart(self) -> list[pl.DataFrame]:
        """Return the tariffs that use factors, events or prices of these days which differ."""
        both = (self.then, self.now)
        factors = _rows_apart(
            *(_in_days(frames["book_factors"], self.start, self.end).drop("source") for frames in both)
        )
        events = _rows_apart(*(self._of_days(frames["book_events"]) for frames in both))
        prices = _rows_apart(*(self._of_days(frames["book_series_days"]) for frames in both))
        found = []
        for frames in both:
            tariffs = frames["book_versions"].select("version_id", "tariff_id")
            found.append(_using_factors(frames, factors["factor_id"].unique(), tariffs))
            uses = (
                (
                    "event",
                    frames["book_event_windows"].select("version_id", series="event_series"),
                    events,
                    "event_series",
                ),
                ("price", frames["book_quantities"].select("version_id", series="series_id"), prices, "series_id"),
            )
            for cause, used, apart, name in uses:
                mine = used.filter(pl.col("series").is_in(apart[name].unique().implode())).unique("version_id")
                of_tariff = tariffs.join(mine, on="version_id", how="semi").select("tariff_id").unique()
                found.append(of_tariff.with_columns(pl.lit(cause).alias("cause")))
        return found

    def _of_days(self, frame: pl.DataFrame) -> pl.DataFrame:
        """Return rows of days in zones that both sides need."""
        zones = self.now["due"].select("tz_name").unique()
        days = pl.col("day").is_between(self.start, self.end, closed="left")
        return _plain(frame.filter(days).join(zones, on="tz_name", how="semi"))


def _using_factors(frames: Frames, factors: pl.Series, tariffs: pl.DataFrame) -> pl.DataFrame:
    """Return the tariffs whose versions use a factor by its name, or by one that begins like theirs."""
    used = _book_factors(frames).unique()
    near = used.join(factors.to_frame("changed"), how="cross").filter(
        (pl.col("factor_id") == pl.col("changed"))
        | pl.col("changed").str.starts_with(pl.col("factor_id") + ".")
    )  # fmt: skip
    found = tariffs.join(near, on="version_id", how="semi").select("tariff_id").unique()
    return found.with_columns(pl.lit("factor").alias("cause"))


def _book_factors(frames: Frames) -> pl.DataFrame:
    of_split = frames["book_quantities"].filter(pl.col("split_factor").is_not_null())
    book = RateBook(**{name: frames[f"book_{name}"] for name in RATE_BOOK_TABLES})  # type: ignore[arg-type]
    return pl.concat([
        used_factors(book).select("version_id", "factor_id"),
        of_split.select("version_id", pl.col("split_factor").alias("factor_id")),
    ])  # fmt: skip


def _in_days(frame: pl.DataFrame, start: date, end: date) -> pl.DataFrame:
    """Return dated rows that hold on some of the days, cut to them: what holds before or after does not matter."""
    holds = (pl.col("valid_from") < end) & (pl.col("valid_to").is_null() | (pl.col("valid_to") > start))
    return frame.filter(holds).with_columns(
        pl.max_horizontal("valid_from", pl.lit(start)).alias("valid_from"),
        pl.min_horizontal(pl.col("valid_to").fill_null(end), pl.lit(end)).alias("valid_to"),
    )


def _rows_apart(first: pl.DataFrame, second: pl.DataFrame) -> pl.DataFrame:
    """Return the rows that only one of two frames has."""
    columns = first.columns
    if first.equals(second.select(columns)):  # as most are, row for row
        return first.clear()
    return pl.concat([
        first.join(second, on=columns, how="anti", nulls_equal=True),
        second.select(columns).join(first, on=columns, how="anti", nulls_equal=True),
    ])  # fmt: skip


def _plain(frame: pl.DataFrame) -> pl.DataFrame:
    """Return a frame whose lists are written as text, so that rows can be compared."""
    lists = [name for name, dtype in frame.schema.items() if isinstance(dtype, pl.List)]
    return frame.with_columns(
        pl.col(name).list.eval(pl.element().cast(pl.String).fill_null("")).list.join(",") for name in lists
    )


def with_class(then: Inputs, now: Inputs, cause: str) -> Inputs:
    """Return the inputs of then with one class as it is now."""
    frames = then.frames | {name: now.frames[name] for name in CAUSES[cause]}
    return Inputs(frames, now.files if cause == "read" else then.files)
