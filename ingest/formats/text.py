"""Bytes to numbered lines: byte order marks, line ends and encodings as they come from many systems."""

from __future__ import annotations

import codecs
import re

import polars as pl

from ingest.formats.lines import ending_lines
from ingest.formats.parsed import Source
from model.errors import InputError

BLANK_MAX = 1_000
_LATIN_INTERCHANGE = re.compile(rb"\s*(UNA.{6}\s*)?UNB.UNOC")
_UTF16_MARKS = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
_MANGLED_MARK = "\u00ef\u00bb\u00bf"  # a UTF-8 mark that some system took for three letters and encoded again


def decode(data: bytes) -> str:
    """Return the text of a file: UTF-8 with or without a mark, or UTF-16 with one; all line ends become LF.

    An EDIFACT interchange names its character set: UNOC is Latin-1 (ISO 9735), unless the bytes are UTF-8.

    Raises:
        InputError: the bytes are no such text.
    """
    encoding = "utf-16" if data.startswith(_UTF16_MARKS) else "utf-8"
    data = data.removeprefix(codecs.BOM_UTF8)
    try:
        text = data.decode(encoding)
    except UnicodeDecodeError as error:
        if _LATIN_INTERCHANGE.match(data):
            return decode(data.decode("latin-1").encode())
        line = data[: error.start].count(b"\n") + 1
        raise InputError(
            f"expected text in {encoding.upper()}, found byte 0x{data[error.start]:02x} in line {line}",
            hint="save the file as UTF-8 and land it again",
        ) from error
    at = text.find("\x00")
    if at >= 0:
        line = text.count("\n", 0, at) + 1
        raise InputError(f"expected text, found null bytes in line {line}", hint="export the file again as text")
    text = text.removeprefix(_MANGLED_MARK)
    return text.replace("\r\n", "\n").replace("\r", "\n") if "\r" in text else text


def opening_text(data: bytes) -> str:
    """Return the beginning of a file as text, whatever it is: what is none becomes replacement characters."""
    encoding = "utf-16" if data.startswith(_UTF16_MARKS) else "utf-8-sig"
    return data.decode(encoding, errors="replace").removeprefix(_MANGLED_MARK)


def read_source(name: str, sha256: str, data: bytes) -> Source:
    """Return the file as numbered lines; lines that hold nothing but blanks and commas are left out.

    Raises:
        InputError: the bytes are no text.
    """
    lines = ending_lines(_normal(data)).to_frame("text")
    numbered = lines.select(pl.int_range(1, pl.len() + 1, dtype=pl.Int64).alias("line"), "text")
    # Only short lines are looked at: a long one of nothing but commas is left to its format.
    is_blank = (pl.col("text").str.len_bytes() <= BLANK_MAX) & (pl.col("text").str.strip_chars(" \t,") == "")
    kept = numbered.filter(~is_blank)
    if kept.height and kept["text"][0].strip().casefold().startswith("sep="):
        kept = kept.slice(1)  # spreadsheets write their separator into the first line
    return Source(name, sha256, kept, data)


def _normal(data: bytes) -> bytes:
    """Return the text of a file as UTF-8 without a mark; the bytes themselves where `decode` would change nothing."""
    is_plain = data.isascii() and b"\x00" not in data and b"\r" not in data
    return data if is_plain else decode(data).encode()
