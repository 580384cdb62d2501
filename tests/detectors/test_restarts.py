"""A dialogue that begins again, from however far away."""

from __future__ import annotations

import pytest

from broken_record.detectors.examples import transcript_of
from broken_record.detectors.multi_turn_loop import detect

VISIT = (
    "Good evening, is the doctor in?",
    "She has just left for the farm on the hill.",
    "Then I shall wait by the stove, if I may.",
    "Please do, and put your wet boots beside it.",
    "My brother fell from the hayloft this morning.",
    "Is he awake, and does he know his own name?",
)
BETWEEN = tuple(
    f"{what} {how}."
    for what, how in zip(
        "Snow Tea Rain Bread Wool Salt Smoke Glass Iron Milk Straw Honey Ash Cork Clay".split(),
        (
            "fell on the pass last night", "is nearly ready now", "would melt all of it",
            "goes well with that cheese", "keeps the draught out of here", "helps on the steps",
            "came out of the wrong chimney", "broke when the door slammed", "rusts in this valley",
            "went sour before noon", "covers the whole yard", "cured my own cough once",
            "lies on every windowsill", "floats, as you can see", "makes the road slow",
        ),
        strict=True,
    )
)  # fmt: skip


def test_a_visit_that_begins_again_is_told_and_where() -> None:
    [found] = detect(transcript_of([*VISIT, *BETWEEN, *VISIT]))
    assert (found.origin_turn, found.onset_turn, found.end_turn) == (0, 21, None)
    assert (found.period, found.copies, found.detect_turn) == (21, 2, 25)


def test_one_turn_of_the_passage_may_be_another() -> None:
    again = [*VISIT[:2], "No, no, let me first say who I am.", *VISIT[3:]]
    [found] = detect(transcript_of([*VISIT, *BETWEEN, *again, "Come in, then.", "Thank you."]))
    assert (found.onset_turn, found.end_turn) == (21, 26)


@pytest.mark.parametrize("turns", [1, 2, 3, 4])
def test_a_few_lines_that_come_again_are_a_callback(turns: int) -> None:
    assert not detect(transcript_of([*VISIT, *BETWEEN, *VISIT[:turns], "That will do for now."]))


def test_short_nods_from_far_away_are_no_passage() -> None:
    nods = ("Yes.", "No.", "Well.", "Fine.", "Good.", "Right.")
    assert not detect(transcript_of([*nods, *BETWEEN, *nods]))


def test_two_lines_over_and_over_are_no_passage_though_a_third_between_them_comes_again() -> None:
    loop = ["I would know your parcel anywhere.", "And I yours, by the way of the string."] * 12
    aside = "Wait, was that the bell of the post office?"
    said = [*BETWEEN, aside, *loop[:17], aside, *loop[:20]]
    assert said[33:51] == said[15:33]
    assert not detect(transcript_of(said))
