"""What each side sees: the assistant the whole conversation, the user a flipped window of it behind
its own system text.

A chat template turns messages into a prompt that ends where the next reply begins; the side's
prefix is appended, so the reply goes on from it. Templates differ in what they refuse (a system
role, an assistant who opens, two messages of one role in a row), and some drop silently what they
do not like: `render` rearranges until everything stands in the prompt. This module does not know
where a template comes from: it is any function from messages to text.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

from broken_record.conversation.thoughts import close_thoughts
from broken_record.data import Memory, Message, Role
from broken_record.engines.base import Template
from broken_record.errors import TemplateRefused

PIECES = re.compile(r"<[^<>\n]*>|\[[^\[\]\n]*\]|[^<\[\n]+|[<\[]")


def user_view(
    conversation: Sequence[Message], system: str, memory: int, step: int = 1
) -> list[Message]:
    """What the user side sees: the conversation as far as it remembers it (data.Memory), the roles
    flipped, behind its own system text.

    >>> user_view([Message("assistant", "Hi"), Message("user", "Hey")], "Be Mark.", 1)
    [Message(role='system', content='Be Mark.'), Message(role='assistant', content='Hey')]
    """
    spoken = [message for message in conversation if message.role != "system"]
    flipped = [
        Message("user" if message.role == "assistant" else "assistant", message.content)
        for message in Memory(memory, step).window(spoken)
    ]
    return [Message("system", system), *flipped] if system else flipped


def put_behind(messages: Sequence[Message], instructions: str) -> Sequence[Message]:
    """The messages, and behind them a side's last instructions as a system message, if it has any.

    >>> put_behind([Message("user", "Hi")], "Be brief.")[1:]
    [Message(role='system', content='Be brief.')]
    """
    return [*messages, Message("system", instructions)] if instructions else messages


def fold_system(messages: Sequence[Message]) -> list[Message]:
    r"""Every system text goes in front of the user message behind it (a user message of its own
    where there is none).

    >>> fold_system([Message("system", "Be kind."), Message("user", "Hi")])
    [Message(role='user', content='Be kind.\n\nHi')]
    """
    folded: list[Message] = []
    waiting: list[str] = []
    for message in messages:
        if message.role == "system":
            waiting.append(message.content)
        elif waiting and message.role == "user":
            folded.append(Message("user", "\n\n".join([*waiting, message.content])))
            waiting = []
        else:
            if waiting:
                folded.append(Message("user", "\n\n".join(waiting)))
                waiting = []
            folded.append(message)
    if waiting:
        folded.append(Message("user", "\n\n".join(waiting)))
    return folded


def merge_neighbours(messages: Sequence[Message]) -> list[Message]:
    r"""Messages of one role in a row become one, joined by a newline.

    >>> merge_neighbours([Message("user", "a"), Message("user", "b")])
    [Message(role='user', content='a\nb')]
    """
    merged: list[Message] = []
    for message in messages:
        if merged and merged[-1].role == message.role:
            merged[-1] = Message(message.role, f"{merged[-1].content}\n{message.content}")
        else:
            merged.append(message)
    return merged


def open_with_user(messages: Sequence[Message]) -> list[Message]:
    """An empty user message in front of an assistant who opens."""
    spoken = next(
        (i for i, message in enumerate(messages) if message.role != "system"), len(messages)
    )
    if spoken < len(messages) and messages[spoken].role == "user":
        return list(messages)
    return [*messages[:spoken], Message("user", ""), *messages[spoken:]]


ARRANGEMENTS: tuple[Callable[[Sequence[Message]], list[Message]], ...] = (
    list,
    merge_neighbours,
    lambda messages: open_with_user(merge_neighbours(messages)),
    lambda messages: merge_neighbours(fold_system(messages)),
    lambda messages: open_with_user(merge_neighbours(fold_system(messages))),
)


def holds_all(prompt: str, messages: Sequence[Message]) -> bool:
    """True when every message's content stands in the prompt, in order (white space at its ends
    aside).
    """
    position = 0
    for message in messages:
        content = message.content.strip()
        found = prompt.find(content, position)
        if found < 0:
            return False
        position = found + len(content)
    return True


def render(template: Template, messages: Sequence[Message]) -> str:
    """The prompt of the first arrangement that the template takes and that loses no message; it
    opens no thoughts.

    Raises TemplateRefused when the template takes none; where each loses something, the first that
    it took is used.
    """
    taken: str | None = None
    refusal = TemplateRefused("the chat template takes no arrangement of the messages")
    tried: list[list[Message]] = []
    for arrange in ARRANGEMENTS:
        arranged = arrange(messages)
        if arranged in tried:
            continue
        tried.append(arranged)
        try:
            prompt = template(arranged)
        except TemplateRefused as error:
            refusal = error
            continue
        if holds_all(prompt, messages):
            return close_thoughts(prompt)
        taken = prompt if taken is None else taken
    if taken is None:
        raise refusal
    return close_thoughts(taken)


def reply_gap(template: Template) -> str:
    r"""The white space that a template writes in front of a message of the assistant's where its
    prompt for a reply ends without it, so that the model writes it: Llama 2's, say, a blank.

    >>> reply_gap(lambda said: " ".join(f"[INST] {m.content} [/INST]" if m.role == "user"
    ...                                 else f"{m.content}</s>" for m in said))
    ' '
    """
    probe = [Message("user", "0x0"), Message("assistant", "0y0"), Message("user", "0z0")]
    try:
        opened, answered = template(probe[:1]), template(probe)
    except TemplateRefused:
        return ""
    gap = answered.removeprefix(opened).partition("0y0")[0]
    return gap if answered.startswith(opened) and gap.isspace() else ""


def role_markers(template: Template, role: Role) -> tuple[str, ...]:
    """What a template writes in front of a message of a role, as a reply that goes on as that role
    would begin it; none where the template has no sign for it but plain words.

    What it writes between two messages ends one and begins the next: the marker is the shortest end
    of it, in whole <tags> and [tags], that does not begin the other role's messages too.

    >>> role_markers(lambda said: "".join(f"<{m.role}>{m.content}<end>" for m in said), "user")
    ('<user>',)
    """
    probe = [Message("user", "0x0"), Message("assistant", "0y0"), Message("user", "0z0")]
    try:
        prompt = template(probe)
    except TemplateRefused:
        return ()
    to_assistant = prompt.partition("0x0")[2].partition("0y0")[0].strip()
    to_user = prompt.partition("0y0")[2].partition("0z0")[0].strip()
    own, other = (to_user, to_assistant) if role == "user" else (to_assistant, to_user)
    pieces = [(match.start(), match[0].strip()) for match in PIECES.finditer(own)]
    for start, piece in reversed(pieces):
        marker = own[start:].strip()
        if piece and not piece.replace(" ", "").isalnum() and not other.endswith(marker):
            return (marker,)
    return ()
