"""Repeated windows of words taken out of a text, the most frequent first, each time counted anew.

What segments.py defines by counting the whole text again after every removal is done here by what a
removal changes: windows that held a word of what was taken out are gone, and those that hold the
word that was glued together instead are new, n of each. So a text costs a sort for each length of
window, and a few steps for each word that is taken out, however it repeats.

The words are linked: a word keeps its place while others go, and a glued one stands in the place of
the first that was cut. Windows are told apart by hashes (ngrams.py says of which kind); what is
taken out is compared word by word.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from heapq import heappop, heappush
from itertools import chain
from typing import NamedTuple

import numpy as np

from broken_record.data import Segment
from broken_record.text.ngrams import SHORTEST, Hashes, Ints, hash_windows

CHUNK = 1 << 20  # characters that are cut into words at once
FEW = 32  # searches in hashes as they stand; for more of them they are sorted


class CollisionError(Exception):
    """Two windows that are not equal share a hash."""


class Numbers(dict[str, int]):
    """Words without blanks -> numbers from 0; `spelled` are the words by number, `joined` those of
    them that were looked at, each between two blanks.
    """

    def __init__(self) -> None:
        super().__init__()
        self.spelled: list[str] = []
        self.joined = " "
        self.looked_at = 0  # words
        self.longer: dict[tuple[str, str], tuple[int, set[int]]] = {}

    def __missing__(self, word: str) -> int:
        number = self[word] = len(self)
        self.spelled.append(word)
        return number

    def ending_with(self, word: str) -> set[int]:
        """The numbers of all longer words that end with one."""
        return self.find_longer(word, " ")

    def starting_with(self, word: str) -> set[int]:
        """The numbers of all longer words that begin with one."""
        return self.find_longer(" ", word)

    def find_longer(self, one: str, other: str) -> set[int]:
        """The numbers of the words around every place where one meets the other, a word and a
        blank, but for the word itself; what was found before is kept.
        """
        if self.looked_at < len(self):
            self.joined += " ".join([*self.spelled[self.looked_at :], ""])
            self.looked_at = len(self)
        seen, found = self.longer.get((one, other), (0, set()))
        at = self.joined.find(one + other, seen)
        while at >= 0:
            inner = at + (one == " ")
            begin = self.joined.rfind(" ", 0, inner) + 1
            end = self.joined.find(" ", inner)
            if end - begin > len(one + other) - 1:
                found.add(self[self.joined[begin:end]])
            at = self.joined.find(one + other, at + 1)
        self.longer[one, other] = len(self.joined) - 1, found
        return found


class Cut(NamedTuple):
    """Words `first` to `last` become one: what is kept of the first, and the tail of the last."""

    first: int
    last: int
    kept: str
    tail: str


@dataclass(frozen=True, slots=True)
class Standing:
    """The words that stand: their places and numbers, how many of the places before each
    `may_repeat`, and the most of those in a row.
    """

    places: Ints
    ids: Ints
    repeating: Ints
    longest: int


class Words:
    """Words, linked. By place: `ids` and `at` (an array and a list of the same) are their numbers,
    `after` and `before` the places of the neighbours, `stands` says whether a word is still there,
    and `may_repeat` whether the SHORTEST words from it on may stand elsewhere too (where it says
    no, they do not). Before the first and after the last lies no place: -1 and the number of
    places. By number: `counts` says how often a word stands there; `glued` are those that were
    once glued together.
    """

    def __init__(self, numbers: Numbers, ids: Ints) -> None:
        self.numbers = numbers
        self.ids = ids
        self.at: list[int] = ids.tolist()
        self.after = list(range(1, len(ids) + 1))
        self.before = list(range(-1, len(ids)))  # and of the end
        self.stands = np.ones(len(ids), dtype=bool)
        self.may_repeat = np.zeros(len(ids), dtype=bool)
        self.may_repeat[Index(hash_windows(ids, SHORTEST)).repeated()] = True
        self.counts: list[int] = np.bincount(ids, minlength=len(numbers)).tolist()
        self.glued: set[int] = set()
        self.known: Standing | None = None

    @property
    def standing(self) -> Standing:
        """The words that stand now."""
        if self.known is None:
            places = np.flatnonzero(self.stands)
            flags = self.may_repeat[places]
            breaks = np.concatenate(([-1], np.flatnonzero(~flags), [len(flags)]))
            repeating = np.concatenate(([0], np.cumsum(flags)))
            longest = int(np.diff(breaks).max()) - 1
            self.known = Standing(places, self.ids[places], repeating, longest)
        return self.known

    def window(self, place: int, n: int) -> list[int]:
        """The places of n words from one on; fewer at the end."""
        return [place, *self.behind(place, n - 1)]

    def around(self, place: int, n: int, reached: int = -1) -> list[int]:
        """The places of up to n words before one, none before or at a place that was reached, and
        of the word itself; rising.
        """
        before, places = self.before, [place]
        for _ in range(n):
            place = before[place]
            if place <= reached:
                break
            places.append(place)
        places.reverse()
        return places

    def behind(self, place: int, n: int) -> list[int]:
        """The places of up to n words behind one."""
        after, end, places = self.after, len(self.at), []
        for _ in range(n):
            place = after[place]
            if place == end:
                break
            places.append(place)
        return places

    def make(self, cut: Cut) -> list[int]:
        """Make a cut; the places that it covers."""
        at, counts, after = self.at, self.counts, self.after
        place = cut.first
        covered = [place]
        counts[at[place]] -= 1
        while place != cut.last:
            place = after[place]
            covered.append(place)
            counts[at[place]] -= 1
        self.stands[covered[1:]] = False
        self.known = None
        glued = at[cut.first] = self.numbers[cut.kept + cut.tail]
        counts += [0] * (len(self.numbers) - len(counts))
        counts[glued] += 1
        self.ids[cut.first] = glued
        behind = after[cut.first] = after[cut.last]
        self.before[behind] = cut.first
        self.may_repeat[self.around(cut.first, SHORTEST - 1)] = True
        return covered

    def meet(self, cuts: Sequence[Cut]) -> bool:
        """Whether a word that was glued together for the first time stood elsewhere before; what is
        around it may repeat from now on.
        """
        made = {self.at[cut.first] for cut in cuts} - self.glued
        self.glued |= made
        met = [number for number in made if self.counts[number] > 1]
        for number in met:
            for place in np.flatnonzero((self.ids == number) & self.stands).tolist():
                self.may_repeat[self.around(place, SHORTEST - 1)] = True
        return bool(met)


def number_words(text: str) -> tuple[Numbers, Ints]:
    """The words that `split(' ')` gives, as numbers.

    >>> number_words("a  b a")[1].tolist()
    [0, 1, 2, 0]
    """
    numbers = Numbers()
    number = numbers.__getitem__
    parts = [np.fromiter(map(number, part.split(" ")), np.int64) for part in parts_of(text)]
    return numbers, np.concatenate(parts)


def parts_of(text: str) -> Iterator[str]:
    """A text cut at single blanks, so that its words need not all be in memory at once."""
    begin = 0
    while (end := text.find(" ", begin + CHUNK)) >= 0:
        yield text[begin:end]
        begin = end + 1
    yield text[begin:]


class Index:
    """Hashes, to find those that are equal: each one's upper bits with its place in the lower ones,
    sorted.
    """

    def __init__(self, hashes: Hashes) -> None:
        self.hashes = hashes
        self.low = np.uint64((1 << max(1, len(hashes).bit_length())) - 1)
        places = np.arange(len(hashes), dtype=np.uint64)
        self.keys: Hashes = np.sort((hashes & ~self.low) | places)

    def repeated(self) -> Ints:
        """The places whose upper bits are also those of another, equal ones in a row and rising."""
        same = (self.keys[1:] ^ self.keys[:-1]) <= self.low
        if not same.any():
            return np.zeros(0, dtype=np.int64)
        several = np.zeros(len(self.keys), dtype=bool)
        several[1:] |= same
        several[:-1] |= same
        places: Ints = (self.keys[several] & self.low).astype(np.int64)
        return places

    def may_hold(self, hashes: Hashes) -> list[bool]:
        """Of each hash, whether the upper bits of one are the same."""
        near = self.keys.take(np.searchsorted(self.keys, hashes & ~self.low), mode="clip")
        held: list[bool] = ((near ^ hashes) <= self.low).tolist()
        return held

    def find(self, wanted: int) -> list[int]:
        """The places of a hash."""
        one = np.uint64(wanted)
        first = np.searchsorted(self.keys, one & ~self.low)
        end = np.searchsorted(self.keys, one | self.low, side="right")
        places = (self.keys[first:end] & self.low).astype(np.int64)
        found: list[int] = places[self.hashes[places] == one].tolist()
        return found


Entry = tuple[int, int, int]  # -count, the first start, the hash


class Group:
    """Equal windows: where they begin (a heap that may still hold some that are gone), how many,
    and the entry that speaks for them, which may promise too much.
    """

    __slots__ = ("count", "entry", "starts")

    def __init__(self) -> None:
        self.starts: list[int] = []
        self.count = 0
        self.entry: Entry | None = None


class Level:
    """The windows of n words of a text, told by the place of their first word. Those that stand
    there in the beginning and may stand twice are in `index`, by their number in `starts`; those
    that removals make are in `alone`, or in a group with their likes. What is found in one of these
    may be gone meanwhile.
    """

    def __init__(self, words: Words, n: int) -> None:
        self.words = words
        self.n = n
        self.standing = words.standing
        whole = n - SHORTEST + 1  # so many in a row may repeat where a window does
        repeating = self.standing.repeating
        may = repeating[whole:] - repeating[:-whole] == whole
        begins = np.flatnonzero(may[: max(0, len(self.standing.ids) - n + 1)])
        self.starts = self.standing.places[begins]
        self.index = Index(hash_windows(self.standing.ids, n)[begins])
        self.insides = Insides(self.standing.ids, n)
        self.alone: dict[int, int] = {}  # by hash
        self.groups: dict[int, Group] = {}  # by hash
        self.group_at: dict[int, Group] = {}
        self.heap: list[Entry] = []
        self.is_over = True
        self.group_repeated()

    def group_repeated(self) -> None:
        """Group the windows that stand twice in the beginning."""
        again = self.index.repeated()
        if not len(again):
            return
        hashes = self.index.hashes[again]
        borders = np.flatnonzero(np.append(hashes[1:] != hashes[:-1], True)) + 1
        starts, begin = self.starts[again].tolist(), 0
        for end, key in zip(borders.tolist(), hashes[borders - 1].tolist(), strict=True):
            group = self.groups.setdefault(key, Group())
            group.starts = sorted(group.starts + starts[begin:end])
            group.count = len(group.starts)
            self.group_at.update(dict.fromkeys(starts[begin:end], group))
            self.enter(group, key)
            begin = end

    def take_out(self) -> Iterator[Segment]:
        """Take out windows, the most frequent one first, on a tie the one that begins first, until
        none stands twice, or, where it `is_over` is false, a word came up that may be met again in
        windows that are not in the index. CollisionError where two share a hash.
        """
        spelled = self.words.numbers.spelled
        while self.heap:
            entry = heappop(self.heap)
            group = self.groups[entry[2]]
            if entry is not group.entry:
                continue
            group.entry = None
            while group.starts and self.group_at.get(group.starts[0]) is not group:
                heappop(group.starts)
            if group.count < 2:
                continue
            if entry[:2] != (-group.count, group.starts[0]):
                self.enter(group, entry[2])
                continue
            starts = {start for start in group.starts if self.group_at.get(start) is group}
            window = self.numbers_from(entry[1])
            cuts = list(self.find_cuts(window, starts))
            yield Segment(" ".join([spelled[number] for number in window]), group.count)
            self.make(cuts)
            if self.words.meet(cuts):
                self.is_over = False
                return

    def numbers_from(self, start: int) -> list[int]:
        """The numbers of the words of a window."""
        at = self.words.at
        return [at[place] for place in self.words.window(start, self.n)]

    def enter(self, group: Group, key: int) -> None:
        """Let a group wait for its turn, unless an entry already promises as much."""
        if group.count > 1:
            entry = (-group.count, group.starts[0], key)
            if group.entry is None or entry < group.entry:
                group.entry = entry
                heappush(self.heap, entry)

    def find_cuts(self, window: Sequence[int], starts: set[int]) -> Iterator[Cut]:
        """What removing every occurrence of the window's string does, left to right.

        The string may begin at the end of a longer word and end at the beginning of one; where two
        occurrences share such a word, they make one cut.
        """
        at, spelled = self.words.at, self.words.numbers.spelled
        first, last = spelled[window[0]], spelled[window[-1]]
        cut: Cut | None = None
        counts = self.words.counts
        if min([counts[number] for number in window[1:-1]]) > len(starts):
            starts_or_like = sorted(starts.union(self.in_longer_words(window)))
        else:  # one of its words stands nowhere else
            starts_or_like = sorted(starts)
        for begin in starts_or_like:
            places = self.words.window(begin, self.n)
            numbers = [at[place] for place in places]
            if begin in starts and numbers != window:
                raise CollisionError
            if numbers[1:-1] != window[1:-1]:
                continue
            end, word, tail = places[-1], spelled[numbers[0]], spelled[numbers[-1]]
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

    def in_longer_words(self, window: Sequence[int]) -> list[int]:
        """Where the string of a window may begin or end inside of longer words."""
        numbers = self.words.numbers
        first, last = numbers.spelled[window[0]], numbers.spelled[window[-1]]
        ending = numbers.ending_with(first) if first else None  # the empty word ends every one
        starting = numbers.starting_with(last) if last else None
        if first and last and not (ending or starting):
            return []
        found, made = self.insides.find(window)
        for number, longer, shift in (
            (window[0], ending, 0),
            (window[-1], starting, self.n - 1),
        ):
            if longer is not None:
                fits = np.zeros(len(numbers), dtype=bool)
                fits[[number, *longer]] = True
                places = self.standing.places[found + shift]
                found = found[fits[self.words.ids[places]] & self.words.stands[places]]
        places = np.array([*self.standing.places[found], *made], dtype=np.int64)
        return places[self.words.stands[places]].tolist()  # type: ignore[no-any-return]

    def make(self, cuts: Sequence[Cut]) -> None:
        """Make cuts, in rising order, and count the windows anew that they touch."""
        runs: list[list[int]] = []  # words before a cut, and the one that is glued, in a row
        for cut in cuts:
            reached = runs[-1][-1] if runs else -1
            here = self.words.around(cut.first, self.n - 1, reached)
            if runs and self.words.before[here[0]] == reached:
                runs[-1] += here
            else:
                runs.append(here)
            for start in chain(here, self.words.make(cut)):
                group = self.group_at.pop(start, None)
                if group is not None:
                    group.count -= 1
        places, begins = self.made_windows(runs)
        numbers = np.array([self.words.at[place] for place in places], dtype=np.int64)
        hashes = hash_windows(numbers, self.n)[begins]
        starts = [places[k] for k in begins.tolist()]
        self.insides.add(numbers, begins, starts)
        for start, key, is_known in zip(
            starts, hashes.tolist(), self.index.may_hold(hashes), strict=True
        ):
            if is_known or key in self.groups or key in self.alone:
                self.settle(start, key)
            else:
                self.alone[key] = start

    def settle(self, start: int, key: int) -> None:
        """Put a new window to those that are equal to it."""
        if key not in self.groups:
            like = self.starts[self.index.find(key)].tolist()
            like += [self.alone.pop(key)] if key in self.alone else []
            numbers = self.numbers_from(start)
            like = [
                place for place in dict.fromkeys(like)
                if place != start and self.words.stands[place]
                and self.numbers_from(place) == numbers
            ]  # fmt: skip
            if not like:
                self.alone[key] = start
                return
            self.groups[key] = Group()
            for place in like:
                self.join(place, self.groups[key], key)
        self.join(start, self.groups[key], key)

    def join(self, start: int, group: Group, key: int) -> None:
        """A window stands here, one of a group; perhaps it was found there already."""
        if self.group_at.get(start) is group:
            return
        self.group_at[start] = group
        heappush(group.starts, start)
        group.count += 1
        self.enter(group, key)

    def made_windows(self, runs: Sequence[list[int]]) -> tuple[list[int], Ints]:
        """The places of words in a row that begin windows with a glued word, and of what these
        reach; and which of them (counted from 0) begin a whole one.
        """
        places: list[int] = []
        begins: list[int] = []
        for run in runs:
            reach = self.words.behind(run[-1], self.n - 1)
            whole = len(run) + len(reach) - self.n + 1
            begins += range(len(places), len(places) + whole)
            places += run
            places += reach
        return places, np.array(begins, dtype=np.int64)


class Insides:
    """What lies between the ends of windows of n words: of those that stand in the beginning by
    number, of those that removals make by place. Nothing is sorted before it is looked for.
    """

    def __init__(self, standing: Ints, n: int) -> None:
        self.standing = standing
        self.n = n
        self.hashes: Hashes | None = None
        self.index: Index | None = None
        self.searches = 0
        self.waiting: list[tuple[Ints, Ints, list[int]]] = []
        self.made: dict[int, list[int]] = {}

    def add(self, numbers: Ints, begins: Ints, starts: list[int]) -> None:
        """Windows that a removal made: words, where in them each begins, and its place."""
        self.waiting.append((numbers, begins, starts))

    def find(self, window: Sequence[int]) -> tuple[Ints, list[int]]:
        """The windows with the same inside: numbers and places."""
        n = self.n - 2
        (wanted,) = hash_windows(np.array(window[1:-1], dtype=np.int64), n)
        if self.waiting:
            self.look_into()
        if self.hashes is None:
            self.hashes = hash_windows(self.standing[1:-1], n)
        self.searches += 1
        if self.searches < FEW:
            return np.flatnonzero(self.hashes == wanted), self.made.get(int(wanted), [])
        self.index = self.index or Index(self.hashes)
        found = np.array(self.index.find(int(wanted)), dtype=np.int64)
        return found, self.made.get(int(wanted), [])

    def look_into(self) -> None:
        """Find the insides of the windows that removals made since the last search."""
        numbers, begins, starts = zip(*self.waiting, strict=True)
        before = np.cumsum([0, *map(len, numbers[:-1])])
        at = np.concatenate([own + shift for own, shift in zip(begins, before, strict=True)])
        hashes = hash_windows(np.concatenate(numbers)[1:-1], self.n - 2)[at]
        for start, key in zip(chain(*starts), hashes.tolist(), strict=True):
            self.made.setdefault(key, []).append(start)
        self.waiting.clear()
