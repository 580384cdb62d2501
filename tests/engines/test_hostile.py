"""Servers and environments that would leak, mislead or never end."""

from __future__ import annotations

import gzip
import http.server
import itertools
import json
import threading
import time
import zlib
from contextlib import contextmanager
from typing import Any

import pytest
import requests
from hypothesis import given, seed, settings
from hypothesis import strategies as st

from broken_record.data import Message
from broken_record.engines.completions import CompletionsServer
from broken_record.engines.connect import connect_server
from broken_record.engines.limits import BODY, CHUNKS_MORE
from broken_record.engines.sse import read_events, split_lines
from broken_record.engines.wire import BUNDLES, open_wire
from broken_record.errors import (
    BrokenStream,
    ContextFull,
    EngineBusy,
    EngineError,
    EngineUnreachable,
    RequestRefused,
)
from tests.faults import DONE, ENGINES, HEAD, event, refused
from tests.replay import LLAMA, MODELS, Answer, http_json, replay

REPLY = event(" one") + event("", "stop") + DONE
ASKED: dict[str, Any] = {"max_tokens": 9, "sampler": {}, "seed": 1}


def stream_of(answer, *, timeout_s=5.0, key=None):
    with replay({"/v1/models": MODELS, "/v1/completions": answer}) as (url, _):
        server = CompletionsServer(open_wire(url, timeout_s=timeout_s, api_key_env=key))
        try:
            return "".join(chunk.text for chunk in server.stream("p", **ASKED))
        finally:
            server.close()


@pytest.mark.parametrize(
    ("status", "kind"),
    [(408, EngineBusy), (429, EngineBusy), (500, EngineBusy), (502, EngineBusy), (504, EngineBusy),
     (529, EngineBusy), (501, RequestRefused), (404, RequestRefused)],
)  # fmt: skip
def test_what_another_try_may_mend_is_told_by_the_status(status, kind):
    with pytest.raises(EngineError) as caught:
        stream_of(refused(f"{status} Odd", "<h1>sorry</h1>"))
    assert type(caught.value) is kind


def test_the_words_of_a_full_context_win_over_any_status_and_any_form():
    body = {"error": {"code": 500, "message": "the request exceeds the available context size"}}
    for answer in (refused("500 Odd", body), http_json(body), HEAD + json.dumps(body).encode()):
        with pytest.raises(ContextFull, match="exceeds the available context size"):
            stream_of(answer)


def test_a_server_that_says_how_long_to_wait_is_believed():
    head = b"HTTP/1.1 503 Busy\r\nRetry-After: 7\r\nContent-Length: 2\r\n\r\n{}"
    with pytest.raises(EngineBusy) as caught:
        stream_of(head)
    assert caught.value.retry_after_s == 7


@pytest.mark.parametrize("status", ["401 Unauthorized", "403 Forbidden"])
def test_a_missing_key_is_named_wherever_it_is_missed(status, monkeypatch):
    monkeypatch.setenv("SOME_KEY", "s3cret")
    refusal = refused(status, {"error": {"message": "Invalid API Key"}})
    for path in ("/v1/completions", "/v1/models", "/props", "/apply-template"):
        served = {**LLAMA, "/v1/completions": HEAD + REPLY, path: refusal}
        with replay(served) as (url, _):
            for key, words in ((None, "wants a key.*api_key_env"), ("SOME_KEY", "SOME_KEY")):
                with pytest.raises(RequestRefused, match=words):
                    engine = connect_server(open_wire(url, timeout_s=5, api_key_env=key))
                    list(engine.stream(engine.template([Message("user", "hi")]), **ASKED))


def test_a_key_that_a_server_repeats_never_comes_back(monkeypatch):
    monkeypatch.setenv("SOME_KEY", "sk-TOP/SECRET")
    said = "Incorrect API key provided: sk-TOP/SECRET."
    for answer in (
        refused("401 Unauthorized", {"error": {"message": said}}),
        refused("400 Bad", said), http_json({"error": said}), http_json(said),
        HEAD + b"data: " + json.dumps({"error": said}).replace("/", r"\/").encode(),
        HEAD + b"data: " + said.encode(), HEAD + event(" one", said),
        f"HTTP/1.1 302 Found\r\nLocation: /{said}\r\n\r\n".encode(),
    ):  # fmt: skip
        with pytest.raises(EngineError) as caught:
            stream_of(answer, key="SOME_KEY")
        assert "SECRET" not in str(caught.value) and "***" in str(caught.value)
    assert stream_of(HEAD + event(said) + REPLY, key="SOME_KEY").startswith("Incorrect API key")
    with replay({"/v1/models": http_json({"data": [{"id": said}]})}) as (url, _):
        wire = open_wire(url, timeout_s=5, api_key_env="SOME_KEY")
        assert CompletionsServer(wire).info().model == "Incorrect API key provided: ***."


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_is_refused_and_says_where_to(status):
    with replay({"/v1/completions": HEAD + REPLY}) as (elsewhere, seen):
        for to in (elsewhere + "/v1/completions", "http://[::bad/", "http://a..b/", "file:///x"):
            head = f"HTTP/1.1 {status} Moved\r\nLocation: {to}\r\nContent-Length: 0\r\n\r\n"
            with pytest.raises(RequestRefused, match="not followed") as caught:
                stream_of(head.encode())
            assert to in str(caught.value)
        assert seen == []


def test_a_key_of_the_config_is_not_replaced_by_netrc(monkeypatch, tmp_path):
    (tmp_path / ".netrc").write_text("default login me password pw\n")
    monkeypatch.setenv("NETRC", str(tmp_path / ".netrc"))
    monkeypatch.setenv("SOME_KEY", "s3cret")
    wire = open_wire("http://gpu.example:1", timeout_s=1, api_key_env="SOME_KEY")
    request = wire.session.prepare_request(requests.Request("GET", wire.url))
    assert request.headers["Authorization"] == "Bearer s3cret"


@pytest.mark.parametrize(
    "host", ["127.0.0.1", "0.0.0.0", "127.0.0.2", "localhost", "LOCALHOST.", "127.1",
             "[::1]", "[::ffff:127.0.0.1]"],
)  # fmt: skip
def test_no_proxy_sees_this_machine_talk_to_itself(host, monkeypatch):
    monkeypatch.setenv("http_proxy", "http://proxy.example:1")
    wire = open_wire(f"http://{host}:8080", timeout_s=1)
    settled = wire.session.merge_environment_settings(wire.url, {}, None, None, None)
    assert not settled["proxies"]


@pytest.mark.parametrize("name", BUNDLES)
@pytest.mark.parametrize("host", ["localhost", "gpu.example"])
def test_certificates_come_from_the_environment(name, host, monkeypatch):
    for other in BUNDLES:
        monkeypatch.delenv(other, raising=False)
    monkeypatch.setenv(name, "/some/bundle.pem")
    wire = open_wire(f"https://{host}:1", timeout_s=1)
    settled = wire.session.merge_environment_settings(wire.url, {}, None, None, None)
    assert settled["verify"] == "/some/bundle.pem"


@pytest.mark.parametrize(
    ("coding", "compress"), [("gzip", gzip.compress), ("deflate", zlib.compress)]
)
def test_a_compressed_stream_is_read_though_none_was_asked_for(coding, compress):
    body = compress(REPLY)
    for more in (f"Content-Length: {len(body)}", "Connection: close"):
        head = f"HTTP/1.1 200 OK\r\nContent-Encoding: {coding}\r\n{more}\r\n\r\n"
        assert stream_of(head.encode() + body) == " one"
    chunked = f"HTTP/1.1 200 OK\r\nContent-Encoding: {coding}\r\nTransfer-Encoding: chunked\r\n\r\n"
    framed = b"%x\r\n%s\r\n0\r\n\r\n" % (len(body), body)
    assert stream_of(chunked.encode() + framed) == " one"


def test_no_compression_is_asked_for_and_a_byte_order_mark_is_no_text():
    assert open_wire("http://h", timeout_s=1).session.headers["Accept-Encoding"] == "identity"
    assert stream_of(HEAD + b"\xef\xbb\xbf" + REPLY) == " one"
    assert list(read_events([b"\xef\xbb\xbfdata: 1"])) == [("data", "1")]


def test_a_server_killed_in_a_chunked_stream_has_closed_the_connection():
    head = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
    piece = event(" one")
    for end in (b"", b"5", b"5\r\nab"):
        with pytest.raises(BrokenStream, match=r"the server closed the connection"):
            stream_of(head + b"%x\r\n%s\r\n" % (len(piece), piece) + end)


def test_a_reply_without_end_is_stopped_by_its_chunks_or_its_letters():
    for piece in (event(" more"), event("x" * 5000)):
        sent: list[bytes] = []

        def endless(piece=piece, sent=sent):
            for one in itertools.repeat(piece, 10_000):
                sent.append(one)
                yield one

        with pytest.raises(BrokenStream, match="does not end"):
            stream_of(itertools.chain([HEAD], endless()))
    assert len(list(read_events([event(" x") * (2 * 9 + CHUNKS_MORE)]))) == 274
    assert stream_of(HEAD + event(" x") * (2 * 9 + CHUNKS_MORE - 1) + event("", "stop"))


def test_keep_alives_without_end_are_ended_by_a_clock_and_events_wind_it_up():
    now = itertools.count(0.0, 1.0)
    events = read_events(itertools.repeat(b": ping\n\n"), 20.0, lambda: next(now))
    with pytest.raises(ValueError, match="nothing but keep-alives for 20 s"):
        next(events)
    now = itertools.count(0.0, 1.0)
    pieces = [b": ping\n\n", b"data: 1\n\n"] * 50
    assert len(list(read_events(pieces, 20.0, lambda: next(now)))) == 50


def test_a_long_line_is_read_in_linear_time_and_too_long_a_one_is_refused():
    begun = time.process_time()
    pieces = itertools.chain(itertools.repeat(b"x" * 1000, 8000), [b"\n"])
    assert len(next(split_lines(pieces))) == 8_000_000
    assert time.process_time() - begun < 3  # read again at every piece: half a minute
    with pytest.raises(ValueError, match="longer than 10 bytes"):
        next(split_lines(itertools.repeat(b"x", 11), longest=10))
    with pytest.raises(BrokenStream, match="longer than 8,388,608 bytes"):
        stream_of(itertools.chain([HEAD], itertools.repeat(b"x" * 2**16, 400)))


def test_bodies_without_end_are_cut_or_refused():
    ones = itertools.repeat(b"1," * 2**15, 1000)
    head = b"HTTP/1.1 500 Odd\r\n\r\n"
    with pytest.raises(EngineBusy, match="HTTP 500: 1,1,1"):
        stream_of(itertools.chain([head], ones))
    head = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n["
    served: dict[str, Answer] = {"/v1/models": itertools.chain([head], ones)}
    with (
        replay(served) as (url, _),
        pytest.raises(RequestRefused, match=f"more than {BODY.value:,} bytes"),
    ):
        open_wire(url, timeout_s=5).ask("GET", "/v1/models")


CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
ODD_ERROR = b"HTTP/1.1 500 Odd\r\nContent-Type: application/json%s\r\nConnection: close\r\n\r\n"


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        (CHUNKED + b"-5\r\n" + event(" one"), BrokenStream),
        (CHUNKED + b"zz\r\n" + event(" one"), BrokenStream),
        (ODD_ERROR % b"; charset=idna" + b'{"error": "\xff\xfe.' + b"x" * 300 + b'"}', EngineBusy),
        (ODD_ERROR % b"; charset=nothing" + b'{"error": "\xff"}', EngineBusy),
        (ODD_ERROR % b"" + b'{"error":' * 7_000, EngineBusy),
        (ODD_ERROR % b"" + b"[" * 60_000, EngineBusy),
    ],
)
def test_what_no_server_should_frame_so_is_an_engine_error(answer, kind):
    with pytest.raises(EngineError) as caught:
        stream_of(answer)
    assert type(caught.value) is kind


@pytest.mark.parametrize("url", ["http://a..b:1", "http://[::1", "http://" + "a" * 70 + ":1"])
def test_what_is_no_address_is_answered_in_a_sentence(url):
    with pytest.raises((EngineUnreachable, ValueError)) as caught:
        open_wire(url, timeout_s=1).ask("GET", "/v1/models")
    assert str(caught.value)


SIMPLE = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5)
ANYTHING = st.recursive(
    SIMPLE,
    lambda inner: (
        st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from("ab"), inner, max_size=2)
    ),
    max_leaves=3,
)


def fields_of(value, path=()):
    """Every place in a JSON value."""
    yield path
    if not isinstance(value, dict | list):
        return
    for key, inner in value.items() if isinstance(value, dict) else enumerate(value):
        yield from fields_of(inner, (*path, key))


def put(value, path, other):
    if not path:
        return other
    copy = dict(value) if isinstance(value, dict) else list(value)
    copy[path[0]] = put(value[path[0]], path[1:], other)
    return copy


SENT = {
    "/v1/models": {"data": [{"id": "m", "owned_by": "x", "max_model_len": 4096}]},
    "/props": {"default_generation_settings": {"n_ctx": 4096}, "total_slots": 2, "build_info": "b",
               "chat_template": "{{ messages }}", "bos_token": "<s>", "eos_token": "</s>"},
    "/apply-template": {"prompt": "p"},
    "/tokenize": {"tokens": [1, 2]},
    "/version": {"version": "1"},
    "/api/extra/version": {"result": "KoboldCpp", "version": "1"},
    "/api/extra/true_max_context_length": {"value": 4096},
    "/api/extra/tokencount": {"value": 1, "ids": [1]},
    "/api/extra/perf": {"stop_reason": 1, "last_token_count": 2, "last_process_time": 0.1,
                        "last_eval_time": 0.1},
    "/v1/completions": {
        "choices": [{"text": " a", "finish_reason": "stop"}],
        "usage": {"completion_tokens": 0, "prompt_tokens": 2,
                  "prompt_tokens_details": {"cached_tokens": 1}},
        "timings": {"predicted_n": 0, "prompt_ms": 1.0, "predicted_ms": 1.0, "cache_n": 1},
        "error": None,
    },
}  # fmt: skip
FIELDS = [(path, place) for path, value in SENT.items() for place in fields_of(value)]


@contextmanager
def one_server(served):
    """A server of one thread that answers what `served` holds at the time of asking."""

    class Handler(http.server.BaseHTTPRequestHandler):
        wbufsize = -1  # one packet an answer, or each waits 40 ms for the one before

        def log_message(self, *_):
            pass

        def do_GET(self):
            self.rfile.read(int(self.headers.get("Content-Length") or 0))
            known = self.path in served
            body = json.dumps(served.get(self.path)).encode()
            if self.path == "/v1/completions":
                body = b"data: " + body + b"\n\ndata: [DONE]\n\n"
            self.send_response(200 if known else 404)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        do_POST = do_GET

    with http.server.HTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


@pytest.fixture(scope="module")
def odd_server():
    served: dict[str, Any] = {}
    with one_server(served) as url:
        yield served, url


@seed(21)
@settings(max_examples=100, deadline=None)
@given(st.sampled_from(ENGINES), st.sampled_from(FIELDS), ANYTHING)
def test_any_value_in_any_field_of_a_server_is_a_reply_or_an_engine_error(
    odd_server, engine, field, value
):
    served, url = odd_server
    path, place = field
    served.clear()
    served.update(SENT)
    for other in ("/props", "/apply-template"):
        if engine != "llama-server":
            del served[other]
    served[path] = put(SENT[path], place, value)
    try:
        server = connect_server(open_wire(url, timeout_s=5), engine)
        server.info()
        server.count_tokens("p")
        if engine == "llama-server":
            server.template([Message("user", "hi")])
        *_, last = server.stream("p", **ASKED)
        server.close()
    except EngineError as error:
        assert str(error)
    else:
        usage = last.usage
        assert last.finish_reason in ("stop", "length", "repetition")
        for count in (usage.tokens, usage.prompt_tokens, usage.cached_tokens):
            assert count is None or (type(count) is int and count >= 0)
