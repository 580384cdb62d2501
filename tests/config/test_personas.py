"""Who wants what: personas, objectives and the config of goal mode. The names say which row of
docs/goals.md a test is for.
"""

from __future__ import annotations

import json

import pytest

from broken_record.batch.plan import dialogues_of
from broken_record.config.load import load, parse
from broken_record.config.personas import draw, fill
from broken_record.errors import ConfigError
from broken_record.files.run_folder import pair_goals, read_run
from tests.test_parrot import ROOT, parrot

LISTS = {"age": ["20", "40", "60", "80", "95"], "race": ["a", "b", "c", "d", "e"],
         "gender": ["x", "y", "z"],
         "education": ["school", "none"], "native": ["yes", "no"]}  # fmt: skip
TEMPLATE = "<AGE> <RACE> <GENDER> <EDUCATION> <NATIVE>"
GOAL = {
    "mode": "goal",
    "personas": ["a nurse", {"id": "ben", "text": "a carpenter"}],
    "objectives": [{"id": "dice", "text": "Learn of dice."}, "Get a poem."],
}


def loaded(**more):
    return parse(json.dumps({**GOAL, **more}), "g.json")


def problems_of(**more):
    with pytest.raises(ConfigError) as raised:
        loaded(**more)
    return raised.value.problems


def run_of(folder, n=2, **more):
    config = loaded(**more).config
    run = {"n": n, "base_seed": 7, "config": {}, "goals": pair_goals(config)}
    (folder / "run.json").write_text(json.dumps(run))
    return list(dialogues_of(read_run(folder), folder.name))


def test_b01_a_run_holds_every_objective_with_every_persona(tmp_path):
    assert [name for name, _, _ in run_of(tmp_path, n=1)] == [
        "dice_p1_1", "dice_ben_1", "o2_p1_1", "o2_ben_1",
    ]  # fmt: skip
    assert [name for name, _, _ in run_of(tmp_path, objective="o2", persona="ben")] == [
        "o2_ben_1", "o2_ben_2",
    ]  # fmt: skip


@pytest.mark.parametrize("n", [1, 7, 300])
def test_b15_personas_are_drawn_from_features_without_repetition(n):
    drawn = draw(LISTS, TEMPLATE, n, seed=3)
    assert len({one["id"] for one in drawn}) == len({one["text"] for one in drawn}) == n
    for one in drawn:
        assert all(v in values for v, values in zip(one["text"].split(), LISTS.values(),
                                                    strict=True))  # fmt: skip


def test_b15_there_are_three_hundred_combinations_and_no_more():
    features = {"features": LISTS, "template": TEMPLATE, "n": 301}
    assert "n from 1 to 300" in problems_of(personas=features)[0]


def test_b15_the_number_of_a_combination_counts_the_first_feature_fastest():
    texts = {"a": ["0", "1"], "b": ["0", "1", "2"]}
    by_id = {one["id"]: one["text"] for one in draw(texts, "<B><A>", 6, seed=0)}
    assert by_id == {"p1": "00", "p2": "01", "p3": "10", "p4": "11", "p5": "20", "p6": "21"}


@pytest.mark.parametrize("name", ["embedded", "two-servers"])
def test_b18_what_is_shipped_has_ten_objectives_some_with_steps_or_code(name):
    config = load(ROOT / "configs" / "goals" / f"{name}.json").config
    assert len(config.objectives) == 10 and len(config.personas) == 20
    assert any(len(objective.steps) == 3 for objective in config.objectives)
    assert any("def rename_by_date" in objective.text for objective in config.objectives)


def test_b20_a_default_yields_to_the_config_and_the_config_to_the_command_line(tmp_path):
    path = tmp_path / "g.json"
    path.write_text(json.dumps({**GOAL, "regenerate": {"tries": 2}, "max_turns": 5}))
    once = load(path).config
    assert (once.stop_token, once.max_turns) == ("FINISH", 5)
    assert once.regenerate == {"tries": 2, "for": ["no_prompt"], "jitter": 0.1}
    twice = load(path, ["regenerate.jitter=0.5", "max_turns=7", 'stop_token="END"']).config
    assert (twice.stop_token, twice.max_turns) == ("END", 7)
    assert twice.regenerate == {"tries": 2, "for": ["no_prompt"], "jitter": 0.5}


def test_x01_an_objective_of_many_lines_stays_whole():
    code = "Explain this:\n\n    def f(x):\n        return x\n\nThen shorten it."
    [objective] = loaded(objectives=[code]).config.objectives
    assert (objective.text, objective.steps) == (code, ())


def test_x06_names_of_dialogues_stay_when_a_run_is_made_larger(tmp_path):
    features = {"features": LISTS, "template": TEMPLATE, "seed": 1}
    few = run_of(tmp_path, n=2, personas={**features, "n": 3})
    many = run_of(tmp_path, n=3, personas={**features, "n": 9}, objectives=[*GOAL["objectives"],
                                                                          "More."])  # fmt: skip
    assert set(few) <= set(many) and len({name for name, _, _ in many}) == len(many) == 81


def test_x06_equal_personas_have_names_of_their_own(tmp_path):
    names = [name for name, _, _ in run_of(tmp_path, personas=["a nurse", "a nurse"])]
    assert len(set(names)) == 8
    twice = [{"id": "a", "text": "x"}, {"id": "a", "text": "y"}]
    assert "personas[1].id: expected an id of its own" in problems_of(personas=twice)[0]


def test_x06_a_name_that_is_given_is_not_given_again():
    ids = [p.id for p in loaded(personas=["x", {"id": "p1", "text": "y"}]).config.personas]
    assert ids == ["p1-", "p1"]


@pytest.mark.parametrize(
    "wrong",
    [
        {"first": "You are <PERSON>: <OBJECTIVE>"},
        {"first": "You are <PERSONA>."},
        {"next": "Go on."},
        {"next": "<RESPONSE> <AGE>"},
        {"next": "<RESPONSE> Ask: <NEXT_PROMPT>"},
        {"last": "x"},
    ],
)
def test_x13_a_template_lacks_no_placeholder_and_has_no_unknown_one(wrong):
    assert problems_of(templates=wrong)[0].startswith("g.json: templates")


def test_x13_placeholders_are_filled_once_and_an_empty_value_leaves_none():
    assert fill("<A>|<B>", {"A": "<B>", "B": ""}) == "<B>|"
    features = {"features": {"age": ["20"]}, "template": "a <AGE> <SEX>"}
    assert "holds <AGE> and no other placeholder" in problems_of(personas=features)[0]


@pytest.mark.parametrize(
    "sampler",
    [{"top_p": 20}, {"top_p": -0.1}, {"min_p": 2}, {"temperature": -1}, {"repeat_penalty": 0}],
)
def test_x14_a_sampling_value_out_of_its_range_is_a_problem(sampler):
    [name] = sampler
    for key in ("sampler", "user_sampler"):
        assert f"g.json: {key}.{name}: expected a number" in problems_of(**{key: sampler})[0]


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ({"personas": None}, "personas: required in goal mode"),
        ({"personas": []}, "personas: expected a list"),
        ({"personas": [{"id": ["x"], "text": "a"}]}, "personas[0].id: expected up to 40"),
        ({"personas": [{"id": "a b", "text": "a"}]}, "personas[0].id: expected up to 40"),
        ({"objectives": [{"steps": []}]}, "objectives[0]: expected a text"),
        ({"objectives": [{"text": 5, "steps": ["a"]}]}, "objectives[0]: expected a text"),
        ({"objectives": [{"text": "a", "steps": [""]}]}, "objectives[0].steps: expected a list"),
        ({"objective": "rice"}, 'objective: expected one of dice, o2, found "rice"'),
        ({"persona": "p3"}, "persona: expected one of p1, ben"),
        ({"stop_token": "***"}, "stop_token: expected a text of more than punctuation"),
        ({"noncoherent": {"action": "retry"}}, '"retry" needs regenerate.tries above 0'),
        ({"conversation": [{"role": "user", "content": "Hi"}]}, "system messages alone"),
        ({"extract": {"policy": "best"}}, "extract.policy: expected first, last, longest"),
        ({"regenerate": {"for": ["boring"]}}, "regenerate.for: expected a list of no_prompt"),
    ],
)
def test_a_goal_config_that_is_wrong_is_answered_with_place_and_expectation(more, words):
    assert any(words in problem for problem in problems_of(**more)), problems_of(**more)


def test_steps_that_will_not_be_asked_are_said_beforehand():
    steps = [{"id": "dice", "text": "Learn.", "steps": ["a", "b", "c"]}]
    [warning] = loaded(objectives=steps, max_turns=2).warnings
    assert warning == "g.json: objectives: dice: 3 steps, of which max_turns lets 2 be asked"
    assert loaded(objectives=steps, max_turns=3).warnings == ()
    assert loaded(objectives=[*steps, "More."], max_turns=2, objective="o2").warnings == ()


def test_lists_come_from_files_beside_the_config_and_a_wrong_line_is_named(tmp_path):
    (tmp_path / "o.jsonl").write_text('"Learn of dice."\n\n{"id": "poem", "text": "A poem."}\n')
    (tmp_path / "p.json").write_text(json.dumps({"features": LISTS, "template": TEMPLATE, "n": 2}))
    path = tmp_path / "g.json"
    path.write_text(json.dumps({"mode": "goal", "objectives": "o.jsonl", "personas": "p.json"}))
    config = load(path).config
    assert [objective.id for objective in config.objectives] == ["o1", "poem"]
    assert len(config.personas) == 2
    (tmp_path / "o.jsonl").write_text('"Learn of dice."\n{"id": \n')
    with pytest.raises(ConfigError, match=r"o\.jsonl: line 2: not JSON"):
        load(path)


def test_a_card_is_the_assistant_of_a_goal_dialogue_without_its_greeting(tmp_path):
    card = {"spec": "chara_card_v2", "spec_version": "2.0",
            "data": {
                "name": "Tom", "description": "A postman.", "first_mes": "Letters!"}}  # fmt: skip
    (tmp_path / "tom.json").write_text(json.dumps(card))
    path = tmp_path / "g.json"
    path.write_text(json.dumps({**GOAL, "card": "tom.json", "conversation": []}))
    config = load(path).config
    assert config.agent_prefix == "Tom:" and config.greeting is None
    [message] = config.conversation
    assert message.role == "system" and "A postman." in message.content
    assert "system messages alone" in parrot(path, "--set", "greeting=0", "--print-config",
                                             cwd=tmp_path).stderr.decode()  # fmt: skip
