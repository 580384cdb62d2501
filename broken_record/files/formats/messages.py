"""ChatML, ShareGPT and whatever else says of each message who speaks and what: the usual forms.

    {"messages": [{"role", "content"}, ...]}        OpenAI's (platform.openai.com/docs, chat format
                                                    of fine-tuning), WildChat, LMSYS-Chat-1M
    {"conversations": [{"from", "value"}, ...]}     ShareGPT, as LLaMA-Factory's data/README.md has
                                                    it; "conversation" and either pair of names too
    {"contents": [{"role", "parts": [...]}, ...]}   Gemini
    [{"role", "content"}, ...]                      the list alone
    {"role", "content"}                             a message a line, the file one conversation

Read: role or from, name, content, value, text or parts, refusal; reasoning_content, reasoning or
thinking are what was thought (vLLM, DeepSeek); tool_calls and function_call are counted.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from broken_record.errors import LogError
from broken_record.files.formats.entries import NOTHING, Conversation, Entry, Format, texts_of

KEYS = ("messages", "conversations", "conversation", "contents")
CONTENTS = ("content", "value", "text", "parts")
ADDED = "opening added"


def list_of(value: Any) -> Any:
    """The messages of a value in one of these forms; None where it has none."""
    if isinstance(value, dict):
        return next((value[key] for key in KEYS if isinstance(value.get(key), list)), None)
    return value if isinstance(value, list) and value and label_of(value[0]) else None


def label_of(message: object) -> str | None:
    """Who speaks."""
    return next(iter(texts_of(message, "role", "from")), None)


def is_message(value: Any) -> bool:
    """Whether a line is a message, and the file a conversation."""
    return label_of(value) is not None and list_of(value) is None


def content_of(message: dict[str, Any]) -> object:
    """What a message says, None where that is null, NOTHING where there is no field for it."""
    found = next((message[key] for key in CONTENTS if message.get(key) is not None), None)
    if found is None:
        found = next(iter(texts_of(message, "refusal")), None)
    return NOTHING if found is None and not any(key in message for key in CONTENTS) else found


def entry_of(message: Any, place: int) -> Entry:
    """A message as an entry; LogError where it does not say who speaks."""
    label = label_of(message)
    if label is None:
        raise LogError(f"message {place} has no role")
    calls = message.get("tool_calls")
    return Entry(
        label,
        content_of(message),
        name=next(iter(texts_of(message, "name")), None),
        reasoning="\n".join(texts_of(message, "reasoning_content", "reasoning", "thinking")[:1]),
        tool_calls=len(calls)
        if isinstance(calls, list)
        else int(bool(message.get("function_call"))),
    )


def entries_of(messages: Sequence[Any]) -> tuple[Entry, ...]:
    """The messages of a list as entries."""
    return tuple(entry_of(message, place) for place, message in enumerate(messages, 1))


def read(value: Any) -> Iterator[Conversation]:
    """The one conversation of a value. The empty message that our own export adds where an
    assistant opens (metadata's opening_added) is left out.
    """
    entries = list(entries_of(list_of(value)))
    metadata = value.get("metadata") if isinstance(value, dict) else None
    if isinstance(metadata, dict) and metadata.get("opening_added"):
        for place, entry in enumerate(entries):
            if entry.label in ("human", "user") and entry.content == "":
                entries[place] = Entry(entry.label, left_out=ADDED)
                break
    yield Conversation(tuple(entries))


FORMAT = Format(lambda value: list_of(value) is not None, read, is_message)
