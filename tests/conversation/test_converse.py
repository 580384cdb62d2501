from __future__ import annotations

import json
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from broken_record.config.load import parse
from broken_record.conversation.converse import converse, take_sides, turn_seed
from broken_record.data import Chunk, End, Message, Turn
from broken_record.engines.scripted import ScriptedEngine
from broken_record.errors import BrokenStream, TemplateRefused

CONFIG = parse(
    json.dumps(
        {
            "conversation": [
                {"role": "system", "content": "S"},
                {"role": "assistant", "content": "Skye: A"},
                {"role": "user", "content": "Mark: U"},
            ],
            "agent_prefix": "Skye:",
            "user_prefix": "Mark:",
            "user_system": "Be Mark.",
            "user_memory": 2,
            "total_tokens": 12,
        }
    ),
    "c.json",
).config


def transcript(config, assistant, user, seed=7):
    return list(converse(config, *take_sides(config, assistant, user), seed=seed))


def turns_of(events):
    return [event for event in events if isinstance(event, Turn)]


def test_turns_alternate_assistant_first_until_the_tokens_are_spent():
    turns = turns_of(
        transcript(CONFIG, ScriptedEngine("hello", tokens=5), ScriptedEngine("hi you", tokens=5))
    )
    assert [(t.index, t.role, t.content) for t in turns] == [
        (3, "assistant", "Skye: hello"),
        (4, "user", "Mark: hi you"),
        (5, "assistant", "Skye: hello"),
    ]


@pytest.mark.parametrize(
    ("opening", "first"),
    [
        ([("system", "S")], "assistant"),
        ([("user", "U")], "assistant"),
        ([("user", "U"), ("assistant", "A")], "user"),
        ([("assistant", "A"), ("system", "S")], "user"),
    ],
)
def test_the_assistant_begins_unless_the_opening_ends_with_its_message(opening, first):
    messages = tuple(Message(role, content) for role, content in opening)
    config = replace(CONFIG, conversation=messages)
    turns = turns_of(transcript(config, ScriptedEngine("a"), ScriptedEngine("u")))
    assert (turns[0].role, turns[0].index) == (first, len(opening))
    assert turns[1].role != first


def test_each_side_is_sent_what_it_may_see_with_its_prefix_at_the_end():
    assistant, user = ScriptedEngine("hello"), ScriptedEngine("hi")
    transcript(CONFIG, assistant, user)
    assert assistant.prompts[1] == (
        "[system]S[assistant]Skye: A[user]Mark: U"
        "[assistant]Skye: hello[user]Mark: hi[assistant]Skye:"
    )
    assert user.prompts[1] == "[system]Be Mark.[assistant]Mark: hi[user]Skye: hello[assistant]Mark:"


def test_instructions_stand_behind_all_that_was_said_and_before_the_prefix():
    assistant, user = ScriptedEngine("hello"), ScriptedEngine("hi")
    config = replace(CONFIG, post_history="Be brief.", user_post_history="Ask more.")
    events = transcript(config, assistant, user)
    assert assistant.prompts[1] == (
        "[system]S[assistant]Skye: A[user]Mark: U"
        "[assistant]Skye: hello[user]Mark: hi[system]Be brief.[assistant]Skye:"
    )
    assert user.prompts[1] == (
        "[system]Be Mark.[assistant]Mark: hi[user]Skye: hello[system]Ask more.[assistant]Mark:"
    )
    assert [turn.content for turn in turns_of(events)] == ["Skye: hello", "Mark: hi"] * 2


def test_a_template_that_takes_no_late_system_message_has_the_instructions_in_the_last_message():
    class SystemFirst(ScriptedEngine):
        def template(self, messages):
            if "system" in [message.role for message in messages][1:]:
                raise TemplateRefused("System message must be at the beginning.")
            return super().template(messages)

    assistant = SystemFirst("hello")
    transcript(replace(CONFIG, post_history="Be brief."), assistant, ScriptedEngine("hi"))
    assert assistant.prompts[0].endswith("[user]Mark: U\nBe brief.[assistant]Skye:")


def test_a_turn_begins_with_its_prefix_and_ends_with_its_turn():
    events = transcript(CONFIG, ScriptedEngine("a b"), ScriptedEngine("c"))
    first_turn = events[: next(i for i, e in enumerate(events) if isinstance(e, Turn)) + 1]
    assert first_turn[0] == Chunk("Skye:", begins="assistant")
    assert [e.text for e in first_turn[1:-1]] == [" a", " b", ""]
    turn = first_turn[-1]
    assert (turn.finish_reason, turn.tokens, turn.tokens_from) == ("stop", 3, "usage")
    assert 0 <= turn.ttft_s <= turn.elapsed_s


def test_chunks_count_where_the_engine_reports_no_tokens():
    turn = turns_of(transcript(CONFIG, ScriptedEngine("a b c", tokens=None), ScriptedEngine("d")))[
        0
    ]
    assert (turn.tokens, turn.tokens_from) == (3, "chunks")


def test_initial_tokens_count():
    events = transcript(
        replace(CONFIG, initial_tokens=10), ScriptedEngine("a"), ScriptedEngine("b")
    )
    assert len(turns_of(events)) == 1


def test_nothing_is_said_when_the_tokens_are_spent_before_the_start():
    assert transcript(
        replace(CONFIG, initial_tokens=12), ScriptedEngine("a"), ScriptedEngine("b")
    ) == [End("total_tokens")]


def test_a_failure_is_never_a_turn():
    events = []
    with pytest.raises(BrokenStream):
        sides = take_sides(CONFIG, ScriptedEngine("a"), ScriptedEngine(BrokenStream("died")))
        for event in converse(CONFIG, *sides, seed=1):
            events.append(event)
    assert [turn.role for turn in turns_of(events)] == ["assistant"]


def test_neighbouring_dialogues_share_no_turn_seed():
    seeds = [{turn_seed(base, turn) for turn in range(400)} for base in range(5)]
    assert len(set.union(*seeds)) == 5 * 400
    assert all(0 <= seed < 2**31 for group in seeds for seed in group)
    assert turn_seed(7, 3, 0) == 30713985  # printf 7:3:0 | sha256sum, first 31 bits


def test_the_seed_of_a_turn_is_sent_and_recorded():
    assistant = ScriptedEngine("a")
    turns = turns_of(transcript(CONFIG, assistant, ScriptedEngine("b"), seed=11))
    assert assistant.seeds[0] == turns[0].seed == turn_seed(11, 3)


def test_a_tokenizer_replaces_the_engines_template():
    from broken_record.tiny.tokenizer import FOLDER

    config = replace(CONFIG, tokenizer=str(FOLDER))
    assistant, _ = take_sides(config, ScriptedEngine("a"), ScriptedEngine("b"))
    assert assistant.template(config.conversation[:1]) == "<|system|>S<|end|><|assistant|>"
    assert assistant.info.template == f"tokenizer {FOLDER}" and assistant.info.template_sha256


@given(
    replies=st.lists(st.text(max_size=8), min_size=1, max_size=4),
    tokens=st.none() | st.integers(0, 5),
    total=st.integers(1, 40),
)
def test_every_dialogue_ends_and_never_gives_one_side_two_turns_in_a_row(replies, tokens, total):
    engines = [ScriptedEngine(*replies, tokens=tokens) for _ in range(2)]
    turns = turns_of(transcript(replace(CONFIG, total_tokens=total), *engines))
    assert [turn.role for turn in turns] == [
        ("assistant", "user")[i % 2] for i in range(len(turns))
    ]
    assert sum(turn.tokens for turn in turns) >= total > sum(turn.tokens for turn in turns[:-1])
