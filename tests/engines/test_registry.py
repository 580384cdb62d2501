"""The engines by name: what a config may name, and where it is said to be wrong."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from broken_record.batch import launch
from broken_record.config.load import parse
from broken_record.engines.registry import ENGINES, check_engines, server_class
from broken_record.errors import ConfigError
from tests.test_parrot import parrot

SCENE = {"conversation": [{"role": "user", "content": "Hi"}]}
EXPECTED = (
    "expected one of llama-server, koboldcpp, vllm, aphrodite-engine, completions, "
    "or null to ask the server, found "
)


@pytest.mark.parametrize("engine", ENGINES)
def test_an_engine_is_called_what_its_class_says_and_says_what_it_honours(engine):
    server = server_class(engine)
    assert server.dialect == engine
    assert (server.honours is None) == (engine == "completions")


def test_naming_the_engines_loads_none_of_them():
    code = """
import sys
from broken_record.engines.registry import ENGINES
files = [f"broken_record.engines.{place.partition('.')[0]}" for place in ENGINES.values()]
assert not {"requests", *files} & {*sys.modules}
"""
    subprocess.run([sys.executable, "-c", code], check=True)


@pytest.mark.parametrize(
    ("named", "problems"),
    [
        ({"engine": "vlm"}, [f'c.json: engine: {EXPECTED}"vlm"']),
        ({"engine": 7, "user_engine": ["vllm"]},
         [f"c.json: engine: {EXPECTED}7", f'c.json: user_engine: {EXPECTED}["vllm"]']),
    ],
)  # fmt: skip
def test_an_engine_that_there_is_not_is_answered_with_those_that_there_are(named, problems):
    config = parse(json.dumps({**SCENE, **named}), "c.json").config
    with pytest.raises(ConfigError) as caught:
        check_engines(config, "c.json")
    assert caught.value.problems == problems


def test_every_engine_may_be_named_for_either_side():
    for engine in (*ENGINES, None):
        config = parse(json.dumps({**SCENE, "engine": engine, "user_engine": engine}), "c").config
        check_engines(config, "c")


def test_a_wrong_engine_ends_parrot_before_anything_is_written(tmp_path):
    file = tmp_path / "c.json"
    file.write_text(json.dumps({**SCENE, "engine": "vlm"}))
    record = tmp_path / "a.jsonl"
    said = f'engine: {EXPECTED}"vlm"\n'
    for options in (["--record", record], ["--doctor"], ["--print-config"]):
        done = parrot(file, *options)
        assert (done.returncode, done.stderr.decode()) == (2, f"{file}: {said}")
        assert not done.stdout and not record.exists()
    record.write_text(json.dumps({"type": "dialogue", "version": 1,
                                  "config": {**SCENE, "engine": "vlm"}}) + "\n")  # fmt: skip
    done = parrot("--resume", record)
    assert (done.returncode, done.stderr.decode()) == (2, f"{record}: {said}")


def test_a_wrong_engine_ends_a_batch_before_a_folder_is_made(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "c.json").write_text(json.dumps({**SCENE, "engine": "vlm"}))
    said = f'engine: {EXPECTED}"vlm"\n'
    for words in (["1", "c.json"], ["1", "--dry-run", "c.json"]):
        assert launch.main(words) == 2
        assert capsys.readouterr().err == f"c.json: {said}"
    assert [path.name for path in tmp_path.iterdir()] == ["c.json"]
    axis = 'engine=["vlm","vllm"]'
    assert launch.main(["1", "--sweep", axis, "c.json", "--", "--set", "engine=null"]) == 2
    assert capsys.readouterr().err == f"c.json: {said}"
    run = {"version": 1, "n": 1, "base_seed": 1, "config": {**SCENE, "engine": "vlm"}}
    (tmp_path / "parrot_1").mkdir()
    (tmp_path / "parrot_1" / "run.json").write_text(json.dumps(run))
    assert launch.main(["--resume", "parrot_1"]) == 2
    assert capsys.readouterr().err == f"parrot_1/run.json: {said}"
