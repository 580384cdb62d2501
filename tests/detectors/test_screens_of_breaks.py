"""Turns in which no break is looked for hold none."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from broken_record.detectors.apostrophe_break import (
    may_end_broken,
    unusual_apostrophes,
    with_broken_ends,
    with_odd_contractions,
    with_pieces,
)
from broken_record.detectors.examples import transcript_of
from broken_record.detectors.role_leak import find_both_sides, may_be_both_sides

APOSTROPHES = st.text("'\u2019stmdreSl anofThev_\"*\u201d\u201c.\n\u7265\u0301", max_size=40)


@given(st.lists(APOSTROPHES, min_size=1, max_size=4))
def test_apostrophes_and_ends_of_turns_that_are_usual_break_nothing(turns: list[str]) -> None:
    transcript = transcript_of(turns)
    unusual = unusual_apostrophes(transcript)
    for find in (with_odd_contractions, with_pieces):
        assert find(transcript, unusual) == find(transcript, transcript.apostrophes)
    broken = {i for i, body in enumerate(turns) if may_end_broken(body.rstrip())}
    assert broken <= with_broken_ends(transcript)


BEGUN = st.sampled_from(
    ["The ", "the ", " \u00e9ven ", "\u6d77 ", "7 ", "(so ", "_a ", "Yes. ", "\n"]
)
ENDED = st.sampled_from(
    ["end", "end.", "\u00e9,", "so\u2026", "no\u201d ", "_", "7", "\u6d77", "\u3002"]
)
LINES = st.sampled_from(["", "\n\nYes, so.\n\nI agree.\n\nSure it is.\n\n"])


@given(st.lists(st.tuples(BEGUN, LINES, ENDED), min_size=2, max_size=7))
def test_turns_that_cannot_be_of_both_sides_are_not(said: list[tuple[str, str, str]]) -> None:
    turns = [f"{begun}{'one and two ' * 6}{lines}{ended}" for begun, lines, ended in said]
    transcript = transcript_of(turns)
    found = {i for i in range(len(turns)) if find_both_sides(transcript, i)}
    assert found <= may_be_both_sides(transcript)
