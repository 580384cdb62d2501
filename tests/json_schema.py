"""As much of JSON Schema (draft 2020-12) as docs/config.schema.json uses."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

SAYS_NOTHING = {"$schema", "$defs", "title", "description", "default", "examples"}
TYPES = {"object": dict, "array": list, "string": str, "boolean": bool, "null": type(None)}


def has_type(value: Any, name: str) -> bool:
    """Whether a value is of one of JSON's types; 4.0 is an integer there, true no number."""
    if name in TYPES:
        return isinstance(value, TYPES[name])
    number = isinstance(value, int | float) and not isinstance(value, bool)
    return number and (name == "number" or float(value).is_integer())


def allows(schema: Any, value: Any, root: Mapping[str, Any]) -> bool:
    """Whether a schema of the document `root` takes a value; AssertionError for a keyword that is
    not known here.
    """
    if isinstance(schema, bool):
        return schema
    return all(
        allows_by(keyword, given, schema, value, root)
        for keyword, given in schema.items()
        if keyword not in SAYS_NOTHING
    )


def allows_by(
    keyword: str, given: Any, schema: Mapping[str, Any], value: Any, root: Mapping[str, Any]
) -> bool:
    """Whether one keyword takes a value; each speaks of values of its own type."""
    number = has_type(value, "number")
    match keyword:
        case "$ref":
            return allows(root["$defs"][given.removeprefix("#/$defs/")], value, root)
        case "anyOf":
            return any(allows(one, value, root) for one in given)
        case "type":
            return any(
                has_type(value, name) for name in ([given] if isinstance(given, str) else given)
            )
        case "enum":
            return json.dumps(value) in map(json.dumps, given)
        case "minimum":
            return not number or value >= given
        case "exclusiveMinimum":
            return not number or value > given
        case "maximum":
            return not number or value <= given
        case "minLength":
            return not isinstance(value, str) or len(value) >= given
        case "pattern":
            return not isinstance(value, str) or re.search(given, value) is not None
        case "minItems":
            return not isinstance(value, list) or len(value) >= given
        case "items":
            return not isinstance(value, list) or all(allows(given, one, root) for one in value)
        case "required":
            return not isinstance(value, dict) or set(given) <= set(value)
        case "properties":
            return not isinstance(value, dict) or all(
                allows(one, value[name], root) for name, one in given.items() if name in value
            )
        case "patternProperties":
            return not isinstance(value, dict) or all(
                allows(one, value[name], root)
                for pattern, one in given.items()
                for name in value
                if re.search(pattern, name)
            )
        case "additionalProperties":
            known, patterns = schema.get("properties", {}), schema.get("patternProperties", {})
            return not isinstance(value, dict) or all(
                allows(given, one, root)
                for name, one in value.items()
                if name not in known and not any(re.search(p, name) for p in patterns)
            )
    raise AssertionError(f"{keyword}: unknown here")
