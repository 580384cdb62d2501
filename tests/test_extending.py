"""docs/extending.md: its detector and its engine, put into a copy of parrot, do what it says."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.replay import http_json, replay

ROOT = Path(__file__).parents[1]
PAGE = (ROOT / "docs" / "extending.md").read_text(encoding="utf-8")
FILES = re.findall(r"`(broken_record/\S+/\w+\.py)`:\n\n```python\n(.*?)```", PAGE, re.DOTALL)
CONNECT = """
import sys
from broken_record.engines.connect import connect_server
from broken_record.engines.wire import open_wire
wire = open_wire(sys.argv[1], timeout_s=5)
server = connect_server(wire)
assert type(server) is type(connect_server(wire, "sglang"))
body = server.request_body("Hi", max_tokens=5, sampler={"dry_base": 2}, seed=1)
print(server.info().engine, server.info().build, server.info().n_ctx, body["top_k"])
print(*server.ignored({"dry_base": 2, "ebnf": ""}))
"""


@pytest.fixture(scope="module")
def changed(tmp_path_factory):
    """A copy of parrot with every change of the page."""
    folder = tmp_path_factory.mktemp("extended")
    shutil.copytree(ROOT / "broken_record", folder / "broken_record")
    for name in ("analyze.py", "view.py", "pyproject.toml"):
        shutil.copy(ROOT / name, folder)
    for name, text in FILES:
        assert not (folder / name).exists()
        (folder / name).write_text(text, encoding="utf-8")
    for diff in re.findall(r"```diff\n(.*?)```", PAGE, re.DOTALL):
        done = subprocess.run(["git", "apply", "-"], input=diff, text=True, cwd=folder)
        assert done.returncode == 0, f"renew this diff of docs/extending.md:\n{diff}"
    return folder


def run(folder, *arguments):
    command = [sys.executable, *map(str, arguments)]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=60)


def test_the_pages_files_pass_the_tools_and_their_own_examples(changed):
    names = [name for name, _ in FILES]
    assert len(names) == 2
    for tool in (["ruff", "check"], ["ruff", "format", "--check"], ["mypy", "--strict"]):
        done = run(changed, "-m", *tool, *names)
        assert done.returncode == 0, done.stdout
    done = run(changed, "-m", "doctest", names[0])
    assert done.returncode == 0 and not done.stdout, done.stdout


def test_the_pages_detector_finds_what_it_describes_and_has_a_threshold_and_a_page(changed):
    block = re.search(r"```sh\n(# not run: needs the changes.*?)```", PAGE, re.DOTALL)
    assert block
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    done = subprocess.run(["bash", "-ec", block[1]], cwd=changed, capture_output=True, text=True,
                          env={**os.environ, "PATH": path}, timeout=120)  # fmt: skip
    assert done.returncode == 0, done.stderr
    found = 'warn  shouting user, turn 0-end (0 tokens): 3 turns in capitals, "IT IS ME."'
    assert found in done.stdout
    assert "timeline-0" in (changed / "results.html").read_text()
    (changed / "wide.json").write_text(json.dumps({"shouting": {"in_a_row": 4}}))
    done = run(changed, "analyze.py", "loud", "--only", "shouting", "--thresholds", "wide.json")
    assert "nothing found" in done.stdout


def test_the_pages_engine_is_known_by_its_owner_and_gets_what_it_takes(changed):
    models = {"data": [{"id": "m", "owned_by": "sglang", "max_model_len": 4096}]}
    answers = {"/v1/models": models, "/get_server_info": {"version": "0.5.1"}}
    with replay({path: http_json(value) for path, value in answers.items()}) as (url, _):
        done = run(changed, "-c", CONNECT, url)
    assert done.stdout.splitlines() == ["sglang 0.5.1 4096 -1", "dry_base"], done.stderr
