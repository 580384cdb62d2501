"""Forms that hold a conversation as pairs of what a user says and what a model answers.

    {"internal": [[user, reply], ...], "visible": ...}   text-generation-webui, modules/chat.py;
    {"data": ..., "data_visible": ...}                   so in old versions
    {"instruction", "input", "output", "history"}        LLaMA-Factory's alpaca form, data/README.md
    {"dialog": [{"model_inquirer", "model_responder"}]}  LLM Roleplay (UKPLab's, and our export)

Of text-generation-webui `internal` is read, what the model saw; `visible` is the same as HTML. Who
says "" in a pair is silent, and counted; only a reply of "" in front of another pair is an empty
reply. The first webui pair's <|BEGIN-VISIBLE-CHAT|> stands where nobody spoke, too.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from broken_record.errors import LogError
from broken_record.files.formats.entries import Conversation, Entry, Format, items_of, texts_of

SILENT = "silent in a pair"
BEGIN = "<|BEGIN-VISIBLE-CHAT|>"


def is_pair(value: object) -> bool:
    """Whether a value is two texts (further items, as times, are passed over)."""
    return (
        isinstance(value, list) and len(value) >= 2 and all(isinstance(v, str) for v in value[:2])
    )


def entries_of(pairs: Sequence[Any]) -> Iterator[Entry]:
    """The messages of pairs; LogError names one that is none."""
    for place, pair in enumerate(pairs, 1):
        if not is_pair(pair):
            raise LogError(f"pair {place} is not two texts")
        said, answered = pair[:2]
        silent = SILENT if said in ("", BEGIN) else None
        yield Entry("user", said, left_out=silent)
        last = place == len(pairs)
        yield Entry("assistant", answered, left_out=SILENT if not answered and last else None)


def pairs_of_webui(value: Any) -> list[Any]:
    """The pairs of text-generation-webui's history, by the model's side of it."""
    of_visible = isinstance(value, dict) and ("visible" in value or "data_visible" in value)
    return items_of(value, "internal") or items_of(value, "data") if of_visible else []


def read_webui(value: Any) -> Iterator[Conversation]:
    """The conversation of a history."""
    yield Conversation(tuple(entries_of(pairs_of_webui(value))))


def fits_alpaca(value: Any) -> bool:
    """Whether a value is an instruction with its output."""
    return (
        isinstance(value, dict)
        and isinstance(value.get("instruction"), str)
        and isinstance(value.get("output"), str)
    )


def read_alpaca(value: dict[str, Any]) -> Iterator[Conversation]:
    """The conversation that an instruction ends; its input is the instruction's second part."""
    asked = "\n".join(texts_of(value, "instruction", "input"))
    system = [Entry("system", text) for text in texts_of(value, "system")]
    pairs = [*items_of(value, "history"), [asked, value["output"]]]
    yield Conversation((*system, *entries_of(pairs)))


def fits_roleplay(value: Any) -> bool:
    """Whether a value is a dialogue of LLM Roleplay."""
    dialog = items_of(value, "dialog")
    return bool(dialog) and isinstance(dialog[0], dict) and "model_inquirer" in dialog[0]


def read_roleplay(value: dict[str, Any]) -> Iterator[Conversation]:
    """The conversation of an inquirer, who is the user, with a responder."""
    metadata = value.get("metadata")
    system = [Entry("system", text) for text in texts_of(metadata, "system")]
    pairs = [
        [turn.get("model_inquirer"), turn.get("model_responder")] if isinstance(turn, dict) else []
        for turn in value["dialog"]
    ]
    yield Conversation((*system, *entries_of(pairs)))


WEBUI = Format(lambda value: bool(pairs_of_webui(value)), read_webui)
ALPACA = Format(fits_alpaca, read_alpaca)
ROLEPLAY = Format(fits_roleplay, read_roleplay)
