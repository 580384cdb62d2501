"""Numbers per dialogue: what the assistant said, in the old numbers and in loop coverage; both
speakers in brief.

The old numbers come from the text log's lines (the replies given here), coverage from the whole
replies; so this module needs the dialogue and the log's replies, and reads no file.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from broken_record.records import Dialogue, OldNumbers, Role
from broken_record.segments import loop_coverage, old_numbers
from broken_record.text import body_of


@dataclass(frozen=True, slots=True)
class SpeakerMetrics:
    """One speaker's whole replies: how many, their characters (prefix and outer white space off),
    coverage.
    """

    turns: int
    characters: int
    average_response_length: float
    loop_coverage: float


@dataclass(frozen=True, slots=True)
class DialogueMetrics:
    """The old numbers of the assistant, and each speaker's own."""

    old: OldNumbers
    assistant: SpeakerMetrics
    user: SpeakerMetrics


def measure_speaker(dialogue: Dialogue, role: Role, prefix: str) -> SpeakerMetrics:
    """The numbers of one side's generated turns."""
    bodies = [body_of(turn.content, prefix).strip() for turn in dialogue.turns if turn.role == role]
    characters = sum(map(len, bodies))
    return SpeakerMetrics(
        turns=len(bodies),
        characters=characters,
        average_response_length=characters / len(bodies) if bodies else 0.0,
        loop_coverage=loop_coverage("\n".join(bodies)),
    )


def measure_dialogue(dialogue: Dialogue, replies: Sequence[str]) -> DialogueMetrics:
    """All numbers of a dialogue; `replies` are the assistant's lines of its text log, stripped."""
    config = dialogue.config
    return DialogueMetrics(
        old=old_numbers(replies),
        assistant=measure_speaker(dialogue, "assistant", config.get("agent_prefix", "Skye:")),
        user=measure_speaker(dialogue, "user", config.get("user_prefix", "")),
    )
