"""The detectors beside a dialogue that goes on."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from benchmarks.injection import OPERATORS
from benchmarks.natural import as_dialogue, read
from broken_record.batch.loops import Loops
from broken_record.conversation.watch import LEAST_S, TAIL, Watch, find_reason_to_stop
from broken_record.data import Dialogue, Turn
from broken_record.detectors.find import find_loops_and_breaks
from broken_record.detectors.registry import KINDS
from broken_record.files.record import RecordWriter
from broken_record.text.transcript import Transcript
from tests.conversation.test_showing import SCENE, on_terminal
from tests.detectors.test_detectors import planted

LINE = "I am so glad that we came up here tonight to see the old harbour together."
TALK = [
    "Which of the two do you mean, then?", "My brother says the ferry was late again.",
    "Somebody left the window open all night.", "Did it ever stop raining up there?",
    "Perhaps we ought to ask the baker first.", "That is not how Dora remembers it.",
    "Eleven candles and not a single match.", "You may put the ladder by the shed.",
    "Nine of them were sold before the shop had opened.", "He whistles whenever it thunders.",
    "The map is upside down, and so is the lake.", "Grandmother's clock runs backwards.",
    "Under that bridge one can still hear the trams.", "Salt first, then the lemon, never milk.",
    "A violin came with the house, without strings.", "Fridays smell of fresh paint to me.",
]  # fmt: skip


def held(said, **more):
    turns = [Turn(i, ("user", "assistant")[i % 2], text, 9, **more) for i, text in enumerate(said)]
    return Dialogue({"stop_on": [], "user_prefix": "Mark:"}, tuple(turns), "unfinished")


def prefixes(dialogue):
    return (replace(dialogue, turns=dialogue.turns[: n + 1]) for n in range(len(dialogue.turns)))


@pytest.mark.parametrize("kind", [kind for kind in OPERATORS if kind != "semantic_repetition"])
def test_what_ends_a_long_dialogue_is_what_the_whole_of_it_shows_at_the_same_turn(kind):
    """Sane talk, longer than what is looked at, then a planted kind; every prefix of that."""
    sane = next(
        as_dialogue(entry) for entry in read("dialogues.jsonl")
        if entry["name"].startswith("t0.87_p1.1")
    )  # fmt: skip
    one = planted(kind, 1).dialogue()
    turns = [*sane.turns[: TAIL + 1], *one.turns]
    given = len(sane.opening)
    turns = [replace(turn, index=given + i) for i, turn in enumerate(turns)]
    names = {key: one.config[key] for key in ("agent_prefix", "user_prefix") if key in one.config}
    config = {**sane.config, **names, "stop_on": [kind]}
    for n in range(TAIL + 1, len(turns) + 1):
        so_far = replace(sane, turns=tuple(turns[:n]), config=config)
        whole = find_loops_and_breaks(Transcript(so_far), [kind]).findings
        offline = [finding for finding in whole if finding.counts]
        online = find_reason_to_stop(so_far)
        assert (online is None) == (not offline)
        if online:
            assert (online.kind, online.speaker) in [(f.kind, f.speaker) for f in offline]
            return
    raise AssertionError(f"{kind} was never told")


def test_a_finding_is_told_once_and_once_more_when_it_is_over():
    said = [part for text in TALK[:4] for part in (LINE, text)] + TALK[4:]
    watch = Watch(clock=lambda: 0.0, price=0.0)
    told = [(len(one.turns), line) for one in prefixes(held(said)) for line in watch.turn(one)]
    assert told == [
        (5, "turn 2: Mark: the same line again (single_turn_loop)"),
        (13, "turn 7: over: the same line again, since turn 2"),
    ]


def test_what_it_says_agrees_with_the_analysis_of_the_whole_dialogue():
    said = [part for text in TALK for part in (LINE, text)]
    watch = Watch(clock=lambda: 0.0)
    [line] = watch.look(held(said))
    [finding] = [f for f in find_loops_and_breaks(Transcript(held(said))).findings if f.primary]
    assert line.startswith(f"turn {finding.onset_turn}: Mark: {KINDS[finding.kind].words}")
    assert watch.look(held(said)) == []


@pytest.mark.parametrize(("elapsed_s", "most"), [(None, LEAST_S), (2.0, 0.04)])
def test_looks_are_paid_for_by_the_turns(elapsed_s, most):
    """A clock that says that every look costs 80 ms; 400 turns."""
    ticks = iter(range(10_000))
    watch = Watch(clock=lambda: next(ticks) * 0.08)
    looks = 0
    for n in range(1, 401):
        before = watch.saved
        watch.turn(held(["Hello there."] * min(n, 2), elapsed_s=elapsed_s))
        looks += watch.saved < before
    assert 0 < looks * 0.08 <= 400 * most + 0.08
    assert looks >= 400 * most / 0.08 - 2


def test_a_terminal_is_told_and_a_quiet_one_is_not(tmp_path):
    said = [" " + part for text in TALK[:6] for part in (LINE, text)]
    config = {**SCENE, "total_tokens": 36}
    _, errors = on_terminal(config, said, tmp_path)
    assert errors == "turn 4: Skye: the same line again (single_turn_loop)\n"
    _, errors = on_terminal(config, said, tmp_path, "--quiet")
    assert errors == ""


def test_a_batch_counts_the_records_that_loop_as_they_grow(tmp_path):
    loops, path = Loops(), tmp_path / "a.jsonl"
    writer = RecordWriter(path)
    writer.header(held([]))
    loops.look(path)
    for turn in held(TALK[:4] + [part for text in TALK[4:8] for part in (LINE, text)]).turns:
        writer.turn(turn)
    writer.close()
    loops.look(path)
    assert loops.looping == set()  # so short a record waits until it is over
    loops.look(path, over=True)
    assert loops.looping == {path}
    loops.look(tmp_path / "none.jsonl", over=True)
    (tmp_path / "bad.jsonl").write_text(json.dumps({"type": "nonsense"}) + "\n")
    loops.look(tmp_path / "bad.jsonl", over=True)
    assert loops.looping == {path}
