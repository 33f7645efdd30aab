"""Civil days: how many slots a day has, and what the clock on the wall shows at each.

Everything follows the IANA rules of the zone through UTC, so days of 23, 25 or 23.5 hours need no special case.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from model.errors import ConfigError


@lru_cache(maxsize=512)
def zone(tz_name: str) -> ZoneInfo:
    """Return the zone of an IANA name.

    Raises:
        ConfigError: there is no such zone.
    """
    try:
        return ZoneInfo(tz_name)
    except (ZoneInfoNotFoundError, ValueError) as error:
        raise ConfigError(
            f"zone `{tz_name}` is not known", hint="use an IANA name, for example Australia/Sydney"
        ) from error


@lru_cache(maxsize=65_536)
def day_start_utc(tz_name: str, day: date) -> datetime:
    """Return the instant at which a civil day begins."""
    return datetime(day.year, day.month, day.day, tzinfo=zone(tz_name)).astimezone(UTC)


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
