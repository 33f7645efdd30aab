"""Checks of channels beside siblings at one service point: V17 sums, V24 reactive, V26 check meter, V33 time of use."""

from __future__ import annotations

from datetime import date

import polars as pl

from ingest.checks.drafts import drafted, no_drafts, units
from ingest.rules.governing import Governing, governing
from ingest.rules.rules import RuleSet
from ingest.vee.registers import SMALLEST_PER_DIAL_UNIT

SIBLING_CHECKS = ("sum_check", "tou_sum", "reactive_share", "reactive_missing", "main_check")

DAY_TOTALS: dict[str, pl.DataType] = {
    "channel_no": pl.Int32(), "day": pl.Date(), "base_seq": pl.Int64(), "total": pl.Int64(),
    "is_expected": pl.Boolean(), "is_complete": pl.Boolean(),
}  # fmt: skip
PAIRS: dict[str, pl.DataType] = {
    "channel_no": pl.Int32(), "from_date": pl.Date(), "to_date": pl.Date(), "quantity": pl.Int64(),
    "multiplier": pl.Int64(), "is_rejected": pl.Boolean(), "seq": pl.Int64(),
}  # fmt: skip
"""Uses between two readings, as the checks of siblings want them."""
_REACTIVE_OF = {"import_energy": "reactive_energy", "export_energy": "reactive_export"}
_POINT = ["service_point_id", "measure"]


def paired_channels(channels: pl.DataFrame) -> pl.DataFrame:
    """Return the interval channels that have a sibling to be compared with: a register, a reactive or a check one."""
    is_register = pl.col("interval_minutes") == 0
    has_register = is_register.any().over(_POINT)
    partner = pl.col("measure").replace(_REACTIVE_OF)
    has_reactive = (pl.len().over("service_point_id", partner) > 1) & pl.col("measure").is_in(
        [*_REACTIVE_OF, *_REACTIVE_OF.values()]
    )
    has_check = pl.col("check_suffix").is_not_null()
    return channels.filter(~is_register & (has_register | has_reactive | has_check)).select("channel_no")


def sibling_drafts(
    days: pl.DataFrame,
    registers: pl.DataFrame,
    channels: pl.DataFrame,
    rules: RuleSet,
    from_date: date,
    to_date: date,
) -> pl.DataFrame:
    """Return the drafts of all checks of siblings; `days` are DAY_TOTALS, `channels` those of `Places`."""
    names = ["channel_no", "service_point_id", "suffix", "measure", "revenue_class", "check_suffix"]
    named = days.join(channels.select(names), how="inner", on="channel_no", validate="m:1")
    in_period = pl.col("day").is_between(from_date, to_date, closed="left")
    judged = named.filter(pl.col("is_expected") & in_period).sort("channel_no", "day")
    found = [no_drafts()]
    if (rule := governing(rules, "sum_check")) is not None:
        found.append(_sum_check(named, registers, channels, rule))
    if (rule := governing(rules, "tou_sum")) is not None:
        found.append(_tou_sum(registers, channels, rule))
    if (rule := governing(rules, "reactive_share")) is not None:
        found.append(_reactive_share(judged, rule))
    if (rule := governing(rules, "reactive_missing")) is not None:
        found.append(_reactive_missing(judged, channels, rule))
    if (rule := governing(rules, "main_check")) is not None:
        found.append(_main_check(judged, rule))
    return pl.concat(found)


def _sum_check(days: pl.DataFrame, registers: pl.DataFrame, channels: pl.DataFrame, rule: Governing) -> pl.DataFrame:
    """Compare each register's difference with the intervals between its readings, where every day is complete."""
    own = channels.select("channel_no", *_POINT, "revenue_class")
    pairs = registers.filter(~pl.col("is_rejected")).join(own, how="inner", on="channel_no", validate="m:1")
    # Several registers of one measure (times of use) are compared through their total: see tou_sum.
    alone = own.join(pairs.select("channel_no").unique(), how="semi", on="channel_no").filter(
        pl.len().over(_POINT) == 1
    )
    pairs = pairs.join(alone.select("channel_no"), how="semi", on="channel_no")
    both = pairs.select(
        "channel_no", *_POINT, "revenue_class", "from_date", "to_date", "quantity", "multiplier", base_seq="seq"
    ).join(
        days.select(*_POINT, "day", "total", "is_complete", interval_channel="channel_no"), how="inner", on=_POINT,
        validate="m:m",
    )  # fmt: skip
    inside = both.filter(pl.col("day").is_between("from_date", "to_date", closed="left"))
    sums = inside.group_by("channel_no", "from_date", "to_date", "interval_channel", maintain_order=True).agg(
        pl.col("base_seq", "measure", "revenue_class", "quantity", "multiplier").first(),
        pl.col("total").sum(), length=pl.len(), complete=pl.col("is_complete").sum(),
    )  # fmt: skip
    whole = (pl.col("to_date") - pl.col("from_date")).dt.total_days()
    known = sums.filter(pl.col("complete") == whole).with_columns(day=pl.col("to_date"))
    apart = (pl.col("total") - pl.col("quantity")).abs()
    share = pl.col("quantity") * rule.limit("per_mille") // 1_000
    last_dial = rule.limit("dial_units") * SMALLEST_PER_DIAL_UNIT * pl.col("multiplier")
    wrong = known.filter(apart > pl.max_horizontal(share, last_dial))
    factor = pl.col("multiplier")
    is_factor = (factor > 1) & (
        ((pl.col("total") * factor - pl.col("quantity")).abs() <= pl.max_horizontal(share, last_dial))
        | ((pl.col("total") - pl.col("quantity") * factor).abs() <= pl.max_horizontal(share, last_dial) * factor)
    )
    hint = pl.when(is_factor).then(pl.lit("; they differ by the multiplier")).otherwise(pl.lit(""))
    return drafted(
        wrong, rule, found=pl.col("quantity"), subject=pl.format("from {}", "from_date"),
        detail=pl.format(
            "register {} from {} to {}, intervals of channel {} add up to {}{}",
            units("quantity"), "from_date", "to_date", "interval_channel", units("total"), hint,
        ),
    )  # fmt: skip


def _tou_sum(registers: pl.DataFrame, channels: pl.DataFrame, rule: Governing) -> pl.DataFrame:
    """Compare the total register of a service point with the sum of its others over the same readings."""
    own = channels.filter(pl.col("total_register").is_not_null() & (pl.col("interval_minutes") == 0)).select(
        "channel_no", *_POINT, "revenue_class", is_total=pl.col("suffix") == pl.col("total_register")
    )
    pairs = registers.filter(~pl.col("is_rejected")).join(own, how="inner", on="channel_no", validate="m:1")
    span = [*_POINT, "from_date", "to_date"]
    totals = pairs.filter(pl.col("is_total")).select(
        "channel_no", *span, "revenue_class", "quantity", "multiplier", day="to_date", base_seq="seq"
    )
    parts = pairs.filter(~pl.col("is_total")).group_by(span).agg(parts=pl.col("quantity").sum(), registers=pl.len())
    # A part that was not read on that day would make the sum too small: as many as there are, or nothing is said.
    count = own.filter(~pl.col("is_total")).group_by(_POINT).agg(registers=pl.len())
    both = totals.join(parts, how="inner", on=span, validate="1:1").join(
        count, how="inner", on=[*_POINT, "registers"], validate="m:1"
    )
    share = pl.col("quantity") * rule.limit("per_mille") // 1_000
    last_dial = rule.limit("dial_units") * SMALLEST_PER_DIAL_UNIT * pl.col("multiplier")
    wrong = both.filter((pl.col("parts") - pl.col("quantity")).abs() > pl.max_horizontal(share, last_dial))
    return drafted(
        wrong.sort("channel_no", "day"), rule, found=pl.col("quantity"), subject=pl.format("from {}", "from_date"),
        detail=pl.format(
            "total register {} from {} to {}, its {} registers by time of use {}",
            units("quantity"), "from_date", "to_date", "registers", units("parts"),
        ),
    )  # fmt: skip


def _partners(judged: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Return the days of active channels and of reactive ones, both with the active measure as `of`."""
    active = judged.filter(pl.col("measure").is_in(list(_REACTIVE_OF))).with_columns(of=pl.col("measure"))
    back = {reactive: own for own, reactive in _REACTIVE_OF.items()}
    reactive = judged.filter(pl.col("measure").is_in(list(back))).with_columns(of=pl.col("measure").replace(back))
    return active, reactive


def _reactive_share(judged: pl.DataFrame, rule: Governing) -> pl.DataFrame:
    active, reactive = _partners(judged.filter(pl.col("is_complete")))
    key = ["service_point_id", "of", "day"]
    sums = active.group_by(key).agg(active=pl.col("total").sum())
    both = reactive.join(sums, how="inner", on=key, validate="m:1", maintain_order="left")
    total = pl.col("total")
    # Percent of a day's energy: 10^12 x 2^31 x 300 slots stays below 2^127.
    share = pl.col("active").cast(pl.Int128) * rule.limit("percent").cast(pl.Int128)
    wrong = both.filter((total > rule.limit("floor")) & (total.cast(pl.Int128) * 100 > share))
    return drafted(
        wrong, rule, found=total,
        detail=pl.format("reactive energy {} on a day with active energy {}", units("total"), units("active")),
    )  # fmt: skip


def _reactive_missing(judged: pl.DataFrame, channels: pl.DataFrame, rule: Governing) -> pl.DataFrame:
    """Find days of one channel without the other, where the service point has both."""
    active, reactive = _partners(judged)
    back = {reactive_name: own for own, reactive_name in _REACTIVE_OF.items()}
    intervals = channels.filter(pl.col("interval_minutes") > 0)
    has = {
        "reactive": intervals.filter(pl.col("measure").is_in(list(back))).select(
            "service_point_id", of=pl.col("measure").replace(back)
        ),
        "active": intervals.filter(pl.col("measure").is_in(list(_REACTIVE_OF))).select(
            "service_point_id", of="measure"
        ),
    }
    key = ["service_point_id", "of", "day"]
    found = [no_drafts()]
    for one, other, missing in ((active, reactive, "reactive"), (reactive, active, "active")):
        lonely = one.join(other, how="anti", on=key, maintain_order="left").join(
            has[missing].unique(), how="semi", on=["service_point_id", "of"], maintain_order="left"
        )
        detail = pl.format("the day came with {}, but without the {} channel", units("total"), pl.lit(missing))
        found.append(drafted(lonely, rule, found=pl.col("total"), detail=detail))
    return pl.concat(found)


def _main_check(judged: pl.DataFrame, rule: Governing) -> pl.DataFrame:
    complete = judged.filter(pl.col("is_complete") & pl.col("check_suffix").is_not_null())
    is_check = pl.col("suffix") == pl.col("check_suffix")
    main, check = complete.filter(~is_check), complete.filter(is_check)
    key = [*_POINT, "day"]
    both = main.join(check.select(*key, checked="total"), how="inner", on=key, validate="m:1", maintain_order="left")
    sums = both.group_by("channel_no", maintain_order=True).agg(
        pl.col("day", "base_seq", "measure", "revenue_class").first(),
        pl.col("total", "checked").sum(), length=pl.len(), last_day=pl.col("day").last(),
    )  # fmt: skip
    apart = (pl.col("total") - pl.col("checked")).abs()
    wrong = sums.filter((apart > rule.limit("floor")) & (apart * 1_000 > pl.col("total") * rule.limit("per_mille")))
    return drafted(
        wrong, rule, found=pl.col("total"),
        detail=pl.format(
            "main {} and check meter {} on {} days from {} to {}",
            units("total"), units("checked"), "length", "day", "last_day",
        ),
    )  # fmt: skip
