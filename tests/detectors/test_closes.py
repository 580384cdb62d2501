"""Closes that come again changed, or with more behind them."""

from __future__ import annotations

import pytest

from broken_record.data import Finding
from broken_record.detectors import suffix_repetition
from broken_record.detectors.examples import transcript_of
from broken_record.detectors.find import find_loops_and_breaks
from broken_record.text.transcript import Transcript

HEADS = [
    "I took the early ferry and watched the gulls until the harbour was out of sight.",
    "Nobody at the bakery knew who had left the umbrella in the oven over night.",
    "My cousin paints nothing but teapots, and he sells them to one museum after another.",
    "It snowed on the orange trees, so we wrapped every single one of them in a blanket.",
    "The clock in the tower runs backwards since the plumber repaired it with a spoon.",
    "Eleven tourists asked me for the way to a street that has never existed here.",
]
MORE = [
    "By noon the whole deck smelled of oranges.", "They say it still opens by itself.",
    "The one with two spouts is by far his best.", "By May not one of them had lost a leaf.",
    "Since then we all get younger by the hour.", "I sent them to the fountain, as one does.",
]  # fmt: skip
ANSWERS = ["Go on.", "How so?", "Since when?", "Right you are.", "Is that so?", ""]
STANZA = [
    "Stay close to the lamp.", "The {} will keep.", "The night is long and the kettle is patient.",
    "And what we {} tonight, nobody has to carry home.",
]  # fmt: skip
SLOTS = [("bread", "say"), ("letter", "sing"), ("garden", "drop"), ("boat", "owe"),
         ("story", "hide"), ("rain", "count")]  # fmt: skip
TAILS = [
    "", "Mind the step.", "There is soup left.", "The cat knows it too.", "Ask the moon.",
    "So sleep.",
]  # fmt: skip


def alternate(own: list[str]) -> Transcript:
    """Messages of the assistant with a short answer between each two."""
    said = [text for pair in zip(own, ANSWERS, strict=False) for text in pair]
    return transcript_of(said[: 2 * len(own) - 1])


def closes(own: list[str]) -> list[Finding]:
    return suffix_repetition.detect(alternate(own))


def stanzas(form: str = "{}") -> list[str]:
    """The heads, each with the stanza in other words and some more behind it."""
    lines = [
        [line.format(slot) for line, slot in zip(STANZA, (0, *slots[:1], 0, slots[1]), strict=True)]
        for slots in SLOTS
    ]
    return [
        f"{head} {more}\n{chr(10).join(form.format(line) for line in (*one, tail) if line)}"
        for head, more, one, tail in zip(HEADS, MORE, lines, TAILS, strict=True)
    ]


@pytest.mark.parametrize("form", ["{}", "- {}", "**{}**", "> {}"])
def test_a_stanza_with_other_words_in_its_slots_and_more_behind_is_a_close(form: str) -> None:
    (found,) = closes(stanzas(form))
    assert (found.speaker, found.onset_turn, found.detect_turn) == ("assistant", 2, 4)
    assert (found.copies, found.end_turn) == (6, None)


def test_its_spans_reach_from_the_first_line_to_the_last_that_comes_again() -> None:
    said = stanzas()
    (found,) = closes(said)
    assert [said[span.turn // 2][span.start : span.end] for span in found.spans[2:4]] == [
        "Stay close to the lamp.\nThe garden will keep.\nThe night is long and the kettle is "
        "patient.\nAnd what we drop tonight, nobody has to carry home",
        "Stay close to the lamp.\nThe boat will keep.\nThe night is long and the kettle is "
        "patient.\nAnd what we owe tonight, nobody has to carry home",
    ]


def test_what_messages_open_with_is_no_close_where_it_reaches_into_it() -> None:
    opening = (
        "Look at the sea and how calm it is, as though it waited for us. "
        "Can you hear how it breathes in the dark?"
    )
    behind = [
        "A boat! Two boats. Whose?", "Only wind. And gulls. No?", "It sleeps. Does it? Hush.",
        "Like a cow. Or snow. Perhaps.", "I do. Twice. Three times.", "Now it sings. Badly. Why?",
    ]  # fmt: skip
    own = [f"{opening} {more}" for more in behind]
    assert closes(own) == []


def test_a_stanza_that_comes_again_twice_is_none() -> None:
    assert closes([*stanzas()[:2], *HEADS[2:]]) == []


def test_a_turn_of_phrase_within_other_closes_is_none() -> None:
    phrase = "And if you ask me what I would do in your place,"
    rests = [
        "I would sell the boat first and only then talk to your sister about the attic.",
        "take the window seat, and leave the heavy suitcase with the man at the counter.",
        "the blue paint suits the hall, though the kitchen needs some kind of yellow by May.",
        "no letter at all is better than one that was written in a hurry before breakfast.",
    ]
    behind = [
        "It rarely pays to wait for spring there.", "Trains are late on Sundays as a rule.",
        "Two coats will do, three are a waste.", "Words keep for a week, anger never does.",
    ]  # fmt: skip
    own = [
        f"{head} {phrase} {rest} {more}"
        for head, rest, more in zip(HEADS, rests, behind, strict=False)
    ]
    assert closes(own) == []


def test_what_explains_the_next_version_of_code_is_no_close() -> None:
    code = "```\nfor spoon in drawer:\n    count({})\n```\n"
    explained = (
        "\nIt goes through the drawer once and counts what it finds.\n"
        "Nothing is moved.\nThe {} is told at the end."
    )
    own = [
        f"{head}\n{code.format(name)}{explained.format(name)}\n{tail}"
        for head, name, tail in zip(HEADS, ("sum", "rest", "size", "price"), TAILS, strict=False)
    ]
    assert closes(own) == []
    assert closes([text.replace("```", "") for text in own])


def test_cutting_before_the_onset_removes_a_close() -> None:
    transcript = alternate(stanzas())
    (found,) = suffix_repetition.detect(transcript)
    bodies = [one.content for one in transcript.said][: found.onset_turn]
    assert suffix_repetition.detect(transcript_of(bodies)) == []


def test_messages_that_are_copied_as_a_whole_close_alike_nowhere_besides() -> None:
    said = [HEADS[0], *[f"{HEADS[1]} And that is all the old blue sea ever wanted."] * 6]
    kinds = [found.kind for found in find_loops_and_breaks(transcript_of(said)).findings]
    assert kinds == ["single_turn_loop"]


def test_a_row_of_one_turn_can_be_asked_for() -> None:
    assert suffix_repetition.detect(alternate(HEADS), short_turns=1) == []
