"""A koboldcpp's chat template, and the BOS that it says it counts."""

from __future__ import annotations

import pytest

from broken_record.conversation.prompts import render
from broken_record.engines.connect import connect_server
from broken_record.engines.wire import open_wire
from broken_record.errors import TemplateRefused
from tests.engines.test_exchanges import served_by
from tests.golden import GOLDENS, SAID
from tests.replay import http_json, replay, sse

BY_NAME = {golden.name: golden for golden in GOLDENS}


def koboldcpp(template=None, read=2):
    """The recorded 1.111, for which "Hi" has two tokens with the BOS, with another template; a
    generation reads `read`.
    """
    usage = {"completion_tokens": 1, "prompt_tokens": read}
    finish = {"choices": [{"index": 0, "text": " a", "finish_reason": "length"}]}
    answers = served_by("koboldcpp-1.111", sse(finish, {"choices": [], "usage": usage}))
    if template is not None:
        answers = {**answers, "/props": http_json({"chat_template": template})}
    return answers


def prompt_of(answers):
    with replay(answers) as (url, _):
        server = connect_server(open_wire(url, timeout_s=5))
        info = server.info()
        assert info.engine == "koboldcpp" and info.template == "server" and info.template_sha256
        return render(server.template, SAID) + "Skye:"


def test_the_template_that_a_koboldcpp_tells_is_rendered_here():
    assert prompt_of(koboldcpp(read=1)) == BY_NAME["SmolLM2"].assistant
    assert prompt_of(koboldcpp(BY_NAME["Llama 3"].template)) == BY_NAME["Llama 3"].assistant


@pytest.mark.parametrize(
    ("name", "read", "token"), [("Zephyr", 2, "eos_token"), ("Llama 3", 1, "bos_token")]
)
def test_a_template_that_writes_a_token_that_nobody_told_is_refused(name, read, token):
    with pytest.raises(TemplateRefused, match=f"writes {token}.*the key .tokenizer."):
        prompt_of(koboldcpp(BY_NAME[name].template, read))


def test_a_koboldcpp_without_a_template_needs_a_tokenizer():
    answers = {**koboldcpp(), "/props": http_json({"detail": "Not Found"}, "404 Not Found")}
    with replay(answers) as (url, _):
        server = connect_server(open_wire(url, timeout_s=5))
        assert server.info().template is None
        with pytest.raises(TemplateRefused, match="no chat template to ask for"):
            server.template(SAID)


@pytest.mark.parametrize(("read", "adds"), [(2, True), (1, False), (None, True)])
def test_whether_a_bos_is_added_is_what_a_generation_reads(read, adds):
    with replay(koboldcpp(read=read)) as (url, _):
        assert connect_server(open_wire(url, timeout_s=5)).adds_bos() is adds
