"""Conversations with two answers that somebody compared.

    {"conversation_a": [...], "conversation_b": [...]}    Chatbot Arena (the data set
                                                          lmsys/chatbot_arena_conversations): both
    {"prompt", "chosen", "rejected"}                      preferences (TRL's documentation); the
                                                          prompt is a text or messages
    {"conversations", "chosen", "rejected"}               so in LLaMA-Factory (data/README.md)

Of a preference the chosen answer is read behind the prompt, alone where it repeats that; what was
rejected is left out and counted. The messages are those of messages.py.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from broken_record.files.formats.entries import Conversation, Entry, Format, items_of
from broken_record.files.formats.messages import entries_of, list_of

SIDES = ("conversation_a", "conversation_b")


def fits_arena(value: Any) -> bool:
    """Whether a value has two conversations."""
    return all(items_of(value, side) for side in SIDES)


def read_arena(value: dict[str, Any]) -> Iterator[Conversation]:
    """Both conversations."""
    for side in SIDES:
        yield Conversation(entries_of(value[side]))


def messages_of(value: object, role: str) -> list[Any]:
    """What a field of a preference holds, as messages; a text is one of this role."""
    if isinstance(value, str):
        return [{"role": role, "content": value}]
    return [value] if isinstance(value, dict) else value if isinstance(value, list) else []


def fits_preference(value: Any) -> bool:
    """Whether a value is a prompt with two answers."""
    return (
        isinstance(value, dict)
        and bool(messages_of(value.get("chosen"), ""))
        and bool(messages_of(value.get("rejected"), ""))
        and isinstance(prompt_of(value), list | str)
    )


def prompt_of(value: dict[str, Any]) -> object:
    """The prompt of a preference."""
    return value.get("prompt") or list_of(value)


def read_preference(value: dict[str, Any]) -> Iterator[Conversation]:
    """The prompt and the answer that was chosen."""
    prompt = entries_of(messages_of(prompt_of(value), "user"))
    chosen = entries_of(messages_of(value["chosen"], "assistant"))
    rejected = entries_of(messages_of(value["rejected"], "assistant"))
    whole = [entry.content for entry in chosen[: len(prompt)]] == [e.content for e in prompt]
    left: tuple[Entry, ...] = tuple(replace(entry, left_out="rejected") for entry in rejected)
    yield Conversation((chosen if whole else (*prompt, *chosen)) + left)


ARENA = Format(fits_arena, read_arena)
PREFERENCE = Format(fits_preference, read_preference)
