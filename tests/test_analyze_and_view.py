from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import analyze
import view
from broken_record.errors import LogError
from broken_record.records import Dialogue, Segment, Turn
from broken_record.report import DialogueReport, Report, read_report, summarize, write_report
from broken_record.runlog import RecordWriter
from broken_record.textlog import render_log
from tests.replay import DATA

ROOT = Path(__file__).parents[1]
SEA = '*smiles* "I love the sea, I really do love the sea."'


def put_record(path, replies, *, finished=True):
    turns = tuple(
        Turn(i, ("assistant", "user")[i % 2], ("Skye:", "Mark:")[i % 2] + text, 5)
        for i, text in enumerate(replies)
    )
    config = {"conversation": [], "agent_prefix": "Skye:", "user_prefix": "Mark:"}
    dialogue = Dialogue(config, turns, "done")
    writer = RecordWriter(path)
    writer.header(dialogue)
    for turn in turns:
        writer.turn(turn)
    if finished:
        writer.end("done", tokens=5 * len(turns), turns=len(turns))
    writer.close()
    return dialogue


@pytest.fixture
def run(tmp_path):
    folder = tmp_path / "run"
    shutil.copytree(DATA / "old_logs", folder)
    (folder / "cut_short.log").unlink()
    put_record(folder / "record.jsonl", [f" {SEA}", " yes", f" {SEA}", " no", ""], finished=False)
    return folder


def test_old_logs_and_records_stand_in_one_report(run, capsys):
    assert analyze.main([str(run)]) == 0
    report = read_report(run)
    assert [d.name for d in report.dialogues] == ["no_prefix_key", "plain", "record"]
    spaces, plain, record = report.dialogues
    assert plain.response_lengths == (52, 52, 0, 13)
    assert plain.segments == (Segment(SEA, 2),)
    assert (plain.loop_score, plain.characters, plain.loop_density) == (104, 117, 104 / 117)
    assert plain.average_response_length == 117 / 4
    assert spaces.response_lengths == (len("two  spaces  here  in  this  line"),)
    assert (record.status, record.turns, record.segments) == ("unfinished", 5, plain.segments)
    # SEA stands again from its first word to its last: all but the asterisk before and ." behind
    assert record.speakers["assistant"]["loop_coverage"] == (52 - 3) / (2 * 52 + 2)
    assert record.speakers["user"]["turns"] == 2
    printed = capsys.readouterr().out
    assert "record (unfinished)" in printed and f"    2 x {SEA}" in printed
    pairs = json.loads((run / "response_length_vs_loop_density.json").read_text())
    assert pairs == [[d.average_response_length, d.loop_density] for d in report.dialogues]


def test_the_numbers_of_a_record_are_those_of_its_text_log(tmp_path):
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    replies = [f" {SEA}", " a\r\nSkye: b", f"  {SEA}\nmore", " ok", " \x85 x\u2028y"] * 3
    dialogue = put_record(tmp_path / "a" / "x.jsonl", replies)
    (tmp_path / "b" / "x.log").write_text(render_log(dialogue), encoding="utf-8", newline="")
    for name in "ab":
        assert analyze.main([str(tmp_path / name)]) == 0
    first, second = (read_report(tmp_path / name).dialogues[0] for name in "ab")
    for field in ("response_lengths", "segments", "loop_score", "loop_density", "characters"):
        assert getattr(first, field) == getattr(second, field)


def test_a_record_is_preferred_to_the_log_beside_it(run):
    (run / "record.log").write_text("rubbish")
    assert analyze.main([str(run)]) == 0
    assert read_report(run).dialogues[-1].file == "record.jsonl"


def test_a_file_that_cannot_be_read_is_named_and_the_others_are_reported(run, caplog, capsys):
    shutil.copy(DATA / "old_logs" / "cut_short.log", run)
    (run / "binary.log").write_bytes(bytes(range(256)))
    (run / "void.jsonl").write_bytes(b"")
    assert analyze.main([str(run)]) == 1
    report = read_report(run)
    assert [entry.file for entry in report.unreadable] == [
        "binary.log",
        "cut_short.log",
        "void.jsonl",
    ]
    assert len(report.dialogues) == 3
    assert "cut_short.log: holds a dialogue that did not finish" in caplog.text
    assert "binary.log: is not UTF-8 text" in caplog.text and "void.jsonl: no line" in caplog.text
    assert "cut_short" not in capsys.readouterr().out


def test_an_empty_folder_is_an_error(tmp_path, caplog):
    assert analyze.main([str(tmp_path)]) == 2
    assert analyze.main([str(tmp_path / "absent")]) == 2
    assert "holds no .jsonl" in caplog.text and "is not a folder" in caplog.text


def test_the_histograms_have_the_old_borders():
    labels, counts = analyze.density_histogram([0, 0.05, 0.149999, 0.15, 0.8, 4.3])
    assert (labels[0], labels[-1], len(labels)) == ("0.00-0.05", "above 0.80", 17)
    assert counts[:4] == [1, 1, 1, 1] and counts[-1] == 2 and sum(counts) == 6
    labels, counts = analyze.length_histogram([0, 1, 2, 99, 100, 1999, 2000, 9000])
    assert (labels[0], labels[1], labels[2], labels[-1]) == (
        "0-1",
        "2-99",
        "100-199",
        "2000 and up",
    )
    assert (counts[:3], counts[-2:], sum(counts)) == ([2, 2, 1], [1, 2], 8)


def test_segments_are_shown_by_frequency_with_the_longer_ones_that_start_with_them():
    short, long, other = Segment("a b", 9), Segment("a b c", 3), Segment("x", 4)
    assert analyze.group_segments([long, short, other]) == [(short, [long]), (other, [])]
    assert len(analyze.group_segments([Segment(str(i), 1) for i in range(10, 50)])) == 20


def entry(name="d", **more):
    values = {
        "name": name, "file": f"{name}.jsonl", "status": "done", "turns": 2, "characters": 9,
        "loop_score": 3, "loop_density": 0.5, "loop_coverage": 0.2, "average_response_length": 4.5,
        "response_lengths": (4, 5), "segments": (Segment("a", 2),), "speakers": {},
    }  # fmt: skip
    return DialogueReport(**{**values, **more})


def test_a_written_report_reads_back(tmp_path):
    report = Report("r", (entry("a"), entry("b", loop_density=1.5)))
    write_report(report, tmp_path)
    assert read_report(tmp_path) == report
    assert (
        summarize(report)["loop_density"] == 1.0
        and summarize(Report("r", ()))["loop_density"] is None
    )
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "analysis.json",
        "response_length_vs_loop_density.json",
    ]


@pytest.mark.parametrize(
    "text", ["", "[]", "{}", '{"version": 1, "dialogues": [{}]}', '{"version": 9}']
)
def test_a_report_that_cannot_be_read_says_so(text, tmp_path):
    (tmp_path / "analysis.json").write_text(text)
    with pytest.raises(LogError, match=r"analysis\.json"):
        read_report(tmp_path)


def test_a_page_is_one_file_that_asks_for_nothing(tmp_path):
    hostile = "<script>alert(1)</script>"
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        write_report(Report(f"{name} {hostile}", (entry(hostile),)), tmp_path / name)
    page = tmp_path / "deep" / "page.html"
    arguments = [str(tmp_path / "one"), str(tmp_path / "two"), "-o", str(page), "--no-show"]
    assert view.main(arguments) == 0
    text = page.read_text(encoding="utf-8")
    assert hostile not in text and "Broken Record Parrot" in text
    markup = re.sub(r"<script\b.*?</script>", "", text, flags=re.DOTALL)
    assert "<link" not in markup and "src=" not in markup
    assert not re.search(r"<script[^>]*\bsrc=", text.partition("<body>")[0])


def test_a_run_that_is_not_analysed_names_the_command(tmp_path, caplog):
    assert view.main([str(tmp_path), str(tmp_path / "absent"), "--no-show"]) == 1
    assert f"{tmp_path}: not analysed yet; run: python analyze.py {tmp_path}" in caplog.text
    assert "there is no such run folder" in caplog.text


def test_more_than_ten_runs_are_refused_with_the_command_that_works(caplog):
    assert view.main([f"r{i}" for i in range(11)]) == 2
    assert "found 11; run: python view.py r0 r1" in caplog.text


def test_ten_runs_of_one_name_stay_apart(tmp_path):
    for i in range(10):
        (tmp_path / str(i) / "same").mkdir(parents=True)
        write_report(Report("same", (entry(),)), tmp_path / str(i) / "same")
    folders = [tmp_path / str(i) / "same" for i in range(10)]
    assert len({report.run for report in view.read_runs(folders)}) == 10
    assert view.make_page(view.read_runs(folders))


def test_a_run_without_dialogues_makes_a_page(tmp_path):
    write_report(Report("empty", ()), tmp_path)
    assert view.main([str(tmp_path), "-o", str(tmp_path / "p.html"), "--no-show"]) == 0


def test_the_tables_go_to_stdout_and_the_rest_to_stderr(run):
    done = subprocess.run(
        [sys.executable, "analyze.py", str(run)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.startswith("=== run ===") and done.stderr == f"Next: python view.py {run}\n"
