from __future__ import annotations

import pytest

from broken_record.conversation.context import (
    check_whole,
    find_limits,
    find_user_limits,
    fits,
)
from broken_record.conversation.converse import converse
from broken_record.data import Attempt, End, EngineInfo, Turn
from broken_record.engines.scripted import ScriptedEngine
from broken_record.errors import ContextFull, EngineBusy
from tests.conversation.test_resume import config, sides

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


@pytest.mark.parametrize(
    ("engine", "more", "words"),
    [
        ("koboldcpp", {"reproducible": True}, ["--nofastforward"]),
        ("koboldcpp", {}, []),
        ("llama-server", {"reproducible": True}, []),
        ("library", {}, ["Ollama puts a chat template of its own around every prompt"]),
    ],
)
def test_what_a_kind_of_server_does_to_a_dialogue_is_said_before_it_begins(engine, more, words):
    server = ScriptedEngine("x")
    infos = (EngineInfo(engine), EngineInfo("llama-server"))
    said = list(find_limits(config(**more), server, server.template, "A:", infos))
    assert len(said) == len(words)
    assert all(line.startswith("assistant: ") for line in said)
    assert all(word in line for word, line in zip(words, said, strict=True))


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


class Mute(ScriptedEngine):
    """An engine whose tokenizer cannot be asked."""

    def count_tokens(self, prompt):
        return None


@pytest.mark.parametrize(
    ("engine", "read", "before", "said"),
    [
        (ScriptedEngine("x"), 40, 60, "read 40 of 100 tokens"),  # it shrank, and is counted
        (ScriptedEngine("x"), 98, 99, None),  # it did, by a BOS
        (ScriptedEngine("x"), 30, None, "read 30 of 100 tokens"),  # 200 characters in 30 tokens
        (ScriptedEngine("x"), 40, None, None),
        (ScriptedEngine("x"), None, 60, None),
        (Mute("x"), 40, 60, "read 40 of at least 60 tokens"),
        (Mute("x"), 30, None, None),
    ],
)
def test_a_prompt_that_a_server_cut_without_a_word_is_a_full_context(engine, read, before, said):
    turn = Turn(1, "assistant", "A: x", prompt_tokens=read)
    if said is None:
        check_whole(engine, "a " * 100, turn, before)
        return
    with pytest.raises(ContextFull, match=said):
        check_whole(engine, "a " * 100, turn, before)


def test_a_context_that_the_server_calls_full_stops_or_is_trimmed_as_the_config_says():
    full = ContextFull("full")
    said = [f"word {i}" for i in range(8)]
    stopping = config(total_tokens=27, context="stop")
    events = list(converse(stopping, *sides(*said[:4], full)[1], seed=1))
    assert sum(isinstance(event, Turn) for event in events) == 4
    assert [event.error for event in events if isinstance(event, Attempt)] == ["full"]
    assert events[-1] == End("context")
    trimming = config(total_tokens=27, context="trim")
    turns = [e for e in converse(trimming, *sides(*said[:4], full, *said[4:])[1], seed=1)
             if isinstance(e, Turn)]  # fmt: skip
    assert [turn.trimmed for turn in turns] == [None, None, None, None, 2, None, 2, None, 2]
    with pytest.raises(ContextFull):
        list(converse(trimming, *sides(full)[1], seed=1))


def test_an_opening_of_a_few_words_does_not_make_all_turns_short():  # 2 words a turn, 9 markers
    class Marked(ScriptedEngine):
        def count_tokens(self, prompt):
            return len(prompt.split()) + 9 * prompt.count("<")

    server = Marked("x")
    infos = (EngineInfo("one", n_ctx=260), EngineInfo("other"))

    def template(messages):
        return "".join(f"< {message.content} " for message in messages)

    said = find_limits(config(total_tokens=100), server, template, "A:", infos)
    assert not [line for line in said if "full" in line]


def user_limits(n_ctx, **more):
    """What is warned of a user whose every message has 2 words, behind a system text of 3."""
    held = config(user_system="You are Mark.", **more)
    engine = ScriptedEngine("x")

    def prompt_of(messages):
        return " ".join(["You are Mark.", *(one.content for one in messages)])

    return list(find_user_limits(held, engine, n_ctx, prompt_of))


def test_a_users_context_too_small_for_the_opening_is_refused_before_the_first_token():
    with pytest.raises(ContextFull, match=r"of 5 tokens is too small for its first prompt, which"):
        user_limits(5, user_memory=1)  # "You are Mark. Mark: hi" has 5 words
    assert len(user_limits(5, user_memory=1, context="stop")) == 1
    assert user_limits(6, user_memory=1) == []


def test_a_users_context_too_small_for_its_memory_is_warned_of():
    assert user_limits(21, user_memory=9) == [
        "the user's context of 21 tokens is too small for its memory: 9 messages like the "
        'opening\'s take 21: give its server more context, or lower "user_memory"'
    ]
    assert user_limits(22, user_memory=9) == user_limits(None, user_memory=9) == []
