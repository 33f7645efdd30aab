"""XML documents as columns: every element of a file with its parent, its line and its text.

A document is first read by a strict parser, which only says whether it is well-formed; a document type is refused, so
that no entity can be defined, fetched or multiplied. What is well-formed is then cut into columns by the places of its
angle brackets: in such a document they can mean nothing but tags, once comments and the like are taken out.
"""

from __future__ import annotations

import codecs
import html
import re
from dataclasses import dataclass, field, replace
from functools import cached_property
from xml.parsers import expat

import numpy as np
import numpy.typing as npt
import polars as pl
import pyarrow as pa

from ingest.formats.parsed import Source
from ingest.formats.text import decode
from model.errors import InputError

DEPTH_MAX = 64  # meter files nest ten deep; a document of a million nested tags is none
_ASIDE = re.compile(rb"<!--.*?-->|<!\[CDATA\[(.*?)\]\]>|<\?.*?\?>", re.DOTALL)
_TAG = re.compile(rb"""<[^!?/<>"'\s][^<>"']*+(?:(?:"[^"]*"|'[^']*')[^<>"']*+)*+>""")
_ROOT = re.compile(
    rb"(?:\xef\xbb\xbf)?\s*+(?:(?:<!--.*?-->|<\?.*?\?>|<!DOCTYPE[^<>\[]*(?:\[.*?\]\s*)?>)\s*+)*+<(?:[\w.-]+:)?([\w.-]+)[\s/>]",
    re.DOTALL,
)
_NAME = r"^(?:[^\s:/=]+:)?([^\s/]+)"
_ATTRIBUTE = r"""(?:\s|:)%s\s*=\s*(?:"([^"]*)"|'([^']*)')"""
_LT, _GT, _SLASH, _LF, _QUOTE, _APOSTROPHE = (ord(mark) for mark in "<>/\n\"'")
_HINT = "check what sent it"

Rows = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Elements:
    """The elements of a document in the order in which they open; a row number names an element.

    `name_code` counts into `names` (local names, without prefix); `parent` is a row, -1 for the root; `line` from 1.
    `cuts` are places in `data`, four for each element: begin and end of its tag, begin and end of its text. The text is
    what stands between the tag and the next one: all there is when the element has no others in it.
    """

    names: tuple[str, ...]
    name_code: npt.NDArray[np.int64]
    parent: Rows
    line: Rows
    cuts: Rows
    data: bytes = field(repr=False)

    @property
    def root(self) -> str:
        """Local name of the outermost element."""
        return self.name_of(0)

    def name_of(self, row: int) -> str:
        """Return the local name of an element."""
        return self.names[int(self.name_code[row])]

    @cached_property
    def _has_children(self) -> npt.NDArray[np.bool_]:
        found = np.zeros(len(self.parent), dtype=np.bool_)
        found[self.parent[self.parent >= 0]] = True
        return found

    @cached_property
    def _rows_by_name(self) -> dict[str, Rows]:
        order = np.argsort(self.name_code, kind="stable")
        edges = np.searchsorted(self.name_code[order], np.arange(len(self.names) + 1))
        return {name: order[edges[code] : edges[code + 1]] for code, name in enumerate(self.names)}

    def of(self, *names: str) -> Rows:
        """Return the elements with one of these local names, in document order."""
        found = [self._rows_by_name[name] for name in names if name in self._rows_by_name]
        if len(found) == 1:
            return found[0]
        return np.sort(np.concatenate(found)) if found else np.empty(0, dtype=np.int64)

    def children(self, name: str, *parents: str) -> Rows:
        """Return the elements `name` that stand directly in an element with one of the names `parents`."""
        rows = self.of(name)
        return rows[self._is_in(rows, parents)]

    def _is_in(self, rows: Rows | slice, parents: tuple[str, ...]) -> npt.NDArray[np.bool_]:
        """Return whether each element stands directly in one of these names."""
        is_wanted = np.array([name in parents for name in self.names])
        parent = self.parent[rows]
        held: npt.NDArray[np.bool_] = (parent >= 0) & is_wanted[self.name_code[parent]]
        return held

    def fields(self, *parents: str) -> dict[int, dict[str, str]]:
        """Return the texts of the elements directly in each element with one of these names, by row and local name.

        Of several with one name, the first. For the few elements that describe others, not for readings.
        """
        found: dict[int, dict[str, str]] = {int(row): {} for row in self.of(*parents)}
        held = np.flatnonzero(self._is_in(slice(None), parents))
        for row, parent, text in zip(held.tolist(), self.parent[held].tolist(), self.texts(held), strict=True):
            if text is not None:
                found[parent].setdefault(self.name_of(row), text)
        return found

    def texts(self, rows: Rows) -> pl.Series:
        """Return the text of each element, without the blanks around it; null where it has elements in it."""
        texts = self._unescaped(cut_texts(self.data, self.cuts[rows, 2], self.cuts[rows, 3]).str.strip_chars())
        is_outer = self._has_children[rows]
        return texts.set(pl.Series(is_outer), None) if is_outer.any() else texts

    def attributes(self, rows: Rows, name: str) -> pl.Series:
        """Return an attribute of each element, whatever its prefix; null where it has none."""
        tags = cut_texts(self.data, self.cuts[rows, 0], self.cuts[rows, 1])
        groups = tags.str.extract_groups(_ATTRIBUTE % name).struct.unnest()
        return self._unescaped(groups.select(pl.coalesce(pl.all()).alias("text")).to_series())

    @cached_property
    def _has_escapes(self) -> bool:
        return b"&" in self.data

    def _unescaped(self, texts: pl.Series) -> pl.Series:
        """Resolve `&amp;` and the like where there are any: values have none, addresses few."""
        if not self._has_escapes:
            return texts
        places = texts.str.contains("&", literal=True).fill_null(False).arg_true()
        return texts.scatter(places, [html.unescape(text) for text in texts.gather(places)])

    def down(self, *path: str) -> tuple[Rows, Rows]:
        """Return the elements at the end of a path of names, and the element in which the path begins for each."""
        rows = self.of(path[-1])
        owners = self.parent[rows]
        for name in reversed(path[:-1]):
            is_on_path = np.array([known == name for known in self.names])
            kept = (owners >= 0) & is_on_path[self.name_code[owners]]
            rows, owners = rows[kept], self.parent[owners[kept]]
        return rows, owners

    def texts_below(self, owners: Rows, *path: str) -> pl.Series:
        """Return for each of `owners` (rising) the text at the end of a path: empty for none, null for several."""
        rows, holders = self.down(*path)
        return placed(owners, holders, self.texts(rows))

    def enclosing(self, rows: Rows, name: str) -> Rows:
        """Return for each element the one called `name` around it, or that it is itself; -1 where there is none."""
        code = self.names.index(name) if name in self.names else -1
        found = rows.copy()
        for _ in range(DEPTH_MAX):
            wrong = np.flatnonzero((found >= 0) & (self.name_code[found] != code))
            if not len(wrong):
                break
            found[wrong] = self.parent[found[wrong]]
        return found


def read_elements(data: bytes) -> Elements:
    """Return the elements of an XML document.

    Raises:
        InputError: it is not well-formed, declares a document type, or nests deeper than 64.
    """
    text = decode(data).encode()
    _check(text)
    plain = _without_asides(text)
    begin, end = _tags(plain)
    if _has_bracket_in_quotes(plain, begin, end):
        plain = _TAG.sub(lambda tag: tag[0][:-1].replace(b">", b"&gt;") + b">", plain)
        begin, end = _tags(plain)
    return _nested(plain, begin, end)


def opening_root(start: bytes) -> str:
    """Return the local name of the first tag in the first bytes of a file; empty when there is none yet."""
    encoding = "utf-16" if start.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)) else "utf-8"
    text = start.decode(encoding, errors="ignore").encode()
    found = _ROOT.match(text)
    return found[1].decode() if found else ""


def with_own_lines(source: Source, elements: Elements, rows: Rows) -> tuple[Source, Elements, dict[str, str]]:
    """Return source and elements with a line of its own for each of `rows`, and a note if that is no line of the file.

    Many messages come without line ends. Then elements are counted instead, from 1, and rejects show no text.
    """
    if (np.diff(elements.line[rows]) > 0).all():
        return source, elements, {}
    counted = replace(elements, line=np.arange(1, len(elements.line) + 1))
    note = {"lines": "several readings share a line of the file, so lines count its elements, from 1"}
    return replace(source, lines=source.lines.clear()), counted, note


def placed(owners: Rows, holders: Rows, texts: pl.Series) -> pl.Series:
    """Return the one text whose holder is each of `owners` (rising): empty where there is none, null for several."""
    if np.array_equal(owners, holders):
        return texts
    is_held = np.isin(holders, owners)
    place = np.searchsorted(owners, holders[is_held])
    counts = np.bincount(place, minlength=len(owners))
    source = np.full(len(owners), -1, dtype=np.int64)
    source[place] = np.flatnonzero(is_held)
    found = texts.gather(pl.Series(source).replace(-1, None))
    return found.set(pl.Series(counts == 0), "").set(pl.Series(counts > 1), None)


def cut_texts(data: bytes, begin: Rows, end: Rows) -> pl.Series:
    """Return the texts between places in UTF-8 bytes; `begin` rises, and no text overlaps the next."""
    if not len(begin):
        return pl.Series("text", [], dtype=pl.String)
    places = np.empty(2 * len(begin), dtype=np.int64)
    places[0::2], places[1::2] = begin, end
    # Every second string is the stretch between two texts: no byte is copied to make them.
    strings = pa.LargeStringArray.from_buffers(len(places) - 1, pa.py_buffer(places), pa.py_buffer(data))
    cut = pl.from_arrow(strings)
    assert isinstance(cut, pl.Series), "an array becomes a series"
    return cut.gather_every(2).alias("text")


def _check(text: bytes) -> None:
    """Read the document strictly and keep nothing of it.

    Raises:
        InputError: see read_elements.
    """

    def refuse(name: str, *_: object) -> None:
        raise InputError(
            f"expected XML without a document type, found DOCTYPE `{name}` in line {parser.CurrentLineNumber}",
            hint="remove the document type: a meter file has no need of one",
        )

    parser = expat.ParserCreate("utf-8")  # the bytes are UTF-8 by now, whatever the declaration says
    parser.StartDoctypeDeclHandler = refuse
    try:
        parser.Parse(text, True)
    except expat.ExpatError as error:
        raise InputError(
            f"expected well-formed XML, found {expat.ErrorString(error.code)} in line {error.lineno}, "
            f"column {error.offset + 1}",
            hint="the file may have been cut off: fetch it again",
        ) from error


def _without_asides(text: bytes) -> bytes:
    """Take out comments and instructions but for their line ends; what is in CDATA becomes plain text."""

    def aside(found: re.Match[bytes]) -> bytes:
        if found[1] is None:
            return b"\n" * found[0].count(b"\n")
        return html.escape(found[1].decode(), quote=False).encode()

    return _ASIDE.sub(aside, text)


def _tags(text: bytes) -> tuple[Rows, Rows]:
    """Return where the bracket that opens each tag stands, and where the next closing one."""
    marks = np.frombuffer(text, dtype=np.uint8)
    begin, ends = np.flatnonzero(marks == _LT), np.flatnonzero(marks == _GT)
    if len(begin) == len(ends) and (begin < ends).all() and (ends[:-1] < begin[1:]).all():
        return begin, ends
    return begin, ends[np.searchsorted(ends, begin)]  # there are closing brackets outside of tags


def _has_bracket_in_quotes(text: bytes, begin: Rows, end: Rows) -> bool:
    """Return whether some tag may end later than its first closing bracket: a quote is still open there."""
    marks = np.frombuffer(text, dtype=np.uint8)
    quoted = _tags_around(np.flatnonzero(marks == _QUOTE), begin, end)
    apostrophes = _tags_around(np.flatnonzero(marks == _APOSTROPHE), begin, end)
    return len(apostrophes) > 0 or bool((np.bincount(quoted) % 2).any())


def _tags_around(places: Rows, begin: Rows, end: Rows) -> Rows:
    """Return the number of the tag in which each place is, leaving out those in no tag."""
    tag = np.searchsorted(begin, places) - 1
    return tag[(tag >= 0) & (places < end[np.maximum(tag, 0)])]


def _nested(text: bytes, begin: Rows, end: Rows) -> Elements:
    """Return the elements of the tags."""
    marks = np.frombuffer(text, dtype=np.uint8)
    is_closing, is_empty = marks[begin + 1] == _SLASH, marks[end - 1] == _SLASH
    step = np.where(is_closing, -1, np.where(is_empty, 0, 1))
    opens = np.flatnonzero(~is_closing)
    depth = (np.cumsum(step) - step)[opens]
    if depth.max() >= DEPTH_MAX:
        raise InputError(f"expected at most {DEPTH_MAX} nested elements, found {depth.max() + 1}", hint=_HINT)
    tags = np.column_stack([begin[opens] + 1, end[opens]])
    text_end = np.append(begin[1:], len(text))[opens]
    text_begin = np.where(is_empty[opens], text_end, end[opens] + 1)
    names, codes = _names(text, tags)
    line = np.searchsorted(np.flatnonzero(marks == _LF), begin[opens]) + 1
    return Elements(names, codes, _parents(depth), line, np.column_stack([tags, text_begin, text_end]), text)


def _names(text: bytes, tags: Rows) -> tuple[tuple[str, ...], Rows]:
    """Return the local names there are, and each element's place among them."""
    heads = cut_texts(text, tags[:, 0], tags[:, 1])
    kinds = heads.unique(maintain_order=True)  # few: most tags have no attributes, so they repeat
    locals_of = kinds.str.extract(_NAME)
    names = locals_of.unique(maintain_order=True)
    code_of_kind = locals_of.cast(pl.Enum(names)).to_physical().to_numpy()
    return tuple(names), code_of_kind[heads.cast(pl.Enum(kinds)).to_physical().to_numpy()].astype(np.int64)


def _parents(depth: Rows) -> Rows:
    """Return the element around each: the last one before it that is one level further out."""
    parent = np.full(len(depth), -1, dtype=np.int64)
    outer = np.flatnonzero(depth == 0)
    for level in range(1, int(depth.max()) + 1):
        rows = np.flatnonzero(depth == level)
        parent[rows] = outer[np.searchsorted(outer, rows) - 1]
        outer = rows
    return parent
