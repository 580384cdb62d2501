"""A GGUF file's header: what a server is to know of a model before it loads it.

Reads the key-value pairs at the beginning and no tensor, and imports no package for it. The format
is https://github.com/ggml-org/ggml/blob/master/docs/gguf.md: magic, version, counts, then pairs of
a name, a type and a value; little-endian.
"""

from __future__ import annotations

import mmap
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

MAGIC = b"GGUF"
STRING, ARRAY = 8, 9
SCALARS = dict(
    enumerate(
        (struct.Struct(f"<{code}") for code in "B b H h I i f ?".split()),
    )
) | {10: struct.Struct("<Q"), 11: struct.Struct("<q"), 12: struct.Struct("<d")}
COUNT = struct.Struct("<Q")


@dataclass(frozen=True, slots=True)
class Header:
    """What matters here of a model: the context it was trained for, whether it brings a chat
    template, and what a token of context takes.
    """

    trained_context: int | None
    has_template: bool
    cached_values: int
    """Numbers that the cache keeps per token of context, over all layers."""


def read_header(path: Path) -> Header:
    """The header of a GGUF file; ValueError where it is none, or is cut off."""
    with path.open("rb") as file:
        if file.read(4) != MAGIC:
            raise ValueError("it does not begin as a GGUF file does")
        with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
            try:
                return header_of(read_pairs(content))
            except (struct.error, KeyError, UnicodeDecodeError) as error:
                raise ValueError("its header is cut off or damaged") from error


def header_of(pairs: Mapping[str, Any]) -> Header:
    """The header of these pairs; an estimate from above for models whose layers differ."""
    prefix = pairs.get("general.architecture", "")

    def number(name: str, default: int = 0) -> int:
        value = pairs.get(f"{prefix}.{name}", default)
        return int(max(value, default=0) if isinstance(value, list) else value)

    heads = number("attention.head_count", 1)
    width = number("embedding_length") // max(heads, 1)
    key_and_value = number("attention.key_length", width) + number("attention.value_length", width)
    kept_heads = number("attention.head_count_kv", heads)
    return Header(
        trained_context=number("context_length") or None,
        has_template=bool(pairs.get("tokenizer.chat_template")),
        cached_values=number("block_count") * kept_heads * key_and_value,
    )


def read_pairs(content: mmap.mmap) -> dict[str, Any]:
    """Name -> value; arrays of strings, which are vocabularies, are passed over."""
    (count,) = COUNT.unpack_from(content, 16)
    at = 24
    pairs: dict[str, Any] = {}
    for _ in range(count):
        name, at = read_value(content, at, STRING)
        (kind,) = struct.unpack_from("<I", content, at)
        pairs[name], at = read_value(content, at + 4, kind)
    return pairs


def read_value(content: mmap.mmap, at: int, kind: int) -> tuple[Any, int]:
    """(a value, where the next begins)."""
    if kind == STRING:
        (length,) = COUNT.unpack_from(content, at)
        at += COUNT.size
        if at + length > len(content):
            raise struct.error("a string ends behind the file")
        return content[at : at + length].decode("utf-8", "replace"), at + length
    if kind != ARRAY:
        scalar = SCALARS[kind]
        return scalar.unpack_from(content, at)[0], at + scalar.size
    inner, count = struct.unpack_from("<IQ", content, at)
    at += 12
    if inner == STRING:
        for _ in range(count):
            at += COUNT.size + COUNT.unpack_from(content, at)[0]
        return None, at
    if inner == ARRAY:
        raise KeyError(inner)
    size = SCALARS[inner].size
    end = at + count * size
    return [SCALARS[inner].unpack_from(content, k)[0] for k in range(at, end, size)], end
