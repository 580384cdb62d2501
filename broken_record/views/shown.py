"""What a page keeps of a dialogue: its text, packed, how it goes, and with which settings it was
held. So the dialogues of a page need not all be in memory at once.
"""

from __future__ import annotations

import base64
import gzip
import json
from collections.abc import Mapping
from dataclasses import dataclass

from broken_record.analysis.course import Course
from broken_record.analysis.report import DialogueReport
from broken_record.analysis.texts import Text
from broken_record.detectors.registry import LEXICAL_LOOPS
from broken_record.views.loops import label_kind
from broken_record.views.tables import list_settings

LEVEL = 6  # of gzip: 9 takes three times as long, and saves 2 %


@dataclass(frozen=True, slots=True)
class Shown:
    """One dialogue; `packed` is None on a page without transcripts."""

    course: Course
    settings: Mapping[str, str]
    packed: str | None


def keep(text: Text, report: DialogueReport, *, transcripts: bool = True) -> Shown:
    """What a page keeps of a dialogue."""
    packed = pack(text, report) if transcripts else None
    return Shown(text.course, list_settings(text.dialogue), packed)


def pack(text: Text, report: DialogueReport) -> str:
    """All that the reader shows of a dialogue as JSON, gzip, base64.

    A line of "said" is [index, role, content, tokens, finish_reason, whether it was given];
    "surprisal" has the nats of every turn of which the record tells the log probabilities.
    """
    dialogue = text.dialogue
    given = len(dialogue.opening)
    value = {
        "said": [
            [m.index, m.role, m.content, m.tokens, m.finish_reason, place < given]
            for place, m in enumerate(dialogue.messages)
        ],
        "initial_tokens": dialogue.config.get("initial_tokens", 0),
        "prefix": dialogue.prefixes["assistant"],
        "segments": [
            {"text": s.text, "count": s.count}
            for s in sorted(report.segments, key=lambda s: -s.count)
        ],
        "findings": [
            {"kind": f.kind, "level": f.level, "speaker": f.speaker, "origin_turn": f.origin_turn,
             "onset_turn": f.onset_turn, "end_turn": f.end_turn, "period": f.period,
             "copied": f.kind in LEXICAL_LOOPS, "label": label_kind(f.kind),
             "explanation": f.explanation,
             "spans": [{"turn": s.turn, "start": s.start, "end": s.end} for s in f.spans]}
            for f in report.findings
        ],
        "pairs": text.pairs,
        "surprisal": {
            turn.index: round(-turn.logprob_mean, 3)
            for turn in dialogue.turns if turn.logprob_mean is not None
        },
    }  # fmt: skip
    if dialogue.branch:
        value["parent"] = {name: getattr(dialogue.branch, name) for name in ("run", "name", "at")}
    return base64.b64encode(gzip.compress(json.dumps(value).encode(), LEVEL, mtime=0)).decode()
