"""Replies with nothing in them, and short ones that mean something."""

from __future__ import annotations

import pytest

from broken_record.detectors.empty_response import detect
from broken_record.detectors.examples import transcript_of


@pytest.mark.parametrize(
    "body",
    ["", " \n", '""', "\u201c \u201d", "\u300c\u300d", "()", "**", "\u200b", "\ufeff", "\u3000"],
)
def test_a_reply_with_nothing_in_it_is_empty(body):
    (found,) = detect(transcript_of(["Well then, what now?", body]))
    assert (found.level, found.onset_turn) == ("warn", 1)


@pytest.mark.parametrize(
    "body",
    [
        "...",
        "\u2026",
        "\U0001f600",
        ">_",
        "X",
        "+",
        ">",
        "[]",
        "{}",
        "#",
        ":)",
        "\u306f\u3044",
        "No.",
    ],
)
def test_a_sign_or_a_word_that_can_be_an_answer_is_minimal(body):
    (found,) = detect(transcript_of(["Well then, what now?", body]))
    assert (found.level, found.onset_turn) == ("info", 1)


@pytest.mark.parametrize("body", ["*nods*", "\u3042\u308a\u304c\u3068\u3046\u3002", "Not now."])
def test_what_says_or_does_something_is_neither(body):
    found = detect(transcript_of(["Well then, what now?", body]))
    assert [f.level for f in found] == ["info"] * (body == "*nods*")
