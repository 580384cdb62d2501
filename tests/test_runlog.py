from __future__ import annotations

import io
import json
import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from broken_record.errors import LogError
from broken_record.records import Dialogue, EngineInfo, Turn
from broken_record.runlog import (
    RecordWriter,
    agent_replies,
    escape_controls,
    parse_log,
    parse_record,
    render_log,
)
from tests.replay import DATA

texts = st.text(st.characters(exclude_categories=()), max_size=30)
numbers = st.none() | st.floats(0, 1e6)
counts = st.none() | st.integers(0, 10**6)
turns = st.builds(
    Turn, index=st.integers(0, 500), role=st.sampled_from(["assistant", "user"]), content=texts,
    tokens=counts, tokens_from=st.sampled_from([None, "usage", "timings", "chunks"]),
    finish_reason=st.sampled_from([None, "stop", "length", "repetition"]), ttft_s=numbers,
    elapsed_s=numbers, prompt_tokens=counts, cached_tokens=counts, prompt_s=numbers,
    generation_s=numbers, seed=counts,
)  # fmt: skip
infos = st.none() | st.builds(EngineInfo, engine=texts, build=st.none() | texts, n_ctx=counts)
dialogues = st.builds(
    Dialogue, config=st.fixed_dictionaries({"conversation": st.just([]), "agent_prefix": texts}),
    turns=st.lists(turns, max_size=5).map(tuple), status=st.sampled_from(["done", "error"]),
    seed=counts, assistant=infos, user=infos, packages=st.dictionaries(texts, texts, max_size=2),
    started=st.none() | texts, error=st.none() | texts,
    unknown=st.dictionaries(st.text(string.ascii_uppercase, min_size=1), texts, max_size=2),
)  # fmt: skip


def write(dialogue, path):
    writer = RecordWriter(path)
    writer.header(dialogue)
    for turn in dialogue.turns:
        writer.turn(turn)
    writer.end(dialogue.status, tokens=0, turns=len(dialogue.turns), error=dialogue.error)
    writer.close()
    return path.read_bytes()


@given(dialogue=dialogues)
def test_reading_a_written_record_gives_the_dialogue_back(dialogue, tmp_path_factory):
    raw = write(dialogue, tmp_path_factory.mktemp("record") / "a.jsonl")
    assert raw.isascii() and raw.endswith(b"\n")
    assert parse_record(raw.decode().split("\n")) == dialogue


@given(dialogue=dialogues, cut=st.integers(1, 400))
def test_a_record_cut_off_anywhere_keeps_every_whole_turn(dialogue, cut, tmp_path_factory):
    raw = write(dialogue, tmp_path_factory.mktemp("record") / "a.jsonl")
    header_end = raw.index(b"\n")
    torn = raw[: max(header_end, len(raw) - cut)]
    read = parse_record(torn.decode().split("\n"))
    whole = torn.count(b"\n") + json_is_whole(torn.split(b"\n")[-1]) - 1
    assert read.turns == dialogue.turns[:whole]
    assert read.status in ("unfinished", dialogue.status)


def json_is_whole(line):
    try:
        json.loads(line)
    except ValueError:
        return False
    return True


def test_every_turn_is_on_disk_as_soon_as_it_is_written(tmp_path):
    writer = RecordWriter(tmp_path / "a.jsonl")
    writer.header(Dialogue({}, (), "unfinished"))
    writer.turn(Turn(3, "assistant", "hello"))
    assert parse_record((tmp_path / "a.jsonl").read_text().split("\n")).turns[0].content == "hello"
    writer.close()


def test_a_record_is_never_written_over(tmp_path):
    (tmp_path / "a.jsonl").write_text("")
    with pytest.raises(LogError, match="exists already"):
        RecordWriter(tmp_path / "a.jsonl")


def test_a_record_may_be_written_by_hand_and_may_hold_what_this_version_does_not_know():
    lines = [
        '{"type": "dialogue", "config": {"agent_prefix": "A:"}, "mood": "good"}',
        '{"type": "turn", "index": 0, "role": "assistant", "content": "A: hi", "smile": true}',
        '{"type": "weather", "rain": 1}',
    ]
    dialogue = parse_record(lines)
    assert dialogue.turns == (Turn(0, "assistant", "A: hi"),)
    assert (dialogue.status, dialogue.unknown) == ("unfinished", {"mood": "good"})


@pytest.mark.parametrize(
    ("lines", "words"),
    [
        ([], "this is no record"),
        (['{"type": "turn", "index": 0, "role": "user", "content": ""}'], "this is no record"),
        (["{}"], "line 1 is not a line of a record"),
        (["[1]"], "line 1 is not a line of a record"),
        (['{"type": "dialogue"}'], "the first line has no config"),
        (
            ['{"type": "dialogue", "version": 2, "config": {}}'],
            "version 2; this program reads up to 1",
        ),
        (['{"type": "dialogue", "config": {}}', '{"type": "turn"}', "{}"], "line 2: a turn needs"),
        (['{"type": "dialogue", "config": {"agent_prefix": null}}'], "are not texts"),
        (['{"type": "dialogue", "config": {"conversation": ["hi"]}}'], "are not texts"),
        (['{"type": "dialogue", "config": {"initial_tokens": "3"}}'], "no whole number"),
        (
            [
                '{"type": "dialogue", "config": {}}',
                '{"type": "turn", "index": 0, "role": "bot", "content": ""}',
            ],
            "line 2: a turn's role",
        ),
        (['{"type": "dialogue", "config": {}}', "broken", '{"type": "end"}'], "line 2 is not"),
    ],
)
def test_what_is_no_record_is_said_with_its_line(lines, words):
    with pytest.raises(LogError, match=words):
        parse_record(lines, "a.jsonl")


def test_a_record_with_odd_optional_fields_is_read():
    lines = [
        '{"type": "dialogue", "config": {}, "assistant": "skye", "user": {"model": "m"}}',
        '{"type": "end"}',
    ]
    dialogue = parse_record(lines)
    assert (dialogue.status, dialogue.assistant) == ("unfinished", None)
    assert dialogue.user == EngineInfo("unknown", model="m")


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
