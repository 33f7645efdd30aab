"""Use between register readings: rollover, multiplier, plausibility. Pure, in integers.

Readings are in the smallest unit, a thousandth of what the register's dials print.
"""

from __future__ import annotations

from dataclasses import dataclass

import polars as pl
from pandera.typing.polars import DataFrame

from ingest.checks.registers import refuse_pairs, register_drafts
from ingest.rules.governing import core_limit
from ingest.rules.rules import RuleSet
from ingest.vee.findings import finish_findings
from model.accounts import ChannelNumbers, Meters
from model.codes import Quality, ReadKind, Severity
from model.reads import Findings, RegisterReads, RegisterUsage
from model.schema import arranged, checked

SMALLEST_PER_DIAL_UNIT = 1_000
DIALS_MAX = 12  # model.accounts.Meters: full scale is at most 10^15 smallest units
USE_MAX = 10**15  # use between two readings, after the multiplier; far below 2^63 when a charge sums months

# Of several readings of one meter on one day the last of these is taken: an estimate never replaces a reading.
_KINDS = [ReadKind.ESTIMATE, ReadKind.CUSTOMER, ReadKind.INSTALL, ReadKind.REGULAR, ReadKind.REMOVAL]
KIND_ORDER = {kind.value: place for place, kind in enumerate(_KINDS)}

_HANGING = ["channel_no", "meter_id", "installed_date"]


@dataclass(frozen=True)
class JudgedRegisters:
    """Successive readings, judged."""

    pairs: pl.DataFrame
    """channel_no, meter_id, from_date, to_date, earlier, later, use (0 where refused), daily (thousandths of the
    smallest unit), dials, multiplier, quality, seq, is_rejected; in order of channel and day."""
    drafts: pl.DataFrame
    """Of findings."""


def usage_between_reads(
    reads: DataFrame[RegisterReads],
    meters: DataFrame[Meters],
    channels: DataFrame[ChannelNumbers],
    rules: RuleSet,
    *,
    classes: pl.DataFrame | None = None,
) -> tuple[DataFrame[RegisterUsage], DataFrame[Findings]]:
    """Return the use between each two successive readings of a meter, and what was found about them.

    `reads` has one row per channel, meter, date and kind (the current ones). Readings chain from install to removal
    of a meter; at an exchange the removed meter's last use ends on the date on which the new meter's first begins.
    What is refused has quantity 0 and `is_rejected`; nothing is billed from it. Row order changes nothing. `classes`
    (channel_no, revenue_class) tells rules that are for some classes which channels they judge.

    Findings: V01 meter_unknown and reads_overlap, V15 usage_high, V18 rollover and reading_above_dials,
    V19 read_decreased, V20 usage_too_large; and those of the register checks that the set has.
    """
    judged = judge_registers(reads, meters, channels, rules, classes=classes)
    return usage_of(judged), finish_findings([judged.drafts], rules)


def usage_of(judged: JudgedRegisters) -> DataFrame[RegisterUsage]:
    """Return the use between judged readings: a row for each two of a channel."""
    usage = judged.pairs.unique(["channel_no", "from_date"], keep="first", maintain_order=True).select(
        "channel_no",
        "meter_id",
        "from_date",
        "to_date",
        pl.when(pl.col("is_rejected")).then(0).otherwise(pl.col("use")).alias("quantity"),
        "quality",
        "is_rejected",
        "seq",
    )
    return arranged(RegisterUsage, usage.sort("channel_no", "from_date"))


def judge_registers(
    reads: DataFrame[RegisterReads],
    meters: DataFrame[Meters],
    channels: DataFrame[ChannelNumbers],
    rules: RuleSet,
    *,
    classes: pl.DataFrame | None = None,
) -> JudgedRegisters:
    """Return the pairs of successive readings with their verdicts, as `usage_between_reads` says."""
    placed, unknown = _place_readings(
        checked(RegisterReads, reads), checked(Meters, meters), checked(ChannelNumbers, channels)
    )
    named = channels.select("channel_no", "measure")
    known = (
        classes if classes is not None else pl.DataFrame(schema={"channel_no": pl.Int32, "revenue_class": pl.String})
    )
    named = named.join(known, how="left", on="channel_no", validate="1:1")
    pairs = _pair_readings(placed).join(named, how="inner", on="channel_no", validate="m:1")
    governed = pairs.with_columns(day="to_date")
    judged = _judge_usual(_judge_overlap(_judge_pairs(governed, rules)), rules).drop("measure", "revenue_class", "day")
    drafts = [unknown, _lone_drafts(placed), _pair_drafts(judged), _high_drafts(judged)]
    further = register_drafts(judged, placed, named, rules)
    judged = refuse_pairs(judged, further)
    return JudgedRegisters(judged, pl.concat([*drafts, further], how="vertical_relaxed"))


def _place_readings(
    reads: pl.DataFrame, meters: pl.DataFrame, channels: pl.DataFrame
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Return one reading per hanging of a meter and date, and drafts for readings of meters that hang elsewhere."""
    points = channels.select("channel_no", "service_point_id")
    known = reads.filter(pl.col("quality") < int(Quality.MISSING))
    known = known.join(points, how="inner", on="channel_no", validate="m:1")
    hung = known.join(meters, how="left", on=["meter_id", "service_point_id"], validate="m:m", coalesce=True)
    kind, day = pl.col("read_kind"), pl.col("read_date")
    # On the day of an exchange a removal closes the earlier hanging and an install opens the later one.
    is_inside = (
        (pl.col("installed_date") <= day)
        & (pl.col("removed_date").is_null() | (day <= pl.col("removed_date")))
        & ~((kind == ReadKind.REMOVAL.value) & (day == pl.col("installed_date")))
        & ~((kind == ReadKind.INSTALL.value) & (day == pl.col("removed_date")).fill_null(value=False))
    )
    inside = hung.filter(is_inside.fill_null(value=False))
    unknown = known.join(inside, how="anti", on=["channel_no", "meter_id", "read_date", "read_kind"])
    order = kind.replace_strict(KIND_ORDER, return_dtype=pl.Int8)
    chosen = inside.with_columns(kind_order=order).sort([*_HANGING, "read_date", "kind_order"])
    chosen = chosen.unique([*_HANGING, "read_date"], keep="last", maintain_order=True)
    detail = pl.format("meter {} does not hang at service point {} on that day", "meter_id", "service_point_id")
    drafts = unknown.select(
        *_draft_keys(day="read_date"),
        *_draft_verdict("V01", "meter_unknown", Severity.FAIL),
        found=pl.col("reading"),
        used=pl.lit(None, dtype=pl.Int64),
        method=pl.lit("none"),
        detail=detail,
        subject=pl.format("{}/{}", "meter_id", "read_kind"),
    )
    return chosen, drafts


def _pair_readings(placed: pl.DataFrame) -> pl.DataFrame:
    """Return successive readings of each hanging: from_date, to_date, earlier, later; worse quality, later load."""
    ordered = placed.sort([*_HANGING, "read_date"])
    earlier = {"from_date": "read_date", "earlier": "reading", "earlier_quality": "quality", "earlier_seq": "seq"}
    # In order, the reading before is the row above, unless that is of another hanging.
    is_next = pl.all_horizontal(pl.col(name).eq_missing(pl.col(name).shift(1)) for name in _HANGING)
    above = [pl.col(old).shift(1).alias(new) for new, old in earlier.items()]
    pairs = ordered.with_columns(*above, is_next=is_next).filter("is_next")
    return pairs.select(
        *_HANGING,
        "from_date",
        "earlier",
        "dials",
        "multiplier",
        to_date="read_date",
        later="reading",
        quality=pl.max_horizontal("quality", "earlier_quality"),
        seq=pl.max_horizontal("seq", "earlier_seq"),
    )


def _judge_pairs(pairs: pl.DataFrame, rules: RuleSet) -> pl.DataFrame:
    """Add `use` and `reason` (null when nothing is to be said) of each pair: V18, V19, V20."""
    full_scale = pl.lit(10, dtype=pl.Int64).pow(pl.col("dials")).cast(pl.Int64) * SMALLEST_PER_DIAL_UNIT
    later, earlier = pl.col("later"), pl.col("earlier")
    is_less = later < earlier
    step = later - earlier + pl.when(is_less).then(full_scale).otherwise(0)
    # Both readings are below full scale where this is used, so the step is at most 10^15 and 100 x it below 2^63.
    is_rollover = is_less & (step * 100 <= full_scale * core_limit(rules, "rollover", "max_percent"))
    use = step.cast(pl.Int128) * pl.col("multiplier").cast(pl.Int128)
    reason = (
        pl.when(pl.max_horizontal(later, earlier) >= full_scale)
        .then(pl.lit("reading_above_dials"))
        .when(is_less & ~is_rollover)
        .then(pl.lit("read_decreased"))
        .when(use > USE_MAX)
        .then(pl.lit("usage_too_large"))
        .when(is_rollover)
        .then(pl.lit("rollover"))
    )
    judged = pairs.with_columns(reason=reason, use=use)
    is_rejected = (pl.col("reason") != "rollover").fill_null(value=False)
    return judged.with_columns(
        is_rejected=is_rejected, use=pl.when(is_rejected).then(0).otherwise(pl.col("use")).cast(pl.Int64)
    )


def _judge_overlap(judged: pl.DataFrame) -> pl.DataFrame:
    """Refuse uses of one channel that overlap in time: two meters would count the same days."""
    ordered = judged.sort("channel_no", "from_date", "to_date", "meter_id")
    begins, ends = _on_one_axis("from_date"), _on_one_axis("to_date")
    begins_early = (begins < ends.cum_max().shift(1)).fill_null(value=False)
    is_followed = pl.col("channel_no") == pl.col("channel_no").shift(-1)
    next_begins_early = is_followed & (pl.col("from_date").shift(-1) < pl.col("to_date"))
    overlaps = begins_early | next_begins_early.fill_null(value=False)
    return ordered.with_columns(
        reason=pl.when(overlaps).then(pl.lit("reads_overlap")).otherwise("reason"),
        is_rejected=pl.col("is_rejected") | overlaps,
    )


def _on_one_axis(day: str) -> pl.Expr:
    """Return days of all channels, one channel's after another's, so that no day reaches into the next channel's."""
    return pl.col("channel_no").cast(pl.Int64) * 2**32 + pl.col(day).cast(pl.Int32)


def _judge_usual(judged: pl.DataFrame, rules: RuleSet) -> pl.DataFrame:
    """Add `is_high` (V15): average daily use against the median of the channel's other readings.

    A row can only be high when it lies above that median, so the median of the others is that of the lowest
    (count - 1) rows, and one sort of the channel serves all its rows. A median of zero says nothing.
    """
    days = (pl.col("to_date") - pl.col("from_date")).dt.total_days()
    # Thousandths of the smallest unit per day, so that a few litres a day are still told apart.
    daily = (pl.col("use").cast(pl.Int128) * 1_000) // days.cast(pl.Int128)
    daily_use = judged.with_columns(daily=daily)
    usual = (
        daily_use.filter(~pl.col("is_rejected"))
        .group_by("channel_no")
        .agg(others=pl.len().cast(pl.Int64) - 1, ranked=pl.col("daily").sort())
        .filter(pl.col("others") > 0)
        .select(
            "channel_no",
            "others",
            lower=pl.col("ranked").list.get((pl.col("others") - 1) // 2),
            upper=pl.col("ranked").list.get(pl.col("others") // 2),
        )
    )
    joined = daily_use.join(usual, how="left", on="channel_no", validate="m:1", maintain_order="left")
    median_twice = pl.col("lower") + pl.col("upper")
    ratio = core_limit(rules, "usage_high", "ratio")
    is_high = (median_twice > 0) & (pl.col("daily") * 2 > median_twice * ratio)
    is_high = is_high & (pl.col("others") >= core_limit(rules, "usage_high", "others_min"))
    judged_high = joined.with_columns(is_high=is_high.fill_null(value=False) & ~pl.col("is_rejected"))
    return judged_high.drop("lower", "upper", "others")


def _lone_drafts(placed: pl.DataFrame) -> pl.DataFrame:
    """Return drafts for readings above the dials of which no use is judged, for they are the only ones of a hanging."""
    full_scale = pl.lit(10, dtype=pl.Int64).pow(pl.col("dials")).cast(pl.Int64) * SMALLEST_PER_DIAL_UNIT
    lone = placed.filter(pl.col("reading") >= full_scale, pl.len().over(_HANGING) == 1)
    return lone.select(
        *_draft_keys(day="read_date"),
        *_draft_verdict("V18", "reading_above_dials", Severity.FAIL),
        found=pl.col("reading"),
        used=pl.lit(None, dtype=pl.Int64),
        method=pl.lit("none"),
        detail=pl.format("{}; register of {} dials: no use is billed from it", "reading", "dials"),
        subject=pl.format("{}/{}", "meter_id", "read_date"),
    )


def _pair_drafts(judged: pl.DataFrame) -> pl.DataFrame:
    rules = {
        "reads_overlap": "V01",
        "rollover": "V18",
        "reading_above_dials": "V18",
        "read_decreased": "V19",
        "usage_too_large": "V20",
    }
    is_rejected = pl.col("is_rejected")
    read = pl.format("{} then {}", "earlier", "later")
    taken = pl.format("; register of {} dials rolled over, use {}", "dials", "use")
    refused = pl.format("; register of {} dials, multiplier {}: nothing is billed from it", "dials", "multiplier")
    return judged.filter(pl.col("reason").is_not_null()).select(
        *_draft_keys(day="to_date"),
        rule=pl.col("reason").replace_strict(rules, return_dtype=pl.String),
        reason=pl.col("reason"),
        severity=pl.when(is_rejected).then(pl.lit(Severity.FAIL.value)).otherwise(pl.lit(Severity.INFO.value)),
        found=pl.col("later"),
        used=pl.when(~is_rejected).then(pl.col("use")),
        method=pl.lit("none"),
        detail=pl.concat_str(read, pl.when(is_rejected).then(refused).otherwise(taken)),
        subject=pl.format("{}/{}", "meter_id", "from_date"),
    )


def _high_drafts(judged: pl.DataFrame) -> pl.DataFrame:
    detail = pl.format(
        "use {} in {} days, far above the usual; kept", "use", (pl.col("to_date") - pl.col("from_date")).dt.total_days()
    )
    return judged.filter(pl.col("is_high")).select(
        *_draft_keys(day="to_date"),
        *_draft_verdict("V15", "usage_high", Severity.WARN),
        found=pl.col("use"),
        used=pl.lit(None, dtype=pl.Int64),
        method=pl.lit("none"),
        detail=detail,
        subject=pl.format("{}/{}", "meter_id", "from_date"),
    )


def _draft_keys(*, day: str) -> list[pl.Expr]:
    return [
        pl.col("channel_no"),
        pl.col(day).alias("day"),
        pl.col("seq").alias("base_seq"),
        pl.lit(None, dtype=pl.Int16).alias("first_slot"),
        pl.lit(None, dtype=pl.Int16).alias("last_slot"),
    ]


def _draft_verdict(rule: str, reason: str, severity: Severity) -> list[pl.Expr]:
    return [
        pl.lit(rule).alias("rule"),
        pl.lit(reason).alias("reason"),
        pl.lit(severity.value).alias("severity"),
    ]
