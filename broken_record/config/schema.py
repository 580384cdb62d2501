"""The one table of what a config may say: every key, its check, its default; and the Config that
values become.

CONFIG.md is compared with it by a test, and its order is the order there. Top-level keys are
strict; what stands inside a sampler is not (checks.py).
"""

from __future__ import annotations

import copy
import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from broken_record.config.checks import (
    Problem,
    check_card,
    check_context,
    check_conversation,
    check_environment_name,
    check_later,
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
    sentences,
    shown,
    suggestion,
    whole,
)
from broken_record.config.goal_keys import (
    EXTRACT,
    NONCOHERENT,
    REGENERATE,
    TEMPLATES,
    StopWhen,
    assume_mode,
    check_extract,
    check_id,
    check_noncoherent,
    check_regenerate,
    check_stop_token,
    check_templates,
    one_of,
    problems_of_goal,
    read_lists,
)
from broken_record.config.personas import Objective, Persona, check_objectives, check_personas
from broken_record.data import Message
from broken_record.errors import ConfigError
from broken_record.samplers import PARAMETERS


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
    "engine": Key(check_later),
    "user_engine": Key(check_later),
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

    @classmethod
    def of(cls, values: Any, file: str) -> Config:
        """The Config of values that were effective once, as a record or a run.json holds them; a
        key that is younger than they are has its default. ConfigError lists what is wrong, under
        the name of the file.
        """
        if not isinstance(values, Mapping):
            raise ConfigError([f"{file}: expected a JSON object of keys, found {shown(values)}"])
        return settle(assume_mode(values), file).config()


@dataclass(frozen=True, slots=True)
class Settled:
    """A value for every key, and what is wrong with them, a sentence each."""

    values: dict[str, Any]
    problems: list[str]

    def config(self) -> Config:
        """The Config; ConfigError lists the problems."""
        if self.problems:
            raise ConfigError(self.problems)
        values = self.values
        goal = values["mode"] == "goal"
        objectives = values["objectives"] if goal else ()
        personas = values["personas"] if goal else ()
        return Config(
            **{
                **values,
                "conversation": tuple(
                    Message(message["role"], message["content"])
                    for message in values["conversation"]
                ),
                "stop_on": tuple(values["stop_on"]),
                "objectives": tuple(
                    Objective(o["id"], o["text"], tuple(o["steps"])) for o in objectives
                ),
                "personas": tuple(Persona(p["id"], p["text"]) for p in personas),
            }
        )


def settle(
    raw: Mapping[str, Any],
    file: str,
    folders: Mapping[str, Path] | None = None,
    found: Sequence[str] = (),
) -> Settled:
    """A raw config with every key that it leaves out. `folders` says of card, personas and
    objectives where a path begins (without one, none is read), `found` what is known to be wrong.
    """
    known = [*KEYS, *(f"sampler.{name}" for name in PARAMETERS)]
    problems = [
        f'{file}: unknown key "{name}"'
        + suggestion(f"sampler.{name}" if name in PARAMETERS else name, known)
        for name in raw
        if name not in KEYS
    ]
    problems += found
    goal = raw.get("mode") == "goal"
    if goal:
        lists = read_lists(raw, file, folders or {})
        problems += lists.problems
        raw = {"conversation": [], **raw, **lists.values}
    values: dict[str, Any] = {}
    for name, key in KEYS.items():
        if name in raw:
            values[name] = raw[name]
            if key.fills and isinstance(raw[name], dict):
                values[name] = {**key.default, **raw[name]}
            if not (goal and name == "conversation" and raw[name] == []):
                problems += sentences(f"{file}: {name}", raw[name], key.check)
        elif not key.required:
            values[name] = value_left_out(name, raw)
        elif not (folders and isinstance(raw.get("card"), str)):  # what is wrong with it was said
            problems.append(f"{file}: {name}: required, not found")
    if goal and not problems:
        problems += problems_of_goal(values, file)
    return Settled(values, problems)


def key_copied(name: str, raw: Mapping[str, Any]) -> str | None:
    """The key whose value another one has that is left out."""
    same_server = raw.get("user_api_url", raw.get("api_url")) == raw.get("api_url")
    if name == "user_api_key_env" and not same_server:
        return None  # a key for one server is never sent to another
    return KEYS[name].like


def value_left_out(name: str, raw: Mapping[str, Any]) -> Any:
    """The value of a key that a raw config does not hold."""
    like = key_copied(name, raw)
    return copy.deepcopy(raw.get(like, KEYS[like].default) if like else KEYS[name].default)


def config_sha256(config: Mapping[str, Any]) -> str:
    """The hash that dialogues of one config share, whatever their seeds, personas and objectives.

    >>> config_sha256({"seed": 1, "b": 2, "a": [1]}) == config_sha256({"a": [1], "b": 2, "seed": 7})
    True
    """
    kept = {name: value for name, value in config.items() if name not in CHOSEN_PER_DIALOGUE}
    canonical = json.dumps(kept, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(canonical.encode("ascii")).hexdigest()
