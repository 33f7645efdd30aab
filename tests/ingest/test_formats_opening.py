"""Files that are packed, cut, mangled or no meter files at all: one is refused, the others beside it are read."""

from __future__ import annotations

import gzip
import io
import random
import tracemalloc
import zipfile

import pytest
from meter_files import nem12, nem12_day

from ingest.describe.facts import FileFacts, describe
from ingest.formats.detect import read_files

E1 = "200,N,E1,1,E1,N1,M,kWh,30,"
GOOD = nem12(E1, nem12_day()).encode()
LONG = "meter_point,channel,unit,start,value,quality\n"


def read(data: bytes, name: str = "f") -> list[FileFacts]:
    return [describe(records) for records in read_files(name, data)]


def told(data: bytes) -> list[tuple[str, str | None, int]]:
    """Return name, reason of the refusal and readings of each file in a file."""
    return [
        (
            facts.name,
            None if facts.is_usable else facts.rejects["reason"][0],
            sum(channel.readings for channel in facts.channels),
        )
        for facts in read(data)
    ]


def zipped(**members: bytes) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    return buffer.getvalue()


def test_packed_files_are_unpacked_also_inside_each_other() -> None:
    assert told(gzip.compress(GOOD)) == [("f", None, 48)]
    assert told(gzip.compress(GOOD[:100]) + gzip.compress(GOOD[100:])) == [("f", None, 48)]
    inner = zipped(b=gzip.compress(GOOD), c=b"<html>")
    assert told(zipped(a=GOOD, z=inner)) == [("f/a", None, 48), ("f/z/b", None, 48), ("f/z/c", "html_page", 0)]


def test_what_is_packed_too_deeply_or_too_tightly_is_refused_and_the_rest_read() -> None:
    deep = GOOD
    for _ in range(4):
        deep = gzip.compress(deep)
    assert told(deep) == [("f", "bad_archive", 0)]
    bomb = gzip.compress(b"0" * 30_000_000)
    assert told(bomb) == [("f", "bad_archive", 0)]
    assert told(zipped(a=GOOD, b=bomb)) == [("f/a", None, 48), ("f/b", "bad_archive", 0)]


def test_small_steps_do_not_add_up_to_a_bomb() -> None:
    block = random.Random(1).randbytes(10_000)
    member = zipped(a=block * 100)  # 100 to 1
    steps = gzip.compress(zipped(**{f"m{number:03}": member for number in range(100)}))  # 50 to 1, and 5,000 in all
    found = told(steps)
    assert {reason for _, reason, _ in found} == {"bad_encoding", "bad_archive"}
    assert sum(reason == "bad_encoding" for _, reason, _ in found) * len(block) * 100 < 200 * len(steps) + 70_000


@pytest.mark.parametrize("cut", [20, 60, -1])
def test_a_damaged_gzip_is_refused(cut: int) -> None:
    assert told(gzip.compress(GOOD)[:cut]) == [("f", "bad_archive", 0)]


def test_a_bomb_is_refused_before_it_fills_the_memory() -> None:
    bomb = gzip.compress(b"0" * 200_000_000)
    tracemalloc.start()
    read(bomb)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 100_000_000


@pytest.mark.parametrize(
    ("data", "reason", "words"),
    [
        (b"", "empty_file", "found no text"),
        (b"\xff\xfe", "empty_file", "found no text"),
        (b"  \n,,,\n", "empty_file", "found no text"),
        (b"<!DOCTYPE html>\n<title>Sign in", "html_page", "found a web page"),
        (b'<?xml version="1.0"?>\n<!DOCTYPE html PUBLIC "x">\n<html>', "html_page", "found a web page"),
        (GOOD.replace(b",A,,,", b",A,caf\xe9,,", 1), "bad_encoding", "found byte 0xe9 in line 3"),
        (GOOD[:60] + b"\x00" + GOOD[60:], "bad_encoding", "found null bytes in line 2"),
        ("".join(chr(code) for code in range(1, 255)).encode("latin-1"), "bad_encoding", "in line 2"),
        (b"\x89PNG\r\n\x1a\n" + bytes(range(128)), "bad_encoding", "found byte 0x89 in line 1"),
        (LONG.encode() + b"x" * 10_000_001, "line_too_long", "found one of 10,000,001 in line 2"),
        (b"Dear Sir, please find attached", "unknown_format", "found `Dear Sir, please find attached` in line 1"),
        (b"\x1b[31mred", "unknown_format", "found `\N{REPLACEMENT CHARACTER}[31mred` in line 1"),
    ],
)
def test_a_file_that_holds_no_reads_says_what_it_is(data: bytes, reason: str, words: str) -> None:
    (facts,) = read(data)
    assert facts.rejects.select("line", "reason").rows() == [(0, reason)]
    assert words in facts.rejects["detail"][0]


@pytest.mark.parametrize(
    "data",
    [
        b"\xef\xbb\xbf" + GOOD,
        b"\xc3\xaf\xc2\xbb\xc2\xbf" + GOOD,  # a mark that was taken for letters and encoded once more
        GOOD.decode().encode("utf-16"),
        GOOD.replace(b"\r\n", b"\r"),
        GOOD.replace(b"\r\n", b"\n"),
        GOOD.rstrip(),
    ],
)
def test_marks_and_line_ends_make_no_difference(data: bytes) -> None:
    assert told(data) == [("f", None, 48)]


def test_a_file_cut_off_keeps_its_whole_days_and_says_so() -> None:
    whole = nem12(E1, nem12_day(), nem12_day("20241002"), nem12_day("20241003"))
    (facts,) = read(whole[: whole.index("300,20241003") + 40].encode())
    assert facts.channels[0].readings == 96
    assert facts.rejects.select("line", "reason").rows() == [(5, "no_end_record"), (5, "wrong_slot_count")]
