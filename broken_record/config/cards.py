"""A character card, as SillyTavern and its relatives exchange them -> Card: JSON, or a PNG that
carries it.

V1 is a flat object, V2 and V3 hold theirs in "data" and say so in "spec"
(github.com/malfoyslastname/character-card-spec-v2: spec_v1.md, spec_v2.md;
github.com/kwaroran/character-card-spec-v3: SPEC_V3.md). In a PNG the JSON stands base64-encoded in
a text chunk, `ccv3` before `chara`: tEXt, which SillyTavern's src/character-card-parser.js reads,
zTXt or iTXt. Other forms of a character are read as the V1 card they come to (foreign_cards.py).
What the specifications keep out of prompts (creator_notes, creator, tags, character_version) is
not even looked at; what they want used and is not used here is counted in `unsupported`, and so is
an optional field of a wrong type. A card is a stranger's file: any bytes give a Card or a
ConfigError. This module knows no config.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from broken_record.config.card_macros import count_macros
from broken_record.config.card_png import MOST_BYTES, PNG_SIGNATURE, Held, read_png
from broken_record.config.foreign_cards import Fields, as_v1, what_else
from broken_record.errors import ConfigError

LONGEST_TEXT = 1_000_000
LONGEST_NAME = 100  # a name stands wherever {{char}} does
SPECS = {"chara_card_v2": "2", "chara_card_v3": "3"}
TEXTS = ("description", "personality", "scenario", "mes_example", "first_mes")
OPTIONAL = ("nickname", "system_prompt", "post_history_instructions")
ORIGINAL = "You are {{char}}. You are talking to {{user}}. Answer as {{char}}."
"""What the specification calls the internal fallback: the system prompt of a card without one."""

ORIGINAL_MACRO = re.compile(r"\{\{\s*original\s*\}\}", re.IGNORECASE)
CHAR_TAG = re.compile("<char>", re.IGNORECASE)  # of V3 alone, where "nickname" is described
COMMENT = re.compile(
    r"\{\{\s*(?://|comment:|hidden_key:)(?:[^{}]|\{\{[^{}]*\}\})*\}\}", re.IGNORECASE
)
CONTROLS = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")


@dataclass(frozen=True, slots=True)
class Card:
    """One character: `name` is what {{char}} stands for, empty where the card's is; `system`,
    `greetings` and `post_history` (what is to stand behind all that was said) still hold {{char}}
    and {{user}}, and what is to be drawn; `unsupported` is what was found and does nothing here,
    with its count.
    """

    name: str
    spec: str
    system: str
    greetings: tuple[str, ...]
    post_history: str
    unsupported: Mapping[str, int]
    sha256: str


def read_card(path: Path) -> Card:
    """The card in a file; ConfigError names the file, what was expected and what was found."""
    try:
        if path.exists() and not path.is_file():
            raise ConfigError([f"{path}: expected a character card, found what is no file"])
        with path.open("rb") as file:
            data = file.read(MOST_BYTES + 1)
    except (OSError, ValueError) as error:  # ValueError: a path with a NUL
        reason = getattr(error, "strerror", None) or error
        raise ConfigError([f"{path}: cannot be read: {reason}"]) from error
    return parse_card(data, str(path))


CHARACTER = {"description", "personality", "first_mes"}


def is_card(data: bytes) -> bool:
    """Whether a file's bytes are a card, and no config: a picture, or JSON with a card's fields."""
    if data.startswith(PNG_SIGNATURE):
        return True
    try:
        value = json.loads(data)
        if not isinstance(value, dict) or "conversation" in value or "card" in value:
            return False
        known = as_v1(value).values
        return "spec" in value or ("name" in known and bool({*known} & CHARACTER))
    except (ValueError, RecursionError, ConfigError):
        return False


def parse_card(data: bytes, file: str) -> Card:
    """The card in a file's bytes."""
    if len(data) > MOST_BYTES:
        raise ConfigError([f"{file}: expected a card of at most {MOST_BYTES:,} bytes"])
    try:
        held = read_png(data) if data.startswith(PNG_SIGNATURE) else Held(data)
        fields = read_fields(held.text)
        unsupported = Counter({**fields.unread, "assets": held.assets})
        unsupported += count_unused(fields.values)
        return build_card(fields, unsupported, hashlib.sha256(data).hexdigest())
    except ConfigError as error:
        raise ConfigError([f"{file}: {problem}" for problem in error.problems]) from error


def read_fields(data: bytes) -> Fields:
    """The fields of the JSON of a card; a version newer than this module knows is unread."""
    kinds = "expected a character card (JSON, or a PNG with one)"
    encoding = "utf-16" if data[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8-sig"
    try:
        card = json.loads(data.decode(encoding), strict=False)  # editors leave newlines in strings
    except (ValueError, RecursionError) as error:
        raise ConfigError([f"{kinds}, found {what_else(data, error)}"]) from error
    if not isinstance(card, dict):
        raise ConfigError([f"{kinds}, found JSON that is no object"])
    if "spec" not in card:
        return as_v1(card)
    spec = SPECS.get(card["spec"]) if isinstance(card["spec"], str) else None
    if spec is None:
        raise ConfigError([f"spec: expected {' or '.join(SPECS)}, or none in a V1 card"])
    if not isinstance(card.get("data"), dict):
        raise ConfigError(['data: expected an object, as "spec" promises'])
    version = card.get("spec_version")
    number = re.fullmatch(r"\d{1,9}(\.\d{1,9})?", version) if isinstance(version, str) else None
    newer = number is not None and float(number[0]) > float(spec)
    return Fields(card["data"], spec, {f"spec_version {version}": 1} if newer else {})


def build_card(found: Fields, unsupported: Counter[str], sha256: str) -> Card:
    """The Card of a card's fields; ConfigError lists every field of V1 that has a wrong type."""
    fields, spec = found.values, found.spec
    problems: list[str] = []

    def text(key: str, value: Any) -> str:
        if value is None:
            return ""
        if isinstance(value, str) and len(value) <= LONGEST_TEXT:
            return CHAR_TAG.sub("{{char}}", clean(value)) if spec == "3" else clean(value)
        if key in ("name", *TEXTS):
            problems.append(f"{key}: expected a string of at most {LONGEST_TEXT:,} characters")
        else:
            unsupported[f"{key} of a wrong type"] += 1
        return ""

    if not any(key in fields for key in TEXTS):
        raise ConfigError([f"expected a character card, found none of {', '.join(TEXTS)}"])
    said = {key: text(key, fields.get(key)) for key in ("name", *OPTIONAL, *TEXTS)}
    name = " ".join(((spec == "3" and said["nickname"]) or said["name"]).split())
    others = fields.get("alternate_greetings") or []
    others = others if isinstance(others, list) else [{}]
    greetings = [said["first_mes"], *(text("alternate_greetings", other) for other in others)]
    if not problems and ("name" not in fields or len(name) > LONGEST_NAME):
        problems.append(f"name: expected 1 to {LONGEST_NAME} characters, found {len(name):,}")
    if problems:
        raise ConfigError(problems)
    before, after = (
        [text("character_book entry", entry["content"]) for entry in entries]
        for entries in constant_entries(fields)
    )
    unsupported["empty name"] += not name
    post_history = ORIGINAL_MACRO.sub("", said["post_history_instructions"]).strip()
    card = Card(name, spec, system_text(said, before, after), tuple(filter(None, greetings)),
                post_history, unsupported, sha256)  # fmt: skip
    unsupported.update(count_macros("\n".join([card.system, *card.greetings, post_history])))
    return replace(card, unsupported=dict(+unsupported))


def clean(text: str) -> str:
    r"""A card's text without comments, control characters and outer white space; half a surrogate
    pair becomes a question mark.

    >>> clean("Kind.{{// not sure}}\r\n{{random:a,b}} ")
    'Kind.\n{{random:a,b}}'
    """
    return COMMENT.sub("", CONTROLS.sub("", text)).encode("utf-8", "replace").decode().strip()


def system_text(said: Mapping[str, str], before: Sequence[str], after: Sequence[str]) -> str:
    """The character in one text: order and words of SillyTavern's default story string
    (default/content/presets/context/Default.json) with the lorebook's constant entries before and
    after the character; then, in front of all that is said, the examples, each block after its
    separator, which stands for <START> (docs.sillytavern.app, Context Template).
    """
    prompt = ORIGINAL_MACRO.sub(ORIGINAL, said["system_prompt"] or ORIGINAL)
    examples = re.split("<START>", said["mes_example"], flags=re.IGNORECASE)
    parts = [
        prompt,
        *before,
        said["description"],
        said["personality"] and f"{{{{char}}}}'s personality: {said['personality']}",
        said["scenario"] and f"Scenario: {said['scenario']}",
        *after,
        *(f"***\n{example.strip()}" for example in examples if example.strip()),
    ]
    return "\n".join(part for part in parts if part)


def entries_of(fields: Mapping[str, Any]) -> list[Any]:
    """The entries of a card's lorebook."""
    book = fields.get("character_book")
    return listed(book.get("entries")) if isinstance(book, dict) else []


def is_constant(entry: Any) -> bool:
    """Whether an entry of a lorebook stands in every prompt; one with decorators (V3) may not."""
    return (
        isinstance(entry, dict)
        and entry.get("constant") is True
        and entry.get("enabled", True) is True
        and isinstance(entry.get("content"), str)
        and not entry["content"].lstrip().startswith("@@")
    )


def constant_entries(fields: Mapping[str, Any]) -> tuple[list[Any], list[Any]]:
    """The constant entries of the lorebook, in their insertion order: before the character, and
    after it.
    """

    def order(entry: Mapping[str, Any]) -> float:
        value = entry.get("insertion_order")
        return value if isinstance(value, int | float) else 0

    found = sorted(filter(is_constant, entries_of(fields)), key=order)
    return (
        [entry for entry in found if entry.get("position") != "after_char"],
        [entry for entry in found if entry.get("position") == "after_char"],
    )


def count_unused(fields: Mapping[str, Any]) -> Counter[str]:
    """What a card holds that a prompt elsewhere would have, or that would change one; only what
    there is.
    """
    entries = entries_of(fields)
    lines = [
        line
        for entry in entries
        if isinstance(entry, dict) and isinstance(entry.get("content"), str)
        for line in entry["content"].splitlines()
    ]
    extensions = fields.get("extensions")
    extensions = dict(extensions) if isinstance(extensions, dict) else {}
    note = extensions.pop("depth_prompt", None)
    scripts = listed(extensions.pop("regex_scripts", None))
    shown = ("talkativeness", "fav")  # what SillyTavern writes into every card for its own lists
    unused = {
        "character_book entries": sum(not is_constant(entry) for entry in entries),
        "decorators": sum(line.startswith("@@") for line in lines),
        "group_only_greetings": len(listed(fields.get("group_only_greetings"))),
        "assets": sum(
            not (isinstance(asset, dict) and asset.get("uri") == "ccdefault:")
            for asset in listed(fields.get("assets"))
        ),
        "depth_prompt": int(isinstance(note, dict) and bool(note.get("prompt"))),
        "regex scripts": len(scripts),
        "other extensions": sum(
            bool(value) for name, value in extensions.items() if name not in shown
        ),
    }
    return +Counter(unused)


def listed(value: Any) -> list[Any]:
    """The items of a list or an object; none of anything else."""
    if isinstance(value, dict):
        return list(value.values())
    return value if isinstance(value, list) else []
