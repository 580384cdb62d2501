"""A run as rows: one a dialogue, a finding or a turn, each a flat dict with units in its names.

dialogues.csv and findings.csv hold these rows (row_files.py). Two pairs of numbers have one name in
analysis.json and two values: what the text log's lines tell of the assistant is `log_...` here,
what whole replies tell of a speaker `assistant_...` and `user_...`. None is not measured.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import fields
from typing import Any

from broken_record.analysis.report import DialogueReport
from broken_record.data import Dialogue, Finding, Turn
from broken_record.files.goal_counts import COUNTED

Row = dict[str, str | int | float | None]
SPEAKERS = ("assistant", "user")

# column -> field of a dialogue in analysis.json
OF_DIALOGUE = {
    "dialogue": "name", "file": "file", "status": "status", "end_reason": "end_reason",
    "seed": "seed", "objective": "objective", "persona": "persona", "turns": "turns",
    "tokens": "tokens", "tokens_until_first_loop": "tokens_until_first_loop",
    "log_characters": "characters", "log_characters_per_reply": "average_response_length",
    "log_loop_score": "loop_score", "log_loop_density": "loop_density", "diagnosis": "diagnosis",
}  # fmt: skip
# column, behind assistant_ or user_ -> field of a speaker in analysis.json
OF_SPEAKER = {
    "turns": "turns", "characters": "characters", "characters_per_turn": "average_response_length",
    "loop_coverage": "loop_coverage", "looped_token_share": "looped_token_share",
    "seq_rep_4": "seq_rep_4", "distinct_2": "distinct_2", "zlib_ratio": "zlib_ratio",
    "length_drift_words_per_turn": "length_drift", "cap_hit_rate": "cap_hit_rate",
    "empty_rate": "empty_rate", "ttft_s": "ttft_s", "tokens_per_second": "tokens_per_second",
    "surprisal_nats": "surprisal",
}  # fmt: skip
# column, behind assistant_ or user_ -> counter of a goal dialogue in analysis.json
OF_COUNTERS = {f"{what}_count": what for what in COUNTED}
# column -> field of a finding in analysis.json
OF_FINDING = {
    "kind": "kind", "primary": "primary", "speaker": "speaker", "level": "level",
    "origin_turn": "origin_turn", "onset_turn": "onset_turn", "detect_turn": "detect_turn",
    "end_turn": "end_turn", "period_turns": "period", "copies": "copies", "strength": "strength",
    "flipped": "flipped", "explanation": "explanation",
}  # fmt: skip
DIALOGUE_COLUMNS = (
    "run", *OF_DIALOGUE, "findings", "not_measurable", "left_out_messages",
    *(f"{role}_{column}" for role in SPEAKERS for column in (*OF_SPEAKER, *OF_COUNTERS)),
)  # fmt: skip
FINDING_COLUMNS = ("run", "dialogue", *OF_FINDING, "onset_tokens", "recovered", "evidence_spans")
# column -> field of a turn in the record; noncoherent_start and noncoherent_end stand behind
OF_TURN = {
    "turn" if field.name == "index" else field.name: field.name
    for field in fields(Turn)
    if field.name != "noncoherent"
}


def dialogue_row(run: str, entry: DialogueReport) -> Row:
    """A dialogue: what was found in it, and what was measured of both speakers."""
    row: Row = {"run": run}
    row |= {column: getattr(entry, field) for column, field in OF_DIALOGUE.items()}
    row |= {
        "findings": sum(found.counts for found in entry.findings),
        "not_measurable": " ".join(entry.not_measurable),
        "left_out_messages": sum(entry.left_out.values()),
    }
    for role in SPEAKERS:
        measured: dict[str, Any] = dict(entry.speakers.get(role) or {})
        counted = (entry.counters or {}).get(role) or {}
        row |= {f"{role}_{column}": measured.get(field) for column, field in OF_SPEAKER.items()}
        row |= {f"{role}_{column}": counted.get(what) for column, what in OF_COUNTERS.items()}
    return row


def finding_rows(run: str, entry: DialogueReport) -> Iterator[Row]:
    """The findings of a dialogue."""
    for found, tokens in zip(entry.findings, entry.onset_tokens, strict=True):
        yield finding_row(run, entry.name, found, tokens)


def finding_row(run: str, dialogue: str, found: Finding, onset_tokens: int | None) -> Row:
    """A finding; `onset_tokens` were said before its onset."""
    row: Row = {"run": run, "dialogue": dialogue}
    row |= {column: getattr(found, field) for column, field in OF_FINDING.items()}
    return row | {
        "onset_tokens": onset_tokens,
        "recovered": found.recovered,
        "evidence_spans": len(found.spans),
    }


def turn_rows(run: str, dialogue: str, said: Dialogue) -> Iterator[Row]:
    """The generated turns of a dialogue; those that the config opens with stand in no row."""
    for turn in said.turns:
        row: Row = {"run": run, "dialogue": dialogue}
        row |= {column: getattr(turn, field) for column, field in OF_TURN.items()}
        start, end = turn.noncoherent or (None, None)
        yield row | {"noncoherent_start": start, "noncoherent_end": end}
