"""Turns that are not read for refusals do not refuse."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from broken_record.detectors.examples import transcript_of
from broken_record.detectors.refusal import POINTS
from broken_record.detectors.refusal_languages import ROWS, patterns_of
from broken_record.detectors.refusal_reading import read_body, sentences_in
from broken_record.detectors.refusal_scene import Scene
from broken_record.text.held_strings import branches, strings_in

REFUSED = st.lists(
    st.sampled_from(
        "I can't|can't |I 'm |a |not |help |write |that story|machine|as an AI|_|**|*|*so*| \"|\" |"
        "\u201c|\u201d|\u300c|\u300d|.| |! |\n|kann|ich |nicht |helfen|unangemessen |je ne |"
        "peux pas |aider|no puedo |ayudar|\u79c1\u306f|\u63d0\u4f9b|\u3067\u304d\u307e\u305b\u3093|"
        "\u65e0\u6cd5|\u6211|\u8bed\u8a00\u6a21\u578b|\ub2f5\ubcc0|\ud560 \uc218 \uc5c6|"
        "\u3002|the |you |no, |sorry |sure |doubt |do not have access to |it in a more |"
        "reword |respectful|take sides on |let us try a |topic|time to move on to a |comment on |"
        "prohibited from |keinen Zugriff auf|no tengo acceso a|\u9690\u79c1|"
        "nicht daf\u00fcr ausgelegt|do |go into |this|provide |details|being an |have no |"
        "declining |your request |goes against our content |policy |is outside what |"
        "was not |designed to |i share |keep things |it is important to note ".split("|")
    ),
    max_size=40,
).map("".join)


@given(st.lists(REFUSED, min_size=1, max_size=5), st.sampled_from(["", *ROWS, "it"]))
def test_no_turn_that_may_refuse_is_passed_over(turns: list[str], language: str) -> None:
    scene = Scene(transcript_of(turns))
    scene.language = language or scene.language
    for i, body in enumerate(turns):
        reading = read_body(body)
        for wording in scene.wordings(i, reading.text):
            acts = any(one.has(*POINTS) for one in sentences_in(reading.text, wording))
            assert not acts or scene.may_act(i)


@pytest.mark.parametrize("language", sorted(ROWS))
def test_the_strings_that_a_pattern_asks_for_are_in_what_it_finds(language: str) -> None:
    for pattern in patterns_of(language).values():
        asked = re.compile(branches(sorted(strings_in(pattern))))
        for text in ROWS[language][0].values():
            for found in re.finditer(pattern, text):
                assert asked.search(found[0])
