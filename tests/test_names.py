"""Names of strangers, as an unpacked archive brings them, in what the programs say: no command to
paste runs them, no terminal obeys them, and a run of any name is analysed and completed.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest

from broken_record.config.load import load
from broken_record.terminal import words_to_paste
from tests.test_parrot import ROOT

NAMES = [
    "a b", "-x", "--json", "new\nline", "tab\there", "é€😀", "a;touch PWNED", "$(touch PWNED)",
    "`touch PWNED`", "'q", "a\\'$b", "[a]*", "~", "\x1b]0;t\a\x1b[2Jred", "a%sb{made}",
    "\udcff\x7f",
]  # fmt: skip


@pytest.mark.parametrize("name", NAMES)
def test_a_name_in_a_command_to_paste_is_one_word_and_runs_nothing(name, tmp_path):
    words = words_to_paste([tmp_path / name, "--", name])
    assert words.isprintable()
    command = f"printf '%s\\0' {words}"
    said = subprocess.run(["bash", "-c", command], cwd=tmp_path, capture_output=True).stdout
    assert [os.fsdecode(word) for word in said.split(b"\0")] == [
        str(tmp_path / name), "--", name, "",
    ]  # fmt: skip
    assert list(tmp_path.iterdir()) == []


def a_run(folder):
    """A run of one dialogue that is done, whose engine was an evil one."""
    folder.mkdir()
    config = dict(load(ROOT / "config.json").values)
    run = {"version": 1, "n": 1, "base_seed": 1, "config": config, "goals": []}
    (folder / "run.json").write_text(json.dumps(run))
    lines = [
        {"type": "dialogue", "version": 1, "config": config, "seed": 1},
        {"type": "turn", "index": 3, "role": "user", "content": "Mark: Hi."},
        {"type": "end", "status": "done", "tokens": 3, "turns": 1},
    ]
    record = folder / f"{folder.name}_1.jsonl"
    record.write_text("".join(json.dumps(line) + "\n" for line in lines))


def said_by(folder, *words):
    done = subprocess.run(
        [sys.executable, *map(str, words)], cwd=folder, capture_output=True, timeout=60
    )
    return done.returncode, (done.stdout + done.stderr).decode()


def test_a_run_of_any_name_is_resumed_and_analysed_without_harm(tmp_path):
    name = "-x;touch PWNED\x1b]0;t\a\x1b[2Jred"
    a_run(tmp_path / name)
    word = words_to_paste([(tmp_path / name).relative_to(tmp_path)])
    for words, following in (
        ([ROOT, "--resume", f"./{name}"], "analyze.py"),
        ([ROOT / "analyze.py", f"./{name}"], "view.py"),
    ):
        code, said = said_by(tmp_path, *words)
        assert code == 0, said
        assert f"Next: python {following} {word}\n" in said
        assert said.replace("\n", "").isprintable()
    code, said = said_by(tmp_path, ROOT / "view.py", f"./{name}", f"./{name}/absent", "--no-show")
    assert code == 1 and said.replace("\n", "").isprintable()


def test_what_a_config_or_a_server_is_called_reaches_no_terminal_raw(tmp_path):
    evil = "\x1b[2Jname"
    config = {"api_url": "http://127.0.0.1:1", evil: 1, "sampler": {evil: 1}}
    (tmp_path / f"{evil}.json").write_text(json.dumps(config))
    for words in ([ROOT / "parrot.py"], [ROOT, "1"]):
        code, said = said_by(tmp_path, *words, f"{evil}.json")
        assert code == 2 and "x1b[2Jname" in said and "\x1b" not in said
    a_run(tmp_path / "run")
    record = tmp_path / "run" / "run_1.jsonl"
    header, turn, _ = record.read_text().splitlines()
    spoken = {"engine": f"llama-server {evil}", "model": evil}
    header = json.dumps({**json.loads(header), "assistant": spoken, "user": spoken})
    record.write_text(f"{header}\n{turn}\n")
    code, said = said_by(tmp_path, ROOT / "parrot.py", "--resume", record)
    assert code != 0 and "x1b[2Jname" in said and "\x1b" not in said
