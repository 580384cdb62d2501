"""What a reasoning model thinks aloud never becomes speech, and is counted."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from broken_record.conversation.prompts import render
from broken_record.conversation.thoughts import Thoughts, thought_notice
from broken_record.data import Chunk, Message, Turn
from broken_record.engines.scripted import ScriptedEngine
from broken_record.files.record import read_record
from tests.conversation.test_converse import CONFIG, transcript, turns_of
from tests.replay import LLAMA, replay, reply
from tests.test_parrot import parrot, put_config


@pytest.mark.parametrize(
    ("reply", "said", "thought"),
    [
        (" Hello.", " Hello.", None),
        ("<think>\nHm.\n</think>\n\nHello.", "Hello.", "\nHm.\n"),
        (" <think></think> Hello.", "  Hello.", ""),
        ("A<think>1</think>B<think>2</think>\nC", "ABC", "12"),
        (" Hi. <think>and so on", " Hi. ", "and so on"),
        ("<think>a <think> b</think>c", "c", "a <think> b"),
        ("1 < 2 <thin air", "1 < 2 <thin air", None),
        ("no </think> here", "no </think> here", None),
    ],
)
@given(data=st.data())
def test_thoughts_are_told_from_speech_wherever_the_stream_is_cut(reply, said, thought, data):
    cuts = sorted(data.draw(st.lists(st.integers(0, len(reply)), max_size=6)))
    places = [0, *cuts, len(reply)]
    pieces = [reply[start:end] for start, end in pairwise(places)]
    thoughts = Thoughts()
    heard = "".join(thoughts.speech(piece) for piece in pieces) + thoughts.speech("", is_last=True)
    assert (heard, thoughts.thought) == (said, thought)


def test_a_thought_is_in_the_turn_and_its_tokens_count_but_nobody_hears_it():
    config = replace(CONFIG, total_tokens=9)
    assistant, user = (
        ScriptedEngine("<think>secret plan</think>hello", tokens=5),
        ScriptedEngine("hi"),
    )
    events = transcript(config, assistant, user)
    first, second, _ = turns_of(events)
    assert (first.content, first.thought, first.tokens) == ("Skye: hello", "secret plan", 5)
    assert (second.content, second.thought) == ("Mark: hi", None)
    streamed = "".join(event.text for event in events if isinstance(event, Chunk))
    assert "secret" not in streamed and "plan" not in streamed
    assert not any("secret" in prompt for prompt in assistant.prompts + user.prompts)


def test_where_the_server_does_not_count_the_chunks_of_thoughts_count_too():
    config = replace(CONFIG, total_tokens=4)
    (turn,) = turns_of(
        transcript(config, ScriptedEngine("<think> a b </think> c", tokens=None), ScriptedEngine())
    )
    assert (turn.content, turn.tokens, turn.tokens_from) == ("Skye:  c", 5, "chunks")


def test_a_block_that_the_template_leaves_open_is_closed():
    def template(messages):
        return f"{messages[0].content}[assistant]<think>\n"

    assert render(template, [Message("user", "Hi")]) == "Hi[assistant]<think>\n\n</think>\n\n"


def test_a_reply_that_is_all_thought_is_empty_and_said_to_be(tmp_path):
    thinking = reply("<think>\nThe user wants", tokens=4, finish="length")
    with replay({**LLAMA, "/v1/completions": thinking}) as (url, _):
        config = put_config(tmp_path, url, total_tokens=4, turn_max_tokens=4)
        record = tmp_path / "a.jsonl"
        done = parrot("--record", record, config)
    (turn,) = read_record(record).turns
    assert (turn.content, turn.finish_reason, turn.tokens) == ("Skye:", "length", 4)
    assert turn.thought == "\nThe user wants" and b"The user" not in done.stdout
    said = "assistant: thought, and said nothing (4 tokens, finish_reason length)"
    assert done.returncode == 0 and said in done.stderr.decode()


def test_only_of_a_turn_without_speech_is_it_said():
    turn = Turn(1, "user", "Mark: Yes.", 3, thought="Hm.")
    assert thought_notice(turn, "Mark:") is None
    assert thought_notice(replace(turn, thought=None, content="Mark:"), "Mark:") is None
