"""Names and addresses, combined from lists by numbers. Nobody is meant."""

from __future__ import annotations

import polars as pl

GIVEN = (
    "Ada", "Amir", "Beatriz", "Callum", "Chiyo", "Dara", "Edith", "Farid", "Greta", "Hamish", "Ines", "Jarrah",
    "Kiri", "Leander", "Marnie", "Niamh", "Oskar", "Priya", "Quentin", "Rosa", "Sunil", "Tamsin", "Ulla", "Viktor",
    "Wanda", "Xanthe", "Yusuf", "Zora", "Matilda", "Bruno",
)  # fmt: skip
FAMILY = (
    "Ashgrove", "Bellbird", "Coolibah", "Drummer", "Emberson", "Ferntree", "Gumley", "Hakewood", "Inletter",
    "Jacksmoor", "Kookaby", "Larkwood", "Mulgara", "Narrabeck", "Oysterman", "Paperbark", "Quollin", "Rivergum",
    "Sandlark", "Tidewell", "Umberfield", "Vinegrove", "Waratah", "Yabbymoor", "Zephyrine", "Boronia", "Dunesly",
    "Mallee",
)  # fmt: skip
TRADE_WORD = (
    "Bluegum", "Saltbush", "Lighthouse", "Magpie", "Southern Swell", "Ironstone", "Dragonfly", "Copper Kettle",
    "Outrigger", "Sunshower", "Bandicoot", "High Tide", "Lamplight", "Quarry Lane", "Two Rivers", "Whistling Kite",
)  # fmt: skip
TRADE = {
    "shop": ("Bakery", "Hardware", "Grocers", "Cafe", "Pharmacy"),
    "office": ("Architects", "Surveyors", "Accounting", "Software", "Insurance"),
    "factory": ("Foundry", "Timber Mill", "Cannery", "Plastics", "Cold Store"),
    "school": ("Primary School", "High School", "Library", "Council Chambers", "Health Centre"),
}
STREET = (
    "Acacia", "Barramundi", "Cockle", "Driftwood", "Eucalypt", "Flinderson", "Galah", "Heron", "Ibis", "Jetty",
    "Kelp", "Lorikeet", "Mangrove", "Nautilus", "Osprey", "Pandanus", "Rosella", "Spinifex", "Telopea", "Wombat",
)  # fmt: skip
STREET_KIND = ("Street", "Road", "Avenue", "Parade", "Lane", "Crescent")


def pick(words: tuple[str, ...], number: pl.Expr) -> pl.Expr:
    """Return the word at `number` modulo the length of the list."""
    return pl.lit(pl.Series(words, dtype=pl.String)).gather((number % len(words)).cast(pl.UInt32))


def person_name(number: pl.Expr) -> pl.Expr:
    """Return an invented person's name; `number` is any large random integer."""
    return pl.concat_str(pick(GIVEN, number), pick(FAMILY, number // 101), separator=" ")


def customer_name(archetype: pl.Expr, number: pl.Expr) -> pl.Expr:
    """Return the name of a customer: a person for a home, a firm or a public body for the rest."""
    firm = pl.concat_str(pick(TRADE_WORD, number), pl.lit(" "))
    named = person_name(number)
    for kind, trades in TRADE.items():
        ending = "" if kind == "school" else " Pty Ltd"
        trade = pl.concat_str(firm, pick(trades, number // 7_919), pl.lit(ending))
        named = pl.when(archetype == kind).then(trade).otherwise(named)
    return named


def street_address(number: pl.Expr) -> pl.Expr:
    """Return an invented street and number."""
    house = (number // 13 % 240 + 1).cast(pl.String)
    return pl.concat_str(house, pick(STREET, number), pick(STREET_KIND, number // 2_003), separator=" ")
