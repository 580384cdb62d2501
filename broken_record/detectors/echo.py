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
>>> measured = measure_echo(transcript_of(said))
>>> measured.echoes.tolist(), measured.framed.tolist(), measured.pairs.tolist()
([False, True, False], [0, 0, 1], [4, 4, 3])
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from broken_record.detectors.courtesy import Courtesy
from broken_record.detectors.stretches import Stretch, running_sum, stretches_of
from broken_record.text.ngrams import in_order, window_ends, window_hashes
from broken_record.text.transcript import Flags, Ints, Transcript

MEMORY = 10  # turns
OPENING = 12  # words
PAIR = 2  # words


@dataclass(frozen=True, slots=True)
class Echo:
    """Per turn: whether it echoes the one before; how many different pairs of words with a content
    word it has, and how many of them are a frame, said two turns before or earlier.
    """

    echoes: Flags
    framed: Ints
    pairs: Ints


def measure_echo(transcript: Transcript) -> Echo:
    """What each turn takes up."""
    n = len(transcript)
    worth, turn_of, upto = transcript.worth, transcript.turn_of, transcript.upto
    ends = window_ends(worth, PAIR)
    begins = np.arange(len(ends))
    says = np.where(worth < 1, worth, transcript.is_content[transcript.plain])
    content = np.concatenate(([0.0], np.cumsum(says)))
    kept = (turn_of[begins] == turn_of[ends - 1]) & (content[ends] - content[begins] >= 1)
    hashes, begins = window_hashes(transcript.words, ends)[kept], begins[kept]
    # the first place of every pair in every turn, by pair and then by turn
    order = in_order(hashes)
    pair, begins = hashes[order], begins[order]
    turn = turn_of[begins]
    again = np.zeros(len(pair), dtype=bool)
    again[1:] = pair[1:] == pair[:-1]
    first = ~again
    first[1:] |= turn[1:] != turn[:-1]
    again, turn, begins = again[first], turn[first], begins[first]
    ago = np.full(len(turn), MEMORY + 1)
    ago[1:][again[1:]] = (turn[1:] - turn[:-1])[again[1:]]
    said_before = ago <= MEMORY
    was_new = np.ones(len(turn), dtype=bool)
    was_new[1:] = ~said_before[:-1]
    taken_up = (ago == 1) & was_new
    opens = upto[begins] - upto[transcript.first[turn]] < OPENING
    echoes = np.zeros(n, dtype=bool)
    echoes[turn[taken_up & opens]] = True
    return Echo(
        echoes,
        np.bincount(turn[said_before & ~taken_up], minlength=n),
        np.bincount(turn, minlength=n),
    )


def echo_stretches(
    transcript: Transcript, measured: Courtesy, over: int, echoed: int, framed: float,
    questions: int, figures: int,
) -> list[Stretch]:  # fmt: skip
    """Every stretch of windows of `over` turns of which `echoed` echo the turn before."""
    if over > len(transcript):
        return []
    told = running_sum(measured.asked, over) <= questions
    told &= running_sum(measured.figures, over) <= figures
    if not told[transcript.given + over - 1 :].any():
        return []
    echo = measure_echo(transcript)
    told &= running_sum(echo.echoes, over) >= echoed
    told &= running_sum(echo.framed, over) <= framed * running_sum(echo.pairs, over)
    return stretches_of(told, transcript.given, over)
