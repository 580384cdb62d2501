"""A log of Inspect as JSON (inspect.aisi.org.uk, Eval Logs; `inspect log convert --to json` makes
one of an .eval): {"version", "eval", "samples": [{"messages": [...]}]}.

A conversation a sample. The messages are those of messages.py; a sample without any is passed over.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from broken_record.files.formats.entries import Conversation, Format, first_has, items_of
from broken_record.files.formats.messages import entries_of


def fits(value: Any) -> bool:
    """Whether a value is a log."""
    return isinstance(value, dict) and "eval" in value and first_has(value, "samples", "messages")


def read(value: dict[str, Any]) -> Iterator[Conversation]:
    """The samples' conversations."""
    for sample in value["samples"]:
        if messages := items_of(sample, "messages"):
            yield Conversation(entries_of(messages))


FORMAT = Format(fits, read)
