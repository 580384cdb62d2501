"""Exchanges recorded from real servers with a real model, each through its server's dialect."""

from __future__ import annotations

import json
from collections.abc import Mapping

import pytest

from broken_record.engines.connect import connect_server
from broken_record.engines.wire import open_wire
from broken_record.errors import EngineError
from tests.replay import DATA, Answer, http_json, replay

FOLDER = DATA / "exchanges"
PROBES = {
    "/v1/models": "models", "/props": "props", "/version": "version", "/tokenize": "tokenize",
    "/api/extra/version": "kobold_version", "/api/extra/tokencount": "tokencount",
    "/api/extra/perf": "perf",
}  # fmt: skip
ENGINES = {
    "aphrodite-engine-0.24.1": "aphrodite-engine",
    "koboldcpp-1.111": "koboldcpp",
    "llama-cpp-python-0.3.14": "completions",
    "llama-server-79e0b68": "llama-server",
    "llama-server-b7827": "llama-server",
    "vllm-0.32.0": "vllm",
    "xllamacpp-2026.10.11549": "llama-server",
}


def served_by(server: str, completion: bytes) -> Mapping[str, Answer]:
    answers: dict[str, Answer] = {}
    for path, case in PROBES.items():
        raw = (FOLDER / server / f"{case}.http").read_bytes()
        answers[path] = raw.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n", 1)
    answers["/api/extra/true_max_context_length"] = http_json({"value": 4096})
    return {**answers, "/v1/completions": completion}


def outcome(server: str, case: str) -> str:
    """Finish reason, tokens and who counted them, prompt tokens, letters; or an error."""
    asked = json.loads((FOLDER / server / f"{case}.request.json").read_text())["body"]
    raw = (FOLDER / server / f"{case}.http").read_bytes()
    with replay(served_by(server, raw)) as (url, _):
        engine = connect_server(open_wire(url, timeout_s=5), ENGINES[server])
        sampler = {"stop": asked["stop"]} if asked.get("stop") else {}
        try:
            chunks = list(engine.stream("p", max_tokens=60, sampler=sampler, seed=1))
        except EngineError as error:
            return type(error).__name__
        finally:
            engine.close()
    usage, letters = chunks[-1].usage, len("".join(chunk.text for chunk in chunks))
    counted = f"{usage.tokens} by {usage.tokens_from}"
    return f"{chunks[-1].finish_reason}, {counted} of {usage.prompt_tokens}, {letters} letters"


# read off the recordings; vLLM's tokenizer is recorded with one answer, and so counts nothing
EXPECTED = {
    "aphrodite-engine-0.24.1/bad_type": "RequestRefused",
    "aphrodite-engine-0.24.1/context_overflow": "ContextFull",
    "aphrodite-engine-0.24.1/empty_prompt": "RequestRefused",
    "aphrodite-engine-0.24.1/empty_stop": "RequestRefused",
    "aphrodite-engine-0.24.1/max_tokens_zero": "RequestRefused",
    "aphrodite-engine-0.24.1/no_usage": "length, None by None of None, 49 letters",
    "aphrodite-engine-0.24.1/reply_eos": "stop, 1 by usage of 14, 0 letters",
    "aphrodite-engine-0.24.1/reply_stop_newline": "stop, 2 by usage of 6, 4 letters",
    "aphrodite-engine-0.24.1/stop_special": "length, 60 by usage of 35, 227 letters",
    "aphrodite-engine-0.24.1/unknown_model": "RequestRefused",
    "koboldcpp-1.111/bad_type": "stop, 12 by usage of 35, 34 letters",
    "koboldcpp-1.111/context_overflow": "length, 6 by usage of 4090, 24 letters",
    "koboldcpp-1.111/empty_prompt": "length, 6 by usage of None, 23 letters",
    "koboldcpp-1.111/empty_stop": "length, 6 by usage of 35, 20 letters",
    "koboldcpp-1.111/killed_midstream": "BrokenStream",
    "koboldcpp-1.111/max_tokens_zero": "stop, 12 by usage of 35, 34 letters",
    "koboldcpp-1.111/no_usage": "stop, 6 by perf of None, 34 letters",
    "koboldcpp-1.111/reply_eos": "stop, 1 by usage of 14, 0 letters",
    "koboldcpp-1.111/stop_special": "stop, 12 by usage of 35, 34 letters",
    "koboldcpp-1.111/unauthorized": "RequestRefused",
    "koboldcpp-1.111/unknown_model": "length, 6 by perf of None, 12 letters",
    "llama-cpp-python-0.3.14/bad_type": "EngineBusy",
    "llama-cpp-python-0.3.14/context_overflow": "BrokenStream",
    "llama-cpp-python-0.3.14/empty_prompt": "BrokenStream",
    "llama-cpp-python-0.3.14/empty_stop": "stop, None by None of None, 0 letters",
    "llama-cpp-python-0.3.14/max_tokens_zero": "stop, None by None of None, 161 letters",
    "llama-cpp-python-0.3.14/no_usage": "length, None by None of None, 39 letters",
    "llama-cpp-python-0.3.14/reply_eos": "stop, None by None of None, 0 letters",
    "llama-cpp-python-0.3.14/reply_stop_newline": "stop, None by None of None, 4 letters",
    "llama-cpp-python-0.3.14/stop_special": "stop, None by None of None, 161 letters",
    "llama-cpp-python-0.3.14/unknown_model": "length, None by None of None, 13 letters",
    "llama-server-79e0b68/bad_type": "length, 12 by usage of 35, 43 letters",
    "llama-server-79e0b68/context_overflow": "length, 6 by usage of 2857, 11 letters",
    "llama-server-79e0b68/empty_prompt": "length, 51 by usage of None, 0 letters",
    "llama-server-79e0b68/empty_stop": "stop, 1 by usage of 35, 0 letters",
    "llama-server-79e0b68/killed_midstream": "BrokenStream",
    "llama-server-79e0b68/max_tokens_zero": "length, 1 by usage of 35, 3 letters",
    "llama-server-79e0b68/no_usage": "stop, 12 by usage of 35, 34 letters",
    "llama-server-79e0b68/reply_eos": "stop, 1 by usage of 14, 0 letters",
    "llama-server-79e0b68/reply_stop_newline": "stop, 2 by usage of 6, 4 letters",
    "llama-server-79e0b68/stop_special": "stop, 51 by usage of 35, 208 letters",
    "llama-server-79e0b68/unauthorized": "RequestRefused",
    "llama-server-79e0b68/unknown_model": "length, 4 by usage of 35, 9 letters",
    "llama-server-b7827/bad_type": "stop, 12 by usage of 35, 34 letters",
    "llama-server-b7827/context_overflow": "ContextFull",
    "llama-server-b7827/empty_prompt": "length, 12 by usage of None, 0 letters",
    "llama-server-b7827/empty_stop": "stop, 1 by usage of 35, 0 letters",
    "llama-server-b7827/max_tokens_zero": "length, 1 by usage of 35, 3 letters",
    "llama-server-b7827/no_usage": "stop, 12 by usage of 35, 34 letters",
    "llama-server-b7827/reply_eos": "stop, 1 by usage of 14, 0 letters",
    "llama-server-b7827/reply_stop_newline": "stop, 2 by usage of 6, 4 letters",
    "llama-server-b7827/stop_special": "stop, 12 by usage of 35, 34 letters",
    "llama-server-b7827/unauthorized": "RequestRefused",
    "llama-server-b7827/unknown_model": "length, 4 by usage of 35, 13 letters",
    "vllm-0.32.0/bad_type": "RequestRefused",
    "vllm-0.32.0/context_overflow": "ContextFull",
    "vllm-0.32.0/empty_prompt": "RequestRefused",
    "vllm-0.32.0/empty_stop": "RequestRefused",
    "vllm-0.32.0/max_tokens_zero": "RequestRefused",
    "vllm-0.32.0/no_usage": "length, None by None of None, 54 letters",
    "vllm-0.32.0/reply_eos": "stop, 1 by usage of 14, 0 letters",
    "vllm-0.32.0/reply_stop_newline": "stop, 2 by usage of 6, 4 letters",
    "vllm-0.32.0/stop_special": "stop, 20 by usage of 35, 86 letters",
    "vllm-0.32.0/unauthorized": "RequestRefused",
    "vllm-0.32.0/unknown_model": "RequestRefused",
    "xllamacpp-2026.10.11549/bad_type": "RequestRefused",
    "xllamacpp-2026.10.11549/context_overflow": "ContextFull",
    "xllamacpp-2026.10.11549/empty_prompt": "length, None by None of None, 0 letters",
    "xllamacpp-2026.10.11549/empty_stop": "stop, 1 by usage of 35, 0 letters",
    "xllamacpp-2026.10.11549/max_tokens_zero": "length, 1 by usage of 35, 3 letters",
    "xllamacpp-2026.10.11549/no_usage": "length, 12 by usage of 35, 46 letters",
    "xllamacpp-2026.10.11549/reply_eos": "stop, 1 by usage of 14, 0 letters",
    "xllamacpp-2026.10.11549/reply_stop_newline": "stop, 2 by usage of 6, 4 letters",
    "xllamacpp-2026.10.11549/stop_special": "stop, 46 by usage of 35, 182 letters",
    "xllamacpp-2026.10.11549/unauthorized": "RequestRefused",
    "xllamacpp-2026.10.11549/unknown_model": "length, 4 by usage of 35, 18 letters",
}


@pytest.mark.parametrize("exchange", EXPECTED)
def test_a_recorded_exchange_is_what_it_really_was(exchange):
    server, case = exchange.split("/")
    assert outcome(server, case) == EXPECTED[exchange]


def test_every_recording_is_expected():
    names = {f"{path.parent.name}/{path.name}" for path in FOLDER.glob("*/*.request.json")}
    assert names == {f"{exchange}.request.json" for exchange in EXPECTED}


def test_what_the_servers_say_of_themselves_is_read():
    told = {}
    for server, engine in ENGINES.items():
        with replay(served_by(server, b"")) as (url, _):
            one = connect_server(open_wire(url, timeout_s=5), engine)
            told[server] = (one.info().build, one.info().n_ctx, one.ignored({"top_k": 1}))
            one.close()
    assert told["koboldcpp-1.111"] == ("1.111", 4096, ())
    assert told["aphrodite-engine-0.24.1"] == ("0.24.1", 2048, ())
    assert told["vllm-0.32.0"] == ("0.32.0", 2048, ())
    assert told["llama-server-b7827"] == ("b7827-16639ba21", 4096, ())
    assert told["llama-cpp-python-0.3.14"] == (None, None, ())
