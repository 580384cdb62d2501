from __future__ import annotations

import json
from pathlib import Path

import pytest

from broken_record.config.checks import embedded_models
from broken_record.config.load import load, parse
from broken_record.config.new import new_config
from broken_record.config.schema import KEYS, Config
from broken_record.errors import ConfigError

CARDS = Path(__file__).parents[1] / "data" / "cards"
ROOT = Path(__file__).parents[2]
SCENE = {"conversation": [{"role": "user", "content": "Hi"}]}


def problems_of(value, *settings):
    text = value if isinstance(value, str) else json.dumps({**SCENE, **value})
    with pytest.raises(ConfigError) as caught:
        parse(text, "c.json", settings)
    return caught.value.problems


def test_a_config_needs_only_a_conversation():
    loaded = parse(json.dumps(SCENE), "c.json")
    config = loaded.config
    assert (config.initial_tokens, config.total_tokens, config.turn_max_tokens) == (0, 2048, 512)
    assert (config.user_memory, config.user_api_url, config.seed) == (9, config.api_url, None)
    assert loaded.origins["total_tokens"] == "default"
    assert loaded.origins["user_api_url"] == "as api_url"
    assert loaded.origins["conversation"] == "c.json"


TIMEOUT = "timeout_s: expected a number of seconds above 0, a year at most"


@pytest.mark.parametrize(
    ("value", "problem"),
    [
        ({"temperature": 1}, 'unknown key "temperature"; did you mean "sampler.temperature"?'),
        ({"temprature": 1}, 'unknown key "temprature"; did you mean "sampler.temperature"?'),
        (
            {"regenerate": {"trys": 1}},
            'regenerate: expected an object of tries, for, jitter (did you mean "tries"?), '
            'found {"trys": 1}',
        ),
        ({"turn_max_token": 5}, 'unknown key "turn_max_token"; did you mean "turn_max_tokens"?'),
        ({"turn_max_tokens": 0}, "turn_max_tokens: expected a whole number of at least 1, found 0"),
        (
            {"turn_max_tokens": True},
            "turn_max_tokens: expected a whole number of at least 1, found true",
        ),
        ({"total_tokens": 1.5}, "total_tokens: expected a whole number of at least 1, found 1.5"),
        ({"seed": -1}, "seed: expected a whole number of at least 0, or null, found -1"),
        ({"timeout_s": 0}, f"{TIMEOUT}, found 0"),
        ({"timeout_s": 1e12}, f"{TIMEOUT}, found 1000000000000.0"),
        ({"user_prefix": None}, "user_prefix: expected a string, found null"),
        ({"sampler": []}, "sampler: expected an object of sampling parameters, found []"),
        (
            {"sampler": {"temperature": "hot"}},
            'sampler.temperature: expected a number of at least 0, found "hot"',
        ),
        ({"sampler": {"top_k": 4.0}}, "sampler.top_k: expected a whole number, found 4.0"),
        (
            {"sampler": {"stop": [1]}},
            "sampler.stop: expected a string or a list of strings, found [1]",
        ),
        (
            {"user_sampler": {"n_predict": 9}},
            "user_sampler.n_predict: expected to be left out: the key "
            "turn_max_tokens sets it, found 9",
        ),
        (
            {"api_url": "localhost"},
            "api_url: expected an http:// or https:// address, embedded:NAME or "
            'embedded:FILE.gguf, found "localhost"',
        ),
        (
            {"conversation": []},
            "conversation: expected a list of messages "
            '{"role": ..., "content": ...}, at least one, found []',
        ),
        (
            {"conversation": [{"role": "bot", "content": 1}]},
            'conversation[0].role: expected "system", "user" or "assistant", found "bot"',
        ),
        (
            {"conversation": [{"role": "user"}]},
            'conversation[0]: expected an object with just "role" '
            'and "content", found {"role": "user"}',
        ),
        (
            {"api_key_env": "sk-123"},
            "api_key_env: expected the name of an environment variable that "
            'holds the key, or null, found "sk-123"',
        ),
        ({"track": "mlflow"}, 'track: expected null or "aim", found "mlflow"'),
        (
            {"track_repo": "http://127.0.0.1:53800"},
            "track_repo: expected a folder, aim://HOST:PORT, or null, "
            'found "http://127.0.0.1:53800"',
        ),
        (
            {"track_repo": "aim://me:secret@host"},
            'track_repo: expected a folder, aim://HOST:PORT, or null, found "aim://me:secret@host"',
        ),
    ],
)
def test_a_problem_names_file_key_expected_and_found(value, problem):
    assert f"c.json: {problem}" in problems_of(value)


def test_all_problems_are_reported_at_once():
    assert len(problems_of({"total_token": 1, "user_memory": 0, "sampler": {"top_k": "a"}})) == 3


def test_an_unknown_embedded_model_is_answered_with_the_known_ones():
    problem = problems_of({"api_url": "embedded:sky"})[0]
    assert all(f"embedded:{name}" in problem for name in embedded_models())
    assert embedded_models() == ["mark", "skye", "smollm2"]


def test_a_password_in_an_address_is_refused():
    assert "without a password" in problems_of({"api_url": "http://me:pw@host:80"})[0]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('{"a": 1,}', "line 1, column"),
        ("[]", "expected a JSON object of keys, found []"),
        ('{"seed": NaN}', "found NaN"),
        ('{"seed": 1, "seed": 2}', 'the key "seed" stands twice'),
        ("{}", "conversation: required, not found"),
        ("", "not JSON"),
    ],
)
def test_what_is_no_config_is_said(text, words):
    assert words in problems_of(text)[0]


def test_a_file_that_cannot_be_read_is_named(tmp_path):
    with pytest.raises(ConfigError, match=r"absent.json: cannot be read: No such file"):
        load(tmp_path / "absent.json")
    (tmp_path / "latin.json").write_bytes(b'{"a": "\xe9"}')
    with pytest.raises(ConfigError, match="not UTF-8"):
        load(tmp_path / "latin.json")


def test_an_unknown_sampler_key_is_kept_and_warned_about():
    loaded = parse(json.dumps({**SCENE, "sampler": {"repeat_penalti": 1.1}}), "c.json")
    assert loaded.config.sampler == {"repeat_penalti": 1.1}
    assert loaded.warnings == (
        'c.json: sampler: "repeat_penalti" is not known here and sent as it is; '
        'did you mean "repeat_penalty"?',
    )


def test_settings_reach_into_objects_and_say_where_they_came_from():
    text = json.dumps({**SCENE, "sampler": {"temperature": 1, "top_p": 0.5}})
    loaded = parse(
        text, "c.json", ["sampler.temperature=0", "total_tokens=60", 'user_system="Mark"']
    )
    assert loaded.config.sampler == {"temperature": 0, "top_p": 0.5} == loaded.config.user_sampler
    assert (loaded.config.total_tokens, loaded.config.user_system) == (60, "Mark")
    assert loaded.origins["sampler"] == "c.json with --set"


def test_a_setting_of_the_users_sampler_changes_a_copy():
    text = json.dumps({**SCENE, "sampler": {"temperature": 1, "top_p": 0.5}})
    config = parse(text, "c.json", ["user_sampler.temperature=0"]).config
    assert config.sampler == {"temperature": 1, "top_p": 0.5}
    assert config.user_sampler == {"temperature": 0, "top_p": 0.5}


def test_a_setting_that_is_no_json_is_plain_text():
    config = parse(json.dumps(SCENE), "c.json", ["api_url=http://gpu1:8080"]).config
    assert config.api_url == "http://gpu1:8080"


def test_a_setting_reaches_into_the_conversation():
    config = parse(json.dumps(SCENE), "c.json", ['conversation.0.content="Yo"']).config
    assert config.conversation[0].content == "Yo"


@pytest.mark.parametrize(
    ("setting", "words"),
    [
        ("total_tokens", "expected KEY=VALUE"),
        ("conversation=[1,", "the value is not JSON"),
        ("conversation.7.content=1", "there is no place"),
        ("total_tokens.x=1", "there is no place"),
        ("sampler.temperature=warm", "expected a number"),
    ],
)  # fmt: skip
def test_a_wrong_setting_is_said(setting, words):
    assert words in problems_of({}, setting)[0]


def test_a_key_for_one_server_is_not_sent_to_another():
    one = parse(json.dumps({**SCENE, "api_key_env": "KEY"}), "c.json").config
    two = parse(
        json.dumps({**SCENE, "api_key_env": "KEY", "user_api_url": "http://elsewhere:1"}), "c.json"
    ).config
    assert (one.user_api_key_env, two.user_api_key_env) == ("KEY", None)


def test_the_table_of_keys_and_the_config_have_the_same_names():
    loaded = parse(json.dumps(SCENE), "c.json")
    assert (
        set(KEYS) == set(loaded.values) == set(loaded.origins) == set(type(loaded.config).__slots__)
    )


GOAL = {
    "mode": "goal",
    "personas": ["a nurse"],
    "objectives": [{"text": "Ask.", "steps": ["Why?"]}],
}


@pytest.mark.parametrize("given", [{**SCENE, "stop_on": ["refusal"], "max_turns": 3}, GOAL])
def test_effective_values_become_the_config_again_and_a_younger_key_has_its_default(given):
    loaded = parse(json.dumps(given), "c.json")
    kept = json.dumps(loaded.values)
    assert Config.of(loaded.values, "run.json") == loaded.config
    older = {name: value for name, value in loaded.values.items() if name != "retry_for_s"}
    assert Config.of(older, "run.json") == loaded.config
    assert json.dumps(loaded.values) == kept


@pytest.mark.parametrize(
    ("values", "problem"),
    [
        ([], "run.json: expected a JSON object of keys, found []"),
        ({**SCENE, "seed": -1, "colour": 1}, 'run.json: unknown key "colour"'),
        ({**SCENE, "seed": -1}, "run.json: seed: expected a whole number of at least 0, or null, "
         "found -1"),
        ({"card": "skye.png"}, "run.json: conversation: required, not found"),
    ],
)  # fmt: skip
def test_values_that_make_no_config_are_said_under_the_name_of_their_file(values, problem):
    with pytest.raises(ConfigError) as caught:
        Config.of(values, "run.json")
    assert caught.value.problems[0] == problem


def test_what_names_a_schema_for_editors_and_comments_are_passed_over():
    remarks = {"$schema": "docs/config.schema.json", "//": "a date", "// seed": [1]}
    named = parse(json.dumps({**remarks, **SCENE}), "c.json")
    assert named == parse(json.dumps(SCENE), "c.json")


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("127.0.0.1:9101", "http://127.0.0.1:9101"),
        ("gpu-box:8080/v1", "http://gpu-box:8080/v1"),
        ("[::1]:8080", "http://[::1]:8080"),
        ("https://a.example", "https://a.example"),
        ("embedded:skye", "embedded:skye"),
    ],
)
def test_an_address_without_a_scheme_is_an_http_one_for_both_sides(typed, meant):
    for settings in ((), (f"api_url={json.dumps(typed)}",)):
        value = SCENE if settings else {**SCENE, "api_url": typed}
        config = parse(json.dumps(value), "c.json", settings).config
        assert (config.api_url, config.user_api_url) == (meant, meant)


@pytest.mark.parametrize("name", ["v1.json", "v1.png", "v2.json", "v3.png"])
def test_a_card_in_place_of_a_config_is_a_scene_with_its_character(name, tmp_path):
    card = CARDS / name
    (tmp_path / "c.json").write_text(json.dumps({"card": str(card)}))
    loaded, written = (
        load(card, ["user_prefix=Mark:"]),
        load(tmp_path / "c.json", ["user_prefix=Mark:"]),
    )
    assert loaded.config.conversation == written.config.conversation
    assert loaded.config.agent_prefix in ("Ida:", "Tom:", "Otti:")


def test_a_config_with_typing_errors_is_no_card(tmp_path):
    (tmp_path / "c.json").write_text(json.dumps({"name": "x", "turn_max_token": 5}))
    with pytest.raises(ConfigError) as caught:
        load(tmp_path / "c.json")
    assert 'did you mean "turn_max_tokens"?' in str(caught.value)


def test_a_new_config_says_what_its_keys_mean_and_is_one_as_it_stands():
    text = new_config("Ada: It ticks.", "Ben: Then: run!")
    config = parse(text, "new.json").config
    assert [message.content for message in config.conversation] == [
        "This is a conversation between Ada and Ben.",
        "Ada: It ticks.",
        "Ben: Then: run!",
    ]
    assert (config.agent_prefix, config.user_prefix) == ("Ada:", "Ben:")
    said = json.loads(text)
    for name in said:
        assert name.startswith("//") or said[f"// {name}"] == KEYS[name].meaning


def test_a_new_config_takes_settings_and_refuses_one_that_is_wrong():
    settings = ["api_url=127.0.0.1:8080", "sampler.temperature=0"]
    config = parse(new_config("Ada: Hi.", "Ben: Oh.", settings), "new.json").config
    assert (config.api_url, config.sampler["temperature"]) == ("http://127.0.0.1:8080", 0)
    assert parse(new_config("Ada: Hi.", "Ben: Oh."), "n").config.sampler["temperature"] == 0.87
    with pytest.raises(ConfigError, match=r'unknown key "total_tokns"; did you mean'):
        new_config("Ada: Hi.", "Ben: Oh.", ["total_tokns=9"])


@pytest.mark.parametrize("line", ["Ada", "Ada:", ": It ticks.", ""])
def test_a_line_without_a_name_makes_no_config(line):
    with pytest.raises(ConfigError, match="--new: expected NAME: LINE of each side"):
        new_config(line, "Ben: Then run!")


@pytest.mark.parametrize("file", sorted((ROOT / "scenes").glob("*.json")), ids=lambda p: p.stem)
def test_a_scene_is_a_config_that_begins_with_a_line_of_each(file):
    config = load(file).config
    said = [message.content for message in config.conversation[1:]]
    assert [config.agent_prefix, config.user_prefix] == [line.partition(" ")[0] for line in said]
    assert config.api_url == config.user_api_url == "embedded:smollm2"
