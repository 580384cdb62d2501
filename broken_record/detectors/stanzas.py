r"""Closes that come again changed, or with more behind them: a stanza with other words in slots,
lines after which the message goes on.

The last parts of two messages are laid side by side, and what they have in common is counted in
rows of three words or more. From where a line or a sentence begins it has to be half of what is
left of both: less is a turn of phrase within another close. A message that hands over code explains
it again with every version, so that is left alone. It does not know how many turns do so.

>>> from broken_record.detectors.examples import transcript_of
>>> close = "The light is on.\nThe {} is warm tonight.\nAnd the door, as ever, is open."
>>> said = ["I walked along the sea for an hour or two before it rained. ",
...         "Nobody was at the market today, not even the cat of the baker. "]
>>> transcript = transcript_of([said[0] + close.format("tea"), said[1] + close.format("soup")])
>>> find_stanza(transcript, *(tail_of(transcript, i) for i in (0, 1)), 8)
Stanza(words=15.0, extent=(13, 28), likes_extent=(13, 28))
"""

from __future__ import annotations

from itertools import compress
from math import ceil
from typing import NamedTuple

from rapidfuzz.distance import Indel

from broken_record.detectors.template_views import CLOSE, FORM, SENTENCE_BREAK, TAIL
from broken_record.detectors.templates import RUN, Frame, in_order, share_of
from broken_record.text.transcript import Transcript

SHARE = 0.5  # of what is left of both messages
FENCE = "```"


class Tail(NamedTuple):
    """The words of a message's last part: how many stand before them, and how much they are worth
    up to each.
    """

    position: int
    text: str
    before: int
    upto: list[float]


class Stanza(NamedTuple):
    """How many words two messages have in common from a line on, and where it stands in both."""

    words: float
    extent: tuple[int, int]
    likes_extent: tuple[int, int]


def with_stanzas(
    transcript: Transcript,
    own: list[int],
    pairs: list[tuple[int, int]],
    words: float,
    frames: dict[int, Frame],
) -> dict[int, Frame]:
    """The frames of a speaker's turns, by place, and those of stanzas in shorter ones' stead, of
    the pairs of places that may share one.
    """
    found = dict(frames)
    tails = {k: tail_of(transcript, own[k]) for k in {place for pair in pairs for place in pair}}
    rows = [
        (k, j, mine, theirs)
        for k, j in pairs
        if own[k] >= transcript.given and (mine := tails[k]) and (theirs := tails[j])
    ]
    least = ceil(words / (transcript.worth_of_all or 1.0))
    common = in_order([row[2].text for row in rows], [row[3].text for row in rows], least)
    for k, j, mine, theirs in compress(rows, common):
        position, like = own[k], own[j]
        stanza = find_stanza(transcript, theirs, mine, words)
        if stanza is None:
            continue
        known = found.get(k)
        likes = (*known.likes, j) if known else (j,)
        if known is None or stanza.words > known.words:
            share = share_of(stanza.words, float(transcript.sizes[position]))
            known = Frame(position, like, *stanza, share, ())
        found[k] = known._replace(likes=likes)
    return found


def tail_of(transcript: Transcript, position: int) -> Tail | None:
    """The last part of a message, as far as a close reaches back; None of a form or code."""
    begin, end = transcript.borders[position : position + 2]
    body = transcript.bodies[position]
    if begin == end or FORM.match(body) or FENCE in body:
        return None
    first = begin + int(CLOSE * (end - begin)) + 1
    if len(body) > TAIL:
        place = int(transcript.places[position]) + len(body) - TAIL
        first = max(first, int(transcript.starts.searchsorted(place)))
    upto = (transcript.upto[first : end + 1] - transcript.upto[first]).tolist()
    return Tail(position, transcript.written[first:end], first - begin, upto)


def line_starts(transcript: Transcript, tail: Tail) -> set[int]:
    """The words of a tail with which a line or a sentence begins."""
    body = transcript.bodies[tail.position]
    shift = max(0, len(body) - TAIL)
    first = transcript.borders[tail.position] + tail.before
    begins = shift + int(transcript.places[tail.position])
    places = [begins + line.end() for line in SENTENCE_BREAK.finditer(body[shift:])]
    return set((transcript.starts.searchsorted(places) - first).tolist())


def find_stanza(transcript: Transcript, theirs: Tail, mine: Tail, words: float) -> Stanza | None:
    """The longest stanza of so many words that a message shares with an earlier one."""
    rows = []
    for step in Indel.opcodes(theirs.text, mine.text):
        if step.tag == "equal" and mine.upto[step.dest_end] - mine.upto[step.dest_start] >= RUN:
            rows.append((step.src_start, step.dest_start, step.dest_end))
    behind = sum(mine.upto[end] - mine.upto[begin] for _, begin, end in rows)
    if not rows or behind < words:
        return None
    starts = line_starts(transcript, mine)
    last_of_theirs, last_begins, last = rows[-1]
    last_of_theirs += last - last_begins
    for of_theirs, begin, end in rows:
        behind -= mine.upto[end] - mine.upto[begin]
        if reach_the_opening(transcript, theirs, mine, of_theirs, begin):
            continue
        for at in range(begin, end):
            like = of_theirs + at - begin
            row = mine.upto[end] - mine.upto[at]
            much = behind + row
            left = mine.upto[-1] - mine.upto[at] + theirs.upto[-1] - theirs.upto[like]
            if at in starts and row >= RUN and much >= words and 2 * much >= SHARE * left:
                return Stanza(
                    much,
                    (mine.before + at, mine.before + last - 1),
                    (theirs.before + like, theirs.before + last_of_theirs - 1),
                )
    return None


def reach_the_opening(
    transcript: Transcript, theirs: Tail, mine: Tail, of_theirs: int, begin: int
) -> bool:
    """Whether the row from there on is the end of what both messages open with."""
    if begin and of_theirs:
        return False
    behind = mine.before + begin
    if behind != theirs.before + of_theirs:
        return False
    at, like = (transcript.borders[tail.position] for tail in (mine, theirs))
    return transcript.written[at : at + behind] == transcript.written[like : like + behind]
