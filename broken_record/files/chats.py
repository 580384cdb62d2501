"""Conversations that people already have: ChatML, ShareGPT and SillyTavern chats to Dialogues.

    ChatML       a line a conversation: {"messages": [{"role", "content"}, ...]}
    ShareGPT     a line a conversation: {"conversations": [{"from", "value"}, ...]}; either pair of
                 names is read under either key
    SillyTavern  a file a conversation: a header line with user_name, character_name and
                 chat_metadata (old group chats have none), then a line a message: name, is_user,
                 is_system, mes, extra, and more that is not needed here (other swipes)

Who is the assistant is told by the role (or from), and in SillyTavern by is_user; where `assistant`
is the name of a speaker, by that: everybody else is the user. A conversation's system messages
before the first turn are its opening. Left out, and counted by what they are: what tools say,
system messages further on, parts of a message that are no text and messages without any; of
SillyTavern what is hidden (is_system: its prompt is built without) and what a narrator says.

Messages of one speaker in a row, with nothing between them, are one turn, a newline between them:
the detectors look for a speaker's line every second turn, and would miss one that comes again and
again before two messages of the other side. Different speakers of one side stay apart.

A Dialogue from here has `unknown["imported"]`: from (the file), line, left_out, and of a file that
is read in place bad_lines. Nothing in it was measured.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Literal

from broken_record.data import Dialogue, Message, Role, Turn
from broken_record.errors import LogError

ROLES: dict[str, Role] = {
    "system": "system", "developer": "system",
    "user": "user", "human": "user", "prompter": "user",
    "assistant": "assistant", "gpt": "assistant", "chatgpt": "assistant", "bing": "assistant",
    "bard": "assistant", "bot": "assistant", "model": "assistant",
}  # fmt: skip
TOOLS = frozenset(
    """tool tool_call tool_calls tool_response function function_call function_response observation
    ipython""".split()
)
CONVERSATIONS = ("messages", "conversations", "conversation")
SILLY_TAVERN = ("chat_metadata", "character_name", "user_name", "mes")
NONE = "holds no conversation"
EXPECTED = (
    'expected {"messages": [...]} or {"conversations": [...]} on every line, or a SillyTavern chat '
    "(of text logs name the folder)"
)


@dataclass(frozen=True, slots=True)
class Chats:
    """The conversations of a file, and a sentence with the line's number for each line that could
    not be read.
    """

    dialogues: tuple[Dialogue, ...]
    problems: tuple[str, ...]


def parse_chats(lines: Iterable[str], file: str, assistant: str | None = None) -> Chats:
    """All conversations of a file; LogError where it holds none."""
    problems: list[tuple[int, str]] = []
    values: list[tuple[int, Any]] = []
    for number, line in enumerate(lines, 1):
        if line.strip("\ufeff \t\r\n"):
            try:
                values.append((number, json.loads(line.lstrip("\ufeff"))))
            except (ValueError, RecursionError):
                problems.append((number, "is not JSON"))
    first = next((value for _, value in values if isinstance(value, dict)), {})
    if chat_format(first) == "sillytavern":
        dialogues = list(read_silly_tavern(values, file, assistant, problems))
    else:
        dialogues = list(read_lines(values, file, assistant, problems))
    named = tuple(f"{file}: line {number}: {what}" for number, what in sorted(problems))
    if not dialogues:
        more = f"\n({len(named) - 1} more lines are wrong)" if len(named) > 1 else ""
        raise LogError((named or (f"{file}: {NONE}; {EXPECTED}",))[0] + more)
    return Chats(tuple(dialogues), named)


def parse_chat(lines: Iterable[str], path: Path, assistant: str | None = None) -> Dialogue:
    """The only conversation of a file that is read in place; LogError where there are several."""
    chats = parse_chats(lines, path.name, assistant)
    if len(chats.dialogues) > 1:
        count = len(chats.dialogues)
        raise LogError(f"{path.name}: holds {count} conversations; run: python analyze.py {path}")
    dialogue = chats.dialogues[0]
    imported = {**dialogue.unknown["imported"], "bad_lines": list(chats.problems)}
    return replace(dialogue, unknown={"imported": imported})


def what_is_missing(dialogue: Dialogue) -> tuple[dict[str, int], list[str]]:
    """(how many messages of its chat log were left out, by what they are; the lines that could not
    be read); nothing of a dialogue of our own.
    """
    imported = dialogue.unknown.get("imported")
    if not isinstance(imported, dict):
        return {}, []
    return imported.get("left_out") or {}, imported.get("bad_lines") or []


def holds_chats(lines: Iterable[str]) -> bool:
    """Whether the first line that is a JSON object opens a chat log (and not a record of ours)."""
    for line in lines:
        try:
            value = json.loads(line.lstrip("\ufeff"))
        except (ValueError, RecursionError):
            continue
        if isinstance(value, dict):
            return chat_format(value) is not None
    return False


def chat_format(value: Mapping[str, Any]) -> Literal["lines", "sillytavern"] | None:
    """Which kind of file a line opens: a conversation a line, or a SillyTavern chat."""
    if conversation_key(value):
        return "lines"
    return "sillytavern" if any(name in value for name in SILLY_TAVERN) else None


def conversation_key(value: Mapping[str, Any]) -> str | None:
    """The key under which a line holds its conversation."""
    return next((key for key in CONVERSATIONS if isinstance(value.get(key), list)), None)


def make_dialogue(
    system: Sequence[Message],
    said: Sequence[Message],
    file: str,
    line: int,
    left_out: Mapping[str, int],
) -> Dialogue:
    """The dialogue of a conversation, its turns numbered behind the system messages."""
    return Dialogue(
        config={
            "conversation": [asdict(message) for message in system],
            "agent_prefix": "",
            "user_prefix": "",
        },
        turns=tuple(
            Turn(index, message.role, message.content)
            for index, message in enumerate(said, len(system))
        ),
        status="done",
        unknown={"imported": {"from": file, "line": line, "left_out": dict(left_out)}},
    )


def read_lines(
    values: Iterable[tuple[int, Any]],
    file: str,
    assistant: str | None,
    problems: list[tuple[int, str]],
) -> Iterator[Dialogue]:
    """The conversations of numbered lines; what is wrong with the others goes to `problems`."""
    for number, value in values:
        key = conversation_key(value) if isinstance(value, dict) else None
        if key is None:
            problems.append((number, f"{NONE}; {EXPECTED}"))
            continue
        left_out: Counter[str] = Counter()
        try:
            messages = read_messages(value[key], assistant, left_out)
        except LogError as error:
            problems.append((number, str(error)))
            continue
        metadata = value.get("metadata")
        added = isinstance(metadata, dict) and metadata.get("opening_added")  # by samples.py
        if added and Message("user", "") in messages:
            messages.remove(Message("user", ""))
        spoken = (i for i, message in enumerate(messages) if message.role != "system")
        first = next(spoken, len(messages))
        said = [message for message in messages[first:] if message.role != "system"]
        if not said:
            problems.append((number, "holds no message of a user or an assistant"))
            continue
        left_out["system further on"] = len(messages) - first - len(said)
        yield make_dialogue(messages[:first], said, file, number, +left_out)


def read_messages(
    entries: Sequence[Any], assistant: str | None, left_out: Counter[str]
) -> list[Message]:
    """The messages of a conversation; LogError where one is none, or its speaker is not known."""
    found: list[tuple[str, set[str], Any]] = []
    for place, entry in enumerate(entries, 1):
        label = entry.get("role", entry.get("from")) if isinstance(entry, dict) else None
        if not isinstance(label, str):
            raise LogError(f"message {place} has no role")
        content = entry.get("content", entry.get("value"))
        name = entry.get("name")
        found.append((label, {label, name if isinstance(name, str) else label}, content))
    named = any(assistant in names for _, names, _ in found)
    strangers = sorted({label for label, _, _ in found if label.lower() not in {*ROLES, *TOOLS}})
    if strangers and not named:
        raise LogError(
            f"says who speaks by name ({', '.join(map(json.dumps, strangers))}); "
            "say who is the assistant: --assistant NAME"
        )
    said = []
    for place, (label, names, content) in enumerate(found, 1):
        role = ROLES.get(label.lower(), "user")
        if named and role != "system":
            role = "assistant" if assistant in names else "user"
        if label.lower() in TOOLS:
            left_out[label.lower()] += 1
        elif (text := read_text(content, f"message {place}", left_out)) is not None:
            said.append((place, tuple(sorted(names)), Message(role, text)))
        else:
            left_out[f"{label} without text"] += 1
    return join_neighbours(said)


def join_neighbours(said: Iterable[tuple[int, object, Message]]) -> list[Message]:
    r"""The messages of (place in the file, speaker, message), those of one speaker at neighbouring
    places joined by a newline; system messages stay apart.

    >>> hi, ho = Message("user", "Hi."), Message("user", "Ho.")
    >>> join_neighbours([(1, "Mark", hi), (2, "Mark", ho), (4, "Mark", hi), (5, "Ada", ho)])[0]
    Message(role='user', content='Hi.\nHo.')
    """
    joined: list[Message] = []
    before: tuple[int, object] = (0, None)
    for place, speaker, message in said:
        if message.role != "system" and before == (place - 1, speaker):
            joined[-1] = replace(message, content=f"{joined[-1].content}\n{message.content}")
        else:
            joined.append(message)
        before = (place, speaker)
    return joined


def read_text(content: object, where: str, left_out: Counter[str]) -> str | None:
    """What a message says: its content, or the text of its parts one behind the other."""
    if content is None or isinstance(content, str):
        return content
    if not isinstance(content, list) or not all(isinstance(part, dict) for part in content):
        raise LogError(f"{where}: its content is neither text nor a list of parts")
    texts = [part["text"] for part in content if isinstance(part.get("text"), str)]
    for part in content:
        if not isinstance(part.get("text"), str):
            left_out[f"part of type {part.get('type')}"] += 1
    return "".join(texts) if texts else None


def read_silly_tavern(
    values: Sequence[tuple[int, Any]],
    file: str,
    assistant: str | None,
    problems: list[tuple[int, str]],
) -> Iterator[Dialogue]:
    """The conversation of a SillyTavern chat, none where nobody speaks; what is wrong with a line
    goes to `problems`. LogError where nobody has the assistant's name.
    """
    left_out: Counter[str] = Counter()
    said: list[tuple[int, str, Message]] = []
    for place, (number, value) in enumerate(values):
        if not isinstance(value, dict):
            problems.append((number, "is no message"))
        elif place == 0 and "mes" not in value:
            continue  # the header
        elif not isinstance(value.get("mes"), str) or not isinstance(value.get("is_user"), bool):
            problems.append((number, "a message needs a text as mes, and is_user"))
        elif value.get("is_system"):
            left_out["hidden"] += 1
        elif is_narrator(value):
            left_out["narrator"] += 1
        else:
            name = str(value.get("name"))
            is_user = value["is_user"] if assistant is None else name != assistant
            said.append((place, name, Message("user" if is_user else "assistant", value["mes"])))
    names = {name for _, name, _ in said}
    if names and assistant is not None and assistant not in names:
        called = ", ".join(sorted(map(json.dumps, names)))
        raise LogError(f"{file}: nobody is called {json.dumps(assistant)}, but {called}")
    if said:
        yield make_dialogue((), join_neighbours(said), file, 1, left_out)


def is_narrator(value: Mapping[str, Any]) -> bool:
    """Whether a message is neither side's: what /sys says in the chat."""
    extra = value.get("extra")
    return isinstance(extra, dict) and extra.get("type") == "narrator" and not value["is_user"]
