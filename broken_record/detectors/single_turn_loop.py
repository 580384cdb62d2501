"""The same line again and again: a speaker who repeats the last own turn, or both who repeat one
another.

Near-verbatim repetition of whole turns, period 1 or 2 over turns; how alike two turns are is
similarity.py's (normalised Indel over words, at least .75, a value that clean two-speaker talk of
4,900 turns did not reach by chance; shorter turns must be equal). A speaker's line counts from its
third copy, and breaks from the fourth or when both are stuck; a line of fewer than 6 words needs
six. A frame with something new in the same place each time is a quiz and no loop. It differs from
multi_turn_loop by the period, from prefix_repetition by whole turns.

>>> from broken_record.detectors.examples import transcript_of
>>> line = "I am so glad that we came here tonight."
>>> found = detect(transcript_of([line, "Me too.", line, "Yes.", line, "Right.", line, "Oh."]))
>>> [(f.speaker, f.level, f.onset_turn, f.detect_turn, f.copies) for f in found]
[('assistant', 'break', 2, 4, 4)]
"""

from __future__ import annotations

from dataclasses import dataclass

from broken_record.data import Finding
from broken_record.detectors.evidence import make_finding, saturate
from broken_record.text.similarity import SHORT
from broken_record.text.transcript import Transcript, quote

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
    short_copies: int = 6,
    break_copies: int = 4,
) -> list[Finding]:
    """Runs of at least `copies` of a speaker's line, or of `equal_turns` turns all alike.

    Lines under SHORT words need `short_copies`; `break_copies` of one speaker's are a break.
    """
    findings = []
    taken: set[int] = set()
    for run in find_runs(transcript, 1, range(transcript.given, len(transcript))):
        needed = short_copies if is_short(transcript, run) else equal_turns
        if len(run.copies) >= needed:
            findings.append(report(transcript, [run], "break", needed))
            taken.update(run.copies)
    runs = []
    for role in ("assistant", "user"):
        for run in find_runs(transcript, 2, transcript.own(role)):
            enough = len(run.copies) >= copies and not taken.issuperset(run.copies)
            if enough and not is_format(transcript, run):
                runs.append(run)
    runs.sort(key=lambda run: run.first)
    used: set[int] = set()
    for i, run in enumerate(runs):
        if i in used:
            continue
        partners = [
            k
            for k in range(i + 1, len(runs))
            if k not in used and together(transcript, run, runs[k])
        ]
        if partners:
            used.update(partners)
            findings.append(
                report(transcript, [run, *(runs[k] for k in partners)], "break", copies)
            )
        elif not is_short(transcript, run) or len(run.copies) >= short_copies:
            level = "break" if len(run.copies) >= break_copies else "warn"
            needed = short_copies if is_short(transcript, run) else copies
            findings.append(report(transcript, [run], level, needed))
    return findings


def find_runs(transcript: Transcript, period: int, positions: range | list[int]) -> list[Run]:
    """Maximal runs in which every copy is like the one a period before.

    One turn of another wording may stand between two copies.
    """
    alike = transcript.similarity
    runs: list[list[int]] = []
    for i in positions:
        if i < period or (
            transcript.said[i].role != transcript.said[i - period].role and period == 2
        ):
            continue
        if alike[period, i]:
            if runs and runs[-1][-1] == i - period:
                runs[-1].append(i)
            else:
                runs.append([i - period, i])
        elif runs and runs[-1][-1] == i - 2 * period and alike[2 * period, i] and len(runs[-1]) > 2:
            runs[-1].append(i)
    return [Run(tuple(run), period) for run in runs]


def is_format(transcript: Transcript, run: Run) -> bool:
    """Whether the copies are one frame with something new in the same place each time: a quiz."""
    said = [
        tuple(transcript.words[transcript.first[i] : transcript.first[i + 1]].tolist())
        for i in run.copies
    ]
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


def is_short(transcript: Transcript, run: Run) -> bool:
    """Whether the repeated line has fewer than SHORT words."""
    return bool(transcript.sizes[run.last] < SHORT)


def together(transcript: Transcript, one: Run, other: Run) -> bool:
    """Whether two speakers' runs go on at the same time, three copies each at least."""
    if transcript.said[one.first].role == transcript.said[other.first].role:
        return False
    shared = min(one.last, other.last) - max(one.first, other.first)
    return shared >= 3 and 2 * shared >= min(one.last - one.first, other.last - other.first)


def report(transcript: Transcript, runs: list[Run], level: str, needed: int) -> Finding:
    """The finding of one speaker's run, or of two that go on together."""
    positions = sorted({i for run in runs for i in run.copies})
    period = runs[0].period
    first = min(runs, key=lambda run: run.copies[1])
    copies = max(len(run.copies) for run in runs)
    detect = min(run.copies[min(needed, len(run.copies)) - 1] for run in runs)
    alike = [
        float(max(transcript.similarity[run.period, i], transcript.similarity[2 * run.period, i]))
        for run in runs
        for i in run.copies[1:]
    ]
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
        spans=[transcript.whole(i) for i in positions],
        explanation=f"{line} said {copies} times, every {period} turn{'s' * (period > 1)}",
        pairs=[(run.copies[1], run.copies[0]) for run in runs],
    )
