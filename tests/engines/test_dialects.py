"""Every exchange recorded from a real server, through the dialect of that server."""

from __future__ import annotations

import json
import random
import re

import pytest

from broken_record.config.load import parse
from broken_record.data import Chunk, Message
from broken_record.engines import connect
from broken_record.engines.aphrodite import Aphrodite
from broken_record.engines.completions import CompletionsServer
from broken_record.engines.connect import connect_patiently, connect_server
from broken_record.engines.koboldcpp import KoboldCpp
from broken_record.engines.llama_server import LlamaServer
from broken_record.engines.registry import server_class
from broken_record.engines.replies import cut_at_stop, read_chunks
from broken_record.engines.retry import Patience
from broken_record.engines.vllm import Vllm
from broken_record.engines.wire import open_wire
from broken_record.errors import EngineBusy, EngineError, RequestRefused
from broken_record.samplers import translate
from tests.engines.test_wire import body_of
from tests.replay import DATA, LLAMA, http_json, replay

STREAMS = DATA / "streams"
CHATML = (
    "{% for m in messages %}<|im_start|>{{ m.role }}\n{{ m.content }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)


def recorded(engine, case):
    return (STREAMS / engine / f"{case}.http").read_bytes()


ANSWERS = {
    "llama-server": {"/v1/models": "models", "/props": "props", "/tokenize": "tokenize"},
    "koboldcpp": {
        "/v1/models": "models", "/api/extra/version": "version", "/api/extra/perf": "perf_after",
        "/api/extra/true_max_context_length": "true_max_context_length",
        "/api/extra/tokencount": "tokencount",
    },
    "vllm": {"/v1/models": "models", "/version": "version", "/tokenize": "tokenize"},
}  # fmt: skip
DIALECTS = {"llama-server": LlamaServer, "koboldcpp": KoboldCpp, "vllm": Vllm}
OTHER_PATHS = {"version", "models", "props", "health", "slots", "tokenize", "tokencount", "perf",
               "perf_after", "true_max_context_length", "apply_template", "health_missing",
               "not_found", "native_completion"}  # fmt: skip


def answers_of(engine, completion):
    served = {path: recorded(engine, case) for path, case in ANSWERS[engine].items()}
    return {**served, "/v1/completions": completion}


@pytest.mark.parametrize("engine", ANSWERS)
def test_a_server_is_known_by_what_it_answers(engine):
    with replay(answers_of(engine, b"")) as (url, _):
        server = connect_server(open_wire(url, timeout_s=5))
        assert type(server) is DIALECTS[engine]
        info = server.info()
        assert info.engine == engine and info.build and info.model and info.n_ctx
        can_count = any("token" in path for path in ANSWERS[engine])
        assert (server.count_tokens("anything") is not None) == can_count
        server.close()


def test_a_server_that_is_still_loading_is_asked_again_and_then_known():
    loading = http_json({"error": {"message": "Loading model"}}, "503 Service Unavailable")
    answers = answers_of("llama-server", b"")
    asked: list[str] = []

    def props(body):
        asked.append(body)
        return loading if len(asked) < 3 else recorded("llama-server", "props")

    waited: list[float] = []
    silent = {**answers, "/api/extra/version": loading}
    with replay(silent) as (url, _), pytest.raises(EngineBusy, match="Loading model"):
        connect_patiently(open_wire(url, timeout_s=5), None, None)
    with replay({**answers, "/props": props}) as (url, _):
        patience = Patience(sleep=waited.append)
        server = connect_patiently(open_wire(url, timeout_s=5), None, patience)
        assert type(server) is LlamaServer and len(waited) == 2


def test_an_aphrodite_is_known_by_its_owner_and_the_config_may_name_any():
    models = http_json({"data": [{"id": "m", "owned_by": "aphrodite", "max_model_len": 9}]})
    with replay({"/v1/models": models}) as (url, _):
        wire = open_wire(url, timeout_s=5)
        assert type(connect_server(wire)) is Aphrodite
        assert type(connect_server(wire, "vllm")) is Vllm
        assert type(connect_server(wire, "completions")) is CompletionsServer
        with pytest.raises(EngineError, match="is no llama-server"):
            connect_server(wire, "llama-server")
    # it serves the Kobold API, too, and ignores rep_pen
    borrowed = {path: recorded("koboldcpp", case) for path, case in ANSWERS["koboldcpp"].items()}
    with replay({**borrowed, "/v1/models": models}) as (url, _):
        assert type(connect_server(open_wire(url, timeout_s=5))) is Aphrodite


@pytest.mark.parametrize("data", [{"a": 1}, ["m"], "m"])
def test_models_of_another_form_are_refused(data):
    served = replay({"/v1/models": http_json({"data": data})})
    with served as (url, _), pytest.raises(RequestRefused, match="expected models, found"):
        connect_server(open_wire(url, timeout_s=5), "completions")


def test_a_koboldcpp_is_no_llama_server_though_it_has_its_props():
    props = http_json({"default_generation_settings": {"n_ctx": 4096}, "total_slots": 1})
    with replay({**answers_of("koboldcpp", b""), "/props": props}) as (url, _):
        assert type(connect_server(open_wire(url, timeout_s=5))) is KoboldCpp


COMPLETIONS = sorted(
    path
    for path in STREAMS.glob("*/*.http")
    if path.stem not in OTHER_PATHS | {"non_stream"}  # parrot never asks for one of those
)
EXPECTED = {  # what was really the case: (finish, end of the text), or the error
    "koboldcpp/bad_type_non_stream": "RequestRefused",
    "koboldcpp/killed_midstream": "BrokenStream",
    "koboldcpp/stop_string": ("stop", ' "H'),
    "koboldcpp/trim_stop": ("stop", ' "H'),
    "llama-server/bad_type": "RequestRefused",
    "llama-server/context_overflow": "ContextFull",
    "llama-server/killed_midstream": "BrokenStream",
    "llama-server/midstream_error": "ContextFull",
    "llama-server/unauthorized": "RequestRefused",
    "vllm/bad_type": "RequestRefused",
    "vllm/context_overflow": "ContextFull",
    "vllm/empty_prompt": "RequestRefused",
    "vllm/empty_stop": "RequestRefused",
    "vllm/unknown_model": "RequestRefused",
    "llama-server/length": ("length", None),
    "vllm/length": ("length", None),
}


def outcome(engine, raw, request):
    with replay(answers_of(engine, raw)) as (url, _):
        server = connect_server(open_wire(url, timeout_s=5))
        stop = request.get("stop") or []
        try:
            chunks = list(server.stream("p", max_tokens=60, sampler={"stop": stop}, seed=1))
        except EngineError as error:
            return type(error).__name__
        finally:
            server.close()
        return chunks[-1].finish_reason, "".join(chunk.text for chunk in chunks), chunks[-1].usage


@pytest.mark.parametrize("path", COMPLETIONS, ids=lambda p: f"{p.parent.name}/{p.stem}")
def test_a_recorded_completion_is_what_it_really_was(path):
    engine = path.parent.name
    request = json.loads(path.with_suffix("").with_suffix(".request.json").read_text())["body"]
    got = outcome(engine, path.read_bytes(), request)
    expected = EXPECTED.get(f"{engine}/{path.stem}")
    if isinstance(expected, str):
        assert got == expected
        return
    assert not isinstance(got, str), got
    finish, text, usage = got
    asked_for_usage = engine != "vllm" or "stream_options" in request
    counted = asked_for_usage and text != ""  # an empty prompt has the usage of zeros
    assert finish in ("stop", "length") and (usage.tokens is not None) == counted
    stops = [stop for stop in request.get("stop") or [] if stop]
    assert not any(stop in text for stop in stops)
    if expected is not None:
        assert finish == expected[0]
        assert expected[1] is None or text == expected[1]


STREAMED = [path for path in COMPLETIONS if b"text/event-stream" in path.read_bytes()[:2000]]


@pytest.mark.parametrize("path", STREAMED, ids=lambda p: f"{p.parent.name}/{p.stem}")
def test_a_recorded_stream_cut_anywhere_makes_the_same_turn_in_its_dialect(path):
    request = json.loads(path.with_suffix("").with_suffix(".request.json").read_text())["body"]
    stops = [stop for stop in request.get("stop") or [] if stop]
    body = body_of(path)

    def turn(pieces):
        try:
            chunks = list(cut_at_stop(read_chunks(pieces, "url"), stops))
        except EngineError as error:
            return str(error)
        return "".join(chunk.text for chunk in chunks), chunks[-1]

    whole = turn([body])
    assert turn([bytes([byte]) for byte in body]) == whole
    small = len(body) < 4096
    cuts = range(1, len(body)) if small else random.Random(1).sample(range(len(body)), 200)
    for cut in cuts:
        assert turn([body[:cut], body[cut:]]) == whole


def test_koboldcpp_says_length_for_a_stop_and_perf_tells_the_truth():
    got = outcome("koboldcpp", recorded("koboldcpp", "trim_stop"), {"stop": ["e"]})
    assert got[0] == "stop" and (got[2].tokens, got[2].tokens_from) == (2, "perf")


@pytest.mark.parametrize("stops", [["e"], ["\n", "Mark:"], ["zzz"]])
def test_cutting_at_stops_does_not_depend_on_how_the_text_was_cut(stops):
    rng = random.Random(3)
    for path in COMPLETIONS:
        if isinstance(EXPECTED.get(f"{path.parent.name}/{path.stem}"), str):
            continue
        text = "".join(chunk.text for chunk in read_chunks([body_of(path)], "url"))
        whole = re.split("|".join(map(re.escape, stops)), text, maxsplit=1)[0]
        for _ in range(20):
            cuts = sorted(rng.sample(range(len(text) + 1), min(4, len(text))))
            pieces = [text[a:b] for a, b in zip([0, *cuts], [*cuts, len(text)], strict=True)]
            chunks = [*map(Chunk, pieces), Chunk("", "length")]
            cut = list(cut_at_stop(chunks, stops))
            assert "".join(chunk.text for chunk in cut) == whole
            assert cut[-1].finish_reason == ("length" if whole == text else "stop")


@pytest.mark.parametrize(
    ("engine", "spellings"),
    [
        ("llama-server", {"repeat_penalty", "repeat_last_n", "dry_penalty_last_n"}),
        ("koboldcpp", {"rep_pen", "rep_pen_range", "dry_penalty_last_n"}),
        ("vllm", {"repetition_penalty"}),
        ("aphrodite-engine", {"repetition_penalty", "dry_range"}),
    ],
)
def test_each_engine_gets_its_own_spelling_of_either_name(engine, spellings):
    for penalty in ("repeat_penalty", "repetition_penalty", "rep_pen"):
        for reach, dry in (("repeat_last_n", "dry_range"), ("rep_pen_range", "dry_penalty_last_n")):
            sampler = {penalty: 1.1, reach: 99, dry: 7, "top_k": -1, "brand_new": 1}
            honours = server_class(engine).honours
            sent = translate(sampler, honours)
            assert sent.parameters["top_k"] == 0 and sent.parameters["brand_new"] == 1
            assert spellings <= set(sent.parameters)
            assert "brand_new" not in sent.ignored
            own = set(sent.parameters) - {"brand_new"}
            assert honours is not None and own <= honours
            assert {"temperature", "top_p", "min_p"} <= own
    assert translate({"dry_multiplier": 0.8}, Vllm.honours).ignored == ("dry_multiplier",)


@pytest.mark.parametrize(
    ("engine", "off"),
    [("llama-server", 0), ("koboldcpp", 0), ("vllm", -1), ("aphrodite-engine", -1)],
)
def test_top_k_is_switched_off_as_each_engine_takes_it(engine, off):
    server = server_class(engine)
    for sampler in ({}, {"top_k": 0}, {"top_k": -1}):
        assert translate(sampler, server.honours, server.top_k_off).parameters["top_k"] == off
    assert translate({"top_k": 7}, server.honours, server.top_k_off).parameters["top_k"] == 7


def test_a_server_of_no_known_kind_gets_what_the_config_names_and_no_more():
    for sampler in ({"repeat_penalty": 1.1}, {"top_k": -1, "rep_pen": 1}, {}):
        assert translate(sampler, CompletionsServer.honours).parameters == sampler


@pytest.mark.parametrize(
    ("number", "slots"), [("0", [0, 1]), ("1", [2, 3]), ("2", [None, None]), ("any", [0, 1])]
)
def test_each_side_of_each_dialogue_has_a_slot_of_a_server_of_our_own_and_of_no_other(
    number, slots, monkeypatch
):
    monkeypatch.setenv("PARROT_SLOT", number)
    props = http_json({"default_generation_settings": {"n_ctx": 4096}, "total_slots": 4,
                       "build_info": "b1", "chat_template": ""})  # fmt: skip
    with replay({**LLAMA, "/props": props}) as (url, _):
        monkeypatch.setenv("PARROT_SERVERS", f"skye={url}")
        for address, expected in (("embedded:skye", slots), (url, [None, None])):
            scene = {"conversation": [{"role": "user", "content": "Hi"}], "api_url": address}
            with connect.connect(parse(json.dumps(scene), "c").config) as engines:
                bodies = [
                    one.request_body("Hi", max_tokens=5, sampler={}, seed=1)
                    for one in engines
                    if isinstance(one, CompletionsServer)
                ]
            assert [body.get("id_slot") for body in bodies] == expected


@pytest.mark.parametrize(("added", "begins"), [([1], "system"), ([], "<|im_start|>system")])
def test_a_bos_that_is_a_role_marker_too_is_stripped_only_where_the_server_adds_it(added, begins):
    written = "<|im_start|>system\nS<|im_end|>\n<|im_start|>assistant\n"
    props = {"default_generation_settings": {"n_ctx": 99}, "bos_token": "<|im_start|>",
             "chat_template": CHATML}  # fmt: skip
    served = {"/v1/models": http_json({"data": [{"id": "m"}]}), "/props": http_json(props),
              "/tokenize": http_json({"tokens": added}),
              "/apply-template": http_json({"prompt": written})}  # fmt: skip
    with replay(served) as (url, seen):
        server = connect_server(open_wire(url, timeout_s=5))
        there, here = (server.template([Message("system", "S")]) for _ in range(2))
        assert there == here == begins + "\nS<|im_end|>\n<|im_start|>assistant\n"
        assert [path for path, _ in seen].count("/apply-template") == 1
        server.close()


def several(*names):
    return http_json({"data": [{"id": name, "owned_by": "someone"} for name in names]})


def test_of_several_models_one_has_to_be_named_and_goes_with_every_request():
    props = {"default_generation_settings": {"n_ctx": 99}, "chat_template": ""}
    served = {"/v1/models": several("embed", "b/chat"), "/props": http_json(props),
              "/props?model=b%2Fchat": http_json({**props, "build_info": "router"}),
              "/tokenize": http_json({"tokens": [1]}),
              "/apply-template": http_json({"prompt": "p"})}  # fmt: skip
    scene = {"conversation": [{"role": "user", "content": "Hi"}]}
    with replay(served) as (url, seen):
        with (
            pytest.raises(RequestRefused, match=r'key "model" .*: embed, b/chat'),
            connect.connect(parse(json.dumps({**scene, "api_url": url}), "c").config),
        ):
            pass
        for named in ({"model": "b/chat"}, {"sampler": {"model": "b/chat"}}):
            del seen[:]
            config = parse(json.dumps({**scene, "api_url": url, **named}), "c").config
            with connect.connect(config) as (engine, _):
                assert (engine.info().model, engine.info().build) == ("b/chat", "router")
                engine.template(config.conversation)
                engine.count_tokens("Hi")
            assert isinstance(engine, CompletionsServer)
            body = engine.request_body("Hi", max_tokens=5, sampler={}, seed=1)
            posted = [json.loads(text) for _, text in seen if text]
            assert len(posted) >= 2
            assert {one["model"] for one in (body, *posted)} == {"b/chat"}


def test_a_model_of_the_assistants_server_is_not_asked_of_the_users():
    scene = {"conversation": [{"role": "user", "content": "Hi"}], "api_url": "http://h:1"}
    one = parse(json.dumps({**scene, "model": "m"}), "c").config
    two = parse(json.dumps({**scene, "model": "m", "user_api_url": "http://h:2"}), "c").config
    assert (one.user_model, two.user_model) == ("m", None)
