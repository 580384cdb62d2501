"""JSON -> Config: every key, its default, its unit; all problems of a file reported at once.

keys.KEYS is the table of what a config may say; top-level keys are strict. What stands inside a
sampler is sent to the server as it is, because engines learn new parameters: an unknown name there
is a warning, a known one with a value of the wrong type a problem (some servers hang on it).
Nothing is contacted here.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from broken_record.casting import KEYS_OF_A_CAST, Cast, cast
from broken_record.checks import SAMPLER_NAMES, SET_ELSEWHERE
from broken_record.data import Message
from broken_record.errors import ConfigError
from broken_record.extraction import StopWhen
from broken_record.goal_config import (
    NOT_OF_THE_MODE,
    OF_THE_MODE,
    problems_of_goal,
    read_lists,
    steps_unsaid,
)
from broken_record.keys import KEYS
from broken_record.personas import Objective, Persona
from broken_record.raw_config import (
    apply_setting,
    read_object,
    shown,
    suggestion,
    value_below,
)


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


@dataclass(frozen=True, slots=True)
class Loaded:
    """A config, where each value came from, its JSON form, and what is odd but allowed."""

    config: Config
    values: Mapping[str, Any]
    origins: Mapping[str, str]
    warnings: tuple[str, ...]


def effective_value(name: str, raw: Mapping[str, Any]) -> tuple[Any, str]:
    """The value of a key and where it came from, for keys the raw config does not hold."""
    key = KEYS[name]
    same_server = raw.get("user_api_url", raw.get("api_url")) == raw.get("api_url")
    if name == "user_api_key_env" and not same_server:
        return None, "default"  # a key for one server is never sent to another
    if key.like is None:
        return copy.deepcopy(key.default), "default"
    return copy.deepcopy(raw.get(key.like, KEYS[key.like].default)), f"as {key.like}"


def parse(text: str, file: str, settings: Sequence[str] = (), folder: Path | None = None) -> Loaded:
    """The config in `text` with the settings of the command line; ConfigError lists every
    problem. Its cards and lists are read from `folder`, those of a setting from the working
    directory; without a folder (a record's own config) none is.
    """
    raw = read_object(text, file)
    set_here = {apply_setting(raw, setting) for setting in settings}
    given = set(raw)
    known = [*KEYS, *(f"sampler.{name}" for name in SAMPLER_NAMES)]
    problems = [
        f'{file}: unknown key "{name}"'
        + suggestion(f"sampler.{name}" if name in SAMPLER_NAMES else name, known)
        for name in raw
        if name not in KEYS
    ]
    goal = raw.get("mode") == "goal"
    if goal:  # the user begins, so there is no greeting
        raw = {"context": "trim", "greeting": None, **raw}
        if raw.get("conversation") == []:
            del raw["conversation"]
    cards = Cast()
    folders = {} if folder is None else {
        name: Path() if name in set_here else folder
        for name in ("card", "user_card", "personas", "objectives")
    }  # fmt: skip
    if folders and not any(KEYS[key].check(raw[key]) for key in KEYS_OF_A_CAST if key in raw):
        cards = cast(raw, file, {name: folders[name] for name in ("card", "user_card")})
        raw.update(cards.values)
        problems.extend(cards.problems)
    if goal:
        lists, wrong = read_lists(raw, file, folders)
        problems.extend(wrong)
        raw = {"conversation": [], **raw, **lists}
    values: dict[str, Any] = {}
    origins: dict[str, str] = {}
    for name, key in KEYS.items():
        if name not in raw:
            if key.required and not (folder and isinstance(raw.get("card"), str)):
                problems.append(f"{file}: {name}: required, not found")
            elif not key.required:
                values[name], origins[name] = effective_value(name, raw)
            continue
        values[name] = raw[name]
        origins[name] = origin_of(name, file, given, set_here, cards.origins)
        silent = goal and name == "conversation" and raw[name] == []
        for where, expected in () if silent else key.check(raw[name]):
            found = shown(value_below(raw[name], where))
            problems.append(f"{file}: {name}{where}: expected {expected}, found {found}")
        if key.fills and isinstance(raw[name], dict):
            values[name] = {**key.default, **raw[name]}
    if goal and not problems:
        problems.extend(problems_of_goal(values, file))
    if problems:
        raise ConfigError(problems)
    warnings = (
        *cards.warnings,
        *odd_names(values, file),
        *out_of_mode(values, file),
        *steps_unsaid(values, file),
    )
    return Loaded(build(values), values, origins, warnings)


def origin_of(
    name: str, file: str, given: set[str], set_here: set[str], by_card: Mapping[str, str]
) -> str:
    """Where a value came from."""
    here = f"{file} with --set" if name in set_here else file
    if name in by_card:
        return f"{here}, {by_card[name]}" if name in given else by_card[name]
    return here if name in given else "goal mode"


def odd_names(values: Mapping[str, Any], file: str) -> Iterator[str]:
    """Names in the samplers that nobody knows."""
    for name in ("sampler", "user_sampler"):
        same = name == "user_sampler" and values[name] == values["sampler"]
        for parameter in () if same else values[name]:
            if parameter not in SAMPLER_NAMES and parameter not in SET_ELSEWHERE:
                near = suggestion(parameter, SAMPLER_NAMES)
                yield f'{file}: {name}: "{parameter}" is not known here and sent as it is{near}'


def out_of_mode(values: Mapping[str, Any], file: str) -> Iterator[str]:
    """Keys that say something and that the mode does not look at."""
    goal = values["mode"] == "goal"
    for name in NOT_OF_THE_MODE if goal else OF_THE_MODE:
        if values[name] != KEYS[name].default:
            yield f"{file}: {name}: not used in {values['mode']} mode"


def build(values: Mapping[str, Any]) -> Config:
    """The Config of values without problems."""
    goal = values["mode"] == "goal"
    objectives = values["objectives"] if goal else ()
    personas = values["personas"] if goal else ()
    return Config(
        **{
            **values,
            "conversation": tuple(Message(m["role"], m["content"]) for m in values["conversation"]),
            "stop_on": tuple(values["stop_on"]),
            "objectives": tuple(
                Objective(o["id"], o["text"], tuple(o["steps"])) for o in objectives
            ),
            "personas": tuple(Persona(p["id"], p["text"]) for p in personas),
        }
    )


def load(path: Path, settings: Sequence[str] = ()) -> Loaded:
    """The config in a file; ConfigError where it cannot be read or has problems."""
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8 text"
        raise ConfigError([f"{path}: cannot be read: {reason}"]) from error
    return parse(text, str(path), settings, path.parent)
