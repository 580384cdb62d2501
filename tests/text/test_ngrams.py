from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from broken_record.text.ngrams import loop_coverage


def test_coverage_counts_from_the_second_occurrence_and_over_borders_of_turns():
    assert loop_coverage("") == loop_coverage("a b c d a b c d") == 0
    text = "good night\n" * 10
    # the window of 5 words at word 2 is the first that stood before (at word 0): words 2 to 19
    assert loop_coverage(text) == (len(text) - len("good night\n") - 1) / len(text)


@given(st.text("ab .\n", max_size=200))
def test_coverage_is_a_share(text):
    assert 0 <= loop_coverage(text) <= 1
