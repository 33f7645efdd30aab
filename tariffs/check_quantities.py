"""Checks of quantities, attributes, factors and banks."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

from model.tariff import AGGREGATES, ANY
from model.units import POWER_UNIT, PRINTED_UNITS, SMALLEST_UNIT, measure_counted
from tariffs.problems import KeyPath, Problem, show_names, suggestion
from tariffs.sheet import Quantity, TariffFile
from tariffs.windows import tou_names

POWERS = ("max", "min", "nth", "mean_of_n", "mean")
HISTORY_AGGREGATES = ("max", "mean", "sum", "min", "last")
_KEYS = {
    "measured": {
        "measure",
        "agg",
        "window",
        "schedule",
        "optional",
        "n",
        "distinct_days",
        "interval",
        "rolling",
        "less",
        "less_optional",
        "netting",
        "over",
        "up_to",
        "split",
        "series",
        "floor",
        "cap",
        "times",
        "plus",
    },
    "formula": {"formula"},
    "history": {"history", "agg", "months", "back", "known_from", "if_missing"},
}
_PART_MAX = 10**15
_COMMON_KEYS = {"unit", "round"}


def quantity_problems(file: TariffFile, path: KeyPath, names: Sequence[str]) -> list[Problem]:
    """Return the problems of the named quantities; `path` leads to the table that holds [quantities]."""
    found: list[Problem] = []
    for name in names:
        quantity, here = file.quantities[name], (*path, "quantities", name)
        if extra := sorted(quantity.model_fields_set - _KEYS[quantity.kind] - _COMMON_KEYS):
            what = "measure" if quantity.kind == "measured" else quantity.kind
            found += [Problem((*here, key), f"expected no `{key}` beside `{what}`, found one") for key in extra]
        elif quantity.kind == "measured":
            found += _measured_problems(file, quantity, here)
        elif quantity.kind == "history":
            found += _history_problems(file, quantity, here)
        else:
            found += _unit_step_problems(quantity, here)
    return found


def _measured_problems(file: TariffFile, quantity: Quantity, path: KeyPath) -> list[Problem]:
    if quantity.measure is None:
        return [Problem(path, "expected `measure`, `formula` or `history`, found none of them")]
    if quantity.agg not in AGGREGATES:
        shown = "none" if quantity.agg is None else f"`{quantity.agg}`"
        hint = suggestion(quantity.agg or "", AGGREGATES)
        return [Problem((*path, "agg"), f"expected one of {', '.join(AGGREGATES)}, found {shown}", hint)]
    measure = measure_counted(quantity.measure, quantity.unit)
    smallest = SMALLEST_UNIT[measure]
    is_power = quantity.agg in POWERS
    if is_power and smallest not in POWER_UNIT:
        text = f"expected a maximum of energy in {' or '.join(POWER_UNIT)}, found `{quantity.measure}` in {smallest}"
        return [Problem((*path, "agg"), text)]
    found = _aggregate_problems(quantity, path)
    wanted = POWER_UNIT[smallest] if is_power else smallest
    units = [unit for unit, of in PRINTED_UNITS.items() if of[0] == wanted]
    if quantity.unit not in units:
        what = "maximum" if is_power else "sum"
        expected = f"a unit for the {what} of {quantity.measure} ({show_names(units)})"
        text = f"expected {expected}, found `{quantity.unit}`"
        found.append(Problem((*path, "unit"), text, suggestion(quantity.unit, units)))
    else:
        found += _unit_step_problems(quantity, path) + _part_problems(quantity, path)
    return found + _window_problems(file, quantity, path) + _split_problems(file, quantity, path)


def _part_problems(quantity: Quantity, path: KeyPath) -> list[Problem]:
    """Return the problems of a part of each interval: its bounds are whole smallest units, in order."""
    found = []
    for key in ("over", "up_to"):
        bound = getattr(quantity, key)
        size = None if bound is None else bound * PRINTED_UNITS[quantity.unit][1]
        if size is not None and (size != size.to_integral_value() or size < 0 or size > _PART_MAX):
            found.append(Problem((*path, key), f"expected whole smallest units, 0 or more, found `{bound}`"))
    lower = quantity.over or Decimal(0)
    if not found and quantity.up_to is not None and quantity.up_to <= lower:
        found.append(Problem((*path, "up_to"), f"expected more than `over` ({lower}), found `{quantity.up_to}`"))
    return found


def _split_problems(file: TariffFile, quantity: Quantity, path: KeyPath) -> list[Problem]:
    """A measure is shared between days by one rule, else the parts of a reading would not add up."""
    if quantity.split is None:
        return []
    known = list(file.factors)
    if quantity.split not in known:
        text = f"expected a factor of [factors] ({show_names(known)}), found `{quantity.split}`"
        return [Problem((*path, "split"), text, suggestion(quantity.split, known))]
    if quantity.agg != "sum" or quantity.less is not None:
        return [Problem((*path, "split"), "expected a plain sum beside `split`, found another quantity")]
    others = [
        name
        for name, other in file.quantities.items()
        if other.measure == quantity.measure and other.split != quantity.split and other.agg == "sum"
    ]
    if others:
        text = f"expected the same `split` for every sum of {quantity.measure}, found another at {show_names(others)}"
        return [Problem((*path, "split"), text)]
    return []


def _aggregate_problems(quantity: Quantity, path: KeyPath) -> list[Problem]:
    """Return keys that the aggregate needs and lacks, or has and does not know."""
    found = []
    known = {
        "n": {"nth", "mean_of_n"},
        "distinct_days": {"nth", "mean_of_n"},
        "interval": {"max", "min", "nth", "mean_of_n"},
        "rolling": {"max", "min", "nth", "mean_of_n"},
        "over": {"sum", "cost"}, "up_to": {"sum", "cost"},
        "series": {"cost"}, "floor": {"cost"}, "cap": {"cost"}, "times": {"cost"}, "plus": {"cost"},
    }  # fmt: skip
    for key in sorted(set(known) & quantity.model_fields_set):
        if quantity.agg not in known[key]:
            text = f"expected no `{key}` beside agg `{quantity.agg}`, found one"
            found.append(Problem((*path, key), text, f"it belongs to {show_names(sorted(known[key]))}"))
    needed = {"nth": "n", "mean_of_n": "n", "cost": "series"}.get(quantity.agg or "")
    if needed is not None and needed not in quantity.model_fields_set:
        found.append(Problem((*path, needed), f"expected `{needed}` beside agg `{quantity.agg}`, found none"))
    if quantity.rolling and quantity.interval is None:
        found.append(Problem((*path, "interval"), "expected `interval` beside `rolling`, found none"))
    is_part = quantity.over is not None or quantity.up_to is not None
    needs_less = quantity.netting is not None and not (is_part and quantity.netting == "hour")
    if (needs_less or quantity.less_optional) and quantity.less is None:
        found.append(Problem((*path, "less"), "expected `less`, the measure that is subtracted, found none"))
    return found


def _window_problems(file: TariffFile, quantity: Quantity, path: KeyPath) -> list[Problem]:
    if quantity.schedule != ANY and quantity.schedule not in file.schedules:
        known = list(file.schedules)
        text = f"expected a schedule ({show_names(known)}), found `{quantity.schedule}`"
        return [Problem((*path, "schedule"), text, suggestion(quantity.schedule, known))]
    periods = [name for name in tou_names(file.on_schedule(quantity.schedule)) if name]
    if quantity.window is None or quantity.window in periods:
        return []
    text = f"expected a time-of-use period ({show_names(periods)}), found `{quantity.window}`"
    return [Problem((*path, "window"), text, suggestion(quantity.window, periods))]


def _unit_step_problems(quantity: Quantity, path: KeyPath) -> list[Problem]:
    """Rounding steps are whole numbers of what the quantity is counted in."""
    if quantity.round is None:
        return []
    size = PRINTED_UNITS[quantity.unit][1] if quantity.kind == "measured" else 10**9
    step = quantity.round.step * size
    if step == step.to_integral_value() and step <= 10**15:
        return []
    return [Problem((*path, "round"), f"expected a step of whole smallest units, found `{quantity.round.step}`")]


def _history_problems(file: TariffFile, quantity: Quantity, path: KeyPath) -> list[Problem]:
    found = []
    known = [name for name, other in file.quantities.items() if other.kind != "history"]
    if quantity.history not in known:
        text = f"expected a quantity that is measured or computed ({show_names(known)}), found `{quantity.history}`"
        found.append(Problem((*path, "history"), text, suggestion(quantity.history or "", known)))
    if quantity.agg not in HISTORY_AGGREGATES:
        shown = "none" if quantity.agg is None else f"`{quantity.agg}`"
        text = f"expected one of {', '.join(HISTORY_AGGREGATES)}, found {shown}"
        found.append(Problem((*path, "agg"), text))
    if quantity.back is None:
        found.append(Problem((*path, "back"), "expected how many cycles are looked back, found none", "back = 12"))
    if quantity.known_from is not None and quantity.months is None:
        found.append(Problem((*path, "known_from"), "expected `months` beside it, found none"))
    return found + _unit_step_problems(quantity, path)


def name_table_problems(file: TariffFile) -> list[Problem]:
    """Return the problems of attributes, factors and banks."""
    found: list[Problem] = []
    for name, attribute in file.attributes.items():
        path: KeyPath = ("attributes", name, "default")
        if attribute.default is None:
            continue
        if attribute.values is not None and attribute.default not in attribute.values:
            text = f"expected one of {show_names(attribute.values)}, found `{attribute.default}`"
            found.append(Problem(path, text))
        if attribute.values is None and not isinstance(attribute.default, Decimal):
            text = f"expected a number, or `values` beside a text, found `{attribute.default}`"
            found.append(Problem(path, text))
    texts = [name for name, attribute in file.attributes.items() if attribute.values is not None]
    for name, factor in file.factors.items():
        if factor.by is not None and factor.by not in texts:
            text = f"expected a text attribute ({show_names(texts)}), found `{factor.by}`"
            found.append(Problem(("factors", name, "by"), text, suggestion(factor.by, texts)))
    return [*found, *_series_chosen_differently(file)]


def _series_chosen_differently(file: TariffFile) -> list[Problem]:
    """One series is chosen one way in a tariff, for dates are cut where it changes, under its own name."""
    found: list[Problem] = []
    chosen: dict[str, tuple[str, str | None]] = {}
    for name, factor in file.factors.items():
        first, by = chosen.setdefault(factor.series, (name, factor.by))
        if by != factor.by:
            said = ["no `by`" if one is None else f"`by = {one}`" for one in (by, factor.by)]
            text = f"expected {said[0]}, as `{first}` says of series `{factor.series}`, found {said[1]}"
            why = "the series of a text has a name of its own, `series.text`; keep the general one under another name"
            found.append(Problem(("factors", name, "by"), text, why))
    return found
