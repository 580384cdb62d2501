from __future__ import annotations

import pytest

from broken_record.conversation.context import find_limits, fits
from broken_record.data import EngineInfo
from broken_record.engines.scripted import ScriptedEngine
from broken_record.errors import ContextFull, EngineBusy
from tests.conversation.test_resume import config

# the prompt of "Mark: hi" has 2 words; 100 more are to be said, 2 a turn, which cost no markers
FULL = (
    "the assistant's context of 52 tokens will be full at about turn 25; "
    "the whole dialogue needs about 102"
)
INFOS = (EngineInfo("one", n_ctx=52), EngineInfo("other", n_ctx=9, ignored=("top_a", "mirostat")))


def limits(**more):
    engine = ScriptedEngine("x")
    return find_limits(config(total_tokens=100, **more), engine, engine.template, "A:", INFOS)


def test_the_last_instructions_count():  # "Be brief, please." makes the prompt 2 words longer
    longer = FULL.replace("about turn 25", "about turn 24").replace("about 102", "about 104")
    said = limits(context="stop", post_history="Be brief, please.")
    assert f"{longer}; then it will stop" in [*said]


@pytest.mark.parametrize("way", ["stop", "trim"])
def test_what_a_dialogue_has_to_do_without_is_said_before_it_begins(way):
    assert list(limits(context=way)) == [
        "user: other does not honour top_a, mirostat",
        f"{FULL}; then it will {way}",
    ]


def test_a_context_that_will_be_full_is_refused_where_nobody_says_what_then():
    sentences = limits()
    assert next(sentences) == "user: other does not honour top_a, mirostat"
    with pytest.raises(ContextFull, match=FULL):
        next(sentences)


def test_a_tokenizer_that_is_busy_is_asked_again_and_not_taken_for_none():
    class Busy(ScriptedEngine):
        def count_tokens(self, prompt):
            raise EngineBusy("503")

    with pytest.raises(EngineBusy):
        fits(Busy("hi"), "x" * 900, 10, 200)
