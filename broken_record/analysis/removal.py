"""Repeated windows of words taken out of a text, the most frequent first, each time counted anew.

What segments.py defines by counting the whole text again after every removal is done here by what a
removal changes: windows that held a word of what was taken out are gone, and those that hold the
word that was glued together instead are new, n of each. So a text costs a few passes for each
length of window, and a few steps for each word that is taken out, however it repeats.

Windows are told apart by hashes (windows.py); what is taken out is compared word by word.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from functools import cached_property
from heapq import heappop, heappush
from itertools import chain
from typing import NamedTuple

import numpy as np

from broken_record.analysis.numbering import Numbers
from broken_record.analysis.windows import Windows, hash_few
from broken_record.data import Segment
from broken_record.text.ngrams import Hashes, Ints

MANY = 512  # words to be cut in a round, and one more for each ...
FOR_EACH = 32  # words of the text: to count that anew costs no more than to count their neighbours


class CollisionError(Exception):
    """Two windows that are not equal share a hash."""


class Cut(NamedTuple):
    """Words `first` to `last` become one: what is kept of the first, and the tail of the last."""

    first: int
    last: int
    kept: str
    tail: str


Entry = tuple[int, int, int]  # -count, the first start, the hash


class Group:
    """Equal windows: where they begin (a heap that may still hold some that are gone), how many,
    and the entry that speaks for them, which may promise too much.
    """

    __slots__ = ("count", "entry", "starts")

    def __init__(self, starts: list[int]) -> None:
        self.starts = starts
        self.count = len(starts)
        self.entry: Entry | None = None


class Level:
    """A text from which the repeated windows of n words are taken out.

    A place is a word's index in the text as it stood in the beginning; a glued word has the place
    of the first that was cut. A window is told by the place of its first word. Until a cut has
    `touched` it, it is one of `windows`; what stands there afterwards holds a glued word, and is in
    `inside_of`. `key_at` holds the hashes of these and of all windows that ever stood twice, which
    are in `groups`; those that are like no other are `alone`.
    """

    def __init__(self, numbers: Numbers, ids: Ints, sums: Hashes, n: int) -> None:
        self.numbers = numbers
        self.ids = ids
        self.sums = sums
        self.n = n
        self.at = ids.data  # a word's number
        self.after: dict[int, int] = {}  # the place of the next word, where it is not the next
        self.before: dict[int, int] = {}
        self.is_cut = bytearray(len(ids))
        self.touched = bytearray(len(ids) + 1)
        self.windows = Windows(sums, n)
        self.inside_of: defaultdict[int, list[int]] = defaultdict(list)  # starts by inside's hash
        self.key_at: dict[int, int] = {}
        self.groups: dict[int, Group] = {}
        self.alone: dict[int, int] = {}
        self.heap: list[Entry] = []
        self.is_whole = True
        for key, starts in self.windows.repeated():
            self.group(key, starts)

    @cached_property
    def insides(self) -> Windows:
        """What lies between the ends of windows, by the place of its own first word."""
        return Windows(self.sums, self.n - 2)

    def standing(self) -> Ints:
        """The numbers of the words that stand."""
        standing: Ints = self.ids[np.frombuffer(self.is_cut, dtype=np.uint8) == 0]
        return standing

    def take_out(self) -> Iterator[Segment]:
        """Take out windows, the most frequent one first, on a tie the one that begins first, until
        none stands twice, or so much was cut that the rest is sooner counted anew: then the level
        is not `is_whole`. CollisionError where two share a hash.
        """
        spelled, key_at = self.numbers.spelled, self.key_at
        while self.heap:
            entry = heappop(self.heap)
            key = entry[2]
            group = self.groups[key]
            if entry is not group.entry:
                continue
            group.entry = None
            if group.count < 2:
                continue
            while key_at.get(group.starts[0]) != key:
                heappop(group.starts)
            if entry[:2] != (-group.count, group.starts[0]):
                self.enter(group, key)
                continue
            starts = {start for start in group.starts if key_at.get(start) == key}
            window = self.words_at(self.places(group.starts[0]))
            cuts = list(self.find_cuts(window, starts))
            yield Segment(" ".join([spelled[number] for number in window]), group.count)
            if len(cuts) * self.n >= MANY + len(self.ids) // FOR_EACH:
                self.make_all(cuts)
                return
            self.make(cuts)

    def group(self, key: int, starts: list[int]) -> Group:
        """Let equal windows speak with one voice."""
        group = self.groups[key] = Group(starts)
        self.key_at.update(dict.fromkeys(starts, key))
        self.enter(group, key)
        return group

    def enter(self, group: Group, key: int) -> None:
        """Let a group wait for its turn, unless an entry already promises as much."""
        if group.count > 1:
            entry = (-group.count, group.starts[0], key)
            if group.entry is None or entry < group.entry:
                group.entry = entry
                heappush(self.heap, entry)

    def words_at(self, places: Iterable[int]) -> list[int]:
        """The numbers of the words at some places."""
        return list(map(self.at.__getitem__, places))

    def places(self, start: int) -> Sequence[int]:
        """The places of the words of a window."""
        if not self.touched[start]:
            return range(start, start + self.n)
        return [start, *self.behind(start)]

    def behind(self, place: int) -> Sequence[int]:
        """The places of up to n - 1 words behind one."""
        after, end = self.after, len(self.at)
        places: list[int] = []
        place = after.get(place, place + 1)
        if not self.touched[place]:
            return range(place, min(place + self.n - 1, end))
        for _ in range(self.n - 1):
            if place == end:
                break
            places.append(place)
            place = after.get(place, place + 1)
        return places

    def around(self, place: int, reached: int) -> Sequence[int]:
        """The places of up to n - 1 words before one, none before or at one that was reached, and
        of the word itself; rising.
        """
        lowest = max(reached + 1, place - self.n + 1)
        if 1 not in self.touched[lowest:place]:
            return range(lowest, place + 1)
        places: list[int] = []
        while place > reached and len(places) < self.n:
            places.append(place)
            place = self.before.get(place, place - 1)
        return places[::-1]

    def find_cuts(self, window: list[int], starts: set[int]) -> Iterator[Cut]:
        """What removing every occurrence of the window's string does, left to right.

        The string may begin at the end of a longer word and end at the beginning of one; where two
        occurrences share such a word, they make one cut.
        """
        at, spelled = self.at, self.numbers.spelled
        first, last = spelled[window[0]], spelled[window[-1]]
        cut: Cut | None = None
        for begin in sorted(starts.union(self.with_inside_of(window))):
            places = self.places(begin)
            end, word, tail = places[-1], spelled[at[begin]], spelled[at[places[-1]]]
            if begin not in starts and not (word.endswith(first) and tail.startswith(last)):
                continue
            numbers = self.words_at(places)
            if begin in starts and numbers != window:
                raise CollisionError
            if numbers[1:-1] != window[1:-1]:
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

    def with_inside_of(self, window: Sequence[int]) -> Iterator[int]:
        """Where windows begin that seem to hold the same words between their ends as one."""
        _, (key,) = hash_few(map(self.numbers.hashes.__getitem__, window), self.n)
        last = len(self.at) - self.n
        for place in self.insides.find(key):
            if 0 <= place - 1 <= last and not self.touched[place - 1]:
                yield place - 1
        yield from self.key_at.keys() & self.inside_of.get(key, ())

    def make(self, cuts: Sequence[Cut]) -> None:
        """Make cuts, in rising order, and count the windows anew that they touch."""
        reached = -1  # windows that begin up to there hold the cut before, too
        arounds = []
        for cut in cuts:
            arounds.append(self.glue(cut, reached))
            reached = cut.first
        for starts in arounds:
            self.look_around(starts)

    def make_all(self, cuts: Sequence[Cut]) -> None:
        """Make cuts and count nothing anew: the words that stand are to become another level."""
        for first, last, kept, tail in cuts:
            place = first
            while place != last:
                place = self.after.get(place, place + 1)
                self.is_cut[place] = 1
            self.at[first] = self.numbers.number(kept + tail)
        self.is_whole = False

    def glue(self, cut: Cut, reached: int) -> Sequence[int]:
        """Make a cut; where windows with the glued word begin, behind a place that was reached."""
        first, last, kept, tail = cut
        around, covered = self.around(first, reached), [*self.places(first)]
        while (place := covered[-1]) != last:  # the cut makes an end of several windows
            covered.append(self.after.get(place, place + 1))
        for start in self.key_at.keys() & chain(around, covered):
            key = self.key_at.pop(start)
            if key in self.groups:
                self.groups[key].count -= 1
            else:
                del self.alone[key]
        self.touched[around[0] : last + 1] = b"\1" * (last + 1 - around[0])
        self.is_cut[first + 1 : last + 1] = b"\1" * (last - first)
        behind = self.after.get(last, last + 1)
        self.after[first] = behind
        self.before[behind] = first
        self.at[first] = self.numbers.number(kept + tail)
        return around

    def look_around(self, starts: Sequence[int]) -> None:
        """Count the windows that begin before a glued word, or at it."""
        numbers = self.words_at(chain(starts, self.behind(starts[-1])))
        keys, insides = hash_few(map(self.numbers.hashes.__getitem__, numbers), self.n)
        self.key_at.update(zip(starts, keys, strict=False))
        groups, alone = self.groups, self.alone
        taken, shift = self.windows.taken, self.windows.shift
        for start, key, inside in zip(starts, keys, insides, strict=False):
            self.inside_of[inside].append(start)
            if key in groups or key in alone or taken[key >> shift]:
                self.join(start, key)
            else:
                alone[key] = start

    def join(self, start: int, key: int) -> None:
        """Put a new window to those that are equal to it."""
        group = self.groups.get(key)
        if group is None:
            like = [place for place in self.windows.find(key) if not self.touched[place]]
            if key in self.alone:
                like.append(self.alone.pop(key))
            if not like:
                self.alone[key] = start
                return
            group = self.group(key, sorted(like))
        heappush(group.starts, start)
        group.count += 1
        self.enter(group, key)
