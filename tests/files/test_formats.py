"""Chats of every format: the files people have, talks that are made up, and what is refused."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import analyze
from broken_record.analysis.report_file import read_report
from broken_record.errors import LogError
from broken_record.files.chats import (
    Reading,
    one_sided,
    parse_chats,
    read_chats,
    stands_alone,
    what_is_missing,
)
from broken_record.files.formats.registry import FORMATS, format_of
from broken_record.files.import_chats import import_file
from broken_record.files.read import find_dialogues, read_dialogue
from broken_record.files.values import Problem, Value, read_file, read_values
from tests.make_chats import BUILDERS, Said
from tests.replay import DATA

CASES = DATA / "chats"
TALK = [
    ("user", "Is the tower far?"),
    ("assistant", "Two hours on foot, past the mill."),
    ("user", "And the road?"),
    ("assistant", "Muddy since the flood, but it holds."),
    ("user", "Shall we go at dawn?"),
    ("assistant", "Dawn suits me, bring a coat."),
]
ALL_USER = [("user", text) for _, text in TALK[:4]]
ALL_ASSISTANT = [("assistant", text) for _, text in TALK]
GREETED = [("assistant", "Welcome."), *TALK]
SILENT = [*TALK[:3], ("assistant", ""), TALK[4], ("assistant", "")]
REFUSED = [TALK[0], ("assistant", "I can't help with that."), *TALK[2:]]
SHORT = [("user", "Is it far?"), ("assistant", "Two hours.")]


def read_all(path, assistant=None, reasoning=False):
    reading = Reading(path.name, assistant, reasoning)
    return list(read_chats(read_file(path, stands_alone), reading)), reading.problems


def said_in(dialogue):
    return [(turn.role, turn.content) for turn in dialogue.turns]


def write(path, value):
    path.write_text(value if isinstance(value, str) else json.dumps(value), encoding="utf-8")
    return path


@pytest.mark.parametrize(
    ("name", "form", "talks", "left_out"),
    [
        ("st-array.json", "SillyTavern", [TALK], {}),
        ("sharegpt-array.json", "messages", [TALK], {}),
        ("sharegpt-array-oneline.json", "messages", [TALK], {}),
        ("openai-messages-pretty.json", "messages", [TALK], {}),
        ("openai-bare-array.json", "messages", [TALK], {}),
        ("openai-bare-array-per-line.jsonl", "messages", [TALK, TALK], {}),
        ("ooba-history.json", "text-generation-webui", [GREETED], {"silent in a pair": 1}),
        ("ooba-old-data-visible.json", "text-generation-webui", [TALK], {}),
        ("koboldlite-save.json", "KoboldAI Lite", [TALK], {}),
        ("openai-preference.jsonl", "preferences", [TALK], {"rejected": 1}),
        ("arena.jsonl", "Arena", [TALK, TALK], {}),
        ("agnai.json", "Agnai", [TALK], {}),
        ("cai-tools.json", "CAI Tools", [TALK], {}),
        ("pippa.jsonl", "PIPPA", [TALK], {}),
        ("lmstudio.conversation.json", "LM Studio", [TALK], {}),
        ("openwebui-export.json", "Open WebUI", [TALK], {}),
        ("chatgpt-export.json", "ChatGPT", [TALK], {}),
        ("claude-export.json", "Claude", [TALK], {}),
        ("risu-chat.json", "RisuAI", [TALK], {}),
        ("ultrachat.jsonl", "UltraChat", [TALK], {}),
        ("inspect-log.json", "Inspect", [TALK], {}),
        ("llamafactory-instruction.jsonl", "alpaca", [TALK], {}),
        ("gemini-parts.jsonl", "messages", [TALK], {}),
        ("list-of-strings.jsonl", "messages", [TALK], {}),
        ("llamafactory-v1.jsonl", "messages", [SHORT], {}),
        ("self-chat-all-assistant.jsonl", "messages", [ALL_ASSISTANT], {}),
        ("openai-roles-user-only-both.jsonl", "messages", [ALL_USER], {}),
        ("vllm-null-content.jsonl", "messages", [SILENT], {"reasoning": 2}),
        ("st-reasoning.jsonl", "SillyTavern", [TALK], {"reasoning": 6}),
        ("refusal-part.jsonl", "messages", [REFUSED], {}),
        ("reasoning-content.jsonl", "messages", [TALK], {"reasoning": 3}),
    ],
)
def test_a_chat_as_people_have_it_is_read_whole(name, form, talks, left_out):
    dialogues, problems = read_all(CASES / name)
    assert problems == []
    assert [said_in(dialogue) for dialogue in dialogues] == talks
    for dialogue in dialogues:
        assert dialogue.unknown["imported"]["format"] == form
        assert what_is_missing(dialogue) == (left_out, [])


def test_every_case_is_asserted():
    table = next(
        mark.args[1]
        for mark in test_a_chat_as_people_have_it_is_read_whole.pytestmark
        if mark.name == "parametrize"
    )
    assert {name for name, *_ in table} == {path.name for path in CASES.iterdir()}


TALKS = st.lists(
    st.builds(
        Said,
        role=st.sampled_from(["user", "assistant"]),
        text=st.text("ab \n\u2028é", max_size=6),
        odd=st.booleans(),
    ),
    min_size=1,
    max_size=8,
)


def test_there_is_a_made_up_chat_of_every_format():
    assert set(BUILDERS) == set(FORMATS)


@pytest.mark.parametrize("name", BUILDERS)
@settings(max_examples=40)
@given(talk=TALKS)
def test_no_message_of_any_format_is_lost(name, talk):
    value, count = BUILDERS[name](talk)
    assert format_of(value) == name
    reading = Reading("f")
    dialogues = list(read_chats([Value(1, "line 1", value)], reading))
    if reading.problems:  # nobody says anything in it
        assert reading.problems[0].endswith("holds no message of a user or an assistant")
        return
    found = 0
    for dialogue in dialogues:
        imported = dialogue.unknown["imported"]
        opening = dialogue.config["conversation"]
        kept = len(opening) + len(dialogue.turns)
        assert imported["messages"] == (
            kept + imported["joined"] + sum(imported["left_out"].values())
        )
        found += imported["messages"]
    assert found == count


@pytest.mark.parametrize("name", BUILDERS)
def test_a_talk_by_turns_is_the_same_in_every_format(name):
    value, _ = BUILDERS[name]([Said(role, text) for role, text in TALK])
    talk = [*TALK[:5], ("assistant", f"{TALK[5][1]}\nYes.")] if name == "preferences" else TALK
    for dialogue in read_chats([Value(1, "line 1", value)], Reading("f")):
        assert said_in(dialogue) == talk


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("SillyTavern", "hidden"),
        ("Open WebUI", "on another branch"),
        ("ChatGPT", "on another branch"),
        ("Claude", "on another branch"),
        ("messages", "tool"),
    ],
)
def test_what_was_not_shown_is_left_out_by_its_reason(name, reason):
    talk = [Said(*TALK[0]), Said("assistant", "Hm.", odd=True), Said(*TALK[1])]
    value, _ = BUILDERS[name](talk)
    (dialogue,) = read_chats([Value(1, "line 1", value)], Reading("f"))
    assert said_in(dialogue) == TALK[:2]
    assert dialogue.unknown["imported"]["left_out"][reason] == 1


def one(value, **more):
    reading = Reading("f", **more)
    dialogues = list(read_chats([Value(1, "line 1", value)], reading))
    assert len(dialogues) == 1, reading.problems
    return dialogues[0]


def replied(**fields):
    asked = {"role": "user", "content": "Far?"}
    return {"messages": [asked, {"role": "assistant", **fields}]}


@pytest.mark.parametrize(
    ("fields", "text", "thought"),
    [
        ({"content": "Yes.", "reasoning_content": "Hm."}, "Yes.", "Hm."),
        ({"content": "Yes.", "reasoning": "Hm."}, "Yes.", "Hm."),
        ({"content": None, "reasoning_content": "Hm."}, "", "Hm."),
        ({"content": "<think>\nHm.\n</think>\n\nYes."}, "Yes.", "Hm."),
        ({"content": "Hm.\n</think>\n\nYes."}, "Yes.", "Hm."),
        ({"content": "<think>Hm. Hm. Hm."}, "", "Hm. Hm. Hm."),
        ({"content": "<think>\n\n</think>\n\nYes."}, "Yes.", ""),
        ({"content": [{"type": "thinking", "thinking": "Hm."}, {"type": "text", "text": "Yes."}]},
         "Yes.", "Hm."),
        ({"content": [{"type": "reasoning", "reasoning": "Hm."}]}, "", "Hm."),
        ({"parts": [{"text": "Hm.", "thought": True}, {"text": "Yes."}]}, "Yes.", "Hm."),
        ({"content": '<details type="reasoning" done="true">Hm.</details>\nYes.'}, "Yes.", "Hm."),
    ],
)  # fmt: skip
def test_what_was_thought_is_counted_and_examined_where_that_is_asked_for(fields, text, thought):
    dialogue = one(replied(**fields))
    assert dialogue.turns[1].content == text
    assert what_is_missing(dialogue)[0] == ({"reasoning": 1} if thought else {})
    aloud = one(replied(**fields), reasoning=True)
    assert aloud.turns[1].content == "\n".join(filter(None, [thought, text]))
    assert what_is_missing(aloud)[0] == {}


def test_tags_of_thinking_that_a_user_writes_or_a_reply_mentions_stay():
    said = ["<think>x</think>y", "The tag </think> ends it."]
    value = {
        "messages": [
            {"role": "user", "content": said[0]},
            {"role": "assistant", "content": said[1]},
        ]
    }
    assert [text for _, text in said_in(one(value))] == said


@pytest.mark.parametrize(
    ("fields", "said", "left_out"),
    [
        ({"content": None}, [""], {}),
        ({"content": ""}, [""], {}),
        ({"content": None, "tool_calls": [{}]}, [], {"assistant without text": 1, "tool call": 1}),
        ({"content": "", "tool_calls": [{}, {}]}, [],
         {"assistant without text": 1, "tool call": 2}),
        ({"content": [{"type": "tool_use"}]}, [], {"assistant without text": 1, "tool call": 1}),
        ({"content": "I look.", "function_call": {"name": "x"}}, ["I look."], {"tool call": 1}),
        ({"content": [{"type": "image_url"}]}, [],
         {"assistant without text": 1, "part of type image_url": 1}),
        ({"content": ["It is ", {"text": "far."}, {"type": "input_audio"}]}, ["It is far."],
         {"part of type input_audio": 1}),
        ({"content": None, "refusal": "No."}, ["No."], {}),
        ({"content": None, "value": "Far."}, ["Far."], {}),
        ({"text": "Far."}, ["Far."], {}),
        ({"msg": "Far."}, [], {"assistant without text": 1}),
    ],
)  # fmt: skip
def test_a_reply_without_text_is_empty_only_where_nothing_else_is_in_it(fields, said, left_out):
    dialogue = one(replied(**fields))
    assert [text for _, text in said_in(dialogue)[1:]] == said
    assert what_is_missing(dialogue)[0] == left_out


def test_where_one_side_is_silent_every_message_is_a_turn_and_the_import_says_so(tmp_path, caplog):
    caplog.set_level("INFO")
    path = tmp_path / "self.jsonl"
    path.write_bytes((CASES / "self-chat-all-assistant.jsonl").read_bytes())
    assert analyze.main([str(path)]) == 0
    assert "in which every message has the same role: 1; who speaks cannot be told" in caplog.text
    assert one_sided(read_dialogue(tmp_path / "self" / "self_0001.jsonl")[0])


def test_what_is_joined_is_counted_and_said(tmp_path, caplog):
    caplog.set_level("INFO")
    messages = [{"role": "user", "content": "Hi."}] * 5 + [{"role": "assistant", "content": "Ho."}]
    path = write(tmp_path / "five.json", messages)
    assert analyze.main([str(path)]) == 0
    assert "messages: 6, joined to the one before: 4, left out: 0" in caplog.text


def test_neighbours_of_somebody_silent_stay_turns_of_their_own():
    pairs = [["", "Hi."], ["", "Ho."], ["Well?", "Yes."]]
    dialogue = one({"internal": pairs, "visible": pairs})
    assert said_in(dialogue) == [
        ("assistant", "Hi."), ("assistant", "Ho."), ("user", "Well?"), ("assistant", "Yes."),
    ]  # fmt: skip


def test_a_story_s_speakers_are_told_by_their_names_too():
    story = {
        "gamestarted": True, "prompt": "\nIlse: Come in.", "memory": "Ilse keeps a lighthouse.",
        "actions": ["\nMark: Hi.\nSo late?\nIlse: Close\nthe door.", "\nJo: Yes."],
        "savedsettings": {"chatname": "Mark", "chatopponent": "Ilse||$||Jo"},
    }  # fmt: skip
    dialogue = one(story)
    assert dialogue.config["conversation"][0]["content"] == "Ilse keeps a lighthouse."
    assert said_in(dialogue) == [
        ("assistant", "Come in."), ("user", "Hi.\nSo late?"), ("assistant", "Close\nthe door."),
        ("assistant", "Yes."),
    ]  # fmt: skip
    with pytest.raises(LogError, match="is a story in which nobody speaks"):
        parse_chats([json.dumps({"prompt": "Once", "actions": [" there was."]})], "f")


def test_thoughts_and_calls_of_chatgpt_are_messages_that_are_left_out():
    def node(parent, role, kind, **more):
        message = {"author": {"role": role}, "content": {"content_type": kind, **more}}
        return {"parent": parent, "message": message}

    value = {"current_node": "e", "mapping": {
        "a": node(None, "user", "multimodal_text",
                  parts=[{"content_type": "image_asset_pointer"}, "What is it?"]),
        "b": node("a", "assistant", "thoughts", thoughts=[{"summary": "A lamp."}]),
        "c": node("b", "assistant", "code", text="look()"),
        "d": node("c", "tool", "execution_output", text="lamp"),
        "e": node("d", "assistant", "text", parts=["A lamp."]),
    }}  # fmt: skip
    dialogue = one(value)
    assert said_in(dialogue) == [("user", "What is it?"), ("assistant", "A lamp.")]
    assert what_is_missing(dialogue)[0] == {
        "reasoning": 1, "written to a tool": 1, "tool": 1, "part of type image_asset_pointer": 1,
    }  # fmt: skip


def test_steps_and_versions_of_lm_studio_are_counted():
    step = {"type": "contentBlock", "content": [{"type": "text", "text": "Hm."}]}
    thinking = {**step, "style": {"type": "thinking"}}
    answer = {"role": "assistant", "steps": [thinking, {"type": "toolStatus"}, step]}
    asked = {"role": "user", "content": [{"type": "text", "text": "So?"}, {"type": "file"}]}
    value = {"messages": [{"versions": [{}, asked], "currentlySelected": 1},
                          {"versions": [answer], "currentlySelected": 0}]}  # fmt: skip
    dialogue = one(value)
    assert said_in(dialogue) == [("user", "So?"), ("assistant", "Hm.")]
    assert what_is_missing(dialogue)[0] == {
        "other version": 1, "part of type file": 1, "reasoning": 1, "step of type toolStatus": 1,
    }  # fmt: skip


def test_chub_s_swipes_and_a_message_without_is_user_are_read():
    value = [
        {"name": "Ilse", "mes": {"message": "Hi."}},
        {"name": "Mark", "is_user": 1, "mes": "Ho."},
    ]
    assert said_in(one(value)) == [("assistant", "Hi."), ("user", "Ho.")]


@pytest.mark.parametrize(
    ("name", "encode"),
    [
        ("utf-8 with a mark", lambda text: text.encode("utf-8-sig")),
        ("utf-16", lambda text: text.encode("utf-16")),
        ("utf-16 without a mark", lambda text: text.encode("utf-16-le")),
        ("utf-32", lambda text: text.encode("utf-32")),
        ("lines end as on Windows", lambda text: text.replace("\n", "\r\n").encode()),
        ("lines end as on old Macs", lambda text: text.replace("\n", "\r").encode()),
        ("gzip", lambda text: gzip.compress(text.encode())),
    ],
)
@pytest.mark.parametrize("source", ["openai-messages-pretty.json", "st-reasoning.jsonl"])
def test_an_encoding_changes_nothing(tmp_path, source, name, encode):
    path = tmp_path / source
    path.write_bytes(encode((CASES / source).read_text(encoding="utf-8")))
    dialogues, problems = read_all(path)
    assert ([said_in(dialogue) for dialogue in dialogues], problems) == ([TALK], [])


def test_the_rows_of_a_parquet_file_are_values(tmp_path):
    rows = [
        {"messages": [{"role": role, "content": text, "name": None} for role, text in TALK]}
    ] * 3
    pq.write_table(pa.Table.from_pylist(rows), tmp_path / "a.parquet")
    imported = import_file(tmp_path / "a.parquet", None)
    assert imported.conversations == 3
    assert said_in(read_dialogue(tmp_path / "a" / "a_0003.jsonl")[0]) == TALK
    (tmp_path / "b.parquet").write_bytes(b"PAR1 and no more")
    with pytest.raises(LogError, match="is a Parquet file that cannot be read"):
        import_file(tmp_path / "b.parquet", None)


def test_a_folder_of_documents_is_read_in_place(tmp_path):
    for name in ("openai-messages-pretty.json", "lmstudio.conversation.json"):
        (tmp_path / name).write_bytes((CASES / name).read_bytes())
    (tmp_path / "a.jsonl.gz").write_bytes(gzip.compress((CASES / "pippa.jsonl").read_bytes()))
    assert analyze.main([str(tmp_path)]) == 0
    assert [entry.turns for entry in read_report(tmp_path).dialogues] == [6, 6, 6]
    assert analyze.main([str(tmp_path)]) == 0  # its own reports are no chats
    (tmp_path / "x.log").write_text("")
    assert [path.name for path in find_dialogues(tmp_path)] == ["x.log"]


def test_a_file_s_reasoning_is_examined_where_it_is_asked_for(tmp_path, caplog):
    path = write(tmp_path / "a.jsonl", (CASES / "reasoning-content.jsonl").read_text("utf-8"))
    assert analyze.main([str(path), "--reasoning"]) == 0
    assert (
        read_dialogue(tmp_path / "a" / "a_0001.jsonl")[0].turns[1].content.startswith("loop loop")
    )
    assert json.loads((tmp_path / "a" / "run.json").read_text())["reasoning"] is True
    assert analyze.main([str(tmp_path / "a"), "--reasoning"]) == 2
    assert f"--reasoning: {tmp_path / 'a'} is no file of chats" in caplog.text


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"PK\x03\x04", "expected chats as JSON, found a ZIP archive; unpack it"),
        (b"\x89PNG\r\n\x1a\n", "found a picture; a character card goes into a config's `card`"),
        (b"SQLite format 3\0", "found a database; export the chats"),
        (b"<!DOCTYPE html>", "found a web page; export the chats as JSON"),
        (b"\x1f\x8b\x08\x00", "its gzip stream is damaged or cut off"),
        (b'{"spec": "chara_card_v2", "data": {}}', "found a character card"),
        (b'{"a": 1, "b": 2}', 'found an object with "a", "b"'),
        (
            b'{\n "messages": [\n  {"role": "user", "content": "Hi."},\n ',
            "line 4: is JSON up to here",
        ),
        (b'[\n\n {"x"}\n]', "line 3: is JSON up to here, and then not"),
        (b"[]", "holds no conversation"),
        (b"[1, 2]", "item 1: holds no conversation"),
        (b'[{"role": "user"}]', "message of a user or an assistant"),
    ],
)
def test_what_is_no_chat_is_said_truthfully(tmp_path, content, words):
    (tmp_path / "x.json").write_bytes(content)
    with pytest.raises(LogError) as caught:
        import_file(tmp_path / "x.json", None)
    assert words in str(caught.value)
    assert [path.name for path in tmp_path.iterdir()] == ["x.json"]


def test_behind_a_broken_item_what_was_read_before_is_kept(tmp_path):
    item = json.dumps({"messages": [{"role": "user", "content": "Hi."}]})
    path = write(tmp_path / "a.json", f"[\n{item},\n{item},\n{item[:-3]}\n]")
    dialogues, problems = read_all(path)
    assert len(dialogues) == 2
    assert problems == ["a.json: line 5: is JSON up to here, and then not: Expecting ',' delimiter"]


def test_a_torn_line_costs_itself_alone():
    good = json.dumps({"messages": [{"role": "user", "content": "Hi."}]})
    for torn in (good[:-2], '{"messages": [', "{", good[:30]):
        chats = parse_chats([torn, good, torn, good, ""], "f")
        assert [d.unknown["imported"]["line"] for d in chats.dialogues] == [2, 4]
        assert chats.problems == ("f: line 1: is not JSON", "f: line 3: is not JSON")


def test_a_torn_line_of_a_bare_list_costs_itself_alone():
    good = json.dumps([{"role": "user", "content": "Hi."}])
    for torn in (good[:-1], good[:-2], good[:30]):
        chats = parse_chats([good, torn, good], "f")
        assert [d.unknown["imported"]["line"] for d in chats.dialogues] == [1, 3]
        assert chats.problems == ("f: line 2: is not JSON",)


def test_a_chat_in_utf_16_is_read_in_place(tmp_path):
    text = (CASES / "st-reasoning.jsonl").read_text(encoding="utf-8")
    (tmp_path / "a.jsonl").write_bytes(text.encode("utf-16"))
    assert said_in(read_dialogue(tmp_path / "a.jsonl")[0]) == TALK
    (tmp_path / "a.jsonl").write_bytes(b"\xff")
    with pytest.raises(LogError, match="is not UTF-8 text"):
        read_dialogue(tmp_path / "a.jsonl")


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=6,
)


@given(st.lists(JSON, max_size=5), st.sampled_from([None, 1]), st.integers(1, 40))
def test_the_items_of_an_array_are_the_same_however_it_comes(items, indent, size):
    text = json.dumps(items, indent=indent)
    chunks = [text[i : i + size] for i in range(0, len(text), size)]
    found = list(read_values(chunks, lambda item: True))
    assert [value.value for value in found if isinstance(value, Value)] == (items or [[]])


@given(JSON | st.lists(JSON), st.sampled_from([*FORMATS]))
def test_any_json_gives_dialogues_or_problems(value, name):
    reading = Reading("f")
    list(read_chats([Value(1, "line 1", value)], reading))
    text = json.dumps(value)
    list(read_chats(read_values([text, text[: len(text) // 2]], stands_alone), reading))
    assert all(isinstance(problem, str) for problem in reading.problems)


@pytest.mark.parametrize("name", BUILDERS)
@settings(max_examples=40)
@given(data=st.data())
def test_a_damaged_chat_gives_dialogues_or_problems(name, data):
    """Any value of a chat exchanged for any other."""
    value, _ = BUILDERS[name]([Said("user", "Hi."), Said("assistant", "Ho.")])

    def places(inner, path=()):
        yield path
        keys = (
            inner
            if isinstance(inner, dict)
            else range(len(inner) if isinstance(inner, list) else 0)
        )
        for key in keys:
            yield from places(inner[key], (*path, key))

    *way, last = data.draw(st.sampled_from([path for path in places(value) if path]))
    holder = value
    for key in way:
        holder = holder[key]
    holder[last] = data.draw(JSON)
    reading = Reading("f")
    for dialogue in read_chats(read_values([json.dumps(value)], stands_alone), reading):
        assert dialogue.turns


def test_a_problem_names_its_place():
    found = list(read_values(['{"a": 1}\nno\n']))
    assert found[1] == Problem("line 2", "is not JSON")


def test_the_documents_name_every_format():
    page = (Path(__file__).parents[2] / "docs" / "chats.md").read_text(encoding="utf-8")
    assert [name for name in FORMATS if f"| {name} |" not in page] == []
