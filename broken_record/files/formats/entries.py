"""What every format gives: conversations of entries, one for each message of the source.

An entry says what stands there and decides nothing: chats.py makes messages of it, joins what
belongs together and counts what is left out, for all formats in the same way. A format that knows
that a message was hidden, or on a branch that was left, gives it with the reason in `left_out`, so
that no message of a source is lost without being counted.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

NOTHING: Final = object()
"""The content of a message that has no field for one (None is a content that is null)."""


@dataclass(frozen=True, slots=True)
class Entry:
    """A message of a source. `label` is its role, or who speaks where no role is given, `name` who
    speaks; `content` is text, a list of parts, None or NOTHING; `reasoning` what was thought in a
    field of its own; `left_out` says why all of it is left out, `beside` counts what of it is.
    """

    label: str
    content: object = NOTHING
    name: str | None = None
    reasoning: str = ""
    tool_calls: int = 0
    left_out: str | None = None
    beside: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Conversation:
    """A conversation of a source. `named`: each speaker has a name, so that the assistant's must be
    among them; `problems` are (number of an item from 0, what is wrong with it).
    """

    entries: tuple[Entry, ...]
    named: bool = False
    problems: tuple[tuple[int, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Format:
    """`fits` tells by its shape whether a value is in this format, `read` gives its conversations
    (LogError where it cannot); `opens` whether a line begins a file whose lines, all of them, are
    the items of one value.
    """

    fits: Callable[[Any], bool]
    read: Callable[[Any], Iterator[Conversation]]
    opens: Callable[[Any], bool] = lambda line: False


def texts_of(value: object, *keys: str) -> list[str]:
    """The texts an object has under these keys, in their order, without empty ones."""
    found = [value.get(key) for key in keys] if isinstance(value, dict) else []
    return [text for text in found if isinstance(text, str) and text]


def items_of(value: object, key: str) -> list[Any]:
    """The list an object has under a key; empty where it has none."""
    found = value.get(key) if isinstance(value, dict) else None
    return found if isinstance(found, list) else []


def first_has(value: object, key: str, *names: str) -> bool:
    """Whether the first item of the list under a key is an object with one of these fields.

    >>> first_has({"messages": [{"msg": "Hi."}]}, "messages", "msg")
    True
    """
    items = items_of(value, key)
    return bool(items) and isinstance(items[0], dict) and any(name in items[0] for name in names)
