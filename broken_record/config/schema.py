"""The one table of what a config may say: every key, its type with its check, its default, its
meaning; and the Config that values become.

`make docs` writes what CONFIG.md says first of each key, and docs/config.schema.json, from it; its
order is the order there. Top-level keys are strict, those inside a sampler are not (checks.py).
"""

from __future__ import annotations

import copy
import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from broken_record.config.checks import (
    CARD,
    CONTEXT,
    CONVERSATION,
    ENVIRONMENT_NAME,
    ID,
    LATER,
    MODEL,
    NAMES,
    OPTIONAL_SECONDS,
    SAMPLER,
    SERVING,
    SWEEP,
    SWITCH,
    TEXT,
    TIMEOUT,
    TOKENIZER,
    TRACK_REPO,
    URL,
    Type,
    one_of,
    sentences,
    shown,
    whole,
    with_scheme,
)
from broken_record.config.goal_keys import (
    EXTRACT,
    EXTRACT_TYPE,
    NONCOHERENT,
    NONCOHERENT_TYPE,
    REGENERATE,
    REGENERATE_TYPE,
    STOP_TOKEN,
    TEMPLATES,
    TEMPLATES_TYPE,
    StopWhen,
    assume_mode,
    problems_of_goal,
    read_lists,
)
from broken_record.config.personas import OBJECTIVES, PERSONAS, Objective, Persona
from broken_record.data import MEMORY, Message
from broken_record.errors import ConfigError, nearest
from broken_record.samplers import PARAMETERS


@dataclass(frozen=True, slots=True)
class Key:
    """What one key takes, a default or the key whose value it copies, and what it means, in a
    sentence or two. What is left out of an object that `fills` is the default's.
    """

    type: Type
    default: Any = None
    meaning: str = ""
    like: str | None = None
    required: bool = False
    fills: bool = False


CHOSEN_PER_DIALOGUE = ("seed", "objective", "persona", "replica")
KEYS: dict[str, Key] = {
    "conversation": Key(CONVERSATION, required=True, meaning=
        "The opening messages, in the form of the chat APIs."),
    "agent_prefix": Key(TEXT, "",
        "Begins every reply of the assistant, as text: its prompt ends with it, and it stands in "
        "the conversation."),
    "initial_tokens": Key(whole(0), 0, "Tokens to count as said before the first turn."),
    "total_tokens": Key(whole(1), 2048,
        "The dialogue ends when `initial_tokens` and the tokens of all turns reach this number "
        "of tokens."),
    "turn_max_tokens": Key(whole(1), 512, "The most tokens one turn may have."),
    "sampler": Key(SAMPLER, {},
        "Sampling parameters of the assistant, in any engine's spelling; each server gets its "
        "own."),
    "api_url": Key(URL, "http://127.0.0.1:8080",
        "The assistant's server: its address, with or without `/v1`; or a model that parrot "
        "serves itself: `embedded:skye` or `embedded:mark`, which ship with it, "
        "`embedded:smollm2`, whose weights lie in a package, or `embedded:FILE.gguf`."),
    "api_key_env": Key(ENVIRONMENT_NAME, None,
        "The name of the environment variable that holds the key of the assistant's server."),
    "tokenizer": Key(TOKENIZER, None,
        "Whose chat template renders the assistant's prompt: the name of a Hugging Face "
        "tokenizer or a folder with one."),
    "user_api_url": Key(URL, like="api_url", meaning="The user's server, like `api_url`."),
    "user_api_key_env": Key(ENVIRONMENT_NAME, like="api_key_env", meaning=
        "Like `api_key_env`, for the user's server."),
    "user_tokenizer": Key(TOKENIZER, like="tokenizer", meaning=
        "Like `tokenizer`, for the user; `null` asks the user's server."),
    "user_prefix": Key(TEXT, "", "Begins every reply of the user, like `agent_prefix`."),
    "user_system": Key(TEXT, "", "The user's system text; empty for none."),
    "user_memory": Key(whole(1), MEMORY.messages, "How many messages back the user sees."),
    "user_sampler": Key(SAMPLER, like="sampler", meaning="Like `sampler`, for the user."),
    "seed": Key(whole(0, optional=True), None,
        "The dialogue's seed, a whole number; every turn's own is derived from it."),
    "timeout_s": Key(TIMEOUT, 300.0,
        "Seconds of silence from a server after which the dialogue fails."),
    "engine": Key(LATER, None, "What the assistant's server speaks; `null` asks the server."),
    "user_engine": Key(LATER, None, "What the user's server speaks, like `engine`."),
    "embedded": Key(SERVING, {},
        "How embedded models are served, for those who know better than parrot: tokens of "
        "context for a side, threads, whether flash attention is used, the type of the cache, "
        "and how many layers go to a GPU."),
    "model": Key(MODEL, None,
        "Which of its models the assistant's server is to take, by the name that it lists; sent "
        "with every request. `null` takes the only one."),
    "user_model": Key(MODEL, like="model", meaning="Like `model`, for the user's server."),
    "retry_for_s": Key(OPTIONAL_SECONDS, None,
        "For how many seconds a request is tried again when nobody answers, the server is busy, "
        "loading or failing, or the stream breaks off; `0` never, `null` three tries, a second or "
        "two apart. Dialogues of a run that have not begun wait as long (`null`: 20 seconds) for a "
        "server that does not answer."),
    "context": Key(CONTEXT, None,
        "What to do when a side's context will not hold the next prompt and reply: "
        '`"stop"` ends the dialogue there, `"trim"` leaves out the oldest turns, half of them at '
        "a time, and keeps the opening."),
    "user_memory_step": Key(whole(1), MEMORY.step,
        "How many messages the user's memory drops at a time."),
    "reproducible": Key(SWITCH, False,
        "Prompt caches off, so that the same config and seed give the same dialogue on "
        "llama-server, and on a koboldcpp started with `--nofastforward`; one dialogue at a time."),
    "logprobs": Key(SWITCH, False,
        "Ask the servers how sure the model was: the record keeps each turn's mean and least log "
        "probability and its mean entropy."),
    "stop_on": Key(NAMES, [],
        "Kinds of loops and breaks that end the dialogue as soon as they are found in what was "
        "said so far; its status is then `looped`."),
    "card": Key(CARD, None,
        "The assistant's character, from a SillyTavern card: V1, V2 or V3, as JSON or as a PNG "
        "that carries it."),
    "user_card": Key(CARD, None,
        "Like `card`, for the user, where `{{char}}` is the user and `{{user}}` the assistant: "
        "it fills `user_prefix` and `user_system`."),
    "greeting": Key(whole(0, optional=True), 0,
        "Which greeting of `card` opens the dialogue: `0` is the first, higher numbers are the "
        "alternate ones (empty ones do not count), `null` is none."),
    "post_history": Key(TEXT, "",
        "Instructions for the assistant behind all that was said, as a system message at the end "
        "of each of its prompts; empty for none."),
    "user_post_history": Key(TEXT, "", "Like `post_history`, for the user."),
    "mode": Key(one_of("chat", "goal"), "chat",
        '`"chat"`: two speakers in character. `"goal"`: the user side plays a persona that wants '
        "something, the assistant side is the chatbot under test; the user begins, and each side "
        "sees only what it would see (docs/goals.md)."),
    "personas": Key(PERSONAS, None,
        'Whom the user side plays: texts, or `{"id", "text"}`, or the path of a JSON or .jsonl '
        "file of them, or drawn from features."),
    "objectives": Key(OBJECTIVES, None,
        'What the persona wants: texts, or `{"id", "text", "steps"}`, or the path of a .jsonl '
        "file of them."),
    "templates": Key(TEMPLATES_TYPE, TEMPLATES, fills=True, meaning=
        "What the user side is told: `first` before its first message, `next` with each reply."),
    "max_turns": Key(whole(1), 12,
        "How many exchanges (a message of the user and the reply) at most."),
    "stop_token": Key(STOP_TOKEN, "FINISH", "What the user says to end the dialogue."),
    "stop_when": Key(one_of("last_line", "anywhere"), "last_line",
        'Where the stop token counts: `"last_line"` as the whole message or its whole last line, '
        '`"anywhere"` anywhere.'),
    "extract": Key(EXTRACT_TYPE, EXTRACT, fills=True, meaning=
        "What of the user's reply the assistant sees: the `\"first\"`, `\"last\"` or "
        '`"longest"` quotation, or `"whole"`, all of it.'),
    "noncoherent": Key(NONCOHERENT_TYPE, NONCOHERENT, fills=True, meaning=
        "A group of 2 to `max_n` words (`user_max_n` in the user's replies) that is repeated `r` "
        "times on the spot, code and tables left out, is marked in the record and counted."),
    "regenerate": Key(REGENERATE_TYPE, REGENERATE, fills=True, meaning=
        "How often a reply is asked for again before the dialogue ends, `for` which flaws "
        "(`no_prompt`, `empty`), and how far the temperature strays from the sampler's, either "
        "way, in these tries."),
    "self_reply": Key(one_of("cut", "keep"), "cut",
        "`\"cut\"`: a reply that goes on as the other side, by its prefix or the chat template's "
        'role marker, is cut there; the rest stays in the record. `"keep"`: it is not.'),
    "inquirer_history": Key(one_of("extract", "raw"), "extract",
        'What the user side sees of its own earlier messages: `"extract"`, what the assistant '
        'got, or `"raw"`.'),
    "objective": Key(ID, None, "The id of the objective of this dialogue; `null` is the first."),
    "persona": Key(ID, None, "The id of the persona of this dialogue; `null` is the first."),
    "replica": Key(whole(1), 1,
        "Which of the dialogues of one objective and one persona this is, from 1; `./parrot.sh "
        "N` counts."),
    "sweep": Key(SWEEP, {},
        "Which settings to vary, for `./parrot.sh`: every combination of the values becomes a "
        "run of its own, with the same seeds."),
    "track": Key(one_of(None, "aim"), None,
        'Where a dialogue can be followed beside its record: `"aim"` writes it into '
        "[Aim](https://github.com/aimhubio/aim) as a run, turn by turn; `null` nowhere."),
    "track_repo": Key(TRACK_REPO, None,
        "Aim's repository: a folder, in which it is `.aim`, or `aim://HOST:PORT` of an `aim "
        "server`."),
}  # fmt: skip


ADDRESSES = tuple(name for name, key in KEYS.items() if key.type is URL)


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
    embedded: Mapping[str, Any]
    model: str | None
    user_model: str | None
    retry_for_s: float | None
    context: str | None
    user_memory_step: int
    reproducible: bool
    logprobs: bool
    stop_on: tuple[str, ...]
    card: str | Mapping[str, str] | None
    user_card: str | Mapping[str, str] | None
    greeting: int | None
    post_history: str
    user_post_history: str
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
    problems = [f'{file}: unknown key "{name}"{meant(name)}' for name in raw if name not in KEYS]
    raw = {name: with_scheme(value) if name in ADDRESSES else value for name, value in raw.items()}
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
                problems += sentences(f"{file}: {name}", raw[name], key.type.check)
        elif not key.required:
            values[name] = value_left_out(name, raw)
        elif not (folders and isinstance(raw.get("card"), str)):  # what is wrong with it was said
            problems.append(f"{file}: {name}: required, not found")
    if goal and not problems:
        problems += problems_of_goal(values, file)
    return Settled(values, problems)


def meant(name: str) -> str:
    """What an unknown key was probably meant to be: another one, or a parameter of the sampler.

    >>> meant("temprature"), meant("usr_prefix")
    ('; did you mean "sampler.temperature"?', '; did you mean "user_prefix"?')
    """
    dotted = {parameter: f"sampler.{parameter}" for parameter in PARAMETERS}
    near = nearest(name, [*KEYS, *PARAMETERS], alike=0.8)
    near = dotted.get(near, near) if near and near not in KEYS else near
    near = near or nearest(name, [*KEYS, *dotted.values()])
    return f'; did you mean "{near}"?' if near else ""


def key_copied(name: str, raw: Mapping[str, Any]) -> str | None:
    """The key whose value another one has that is left out."""
    same_server = raw.get("user_api_url", raw.get("api_url")) == raw.get("api_url")
    if name in ("user_api_key_env", "user_model") and not same_server:
        return None  # a key for one server is never sent to another, which has other models too
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
