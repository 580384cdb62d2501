"""Chat templates and tokenizers of strangers: a prompt or one sentence, in time."""

from __future__ import annotations

import json
import shutil
import signal
import threading

import pytest

from broken_record.config.checks import MODELS_FOLDER
from broken_record.data import Message
from broken_record.engines.llama_server import template_here
from broken_record.engines.sandbox import chat_environment, in_time
from broken_record.engines.tokenizer_template import load_tokenizer_template
from broken_record.errors import TemplateRefused

FOLDER = MODELS_FOLDER / "tokenizer"
FOREVER = (
    "{% for i in range(99999) %}{% for j in range(99999) %}{% endfor %}{% endfor %}",
    "{{ (9**99999999)|string|length }}",
)


@pytest.mark.parametrize("template", FOREVER)
def test_a_template_that_computes_for_ever_is_ended(template):
    from jinja2.sandbox import ImmutableSandboxedEnvironment

    with pytest.raises(TemplateRefused, match=r"more than 0\.2 s"), in_time(0.2):
        ImmutableSandboxedEnvironment().from_string(template).render()
    assert signal.getitimer(signal.ITIMER_REAL) == (0.0, 0.0)
    assert signal.getsignal(signal.SIGALRM) == signal.SIG_DFL


def test_beside_the_main_thread_a_template_takes_its_time():
    done: list[int] = []

    def render():
        with in_time(0.001):
            done.append(sum(range(10**6)))

    thread = threading.Thread(target=render)
    thread.start()
    thread.join()
    assert done == [499999500000]


@pytest.mark.parametrize(
    "template",
    ["{{ 'a' * 10**10 }}", "{{ 10**10 * [1] }}", "{{ 9**99999999 }}", "{{ (9**99999) ** 99999 }}",
     "{{ ''.__class__.__mro__ }}", "{{ cycler.__init__.__globals__ }}", "{% import 'os' as os %}",
     "{{ ('{0.__globals__[os].environ}'|attr('format'))(lipsum) }}",
     "{{ raise_exception.__globals__ }}", "{{ " + "(" * 5000 + "1" + ")" * 5000 + " }}",
     "{% if 1 %}" * 500 + "{% endif %}" * 500],
)  # fmt: skip
def test_what_leaves_the_sandbox_or_fills_the_memory_is_not_rendered_here(template):
    plain = [{"role": "user", "content": "hi"}]
    assert template_here({"chat_template": template}, plain, "the server's prompt") is None


def test_what_templates_are_written_with_works():
    template = "{% for m in messages %}{{ '-' * 3 }}{{ m.content }}{{ 2 ** 3 * 2 }}{% endfor %}"
    assert chat_environment().from_string(template).render(messages=[{"content": "a"}]) == "---a16"


@pytest.fixture
def copied(tmp_path):
    return shutil.copytree(FOLDER, tmp_path / "tokenizer")


def change(folder, file, **more):
    value = json.loads((folder / file).read_text())
    (folder / file).write_text(json.dumps({**value, **more}))


def test_no_code_of_a_repository_is_run_and_nobody_is_asked(copied, monkeypatch):
    (copied / "evil.py").write_text("raise SystemExit('run')\nclass Evil: pass\n")
    auto = {"AutoTokenizer": ["evil.Evil", None]}
    change(copied, "tokenizer_config.json", tokenizer_class="Evil", auto_map=auto)
    monkeypatch.setattr("builtins.input", lambda *_: pytest.fail("asked"))
    try:
        load_tokenizer_template(str(copied))  # by its files alone
    except TemplateRefused as error:
        assert "cannot be loaded" in str(error)


@pytest.mark.parametrize(
    ("file", "more"),
    [("tokenizer.json", {"model": {"type": "Unheard-of"}}), ("tokenizer.json", {"model": 5}),
     ("tokenizer.json", {"pre_tokenizer": {"type": "Newer"}}),
     ("tokenizer.json", {"added_tokens": [{"id": "x"}]}),
     ("tokenizer_config.json", {"tokenizer_class": 5})],
)  # fmt: skip
def test_a_damaged_tokenizer_is_one_sentence(copied, file, more):
    change(copied, file, **more)
    with pytest.raises(TemplateRefused, match="cannot be loaded"):
        load_tokenizer_template(str(copied))


def test_a_tokenizers_template_that_is_too_much_is_refused(copied):
    (copied / "chat_template.jinja").unlink(missing_ok=True)
    change(copied, "tokenizer_config.json", chat_template="{{ raise_exception('no') }}")
    with pytest.raises(TemplateRefused, match="refuses"):
        load_tokenizer_template(str(copied)).render([Message("user", "hi")])
