from __future__ import annotations

import json
import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from broken_record.data import Branch, Dialogue, EngineInfo, Turn
from broken_record.errors import LogError
from broken_record.files.record import RecordWriter, parse_record, put_together, read_record
from broken_record.files.record_lines import read_line, read_turn

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
branches = st.none() | st.builds(
    Branch, run=texts, name=texts, sha256=texts, at=st.integers(0, 500), within=st.integers(1, 999),
    kind=st.none() | texts, speaker=st.none() | texts, onset_turn=counts,
)  # fmt: skip
dialogues = st.builds(
    Dialogue, config=st.fixed_dictionaries({"conversation": st.just([]), "agent_prefix": texts}),
    turns=st.lists(turns, max_size=5, unique_by=lambda turn: turn.index).map(
        lambda found: tuple(sorted(found, key=lambda turn: turn.index))
    ),
    status=st.sampled_from(["done", "error"]),
    seed=counts, assistant=infos, user=infos, packages=st.dictionaries(texts, texts, max_size=2),
    started=st.none() | texts, error=st.none() | texts,
    unknown=st.dictionaries(st.text(string.ascii_uppercase, min_size=1), texts, max_size=2),
    branch=branches,
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


HEADER = '{"type": "dialogue", "config": {}}'


def turn_line(**more):
    return json.dumps({"type": "turn", "index": 0, "role": "user", "content": "Hi.", **more})


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
        (['{"type": "dialogue", "config": {"sampler": ["x"]}}'], "samplers are not objects"),
        ([HEADER, "[" * 200_000, '{"type": "end"}'], "line 2 is not"),
        ([HEADER, turn_line(generation_s="fast")], "line 2: generation_s is no number"),
        ([HEADER, turn_line(quoted="2")], "line 2: quoted is no whole number"),
        ([HEADER, turn_line(noncoherent=5)], "line 2: a turn needs"),
        ([HEADER, turn_line(noncoherent=["a", 2])], "line 2: noncoherent is no pair"),
        ([HEADER, turn_line(tokens=True)], "line 2: tokens is no whole number"),
        ([HEADER, turn_line(prompt_tokens=-1)], "line 2: prompt_tokens is no whole number"),
        ([HEADER, turn_line(ttft_s=10**400)], "line 2: ttft_s is no number"),
        ([HEADER, turn_line(index=10**11)], "line 2: a turn's index is from 0 to below 10,000,000"),
        ([HEADER, turn_line(index=4), turn_line(index=5), turn_line(index=4)], "4: the index does"),
        ([HEADER, turn_line(index=4), turn_line(index=4)], "line 3: the index does not rise"),
        (['{"type": "dialogue", "config": {}, "seed": "7"}'], "the seed is no whole number"),
        (
            [HEADER, turn_line(type="attempt", role="x", error="", attempt=0, elapsed_s=0)],
            "line 2: an attempt's role",
        ),
    ],
)
def test_what_is_no_record_is_said_with_its_line(lines, words):
    with pytest.raises(LogError, match=words):
        parse_record(lines, "a.jsonl")


odd = st.sampled_from([None, 0, -1, True, 1.5, 2**53 + 1, 10**400, "x", [], [1, 2], {}]).map(
    json.dumps
) | st.sampled_from(["NaN", "-1e999", "1e5", "[1e999, 2]", '"\\ud800"', '"\u00e9"', "1, 2", "tru"])


@given(
    st.lists(st.dictionaries(st.sampled_from([*Turn.__slots__, "type", "smile"]), odd, max_size=3))
)
def test_turns_checked_at_once_are_read_as_each_on_its_own(changed):
    lines = [HEADER]
    for index, fields in enumerate(changed):
        line = {name: json.dumps(value) for name, value in json.loads(turn_line()).items()}
        line |= {"index": str(index), **fields}
        lines.append(f"{{{', '.join(f'{json.dumps(name)}: {line[name]}' for name in line)}}}")
    numbered = list(enumerate(lines, 1))
    assert outcome(parse_record, lines, "a") == outcome(
        put_together, numbered, "a", read_line, read_turn
    )


def outcome(function, *arguments):
    try:
        return function(*arguments)
    except LogError as error:
        return str(error)


def test_a_record_with_odd_optional_fields_is_read():
    lines = [
        '{"type": "dialogue", "config": {}, "assistant": "skye", "user": {"model": "m"}}',
        '{"type": "end", "end_reason": ["x"], "elapsed_s": "long", "counters": 3, "error": {}}',
    ]
    dialogue = parse_record(lines)
    assert (dialogue.status, dialogue.assistant) == ("unfinished", None)
    assert (dialogue.end_reason, dialogue.elapsed_s, dialogue.error) == (None, 0.0, None)
    assert dialogue.user == EngineInfo("unknown", model="m")


def test_a_number_that_no_computer_holds_was_not_measured():
    for number in ("NaN", "Infinity", "1e400"):
        line = turn_line().replace("{", f'{{"tokens": {number}, "ttft_s": {number}, ', 1)
        [turn] = parse_record([HEADER, line]).turns
        assert (turn.tokens, turn.ttft_s) == (None, None)


@pytest.mark.parametrize(
    "last", ["null", "[]", "{}", '{"type": "tu', "\0" * 512, "\udcff", '{"type": "t\udce4rn"}']
)
@pytest.mark.parametrize("end", ["", "\n", "\r\n", "\n\n"])
def test_a_last_line_that_is_none_is_passed_over_and_set_aside_before_more_is_written(
    last, end, tmp_path
):
    path = tmp_path / "a.jsonl"
    broken = last.encode(errors="surrogateescape")
    path.write_bytes(f"{HEADER}\n{turn_line(index=1)}\n".encode() + broken + end.encode())
    earlier = read_record(path)
    assert [turn.index for turn in earlier.turns] == [1]
    writer = RecordWriter(path, resume=True)
    assert path.read_bytes().endswith(broken + end.encode())  # it is held, and nothing more
    writer.resume("now", earlier, earlier)
    writer.turn(Turn(2, "user", "Hey."))
    writer.close()
    assert [turn.index for turn in read_record(path).turns] == [1, 2]
    assert (tmp_path / "a.jsonl.torn").read_bytes() == broken + b"\n"


def test_a_record_with_a_byte_order_mark_is_read_and_goes_on(tmp_path):
    path = tmp_path / "a.jsonl"
    path.write_text(f"\ufeff{HEADER}", encoding="utf-8")
    earlier = read_record(path)
    writer = RecordWriter(path, resume=True)
    writer.resume("now", earlier, earlier)
    writer.close()
    assert read_record(path) == earlier and not (tmp_path / "a.jsonl.torn").exists()


def test_the_last_line_that_says_what_a_dialogue_is_called_in_aim_counts_even_behind_the_end(
    tmp_path,
):
    writer = RecordWriter(tmp_path / "a.jsonl")
    writer.header(Dialogue({}, (), "unfinished"))
    writer.track("0a")
    writer.end("done", tokens=0, turns=0)
    writer.track("1b")
    writer.close()
    dialogue = parse_record((tmp_path / "a.jsonl").read_text().split("\n"))
    assert (dialogue.aim_run, dialogue.status) == ("1b", "done")


@pytest.mark.parametrize(
    "odd",
    [{"parent": "run/a", "at": 3}, {"parent": {"run": "a"}, "at": 3}, {"parent": {}, "at": "3"}],
)
def test_what_another_program_calls_a_parent_is_kept_as_it_is(odd):
    header = {"type": "dialogue", "version": 1, "config": {}, **odd}
    dialogue = parse_record([json.dumps(header)])
    assert dialogue.branch is None and dialogue.unknown == odd
