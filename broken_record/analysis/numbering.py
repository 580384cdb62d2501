"""A text's words, as `split(' ')` gives them, and their numbers."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from itertools import count

import numpy as np

from broken_record.text.ngrams import Ints, distinct, hash_windows, span_hashes

CHUNK = 1 << 20  # characters that are cut into words at once


class Numbers:
    """Words without blanks and their numbers, from 0. By number: `spelled` are the words, `hashes`
    those of windows of the one word.
    """

    def __init__(self, by_word: dict[str, int]) -> None:
        self.by_word = by_word
        self.spelled = list(by_word)
        self.hashes: list[int] = hash_windows(np.arange(len(by_word)), 1).tolist()

    def number(self, word: str) -> int:
        """A word's number, a new one if it has none."""
        number = self.by_word.setdefault(word, len(self.spelled))
        if number == len(self.spelled):
            self.spelled.append(word)
            self.hashes += hash_windows(np.array([number]), 1).tolist()
        return number


def number_words(text: str) -> tuple[Numbers, Ints]:
    """The words of a text, and the numbers of them in a row.

    >>> number_words("a  b a")[1].tolist()
    [0, 1, 2, 0]
    """
    by_word: defaultdict[str, int] = defaultdict(count().__next__)
    number = by_word.__getitem__
    parts = [np.fromiter(map(number, part.split(" ")), np.int64) for part in parts_of(text)]
    return Numbers(dict(by_word)), np.concatenate(parts)


def may_repeat(text: str, n: int) -> bool:
    """Whether n words in a row may stand twice: whether two stretches of characters do. Numbering
    the words takes five times as long.

    >>> may_repeat("a b c a b d", 2), may_repeat("a b c a b d", 3)
    (True, False)
    """
    points = np.frombuffer(text.encode("utf-32-le", "surrogatepass"), dtype=np.uint32)
    blanks = np.flatnonzero(points == ord(" "))
    begins = np.concatenate(([0], blanks + 1))[: max(0, len(blanks) + 2 - n)]
    ends = np.append(blanks, len(points))[n - 1 :]
    hashes = span_hashes(points, begins, ends)
    return len(distinct(hashes)) < len(hashes)


def parts_of(text: str) -> Iterator[str]:
    """A text cut at single blanks, so that its words need not all be in memory at once."""
    begin = 0
    while (end := text.find(" ", begin + CHUNK)) >= 0:
        yield text[begin:end]
        begin = end + 1
    yield text[begin:]
