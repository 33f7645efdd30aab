"""Checks of pairs of register readings that a rule set asks for: V08, V09, V15 low, V16, V29, V31."""

from __future__ import annotations

from datetime import date

import polars as pl

from ingest.checks.drafts import REFUSING, drafted, no_drafts, units, without_silenced
from ingest.checks.places import Places
from ingest.rules.governing import Governing, governing
from ingest.rules.rules import RuleSet
from model.codes import Quality

REGISTER_CHECKS = (
    "delta_outside", "delta_change", "usage_low", "reads_estimated", "previous_refused", "register_zero",
    "register_inactive",
)  # fmt: skip
_NOT_READ = (int(Quality.ESTIMATED), int(Quality.FORECAST), int(Quality.CUSTOMER))
_THOUSANDTHS = 1_000
_HANGING = ["channel_no", "meter_id", "installed_date"]


def register_drafts(judged: pl.DataFrame, placed: pl.DataFrame, channels: pl.DataFrame, rules: RuleSet) -> pl.DataFrame:
    """Return the drafts of the checks that need the readings alone.

    `judged` are pairs (see `ingest.vee.registers`), `placed` readings by hanging and date; `channels` has channel_no,
    measure, revenue_class.
    """
    if not any(rule.check in REGISTER_CHECKS for rule in rules.rules):
        return no_drafts().drop("check")
    pairs = _named(judged, channels).sort(*_HANGING, "from_date")
    found = [no_drafts()]
    if (rule := governing(rules, "delta_outside")) is not None:
        found.append(_delta_outside(pairs, rule))
    if (rule := governing(rules, "delta_change")) is not None:
        found.append(_delta_change(pairs, rule))
    if (rule := governing(rules, "usage_low")) is not None:
        found.append(_usage_low(pairs, rule))
    if (rule := governing(rules, "previous_refused")) is not None:
        found.append(_previous_refused(pairs, rule))
    if (rule := governing(rules, "reads_estimated")) is not None:
        found.append(_reads_estimated(placed, channels, rule))
    return without_silenced(pl.concat(found))


def refuse_pairs(judged: pl.DataFrame, drafts: pl.DataFrame) -> pl.DataFrame:
    """Return the pairs with those refused of which a draft says fail or terminate."""
    refused = drafts.filter(pl.col("severity").is_in(REFUSING)).select("channel_no", "subject", to_date="day").unique()
    if refused.is_empty():
        return judged
    subject = pl.format("{}/{}", "meter_id", "from_date")
    marked = judged.with_columns(subject=subject).join(
        refused.with_columns(is_refused=pl.lit(value=True)), how="left", on=["channel_no", "subject", "to_date"],
        validate="m:1", maintain_order="left",
    )  # fmt: skip
    is_refused = pl.col("is_refused").fill_null(value=False)
    return marked.with_columns(
        is_rejected=pl.col("is_rejected") | is_refused, use=pl.when(is_refused).then(0).otherwise("use")
    ).drop("subject", "is_refused")


def idle_drafts(judged: pl.DataFrame, places: Places, rules: RuleSet, from_date: date, to_date: date) -> pl.DataFrame:
    """Return the drafts about registers that stand still while somebody is supplied, or move while nobody is or may."""
    if not any(rule.check in ("register_zero", "register_inactive") for rule in rules.rules):
        return no_drafts().drop("check")
    in_period = pl.col("to_date").is_between(from_date, to_date, closed="both")
    pairs = _named(judged.filter(~pl.col("is_rejected")), places.channels).sort(*_HANGING, "from_date")
    pairs = pairs.with_columns(supplied_days=_overlap_days(pairs, places.supplied))
    found = [no_drafts()]
    if (rule := governing(rules, "register_zero")) is not None:
        found.append(_register_zero(pairs, rule, in_period))
    if (rule := governing(rules, "register_inactive")) is not None:
        daily = pl.col("use") > rule.limit("daily_floor") * _days()
        idle = pairs.filter(in_period & (pl.col("supplied_days") == 0) & daily)
        detail = pl.format("{} used from {} to {} while nobody has an agreement", units("use"), "from_date", "to_date")
        found.append(_drafted(idle, rule, found=pl.col("use"), detail=detail, reason="vacant_use"))
        off = pairs.filter(
            in_period & (pl.col("supplied_days") > 0) & (_overlap_days(pairs, places.off) == _days()) & daily
        )
        told = pl.format("{} used from {} to {} while supply is disconnected", units("use"), "from_date", "to_date")
        found.append(_drafted(off, rule, found=pl.col("use"), detail=told, reason="disconnected_use"))
    return without_silenced(pl.concat(found))


def _delta_outside(pairs: pl.DataFrame, rule: Governing) -> pl.DataFrame:
    low, high = rule.limit("low"), rule.limit("high")
    # Limits are whole units a day and at most 10^12; a pair is at most some thousand days long.
    outside = pairs.filter(
        ~pl.col("is_rejected") & ((pl.col("use") < low * _days()) | (pl.col("use") > high * _days()))
    ).with_columns(low=low, high=high, a_day=pl.col("daily") // _THOUSANDTHS)
    return _drafted(
        outside, rule, found=pl.col("use"),
        detail=pl.format(
            "use {}, {} a day, outside {} to {} a day", units("use"), units("a_day"), units("low"), units("high")
        ),
    )  # fmt: skip


def _delta_change(pairs: pl.DataFrame, rule: Governing) -> pl.DataFrame:
    good = pairs.filter(~pl.col("is_rejected")).with_columns(before=pl.col("daily").shift(1).over(_HANGING))
    now, before = pl.col("daily"), pl.col("before")
    changed = good.filter((now > 0) & ((now - before).abs() * 100 > now * rule.limit("percent").cast(pl.Int128)))
    return _drafted(
        changed, rule, found=pl.col("use"),
        detail=pl.format(
            "{} a day after {} a day between the readings before",
            units(now // _THOUSANDTHS), units(before // _THOUSANDTHS),
        ),
    )  # fmt: skip


def _usage_low(pairs: pl.DataFrame, rule: Governing) -> pl.DataFrame:
    """Compare with the median of the channel's others: of one more row than lies below it, as V15 high does above."""
    good = pairs.filter(~pl.col("is_rejected"))
    ranked = good.group_by("channel_no").agg(others=pl.len().cast(pl.Int64) - 1, ranked=pl.col("daily").sort())
    # A row can only be low when it lies below the others' median, which then is that of the rows from the second on.
    usual = ranked.filter(pl.col("others") > 0).select(
        "channel_no", "others", lower=pl.col("ranked").list.get((pl.col("others") - 1) // 2 + 1),
        upper=pl.col("ranked").list.get(pl.col("others") // 2 + 1),
    )  # fmt: skip
    both = good.join(usual, how="inner", on="channel_no", validate="m:1", maintain_order="left")
    usual_twice = pl.col("lower") + pl.col("upper")
    low = both.filter(
        (pl.col("others") >= rule.limit("others_min"))
        & (pl.col("daily") * 200 < usual_twice * rule.limit("percent").cast(pl.Int128))
    )
    return _drafted(
        low, rule, found=pl.col("use"),
        detail=pl.format(
            "use {} in {} days, {} a day; half of the channel's {} other readings had {} a day or more",
            units("use"), _days(), units(pl.col("daily") // _THOUSANDTHS), "others",
            units(usual_twice // (2 * _THOUSANDTHS)),
        ),
    )  # fmt: skip


def _previous_refused(pairs: pl.DataFrame, rule: Governing) -> pl.DataFrame:
    """Find pairs that begin with the reading at which a refused pair ended."""
    was_refused = pl.col("is_rejected").shift(1).over(_HANGING).fill_null(value=False)
    touching = pl.col("to_date").shift(1).over(_HANGING) == pl.col("from_date")
    after = pairs.filter(was_refused & touching.fill_null(value=False) & ~pl.col("is_rejected"))
    return _drafted(
        after, rule, found=pl.col("later"),
        detail=pl.format("begins with the reading {} of {}, which ended a refused pair", units("earlier"), "from_date"),
    )  # fmt: skip


def _reads_estimated(placed: pl.DataFrame, channels: pl.DataFrame, rule: Governing) -> pl.DataFrame:
    """Find more successive readings than allowed that nobody of the utility took."""
    ordered = placed.sort(*_HANGING, "read_date").with_columns(not_read=pl.col("quality").is_in(_NOT_READ))
    run = (pl.col("not_read") != pl.col("not_read").shift(1).over(_HANGING)).fill_null(value=True).cum_sum()
    runs = (
        ordered.with_columns(run=run)
        .filter(pl.col("not_read"))
        .group_by("run", maintain_order=True)
        .agg(
            pl.col("channel_no", "meter_id").first(), from_date=pl.col("read_date").first(),
            day=pl.col("read_date").last(), base_seq=pl.col("seq").last(), length=pl.len(),
            reading=pl.col("reading").last(),
        )
    )  # fmt: skip
    named = runs.join(channels, how="inner", on="channel_no", validate="m:1", maintain_order="left")
    long = named.filter(pl.col("length") > rule.limit("reads"))
    return drafted(
        long, rule, found=pl.col("reading"), subject=pl.format("{}/{}", "meter_id", "from_date"),
        detail=pl.format(
            "{} readings in a row were estimated or the customer's, from {} to {}", "length", "from_date", "day"
        ),
    )  # fmt: skip


def _register_zero(pairs: pl.DataFrame, rule: Governing, in_period: pl.Expr) -> pl.DataFrame:
    """Find registers that did not move over pairs that follow each other, for as many days as the rule says."""
    still = pairs.filter((pl.col("use") == 0) & (pl.col("supplied_days") == _days()))
    follows = pl.col("to_date").shift(1).over(_HANGING) == pl.col("from_date")
    numbered = still.with_columns(run=(~follows.fill_null(value=False)).cum_sum())
    runs = numbered.group_by("run", maintain_order=True).agg(
        pl.col("channel_no", "meter_id", "measure", "revenue_class", "later").last(),
        pl.col("from_date").first(), pl.col("to_date").last(), base_seq=pl.col("seq").last(),
    ).with_columns(day=pl.col("to_date"))  # fmt: skip
    long = runs.filter(in_period & (_days() >= rule.limit("days")))
    return drafted(
        long, rule, found=pl.col("later"), subject=pl.format("{}/{}", "meter_id", "from_date"),
        detail=pl.format(
            "the register stood at {} from {} to {} while supplied", units("later"), "from_date", "to_date"
        ),
    )  # fmt: skip


def _overlap_days(pairs: pl.DataFrame, spans: pl.DataFrame) -> pl.Series:
    """Return on how many days of each pair a span holds; spans of one channel that overlap count once at most."""
    numbered = pairs.select("channel_no", "from_date", "to_date").with_row_index("pair")
    both = numbered.join(spans, how="inner", on="channel_no", validate="m:m", suffix="_span")
    first = pl.max_horizontal("from_date", "from_date_span")
    after = pl.min_horizontal("to_date", pl.col("to_date_span").fill_null(pl.date(9999, 1, 1)))
    cut = both.select("pair", first=first, after=after).filter(pl.col("first") < pl.col("after"))
    ordered = cut.sort("pair", "first", "after")
    reached = pl.col("after").cum_max().shift(1).over("pair")
    fresh = ordered.with_columns(first=pl.max_horizontal("first", reached))
    days = (
        fresh.filter(pl.col("first") < pl.col("after"))
        .group_by("pair")
        .agg(days=(pl.col("after") - pl.col("first")).dt.total_days().sum())
    )
    joined = numbered.join(days, how="left", on="pair", validate="1:1", maintain_order="left")
    return joined["days"].fill_null(0)


def _named(judged: pl.DataFrame, channels: pl.DataFrame) -> pl.DataFrame:
    """Add measure, revenue_class, and the day and load that a finding about the pair stands on."""
    known = channels.select("channel_no", "measure", "revenue_class")
    named = judged.join(known, how="inner", on="channel_no", validate="m:1", maintain_order="left")
    return named.with_columns(day=pl.col("to_date"), base_seq=pl.col("seq"))


def _drafted(
    pairs: pl.DataFrame, rule: Governing, *, found: pl.Expr, detail: pl.Expr, reason: str | None = None
) -> pl.DataFrame:
    subject = pl.format("{}/{}", "meter_id", "from_date")
    return drafted(pairs, rule, found=found, detail=detail, reason=reason, subject=subject)


def _days() -> pl.Expr:
    return (pl.col("to_date") - pl.col("from_date")).dt.total_days()
