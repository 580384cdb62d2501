"""The windows of n words of a numbered text: which of them repeat, and where one stands.

They are told apart by their hashes alone (ngrams.py says of which kind); who needs certainty
compares the words, as removal.py does.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import cached_property
from itertools import accumulate
from operator import mul, sub

import numpy as np

from broken_record.text.ngrams import INVERSE, MULTIPLIER, Hashes, powers_of

LONGEST = 64  # words of a window
POWERS: list[int] = powers_of(MULTIPLIER, 2 * LONGEST).tolist()
INVERSES: list[int] = powers_of(INVERSE, 2 * LONGEST).tolist()
KEEP_64_BITS = (2**64 - 1).__and__
MOST_BITS = 24
FEW = 32  # searches in hashes as they stand; for more of them they are sorted


class Windows:
    """The hashes of all windows of n words of a text, by the place of the first; of the text are
    given its running sums (ngrams.hash_sums).
    """

    def __init__(self, sums: Hashes, n: int) -> None:
        self.hashes: Hashes = sums[n - 1 :].copy()
        self.hashes[1:] -= sums[:-n]
        self.hashes *= powers_of(INVERSE, len(self.hashes))
        self.low = np.uint64((1 << max(1, len(self.hashes).bit_length())) - 1)  # bits for a place
        self.shift = 64 - min(MOST_BITS, (32 * len(self.hashes) + 1).bit_length())
        self.searches = 0

    @cached_property
    def in_order(self) -> Hashes:
        """Every hash's upper bits with its place in the lower ones, sorted."""
        places = np.arange(len(self.hashes), dtype=np.uint64)
        return np.sort((self.hashes & ~self.low) | places)

    @cached_property
    def taken(self) -> memoryview:
        """Of the numbers that `shift` leaves of hashes, whether one here leaves it: 1 or 0."""
        taken = np.zeros(1 << (64 - self.shift), dtype=np.uint8)
        taken[self.hashes >> np.uint64(self.shift)] = 1
        return taken.data

    def repeated(self) -> Iterator[tuple[int, list[int]]]:
        """Every hash that stands twice or more, with its places; rising."""
        same = (self.in_order[1:] ^ self.in_order[:-1]) <= self.low
        if not same.any():
            return
        several = np.concatenate((same, [False])) | np.concatenate(([False], same))
        places = (self.in_order[several] & self.low).astype(np.int64)
        places = places[self.hashes[places].argsort(kind="stable")]
        hashes = self.hashes[places]
        same = np.concatenate(([False], hashes[1:] == hashes[:-1], [False]))
        begins = (same[1:] > same[:-1]).nonzero()[0]
        ends = (same[1:] < same[:-1]).nonzero()[0] + 1
        listed = places.tolist()
        for key, begin, end in zip(
            hashes[begins].tolist(), begins.tolist(), ends.tolist(), strict=True
        ):
            yield key, listed[begin:end]

    def find(self, wanted: int) -> list[int]:
        """The places of a hash, rising."""
        one = np.uint64(wanted)
        self.searches += 1
        if self.searches < FEW:
            return (self.hashes == one).nonzero()[0].tolist()  # type: ignore[no-any-return]
        first = self.in_order.searchsorted(one & ~self.low)
        end = self.in_order.searchsorted(one | self.low, side="right")
        places = (self.in_order[first:end] & self.low).astype(np.int64)
        return places[self.hashes[places] == one].tolist()  # type: ignore[no-any-return]


def hash_few(words: Iterable[int], n: int) -> tuple[list[int], list[int]]:
    """What Windows holds, of fewer than 2 * LONGEST words in a row that are given by their own
    hashes: the hashes of all windows of n words, and of the n - 2 words between the ends of each.
    """
    sums = [0, *accumulate(map(mul, words, POWERS))]
    hashes = map(mul, map(sub, sums[n:], sums), INVERSES)
    insides = map(mul, map(sub, sums[n - 1 : -1], sums[1:]), INVERSES[1:])
    return list(map(KEEP_64_BITS, hashes)), list(map(KEEP_64_BITS, insides))
