"""What the record of a goal dialogue says of its rules: how often what happened, per side."""

from __future__ import annotations

from collections import Counter
from typing import Any

from broken_record.data import Dialogue

COUNTED = ("no_prompt", "several_prompts", "noncoherent", "empty", "self_reply", "regenerated",
           "regenerate_worked")  # fmt: skip


def count_events(dialogue: Dialogue) -> dict[str, dict[str, int]]:
    """Per side, how often what happened in a goal dialogue; replies that were rejected count too.

    `regenerated` counts replies that were asked for again, `regenerate_worked` turns that were
    right at last.
    """
    counts: dict[str, Counter[str]] = {"assistant": Counter(), "user": Counter()}
    prefixes = dialogue.prefixes
    rejected = [attempt for attempt in dialogue.attempts if attempt.flaw]
    for attempt in rejected:
        counts[attempt.role].update([str(attempt.flaw), "regenerated"])
    again = {attempt.index for attempt in rejected}
    for turn in dialogue.turns:
        count = counts[turn.role]
        empty = not turn.content.removeprefix(prefixes[turn.role]).strip()
        no_prompt = turn.quoted == 0 and not empty
        noncoherent = turn.noncoherent is not None
        count["self_reply"] += turn.self_reply is not None
        count["noncoherent"] += noncoherent
        count["several_prompts"] += (turn.quoted or 0) > 1
        count["empty"] += empty
        count["no_prompt"] += no_prompt
        wrong = empty or no_prompt or noncoherent
        count["regenerate_worked"] += turn.index in again and not wrong
    return {role: {name: count[name] for name in COUNTED} for role, count in counts.items()}


def describe_goal(dialogue: Dialogue) -> dict[str, Any]:
    """What a goal dialogue was about, and what its rules counted."""
    if dialogue.config.get("mode") != "goal":
        return {}
    found = {name: dialogue.config.get(name) for name in ("objective", "persona")}
    names = {name: text if isinstance(text, str) else None for name, text in found.items()}
    return {**names, "counters": count_events(dialogue)}
