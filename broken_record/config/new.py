"""A config to start from: two names and a line each, every key with what it means above it.

JSON has no comments, so what begins with `//` in a config is one: a key that nobody reads. The
words are those of the table of keys.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from broken_record.config.checks import COMMENT
from broken_record.config.load import apply_setting, load_values
from broken_record.config.schema import KEYS
from broken_record.errors import ConfigError

SAMPLER = {
    "temperature": 0.87,
    "top_p": 0.8,
    "min_p": 0.1,
    "top_k": 0,
    "repeat_penalty": 1.1,
    "repeat_last_n": 2048,
    "stop": ["\n"],
}


def new_config(assistant_says: str, user_says: str, settings: Sequence[str] = ()) -> str:
    """The text of a config, from `NAME: LINE` of each side and what --set changes in it;
    ConfigError where one of them is nothing of the kind.

    >>> json.loads(new_config("Ada: It ticks.", "Ben: Then run!"))["agent_prefix"]
    'Ada:'
    """
    (assistant, _), (user, _) = lines = [split_line(said) for said in (assistant_says, user_says)]
    contents = [f"{name}: {line}" for name, line in lines]
    system = f"This is a conversation between {assistant} and {user}."
    roles = ("system", "assistant", "user")
    values: dict[str, Any] = {
        "conversation": [
            {"role": role, "content": content}
            for role, content in zip(roles, [system, *contents], strict=True)
        ],
        "agent_prefix": f"{assistant}:",
        "user_prefix": f"{user}:",
        "user_system": f"You are {user}. You are talking with {assistant}. Answer in one line.",
        "user_memory": 24,
        "user_memory_step": 12,
        "total_tokens": 2048,
        "turn_max_tokens": 120,
        "sampler": dict(SAMPLER),
        "api_url": "embedded:smollm2",
    }
    for setting in settings:
        apply_setting(values, setting)
    if settings:
        load_values(values, "--new")
    commented: dict[str, Any] = {
        COMMENT: "CONFIG.md has every key; what begins with // is not read"
    }
    for name, value in values.items():
        commented[f"{COMMENT} {name}"] = KEYS[name].meaning
        commented[name] = value
    return json.dumps(commented, indent=2, ensure_ascii=False) + "\n"


def split_line(said: str) -> tuple[str, str]:
    """(name, line) of `NAME: LINE`."""
    name, colon, line = said.partition(":")
    if not (colon and name.strip() and line.strip()):
        raise ConfigError([f"--new: expected NAME: LINE of each side, found {said}"])
    return name.strip(), line.strip()
