"""What character cards fill in of a config: the system texts, the greeting, the prefixes, and the
instructions that go last.

A card fills what the config leaves out, and puts its text in front of a conversation that is given.
What comes out is complete in itself: in place of a path stands what was read there
(`{"file", "sha256"}`), so that a record, or the config that a run folder keeps, is never filled
again. This module does not know how a card is written, nor what else a config holds.
"""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from broken_record.config.card_macros import draw, fill_names
from broken_record.config.cards import Card, read_card
from broken_record.errors import ConfigError

KEYS_OF_A_CAST = (
    "card", "user_card", "greeting", "conversation", "agent_prefix", "user_prefix", "user_system",
    "post_history", "user_post_history",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Cast:
    """The config keys that cards fill, the card that each came from, and what is wrong or odd."""

    values: dict[str, Any] = field(default_factory=dict)
    origins: dict[str, str] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)


def cast(raw: Mapping[str, Any], file: str, folders: Mapping[str, Path]) -> Cast:
    """What the cards that `raw` names make of it. Its KEYS_OF_A_CAST have the types of their
    checks; `folders` says for `card` and `user_card` where a relative path begins.
    """
    made = Cast()
    cards: dict[str, Card] = {}
    for key, folder in folders.items():
        path = raw.get(key)
        if not isinstance(path, str):
            continue
        try:
            cards[key] = read_card(folder / path)
        except ConfigError as error:
            made.problems.extend(f"{file}: {key}: {problem}" for problem in error.problems)
            continue
        made.values[key] = {"file": path, "sha256": cards[key].sha256}
        if unsupported := cards[key].unsupported:
            counts = ", ".join(f"{name} ({count})" for name, count in unsupported.items())
            made.warnings.append(f"{file}: {key}: {path}: not supported: {counts}")
    card, user_card = cards.get("card"), cards.get("user_card")
    assistant = (card and card.name) or name_in(raw.get("agent_prefix", "")) or "Assistant"
    user = (user_card and user_card.name) or name_in(raw.get("user_prefix", "")) or "User"
    filled: dict[str, dict[str, Any]] = {}
    if card:
        prefix = raw.get("agent_prefix", f"{assistant}:")
        greeting = ""
        try:
            greeting = pick_greeting(card, raw)
        except ConfigError as error:
            made.problems.extend(f"{file}: {problem}" for problem in error.problems)
        texts = [card.system, greeting, card.post_history]
        system, greeting, last = fill_in(card, texts, assistant, user, raw)
        opening = raw.get("conversation") or say(prefix, greeting)
        filled["card"] = {"agent_prefix": prefix, "conversation": put_in_front(system, opening),
                          **({"post_history": last} if last else {})}  # fmt: skip
    if user_card:
        texts = [user_card.system, user_card.post_history]
        system, last = fill_in(user_card, texts, user, assistant, raw)
        filled["user_card"] = {"user_prefix": f"{user}:", "user_system": system,
                               **({"user_post_history": last} if last else {})}  # fmt: skip
    for key, values in filled.items():
        for name, value in values.items():
            if name == "conversation" or name not in raw:
                made.values[name], made.origins[name] = value, f"card {raw[key]}"
    return made


def fill_in(
    card: Card, texts: Sequence[str], char: str, user: str, raw: Mapping[str, Any]
) -> list[str]:
    """The texts of a card with names filled in, and everything drawn by the card and the seed."""
    generator = random.Random(f"{card.sha256} {raw.get('seed')}")
    return [draw(fill_names(text, char=char, user=user), generator) for text in texts]


def name_in(prefix: str) -> str:
    """The name that a prefix announces.

    >>> name_in("Skye:")
    'Skye'
    """
    return prefix.strip().removesuffix(":").strip()


def pick_greeting(card: Card, raw: Mapping[str, Any]) -> str:
    """The greeting that `raw` asks for, empty for none; ConfigError where there is no such one."""
    number = raw.get("greeting", 0 if card.greetings else None)
    if number is None:
        return ""
    if number < len(card.greetings):
        greeting: str = card.greetings[number]
        return greeting
    last = len(card.greetings) - 1
    expected = f"a number from 0 to {last}, or null" if card.greetings else "null"
    count = f"the card has {len(card.greetings) or 'no'} greeting{'s' * (last != 0)}"
    raise ConfigError([f"greeting: expected {expected} ({count}), found {number}"])


def say(prefix: str, greeting: str) -> list[dict[str, str]]:
    """The greeting as the assistant's message, begun like its replies.

    >>> say("Skye:", "*waves*")
    [{'role': 'assistant', 'content': 'Skye: *waves*'}]
    """
    if not greeting:
        return []
    begun = greeting if greeting.startswith(prefix) else f"{prefix} {greeting}"
    return [{"role": "assistant", "content": begun}]


def put_in_front(system: str, opening: Sequence[Mapping[str, str]]) -> list[Mapping[str, str]]:
    """The opening with the card's text as its first message, or before the text of that."""
    if opening and opening[0]["role"] == "system":
        joined = {"role": "system", "content": f"{system}\n\n{opening[0]['content']}"}
        return [joined, *opening[1:]]
    return [{"role": "system", "content": system}, *opening]
