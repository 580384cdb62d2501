"""The parts that detectors share, each by values worked by hand."""

from __future__ import annotations

import numpy as np

from broken_record.detectors.examples import transcript_of
from broken_record.detectors.labels import find_labels, opening_label
from broken_record.detectors.rounds import find_rounds, nearest_before


def test_rounds_take_the_smallest_period() -> None:
    lags = np.array([0] * 5 + [5, 10, 5, 5, 5] * 4)
    found = find_rounds(lags, least=3, most=12, evidence=8.0)
    assert found is not None
    assert (found.period, found.first, found.last) == (5, 5, 24)


def test_a_step_that_never_comes_again_is_no_round() -> None:
    lags = np.array([0] * 5 + [5, 5, 5, 5, 0] * 4)  # the fifth step is another each time
    assert find_rounds(lags, least=3, most=12, evidence=8.0) is None


def test_chance_is_no_round() -> None:
    lags = np.random.default_rng(3).integers(1, 12, size=60)
    assert find_rounds(lags, least=3, most=12, evidence=8.0) is None


def test_the_nearest_turn_shares_the_rarest_words() -> None:
    steps = ["bell tower rings", "compass by lamp", "cocoa for watch"]
    transcript = transcript_of([f"{step} again" for _ in range(4) for step in steps])
    assert nearest_before(transcript).tolist() == [0, 0, 0, *[3] * 9]


def test_a_label_is_a_name_and_a_colon_at_the_beginning_of_a_line() -> None:
    assert [label.name for label in find_labels("Ann: Hi.\nNo: this one too: not that.")] == [
        "ann", "no",
    ]  # fmt: skip
    assert opening_label("*waves*\nAnn: Hi.") is not None
    assert opening_label("Hi.\nAnn: Hi.") is None
