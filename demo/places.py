"""The nine branches of Wattle & Tide: zones, climate, sun and the files in which their reads arrive.

Places and people are invented. Climate figures are round numbers of the right size for the latitude.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

UTILITY_NAME = "Wattle & Tide"
CURRENCY = "AUD"


@dataclass(frozen=True)
class Branch:
    """A branch. Angles in degrees (south negative), temperatures in degrees Celsius, `share` of the points."""

    branch_id: str
    name: str
    tz_name: str
    layout: Literal["nem12", "long", "wide"]
    share: float
    latitude_deg: float
    longitude_deg: float
    temperature_mean_c: float
    temperature_swing_c: float
    postcode_first: int
    towns: tuple[str, ...]


# NEM12 days are days of the market's clock (UTC+10, no summer time), which Brisbane's civil days are. The others
# keep summer time: 4 October 2026 has 23 hours there, so their reads arrive in layouts with civil days.
BRANCHES: tuple[Branch, ...] = (
    Branch("MOR", "Moreton Shore", "Australia/Brisbane", "nem12", 0.17, -27.5, 153.0, 20.6, 4.6, 4000,
           ("Banksia Bay", "Moreton Heights", "Pelican Flat")),
    Branch("COR", "Coral Reach", "Australia/Brisbane", "nem12", 0.09, -19.3, 146.8, 24.4, 3.6, 4800,
           ("Coral Landing", "Mango Creek", "Palm Terrace")),
    Branch("DAR", "Darling Range", "Australia/Brisbane", "nem12", 0.08, -27.6, 151.9, 17.8, 6.0, 4350,
           ("Kurrajong", "Red Gully", "Stockyard Rise")),
    Branch("HAR", "Harbour", "Australia/Sydney", "wide", 0.21, -33.9, 151.2, 18.2, 5.2, 2000,
           ("Lantern Quay", "Wattle Point", "Figtree Cove", "Sandstone Hill")),
    Branch("HUN", "Hunter Plains", "Australia/Sydney", "wide", 0.13, -32.9, 151.7, 17.9, 5.6, 2300,
           ("Colliers Bend", "Vine Hollow", "Tern Island")),
    Branch("YAR", "Yarra Valley", "Australia/Melbourne", "wide", 0.17, -37.8, 145.0, 15.4, 5.4, 3000,
           ("Ironbark Park", "Lyrebird Glen", "Tramway Junction")),
    Branch("BAS", "Bass Coast", "Australia/Melbourne", "long", 0.05, -38.5, 145.4, 14.2, 4.4, 3980,
           ("Penguin Head", "Kelp Cove")),
    Branch("DER", "Derwent", "Australia/Hobart", "wide", 0.06, -42.9, 147.3, 12.8, 4.6, 7000,
           ("Myrtle Slopes", "Organ Cliff")),
    Branch("TAM", "Tamar", "Australia/Hobart", "long", 0.04, -41.4, 147.1, 12.6, 5.2, 7250,
           ("Orchard Bank", "Swan Reach")),
)  # fmt: skip
