"""Echo: turns that open with what the turn before was first to say.

Where each side takes up the other's words, praises them and hands them back, the talk can go on for
ever without a step. A turn echoes if in its opening stand two words in a row, one of them a content
word, that the turn before said and none of the `MEMORY` turns before that one. A stretch stagnates
if 6 of 8 turns echo, next to nothing is asked and hardly a number is new. Pairs that come back from
farther away are a frame that is filled anew ("Another area of research is ..."): who goes through a
list takes up the other's words too, but what he says of them is new, so no more than .08 of a
stretch's pairs may be frame. On the marked dialogues a part from .06 to .10, and 5 to 7 turns of 8,
give the same F1 within .02; but the loops that this finds and nothing else does are all of one
source (`played`).

>>> from broken_record.detectors.examples import transcript_of
>>> said = ["The slow garden teaches us.", "The slow garden! It rests.", "A slow garden, yes."]
>>> measured = Echo(transcript_of(said))
>>> measured.echoes.tolist(), measured.framed.tolist(), measured.pairs.tolist()
([False, True, False], [0, 0, 1], [4, 4, 3])
"""

from __future__ import annotations

from functools import cached_property

import numpy as np

from broken_record.detectors.courtesy import Courtesy
from broken_record.detectors.stretches import Stretch, running_sum, stretches_of
from broken_record.text.ngrams import Hashes, in_order, window_ends, window_hashes
from broken_record.text.transcript import Flags, Ints, Transcript

MEMORY = 10  # turns
OPENING = 12  # words
PAIR = 2  # words


class Echo:
    """Per turn, whether it echoes the one before; of the turns that are looked at, others are as if
    nothing was said in them.
    """

    def __init__(self, transcript: Transcript, looked_at: Flags | None = None) -> None:
        self.count = len(transcript)
        turn_of, upto = transcript.turn_of, transcript.upto
        hashes, begins = pairs_of(transcript, looked_at)
        # the first place of every pair in every turn, by pair and then by turn
        order = in_order(hashes)
        pair, begins = hashes[order], begins[order]
        turn = turn_of[begins]
        again = np.zeros(len(pair), dtype=bool)
        again[1:] = pair[1:] == pair[:-1]
        is_new = ~again
        is_new[1:] |= turn[1:] != turn[:-1]
        once = np.flatnonzero(is_new)
        again, self.turn, begins = again[once], turn[once], begins[once]
        ago = np.full(len(once), MEMORY + 1)
        np.copyto(ago[1:], self.turn[1:] - self.turn[:-1], where=again[1:])
        self.said_before = ago <= MEMORY
        self.taken_up = ago == 1
        self.taken_up[1:] &= ~self.said_before[:-1]
        taken = np.flatnonzero(self.taken_up)
        turn, begins = self.turn[taken], begins[taken]
        self.echoes = np.zeros(self.count, dtype=bool)
        self.echoes[turn[upto[begins] - upto[transcript.first[turn]] < OPENING]] = True

    @cached_property
    def framed(self) -> Ints:
        """Per turn: how many of its pairs are a frame, said two turns before or earlier."""
        return np.bincount(self.turn[self.said_before & ~self.taken_up], minlength=self.count)

    @cached_property
    def pairs(self) -> Ints:
        """Per turn: how many different pairs of words with a content word it has."""
        return np.bincount(self.turn, minlength=self.count)


def pairs_of(transcript: Transcript, looked_at: Flags | None) -> tuple[Hashes, Ints]:
    """Of the turns that are looked at: hashes of two words in a row, one of them a content word,
    neutral to who speaks; and the places at which they begin.
    """
    worth, turn_of = transcript.worth, transcript.turn_of
    says = transcript.is_content[transcript.plain]
    if transcript.worth_of_all == 1:
        kept = (turn_of[1:] == turn_of[:-1]) & (says[1:] | says[:-1])
    else:
        ends = window_ends(worth, PAIR)
        kept = turn_of[: len(ends)] == turn_of[ends - 1]
        if transcript.worth_of_all is None:
            content = np.concatenate(([0.0], np.cumsum(np.where(worth < 1, worth, says))))
            kept &= content[ends] - content[: len(ends)] >= 1
    if looked_at is not None:
        kept &= looked_at[turn_of[: len(kept)]]
    begins = np.flatnonzero(kept)
    if transcript.worth_of_all == 1:
        words, count = transcript.words.astype(np.uint64), len(transcript.vocabulary.texts)
        return words[begins] * np.uint64(count) + words[begins + 1], begins
    return window_hashes(transcript.words, ends)[begins], begins


def may_echo(transcript: Transcript, shares: Flags) -> Flags:
    """The turns that may echo the one before: those that share a content word with it, or have one
    for which another can stand (PERSONS); all where characters stand for words.
    """
    if transcript.worth_of_all != 1:
        return np.ones(len(transcript), dtype=bool)
    exchanged = transcript.is_content[transcript.plain] & (transcript.words != transcript.plain)
    may: Flags = shares.copy()
    may[transcript.turn_of[exchanged]] = True
    return may


def behind_repeats(transcript: Transcript) -> Flags:
    """The turns behind one that was said as it is shortly before: there is nothing to take up."""
    behind = np.zeros(len(transcript), dtype=bool)
    last: dict[str, int] = {}
    for i, body in enumerate(transcript.bodies[:-1]):
        behind[i + 1] = i - last.get(body, -MEMORY - 1) <= MEMORY
        last[body] = i
    return behind


def echo_stretches(
    transcript: Transcript, measured: Courtesy, shares: Flags, over: int, echoed: int,
    framed: float, questions: int, figures: int,
) -> list[Stretch]:  # fmt: skip
    """Every stretch of windows of `over` turns of which `echoed` echo the turn before; `shares`
    says of each turn whether it has a content word in common with that.
    """
    if over > len(transcript):
        return []
    told = running_sum(measured.asked, over) <= questions
    told &= running_sum(measured.figures, over) <= figures
    told &= running_sum(measured.works, over) == 0
    told[: transcript.given + over - 1] = False
    may = may_echo(transcript, shares)
    told &= running_sum(may, over) >= echoed
    if not told.any():
        return []
    told &= running_sum(may & ~behind_repeats(transcript), over) >= echoed
    if not told.any():
        return []
    # those windows, and as many turns before as their words can come from
    looked_at = running_sum(told[::-1], over + MEMORY + 1)[::-1] > 0
    echo = Echo(transcript, looked_at)
    told &= running_sum(echo.echoes, over) >= echoed
    if not told.any():
        return []
    told &= running_sum(echo.framed, over) <= framed * running_sum(echo.pairs, over)
    return stretches_of(told, transcript.given, over)
