from __future__ import annotations

import hashlib
import json
import shutil

import pytest

import analyze
import view
from broken_record.analysis.report_file import read_report
from broken_record.analysis.texts import read_texts
from broken_record.detectors.find import find_loops_and_breaks
from broken_record.errors import LogError
from broken_record.files.chats import parse_chats, what_is_missing
from broken_record.files.read import find_dialogues, read_dialogue
from broken_record.text.transcript import Transcript
from tests.replay import DATA

CHATS = DATA / "chatlogs"
TEA = '*pours the tea* "There is nothing like a cup of tea when it rains."'


def chats_of(name, assistant=None):
    return parse_chats((CHATS / name).read_text(encoding="utf-8").split("\n"), name, assistant)


def said_in(dialogue):
    return [(turn.index, turn.role, turn.content) for turn in dialogue.turns]


def test_chatml_is_read_line_by_line_and_bad_lines_are_named():
    chats = chats_of("chatml.jsonl")
    office, _, lighthouse = chats.dialogues
    assert office.config["conversation"] == [
        {"role": "system", "content": "You run the lost property office of a small railway."}
    ]
    assert [(turn.index, turn.role) for turn in office.turns] == [
        (1, "user"), (2, "assistant"), (3, "user"), (4, "assistant"),
    ]  # fmt: skip
    assert office.turns[0].content == "I left a green umbrella on the 8:15 to the coast."
    assert (office.turns[0].tokens, office.status, office.verbatim) == (None, "done", True)
    assert said_in(lighthouse)[0] == (0, "assistant", "Good evening, the lighthouse is speaking.")
    assert lighthouse.unknown["imported"]["line"] == 4
    assert [problem[:52] for problem in chats.problems] == [
        "chatml.jsonl: line 3: is not JSON",
        "chatml.jsonl: line 5: holds no conversation; expecte",
    ]


def test_parts_tools_and_late_system_messages_are_left_out_and_counted():
    weather = chats_of("chatml.jsonl").dialogues[1]
    assert said_in(weather) == [
        (1, "user", "Will it rain on the pier today?"),
        (2, "assistant", "More likely than not. Take the umbrella you have just got back."),
        (3, "user", "Thank you.\nAnd the wind?"),
    ]
    assert what_is_missing(weather) == (
        {
            "part of type image_url": 1,
            "assistant without text": 1,
            "tool": 1,
            "tool call": 1,
            "system further on": 1,
        },
        [],
    )


def test_sharegpt_is_read_with_its_own_roles_or_those_of_openai():
    teacher, river = chats_of("sharegpt.jsonl").dialogues
    assert teacher.config["conversation"][0]["content"] == "You are a patient chess teacher."
    assert [turn.role for turn in teacher.turns] == ["user", "assistant", "user", "assistant"]
    assert said_in(river) == [(0, "user", "Name a river."), (1, "assistant", "The Tay.")]
    assert what_is_missing(river) == ({}, [])


def test_where_speakers_have_names_the_assistant_is_named():
    assert chats_of("sharegpt.jsonl").problems == (
        'sharegpt.jsonl: line 3: says who speaks by name ("Mark", "Skye"); '
        "say who is the assistant: --assistant NAME",
    )
    named = chats_of("sharegpt.jsonl", "Skye")
    assert [turn.role for turn in named.dialogues[2].turns] == ["assistant", "user", "assistant"]
    assert named.problems == () and named.dialogues[0] == chats_of("sharegpt.jsonl").dialogues[0]


def test_an_openai_name_tells_the_assistant_too():
    line = {
        "messages": [
            {"role": "user", "name": "Ada", "content": "One."},
            {"role": "user", "name": "Byron", "content": "Two."},
        ]
    }
    (dialogue,) = parse_chats([json.dumps(line)], "f", "Byron").dialogues
    assert said_in(dialogue) == [(0, "user", "One."), (1, "assistant", "Two.")]


def test_a_sillytavern_chat_is_one_dialogue_without_what_is_hidden_or_narrated():
    (dialogue,) = chats_of("sillytavern.jsonl").dialogues
    assert [turn.role for turn in dialogue.turns] == ["assistant", "user"] * 4 + ["assistant"]
    assert dialogue.turns[0].content == '*looks up from the window* "You came after all."'
    assert what_is_missing(dialogue) == ({"hidden": 1, "narrator": 1, "other swipe": 1}, [])
    found = find_loops_and_breaks(Transcript(dialogue)).findings
    assert [(f.kind, f.speaker, f.onset_turn) for f in found if f.level != "info"] == [
        ("single_turn_loop", "assistant", 4)
    ]
    (flipped,) = chats_of("sillytavern.jsonl", "Mark").dialogues
    assert [turn.role for turn in flipped.turns] == ["user", "assistant"] * 4 + ["user"]
    with pytest.raises(LogError, match=r'nobody is called "Ada", but "Mark", "Skye"'):
        chats_of("sillytavern.jsonl", "Ada")


def test_a_group_chat_has_no_header_and_its_characters_stay_apart():
    (dialogue,) = chats_of("group.jsonl").dialogues
    assert [turn.role for turn in dialogue.turns] == ["assistant", "assistant", "user", "assistant"]
    (dialogue,) = chats_of("group.jsonl", "Ada").dialogues
    assert [turn.role for turn in dialogue.turns] == ["assistant", "user", "user", "assistant"]


def transcript_of(*messages):
    line = {"messages": [{"role": role, "content": content} for role, content in messages]}
    return parse_chats([json.dumps(line)], "f").dialogues[0]


def test_messages_of_one_speaker_in_a_row_are_one_turn_so_that_a_repeated_line_is_found():
    others = ["harbour", "mill", "chapel", "orchard", "tower", "quarry", "bakery", "kiln"]
    messages = []
    for i in range(0, 8, 2):
        messages.append(("assistant", TEA))
        messages += [
            ("user", f"Tell me of the {others[i]}."),
            ("user", f"And the {others[i + 1]}?"),
        ]
    dialogue = transcript_of(*messages)
    assert said_in(dialogue)[1] == (1, "user", "Tell me of the harbour.\nAnd the mill?")
    found = find_loops_and_breaks(Transcript(dialogue)).findings
    assert ("single_turn_loop", "assistant", 2) in [
        (f.kind, f.speaker, f.onset_turn) for f in found
    ]


def test_messages_with_something_between_them_are_turns_of_their_own():
    dialogue = transcript_of(*[("assistant", TEA), ("tool", "{}")] * 5)
    assert [turn.role for turn in dialogue.turns] == ["assistant"] * 5
    (finding,) = find_loops_and_breaks(Transcript(dialogue)).findings
    assert (finding.kind, finding.period, finding.copies) == ("single_turn_loop", 1, 5)


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ('{"messages": []}', "holds no message of a user or an assistant"),
        ('{"messages": [{"role": "system", "content": "x"}]}', "holds no message"),
        ('{"messages": ["x"]}', "message 1 has no role"),
        ('{"messages": [{"content": "x"}]}', "message 1 has no role"),
        ('{"messages": [{"role": "user", "content": 3}]}', "message 1: its content is neither"),
        ('{"messages": [{"role": "user", "content": [3]}]}', "message 1: its content is neither"),
        ('{"conversations": [{"from": "narrator", "value": "x"}]}', r'by name \("narrator"\)'),
        ('{"messages": {}}', "holds no conversation"),
        ('["x"]', "holds no conversation"),
        ('{"type": "dialogue", "config": {}}', "name the folder"),
        ("[" * 100_000, "is not JSON"),
        ('{"mes": 3, "is_user": true}', "a message needs a text as mes"),
        ('{"mes": null}', "a message needs a text as mes"),
    ],
)
def test_a_line_that_cannot_be_read_says_why_and_the_others_are_read(line, words):
    good = '{"messages": [{"role": "user", "content": "Hi"}]}'
    if 'mes"' in line:
        good = '{"mes": "Hi", "is_user": true, "name": "Mark"}'
    chats = parse_chats(["", good, line, ""], "f.jsonl")
    assert [said_in(dialogue) for dialogue in chats.dialogues] == [[(0, "user", "Hi")]]
    (problem,) = chats.problems
    assert problem.startswith("f.jsonl: line 3: ")
    with pytest.raises(LogError, match=words):
        parse_chats([line, line], "f.jsonl")


def test_a_byte_order_mark_and_blank_lines_are_no_problem():
    line = '{"messages": [{"role": "user", "content": "a\u2028b"}]}\r'
    chats = parse_chats(["\ufeff" + line, " \r", line, ""], "f")
    assert [said_in(d) for d in chats.dialogues] == [[(0, "user", "a\u2028b")]] * 2
    assert chats.problems == ()


@pytest.fixture
def chats(tmp_path):
    shutil.copy(CHATS / "chatml.jsonl", tmp_path / "chats.jsonl")
    return tmp_path / "chats.jsonl"


def test_a_file_becomes_a_run_folder_of_records_beside_it(chats, caplog, capsys):
    caplog.set_level("INFO")
    assert analyze.main([str(chats)]) == 1  # two lines cannot be read
    folder = chats.parent / "chats"
    assert f"{chats}: conversations: 3, put into {folder}" in caplog.text
    assert "chats.jsonl: line 3: is not JSON" in caplog.text
    assert "left out of the chats: assistant without text 1, " in caplog.text
    assert "part of type image_url 1, " in caplog.text
    assert f"Next: python view.py {folder}" in caplog.text
    assert capsys.readouterr().out.startswith("=== chats ===")
    assert [path.name for path in find_dialogues(folder)] == [
        "chats_0001.jsonl", "chats_0002.jsonl", "chats_0003.jsonl",
    ]  # fmt: skip
    parsed = parse_chats(chats.read_text(encoding="utf-8").split("\n"), "chats.jsonl")
    for path, dialogue in zip(find_dialogues(folder), parsed.dialogues, strict=True):
        assert read_dialogue(path)[0] == dialogue
    assert json.loads((folder / "run.json").read_text()) == {
        "version": 1,
        "imported_from": "chats.jsonl",
        "sha256": hashlib.sha256(chats.read_bytes()).hexdigest(),
        "assistant": None,
        "conversations": 3,
    }
    report = read_report(folder)
    assert [*report.dialogues][1].left_out["tool"] == 1 and report.unreadable == ()
    assert view.main([str(folder), "-o", str(chats.parent / "p.html"), "--no-show"]) == 0


def test_a_file_is_read_again_into_its_own_folder_and_nothing_else_there_is_touched(chats):
    analyze.main([str(chats)])
    folder = chats.parent / "chats"
    (folder / "notes.md").write_text("mine")
    (folder / "chats_0001_old.jsonl").write_text("mine")
    first = chats.read_text(encoding="utf-8").split("\n")[0]
    chats.write_text(first + "\n", encoding="utf-8")
    assert analyze.main([str(chats)]) == 1  # chats_0001_old.jsonl is no record
    assert json.loads((folder / "run.json").read_text())["conversations"] == 1
    assert [d.name for d in read_report(folder).dialogues] == ["chats_0001"]
    assert sorted(p.name for p in folder.iterdir() if p.suffix not in (".json", ".csv")) == [
        "chats_0001.jsonl", "chats_0001_old.jsonl", "notes.md",
    ]  # fmt: skip


@pytest.mark.parametrize("mark", [None, "{}", '{"imported_from": "other.jsonl"}', "[", "[]"])
def test_a_folder_that_was_not_made_from_the_file_is_left_alone(mark, chats, caplog):
    folder = chats.parent / "chats"
    folder.mkdir()
    (folder / "chats_0001.jsonl").write_text("mine")
    if mark is not None:
        (folder / "run.json").write_text(mark)
    assert analyze.main([str(chats)]) == 2
    assert f"{folder}: exists and was not made from chats.jsonl; rename one of them" in caplog.text
    assert (folder / "chats_0001.jsonl").read_text() == "mine"
    assert len(list(folder.iterdir())) == 1 + (mark is not None)


@pytest.mark.parametrize(
    ("name", "content", "code", "words"),
    [
        ("chats", b"{}", 2, "expected a run folder, or a chat log named like"),
        ("x.jsonl", b"\xff", 1, "is not UTF-8 text"),
        ("x.jsonl", b"", 1, "x.jsonl: holds no conversation; expected"),
        ("x.jsonl", b"a\nb\nc", 1, "x.jsonl: line 1: is not JSON\n(2 more lines are wrong)"),
    ],
)
def test_a_file_without_conversations_makes_no_folder(name, content, code, words, tmp_path, caplog):
    (tmp_path / name).write_bytes(content)
    assert analyze.main([str(tmp_path / name)]) == code
    assert words in caplog.text
    assert [path.name for path in tmp_path.iterdir()] == [name]


def test_a_folder_of_chats_is_read_in_place(tmp_path, caplog):
    caplog.set_level("INFO")
    tea = (CHATS / "sillytavern.jsonl").read_text(encoding="utf-8")
    (tmp_path / "Skye - 2024-5-4.jsonl").write_text(tea + 'not JSON\n{"mes": 3}', encoding="utf-8")
    shutil.copy(CHATS / "chatml.jsonl", tmp_path)
    assert analyze.main([str(tmp_path)]) == 1
    report = read_report(tmp_path)
    (dialogue,) = report.dialogues
    assert (dialogue.name, dialogue.turns) == ("Skye - 2024-5-4", 9)
    assert dialogue.left_out == {"hidden": 1, "narrator": 1, "other swipe": 1}
    assert "hidden messages 1, other swipes 1, what a narrator said 1" in caplog.text
    assert dialogue.tokens is None
    path = tmp_path / "chatml.jsonl"
    assert [entry.error for entry in report.unreadable] == [
        "Skye - 2024-5-4.jsonl: line 13: is not JSON",
        "Skye - 2024-5-4.jsonl: line 14: a message needs a text as mes",
        f"chatml.jsonl: holds 3 conversations; run: python analyze.py {path}",
    ]
    # the old numbers, too, are of the assistant's replies, which stand in no text log
    assert dialogue.response_lengths == (48, *[len(TEA)] * 4)
    assert dialogue.characters == 48 + 4 * len(TEA) and dialogue.segments


def test_who_is_the_assistant_in_a_folder_is_remembered_for_the_page(tmp_path):
    shutil.copy(CHATS / "sillytavern.jsonl", tmp_path / "a.jsonl")
    assert analyze.main([str(tmp_path), "--assistant", "Mark"]) == 0
    report = read_report(tmp_path)
    assert report.assistant == "Mark"
    found = [f for f in next(iter(report.dialogues)).findings if f.kind == "single_turn_loop"]
    assert [f.speaker for f in found] == ["user"]
    first = list(read_texts([tmp_path], [report], lambda text, _: text.dialogue.turns[0].role))
    assert first == [((report.run, "a"), "user")]


def test_a_record_that_claims_odd_things_of_its_origin_is_read(tmp_path):
    lines = [
        '{"type": "dialogue", "config": {"agent_prefix": ""}, "imported": "from afar"}',
        '{"type": "turn", "index": 0, "role": "assistant", "content": "Hi there."}',
    ]
    (tmp_path / "a.jsonl").write_text("\n".join(lines))
    assert analyze.main([str(tmp_path)]) == 0
    assert next(iter(read_report(tmp_path).dialogues)).left_out == {}
