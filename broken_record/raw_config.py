"""A config as it is written: JSON text and --set KEY=VALUE, before its keys are looked at."""

from __future__ import annotations

import copy
import difflib
import json
import re
from collections.abc import Iterable
from typing import Any

from broken_record.errors import ConfigError
from broken_record.keys import KEYS


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
