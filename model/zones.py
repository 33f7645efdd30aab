"""Civil days: how many slots a day has, and what the clock on the wall shows at each.

Everything follows the IANA rules of the zone through UTC, so days of 23, 25 or 23.5 hours need no special case.

A zone may say when its days begin: `Europe/Berlin@06:00` has gas days, each from six in the morning to six in the
morning, named by the date on which it begins. The night on which the clock changes then belongs to the day before.
"""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError, available_timezones

from model.errors import ConfigError

_CLOCK_TIME = re.compile(r"([01]\d|2[0-3]):[0-5]\d")


@lru_cache(maxsize=512)
def zone(tz_name: str) -> ZoneInfo:
    """Return the zone of an IANA name, with or without the time at which its days begin.

    Raises:
        ConfigError: there is no such zone.
    """
    name, at, begin = tz_name.partition("@")
    try:
        found = ZoneInfo(name)
        if at and not _CLOCK_TIME.fullmatch(begin):
            raise ValueError(begin)
    except (ZoneInfoNotFoundError, ValueError) as error:
        raise ConfigError(
            f"zone `{tz_name}` is not known",
            hint="use an IANA name, for example Australia/Sydney; Europe/Berlin@06:00 has gas days",
        ) from error
    return found


def is_zone(tz_name: str) -> bool:
    """Return whether a text names a zone, with or without the time at which its days begin.

    >>> [is_zone(text) for text in ("Europe/Berlin@06:00", "Europe/Berlin@6", "Berlin")]
    [True, False, False]
    """
    name, at, begin = tz_name.partition("@")
    return name in available_timezones() and (not at or _CLOCK_TIME.fullmatch(begin) is not None)


@lru_cache(maxsize=512)
def day_begin(tz_name: str) -> time:
    """Return what the clock shows when a day of the zone begins.

    >>> day_begin("Europe/Berlin@06:00")
    datetime.time(6, 0)
    """
    return time.fromisoformat(tz_name.partition("@")[2] or "00:00")


def day_of(tz_name: str, instant: datetime) -> date:
    """Return the day of the zone that an instant lies in.

    >>> day_of("Europe/Berlin@06:00", datetime(2026, 10, 2, 3, 59, tzinfo=UTC))
    datetime.date(2026, 10, 1)
    """
    begin = day_begin(tz_name)
    clock = instant.astimezone(zone(tz_name)).replace(tzinfo=None)
    return (clock - timedelta(hours=begin.hour, minutes=begin.minute)).date()


@lru_cache(maxsize=65_536)
def day_start_utc(tz_name: str, day: date) -> datetime:
    """Return the instant at which a civil day begins."""
    return datetime.combine(day, day_begin(tz_name), tzinfo=zone(tz_name)).astimezone(UTC)


def day_slots(tz_name: str, day: date, interval_minutes: int) -> int:
    """Return how many intervals a civil day has.

    >>> day_slots("America/Chicago", date(2022, 11, 6), 15)
    100
    """
    length = day_start_utc(tz_name, day + timedelta(days=1)) - day_start_utc(tz_name, day)
    minutes = int(length.total_seconds()) // 60
    assert minutes % interval_minutes == 0, (
        f"{tz_name} {day}: {minutes} minutes are not whole {interval_minutes}-minute slots"
    )
    return minutes // interval_minutes


@lru_cache(maxsize=4_096)
def fits_civil_days(tz_name: str, interval_minutes: int) -> bool:
    """Return whether each civil day of the zone has a whole number of intervals, by its rules of 2024.

    >>> fits_civil_days("Australia/Lord_Howe", 60)  # it moves its clock by half an hour
    False
    """
    midnights = [day_start_utc(tz_name, date(2024, 1, 1) + timedelta(days=number)) for number in range(367)]
    step = timedelta(minutes=interval_minutes)
    return all((midnight - midnights[0]) % step == timedelta() for midnight in midnights)


@lru_cache(maxsize=4_096)
def slot_clock_minutes(tz_name: str, day: date, interval_minutes: int) -> tuple[int, ...]:
    """Return, for each slot of a civil day, the minute of the day that the clock on the wall shows at its start.

    On the day the clock goes back the minutes of the repeated hour stand twice; in spring they are absent.

    >>> slot_clock_minutes("America/Chicago", date(2022, 3, 13), 60)[:4]
    (0, 60, 180, 240)
    """
    start = day_start_utc(tz_name, day)
    local = zone(tz_name)
    step = timedelta(minutes=interval_minutes)
    clocks = ((start + slot * step).astimezone(local) for slot in range(day_slots(tz_name, day, interval_minutes)))
    return tuple(clock.hour * 60 + clock.minute for clock in clocks)
