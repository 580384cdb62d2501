"""Files that strangers made, and two processes on one: the others are done, and nothing is lost."""

from __future__ import annotations

import csv
import json
import os
import shutil
import subprocess
import sys
from typing import Any

import pytest

from analyze import main as analyze
from broken_record.analysis.report_file import read_report
from broken_record.analysis.row_files import harmless
from broken_record.batch.launch import main as launch
from broken_record.config.load import load, parse
from broken_record.detectors.thresholds import change_thresholds, load_thresholds
from broken_record.errors import ConfigError, LogError
from broken_record.files.record import lock
from broken_record.files.run_folder import fill_folder, hold, read_run
from tests.test_parrot import ROOT, SCENE, parrot

HEADER = {"type": "dialogue", "version": 1, "config": {"conversation": [], "agent_prefix": "A:"}}


def record_of(*contents, config=None, **more):
    """A record's text; `more` goes into every turn."""
    lines = [{**HEADER, "config": HEADER["config"] if config is None else config}]
    lines += [
        {"type": "turn", "index": index, "role": ("assistant", "user")[index % 2],
         "content": content, **more}
        for index, content in enumerate(contents)
    ]  # fmt: skip
    return "".join(json.dumps(line) + "\n" for line in [*lines, {"type": "end", "status": "done"}])


GOOD = record_of("A: Where is the key?", "In the box.", "A: Which box?")
DEEP = "[" * 100_000
LOG = "--- DONE ---\nFull Config:\n{}\n\n=== user @ 0 ===\nHi.\n\n--- 1 tokens, 1 turns ---\n"
BAD_FILES = {
    "index.jsonl": GOOD.replace('"index": 2', '"index": 100000000000'),
    "doubled.jsonl": GOOD.replace('"index": 2', '"index": 0'),
    "deep.jsonl": GOOD.replace('"A: Which box?"', DEEP),
    "digits.jsonl": GOOD.replace('"index": 2', '"index": ' + "7" * 5000),
    "roles.jsonl": record_of("A: Hi.", config={"conversation": [{"role": 1, "content": "x"}]}),
    "deep.log": LOG.replace("{}", '{"a": ' + DEEP),
    "digits.log": LOG.replace("{}", '{"a": ' + "7" * 5000 + "}"),
    "nothing.log": "",
}
GOOD_FILES = {
    "good.jsonl": GOOD,
    "null.jsonl": record_of("A: Hi.", config={"conversation": None, "agent_prefix": "A:"}),
    "infinite.jsonl": record_of("A: Hi.", "Hey.").replace("}", ', "prompt_s": 1e400}'),
    "bom.jsonl": "\ufeff" + GOOD,
    "counters.log": LOG.replace("user @ 0", "user @ " + "7" * 5000),
    "bom.log": "\ufeff" + LOG,
}


def test_one_bad_file_is_named_and_the_others_are_analysed(tmp_path, capsys):
    for name, text in {**BAD_FILES, **GOOD_FILES}.items():
        stem, ending = name.split(".")
        (tmp_path / f"{stem}_{ending}.{ending}").write_text(text, encoding="utf-8")
    os.mkfifo(tmp_path / "pipe.jsonl")
    os.mkfifo(tmp_path / "pipe_too.log")
    (tmp_path / "folder.jsonl").mkdir()
    (tmp_path / "bytes.jsonl").write_bytes(GOOD.encode() + b"\xff\xfe\n{}\n")
    (tmp_path / "nowhere.jsonl").symlink_to(tmp_path / "gone")
    assert analyze([str(tmp_path)]) == 1
    said = capsys.readouterr()
    report = read_report(tmp_path)
    unread = {entry.file for entry in report.unreadable}
    others = {"pipe.jsonl", "pipe_too.log", "folder.jsonl", "bytes.jsonl", "nowhere.jsonl"}
    assert len(unread) == len(BAD_FILES) + len(others) and others < unread
    assert {entry.file.rpartition("_")[0] for entry in report.dialogues} == {
        name.partition(".")[0] for name in GOOD_FILES
    }
    assert "Traceback" not in said.err
    for line in (tmp_path / "analysis.json").read_text().splitlines():
        assert "Infinity" not in line and "NaN" not in line


def test_a_record_that_cannot_be_read_is_named_and_the_others_are_gone_on_with(tmp_path):
    config = parse(json.dumps({**SCENE, "api_url": "http://127.0.0.1:1", "retry_for_s": 0}), "c")
    fill_folder(tmp_path, 3, 7, config, "c.json", [])
    first, second, third = (tmp_path / f"{tmp_path.name}_{i}.jsonl" for i in (1, 2, 3))
    first.write_text(BAD_FILES["index.jsonl"])
    os.mkfifo(second)
    third.write_text(GOOD)
    log = first.with_suffix(".log")
    log.write_text("what it said")
    done = launch(["--resume", str(tmp_path)])
    assert done == 1 and log.read_text() == "what it said" and third.read_text() == GOOD


def test_a_run_is_one_batch_s_alone(tmp_path):
    fill_folder(tmp_path, 1, 7, parse(json.dumps(SCENE), "c"), "c.json", [])
    with (
        (tmp_path / "run.json").open() as file,
        pytest.raises(LogError, match="another batch is at work in it"),
    ):
        lock(file)
        with hold([tmp_path]):
            pass
    with hold([tmp_path]):
        pass


def test_two_analyses_of_one_run_both_succeed(tmp_path):
    for k in range(8):
        (tmp_path / f"{k}.jsonl").write_text(GOOD)
    command = [sys.executable, str(ROOT / "analyze.py"), str(tmp_path), "--verbose"]
    both = [subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
            for _ in range(2)]  # fmt: skip
    said = [process.communicate() for process in both]
    assert [process.returncode for process in both] == [0, 0], said
    assert len(read_report(tmp_path).dialogues) == 8
    assert not [path for path in tmp_path.iterdir() if path.suffix == ".tmp"]


@pytest.mark.parametrize(
    ("run", "words"),
    [
        ('{"n": 1e400, "base_seed": 1, "config": {}}', "n is no whole number"),
        ('{"n": 2.5, "base_seed": 1, "config": {}}', "n is no whole number"),
        ('{"n": 1000000000, "base_seed": 1, "config": {}}', "from 1 to 1,000,000"),
        ('{"n": 1, "base_seed": -1, "config": {}}', "base_seed is no whole number"),
        ('{"n": 1, "base_seed": 1, "config": {}, "goals": [["../x", "p"]]}', "cannot be the id"),
        ('{"n": 1, "base_seed": 1, "config": {}, "goals": 3}', "run.json cannot be read"),
        (DEEP, "nested too deeply"),
    ],
)
def test_a_run_json_that_is_none_is_named(run, words, tmp_path, capsys):
    (tmp_path / "run.json").write_text(run)
    with pytest.raises(LogError, match=words):
        read_run(tmp_path)
    assert launch(["--resume", str(tmp_path)]) == 1
    assert "Traceback" not in capsys.readouterr().err


@pytest.mark.parametrize("listed", [DEEP, "null", "5", '"a text"', "{", "\udcff"])
@pytest.mark.parametrize("key", ["personas", "objectives"])
def test_a_list_that_is_none_is_named(key, listed, tmp_path):
    (tmp_path / "list.json").write_bytes(listed.encode(errors="surrogateescape"))
    config = {"mode": "goal", "personas": ["a"], "objectives": ["b"], key: "list.json"}
    (tmp_path / "c.json").write_text(json.dumps(config))
    with pytest.raises(ConfigError, match=r"list\.json"):
        load(tmp_path / "c.json")


@pytest.mark.parametrize("path", ["a\0b", "a\ud800b", "/dev/null/x"])
def test_a_path_that_no_file_can_have_is_named(path, tmp_path):
    for name in ("personas", "objectives", "card"):
        config = {"mode": "goal", "personas": ["a"], "objectives": ["b"], name: path}
        with pytest.raises(ConfigError, match=name):
            parse(json.dumps(config), "c.json", (), tmp_path)


@pytest.mark.parametrize("number", ["1e400", "-1e400", "1" + "0" * 400, "NaN"])
def test_numbers_that_no_server_can_be_sent_are_refused_by_name(number):
    for key in ("total_tokens", "sampler.temperature", "sampler.top_k", "timeout_s", "max_turns"):
        with pytest.raises(ConfigError, match=key):
            parse(json.dumps(SCENE), "c.json", [f"{key}={number}"])
    with pytest.raises(ConfigError, match=r"c\.json: .*(too large|NaN|total_tokens)"):
        parse(f'{{"total_tokens": {number}}}', "c.json")


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ('{"empty_response": {"in_a_row": 0}}', "empty_response.in_a_row: expected a number above"),
        ('{"empty_response": {"several": 0}}', "several: expected a number above 0"),
        ('{"intra_turn_repetition": {"copies": 0}}', "copies: expected a number above 0"),
        (
            '{"leading_whitespace": {"shortest_trend": 0}}',
            "shortest_trend: expected a number above",
        ),
        ('{"word_soup": {"looping": NaN}}', "looping: expected a number up to"),
        ('{"word_soup": {"looping": Infinity}}', "looping: expected a number up to"),
        ('{"word_soup": {"runaways": 1' + "0" * 400 + "}}", "runaways: expected a number up to"),
        ('{"semantic_repetition": {"over_turns": 0}}', "over_turns: expected a number above 0"),
        ('{"single_turn_loop": {"near": 1.5}}', "near: expected a share, found 1.5"),
        (DEEP, "not JSON"),
    ],
)
def test_thresholds_that_are_none_are_named(given, words, tmp_path):
    (tmp_path / "t.json").write_text(given)
    with pytest.raises(ConfigError, match=words):
        load_thresholds(tmp_path / "t.json")


def test_nothing_else_of_the_thresholds_is_refused_for_being_zero():
    assert change_thresholds({"semantic_repetition": {"questions": 0}}, "t")


def test_a_spreadsheet_finds_no_formula_in_a_comparison(tmp_path):
    sweep: dict[str, Any] = {
        "version": 1, "n": 1, "base_seed": 1, "axes": {"=sum": ["=1+1", "@x", -1]},
        "runs": [{"name": name, "settings": {"=sum": value}}
                 for name, value in (("=1+1", "=1+1"), ("@x", "@x"), ("-1", -1))],
    }  # fmt: skip
    (tmp_path / "sweep.json").write_text(json.dumps(sweep))
    for run in sweep["runs"]:
        (tmp_path / run["name"]).mkdir()
        (tmp_path / run["name"] / "a_1.jsonl").write_text(GOOD)
    assert analyze([str(tmp_path)]) == 0
    with (tmp_path / "comparison.csv").open(encoding="utf-8", newline="") as file:
        head, *rows = csv.reader(file)
    assert head[1] == "'=sum"
    assert {(row[0], row[1]) for row in rows} == {("'=1+1", "'=1+1"), ("'@x", "'@x"), ("'-1", "-1")}
    assert harmless("-1") == "'-1"


def test_a_closed_stdout_is_named(tmp_path):
    shutil.copy(ROOT / "config.json", tmp_path)
    for script in (["parrot.py", "--print-config"], ["analyze.py", "."], ["view.py", "."]):
        command = f'exec "{sys.executable}" "{ROOT / script[0]}" {" ".join(script[1:])} >&-'
        done = subprocess.run(["sh", "-c", command], capture_output=True, cwd=tmp_path)
        assert done.returncode == 2 and b"stdout is closed" in done.stderr
        assert b"Traceback" not in done.stderr


def test_a_slot_that_is_no_number_is_named(tmp_path):
    done = parrot(ROOT / "config.json", env={**os.environ, "PARROT_SLOT": "abc"})
    assert done.returncode == 2
    assert b"PARROT_SLOT: expected a whole number or any, found abc" in done.stderr
