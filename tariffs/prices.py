"""Price tables: numbers by season, time-of-use period and tier, read into rows of integers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal

from pydantic_core import PydanticCustomError

from model.formula import FORMULA_DECIMALS
from model.money import RATE_DECIMALS
from model.tariff import ANY
from tariffs.cells import read_number
from tariffs.problems import KeyPath, Problem, show_names, show_value, suggestion
from tariffs.sheet import Charge

# Bounds that keep integers of 64 bits from wrapping: price x 10^9, and a threshold times the days of a period.
MAX_PRICE = Decimal(10**9)
MAX_THRESHOLD = 10**13
MAX_THRESHOLD_E9 = 10**17  # of a quantity with 9 decimals
_RATE_SCALE = Decimal(10**RATE_DECIMALS)


@dataclass(frozen=True)
class PriceCell:
    """One price: where it holds, its tier in smallest units (from_quantity, to_quantity], and price x 10^9.

    A price or an edge that is a formula has its text in `price_id` and `edge_id`, and no number.
    """

    season: str
    tou: str
    tier: int
    from_quantity: int
    to_quantity: int | None
    price_e9: int | None
    factor_id: str | None
    key: str = ANY
    price_id: str | None = None
    edge_id: str | None = None
    fixed_e9: int = 0


@dataclass
class PriceTable:
    """Prices of one charge as they are read, with the problems met on the way."""

    unit_size: int
    """Smallest units in the printed unit of the quantity: thresholds must be whole numbers of them."""
    cells: list[PriceCell] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)


def price_e9(value: Decimal) -> int | None:
    """Return a price x 10^9; None when it has more than 9 decimals or is 10^9 or more.

    >>> price_e9(Decimal("0.31416"))
    314160000
    """
    scaled = value * _RATE_SCALE
    is_usable = abs(value) < MAX_PRICE and scaled == scaled.to_integral_value()
    return int(scaled) if is_usable else None


def read_prices(
    charge: Charge,
    path: KeyPath,
    unit_size: int,
    occurring: Mapping[str, Sequence[str]],
    texts: Sequence[str] = (ANY,),
) -> PriceTable:
    """Return the prices of a charge that prices a quantity, a day or a cycle.

    `texts` are those of the attribute that chooses the prices, if one does.

    `occurring` holds the periods that occur in each season, for the seasons and periods that the charge is priced
    by (`{"": [""]}` when it is priced by neither). A price that is missing, or never holds, is a problem.
    """
    table = PriceTable(unit_size)
    key = "tiers" if charge.tiers is not None else "price"
    tree = charge.tiers if charge.tiers is not None else charge.price
    if charge.factor_id is not None and key == "price":
        _read_factor(table, charge, (*path, key))
        return table
    by_text: Mapping[str, object] = {ANY: tree}
    if charge.lookup is not None:
        by_text = _named_parts(table, tree, f"text of `{charge.lookup}`", texts, (*path, key))
    for text, part in by_text.items():
        _read_by_period(table, charge, part, text, (*path, key, text) if text else (*path, key), occurring)
    return table


def _read_by_period(
    table: PriceTable,
    charge: Charge,
    tree: object,
    text: str,
    path: KeyPath,
    occurring: Mapping[str, Sequence[str]],
) -> None:
    """Read the prices by season and period of one looked-up text."""
    by_season = _named_parts(table, tree, "season", list(occurring), path) if "season" in charge.by else {ANY: tree}
    every_period = list(dict.fromkeys(tou for periods in occurring.values() for tou in periods))
    for season, part in by_season.items():
        here = (*path, season) if season else path
        if "tou" in charge.by:
            by_tou = _named_parts(table, part, "period", list(occurring[season]), here, every_period)
        else:
            by_tou = {ANY: part}
        for tou, leaf in by_tou.items():
            place = _Place(text, season, tou)
            _read_leaf(table, leaf, place, (*here, tou) if tou else here, is_tiered=charge.tiers is not None)


@dataclass(frozen=True)
class _Place:
    """Where a price holds."""

    key: str
    season: str
    tou: str


def _read_factor(table: PriceTable, charge: Charge, path: KeyPath) -> None:
    assert charge.factor_id is not None, "only a factor is read here"
    if charge.by:
        table.problems.append(
            Problem(
                (*path[:-1], "by"),
                "expected no `by` beside a factor, found " + show_names(charge.by),
                "a factor is one price for all seasons and periods; write a charge for each factor",
            )
        )
    if extra := [str(key) for key in charge.price if key != "factor"]:
        table.problems.append(Problem((*path, extra[0]), f"expected no key `{extra[0]}` beside `factor`, found one"))
    table.cells.append(PriceCell(ANY, ANY, 1, 0, None, None, charge.factor_id))


def _named_parts(
    table: PriceTable,
    tree: object,
    what: str,
    names: Sequence[str],
    path: KeyPath,
    elsewhere: Sequence[str] = (),
) -> dict[str, object]:
    """Return the parts of a table by season or period, in the order of `names`; note what is missing or unknown."""
    wanted = f"a table by {what} ({show_names(names)})"
    if not isinstance(tree, Mapping):
        table.problems.append(Problem(path, f"expected {wanted}, found {show_value(tree)}"))
        return {}
    for name in tree:
        if name in names:
            continue
        if name in elsewhere:
            text = f"expected no price for `{name}`, which does not occur in season `{path[-1]}`, found one"
            table.problems.append(Problem((*path, name), text, "remove the price, or change the window"))
        else:
            text = f"expected a {what} ({show_names(names)}), found `{name}`"
            table.problems.append(Problem((*path, name), text, suggestion(name, names)))
    missing = [name for name in names if name not in tree]
    if missing:
        text = f"expected a price for each {what} ({show_names(names)}), found none for {show_names(missing)}"
        table.problems.append(Problem(path, text, f"add a price for `{missing[0]}`; 0 is a price"))
    return {name: tree[name] for name in names if name in tree}


def _read_leaf(table: PriceTable, leaf: object, place: _Place, path: KeyPath, *, is_tiered: bool) -> None:
    if is_tiered:
        _read_tiers(table, leaf, place, path)
        return
    _add_cell(table, place, leaf, path, tier=1, lower=0)


def _add_cell(
    table: PriceTable, place: _Place, price: object, path: KeyPath, *, tier: int, lower: int,
    upper: int | None = None, edge_id: str | None = None, fixed_e9: int = 0,
) -> None:  # fmt: skip
    """Add a price that is a number, or a formula in quotes."""
    is_formula = isinstance(price, str)
    table.cells.append(
        PriceCell(
            place.season, place.tou, tier, lower, upper,
            None if is_formula else _read_price(table, price, path), None, place.key,
            str(price) if is_formula else None, edge_id, fixed_e9,
        )
    )  # fmt: skip


def _read_price(table: PriceTable, value: object, path: KeyPath) -> int:
    """Return a price x 10^9; a problem is noted, and 0 given, when it is none."""
    if isinstance(value, Mapping):
        found = show_value(value)
        hint = 'say what the table is by: by = ["season"], by = ["tou"] or by = ["season", "tou"]'
        table.problems.append(Problem(path, f"expected a number, found {found}", hint))
        return 0
    try:
        number = read_number(value)
    except PydanticCustomError as error:
        table.problems.append(Problem(path, error.message()))
        return 0
    scaled = price_e9(number)
    if scaled is None:
        text = f"expected a price below 10^9 with at most {RATE_DECIMALS} decimals, found `{value}`"
        table.problems.append(Problem(path, text))
    return scaled or 0


def _read_tiers(table: PriceTable, leaf: object, place: _Place, path: KeyPath) -> None:
    if not isinstance(leaf, list) or not leaf or not all(isinstance(tier, Mapping) for tier in leaf):
        expected = "a list of tiers such as [{ to = 10, price = 0.25 }, { price = 0.30 }]"
        text = f"expected {expected}, found {show_value(leaf)}"
        hint = 'say what the table is by: by = ["season"], by = ["tou"] or both' if isinstance(leaf, Mapping) else None
        table.problems.append(Problem(path, text, hint))
        return
    lower = 0
    for index, tier in enumerate(leaf):
        here = (*path, index)
        _check_tier_keys(table, tier, here, is_last=index == len(leaf) - 1)
        edge = tier.get("to")
        edge_id = edge if isinstance(edge, str) else None
        is_number = edge is not None and edge_id is None
        if is_number and _is_between_units(table, edge):
            # 22.1918 kWh are no whole Wh: kept as a formula, which is scaled before it is rounded.
            edge_id, is_number = f"{edge}", False
        upper = _read_threshold(table, edge, lower, (*here, "to")) if is_number else None
        fixed = _read_price(table, tier["fixed"], (*here, "fixed")) if "fixed" in tier else 0
        _add_cell(
            table, place, tier.get("price", Decimal(0)), (*here, "price"), tier=index + 1, lower=lower, upper=upper,
            edge_id=edge_id, fixed_e9=fixed,
        )  # fmt: skip
        lower = upper if upper is not None else lower


def _is_between_units(table: PriceTable, edge: object) -> bool:
    if not isinstance(edge, Decimal):
        return False
    scaled = edge * table.unit_size
    decimals = edge * 10**FORMULA_DECIMALS
    return edge > 0 and scaled != scaled.to_integral_value() and decimals == decimals.to_integral_value()


def _check_tier_keys(table: PriceTable, tier: Mapping[str, object], path: KeyPath, *, is_last: bool) -> None:
    for key in tier:
        if key not in {"to", "price", "fixed"}:
            table.problems.append(
                Problem((*path, key), f"expected no key `{key}`, found one", "a tier has `to`, `price` and `fixed`")
            )
    if "price" not in tier and "fixed" not in tier:
        table.problems.append(Problem(path, "expected a key `price`, found none"))
    if is_last and "to" in tier:
        text = f"expected a last tier without `to`, found `to = {tier['to']}`"
        table.problems.append(Problem(path, text, "add a tier { price = ... } for the rest"))
    if not is_last and "to" not in tier:
        text = "expected `to`, the upper edge of the tier, found none"
        table.problems.append(Problem(path, text, "only the last tier is open"))


def _read_threshold(table: PriceTable, value: object, lower: int, path: KeyPath) -> int:
    """Return a tier's upper edge in smallest units; a problem is noted when it cannot be one."""
    try:
        scaled = read_number(value) * table.unit_size
    except PydanticCustomError as error:
        table.problems.append(Problem(path, error.message()))
        return lower
    highest = MAX_THRESHOLD if table.unit_size <= 10**6 else MAX_THRESHOLD_E9
    if scaled != scaled.to_integral_value() or abs(scaled) > highest:
        text = f"expected a whole number of smallest units, at most {highest}, found `{value}` x {table.unit_size}"
        table.problems.append(Problem(path, text))
        return lower
    if scaled <= lower:
        edge = Decimal(lower) / table.unit_size
        text = f"expected an edge above {edge.normalize():f}, found `{value}`"
        table.problems.append(Problem(path, text, "tiers ascend; each starts where the one before it ends"))
    return int(scaled)
