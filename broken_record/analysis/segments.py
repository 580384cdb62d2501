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

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np

from broken_record.data import OldNumbers, Segment
from broken_record.text.ngrams import SHORTEST, Ints, hash_sums

LONGEST = 64  # words
EMPTY = "[empty]"
BUCKET_BITS = 16


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
    """The same segments as `find_segments_plainly`, in the same order, much faster.

    The text is kept as words; all windows of a length that repeat are found in one pass, by a
    rolling hash, and taken out in one go as far as they lie apart. What is taken out is compared
    word by word; should two windows share a hash, the plain finder decides.
    """
    found: Counter[str] = Counter()
    words = Words.of(text)
    n = words.longest_repeat()
    while n >= SHORTEST:
        repeats = words.repeats(n)
        if not repeats:
            n -= 1
            continue
        taken, rest = words.take_out(repeats, n)
        if len(taken) > 1 and rest.glue_repeats(n):
            taken, rest = words.take_out(repeats[:1], n)
        if not taken:
            return find_segments_plainly(text)
        for segment in taken:
            found[segment.text] += segment.count
        words = rest
    return [Segment(window, count) for window, count in found.items()]


class Words:
    """A text as words and as their numbers, with the places where something was just taken out."""

    def __init__(self, words: list[str], numbers: dict[str, int], ids: Ints, glue: Ints) -> None:
        self.words = words
        self.numbers = numbers
        self.ids = ids
        self.glue = glue
        self.sums, self.inverses = hash_sums(ids)

    @staticmethod
    def of(text: str) -> Words:
        """The words that `split(' ')` gives."""
        words = text.split(" ")
        numbers: dict[str, int] = {}
        ids = np.array([numbers.setdefault(word, len(numbers)) for word in words], dtype=np.int64)
        return Words(words, numbers, ids, np.zeros(0, dtype=np.int64))

    def number(self, word: str) -> int:
        """The number of a word, the same for all texts made of one another."""
        return self.numbers.setdefault(word, len(self.numbers))

    def repeats(self, n: int) -> list[Ints]:
        """The starts of every window of n words that stands twice or more, rising.

        The most frequent window comes first, on a tie the one that begins first.
        """
        count = max(0, len(self.ids) - n + 1)
        hashes = (self.sums[n : n + count] - self.sums[:count]) * self.inverses[:count]
        buckets = (hashes >> np.uint64(64 - BUCKET_BITS)).astype(np.int64)
        crowded = np.bincount(buckets, minlength=1 << BUCKET_BITS)[buckets] > 1
        starts = np.flatnonzero(crowded)
        starts = starts[np.argsort(hashes[starts], kind="stable")]
        ordered = hashes[starts]
        changes = np.flatnonzero(ordered[1:] != ordered[:-1]) + 1
        borders = np.concatenate(([0], changes, [len(starts)]))
        several = np.flatnonzero(np.diff(borders) > 1)
        groups = [starts[borders[i] : borders[i + 1]] for i in several]
        return sorted(groups, key=lambda group: (-len(group), group[0]))

    def longest_repeat(self) -> int:
        """The largest n of at most LONGEST at which a window repeats, SHORTEST - 1 if none does."""
        low, high = SHORTEST - 1, LONGEST
        while low < high:
            middle = (low + high + 1) // 2
            low, high = (middle, high) if self.repeats(middle) else (low, middle - 1)
        return low

    def take_out(self, repeats: Sequence[Ints], n: int) -> tuple[list[Segment], Words]:
        """Take out the windows in their order, up to the first that comes near another's place.

        Near: within n words of a place where another window was taken out, or of a word like those
        that this glued together; there counts may have changed. No segment comes back when the
        first window's hash was shared by another one.
        """
        taken: list[Segment] = []
        cuts: list[Cut] = []
        touched = np.zeros(len(self.words), dtype=bool)
        for starts in repeats:
            window = self.words[starts[0] : starts[0] + n]
            here = list(self.find_cuts(window, int(starts[0]), len(starts)))
            near = any(touched[max(0, c.first - n) : c.last + n + 1].any() for c in here)
            same = self.ids[starts[:, None] + np.arange(n)] == self.ids[starts[0] : starts[0] + n]
            if near or not same.all():
                break
            for cut in here:
                touched[cut.first : cut.last + 1] = True
            for glued in {cut.glued for cut in here}:
                touched |= self.ids == self.number(glued)
            taken.append(Segment(" ".join(window), len(starts)))
            cuts += here
        return taken, self.without(sorted(cuts, key=lambda cut: cut.first))

    def without(self, cuts: Sequence[Cut]) -> Words:
        """The words that are left when the cuts, in rising order, are made."""
        words: list[str] = []
        ids: list[Ints] = []
        glue: list[int] = []
        reached = 0
        for cut in cuts:
            words += self.words[reached : cut.first]
            ids += (self.ids[reached : cut.first], np.array([self.number(cut.glued)]))
            glue.append(len(words))
            words.append(cut.glued)
            reached = cut.last + 1
        words += self.words[reached:]
        ids.append(self.ids[reached:])
        return Words(words, self.numbers, np.concatenate(ids), np.array(glue, dtype=np.int64))

    def find_cuts(self, window: Sequence[str], start: int, count: int) -> Iterator[Cut]:
        """What removing every occurrence of the window's string does, left to right.

        The string may begin at the end of a longer word and end at the beginning of one; where two
        occurrences share such a word, they make one cut.
        """
        n = len(window)
        places = np.flatnonzero(self.ids[: len(self.ids) - n + 2] == self.ids[start + 1])
        for i in range(2, n - 1):
            if len(places) == count:
                break  # the windows themselves, and no longer words around them
            places = places[self.ids[places + i - 1] == self.ids[start + i]]
        first, last = window[0], window[-1]
        cut: Cut | None = None
        for place in places.tolist():
            begin, end = place - 1, place + n - 2
            if begin < 0 or end >= len(self.words):
                continue
            word, tail = self.words[begin], self.words[end]
            if not (word.endswith(first) and tail.startswith(last)):
                continue
            kept = word[: len(word) - len(first)]
            if cut is None or begin > cut.last:
                if cut is not None:
                    yield cut
                cut = Cut(begin, end, kept, tail[len(last) :])
            elif begin == cut.last and len(kept) >= len(word) - len(cut.tail):
                middle = kept[len(word) - len(cut.tail) :]
                cut = Cut(cut.first, end, cut.kept + middle, tail[len(last) :])
        if cut is not None:
            yield cut

    def glue_repeats(self, n: int) -> bool:
        """True when a window of n words that repeats contains a word glued by the last removal."""
        glued = np.zeros(len(self.ids) + 1, dtype=np.int64)
        glued[self.glue + 1] = 1
        up_to = np.cumsum(glued)
        return any((up_to[starts + n] > up_to[starts]).any() for starts in self.repeats(n))


class Cut(NamedTuple):
    """Words `first` to `last` become one: what is kept of the first, and the tail of the last."""

    first: int
    last: int
    kept: str
    tail: str

    @property
    def glued(self) -> str:
        """The word that stands there afterwards."""
        return self.kept + self.tail
