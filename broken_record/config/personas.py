"""Who wants what: personas and objectives of the goal mode, texts with ids.

A list comes inline or from a file beside the config; personas can be drawn from features. What is
drawn depends on the numbers in the config alone, and a persona's id on what it is, so a run that is
made larger keeps its dialogues' names.
"""

from __future__ import annotations

import json
import random
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import Any

from broken_record.config.checks import (
    FILLED_OR_NULL,
    TEXT,
    Problem,
    Type,
    is_filled,
    object_schema,
    whole,
)
from broken_record.data import is_whole
from broken_record.errors import ConfigError

PLACEHOLDER = re.compile(r"<([A-Z][A-Z0-9_]*)>")
ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9-]{0,39}")
MOST_COMBINATIONS = 10**12
OF_A_PERSONA = 'a list of texts or {"id", "text"}, {"features", "template", "n", "seed"}, or a file'
OF_AN_OBJECTIVE = 'a list of texts or {"id", "text", "steps"}, or the path of a .jsonl file'


@dataclass(frozen=True, slots=True)
class Persona:
    """One person whom the user side plays."""

    id: str
    text: str


@dataclass(frozen=True, slots=True)
class Objective:
    """What that person wants; `steps` are handed over one a turn, the first at the beginning."""

    id: str
    text: str
    steps: tuple[str, ...] = ()


def fill(template: str, values: Mapping[str, str | None]) -> str:
    r"""A template with its <PLACEHOLDERS> filled, each once; a line with one whose value is None is
    left out.

    >>> fill("Ask <A>.\nThen <B>.", {"A": "<B>", "B": None})
    'Ask <B>.'
    """
    lines = []
    for line in template.split("\n"):
        names = PLACEHOLDER.findall(line)
        if any(name in values and values[name] is None for name in names):
            continue
        lines.append(PLACEHOLDER.sub(lambda match: values.get(match[1], match[0]) or "", line))
    return "\n".join(lines)


def check_list(value: Any, expected: str, fields: Sequence[str]) -> list[Problem]:
    """A list of texts, or of objects with a text and perhaps an id; ids are not used twice."""
    if isinstance(value, str) and value.strip():
        return []
    if not isinstance(value, list) or not value:
        return [("", expected)]
    problems = []
    seen: set[str] = set()
    for index, entry in enumerate(value):
        where = f"[{index}]"
        if isinstance(entry, str) and entry.strip():
            continue
        if not isinstance(entry, dict) or set(entry) - set(fields):
            problems.append((where, f"a text, or an object of {', '.join(fields)}"))
            continue
        text, steps = entry.get("text"), entry.get("steps", [])
        if not isinstance(steps, list) or not all(isinstance(s, str) and s.strip() for s in steps):
            problems.append((f"{where}.steps", "a list of texts"))
        elif not is_filled(text) and not (steps and (text is None or isinstance(text, str))):
            problems.append((where, "a text"))
        name = entry.get("id")
        if name is not None and not (isinstance(name, str) and ID.fullmatch(name)):
            problems.append((f"{where}.id", "up to 40 letters, digits and hyphens"))
        elif name in seen:
            problems.append((f"{where}.id", "an id of its own"))
        elif name is not None:
            seen.add(name)
    return problems


def check_objectives(value: Any) -> list[Problem]:
    """Objectives as a config may say them."""
    return [] if value is None else check_list(value, OF_AN_OBJECTIVE, ("id", "text", "steps"))


def check_personas(value: Any) -> list[Problem]:
    """Personas as a config may say them."""
    if value is None:
        return []
    if not isinstance(value, dict):
        return check_list(value, OF_A_PERSONA, ("id", "text"))
    if set(value) - {"features", "template", "n", "seed"}:
        return [("", OF_A_PERSONA)]
    features, template = value.get("features"), value.get("template")
    if not isinstance(features, dict) or not features:
        return [("", "features: name -> a list of values")]
    problems = [
        (f".features.{name}", "a list of different texts, at least one")
        for name, values in features.items()
        if not isinstance(values, list)
        or not values
        or not all(isinstance(v, str) and v.strip() for v in values)
        or len(set(values)) < len(values)
    ]
    names = {name.upper() for name in features}
    if not isinstance(template, str) or set(PLACEHOLDER.findall(template)) != names:
        wanted = ", ".join(f"<{name}>" for name in sorted(names))
        problems.append(("", f"a template that holds {wanted} and no other placeholder"))
    if problems:
        return problems
    combinations = prod(len(values) for values in features.values())
    n, seed = value.get("n", 1), value.get("seed", 0)
    if not is_whole(n) or not 1 <= n <= combinations:
        problems.append(
            (".n" if "n" in value else "", f"n from 1 to {combinations:,}, all there are")
        )
    if not is_whole(seed) or seed < 0:
        problems.append((".seed", "a whole number of at least 0"))
    if combinations > MOST_COMBINATIONS:
        problems.append((".features", f"at most {MOST_COMBINATIONS:,} combinations"))
    return problems


TEXTS = {"type": "array", "items": TEXT.schema}
ENTRY = {
    "id": {"type": ["string", "null"], "pattern": f"^{ID.pattern}$"},
    "text": {"type": ["string", "null"]},
}
DRAWN = object_schema(
    {
        "features": {"type": "object", "additionalProperties": TEXTS},
        "template": TEXT.schema,
        "n": whole(1).schema,
        "seed": whole(0).schema,
    },
    required=["features", "template"],
)


def list_schema(*others: Mapping[str, Any], **properties: Any) -> dict[str, Any]:
    """JSON Schema of a file's path, null, a list of texts and objects, or other forms."""
    entries = {"anyOf": [TEXT.schema, object_schema(properties)]}
    listed = {"type": "array", "minItems": 1, "items": entries}
    return {"anyOf": [FILLED_OR_NULL, listed, *others]}


PERSONAS = Type(check_personas, list_schema(DRAWN, **ENTRY))
OBJECTIVES = Type(check_objectives, list_schema(**ENTRY, steps=TEXTS))


def personas_of(value: Any) -> list[dict[str, Any]]:
    """[{"id", "text"}] of a value without problems that is no path."""
    if isinstance(value, dict):
        return draw(value["features"], value["template"], value.get("n", 1), value.get("seed", 0))
    return [{"id": one.id, "text": one.text} for one in name_entries(value, "p")]


def objectives_of(value: Any) -> list[dict[str, Any]]:
    """[{"id", "text", "steps"}] of a value without problems that is no path."""
    return [
        {"id": one.id, "text": one.text or one.steps[0], "steps": list(one.steps)}
        for one in name_entries(value, "o")
    ]


def name_entries(value: Sequence[Any], letter: str) -> list[Objective]:
    """The entries of a list; one without an id is called by its place, from 1."""
    entries = [{"text": entry} if isinstance(entry, str) else entry for entry in value]
    taken = {entry.get("id") for entry in entries}
    found = []
    for number, entry in enumerate(entries, 1):
        name = entry.get("id") or f"{letter}{number}"
        while not entry.get("id") and name in taken:
            name += "-"
        found.append(Objective(name, entry.get("text") or "", tuple(entry.get("steps") or ())))
    return found


def draw(
    features: Mapping[str, Sequence[str]], template: str, n: int, seed: int
) -> list[dict[str, Any]]:
    """`n` different combinations of features in a template; the first of many are those of few.

    >>> one, two = draw({"age": ["20", "70"]}, "a person of <AGE>", 2, seed=0)
    >>> sorted([one["text"], two["text"]])
    ['a person of 20', 'a person of 70']
    """
    combinations = prod(len(values) for values in features.values())
    chance = random.Random(seed)
    chosen: dict[int, None] = {}
    while len(chosen) < n:
        chosen[chance.randrange(combinations)] = None
    drawn = []
    for number in chosen:
        left, values = number, {}
        for name, options in features.items():
            left, place = divmod(left, len(options))
            values[name.upper()] = options[place]
        width = len(str(combinations))
        drawn.append({"id": f"p{number + 1:0{width}}", "text": fill(template, values)})
    return drawn


def why_unread(error: OSError | ValueError) -> str:
    """Why a text cannot be read: a path may hold a NUL, or half a character.

    >>> why_unread(ValueError("embedded null byte"))
    'embedded null byte'
    """
    if isinstance(error, OSError):
        return error.strerror or str(error)
    return "it is not UTF-8 text" if isinstance(error, UnicodeDecodeError) else str(error)


def read_listed(path: Path) -> Any:
    """The value in a file: JSON, or of a .jsonl file the list of its lines; ConfigError names the
    line.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, ValueError) as error:
        raise ConfigError([f"{path}: cannot be read: {why_unread(error)}"]) from error
    lines = list(enumerate(text.split("\n"), 1)) if path.suffix == ".jsonl" else [(1, text)]
    values = []
    for number, line in lines:
        if line.strip():
            try:
                values.append(json.loads(line))
            except (ValueError, RecursionError) as error:
                raise ConfigError([f"{path}: line {number}: not JSON: {error}"]) from error
    return values if path.suffix == ".jsonl" or not values else values[0]
