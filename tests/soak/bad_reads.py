"""Bad inputs of meter reads, by format."""

from __future__ import annotations

from bad_kinds import (
    BINARY,
    HTML,
    READ,
    Place,
    Wrong,
    land,
    plain,
    reading,
    refused,
    refused_file,
    truncated_parquet,
    zipped,
)
from books_by_hand import LONG_HEADER, REGISTER_HEADER

READS = [
    Wrong("file is missing", lambda p: ["reads", "land", p.folder / "no.csv"], 2, ("no.csv", "cannot be read")),
    Wrong("folder", lambda p: ["reads", "land", p.folder], 2, ("cannot be read", "hint")),
    Wrong("empty", land("empty.csv", ""), 2, ("empty.csv", "cannot be used")),
    Wrong("binary", land("binary.csv", BINARY), 2, ("binary.csv", "cannot be used")),
    Wrong("web page", land("page.csv", HTML), 2, ("page.csv", "cannot be used")),
    Wrong("UTF-16", land("wide.csv", reading("1").encode("utf-16-le")), 2, ("wide.csv", "cannot be used")),
    Wrong("truncated Parquet", land("reads.parquet", truncated_parquet()), 2, ("reads.parquet", "cannot be used")),
    Wrong("damaged zip", land("a.zip", zipped("a.csv", reading("1").encode())[:-30]), 2, ("a.zip", "unpacked")),
    Wrong("empty zip", land("a.zip", zipped("", b"")), 2, ("a.zip", "found none")),
    Wrong("zip bomb", land("a.zip", zipped("a.csv", b"0" * 5_000_000)), 2, ("a.zip", "packed")),
    Wrong("workbook", land("a.xlsx", zipped("xl/workbook.xml", b"<workbook/>")), 2, ("workbook.xml",)),
    Wrong("header without lines", land("head.csv", LONG_HEADER), 2, ("head.csv",)),
    Wrong("other columns", land("other.csv", "meter,when,how_much\nE1,now,1\n"), 2, ("other.csv", "cannot be used")),
    Wrong("huge line", land("huge.csv", LONG_HEADER + "E1," + "9" * 3_000_000 + "\n"), 3, ("wrong_field_count",)),
    Wrong("unknown channel", land("r.csv", reading("1").replace("E1,E1", "E7,E1")), 3, ("unknown_channel",)),
    Wrong("value nan", land("r.csv", reading("nan")), 3, ("bad_number",)),
    Wrong("value inf", land("r.csv", reading("inf")), 3, ("bad_number",)),
    Wrong("value 1e400", land("r.csv", reading("1e400")), 3, ("bad_number",)),
    Wrong("value as a formula", land("r.csv", reading("=1+1")), 3, ("bad_number",)),
    Wrong("value too large", land("r.csv", reading("99999999999999999999")), 3, ("value_too_large",)),
    Wrong("value too fine", land("r.csv", reading("0.00001")), 3, ("too_precise",)),
    Wrong("13th month", land("r.csv", reading("1").replace("2026-07", "2026-13")), 3, ("bad_time",)),
    Wrong("unit of another measure", land("r.csv", reading("1").replace("kWh", "m3")), 3, ("unit_mismatch",)),
    Wrong("unit of nothing", land("r.csv", reading("1").replace("kWh", "furlong")), 3, ("unknown_unit",)),
    Wrong(
        "negative reading",
        land("r.csv", REGISTER_HEADER + "W1,W,MW1B,m3,2026-08-01,-1,regular,A\n"),
        3,
        ("negative_reading",),
    ),
    Wrong(
        "one good file, one bad",
        lambda p: ["reads", "land", p.file("a.csv", reading("1")), p.file("b.csv", HTML)],
        3,
        ("b.csv", "1 landed", "1 unusable"),
    ),
    Wrong("vee backwards", plain("reads", "vee", "--from", "2026-07-01", "--to", "2026-06-01"), 2, ("empty", "hint")),
    Wrong("vee of no days", plain("reads", "vee", "--from", "2026-07-01", "--to", "2026-07-01"), 2, ("empty", "hint")),
    Wrong(
        "vee on 30 February", plain("reads", "vee", "--from", "2026-02-30", "--to", "2026-03-01"), 2, ("2026-02-30",)
    ),
    Wrong("vee without an end", plain("reads", "vee", "--from", "2026-07-01"), 2, ("--to",)),
]


def row(value: str = "1", point: str = "E1", start: str = "2026-07-01T00:00:00+10:00", unit: str = "kWh") -> str:
    return f"{LONG_HEADER}{point},E1,{unit},{start},{value},A,\n{READ.format(hour=5, value='1')}"


def row_case(what: str, text: str, *says: str) -> Wrong:
    """Return a case of a long file whose second line is wrong and whose third is taken."""
    return Wrong(f"long: {what}", land("r.csv", text), 3, says, taken={"load": 1})


def register_case(what: str, line: str, *says: str) -> Wrong:
    good = "W3,W,MW3,m3,2026-08-01,30.000,regular,A\n"
    return Wrong(f"register: {what}", land("r.csv", f"{REGISTER_HEADER}{line}\n{good}"), 3, says, taken={"load": 1})


def unfit_case(what: str, line: str, *says: str) -> Wrong:
    """Return a case of a reading that lands, is counted with its reason, and that VEE refuses."""
    return Wrong(f"register: {what}", land("r.csv", f"{REGISTER_HEADER}{line}\n"), 0, ("1 readings landed", *says),
                 taken={"load": 1})  # fmt: skip


NEM12 = "100,NEM12,202607021200,MDP,RET\n200,E1,E1,E1,E1,N1,ME1,kWh,{minutes},\n300,{day},{values},{quality},,,20260702120000,\n900\n"


def nem12(what: str, *says: str, code: int = 3, cut: int | None = None, **changes: str) -> Wrong:
    parts = {"minutes": "60", "day": "20260701", "values": ",".join(["1"] * 24), "quality": "A"} | changes
    text = NEM12.format(minutes="60", **{k: v for k, v in parts.items() if k != "minutes"})
    text = text.replace(",60,\n", f",{parts['minutes']},\n")
    return Wrong(f"NEM12: {what}", land("n.csv", text[:cut]), code, says)


def mapped(what: str, mapping: str | bytes, *says: str) -> Wrong:
    def words(place: Place) -> list[object]:
        return [
            "reads",
            "land",
            place.file("v.csv", "p,t,v\nE1,2026-07-01 00:00,1\n"),
            "--mapping",
            place.file("m.toml", mapping),
        ]

    return Wrong(f"mapping: {what}", words, 2, says)


MAPPING = """layout = "long"
minutes = 60
meter_point = { column = "p" }
channel = { constant = "E1" }
unit = { constant = "kWh" }
value = { column = "v" }
[stamp]
columns = ["t"]
format = "%Y-%m-%d %H:%M"
marks = "start"
clock = "Australia/Brisbane"
"""
LONG = [
    row_case("a comma", row('"1,5"'), "rejected 1 lines"),
    row_case("hexadecimal", row("0x10"), "bad_number"),
    row_case("digits of another script", row("١"), "bad_number"),
    row_case("10^18", row("1000000000000000000"), "value_too_large"),
    Wrong("long: a NUL", land("r.csv", row("1\0")), 2, ("null bytes in line 2",)),
    row_case("no meter point", row(point=""), "unknown_channel"),
    row_case("a path as meter point", row(point="../../E1"), "unknown_channel"),
    row_case("a statement as meter point", row(point="E1' OR '1'='1"), "unknown_channel"),
    row_case("a formula as meter point", row(point="=cmd|' /C calc'!A0"), "unknown_channel"),
    row_case("off the grid", row(start="2026-07-01T00:20:00+10:00"), "off_grid"),
    row_case("no offset", row(start="2026-07-01 00:00"), "bad_time"),
    row_case("an impossible offset", row(start="2026-07-01T00:00:00+99:00"), "bad_time"),
    row_case("year 0", row(start="0000-01-01T00:00:00+10:00"), "bad_time"),
    row_case("year 99999", row(start="99999-01-01T00:00:00+10:00"), "bad_time"),
    row_case("hour 24", row(start="2026-07-01T24:00:00+10:00"), "bad_time"),
    row_case("a field more", row("1,2"), "wrong_field_count"),
    row_case("the same hour twice", row("3") + READ.format(hour=0, value="4"), "duplicate_slot"),
    row_case("a quality that nobody knows", row().replace(",A,", ",?,", 1), "bad_quality"),
    row_case("a unit in capitals of nothing", row(unit="KWHR"), "unknown_unit"),
    row_case("a unit of demand", row(unit="kW"), "un"),
    row_case("the last line is cut off", row() + "E1,E1,kW", "wrong_field_count"),
]
REGISTERS = [
    register_case("an unknown kind", "W1,W,MW1B,m3,2026-08-01,65,sometimes,A", "bad_kind"),
    register_case("nan", "W1,W,MW1B,m3,2026-08-01,nan,regular,A", "bad_number"),
    register_case("30 February", "W1,W,MW1B,m3,2026-02-30,65,regular,A", "bad_date"),
    register_case("finer than a litre", "W1,W,MW1B,m3,2026-08-01,65.00001,regular,A", "too_precise"),
    unfit_case("a meter that nobody knows", "W1,W,M77,m3,2026-08-01,65,regular,A", "meter_unknown", "meter_exchange"),
    unfit_case("a meter that was removed", "W1,W,MW1,m3,2026-08-01,165,regular,A", "meter_unknown", "meters.csv"),
    unfit_case("above the dials", "W3,W,MW3,m3,2026-08-01,100000,regular,A", "reading_above_dials", "reads edit"),
    register_case("mixed units", "W1,W,MW1B,kWh,2026-08-01,65,regular,A", "unit_mismatch"),
]
NEM = [
    nem12("23 values", "wrong_slot_count", values=",".join(["1"] * 23)),
    nem12("a value is no number", "bad_number", values=",".join(["x"] * 24)),
    nem12("another interval", "interval_mismatch", minutes="30", values=",".join(["1"] * 48)),
    nem12("seven minutes", "7", minutes="7"),
    nem12("no day", "bad_date", day="20260231"),
    nem12("an unknown quality", "bad_quality", quality="Q"),
    nem12("V without 400", "bad_ranges", quality="V"),
    nem12("cut off", "no_end_record", cut=-4),
    nem12("cut inside a value", "", cut=110),
]
XML = [
    refused_file("XML that ends early", "reads land @", "g.xml", '<?xml version="1.0"?><feed xmlns="http://www.w3.org/2005/Atom"><entry>', "g.xml", "well-formed XML"),
    refused_file("XML that calls a file", "reads land @", "g.xml", '<?xml version="1.0"?><!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/passwd">]><feed xmlns="http://www.w3.org/2005/Atom">&x;</feed>', "g.xml", "cannot be used"),
    refused_file("XML that grows", "reads land @", "g.xml", '<?xml version="1.0"?><!DOCTYPE a [<!ENTITY x "ha"><!ENTITY y "&x;&x;&x;">]><feed xmlns="http://www.w3.org/2005/Atom">&y;</feed>', "g.xml", "cannot be used"),
    refused_file("EDIFACT that ends early", "reads land @", "m.edi", "UNA:+.? 'UNB+UNOC:3+1:14+2:14+260701:1200+1'", "rejected", code=3),
    refused_file("EDIFACT of another message", "reads land @", "m.edi", "UNA:+.? 'UNB+UNOC:3+1:14+2:14+260701:1200+1'UNH+1+INVOIC:D:96A:UN'UNT+2+1'UNZ+1+1'", "rejected", code=3),
    refused_file("D0010 cut off", "reads land @", "d.txt", "ZHV|1|D0010002|D|X|D|Y|20260701||||OPER|\n", "d.txt", "cannot be used"),
    refused_file("a CMEP line cut off", "reads land @", "c.csv", "MEPMD01,20080519\n", "rejected", code=3),
    refused_file("a route without a date", "reads route in @ --layout autoread", "r.dat", "x\n", "r.dat"),
    refused_file("a route of another layout", "reads route in @", "r.dat", "x\n", "r.dat"),
    refused_file("inspect a web page", "reads inspect @", "page.csv", HTML, "page.csv"),
    refused_file("inspect an empty file", "reads inspect @", "empty.csv", "", "empty.csv"),
    refused_file("bytes that are no UTF-8", "reads land @", "u.csv", LONG_HEADER.encode() + b"E1,E1,kWh,\xff\xfe,1,A,\n", "u.csv", "UTF-8"),
    Wrong("reads: byte order mark", land("b.csv", b"\xef\xbb\xbf" + row().encode()), 0, (), taken={"load": 1}),
]  # fmt: skip
MAPPED = [
    mapped("no TOML", "layout = = ", "m.toml"),
    mapped("binary", BINARY, "m.toml"),
    mapped("empty", "", "m.toml"),
    mapped("an unknown layout", MAPPING.replace('"long"', '"tall"'), "tall"),
    mapped("an unknown key", MAPPING + "colour = 1\n", "colour"),
    mapped("an unknown clock", MAPPING.replace("Brisbane", "Atlantis"), "Atlantis"),
    mapped("seven minutes", MAPPING.replace("60", "7"), "minutes"),
    mapped("minutes below zero", MAPPING.replace("60", "-60"), "minutes"),
    mapped("a column that is not there", MAPPING.replace('"v"', '"w"'), "w"),
    mapped("marks the middle", MAPPING.replace('"start"', '"middle"'), "middle"),
]
EDITS = [
    refused("reads edit", "--channel"),
    refused("reads edit --channel E1/E1 --list", "--list"),
    refused("reads edit --channel X/Y --from 2026-06-05 --to 2026-06-06 --value 1 --why x", "X/Y"),
    refused("reads edit --channel E1/E1 --from 2026-06-05 --to 2026-06-06 --value 1", "why"),
    refused("reads edit --channel E1/E1 --from 2026-06-05 --to 2026-06-06 --value nan --why x", "nan"),
    refused("reads edit --channel E1/E1 --from 2026-06-05 --to 2026-06-06 --value=-1 --why x", "-1"),
    refused("reads edit --channel E1/E1 --from 2026-06-05 --to 2026-06-06 --value 1e400 --why x", "1e400"),
    refused("reads edit --channel E1/E1 --from 2026-06-05 --to 2026-06-06 --value 0.00001 --why x", "0.00001"),
    refused("reads edit --channel E1/E1 --from 2026-06-06 --to 2026-06-05 --value 1 --why x", "2026-06-05"),
    refused("reads edit --channel E1/E1 --from 2026-06-05 --to 2026-06-06 --kind magic --why x", "magic"),
    refused("reads edit --channel E1/E1 --from yesterday --to 2026-06-06 --value 1 --why x", "yesterday"),
    refused("reads edit --channel E1/E1 --from 2026-06-05 --to 2026-06-06 --why x", "a value or a total"),
    refused("reads edit --channel W1/W --from 2026-07-01 --meter NONE --value 1 --why x", "W1"),
    refused("reads edit --approve nothing --by mira", "nothing"),
    refused("reads edit --refuse nothing --by mira", "--reason"),
    refused("reads edit --refuse nothing --why x --by mira", "nothing"),
    refused("reads edit {folder}/no.csv", "no.csv"),
    refused_file("edits are a web page", "reads edit @", "e.csv", HTML, "e.csv"),
    refused_file("edits with other columns", "reads edit @", "e.csv", "a,b\n1,2\n", "e.csv"),
    refused("reads estimate", "--on"),
    refused("reads estimate --on tomorrow", "tomorrow"),
    refused("reads report --out {folder}", "hint"),
    refused("reads report --out {folder}/v.html --run 99", "VEE"),
    refused("reads route out {folder}/o.txt --date 2026-07-02", "--route"),
    refused("reads route out {folder}/o.txt --date 2026-07-02 --route R9", "R9"),
    refused("reads route out {folder}/o.txt --date 2026-07-02 --cycle 2031-01", "2031-01"),
    refused("reads route out {folder}/o.txt --date 2026-07-02 --route R1 --layout tablet", "tablet"),
    refused("reads route in {folder}/no.dat", "no.dat"),
    refused("reads rules check {folder}/no.toml", "no.toml"),
    refused("reads rules check", "--standard"),
    refused("reads rules show gold.v9", "gold.v9"),
    refused_file("rules: no TOML", "reads rules add @", "r.toml", "x = = 1", "r.toml"),
    refused_file("rules: an unknown key", "reads rules add @", "r.toml", 'colour = "red"\n', "r.toml"),
    refused_file("rules: empty", "reads rules add @", "r.toml", "", "r.toml"),
    refused_file("rules: binary", "reads rules check @", "r.toml", BINARY, "r.toml"),
]
READS += [*LONG, *REGISTERS, *NEM, *XML, *MAPPED, *EDITS]
