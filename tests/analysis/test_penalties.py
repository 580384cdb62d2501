"""Why the penalty missed a loop: rounds of four turns with 10, 20, 30 and 40 tokens, said three
times, so that a copy begins 100 tokens of talk behind the one before.
"""

from __future__ import annotations

import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

import analyze
from broken_record.analysis.copy_distance import MARKERS, find_prompt, find_repeat, longest_run
from broken_record.analysis.penalties import diagnose
from broken_record.analysis.report_file import read_report
from broken_record.data import Dialogue, EngineInfo, Finding, Role, Span, Turn
from broken_record.detectors.find import find_loops_and_breaks
from broken_record.text.transcript import Transcript

ROOT = Path(__file__).parents[2]
ROUND = [
    'Skye: *waves* "You kept me the good chair by the window."',
    'Mark: *nods* "It smells of fresh bread in here today."',
    'Skye: *laughs* "The baker is an old friend of mine."',
    'Mark: *shrugs* "Then we shall have to stay for supper."',
]
TOKENS = [10, 20, 30, 40]
AT = "multi_turn_loop at turn 4: "
FAR = "the copies are at least 100 tokens apart, and "
NEAR = f"the copies are at most {100 + 4 * MARKERS} tokens apart, and "
WEAK = ": within reach, but too weak"
PENALTY = "the repetition penalty of 1.1 "


def held(sampler, engine="llama-server", *, lines=ROUND * 3, tokens=TOKENS * 3, **config):
    roles: tuple[Role, Role] = ("assistant", "user")
    turns = tuple(
        Turn(i, roles[i % 2], line, tokens=count)
        for i, (line, count) in enumerate(zip(lines, tokens, strict=True))
    )
    ignored = ("dry_multiplier",) if engine == "vllm" and "dry_multiplier" in sampler else ()
    info = EngineInfo(engine, ignored=ignored)
    values = {"agent_prefix": "Skye:", "user_prefix": "Mark:", "sampler": sampler, **config}
    return Dialogue(values, turns, "done", assistant=info, user=info)


def a_loop(turns=range(12), *, speaker="assistant", kind="multi_turn_loop", period=4, **more):
    first = turns[0]
    values = {
        "kind": kind, "speaker": speaker, "level": "break", "origin_turn": first,
        "onset_turn": first + (period or 0), "detect_turn": first + 2 * (period or 0),
        "end_turn": None, "period": period, "copies": 3, "strength": 0.8,
        "spans": tuple(Span(i, 5, 20) for i in turns), "explanation": "",
    }  # fmt: skip
    return Finding(**{**values, **more})


def copy_of(dialogue, loop, role="assistant"):
    repeat = find_repeat(dialogue, loop, role)
    assert repeat is not None
    return repeat


def told(sampler, engine="llama-server", loop=None, **more):
    return diagnose(held(sampler, engine, **more), [loop or a_loop()])


@pytest.mark.parametrize(
    ("engine", "sampler", "expected"),
    [
        ("llama-server", {}, "nothing in the sampler penalises repetition"),
        ("embedded:skye", {"repeat_penalty": 1.0}, "nothing in the sampler penalises repetition"),
        ("llama-server", {"repeat_penalty": 0.9}, "nothing in the sampler penalises repetition"),
        ("a library", {"top_k": 40}, "nothing in the sampler penalises repetition"),
        ("llama-server", {"dry_multiplier": 0, "dry_base": 2},
         "nothing penalises repetition, for DRY needs a dry_multiplier above 0"),
        ("vllm", {"dry_multiplier": 0.8},
         "vllm does not honour dry_multiplier, and nothing else penalises repetition"),
        ("llama-server", {"repeat_penalty": 1.1, "mirostat": 2},
         "mirostat leaves all repetition penalties out on llama-server"),
    ],
)  # fmt: skip
def test_a_penalty_that_is_not_at_work_is_said_to_be_so(engine, sampler, expected):
    assert told(sampler, engine) == AT + expected


@pytest.mark.parametrize(
    ("engine", "sampler", "expected"),
    [
        ("llama-server", {}, FAR + PENALTY + "looks back only 64, the server's default"),
        ("llama-server", {"repeat_last_n": 99}, FAR + PENALTY + "looks back only 99"),
        ("llama-server", {"rep_pen_range": 99}, FAR + PENALTY + "looks back only 99"),
        ("llama-server", {"repeat_last_n": 100}, None),  # markers come on top of what was said
        ("llama-server", {"repeat_last_n": 227}, None),
        ("llama-server", {"repeat_last_n": 228}, NEAR + PENALTY + "looks back 228" + WEAK),
        ("llama-server", {"repeat_last_n": 0}, FAR + PENALTY + "looks back only 0"),
        ("llama-server", {"repeat_last_n": -1}, NEAR + PENALTY + "looks over the whole prompt"
         + WEAK),
        ("llama-server", {"presence_penalty": 0.5}, FAR + PENALTY[:-1]
         + " and the presence penalty of 0.5 look back only 64, the server's default"),
        ("koboldcpp", {}, NEAR + PENALTY + "looks back 320, the server's default" + WEAK),
        ("koboldcpp", {"repeat_last_n": 0}, FAR + PENALTY + "looks back only 1"),
        ("koboldcpp", {"mirostat": 2, "rep_pen_range": 50}, FAR + PENALTY + "looks back only 50"),
        ("vllm", {"repeat_last_n": 8}, NEAR + PENALTY + "looks over the whole prompt" + WEAK),
        ("aphrodite", {}, NEAR + PENALTY + "looks over the whole prompt" + WEAK),
        ("vllm", {"repetition_penalty": 1, "presence_penalty": 0.5}, FAR
         + "the presence penalty of 0.5 counts nothing but the reply being written"),
        ("llama-server", {"samplers": ["top_k"]}, None),
        ("koboldcpp", {"sampler_order": [0, 1]}, None),
        ("aphrodite", {"no_repeat_ngram_size": 3}, None),
        ("a library", {}, None),
    ],
)  # fmt: skip
def test_the_distance_of_the_copies_is_compared_with_what_the_engine_looks_at(
    engine, sampler, expected
):
    if "repetition_penalty" not in sampler:
        sampler = {"repeat_penalty": 1.1, **sampler}
    assert told(sampler, engine) == (expected and AT + expected)


QUOTED = (
    "DRY at 0.8 lets repeats of {} tokens pass, "
    "where between its breakers at most 9 words come again"
)


@pytest.mark.parametrize(
    ("engine", "sampler", "expected"),
    [
        ("llama-server", {"dry_penalty_last_n": 64}, FAR + "DRY at 0.8 looks back only 64"),
        ("llama-server", {"dry_penalty_last_n": 0}, FAR + "DRY at 0.8 looks back only 0"),
        ("llama-server", {}, None),  # 64 or all of the prompt, as old as the server is
        ("llama-server", {"dry_penalty_last_n": 230}, NEAR + "DRY at 0.8 looks back 230" + WEAK),
        ("llama-server", {"dry_penalty_last_n": 229}, None),  # two tokens in front count too
        ("koboldcpp", {}, NEAR + "DRY at 0.8 looks back 320, the server's default" + WEAK),
        ("aphrodite", {}, NEAR + "DRY at 0.8 looks over the whole prompt" + WEAK),
        ("aphrodite", {"dry_penalty_last_n": 64}, FAR + "DRY at 0.8 looks back only 64"),
        ("llama-server", {"dry_base": 0}, None),
        # "You kept me the good chair by the window." has 9 words in a turn of 10 tokens; "The baker
        # is an old friend of mine." is at most 29 tokens, the turn's 30 less one for "laughs"
        ("llama-server", {"dry_allowed_length": 29}, FAR + QUOTED.format(29)),
        ("llama-server", {"dry_allowed_length": 28}, None),
        ("llama-server", {"dry_allowed_length": 6, "dry_penalty_last_n": 234}, NEAR
         + "DRY at 0.8 looks back 234" + WEAK),  # 9 words, two of which may hang on a breaker
        ("llama-server", {"dry_allowed_length": 7, "dry_penalty_last_n": 999}, None),
        ("llama-server", {"dry_allowed_length": 29, "dry_sequence_breakers": ["\n"]}, None),
        ("koboldcpp", {"dry_allowed_length": 29}, None),  # no breakers of its own
        ("koboldcpp", {"dry_allowed_length": 29, "dry_sequence_breakers": [":", '"', "*"]},
         FAR + QUOTED.format(29)),
        ("koboldcpp", {"dry_sequence_breakers": '["*"]'}, None),
        ("aphrodite", {"dry_allowed_length": 29, "dry_sequence_breakers": [":", '"', "*"]}, None),
    ],
)  # fmt: skip
def test_dry_needs_range_and_a_run_between_its_breakers(engine, sampler, expected):
    assert told({"dry_multiplier": 0.8, **sampler}, engine) == (expected and AT + expected)


def test_one_penalty_that_sees_the_copy_is_enough_and_two_that_do_not_are_both_named():
    both = {"repeat_penalty": 1.1, "dry_multiplier": 0.8, "dry_penalty_last_n": 50}
    blind = "looks back only 64, the server's default and DRY at 0.8 looks back only 50"
    assert told(both) == AT + FAR + PENALTY + blind
    assert told({**both, "repeat_last_n": 512}) == AT + NEAR + PENALTY + "looks back 512" + WEAK
    assert told({**both, "repeat_last_n": 150}) is None


def test_where_the_server_counted_the_prompts_the_distance_is_measured():
    dialogue = held({"repeat_penalty": 1.1, "repeat_last_n": 110})
    prompts = [50 + 30 * turn.index for turn in dialogue.turns]  # 120 tokens a round
    turns = tuple(replace(t, prompt_tokens=prompts[t.index]) for t in dialogue.turns)
    measured = replace(dialogue, turns=turns)
    why = PENALTY + "looks back only 110"
    assert diagnose(measured, [a_loop()]) == f"{AT}the copies are 120 tokens apart, and {why}"
    # the user sees a window: its prompt bounds the distance, and no difference of two measures it
    assert diagnose(measured, [a_loop(speaker="user")]) is None
    short = tuple(replace(turn, prompt_tokens=105) for turn in dialogue.turns)
    near = f"{AT}the copies are at most 105 tokens apart, and {PENALTY}looks back 110{WEAK}"
    assert diagnose(replace(dialogue, turns=short), [a_loop(speaker="user")]) == near
    trimmed = tuple(replace(t, trimmed=2 * (t.index > 8)) for t in turns)  # another prompt's head
    loop = a_loop(range(6, 12), origin_turn=6)
    assert copy_of(replace(dialogue, turns=trimmed), loop).least == 100


def test_what_was_not_counted_is_not_guessed():
    sampler = {"repeat_penalty": 1.1}
    assert told(sampler, tokens=[10, 20, None, 40] * 3) is None
    assert told({}, tokens=[None] * 12) == AT + "nothing in the sampler penalises repetition"
    dialogue = held({**sampler, "repeat_last_n": 512})
    turns = tuple(replace(turn, tokens_from="chunks") for turn in dialogue.turns)
    assert diagnose(replace(dialogue, turns=turns), [a_loop()]) is None  # a chunk may hold several
    goal = held(sampler, mode="goal")  # what is said stands in templates there
    assert diagnose(goal, [a_loop()]) is None
    assert diagnose(replace(held({}), assistant=None), [a_loop()]) is None
    assert diagnose(held("none"), [a_loop()]) is None


def test_what_the_users_window_no_longer_holds_no_penalty_can_see():
    sampler = {"repeat_penalty": 1.1, "repeat_last_n": -1}
    lost = "the user's prompt no longer held the copy, 4 messages back (user_memory is 3)"
    user = a_loop(speaker="user")
    assert told(sampler, loop=user, user_memory=3) == AT + lost
    near = AT + NEAR + PENALTY + "looks over the whole prompt" + WEAK
    assert told(sampler, loop=user, user_memory=4) == near
    assert told(sampler, loop=user) == near  # 9 messages unless the config says another number
    assert told(sampler, loop=user, user_memory=3, mode="goal") is not None
    # in steps of 3 the user sees 2 to 4 messages: those from 6 on at turn 9, not 5
    last = a_loop((1, 5, 9), speaker="user")
    step = {"user_memory": 4, "user_memory_step": 3}
    assert [k for k in range(9) if k in prompt(9, **step)] == [6, 7, 8]
    assert [k for k in range(7) if k in prompt(7, **step)] == [3, 4, 5, 6]
    assert "no longer held" in (told(sampler, loop=last, **step) or "")


def prompt(index, **config):
    dialogue = held({}, **config)
    return find_prompt(dialogue, dialogue.turns[index])


def test_what_was_trimmed_no_penalty_can_see():
    dialogue = held({"repeat_penalty": 1.1, "repeat_last_n": -1})
    turns = tuple(replace(t, trimmed=max(0, t.index - 2)) for t in dialogue.turns)
    lost = "the assistant's prompt no longer held the copy, 4 messages back"
    assert diagnose(replace(dialogue, turns=turns), [a_loop()]) == AT + lost


def test_each_speakers_own_sampler_counts():
    loop = a_loop(speaker="both")
    own = {"user_sampler": {"repeat_penalty": 1.1, "repeat_last_n": 50}}
    why = f"{FAR}{PENALTY}looks back only 50"
    nothing = "nothing in the sampler penalises repetition"
    assert told({}, loop=loop, **own) == f"{AT}assistant: {nothing}; user: {why}"
    assert told(own["user_sampler"], loop=loop) == AT + why
    unsure = {"repeat_penalty": 1.1, "repeat_last_n": 150}
    assert told(unsure, loop=loop, **own) == f"{AT}user: {why}"


def test_a_copy_of_the_opening_counts_what_was_said_since():
    opening = [
        {"role": "system", "content": "A date."},
        {"role": "assistant", "content": ROUND[0]},
        {"role": "user", "content": ROUND[1]},
    ]
    dialogue = held({"repeat_penalty": 1.1}, conversation=opening)
    turns = tuple(
        Turn(i, ("assistant", "user")[(i - 3) % 2], line, tokens=70)
        for i, line in enumerate([ROUND[2], ROUND[3], ROUND[0]], start=3)
    )
    loop = a_loop((1, 5))
    repeat = copy_of(replace(dialogue, turns=turns), loop)
    assert (repeat.least, repeat.most) == (140, float("inf"))


def test_repeats_inside_a_reply_are_compared_word_by_word():
    # 4 words, and 15 bytes from one copy to the next, whatever the tokens are
    near = "and so it goes " * 5
    dialogue = held({"repeat_penalty": 1.1}, lines=["Hm.", near], tokens=[2, 24])
    loop = next(
        f for f in find_loops_and_breaks(Transcript(dialogue)).findings if f.level != "info"
    )
    assert diagnose(dialogue, [loop]) == (
        "intra_turn_repetition at turn 1: the repeats in one reply are at most 15 tokens apart, "
        f"and {PENALTY}looks back 64, the server's default{WEAK}"
    )
    verse = " ".join(f"word{i}" for i in range(70)) + ". "  # 70 words are 70 tokens at least
    dialogue = held({"repeat_penalty": 1.1}, lines=["Hm.", verse * 3], tokens=[2, 700])
    loop = next(
        f for f in find_loops_and_breaks(Transcript(dialogue)).findings if f.level != "info"
    )
    far = "the repeats in one reply are at least 70 tokens apart, and "
    why = f"{far}{PENALTY}looks back only 64, the server's default"
    assert diagnose(dialogue, [loop]) == f"intra_turn_repetition at turn 1: {why}"
    own = held({"presence_penalty": 0.5}, "vllm", lines=["Hm.", verse * 3], tokens=[2, 700])
    assert "presence penalty of 0.5 looks over the whole prompt" in (diagnose(own, [loop]) or "")
    letters = held({"repeat_penalty": 1.1}, lines=["Hm.", "a" * 99], tokens=[2, 50])
    loop = a_loop([1], speaker="user", kind="intra_turn_repetition", period=None)
    assert copy_of(letters, loop, "user").most == 50


def test_openings_are_copies_where_they_begin_alike():
    rests = ["The sea is calm.", "Where was that?", "My kitchen is small.", "Tell me more of it."]
    lines = []
    for rest in rests:
        lines += [f"Skye: I can almost see it from here. {rest}", "Mark: Hm."]
    dialogue = held({"repeat_penalty": 1.1, "repeat_last_n": 20}, lines=lines, tokens=[20, 2] * 4)
    loop = next(
        f for f in find_loops_and_breaks(Transcript(dialogue)).findings if f.level == "warn"
    )
    assert loop.kind == "prefix_repetition"
    why = f"the copies are at least 22 tokens apart, and {PENALTY}looks back only 20"
    assert diagnose(dialogue, [loop]) == f"prefix_repetition at turn 2: {why}"
    other = replace(loop, spans=(Span(0, 5, 9), Span(1, 5, 9)))
    assert diagnose(dialogue, [other]) is None


def test_the_loop_that_broke_the_dialogue_is_the_one_that_is_explained():
    dialogue = held({})
    early = a_loop(range(2, 8), kind="prefix_repetition", level="warn", period=2)
    late = a_loop(range(4, 12))
    assert (diagnose(dialogue, [early, late]) or "").startswith("multi_turn_loop at turn 8: ")
    assert (diagnose(dialogue, [early]) or "").startswith("prefix_repetition at turn 4: ")
    for other in (
        replace(late, level="info"),
        replace(late, primary=False),
        replace(late, kind="semantic_repetition"),
        replace(late, kind="refusal"),
    ):
        assert diagnose(dialogue, [other]) is None
    assert diagnose(dialogue, []) is None


def test_a_run_ends_at_a_breaker_and_at_another_word():
    assert longest_run("a b c d", "x b c d e") == ["b", "c", "d"]
    assert longest_run('a b" c d e', 'a b" c d f', ['"']) == ["a", "b"]
    assert longest_run('"', '"', ['"']) == []


@pytest.mark.parametrize(
    ("penalty", "last_n", "expected"),
    [
        (1.1, 16, r"looks back only 16"),
        (1.02, 2048, r"looks back 2,048: within reach, but too weak"),
    ],
)
def test_a_greedy_dialogue_of_the_embedded_models_is_explained(
    penalty, last_n, expected, tmp_path, capsys
):
    record = tmp_path / "a.jsonl"
    sampler = {"temperature": 0, "repeat_penalty": penalty, "repeat_last_n": last_n}
    settings = [f"sampler.{name}={value}" for name, value in sampler.items()]
    settings += ["total_tokens=2500", 'stop_on=["single_turn_loop", "multi_turn_loop"]']
    options = [word for setting in settings for word in ("--set", setting)]
    command = [sys.executable, "parrot.py", *options, "--seed", "1", "--record", str(record)]
    subprocess.run(command, cwd=ROOT, capture_output=True, check=True)
    assert analyze.main([str(tmp_path)]) == 0
    why = next(iter(read_report(tmp_path).dialogues)).diagnosis
    assert why is not None and f"  why the penalty missed it: {why}\n" in capsys.readouterr().out
    assert re.search(rf"tokens apart.*, and the repetition penalty of {penalty} {expected}$", why)
