"""What a run rests on, as known at a time: due agreements and their attributes, reads, the rate book, what is carried.

A plan writes this down; rating an old bill again gathers it anew, as known then or as known now.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from datetime import date, datetime
from typing import Any

import polars as pl

from accounts.attributes import cut_at_attributes
from accounts.history import history_before
from accounts.numbering import channel_numbers
from accounts.selection import Cycle, cut_partitions
from cycles.publishing.carried import opening_banks
from cycles.publishing.one_offs import due_charges
from model.accounts import IMPORTED
from model.events import EVENTS
from model.reads import INTERVAL_LENGTHS
from model.schema import checked
from model.tariff import Factors, RateBook
from rating.uses import used_factors
from store.control import Connection, query
from store.facts import facts
from store.lake import LakeFile, lake_files
from tariffs.feeds import with_feeds

# Rating some agreements at all takes a quarter of a second, however few. A partition of this cost (50 million
# intervals of 30,000 agreements, or 50,000 agreements with registers) takes a worker two seconds and 1.3 gigabytes.
COST_PER_PARTITION = 150_000_000


# The tables of facts that `gather_inputs` looks at: those with rows of service points, and the others.
_OF_PLACES = ("service_point_attributes", "meters", "history")
GATHERED_FROM = (*_OF_PLACES, "agreement_attributes", "quality_gates", "usage_correction")


@dataclass(frozen=True)
class Inputs:
    """The frames of a plan by name, and the lake files that hold its reads, by table."""

    frames: dict[str, pl.DataFrame]
    files: dict[str, list[LakeFile]]
    places: dict[str, list[int]] = field(default_factory=dict)
    """Of frames by service point: the row at which each partition begins, that at which the rows of points in several
    partitions do, and the number of rows. A partition reads its part, and not the meters of a whole utility."""

    def listed(self) -> dict[str, list[dict[str, Any]]]:
        """Return the files as a plan lists them."""
        return {table: [_plain(asdict(file)) for file in found] for table, found in sorted(self.files.items())}


def known_facts(connection: Connection, known_at: datetime) -> dict[str, pl.DataFrame]:
    """Return every imported table, and those of events, as known at a time."""
    return {table: facts(connection, table, known_at=known_at) for table in (*IMPORTED, *EVENTS)}


def known_of_places(
    connection: Connection, places: pl.Series, *, known_at: datetime
) -> tuple[pl.DataFrame, dict[str, pl.DataFrame]]:
    """Return the channels of service points with their numbers, and what `gather_inputs` looks at, as known at a time.

    Rows of other places may be among them: of most of the base, all is read, which is faster than choosing.
    """
    total = query(connection, "SELECT count(*) FROM channel_number").item()
    among = places if 2 * places.len() < total else None
    known = {table: facts(connection, table, known_at=known_at, among=among) for table in _OF_PLACES}
    known |= {table: facts(connection, table, known_at=known_at) for table in GATHERED_FROM if table not in known}
    return channel_numbers(connection, among), known


def gather_inputs(
    connection: Connection,
    cycle: Cycle,
    due: pl.DataFrame,
    known: Mapping[str, pl.DataFrame],
    numbers: pl.DataFrame,
    book: RateBook,
    *,
    known_at: datetime,
    seq_max: int,
    partitions: int | None = None,
    asked: pl.DataFrame | None = None,
    replaced: pl.DataFrame | None = None,
) -> Inputs:
    """Return the inputs for agreements that are due (`accounts.selection.select_due`), cut into partitions.

    `known` are the facts (at least `GATHERED_FROM`), `numbers` the channels (model.accounts.ChannelNumbers) and `book`
    the tariffs as known at `known_at`; reads are those up to load `seq_max`. `asked` are the attributes that matter
    (tariff_id, name): those that `book` asks for when None. `replaced`: bills that are made anew
    (`cycles.publishing.one_offs.due_charges`).
    """
    asked = asked_attributes(book) if asked is None else asked
    periods, attributes = cut_at_attributes(
        due, known["agreement_attributes"], known["service_point_attributes"], asked
    )
    agreements, channels = cut_partitions(periods, numbers, cost_each=COST_PER_PARTITION, partitions=partitions)
    supplied = agreements["service_point_id"].unique()
    points, found = supplied.implode(), facts(connection, "quantity_history", known_at=known_at, among=supplied)
    frames: dict[str, pl.DataFrame] = {
        "due": agreements,
        "channels": channels,
        "numbers": numbers.filter(pl.col("channel_no").is_in(channels["channel_no"].implode())),
        "meters": known["meters"].filter(pl.col("service_point_id").is_in(points)),
        "attributes": attributes,
        "history": history_before(agreements, known["history"], found),
        "banks": opening_banks(connection, agreements, known_at),
        "gates": known["quality_gates"],
        "one_offs": due_charges(connection, agreements, known_at, replaced),
        "corrections": _corrections(known["usage_correction"], channels),
    }
    places: dict[str, list[int]] = {}
    for name in ("meters", "history"):
        frames[name], places[name] = _in_order_of_partition(frames[name], agreements)
    rated = rated_book(connection, book, agreements, known_at)
    # Who changed groups can be due for days before the cycle.
    first = min([cycle.period_start_date, *agreements["start_date"].unique()])
    span = (first, cycle.period_end_date)
    return Inputs(frames | book_frames(rated), reads_of(connection, span, seq_max), places)


def _in_order_of_partition(rows: pl.DataFrame, due: pl.DataFrame) -> tuple[pl.DataFrame, list[int]]:
    """Return rows by service point in order of the partition that needs them, and where each begins (`Inputs.places`).

    Rows of points that several partitions need come last.
    """
    count = int(due["partition"].max() or 0) + 1  # type: ignore[arg-type]
    placed = due.group_by("service_point_id").agg(first=pl.col("partition").min(), last=pl.col("partition").max())
    part = pl.when(pl.col("first") == pl.col("last")).then("first").otherwise(count)
    ordered = rows.join(
        placed.select("service_point_id", part=part), on="service_point_id", how="left", validate="m:1",
        maintain_order="left",
    ).with_columns(pl.col("part").fill_null(count)).sort("part", maintain_order=True)  # fmt: skip
    starts = ordered["part"].search_sorted(pl.Series(range(count + 1), dtype=ordered["part"].dtype))
    return ordered.drop("part"), [*starts.to_list(), ordered.height]


def _corrections(found: pl.DataFrame, channels: pl.DataFrame) -> pl.DataFrame:
    """Return the corrections of channels that are due, as rating takes them (`rating.corrections`)."""
    numbered = found.join(
        channels.select("channel_id", "channel_no").unique(), on="channel_id", how="inner", validate="m:1"
    )
    error_e4 = pl.col("error_percent").to_physical().cast(pl.Int64)
    return numbered.select("channel_no", "from_date", "to_date", error_e4.alias("error_e4")).sort(
        "channel_no", "from_date"
    )


def asked_attributes(book: RateBook) -> pl.DataFrame:
    """Return the attributes that each tariff asks for: tariff_id, name."""
    of_versions = book.versions.select("version_id", "tariff_id")
    asked = book.attributes.join(of_versions, on="version_id", how="inner", validate="m:1")
    return asked.select("tariff_id", "name").unique()


def rated_book(connection: Connection, book: RateBook, due: pl.DataFrame, known_at: datetime) -> RateBook:
    """Return the part of a rate book that due agreements use, with the events and interval prices of their days."""
    return with_feeds(connection, used_part(book, due["tariff_id"]), due, known_at=known_at)


def book_frames(book: RateBook) -> dict[str, pl.DataFrame]:
    """Return the tables of a rate book by the names under which a plan keeps them."""
    return {f"book_{table}": frame for table, frame in book.frames().items()}


def used_part(book: RateBook, tariffs: pl.Series) -> RateBook:
    """Keep only some tariffs: a change elsewhere does not make the plan another one."""
    versions = book.versions.filter(pl.col("tariff_id").is_in(tariffs.unique().implode()))
    kept = versions["version_id"].implode()
    parts = {
        name: frame.filter(pl.col("version_id").is_in(kept)) if "version_id" in frame.columns else frame
        for name, frame in book.frames().items()
    }
    used = RateBook(**parts)  # type: ignore[arg-type]  # filtering rows keeps each table's type
    return replace(used, factors=checked(Factors, _used_factors(used)))


def _used_factors(book: RateBook) -> pl.DataFrame:
    """Return the factors that the versions of a book use: as prices, in formulas, to split, by each text they name."""
    of_split = book.quantities.filter(pl.col("split_factor").is_not_null()).select(
        "version_id", pl.col("split_factor").alias("factor_id"), pl.col("split_by").alias("by")
    )
    used = pl.concat([used_factors(book), of_split])
    whole = used.filter(pl.col("by").is_null())["factor_id"].unique().implode()
    begun = used.filter(pl.col("by").is_not_null())["factor_id"].unique().sort().to_list()
    is_begun = [pl.col("factor_id").str.starts_with(f"{name}.") for name in begun]
    return book.factors.filter(pl.any_horizontal(pl.col("factor_id").is_in(whole), *is_begun))


def last_load(connection: Connection) -> int:
    """Return the sequence of the last load; 0 when nothing has landed."""
    return int(query(connection, "SELECT coalesce(max(seq), 0) FROM load").item())


def listed_reads(connection: Connection, cycle: Cycle) -> dict[str, list[dict[str, Any]]]:
    """Return the files that hold the reads of a cycle's days as known now, as a plan lists them."""
    span = (cycle.period_start_date, cycle.period_end_date)
    return Inputs({}, reads_of(connection, span, last_load(connection))).listed()


def reads_of(connection: Connection, span: tuple[date, date], seq_max: int) -> dict[str, list[LakeFile]]:
    """Return by table the files that can hold reads of the days of a span (its end not included), up to a load."""
    days = [f"{kind}_day_{minutes}" for minutes in INTERVAL_LENGTHS for kind in ("reads", "vee")]
    found = {table: lake_files(connection, table, seq_max=seq_max) for table in (*days, "register_reads")}
    return {table: [file for file in files if _overlaps(file, *span)] for table, files in found.items() if files}


def _overlaps(file: LakeFile, first: date, after: date) -> bool:
    if file.day_min is None or file.day_max is None:  # register reads before and after the period matter too
        return True
    return file.day_min < after and file.day_max >= first


def _plain(values: dict[str, Any]) -> dict[str, Any]:
    return {key: value.isoformat() if isinstance(value, date) else value for key, value in values.items()}
