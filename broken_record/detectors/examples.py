"""Small talks for the detectors' worked examples."""

from __future__ import annotations

from collections.abc import Sequence

from broken_record.data import Dialogue, FinishReason, Role, Turn
from broken_record.text.transcript import Transcript


def transcript_of(
    lines: Sequence[str],
    *,
    finish: FinishReason | None = "stop",
    first: Role = "assistant",
    prefixes: tuple[str, str] = ("", ""),
) -> Transcript:
    """Lines said in turn, the first by `first`, message indices from 0.

    >>> [one.role for one in transcript_of(["Hi.", "Hello."]).said]
    ['assistant', 'user']
    """
    other: Role = "user" if first == "assistant" else "assistant"
    turns = tuple(
        Turn(i, other if i % 2 else first, line, finish_reason=finish)
        for i, line in enumerate(lines)
    )
    config = {"agent_prefix": prefixes[0], "user_prefix": prefixes[1], "turn_max_tokens": 512}
    return Transcript(Dialogue(config, turns, "done"))
