"""From hits to stretches of them, and from positions to a Finding: the same way for all."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Literal, NamedTuple, cast

from broken_record.data import Finding, Level, Span
from broken_record.text.transcript import Transcript

MOST_SPANS = 200


def stretches(places: Iterable[int], apart: int) -> list[list[int]]:
    """Rising places in stretches whose neighbours are less than `apart` away.

    >>> stretches([1, 2, 9, 12], 6)
    [[1, 2], [9, 12]]
    """
    found: list[list[int]] = []
    for place in places:
        if found and place - found[-1][-1] < apart:
            found[-1].append(place)
        else:
            found.append([place])
    return found


def told_by(places: Sequence[int], hits: int, of_turns: int) -> int | None:
    """The first of rising places that is the `hits`-th of at most `of_turns` in a row.

    >>> told_by([1, 4, 6, 8], 3, 6), told_by([1, 4, 8], 2, 2)
    (6, None)
    """
    for first, last in zip(places, places[hits - 1 :], strict=False):
        if last - first < of_turns:
            return last
    return None


def speaker_of(
    transcript: Transcript, positions: Sequence[int]
) -> Literal["assistant", "user", "both"]:
    """Whose turns these are."""
    said = transcript.said
    roles = {said[i].role for i in positions}
    if len(roles) > 1:
        return "both"
    return cast(Literal["assistant", "user"], roles.pop())


def make_finding(
    transcript: Transcript,
    *,
    kind: str,
    positions: Sequence[int],
    level: str,
    origin: int,
    onset: int,
    detect: int,
    copies: int,
    strength: float,
    spans: Sequence[Span],
    explanation: str,
    period: int | None = None,
    pairs: Sequence[tuple[int, int]] = (),
) -> Finding:
    """A Finding over `positions` (rising); it is open until its speaker, or for one period both,
    went on without it.

    `pairs` are copies whose speakers may have exchanged names and genders.
    """
    speaker = speaker_of(transcript, positions)
    last = positions[-1]
    later = transcript.said[last + 1 : last + 65]
    if speaker == "both":
        ended = len(later) >= (period or 1)
    else:
        ended = any(one.role == speaker for one in later)
    return Finding(
        kind=kind,
        speaker=speaker,
        level=cast(Level, level),
        origin_turn=transcript.said[origin].index,
        onset_turn=transcript.said[onset].index,
        detect_turn=transcript.said[detect].index,
        end_turn=transcript.said[last].index if ended else None,
        period=period,
        copies=copies,
        strength=round(min(1.0, max(0.0, strength)), 4),
        spans=tuple(spans[:MOST_SPANS]),
        explanation=explanation,
        flipped=any(transcript.is_flipped(i, k) for i, k in pairs),
    )


class Sign(NamedTuple):
    """Where a body goes wrong, in its offsets, and how."""

    start: int
    end: int
    how: str


def report_signs(
    transcript: Transcript, kind: str, signs: Mapping[int, Sign], break_turns: int
) -> Finding:
    """The finding of turns that go wrong, each by a sign of its own; the first tells how."""
    positions = sorted(signs)
    spans = []
    for i in positions:
        one = transcript.said[i]
        spans.append(Span(one.index, one.begins + signs[i].start, one.begins + signs[i].end))
    more = f", {len(positions)} turns" if len(positions) > 1 else ""
    return make_finding(
        transcript,
        kind=kind,
        positions=positions,
        level="break" if len(positions) >= break_turns else "warn",
        origin=positions[0],
        onset=positions[0],
        detect=positions[0],
        copies=len(positions),
        strength=saturate([1.0] * len(positions)),
        spans=spans,
        explanation=signs[positions[0]].how + more,
    )


def saturate(repeats: Iterable[float]) -> float:
    """A strength in [0, 1) that every further repeat raises: S / (1 + S) of the sum S.

    >>> saturate([1.0, 1.0])
    0.6666666666666666
    """
    total = sum(repeats)
    return total / (1 + total)
