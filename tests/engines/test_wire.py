"""The stream reader against bytes recorded from real servers, and against servers that fail."""

from __future__ import annotations

import json
import math
import random
import socket
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
import requests

from broken_record.data import Chunk, Message, Usage
from broken_record.engines.completions import CompletionsServer
from broken_record.engines.connect import connect_server
from broken_record.engines.replies import read_chunks
from broken_record.engines.sse import read_events
from broken_record.engines.vllm import Vllm
from broken_record.engines.wire import open_wire
from broken_record.errors import BrokenStream, EngineError, EngineUnreachable, RequestRefused
from tests.replay import DATA, LLAMA, MODELS, Answer, http_json, replay, sse

RECORDED = sorted(
    path
    for path in (DATA / "streams").glob("*/*.http")
    if path.stem.startswith(("reply_", "hot_", "killed_", "midstream_"))
)
WHOLE = [p for p in RECORDED if p.stem.startswith(("reply_", "hot_"))]
ASKED: dict[str, Any] = {"max_tokens": 60, "sampler": {}, "seed": 1}
BROKEN = [p for p in RECORDED if p not in WHOLE]


def say(raw: bytes | Sequence[bytes], **more: object) -> list[Chunk]:
    with replay({"/v1/models": MODELS, "/v1/completions": raw}) as (url, _):
        server = CompletionsServer(open_wire(url, timeout_s=5))
        try:
            return list(server.stream("p", max_tokens=60, sampler=more, seed=1))
        finally:
            server.close()


def body_of(path: Path) -> bytes:
    """The events of a recorded answer, out of their HTTP framing."""
    head, _, rest = path.read_bytes().partition(b"\r\n\r\n")
    if b"chunked" not in head:
        return rest
    body = b""
    while rest:
        size, _, rest = rest.partition(b"\r\n")
        if int(size, 16) == 0:
            break
        body, rest = body + rest[: int(size, 16)], rest[int(size, 16) + 2 :]
    return body


@pytest.mark.parametrize("path", WHOLE, ids=lambda p: f"{p.parent.name}-{p.stem}")
def test_a_recorded_reply_is_read_whole(path):
    chunks = say(path.read_bytes())
    *pieces, last = chunks
    assert last.finish_reason in ("stop", "length") and last.text == ""
    assert all(piece.text and piece.finish_reason is None for piece in pieces)
    expected = []
    for field, value in read_events([body_of(path)]):
        if field == "data" and value != "[DONE]":
            expected += [choice["text"] for choice in json.loads(value)["choices"]]
    assert "".join(piece.text for piece in pieces) == "".join(expected) != ""


@pytest.mark.parametrize(
    ("case", "tokens", "prompt_tokens", "source"),
    [
        ("llama-server/reply_stop_newline", 14, 35, "usage"),
        ("vllm/reply_eos", 60, 6, "usage"),
        ("koboldcpp/reply_eos", None, None, None),
    ],
)
def test_tokens_are_what_the_engine_reports(case, tokens, prompt_tokens, source):
    usage = say((DATA / "streams" / f"{case}.http").read_bytes())[-1].usage
    assert (usage.tokens, usage.prompt_tokens, usage.tokens_from) == (tokens, prompt_tokens, source)


def test_zeros_and_oddities_of_usage_are_not_measured():
    odd = [0, -1, 2.5, "3", None, True, [3], {"a": 1}, 10**400, math.inf, math.nan]
    for value in odd:
        usage = {"completion_tokens": value, "prompt_tokens": value, "prompt_tokens_details": value}
        timings = {"predicted_n": value, "prompt_ms": "fast", "predicted_ms": [value]}
        last = say(sse(event(" a"), event("", "stop", usage=usage, timings=timings)))[-1]
        assert last.usage == Usage() and last.finish_reason == "stop"


def test_what_the_server_did_not_count_its_tokenizer_counts_without_the_bos():
    def tokenize(body):
        return http_json({"tokens": [1, *range(len(json.loads(body)["prompt"].split()))]})

    stream = sse(event(" one two"), event(" three", "stop"))
    served: dict[str, Answer] = {
        "/v1/models": MODELS,
        "/v1/completions": stream,
        "/tokenize": tokenize,
    }
    with replay(served) as (url, _):
        last = list(Vllm(open_wire(url, timeout_s=5)).stream("p", **ASKED))[-1]
    assert (last.usage.tokens, last.usage.tokens_from) == (3, "tokenizer")


def test_timings_stand_in_for_usage():
    events = sse(
        {"choices": [{"text": "a", "finish_reason": "stop"}], "timings": {"predicted_n": 5}}
    )
    usage = say(events)[-1].usage
    assert (usage.tokens, usage.tokens_from) == (5, "timings")


@pytest.mark.parametrize("path", BROKEN, ids=lambda p: f"{p.parent.name}-{p.stem}")
def test_a_recorded_failure_is_an_error_and_no_reply(path):
    with pytest.raises(EngineError):
        say(path.read_bytes())


@pytest.mark.parametrize("path", RECORDED, ids=lambda p: f"{p.parent.name}-{p.stem}")
def test_a_stream_cut_at_any_byte_gives_the_same_chunks(path):
    body = body_of(path)

    def read(pieces):
        chunks: list[Chunk] = []
        try:
            chunks.extend(read_chunks(pieces, "url"))
        except EngineError as error:
            return chunks, str(error)
        return chunks, None

    whole = read([body])
    assert read([bytes([byte]) for byte in body]) == whole
    cuts = (
        range(1, len(body)) if len(body) < 4096 else random.Random(1).sample(range(len(body)), 200)
    )
    for cut in cuts:
        assert read([body[:cut], body[cut:]]) == whole


def event(text, finish=None, **more):
    return {"choices": [{"text": text, "finish_reason": finish}], **more}


@pytest.mark.parametrize(
    ("events", "finish"),
    [
        ([event(" a"), event("", "eos_token")], "stop"),
        ([event(" a"), event("", "stop_sequence")], "stop"),
        ([event(" a", ""), event("", "length")], "length"),
        ([event(" a"), event("")], "stop"),
        ([event(" a"), event("", usage={"completion_tokens": 60})], "length"),
        ([event(" a"), {"choices": [{"finish_reason": "length"}]}], "length"),
        ([event(" a", error=False), event("", "stop", error=None)], "stop"),
    ],
)
def test_every_way_of_ending_a_reply_is_understood(events, finish):
    chunks = say(sse(*events))
    assert [(chunk.text, chunk.finish_reason) for chunk in chunks] == [(" a", None), ("", finish)]


@pytest.mark.parametrize(
    ("events", "error", "words"),
    [
        ([{"choices": [{"delta": {"content": "a"}}]}], RequestRefused, "chat endpoint"),
        ([{"content": "a", "stop": False}], BrokenStream, "expected choices with a text"),
        ([{"choices": [{"index": 0}]}], BrokenStream, "expected choices with a text"),
        ([{"object": "error", "message": "out of room"}], BrokenStream, "out of room"),
        ([{"detail": "gone"}], BrokenStream, "gone"),
        (['{"a":' * 100_000], BrokenStream, "expected JSON"),
        (
            [{"choices": [{"text": "a", "finish_reason": None}]}],
            BrokenStream,
            "without a finish reason",
        ),
        ([{"choices": [{"text": "a", "finish_reason": "abort"}]}], BrokenStream, "abort"),
        ([{"error": {"message": "engine died"}}], BrokenStream, "engine died"),
        (["not json"], BrokenStream, "expected JSON"),
        ([], BrokenStream, "without a finish reason"),
    ],
)
def test_what_is_no_reply_raises(events, error, words):
    with pytest.raises(error, match=words):
        say(sse(*events, done=False))


def test_an_error_line_of_old_llama_cpp_raises():
    head = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n"
    body = b'error: {"code":400,"message":"exceeds the available context size"}\n\ndata: [DONE]\n\n'
    with pytest.raises(RequestRefused, match="available context size"):
        say(head + body)


def test_a_null_body_is_no_stream():
    with pytest.raises(RequestRefused, match="expected a stream"):
        say(http_json(None))


def test_comments_and_line_separators_inside_json_do_not_split_events():
    event = 'data: {"choices":[{"text":"a\u2028\x85b","finish_reason":"stop"}]}\n\n'
    raw = "HTTP/1.0 200 OK\r\n\r\n: ping\n\n:\n\n" + event
    assert [chunk.text for chunk in say(raw.encode())] == ["a\u2028\x85b", ""]


def test_an_http_error_says_status_and_the_servers_own_words():
    with pytest.raises(RequestRefused, match="HTTP 400: prompt too long"):
        say(http_json({"error": {"code": 400, "message": "prompt too long"}}, "400 Bad Request"))


def test_nobody_at_the_address_is_said_in_a_sentence():
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    with pytest.raises(EngineUnreachable, match=r"Connection refused.*is the server running"):
        CompletionsServer(open_wire(f"http://127.0.0.1:{port}", timeout_s=1))


def test_silence_ends_at_the_time_limit():
    with socket.create_server(("127.0.0.1", 0)) as silent:
        wire = open_wire(f"http://127.0.0.1:{silent.getsockname()[1]}", timeout_s=0.2)
        with pytest.raises(EngineUnreachable, match="timeout_s"):
            wire.ask("GET", "/v1/models")
        wire.session.close()


def test_the_request_leaves_out_empty_stop_strings_and_what_the_config_does_not_name():
    with replay({"/v1/models": MODELS}) as (url, _):
        server = CompletionsServer(open_wire(url + "/v1/", timeout_s=5))
    body = server.request_body("p", max_tokens=7, sampler={"stop": ["", "\n"], "odd": 1}, seed=3)
    assert body["stop"] == ["\n"] and body["odd"] == 1 and body["model"] == "some-model"
    names = {"prompt", "stream", "stream_options", "max_tokens", "seed", "model", "stop", "odd"}
    assert {*body} == names and (body["max_tokens"], body["seed"]) == (7, 3)
    assert "stop" not in server.request_body("p", max_tokens=7, sampler={"stop": ""}, seed=3)


def test_a_llama_server_is_recognised_and_renders_its_own_template_without_bos():
    with replay(LLAMA) as (url, seen):
        engine = connect_server(open_wire(url, timeout_s=5))
        info = engine.info()
        assert (info.engine, info.build, info.model, info.n_ctx) == (
            "llama-server",
            "b1-abc",
            "some-model",
            4096,
        )
        assert engine.template([Message("user", "hi")]) == "[prompt]"
        assert json.loads(seen[-1][1]) == {
            "messages": [{"role": "user", "content": "hi"}],
            "chat_template_kwargs": {"enable_thinking": False},
        }


@pytest.mark.parametrize(
    ("template", "asked"),
    [
        ("{{ bos_token }}[{{ messages[0].content }}]", 1),  # alike: rendered here from then on
        ("{{ messages[0].content }}", 3),  # the server renders otherwise
        ("{% oops", 3),
        ("{{ raise_exception('no') }}", 3),
        ("{{ 1 + messages }}", 3),
    ],
)
def test_a_template_is_rendered_here_only_if_the_server_renders_it_alike(template, asked):
    props = http_json(
        {"default_generation_settings": {}, "chat_template": template, "bos_token": "<s>"}
    )

    def apply(body):
        return http_json({"prompt": f"<s>[{json.loads(body)['messages'][0]['content']}]"})

    with replay({**LLAMA, "/props": props, "/apply-template": apply}) as (url, seen):
        engine = connect_server(open_wire(url, timeout_s=5))
        for text in ("one", "two", "three"):
            assert engine.template([Message("user", text)]) == f"[{text}]"
        assert [path for path, _ in seen].count("/apply-template") == asked


def test_a_server_without_a_template_asks_for_a_tokenizer():
    with replay({"/v1/models": MODELS}) as (url, _):
        engine = connect_server(open_wire(url, timeout_s=5))
        assert engine.info().engine == "someone" and engine.info().n_ctx == 4096
        with pytest.raises(EngineError, match='key "tokenizer"'):
            engine.template([Message("user", "hi")])


def headers_of(wire):
    """What the session would send."""
    request = requests.Request("GET", wire.url + "/v1/models")
    return wire.session.prepare_request(request).headers


def test_the_key_comes_from_the_environment_and_goes_into_the_header(monkeypatch):
    monkeypatch.setenv("SOME_KEY", "s3cret")
    wire = open_wire("http://127.0.0.1:1", timeout_s=1, api_key_env="SOME_KEY")
    assert headers_of(wire)["Authorization"] == "Bearer s3cret"
    monkeypatch.setenv("SOME_KEY", "s3cret\n")  # as it stands in a file
    wire = open_wire("http://127.0.0.1:1", timeout_s=1, api_key_env="SOME_KEY")
    assert headers_of(wire)["Authorization"] == "Bearer s3cret"
    for odd in ("s3\ncret", "s3cret\u20ac"):
        monkeypatch.setenv("SOME_KEY", odd)
        with pytest.raises(EngineError, match="SOME_KEY holds what is no key") as refused:
            open_wire("http://127.0.0.1:1", timeout_s=1, api_key_env="SOME_KEY")
        assert "cret" not in str(refused.value)
    monkeypatch.delenv("SOME_KEY")
    with pytest.raises(EngineError, match="SOME_KEY is not set"):
        open_wire("http://127.0.0.1:1", timeout_s=1, api_key_env="SOME_KEY")
