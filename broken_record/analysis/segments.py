"""Repeated segments of one speaker's text, and the numbers made of them.

The old numbers (loop score, loop density, average response length) are kept to the last digit so
that results stay comparable over the years. Their known faults: density is unbounded (a 13-word
line said 40 times gives 4.3) and grows with length, removing a segment glues its neighbours into
words nobody said, and loops of fewer than 5 words do not count. Loop coverage (ngrams.py) stands
beside them: a share, in [0, 1].

`find_segments` is the fast finder. `find_segments_plainly` is the definition written down; the
tests hold the one against the other.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from collections.abc import Sequence

from broken_record.analysis.numbering import may_repeat, number_words
from broken_record.analysis.removal import CollisionError, Level
from broken_record.analysis.windows import LONGEST, Windows
from broken_record.data import OldNumbers, Segment
from broken_record.text.ngrams import SHORTEST, Hashes, hash_sums

EMPTY = "[empty]"


def old_numbers(replies: Sequence[str]) -> OldNumbers:
    """The suite's old numbers of stripped replies, one string each; an empty one is `[empty]`.

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
    """The n-word window with the highest count above 1, the first on a tie, or None."""
    counts = Counter(" ".join(words[i : i + n]) for i in range(len(words) - n + 1))
    if not counts:
        return None
    window, count = max(counts.items(), key=lambda item: item[1])
    return Segment(window, count) if count > 1 else None


def find_segments(text: str) -> list[Segment]:
    """The same segments as `find_segments_plainly`, in the same order, much faster (removal.py says
    how); should two windows share a hash, the plain finder decides.
    """
    if not may_repeat(text, SHORTEST):
        return []
    found: Counter[str] = Counter()
    numbers, ids = number_words(text)
    sums = hash_sums(ids)
    try:
        n = longest_repeat(sums)
        while n >= SHORTEST:
            level = Level(numbers, ids, sums, n)
            for segment in level.take_out():
                found[segment.text] += segment.count
            if 1 in level.is_cut:
                ids = level.standing()
                sums = hash_sums(ids)
            n -= level.is_whole
    except CollisionError:
        return find_segments_plainly(text)
    return [Segment(window, count) for window, count in found.items()]


def longest_repeat(sums: Hashes) -> int:
    """How many words, up to LONGEST, the longest windows have that stand twice; fewer than SHORTEST
    where none do.
    """

    def is_too_long(n: int) -> bool:
        return not any(Windows(sums, n).repeated())

    return bisect_left(range(LONGEST + 1), True, lo=SHORTEST, key=is_too_long) - 1
