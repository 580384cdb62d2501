"""The character cards in tests/data/cards: our own texts, in every form a card has.

    python -m tests.make_cards

Pictures are one white pixel, stored uncompressed, so that every zlib writes the same bytes.
"""

from __future__ import annotations

import base64
import json
import struct
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

CARDS = Path(__file__).parent / "data" / "cards"
SENTINEL = "NEVER-IN-A-PROMPT"

V1: dict[str, Any] = {
    "name": "Ida",
    "description": "{{char}} keeps the lighthouse. {{user}} brings the post.",
    "personality": "dry, patient",
    "scenario": "A storm has cut off the island.",
    "first_mes": "*holds the door* \"Come in, <USER>. Mind the cat.\"",
    "mes_example": "<START>\n{{user}}: Any news?\n{{char}}: The wind is news enough.",
}  # fmt: skip

V2: dict[str, Any] = {
    "spec": "chara_card_v2",
    "spec_version": "2.0",
    "data": {
        **V1,
        "name": "Tom",
        "description": "<BOT> rows the post boat.{{// ask {{user}} about his knee}}",
        "first_mes": "\"Letters, {{USER}}! Two of them wet.\"",
        "system_prompt": "{{original}} Keep it short.",
        "post_history_instructions": "{{original}} One sentence at a time.",
        "alternate_greetings": ["", "\"No letters today.\"", "*rows past, {{random:slowly,fast}}*"],
        "character_book": {
            "entries": [
                {"keys": ["boat"], "content": f"{SENTINEL} 2", "enabled": True},
                {"keys": ["knee"], "content": f"{SENTINEL} 3", "enabled": True},
            ]
        },
        "creator_notes": f"{SENTINEL} 4",
        "creator": f"{SENTINEL} 5",
        "character_version": f"{SENTINEL} 6",
        "tags": [f"{SENTINEL} 7"],
        "extensions": {
            "talkativeness": "0.5",
            "fav": False,
            "world": "",
            "depth_prompt": {"prompt": f"{SENTINEL} 8", "depth": 4, "role": "system"},
            "regex_scripts": [{"findRegex": "/a/", "replaceString": f"{SENTINEL} 9"}],
            "voice": f"{SENTINEL} 10",
        },
    },
}  # fmt: skip

V3: dict[str, Any] = {
    "spec": "chara_card_v3",
    "spec_version": "3.0",
    "data": {
        **V2["data"],
        "name": "Ottilie the Elder",
        "nickname": "Otti",
        "description": "<char> teaches {{user}} to sail.{{comment: written in a hurry}}",
        "first_mes": "\"Is that a knot, {{user}}?\"",
        "group_only_greetings": [f"{SENTINEL} 11"],
        "creator_notes_multilingual": {"en": f"{SENTINEL} 12"},
        "source": [f"{SENTINEL} 13"],
        "assets": [
            {"type": "icon", "uri": "ccdefault:", "name": "main", "ext": "png"},
            {"type": "emotion", "uri": "embeded://sad.png", "name": f"{SENTINEL} 14", "ext": "png"},
        ],
        "character_book": {
            "entries": [{"keys": ["sail"], "content": f"@@depth 2\n@@role user\n{SENTINEL} 15"}]
        },
    },
}  # fmt: skip


def png(texts: Sequence[tuple[str, bytes]], kind: bytes = b"tEXt") -> bytes:
    """One white pixel, with a text chunk per (keyword, what stands behind it and a zero) in front
    of its end.
    """

    def chunk(kind: bytes, body: bytes) -> bytes:
        return (
            struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
        )

    pixel = zlib.compress(b"\0\xff", 0)
    return b"".join(
        [
            b"\x89PNG\r\n\x1a\n",
            chunk(b"IHDR", struct.pack(">IIBBBBB", 1, 1, 8, 0, 0, 0, 0)),
            chunk(b"IDAT", pixel),
            *(chunk(kind, keyword.encode() + b"\0" + text) for keyword, text in texts),
            chunk(b"IEND", b""),
        ]
    )


def encoded(card: object) -> bytes:
    """A card as its text chunk holds it."""
    return base64.b64encode(json.dumps(card).encode())


def files() -> dict[str, bytes]:
    """File name -> bytes."""
    made = {
        f"v{i}.json": json.dumps(card, indent=1).encode() + b"\n"
        for i, card in enumerate((V1, V2, V3), 1)
    }
    made["v1.png"] = png([("Chara", encoded(V1))])
    made["v2.png"] = png([("Software", b"none"), ("chara", encoded(V2))])
    made["v3.png"] = png([("chara", encoded(V2)), ("ccv3", encoded(V3))])
    return made


if __name__ == "__main__":
    CARDS.mkdir(parents=True, exist_ok=True)
    for name, data in files().items():
        (CARDS / name).write_bytes(data)
