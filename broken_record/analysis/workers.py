"""Many files worked on by all cores, the results in the order of the files.

Jobs are handed out in batches of about as many bytes, so that a few large files keep no core
waiting; little is done here, where it is over before a process has started.
"""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path
from typing import TypeVar

from broken_record.errors import LogError

LITTLE = 1_000_000  # bytes
BATCH = 500_000  # bytes
MOST = 32  # jobs of a batch

Job = TypeVar("Job")
Result = TypeVar("Result")


def work_through(
    do: Callable[[Job], Result], jobs: Sequence[Job], files: Sequence[Path]
) -> Iterator[Result]:
    """What `do` makes of each job, in their order; each is about the file at its place. Where other
    processes are to help, `do`, jobs and results have to be picklable. LogError where one of the
    processes was killed.
    """
    sizes = [size_of(path) for path in files]
    batches = [jobs[begin:end] for begin, end in cut_batches(sizes)]
    workers = min(os.cpu_count() or 1, len(batches))
    if workers < 2 or sum(sizes) < LITTLE:
        yield from map(do, jobs)
        return
    asked: deque[Future[list[Result]]] = deque()
    with ProcessPoolExecutor(workers) as pool:
        try:
            for batch in batches:
                if len(asked) == 4 * workers:  # no more than these wait for a slow one
                    yield from asked.popleft().result()
                asked.append(pool.submit(do_batch, do, batch))
            while asked:
                yield from asked.popleft().result()
        except BrokenProcessPool as error:
            raise LogError("a process that reads dialogues was killed; is memory short?") from error


def do_batch(do: Callable[[Job], Result], jobs: Sequence[Job]) -> list[Result]:
    """Some jobs, in a process of their own."""
    return [do(job) for job in jobs]


def cut_batches(sizes: Sequence[int]) -> Iterator[tuple[int, int]]:
    """Places of jobs in a row, from one to before the other, that make a batch by their sizes.

    >>> list(cut_batches([BATCH, 1, BATCH - 1, 5]))
    [(0, 1), (1, 3), (3, 4)]
    """
    begin = total = 0
    for place, size in enumerate(sizes):
        total += size
        if total >= BATCH or place - begin == MOST - 1:
            yield begin, place + 1
            begin, total = place + 1, 0
    if begin < len(sizes):
        yield begin, len(sizes)


def size_of(path: Path) -> int:
    """A file's bytes; 0 where it is not there."""
    try:
        return path.stat().st_size
    except OSError:
        return 0
