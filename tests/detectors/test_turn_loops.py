"""Loops of whole turns and turns that lose their end: what a reader names, and what is a game."""

import pytest

from broken_record.detectors import multi_turn_loop, single_turn_loop, word_soup
from broken_record.detectors.examples import transcript_of

ASK = ("France", "Peru", "Japan", "Kenya", "Norway", "Chile")
QUIZ = [
    line
    for land in ASK
    for line in (f"Next question: where is {land}?", f"On the map of {land}.", "Right! One point.")
]
LONG = "We have talked about the old harbour and the boats that never came back from the north sea."


def test_five_short_lines_between_different_replies_are_a_loop_and_four_are_none():
    replies = ["Why?", "Of what?", "Now?", "Who?", "Well."]
    talk = [line for reply in replies for line in ("Say something.", reply)]
    assert [f.copies for f in single_turn_loop.detect(transcript_of(talk))] == [5]
    assert single_turn_loop.detect(transcript_of(talk[:8])) == []


def test_a_long_line_said_again_word_for_word_is_told_at_once():
    long = LONG + " And nobody ever asked."
    (found,) = single_turn_loop.detect(transcript_of([long, "Go on.", long, "I see."]))
    assert (found.copies, found.level, found.detect_turn) == (2, "warn", 2)


def test_a_quiz_is_no_cycle():
    assert multi_turn_loop.detect(transcript_of(QUIZ)) == []


def test_a_quiz_may_begin_otherwise_and_a_list_may_be_confirmed():
    asked = [f"How do you say the {word} in Italian, then?" for word in ("fork", "knife", "cup")]
    said = [asked[0], "La forchetta.", f"Right. {asked[1]}", "Il coltello.", f"Right. {asked[2]}"]
    assert single_turn_loop.detect(transcript_of(said)) == []
    parts = ("Left fuel cap", "Right fuel cap", "Front door", "Tow bar")
    checked = [
        f"{part}{sign}" for part in parts for sign in (": closed and tight?", ", closed and tight.")
    ]
    assert single_turn_loop.detect(transcript_of(checked)) == []
    (found,) = single_turn_loop.detect(transcript_of([checked[0]] * 6))
    assert found.copies == 6


@pytest.mark.parametrize("finish", ["stop", "length"])
def test_a_coherent_turn_that_is_cut_and_a_loop_that_is_cut_are_no_soup(finish):
    for line in (LONG * 3 + " And then we", "and then we went on " * 80):
        found = word_soup.detect(transcript_of(["Tell me.", line], finish=finish))
        assert not found


def test_a_language_without_a_list_cannot_be_told_salad():
    lines = ["Ich bin nicht der Mann, den du suchst.", "Und wer ist es dann, wenn nicht du?"] * 6
    assert word_soup.detect(transcript_of(lines)) is None
