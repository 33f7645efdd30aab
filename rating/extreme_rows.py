"""A kernel over days of one kind: the highest or lowest of each slot, read where the columns lie."""

from __future__ import annotations

import numpy as np

from model.columns import LyingColumns, Numbers, column_at
from model.compiled import compiled
from rating.kernels import Int64s

# Targets of so many rows stay in the processor's cache while column after column is looked at.
_ROWS = 2_048


@compiled
def extreme_rows_kernel(addresses: Int64s, kind: Numbers, targets: Int64s, sign: int, out_highest: Int64s) -> None:
    """Keep in `out_highest` the highest of `sign` times the rows that have a target; -1: the row has none.

    `addresses`: int64, of columns of int32 or int64 like `kind`; `targets`: int64 [row], each below the rows of
    `out_highest`: int64 [column, target], what was found before. Rows in any order.
    """
    rows = len(targets)
    for start in range(0, rows, _ROWS):
        end = min(start + _ROWS, rows)
        for column in range(len(addresses)):
            values = column_at(addresses[column], kind, rows)
            highest = out_highest[column]
            for row in range(start, end):
                target = targets[row]
                if target >= 0:
                    highest[target] = max(highest[target], sign * np.int64(values[row]))


def keep_highest(columns: LyingColumns, targets: Int64s, sign: int, found: Int64s) -> None:
    """Keep extremes in `found` as `extreme_rows_kernel` does, after checking what it trusts.

    Raises:
        AssertionError: lengths, types or bounds are not as the kernel needs them.
    """
    assert sign in (1, -1), "a sign is 1 or -1"
    assert targets.dtype == np.int64 and found.dtype == np.int64, "the kernel takes int64"
    assert len(targets) == columns.rows, "each row has a target"
    assert len(found) == len(columns.addresses), "each column has extremes"
    assert targets.max(initial=-1) < found.shape[1], "there are more targets than extremes"
    extreme_rows_kernel(columns.addresses, columns.kind, targets, sign, found)
