"""The one table of what a config may say: every key, its check, its default; and the Config itself.

CONFIG.md is compared with it by a test, and its order is the order there.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from broken_record.config.checks import (
    Problem,
    check_card,
    check_context,
    check_conversation,
    check_engine,
    check_environment_name,
    check_names,
    check_optional_seconds,
    check_sampler,
    check_seconds,
    check_sweep,
    check_switch,
    check_text,
    check_tokenizer,
    check_track_repo,
    check_url,
    whole,
)
from broken_record.config.goal_keys import (
    EXTRACT,
    NONCOHERENT,
    REGENERATE,
    TEMPLATES,
    StopWhen,
    check_extract,
    check_id,
    check_noncoherent,
    check_regenerate,
    check_stop_token,
    check_templates,
    one_of,
)
from broken_record.config.personas import Objective, Persona, check_objectives, check_personas
from broken_record.data import Message


@dataclass(frozen=True, slots=True)
class Key:
    """What one key takes: a check that says what it expected, and a default or the key whose value
    it copies. What is left out of an object that `fills` is the default's.
    """

    check: Callable[[Any], list[Problem]]
    default: Any = None
    like: str | None = None
    required: bool = False
    fills: bool = False


CHOSEN_PER_DIALOGUE = ("seed", "objective", "persona", "replica")
KEYS: dict[str, Key] = {
    "conversation": Key(check_conversation, required=True),
    "agent_prefix": Key(check_text, ""),
    "initial_tokens": Key(whole(0), 0),
    "total_tokens": Key(whole(1), 2048),
    "turn_max_tokens": Key(whole(1), 512),
    "sampler": Key(check_sampler, {}),
    "api_url": Key(check_url, "http://127.0.0.1:8080"),
    "api_key_env": Key(check_environment_name),
    "tokenizer": Key(check_tokenizer),
    "user_api_url": Key(check_url, like="api_url"),
    "user_api_key_env": Key(check_environment_name, like="api_key_env"),
    "user_tokenizer": Key(check_tokenizer, like="tokenizer"),
    "user_prefix": Key(check_text, ""),
    "user_system": Key(check_text, ""),
    "user_memory": Key(whole(1), 9),
    "user_sampler": Key(check_sampler, like="sampler"),
    "seed": Key(whole(0, optional=True)),
    "timeout_s": Key(check_seconds, 300.0),
    "engine": Key(check_engine),
    "user_engine": Key(check_engine),
    "retry_for_s": Key(check_optional_seconds),
    "context": Key(check_context),
    "user_memory_step": Key(whole(1), 1),
    "reproducible": Key(check_switch, False),
    "stop_on": Key(check_names, []),
    "card": Key(check_card),
    "user_card": Key(check_card),
    "greeting": Key(whole(0, optional=True), 0),
    "mode": Key(one_of("chat", "goal"), "chat"),
    "personas": Key(check_personas),
    "objectives": Key(check_objectives),
    "templates": Key(check_templates, TEMPLATES, fills=True),
    "max_turns": Key(whole(1), 12),
    "stop_token": Key(check_stop_token, "FINISH"),
    "stop_when": Key(one_of("last_line", "anywhere"), "last_line"),
    "extract": Key(check_extract, EXTRACT, fills=True),
    "noncoherent": Key(check_noncoherent, NONCOHERENT, fills=True),
    "regenerate": Key(check_regenerate, REGENERATE, fills=True),
    "self_reply": Key(one_of("cut", "keep"), "cut"),
    "inquirer_history": Key(one_of("extract", "raw"), "extract"),
    "objective": Key(check_id),
    "persona": Key(check_id),
    "replica": Key(whole(1), 1),
    "sweep": Key(check_sweep, {}),
    "track": Key(one_of(None, "aim")),
    "track_repo": Key(check_track_repo),
}


@dataclass(frozen=True, slots=True)
class Config:
    """One dialogue's effective configuration; the fields are the config keys, documented in
    CONFIG.md.
    """

    conversation: tuple[Message, ...]
    agent_prefix: str
    initial_tokens: int
    total_tokens: int
    turn_max_tokens: int
    sampler: Mapping[str, Any]
    api_url: str
    api_key_env: str | None
    tokenizer: str | None
    user_api_url: str
    user_api_key_env: str | None
    user_tokenizer: str | None
    user_prefix: str
    user_system: str
    user_memory: int
    user_sampler: Mapping[str, Any]
    seed: int | None
    timeout_s: float
    engine: str | None
    user_engine: str | None
    retry_for_s: float | None
    context: str | None
    user_memory_step: int
    reproducible: bool
    stop_on: tuple[str, ...]
    card: str | Mapping[str, str] | None
    user_card: str | Mapping[str, str] | None
    greeting: int | None
    mode: str
    personas: tuple[Persona, ...]
    objectives: tuple[Objective, ...]
    templates: Mapping[str, str]
    max_turns: int
    stop_token: str
    stop_when: StopWhen
    extract: Mapping[str, Any]
    noncoherent: Mapping[str, Any]
    regenerate: Mapping[str, Any]
    self_reply: str
    inquirer_history: str
    objective: str | None
    persona: str | None
    replica: int
    sweep: Mapping[str, Any]
    track: str | None
    track_repo: str | None


def config_sha256(config: Mapping[str, Any]) -> str:
    """The hash that dialogues of one config share, whatever their seeds, personas and objectives.

    >>> config_sha256({"seed": 1, "b": 2, "a": [1]}) == config_sha256({"a": [1], "b": 2, "seed": 7})
    True
    """
    kept = {name: value for name, value in config.items() if name not in CHOSEN_PER_DIALOGUE}
    canonical = json.dumps(kept, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(canonical.encode("ascii")).hexdigest()
