"""The kernel that reads runs of decimal fields from lines of text: no text per value, no float, nothing rounded."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import polars as pl

from ingest.formats.lines import text_places
from ingest.formats.numbers import SCALE
from model.compiled import compiled

Longs = npt.NDArray[np.int64]
Ints = npt.NDArray[np.int32]
Bytes = npt.NDArray[np.uint8]

FINE, EMPTY, BAD_NUMBER, TOO_PRECISE, TOO_LARGE = 0, 1, 2, 3, 4
PROBLEMS = {BAD_NUMBER: "bad_number", TOO_PRECISE: "too_precise", TOO_LARGE: "value_too_large"}

_COMMA, _QUOTE, _BLANK, _TAB = ord(","), ord('"'), ord(" "), ord("\t")
_ZERO, _NINE, _POINT, _MINUS, _PLUS = ord("0"), ord("9"), ord("."), ord("-"), ord("+")
_ONE = 10**SCALE
_TENS = 10 ** np.arange(SCALE + 1, dtype=np.int64)
# A larger whole part, in billionths, would not fit int64: 9,223,372,036 is the first that does not.
_WHOLE_MAX = (2**63 - 1) // _ONE - 1
_SHIFT_MAX = 18  # the highest power of ten in int64


@dataclass(frozen=True)
class DecimalFields:
    """A run of `count` decimal fields of each line.

    `billionths` (int64) and `problem` (uint8) have `count` entries a line, line after line; `begin` and `end` are the
    bytes at which the run begins and ends in its line (`end` is -1 where it has too few fields), `fields` how many
    fields the line has.
    """

    billionths: Longs
    problem: Bytes
    begin: Longs
    end: Longs
    fields: Ints


@compiled
def _decimal(data: Bytes, at: int, stop: int) -> tuple[int, int, int]:  # noqa: PLR0912  # a state machine of bytes
    """Read the field that begins at `at`; return where it ends, its value x 10^9 (0 with a problem), its problem."""
    whole, part, places = 0, 0, 0
    digits, state, problem = 0, 0, FINE  # state: 0 before the number, 1 whole part, 2 decimal places, 3 behind it
    negative = False
    while at < stop and data[at] != _COMMA:
        sign = data[at]
        at += 1
        if _ZERO <= sign <= _NINE and state < 3:
            digits += 1
            if state == 2:
                if places < SCALE:
                    part = part * 10 + (sign - _ZERO)
                    places += 1
                elif sign != _ZERO and problem == FINE:
                    problem = TOO_PRECISE
            else:
                state = 1
                if whole <= _WHOLE_MAX:
                    whole = whole * 10 + (sign - _ZERO)
        elif sign == _POINT and state < 2:
            state = 2
        elif sign in (_MINUS, _PLUS) and state == 0:
            negative = sign == _MINUS
            state = 1
        elif sign in (_BLANK, _TAB, _QUOTE):
            state = 3 if state != 0 else 0
        else:
            problem = BAD_NUMBER
    if state == 0 and problem == FINE:
        problem = EMPTY
    elif digits == 0:
        problem = BAD_NUMBER
    elif problem != BAD_NUMBER and whole > _WHOLE_MAX:
        problem = TOO_LARGE
    if problem != FINE:
        return at, 0, problem
    for _ in range(SCALE - places):
        part *= 10
    scaled = whole * _ONE + part
    return at, -scaled if negative else scaled, FINE


@compiled
def _plain_decimal(data: Bytes, begin: int, end: int) -> tuple[int, int]:
    """Read a field of at most nine digits, a point and at most nine digits, as nearly all are.

    Return where it ends and its value x 10^9; -1 where the field is anything else, which `_decimal` then judges.
    """
    # Indices without a sign need no look at whether they count from the end, and `stop` bounds them.
    at, stop, one = np.uint64(begin), np.uint64(end), np.uint64(1)
    number = 0
    first = at
    while at < stop:
        if data[at] < _ZERO or data[at] > _NINE:
            break
        number = number * 10 + (int(data[at]) - _ZERO)
        at += one
    digits, places = at - first, np.uint64(0)
    if digits == 0 or digits > SCALE:
        return -1, 0
    if at < stop and data[at] == _POINT:
        at += one
        first = at
        while at < stop:
            if data[at] < _ZERO or data[at] > _NINE:
                break
            number = number * 10 + (int(data[at]) - _ZERO)
            at += one
        places = at - first
    if places > SCALE or (at < stop and data[at] != _COMMA):
        return -1, 0
    return int(np.int64(at)), int(number * _TENS[np.uint64(SCALE) - places])


@compiled
def decimal_fields_kernel(
    data: Bytes,
    starts: Longs,
    stops: Longs,
    first: int,
    count: int,
    out_billionths: Longs,
    out_problem: Bytes,
    out_span: Longs,
    out_fields: Ints,
) -> None:
    """Read fields `first` to `first + count` of each line as decimals x 10^9.

    data: uint8; starts, stops: int64 [line], where each line lies in it; out_billionths: int64 [lines * count];
    out_problem: uint8 [lines * count], see FINE and the codes beside it; out_span: int64 [2, lines], begin and end of
    the run within the line; out_fields: int32 [lines]. Lines in any order. Blanks, tabs and quotes around a field do
    not count.
    """
    for line in range(len(starts)):
        start, stop = starts[line], stops[line]
        at, field = start, 0
        while field < first and at < stop:
            field += data[at] == _COMMA
            at += 1
        out_span[0, line] = at - start
        out_span[1, line] = -1
        if field == first:
            done = 0
            while done < count:
                end, billionths = _plain_decimal(data, at, stop)
                problem = FINE
                if end < 0:
                    end, billionths, problem = _decimal(data, at, stop)
                at = end
                out_billionths[line * count + done] = billionths
                out_problem[line * count + done] = problem
                done += 1
                if at >= stop:
                    break
                at += done < count  # the comma between two values
            if done == count:
                out_span[1, line] = at - start
            field += done - 1
        while at < stop:
            field += data[at] == _COMMA
            at += 1
        out_fields[line] = field + 1


def decimal_fields(lines: pl.Series, first: int, count: int) -> DecimalFields:
    """Read `count` comma-separated decimal fields of each line, from field `first` (from 0).

    A line with fewer fields has `end` -1; its values mean nothing.
    """
    assert first >= 1 and count >= 1, "at least one field stands before the values"
    height = len(lines)
    billionths = np.zeros(height * count, dtype=np.int64)
    problem = np.zeros(height * count, dtype=np.uint8)
    span = np.zeros((2, height), dtype=np.int64)
    fields = np.zeros(height, dtype=np.int32)
    text, starts, stops = text_places(lines)
    decimal_fields_kernel(text, starts, stops, first, count, billionths, problem, span, fields)
    return DecimalFields(billionths, problem, span[0], span[1], fields)


@compiled
def whole_units_kernel(
    billionths: Longs, step: int, factor: int, limit: int, out_values: Ints, out_problem: Bytes
) -> None:
    """Turn numbers in billionths of a file's unit into whole smallest units: divided by `step`, times `factor`.

    billionths: int64; one of `step` and `factor` is 1, `limit` fits int32; out_values: int32, 0 where there is a
    problem; out_problem: uint8, TOO_PRECISE or TOO_LARGE. Any order.
    """
    bound = limit // factor
    for at in range(len(billionths)):
        value = billionths[at] // step
        problem = FINE
        if value * step != billionths[at]:
            problem = TOO_PRECISE
        elif value > bound or value < -bound:
            problem = TOO_LARGE
        out_problem[at] = problem
        out_values[at] = 0 if problem != FINE else value * factor


def whole_units(billionths: Longs, exponent: int, limit: int) -> tuple[Ints, Bytes]:
    """Return the numbers in whole smallest units, of which a value of 1 in the file counts 10^`exponent`; problems."""
    assert limit <= np.iinfo(np.int32).max, "slots are int32"
    shift = min(exponent - SCALE, _SHIFT_MAX)
    # Nothing but zero is a multiple of what int64 cannot hold.
    step = 10 ** max(-shift, 0) if shift >= -_SHIFT_MAX else np.iinfo(np.int64).max
    values, problem = np.zeros(len(billionths), dtype=np.int32), np.zeros(len(billionths), dtype=np.uint8)
    whole_units_kernel(billionths, step, 10 ** max(shift, 0), limit, values, problem)
    return values, problem
