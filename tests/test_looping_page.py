"""docs/looping.md: every kind stands in it, with what its record and analyze.py say."""

from __future__ import annotations

import json
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import analyze
from benchmarks.looping_examples import PLANTED, REAL, arguments_for
from broken_record.config.load import load
from broken_record.detectors.registry import KINDS

ROOT = Path(__file__).parents[1]
PAGE = (ROOT / "docs" / "looping.md").read_text(encoding="utf-8")
RECORDS = ROOT / "docs" / "looping"
SECTIONS = dict(re.findall(r"^## (\w+)\n(.*?)(?=^## |\Z)", PAGE, re.MULTILINE | re.DOTALL))


def example(kind):
    """The lines of an example, without their indentation."""
    block = re.search(f"<!-- {kind}: begin -->\n(.*?)<!-- {kind}: end -->", PAGE, re.DOTALL)
    return [line.removeprefix("    ") for line in block[1].splitlines()] if block else []


def contents(kind):
    """Message index -> what was said, in the record of an example."""
    lines = map(json.loads, (RECORDS / f"{kind}.jsonl").read_text().splitlines())
    return {line["index"]: line["content"] for line in lines if line["type"] == "turn"}


def test_every_kind_has_its_section_and_says_whether_its_example_is_planted():
    assert set(KINDS) == {name for name in SECTIONS if name.islower()}, "a section in the page"
    assert set(KINDS) == {*REAL, *PLANTED}, "name it in benchmarks/looping_examples.py"
    for kind in KINDS:
        assert ("Planted:" in SECTIONS[kind]) == (kind in PLANTED), kind
        assert "*Where it comes from.*" in SECTIONS[kind] and "*What helps.*" in SECTIONS[kind]


@pytest.fixture(scope="module")
def printed(tmp_path_factory):
    """What analyze.py prints of the records."""
    folder = tmp_path_factory.mktemp("looping") / "records"
    shutil.copytree(RECORDS, folder, ignore=shutil.ignore_patterns("*.json"))
    command = [sys.executable, "analyze.py", str(folder)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize("kind", KINDS)
def test_an_example_is_found_and_printed_as_the_page_has_it(kind, printed):
    of_record = re.search(rf"^{kind}: .*?\n\n", printed, re.MULTILINE | re.DOTALL)
    assert of_record
    found = [line[2:] for line in of_record[0].splitlines() if re.match(rf"  \w+ +{kind} ", line)]
    lines = example(kind)
    assert found and lines[lines.index(found[0]) :] == found


@pytest.mark.parametrize("kind", KINDS)
def test_the_turns_of_an_example_are_those_of_its_record(kind):
    said = contents(kind)
    shown = [re.fullmatch(r" *(\d+)  (.*)", line) for line in example(kind)]
    turns = [(int(match[1]), match[2]) for match in shown if match]
    assert turns
    for index, text in turns:
        for piece in text.split(" [...] "):
            assert piece in said[index].replace("\n", "\\n").rstrip()


@pytest.mark.parametrize("kind", REAL)
def test_the_command_above_an_example_is_the_one_that_made_its_record(kind):
    seed, settings, _ = REAL[kind]
    assert example(kind)[0] == f"`python {shlex.join(arguments_for(kind))}`"
    header = json.loads((RECORDS / f"{kind}.jsonl").read_text().split("\n")[0])
    loaded = load(ROOT / "config.json", ["reproducible=true", *settings])
    values = json.loads(json.dumps(loaded.values))
    assert {key: values[key] for key in header["config"]} == header["config"]
    assert header["seed"] == seed


def test_the_answer_tells_replies_that_run_to_the_limit_from_word_soup(tmp_path, capsys):
    shutil.copy(ROOT / "docs" / "looping" / "word_soup.jsonl", tmp_path)
    assert analyze.main([str(tmp_path)]) == 0
    assert "runs to the limit (word_soup, 1)" in capsys.readouterr().out
