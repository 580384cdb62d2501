"""Forms that are filled in, and mathematics, are work: nothing stagnates there."""

from __future__ import annotations

import pytest

from broken_record.data import Finding
from broken_record.detectors import find
from broken_record.detectors.examples import transcript_of
from broken_record.detectors.semantic_repetition import detect
from broken_record.detectors.work import shows_work
from tests.detectors.test_reworded import IMAGES, START, lyrical

FORM = "Round {}\n- Keeper: {}\n- Thief: {}\n- Lamps lit: {}\nYour move."


def kinds(said: list[str]) -> list[str]:
    """What is found in a talk, a kind each."""
    return [one.kind for one in find.find_loops_and_breaks(transcript_of(said)).findings]


def stagnation(said: list[str]) -> list[Finding]:
    """The semantic repetitions of a talk before other loops take theirs."""
    return detect(transcript_of(said))


@pytest.mark.parametrize(
    "body",
    [
        "So \\(x + 1 = 3\\).",
        "\\[ n^2 \\]",
        "Then $\\frac12$ of it.",
        "Pot: 3\n**Bid:** two\n* Card, top: ace",
        FORM.format(1, "left", "right", "none"),
    ],
)
def test_mathematics_and_forms_are_work(body):
    assert shows_work([body]).all()


@pytest.mark.parametrize(
    "body",
    [
        "It costs \\(about\\) ten.",
        "1\\. \\[Sea\\]\n2\\. \\[Land\\]",
        "C:\\new\\files",
        "Ann: Hello.\nBob: Hello.\nAnn: Well.\nBob: Well.",
        "1. Salt: it keeps.\n2. Rope: it holds.\n3. Tar: it seals.",
        "Pot: 3\nBid: 2\nHow late it is.\nHow dark.\nSo be it: farewell.\nGo well.\nBe well.",
        "We have three things: salt, rope: tar: all of it.",
    ],
)
def test_what_looks_like_it_is_not(body):
    assert not shows_work([body]).any()


def test_a_form_with_nothing_new_in_it_is_no_work():
    old, new = FORM.format(1, "left", "right", "none"), FORM.format(2, "left", "right", "two")
    assert shows_work([old, old, new]).tolist() == [True, False, False]
    other = FORM.format(2, "right", "left", "two")
    assert shows_work([old, other]).tolist() == [True, True]


def test_whoever_fills_in_forms_does_not_stagnate():
    said = [*START, *lyrical(16, 3)]
    assert stagnation(said)
    for i in range(4, len(said), 4):
        said[i] += f"\nKeeper: {IMAGES[i]}\nThief: {IMAGES[i - 1]}\nLamps: none"
    assert not stagnation(said)


def test_a_formula_parts_a_stagnation_in_two():
    said = [*START, *lyrical(24, 3)]
    [whole] = stagnation(said)
    assert whole.end_turn is None
    said[15] = "Hence \\(a = b\\)."
    before, after = stagnation(said)
    assert (before.end_turn, after.origin_turn) == (14, 16)


def test_one_line_for_ever_is_a_single_turn_loop_and_nothing_else():
    assert kinds([*START, *(40 * ["(The end)"])]) == ["single_turn_loop"]


def test_a_short_close_before_one_line_for_ever_is_no_stagnation_of_its_own(monkeypatch):
    close = ["Thank you so much.", "You're welcome.", "Good night.", "Sleep well.", "Take care."]
    said = [*START, *lyrical(8, 8), *close, *(30 * ["Goodbye!"])]
    assert "single_turn_loop" in kinds(said)
    assert "semantic_repetition" not in kinds(said)
    monkeypatch.setattr(find, "NEXT_TO_ALL", 2)
    assert "semantic_repetition" in kinds(said)
