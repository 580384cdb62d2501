"""A saved story of KoboldAI Lite or koboldcpp: {"gamestarted", "prompt", "memory", "actions"}.

The text is the prompt and the actions one behind the other. Who speaks is told by the marks that
Lite puts into it ({{[INPUT]}} and {{[OUTPUT]}}; SillyTavern's src/endpoints/chats.js reads them),
or, in chat mode, by lines that begin with a name of savedsettings: chatname is the user,
chatopponent the character, several with ||$|| between them. What stands in front of all of them is
the character's first message; memory is the opening. A story in which nobody speaks is refused.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from broken_record.errors import LogError
from broken_record.files.formats.entries import Conversation, Entry, Format, items_of, texts_of

MARK = re.compile(r"\{\{\[(INPUT|OUTPUT|SYSTEM)\]\}\}")
END_MARK = re.compile(r"\{\{\[(?:INPUT|OUTPUT|SYSTEM)_END\]\}\}")
LABELS = {"INPUT": "user", "OUTPUT": "assistant", "SYSTEM": "system"}


def fits(value: Any) -> bool:
    """Whether a value is a saved story."""
    return (
        isinstance(value, dict)
        and isinstance(value.get("actions"), list)
        and isinstance(value.get("prompt"), str)
    )


def read(value: dict[str, Any]) -> Iterator[Conversation]:
    """The conversation of a story."""
    actions = [action for action in items_of(value, "actions") if isinstance(action, str)]
    text = END_MARK.sub("", "".join([value["prompt"], *actions]))
    memory = [Entry("system", text) for text in texts_of(value, "memory")]
    said = split_marks(text) if MARK.search(text) else split_names(text, value)
    yield Conversation((*memory, *said))


def split_marks(text: str) -> Iterator[Entry]:
    """The messages between marks; a mark with nothing behind it, at the end, is no message."""
    before, *pieces = MARK.split(text)
    if before.strip():
        yield Entry("assistant", before.strip())
    for place, (mark, said) in enumerate(zip(pieces[::2], pieces[1::2], strict=True), 1):
        if said.strip() or place < len(pieces) // 2:
            yield Entry(LABELS[mark], said.strip())


def split_names(text: str, value: dict[str, Any]) -> Iterator[Entry]:
    """The messages of lines that begin with a speaker's name and a colon; further lines belong to
    them.
    """
    settings = value.get("savedsettings")
    user = texts_of(settings, "chatname")
    others = [name for text in texts_of(settings, "chatopponent") for name in text.split("||$||")]
    names = "|".join(map(re.escape, filter(None, [*user, *others])))
    pieces = re.split(rf"^({names}):[ \t]*", text, flags=re.MULTILINE) if names else []
    if len(pieces) < 3:
        raise LogError("is a story in which nobody speaks by name or between marks")
    if pieces[0].strip():
        yield Entry("assistant", pieces[0].strip())
    for name, said in zip(pieces[1::2], pieces[2::2], strict=True):
        yield Entry("user" if name in user else "assistant", said.strip(), name=name)


FORMAT = Format(fits, read)
