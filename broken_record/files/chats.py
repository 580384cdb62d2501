"""Conversations that people already have, of any format in formats/, to Dialogues.

What a format gives as entries becomes messages here, in the same way for all of them. Who is the
assistant is told by the role, and where `assistant` is the name of a speaker, by that: everybody
else is the user. A conversation's system messages before the first turn are its opening. Left out,
and counted by what they are: what tools say, system messages further on, messages without any text,
and what the format leaves out; of a message what was thought, parts that are no text, and calls of
tools. A reply whose content is null, and that calls no tool, is an empty reply.

Messages of one speaker in a row, with nothing between them, are one turn, a newline between them:
the detectors look for a speaker's line every second turn, and would miss one that comes again and
again before two messages of the other side. Different speakers of one side stay apart, and so does
everything where one side never speaks: there, every message is a turn.

A Dialogue from here has `unknown["imported"]`: from (the file), line, format, messages (of the
source), joined (to the one before), left_out (messages, by reason), beside (what was left out of
those that were kept), and of a file that is read in place bad_lines. No message is lost: messages =
the opening's + turns + joined + left_out. Nothing in it was measured.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from broken_record.data import Dialogue, Message, Role, Turn, is_count
from broken_record.errors import LogError
from broken_record.files.formats.entries import NOTHING, Conversation, Entry
from broken_record.files.formats.parts import read_content, split_thinking
from broken_record.files.formats.registry import FORMATS, format_of, opened_by
from broken_record.files.values import Problem, Value, read_values
from broken_record.terminal import command_of, words_to_paste

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
WORDS = {
    **dict.fromkeys(TOOLS, "what tools said"),
    "tool call": "calls of tools", "written to a tool": "what was written to tools",
    "reasoning": "thoughts", "hidden": "hidden messages", "narrator": "what a narrator said",
    "rejected": "rejected answers", "system further on": "system messages further on",
    "other swipe": "other swipes", "image": "images", "file": "files",
    "opening added": "empty openings that an export added",
}  # fmt: skip
"""The reasons for which messages and parts of messages are left out, as people read them, where the
reason is not in words already.
"""
NONE = "holds no conversation"
EXPECTED = (
    'expected {"messages": [...]}, {"conversations": [...]} or another form that docs/chats.md has '
    "(of text logs name the folder)"
)
NOBODY = "holds no message of a user or an assistant"


@dataclass(frozen=True, slots=True)
class Chats:
    """The conversations of a file, and a sentence with its place for each that was not read."""

    dialogues: tuple[Dialogue, ...]
    problems: tuple[str, ...]


@dataclass(slots=True)
class Reading:
    """How a file is read: its name, who is the assistant, whether what was thought is read as said;
    and what could not be read so far, a sentence each.
    """

    file: str
    assistant: str | None = None
    reasoning: bool = False
    problems: list[str] = field(default_factory=list)

    def report(self, where: str, what: str) -> None:
        """Note what is wrong at a place."""
        self.problems.append(f"{self.file}: {where}: {what}")

    def failure(self) -> LogError:
        """What to raise where no conversation was found."""
        more = len(self.problems) - 1
        first = self.problems[0] if self.problems else f"{self.file}: {NONE}; {EXPECTED}"
        return LogError(first + (f"\n({more} more lines are wrong)" if more > 0 else ""))


def parse_chats(lines: Iterable[str], file: str, assistant: str | None = None) -> Chats:
    """All conversations in the lines of a file; LogError where they hold none."""
    reading = Reading(file, assistant)
    values = read_values((f"{line}\n" for line in lines), stands_alone)
    dialogues = tuple(read_chats(values, reading))
    if not dialogues:
        raise reading.failure()
    return Chats(dialogues, tuple(reading.problems))


def read_chat(values: Iterable[Value | Problem], path: Path, assistant: str | None) -> Dialogue:
    """The only conversation of a file that is read in place; LogError where there are several."""
    reading = Reading(path.name, assistant)
    dialogues = list(read_chats(values, reading))
    if not dialogues:
        raise reading.failure()
    if len(dialogues) > 1:
        count = len(dialogues)
        here = f"{command_of('analyze.py')} {words_to_paste([path])}"
        raise LogError(f"{path.name}: holds {count} conversations; run: {here}")
    imported = {**dialogues[0].unknown["imported"], "bad_lines": reading.problems}
    return replace(dialogues[0], unknown={"imported": imported})


def what_is_missing(dialogue: Dialogue) -> tuple[dict[str, int], list[str]]:
    """(how many messages of its chat log, and parts of messages, were left out, by what they are;
    the lines that could not be read); nothing of a dialogue of our own.
    """
    imported = dialogue.unknown.get("imported")
    if not isinstance(imported, dict):
        return {}, []
    counts: Counter[str] = Counter()
    for name in ("left_out", "beside"):
        found = imported.get(name)
        for what, count in found.items() if isinstance(found, dict) else ():
            counts[what] += count if is_count(count) else 0
    lines = imported.get("bad_lines")
    return dict(counts), [str(line) for line in lines] if isinstance(lines, list) else []


def in_words(missing: Mapping[str, int]) -> str:
    """What is missing, as people read it.

    >>> in_words({"reasoning": 6, "tool": 2, "observation": 1, "on another branch": 1})
    'on another branch 1, thoughts 6, what tools said 3'
    """
    counts: Counter[str] = Counter()
    for what, count in missing.items():
        counts[WORDS.get(what, what)] += count
    return ", ".join(f"{words} {counts[words]}" for words in sorted(counts))


def holds_chats(text: str) -> bool:
    """Whether the first JSON object or array of a text is a conversation, or begins one (and is no
    record of ours).
    """
    for found in read_values([text], stands_alone):
        if isinstance(found, Value) and isinstance(found.value, dict | list):
            return bool(format_of(found.value) or opened_by(found.value))
    return False


def stands_alone(item: Any) -> bool:
    """Whether an array's item is something by itself, and not a message of one conversation."""
    return opened_by(item) is None


def read_chats(values: Iterable[Value | Problem], reading: Reading) -> Iterator[Dialogue]:
    """The conversations of a file's values, one after the other."""
    found = iter(values)
    for value in found:
        if isinstance(value, Problem):
            reading.report(value.where, value.what)
        elif name := format_of(value.value):
            items = [f"item {place}" for place, _ in enumerate(value.value, 1)]
            yield from read_value(value, name, items, reading)
        elif name := opened_by(value.value):
            lines = [value, *whole_lines(found, reading)]
            everything = replace(value, value=[line.value for line in lines])
            yield from read_value(everything, name, [line.where for line in lines], reading)
        else:
            reading.report(value.where, f"{NONE}; {EXPECTED}{seems(value.value)}")


def whole_lines(values: Iterator[Value | Problem], reading: Reading) -> Iterator[Value]:
    """The values of the other lines."""
    for value in values:
        if isinstance(value, Problem):
            reading.report(value.where, value.what)
        else:
            yield value


def seems(value: object) -> str:
    """What a value that is no conversation seems to be, as the end of a sentence.

    >>> seems({"type": "dialogue", "config": {}}), seems({"prompt": "This is"})
    ('; found a line of a record', '; found an object with "prompt"')
    """
    if not isinstance(value, dict):
        return ""
    if value.get("type") in ("dialogue", "turn", "end") and len(value) > 1:
        return "; found a line of a record"
    if "first_mes" in value or str(value.get("spec", "")).startswith("chara_card"):
        return "; found a character card"
    names = ", ".join(json.dumps(name) for name in list(value)[:8])
    return f"; found an object with {names[:200]}" if names else "; found an empty object"


def read_value(
    value: Value, name: str, places: Sequence[str], reading: Reading
) -> Iterator[Dialogue]:
    """The conversations of one value; what is wrong with it goes to the reading's problems."""
    try:
        for conversation in FORMATS[name].read(value.value):
            for item, what in conversation.problems:
                reading.report(places[item], what)
            if conversation.entries or not conversation.problems:
                check_names(conversation, reading)
                yield make_dialogue(conversation, value, name, reading)
    except UnknownName:
        raise
    except LogError as error:
        reading.report(value.where, str(error))


class UnknownName(LogError):
    """Nobody in a file whose speakers have names has the assistant's."""


def check_names(conversation: Conversation, reading: Reading) -> None:
    """UnknownName where nobody has the assistant's name, and everybody has one."""
    names = {entry.name for entry in conversation.entries if not entry.left_out}
    if conversation.named and names and reading.assistant not in {None, *names}:
        called = ", ".join(sorted(json.dumps(name) for name in names))
        raise UnknownName(
            f"{reading.file}: nobody is called {json.dumps(reading.assistant)}, but {called}"
        )


def make_dialogue(
    conversation: Conversation, value: Value, name: str, reading: Reading
) -> Dialogue:
    """The dialogue of a conversation, its turns numbered behind the system messages; LogError where
    nobody speaks, or it is not known who.
    """
    left_out: Counter[str] = Counter()
    beside: Counter[str] = Counter()
    spoken = read_entries(conversation.entries, reading, left_out, beside)
    messages = join_neighbours(spoken)
    first = next((i for i, m in enumerate(messages) if m.role != "system"), len(messages))
    said = [message for message in messages[first:] if message.role != "system"]
    if not said:
        raise LogError(NOBODY)
    left_out["system further on"] = len(messages) - first - len(said)
    imported = {
        "from": reading.file, "line": value.line, "format": name,
        "messages": len(conversation.entries), "joined": len(spoken) - len(messages),
        "left_out": dict(+left_out), "beside": dict(+beside),
    }  # fmt: skip
    return Dialogue(
        config={
            "conversation": [asdict(message) for message in messages[:first]],
            "agent_prefix": "",
            "user_prefix": "",
        },
        turns=tuple(Turn(index, m.role, m.content) for index, m in enumerate(said, first)),
        status="done",
        unknown={"imported": imported},
    )


def read_entries(
    entries: Sequence[Entry], reading: Reading, left_out: Counter[str], beside: Counter[str]
) -> list[tuple[int, object, Message]]:
    """(place, speaker, message) of the entries that say something; LogError where one is none, or
    its speaker is not known.
    """
    assistant = reading.assistant
    named = assistant is not None and any(
        assistant in (entry.label, entry.name) for entry in entries
    )
    strangers = sorted(
        {e.label for e in entries if e.label.lower() not in {*ROLES, *TOOLS} and not e.left_out}
    )
    if strangers and not named:
        raise LogError(
            f"says who speaks by name ({', '.join(map(json.dumps, strangers))}); "
            "say who is the assistant: --assistant NAME"
        )
    said: list[tuple[int, object, Message]] = []
    for place, entry in enumerate(entries, 1):
        role = ROLES.get(entry.label.lower(), "user")
        if named and role != "system":
            role = "assistant" if assistant in (entry.label, entry.name) else "user"
        if entry.left_out or entry.label.lower() in TOOLS:
            left_out[entry.left_out or entry.label.lower()] += 1
            continue
        text = read_entry(entry, role, f"message {place}", reading.reasoning, beside)
        if text is None:
            left_out[f"{entry.label} without text"] += 1
        else:
            said.append((place, (entry.label, entry.name), Message(role, text)))
    return said


def read_entry(
    entry: Entry, role: Role, where: str, reasoning: bool, beside: Counter[str]
) -> str | None:
    """What a message says, None where it has no text; what was thought stands in front of it where
    that is read too, and is counted where not.
    """
    spoken = read_content(None if entry.content is NOTHING else entry.content, where)
    beside.update(entry.beside)
    beside.update(spoken.counts)
    beside["tool call"] += entry.tool_calls
    calls = entry.tool_calls + spoken.counts["tool call"]
    text, thoughts = spoken.text, [entry.reasoning, *spoken.thoughts]
    if text is not None and role == "assistant":
        text, inside = split_thinking(text)
        thoughts += inside
    thought = "\n".join(part.strip() for part in thoughts if part.strip())
    if role != "system" and not text and not calls:
        empty = entry.content is None or text is not None or bool(thought)
        text = "" if empty else None
    elif not text and calls:
        text = None
    if thought and reasoning:
        return f"{thought}\n{text}" if text else thought
    beside["reasoning"] += bool(thought)
    return text


def join_neighbours(said: Sequence[tuple[int, object, Message]]) -> list[Message]:
    r"""The messages of (place in the file, speaker, message), those of one speaker at neighbouring
    places joined by a newline; system messages stay apart, and all where one side never speaks.

    >>> hi, ho = Message("user", "Hi."), Message("user", "Ho.")
    >>> oh = Message("assistant", "Oh.")
    >>> join_neighbours([(1, "Mark", hi), (2, "Mark", ho), (4, "Mark", hi), (5, "Ada", oh)])[0]
    Message(role='user', content='Hi.\nHo.')
    >>> len(join_neighbours([(1, "Mark", hi), (2, "Mark", ho)]))
    2
    """
    if {"user", "assistant"} - {message.role for _, _, message in said}:
        return [message for _, _, message in said]
    joined: list[Message] = []
    before: tuple[int, object] = (0, None)
    for place, speaker, message in said:
        if message.role != "system" and before == (place - 1, speaker):
            joined[-1] = replace(message, content=f"{joined[-1].content}\n{message.content}")
        else:
            joined.append(message)
        before = (place, speaker)
    return joined


def one_sided(dialogue: Dialogue) -> bool:
    """Whether one side never speaks in a conversation of several messages."""
    return len(dialogue.turns) > 1 and len({turn.role for turn in dialogue.turns}) == 1


def count_messages(imported: Mapping[str, Any], counts: Counter[str]) -> None:
    """Add what became of a conversation's messages to the counts of a whole file."""
    counts["messages"] += imported["messages"]
    counts["joined"] += imported["joined"]
    counts["left out"] += sum(imported["left_out"].values())
