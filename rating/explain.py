"""Explanation: the working of each bill line, from amount to price, quantity, determinant, reads and clause.

Written for a person who reads one bill, so it walks the few lines of that bill one by one; no amount is computed
here that is not on the line already.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import polars as pl
from pandera.typing.polars import DataFrame

from model.money import CURRENCY_EXPONENT, RoundMode, format_minor
from model.rating import BillLines, Determinants, Slices
from model.tariff import RateBook
from rating.one_offs import KIND as ONE_OFF
from rating.one_offs import TAX_SUFFIX
from rating.stages import STAGES
from rating.uses import component_quantities

Row = dict[str, Any]

_MODE_TEXT = {
    RoundMode.HALF_UP: "half up",
    RoundMode.HALF_EVEN: "half to even",
    RoundMode.DOWN: "down",
    RoundMode.UP: "up",
}
_SPLIT_TEXT = {
    "interval": "intervals, cut exactly",
    "register": "two register readings",
    "days": "register readings, shared by days",
    "weights": "register readings, shared by the weights of days",
    "none": "no reads",
}
_OF_TOTAL = {
    "pro_rata": "; tiers of the total, shared over periods by use",
    "chronological": "; tiers of the total, filled in the order of time",
}


def explain_stages() -> list[str]:
    """Return what rating does, a sentence for each stage in order; read from the stages that run."""
    return [f"{place}. {stage.name}: {stage.title}" for place, stage in enumerate(STAGES, start=1)]


def explain_lines(
    lines: DataFrame[BillLines],
    determinants: DataFrame[Determinants],
    book: RateBook,
    slices: DataFrame[Slices] | None = None,
) -> list[str]:
    """Return the working of the lines of a bill, in the order of the bill.

    `determinants`, and `slices` for their dates, are those of the agreements of the bill; `book` holds the versions
    that the lines name.
    """
    text: list[str] = []
    for line in lines.sort("bill_id", "line_no").to_dicts():
        text.append(_heading(line))
        if _is_one_off(line):
            text += [f"   {told}" for told in _one_off(line)]
            continue
        component = _component(book, line)
        text.append(f"   {_working(line, component, book)}")
        details = [*_tier(line, component, book), *_factor(line, book)]
        details += [_clause(line, component, book), *_quantities(line, component, book, determinants, slices)]
        text += [f"   {detail}" for detail in details]
    return text


def _is_one_off(line: Row) -> bool:
    return bool(line["kind"] == ONE_OFF or line["component_id"].endswith(TAX_SUFFIX))


def _one_off(line: Row) -> list[str]:
    """Return the working of a charge that no tariff makes, or of its tax, and the event that brought it."""
    currency = line["currency"]
    result = (
        f"= {plain(line['amount_exact'], least=2)} -> {format_minor(line['amount_minor'], currency)} {currency} "
        "(half up)"
    )
    if line["kind"] == ONE_OFF:
        quantity = _scaled(line["quantity"], line["unit_size"])
        working = f"{quantity} {line['unit']} x {plain(line['rate'], least=2)} {currency}/{line['unit']} {result}"
    else:
        working = f"{plain(line['rate'])} % of {format_minor(line['quantity'], currency)} {currency} {result}"
    return [working, f"event {line['determinant']}: no charge of a tariff"]


def _component(book: RateBook, line: Row) -> Row:
    found = book.components.filter(
        (pl.col("version_id") == line["version_id"]) & (pl.col("component_id") == line["component_id"])
    )
    assert len(found) == 1, f"the rate book does not hold {line['version_id']} {line['component_id']}"
    return found.row(0, named=True)


def _heading(line: Row) -> str:
    parts = [part for part in (line["season"], line["tou"], f"tier {line['tier']}" if line["tier"] else "") if part]
    where = f" ({', '.join(parts)})" if parts else ""
    period = f"{line['period_start_date']} to {line['period_end_date']} (not included)"
    amount = format_minor(line["amount_minor"], line["currency"])
    return f"{line['line_no']}. {line['line_text']}{where}, {period}: {amount} {line['currency']}"


def plain(value: Decimal, least: int = 0) -> str:
    """Return a decimal without the zeros at its end, but with at least `least` decimals.

    >>> plain(Decimal("0.310000000"), least=4)
    '0.3100'
    """
    text = f"{value:,f}"
    whole, _, decimals = text.partition(".")
    decimals = decimals.rstrip("0").ljust(least, "0")
    return f"{whole}.{decimals}" if decimals else whole


def _scaled(quantity: int, unit_size: int) -> str:
    """Return smallest units as printed units; unit sizes are powers of ten, so nothing is lost."""
    return plain(Decimal(quantity).scaleb(1 - len(str(unit_size))))


def _working(line: Row, component: Row, book: RateBook) -> str:
    currency = line["currency"]
    step = Decimal(component["round_step_minor"]).scaleb(-CURRENCY_EXPONENT[currency])
    rounding = f"{_MODE_TEXT[RoundMode(component['round_mode'])]} {step}"
    rate = plain(line["rate"], least=2)
    share = _share(line, component)
    exact = plain(line["amount_exact"], least=2)
    minor = line["amount_minor"] if line["memo_minor"] is None else line["memo_minor"]
    result = f"= {exact} -> {format_minor(minor, currency)} {currency} ({rounding})"
    if line["memo_minor"] is not None:
        result += ", for information: no part of the bill"
    base = f"{format_minor(line['quantity'], currency)} {currency} ({_listed(line['determinant'])})"
    match line["kind"]:
        case "percent":
            exactly = " exactly" if component["is_exact"] else ""
            return f"{plain(line['rate'])} % of {base}{exactly}{_percent_kind(component)} {result}"
        case "minimum" | "maximum":
            word = "at least" if line["kind"] == "minimum" else "at most"
            limit = f"{rate} {currency}/{line['unit']}{share or _floor_days(line, component)}"
            return f"{word} {limit}, less {base} {result}"
        case "amount":
            return f"{line['determinant']} {result}"
        case "rounding":
            return f"{format_minor(line['quantity'], currency)} {currency} rounded {rounding} {result}"
    quantity = _scaled(line["quantity"], line["unit_size"])
    what = f"{line['determinant']} " if line["kind"] == "quantity" else ""
    fixed = f" + {plain(line['fixed'], least=2)} {currency}" if line["fixed"] else ""
    return f"{what}{quantity} {line['unit']} x {rate} {currency}/{line['unit']}{fixed}{share} {result}"


def _percent_kind(component: Row) -> str:
    if component["is_gross"]:
        return ", inside its own base"
    return ", contained in it" if component["is_included"] else ""


def _share(line: Row, component: Row) -> str:
    """Return the share of a price of a whole period: ` x 10/30 days`."""
    if line["share_part"] is None:
        return ""
    part, whole = Decimal(line["share_part"]), Decimal(line["share_whole"])
    if component["price_share"] == "months" and whole % 10**4 == 0:
        return f" x {plain(part / 10**4)}/{plain(whole / 10**4)} months"
    if component["price_share"] == "days" and component["price_whole_e4"] == whole:
        return f" x {plain(part / 10**4)}/{plain(whole / 10**4)} days"
    return f" x {plain(part)}/{plain(whole)} days"


def _floor_days(line: Row, component: Row) -> str:
    if component["price_share"] != "day":
        return ""
    return f" x {(line['period_end_date'] - line['period_start_date']).days} days"


def _listed(names: str) -> str:
    return names.replace(",", ", ")


def _tier(line: Row, component: Row, book: RateBook) -> list[str]:
    if not line["tier"]:
        return []
    price = (
        book.prices.filter(
            (pl.col("version_id") == line["version_id"])
            & (pl.col("component_id") == line["component_id"])
            & (pl.col("season") == line["season"])
            & (pl.col("tou") == line["tou"])
            & (pl.col("tier") == line["tier"])
        )
        .sort("key")
        .row(0, named=True)
    )
    lower = _scaled(price["from_quantity"], line["unit_size"])
    upper = price["edge_id"] or price["to_quantity"]
    shown = _scaled(upper, line["unit_size"]) if isinstance(upper, int) else upper
    edges = f"above {lower}" + (f" up to {shown}" if upper is not None else "")
    scale = _tier_scale(component)
    shared = _OF_TOTAL.get(component["tier_method"], "") if component["by_tou"] else ""
    return [f"tier {line['tier']}: {edges} {line['unit']} {scale}{shared}"]


def _tier_scale(component: Row) -> str:
    times = f" times {component['scale_id']}" if component["scale_id"] is not None else ""
    if component["is_peak"] or component["tiers_share"] == "none":
        return f"{times.strip()}, not shared by days" if times else "not shared by days"
    return f"per {component['tiers_share']}{times}, scaled to the days billed"


def _factor(line: Row, book: RateBook) -> list[str]:
    if line["factor_id"] is None:
        return []
    held = book.factors.filter(
        (pl.col("factor_id") == line["factor_id"]) & (pl.col("valid_from") <= line["period_start_date"])
    ).sort("valid_from")
    last = held.row(-1, named=True)
    return [f"price: factor {line['factor_id']} from {last['valid_from']}, source: {last['source']}"]


def _clause(line: Row, component: Row, book: RateBook) -> str:
    version = book.versions.filter(pl.col("version_id") == line["version_id"]).row(0, named=True)
    clause = f", clause {component['clause']}" if component["clause"] else ""
    return (
        f"tariff {line['tariff_id']} from {version['valid_from']}{clause}, source: {version['source']} "
        f"(version {line['version_id']})"
    )


def _quantities(
    line: Row, component: Row, book: RateBook, determinants: DataFrame[Determinants], slices: DataFrame[Slices] | None
) -> list[str]:
    """Return where a quantity or an amount comes from: formulas, slices, how it was cut, and the reads behind it."""
    if line["kind"] not in {"quantity", "amount"}:
        return []
    used = component_quantities(book).filter(
        (pl.col("version_id") == line["version_id"]) & (pl.col("component_id") == line["component_id"])
    )
    known = book.quantities.join(used, on=["version_id", "quantity_id"], how="semi").sort("level", "quantity_id")
    rules = {row["quantity_id"]: row for row in known.iter_rows(named=True)}
    found = _of_line(line, component, book, determinants, slices).filter(pl.col("quantity_id").is_in(list(rules)))
    told = [text for rule in rules.values() if (text := _found_how(rule)) is not None]
    rows = found.sort("segment_no", "slice_no", "quantity_id", "tou", "rank").to_dicts()
    told += [_slice(row, rules[row["quantity_id"]], line) for row in rows]
    estimated = ", estimated in part" if line["is_estimated"] else ""
    reads = f", loads up to {line['reads_seq']}" if line["reads_seq"] else ""
    return [*told, f"reads: {_SPLIT_TEXT[line['split_method']]}{estimated}{reads}"]


def _found_how(rule: Row) -> str | None:
    """Return how a quantity that is not measured is found; None for one that is."""
    rounding = f", rounded {_MODE_TEXT[RoundMode(rule['round_mode'])]}" if rule["round_mode"] is not None else ""
    if rule["kind"] == "formula":
        return f"{rule['quantity_id']} = {rule['formula_id']}{rounding}"
    if rule["kind"] == "history":
        months = f" of months {rule['history_months'].strip(',')}" if rule["history_months"] else ""
        earlier = f"{rule['history_agg']} of {rule['history_of']} in {rule['history_back']} cycles before"
        return f"{rule['quantity_id']} = {earlier}{months}"
    return f"{rule['quantity_id']} is what was carried into the cycle" if rule["kind"] == "bank" else None


def _of_line(
    line: Row, component: Row, book: RateBook, determinants: DataFrame[Determinants], slices: DataFrame[Slices] | None
) -> pl.DataFrame:
    """Return the determinants that lie in the days, the season and the period of a line."""
    found = determinants.filter(pl.col("agreement_id") == line["agreement_id"])
    names = book.period_names.filter(
        (pl.col("version_id") == line["version_id"]) & (pl.col("schedule") == component["schedule"])
    )
    if line["tou"]:
        found = found.filter(pl.col("tou").is_in(names.filter(pl.col("tou") == line["tou"])["tou_part"].to_list()))
    if slices is None:
        return found
    dated = slices.select("agreement_id", "segment_no", "slice_no", "version_id", "season", "start_date", "end_date")
    seasons = names.filter(pl.col("season") == line["season"])["season_part"].to_list()
    return found.join(dated, on=["agreement_id", "segment_no", "slice_no"], how="inner", validate="m:1").filter(
        (pl.col("version_id") == line["version_id"])
        & (pl.col("start_date") >= line["period_start_date"])
        & (pl.col("end_date") <= line["period_end_date"])
        & ((line["season"] == "") | pl.col("season").is_in(seasons))
    )


def _slice(row: Row, rule: Row, line: Row) -> str:
    dates = f", {row['start_date']} to {row['end_date']} (not included)" if "start_date" in row else ""
    period = f" {row['tou']}" if row["tou"] else ""
    day = f" on {row['peak_day']}" if row["peak_day"] is not None else ""
    place = f"segment {row['segment_no']} slice {row['slice_no']}{dates}"
    return f"{row['quantity_id']}{period} {_counted(row, rule, line)}{day} in {place}"


def _counted(row: Row, rule: Row, line: Row) -> str:
    """Return the value of a determinant in printed units; a mean power as the energy and the time it is of."""
    if row["agg"] == "cost":
        return f"{plain(Decimal(row['quantity']).scaleb(-9), least=2)} {line['currency']}"
    value = f"{_scaled(row['quantity'], rule['unit_size'])} {rule['unit']}"
    return f"{value} h in {row['minutes']} minutes" if row["agg"] == "mean" else value
