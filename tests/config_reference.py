"""What documents say of the config's keys, made from their table (config/schema.py): the first
paragraph of each section of CONFIG.md, and docs/config.schema.json, from which editors complete.

python -m tests.config_reference            prints both
python -m tests.config_reference --write    puts them into the documents (`make docs` does)
"""

from __future__ import annotations

import argparse
import json
import re
import textwrap
from pathlib import Path
from typing import Any

from broken_record.config.checks import COMMENT, NAMES, SAMPLER, Problem, Type, embedded_models
from broken_record.config.schema import KEYS
from broken_record.detectors.registry import KINDS
from broken_record.engines.registry import ENGINES, check_engine

ROOT = Path(__file__).parents[1]
CONFIG_MD = ROOT / "CONFIG.md"
SCHEMA = ROOT / "docs" / "config.schema.json"
WIDTH = 125


def check_stop_on(value: Any) -> list[Problem]:
    """A list of kinds, as parrot.py checks it before it begins."""
    wrong = NAMES.check(value) or set(value) - set(KINDS)
    return [("", NAMES.expected)] if wrong else []


ENGINE = Type(check_engine, {"enum": [*ENGINES, None]})
STOP_ON = Type(check_stop_on, {"type": "array", "items": {"enum": [*KINDS]}})
BY_REGISTRIES = {"engine": ENGINE, "user_engine": ENGINE, "stop_on": STOP_ON}
SECTION = re.compile(r"^### `(\w+)`\n\n((?:.+\n)*(?:Default: .+|Required\.)\n)?", re.MULTILINE)


def type_of(name: str) -> Type:
    """What a key takes; of engines and kinds, which config/ does not know, their registries say."""
    return BY_REGISTRIES.get(name, KEYS[name].type)


def paragraph(name: str) -> str:
    """A key's section as far as the table knows it: what it means, takes, and is when left out."""
    key = KEYS[name]
    text = f"{key.meaning} Takes {type_of(name).expected}."
    default = f"as `{key.like}`" if key.like else f"`{json.dumps(key.default)}`"
    lines = textwrap.wrap(text, WIDTH, break_long_words=False, break_on_hyphens=False)
    return "\n".join([*lines, "Required." if key.required else f"Default: {default}"])


def renewed(text: str) -> str:
    """CONFIG.md with the first paragraph of each section made anew; what stands behind it, and the
    order, is its author's.
    """

    def section(match: re.Match[str]) -> str:
        blank = "" if match[2] else "\n"
        return f"### `{match[1]}`\n\n{paragraph(match[1])}\n{blank}"

    return SECTION.sub(section, text)


def property_of(name: str) -> dict[str, Any]:
    """One key in JSON Schema."""
    key, takes = KEYS[name], type_of(name)
    default = {} if key.required or key.like else {"default": key.default}
    schema = {"$ref": "#/$defs/sampler"} if takes is SAMPLER else takes.schema
    return {"description": key.meaning, **schema, **default}


def json_schema() -> dict[str, Any]:
    """JSON Schema of a config; a card, or the mode, may stand in for the conversation."""
    properties = {name: property_of(name) for name in KEYS}
    for name in ("api_url", "user_api_url"):
        properties[name]["examples"] = [f"embedded:{model}" for model in embedded_models()]
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "A config of Broken Record Parrot",
        "description": "CONFIG.md says more of every key.",
        "type": "object",
        "properties": {"$schema": {"type": "string"}, **properties},
        "patternProperties": {f"^{COMMENT}": {}},
        "additionalProperties": False,
        "anyOf": [{"required": [name]} for name in ("conversation", "card", "mode")],
        "$defs": {"sampler": SAMPLER.schema},
    }


def schema_text() -> str:
    """docs/config.schema.json."""
    return json.dumps(json_schema(), indent=2, ensure_ascii=False) + "\n"


def main() -> None:
    parser = argparse.ArgumentParser(description="the reference of the config's keys")
    parser.add_argument("--write", action="store_true", help="put it into the documents")
    text = renewed(CONFIG_MD.read_text(encoding="utf-8"))
    if not parser.parse_args().write:
        print(text, schema_text(), sep="\n", end="")
        return
    CONFIG_MD.write_text(text, encoding="utf-8")
    SCHEMA.write_text(schema_text(), encoding="utf-8")


if __name__ == "__main__":
    main()
