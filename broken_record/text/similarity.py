"""How alike the turns of a dialogue are, each a string of one character per word.

It does not know what a word is, who speaks or what a turn is about; transcript.py writes the turns
down so that both speakers' are alike when they say the same. Turns are compared at most WIDEST
apart, so that work and memory grow with the length of a dialogue and no faster.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from rapidfuzz.distance import Indel, LCSseq
from rapidfuzz.process import cpdist

WIDEST = 17  # turns: the longest period that is looked for, and one inserted turn
ALIKE = 0.75  # normalised Indel similarity; clean two-speaker talk stays below it
SHORT = 6  # words: shorter turns are alike only when equal
COMPARED = 4096  # words of a turn; what is alike so far is taken to be alike
AT_ONCE = 1 << 14  # pairs whose bags are looked at
BINS = 64

Band = npt.NDArray[np.float32]
Row = npt.NDArray[np.float32]
Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]


def write_words(numbers: npt.NDArray[np.int64]) -> str:
    """Numbers of words, from 0, as text: one character each."""
    points = numbers + 0x800 * (numbers >= 0xD800)  # past the surrogates
    return points.astype("<u4").tobytes().decode("utf-32-le")


def compare_turns(turns: Sequence[str], sizes: Floats) -> Band:
    """[p, i]: how alike the turns i and i - p are, for p up to WIDEST; below ALIKE it is 0.

    Normalised Indel similarity over words (rapidfuzz), in [0, 1]; turns worth less than SHORT words
    (`sizes`) are alike only when equal, and empty ones never.

    >>> turns = ["abcdefgh", "", "abcdefgx"]
    >>> float(compare_turns(turns, np.array([8.0, 0, 8]))[2, 2])  # 7 words of 8, in order
    0.875
    """
    band = np.zeros((WIDEST + 1, len(turns)), dtype=np.float32)
    is_long = sizes >= SHORT
    cells, equal = pair_cells(turns, is_long, is_long, 1, ALIKE)
    band.reshape(-1)[equal] = 1
    compare_cells(band, turns, cells, ALIKE)
    return band


def pair_cells(
    texts: Sequence[str], later: Flags, before: Flags, nearest: int, least: float
) -> tuple[Ints, Ints]:
    """The cells (p, i) of a band, p * len(texts) + i, from p = `nearest` on: those whose texts may
    be alike, of the ones flagged in `later` and in `before`; and all whose texts are equal and not
    empty.
    """
    n = len(texts)
    last = dict(zip(texts, range(n), strict=True))  # equal texts have the same last place
    ids = np.fromiter(map(last.__getitem__, texts), dtype=np.int64, count=n)
    lengths = np.fromiter(map(len, texts), dtype=np.int64, count=n)
    lags = np.arange(nearest, max(nearest, min(WIDEST + 1, n)))[:, None]
    earlier = np.arange(n) - lags
    is_pair = (earlier >= 0) & (lengths > 0)
    equal = is_pair & (ids == ids[earlier])
    shorter, longer = np.minimum(lengths, lengths[earlier]), np.maximum(lengths, lengths[earlier])
    shared = least / 2 * (shorter + longer) - 1e-6
    open_ones = is_pair & (shorter >= shared) & ~equal & later & before[earlier]
    cells = open_ones.reshape(-1).nonzero()[0]
    if len(cells):
        ones, others = cells - cells // n * n, earlier.reshape(-1)[cells]
        cells = cells[may_be_alike(bags_of(texts), lengths, ones, others, least)]
    first = nearest * n
    return cells + first, equal.reshape(-1).nonzero()[0] + first


def compare_cells(band: Band, texts: Sequence[str], cells: Ints, least: float) -> None:
    """Write into cells of a band how alike their texts are, where that is more than they hold."""
    if not len(cells):
        return
    lags = cells // len(texts)
    places = cells - lags * len(texts)
    ones = [texts[i] for i in places.tolist()]
    others = [texts[i] for i in (places - lags).tolist()]
    flat = band.reshape(-1)
    flat[cells] = np.maximum(flat[cells], compare_pairs(ones, others, least))


def bags_of(texts: Sequence[str]) -> npt.NDArray[np.uint8]:
    """[text, bin]: how many of a text's characters fall into each bin, up to 255; their last bits
    tell the bin, so that letters have one each.
    """
    points = np.frombuffer("".join(texts).encode("utf-32-le", "surrogatepass"), dtype=np.uint32)
    lengths = np.fromiter(map(len, texts), dtype=np.int64, count=len(texts))
    of_text = np.repeat(np.arange(len(texts)) * BINS, lengths)
    counts = np.bincount(of_text + points % BINS, minlength=len(texts) * BINS)
    return np.minimum(counts, 255).astype(np.uint8).reshape(-1, BINS)


def may_be_alike(
    bags: npt.NDArray[np.uint8], lengths: Ints, ones: Ints, others: Ints, least: float
) -> Flags:
    """Per pair of texts, by their places: whether they can be alike by what they have in common in
    any order. Texts longer than a bin counts can.
    """
    mine, theirs = lengths[ones], lengths[others]
    needed = least / 2 * (mine + theirs) - 1e-6
    possible = np.maximum(mine, theirs) > 255
    rows = bags.view(np.uint64)  # eight bins at once are sooner taken
    for begin in range(0, len(ones), AT_ONCE):
        some = slice(begin, begin + AT_ONCE)
        both = (rows.take(at[some], axis=0).view(np.uint8) for at in (ones, others))
        common = np.einsum("ij->i", np.minimum(*both), dtype=np.uint16)
        possible[some] |= common >= needed[some]
    return possible


def compare_pairs(ones: Sequence[str], others: Sequence[str], least: float) -> Row:
    """How alike each of `ones` is to the one of `others` at its place; below `least` it is 0.

    >>> [round(float(much), 2) for much in compare_pairs(["abcd", "abcd"], ["abcx", "xyzd"], 0.5)]
    [0.75, 0.0]
    """
    return cpdist(
        ones, others, scorer=Indel.normalized_similarity, score_cutoff=least, dtype=np.float32
    )


def contained_in(one: str, other: str) -> float:
    """The share of `one` that stands in `other` in the same order.

    >>> contained_in("abcd", "xaybzc")
    0.75
    """
    return float(LCSseq.similarity(one, other)) / max(1, len(one))


def pair_turns(turns: Sequence[str], band: Band, most: int) -> list[tuple[int, int]]:
    """(turn, earlier one) where they are alike in the band, or equal to the last like them at any
    distance; the first `most`.

    >>> far = ["again", *"bcdefghijklmnopqrs", "again"]
    >>> pair_turns(far, compare_turns(far, np.array([1.0] * len(far))), 9)
    [(19, 0)]
    """
    lags, places = np.nonzero(band)
    pairs = {(int(i), int(i - p)) for p, i in zip(lags, places, strict=True)}
    last: dict[str, int] = {}
    for i, turn in enumerate(turns):
        if turn and turn in last:
            pairs.add((i, last[turn]))
        last[turn] = i
    return sorted(pairs)[:most]
