from __future__ import annotations

import csv
import shutil
from pathlib import Path

import pytest

import analyze
from broken_record import read_run
from broken_record.analysis.report import DialogueReport, Unreadable
from broken_record.analysis.row_files import harmless, with_tables
from broken_record.analysis.rows import DIALOGUE_COLUMNS, FINDING_COLUMNS
from broken_record.errors import LogError
from tests.test_analyze_and_view import entry, finding

ROOT = Path(__file__).parents[2]


def table(path):
    """The cells, as whoever knows RFC 4180 reads them."""
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.reader(file, strict=True))


def test_the_tables_hold_the_rows_of_the_library(tmp_path):
    run = tmp_path / "run"
    run.mkdir()
    for path in ROOT.glob("docs/looping/*.jsonl"):
        shutil.copy(path, run)
    assert analyze.main([str(run)]) == 0
    rows = read_run(run)
    for name, own in (("dialogues.csv", rows.dialogues()), ("findings.csv", rows.findings())):
        written = [*own]
        head, *cells = table(run / name)
        assert len(cells) == len(written) >= 10 and head == [*written[0]]
        said = [["" if v is None else v for v in row.values()] for row in written]
        assert cells == [
            [harmless(v) if isinstance(v, str) else str(v) for v in row] for row in said
        ]
        assert (run / name).read_bytes().count(b"\r\n") == len(cells) + 1


def test_what_a_spreadsheet_would_run_is_text():
    for text in ("=1+1", "+1", "-1", "@SUM(A1)", "\tx", "\rx"):
        assert harmless(text).startswith("'") and harmless(f"a{text}").startswith("a")
    assert harmless("") == "" and harmless("it's -1") == "it's -1"


def test_hostile_names_and_words_stay_in_their_cells(tmp_path):
    words = '=cmd|"/c calc"!A1,\r\n\x1b[2J\x00\ud800\u2028'
    looped = entry("-a", findings=(finding(explanation=words),), onset_tokens=(7,))
    assert [*with_tables(tmp_path, "@run", iter([looped]))] == [looped]
    head, cells = table(tmp_path / "findings.csv")
    row = dict(zip(head, cells, strict=True))
    assert (row["run"], row["dialogue"], row["onset_tokens"]) == ("'@run", "'-a", "7")
    assert row["explanation"] == '\'=cmd|"/c calc"!A1,\\r\n\\x1b[2J\\x00\\ud800\u2028'
    assert row["end_turn"] == ""


def test_the_entries_pass_one_by_one_and_the_tables_are_there_at_the_end(tmp_path):
    entries = [entry(str(i)) for i in range(3)]
    passed = with_tables(tmp_path, "run", iter(entries))
    for one in entries:
        assert next(passed) is one
        assert not [*tmp_path.glob("*.csv")]
    assert next(passed, None) is None
    assert len(table(tmp_path / "dialogues.csv")) == 4
    assert table(tmp_path / "findings.csv") == [[*FINDING_COLUMNS]]


def test_an_unreadable_file_passes_and_has_no_row(tmp_path):
    lost = Unreadable("a.jsonl", "torn")
    assert [*with_tables(tmp_path, "run", iter([lost]))] == [lost]
    assert table(tmp_path / "dialogues.csv") == [[*DIALOGUE_COLUMNS]]


def test_an_analysis_that_breaks_off_leaves_the_tables_as_they_were(tmp_path):
    (tmp_path / "dialogues.csv").write_text("old")

    def entries():
        yield entry()
        raise LogError("a process was killed")

    with pytest.raises(LogError, match="was killed"):
        [*with_tables(tmp_path, "run", entries())]
    assert [path.name for path in tmp_path.iterdir()] == ["dialogues.csv"]
    assert (tmp_path / "dialogues.csv").read_text() == "old"


@pytest.mark.parametrize("name", ["dialogues.csv", "findings.csv"])
def test_a_table_that_cannot_be_written_is_named(tmp_path, name):
    (tmp_path / name).mkdir()
    with pytest.raises(LogError, match=f"{name}: cannot be written"):
        [*with_tables(tmp_path, "run", iter([entry()]))]
    assert [path.name for path in tmp_path.glob("*.tmp")] == []


def test_a_goal_dialogue_has_its_counters_in_columns_and_others_leave_them_empty(tmp_path):
    counted = {"assistant": {"empty": 2}, "user": {"no_prompt": 1}}
    goal = entry("a", counters=counted, objective="dice", left_out={"tool": 2, "narrator": 1})
    assert isinstance(goal, DialogueReport)
    [*_] = with_tables(tmp_path, "run", iter([goal, entry("b")]))
    head, first, second = table(tmp_path / "dialogues.csv")
    goal_row, other = (dict(zip(head, cells, strict=True)) for cells in (first, second))
    assert goal_row["assistant_empty_count"] == "2" and goal_row["user_no_prompt_count"] == "1"
    assert (goal_row["objective"], goal_row["left_out_messages"]) == ("dice", "3")
    assert other["assistant_empty_count"] == "" == other["objective"]
