from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections import Counter
from dataclasses import asdict, replace
from pathlib import Path

import pytest

import analyze
import view
from broken_record.analysis import tables
from broken_record.analysis.histograms import count_densities, count_lengths
from broken_record.analysis.report import (
    DialogueReport,
    Report,
    Unreadable,
    count_dialogues,
    summarize,
)
from broken_record.analysis.report_file import read_report, write_report
from broken_record.data import Dialogue, Finding, Segment, Span, Turn
from broken_record.detectors.registry import KINDS
from broken_record.errors import LogError
from broken_record.export.dataset import count_all
from broken_record.files.record import RecordWriter
from broken_record.files.text_log import render_log
from broken_record.views.page import make_page
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
    assert analyze.main([str(run), "--verbose"]) == 0
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
    first, second = (next(iter(read_report(tmp_path / name).dialogues)) for name in "ab")
    for field in ("response_lengths", "segments", "loop_score", "loop_density", "characters"):
        assert getattr(first, field) == getattr(second, field)


def test_a_record_is_preferred_to_the_log_beside_it(run):
    (run / "record.log").write_text("rubbish")
    assert analyze.main([str(run)]) == 0
    assert [*read_report(run).dialogues][-1].file == "record.jsonl"


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


@pytest.mark.parametrize("suffix", [".jsonl", ".log"])
def test_one_record_or_text_log_is_analysed_alone_and_left_as_it_is(suffix, tmp_path, capsys):
    dialogue = put_record(tmp_path / "one.jsonl", [f" {SEA}"] * 6)
    (tmp_path / "one.log").write_text(render_log(dialogue), encoding="utf-8")
    before = (tmp_path / f"one{suffix}").read_bytes()
    for _ in range(2):  # the second time over the first's folder
        assert analyze.main([str(tmp_path / f"one{suffix}")]) == 0
        [entry] = read_report(tmp_path / "one").dialogues
        assert (entry.name, entry.turns) == ("one_0001", 6) and entry.findings
    assert "=== one ===" in capsys.readouterr().out
    assert (tmp_path / f"one{suffix}").read_bytes() == before
    assert (tmp_path / "one" / f"one_0001{suffix}").read_bytes() == before


def test_one_record_is_shown_alone_and_nothing_more_is_asked_for(tmp_path, capfd):
    put_record(tmp_path / "one.jsonl", [f" {SEA}"] * 6)
    page = tmp_path / "page.html"
    assert view.main([str(tmp_path / "one.jsonl"), "-o", str(page), "--no-show"]) == 0
    assert "one_0001" in page.read_text(encoding="utf-8")
    shown = capfd.readouterr()
    assert shown.out == "" and "put into" in shown.err and "Next:" not in shown.err


def test_an_empty_folder_is_an_error(tmp_path, caplog):
    assert analyze.main([str(tmp_path)]) == 2
    assert analyze.main([str(tmp_path / "absent")]) == 2
    assert "holds no .jsonl" in caplog.text
    assert "absent: there is no such file or folder" in caplog.text


def test_the_histograms_have_the_old_borders():
    densities = count_densities(Counter([0, 0.05, 0.149999, 0.15, 0.8, 4.3]))
    labels, counts = densities.labels, densities.counts
    assert (labels[0], labels[-1], len(labels)) == ("0.00-0.05", "above 0.80", 17)
    assert counts[:4] == [1, 1, 1, 1] and counts[-1] == 2 and sum(counts) == 6
    lengths = count_lengths(Counter([0, 1, 2, 99, 100, 1999, 2000, 9000]))
    labels, counts = lengths.labels, lengths.counts
    assert (labels[0], labels[1], labels[2], labels[-1]) == (
        "0-1",
        "2-99",
        "100-199",
        "2000 and up",
    )
    assert (counts[:3], counts[-2:], sum(counts)) == ([2, 2, 1], [1, 2], 8)


def test_segments_are_shown_by_frequency_with_the_longer_ones_that_start_with_them():
    short, long, other = Segment("a b", 9), Segment("a b c", 3), Segment("x", 4)
    assert tables.group_segments([long, short, other]) == [(short, [long]), (other, [])]
    assert len(tables.group_segments([Segment(str(i), 1) for i in range(10, 50)])) == 20


def entry(name="d", **more):
    values = {
        "name": name, "file": f"{name}.jsonl", "status": "done", "turns": 2, "characters": 9,
        "tokens": 30, "tokens_until_first_loop": None,
        "loop_score": 3, "loop_density": 0.5, "loop_coverage": 0.2, "average_response_length": 4.5,
        "response_lengths": (4, 5), "segments": (Segment("a", 2),), "speakers": {},
    }  # fmt: skip
    return DialogueReport(**{**values, **more})


def finding(kind="single_turn_loop", **more):
    values = {
        "kind": kind, "speaker": "both", "level": "break", "origin_turn": 3, "onset_turn": 5,
        "detect_turn": 9, "end_turn": None, "period": 2, "copies": 4, "strength": 0.8,
        "spans": (Span(3, 6, 20), Span(5, 6, 20)), "explanation": "\x1b[2J said 4 times",
    }  # fmt: skip
    return Finding(**{**values, **more})


def test_what_is_counted_while_a_report_is_written_needs_no_second_look_at_its_file(tmp_path):
    looped = entry("b", findings=(finding(),), onset_tokens=(70,), left_out={"tool": 2})
    deaf = entry("c", not_measurable=("leading_whitespace",), file="c.log", left_out={"tool": 1})
    silent = entry("d", turns=0, status="unfinished", not_measurable=("single_turn_loop",))
    thresholds = {"single_turn_loop": {"copies": 3}, "leading_whitespace": {}}
    written = write_report(tmp_path, "r", [looped, deaf, silent], thresholds)
    read = read_report(tmp_path)
    (tmp_path / "analysis.json").unlink()
    assert read.counts is None and count_dialogues(read) == count_dialogues(written)
    kinds = summarize(written).kinds
    assert (kinds["single_turn_loop"].dialogues, kinds["single_turn_loop"].measured) == (1, 2)
    assert tables.left_out_line(written) == "left out of the chats: what tools said 3"
    assert {"of these unfinished": 1, "of these done": 2}.items() <= dict(
        count_all(Counter(), [written])
    ).items()


def test_a_written_report_reads_back(tmp_path):
    looped = entry("b", loop_density=1.5, findings=(finding(),), onset_tokens=(70,), diagnosis="w")
    deaf = entry("c", loop_density=1.0, not_measurable=("leading_whitespace",))
    thresholds = {"single_turn_loop": {"copies": 3}, "leading_whitespace": {}}
    report = Report("r", (entry("a"), looped, deaf), thresholds=thresholds)
    lost = Unreadable("e.jsonl", "torn")
    written = write_report(tmp_path, "r", [*report.dialogues, lost], thresholds)
    assert read_report(tmp_path) == replace(report, unreadable=(lost,))
    assert tuple(written.dialogues) == report.dialogues and deaf in written.dialogues
    assert summarize(report).loop_density == 1.0 and summarize(Report("r", ())).loop_density is None
    kept = json.loads((tmp_path / "analysis.json").read_text())
    assert kept["summary"] == asdict(summarize(report)) and len(kept["dialogues"]) == 3
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
        write_report(tmp_path / name, f"{name} {hostile}", [entry(hostile)])
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
    assert "absent: there is no such file or folder" in caplog.text


def test_more_than_ten_runs_are_refused_with_the_command_that_works(caplog):
    assert view.main([f"r{i}" for i in range(11)]) == 2
    assert "found 11; run: python view.py r0 r1" in caplog.text


def test_ten_runs_of_one_name_stay_apart(tmp_path):
    for i in range(10):
        (tmp_path / str(i) / "same").mkdir(parents=True)
        write_report(tmp_path / str(i) / "same", "same", [entry()])
    folders = [tmp_path / str(i) / "same" for i in range(10)]
    assert len({report.run for report in view.read_runs(folders)}) == 10
    assert make_page(view.read_runs(folders), {}, made="")


def test_a_run_without_dialogues_makes_a_page(tmp_path):
    write_report(tmp_path, "empty", [])
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


def test_a_kind_is_counted_where_it_could_be_measured():
    ended = finding(end_turn=30, onset_turn=2)
    minor = finding("empty_response", level="info")
    report = Report(
        "r",
        (
            entry("a", findings=(finding(), ended), onset_tokens=(100, 40)),
            entry("b", findings=(ended, minor), onset_tokens=(60, 3)),
            entry("c"),
            entry("d", not_measurable=("leading_whitespace", "single_turn_loop")),
        ),
        thresholds={"single_turn_loop": {}, "empty_response": {}, "leading_whitespace": {}},
    )
    kinds = summarize(report).kinds
    loops = kinds["single_turn_loop"]
    assert (loops.measured, loops.dialogues, loops.recovered) == (3, 2, 1)
    assert loops.median_onset_tokens == 50 and loops.rate == 2 / 3
    assert (loops.low or 0) < 2 / 3 < (loops.high or 0)
    assert kinds["empty_response"].dialogues == 0
    assert (loops.median_onset_turn, loops.speakers) == (2, {"both": 2})
    head, row, none = tables.kind_lines(summarize(report).kinds, 80)
    assert row.split() == "single_turn_loop 2 of 3 67% (21% - 94%) 50 tokens 1 of 2".split()
    assert len(head) <= 80 and none == "in none: empty_response, leading_whitespace"
    wide = list(tables.kind_lines(summarize(report).kinds, 120))
    assert wide[1].startswith("single_turn_loop  the same line again")


def test_findings_are_shown_worst_first_escaped_and_within_the_width():
    mild = finding("prefix_repetition", level="warn", primary=False, flipped=True, end_turn=5)
    dialogue = entry("d", findings=(mild, finding()), onset_tokens=(None, 12))
    lines = list(tables.dialogue_lines(dialogue, width=70, colour=False, verbose=True))
    assert (
        lines[2]
        == (r"  break single_turn_loop both, turn 5-end (12 tokens): \x1b[2J said 4 times")[:69]
        + "\u2026"
    )
    assert lines[3] == "        3:6-20 5:6-20"
    assert lines[4].startswith("  warn  prefix_repetition + both, turn 5:")
    assert max(map(len, lines)) <= 70 and not any("\x1b" in line for line in lines)
    coloured = list(tables.dialogue_lines(dialogue, width=70, colour=True, verbose=False))
    assert coloured[1].startswith("\x1b[31m") and coloured[1].endswith("\x1b[0m")


def test_findings_of_one_kind_and_speaker_share_a_line_but_when_all_is_asked_for():
    found = [
        finding(onset_turn=at, end_turn=at + at % 2, detect_turn=at) for at in (5, 9, 14, 20, 31)
    ]
    dialogue = entry(
        "d", findings=(*found, finding(speaker="user")), onset_tokens=(1, 2, 3, 4, 5, 6)
    )
    lines = list(tables.dialogue_lines(dialogue, width=200, colour=False, verbose=False))
    assert len(lines) == 3 and ", turn 5-6 (1 tokens), 9-10, 14, 20 and 1 times more: " in lines[1]
    whole = list(tables.dialogue_lines(dialogue, width=200, colour=False, verbose=True))
    assert sum("single_turn_loop" in line for line in whole) == 6


@pytest.mark.parametrize("width", [80, 100, 120])
def test_no_line_of_a_run_is_wider_than_the_terminal(width, tmp_path):
    findings = tuple(finding(kind, explanation="said again " * 20) for kind in KINDS)
    told = [entry(f"parrot_20261129_120000_{k}", findings=findings, tokens=99_999,
                  onset_tokens=(12_345,) * len(KINDS)) for k in range(30)]  # fmt: skip
    report = write_report(tmp_path, "r", told, {kind: {} for kind in KINDS})
    lines = list(tables.run_lines(report, width=width, colour=False, verbose=False))
    assert len(lines) > 100 and max(map(len, lines)) <= width
    assert any("the same line again" in line for line in lines) == (width >= tables.WIDE)


def test_the_worst_dialogues_come_first_and_those_that_failed_are_never_clean():
    mild = finding(level="warn")
    dialogues = [
        entry("clean"),
        entry("failed", status="error"),
        entry("warned", findings=(mild,), onset_tokens=(1,)),
        entry("broken", findings=(finding(),), onset_tokens=(1,)),
        entry("silent", status="unfinished", turns=0),
    ]
    lines = list(tables.worst_lines(dialogues, width=100, colour=False))
    heads = [line.split()[0] for line in lines if line and not line.startswith(" ")]
    assert heads == ["broken:", "warned:", "failed", "silent", "nothing"]
    assert lines[-1] == "nothing found in 1 dialogue: clean"
    assert lines[lines.index("failed (error): 2 turns, 30 tokens, loop coverage 20%") + 1] == (
        "  nothing found as far as it got"
    )


def test_of_many_dialogues_the_worst_twenty_are_shown_and_the_rest_counted():
    many = [entry(f"d{k}", findings=(finding(),), onset_tokens=(1,)) for k in range(23)]
    lines = list(tables.worst_lines([*many, *map(entry, "abcdefghi")], width=100, colour=False))
    assert sum(line.startswith("d") for line in lines) == 20
    assert "and 3 more: --verbose shows all, dialogues.csv lists them" in lines
    assert lines[-1] == "nothing found in 9 dialogues: a, b, c, d, e, f and 3 more"


def test_why_the_penalty_missed_the_loop_stands_below_the_findings_whole_and_escaped():
    why = (
        "single_turn_loop at turn 5: \x1b[2J does not honour dry_multiplier, and nothing else helps"
    )
    dialogue = entry("d", findings=(finding(),), onset_tokens=(12,), diagnosis=why)
    lines = list(tables.dialogue_lines(dialogue, width=60, colour=False, verbose=False))
    assert lines[2:] == [
        "  why the penalty missed it: single_turn_loop at turn 5:",
        r"    \x1b[2J does not honour dry_multiplier, and nothing else",
        "    helps",
    ]


GREEDY = ["Tell me about the old lighthouse keeper, please.", "He counted the waves."]


def write_record(path, lines, **config):
    header = {"type": "dialogue", "version": 1, "config": {"agent_prefix": "", **config}}
    turns = [
        {"type": "turn", "index": i, "role": ("assistant", "user")[i % 2], "content": line}
        | {"tokens": 10, "finish_reason": "stop"}
        for i, line in enumerate(lines)
    ]
    path.write_text("".join(json.dumps(line) + "\n" for line in [header, *turns]))


def test_a_named_finding_fails_the_run_with_3_and_info_does_not(tmp_path, capsys):
    write_record(tmp_path / "a.jsonl", [*GREEDY * 5, "Hm."])
    assert analyze.main([str(tmp_path)]) == 0
    assert analyze.main([str(tmp_path), "--fail-on", "refusal,single_turn_loop"]) == 3
    assert analyze.main([str(tmp_path), "--fail-on", "refusal,empty_response"]) == 0
    one = next(iter(read_report(tmp_path).dialogues))
    found = {f.kind: f for f in one.findings}
    assert found["single_turn_loop"].onset_turn == 2 and one.tokens_until_first_loop == 20
    assert found["empty_response"].level == "info"
    share = one.speakers["assistant"]["looped_token_share"]
    assert share == 5 / 6  # all behind the first; one other turn is not yet a way out


def test_only_skip_and_thresholds_choose_and_are_recorded(tmp_path, capsys, caplog):
    write_record(tmp_path / "a.jsonl", GREEDY * 4)
    own = tmp_path / "own.json"
    own.write_text('{"single_turn_loop": {"copies": 6}}')
    only = ["--only", "single_turn_loop,refusal", "--skip", "refusal"]
    assert analyze.main([str(tmp_path), *only, "--thresholds", str(own), "--json"]) == 0
    printed = json.loads(capsys.readouterr().out)
    assert list(printed["thresholds"]) == ["single_turn_loop"]
    assert printed["thresholds"]["single_turn_loop"]["copies"] == 6
    assert printed["dialogues"][0]["findings"] == []
    assert printed == json.loads((tmp_path / "analysis.json").read_text())
    own.write_text('{"single_turn_lop": {}, "refusal": {"score": "x", "scores": 1}}')
    assert analyze.main([str(tmp_path), "--thresholds", str(own)]) == 2
    assert "unknown kind single_turn_lop; did you mean single_turn_loop?" in caplog.text
    assert "unknown scores; did you mean score?" in caplog.text
    assert "refusal.score: expected a whole number, found 'x'" in caplog.text
    assert analyze.main([str(tmp_path), "--only", "wordsoup"]) == 2
    assert analyze.main([str(tmp_path), "--skip", "refusal", "--fail-on", "refusal"]) == 2


def test_what_a_text_log_cannot_tell_is_not_measurable_and_never_clean(run):
    assert analyze.main([str(run)]) == 0
    report = read_report(run)
    plain, record = [*report.dialogues][1:]
    assert plain.not_measurable == ("leading_whitespace",)
    assert record.not_measurable == ()  # without finish_reason too: other turns end properly
    kinds = summarize(report).kinds
    assert kinds["leading_whitespace"].measured == 1


def test_a_dialogue_without_a_turn_is_no_clean_one(tmp_path, capsys, caplog):
    opening = [{"role": "assistant", "content": "Skye: There you are."}]
    writer = RecordWriter(tmp_path / "a.jsonl")
    writer.header(Dialogue({"conversation": opening}, (), "error"))
    writer.end("error", tokens=0, turns=0, error="nobody answers")
    writer.close()
    put_record(tmp_path / "b.jsonl", [SEA, "No."])
    assert analyze.main([str(tmp_path)]) == 0
    out = capsys.readouterr().out
    assert "a (error): 0 turns, 0 tokens\n\nnothing found in 1 dialogue: b\n" in out
    assert "1 failed, which count as far as they got" in out
    assert "2 dialogues, 1 without a turn: average response length 52.0 characters" in out
    report = read_report(tmp_path)
    assert next(iter(report.dialogues)).not_measurable == tuple(report.thresholds or ())
    assert len(json.loads((tmp_path / "response_length_vs_loop_density.json").read_text())) == 1
    assert view.main([str(tmp_path), "--no-show", "-o", str(tmp_path / "r.html")]) == 0
    assert "dialogues without a turn, left out: 1" in caplog.text
    (tmp_path / "b.jsonl").unlink()
    assert analyze.main([str(tmp_path)]) == 0
    assert "\n1 dialogue, 1 without a turn\n" in capsys.readouterr().out
    assert view.main([str(tmp_path), "--no-show", "-o", str(tmp_path / "r.html")]) == 0


HOSTILE = {
    "one_character": ["a" * 1_000_000, "Hm?"],
    "empty_turns": [""] * 10_000,
    "equal_turns": ["I would like to see the harbour again some day."] * 10_000,
    "nul_and_surrogates": ["a\x00b \ud800 said", "\udfff"] * 20,
    "one_word_each": ["yes", "no"] * 2_000,
    "dashes_behind_a_refusal": ["Go on.", "I'm sorry, I can't continue. " + "-" * 40],
    "a_compound_behind_a_refusal": ["Go on.", "I'm sorry, I can't continue " + "a-" * 4_000],
    "quotes_that_stay_open": [
        *["\u201c" * 100_000, "Go on."] * 8,
        *["I can't continue.", "Go."] * 8,
    ],
    "dots_without_end": ["Go on.", "velvet ladder oxide " * 30 + "." * 200_000 + "x"],
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_dialogues_are_examined_and_the_others_too(name, tmp_path):
    write_record(tmp_path / "hostile.jsonl", HOSTILE[name])
    write_record(tmp_path / "plain.jsonl", GREEDY * 4)
    assert analyze.main([str(tmp_path)]) == 0
    hostile, plain = read_report(tmp_path).dialogues
    assert hostile.turns == len(HOSTILE[name])
    assert [f.kind for f in plain.findings] == ["single_turn_loop"]
    expected = {
        "one_character": {"intra_turn_repetition", "empty_response"},  # "Hm?" is minimal
        "empty_turns": {"empty_response"},
        "equal_turns": {"single_turn_loop"},
        "one_word_each": {"single_turn_loop", "empty_response"},
        "dashes_behind_a_refusal": {"refusal"},  # a divider
    }
    if name in expected:
        assert {f.kind for f in hostile.findings} == expected[name]


def test_a_fibonacci_string_is_examined(tmp_path):
    a, b = "low tide", "high tide"
    while len(b) < 200_000:
        a, b = b, f"{b} {a}"
    write_record(tmp_path / "fibonacci.jsonl", ["Say it.", b])
    assert analyze.main([str(tmp_path)]) == 0
    assert next(iter(read_report(tmp_path).dialogues)).findings[0].kind == "intra_turn_repetition"


def test_files_that_are_no_dialogue_are_named_and_the_others_reported(tmp_path, caplog):
    (tmp_path / "empty.log").write_bytes(b"")
    (tmp_path / "empty.jsonl").write_bytes(b"")
    (tmp_path / "noise.log").write_bytes(bytes(range(256)) * 4)
    (tmp_path / "nul.jsonl").write_bytes(b"\0" * 500)
    write_record(tmp_path / "good.jsonl", GREEDY)
    with (tmp_path / "good.jsonl").open("a") as file:
        file.write('{"type": "turn", "ind')
    assert analyze.main([str(tmp_path)]) == 1
    report = read_report(tmp_path)
    assert [d.name for d in report.dialogues] == ["good"]
    assert [u.file for u in report.unreadable] == ["empty.jsonl", "noise.log", "nul.jsonl"]


@pytest.mark.parametrize(("environment", "coloured"), [({}, True), ({"NO_COLOR": "1"}, False)])
def test_a_terminal_gets_colours_unless_it_wants_none(environment, coloured, run):
    reader, terminal = os.openpty()
    bare = {name: value for name, value in os.environ.items() if name != "NO_COLOR"}
    with open(terminal, "wb") as out:  # noqa: PTH123
        subprocess.run([sys.executable, "analyze.py", str(run)], cwd=ROOT, stdout=out, check=True,
                       stderr=subprocess.DEVNULL, env={**bare, **environment})  # fmt: skip
        shown = os.read(reader, 65_536)
    os.close(reader)
    assert b"single_turn_loop" in shown and (b"\x1b[3" in shown) == coloured


def test_a_page_may_load_bokeh_from_its_cdn_and_from_nowhere_else(run, tmp_path):
    assert analyze.main([str(run)]) == 0
    page = tmp_path / "cdn.html"
    assert view.main([str(run), "--cdn", "--no-show", "-o", str(page)]) == 0
    text = page.read_text()
    assert len(text) < 2_000_000 and re.search(r'<script[^>]*src="https://cdn\.bokeh\.org/', text)
    [policy] = re.findall(r'http-equiv="Content-Security-Policy" content="([^"]*)"', text)
    assert set(re.findall(r"https?://[^\s;]*", policy)) == {"https://cdn.bokeh.org"}
