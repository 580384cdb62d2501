from __future__ import annotations

import json
from contextlib import nullcontext
from dataclasses import replace

import pytest

from broken_record.conversation.recording import go_on, start
from broken_record.data import EngineInfo, Turn
from broken_record.errors import ConfigError, EngineUnreachable
from broken_record.files.record import RecordWriter
from tests.test_parrot import read

INFO = EngineInfo("scripted")


def lines_of(path):
    return [json.loads(line) for line in path.read_text().splitlines()]


@pytest.mark.parametrize(
    ("ending", "status", "error"),
    [
        (None, "done", None),
        (EngineUnreachable("gone"), "error", "gone"),
        (ConfigError(["one", "two"]), "error", "one\ntwo"),
        (KeyboardInterrupt(), "interrupted", None),
        (BrokenPipeError(), "interrupted", None),
        (ZeroDivisionError(), "error", None),
    ],
)
def test_however_a_dialogue_ends_its_record_says_so(ending, status, error, tmp_path):
    path = tmp_path / "a.jsonl"
    recording = start({"initial_tokens": 4}, 7, path)
    with pytest.raises(type(ending)) if ending else nullcontext(), recording.ended():
        recording.meet(INFO, INFO)
        recording.turn(Turn(0, "assistant", "Hi.", tokens=3))
        if ending:
            raise ending
    dialogue = read(path)
    assert (dialogue.status, dialogue.error, dialogue.seed) == (status, error, 7)
    assert (dialogue.assistant, len(dialogue.turns)) == (INFO, 1)
    end = lines_of(path)[-1]
    assert (end["tokens"], end["turns"]) == (7, 1)


def test_a_record_has_its_first_line_even_if_no_server_ever_said_who_it_is(tmp_path):
    recording = start({}, 7, tmp_path / "a.jsonl")
    with pytest.raises(EngineUnreachable), recording.ended():
        raise EngineUnreachable("gone")
    first, last = lines_of(tmp_path / "a.jsonl")
    assert (first["type"], first["assistant"], last["type"]) == ("dialogue", None, "end")


def test_a_record_that_goes_on_keeps_its_first_line_and_counts_all_turns(tmp_path):
    path = tmp_path / "a.jsonl"
    first = start({}, 7, path)
    with pytest.raises(KeyboardInterrupt), first.ended():
        first.meet(INFO, INFO)
        first.turn(Turn(0, "assistant", "Hi.", tokens=3))
        raise KeyboardInterrupt
    second = go_on(read(path), {}, RecordWriter(path, resume=True))
    with second.ended():
        second.meet(INFO, INFO)
        second.turn(Turn(1, "user", "Hey.", tokens=2))
    lines = lines_of(path)
    assert [line["type"] for line in lines] == ["dialogue", "turn", "end", "resume", "turn", "end"]
    assert (lines[-1]["tokens"], lines[-1]["turns"], read(path).status) == (5, 2, "done")
    assert {*lines[3]} == {"type", "started"}  # nothing is another than before


def test_a_record_says_what_a_dialogue_went_on_with(tmp_path):
    path = tmp_path / "a.jsonl"
    first = start({"total_tokens": 9}, 7, path)
    with pytest.raises(KeyboardInterrupt), first.ended():
        first.meet(INFO, INFO)
        raise KeyboardInterrupt
    second = go_on(read(path), {"total_tokens": 12}, RecordWriter(path, resume=True))
    with second.ended():
        second.meet(INFO, replace(INFO, model="another"))
    dialogue = read(path)
    assert dialogue.config == {"total_tokens": 12} and dialogue.assistant == INFO
    assert dialogue.user is not None and dialogue.user.model == "another"
    assert lines_of(path)[0]["config"] == {"total_tokens": 9}
