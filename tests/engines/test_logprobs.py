"""How sure a model was, as its server tells it: asked for, read in either form, recorded."""

from __future__ import annotations

import json
from math import exp, log

import pytest

from broken_record.data import Usage
from broken_record.engines.logprobs import Confidence, entropy
from broken_record.files.record import parse_record
from tests.replay import LLAMA, http_json, replay, sse
from tests.test_parrot import parrot, put_config

NEW = {"content": [
    {"token": " a", "logprob": -0.5, "top_logprobs": [{"logprob": -0.5}, {"logprob": -1.5}]},
    {"token": "b", "logprob": -2.0, "top_logprobs": []},
]}  # fmt: skip
OLD = {
    "tokens": [" a", "b"], "text_offset": [0, 2], "token_logprobs": [-0.5, -2.0],
    "top_logprobs": [{" a": -0.5, " x": -1.5}, None],
}  # fmt: skip
REST = 1 - exp(-0.5) - exp(-1.5)
ENTROPY = 0.5 * exp(-0.5) + 1.5 * exp(-1.5) - REST * log(REST)


@pytest.mark.parametrize("told", [NEW, OLD], ids=["an object a token", "a list a field"])
def test_both_forms_say_the_same(told):
    confidence = Confidence()
    confidence.take(told)
    usage = confidence.put(Usage())
    assert (usage.logprob_mean, usage.logprob_min) == (-1.25, -2.0)
    assert usage.entropy_mean == pytest.approx(ENTROPY, abs=1e-4)


@pytest.mark.parametrize(
    "told",
    [
        None, [], "x", {}, {"content": None}, {"content": [None, 3, {}]}, {"content": {}},
        {"token_logprobs": [None, "x", True, -9999.0, float("-inf"), 0.5]},
        {"token_logprobs": 3, "top_logprobs": 3},
    ],
)  # fmt: skip
def test_what_says_nothing_is_not_measured(told):
    confidence = Confidence()
    confidence.take(told)
    assert confidence.put(Usage()) == Usage()


def test_a_sure_model_has_no_entropy_and_two_equal_words_have_one_bit():
    assert entropy([0.0]) == 0
    assert entropy([log(0.5), log(0.5)]) == pytest.approx(log(2))


def said(logprobs):
    """A stream of one reply in two chunks, and how it is asked for."""
    return sse(
        {"choices": [{"index": 0, "text": " a", "finish_reason": None, "logprobs": logprobs}]},
        {"choices": [{"index": 0, "text": "", "finish_reason": "stop", "logprobs": None}],
         "usage": {"completion_tokens": 2, "prompt_tokens": 9}},
    )  # fmt: skip


def held(answers, tmp_path, **config):
    """(the dialogue, the body of its first request, the paths asked)."""
    record = tmp_path / "a.jsonl"
    with replay(answers) as (url, seen):
        done = parrot(put_config(tmp_path, url, total_tokens=3, **config), "--record", record)
    assert done.returncode == 0, done.stderr
    bodies = [json.loads(body) for path, body in seen if path == "/v1/completions"]
    return parse_record(record.read_text().split("\n")), bodies[0], [path for path, _ in seen]


def test_they_are_asked_for_and_recorded_with_the_turn(tmp_path):
    answers = {**LLAMA, "/v1/completions": said(NEW)}
    dialogue, body, _ = held(answers, tmp_path, logprobs=True)
    assert body["logprobs"] == 5
    [turn, *_] = dialogue.turns
    assert (turn.logprob_mean, turn.logprob_min) == (-1.25, -2.0)
    assert turn.entropy_mean == pytest.approx(ENTROPY, abs=1e-4)


def test_nobody_is_asked_who_was_not_to_be_and_the_record_is_as_it_was(tmp_path):
    dialogue, body, _ = held({**LLAMA, "/v1/completions": said(None)}, tmp_path)
    assert "logprobs" not in body
    assert "logprob" not in (tmp_path / "a.jsonl").read_text().splitlines()[1]
    assert dialogue.turns[0].logprob_mean is None


@pytest.mark.parametrize("answer", [http_json({"logprobs": NEW}), http_json({"logprobs": None})])
def test_koboldcpp_is_asked_behind_the_reply(answer, tmp_path):
    answers = {
        **LLAMA,
        "/v1/completions": said(None),
        "/api/extra/version": http_json({"result": "KoboldCpp", "version": "1.111"}),
        "/api/extra/true_max_context_length": http_json({"value": 4096}),
        "/api/extra/tokencount": http_json({"value": 2, "ids": [1, 2]}),
        "/api/extra/last_logprobs": answer,
    }
    dialogue, body, paths = held(answers, tmp_path, logprobs=True, engine="koboldcpp",
                                 tokenizer="broken_record/tiny/tokenizer")  # fmt: skip
    assert body["logprobs"] is True and "/api/extra/last_logprobs" in paths
    assert dialogue.turns[0].logprob_mean == (-1.25 if b"content" in answer else None)
