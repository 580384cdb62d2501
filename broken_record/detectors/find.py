"""All detectors over one dialogue: what each finds, what none may find twice, and which of findings
that meet is primary.
"""

from __future__ import annotations

from bisect import bisect, bisect_left
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cache
from typing import Any

import numpy as np

from broken_record.data import Finding, Span
from broken_record.detectors.courtesy import measure_courtesy
from broken_record.detectors.registry import KINDS, LEXICAL_LOOPS, detector_of
from broken_record.detectors.reworded import copied_words, measure_rewording, rewords
from broken_record.detectors.semantic_repetition import do_meet, explain
from broken_record.detectors.thresholds import default_thresholds
from broken_record.text.transcript import Transcript

TURNS = ("single_turn_loop", "multi_turn_loop", "prefix_repetition")
"""The loops that take a turn from a semantic repetition. A close that comes again, or words that do
so inside of a turn, say nothing of what else it says."""


NEXT_TO_ALL = 0.8
"""Of a turn's words, or letters: from there on it is a near copy, or nothing but courtesy. Up to .9
finds the same on the marked dialogues, .75 one less."""
NEAR = 2  # turns back: what comes back from farther away are sentences shuffled


@dataclass(frozen=True, slots=True)
class Examination:
    """What the detectors say of one dialogue, primary first, then by onset; and what they could
    not tell.
    """

    findings: tuple[Finding, ...]
    not_measurable: tuple[str, ...]


def find_loops_and_breaks(
    transcript: Transcript,
    kinds: Collection[str] = tuple(KINDS),
    thresholds: Mapping[str, Mapping[str, Any]] | None = None,
) -> Examination:
    """Run the detectors of `kinds`.

    A semantic repetition must not be another loop already, a close that comes again not one of
    turns that come again as a whole; so those are looked for as well where it is asked for.
    """
    effective = {
        kind: default | dict((thresholds or {}).get(kind, {}))
        for kind, default in defaults().items()
    }
    wanted = set(kinds)
    if "semantic_repetition" in wanted:
        wanted |= set(LEXICAL_LOOPS)
    if "suffix_repetition" in wanted:
        wanted.add("single_turn_loop")
    found: dict[str, list[Finding]] = {}
    not_measurable = []
    for kind in KINDS:
        if kind in wanted:
            result = detector_of(kind)(transcript, **effective[kind])
            if result is None:
                not_measurable.append(kind)
            else:
                found[kind] = result
    if closes := found.get("suffix_repetition"):
        whole = Loops(transcript, found["single_turn_loop"])
        least = effective["suffix_repetition"]["hits"]
        found["suffix_repetition"] = [one for one in closes if len(whole.leave_of(one)) >= least]
    if semantic := found.get("semantic_repetition"):
        others = Loops(transcript, [finding for kind in TURNS for finding in found[kind]])
        limits = effective["semantic_repetition"]
        found["semantic_repetition"] = [*what_is_left(semantic, others, limits)]
    findings = [finding for kind in KINDS if kind in kinds for finding in found.get(kind, [])]
    return Examination(
        tuple(
            sorted(mark_primary(findings, transcript), key=lambda f: (not f.primary, f.onset_turn))
        ),
        tuple(not_measurable),
    )


@cache
def defaults() -> dict[str, dict[str, Any]]:
    """The thresholds of the detectors, read off their parameters once."""
    return default_thresholds()


def extent(finding: Finding, transcript: Transcript) -> tuple[int, int]:
    """The message indices from a finding's onset to its end."""
    last = transcript.said[-1].index if finding.end_turn is None else finding.end_turn
    return finding.onset_turn, last


def copied_from(loop: Finding) -> int:
    """The first message of a loop that is nothing else: of a cycle the first time round is new."""
    return loop.onset_turn if loop.kind == "multi_turn_loop" else loop.origin_turn


class Loops:
    """Loops of a transcript, and by message index whether a turn belongs to one of them."""

    def __init__(self, transcript: Transcript, found: list[Finding]) -> None:
        self.transcript, self.found = transcript, found
        indices = np.array([one.index for one in transcript.said], dtype=np.int64)
        taken = np.zeros(int(indices.max(initial=-1)) + 1, dtype=bool)
        for role, positions in transcript.of_role.items():
            of_role = taken & False
            for one in found:
                if one.speaker in (role, "both"):
                    of_role[copied_from(one) : extent(one, transcript)[1] + 1] = True
            taken[indices[positions]] = of_role[indices[positions]]
        self.taken: list[bool] = taken.tolist()

    def leave_of(self, finding: Finding) -> list[Span]:
        """The spans of a finding on turns that belong to none of them."""
        return [span for span in finding.spans if not self.taken[span.turn]]


def what_is_left(
    findings: list[Finding], others: Loops, limits: Mapping[str, Any]
) -> Iterator[Finding]:
    """What other loops leave of semantic repetitions; of one that they take whole all, where what
    its turns say beside their copies goes round as well.
    """
    transcript = others.transcript
    names = ("reworded_turns", "reworded", "reworded_copied", "own_words")
    asked = [limits[name] for name in names]
    taken = []
    for finding in findings:
        left = uncovered(finding, others, limits["least_turns"])
        yield from left
        if not left:
            taken.append(finding)
    if taken and transcript.language == "en":
        said = measure_rewording(transcript)
        indices = [one.index for one in transcript.said]
        for finding in taken:
            last = extent(finding, transcript)[1]
            first = bisect_left(indices, finding.origin_turn)
            if rewords(transcript, said, first, bisect_left(indices, last), *asked):
                yield finding


def uncovered(finding: Finding, others: Loops, least_turns: int) -> list[Finding]:
    """What other loops leave of a finding; all of it where too little is left, but half of
    `least_turns` of its turns come before the first near copies, and are no copies or courtesies
    themselves: it grew into them.
    """
    left = list(free_stretches(finding, others, least_turns))
    copied = [
        one.origin_turn
        for one in others.found
        if one.kind == "single_turn_loop" and do_meet(one, finding)
    ]
    if not left and copied:
        before = [span.turn for span in finding.spans if span.turn < min(copied)]
        if 2 * len(before) < least_turns:
            return []
        return [finding] if 2 * count_own(others.transcript, before) >= least_turns else []
    return left


def count_own(transcript: Transcript, turns: list[int]) -> int:
    """How many of the turns, by their message indices, are neither near copies of one of the last
    two nor nothing but courtesy: with a few of those any talk comes to its loop, or its end.
    """
    places = np.searchsorted([one.index for one in transcript.said], turns)
    words = transcript.turn_of[copied_words(transcript, NEAR)]
    copied = np.bincount(words, minlength=len(transcript))
    measured = measure_courtesy(transcript)
    idle = copied >= NEXT_TO_ALL * transcript.counts
    idle |= measured.courteous >= NEXT_TO_ALL * measured.letters
    return int((~idle[places]).sum())


def free_stretches(finding: Finding, others: Loops, least_turns: int) -> Iterator[Finding]:
    """The stretches of a finding, of at least `least_turns` turns, that belong to no other loop and
    reach the turn at which it is told; the finding itself where none takes anything of it.
    """
    free = others.leave_of(finding)
    taken = sorted(copied_from(other) for other in others.found if other.speaker == "both")
    groups: list[list[Span]] = []
    for span in free:
        # none that both are in begins between the span before and this one
        if groups and bisect(taken, groups[-1][-1].turn) == bisect_left(taken, span.turn):
            groups[-1].append(span)
        else:
            groups.append([span])
    if groups == [list(finding.spans)]:
        yield finding
        return
    for group in groups:
        first, last = group[0].turn, group[-1].turn
        if last - first + 1 < least_turns or len(group) < max(2, least_turns // 2):
            continue
        if last < finding.detect_turn:
            continue  # it was told by what came after
        yield replace(
            finding,
            origin_turn=first,
            onset_turn=max(finding.onset_turn, group[1].turn),
            detect_turn=max(finding.detect_turn, group[1].turn),
            end_turn=finding.end_turn if group[-1] is finding.spans[-1] else last,
            copies=len(group),
            spans=tuple(group),
            explanation=explain(others.transcript, first, last),
        )


def mark_primary(findings: list[Finding], transcript: Transcript) -> list[Finding]:
    """Of findings that meet on the same turns, in the order of precedence, the first is primary."""
    marked: list[Finding] = []
    turns = transcript.said[-1].index + 1 if transcript.said else 0
    taken = {role: np.zeros(turns, dtype=bool) for role in ("assistant", "user")}
    for finding in findings:
        first, last = extent(finding, transcript)
        rows = [
            taken[role][first : last + 1] for role in taken if finding.speaker in (role, "both")
        ]
        meets = any(row.any() for row in rows)
        marked.append(finding if finding.primary != meets else replace(finding, primary=not meets))
        if not meets and finding.counts:
            for row in rows:
                row[:] = True
    return marked
