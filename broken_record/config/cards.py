"""A character card, as SillyTavern and its relatives exchange them -> Card: JSON, or a PNG that
carries it.

V1 is a flat object, V2 and V3 hold theirs in "data" and say so in "spec"
(github.com/malfoyslastname/character-card-spec-v2: spec_v1.md, spec_v2.md;
github.com/kwaroran/character-card-spec-v3: SPEC_V3.md). In a PNG the JSON stands base64-encoded in
a tEXt chunk, `ccv3` before `chara`; SillyTavern's src/character-card-parser.js reads no other kind.
What the specifications keep out of prompts (creator_notes, creator, tags, character_version) is
not even looked at; what they want used and is not used here is counted in `unsupported`. A card is
a stranger's file: any bytes give a Card or a ConfigError. This module knows no config.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
import re
import struct
import zlib
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from broken_record.errors import ConfigError

MOST_BYTES = 64 * 2**20
LONGEST_TEXT = 1_000_000
LONGEST_NAME = 100  # a name stands wherever {{char}} does
PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"
SPECS = {"chara_card_v2": "2", "chara_card_v3": "3"}
TEXTS = ("description", "personality", "scenario", "mes_example", "first_mes")
ORIGINAL = "You are {{char}}. You are talking to {{user}}. Answer as {{char}}."
"""What the specification calls the internal fallback: the system prompt of a card without one."""

NAMES = re.compile(r"\{\{\s*(char|user)\s*\}\}|<(bot|user)>", re.IGNORECASE)
CHAR_TAG = re.compile("<char>", re.IGNORECASE)  # of V3 alone, where "nickname" is described
ORIGINAL_MACRO = re.compile(r"\{\{\s*original\s*\}\}", re.IGNORECASE)
COMMENT = re.compile(
    r"\{\{\s*(?://|comment:|hidden_key:)(?:[^{}]|\{\{[^{}]*\}\})*\}\}", re.IGNORECASE
)
MACRO = re.compile(r"\{\{\s*([#/]?[^\W\d_]\w{0,30})?")
CONTROLS = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")


@dataclass(frozen=True, slots=True)
class Card:
    """One character: `name` is what {{char}} stands for; `system` and `greetings` still hold
    {{char}} and {{user}}; `unsupported` is what was found and does nothing here, with its count.
    """

    name: str
    spec: str
    system: str
    greetings: tuple[str, ...]
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


def parse_card(data: bytes, file: str) -> Card:
    """The card in a file's bytes."""
    if len(data) > MOST_BYTES:
        raise ConfigError([f"{file}: expected a card of at most {MOST_BYTES:,} bytes"])
    try:
        held = read_png(data) if data.startswith(PNG_SIGNATURE) else Held(data)
        fields = read_fields(held.text)
        unsupported = Counter({**fields.newer, "assets": held.assets}) + count_unused(fields.values)
        return build_card(fields, unsupported, hashlib.sha256(data).hexdigest())
    except ConfigError as error:
        raise ConfigError([f"{file}: {problem}" for problem in error.problems]) from error


@dataclass(frozen=True, slots=True)
class Held:
    """What a file holds: a card's JSON, and how many assets stand beside it in chunks of their
    own.
    """

    text: bytes
    assets: int = 0


@dataclass(frozen=True, slots=True)
class Fields:
    """A card's fields, its spec (1, 2 or 3), and a version of the spec that is newer than this
    module, as something that is not supported, once.
    """

    values: Mapping[str, Any]
    spec: str
    newer: Mapping[str, int]


def read_png(data: bytes) -> Held:
    """The card in a PNG."""
    texts: dict[str, bytes] = {}
    elsewhere = set()
    position = len(PNG_SIGNATURE)
    kind = b""
    while kind != b"IEND":
        if len(data) < position + 12:
            raise ConfigError(["expected a whole PNG, found one that is cut off"])
        length, kind = struct.unpack_from(">I4s", data, position)
        left = len(data) - position - 12
        if length > left:
            raise ConfigError([f"a chunk of the PNG claims {length:,} bytes, {left:,} are left"])
        body = data[position + 8 : position + 8 + length]
        (checksum,) = struct.unpack_from(">I", data, position + 8 + length)
        if zlib.crc32(body, zlib.crc32(kind)) != checksum:
            raise ConfigError([f"the checksum of the PNG's chunk at byte {position:,} is wrong"])
        position += length + 12
        keyword, _, text = body.partition(b"\0")
        if kind == b"tEXt":
            texts.setdefault(keyword.decode("latin-1").lower(), text)
        elif kind in (b"iTXt", b"zTXt") and keyword.lower() in (b"chara", b"ccv3"):
            elsewhere.add(kind.decode())
    place = next((name for name in ("ccv3", "chara") if name in texts), None)
    if place is None:
        found = f"the card in {' and '.join(sorted(elsewhere))}" if elsewhere else "none"
        raise ConfigError([f'expected a tEXt chunk "chara" or "ccv3" in the PNG, found {found}'])
    encoded = b"".join(texts[place].split())
    try:
        text = base64.b64decode(encoded + b"=" * (-len(encoded) % 4), validate=True)
    except binascii.Error as error:
        raise ConfigError([f'the chunk "{place}" of the PNG is not base64: {error}']) from error
    return Held(text, sum(name.startswith("chara-ext-asset_") for name in texts))


def read_fields(data: bytes) -> Fields:
    """The fields of a card's JSON."""
    kinds = "expected a character card (JSON, or a PNG with one)"
    if data.startswith(b"PK"):
        raise ConfigError([f"{kinds}, found an archive; save a CHARX card as JSON or PNG"])
    try:
        card = json.loads(data.decode("utf-8-sig"))
    except (ValueError, RecursionError) as error:
        raise ConfigError([f"{kinds}, found neither"]) from error
    if not isinstance(card, dict):
        raise ConfigError([f"{kinds}, found JSON that is no object"])
    if "spec" not in card:
        return Fields(card, "1", {})
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
    """The Card of a card's fields; ConfigError lists every field of a wrong type."""
    fields, spec = found.values, found.spec
    problems: list[str] = []

    def text(key: str, value: Any) -> str:
        if value is None:
            return ""
        if not isinstance(value, str) or len(value) > LONGEST_TEXT:
            problems.append(f"{key}: expected a string of at most {LONGEST_TEXT:,} characters")
            return ""
        return CHAR_TAG.sub("{{char}}", clean(value)) if spec == "3" else clean(value)

    def texts(key: str) -> list[str]:
        value = fields.get(key) or []
        if isinstance(value, list):
            return [text(f"{key}[{index}]", item) for index, item in enumerate(value)]
        problems.append(f"{key}: expected a list of strings")
        return []

    if not any(key in fields for key in TEXTS):
        raise ConfigError([f"expected a character card, found none of {', '.join(TEXTS)}"])
    said = {
        key: text(key, fields.get(key)) for key in ("name", "nickname", "system_prompt", *TEXTS)
    }
    name = " ".join(((spec == "3" and said["nickname"]) or said["name"]).split())
    greetings = tuple(filter(None, [said["first_mes"], *texts("alternate_greetings")]))
    if not problems and not 0 < len(name) <= LONGEST_NAME:
        problems.append(f"name: expected 1 to {LONGEST_NAME} characters, found {len(name):,}")
    if problems:
        raise ConfigError(problems)
    system = system_text(said)
    for match in MACRO.finditer(NAMES.sub("", "\n".join([system, *greetings]))):
        unsupported["{{" + (match[1] or "...").lower() + "}}"] += 1
    return Card(name, spec, system, greetings, dict(unsupported), sha256)


def clean(text: str) -> str:
    r"""A card's text without comments, control characters and outer white space; half a surrogate
    pair becomes a question mark.

    >>> clean("Kind.{{// not sure}}\r\n{{random:a,b}} ")
    'Kind.\n{{random:a,b}}'
    """
    return COMMENT.sub("", CONTROLS.sub("", text)).encode("utf-8", "replace").decode().strip()


def system_text(said: Mapping[str, str]) -> str:
    """The character in one text: order and words of SillyTavern's default story string
    (default/content/presets/context/Default.json), the examples behind it, each after `***`.
    """
    prompt = ORIGINAL_MACRO.sub(ORIGINAL, said["system_prompt"] or ORIGINAL)
    examples = re.split("<START>", said["mes_example"], flags=re.IGNORECASE)
    parts = [
        prompt,
        said["description"],
        said["personality"] and f"{{{{char}}}}'s personality: {said['personality']}",
        said["scenario"] and f"Scenario: {said['scenario']}",
        *(f"***\n{example.strip()}" for example in examples if example.strip()),
    ]
    return "\n".join(part for part in parts if part)


def count_unused(fields: Mapping[str, Any]) -> Counter[str]:
    """What a card holds that a prompt elsewhere would have, or that would change one; only what
    there is.
    """
    book = fields.get("character_book")
    entries = listed(book.get("entries")) if isinstance(book, dict) else []
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
        "character_book entries": len(entries),
        "decorators": sum(line.startswith("@@") for line in lines),
        "post_history_instructions": int(bool(fields.get("post_history_instructions"))),
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


def fill_names(text: str, char: str, user: str) -> str:
    """{{char}} and <BOT>, {{user}} and <USER> filled in, in any case.

    >>> fill_names("{{user}} asks. <bot> smiles.", char="Skye", user="Mark")
    'Mark asks. Skye smiles.'
    """
    return NAMES.sub(lambda m: user if (m[1] or m[2]).lower() == "user" else char, text)
