"""Openings and closes that come again in a speaker's turns: what prefix_repetition and
suffix_repetition share.

Two turns are laid side by side from their first words on (or from the last ones back) and what they
have in common is counted (longest common subsequence over words, with a budget): two words may be
others in the first twelve, one in six after that, and three words in a row must be the same. A
close may also be what the last two sentences begin with, whatever they end on. It does not know
which of the two it is looking at, but for the side.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Literal, NamedTuple

import numpy as np
from rapidfuzz.distance import Indel

from broken_record.data import Finding
from broken_record.detectors.evidence import make_finding, saturate, stretches, told_by
from broken_record.detectors.labels import opening_label, speaker_labels
from broken_record.stats import slope_of_many
from broken_record.text.similarity import write_words
from broken_record.text.transcript import Transcript, quote
from broken_record.text.words import SENTENCE_END

Side = Literal["opening", "close"]

COMPARED = 40  # words
LAST = 3  # own turns
RUN = 3  # words of a frame that stand in a row
OTHERS, IN_WORDS = 2, 12  # words that may be others, in so many
EXACT_SHARE = 0.95  # of a turn, where a close has no other word in it
SURE_SHARE = 0.5  # of a turn, or it restates the other and is no frame
GROWN = 3  # words that a turn is longer than the one it opens like
SENTENCES = 2  # at the close, that may begin alike
CLOSE = 0.4  # of a turn stand before a sentence that is of its close
TAIL = 600  # characters in which those are looked for
STAGE_DIRECTION = re.compile(r'\s*["\u201c]?\*[^*]*\*')
SHORT_DIRECTION = 3  # words
SENTENCE_BREAK = re.compile(rf"(?:{SENTENCE_END.pattern})[\s\"'*)\u201d\u2019\u300d]*|\n\s*")
FORM = re.compile(r"\s*(?:```|[{<|>\[\]#$]|\S*[@~/\\]\S*\s*[$#>%]|\w{1,12}>)")
"""What a turn begins with that is code, a command line or a form, and no speech."""


class Frame(NamedTuple):
    """A turn that is framed like an earlier one: both positions, how many words they have in
    common, the first and the last of them in either, what share of the turn they are, and the
    places among the speaker's turns of all that it is framed like.
    """

    position: int
    like: int
    words: float
    extent: tuple[int, int]
    likes_extent: tuple[int, int]
    share: float
    likes: tuple[int, ...]


class View(NamedTuple):
    """Words of a turn as they are compared: from `at` on (step 1) or back from it (step -1)."""

    text: str
    worths: Sequence[float]
    at: int
    step: int


def find_stretches(
    transcript: Transcript,
    side: Side,
    *,
    words: float,
    sure_words: float,
    hits: int,
    of_turns: int,
    most_share: float,
    short_words: float,
    short_turns: int,
) -> list[tuple[list[Frame], int]]:
    """The frames of each stretch, and the position at which it can be told.

    A stretch has `hits` of `of_turns` own turns with `words` words in common with one of the
    speaker's last three; or three turns, in `of_turns`, of which two have `sure_words` in common
    with an earlier one; or `short_turns` turns in a row that are equal in `short_words` words.
    """
    reported = []
    kept = write_words(transcript.words)
    alike = most_share if side == "opening" else EXACT_SHARE
    labels = speaker_labels(transcript)
    for role in ("assistant", "user"):
        own = [i for i, one in enumerate(transcript.said) if one.role == role]
        own = [
            i for i in own if i < 2 or transcript.similarity[2, i] < alike or grows(transcript, i)
        ]  # a turn that is like the last one as a whole is another kind
        views = [views_of(transcript, kept, i, side, labels[role]) for i in own]
        frames = find_frames(transcript, own, views, words, most_share)
        short, told = find_short(transcript, own, views, short_words, short_turns, most_share)
        frames = short | frames
        for places in stretches(sorted(frames), of_turns - hits + 2):
            shown: list[int] = []
            detected: list[int] = []
            groups = chains({k: frames[k].likes for k in places}) if side == "opening" else [places]
            for chain in groups:
                sure = {
                    k: frames[k].likes for k in chain
                    if frames[k].words >= sure_words and frames[k].share < SURE_SHARE
                }  # fmt: skip
                long = [k for k in chain if frames[k].words >= words]
                by = told_by(long, hits, of_turns), told_by_three(sure, of_turns)
                here = [k for k in by if k is not None] + [k for k in chain if k in told]
                shown += chain if here else []
                detected += here
            if detected:
                reported.append(([frames[k] for k in sorted(shown)], own[min(detected)]))
    return reported


def chains(likes: dict[int, tuple[int, ...]]) -> list[list[int]]:
    """Places in groups of one template, by the earlier places that each is like.

    >>> chains({2: (0,), 3: (1,), 4: (2,), 6: (4, 5)})
    [[2, 4, 6], [3]]
    """
    groups: list[set[int]] = []
    for k in sorted(likes):
        mine = {k, *likes[k]}
        apart = [group for group in groups if group.isdisjoint(mine)]
        groups = [*apart, mine.union(*(group for group in groups if group not in apart))]
    found = [sorted(group & likes.keys()) for group in groups]
    return sorted(found)


def told_by_three(likes: dict[int, tuple[int, ...]], of_turns: int) -> int | None:
    """The first of places like earlier ones that ends so many turns of which three are alike, two
    of them by their own likeness.

    >>> told_by_three({2: (0,), 4: (2,)}, 4), told_by_three({2: (1,), 4: (2,)}, 4)
    (None, 4)
    """
    members = {place for k, earlier in likes.items() for place in (k, *earlier)}
    for last in sorted(likes):
        near = [place for place in members if last - of_turns < place <= last]
        if len(near) >= 3 and sum(place in likes for place in near) >= 2:
            return last
    return None


def grows(transcript: Transcript, position: int) -> bool:
    """Whether a turn says (nearly) all of the speaker's last one and goes on."""
    shorter, longer = (int(transcript.counts[i]) for i in (position - 2, position))
    if longer < shorter + GROWN or shorter < RUN:
        return False
    looked = min(shorter, COMPARED)
    mine, theirs = (
        transcript.words[begin : begin + looked]
        for begin in (transcript.first[position], transcript.first[position - 2])
    )
    return bool((mine == theirs).mean() >= 1 - OTHERS / IN_WORDS)


def views_of(
    transcript: Transcript, kept: str, position: int, side: Side, label: str | None
) -> list[View]:
    """The words of a turn as they are compared: at the opening from behind the speaker's label and
    from behind a stage direction; at the close from the last one back and from the beginnings of
    the last sentences on.
    """
    begin, end = int(transcript.first[position]), int(transcript.first[position + 1])
    body = transcript.bodies[position]
    if begin == end or FORM.match(body):
        return []
    first = begin
    if label and (found := opening_label(body)) and found.name == label:
        first = word_at(transcript, position, found.end)
    if side == "close":
        starts = [word_at(transcript, position, at) for at in sentence_starts(body)]
        least = first + CLOSE * (end - first)
        back = View(
            kept[max(first, end - COMPARED) : end][::-1],
            transcript.worth[max(first, end - COMPARED) : end][::-1].tolist(),
            end - 1,
            -1,
        )
        return [back, *(view_from(transcript, kept, at, end) for at in starts if least < at < end)]
    views = [view_from(transcript, kept, first, end)]
    if direction := STAGE_DIRECTION.match(body):
        behind = word_at(transcript, position, direction.end())
        if first < behind < end:
            views.insert(
                int(behind - first > SHORT_DIRECTION), view_from(transcript, kept, behind, end)
            )
    return views


def view_from(transcript: Transcript, kept: str, first: int, end: int) -> View:
    """The words from one on."""
    last = min(first + COMPARED, end)
    return View(kept[first:last], transcript.worth[first:last].tolist(), first, 1)


def word_at(transcript: Transcript, position: int, place: int) -> int:
    """The first word of a turn that begins at or behind a place of its body."""
    begin, end = transcript.first[position], transcript.first[position + 1]
    at = np.searchsorted(transcript.starts[begin:end], transcript.places[position] + place)
    return int(begin + at)


def sentence_starts(body: str) -> list[int]:
    """Where the last sentences of a body begin.

    >>> sentence_starts("One. Two! Three?")
    [10, 5]
    """
    shift = max(0, len(body) - TAIL)
    tail = body[shift:].rstrip()
    ends = [match.end() for match in SENTENCE_BREAK.finditer(tail) if match.end() < len(tail)]
    return [shift + end for end in ends[: -SENTENCES - 1 : -1]]


def find_frames(
    transcript: Transcript,
    own: list[int],
    views: list[list[View]],
    words: float,
    most_share: float,
) -> dict[int, Frame]:
    """By place among a speaker's turns: the generated ones framed like one of the last three."""
    best: dict[int, Frame] = {}
    likes: dict[int, dict[int, None]] = {}
    runs = [[runs_in(view.text) for view in of_turn] for of_turn in views]
    for k, position in enumerate(own):
        if position < transcript.given:
            continue
        for j in range(k - 1, max(-1, k - 1 - LAST), -1):
            for mine, my_runs in zip(views[k], runs[k], strict=True):
                for theirs, their_runs in zip(views[j], runs[j], strict=True):
                    if mine.step != theirs.step or my_runs.isdisjoint(their_runs):
                        continue
                    found = common_frame(mine, theirs)
                    if found[0] < words:
                        continue
                    frame = frame_of(transcript, position, own[j], (mine, theirs), *found)
                    longer = transcript.counts[position] >= transcript.counts[own[j]] + GROWN
                    exact = mine.step < 0 and found[0] == sum(mine.worths[: found[1]])
                    if frame.share < (EXACT_SHARE if exact else most_share) or longer:
                        likes.setdefault(k, {})[j] = None
                        if k not in best or frame.words > best[k].words:
                            best[k] = frame
    return {k: frame._replace(likes=tuple(likes[k])) for k, frame in best.items()}


def runs_in(text: str) -> set[str]:
    """All runs of three in a row."""
    return {text[i : i + RUN] for i in range(len(text) - RUN + 1)}


def common_frame(mine: View, theirs: View) -> tuple[float, int, int]:
    """How many words two views have in common from their beginnings on, and how far that reaches
    in either.
    """
    reached = (0.0, 0, 0)
    matched = others = longest = taken = put = 0.0
    for step in Indel.opcodes(theirs.text, mine.text):
        begin, end, at, to = step.src_start, step.src_end, step.dest_start, step.dest_end
        if step.tag != "equal":
            taken += sum(theirs.worths[begin:end])
            put += sum(mine.worths[at:to])
            continue
        others += max(taken, put)
        taken = put = 0.0
        run = sum(mine.worths[at:to])
        matched += run
        longest = max(longest, run)
        if longest >= RUN and others <= max(OTHERS, (matched + others) * OTHERS / IN_WORDS):
            reached = (matched, to, end)
    return reached


def frame_of(
    transcript: Transcript,
    position: int,
    like: int,
    views: tuple[View, View],
    much: float,
    length: int,
    likes_length: int,
) -> Frame:
    """The frame of so many words from the beginnings of two views on."""
    extents = []
    for view, turn, reach in zip(views, (position, like), (length, likes_length), strict=True):
        ends = [
            at - int(transcript.first[turn]) for at in (view.at, view.at + view.step * (reach - 1))
        ]
        extents.append((min(ends), max(ends)))
    share = much / max(1.0, float(transcript.sizes[position]))
    return Frame(position, like, much, extents[0], extents[1], share, ())


def find_short(
    transcript: Transcript,
    own: list[int],
    views: list[list[View]],
    words: float,
    turns: int,
    most_share: float,
) -> tuple[dict[int, Frame], set[int]]:
    """The frames of turns in a row that are equal in a few words; and where each row is told."""
    frames: dict[int, Frame] = {}
    told: set[int] = set()
    row: dict[int, Frame] = {}
    for k in range(1, len(own) + 1):
        frame = None
        if k < len(own) and own[k] >= transcript.given and views[k] and views[k - 1]:
            mine, theirs = views[k][0], views[k - 1][0]
            length = next(
                (n for n, (a, b) in enumerate(zip(mine.text, theirs.text, strict=False)) if a != b),
                min(len(mine.text), len(theirs.text)),
            )
            much = sum(mine.worths[:length])
            if much >= words:
                frame = frame_of(
                    transcript, own[k], own[k - 1], (mine, theirs), much, length, length
                )
                frame = frame._replace(likes=(k - 1,)) if frame.share < most_share else None
        if frame is not None:
            row[k] = frame
            continue
        if len(row) >= turns - 1:
            frames |= row
            told.add(sorted(row)[turns - 2])
        row = {}
    return frames, told


def report(
    transcript: Transcript, kind: str, frames: list[Frame], detect: int, break_copies: int
) -> Finding:
    """The finding of a stretch; the spans are the frames."""
    copies = len(frames) + 1
    first = frames[0]
    span = transcript.span(first.position, *first.extent)
    said = transcript.said[first.position].content[span.start : span.end]
    if kind == "prefix_repetition":
        growth = slope_of_many([frame.words for frame in frames])
        how = f"open with {quote(said)}, {'growing' if growth >= 0.5 else 'not growing'}"
    else:
        how = f"close with {quote(said)}"
    return make_finding(
        transcript,
        kind=kind,
        positions=[first.like, *(frame.position for frame in frames)],
        level="break" if copies >= break_copies else "warn",
        origin=first.like,
        onset=first.position,
        detect=detect,
        period=2,
        copies=copies,
        strength=saturate(frame.share for frame in frames),
        spans=[
            transcript.span(first.like, *first.likes_extent),
            *(transcript.span(frame.position, *frame.extent) for frame in frames),
        ],
        explanation=f"{copies} turns {how}",
    )
