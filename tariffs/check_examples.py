"""Checks of the worked bills of a tariff file: each names what its tariff prices, in numbers that are exact."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Sequence
from datetime import date
from decimal import Decimal

from model.money import CURRENCY_EXPONENT
from model.tariff import ANY
from model.units import PRINTED_UNITS
from tariffs.check_charges import FREE_UNIT_SIZE, printed_size, schedule_of
from tariffs.names import formula_places, names_in, needed_quantities
from tariffs.prices import price_e9
from tariffs.problems import KeyPath, Problem, show_names, suggestion
from tariffs.sheet import Charge, Example, Quantity, TariffFile, Version
from tariffs.windows import occurring_periods, season_names, seasons_by_day, tou_names

TOTAL = "total"
ROUNDING = "rounding"  # the line that rounds the sum of all others, when the sheet says so
# What rating takes: a quantity in smallest units, days of a cycle that prices are shared by, an amount of a line.
MAX_QUANTITY = 10**15
MAX_FREE_QUANTITY = 10**18  # what is not counted in whole units carries 9 decimals
MAX_CYCLE_DAYS = 10_000
MAX_AMOUNT = Decimal(10**10)


def example_problems(file: TariffFile) -> list[Problem]:
    """Return the problems of the examples of a tariff whose windows, quantities and versions are right."""
    names = Counter(example.name for example in file.examples)
    found: list[Problem] = []
    for index, example in enumerate(file.examples):
        path: KeyPath = ("examples", index)
        if names[example.name] > 1:
            text = f"expected a name that no other example has, found `{example.name}` {names[example.name]} times"
            found.append(Problem((*path, "name"), text))
        in_dates = _date_problems(file, example, path)
        found += in_dates or [
            *_usage_problems(file, example, path),
            *_factor_problems(file, example, path),
            *_expect_problems(file, example, path),
        ]
    return found


def versions_of(file: TariffFile, example: Example) -> list[Version]:
    """Return the versions that hold on some day of the example's period."""
    ends = [version.valid_to or later for version, later in zip(file.versions, _next_days(file), strict=True)]
    start, end = example.period
    return [
        version
        for version, until in zip(file.versions, ends, strict=True)
        if version.valid_from < end and (until is None or start < until)
    ]


def smallest_units(file: TariffFile, quantity_id: str, number: Decimal) -> Decimal:
    """Return a printed number in the quantity's smallest units: 1.5 kWh -> 1500."""
    return number * (printed_size(file.quantities[quantity_id]) if quantity_id in file.quantities else FREE_UNIT_SIZE)


def minor_units(file: TariffFile, amount: Decimal) -> Decimal:
    """Return a printed amount in minor units of the tariff's currency: 1.50 AUD -> 150."""
    return amount.scaleb(CURRENCY_EXPONENT[file.currency])


def _next_days(file: TariffFile) -> list[date | None]:
    return [*(version.valid_from for version in file.versions[1:]), None]


def _date_problems(file: TariffFile, example: Example, path: KeyPath) -> list[Problem]:
    start, end = example.period
    first, last = file.versions[0].valid_from, file.versions[-1].valid_to
    if start < first or (last is not None and end > last):
        held = f"from {first}" if last is None else f"from {first} to {last}"
        return [Problem((*path, "period"), f"expected days on which a version holds ({held}), found {start} to {end}")]
    cycle_start, cycle_end = example.cycle_dates
    if cycle_start > start or cycle_end < end:
        text = f"expected a cycle that holds the period ({start} to {end}), found {cycle_start} to {cycle_end}"
        return [Problem((*path, "cycle"), text)]
    if (days := (cycle_end - cycle_start).days) > MAX_CYCLE_DAYS:
        key = "cycle" if example.cycle else "period"
        return [Problem((*path, key), f"expected at most {MAX_CYCLE_DAYS} days, found {days}")]
    return []


def seen_by(file: TariffFile, example: Example) -> TariffFile:
    """Return the tariff as the last version of the example's period has it."""
    return file.of_version(versions_of(file, example)[-1])


def _usage_problems(file: TariffFile, example: Example, path: KeyPath) -> list[Problem]:
    seen, versions = seen_by(file, example), versions_of(file, example)
    charges = [charge for version in versions for charge in version.charges.values()]
    needed = set().union(*(needed_quantities(file.of_version(version), version) for version in versions))
    by_tou = {charge.of[0] for charge in charges if charge.of is not None and "tou" in charge.by}
    measured = {name: quantity for name, quantity in seen.quantities.items() if name in needed}
    periods = {name: _periods_in(seen.on_schedule(quantity.schedule), example) for name, quantity in measured.items()}
    known = [
        name for name, quantity in measured.items()
        if quantity.kind != "formula" and (quantity.window is None or quantity.window in periods[name])
    ]  # fmt: skip
    here = (*path, "usage")
    found = [
        Problem((*here, name), f"expected a quantity that is priced ({show_names(known)}), found `{name}`",
                suggestion(name, known))
        for name in example.usage
        if name not in known
    ]  # fmt: skip
    missing = [
        name for name in known
        if name not in example.usage and measured[name].kind == "measured" and not measured[name].optional
    ]  # fmt: skip
    if missing:
        text = f"expected a number for each quantity that is not optional, found none for {show_names(missing)}"
        found.append(Problem(here, text, f"add `{missing[0]}`; 0 is a number"))
    for name in known:
        if name in example.usage:
            numbers = example.usage[name]
            found += _period_problems(numbers, measured[name], periods[name], (*here, name), is_by_tou=name in by_tou)
            found += _number_problems(seen, name, numbers, (*here, name))
    return found + _contract_problems(seen, example, path)


def _contract_problems(file: TariffFile, example: Example, path: KeyPath) -> list[Problem]:
    """Return what is wrong with the attributes and banks of an example."""
    found = []
    for name, value in example.attributes.items():
        here = (*path, "attributes", name)
        if name not in file.attributes:
            known = list(file.attributes)
            text = f"expected an attribute of the tariff ({show_names(known)}), found `{name}`"
            found.append(Problem(here, text, suggestion(name, known)))
            continue
        texts = file.attributes[name].values
        if texts is not None and value not in texts:
            found.append(Problem(here, f"expected one of {show_names(texts)}, found `{value}`"))
        if texts is None and not isinstance(value, Decimal):
            found.append(Problem(here, f"expected a number, found `{value}`"))
    for name in example.banks:
        if name not in file.banks:
            known = list(file.banks)
            text = f"expected a bank of the tariff ({show_names(known)}), found `{name}`"
            found.append(Problem((*path, "banks", name), text, suggestion(name, known)))
    return found


def _periods_in(file: TariffFile, example: Example) -> list[str]:
    """Return the time-of-use periods that occur in the seasons of the example's days, in the order of the file."""
    start, end = example.period
    days = (date.fromordinal(day) for day in range(start.toordinal(), min(end.toordinal(), start.toordinal() + 366)))
    season_of = seasons_by_day(file)
    seasons = {season_of[day.month, day.day][0] for day in days}
    occurring = {name for season in season_names(file) if season in seasons for name in occurring_periods(file, season)}
    return [name for name in tou_names(file) if name in occurring]


def _period_problems(
    numbers: Collection[str], quantity: Quantity, periods: Sequence[str], path: KeyPath, *, is_by_tou: bool
) -> list[Problem]:
    """Return what is wrong with the periods that a quantity is given by."""
    if list(numbers) == [ANY]:
        if is_by_tou:
            text = f"expected a number for each period ({show_names(periods)}), because its price is by time of use"
            return [Problem(path, f"{text}, found one number")]
        return []
    if quantity.window is not None or list(periods) == [ANY]:
        why = f"that of `{quantity.window}` alone" if quantity.window is not None else "not kept by time of use"
        return [Problem(path, f"expected a number, because the quantity is {why}, found a table")]
    found = _unknown_periods(numbers, periods, path)
    missing = [name for name in periods if name not in numbers]
    if missing:
        text = f"expected a number for each period ({show_names(periods)}), found none for {show_names(missing)}"
        found.append(Problem(path, text, f"add `{missing[0]}`; 0 is a number"))
    return found


def _unknown_periods(names: Collection[str], periods: Sequence[str], path: KeyPath) -> list[Problem]:
    expected = f"a time-of-use period that occurs ({show_names(periods)})"
    return [
        Problem((*path, name), f"expected {expected}, found `{name}`", suggestion(name, periods))
        for name in names
        if name not in periods
    ]


def _number_problems(file: TariffFile, name: str, numbers: dict[str, Decimal], path: KeyPath) -> list[Problem]:
    found = []
    for period, number in numbers.items():
        here = (*path, period) if period else path
        quantity = file.quantities[name]
        is_free = quantity.kind != "measured" or quantity.agg == "cost"
        smallest, unit_size = ("10^-9", FREE_UNIT_SIZE) if is_free else PRINTED_UNITS[quantity.unit]
        is_signed = is_free or quantity.less is not None
        is_low = number < 0 and not is_signed
        most = MAX_FREE_QUANTITY if is_free else MAX_QUANTITY
        if is_low or number > most or not _is_whole(smallest_units(file, name, number), number, unit_size, most):
            text = f"expected 0 or more, in whole {smallest} and at most {most} of them, found `{number}`"
            found.append(Problem(here, text))
    return found


def series_of(file: TariffFile, example: Example) -> dict[str, str]:
    """Return the dated factors that an example may give: by their name in formulas, or by series -> series."""
    found: dict[str, str] = {}
    for version in versions_of(file, example):
        seen = file.of_version(version)
        named = {name for place in formula_places(seen, version, ()) for name in names_in(place.text)}
        found |= {name: factor.series for name, factor in seen.factors.items() if name in named}
        found |= {charge.factor_id: charge.factor_id for charge in version.charges.values() if charge.factor_id}
    return found


def _factor_problems(file: TariffFile, example: Example, path: KeyPath) -> list[Problem]:
    series = series_of(file, example)
    used = sorted(series)
    here = (*path, "factors")
    found = [
        Problem((*here, name), f"expected a factor that is a price here ({show_names(used)}), found `{name}`",
                suggestion(name, used))
        for name in example.factors
        if name not in used
    ]  # fmt: skip
    given = {series[name] for name in example.factors if name in series}
    if missing := [name for name in used if series[name] not in given]:
        text = f"expected a value of each factor ({show_names(used)}), found none of {show_names(missing)}"
        found.append(Problem(here, text, f"add factors = {{ {missing[0]} = 0.01 }}, the value in the example"))
    return found + [
        Problem((*here, name), f"expected a number below 10^9 with at most 9 decimals, found `{value}`")
        for name, value in example.factors.items()
        if price_e9(value) is None
    ]


def _expect_problems(file: TariffFile, example: Example, path: KeyPath) -> list[Problem]:
    here = (*path, "expect")
    charges: dict[str, list[Charge]] = {}
    for version in versions_of(file, example):
        for name, charge in version.charges.items():
            charges.setdefault(name, []).append(charge)
    if TOTAL in charges:
        text = f"expected no charge of the name `{TOTAL}`, which is the whole bill in an example, found one"
        return [Problem(here, text, "give the charge another name")]
    if any(file.of_version(version).rounding.total is not None for version in versions_of(file, example)):
        charges.setdefault(ROUNDING, [])
    seen = seen_by(file, example)
    found: list[Problem] = []
    stated = Counter((charge, period) for charge, period, _ in example.expected)
    for name, period, amount in example.expected:
        place = (*here, name, period) if period else (*here, name)
        known = [*charges, TOTAL]
        if name not in known:
            text = f"expected a charge ({show_names(list(charges))}) or `{TOTAL}`, found `{name}`"
            found.append(Problem((*here, name), text, suggestion(name, known)))
            continue
        if stated[name, period] > 1:
            found.append(Problem(place, "expected one amount, found several"))
        if period.isdigit() and name != TOTAL and any(charge.tiers is not None for charge in charges[name]):
            pass  # the amount of a tier
        elif period and (name == TOTAL or not any("tou" in charge.by for charge in charges[name])):
            text = f"expected one amount, because `{name}` is not by time of use, found one for `{period}`"
            found.append(Problem(place, text))
        elif period:
            schedule = next(schedule_of(charge, seen) for charge in charges[name] if "tou" in charge.by)
            periods = _periods_in(seen.on_schedule(schedule), example)
            found += _unknown_periods([period], periods, (*here, name))
        found += _amount_problems(file, amount, place)
    return found + _apart_problems(example, path)


def _apart_problems(example: Example, path: KeyPath) -> list[Problem]:
    """What is known to be apart must be stated as expected as well."""
    expected = {f"{charge}.{period}" if period else charge for charge, period, _ in example.expected}
    return [
        Problem(
            (*path, "apart", name), f"expected an amount of `expect` ({show_names(sorted(expected))}), found `{name}`"
        )
        for name in example.apart
        if name not in expected
    ]


def _amount_problems(file: TariffFile, amount: Decimal, path: KeyPath) -> list[Problem]:
    decimals = CURRENCY_EXPONENT[file.currency]
    if abs(amount) < MAX_AMOUNT and _is_whole(minor_units(file, amount), amount, 10**decimals):
        return []
    text = f"expected an amount of {file.currency} below 10^10 with at most {decimals} decimals, found `{amount}`"
    return [Problem(path, text)]


def _is_whole(scaled: Decimal, number: Decimal, scale: int, most: int = MAX_QUANTITY) -> bool:
    """Say whether `scaled`, which is `number` x `scale`, is a whole number that a long `number` was not cut to."""
    return abs(scaled) <= most and scaled == scaled.to_integral_value() and scaled / scale == number
