"""Whatever happens at a service point: all energy is somebody's or nobody's, no day is billed twice or left out.

Random events go through their effects to agreements, meters and readings, and from there to bill lines; beside them
stands a model of its own: who was supplied on each day, and what the register counted.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Any

import polars as pl
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from accounts.event_effects import SUPPLY_EFFECTS, Effects
from accounts.event_meters import METER_EFFECTS
from accounts.events import read_event
from accounts.selection import Cycle, select_due
from cycles.unplanned import NOTHING_BILLED
from ingest.rules.rule_store import rules_of_text
from ingest.vee.registers import usage_between_reads
from model.accounts import IMPORTED, ChannelNumbers, Meters
from model.events import EVENTS
from model.facts import FACTS
from model.rating import DueAgreements, DueChannels, Rated, RatingInput
from model.reads import RegisterReads
from model.schema import arranged, grain, polars_schema
from rating.stages import rate
from tariffs.check import parse_and_compile

START, END = date(2026, 5, 1), date(2026, 8, 1)
MONTHS = [date(2026, month, 1) for month in (5, 6, 7, 8)]
"""First days of the cycles."""
