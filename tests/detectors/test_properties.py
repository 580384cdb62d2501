"""What holds of every finding, whatever is found: on marked dialogues, and on loops in markup."""

from __future__ import annotations

from functools import cache
from itertools import combinations

import pytest

from benchmarks.truth_on_real_text import make_dialogue, read_texts
from broken_record.data import Finding
from broken_record.detectors.examples import transcript_of
from broken_record.detectors.find import extent, find_loops_and_breaks
from broken_record.text.transcript import Transcript
from tests.detectors.test_courtesy import BUSINESS, CLOSING

LINE = "The lamp in the hall flickers twice before the rain begins."
ANSWERS = [
    "Which of the two do you mean, then?", "My brother says the ferry was late again.",
    "Somebody left the window open all night.", "Did it ever stop raining up there?", "",
]  # fmt: skip
WRAPPED = {
    "plain": "{}",
    "a bullet": "- {}",
    "a quotation": '"{}"',
    "a block quotation": "> {}",
    "code": "`{}`",
    "bold": "**{}**",
}
STEPS = [
    "Car 14 is at the front", "The cello rides on seat 31", "Window three opens at 21:15",
    "The fare comes to 87 euros", "My sister Ana waits in Santarem", "Gate B has the only lift",
    "Porter Luis keeps the key", "Breakfast starts in Entroncamento", "The river shows at 06:40",
    "Bring form 22 for the bow", "Track nine floods on Mondays", "Bus 728 leaves from the square",
]  # fmt: skip


@cache
def examined() -> tuple[tuple[Transcript, tuple[Finding, ...]], ...]:
    """Some of the marked dialogues, and what is found in them."""
    lines = [*read_texts("gold", None)[::2], *read_texts("played", None)[::4]]
    transcripts = [Transcript(make_dialogue(line, None)) for line in lines]
    return tuple((one, find_loops_and_breaks(one).findings) for one in transcripts)


def test_the_marked_dialogues_have_many_findings_of_many_kinds() -> None:
    findings = [finding for _, found in examined() for finding in found]
    assert len(findings) >= 10
    assert len({finding.kind for finding in findings}) >= 3


def test_no_finding_is_detected_before_its_onset_or_after_its_end() -> None:
    for transcript, findings in examined():
        for finding in findings:
            onset, end = extent(finding, transcript)
            assert finding.origin_turn <= onset <= finding.detect_turn <= end, finding


def test_no_two_findings_of_a_kind_lie_on_the_same_turns_of_a_speaker() -> None:
    for transcript, findings in examined():
        for one, other in combinations(findings, 2):
            if one.kind == other.kind and (
                one.speaker == other.speaker or "both" in (one.speaker, other.speaker)
            ):
                first, second = extent(one, transcript), extent(other, transcript)
                assert max(first[0], second[0]) > min(first[1], second[1]), (one, other)


def test_of_a_period_that_is_found_no_multiple_is_reported() -> None:
    steps = ["Ring the bell.", "Read the compass by the lamp.", "Pour the cocoa for the watch.",
             "Feed the cat below.", "Turn the sandglass over now."]  # fmt: skip
    found = find_loops_and_breaks(transcript_of(steps * 8)).findings
    assert [one.period for one in found if one.kind == "multi_turn_loop"] == [5]


@pytest.mark.parametrize("how", WRAPPED)
def test_a_line_five_times_is_the_same_loop_in_markup(how: str) -> None:
    said = [text for answer in ANSWERS for text in (WRAPPED[how].format(LINE), answer)]
    found = find_loops_and_breaks(transcript_of(said[:-1])).findings
    assert [(f.kind, f.speaker, f.onset_turn, f.copies) for f in found] == [
        ("single_turn_loop", "assistant", 2, 5)
    ]


def test_progress_in_every_turn_removes_a_stagnation() -> None:
    spent = [*BUSINESS, *CLOSING["en"]]
    going_on = [*BUSINESS, *(f"{step}. {line}" for step, line in
                             zip(STEPS, CLOSING["en"], strict=True))]  # fmt: skip
    kinds = [
        {f.kind for f in find_loops_and_breaks(transcript_of(lines)).findings}
        for lines in (spent, going_on)
    ]
    assert ["semantic_repetition" in found for found in kinds] == [True, False]
