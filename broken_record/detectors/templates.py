"""Openings and closes that come again in a speaker's turns: what prefix_repetition and
suffix_repetition share.

Two turns are laid side by side from their first words on (or from the last ones back) and what they
have in common is counted (longest common subsequence over words, with a budget): two words may be
others in the first twelve, one in six after that, and three words in a row must be the same. A
close may also be what the last two sentences begin with, whatever they end on. It does not know
which of the two it is looking at, but for the side.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable
from math import ceil
from typing import NamedTuple

import numpy as np
from rapidfuzz.distance import Indel, LCSseq, Prefix
from rapidfuzz.process import cpdist

from broken_record.data import Finding
from broken_record.detectors.evidence import make_finding, saturate, stretches
from broken_record.detectors.labels import speaker_labels
from broken_record.detectors.repeats import tandem
from broken_record.detectors.template_views import COMPARED, Side, View, Views
from broken_record.stats import slope_of_many
from broken_record.text.transcript import Transcript, quote

RUN = 3  # words of a frame that stand in a row, as Transcript.triples
OTHERS, IN_WORDS = 2, 12  # words that may be others, in so many
EXACT_SHARE = 0.95  # of a turn, where a close has no other word in it
MANY = 32  # pairs of texts: fewer are sooner compared one by one
GROWTH = 0.5  # words a frame, from which on frames grow
GROWN = 3  # words that a turn is longer than the one it opens like


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


Further = Callable[
    [Transcript, list[int], list[tuple[int, int]], float, dict[int, Frame]], dict[int, Frame]
]


def find_stretches(
    transcript: Transcript,
    side: Side,
    *,
    words: float,
    hits: int,
    of_turns: int,
    most_share: float,
    short_words: float,
    short_turns: int,
    further: Further | None = None,
) -> list[tuple[list[Frame], int]]:
    """The frames of each stretch, and the position at which it can be told.

    A stretch has `hits` of `of_turns` own turns with `words` words in common, each but the first
    with one of the speaker's last three; or `short_turns` turns in a row that are equal in
    `short_words` words. `further` adds to the frames what else has those words in common.
    """
    reported = []
    alike = most_share if side == "opening" else EXACT_SHARE
    # a turn that is like the last one as a whole is another kind
    like_last = (transcript.similarity[2] >= alike).nonzero()[0]
    like_last = like_last[like_last >= 2]
    shorter, longer = transcript.counts[like_last - 2], transcript.counts[like_last]
    may_grow = like_last[(longer >= shorter + GROWN) & (shorter >= RUN)].tolist()
    left_out = {*like_last.tolist()} - {i for i in may_grow if grows(transcript, i)}
    labels = speaker_labels(transcript)
    for role in ("assistant", "user"):
        own = [i for i in transcript.of_role[role] if i not in left_out]
        if len(own) < min(hits, short_turns):
            continue
        views = Views(transcript, own, side, labels[role])
        short, told = find_short(transcript, own, views, short_words, short_turns, most_share)
        pairs = may_be_told(views.near(), {*short}, hits, of_turns)
        frames = find_frames(transcript, own, views, pairs, words, most_share)
        if further:
            frames = further(transcript, own, pairs, words, frames)
        frames = short | frames
        for places in stretches(sorted(frames), of_turns - hits + 2):
            shown: list[int] = []
            detected: list[int] = []
            groups = chains({k: frames[k].likes for k in places}) if side == "opening" else [places]
            for chain in groups:
                long = {k: frames[k].likes for k in chain if frames[k].words >= words}
                by = told_by_likes(long, hits, of_turns)
                here = [k for k in chain if k in told or k == by]
                shown += chain if here else []
                detected += here
            if detected and not all(is_one_phrase(transcript, frames[k]) for k in shown):
                reported.append(([frames[k] for k in sorted(shown)], own[min(detected)]))
    return reported


def may_be_told(
    pairs: list[tuple[int, int]], short: set[int], hits: int, of_turns: int
) -> list[tuple[int, int]]:
    """Those of pairs of places of which the first may be in a stretch that is told: one with enough
    places in so many turns, or with places that are `short`.

    >>> may_be_told([(1, 0), (7, 5), (9, 7), (20, 19)], {21}, 3, 4)
    [(7, 5), (9, 7), (20, 19)]
    """
    later = {k for k, _ in pairs}
    open_ones: set[int] = set()
    for places in stretches(sorted(later | short), of_turns - hits + 2):
        long = [k for k in places if k in later]
        enough = zip(long, long[max(0, hits - 2) :], strict=False)
        if not short.isdisjoint(places) or any(last - k < of_turns for k, last in enough):
            open_ones.update(long)
    return [pair for pair in pairs if pair[0] in open_ones]


def is_one_phrase(transcript: Transcript, frame: Frame) -> bool:
    """Whether a frame is nothing but words said again at once, the last copy cut perhaps, and the
    OTHERS that a frame may have: that is intra_turn_repetition's own.
    """
    begin = transcript.borders[frame.position]
    first, end = begin + frame.extent[0], begin + frame.extent[1] + 1
    if len({*transcript.written[first:end]}) > (end - first) // 2 + OTHERS:
        return False
    runs = tandem(transcript.words[first:end], (end - first) // 2, 2)
    return any(length >= end - first - OTHERS for _, length, _ in runs)


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


def told_by_likes(likes: dict[int, tuple[int, ...]], hits: int, of_turns: int) -> int | None:
    """The first of places like earlier ones that ends so many turns of which `hits` are alike, all
    but one by their own likeness.

    >>> told_by_likes({2: (0,), 4: (2,)}, 3, 4), told_by_likes({2: (1,), 4: (2,)}, 3, 4)
    (None, 4)
    """
    members = sorted({place for k, earlier in likes.items() for place in (k, *earlier)})
    for last in sorted(likes):
        near = members[bisect_right(members, last - of_turns) : bisect_right(members, last)]
        if len(near) >= hits and sum(place in likes for place in near) >= hits - 1:
            return last
    return None


def grows(transcript: Transcript, position: int) -> bool:
    """Whether a longer turn says (nearly) all of the speaker's last one and goes on."""
    borders = transcript.borders
    looked = min(borders[position - 1] - borders[position - 2], COMPARED)
    mine, theirs = (
        transcript.words[begin : begin + looked]
        for begin in (borders[position], borders[position - 2])
    )
    return bool((mine == theirs).mean() >= 1 - OTHERS / IN_WORDS)


def find_frames(
    transcript: Transcript,
    own: list[int],
    views: Views,
    pairs: list[tuple[int, int]],
    words: float,
    most_share: float,
) -> dict[int, Frame]:
    """By place among a speaker's turns: the generated ones framed like one of the last three, of
    those that `pairs` names.
    """
    best: dict[int, tuple[int, tuple[View, View], tuple[float, int, int]]] = {}
    likes: dict[int, dict[int, None]] = {}
    known: dict[tuple[str, str], tuple[float, int, int]] = {}
    counts, sizes = transcript.counts.tolist(), transcript.sizes.tolist()
    for k, j, mine, theirs in share_words(transcript, own, views, pairs, words):
        both = mine.text, theirs.text
        if both not in known:
            known[both] = common_frame(mine, theirs)
        found = known[both]
        if found[0] < words:
            continue
        exact = mine.step < 0 and found[0] == mine.upto[found[1]]
        share = share_of(found[0], sizes[own[k]])
        longer = counts[own[k]] >= counts[own[j]] + GROWN
        if share < (EXACT_SHARE if exact else most_share) or longer:
            likes.setdefault(k, {})[j] = None
            if k not in best or found[0] > best[k][2][0]:
                best[k] = j, (mine, theirs), found
    return {
        k: frame_of(transcript, own[k], own[j], pair, *found, tuple(likes[k]))
        for k, (j, pair, found) in best.items()
    }


def share_words(
    transcript: Transcript,
    own: list[int],
    views: Views,
    pairs: list[tuple[int, int]],
    words: float,
) -> list[tuple[int, int, View, View]]:
    """The views of pairs of places that can share a frame of so many words: they have as many in
    the same order, and no more others among them than a frame may have.
    """
    views.look_at_all({place for pair in pairs for place in pair})
    views_of = views.known
    rows = [
        (k, j, mine, theirs)
        for k, j in pairs
        if own[k] >= transcript.given
        for mine in views_of[k]
        for theirs in views_of[j]
        if mine.step == theirs.step
    ]
    worth = transcript.worth_of_all
    least = ceil(words / (worth or 1.0))
    common = in_order([row[2].text for row in rows], [row[3].text for row in rows], least)
    if worth is not None:
        head = [int(reach_of(words, worth, much) / worth) + 1 for much in range(COMPARED + 1)]
        kept = [(row, head[much], head[much], least)
                for row, much in zip(rows, common, strict=True) if much]  # fmt: skip
    else:
        kept = [(row, *heads_of(row[2], row[3], words, much))
                for row, much in zip(rows, common, strict=True) if much]  # fmt: skip
    ones = [row[2].text[:length] for row, length, _, _ in kept]
    others = [row[3].text[:length] for row, _, length, _ in kept]
    common = in_order(ones, others, least)
    return [row for (row, _, _, needed), much in zip(kept, common, strict=True)
            if much and much >= needed]  # fmt: skip


def in_order(ones: list[str], others: list[str], least: int) -> list[int]:
    """How many words each of `ones` has in common with the one of `others` at its place, in the
    same order; 0 of fewer than `least`.
    """
    if len(ones) < MANY:
        return [LCSseq.similarity(one, other, score_cutoff=least)
                for one, other in zip(ones, others, strict=True)]  # fmt: skip
    common: list[int] = cpdist(
        ones, others, scorer=LCSseq.similarity, score_cutoff=least, dtype=np.int32
    ).tolist()
    return common


def heads_of(mine: View, theirs: View, words: float, common: int) -> tuple[int, int, int]:
    """Of two views that have so many words or characters in common: how far from their beginnings
    on a frame can reach, and how many they have in common there if it is one of so many words;
    characters are worth half a word.
    """
    most = 0.5 if 2 * mine.upto[-1] == len(mine.text) else 1.0
    reach = reach_of(words, most, common)
    one, other = (bisect_right(view.upto, reach) for view in (mine, theirs))
    return one, other, ceil(words / most)


def reach_of(words: float, most: float, common: int) -> float:
    """How many words a frame can reach, of so many and with so many words or characters in common,
    each worth `most` of a word.
    """
    return words + 1 + max(OTHERS, most * common * OTHERS / (IN_WORDS - OTHERS))


def common_frame(mine: View, theirs: View) -> tuple[float, int, int]:
    """How many words two views have in common from their beginnings on, and how far that reaches
    in either.
    """
    reached = (0.0, 0, 0)
    matched = others = longest = 0.0
    to = end = 0
    for block in Indel.editops(theirs.text, mine.text).as_matching_blocks()[:-1]:  # the end
        begin, at = block.a, block.b
        others += max(theirs.upto[begin] - theirs.upto[end], mine.upto[at] - mine.upto[to])
        end, to = begin + block.size, at + block.size
        run = mine.upto[to] - mine.upto[at]
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
    likes: tuple[int, ...],
) -> Frame:
    """The frame of so many words from the beginnings of two views on."""
    mine = extent_of(views[0], length, transcript.borders[position])
    theirs = extent_of(views[1], likes_length, transcript.borders[like])
    share = share_of(much, float(transcript.sizes[position]))
    return Frame(position, like, much, mine, theirs, share, likes)


def extent_of(view: View, length: int, begin: int) -> tuple[int, int]:
    """The first and the last of so many words of a view, counted from the word `begin` on."""
    near, far = view.at - begin, view.at - begin + view.step * (length - 1)
    return (near, far) if near < far else (far, near)


def share_of(words: float, size: float) -> float:
    """What share so many words are of a turn."""
    return words / max(1.0, size)


def find_short(
    transcript: Transcript,
    own: list[int],
    views: Views,
    words: float,
    turns: int,
    most_share: float,
) -> tuple[dict[int, Frame], set[int]]:
    """The frames of turns in a row that are equal in a few words; and where each row is told."""
    frames: dict[int, Frame] = {}
    told: set[int] = set()
    if len(own) < turns:
        return frames, told
    alike = views.begin_alike(words)
    alike &= views.turns >= transcript.given
    for places in stretches(np.flatnonzero(alike).tolist(), 2):
        if len(places) < turns - 1:
            continue
        row: dict[int, Frame] = {}
        for k in [*places, -1]:
            frame = short_frame(transcript, own, views, k, words) if k > 0 else None
            if frame and frame.share < most_share:
                row[k] = frame
                continue
            if row and len(row) >= turns - 1:
                frames |= row
                told.add(sorted(row)[turns - 2])
            row = {}
    return frames, told


def short_frame(
    transcript: Transcript, own: list[int], views: Views, k: int, words: float
) -> Frame | None:
    """The frame of the words in which a turn is equal to the speaker's last; None of too few."""
    if not (views[k] and views[k - 1]):
        return None
    pair = mine, theirs = views[k][0], views[k - 1][0]
    length = Prefix.similarity(mine.text, theirs.text)
    much = mine.upto[length]
    if much < words:
        return None
    return frame_of(transcript, own[k], own[k - 1], pair, much, length, length, (k - 1,))


def report(
    transcript: Transcript, kind: str, frames: list[Frame], detect: int, break_copies: int
) -> Finding:
    """The finding of a stretch; the spans are the frames."""
    copies = len(frames) + 1
    first = frames[0]
    span = transcript.span(first.position, *first.extent)
    said = transcript.said[first.position].content[span.start : span.end]
    if kind == "prefix_repetition":
        sizes = [frame.words for frame in frames]
        is_growing = max(sizes) - min(sizes) >= GROWTH and slope_of_many(sizes) >= GROWTH
        how = f"open with {quote(said)}, {'growing' if is_growing else 'not growing'}"
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
