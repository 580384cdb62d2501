"""Chats of front ends that let characters talk; a flag says which messages are a person's.

    Agnai       {"messages": [{"handle", "userId" or "characterId", "msg"}]}
    PIPPA       {"conversation": [{"message", "is_human"}]}, a line a conversation (the card of
                PygmalionAI/PIPPA; bot_greeting is the first message already)
    CAI Tools   {"histories": {"histories": [{"msgs": [{"text", "src": {"is_human", "name"}}]}]}}
    RisuAI      {"type": "risuChat", "data": {"message": [{"role": "user" or "char", "data"}]}}

As SillyTavern's importers read them (its src/endpoints/chats.js), which is where their public
description is. Scenario, notes, lore and the character's definition are not messages.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from broken_record.errors import LogError
from broken_record.files.formats.entries import (
    NOTHING,
    Conversation,
    Entry,
    Format,
    first_has,
    items_of,
    texts_of,
)


def speaker(is_human: object) -> str:
    """Whose message it is."""
    return "user" if is_human else "assistant"


def objects(messages: Sequence[Any]) -> Iterator[dict[str, Any]]:
    """The messages; LogError names one that is none."""
    for place, message in enumerate(messages, 1):
        if not isinstance(message, dict):
            raise LogError(f"message {place} is no message")
        yield message


def read_agnai(value: dict[str, Any]) -> Iterator[Conversation]:
    """The conversation of an export."""
    yield Conversation(
        tuple(
            Entry(
                speaker(message.get("userId")),
                message.get("msg", NOTHING),
                name=next(iter(texts_of(message, "handle")), None),
            )
            for message in objects(value["messages"])
        )
    )


def read_pippa(value: dict[str, Any]) -> Iterator[Conversation]:
    """The conversation of a line."""
    yield Conversation(
        tuple(
            Entry(speaker(message.get("is_human")), message.get("message", NOTHING))
            for message in objects(value["conversation"])
        )
    )


def histories_of(value: Any) -> list[Any]:
    """The histories of a CAI Tools file."""
    held = value.get("histories") if isinstance(value, dict) else None
    return [history for history in items_of(held, "histories") if items_of(history, "msgs")]


def read_cai(value: Any) -> Iterator[Conversation]:
    """A conversation for each history."""
    for history in histories_of(value):
        entries = []
        for message in objects(history["msgs"]):
            source = message.get("src")
            source = source if isinstance(source, dict) else {}
            name = next(iter(texts_of(source, "name")), None)
            entries.append(
                Entry(speaker(source.get("is_human")), message.get("text", NOTHING), name=name)
            )
        yield Conversation(tuple(entries))


def fits_risu(value: Any) -> bool:
    """Whether a value is a chat of RisuAI."""
    return (
        isinstance(value, dict)
        and value.get("type") == "risuChat"
        and bool(items_of(value.get("data"), "message"))
    )


def read_risu(value: dict[str, Any]) -> Iterator[Conversation]:
    """The conversation of an export."""
    yield Conversation(
        tuple(
            Entry(
                speaker(message.get("role") == "user"),
                message.get("data", NOTHING),
                name=next(iter(texts_of(message, "name")), None),
            )
            for message in objects(value["data"]["message"])
        )
    )


AGNAI = Format(lambda value: first_has(value, "messages", "msg"), read_agnai)
PIPPA = Format(lambda value: first_has(value, "conversation", "is_human"), read_pippa)
CAI_TOOLS = Format(lambda value: bool(histories_of(value)), read_cai)
RISU = Format(fits_risu, read_risu)
