"""Windows of n words in a row: a hash of each, and how much of a text lies in those that stood
before.

The hashes are modulo 2**64 and tell windows apart but for chance; who needs certainty compares the
words (segments.py does). Words are words.py's, already numbered; where characters stand for words,
a window holds as many of them as are worth n words.
"""

from __future__ import annotations

from typing import TypeVar

import numpy as np
import numpy.typing as npt

from broken_record.text.words import find_words, worth

SHORTEST = 5  # words of a window that counts when it comes again
MULTIPLIER = np.uint64(0x9E3779B97F4A7C15)  # odd, so it has an inverse modulo 2**64
INVERSE = np.uint64(pow(int(MULTIPLIER), -1, 2**64))

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]
Hashes = npt.NDArray[np.uint64]
Number = TypeVar("Number", np.int64, np.uint64, np.uint32)


def hash_sums(numbers: npt.NDArray[Number]) -> Hashes:
    """Running sums of mix(w_i) * B**i, modulo 2**64; the hash of the n words from i is the sum over
    them times B's inverse**i (Karp and Rabin, 1987).
    """
    mixed = numbers.astype(np.uint64)
    mixed += np.uint64(1)
    mixed *= np.uint64(0xBF58476D1CE4E5B9)
    mixed ^= mixed >> np.uint64(31)
    mixed *= powers_of(MULTIPLIER, len(numbers))
    np.cumsum(mixed, out=mixed)
    return mixed


def hash_windows(numbers: Ints, n: int) -> Hashes:
    """The hashes of all windows of n numbers.

    >>> hashes = hash_windows(np.array([7, 8, 9, 7, 8]), 2).tolist()
    >>> len(hashes), hashes[0] == hashes[3], hashes[0] == hashes[1]
    (4, True, False)
    """
    sums = hash_sums(numbers)
    hashes: Hashes = sums[n - 1 :].copy()
    hashes[1:] -= sums[:-n]
    hashes *= powers_of(INVERSE, len(hashes))
    return hashes


def window_ends(worths: Floats, n: int) -> Ints:
    """Where the windows of n words end that begin at the first word, the second ...; of the last
    places none does.

    >>> window_ends(np.array([1.0, 1, 1, 1]), 3), window_ends(np.array([1, 0.5, 0.5, 0.5]), 2)
    (array([3, 4]), array([3]))
    """
    upto = np.zeros(len(worths) + 1)
    worths.cumsum(out=upto[1:])
    for much in (1.0, 0.5):
        if upto[-1] == much * len(worths):
            return np.arange(round(n / much), len(worths) + 1)
    ends = upto.searchsorted(upto[:-1] + n)
    return ends[ends < len(upto)]


def window_hashes(numbers: Ints, ends: Ints) -> Hashes:
    """The hashes of windows of numbers: the first from the first number to before `ends[0]`, the
    second from the second on ...
    """
    sums = np.zeros(len(numbers) + 1, dtype=np.uint64)
    sums[1:] = hash_sums(numbers)
    return (sums[ends] - sums[: len(ends)]) * powers_of(INVERSE, len(ends))


def span_hashes(numbers: npt.NDArray[Number], starts: Ints, ends: Ints) -> Hashes:
    """The hashes of numbers in a row, each from its start to before its end: such as that of a word
    by the code points of its letters.
    """
    sums = np.zeros(len(numbers) + 1, dtype=np.uint64)
    sums[1:] = hash_sums(numbers)
    return (sums[ends] - sums[starts]) * powers_of(INVERSE, len(numbers))[starts]


def distances(hashes: Hashes) -> Ints:
    """Per window, how far before it the last one like it begins; 0 of the first of its kind.

    >>> distances(np.array([7, 8, 7, 7], dtype=np.uint64)).tolist()
    [0, 0, 2, 1]
    """
    order = in_order(hashes)
    known = hashes[order]
    same = known[1:] == known[:-1]
    back: Ints = np.zeros(len(hashes), dtype=np.int64)
    back[order[1:][same]] = (order[1:] - order[:-1])[same]
    return back


def in_order(hashes: Hashes) -> Ints:
    """The places of hashes in an order in which equal ones stand together, rising.

    The order is that of upper bits, in which those that differ do so but for chance; the lower bits
    give way to the places, because numbers are sorted several times as fast as places by numbers.

    >>> in_order(np.array([7, 8, 7], dtype=np.uint64)).tolist()
    [0, 2, 1]
    """
    lower = np.uint64((1 << len(hashes).bit_length()) - 1)
    keys = hashes * MULTIPLIER
    keys &= ~lower
    keys |= np.arange(len(hashes), dtype=np.uint64)
    keys.sort()
    keys &= lower
    places: Ints = keys.astype(np.int64)
    return places


def distinct(numbers: npt.NDArray[Number]) -> npt.NDArray[Number]:
    """The different numbers, rising; ten times as fast as np.unique.

    >>> distinct(np.array([7, 8, 7, 7])).tolist()
    [7, 8]
    """
    in_order = np.sort(numbers)
    return in_order[run_starts(in_order)]


def run_starts(in_order: npt.NDArray[Number]) -> Ints:
    """The places at which numbers begin that differ from the ones before.

    >>> run_starts(np.array([7, 7, 8, 8])).tolist()
    [0, 2]
    """
    is_new = np.ones(len(in_order), dtype=bool)
    np.not_equal(in_order[1:], in_order[:-1], out=is_new[1:])
    places: Ints = is_new.nonzero()[0]
    return places


def first_of_each(numbers: Ints) -> Ints:
    """The places at which numbers, from 0 on, stand for the first time, by number.

    >>> first_of_each(np.array([8, 7, 8, 7])).tolist()
    [1, 0]
    """
    bits = len(numbers).bit_length()
    if int(numbers.max(initial=0)).bit_length() + bits > 63:
        return np.unique(numbers, return_index=True)[1]
    in_order = np.sort(numbers << bits | np.arange(len(numbers)))
    return in_order[run_starts(in_order >> bits)] & (1 << bits) - 1


def powers_of(base: np.uint64, count: int) -> Hashes:
    """The first `count` powers modulo 2**64, from 1 on; the longest table of them is kept."""
    known = POWERS.get(int(base))
    if known is None or len(known) < count:
        factors = np.full(1 << max(13, count.bit_length()), base, dtype=np.uint64)
        factors[:1] = 1
        known = POWERS[int(base)] = np.cumprod(factors, dtype=np.uint64)
    return known[:count]


POWERS: dict[int, Hashes] = {}


def loop_coverage(text: str) -> float:
    """The share of a text's characters inside some repeated span of at least 5 words, in [0, 1].

    Each occurrence after the first counts, once. A span reaches from its first word to its last;
    words are text.find_words'. A run of 5 words that stood before marks its words, so longer
    repeats mark all of theirs.

    >>> loop_coverage("say it again to me. Now say it again to me.")  # 18 of 43 characters
    0.4186046511627907
    """
    words = list(find_words(text))
    numbers: dict[str, int] = {}
    ids = np.array([numbers.setdefault(word.text, len(numbers)) for word in words], np.int64)
    worths = np.array([worth(word.text) for word in words], dtype=np.float64)
    starts = np.array([word.start for word in words], dtype=np.int64)
    ends = np.array([word.end for word in words], dtype=np.int64)
    return covered_share(ids, worths, starts, ends, len(text))


def covered_share(words: Ints, worths: Floats, starts: Ints, ends: Ints, characters: int) -> float:
    """Loop coverage of numbered words with their offsets in a text of so many characters."""
    last = window_ends(worths, SHORTEST)
    if len(last) < 2:
        return 0.0
    places = distances(window_hashes(words, last)).nonzero()[0]
    of_words = (ends - starts)[inside(places, last[places], len(words))].sum()
    gaps = starts[1:] - ends[:-1]
    of_gaps = gaps[inside(places, last[places] - 1, len(gaps))].sum()
    return float(of_words + of_gaps) / characters


def inside(starts: Ints, ends: Ints, count: int) -> npt.NDArray[np.bool_]:
    """Per place, whether it lies in one of the windows, each from its start to before its end.

    >>> inside(np.array([0, 3]), np.array([2, 4]), 5).tolist()
    [True, True, False, True, False]
    """
    steps = np.bincount(starts, minlength=count + 1) - np.bincount(ends, minlength=count + 1)
    return np.cumsum(steps)[:count] > 0
