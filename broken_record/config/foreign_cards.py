"""Characters that are no card of V1 to V3: read as the card they come to, or called what they are.

Agnai      {"kind": "character", "name", "persona": {"kind", "attributes": {NAME: [TEXT]}},
           "greeting", "scenario", "sampleChat", ...} (its common/characters.ts)
Pygmalion  {"char_name", "char_persona", "world_scenario", "char_greeting", "example_dialogue"};
           the example's `You:` is the user
webui      {"name", "context", "greeting"}: text-generation-webui's, where it is JSON
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

PYGMALION = {
    "name": "char_name", "description": "char_persona", "scenario": "world_scenario",
    "first_mes": "char_greeting", "mes_example": "example_dialogue",
}  # fmt: skip
AGNAI = {
    "name": "name", "scenario": "scenario", "first_mes": "greeting", "mes_example": "sampleChat",
    "system_prompt": "systemPrompt", "alternate_greetings": "alternateGreetings",
    "post_history_instructions": "postHistoryInstructions",
}  # fmt: skip
WEBUI = {"name": "name", "description": "context", "first_mes": "greeting"}
YOU = re.compile(r"^You:", re.MULTILINE)
FILES = {
    b"PK": "an archive; save a CHARX card as JSON or PNG",
    b"\xff\xd8\xff": "a JPEG picture; save the card as PNG or JSON",
    b"GIF8": "a GIF picture; save the card as PNG or JSON",
    b"\x00\x00\x00": "neither",
}


@dataclass(frozen=True, slots=True)
class Fields:
    """A card's fields, its spec (1, 2 or 3, or a foreign form), and what of it is not read, as
    something that is not supported.
    """

    values: Mapping[str, Any]
    spec: str
    unread: Mapping[str, int] = field(default_factory=dict)


def as_v1(card: Mapping[str, Any]) -> Fields:
    """The fields of V1 that a card without a spec comes to.

    >>> as_v1({"char_name": "Ida", "char_persona": "Dry.", "example_dialogue": "You: Hi."}).values
    {'name': 'Ida', 'description': 'Dry.', 'mes_example': '{{user}}: Hi.'}
    """
    if isinstance(card.get("persona"), dict) and "greeting" in card:
        fields = {new: card[old] for new, old in AGNAI.items() if card.get(old) is not None}
        fields["description"] = persona_text(card["persona"])
        return Fields(fields, "agnai", {"characterBook": 1} if card.get("characterBook") else {})
    if "char_name" in card:
        fields = {new: card[old] for new, old in PYGMALION.items() if old in card}
        if isinstance(fields.get("mes_example"), str):
            fields["mes_example"] = YOU.sub("{{user}}:", fields["mes_example"])
        return Fields(fields, "pygmalion")
    if isinstance(card.get("context"), str) and "greeting" in card and "first_mes" not in card:
        return Fields({new: card[old] for new, old in WEBUI.items() if old in card}, "webui")
    return Fields(card, "1")


def persona_text(persona: Mapping[str, Any]) -> str:
    """Agnai's persona: the text alone, or a line for each attribute.

    >>> persona_text({"kind": "wpp", "attributes": {"mind": ["dry", "patient"]}})
    'mind: dry, patient'
    """
    attributes = persona.get("attributes")
    lines = []
    for name, texts in attributes.items() if isinstance(attributes, dict) else ():
        said = texts if isinstance(texts, list) else [texts]
        joined = ", ".join(text for text in said if isinstance(text, str))
        lines.append(joined if name == "text" else f"{name}: {joined}")
    return "\n".join(lines)


def what_else(data: bytes, error: Exception) -> str:
    r"""What a file is that is not read as JSON.

    >>> what_else(b"name: Ida\ncontext: Dry.\n", ValueError())
    'YAML; save the card as JSON'
    """
    if not data.strip():
        return "an empty file"
    if data.startswith(b"RIFF") and data[8:12] == b"WEBP":
        return "a WebP picture; save the card as PNG or JSON"
    if found := next((what for magic, what in FILES.items() if data.startswith(magic)), None):
        return found
    if isinstance(error, UnicodeDecodeError):
        encoded = data.lstrip().startswith(b"{")
        return "text that is not UTF-8; save it as UTF-8" if encoded else "neither"
    begins = data.lstrip(b"\xef\xbb\xbf \t\r\n")
    if isinstance(error, json.JSONDecodeError) and begins[:1] in (b"{", b"["):
        place = f"line {error.lineno}, column {error.colno}"
        return f"JSON that is broken, or JSON5 ({place}: {error.msg}); save it as plain JSON"
    if begins[:1] in (b"{", b"["):
        return f"JSON that cannot be read ({str(error)[:80] or type(error).__name__})"
    if re.match(rb"(---\s*\n)?[A-Za-z_]+:[ \t\r\n]", begins):
        return "YAML; save the card as JSON"
    return "neither"
