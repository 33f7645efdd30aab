"""Damage as meter files really have it: fields, lines, numbers, dates, delimiters, bytes; drawn from a seed."""

from __future__ import annotations

import gzip
import re
from collections.abc import Callable, Sequence
from random import Random

Text = Callable[[str, Random], str]

_NUMBER = re.compile(r"-?\d+(?:\.\d+)?")
_DATE = re.compile(r"\d{4}-\d\d-\d\d|\d{2}[/-]\d{2}[/-]\d{4}|(?<!\d)(?:19|20)\d{6}(?:\d{4}|\d{6})?(?!\d)")
_FIELD = re.compile(r"[^,|;+:'<>\t\r\n]*")
_SEPARATORS = ",|;+:'\t<>"
_NUMBERS = """
0 -0 00 -1 +1 . -. 1. .5 1e3 1E-12 NaN nan inf -inf 1,5 1_000 0x10 --1 1.2.3 1٢ ½ 999999999 2147483647 2147483648
-2147483648 9223372036854775807 9223372036854775808 0.000000001 0.0000000001 0.1234567890123456 123456789012345678
99999999999999999999999999999999999999 -99999999999999999999999999999999999999999
170141183460469231731687303715884105728
"""
_DATES = """
0000-00-00 0001-01-01 1899-12-31 1969-12-31 1970-01-01 1970-01-03 2024-02-29 2023-02-29 2022-03-13 2022-11-06 2024-03-31
2024-10-27 2026-04-05 2026-10-04 2199-12-29 2199-12-31 2261-12-31 2262-04-12 9999-12-31 20240229 20230229 20241027
99991231 00010101 20240331013000 20241027013000 99991231235959 202410270130 24:00 00:00 23:59 [24:00] 25:00 13:60
2022-11-06T01:30:00-05:00 2022-11-06T01:30:00-06:00 2024-10-27T01:30:00Z 9999-12-31T23:59:59+14:00 31/12/9999 29/02/2023
"""
_CODES = """
A E F S V N S14 F55 A1 B 0 7 8 19 220 Z18 Z30 67 R0 N9 E512 X 1.0.0 2.5.259 kWh KWH kvarh m3 therm MWh kW W GJ XYZ Est
100 200 300 400 500 550 900 026 028 030 ZPT ZHV UNH UNT UNZ LOC PIA QTY DTM IntervalReading value start
"""
NUMBERS, DATES, CODES = _NUMBERS.split(), _DATES.split(), _CODES.split()
SIGNS = [
    *",|;+:?'\"\t <>&=/\\",
    "\n",
    "\r",
    "\r\n",
    "\n\n",
    "\x0b",
    "\x0c",
    "\x1c",
    "\x85",
    "\u2028",
    "\xa0",
    "\u200b",
    "é",
]
SIGNS += ["\ufeff", "\x00", "\x7f", "١", "\U0001f600", '""', '","', "  ", ",,,,"]


def mutated(data: bytes, draw: Random, others: Sequence[bytes] = ()) -> bytes:
    """Return the bytes with one to four changes; `others` are files of the same format to take lines from."""
    if draw.random() < 0.1:
        return _damaged_bytes(data, draw)
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError:
        return _damaged_bytes(data, draw)
    for _ in range(draw.choice([1, 1, 1, 2, 2, 3, 4])):
        if others and draw.random() < 0.1:
            text = _spliced(text, draw.choice(others).decode("utf-8", errors="replace"), draw)
        else:
            text = draw.choice(_CHANGES)(text, draw)
    return _encoded(text, draw)


def _at(pattern: re.Pattern[str], words: Sequence[str]) -> Text:
    """Return a change that writes one of the words where the pattern stands."""

    def change(text: str, draw: Random) -> str:
        found = _near(pattern, text, draw)
        return text if found is None else text[: found.start()] + draw.choice(words) + text[found.end() :]

    return change


def _near(pattern: re.Pattern[str], text: str, draw: Random) -> re.Match[str] | None:
    """Return the first match behind a place in the text: nobody needs the list of all."""
    return pattern.search(text, draw.randrange(len(text) + 1)) or pattern.search(text)


def _other_digit(text: str, draw: Random) -> str:
    found = _near(re.compile(r"\d"), text, draw)
    return text if found is None else text[: found.start()] + draw.choice("0123456789") + text[found.end() :]


def _negated(text: str, draw: Random) -> str:
    found = _near(_NUMBER, text, draw)
    return text if found is None else text[: found.start()] + "-" + text[found.start() :]


def _swapped_fields(text: str, draw: Random) -> str:
    first, second = _near(_FIELD, text, draw), _near(_FIELD, text, draw)
    if first is None or second is None or first.end() > second.start():
        return text
    between = text[first.end() : second.start()]
    return text[: first.start()] + second[0] + between + first[0] + text[second.end() :]


def _other_sign(text: str, draw: Random) -> str:
    at = draw.randrange(len(text) + 1)
    return text[:at] + draw.choice(SIGNS) + text[at + draw.choice([0, 0, 1, 5, 60]) :]


def _other_separator(text: str, draw: Random) -> str:
    old, new = draw.choice(_SEPARATORS), draw.choice(_SEPARATORS)
    return text.replace(old, new, draw.choice([1, 3, -1]))


def _quoted(text: str, draw: Random) -> str:
    found = _near(_FIELD, text, draw)
    return text if found is None else f'{text[: found.start()]}"{found[0]}"{text[found.end() :]}'


def _lines(change: Callable[[list[str], Random], list[str]]) -> Text:
    def changed(text: str, draw: Random) -> str:
        sign = "'" if "\n" not in text.strip() and "'" in text else ">" if text.startswith("<") else "\n"
        return sign.join(change(text.split(sign), draw))

    return changed


def _dropped(lines: list[str], draw: Random) -> list[str]:
    at = draw.randrange(len(lines))
    return lines[:at] + lines[at + draw.choice([1, 1, 2]) :]


def _doubled(lines: list[str], draw: Random) -> list[str]:
    at, to = draw.randrange(len(lines)), draw.randrange(len(lines) + 1)
    return [*lines[:to], lines[at], *lines[to:]]


def _moved(lines: list[str], draw: Random) -> list[str]:
    lines = list(lines)
    lines.insert(draw.randrange(len(lines)), lines.pop(draw.randrange(len(lines))))
    return lines


def _shuffled(lines: list[str], draw: Random) -> list[str]:
    return [lines[0], *draw.sample(lines[1:], len(lines) - 1)]


def _joined(lines: list[str], draw: Random) -> list[str]:
    at = draw.randrange(len(lines))
    return [*lines[:at], "".join(lines[at : at + 2]), *lines[at + 2 :]]


def _cut(text: str, draw: Random) -> str:
    return text[: draw.randrange(len(text) + 1)]


def _spliced(text: str, other: str, draw: Random) -> str:
    mine, theirs = text.split("\n"), other.split("\n")
    return "\n".join([*mine[: draw.randrange(len(mine) + 1)], *theirs[draw.randrange(len(theirs)) :]])


_CHANGES: tuple[Text, ...] = (
    _at(_NUMBER, NUMBERS), _at(_NUMBER, NUMBERS), _at(_DATE, DATES), _at(_FIELD, DATES), _at(_FIELD, CODES),
    _at(_FIELD, [""]), _at(re.compile(f"[{re.escape(_SEPARATORS)}]"), ["", *_SEPARATORS]), _other_digit, _other_digit,
    _negated, _swapped_fields, _other_sign, _other_sign, _other_separator, _quoted, _lines(_dropped), _lines(_doubled),
    _lines(_moved), _lines(_shuffled), _lines(_joined), _cut,
)  # fmt: skip


def _encoded(text: str, draw: Random) -> bytes:
    chance = draw.random()
    data = text.encode("utf-8", errors="replace")
    if chance < 0.02:
        return text.encode("utf-16", errors="replace")
    if chance < 0.03:
        return b"\xef\xbb\xbf" + data
    if chance < 0.04:
        return gzip.compress(data, mtime=0)
    if chance < 0.06:
        return data.replace(b"\n", b"\r\n")
    return data


def _damaged_bytes(data: bytes, draw: Random) -> bytes:
    at = draw.randrange(len(data) + 1)
    return data[:at] + draw.randbytes(draw.choice([0, 1, 1, 2, 8])) + data[at + draw.choice([0, 1, 1, 4]) :]
