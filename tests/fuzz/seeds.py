"""What each reader is fed with to begin with: small files of its format, and how they are read."""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime

import espi_files as green
import iec_files as iec
import polars as pl
from meter_files import SHARED, nem12, nem12_day

from ingest.formats.detect import Reading, read_files
from ingest.formats.mapped.mapped import read_mapped
from ingest.formats.mapped.mapping import FileMapping, parse_mapping
from ingest.formats.parsed import Source
from ingest.formats.records import FileRecords
from ingest.formats.tables.routes import read_route
from ingest.routes.builtin import builtin_layout

REAL_BYTES_MAX = 6_000  # larger files are read more slowly than they teach
NOON = 1_720_000_800
DAY = date(2026, 1, 5)
HALF_HOURS = [f"{minute // 60:02d}:{minute % 60:02d}" for minute in range(0, 1440, 30)]
ENDS = [f"[{minute // 60:02d}:{minute % 60:02d}]" for minute in range(30, 1470, 30)]


@dataclass(frozen=True)
class Target:
    """A format with its first files; `reading` reads them where their content does not say what they are."""

    name: str
    seeds: tuple[bytes, ...]
    reading: Reading | None = None

    def records(self, data: bytes) -> list[FileRecords]:
        """Return what the files in these bytes say."""
        return list(read_files("file", data, self.reading))


def targets() -> dict[str, Target]:
    """Return every format that is read, with files of our own making."""
    found = [Target(name, tuple(text.encode() for text in texts)) for name, texts in _TEXTS.items()]
    found += [
        Target("mapped_long", (_MAPPED_LONG.encode(),), _mapped(_LONG)),
        Target("mapped_carry", (_MAPPED_LONG.encode(),), _mapped(_LONG + _CARRY)),
        Target("mapped_wide", (_MAPPED_WIDE.encode(),), _mapped(_WIDE)),
        Target("mapped_meters", (_MAPPED_METERS.encode(),), _mapped(_METERS)),
        Target("mapped_registers", (_MAPPED_REGISTERS.encode(),), _mapped(_REGISTERS)),
        Target("mapped_parquet", (_parquet(),), _mapped(_LONG.replace("minutes", 'form = "parquet"\nminutes'))),
        Target("route_autoread", (_AUTOREAD.encode(),), Reading("autoread", _autoread)),
    ]
    return {target.name: target for target in found}


def real_files(target: Target) -> list[bytes]:
    """Return the small real files of the format; none where the folder of real files is not there."""
    paths = sorted(path for path in SHARED.rglob("*") if path.is_file() and path.stat().st_size <= REAL_BYTES_MAX)
    small = [path.read_bytes() for path in paths]
    if target.reading is not None:
        return []
    return [data for data in small if any(one.file_format == target.name for one in target.records(data))]


def _mapped(toml: str) -> Reading:
    mapping: FileMapping = parse_mapping(toml, "fuzz.toml")
    return Reading("fuzz", lambda source: read_mapped(source, mapping))


def _autoread(source: Source) -> FileRecords:
    return read_route(source, builtin_layout("autoread"), DAY)


def _ones(count: int) -> list[str]:
    return [f"{number % 7}.{number:03d}" for number in range(count)]


def _lines(*lines: str, end: str = "\n") -> str:
    return end.join([*lines, ""])


def _table(header: str, rows: Sequence[str]) -> str:
    return _lines(header, *rows)


_LONG = """
minutes = 60
meter_point = { column = "point" }
channel = { constant = "E1" }
unit = { constant = "kWh" }
value = { column = "value" }
stamp = { column = "at", format = "%Y-%m-%d %H:%M" }
"""
_CARRY = 'precision = "carry"\n'
_WIDE = """
layout = "wide"
minutes = 60
meter_point = { column = "point" }
channel = { constant = "E1" }
unit = { constant = "kWh" }
value = { first = "h1", last = "h25" }
stamp = { column = "day", format = "%Y-%m-%d" }
"""
_METERS = """
layout = "meters"
minutes = 15
channel = { constant = "E1" }
unit = { constant = "kWh" }
value = { first = "MT_001", last = "MT_002", decimal_comma = true, factor = 0.25 }
stamp = { column = 1, format = "%Y-%m-%d %H:%M:%S", marks = "end", clock = "Europe/Lisbon" }
csv = { separator = ";" }
habits = { spring = "zero", autumn = "summed" }
"""
_REGISTERS = """
kind = "registers"
meter_point = { column = "point" }
channel = { constant = "R1" }
unit = { constant = "m3" }
meter = { column = "meter" }
value = { column = "value" }
stamp = { column = "at", format = "%d/%m/%Y" }
read_kind = { column = "kind", codes = { "M" = "regular", "C" = "customer" } }
quality = { column = "code", codes = { "A" = "actual", "E" = "estimated" } }
"""
_MAPPED_LONG = _table("point,at,value", [f"P1,2024-10-27 {hour:02d}:00,0.{hour:05d}" for hour in range(6)])
_MAPPED_WIDE = _table(
    "point,day," + ",".join(f"h{n}" for n in range(1, 26)),
    [f"P1,2024-10-2{day},{','.join(_ones(24))}," for day in (5, 6, 7)],
)
_MAPPED_METERS = _table(
    '"";"MT_001";"MT_002"', [f'"2024-10-27 0{hour}:15:00";{hour},5;"1{hour},25"' for hour in range(5)]
)
_MAPPED_REGISTERS = _table(
    "point,meter,at,value,kind,code", ["W1,M1,01/10/2026,123.456,M,A", "W1,M1,01/11/2026,130,C,E"]
)
_AUTOREAD = _lines(
    f"00000010{'W1':<15}{'V':<9}{'m3':<6}{'M1':<10}{'1790':>10}0106{'R':<2}",
    f"00000020{'W2':<15}{'V':<9}{'m3':<6}{'M2':<10}{'':>10}0106{'':<2}02  ",
)


def _parquet() -> bytes:
    at = [datetime(2024, 10, 27, hour) for hour in range(4)]
    file = io.BytesIO()
    pl.DataFrame({"point": ["P1"] * 4, "at": at, "value": [0.1, 2.5, None, 1e-7]}).write_parquet(file)
    return file.getvalue()


def _quarter(start: str, stop: str, value: str, status: str = "220") -> list[str]:
    return [f"QTY+{status}:{value}:KWH", f"DTM+163:{start}?+00:303", f"DTM+164:{stop}?+00:303"]


def _interchange() -> str:
    body = ["LOC+172+DE0071373163400000E000A0014996748", "LIN+1", "PIA+5+1-1?:1.29.0:SRW"]
    body += _quarter("202506010000", "202506010015", "1.5") + _quarter("202506010015", "202506010030", "2.25", "67")
    register = ["LOC+172+DE1", "LIN+1", "PIA+5+1-1?:1.8.0:SRW", "QTY+220:4711.5", "DTM+9:20250601:102"]
    segments = ["UNB+UNOC:3+99:500+98:500+250601:0815+I1"]
    for number, part in enumerate([body, register], start=1):
        head = [f"UNH+M{number}+MSCONS:D:04B:UN:2.4c", "BGM+7+B1+9", "DTM+137:202506010815?+00:303"]
        segments += [*head, *part, f"UNT+{len(head) + len(part) + 1}+M{number}"]
    return "UNA:+.? '" + "'".join([*segments, "UNZ+2+I1", ""])


def _feed() -> str:
    hours = [green.reading(NOON + 3600 * at, at, qualities=["8"], cost="7") for at in range(5)]
    total = green.total("overallConsumptionLastPeriod", 10)
    return green.house(green.reading_type(), green.block(hours), green.summary(total, period=(NOON, 3600 * 5)))


def _message() -> str:
    stamps = [f"2024-03-10T0{hour}:15:00-05:00" for hour in range(4)]
    rows = [iec.interval(stamp, codes=["3.0.0", "1.2.32"]) for stamp in stamps]
    return iec.message(iec.meter(iec.block(rows), iec.register(stamps[0])))


_NEM13 = (
    "250,NMI1,11,1,11,11,METSER123,E,006342.8,20031005093055,A,,,007654.9,20040107100333,A,,,1312.1,kWh,20040407,"
    "20040108100333,20040108091133"
)
_CMEP = "MEPMD01,20080501,SENSUS,U:1,7,M1,202606031515,M1,OK,E,KWH{},1.0,{},3,202606020800,R0,8,,R0,9.5,,N0,"
_CMEP_REGISTER = "MEPMD01,20080501,SENSUS,U:1,7,M1,202606031515,M1,OK,E,KWHREG,10.0,,1,202606020800,R0,4711.5"
_SMT = (
    "ESIID,USAGE_DATE,REVISION_DATE,USAGE_START_TIME,USAGE_END_TIME,USAGE_KWH,ESTIMATED_ACTUAL,"
    "CONSUMPTION_SURPLUSGENERATION"
)
_BEACON = "Account_ID,Estimated_Flag,Flow,Flow_Time,Flow_Unit,Location_ID,Meter_SN,Read,Read_Time,Read_Unit"
_RECORD = f"RDG{'NORTH':<12}000010{'W1':<20}{'V':<8}{'M1':<16}{'m3':<6}"
_TEXTS: dict[str, tuple[str, ...]] = {
    "nem12": (
        nem12("200,NMI1,E1,1,E1,N1,METER1,kWh,30,", nem12_day(values=_ones(48)), nem12_day("20241002", tail="V,,,,"),
              "400,1,20,E52,,", "400,21,48,A,,"),
        nem12("200,NMI1,E1,1,E1,N1,METER1,Wh,60,", "300,20241001," + ",".join(_ones(24)) + ",A,,,20241002000000,"),
    ),
    "nem13": (_lines("100,NEM13,200401101030,MDA1,Ret1", _NEM13, "550,N,,N,", "900", end="\r\n"),),
    "espi": (_feed(),),
    "iec61968": (_message(),),
    "mscons": (_interchange(),),
    "d0010": (
        _lines(
            "ZHV|0000900001|D0010002|D|UDMS|X|MRCY|20260602153151||||OPER|", "026|1200000000018|V|",
            "028|S90A 12345|R|", "030|S|20260601000000|56311.0|||T|N|", "030|01|20260601093000|00012.5|||T|P|",
            "ZPT|0000900001|4||1|20260602154650|", end="\r\n",
        ),
    ),
    "cmep": (_lines(_CMEP.format("", "00000100"), _CMEP_REGISTER),),
    "smt": (
        _table(
            _SMT,
            [
                f"'ESI1,11/06/2022,11/07/2022 09:40:14,{hour:02d}:{quarter:02d},{hour:02d}:{quarter + 15:02d},.5,A,"
                "Consumption" for hour in range(3) for quarter in (0, 15, 30)
            ],
        ),
    ),
    "registers": (
        _table("meter_point,channel,meter,unit,read_date,reading,kind,quality",
               ["WAT1,W1,M1,kL,2026-10-01,123.456,regular,A", "WAT1,W1,M1,kL,2026-11-01,130,customer,E"]),
    ),
    "wide": (
        _table("meter_point,channel,unit,date,quality,updated_at," + ",".join(f"v{n}" for n in range(1, 26)),
               [f"NMI3,E1,kWh,2022-11-0{day},A,2022-11-09T00:00:00,{','.join(_ones(24))},7" for day in (5, 6, 7)]),
    ),
    "long": (
        _table("meter_point,channel,unit,start,value,quality,updated_at",
               [f"NMI3,E1,kWh,2022-11-06T0{hour}:00:00-06:00,0.{hour:03d},A," for hour in range(6)]),
    ),
    "beacon": (
        _table(_BEACON, [f"A1,0,5.{hour},2024-11-03 0{hour}:59,Gallons,L1,M1,10{hour}.5,2024-11-03 0{hour}:59,CCF"
                         for hour in range(4)]),
    ),
    "esb_hdf": (
        _table("MPRN,Meter Serial Number,Read Value,Read Type,Read Date and End Time",
               [f"10000000001,31415926,0.51{hour},Active Import Interval (kW{'h' * (hour % 2)}),29-10-2023 0{hour}:30"
                for hour in range(4)] + ["10000000001,3141,4711,24 Hr Active Import Register (kWh),29-10-2023 00:00"]),
    ),
    "route": (
        _lines("HDRBILLMILL1NORTH       20260105", f"{_RECORD}{'1790':>12}01050930K  ", f"{_RECORD}{'':>12}0105     02",
               "TRL000002", end="\r\n"),
    ),
    "uk_readings": (
        _table("MPR,ReadDatetime,kWh,ReadType",
               [f"2200,27 Oct 2019 0{hour}:{half}:00,{hour}.5,A" for hour in range(3) for half in ("00", "30")]),
    ),
    "uk_half_hourly": (
        _table("MPAN,Date," + ",".join(HALF_HOURS),
               [f"2200,2{day}/10/2019,{','.join(_ones(48))}" for day in (6, 7, 8)]),
        _table("MPAN,Date," + ",".join(ENDS), [f"2200,31/03/2019,{','.join(_ones(46))},,"]),
        _table("MPAN,Date (UTC)," + ",".join(HALF_HOURS), [f"2200,2019-03-31,{','.join(_ones(48))}"]),
        "2200,S123,01/04/17," + ",".join(["1.5"] * 48) + "\n",
    ),
}  # fmt: skip
