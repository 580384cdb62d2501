"""The first design, run on the embedded engine with few tokens; the patch against its source."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from broken_record.config.load import load
from broken_record.errors import TemplateRefused
from tests.replay import LLAMA, http_json, replay, reply
from v0.generate import BEGIN, END, README, generate, main
from v0.page import make_page
from v0.turns import (
    COLUMNS,
    MODES,
    Generation,
    Markers,
    Said,
    cut_turns,
    figures,
    find_markers,
    render_probe,
)

ROOT = Path(__file__).parents[1]
TEXT = README.read_text(encoding="utf-8")
MARKERS = Markers("<A>", "<U>", "<E>", "<S>")


def run(mode, *settings):
    shown: list[str] = []
    config = load(ROOT / "config.json", ["total_tokens=150", *settings]).config
    return generate(config, mode, 1, shown.append), "".join(shown)


def test_respected_the_end_token_ends_it_after_one_turn():
    generation, shown = run("respect")
    assert [said.role for said in generation.turns] == ["assistant"]
    assert shown.startswith("Skye:") and shown.endswith("<|end|>\n") and generation.tokens < 150


def test_banned_the_end_token_is_never_written():
    generation, shown = run("ban")
    assert generation.tokens == 150 and "<|end|>" not in shown


def test_ignored_the_model_goes_on_and_opens_turns_of_both_itself():
    generation, shown = run("ignore")
    roles = [said.role for said in generation.turns]
    assert generation.tokens == 150 and roles[:3] == ["assistant", "user", "assistant"]
    assert shown.count("<|end|>\n") >= len(roles) - 1


def test_the_tokens_of_the_turns_and_the_markers_are_all_tokens():
    generation, shown = run("ignore")
    markers = len(re.findall(r"<\|\w+\|>", shown))
    assert sum(len(said.tokens) for said in generation.turns) + markers == generation.tokens
    assert all("".join(said.tokens) == said.text for said in generation.turns)


@pytest.mark.parametrize(
    ("text", "turns"),
    [
        ("Hi", [("assistant", "Hi")]),
        ("Hi<E>", [("assistant", "Hi")]),
        ("Hi<E><U>", [("assistant", "Hi")]),  # cut off before it said a word
        ("Hi<U>Hey<U>You", [("assistant", "Hi"), ("user", "Hey"), ("user", "You")]),
        ("Hi<E>\n<A>Hi", [("assistant", "Hi"), ("assistant", "Hi")]),
        ("Hi<E>and<E><E><U>x", [("assistant", "Hi"), ("nobody", "and"), ("user", "x")]),
        ("<E><U><E>", [("assistant", ""), ("user", "")]),
        ("Hi<E><S>New<E>", [("assistant", "Hi"), ("system", "New")]),
    ],
)
def test_turns_are_cut_at_the_markers(text, turns):
    assert [(said.role, said.text) for said in cut_turns(text, MARKERS)] == turns


def chatml(messages):
    said = "".join(f"<|im_start|>{m.role}\n{m.content}<|im_end|>\n" for m in messages)
    return said + "<|im_start|>assistant\n"


def mistral(messages):
    if messages[0].role == "system":
        raise TemplateRefused("no system role")
    return "".join(
        f"[INST] {m.content} [/INST]" if m.role == "user" else f" {m.content}</s>" for m in messages
    )


@pytest.mark.parametrize(
    ("template", "eos", "markers"),
    [
        (chatml, "<|im_end|>",
         Markers("<|im_start|>assistant", "<|im_start|>user", "<|im_end|>", "<|im_start|>system")),
        (chatml, "<|endoftext|>",
         Markers("<|im_start|>assistant", "<|im_start|>user", "<|im_end|>", "<|im_start|>system")),
        (mistral, "</s>", Markers("[/INST]", "[INST]", "</s>", "[INST]")),
    ],
)  # fmt: skip
def test_the_markers_are_read_off_a_rendered_conversation(template, eos, markers):
    special = re.compile(r"<\|\w+\|>|\[/?INST\]|</s>|\w+|\s")
    assert find_markers(render_probe(template), special.findall, eos) == markers


def test_a_template_that_leaves_out_what_is_said_is_refused():
    with pytest.raises(TemplateRefused, match="leaves out or repeats"):
        find_markers(["<S>", "<A>", "<U>", "<A>"], tuple, None)


def test_a_template_that_names_no_speaker_is_refused():
    with pytest.raises(TemplateRefused, match="tell the speakers apart"):
        find_markers(
            render_probe(lambda messages: "\n".join(m.content for m in messages)), tuple, None
        )


def test_an_end_token_that_a_server_does_not_show_is_put_behind_what_was_said():
    asked = []

    def render(body):
        messages = json.loads(body)["messages"]
        said = "".join(f"<{m['role'][0].upper()}>{m['content']}<E>" for m in messages)
        return http_json({"prompt": said + "<A>"})

    def tokenize(body):
        found = re.findall(r"<\w>|\w+|\W", json.loads(body)["content"])
        return http_json({"tokens": [{"id": 1, "piece": piece} for piece in found]})

    def complete(body):
        asked.append(json.loads(body))
        return reply("Hi.", tokens=60)

    answers = {"/apply-template": render, "/tokenize": tokenize, "/v1/completions": complete}
    with replay({**LLAMA, **answers}) as (url, _):
        generation, shown = run("ignore", f'api_url="{url}"')
    assert [body["prompt"][len(asked[0]["prompt"]) :] for body in asked] == [
        "", "Hi.<E>", "Hi.<E>Hi.<E>"
    ]  # fmt: skip
    assert [body["max_tokens"] for body in asked] == [150, 90, 30]
    assert [said.role for said in generation.turns] == ["assistant", "nobody", "nobody"]
    assert shown == "Hi.Hi.Hi." and "stop" not in asked[0] and asked[0]["ignore_eos"] is False


def test_figures_count_by_hand():
    turns = (
        Said("assistant", "a b", ("a", " b")), Said("user", "c", ("c",)),
        Said("user", "d e f", ("d", " e", " f")), Said("nobody", "g", ("g",)),
    )  # fmt: skip
    generation = Generation("ignore", turns, 1200, "skye")
    assert dict(zip(COLUMNS, figures([generation, generation]), strict=True)) == {
        "assistant's turns": "2", "user's": "4", "system's": "0", "nobody's": "2",
        "same speaker again": "2", "median tokens": "1.5", "longest turn": "3",
        "tokens in all": "2,400",
    }  # fmt: skip


def test_a_page_is_one_offline_file_that_a_text_cannot_break():
    evil = "</script><script>alert(1)</script>\x1b[2J"
    page = make_page([Generation("ban", (Said("user", evil, (evil, "\x1b")),), 9, evil)], evil)
    assert evil not in page and "<script>alert" not in page and "\x1b" not in page
    assert "&lt;script&gt;alert(1)&lt;/script&gt;\\x1b[2J" in page
    tags = re.sub(r"(?s)(<script[^>]*>).*?</script>", r"\1", page)
    assert "default-src 'none'" in tags and "//" not in tags  # nothing to load from anywhere


def test_main_shows_the_text_and_its_figures_and_writes_the_page(tmp_path, capsys):
    page = tmp_path / "v0.html"
    asked = ["--mode", "ignore", "--set", "total_tokens=60", "-o", str(page)]
    assert main([str(ROOT / "config.json"), *asked]) == 0
    out = capsys.readouterr().out
    assert out.startswith("=== ignore: ") and "\n<|user|>Mark:" in out
    assert re.search(r"^tokens in all +60$", out, re.MULTILINE)
    assert "60 tokens</p>" in page.read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("setting", "code", "said"),
    [
        ('api_url="http://127.0.0.1:9"', 1, "no answer"),
        ("total_token=9", 2, 'did you mean "total_tokens"'),
    ],
)
def test_what_goes_wrong_is_said_in_a_line(setting, code, said):
    done = subprocess.run(
        [sys.executable, "-m", "v0.generate", "--set", setting, "--set", "retry_for_s=0"],
        cwd=ROOT, capture_output=True, text=True, timeout=60,
    )  # fmt: skip
    assert done.returncode == code and said in done.stderr and "Traceback" not in done.stderr


def test_the_readme_has_a_row_for_each_model_and_mode():
    table = TEXT.partition(BEGIN)[2].partition(END)[0]
    rows = [line.strip("| ").split(" | ") for line in table.splitlines() if line.startswith("| ")]
    assert rows[0] == ["model", "mode", *COLUMNS]
    assert [row[:2] for row in rows[2:]] == [[m, mode] for m in ("skye", "mark") for mode in MODES]


def test_the_scripts_pass_shellcheck():
    shellcheck = Path(sys.executable).with_name("shellcheck")
    subprocess.run([shellcheck, "v0/build.sh", "v0/run.sh"], cwd=ROOT, check=True)


def test_run_sh_says_what_to_build_first():
    done = subprocess.run(
        ["bash", "v0/run.sh", "broken_record/tiny/skye.gguf"],
        cwd=ROOT, env={**os.environ, "SERVER": "/nonexistent"}, capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 2 and "v0/build.sh" in done.stderr


@pytest.mark.slow
def test_the_patch_applies_to_the_source_that_the_readme_and_build_sh_name(tmp_path):
    [version] = re.findall(r"\*\*llama-cpp-python ([\d.]+)\*\*", TEXT)
    build = (ROOT / "v0" / "build.sh").read_text(encoding="utf-8")
    assert f"\nversion={version}\n" in build
    wanted = ["--no-deps", "--no-binary", "llama-cpp-python", f"llama-cpp-python=={version}"]
    pip = [sys.executable, "-m", "pip", "download", "--dest", str(tmp_path), *wanted]
    subprocess.run(pip, check=True)
    name = f"llama_cpp_python-{version}"
    subprocess.run(["tar", "-xzf", f"{name}.tar.gz"], cwd=tmp_path, check=True)
    source = tmp_path / name / "vendor" / "llama.cpp"
    patch = ROOT / "v0" / "fix-ignore-eos.patch"
    outside = {**os.environ, "GIT_CEILING_DIRECTORIES": str(source.parent.resolve())}
    for more in (["--check"], []):
        command = ["git", "apply", *more, str(patch)]
        subprocess.run(command, cwd=source, env=outside, check=True)
    server = (source / "tools" / "server" / "server-context.cpp").read_text(encoding="utf-8")
    assert "&& !slot.task->params.sampling.ignore_eos" in server
