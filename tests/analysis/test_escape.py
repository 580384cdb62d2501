"""Whether a branch got out, by hand: turns of ten tokens, new from turn 4 on, watched for 50."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from broken_record.analysis.escape import find_escape
from broken_record.analysis.report import Report, count_dialogues
from broken_record.analysis.report_file import read_report, write_report
from broken_record.analysis.tables import run_lines
from broken_record.analysis.verdict import tell
from broken_record.data import Branch, Dialogue, Turn
from broken_record.detectors.registry import KINDS, LOOPS
from tests.test_analyze_and_view import entry, finding

BRANCH = Branch("run", "a", "1f", 4, 50, "single_turn_loop", "both", 5)


def branch_of(turns=9, **more):
    said = tuple(Turn(i, ("assistant", "user")[i % 2], "", 10) for i in range(turns))
    values = {"status": "done", "end_reason": "total_tokens", "branch": BRANCH, **more}
    return Dialogue({"conversation": []}, said, **values)


def found(kind="single_turn_loop", onset=5, end=None, speaker="both", level="break"):
    one = finding(kind)
    return replace(one, onset_turn=onset, end_turn=end, speaker=speaker, level=level)


def escape(*findings, told=tuple(KINDS), **more) -> Any:
    return find_escape(branch_of(**more), findings, told)


@pytest.mark.parametrize(
    ("one", "fell_after", "of_any"),
    [
        (found(), 10, 10),
        (found(onset=4), 0, 0),
        (found(onset=2), 0, 0),  # it goes on
        (found(onset=2, end=4), 0, 0),
        (found(onset=2, end=3), None, None),  # over before the branch
        (found(onset=8), 40, 40),
        (found(speaker="assistant"), 10, 10),  # one of both
        (found(level="info"), None, None),
        (found("multi_turn_loop"), None, 10),
        (found("refusal"), None, None),  # no loop
    ],
)
def test_a_branch_falls_in_again_with_a_repeat_from_its_first_new_turn_on(one, fell_after, of_any):
    became = escape(one)
    assert (became.fell_after, became.fell_into_any_after) == (fell_after, of_any)
    assert (became.escaped, became.escaped_any) == (fell_after is None, of_any is None)
    assert became.tokens == 50


def test_a_repeat_behind_the_tokens_that_are_asked_for_is_none_of_it():
    became = escape(found(onset=9), turns=12)
    assert (became.tokens, became.fell_after, became.escaped) == (80, None, True)


def test_another_speaker_is_another_loop():
    own = replace(BRANCH, speaker="user")
    became = escape(found(speaker="assistant"), branch=own)
    assert (became.escaped, became.escaped_any) == (True, False)


def test_a_break_that_a_branch_was_begun_for_counts_for_any():
    own = replace(BRANCH, kind="refusal")
    became = escape(found("refusal"), branch=own)
    assert (became.escaped, became.escaped_any) == (False, False)


@pytest.mark.parametrize(
    ("more", "escaped", "of_any"),
    [
        ({"turns": 8, "status": "interrupted"}, None, None),
        ({"turns": 9, "status": "interrupted"}, True, True),  # 50 tokens were said
        ({"turns": 8, "end_reason": "context"}, None, None),
        ({"turns": 8, "end_reason": "finished"}, True, True),  # it came to its end
        ({"told": ["refusal"]}, None, None),
        ({"told": ["single_turn_loop"]}, True, None),
        ({"branch": replace(BRANCH, kind=None, speaker=None, onset_turn=None)}, None, True),
    ],
)
def test_what_cannot_be_told_is_not_said_to_be_out(more, escaped, of_any):
    became = escape(**more)
    assert (became.escaped, became.escaped_any) == (escaped, of_any)


def test_who_fell_in_fell_in_however_short_it_was_watched():
    assert escape(found(), turns=6, status="error").escaped is False


def test_tokens_that_were_not_counted_are_not_measured():
    dialogue = branch_of()
    dialogue = replace(dialogue, turns=(*dialogue.turns[:-1], Turn(8, "assistant", "")))
    became: Any = find_escape(dialogue, [], KINDS)
    assert (became.tokens, became.escaped) == (None, None)


def test_another_dialogue_has_none():
    assert escape(branch=None) is None


def test_a_run_of_branches_says_how_many_got_out_and_keeps_it(tmp_path):
    outs = [escape(), escape(found("multi_turn_loop")), escape(found()), escape(turns=5)]
    outs[3] = replace(outs[3], escaped=None, escaped_any=None)
    entries = [entry(f"d{i}", escape=one) for i, one in enumerate(outs)]
    report = write_report(tmp_path, "run", entries, {key: {} for key in LOOPS})
    first, second = tell(report)[:2]
    assert first == (
        "Within 50 tokens 2 of 3 get out of the loop that they were begun for (21% - 94%), 1 of 3 "
        "stay out of every loop (6% - 79%)."
    )
    assert second == "4 branches, begun again from 1 dialogue."
    assert second in [*run_lines(report, width=200, colour=False, verbose=False)]
    again = read_report(tmp_path)
    assert [one.escape for one in again.dialogues] == outs
    assert count_dialogues(again).branches == count_dialogues(report).branches


def test_a_run_of_other_dialogues_says_nothing_of_branches():
    report = Report("run", (entry("a"),), thresholds={key: {} for key in LOOPS})
    assert count_dialogues(report).branches is None
    assert not any("branch" in sentence for sentence in tell(report))
