"""The texts of benchmarks/detectors/: carriers, hard negatives, banks, and what is made of them.

Odd lines of a file are split A, for tuning, even ones split B, for the figures.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

from broken_record.data import Dialogue, FinishReason, Role, Span, Turn
from broken_record.text.words import FUNCTION_WORDS

FOLDER = Path(__file__).with_name("detectors")
STYLES = ("scenes", "interviews", "support", "smalltalk", "embedded")
LIMIT = 512  # turn_max_tokens


@dataclass
class Line:
    """One turn to be: who, what (without prefix), how it ended."""

    role: Role
    text: str
    finish: FinishReason = "stop"


@dataclass
class Carrier:
    """A clean dialogue."""

    style: str
    prefixes: dict[str, str]
    lines: list[Line]


@dataclass
class Planted:
    """A dialogue with one loop or break in it, or none (kind None)."""

    kind: str | None
    operator: str
    carrier: Carrier
    lines: list[Line]
    speaker: str = ""
    onset: int = -1
    evidence: dict[int, tuple[int, int] | None] = field(default_factory=dict)
    edits: float = 0.0

    def dialogue(self) -> Dialogue:
        """As a record holds it."""
        prefixes = self.carrier.prefixes
        turns = tuple(
            Turn(
                i,
                line.role,
                with_prefix(prefixes[line.role], line.text),
                tokens=LIMIT if line.finish == "length" else max(1, len(line.text) // 4),
                tokens_from="usage",
                finish_reason=line.finish,
            )
            for i, line in enumerate(self.lines)
        )
        config = {
            "conversation": [],
            "agent_prefix": prefixes["assistant"],
            "user_prefix": prefixes["user"],
            "turn_max_tokens": LIMIT,
        }
        return Dialogue(config, turns, "done")

    def spans(self) -> list[Span]:
        """The evidence in raw content; None stands for the whole turn without outer white space."""
        spans = []
        for i, extent in self.evidence.items():
            line = self.lines[i]
            shift = len(with_prefix(self.carrier.prefixes[line.role], line.text)) - len(line.text)
            start = len(line.text) - len(line.text.lstrip())
            begin, end = extent or (start, start + len(line.text.strip()))
            spans.append(Span(i, shift + begin, shift + end))
        return spans


def with_prefix(prefix: str, text: str) -> str:
    """As models write it: the prefix, a blank, the text."""
    return f"{prefix} {text}" if prefix and not text[:1].isspace() and text else prefix + text


def read_lines(path: Path, split: str) -> list[Any]:
    """The lines of one half of a file."""
    lines = path.read_text(encoding="utf-8").splitlines()
    return [json.loads(line) for line in lines[split == "B" :: 2]]


def as_carrier(entry: dict[str, Any]) -> Carrier:
    """A carrier or hard negative from its JSON."""
    lines = [Line(role, text) for role, text in entry["turns"]]
    return Carrier(entry.get("style", "negative"), entry.get("prefixes", NO_PREFIXES), lines)


NO_PREFIXES = {"assistant": "", "user": ""}


@cache
def carriers(split: str) -> list[Carrier]:
    """The clean dialogues of a split."""
    return [
        as_carrier(entry)
        for style in STYLES
        for entry in read_lines(FOLDER / "carriers" / f"{style}.jsonl", split)
    ]


@cache
def hard_negatives(kind: str, split: str) -> list[Planted]:
    """What looks like a kind and is not; of a new kind perhaps nothing yet."""
    path = FOLDER / "hard_negatives" / f"{kind}.jsonl"
    made = [as_carrier(entry) for entry in read_lines(path, split)] if path.exists() else []
    return [Planted(None, "hard negative", carrier, carrier.lines) for carrier in made]


@cache
def bank(name: str, split: str) -> list[Any]:
    """The refusals or the paraphrases of a split."""
    return read_lines(FOLDER / f"{name}.jsonl", split)


@cache
def vocabulary(split: str) -> tuple[str, ...]:
    """The longer words of a split's hand-written carriers, without function words."""
    text = " ".join(line.text for c in carriers(split) if c.style != "embedded" for line in c.lines)
    words = set(re.findall(r"[a-z]{4,}", text))
    return tuple(sorted(words - FUNCTION_WORDS))
