"""What events at meters change: hangings, channels, corrections; and the readings that they bring."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date

from accounts.event_charges import day_of, decimal_of, fee_of
from accounts.event_effects import Effects, EventReading, Facts, Row, readings_of, rolled_over, supplied_at, the_row
from accounts.events import Event
from model.codes import ReadKind
from model.events import EventKind

DIALS_MAX = 12  # model.accounts.Meters
MULTIPLIER_MAX = 10**6
ERROR_MAX = 100  # percent: a meter that measures twice as much
BACK_MONTHS = 12
"""How far back a test corrects use unless the event says less. Source: Ofgem's limit on back-billing, 12 months."""


def _whole(event: Event, key: str, default: int, low: int, high: int) -> int:
    text = event.said.get(key, str(default))
    if not text.isascii() or not text.isdigit() or not low <= int(text) <= high:
        raise event.refused(f"{key}: expected a whole number from {low} to {high}, found `{text}`")
    return int(text)


def hanging(event: Event, facts: Facts, meter_id: str) -> Row:
    """Return where a meter hangs on the day of an event, or hung until then.

    Raises:
        InputError: it hangs nowhere then.
    """
    rows = facts("meters", meter_id=meter_id)
    found = [
        row for row in rows
        if row["installed_date"] <= event.day and (row["removed_date"] is None or event.day < row["removed_date"])
    ]  # fmt: skip
    if len(found) != 1:
        known = "; ".join(
            f"{row['service_point_id']} from {row['installed_date']} until {row['removed_date'] or 'further notice'}"
            for row in rows
        )
        raise event.refused(f"meter `{meter_id}` hangs nowhere on that day", hint=f"it is known at: {known or 'none'}")
    return found[0]


def _taken_down(event: Event, facts: Facts) -> tuple[Row, Effects]:
    row = hanging(event, facts, event.said["meter"])
    if event.day <= row["installed_date"]:
        raise event.refused(f"meter `{row['meter_id']}` was installed on {row['installed_date']}: it cannot go before")
    readings = _readings(event, facts, row, ReadKind.REMOVAL, readings_of(event), rolled_over(event))
    removed = Effects([("meters", row | {"removed_date": event.day})], readings, _touched(facts, row, event.day))
    return row, removed


def _put_up(event: Event, facts: Facts, row: Row, stated: dict[str, str]) -> Effects:
    """Return a meter that hangs from the day on."""
    point = row["service_point_id"]
    the_row(event, facts, "service_points", "service_point_id", point)
    for other in facts("meters", meter_id=row["meter_id"]):
        if other["removed_date"] is None or other["removed_date"] > event.day:
            raise event.refused(
                f"meter `{row['meter_id']}` hangs at {other['service_point_id']} from {other['installed_date']}",
                hint="record its removal first",
            )
    readings = _readings(event, facts, row, ReadKind.INSTALL, stated, may_roll_over=False)
    new = row | {"installed_date": event.day, "removed_date": None}
    return Effects([("meters", new)], readings, _touched(facts, row, event.day))


def _readings(
    event: Event, facts: Facts, row: Row, kind: ReadKind, stated: dict[str, str], may_roll_over: bool
) -> list[EventReading]:
    """Return the readings of a meter that goes up or down; a register needs one, intervals need none."""
    channels = facts("channels", service_point_id=row["service_point_id"])
    if not stated:
        registers = [channel["channel_id"] for channel in channels if channel["interval_minutes"] == 0]
        if registers:
            raise event.refused(
                f"expected the {kind.value} reading of meter `{row['meter_id']}`, found none",
                hint=f"its registers: {', '.join(registers)}",
            )
        return []
    return [EventReading(row["service_point_id"], row["meter_id"], event.day, kind, stated, may_roll_over)]


def _touched(facts: Facts, row: Row, day: date) -> tuple[str, ...]:
    running = supplied_at(facts, row["service_point_id"], day)
    return (running["agreement_id"],) if running else ()


def _exchange(event: Event, facts: Facts) -> Effects:
    old, removed = _taken_down(event, facts)
    new = old | {
        "meter_id": event.said["new_meter"],
        "dials": _whole(event, "dials", old["dials"], 1, DIALS_MAX),
        "multiplier": _whole(event, "multiplier", old["multiplier"], 1, MULTIPLIER_MAX),
    }
    if new["meter_id"] == old["meter_id"]:
        raise event.refused(f"expected another meter than `{old['meter_id']}`",
                            hint="another multiplier of the same meter is a reconfiguration")  # fmt: skip
    return removed + _put_up(event, facts, new, readings_of(event, "new_reading")) + _other_length(event, facts, old)


def _other_length(event: Event, facts: Facts, old: Row) -> Effects:
    """Return the interval channels closed and opened anew, where the new meter has intervals of another length."""
    if "interval_minutes" not in event.said:
        return Effects()
    minutes = _whole(event, "interval_minutes", 0, 5, 60)
    if minutes not in (5, 10, 15, 30, 60):
        raise event.refused(f"interval_minutes: expected 5, 10, 15, 30 or 60, found {minutes}")
    channels = facts("channels", service_point_id=old["service_point_id"])
    read = [row for row in channels if row["interval_minutes"] > 0 and row["end_date"] is None]
    if not read:
        raise event.refused(f"service point `{old['service_point_id']}` has no interval channel that goes on")
    rows: list[tuple[str, Row]] = []
    for channel in read:
        suffix = event.said.get(f"suffix.{channel['suffix']}") or event.said.get("suffix") or channel["suffix"]
        if suffix == channel["suffix"] or any(row["suffix"] == suffix for row in channels):
            raise event.refused(
                f"expected another suffix than `{suffix}` for the new channel of {minutes} minutes",
                hint=f"files tell channels apart by it: suffix.{channel['suffix']}=NEW",
            )
        named = {"channel_id": f"{channel['service_point_id']}/{suffix}", "suffix": suffix}
        rows.append(("channels", channel | {"end_date": event.day}))
        rows.append(("channels", channel | named | {"interval_minutes": minutes, "start_date": event.day}))
    return Effects(rows)


def _installation(event: Event, facts: Facts) -> Effects:
    row = {
        "meter_id": event.said["meter"], "service_point_id": event.said["point"],
        "dials": _whole(event, "dials", 0, 1, DIALS_MAX),
        "multiplier": _whole(event, "multiplier", 1, 1, MULTIPLIER_MAX),
    }  # fmt: skip
    return _put_up(event, facts, row, readings_of(event))


def _removal(event: Event, facts: Facts) -> Effects:
    return _taken_down(event, facts)[1]


def _relocation(event: Event, facts: Facts) -> Effects:
    """The same meter goes on elsewhere: with the same reading unless another one is stated."""
    old, removed = _taken_down(event, facts)
    new = old | {"service_point_id": event.said["to_point"]}
    if new["service_point_id"] == old["service_point_id"]:
        raise event.refused(f"meter `{old['meter_id']}` hangs at `{old['service_point_id']}` already")
    stated = readings_of(event, "new_reading") or readings_of(event)
    return removed + _put_up(event, _Removed(facts, old, event.day), new, stated)


def _reconfiguration(event: Event, facts: Facts) -> Effects:
    """From the day on the register counts otherwise; on its first day here it always did, and that was wrong."""
    if not {"multiplier", "dials"} & set(event.said):
        raise event.refused("expected multiplier or dials, found neither")
    row = hanging(event, facts, event.said["meter"])
    changed = {
        "dials": _whole(event, "dials", row["dials"], 1, DIALS_MAX),
        "multiplier": _whole(event, "multiplier", row["multiplier"], 1, MULTIPLIER_MAX),
    }
    if event.day == row["installed_date"]:
        return Effects([("meters", row | changed)], agreements=_touched(facts, row, event.day))
    _, removed = _taken_down(event, facts)
    stated = readings_of(event, "new_reading") or readings_of(event)
    return removed + _put_up(event, _Removed(facts, row, event.day), row | changed, stated)


class _Removed:
    """Facts in which a meter was taken down."""

    def __init__(self, facts: Facts, row: Row, day: date) -> None:
        self._facts, self._row, self._day = facts, row, day

    def __call__(self, table: str, **values: str) -> list[Row]:
        found = self._facts(table, **values)
        return [row | {"removed_date": self._day} if row == self._row else row for row in found]


def _test(event: Event, facts: Facts) -> Effects:
    """Use counts as 100 / (100 + error) from `since` to the day of the test, no further back than allowed."""
    row = hanging(event, facts, event.said["meter"])
    error = decimal_of(event, "error_percent", 4)
    if not -ERROR_MAX < error <= ERROR_MAX or not error:
        raise event.refused(f"error_percent: expected a number above -100 up to 100, not 0; found {error}")
    earliest = _months_before(event.day, _whole(event, "back_months", BACK_MONTHS, 1, 120))
    first = max(day_of(event, "since"), earliest, row["installed_date"])
    if first >= event.day:
        raise event.refused(f"since: expected a day before the test, found {event.said['since']}")
    correction = {"from_date": first, "to_date": event.day, "error_percent": error, "event_id": event.event_id}
    channels = facts("channels", service_point_id=row["service_point_id"])
    corrections = [("usage_correction", {"channel_id": channel["channel_id"]} | correction) for channel in channels]
    for _, new in corrections:
        for other in facts("usage_correction", channel_id=str(new["channel_id"])):
            if other["from_date"] < event.day and other["to_date"] > first:
                raise event.refused(
                    f"use of channel `{new['channel_id']}` from {other['from_date']} to {other['to_date']} is "
                    f"corrected by event `{other['event_id']}` already"
                )
    effects = Effects([*corrections], agreements=_touched(facts, row, event.day))
    return effects + _test_fee(event, facts, row)


def _test_fee(event: Event, facts: Facts, row: Row) -> Effects:
    if "fee" not in event.said:
        return Effects()
    running = supplied_at(facts, row["service_point_id"], event.day)
    if running is None:
        raise event.refused("nobody is supplied there, so that nobody owes the fee", hint="leave the fee out")
    account = the_row(event, facts, "accounts", "account_id", running["account_id"])
    charge = fee_of(event, running["agreement_id"], account["currency"], "meter_test_fee", "Meter test")
    return Effects([("one_off_charge", charge)])


def _months_before(day: date, months: int) -> date:
    """Return the same day of an earlier month, or that month's last day."""
    index = day.year * 12 + day.month - 1 - months
    year, month = divmod(index, 12)
    for last in range(day.day, 27, -1):
        try:
            return date(year, month + 1, last)
        except ValueError:
            continue
    return date(year, month + 1, min(day.day, 28))


METER_EFFECTS: dict[EventKind, Callable[[Event, Facts], Effects]] = {
    EventKind.METER_EXCHANGE: _exchange,
    EventKind.INSTALLATION: _installation,
    EventKind.REMOVAL: _removal,
    EventKind.RELOCATION: _relocation,
    EventKind.RECONFIGURATION: _reconfiguration,
    EventKind.METER_TEST: _test,
}
