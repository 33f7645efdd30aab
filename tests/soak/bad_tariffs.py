"""Bad inputs of tariff files, factors, series and called events."""

from __future__ import annotations

from bad_kinds import (
    BINARY,
    FACTOR_HEADER,
    HTML,
    Wrong,
    factors,
    given,
    plain,
    reading,
    refused,
    refused_file,
    tariff,
)
from books_by_hand import FLAT

TARIFFS = [
    Wrong("file is missing", lambda p: ["tariff", "add", p.folder / "no.toml"], 2, ("no.toml", "hint")),
    Wrong("folder", lambda p: ["tariff", "add", p.folder], 2, (": ", "hint")),
    Wrong("empty", tariff(""), 2, ("wrong.toml", "tariff")),
    Wrong("binary", tariff(BINARY), 2, ("wrong.toml", "hint")),
    Wrong("UTF-16", tariff(FLAT.encode("utf-16")), 2, ("wrong.toml", "UTF-8")),
    Wrong("TOML syntax", tariff(FLAT + "price = = 3\n"), 2, ("wrong.toml", "line", "hint")),
    Wrong("unknown key", tariff(FLAT.replace("price = 0.30", "prise = 0.30")), 2, ("prise", "price")),
    Wrong("price nan", tariff(FLAT.replace("0.30", "nan")), 2, ("price", "NaN")),
    Wrong("price inf", tariff(FLAT.replace("0.30", "inf")), 2, ("price", "Infinity")),
    Wrong("price 1e400", tariff(FLAT.replace("0.30", "1e400")), 2, ("price", "1")),
    Wrong("price in quotes", tariff(FLAT.replace("0.30", '"0,30"')), 2, ("price", "0,30")),
    Wrong("unknown zone", tariff(FLAT.replace("Brisbane", "Atlantis")), 2, ("Australia/Atlantis",)),
    Wrong("unknown currency", tariff(FLAT.replace("AUD", "DUC")), 2, ("DUC",)),
    Wrong(
        "one good, one bad: none is added",
        lambda p: ["tariff", "add", p.file("a.toml", FLAT.replace('"flat"', '"other"')), p.file("b.toml", "x = ")],
        2,
        ("b.toml",),
    ),
    Wrong("show an unknown one", plain("tariff", "show", "res-gold"), 2, ("res-gold", "tariff list")),
    Wrong("show a missing file", lambda p: ["tariff", "show", p.folder / "no.toml"], 2, ("no.toml", "hint")),
    Wrong("factors are missing", lambda p: ["tariff", "factor", "add", p.folder / "f.csv"], 2, ("f.csv", "hint")),
    Wrong("factors are empty", factors(""), 2, ("wrong-factors.csv",)),
    Wrong("factors are a web page", factors(HTML), 2, ("wrong-factors.csv",)),
    Wrong(
        "factors are UTF-16", factors((FACTOR_HEADER + "f,2026-01-01,,1,s\n").encode("utf-16")), 2, ("wrong-factors",)
    ),
    Wrong("factors are binary", factors(BINARY), 2, ("wrong-factors.csv",)),
    Wrong("factor nan", factors(FACTOR_HEADER + "f,2026-01-01,,nan,s\ng,2026-01-01,,0.1,s\n"), 3, ("nan",)),
    Wrong("factor 1e400", factors(FACTOR_HEADER + "f,2026-01-01,,1e400,s\ng,2026-01-01,,0.1,s\n"), 3, ("1e400",)),
    Wrong("factor of no day", factors(FACTOR_HEADER + "f,2026-13-01,,1,s\ng,2026-01-01,,0.1,s\n"), 3, ("2026-13-01",)),
]

FACTOR = "factor_id,valid_from,valid_to,value,source"
EVENT, SERIES = "event_series,start,end,source,zone", "series_id,start,value,source,interval_minutes,zone"


def changed(old: str, new: str) -> str:
    assert old in FLAT, old
    return FLAT.replace(old, new)


def one_row(what: str, line: str, name: str, header: str, row: str, good: str, *says: str) -> Wrong:
    return Wrong(f"{what}: {row}", given(line, name, f"{header}\n{row}\n{good}\n"), 3, says)


FILES = [
    ("no versions", FLAT.split("[[versions]]", maxsplit=1)[0], "versions"),
    ("no source", changed('source = "price sheet of the story"\n', ""), "source"),
    ("a version without a day", changed("valid_from = 2020-01-01\n", ""), "valid_from"),
    ("a NUL in a text", changed('text = "Supply"', 'text = "Sup\\u0000ply"'), "control characters"),
    ("a version from a text", changed("valid_from = 2020-01-01", 'valid_from = "soon"'), "valid_from"),
    ("a version twice", FLAT + "[[versions]]" + FLAT.split("[[versions]]")[1], "2020-01-01"),
    ("30 February", changed("2020-01-01", "2020-02-30"), "wrong.toml"),
    ("tax of nothing", changed('["energy", "supply"]', '["enrgy"]'), "enrgy"),
    ("tax of itself", changed('["energy", "supply"]', '["gst"]'), "gst"),
    ("an unknown measure", changed("import_energy", "input_energy"), "input_energy"),
    ("a measure of water", changed("import_energy", "water_volume"), "water_volume"),
    ("an unknown aggregate", changed('"sum"', '"total"'), "total"),
    ("an unknown unit", changed('unit = "kWh"', 'unit = "furlong"'), "furlong"),
    ("a unit of another measure", changed('unit = "kWh"', 'unit = "m3"'), "m3"),
    ("an unknown commodity", changed('"electricity"', '"steam"'), "steam"),
    ("a path as name", changed('"flat"', '"../../flat"'), "../../flat"),
    ("a statement as name", changed('"flat"', '"x\'; DROP TABLE run; --"'), "DROP TABLE"),
    ("no name", changed('"flat"', '""'), "tariff"),
    ("a number as name", changed('"flat"', "7"), "tariff"),
    ("an unknown rounding", changed("half_up 0.01", "half_odd 0.01"), "half_odd"),
    ("rounding to zero", changed("half_up 0.01", "half_up 0"), "half_up 0"),
    ("rounding to a negative", changed("half_up 0.01", "half_up -0.01"), "-0.01"),
    ("an unknown period", changed('per = "day"', 'per = "fortnight"'), "fortnight"),
    ("a quantity that is not there", changed('of = "kwh"', 'of = "kvarh"'), "kvarh"),
    ("a price of 10^18", changed("0.30", "1000000000000000000"), "price"),
    ("a price with 30 decimals", changed("0.30", "0.000000000000000000000000000001"), "price"),
    ("a price that is a date", changed("0.30", "2026-01-01"), "price"),
    ("a price that is true", changed("0.30", "true"), "price"),
    ("a percentage of 10^9", changed("percent = 10", "percent = 1000000000"), "percent"),
    ("both a price and a percentage", changed("price = 0.30", "price = 0.30\npercent = 3"), "percent"),
    ("a gap between versions", changed("valid_from = 2020-01-01", "valid_from = 2020-01-01\nvalid_to = 2019-01-01"), "valid_to"),
    ("a formula that runs code", changed("price = 0.30", 'price = "__import__(\'os\').getcwd()"'), "price"),
    ("a formula without an end", changed("price = 0.30", 'price = "(((1"'), "price"),
    ("a byte order mark inside", changed("title", "\ufefftitle"), "wrong.toml"),
    ("a table twice", FLAT + "[quantities]\n", "wrong.toml"),
    ("a tariff of another land's clock", changed("Australia/Brisbane", "../../etc/localtime"), "../../etc/localtime"),
]  # fmt: skip
TARIFFS += [Wrong(what, tariff(text), 2, (says,)) for what, text, says in FILES]
OTHERS = [
    refused("tariff approve nothing-of-it", "nothing-of-it"),
    refused("tariff approve", "--all"),
    refused("tariff approve flat --version 2031-01-01", "2031-01-01"),
    refused("tariff retire gold --from 2027-01-01 --reason x", "gold"),
    refused("tariff retire flat --from 2027-02-30 --reason x", "2027-02-30"),
    refused("tariff retire flat --from 2027-01-01 --reason ''", "--reason"),
    refused("tariff retire flat --from 2019-01-01 --reason x", "2019-01-01"),
    refused("tariff diff flat gold", "gold"),
    refused("tariff diff flat --from 1999-01-01 --to 2026-01-01", "1999-01-01"),
    refused("tariff diff flat --impact --cycle 2031-01", "two versions"),
    refused("tariff show \"x' OR '1'='1\"", "x' OR '1'='1"),
    refused("tariff quote flat --reads {folder}/no.csv", "no.csv"),
    refused("tariff quote gold --reads {folder}/no.csv", "gold"),
    refused("tariff quote flat", "--reads"),
    refused("tariff compare --all", "--reads"),
    refused("tariff compare --all --account A9", "A9"),
    refused("tariff compare gold --account A2 --from 2026-06-01 --to 2026-07-01", "gold"),
    refused("tariff import-urdb {folder}/no.json", "no.json"),
    refused("tariff check {folder}/no.toml", "no.toml"),
    refused("tariff factor add {folder}", "hint"),
    refused_file("URDB that is no JSON", "tariff import-urdb @", "u.json", "{not json", "u.json"),
    refused_file("URDB that is a list of numbers", "tariff import-urdb @", "u.json", "[1, 2]", "u.json"),
    refused_file("URDB in a strange zone", "tariff import-urdb @ --timezone Mars/Base", "u.json", "[]", "Mars/Base"),
    refused_file("quote of a web page", "tariff quote flat --reads @", "r.csv", HTML, "r.csv"),
    refused_file("quote with a wrong zone", "tariff quote flat --reads @ --zone Mars/Base", "r.csv", reading("1"), "Mars/Base"),
    refused_file("quote of one hour", "tariff quote flat --reads @ --from 2026-06-01 --to 2026-07-01", "r.csv", reading("1"), "r.csv"),
    refused_file("quote backwards", "tariff quote flat --reads @ --from 2026-07-01 --to 2026-06-01", "r.csv", reading("1"), "r.csv"),
    refused_file("quote with half an attribute", "tariff quote flat --reads @ --attribute units", "r.csv", reading("1"), "units"),
    refused_file("check: unknown key", "tariff check @", "t.toml", changed("price = 0.30", "prise = 0.30"), "prise"),
    refused_file("events are a web page", "tariff event add @", "e.csv", HTML, "e.csv"),
    refused_file("series is binary", "tariff series add @", "s.csv", BINARY, "s.csv"),
]  # fmt: skip
TARIFFS += OTHERS
GOOD_FACTOR = "g,2026-01-01,,0.1,s"
for _row, _says in (
    ("f,2026-01-01,,,s", "value"), ("f,2026-01-01,,abc,s", "abc"), ("f,2026-01-01,,1,", "source"),
    ("f,2026-02-01,2026-01-01,1,s", "2026-01-01"), (",2026-01-01,,1,s", "factor_id"), ("f,,,1,s", "bad_date"),
    ("f,2026-01-01,,999999999999999999999999,s", "999999999999999999999999"), ("f,2026-01-01,,=1+1,s", "=1+1"),
):  # fmt: skip
    TARIFFS.append(one_row("factor", "tariff factor add @", "f.csv", FACTOR, _row, GOOD_FACTOR, _says))
GOOD_EVENT = "peaks,2026-07-15T16:00:00-07:00,2026-07-15T21:00:00-07:00,notice,"
for _row, _says in (
    ("peaks,2026-07-14T16:00,2026-07-14T21:00,n,", "2026-07-14T16:00"),
    ("peaks,2026-03-08T02:30,2026-03-08T04:00,n,America/Los_Angeles", "2026-03-08T02:30"),
    ("peaks,2026-11-01T01:30,2026-11-01T04:00,n,America/Los_Angeles", "2026-11-01T01:30"),
    ("peaks,2026-07-14T16:00,2026-07-14T21:00,n,Mars/Base", "Mars/Base"),
    ("peaks,2026-07-14T21:00:00Z,2026-07-14T16:00:00Z,n,", "2026-07-14T16:00"),
    ("peaks,2026-07-14T16:00:00Z,2026-07-14T21:00:00Z,,", "source"),
    ("peaks,yesterday,2026-07-14T21:00:00Z,n,", "yesterday"),
    ("peaks,2026-07-15T17:00:00-07:00,2026-07-15T22:00:00-07:00,n,", "overlap"),
):
    TARIFFS.append(one_row("called event", "tariff event add @", "e.csv", EVENT, _row, GOOD_EVENT, _says))
GOOD_PRICE = "spot,2026-07-15T16:00:00Z,30.5,exchange,60,"
for _row, _says in (
    ("spot,2026-07-15T17:00:00Z,nan,x,60,", "nan"), ("spot,2026-07-15T17:00:00Z,,x,60,", "value"),
    ("spot,2026-07-15T17:00:00Z,1e400,x,60,", "1e400"), ("spot,2026-07-15T17:00:00Z,1,x,7,", "7"),
    ("spot,2026-07-15T17:00:00Z,1,,60,", "source"), ("spot,2026-07-15T17:00,1,x,60,", "2026-07-15T17:00"),
    ("spot,2026-07-15T17:10:00Z,1,x,60,", "2026-07-15T17:10"),
):  # fmt: skip
    TARIFFS.append(one_row("interval price", "tariff series add @", "s.csv", SERIES, _row, GOOD_PRICE, _says))
