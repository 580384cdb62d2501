from __future__ import annotations

import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from broken_record.data import Dialogue, EngineInfo, Turn
from broken_record.errors import LogError
from broken_record.files.text_log import agent_replies, find_replies, parse_log, render_log
from broken_record.terminal import escape_controls
from tests.replay import DATA


def test_control_characters_never_come_out_raw():
    raw = "".join(map(chr, [*range(0x20), *range(0x7F, 0xA0), 0xD800, 0xE9, 0x2028]))
    escaped = escape_controls(raw)
    assert {c for c in escaped if ord(c) < 0x20 or 0x7F <= ord(c) < 0xA0} == {"\n", "\t"}
    assert "\\x1b" in escaped and "\\ud800" in escaped and escaped.endswith("\u2028")


def test_an_old_log_is_read_with_tokens_from_its_counters():
    text = (DATA / "old_logs" / "plain.log").read_text()
    dialogue = parse_log(text)
    assert [(t.index, t.role, t.tokens) for t in dialogue.turns] == [
        (1, "assistant", 24), (2, "user", 7), (3, "assistant", 24), (4, "user", 1),
        (5, "assistant", 1), (6, "user", 13),
    ]  # fmt: skip
    assert dialogue.turns[-1].content == 'Mark: "You said nothing.\nSkye: that was me."'
    assert (dialogue.status, dialogue.turns[0].finish_reason) == ("done", None)


def test_a_log_without_blank_lines_between_blocks_is_read_too():
    dialogue = parse_log((DATA / "old_logs" / "no_prefix_key.log").read_text())
    assert [turn.content.split("\n")[0] for turn in dialogue.turns] == [
        "Skye:  two  spaces  here  in  this  line",
        "What?",
    ]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("\n--- 0 ---\n\nSkye: hel", "did not finish .*run it again"),
        ("", "holds no dialogue"),
        ("--- DONE ---\nFull Config:\n{oops\n", "not JSON"),
        ("--- DONE ---\n", "no config behind"),
    ],
)
def test_a_log_that_cannot_be_read_says_why_and_what_to_do(text, words):
    with pytest.raises(LogError, match=words):
        parse_log(text, "a.log")


def test_the_old_replies_are_the_lines_with_the_prefix_behind_the_first_done():
    text = (DATA / "old_logs" / "plain.log").read_text()
    sea = '*smiles* "I love the sea, I really do love the sea."'
    assert agent_replies(text, "Skye:") == [sea, sea, "", 'that was me."']
    assert agent_replies("A: x\n--- DONE ---", "A:") == []


words = st.text(st.sampled_from("ab .\r\x85\u2028\t\n"), max_size=12)


@given(replies=st.lists(words, max_size=6))
def test_the_old_replies_of_a_record_are_those_of_its_log_read_in_text_mode(replies):
    turns = tuple(Turn(i, "assistant", "A:" + reply) for i, reply in enumerate(replies))
    log = render_log(Dialogue({"conversation": [], "agent_prefix": "A:"}, turns, "done"))
    in_text_mode = io.TextIOWrapper(io.BytesIO(log.encode()), encoding="utf-8").read()
    lines = in_text_mode.split("--- DONE ---")[-1].split("\n")
    expected = [line[2:].strip() for line in lines if line.startswith("A:")]
    assert agent_replies(log, "A:") == expected


def test_the_text_log_shows_stream_and_transcript():
    dialogue = Dialogue(
        {"conversation": [{"role": "user", "content": "B: hi"}], "initial_tokens": 2},
        (Turn(1, "assistant", "A: \x1b[1mhello", 3), Turn(2, "user", "B: yes", 2)),
        "done",
        assistant=EngineInfo("x", model="m1"),
    )
    assert render_log(dialogue) == (
        "\n--- 2 ---\n\nA: \\x1b[1mhello\nB: yes\n"
        "\n--- DONE ---\nFull Config:\n"
        '{"conversation": [{"role": "user", "content": "B: hi"}], "initial_tokens": 2}\n'
        "Assistant Model: m1\nUser Model: unknown\n"
        "\n=== user @ 2 ===\nB: hi\n"
        "\n=== assistant @ 2 ===\nA: \\x1b[1mhello\n"
        "\n=== user @ 5 ===\nB: yes\n"
        "\n--- 7 tokens, 3 turns ---\n"
    )
    assert [turn.content for turn in parse_log(render_log(dialogue)).turns] == [
        "A: \\x1b[1mhello",
        "B: yes",
    ]


def test_without_a_prefix_the_old_numbers_read_whole_replies():
    opening = [{"role": "system", "content": "Be."}, {"role": "assistant", "content": "Hello."}]
    turns = (Turn(2, "user", "Hi"), Turn(3, "assistant", " one\ntwo "))
    dialogue = Dialogue({"conversation": opening, "agent_prefix": ""}, turns, "done")
    assert find_replies(dialogue, render_log(dialogue)) == ["Hello.", "one\ntwo"]
