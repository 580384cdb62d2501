"""Prompts of public chat templates (tests/golden.py), equal to what was worked by hand, whichever
of the three ways they are rendered.
"""

from __future__ import annotations

import json

import jinja2
import pytest

from broken_record.conversation.prompts import render, reply_gap, user_view
from broken_record.engines.llama_server import LlamaServer
from broken_record.engines.tokenizer_template import load_tokenizer_template
from broken_record.engines.wire import open_wire
from broken_record.tiny.tokenizer import FOLDER
from tests.golden import GOLDENS, PAGE, SAID, renewed, table
from tests.replay import http_json, replay

SEEN_BY_USER = user_view(SAID[:3], "Be Mark.", 9)


def refuse(words):
    raise jinja2.TemplateError(words)


def server_of(golden, written=None):
    """A llama-server that renders a template; its /props tell another one, if `written`."""
    environment = jinja2.Environment(trim_blocks=True, lstrip_blocks=True, autoescape=False)
    environment.globals["raise_exception"] = refuse
    template = environment.from_string(golden.template)

    def apply_template(body):
        asked = json.loads(body)
        try:
            prompt = template.render(
                messages=asked["messages"], add_generation_prompt=True, bos_token=golden.bos,
                eos_token=golden.eos, **asked["chat_template_kwargs"],
            )  # fmt: skip
        except jinja2.TemplateError as error:
            said = {"error": {"code": 500, "message": str(error), "type": "server_error"}}
            return http_json(said, "500 Internal Server Error")
        return http_json({"prompt": prompt})

    return {
        "/v1/models": http_json({"data": [{"id": "m", "owned_by": "llamacpp"}]}),
        "/props": http_json({
            "default_generation_settings": {"n_ctx": 4096},
            "chat_template": written or golden.template,
            "bos_token": golden.bos, "eos_token": golden.eos,
        }),
        "/tokenize": http_json({"tokens": [1] if golden.adds_bos else []}),
        "/apply-template": apply_template,
    }  # fmt: skip


def connected(url):
    server = LlamaServer.recognise(open_wire(url, timeout_s=5))
    assert server is not None
    return server


def prompts_of(template):
    """(the assistant's prompt, the user's) with the beginnings of their replies."""
    gap = reply_gap(template)
    return render(template, SAID) + f"{gap}Skye:", render(template, SEEN_BY_USER) + f"{gap}Mark:"


by_name = pytest.mark.parametrize("golden", GOLDENS, ids=[golden.name for golden in GOLDENS])


@by_name
def test_a_tokenizers_template_gives_the_golden_prompts(golden, tmp_path):
    settings = json.loads((FOLDER / "tokenizer_config.json").read_text(encoding="utf-8"))
    settings.update(chat_template=golden.template, bos_token=golden.bos, eos_token=golden.eos)
    (tmp_path / "tokenizer_config.json").write_text(json.dumps(settings), encoding="utf-8")
    (tmp_path / "tokenizer.json").write_bytes((FOLDER / "tokenizer.json").read_bytes())
    loaded = load_tokenizer_template(str(tmp_path), adds_bos=golden.adds_bos)
    assert prompts_of(loaded.render) == (golden.assistant, golden.user)


@by_name
def test_a_server_that_renders_gives_the_golden_prompts(golden):
    with replay(server_of(golden, written="of another time")) as (url, seen):
        assert prompts_of(connected(url).template) == (golden.assistant, golden.user)
        assert sum(path == "/apply-template" for path, _ in seen) >= 2


@by_name
def test_a_servers_template_rendered_here_gives_the_golden_prompts(golden):
    with replay(server_of(golden)) as (url, seen):
        server = connected(url)
        render(server.template, SAID)  # by the server, and from now on here
        asked = len(seen)
        assert prompts_of(server.template) == (golden.assistant, golden.user)
        assert server.render_here is not None and len(seen) == asked


def test_the_prompts_in_the_document_are_those_of_the_table():
    page = PAGE.read_text(encoding="utf-8")
    assert table() in page and renewed(page) == page
