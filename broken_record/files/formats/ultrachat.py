"""UltraChat: {"id", "data": [user, assistant, user, ...]}, texts by turns, the user first
(github.com/thunlp/UltraChat, README).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from broken_record.files.formats.entries import Conversation, Entry, Format, items_of


def fits(value: Any) -> bool:
    """Whether a value's data are texts."""
    data = items_of(value, "data")
    return bool(data) and all(isinstance(text, str) for text in data)


def read(value: dict[str, Any]) -> Iterator[Conversation]:
    """The one conversation of a line."""
    labels = ("user", "assistant")
    yield Conversation(tuple(Entry(labels[i % 2], text) for i, text in enumerate(value["data"])))


FORMAT = Format(fits, read)
