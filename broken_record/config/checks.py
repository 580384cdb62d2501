"""What a config value may be: one check per kind of value, which says what it expected, and the
sentence that is made of it.

A sampler is sent to the server as it is: a name that its table (samplers.py) does not know is a
warning, a value of a type on which some servers hang a problem.
"""

from __future__ import annotations

import difflib
import json
import re
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from broken_record.samplers import PARAMETERS, SET_ELSEWHERE, Takes

MODELS_FOLDER = Path(__file__).parents[1] / "tiny"
EMBEDDED = "embedded:"
MOST_SECONDS = 366 * 24 * 3600  # sockets and threads take no infinite ones

Problem = tuple[str, str]
"""Where below the key (empty, or like `[0].role`), and what was expected."""


def is_whole(value: Any) -> bool:
    """True for JSON integers; True and False are none."""
    return isinstance(value, int) and not isinstance(value, bool)


def is_number(value: Any) -> bool:
    """True for JSON numbers; True and False are none."""
    return isinstance(value, int | float) and not isinstance(value, bool)


def whole(least: int, *, optional: bool = False) -> Callable[[Any], list[Problem]]:
    """A check for a whole number of at least `least`, or null."""
    expected = f"a whole number of at least {least}" + (", or null" if optional else "")

    def check(value: Any) -> list[Problem]:
        fits = (is_whole(value) and value >= least) or (optional and value is None)
        return [] if fits else [("", expected)]

    return check


def check_text(value: Any) -> list[Problem]:
    """A string."""
    return [] if isinstance(value, str) else [("", "a string")]


def check_tokenizer(value: Any) -> list[Problem]:
    """The name or folder of a tokenizer, or null for the engine's own template."""
    fits = value is None or (isinstance(value, str) and value.strip())
    return [] if fits else [("", "the name or folder of a tokenizer, or null")]


def check_seconds(value: Any) -> list[Problem]:
    """A positive number of seconds."""
    fits = is_number(value) and 0 < value <= MOST_SECONDS
    return [] if fits else [("", "a number of seconds above 0, a year at most")]


def check_later(value: Any) -> list[Problem]:
    """Anything here: where engines are known, their name is checked."""
    return []


def check_context(value: Any) -> list[Problem]:
    """What to do when a context is full."""
    fits = value in (None, "stop", "trim")
    return [] if fits else [("", '"stop", "trim", or null to refuse what will not fit')]


def check_optional_seconds(value: Any) -> list[Problem]:
    """A number of seconds from 0, or null."""
    fits = value is None or (is_number(value) and 0 <= value <= MOST_SECONDS)
    return [] if fits else [("", "a number of seconds from 0 to a year, or null")]


def check_switch(value: Any) -> list[Problem]:
    """True or false."""
    return [] if isinstance(value, bool) else [("", "true or false")]


def check_sweep(value: Any) -> list[Problem]:
    """Dotted path -> values, or below "zip" lists of one length."""
    if not isinstance(value, dict):
        return [("", "an object: path of a key -> a list of values")]
    zipped = value.get("zip", {})
    if not isinstance(zipped, dict) or ("zip" in value and not zipped):
        return [(".zip", "an object: path of a key -> a list of values")]
    axes = {**{name: values for name, values in value.items() if name != "zip"}, **zipped}
    if not all(isinstance(values, list) and values for values in axes.values()):
        return [("", "a list of values for every path, at least one")]
    if len({len(values) for values in zipped.values()}) > 1:
        return [(".zip", "lists of one length")]
    if any(name.partition(".")[0] in ("sweep", "seed") for name in axes):
        return [("", "paths of keys other than sweep and seed")]
    return []


def check_names(value: Any) -> list[Problem]:
    """A list of names."""
    fits = isinstance(value, list) and all(isinstance(name, str) for name in value)
    return [] if fits else [("", "a list of names")]


def check_card(value: Any) -> list[Problem]:
    """The path of a character card, what a record holds in place of one that was read, or null."""
    path = isinstance(value, str) and value.strip()
    read = isinstance(value, dict) and set(value) == {"file", "sha256"}
    fits = value is None or path or (read and all(isinstance(v, str) for v in value.values()))
    return [] if fits else [("", "the path of a character card, or null")]


def check_environment_name(value: Any) -> list[Problem]:
    """The name of an environment variable, never the secret itself."""
    fits = value is None or (
        isinstance(value, str) and re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", value)
    )
    return [] if fits else [("", "the name of an environment variable that holds the key, or null")]


def embedded_models() -> list[str]:
    """The names that `embedded:` takes: the weights that ship with the package."""
    return sorted(path.stem for path in MODELS_FOLDER.glob("*.gguf"))


def check_url(value: Any) -> list[Problem]:
    """http(s)://host[:port][/path], or embedded:NAME."""
    expected = f"an http:// or https:// address, or {EMBEDDED}NAME"
    if not isinstance(value, str):
        return [("", expected)]
    if value.startswith(EMBEDDED):
        names = embedded_models()
        fits = value.removeprefix(EMBEDDED) in names
        return [] if fits else [("", " or ".join(EMBEDDED + name for name in names))]
    try:
        parts = urlsplit(value)
        usable = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        usable = False
    if not usable:
        return [("", expected)]
    if parts.username is not None or parts.password is not None:
        return [("", "an address without a password (name an environment variable in api_key_env)")]
    return []


def check_track_repo(value: Any) -> list[Problem]:
    """A folder, aim://HOST:PORT, or null."""
    expected = "a folder, aim://HOST:PORT, or null"
    if value is None:
        return []
    if not isinstance(value, str) or not value.strip():
        return [("", expected)]
    fits = "://" not in value or re.fullmatch(r"aim://[^\s@]+", value)
    return [] if fits else [("", expected)]


def check_conversation(value: Any) -> list[Problem]:
    """A non-empty list of {"role", "content"}."""
    if not isinstance(value, list) or not value:
        return [("", 'a list of messages {"role": ..., "content": ...}, at least one')]
    problems = []
    for index, message in enumerate(value):
        where = f"[{index}]"
        if not isinstance(message, dict) or set(message) != {"role", "content"}:
            problems.append((where, 'an object with just "role" and "content"'))
            continue
        if message["role"] not in ("system", "user", "assistant"):
            problems.append((f"{where}.role", '"system", "user" or "assistant"'))
        if not isinstance(message["content"], str):
            problems.append((f"{where}.content", "a string"))
    return problems


def are_strings(value: Any) -> bool:
    """A string or a list of them."""
    return isinstance(value, str) or (
        isinstance(value, list) and all(isinstance(s, str) for s in value)
    )


FITS: dict[Takes, Callable[[Any], bool]] = {
    "a number": is_number,
    "a number of at least 0": lambda value: is_number(value) and value >= 0,
    "a number above 0": lambda value: is_number(value) and value > 0,
    "a number from 0 to 1": lambda value: is_number(value) and 0 <= value <= 1,
    "a whole number": is_whole,
    "true or false": lambda value: isinstance(value, bool),
    "a string or a list of strings": are_strings,
    "anything": lambda value: True,
}


def check_sampler(value: Any) -> list[Problem]:
    """An object of sampling parameters; known ones must have their type."""
    if not isinstance(value, dict):
        return [("", "an object of sampling parameters")]
    problems = []
    for name, parameter in value.items():
        if name in SET_ELSEWHERE:
            key = SET_ELSEWHERE[name]
            by = f"the key {key} sets it" if key else "parrot sets it"
            problems.append((f".{name}", f"to be left out: {by}"))
        elif name in PARAMETERS and not FITS[PARAMETERS[name].takes](parameter):
            problems.append((f".{name}", PARAMETERS[name].takes))
    return problems


def sentences(name: str, value: Any, check: Callable[[Any], list[Problem]]) -> Iterator[str]:
    """What a check finds wrong with the value of a key.

    >>> [*sentences("seed", -1, whole(0))]
    ['seed: expected a whole number of at least 0, found -1']
    """
    for where, expected in check(value):
        yield f"{name}{where}: expected {expected}, found {shown(value_below(value, where))}"


def shown(value: Any) -> str:
    """A found value as short JSON."""
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= 60 else text[:57] + "..."


def value_below(value: Any, where: str) -> Any:
    """The part of a value that a problem's place names, like `[0].role`."""
    for index, name in re.findall(r"\[(\d+)\]|\.([^.\[]+)", where):
        value = value[int(index)] if index else value[name]
    return value


def suggestion(name: str, known: Iterable[str]) -> str:
    """`; did you mean "..."?` with the nearest known name, or nothing.

    >>> suggestion("turn_max_token", ["total_tokens", "turn_max_tokens"])
    '; did you mean "turn_max_tokens"?'
    """
    near = difflib.get_close_matches(name, list(known), n=1)
    return f'; did you mean "{near[0]}"?' if near else ""
