"""SillyTavern's chats: a file a conversation, a line a message, or all of them in one array.

A header with user_name, character_name and chat_metadata (old group chats have none), then
messages: name, is_user, is_system, mes, extra, swipes (SillyTavern's src/endpoints/chats.js and
public/script.js). Without is_user a message is the character's. Left out: what is hidden
(is_system: prompts are built without it) and what a narrator says (/sys); of a message the other
swipes, images, and extra.reasoning, which was thought. Chub's chats have the text as mes.message.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from broken_record.files.formats.entries import Conversation, Entry, Format, texts_of

NAMES = ("chat_metadata", "character_name", "user_name", "mes")
TEXT_NEEDED = "a message needs a text as mes"


def opens(line: Any) -> bool:
    """Whether a line is a header or a message of such a chat."""
    return isinstance(line, dict) and any(name in line for name in NAMES)


def fits(value: Any) -> bool:
    """Whether a value is the array of a chat."""
    return isinstance(value, list) and bool(value) and opens(value[0])


def read(lines: list[Any]) -> Iterator[Conversation]:
    """The conversation of a chat's lines."""
    entries = []
    problems = []
    for place, line in enumerate(lines):
        if not isinstance(line, dict):
            problems.append((place, "is no message"))
        elif place == 0 and "mes" not in line:
            continue  # the header
        elif isinstance(text_of(line), str):
            entries.append(entry_of(line))
        else:
            problems.append((place, TEXT_NEEDED))
    yield Conversation(tuple(entries), named=True, problems=tuple(problems))


def text_of(line: Mapping[str, Any]) -> Any:
    """A message's text."""
    said = line.get("mes")
    return said.get("message") if isinstance(said, dict) else said


def entry_of(line: Mapping[str, Any]) -> Entry:
    """A message as an entry."""
    extra = line.get("extra")
    extra = extra if isinstance(extra, dict) else {}
    hidden = "hidden" if line.get("is_system") else None
    is_user = bool(line.get("is_user"))
    narrator = "narrator" if extra.get("type") == "narrator" and not is_user else None
    swipes = line.get("swipes")
    beside = {
        "other swipe": max(0, len(swipes) - 1) if isinstance(swipes, list) else 0,
        "image": int(bool(extra.get("image"))),
    }
    return Entry(
        "user" if is_user else "assistant",
        text_of(line),
        name=str(line.get("name")),
        reasoning="".join(texts_of(extra, "reasoning")),
        left_out=hidden or narrator,
        beside={what: count for what, count in beside.items() if count},
    )


FORMAT = Format(fits, read, opens)
