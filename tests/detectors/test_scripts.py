"""A loop is the same loop in every script."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from broken_record.detectors.examples import transcript_of
from broken_record.detectors.find import find_loops_and_breaks
from broken_record.detectors.registry import LOOPS
from tests.text.test_words import SAME

TRUTH = Path(__file__).parents[1] / "data" / "truth"
ANSWERS = [
    "Which of the two do you mean, then?", "My brother says the ferry was late again.",
    "Somebody left the window open all night.", "Did it ever stop raining up there?",
]  # fmt: skip
RIGHT = {  # the number in a case's name -> kind, onset, copies
    "01": ("single_turn_loop", 11, 5),
    "03": ("single_turn_loop", 11, 6),
    "04": ("intra_turn_repetition", 9, 5),
    "06": ("prefix_repetition", 7, 7),
    "07": ("multi_turn_loop", 12, 3),
}


def read_truth(name):
    """(name of the case, what is found) of a file of tests/data/truth/."""
    for line in (TRUTH / f"{name}.jsonl").read_text("utf-8").splitlines():
        case = json.loads(line)
        said = [message["content"] for message in case["messages"]]
        transcript = transcript_of(said, first=case["messages"][0]["role"])
        yield case.get("name"), find_loops_and_breaks(transcript).findings


@pytest.mark.parametrize("language", SAME)
def test_the_same_line_five_times_is_the_same_finding_in_every_script(language):
    said = [text for answer in ANSWERS for text in (SAME[language], answer)]
    found = find_loops_and_breaks(transcript_of([*said, SAME[language]])).findings
    assert [(f.kind, f.speaker, f.onset_turn, f.period, f.copies) for f in found] == [
        ("single_turn_loop", "assistant", 2, 2, 5)
    ]


@pytest.mark.parametrize("language", ["english", "japanese"])
def test_a_real_line_five_times_is_a_loop_of_its_speaker(language):
    ((_, found),) = read_truth(f"single_turn_loop_in_{language}")
    assert [(f.kind, f.speaker, f.onset_turn, f.copies) for f in found] == [
        ("single_turn_loop", "assistant", 2, 5)
    ]


def test_loops_in_chinese_and_japanese_are_found_as_in_english():
    for name, found in read_truth("loops_in_chinese_and_japanese"):
        loops = [(f.kind, f.onset_turn, f.copies) for f in found if f.kind in LOOPS]
        number = name.split("-")[1]
        if number in RIGHT:
            assert RIGHT[number] in loops, name
        assert loops, name
