"""What a server may send at most, one row a limit: docs/faults.md prints them with their reasons.

Without them a server that is broken, or means ill, fills the memory or never ends.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Limit:
    """One limit: of what, how much, in which unit, and why not less and not more."""

    of: str
    value: int
    unit: str
    reason: str

    def __str__(self) -> str:
        return f"{self.value:,} {self.unit}"


LINE = Limit(
    "one line of a stream", 8 * 2**20, "bytes",
    "a chunk that repeats a prompt of a million tokens fits; read in linear time",
)  # fmt: skip
BODY = Limit(
    "an answer that is no stream", 16 * 2**20, "bytes",
    "the token ids of a prompt of a million tokens fit; parsed, it may take twenty times the room",
)  # fmt: skip
ERROR = Limit(
    "the body of an error", 2**16, "bytes",
    "its sentence stands at the beginning; the rest is not read",
)  # fmt: skip
CHUNKS = Limit(
    "chunks of a reply", 2, "times turn_max_tokens, and 256 more",
    "no known server sends more than one a token; a server that passes its limit is stopped",
)  # fmt: skip
CHUNKS_MORE = 256
TEXT = Limit(
    "text of a reply", 512, "characters times turn_max_tokens",
    "the longest tokens of known vocabularies have 128 to 256 characters",
)  # fmt: skip
SILENCE = Limit(
    "time with keep-alives alone, or for an answer that is no stream", 5, "times timeout_s",
    "a server that reads a long prompt sends them meanwhile; one that never ends is not ended by "
    "timeout_s, which counts silence",
)  # fmt: skip
TEMPLATE_S = Limit(
    "time of a chat template for one prompt", 10, "seconds",
    "330 messages take 0.02 s; by an alarm, so on Linux and macOS alone",
)  # fmt: skip
POWER = Limit(
    "what * and ** make in a server's chat template", 10**6, "characters, digits or elements",
    "a template repeats a string to indent; with more it fills the memory",
)  # fmt: skip
LIMITS = (LINE, BODY, ERROR, CHUNKS, TEXT, SILENCE, TEMPLATE_S, POWER)
