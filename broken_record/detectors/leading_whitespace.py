"""White space grows in front of the replies (or behind them).

White space accumulation, counted in characters after the prefix of the raw reply, so that a text
log cannot tell. Any of: an upward trend over the last 4 to 8 own turns (Mann-Kendall, p < .05, one
sided) by at least 3 characters in at least two steps; at least 8 characters and 4 times the
speaker's median twice in a row; 32 at once. The first two behind the reply as well. Constant
indentation, one stray newline and the template's own blank are none of these; nor is the
indentation of what is laid out (code, drawings, verse: later lines are indented as well), and an
empty reply is another kind.

>>> from broken_record.detectors.examples import transcript_of
>>> said = [" " * w + "Yes, I see." for w in (1, 2, 4, 7)]
>>> found = detect(transcript_of([said[0], "A.", said[1], "B.", said[2], "C.", said[3]]))
>>> [(f.speaker, f.onset_turn, f.detect_turn) for f in found]
[('assistant', 2, 6)]
"""

from __future__ import annotations

from bisect import insort
from statistics import median

import numpy as np

from broken_record.data import Finding, Span
from broken_record.detectors.evidence import make_finding
from broken_record.stats import rising_p
from broken_record.text.structure import lines_of
from broken_record.text.transcript import Transcript

KIND = "leading_whitespace"
WIDEST = 60  # columns: no drawing begins further to the right


def detect(
    transcript: Transcript,
    *,
    trend_p: float = 0.05,
    rise: int = 3,
    shortest_trend: int = 4,
    longest_trend: int = 8,
    jump: int = 8,
    jump_medians: float = 4.0,
    at_once: int = 32,
) -> list[Finding] | None:
    """At most one finding per speaker and side of the reply; None of a text log."""
    if not transcript.verbatim:
        return None
    findings: list[Finding] = []
    begins, ends = transcript.bounds
    most = {"before": begins - transcript.places}
    most["behind"] = transcript.places + transcript.lengths - ends
    if max(int(blanks[transcript.given :].max(initial=0)) for blanks in most.values()) < rise:
        return findings
    for role in ("assistant", "user"):
        positions = np.array(transcript.own(role), dtype=np.int64)
        filled = positions[begins[positions] < ends[positions]]
        own = filled.tolist()
        for side, blanks in most.items():
            if blanks[filled].max(initial=0) < rise:
                continue
            widths = [width(transcript, i, side) for i in own]
            if max(widths) < rise:
                continue
            found = (
                (first_width(widths, at_once) if side == "before" else None)
                or first_jump(widths, jump, jump_medians)
                or first_trend(widths, trend_p, rise, shortest_trend, longest_trend)
            )
            if found is not None:
                onset, detected = found
                usual = median(widths[:onset]) if onset else widths[0]
                while onset and widths[onset - 1] > usual:
                    onset -= 1
                findings.append(report(transcript, own, widths, side, onset, detected))
    return findings


def width(transcript: Transcript, position: int, side: str) -> int:
    """The white space before or behind a reply, in characters; of one that is laid out only whole
    lines of it count.
    """
    body = transcript.bodies[position]
    if side == "behind":
        return len(body) - len(body.rstrip())
    lead = len(body) - len(body.lstrip())
    before = body[:lead].rfind("\n") + 1
    return before if lead - before > 1 and is_laid_out(body[before:]) else lead


def is_laid_out(body: str) -> bool:
    r"""Whether the indentation of a body's first line belongs to what it shows: it is code, a table
    or a drawing, or a later line is indented half as far or more.

    >>> is_laid_out("      far off\n   a bell"), is_laid_out("      A bell.\nListen!")
    (True, False)
    """
    lines = [line.expandtabs(4) for line in body.split("\n") if line.strip()]
    indents = [len(line) - len(line.lstrip()) for line in lines]
    if any(2 * indent >= indents[0] for indent in indents[1:]):
        return True
    kind = next(lines_of(body)).kind
    return kind in ("code", "row", "drawing") and indents[0] <= WIDEST


def first_width(widths: list[int], at_once: int) -> tuple[int, int] | None:
    """(onset, detect) of the first reply with `at_once` characters."""
    return next(((k, k) for k, w in enumerate(widths) if w >= at_once), None)


def first_jump(widths: list[int], jump: int, medians: float) -> tuple[int, int] | None:
    """(onset, detect) of the first two replies in a row far wider than what was usual."""
    before: list[int] = []  # in order
    for k in range(2, len(widths)):
        insort(before, widths[k - 2])
        middle = len(before) // 2
        usual = (before[middle] + before[~middle]) / 2
        if min(widths[k - 1 : k + 1]) >= max(jump, medians * usual):
            return k - 1, k
    return None


def first_trend(
    widths: list[int], p: float, rise: int, shortest: int, longest: int
) -> tuple[int, int] | None:
    """(onset, detect) of the first trend upwards; onset is the first reply above the trend's
    first.
    """
    for last in range(shortest - 1, len(widths)):
        for n in range(shortest, min(longest, last + 1) + 1):
            window = widths[last - n + 1 : last + 1]
            grows = window[-1] - window[0] >= rise and window[-1] == max(window)
            if grows and len(set(window)) >= 3 and rising_p(window) < p:
                onset = next(k for k, w in enumerate(window) if w > window[0])
                return last - n + 1 + onset, last
    return None


def report(
    transcript: Transcript, own: list[int], widths: list[int], side: str, onset: int, detect: int
) -> Finding:
    """The finding from its onset to the last reply that is as wide as there."""
    least = max(1, widths[onset])
    places = [k for k in range(onset, len(own)) if widths[k] >= least]
    widest = max(widths[k] for k in places)
    spans = []
    for k in places:
        one = transcript.said[own[k]]
        start = one.begins if side == "before" else len(one.content) - widths[k]
        spans.append(Span(one.index, start, start + widths[k]))
    return make_finding(
        transcript,
        kind=KIND,
        positions=[own[k] for k in places],
        level="break" if widest >= 16 else "warn",
        origin=own[onset],
        onset=own[onset],
        detect=own[detect],
        copies=len(places),
        strength=widest / (widest + 8),
        spans=spans,
        explanation=f"{widths[onset]} characters of white space {side} the reply, up to {widest}",
    )
