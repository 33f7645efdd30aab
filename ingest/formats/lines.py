"""Lines of a text as a column that shares its bytes, and a column's bytes back: nothing is copied line by line."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import polars as pl
import pyarrow as pa

from model.compiled import compiled

Longs = npt.NDArray[np.int64]
Bytes = npt.NDArray[np.uint8]

_VIEW_BYTES = 16  # of a string view: length, then the text itself or its first bytes, buffer and offset
_INLINE_MAX = (
    12  # a text of at most so many bytes stands in its view. Source: Arrow columnar format, variable-size views
)
_PREFIX = 4
_BUFFER_MAX = 2**31 - 1  # offsets of views are int32
_LF = ord("\n")


@compiled
def line_views_kernel(data: Bytes, out_views: Bytes, out_places: npt.NDArray[np.int32]) -> None:
    """Fill the string view of each line of a text; what stands behind the last line end is a line.

    data: uint8, at most 2^31 - 1; out_views: uint8 [lines, 16] and out_places: int32 [lines, 4], the same memory, zero.
    """
    line, start = 0, 0
    for at in range(len(data) + 1):
        if at < len(data) and data[at] != _LF:
            continue
        length = at - start
        out_places[line, 0] = length
        kept = length if length <= _INLINE_MAX else _PREFIX
        for place in range(kept):
            out_views[line, _PREFIX + place] = data[start + place]
        if length > _INLINE_MAX:
            out_places[line, 3] = start
        line += 1
        start = at + 1


def ending_lines(data: bytes) -> pl.Series:
    """Return the lines of a UTF-8 text that LF ends, and what stands behind the last LF, as a text column.

    The column keeps `data` and points into it. As `data.decode().split("\\n")`, which is what texts beyond 2 GiB get.
    """
    if len(data) > _BUFFER_MAX:
        return pl.Series(data.decode().split("\n"), dtype=pl.String)
    count = data.count(b"\n") + 1
    memory = pa.allocate_buffer(count * _VIEW_BYTES)
    views = np.frombuffer(memory, np.uint8).reshape(count, _VIEW_BYTES)
    views[:] = 0
    line_views_kernel(np.frombuffer(data, np.uint8), views, views.view(np.int32))
    array = pa.Array.from_buffers(pa.string_view(), count, [None, memory, pa.py_buffer(data)])
    return pl.Series(array, dtype=pl.String)


def text_places(lines: pl.Series) -> tuple[Bytes, Longs, Longs]:
    """Return bytes that hold all texts of a column without nulls, and where each begins and stops in them.

    Lines that still point into one text, as `ending_lines` makes them, are not copied.
    """
    assert lines.dtype == pl.String and not lines.null_count(), "lines are text, none is null"
    viewed = lines.rechunk().to_arrow(compat_level=pl.CompatLevel.newest())
    _, views, *buffers = viewed.buffers()
    if len(buffers) == 1 and viewed.offset == 0:
        places = np.frombuffer(views, np.int32).reshape(-1, _VIEW_BYTES // 4)[: len(lines)]
        lengths, starts = places[:, 0].astype(np.int64), places[:, 3].astype(np.int64)
        if (lengths > _INLINE_MAX).all():
            return np.frombuffer(buffers[0], np.uint8), starts, starts + lengths
    packed = lines.rechunk().to_arrow(compat_level=pl.CompatLevel.oldest())
    _, offsets, data = packed.buffers()
    ends = np.frombuffer(offsets, dtype=np.int64)[packed.offset : packed.offset + len(lines) + 1]
    text = np.frombuffer(data, dtype=np.uint8) if data is not None else np.zeros(0, dtype=np.uint8)
    return text, ends[:-1], ends[1:]
