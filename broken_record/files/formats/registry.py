"""The formats of chats from elsewhere, and this dict is the whole registry.

A value is in the first format that it fits; the general forms stand last. To add a format, write
its file (what it is to give stands in entries.py) and its line here.
"""

from __future__ import annotations

from typing import Any

from broken_record.files.formats import (
    characters,
    comparisons,
    inspect_log,
    kobold,
    lmstudio,
    messages,
    pairs,
    sillytavern,
    trees,
    ultrachat,
)
from broken_record.files.formats.entries import Format

FORMATS: dict[str, Format] = {
    "SillyTavern": sillytavern.FORMAT,
    "text-generation-webui": pairs.WEBUI,
    "KoboldAI Lite": kobold.FORMAT,
    "Agnai": characters.AGNAI,
    "RisuAI": characters.RISU,
    "CAI Tools": characters.CAI_TOOLS,
    "PIPPA": characters.PIPPA,
    "Open WebUI": trees.OPEN_WEBUI,
    "LM Studio": lmstudio.FORMAT,
    "ChatGPT": trees.CHATGPT,
    "Claude": trees.CLAUDE,
    "UltraChat": ultrachat.FORMAT,
    "Arena": comparisons.ARENA,
    "preferences": comparisons.PREFERENCE,
    "Inspect": inspect_log.FORMAT,
    "LLM Roleplay": pairs.ROLEPLAY,
    "messages": messages.FORMAT,
    "alpaca": pairs.ALPACA,
}


def format_of(value: Any) -> str | None:
    """The format that a value is in.

    >>> format_of({"data": ["Hi.", "Hello."]})
    'UltraChat'
    """
    return next((name for name, form in FORMATS.items() if form.fits(value)), None)


def opened_by(line: Any) -> str | None:
    """The format of a file of which this is one line, where its lines are one conversation."""
    return next((name for name, form in FORMATS.items() if form.opens(line)), None)
