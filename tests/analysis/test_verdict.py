from __future__ import annotations

from dataclasses import replace

import pytest

from broken_record.analysis.report import DialogueReport, Report
from broken_record.analysis.verdict import REMEDIES, tell
from broken_record.data import Finding
from broken_record.detectors.registry import KINDS, LOOPS


def found(kind="single_turn_loop", speaker="both", onset=52, end=None, **more):
    values = {
        "level": "break", "origin_turn": onset - 2, "onset_turn": onset, "detect_turn": onset,
        "end_turn": end, "period": 2, "copies": 4, "strength": 0.8, "spans": (),
        "explanation": "said again",
    }  # fmt: skip
    return Finding(kind=kind, speaker=speaker, **{**values, **more})


def entry(*findings, tokens=900, status="done", turns=80, missing=(), diagnosis=None):
    return DialogueReport(
        name="d", file="d.jsonl", status=status, turns=turns, tokens=2048,
        tokens_until_first_loop=None, characters=9, loop_score=0, loop_density=0.0,
        loop_coverage=0.0, average_response_length=40.0, response_lengths=(), segments=(),
        speakers={}, findings=findings, onset_tokens=(tokens,) * len(findings),
        not_measurable=missing, diagnosis=diagnosis,
    )  # fmt: skip


def told(*entries):
    return tell(Report("run", entries, thresholds={kind: {} for kind in KINDS}))


CUT = "runs away (358 words, cut at the limit)"
UNLIKELY = "its own words are unlikely to the model (2.2 nats a token)"
WEAK = (
    "single_turn_loop at turn 52: the penalty of 1.1 looks back 2,048: within reach, but too weak"
)
RUNS = {
    "none": (
        [entry()] * 10,
        ["Nothing loops and nothing breaks in 10 dialogues; with so few, up to 28% of such "
         "dialogues still may."],
    ),
    "all loop": (
        [entry(found())] * 3,
        ["Gets stuck in 3 of 3 dialogues (44% - 100%): the same line again (single_turn_loop, 3), "
         "both sides, from about turn 52 (900 tokens) on; none of 3 recover.",
         "Breaks in none.", "What may help: docs/looping.md#single_turn_loop."],
    ),
    "one of ten, recovered, with its cure": (
        [entry(found(end=60), diagnosis=WEAK), *[entry()] * 9],
        ["Gets stuck in 1 of 10 dialogues (2% - 40%): the same line again (single_turn_loop, 1), "
         "both sides, from turn 52 (900 tokens) on; it recovers.",
         "Breaks in none.",
         "What may help: a stronger penalty, DRY, or a higher temperature (so say 1 of 1 that "
         "got stuck); docs/looping.md#single_turn_loop."],
    ),
    "two kinds of loop": (
        [entry(found()), entry(found(), found("prefix_repetition", "user", 12)), entry(), entry()],
        ["Gets stuck in 2 of 4 dialogues (15% - 85%): mostly the same line again "
         "(single_turn_loop, 2), both sides, from about turn 52 (900 tokens) on; none of 2 "
         "recover.",
         "Breaks in none.", "What may help: docs/looping.md#single_turn_loop."],
    ),
    "runs to the limit": (
        [entry(found("word_soup", "assistant", explanation=CUT)), entry()],
        ["Gets stuck in none.",
         "Breaks in 1 of 2 dialogues (9% - 91%): runs to the limit (word_soup, 1), the assistant, "
         "from turn 52 (900 tokens) on; it does not recover.",
         "What may help: a larger turn_max_tokens, or a stop string; docs/looping.md#word_soup."],
    ),
    "salad": (
        [entry(found("word_soup", "assistant", explanation="salad"))],
        ["Gets stuck in none.",
         "Breaks in 1 of 1 dialogue (21% - 100%): word soup (word_soup, 1), the assistant, from "
         "turn 52 (900 tokens) on; it does not recover.",
         "What may help: a lower temperature, a higher min_p, or a milder penalty; "
         "docs/looping.md#word_soup."],
    ),
    "unlikely, and runs to the limit": (
        [entry(found("word_soup", "assistant", explanation=f"{CUT} and {UNLIKELY}"))],
        ["Gets stuck in none.",
         "Breaks in 1 of 1 dialogue (21% - 100%): word soup (word_soup, 1), the assistant, from "
         "turn 52 (900 tokens) on; it does not recover.",
         "What may help: a lower temperature, a higher min_p, or a milder penalty; "
         "docs/looping.md#word_soup."],
    ),
    "breaks in two ways": (
        [entry(found("refusal", "assistant")), entry(found("role_leak", "user", 8))],
        ["Gets stuck in none.",
         "Breaks in 2 of 2 dialogues (34% - 100%): in several ways, e.g. speaks for the other side "
         "(role_leak, 1), the user, from turn 8 (900 tokens) on; it does not recover.",
         "What may help: a stop string with the other side's name, or the model's own template; "
         "docs/looping.md#role_leak."],
    ),
    "failed": (
        [entry(status="error"), entry(status="unfinished"), entry()],
        ["Nothing loops and nothing breaks in 3 dialogues; with so few, up to 56% of such "
         "dialogues still may.",
         "Not whole: 1 failed, 1 unfinished, which count as far as they got."],
    ),
    "silent": (
        [entry(status="error", turns=0)],
        ["Nothing can be said: no dialogue has a turn.",
         "Not whole: 1 failed, which count as far as they got."],
    ),
    "tokens not counted": (
        [entry(found(), tokens=None)],
        ["Gets stuck in 1 of 1 dialogue (21% - 100%): the same line again (single_turn_loop, 1), "
         "both sides, from turn 52 on; it does not recover.",
         "Breaks in none.", "What may help: docs/looping.md#single_turn_loop."],
    ),
    "only said for information": (
        [entry(found("empty_response", "user", level="info"))],
        ["Nothing loops and nothing breaks in 1 dialogue; with so few, up to 79% of such dialogues "
         "still may."],
    ),
}  # fmt: skip


@pytest.mark.parametrize("run", RUNS)
def test_the_answer_of_a_run(run):
    entries, sentences = RUNS[run]
    assert told(*entries) == sentences


def test_every_break_has_a_remedy_and_every_kind_its_words():
    assert REMEDIES.keys() >= KINDS.keys() - set(LOOPS)
    assert all(one.words for one in KINDS.values())


def test_dialogues_that_are_the_same_are_said_to_be():
    looped = replace(entry(found()), response_lengths=(40, 40))
    other = replace(looped, response_lengths=(40, 41))
    assert (
        "But all 3 dialogues are the same, by their lengths: the seed changes little or nothing "
        "here, and the intervals say nothing of other scenes." in told(*[looped] * 3)
    )
    assert any("But both dialogues are the same, by" in line for line in told(looped, looped))
    assert any(
        "But only 2 of the 3 dialogues differ" in line for line in told(looped, other, other)
    )
    assert not any("differ" in line or "the same, by" in line for line in told(looped, other))
