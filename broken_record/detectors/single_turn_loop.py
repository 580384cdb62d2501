"""The same line again and again: a speaker who repeats the last own turn, or both who repeat one
another.

Near-verbatim repetition of whole turns, period 1 or 2 over turns; how alike two turns are is
similarity.py's (normalised Indel over words, at least .75; shorter turns must be equal). Turns that
follow one another, have 12 words and no code are alike from .55 on: of 420 dialogues marked by
reading the looping ones have three in a row above .59, the clean ones none above .50. A line counts
from its third copy (of both in turn from the fourth, if it has fewer than 20 words), and breaks
from the fourth or when both are stuck; of fewer than 6 words it needs five, of 20 it is told at the
second if no word differs. An echo (period 1) is a speaker who
says the partner's line again three own turns running. A frame of fewer than 20 words with something
new in the same place each time is a quiz and no loop. It differs from multi_turn_loop by the
period, from prefix_repetition by whole turns.

>>> from broken_record.detectors.examples import transcript_of
>>> line = "I am so glad that we came here tonight."
>>> found = detect(transcript_of([line, "Me too.", line, "Yes.", line, "Right.", line, "Oh."]))
>>> [(f.speaker, f.level, f.onset_turn, f.detect_turn, f.copies) for f in found]
[('assistant', 'break', 2, 4, 4)]
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby, pairwise

import numpy as np

from broken_record.data import Finding
from broken_record.detectors.evidence import MOST_SPANS, make_finding, saturate
from broken_record.text.similarity import ALIKE, SHORT, Band, compare_pairs, contained_in
from broken_record.text.transcript import Floats, Transcript, quote

KIND = "single_turn_loop"
FORMAT_SLOT = 4  # words


@dataclass(frozen=True, slots=True)
class Run:
    """Positions of the copies, first to last, `period` turns apart but for one odd one out."""

    copies: tuple[int, ...]
    period: int

    @property
    def first(self) -> int:
        """The first copy's position."""
        return self.copies[0]

    @property
    def last(self) -> int:
        """The last copy's position."""
        return self.copies[-1]


def detect(
    transcript: Transcript,
    *,
    copies: int = 3,
    equal_turns: int = 4,
    short_copies: int = 5,
    break_copies: int = 4,
    near: float = 0.55,
    near_words: int = 12,
    long_words: int = 20,
) -> list[Finding]:
    """Runs of at least `copies` of a speaker's line, or `equal_turns` one after the other.

    Lines under SHORT words need `short_copies`; `break_copies` of a line are a break. Neighbours of
    `near_words` are alike from `near` on. From `long_words` on a frame is no quiz, three in a row
    are enough, and a line that is said again word for word needs two copies.
    """
    alike = transcript.similarity[:5].copy()
    alike[1] = np.maximum(alike[1], find_near(transcript, near, near_words))
    groups: list[list[Run]] = []
    for run in find_runs(transcript, alike, 1, range(transcript.given, len(transcript))):
        needed = copies if transcript.sizes[run.last] >= long_words else equal_turns
        if is_short(transcript, run):
            needed = short_copies
        is_game = grows(transcript, run) or is_format(transcript, run, long_words)
        if len(run.copies) >= needed and not is_game:
            groups.append([run])
    runs = []
    for role in ("assistant", "user"):
        own = transcript.own(role)
        groups += [[run] for run in find_echoes(transcript, own, copies, near_words)]
        for run in find_runs(transcript, alike, 2, own):
            if len(run.copies) < copies:
                is_enough = is_verbatim(transcript, run, long_words)
            else:
                is_enough = not is_format(transcript, run, long_words)
            if is_enough:
                runs.append(run)
    for group in pair_runs(transcript, runs):
        run = group[0]
        if len(group) > 1 or not is_short(transcript, run) or len(run.copies) >= short_copies:
            groups.append(group)
    findings = []
    for group in groups_apart(transcript, groups):
        stuck = len(group) > 1 or len(group[0].copies) >= break_copies
        is_alone = len(group) == 1 and is_short(transcript, group[0])
        level = "break" if stuck else "warn"
        needed = short_copies if is_alone else copies
        findings.append(report(transcript, alike, group, level, needed))
    return findings


def find_near(transcript: Transcript, near: float, words: int) -> Floats:
    """Per turn that is not like the one before it: how near it comes; 0 below `near`, and where
    either has fewer `words` or holds code.
    """
    result = np.zeros(len(transcript))
    codes = transcript.codes
    if len(codes) > 1:
        large = transcript.sizes >= words
        if "```" in transcript.text:
            large &= ["```" not in body for body in transcript.bodies]
        unlike = transcript.similarity[1, 1:] == 0  # of those that are alike the likeness is known
        at = np.flatnonzero(large[1:] & large[:-1] & unlike) + 1
        ones, others = [codes[i] for i in at.tolist()], [codes[i - 1] for i in at.tolist()]
        result[at] = compare_pairs(ones, others, near)
    return result


def find_echoes(transcript: Transcript, own: list[int], copies: int, words: int) -> Iterator[Run]:
    """Own turns running, at least `copies`, each of `words` that says the partner's last again."""
    is_echo = ((transcript.similarity[1] > 0) & (transcript.sizes >= words)).tolist()
    for says_again, group in groupby(own, is_echo.__getitem__):
        echoes = tuple(group)
        if says_again and len(echoes) >= copies:
            yield Run(echoes, 1)


def pair_runs(transcript: Transcript, runs: list[Run]) -> Iterator[list[Run]]:
    """Each run with the other speaker's that go on at the same time; every run once."""
    runs = sorted(runs, key=lambda run: run.first)
    used: set[int] = set()
    for i, run in enumerate(runs):
        if i in used:
            continue
        group = [run]
        for k in range(i + 1, len(runs)):
            if runs[k].first >= run.last:
                break
            if k not in used and together(transcript, run, runs[k]):
                used.add(k)
                group.append(runs[k])
        yield group


def groups_apart(transcript: Transcript, groups: list[list[Run]]) -> list[list[Run]]:
    """Of groups that meet on a speaker's turns the one with the most copies, in order."""
    taken = {role: np.zeros(len(transcript), dtype=bool) for role in ("assistant", "user")}
    kept = []
    for group in sorted(groups, key=lambda group: -sum(len(run.copies) for run in group)):
        first, last = min(run.first for run in group), max(run.last for run in group)
        roles = {transcript.said[i].role for run in group for i in run.copies}
        rows = [taken[role][first : last + 1] for role in roles]
        if not any(row.any() for row in rows):
            kept.append(group)
            for row in rows:
                row[:] = True
    return sorted(kept, key=lambda group: group[0].first)


def find_runs(
    transcript: Transcript, alike: Band, period: int, positions: range | list[int]
) -> list[Run]:
    """Maximal runs in which every copy is like the one a period before.

    One turn of another wording may stand between two copies.
    """
    places = np.array(positions, dtype=np.int64)
    places = places[places >= period]
    is_copy = alike[period, places] > 0
    looked = is_copy | (alike[2 * period, places] > 0)
    said = transcript.said
    runs: list[list[int]] = []
    run: list[int] = [-1]
    for i, copy in zip(places[looked].tolist(), is_copy[looked].tolist(), strict=True):
        if period == 2 and said[i].role != said[i - 2].role:
            continue
        if copy and run[-1] == i - period:
            run.append(i)
        elif copy:
            run = [i - period, i]
            runs.append(run)
        elif run[-1] == i - 2 * period and len(run) > 2:
            run.append(i)
    return [Run(tuple(run), period) for run in runs]


def is_format(transcript: Transcript, run: Run, long_words: int) -> bool:
    """Whether the copies are one short frame with something new in the same place: a quiz, whose
    first question may be worded otherwise, or a list that one reads out and the other confirms.
    """
    if transcript.sizes[run.last] >= long_words:
        return False
    if run.period == 1:
        return any(is_read_out(transcript, run.copies[k:]) for k in (0, 1))
    asks = transcript.bodies[run.last].rstrip().endswith(("?", "\uff1f"))
    return has_new_slot(transcript, run.copies) or (
        asks and has_new_slot(transcript, run.copies[1:])
    )


def is_read_out(transcript: Transcript, copies: Sequence[int]) -> bool:
    """Whether each other turn says the one before it, and those have something new."""
    pairs = list(zip(copies[::2], copies[1::2], strict=False))
    said = [one for one, _ in pairs]
    return (
        len(said) > 1
        and has_new_slot(transcript, said)
        and all(transcript.codes[one] == transcript.codes[other] for one, other in pairs)
    )


def has_new_slot(transcript: Transcript, copies: Sequence[int]) -> bool:
    """Whether turns differ in one place only, of FORMAT_SLOT words, and there all of them do."""
    borders = transcript.borders
    said: dict[str, None] = {}
    for i in copies:
        words = transcript.written[borders[i] : borders[i + 1]]
        if words in said:
            return False
        said[words] = None
    shortest = min(map(len, said))
    columns = list(zip(*said, strict=False))
    front = next((k for k, words in enumerate(columns) if len(set(words)) > 1), shortest)
    columns = list(zip(*(words[::-1] for words in said), strict=False))
    back = next((k for k, words in enumerate(columns) if len(set(words)) > 1), shortest)
    if front + back > shortest:
        return False
    slots = [words[front : len(words) - back] for words in said]
    new = len(set(slots)) == len(slots) and all(slots)
    return new and max(map(len, slots)) <= FORMAT_SLOT


def grows(transcript: Transcript, run: Run) -> bool:
    """Whether every copy is the one before with more in it: a chain that a game asks for."""
    codes = [transcript.codes[i] for i in run.copies]
    return all(
        len(one) < len(other) and contained_in(one, other) >= ALIKE
        for one, other in pairwise(codes)
    )


def is_verbatim(transcript: Transcript, run: Run, long_words: int) -> bool:
    """Whether a long line is said again word for word."""
    one, *others = (transcript.codes[i] for i in run.copies)
    return bool(transcript.sizes[run.first] >= long_words) and all(one == code for code in others)


def is_short(transcript: Transcript, run: Run) -> bool:
    """Whether the repeated line has fewer than SHORT words."""
    return bool(transcript.sizes[run.last] < SHORT)


def together(transcript: Transcript, one: Run, other: Run) -> bool:
    """Whether two speakers' runs go on at the same time, three copies each at least."""
    if transcript.said[one.first].role == transcript.said[other.first].role:
        return False
    shared = min(one.last, other.last) - max(one.first, other.first)
    return shared >= 3 and 2 * shared >= min(one.last - one.first, other.last - other.first)


def report(
    transcript: Transcript, similarity: Band, runs: list[Run], level: str, needed: int
) -> Finding:
    """The finding of one speaker's run, or of two that go on together."""
    positions = sorted({i for run in runs for i in run.copies})
    period = runs[0].period
    first = min(runs, key=lambda run: run.copies[1])
    copies = max(len(run.copies) for run in runs)
    detect = min(run.copies[min(needed, len(run.copies)) - 1] for run in runs)
    alike: list[float] = []
    for run in runs:
        again = np.array(run.copies[1:])
        alike += np.maximum(
            similarity[run.period, again], similarity[2 * run.period, again]
        ).tolist()
    line = quote(transcript.said[first.copies[1]].body)
    return make_finding(
        transcript,
        kind=KIND,
        positions=positions,
        level=level,
        origin=first.first,
        onset=first.copies[1],
        detect=detect,
        period=period,
        copies=copies,
        strength=saturate(alike),
        spans=[transcript.whole(i) for i in positions[:MOST_SPANS]],
        explanation=f"{line} said {copies} times, every {period} turn{'s' * (period > 1)}",
        pairs=[(run.copies[1], run.copies[0]) for run in runs],
    )
