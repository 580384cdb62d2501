"""JSON text and --set KEY=VALUE -> Config: all problems of a file reported at once.

schema.KEYS is the table of what a config may say; top-level keys are strict. What stands inside a
sampler is sent to the server as it is, because engines learn new parameters: an unknown name there
is a warning, a known one with a value of the wrong type a problem (some servers hang on it).
Nothing is contacted here.
"""

from __future__ import annotations

import copy
import difflib
import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from broken_record.config.checks import SAMPLER_NAMES, SET_ELSEWHERE
from broken_record.config.from_cards import KEYS_OF_A_CAST, Cast, cast
from broken_record.config.goal_keys import (
    NOT_OF_THE_MODE,
    OF_THE_MODE,
    problems_of_goal,
    read_lists,
    steps_unsaid,
)
from broken_record.config.personas import Objective, Persona
from broken_record.config.schema import KEYS, Config
from broken_record.data import Message
from broken_record.errors import ConfigError


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


def shown(value: Any) -> str:
    """A found value as short JSON."""
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= 60 else text[:57] + "..."


def suggestion(name: str, known: Iterable[str]) -> str:
    """`; did you mean "..."?` with the nearest known name, or nothing.

    >>> suggestion("turn_max_token", KEYS)
    '; did you mean "turn_max_tokens"?'
    """
    near = difflib.get_close_matches(name, list(known), n=1)
    return f'; did you mean "{near[0]}"?' if near else ""


def value_below(value: Any, where: str) -> Any:
    """The part of a value that a problem's place names, like `[0].role`."""
    for index, name in re.findall(r"\[(\d+)\]|\.([^.\[]+)", where):
        value = value[int(index)] if index else value[name]
    return value


def read_object(text: str, file: str) -> dict[str, Any]:
    """The JSON object in a config's text; ConfigError names line and column, or the key that stands
    twice.
    """
    twice: list[str] = []

    def pairs(items: list[tuple[str, Any]]) -> dict[str, Any]:
        names = [name for name, _ in items]
        twice.extend(sorted({name for name in names if names.count(name) > 1}))
        return dict(items)

    def no_constant(name: str) -> None:
        raise ConfigError([f"{file}: expected JSON numbers, found {name}"])

    try:
        value = json.loads(text, object_pairs_hook=pairs, parse_constant=no_constant)
    except json.JSONDecodeError as error:
        raise ConfigError(
            [f"{file}: line {error.lineno}, column {error.colno}: not JSON: {error.msg}"]
        ) from error
    except (ValueError, RecursionError) as error:  # a number of 5,000 digits, brackets in brackets
        raise ConfigError([f"{file}: cannot be read: {error}"]) from error
    if not isinstance(value, dict):
        raise ConfigError([f"{file}: expected a JSON object of keys, found {shown(value)}"])
    if twice:
        raise ConfigError([f'{file}: the key "{name}" stands twice' for name in twice])
    return value


def apply_setting(raw: dict[str, Any], setting: str) -> str:
    """Put one `path.to.key=VALUE` of the command line into the raw config, JSON or else plain text;
    returns the top-level key.
    """
    path, equals, text = setting.partition("=")
    if not equals or not path:
        raise ConfigError([f"--set {setting}: expected KEY=VALUE, for example total_tokens=600"])
    try:
        value = json.loads(text, parse_constant=str)  # NaN and Infinity are no JSON
    except (ValueError, RecursionError) as error:
        if text.startswith(("[", "{", '"')):
            raise ConfigError([f"--set {setting}: the value is not JSON: {error}"]) from error
        value = text
    top, *rest = path.split(".")
    if rest and top not in raw and top in KEYS:
        like = KEYS[top].like
        raw[top] = copy.deepcopy(raw.get(like, KEYS[like].default) if like else KEYS[top].default)
    holder: Any = raw
    for name, following in zip([top, *rest], rest, strict=False):
        try:
            holder = holder[int(name)] if isinstance(holder, list) else holder.setdefault(name, {})
        except (ValueError, IndexError, AttributeError) as error:
            raise ConfigError([f"--set {setting}: there is no place {name}.{following}"]) from error
    last = rest[-1] if rest else top
    try:
        if isinstance(holder, list):
            holder[int(last)] = value
        else:
            holder[last] = value
    except (ValueError, IndexError, TypeError) as error:
        raise ConfigError([f"--set {setting}: there is no place {last}"]) from error
    return top
