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
FEW = 64  # texts: all of so few are sooner compared than looked at
MIXED, SHIFT = np.uint32(2654435761), np.uint32(16)  # spreads neighbouring numbers over bins

Band = npt.NDArray[np.float32]
Row = npt.NDArray[np.float32]
Floats = npt.NDArray[np.float64]


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
    n = len(turns)
    band = np.zeros((WIDEST + 1, n), dtype=np.float32)
    same: dict[str, int] = {}
    ids = np.array([same.setdefault(turn, len(same)) for turn in turns], dtype=np.int64)
    lengths = np.fromiter(map(len, turns), dtype=np.int64, count=n)
    is_short = (sizes < SHORT) | (lengths < 1)
    bags = bags_of(turns)
    ones: list[str] = []
    others: list[str] = []
    cells = []
    for p in range(1, min(WIDEST, n - 1) + 1):
        same_turn = ids[p:] == ids[:-p]
        band[p, p:][same_turn & (lengths[p:] > 0)] = 1
        open_ones = may_be_alike(bags, lengths, p, ALIKE) & ~same_turn
        later = np.flatnonzero(open_ones & ~is_short[p:] & ~is_short[:-p]) + p
        ones += [turns[i] for i in later.tolist()]
        others += [turns[i - p] for i in later.tolist()]
        cells.append(p * n + later)
    if ones:
        band.reshape(-1)[np.concatenate(cells)] = compare_pairs(ones, others, ALIKE)
    return band


def bags_of(texts: Sequence[str], bins: int = 64) -> npt.NDArray[np.uint8]:
    """[text, bin]: how many of a text's characters fall into each bin, up to 255."""
    points = np.frombuffer("".join(texts).encode("utf-32-le", "surrogatepass"), dtype=np.uint32)
    lengths = np.fromiter(map(len, texts), dtype=np.int64, count=len(texts))
    of_text = np.repeat(np.arange(len(texts)) * bins, lengths)
    counts = np.bincount(of_text + (points * MIXED >> SHIFT) % bins, minlength=len(texts) * bins)
    return np.minimum(counts, 255).astype(np.uint8).reshape(-1, bins)


def may_be_alike(
    bags: npt.NDArray[np.uint8], lengths: npt.NDArray[np.int64], apart: int, least: float
) -> npt.NDArray[np.bool_]:
    """Per text from the one at `apart` on: whether it and the one so many before it can be alike by
    their lengths and by what they have in common in any order. Texts longer than a bin counts can.
    """
    if len(lengths) < FEW:
        return np.ones(len(lengths) - apart, dtype=bool)
    mine, earlier = lengths[apart:], lengths[:-apart]
    needed = least / 2 * (mine + earlier) - 1e-6
    possible = np.minimum(mine, earlier) >= needed
    at = np.flatnonzero(possible)
    common = np.minimum(bags[at + apart], bags[at]).sum(axis=1)
    possible[at] = (common >= needed[at]) | (np.maximum(mine, earlier)[at] > 255)
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
