"""The table of keys as docs/config.schema.json says it: an editor marks what parrot would refuse,
and never what it takes.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from broken_record.config.schema import KEYS
from tests.config_reference import CONFIG_MD, json_schema, type_of
from tests.json_schema import allows

ROOT = Path(__file__).parents[2]
SCHEMA = json_schema()
SCENE = {"conversation": [{"role": "user", "content": "Hi"}]}
GOALS = ROOT / "configs" / "goals"
SHIPPED = [ROOT / "config.json", *ROOT.glob("configs/*.json"), GOALS / "embedded.json",
           GOALS / "two-servers.json"]  # fmt: skip
SCALARS: list[Any] = [
    None,
    True,
    0,
    1,
    -1,
    2.5,
    4.0,
    "",
    " ",
    "a",
    "stop",
    "2\n",
    "embedded:skye",
    [],
    {},
    ["a"],
]
SECTIONS = re.findall(
    r"^### `(\w+)`\n(?:\n|\S.*\n)*((?:    .*\n)+)", CONFIG_MD.read_text("utf-8"), re.MULTILINE
)
EXAMPLES = {name: json.loads("{" + example + "}")[name] for name, example in SECTIONS}
MORE: dict[str, list[Any]] = {
    "card": [{"file": "skye.png", "sha256": "0"}],
    "personas": [[{"id": None, "text": "a nurse"}],
                 {"features": {"age": ["20", "70"]}, "template": "of <AGE>", "n": 2, "seed": 0}],
    "sampler": [{"stop": "\n", "ignore_eos": True, "rep_pen": 1.1, "brand_new": {}}],
    "sweep": [{"zip": {"seed_": [1, 2]}, "max_turns": [3, 4]}],
    "track_repo": ["/data", "aim://host:1"],
}  # fmt: skip


def variants(value: Any) -> Iterator[Any]:
    """The value, and those that differ from it in one place: a part left out, or another one."""
    yield value
    yield from SCALARS
    if isinstance(value, dict):
        yield {**value, "brand_new": 1}
        places: list[Any] = [*value]
    else:
        places = [*range(len(value))] if isinstance(value, list) else []
    for place in places:
        for other in variants(value[place]):
            changed = value.copy()
            changed[place] = other
            yield changed
        if isinstance(value, dict):
            yield {name: one for name, one in value.items() if name != place}


@pytest.mark.parametrize("name", KEYS)
def test_the_schema_refuses_nothing_that_the_check_takes(name):
    key = KEYS[name]
    samples = [EXAMPLES[name], key.default, *MORE.get(name.removeprefix("user_"), [])]
    values = [value for sample in samples for value in variants(sample)]
    taken = [value for value in values if not type_of(name).check(value)]
    assert EXAMPLES[name] in taken and len(taken) < len(values)
    for value in taken:
        assert allows(SCHEMA["properties"][name], value, SCHEMA), value


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.name)
def test_a_shipped_config_is_one_by_the_schema(path):
    assert allows(SCHEMA, json.loads(path.read_text(encoding="utf-8")), SCHEMA)


@pytest.mark.parametrize(
    "wrong",
    [
        {"turn_max_token": 5},
        {"turn_max_tokens": 0},
        {"total_tokens": 1.5},
        {"seed": -1},
        {"timeout_s": 0},
        {"user_prefix": None},
        {"reproducible": 1},
        {"conversation": [{"role": "bot", "content": "Hi"}]},
        {"conversation": [{"role": "user"}]},
        {"sampler": {"temperature": "hot"}},
        {"sampler": {"top_p": 20}},
        {"user_sampler": {"stop": [1]}},
        {"sampler": {"max_tokens": 9}},
        {"api_key_env": "sk-123"},
        {"engine": "vlm"},
        {"context": "drop"},
        {"stop_on": ["refusals"]},
        {"mode": "goals"},
        {"personas": [{"id": "not an id", "text": "a nurse"}]},
        {"extract": {"policy": "second"}},
        {"noncoherent": {"r": 0}},
        {"regenerate": {"for": ["noncoherent"]}},
        {"sweep": {"total_tokens": []}},
        {"track": "mlflow"},
    ],
    ids=str,
)
def test_the_schema_marks_what_parrot_would_refuse(wrong):
    assert allows(SCHEMA, SCENE, SCHEMA) and not allows(SCHEMA, {**SCENE, **wrong}, SCHEMA)


def test_the_schema_wants_a_conversation_a_card_or_the_mode_that_needs_none():
    assert not allows(SCHEMA, {"seed": 1}, SCHEMA)
    for enough in ({"card": "skye.png"}, {"mode": "goal"}, {"$schema": "s.json", "//": 1, **SCENE}):
        assert allows(SCHEMA, enough, SCHEMA)
