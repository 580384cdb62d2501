"""Chats in every format that is read, of any talk: what each program writes, after its description.

A talk is a list of Said. BUILDERS makes of it (the value, the number of messages in it); what is
`odd` is written as the format writes a message that is not in the conversation (hidden, on another
branch, to a tool), where it knows such.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Said:
    role: str  # user or assistant
    text: str
    odd: bool = False


Built = tuple[Any, int]
NAMES = {"user": "Mark", "assistant": "Ilse"}


def sillytavern(talk: Sequence[Said]) -> Built:
    header = {"user_name": "Mark", "character_name": "Ilse", "chat_metadata": {}}
    lines = [
        {"name": NAMES[s.role], "mes": s.text, "is_system": s.odd, "swipes": [s.text, "Other."],
         **({"is_user": True} if s.role == "user" else {})}
        for s in talk
    ]  # fmt: skip
    return [header, *lines], len(talk)


def pairs_of(talk: Sequence[Said]) -> list[list[str]]:
    pairs: list[list[str]] = []
    for said in talk:
        if said.role == "user" or not pairs or pairs[-1][1]:
            pairs.append(["", ""])
        pairs[-1][said.role == "assistant"] = said.text
    return pairs


def webui(talk: Sequence[Said]) -> Built:
    pairs = pairs_of(talk)
    return {"internal": pairs, "visible": pairs, "metadata": {}}, 2 * len(pairs)


def roleplay(talk: Sequence[Said]) -> Built:
    dialog = [
        {"turn": i, "model_inquirer": user, "model_responder": reply}
        for i, (user, reply) in enumerate(pairs_of(talk))
    ]
    return {"persona": "", "sample": {}, "num_turns": len(dialog), "dialog": dialog}, 2 * len(
        dialog
    )


def alpaca(talk: Sequence[Said]) -> Built:
    pairs = pairs_of(talk)
    last = {"instruction": pairs[-1][0], "input": "", "output": pairs[-1][1]}
    return {**last, "history": pairs[:-1]}, 2 * len(pairs)


def kobold(talk: Sequence[Said]) -> Built:
    marks = {"user": "{{[INPUT]}}", "assistant": "{{[OUTPUT]}}"}
    actions = [f"\n{marks[said.role]}\n{said.text}" for said in talk]
    unsaid = not talk[-1].text.strip()  # a mark at the end waits for a reply
    return {"gamestarted": True, "prompt": "", "actions": actions}, len(talk) - unsaid


def agnai(talk: Sequence[Said]) -> Built:
    ids = {"user": "userId", "assistant": "characterId"}
    messages = [{"handle": NAMES[s.role], ids[s.role]: "x", "msg": s.text} for s in talk]
    return {"name": "Exported", "messages": messages}, len(talk)


def risu(talk: Sequence[Said]) -> Built:
    roles = {"user": "user", "assistant": "char"}
    messages = [{"role": roles[s.role], "data": s.text} for s in talk]
    return {"type": "risuChat", "ver": 1, "data": {"message": messages}}, len(talk)


def cai_tools(talk: Sequence[Said]) -> Built:
    messages = [
        {"text": s.text, "src": {"is_human": s.role == "user", "name": NAMES[s.role]}} for s in talk
    ]
    return {"info": {}, "histories": {"histories": [{"msgs": messages}]}}, len(talk)


def pippa(talk: Sequence[Said]) -> Built:
    messages = [{"message": s.text, "is_human": s.role == "user"} for s in talk]
    return {"bot_name": "Ilse", "conversation": messages}, len(talk)


def parents_of(talk: Sequence[Said]) -> list[int | None]:
    """Behind whom each is said: what is odd is on a branch that nobody went on with."""
    parents: list[int | None] = []
    last = None
    for place, said in enumerate(talk):
        parents.append(last)
        last = last if said.odd else place
    return parents


def shown_of(talk: Sequence[Said]) -> int:
    return max((place for place, said in enumerate(talk) if not said.odd), default=0)


def open_webui(talk: Sequence[Said]) -> Built:
    messages = {
        str(place): {"id": str(place), "role": said.role, "content": said.text,
                     "parentId": None if parent is None else str(parent)}
        for place, (said, parent) in enumerate(zip(talk, parents_of(talk), strict=True))
    }  # fmt: skip
    history = {"messages": messages, "currentId": str(shown_of(talk))}
    return {"id": "c", "chat": {"title": "t", "history": history}}, len(talk)


def lm_studio(talk: Sequence[Said]) -> Built:
    messages = []
    for said in talk:
        content = [{"type": "text", "text": said.text}]
        version: dict[str, Any] = {"type": "singleStep", "role": "user", "content": content}
        if said.role == "assistant":
            steps = [{"type": "contentBlock", "content": content}, {"type": "debugInfoBlock"}]
            version = {"type": "multiStep", "role": "assistant", "steps": steps}
        messages.append({"versions": [version], "currentlySelected": 0})
    return {"name": "t", "messages": messages}, len(talk)


def chatgpt(talk: Sequence[Said]) -> Built:
    root = {"author": {"role": "system"}, "content": {"content_type": "text", "parts": [""]}}
    mapping: dict[str, Any] = {
        "none": {"id": "none", "message": None, "parent": None},
        "root": {"id": "root", "message": root, "parent": "none"},
    }
    for place, (said, parent) in enumerate(zip(talk, parents_of(talk), strict=True)):
        mapping[str(place)] = {
            "id": str(place),
            "parent": "root" if parent is None else str(parent),
            "message": {
                "author": {"role": said.role},
                "content": {"content_type": "text", "parts": [said.text]},
                "recipient": "all",
            },
        }
    return {"title": "t", "mapping": mapping, "current_node": str(shown_of(talk))}, len(talk) + 1


def claude(talk: Sequence[Said]) -> Built:
    senders = {"user": "human", "assistant": "assistant"}
    messages = [
        {"uuid": str(place), "sender": senders[said.role], "text": said.text,
         "parent_message_uuid": "none" if parent is None else str(parent),
         "content": [{"type": "text", "text": said.text}, {"type": "tool_use", "name": "look"}]}
        for place, (said, parent) in enumerate(zip(talk, parents_of(talk), strict=True))
    ]  # fmt: skip
    leaf = str(shown_of(talk))
    return {"uuid": "x", "chat_messages": messages, "current_leaf_message_uuid": leaf}, len(talk)


def ultrachat(talk: Sequence[Said]) -> Built:
    return {"id": "0", "data": [said.text for said in talk]}, len(talk)


def openai(talk: Sequence[Said]) -> list[dict[str, Any]]:
    return [{"role": "tool" if s.odd else s.role, "content": s.text} for s in talk]


def messages(talk: Sequence[Said]) -> Built:
    return {"messages": openai(talk)}, len(talk)


def preferences(talk: Sequence[Said]) -> Built:
    last = [{"role": "assistant", "content": "Yes."}]
    other = [{"role": "assistant", "content": "No."}]
    return {"prompt": openai(talk), "chosen": last, "rejected": other}, len(talk) + 2


def arena(talk: Sequence[Said]) -> Built:
    sides = {"conversation_a": openai(talk), "conversation_b": openai(talk)}
    return {"model_a": "a", "model_b": "b", **sides}, 2 * len(talk)


def inspect(talk: Sequence[Said]) -> Built:
    return {"version": 2, "eval": {}, "samples": [{"id": 1, "messages": openai(talk)}]}, len(talk)


BUILDERS: dict[str, Callable[[Sequence[Said]], Built]] = {
    "SillyTavern": sillytavern,
    "text-generation-webui": webui,
    "KoboldAI Lite": kobold,
    "Agnai": agnai,
    "RisuAI": risu,
    "CAI Tools": cai_tools,
    "PIPPA": pippa,
    "Open WebUI": open_webui,
    "LM Studio": lm_studio,
    "ChatGPT": chatgpt,
    "Claude": claude,
    "UltraChat": ultrachat,
    "Arena": arena,
    "preferences": preferences,
    "Inspect": inspect,
    "LLM Roleplay": roleplay,
    "messages": messages,
    "alpaca": alpaca,
}
