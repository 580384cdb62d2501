"""A chat template -> its markers; a long text with markers -> the turns in it, and figures of them.

It knows no server: who speaks is told by the text alone.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from statistics import median

from broken_record.conversation.prompts import render
from broken_record.data import Message, Role
from broken_record.engines.base import Template
from broken_record.errors import TemplateRefused

MODES = {
    "respect": "the end token ends it",
    "ban": "the end token is never sampled (ignore_eos)",
    "ignore": "behind the end token the model goes on",
}
COLUMNS = (
    "assistant's turns", "user's", "system's", "nobody's", "same speaker again",
    "median tokens", "longest turn", "tokens in all",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Markers:
    """What a chat template writes before a message of each role (of the system perhaps nothing of
    its own), and behind each message.
    """

    assistant: str
    user: str
    end: str
    system: str = ""


@dataclass(frozen=True, slots=True)
class Said:
    """What stands between two markers; `tokens` is the server's tokenizer's reading of the text."""

    role: str
    text: str
    tokens: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Generation:
    """One run: its turns, the tokens generated (markers included), and who generated."""

    mode: str
    turns: tuple[Said, ...]
    tokens: int
    model: str


def render_probe(template: Template) -> list[str]:
    """What a template writes before, between and behind the probing messages of the system, the
    user, the assistant and the user.
    """
    roles: tuple[Role, ...] = ("system", "user", "assistant", "user")
    probe = [Message(role, f"PROBE-{i}") for i, role in enumerate(roles)]
    return [part.strip() for part in re.split(r"PROBE-\d", render(template, probe))]


def find_markers(
    parts: Sequence[str], tokenize: Callable[[str], Sequence[str]], eos: str | None
) -> Markers:
    """The markers in the parts of `render_probe`.

    The end marker is the EOS token, or where the template writes another one, the first token
    behind the assistant's message. Raises TemplateRefused where nothing tells the speakers apart.

    >>> find_markers(["<S>", "<E>", "<E><A>", "<E> <U>", "<E><A>"], tuple, eos="<E>")
    Markers(assistant='<A>', user='<U>', end='<E>', system='<S>')
    """
    if len(parts) != 5:
        raise TemplateRefused("the chat template leaves out or repeats what is said")
    system, _, before_assistant, before_user, _ = parts
    end = eos if eos and eos in before_user else "".join(tokenize(before_user)[:1])
    assistant = before_assistant.removeprefix(end).strip()
    user = before_user.removeprefix(end).strip()
    if not (assistant and user and end):
        raise TemplateRefused("the chat template has no markers that tell the speakers apart")
    return Markers(assistant, user, end, system)


def cut_turns(text: str, markers: Markers) -> list[Said]:
    r"""The turns of a text that begins behind the assistant's header.

    A header opens a turn wherever it stands; what is said behind an end marker without a header is
    nobody's. A turn may be empty, if an end marker says that it is over.

    >>> cut_turns("Hi<E><U>Hey<E><A><E>\nhm<U>", Markers("<A>", "<U>", "<E>")) == [
    ...     Said("assistant", "Hi"), Said("user", "Hey"), Said("assistant", ""),
    ...     Said("nobody", "\nhm")]
    True
    """
    opens = {markers.system: "system", markers.end: "nobody"}
    opens |= {markers.assistant: "assistant", markers.user: "user"}
    marks = "|".join(re.escape(mark) for mark in opens if mark)
    parts = re.split(f"({marks})", text)
    turns, role = [], "assistant"
    for said, mark in zip(parts[::2], [*parts[1::2], ""], strict=True):
        if said.strip() or (mark == markers.end and role != "nobody"):
            turns.append(Said(role, said))
        role = opens.get(mark, role)
    return turns


def figures(generations: Sequence[Generation]) -> list[str]:
    """The cells under COLUMNS, over several runs of one mode."""
    turns = [said for generation in generations for said in generation.turns]
    lengths = [len(said.tokens) for said in turns]
    roles = Counter(said.role for said in turns)
    again = sum(a.role == b.role for g in generations for a, b in pairwise(g.turns))
    tokens = sum(generation.tokens for generation in generations)
    return [
        *(f"{roles[role]:,}" for role in ("assistant", "user", "system", "nobody")),
        f"{again:,}",
        f"{median(lengths):,g}" if lengths else "-",
        f"{max(lengths):,}" if lengths else "-",
        f"{tokens:,}",
    ]
