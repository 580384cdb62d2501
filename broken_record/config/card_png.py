"""The text of a character card that a PNG carries in one of its text chunks.

A picture is a stranger's file: chunks are checked for their length and their checksum, and what is
compressed is unpacked up to a limit. This module does not know what a card says.
"""

from __future__ import annotations

import base64
import binascii
import struct
import zlib
from dataclasses import dataclass

from broken_record.errors import ConfigError

MOST_BYTES = 64 * 2**20
PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"


@dataclass(frozen=True, slots=True)
class Held:
    """What a file holds: a card's JSON, and how many assets stand beside it in chunks of their
    own.
    """

    text: bytes
    assets: int = 0


def read_png(data: bytes) -> Held:
    """The card in a PNG."""
    texts: dict[str, bytes] = {}
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
        if kind in (b"tEXt", b"zTXt", b"iTXt"):
            keyword, _, text = body.partition(b"\0")
            name = keyword.decode("latin-1").lower()
            held = read_chunk(kind, text) if name in ("chara", "ccv3") else text
            if held is not None:
                texts.setdefault(name, held)
    place = next((name for name in ("ccv3", "chara") if name in texts), None)
    if place is None:
        raise ConfigError(['expected a text chunk "chara" or "ccv3" in the PNG, found none'])
    if texts[place].lstrip().startswith(b"{"):  # some editors do not encode it
        return Held(texts[place])
    encoded = b"".join(texts[place].split())
    try:
        text = base64.b64decode(encoded + b"=" * (-len(encoded) % 4), validate=True)
    except binascii.Error as error:
        raise ConfigError([f'the chunk "{place}" of the PNG is not base64: {error}']) from error
    return Held(text, sum(name.startswith("chara-ext-asset_") for name in texts))


def read_chunk(kind: bytes, text: bytes) -> bytes | None:
    """What a text chunk says behind its keyword; None where it is not in order. What is compressed
    may be a bomb: no more than the most bytes of a card are unpacked.
    """
    compressed = kind == b"zTXt"
    if kind == b"iTXt":
        compressed = text[:1] == b"\1"
        rest = text[2:].split(b"\0", 2)  # language, the keyword in it, the text
        text = rest[2] if len(rest) == 3 else b""
    elif compressed:
        text = text[1:]
    if not compressed:
        return text or None
    try:
        held = zlib.decompressobj().decompress(text, MOST_BYTES + 1)
    except zlib.error:
        return None
    return held if 0 < len(held) <= MOST_BYTES else None
