"""One reader of what lies on disk: what is no text, no JSON object, or of a newer version."""

from __future__ import annotations

import json

import pytest

from broken_record.analysis.report_file import read_report
from broken_record.batch.launch import main as launch
from broken_record.comparison.report import read_comparison
from broken_record.errors import LogError
from broken_record.files.run_folder import read_run
from broken_record.files.sweep_folder import read_sweep
from broken_record.files.whole import read_text

READERS = {
    "run.json": read_run,
    "sweep.json": read_sweep,
    "analysis.json": read_report,
    "comparison.json": read_comparison,
}


@pytest.mark.parametrize("file", READERS)
@pytest.mark.parametrize(
    ("text", "why"),
    [
        ('{"version": 99}', "version 99 is newer than this program reads"),
        ('{"version": "two"}', "version two is newer than this program reads"),
        ("[1]", "it holds no JSON object"),
        ("{", "Expecting property name"),
        ("\xe9", "can't decode byte 0xe9"),
    ],
)
def test_a_file_that_cannot_be_read_is_named_with_the_reason(file, text, why, tmp_path):
    (tmp_path / file).write_bytes(text.encode("latin-1"))
    with pytest.raises(LogError) as raised:
        READERS[file](tmp_path)
    assert file in str(raised.value) and str(tmp_path) in str(raised.value)
    assert why in str(raised.value)


def test_a_run_of_a_newer_version_is_not_resumed(tmp_path, capsys):
    run = {"version": 99, "n": 1, "base_seed": 7, "config": {"conversation": []}}
    (tmp_path / "run.json").write_text(json.dumps(run))
    assert launch(["--resume", str(tmp_path)]) == 1
    assert "version 99 is newer than this program reads" in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == ["run.json"]


def test_a_text_ends_its_lines_alike_unless_they_are_to_be_kept(tmp_path):
    file = tmp_path / "x.log"
    file.write_bytes(b"a\r\nb\rc\n")
    assert read_text(file) == "a\nb\nc\n"
    assert read_text(file, newline="") == "a\r\nb\rc\n"


def test_a_text_that_cannot_be_read_says_why(tmp_path):
    with pytest.raises(LogError, match=r"gone\.log: cannot be read: No such file or directory"):
        read_text(tmp_path / "gone.log")
    (tmp_path / "x.log").write_bytes(b"\xff")
    with pytest.raises(LogError, match=r"^the log: is not UTF-8 text$"):
        read_text(tmp_path / "x.log", "the log")
