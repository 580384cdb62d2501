"""LM Studio's *.conversation.json: {"messages": [{"versions": [...], "currentlySelected"}]}.

A user's version is a singleStep with content parts, an assistant's a multiStep of steps, of which
the contentBlocks are read; one whose style is thinking was thought. Other versions of a message are
counted, and steps of other kinds (toolStatus, debugInfoBlock) too. Nothing is published of the form
by its makers; github.com/YorkieDev/lm-studio-conversation-converter reads it in the same way.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

from broken_record.errors import LogError
from broken_record.files.formats.entries import (
    Conversation,
    Entry,
    Format,
    first_has,
    items_of,
    texts_of,
)


def version_of(message: Any, place: int) -> tuple[Mapping[str, Any], int]:
    """(the version of a message that is shown, how many others there are)."""
    versions = items_of(message, "versions")
    chosen = message.get("currentlySelected", 0) if isinstance(message, dict) else 0
    if not isinstance(chosen, int) or not 0 <= chosen < len(versions):
        raise LogError(f"message {place} has no version that is selected")
    if not isinstance(versions[chosen], dict):
        raise LogError(f"message {place} has a version that is no object")
    return versions[chosen], len(versions) - 1


def entry_of(message: Any, place: int) -> Entry:
    """A message as an entry."""
    version, others = version_of(message, place)
    beside = Counter({"other version": others})
    if "steps" not in version:
        return Entry(str(version.get("role")), items_of(version, "content"), beside=+beside)
    content: list[Any] = []
    thoughts = []
    for step in items_of(version, "steps"):
        kind = step.get("type") if isinstance(step, dict) else None
        if kind != "contentBlock":
            beside[f"step of type {kind}"] += 1
            continue
        style = step.get("style")
        if isinstance(style, dict) and style.get("type") == "thinking":
            thoughts += [
                text for part in items_of(step, "content") for text in texts_of(part, "text")
            ]
        else:
            content += items_of(step, "content")
    return Entry(
        str(version.get("role")), content or None, reasoning="".join(thoughts), beside=+beside
    )


def read(value: dict[str, Any]) -> Iterator[Conversation]:
    """The conversation of a file."""
    system = [Entry("system", text) for text in [value.get("systemPrompt")] if text]
    messages = enumerate(value["messages"], 1)
    yield Conversation((*system, *(entry_of(message, place) for place, message in messages)))


FORMAT = Format(lambda value: first_has(value, "messages", "versions"), read)
