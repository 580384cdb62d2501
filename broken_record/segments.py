"""Repeated segments of one speaker's text, and the numbers made of them.

The old numbers (loop score, loop density, average response length) are kept to the last digit so
that results stay comparable over the years. Their known faults: density is unbounded (a 13-word
line said 40 times gives 4.3) and grows with length, removing a segment glues its neighbours into
words nobody said, and loops of fewer than 5 words do not count. Loop coverage stands beside them: a
share, in [0, 1].

`find_segments` is the fast finder. `find_segments_plainly` is the definition written down; the
tests hold the one against the other.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from broken_record.records import OldNumbers, Segment
from broken_record.text import find_words

LONGEST, SHORTEST = 64, 5
EMPTY = "[empty]"
MULTIPLIER = np.uint64(0x9E3779B97F4A7C15)  # odd, so it has an inverse modulo 2**64
INVERSE = np.uint64(pow(int(MULTIPLIER), -1, 2**64))


def old_numbers(replies: Sequence[str]) -> OldNumbers:
    """The suite's old numbers of stripped replies, one string each; an empty reply stands as
    `[empty]`.

    >>> old_numbers(["a b c d e f", "", "a b c d e g"]).loop_density  # 9 characters x 2 / 22
    0.8181818181818182
    """
    lengths = tuple(len(reply) for reply in replies)
    segments = find_segments(" ".join(reply or EMPTY for reply in replies).strip())
    characters = sum(lengths)
    score = sum(len(segment.text) * segment.count for segment in segments)
    return OldNumbers(
        response_lengths=lengths,
        segments=tuple(segments),
        characters=characters,
        loop_score=score,
        loop_density=score / characters if characters else 0.0,
        average_response_length=characters / len(lengths) if lengths else 0.0,
    )


def find_segments_plainly(text: str) -> list[Segment]:
    """The repeated segments of a text, straight from the definition.

    For n = 64 ... 5 words (what `split(' ')` gives): take the most frequent n-word window that
    stands more than once (overlapping windows count; on a tie the first), record it, remove every
    occurrence of its string, repeat until no window of n words stands twice.

    >>> find_segments_plainly("one two three four five one two three four five six")
    [Segment(text='one two three four five', count=2)]
    """
    found: Counter[str] = Counter()
    for n in range(LONGEST, SHORTEST - 1, -1):
        while best := most_frequent_window(text.split(" "), n):
            found[best.text] += best.count
            text = text.replace(best.text, "")
    return [Segment(window, count) for window, count in found.items()]


def most_frequent_window(words: Sequence[str], n: int) -> Segment | None:
    """The n-word window with the highest count above 1, the first on a tie; None if none
    repeats.
    """
    counts = Counter(" ".join(words[i : i + n]) for i in range(len(words) - n + 1))
    if not counts:
        return None
    window, count = max(counts.items(), key=lambda item: item[1])
    return Segment(window, count) if count > 1 else None


def find_segments(text: str) -> list[Segment]:
    """The same segments as `find_segments_plainly`, in the same order, without counting every n.

    Windows are compared by a rolling hash of their words. If a window of n words repeats, so does
    one of n - 1, so the next n that matters is found by bisection.
    """
    found: Counter[str] = Counter()
    numbers: dict[str, int] = {}
    n = LONGEST
    while True:
        words = text.split(" ")
        hashes = WindowHashes(np.array([numbers.setdefault(word, len(numbers)) for word in words]))
        n = hashes.longest_repeat(n)
        if n < SHORTEST:
            return [Segment(window, count) for window, count in found.items()]
        best = most_frequent_by_hash(words, hashes, n)
        if best is None:
            n -= 1
        else:
            found[best.text] += best.count
            text = text.replace(best.text, "")


def most_frequent_by_hash(words: Sequence[str], hashes: WindowHashes, n: int) -> Segment | None:
    """`most_frequent_window` where the hashes tell it; the window itself where two share a hash."""
    start, count = hashes.most_frequent(n)
    if count < 2:
        return most_frequent_window(words, n)
    return Segment(" ".join(words[start : start + n]), count)


class WindowHashes:
    """Hashes of every window of a sequence of word numbers, in one pass per window length.

    The hash of words w_i ... w_{i+n-1} is the sum of mix(w) * B**position modulo 2**64, moved to
    position 0 with the inverse of B (Karp and Rabin, 1987).
    """

    def __init__(self, numbers: npt.NDArray[np.int64]) -> None:
        self.numbers = numbers
        positions = np.arange(len(numbers))
        mixed = (numbers.astype(np.uint64) + np.uint64(1)) * np.uint64(0xBF58476D1CE4E5B9)
        mixed ^= mixed >> np.uint64(31)
        powers = powers_of(MULTIPLIER, len(positions))
        self.sums = np.concatenate(([np.uint64(0)], np.cumsum(mixed * powers, dtype=np.uint64)))
        self.inverses = powers_of(INVERSE, len(positions))

    def of(self, n: int) -> npt.NDArray[np.uint64]:
        """The hash of each window of n words, by start."""
        count = max(0, len(self.numbers) - n + 1)
        return (self.sums[n : n + count] - self.sums[:count]) * self.inverses[:count]

    def repeats(self, n: int) -> bool:
        """True when two windows of n words have one hash."""
        ordered = np.sort(self.of(n))
        return bool((ordered[1:] == ordered[:-1]).any())

    def longest_repeat(self, limit: int) -> int:
        """The largest n of at most `limit` at which a window repeats, SHORTEST - 1 if there is
        none.
        """
        low, high = SHORTEST - 1, limit
        if low < high and self.repeats(high):
            return high
        high -= 1
        while low < high:
            middle = (low + high + 1) // 2
            low, high = (middle, high) if self.repeats(middle) else (low, middle - 1)
        return low

    def most_frequent(self, n: int) -> tuple[int, int]:
        """(start, count) of the most frequent window of n words, the first on a tie; count 0 if
        hashes collide.
        """
        hashes = self.of(n)
        _, starts, counts = np.unique(hashes, return_index=True, return_counts=True)
        start = int(starts[counts == counts.max()].min())
        same = np.flatnonzero(hashes == hashes[start])
        windows = np.lib.stride_tricks.sliding_window_view(self.numbers, n)[same]
        exact = bool((windows == windows[0]).all())
        return start, len(same) if exact else 0


def powers_of(base: np.uint64, count: int) -> npt.NDArray[np.uint64]:
    """1, base, base**2 ... modulo 2**64."""
    factors = np.full(count, base, dtype=np.uint64)
    factors[:1] = 1
    return np.cumprod(factors, dtype=np.uint64)


def loop_coverage(text: str) -> float:
    """The share of a text's characters inside some repeated span of at least 5 words, in [0, 1].

    Each occurrence after the first counts, once. A span reaches from its first word to its last;
    words are text.find_words'. A run of 5 words that stood before marks its words, so longer
    repeats mark all of theirs.

    >>> loop_coverage("say it again to me. Now say it again to me.")  # 18 of 43 characters
    0.4186046511627907
    """
    words = list(find_words(text))
    if len(words) <= SHORTEST:
        return 0.0
    covered = np.zeros(len(text), dtype=bool)
    seen: set[tuple[str, ...]] = set()
    for i in range(len(words) - SHORTEST + 1):
        window = tuple(word.text for word in words[i : i + SHORTEST])
        if window in seen:
            covered[words[i].start : words[i + SHORTEST - 1].end] = True
        seen.add(window)
    return float(covered.mean())
