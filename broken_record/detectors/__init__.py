"""Loops and breaks: one file each, and this dict is the whole registry.

A detector takes a Talk and its thresholds as keyword arguments, and returns its findings, or None
where the dialogue cannot tell (a text log has lost outer white space). To add one, write its file
and its line here; order is precedence where findings meet.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from broken_record.data import Finding, Span
from broken_record.detectors import (
    apostrophe_break,
    empty_response,
    intra_turn_repetition,
    leading_whitespace,
    multi_turn_loop,
    prefix_repetition,
    refusal,
    semantic_repetition,
    single_turn_loop,
    word_soup,
)
from broken_record.talk import Talk

Detector = Callable[..., "list[Finding] | None"]

DETECTORS: dict[str, Detector] = {
    "empty_response": empty_response.detect,
    "leading_whitespace": leading_whitespace.detect,
    "apostrophe_break": apostrophe_break.detect,
    "refusal": refusal.detect,
    "intra_turn_repetition": intra_turn_repetition.detect,
    "single_turn_loop": single_turn_loop.detect,
    "multi_turn_loop": multi_turn_loop.detect,
    "prefix_repetition": prefix_repetition.detect,
    "word_soup": word_soup.detect,
    "semantic_repetition": semantic_repetition.detect,
}
KINDS = tuple(DETECTORS)
LOOPS = (
    "single_turn_loop",
    "multi_turn_loop",
    "intra_turn_repetition",
    "prefix_repetition",
    "semantic_repetition",
)
LEXICAL_LOOPS = LOOPS[:-1]


@dataclass(frozen=True, slots=True)
class Examination:
    """What the detectors say of one dialogue, primary first, then by onset; and what they could
    not tell.
    """

    findings: tuple[Finding, ...]
    not_measurable: tuple[str, ...]


def default_thresholds() -> dict[str, dict[str, Any]]:
    """The one table of thresholds: kind -> name -> value, from the detectors' keyword arguments.

    >>> default_thresholds()["prefix_repetition"]["words"]
    6
    """
    return {
        kind: {
            parameter.name: parameter.default
            for parameter in inspect.signature(detect).parameters.values()
            if parameter.kind is parameter.KEYWORD_ONLY
        }
        for kind, detect in DETECTORS.items()
    }


def find_loops_and_breaks(
    talk: Talk,
    kinds: Collection[str] = KINDS,
    thresholds: Mapping[str, Mapping[str, Any]] | None = None,
) -> Examination:
    """Run the detectors of `kinds`.

    A semantic repetition must not be another loop already, so those are looked for as well where it
    is asked for.
    """
    effective = {
        kind: default | dict((thresholds or {}).get(kind, {}))
        for kind, default in default_thresholds().items()
    }
    wanted = set(kinds)
    if "semantic_repetition" in wanted:
        wanted |= set(LEXICAL_LOOPS)
    found: dict[str, list[Finding]] = {}
    not_measurable = []
    for kind, detect in DETECTORS.items():
        if kind in wanted:
            result = detect(talk, **effective[kind])
            if result is None:
                not_measurable.append(kind)
            else:
                found[kind] = result
    if semantic := found.get("semantic_repetition"):
        others = [finding for kind in LEXICAL_LOOPS for finding in found[kind]]
        least = effective["semantic_repetition"]["least_turns"]
        found["semantic_repetition"] = [
            rest for finding in semantic for rest in uncovered(finding, others, talk, least)
        ]
    findings = [finding for kind in DETECTORS if kind in kinds for finding in found.get(kind, [])]
    return Examination(
        tuple(sorted(mark_primary(findings, talk), key=lambda f: (not f.primary, f.onset_turn))),
        tuple(not_measurable),
    )


def extent(finding: Finding, talk: Talk) -> tuple[int, int]:
    """The message indices from a finding's onset to its end."""
    last = talk.said[-1].index if finding.end_turn is None else finding.end_turn
    return finding.onset_turn, last


def uncovered(
    finding: Finding, others: list[Finding], talk: Talk, least_turns: int
) -> Iterator[Finding]:
    """The stretches of a finding, of at least `least_turns` turns, that belong to no other loop;
    the finding itself where none takes anything of it.
    """
    roles = {one.index: one.role for one in talk.said}
    free = [
        span
        for span in finding.spans
        if not any(
            other.origin_turn <= span.turn <= extent(other, talk)[1]
            and other.speaker in ("both", roles[span.turn])
            for other in others
        )
    ]
    taken = [other.origin_turn for other in others if other.speaker == "both"]
    groups: list[list[Span]] = []
    for span in free:
        if groups and not any(groups[-1][-1].turn < begins < span.turn for begins in taken):
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
        yield replace(
            finding,
            origin_turn=first,
            onset_turn=max(finding.onset_turn, group[1].turn),
            detect_turn=max(finding.detect_turn, group[1].turn),
            end_turn=finding.end_turn if group[-1] is finding.spans[-1] else last,
            copies=len(group),
            spans=tuple(group),
            explanation=semantic_repetition.explain(talk, first, last),
        )


def mark_primary(findings: list[Finding], talk: Talk) -> list[Finding]:
    """Of findings that meet on the same turns, in the order of precedence, the first is primary."""
    marked: list[Finding] = []
    turns = talk.said[-1].index + 1 if talk.said else 0
    taken = {role: np.zeros(turns, dtype=bool) for role in ("assistant", "user")}
    for finding in findings:
        first, last = extent(finding, talk)
        rows = [
            taken[role][first : last + 1] for role in taken if finding.speaker in (role, "both")
        ]
        meets = any(row.any() for row in rows)
        marked.append(replace(finding, primary=not meets))
        if not meets and finding.level != "info":
            for row in rows:
                row[:] = True
    return marked
