"""Goal dialogues turn by turn; the names say which row of docs/goals.md a test is for."""

from __future__ import annotations

import json
import os
import re
from dataclasses import replace

import jinja2
import pytest
from hypothesis import given
from hypothesis import strategies as st

from broken_record.batch.plan import seed_of
from broken_record.config.load import load, parse
from broken_record.conversation.context import find_limits
from broken_record.conversation.converse import converse, take_sides, turn_seed
from broken_record.conversation.goals import choose
from broken_record.data import Attempt, Chunk, Dialogue, End, EngineInfo, Turn
from broken_record.engines.connect import connect
from broken_record.engines.registry import ENGINES
from broken_record.engines.scripted import ScriptedEngine
from broken_record.errors import TemplateRefused
from broken_record.export.samples import FORMATS, seen_by
from broken_record.files.goal_counts import count_events
from broken_record.tiny.tokenizer import FOLDER
from tests.conversation.test_replies import template_of
from tests.export.test_samples import sample
from tests.replay import LLAMA, http_json, replay, reply
from tests.test_parrot import ROOT, parrot, read

GOAL = {
    "mode": "goal",
    "personas": [{"id": "nurse", "text": "a nurse"}],
    "objectives": [{"id": "dice", "text": "Learn of dice."}],
    "templates": {
        "first": "P <PERSONA> O <OBJECTIVE> S <CONV_STOP>\nAsk: <NEXT_PROMPT>",
        "next": "R <RESPONSE>\nAsk: <NEXT_PROMPT>",
    },
}
STEPS = [{"id": "dice", "text": "Learn.", "steps": ["one", "two"]}]
FIRST = "[user]P a nurse O Learn of dice. S FINISH[assistant]"
HA = "ha ha ha ha"


class Engine(ScriptedEngine):
    """Keeps the samplers too; `n_ctx` is what it says it holds."""

    def __init__(self, *replies, n_ctx=None, **more):
        super().__init__(*replies, **more)
        self.n_ctx = n_ctx
        self.samplers = []

    def info(self):
        return EngineInfo(engine="scripted", model="script", n_ctx=self.n_ctx)

    def stream(self, prompt, *, max_tokens, sampler, seed):
        self.samplers.append(dict(sampler))
        return super().stream(prompt, max_tokens=max_tokens, sampler=sampler, seed=seed)


def goal(**more):
    return parse(json.dumps({**GOAL, **more}), "g.json").config


def hold(config, user, assistant, seed=7, **more):
    """The events; user and assistant are engines or their replies."""
    user, assistant = (
        one if isinstance(one, Engine) else Engine(*([one] if isinstance(one, str) else one))
        for one in (user, assistant)
    )
    return list(converse(config, *take_sides(config, assistant, user), seed=seed, **more))


def turns_of(events):
    return [event for event in events if isinstance(event, Turn)]


def attempts_of(events):
    return [event for event in events if isinstance(event, Attempt)]


def told(events):
    """(role, content) of the turns, and why it ended."""
    return [(t.role, t.content) for t in turns_of(events)], events[-1]


def dialogue_of(events, **more):
    values = {**parse(json.dumps({**GOAL, **more}), "g.json").values}
    return Dialogue(
        choose(values), tuple(turns_of(events)), "done", attempts=tuple(attempts_of(events))
    )


def counters_of(events, **more):
    """Per role what was counted, zeros left out."""
    counts = count_events(dialogue_of(events, **more))
    return {role: {k: n for k, n in count.items() if n} for role, count in counts.items()}


def test_b01_both_sides_begin_with_an_empty_history():
    user, assistant = Engine(' "Hi"'), Engine(" yes")
    hold(goal(max_turns=1), user, assistant)
    assert (user.prompts, assistant.prompts) == ([FIRST], ["[user]Hi[assistant]"])


def test_b02_a_step_is_handed_over_each_turn_and_its_line_goes_when_none_is_left():
    user = Engine('"Hi"')
    hold(goal(objectives=STEPS, max_turns=3), user, "yes")
    first = "[user]P a nurse O Learn. S FINISH\nAsk: one[assistant]Hi"
    assert user.prompts[2] == f"{first}[user]R yes\nAsk: two[assistant]Hi[user]R yes[assistant]"


def test_b03_the_user_begins_and_there_are_twelve_exchanges_at_most():
    events = hold(goal(), '"Hi"', "yes")
    said, end = told(events)
    assert said == [("user", ' "Hi"'), ("assistant", " yes")] * 12 and end == End("max_turns")
    assert [turn.index for turn in turns_of(events)] == list(range(24))


def test_b04_the_first_prompt_has_persona_objective_and_stop_token():
    user = Engine("FINISH")
    hold(goal(user_system="Be short."), user, "yes")
    assert user.prompts == [f"[system]Be short.{FIRST}"]
    standard = Engine("FINISH")
    hold(goal(templates={}), standard, "yes")
    for words in ("You are a nurse.", "\n\nLearn of dice.\n\n", "write FINISH and nothing else"):
        assert words in standard.prompts[0]
    assert "Ask this first" not in standard.prompts[0]


def test_b05_later_prompts_forward_the_last_reply():
    user = Engine('"Hi"', '"And?"', "FINISH")
    hold(goal(agent_prefix="Skye:"), user, Engine("first", "second"))
    assert user.prompts[2] == f"{FIRST}Hi[user]R first[assistant]And?[user]R second[assistant]"


def test_b06_the_assistant_sees_the_extracts_and_nothing_of_persona_or_goal():
    assistant = Engine("yes")
    system = [{"role": "system", "content": "Help."}]
    hold(goal(conversation=system, max_turns=2), 'As a nurse I ask "Hi" of dice', assistant)
    assert assistant.prompts[1] == "[system]Help.[user]Hi[assistant] yes[user]Hi[assistant]"


def test_b07_several_quotations_are_counted_and_none_ends_the_dialogue():
    events = hold(goal(), ['"A" or "B"', "no quotes"], "yes")
    turns = turns_of(events)
    assert [(t.extract, t.quoted) for t in turns if t.role == "user"] == [("A", 2), (None, 0)]
    assert events[-1] == End("no_prompt") and len(turns) == 3
    assert counters_of(events) == {"assistant": {}, "user": {"several_prompts": 1, "no_prompt": 1}}


@pytest.mark.parametrize("last", ["FINISH", '"FINISH"', 'Thanks, "bye".\n**FINISH**'])
def test_b08_the_user_ends_it_with_the_stop_token_which_nobody_is_sent(last):
    assistant = Engine("yes")
    events = hold(goal(), ['"Hi"', last], assistant)
    assert events[-1] == End("finished") and len(assistant.prompts) == 1
    assert (turns_of(events)[-1].extract, counters_of(events)["user"]) == (None, {})
    seen = [message.content for _, message in seen_by("assistant", dialogue_of(events))]
    assert seen == ["Hi", " yes"]


def test_b08_the_assistant_does_not_end_it():
    assert hold(goal(max_turns=2), '"Hi"', "FINISH")[-1] == End("max_turns")


def test_b09_each_side_has_a_longest_group_of_its_own():
    five = "a b c d e " * 3
    events = hold(goal(max_turns=1), f'"{five}"', five)
    assert [turn.noncoherent for turn in turns_of(events)] == [None, (1, 30)]
    assert counters_of(events) == {"assistant": {"noncoherent": 1}, "user": {}}


def test_b10_a_reply_without_a_prompt_is_asked_for_again_with_strayed_sampling():
    config = goal(regenerate={"tries": 2, "jitter": 0.3}, sampler={"temperature": 0.8})
    user = Engine("no", "still no", '"Hi"', "FINISH")
    events = hold(config, user, "yes")
    assert [(a.index, a.attempt, a.content, a.flaw) for a in attempts_of(events)] == [
        (0, 0, " no", "no_prompt"), (0, 1, " still no", "no_prompt"),
    ]  # fmt: skip
    assert [(t.index, t.content) for t in turns_of(events)] == [
        (0, ' "Hi"'), (1, " yes"), (2, " FINISH"),
    ]  # fmt: skip
    first, second, third, later = (sampler["temperature"] for sampler in user.samplers)
    assert first == later == 0.8 and len({first, second, third}) == 3
    assert all(abs(warmth - 0.8) <= 0.3 for warmth in (second, third))
    assert counters_of(events)["user"] == {
        "no_prompt": 2, "regenerated": 2, "regenerate_worked": 1,
    }  # fmt: skip


def test_b10_when_the_tries_are_used_up_the_dialogue_ends():
    events = hold(goal(regenerate={"tries": 2}), "no", "yes")
    assert len(attempts_of(events)) == 2 and events[-1] == End("no_prompt")
    assert counters_of(events)["user"] == {"no_prompt": 3, "regenerated": 2}


def test_b10_nothing_is_asked_again_unless_tries_are_set():
    assert attempts_of(hold(goal(), "no", "yes")) == []
    empty = hold(goal(regenerate={"tries": 2}), '"Hi"', "")
    assert attempts_of(empty) == [] and empty[-1] == End("empty")


@pytest.mark.parametrize("self_reply", ["cut", "keep"])
def test_b11_what_a_side_says_for_the_other_is_cut_and_counted(self_reply):
    config = goal(user_prefix="Mark:", agent_prefix="Skye:", max_turns=1, self_reply=self_reply)
    events = hold(config, '"Hi"\nSkye: "Hello"', "yes\nMark: no")
    whole = [("user", 'Mark: "Hi"\nSkye: "Hello"'), ("assistant", "Skye: yes\nMark: no")]
    own = [("user", 'Mark: "Hi"'), ("assistant", "Skye: yes")]
    assert told(events)[0] == (own if self_reply == "cut" else whole)
    rest = [turn.self_reply for turn in turns_of(events)]
    assert rest == (['\nSkye: "Hello"', "\nMark: no"] if self_reply == "cut" else [None, None])
    assert turns_of(events)[0].extract == "Hi"
    assert (counters_of(events)["user"].get("self_reply", 0) == 1) is (self_reply == "cut")


@pytest.mark.parametrize(("history", "seen"), [("extract", "Hi"), ("raw", ' So: "Hi"')])
def test_b12_the_users_history_keeps_the_extract_unless_told_otherwise(history, seen):
    user = Engine('So: "Hi"', "FINISH")
    hold(goal(inquirer_history=history), user, "yes")
    assert user.prompts[1] == f"{FIRST}{seen}[user]R yes[assistant]"


@pytest.mark.parametrize("prefix", ["", "X:"])
@pytest.mark.parametrize(("user", "assistant"), [('"Hi"', ""), ("", "yes"), ('"Hi"', "\n ")])
def test_b13_an_empty_reply_ends_the_dialogue_whatever_its_prefix(user, assistant, prefix):
    more = {"user_prefix": prefix, "agent_prefix": prefix}
    events = hold(goal(**more), user, assistant)
    who = "user" if user == "" else "assistant"
    assert events[-1] == End("empty") and turns_of(events)[-1].role == who
    assert counters_of(events, **more)[who] == {"empty": 1}
    prompts = [message.content for _, message in seen_by("user", dialogue_of(events, **more))]
    assert not [prompt for prompt in prompts if re.search("<[A-Z_]+>", prompt)]


def roles_in(prompt):
    return re.findall(r"\[(system|user|assistant)\]", prompt)


def test_b14_the_oldest_exchanges_go_while_system_and_first_prompt_stay():
    system = [{"role": "system", "content": "Help."}]
    config = goal(conversation=system, user_system="Be short.", turn_max_tokens=25, max_turns=30)
    words = "word " * 19 + "end"
    user = Engine(f'"{words}"', n_ctx=200)
    assistant = Engine(words, n_ctx=200)
    events = hold(config, user, assistant)
    assert len(turns_of(events)) == 60 and events[-1] == End("max_turns")
    for engine, opening, begins in (
        (user, f"[system]Be short.{FIRST}", ["system", "user"]),
        (assistant, "[system]Help.[user]", ["system"]),
    ):
        assert all(len(prompt.split()) + 25 < 200 for prompt in engine.prompts)
        assert all(prompt.startswith(opening) for prompt in engine.prompts)
        for prompt in engine.prompts:
            spoken = roles_in(prompt)[len(begins) :]
            expected = ["assistant", "user"] if engine is user else ["user", "assistant"]
            assert spoken == (expected * 60)[: len(spoken)]
    for role in ("user", "assistant"):
        dropped = [turn.trimmed or 0 for turn in turns_of(events) if turn.role == role]
        assert dropped == sorted(dropped) and dropped[-1] > 30


def test_b14_context_stop_ends_it_there():
    words = "word " * 20
    config = goal(context="stop", turn_max_tokens=25)
    events = hold(config, Engine(f'"{words}"', n_ctx=200), Engine(words, n_ctx=200))
    assert events[-1] == End("context") and 2 < len(turns_of(events)) < 24


def test_b16_an_export_has_the_form_of_llm_roleplays_records():
    line = FORMATS["llm-roleplay"](
        sample(dialogue_of(hold(goal(), ['I ask "Hi"', "FINISH"], "yes")))
    )
    assert {name: value for name, value in line.items() if name != "metadata"} == {
        "persona": "a nurse",
        "sample": {"instruction": "Learn of dice.", "id": "dice", "steps": []},
        "num_turns": 1,
        "dialog": [{"turn": 0, "model_inquirer": "Hi", "model_responder": " yes"}],
    }


def test_b17_what_happened_is_counted_and_every_text_can_be_had():
    more = {"noncoherent": {"action": "retry"}, "regenerate": {"tries": 1, "for": ["empty"]}}
    events = hold(goal(max_turns=2, **more), '"Hi" "Ho"', [HA, "yes\nX", "", "so"])
    assert counters_of(events, **more) == {
        "user": {"several_prompts": 2},
        "assistant": {"noncoherent": 1, "empty": 1, "regenerated": 2, "regenerate_worked": 2},
    }
    side = [message.content for _, message in seen_by("user", dialogue_of(events, **more))]
    assert side == ["P a nurse O Learn of dice. S FINISH", ' "Hi" "Ho"', "R yes\nX", ' "Hi" "Ho"',
                    "R so"]  # fmt: skip
    side = [message.content for _, message in seen_by("assistant", dialogue_of(events, **more))]
    assert side == ["Hi", " yes\nX", "Hi", " so"]


def test_x03_a_retry_leaves_the_sampler_as_it_was_and_its_reply_counts():
    again = {"tries": 1, "for": ["empty"], "jitter": 0.4}
    config = goal(sampler={"temperature": 0.5}, regenerate=again, max_turns=2)
    assistant = Engine("", "yes", "so")
    events = hold(config, '"Hi"', assistant)
    assert [t.content for t in turns_of(events) if t.role == "assistant"] == [" yes", " so"]
    assert [s["temperature"] == 0.5 for s in assistant.samplers] == [True, False, True]
    assert config.sampler == {"temperature": 0.5} and config.user_sampler == {"temperature": 0.5}


def test_x04_a_prompt_that_only_holds_the_stop_token_goes_on():
    said, end = told(hold(goal(max_turns=1), '"FINISH the poem with a rhyme"', "yes"))
    assert len(said) == 2 and end == End("max_turns")


def test_x05_every_request_has_a_seed_of_its_own_and_the_same_command_the_same_dialogue():
    config = goal(regenerate={"tries": 1}, max_turns=2)
    replies = ["no", '"Hi"']
    user, assistant = Engine(*replies), Engine("yes")
    events = hold(config, user, assistant, seed=11)
    again = Engine(*replies)
    assert told(hold(config, again, Engine("yes"), seed=11)) == told(events)
    assert again.seeds == user.seeds and again.samplers == user.samplers
    assert user.seeds[:2] == [turn_seed(11, 0, 0), turn_seed(11, 0, 1)]
    assert len({*user.seeds, *assistant.seeds}) == len(user.seeds) + len(assistant.seeds) == 6
    runs = [seed_of(base, objective, persona, replica) for base in (1, 2)
            for objective in "ab" for persona in "ab" for replica in (1, 2)]  # fmt: skip
    assert len(set(runs)) == 16 and seed_of(7, "dice", "nurse", 1) == 1175793631


def goal_file(folder, url, **more):
    path = folder / "g.json"
    path.write_text(json.dumps({**GOAL, "api_url": url, **more}))
    return path


def served(*texts):
    """A fake llama-server that says these in turn."""
    left = iter([reply(text) for text in texts])
    return {**LLAMA, "/v1/completions": lambda body: next(left)}


def test_x07_the_record_says_why_it_ended_and_keeps_what_was_rejected(tmp_path):
    record = tmp_path / "a.jsonl"
    with replay(served("no quotes", '"Hi"', "yes", "FINISH")) as (url, _):
        path = goal_file(tmp_path, url, regenerate={"tries": 1})
        done = parrot(path, "--record", record, "--seed", 3)
    assert done.returncode == 0, done.stderr
    dialogue = read(record)
    assert (dialogue.status, dialogue.end_reason) == ("done", "finished")
    assert [(t.role, t.extract) for t in dialogue.turns] == [
        ("user", "Hi"), ("assistant", None), ("user", None),
    ]  # fmt: skip
    [attempt] = dialogue.attempts
    assert (attempt.content, attempt.flaw, attempt.seed) == (
        "no quotes", "no_prompt", turn_seed(3, 0, 0),
    )  # fmt: skip
    assert (dialogue.config["objective"], dialogue.config["persona"]) == ("dice", "nurse")
    assert dialogue.counters["user"]["regenerate_worked"] == 1


def test_x08_counters_belong_to_one_dialogue_and_one_side():
    events = hold(goal(max_turns=1), f'"{HA}"', "yes")
    assert counters_of(events) == {"assistant": {}, "user": {"noncoherent": 1}}
    assert counters_of(hold(goal(max_turns=1), '"Hi"', "yes")) == {"assistant": {}, "user": {}}


def test_x09_a_resumed_dialogue_does_not_try_again_what_it_tried_before():
    config = goal(regenerate={"tries": 2}, max_turns=1)
    whole = hold(config, ["no", "nor", '"Hi"'], "yes")
    tried = attempts_of(whole)
    user = Engine("nor", '"Hi"')
    rest = hold(config, user, "yes", tried=tried[:1])
    assert user.seeds == [turn_seed(7, 0, 1), turn_seed(7, 0, 2)]
    assert [a.attempt for a in attempts_of(rest)] == [1] and told(rest) == told(whole)
    assert hold(config, "no", "yes", tried=tried)[-1] == End("no_prompt")


def test_x09_a_dialogue_killed_before_its_last_line_is_over():
    config = goal(noncoherent={"action": "stop"})
    for replies in (['"Hi"', "FINISH"], ['"Hi"', "no"], ['"Hi"', f'"{HA}"'], ['"Hi"', ""]):
        whole = hold(config, replies, "yes")
        user, assistant = Engine("x"), Engine("y")
        assert hold(config, user, assistant, said=turns_of(whole)) == [whole[-1]]
        assert user.prompts == assistant.prompts == []


def test_x09_a_record_resumes_with_the_config_of_its_run_or_its_own(tmp_path):
    record = tmp_path / "a.jsonl"
    objectives = [{"id": "rice", "text": "Rice."}, *STEPS]
    with replay(served('"A"', "b", '"C"', "d", "FINISH")) as (url, _):
        path = goal_file(tmp_path, url, objectives=objectives)
        done = parrot(path, "--set", 'objective="dice"', "--record", record, "--seed", 3)
    assert done.returncode == 0, done.stderr
    lines = record.read_text().splitlines(keepends=True)
    before = read(record)
    for n, more in ((2, []), (3, [path])):
        record.write_text("".join(lines[:n]))
        left = [turn.content for turn in before.turns[n - 1 :]]
        with replay(served(*left)) as (url, _):
            text = record.read_text().replace(before.config["api_url"], url)
            record.write_text(text)
            path.write_text(json.dumps({**GOAL, "api_url": url, "objectives": objectives}))
            done = parrot("--resume", record, *more)
        assert done.returncode == 0, done.stderr
        after = read(record)
        assert [(t.content, t.seed) for t in after.turns] == [
            (t.content, t.seed) for t in before.turns
        ]
        assert (after.status, after.end_reason) == ("done", "finished")
        assert after.config["objective"] == "dice" and after.counters == before.counters


def test_x10_a_reply_that_repeats_its_prompt_keeps_its_text():
    events = hold(goal(max_turns=1), ['"Hi   there"'], "Hi there! You said: Hi   there")
    assert turns_of(events)[1].content == " Hi there! You said: Hi   there"


@pytest.mark.parametrize(
    ("name", "marker"),
    [("chatml", "<|im_start|>user"), ("llama 3", "<|start_header_id|>user<|end_header_id|>"),
     ("mistral", "[INST]"), ("alpaca", "### Instruction:"), ("vicuna", "USER:")],
)  # fmt: skip
def test_x11_a_reply_is_cut_at_the_marker_of_its_own_template(name, marker):
    config = goal(max_turns=1, agent_prefix="Skye:")
    user, assistant = Engine(f'"Hi"\n{marker}\n"x"'), Engine(f"yes\n{marker}\nno")
    sides = [replace(side, template=template_of(name))
             for side in take_sides(config, assistant, user)]  # fmt: skip
    turns = turns_of(list(converse(config, *sides, seed=1)))
    assert [turn.content for turn in turns] == [' "Hi"', "Skye: yes"]
    assert all(turn.self_reply.lstrip().startswith(marker) for turn in turns)


ANY_SERVER = {
    **LLAMA,
    "/api/extra/version": http_json({"result": "KoboldCpp", "version": "1.76"}),
    "/api/extra/true_max_context_length": http_json({"value": 4096}),
    "/api/extra/tokencount": http_json({"value": 9, "ids": []}),
    "/version": http_json({"version": "0.32"}),
    "/tokenize": http_json({"count": 9, "tokens": [], "max_model_len": 4096}),
}


@pytest.mark.parametrize("user_engine", ENGINES)
@pytest.mark.parametrize("engine", ENGINES)
def test_x12_any_engine_can_be_either_side_with_a_sampler_of_its_own(engine, user_engine):
    with (
        replay({**ANY_SERVER, "/v1/completions": reply(" yes")}) as (url, asked),
        replay({**ANY_SERVER, "/v1/completions": reply(' "Hi"')}) as (user_url, user_asked),
    ):
        config = goal(
            api_url=url, user_api_url=user_url, engine=engine, user_engine=user_engine,
            tokenizer=str(FOLDER), sampler={"temperature": 0.25},
            user_sampler={"temperature": 0.75}, max_turns=2,
        )  # fmt: skip
        with connect(config) as engines:
            sides = take_sides(config, *engines)
            events = list(converse(config, *sides, seed=1))
    assert told(events) == ([("user", ' "Hi"'), ("assistant", " yes")] * 2, End("max_turns"))
    for seen, warmth in ((asked, 0.25), (user_asked, 0.75)):
        bodies = [json.loads(body) for path, body in seen if path == "/v1/completions"]
        replies = [body for body in bodies if body["max_tokens"] > 1]  # koboldcpp's BOS is tried
        assert [body["temperature"] for body in replies] == [warmth] * 2


def test_x13_no_placeholder_reaches_a_model_in_any_turn():
    user = Engine('"Hi <RESPONSE> <PERSONA>"')
    config = goal(objectives=STEPS, max_turns=5, templates={})
    hold(config, user, "yes")
    for prompt in user.prompts:
        told_so = prompt.replace("<RESPONSE> <PERSONA>", "")
        assert not re.search("<[A-Z_]+>", told_so)
    assert len(user.prompts) == 5 and user.prompts[4].count("<RESPONSE> <PERSONA>") == 4


def test_x14_the_sampling_values_that_are_shipped_are_valid():
    for path in (ROOT / "configs" / "goals").glob("*o*.json"):
        if path.name != "personas.json":
            assert load(path).config.sampler["temperature"] <= 1


def test_x15_replies_stream_and_a_turn_begins_with_its_prefix():
    events = hold(goal(user_prefix="Mark:", max_turns=1), '"Hi you"', "yes")
    kinds = [type(event).__name__ for event in events]
    assert kinds == ["Chunk"] * 4 + ["Turn"] + ["Chunk"] * 3 + ["Turn", "End"]
    assert events[0] == Chunk("Mark:", begins="user")
    assert (events[4].content, events[4].extract) == ('Mark: "Hi you"', "Hi you")


def test_x16_prompts_are_rendered_by_each_sides_chat_template():
    config = goal(conversation=[{"role": "system", "content": "Help."}], max_turns=1)
    source = jinja2.Template(
        "{% for m in messages %}<{{ m.role[0] }}>{{ m.content }}{% endfor %}<a>"
    )

    def no_system(messages):
        if messages[0].role == "system":
            raise TemplateRefused("no system role")
        return source.render(messages=messages)

    user, assistant = Engine('"Hi"'), Engine("yes")
    sides = [replace(side, template=no_system) for side in take_sides(config, assistant, user)]
    list(converse(config, *sides, seed=1))
    assert assistant.prompts == ["<u>Help.\n\nHi<a>"]
    assert user.prompts == ["<u>P a nurse O Learn of dice. S FINISH<a>"]


def test_x18_a_key_never_reaches_the_record(tmp_path):
    record = tmp_path / "a.jsonl"
    with replay(served('"Hi"', "yes")) as (url, _):
        path = goal_file(tmp_path, url, max_turns=1, api_key_env="THE_KEY")
        done = parrot(path, "--record", record, env={**os.environ, "THE_KEY": "s3cret-value"})
    assert done.returncode == 0, done.stderr
    assert b"s3cret-value" not in done.stdout + done.stderr + record.read_bytes()


@pytest.mark.parametrize(
    ("action", "tries", "turns", "attempts", "reason"),
    [("flag", 0, 4, 0, "max_turns"), ("stop", 0, 2, 0, "noncoherent"),
     ("retry", 1, 4, 2, "max_turns")],
)  # fmt: skip
def test_x19_what_repeats_is_flagged_asked_for_again_or_ends_it(
    action, tries, turns, attempts, reason
):
    config = goal(noncoherent={"action": action}, regenerate={"tries": tries}, max_turns=2)
    events = hold(config, '"Hi"', [HA, "yes"])
    assert (len(turns_of(events)), len(attempts_of(events))) == (turns, attempts)
    assert events[-1] == End(reason)
    marked = [turn.noncoherent for turn in turns_of(events) if turn.role == "assistant"]
    assert marked[0] == (None if action == "retry" else (1, 12))


def test_x19_the_place_of_what_repeats_counts_from_the_beginning_of_the_content():
    turn = turns_of(hold(goal(agent_prefix="Skye:", max_turns=1), '"Hi"', f"so {HA} then"))[1]
    start, end = turn.noncoherent
    assert turn.content[start:end] == HA


def test_x19_when_the_tries_are_used_up_what_repeats_ends_it():
    config = goal(noncoherent={"action": "retry"}, regenerate={"tries": 2})
    events = hold(config, '"Hi"', HA)
    assert len(attempts_of(events)) == 2 and events[-1] == End("noncoherent")


def test_what_only_is_marked_does_not_hide_that_there_is_no_prompt():
    assistant = Engine("yes")
    events = hold(goal(), HA, assistant)
    assert events[-1] == End("no_prompt") and assistant.prompts == []


def test_a_prefix_is_no_part_of_what_the_other_side_gets():
    config = goal(user_prefix="Mark:", extract={"policy": "whole"}, max_turns=2)
    assistant = Engine("yes")
    hold(config, "Hi there", assistant)
    assert assistant.prompts[1] == "[user]Hi there[assistant] yes[user]Hi there[assistant]"


def test_a_kind_in_stop_on_ends_a_goal_dialogue_too(tmp_path):
    record = tmp_path / "a.jsonl"
    line = "I would like to know how one builds a small wooden boat, please."
    said = [part for _ in range(12) for part in (f'"{line}"', "As I said, take the saw first.")]
    with replay(served(*said)) as (url, _):
        path = goal_file(tmp_path, url, stop_on=["single_turn_loop"])
        done = parrot(path, "--record", record)
    assert done.returncode == 0 and b"stopped: single_turn_loop" in done.stderr
    dialogue = read(record)
    assert (dialogue.status, dialogue.end_reason) == ("looped", "looped")
    assert len(dialogue.turns) < 24


def test_the_doctor_shows_what_each_side_of_a_goal_dialogue_is_told_first(tmp_path):
    with replay({**LLAMA, "/v1/completions": reply("x")}) as (url, _):
        path = goal_file(tmp_path, url, user_system="Be short.")
        done = parrot(path, "--doctor")
    assert done.returncode == 1  # what this server calls a template shows no message
    said = done.stdout.decode()
    assert "  the user is told (system): Be short.\n" in said
    assert "  the user is told (user): P a nurse O Learn of dice. S FINISH\n" in said
    assert "  the assistant is told (user): Learn of dice.\n" in said
    assert "whole dialogue" not in said  # how long it will be, nobody knows


def test_a_goal_dialogue_is_not_refused_for_tokens_that_it_does_not_count():
    engine = Engine("yes", n_ctx=200)
    infos = (engine.info(), engine.info())
    assert list(find_limits(goal(context=None), engine, engine.template, "", infos)) == []


def test_the_effective_config_of_a_goal_dialogue_is_shown(tmp_path):
    done = parrot(goal_file(tmp_path, "http://h:1"), "--print-config")
    lines = done.stdout.decode().splitlines()
    assert done.returncode == 0
    assert 'mode              = "goal"' in done.stdout.decode()
    assert next(line for line in lines if line.startswith("context ")).endswith("(goal mode)")


WORDS = st.sampled_from(['"Hi"', '"Hi" or "Ho"', "none", "", HA, f'"{HA}"', "FINISH", "x\nMark: y"])


@st.composite
def goals(draw):
    return goal(
        user_prefix=draw(st.sampled_from(["", "Mark:"])),
        max_turns=draw(st.integers(1, 5)),
        extract={"policy": draw(st.sampled_from(["first", "whole"]))},
        noncoherent={"action": draw(st.sampled_from(["flag", "stop", "retry"]))},
        regenerate={"tries": draw(st.integers(1, 3)),
                    "for": draw(st.sampled_from([[], ["no_prompt"], ["empty", "no_prompt"]]))},
    )  # fmt: skip


@given(goals(), st.lists(WORDS, min_size=1, max_size=5), st.lists(WORDS, min_size=1, max_size=5))
def test_every_goal_dialogue_ends_with_each_side_speaking_in_turn(config, user, assistant):
    events = hold(config, user, assistant)
    turns = turns_of(events)
    assert isinstance(events[-1], End) and sum(isinstance(event, End) for event in events) == 1
    assert [t.role for t in turns] == [("user", "assistant")[i % 2] for i in range(len(turns))]
    assert 1 <= len(turns) <= 2 * config.max_turns
    for number, turn in enumerate(turns[:-1]):
        assert turn.content.removeprefix(config.user_prefix).strip()
        assert turn.role == "assistant" or turn.extract, number
    assert len(attempts_of(events)) <= len(turns) * config.regenerate["tries"]


@given(goals(), st.lists(WORDS, min_size=1, max_size=5), st.lists(WORDS, min_size=1, max_size=5))
def test_x09_a_dialogue_resumed_anywhere_goes_on_as_if_nothing_had_happened(
    config, user, assistant
):
    whole = [event for event in hold(config, user, assistant) if not isinstance(event, Chunk)]
    replies = [event for event in whole if not isinstance(event, End)]
    for n in range(len(replies) + 1):
        said, tried = turns_of(replies[:n]), attempts_of(replies[:n])
        left = {"user": list(user), "assistant": list(assistant)}
        for event in replies[:n]:
            left[event.role].append(left[event.role].pop(0))
        rest = hold(config, left["user"], left["assistant"], said=said, tried=tried)
        assert [unmeasured(event) for event in rest if not isinstance(event, Chunk)] == [
            unmeasured(event) for event in whole[n:]
        ]


def unmeasured(event):
    if isinstance(event, Turn):
        return replace(event, ttft_s=None, elapsed_s=None)
    return replace(event, elapsed_s=0.0) if isinstance(event, Attempt) else event
