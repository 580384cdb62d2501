"""The embedded models and their server, run for real."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys

import pytest

from broken_record.config.checks import MODELS_FOLDER
from broken_record.config.load import load
from broken_record.engines.connect import connect
from broken_record.engines.embedded import EmbeddedServer
from broken_record.engines.wire import open_wire
from broken_record.tiny.tokenizer import FOLDER
from tests.replay import DATA
from tests.test_parrot import ROOT, parrot, read, session_members, wait_for


@pytest.fixture(scope="module")
def skye():
    with EmbeddedServer("skye") as server:
        wire = open_wire(server.address(), timeout_s=60)
        yield wire
        wire.session.close()


HARD_TEXTS = [
    "", " ", "  two  spaces ", "tab\tand\nnewline\r\n\r\n",
    "naïve café \u2014 \u201ccurly\u201d \u2018quotes\u2019 \u2026", "日本語のテキスト",
    "\U0001f469\u200d\U0001f469\u200d\U0001f467 \U0001f99c!", "<|end", "1234567 3.14",
    "<|system|>S<|end|><|assistant|>Skye:", "don't DON'T we'll I'd Mark's",
    "\u2028\u0085\u00a0", "a\u0301 \u202eabc", "*smiles* \"Hi!\"", "x" * 300,
    "def f(x):\n    return x**2  # ok",
]  # fmt: skip


@pytest.mark.parametrize("text", HARD_TEXTS, ids=range(len(HARD_TEXTS)))
def test_llama_cpp_and_hugging_face_read_a_text_alike(text, skye):
    from tokenizers import Tokenizer

    expected = Tokenizer.from_file(str(FOLDER / "tokenizer.json")).encode(text).ids
    body = {"content": text, "add_special": True, "parse_special": True}
    assert skye.ask("POST", "/tokenize", body)["tokens"] == expected


def test_the_tokenizer_folder_loads_offline_without_torch():
    code = f"""
import sys
sys.modules["torch"] = None
from transformers import AutoTokenizer
tokenizer = AutoTokenizer.from_pretrained({str(FOLDER)!r})
assert tokenizer.eos_token == "<|end|>" and tokenizer.bos_token is None
assert tokenizer("Skye: hi").input_ids == tokenizer.backend_tokenizer.encode("Skye: hi").ids
"""
    environment = {**os.environ, "HF_HUB_OFFLINE": "1"}
    subprocess.run([sys.executable, "-c", code], cwd=ROOT, env=environment, check=True)


def test_the_servers_template_and_the_tokenizers_are_the_same(skye):
    from broken_record.data import Message
    from broken_record.engines.tokenizer_template import load_tokenizer_template

    scene = [
        Message("system", "S"),
        Message("assistant", "A \u201cx\u201d"),
        Message("user", "U\n"),
    ]
    plain = [{"role": message.role, "content": message.content} for message in scene]
    served = skye.ask("POST", "/apply-template", {"messages": plain})["prompt"]
    assert served == load_tokenizer_template(str(FOLDER)).render(scene)


@pytest.mark.parametrize("name", ["skye", "mark"])
def test_greedy_tokens_equal_the_pytorch_models(name, skye):
    cases = json.loads((DATA / "tiny_greedy.json").read_text())[name]
    with EmbeddedServer(name) as server:
        wire = open_wire(server.address(), timeout_s=60)
        for case in cases:
            body = {"prompt": case["prompt"], "n_predict": len(case["tokens"]), "temperature": 0}
            answer = wire.ask("POST", "/completion", {**body, "return_tokens": True})
            assert answer["tokens"] == case["tokens"]
        wire.session.close()


def test_the_context_served_is_the_one_trained_for(skye):
    props = skye.ask("GET", "/props")
    assert props["default_generation_settings"]["n_ctx"] == 16_384


def test_the_models_fit_in_ten_megabytes():
    assert sum(path.stat().st_size for path in MODELS_FOLDER.glob("*.gguf")) < 10_000_000


def test_one_server_serves_both_sides_when_they_name_one_model(tmp_path):
    settings = ['user_api_url="embedded:skye"']
    with connect(load(ROOT / "config.json", settings).config) as (assistant, user):
        assert assistant.wire.url == user.wire.url  # type: ignore[attr-defined]
    with connect(load(ROOT / "config.json").config) as (assistant, user):
        assert assistant.wire.url != user.wire.url  # type: ignore[attr-defined]
        assert assistant.info().engine == "embedded:skye" and assistant.info().model == "skye"


def test_a_dialogue_between_the_embedded_models_is_recorded_with_what_made_it(tmp_path):
    record = tmp_path / "a.jsonl"
    done = parrot(
        "config.json", "--set", "total_tokens=120", "--seed", 3, "--record", record, cwd=ROOT
    )
    assert (done.returncode, done.stderr) == (0, b"")
    dialogue = read(record)
    assert [turn.role for turn in dialogue.turns[:2]] == ["assistant", "user"]
    assert dialogue.assistant.engine == "embedded:skye" and dialogue.user.engine == "embedded:mark"
    assert dialogue.assistant.template == "server" and dialogue.assistant.build
    turn = dialogue.turns[-1]
    assert turn.tokens_from == "usage" and turn.prompt_tokens > 0 and turn.generation_s > 0


def test_a_tokenizer_of_the_config_renders_in_place_of_the_server(tmp_path):
    record = tmp_path / "a.jsonl"
    setting = f'tokenizer="{FOLDER}"'
    done = parrot("--set", setting, "--set", "total_tokens=30", "--record", record, cwd=ROOT)
    assert (done.returncode, done.stderr) == (0, b"")
    assert read(record).assistant.template == read(record).user.template == f"tokenizer {FOLDER}"


def test_without_the_wheel_embedded_says_so_and_other_servers_work(tmp_path):
    (tmp_path / "sitecustomize.py").write_text("import sys\nsys.modules['xllamacpp'] = None\n")
    environment = {**os.environ, "PYTHONPATH": str(tmp_path)}
    done = parrot("config.json", cwd=ROOT, env=environment)
    assert done.returncode == 1 and done.stderr.count(b"\n") == 2
    assert b"needs the package xllamacpp" in done.stderr and b"servers of your own" in done.stderr


def test_kill_9_of_the_parent_leaves_no_server_behind(tmp_path):
    record = tmp_path / "a.jsonl"
    process = subprocess.Popen(
        [sys.executable, "parrot.py", "--record", record, "--set", "turn_max_tokens=40"],
        cwd=ROOT,
        stdout=subprocess.DEVNULL,
        start_new_session=True,
    )
    wait_for(lambda: record.exists() and record.read_text().count('"turn"') >= 1)
    assert len(session_members(process.pid)) == 3  # itself and two servers
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    wait_for(lambda: not session_members(process.pid), limit_s=10)


def test_a_dialogue_that_loops_is_ended_where_stop_on_says_so(tmp_path):
    record = tmp_path / "looped.jsonl"
    greedy = ["--set", "sampler.temperature=0", "--set", "sampler.repeat_penalty=1.0"]
    stop = ["--set", 'stop_on=["single_turn_loop"]', "--seed", "1", "--record", str(record)]
    done = subprocess.run(
        [sys.executable, "parrot.py", *greedy, *stop], cwd=ROOT, capture_output=True, text=True
    )
    assert done.returncode == 0 and "stopped: single_turn_loop" in done.stderr
    end = json.loads(record.read_text().splitlines()[-1])
    assert end["status"] == "looped" and end["finding"]["kind"] == "single_turn_loop"
    assert end["turns"] < 120 and end["finding"]["onset_turn"] < 3 + end["turns"]
