"""Blocks of channels: how a run divides its channels, and how several blocks are judged at the same time."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from contextlib import contextmanager
from datetime import date
from typing import TypeVar

import polars as pl

from ingest.vee.begun import Begun, come
from ingest.vee.block import Given, JudgedBlock, judge_block
from ingest.vee.lake import BlockReads, files_of
from model.accounts import ChannelNumbers
from model.reads import INTERVAL_LENGTHS
from model.schema import arranged
from store.control import Connection
from store.workspace import Workspace

Made = TypeVar("Made")
Judge = Callable[[Sequence[BlockReads], Begun[Given], Executor | None, int], Iterator[tuple[BlockReads, JudgedBlock]]]
"""Judges blocks, by the threads of a pool or so many at a time, and yields them in their order: `judged_blocks`, or
what else can."""

CHANNELS_PER_BLOCK = 8_192  # a month and its reference days at 15 minutes: about 200 MB
WORTH_A_WORKER = 1_000  # channels; fewer take a worker less time than a block costs whatever it holds


def block_reads(
    workspace: Workspace,
    connection: Connection,
    due: pl.DataFrame,
    period: tuple[date, date],
    *,
    channels_per_block: int,
    workers: int,
    is_partial: bool = False,
) -> Iterator[BlockReads]:
    """Yield the channels that are due (ChannelNumbers) by interval length, in order, in blocks of one size.

    How channels are divided changes nothing of what is found; many are divided so that all workers have as much to do.
    """
    for minutes in INTERVAL_LENGTHS:
        of_length = due.filter(pl.col("interval_minutes") == minutes)
        if of_length.is_empty():
            continue
        files = files_of(connection, minutes)
        count = -(-of_length.height // channels_per_block)
        if of_length.height >= workers * WORTH_A_WORKER:
            count = -(-count // workers) * workers
        size = -(-of_length.height // count)
        for start in range(0, of_length.height, size):
            some = arranged(ChannelNumbers, of_length.slice(start, size))
            yield BlockReads(workspace, files, some, minutes, *period, is_partial)


@contextmanager
def worker_pools(workers: int) -> Iterator[tuple[Executor | None, Executor | None]]:
    """Give threads for blocks, and one for what these wait for; None for one worker.

    Polars and the kernels work beside Python, so threads use the cores; they need no start and share what is known.
    There is one more than workers: while one waits for Python, or for Polars, another has what to do. Interrupted: what
    is being judged ends, the rest is left.
    """
    if workers <= 1:
        yield None, None
        return
    blocks = ThreadPoolExecutor(workers + 1, thread_name_prefix="vee")
    # No place among the blocks: all of these may wait for it.
    beside = ThreadPoolExecutor(1, thread_name_prefix="vee-beside")
    try:
        yield blocks, beside
    finally:
        blocks.shutdown(cancel_futures=True)
        beside.shutdown(cancel_futures=True)


def begun(pool: Executor | None, work: Callable[[], Made]) -> Begun[Made]:
    """Begin some work beside what follows; without a pool it is done at once."""
    return come(work()) if pool is None else Begun(pool.submit(work))


def judged_blocks(
    reads: Sequence[BlockReads], given: Begun[Given], pool: Executor | None, workers: int
) -> Iterator[tuple[BlockReads, JudgedBlock]]:
    """Judge blocks, several at a time where there is a pool, and yield them in their order."""
    if pool is None or len(reads) <= 1:
        yield from ((lake, judge_block(lake, given)) for lake in reads)
        return
    yield from zip(reads, pool.map(lambda lake: judge_block(lake, given), reads), strict=True)
