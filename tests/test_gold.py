"""Sheets for readers, and their answers joined to the marked dialogues (benchmarks/gold.py)."""

import json
from pathlib import Path
from typing import Any

import pytest

from benchmarks import gold
from benchmarks.truth_on_real_text import Marked, make_dialogue
from broken_record.files.record import read_record

LOOPING = Path("docs/looping")
RECORDS = [LOOPING / f"{name}.jsonl" for name in ("empty_response", "multi_turn_loop", "word_soup")]
MORE = [LOOPING / f"{name}.jsonl" for name in ("prefix_repetition", "single_turn_loop")]
MARK = {"kind": "single_turn_loop", "speaker": "both", "onset": 9, "end": None, "sure": True}


def write_answers(folder: Path, name: str, findings: dict[str, list[dict[str, Any]]]) -> None:
    lines = [json.dumps({"id": one, "findings": marks}) for one, marks in findings.items()]
    (folder / name).write_text("\n".join(lines) + "\n", encoding="utf-8")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with sheet A, and with marks and texts that are empty yet under real/."""
    (tmp_path / "real").mkdir()
    for name in ("gold.jsonl", "gold.texts.jsonl"):
        (tmp_path / "real" / name).touch()
    gold.write_sheet(tmp_path, "A", RECORDS)
    return tmp_path


def read_back(folder: Path) -> list[Marked]:
    """What stands under real/, as it is scored."""
    texts = (folder / "real" / "gold.texts.jsonl").read_text(encoding="utf-8").splitlines()
    rows = (folder / "real" / "gold.jsonl").read_text(encoding="utf-8").splitlines()
    return [
        Marked(
            row["source"], row["line"], make_dialogue(texts[row["line"]], row["messages"]),
            tuple(map(tuple, row["readers"])), row["verdicts"],
        )
        for row in map(json.loads, rows)
    ]  # fmt: skip


def test_a_sheet_shows_every_message_under_its_index_and_nothing_of_the_setting(
    folder: Path,
) -> None:
    sheet = (folder / "sheet_A.txt").read_text(encoding="utf-8")
    key = json.loads((folder / "key.json").read_text(encoding="utf-8"))
    assert sorted(key.values()) == [str(path.resolve()) for path in RECORDS]
    for identity, path in key.items():
        own = sheet.partition(f"=== {identity} ===\n")[2].partition("=== d")[0]
        for message in read_record(Path(path)).messages:
            shown = message.content.replace("\n", "\n    ")
            letter = gold.SPEAKERS[message.role]
            assert any(f"[{message.index}] {letter}{given}: {shown}" in own
                       for given in ("", " (given)"))  # fmt: skip
        assert Path(path).stem not in sheet
        assert "temperature" not in sheet


def test_a_second_sheet_takes_the_dialogues_that_no_sheet_has_and_counts_on(folder: Path) -> None:
    gold.write_sheet(folder, "B", [*RECORDS, *MORE])
    sheet = (folder / "sheet_B.txt").read_text(encoding="utf-8")
    assert [line for line in sheet.splitlines() if line.startswith("===")] == [
        "=== d004 ===",
        "=== d005 ===",
    ]


def test_marks_of_both_readers_are_read_back_as_they_were_written(folder: Path) -> None:
    answers: dict[str, list[dict[str, Any]]] = {"d001": [MARK], "d002": [], "d003": []}
    write_answers(folder, "A_1.jsonl", answers)
    write_answers(folder, "A_2.jsonl", answers)
    joined, notes = gold.join(folder, "A")
    assert not notes
    assert gold.put_behind(joined, folder / "real") == 3
    key = json.loads((folder / "key.json").read_text(encoding="utf-8"))
    said = [turn.content for turn in read_record(Path(key["d001"])).turns]
    looping = [one for one in read_back(folder) if one.is_there("single_turn_loop")]
    assert [[turn.content for turn in one.dialogue.turns] for one in looping] == [said]


def test_a_verdict_settles_what_readers_differ_on_and_joins_without_a_second_copy(
    folder: Path,
) -> None:
    write_answers(folder, "A_1.jsonl", {"d001": [MARK]})
    write_answers(folder, "A_2.jsonl", {"d001": []})
    joined, notes = gold.join(folder, "A")
    assert notes == ["d001: open: single_turn_loop"]
    assert gold.put_behind(joined, folder / "real") == 1
    (open_one,) = read_back(folder)
    assert open_one.is_there("single_turn_loop") is None
    verdict = {"id": "d001", "verdicts": {"single_turn_loop": False}, "reasons": {}}
    (folder / "A_verdicts.jsonl").write_text(json.dumps(verdict) + "\n", encoding="utf-8")
    joined, notes = gold.join(folder, "A")
    assert not notes
    assert gold.put_behind(joined, folder / "real") == 1
    (settled,) = read_back(folder)
    assert settled.is_there("single_turn_loop") is False


@pytest.mark.parametrize(
    "wrong", [{"kind": "single_turn_lop"}, {"speaker": "A"}, {"onset": 1}, {"end": 5}]
)
def test_a_mark_that_cannot_be_is_left_out_and_said_so(folder: Path, wrong: dict[str, Any]) -> None:
    write_answers(folder, "A_1.jsonl", {"d001": [MARK | wrong]})
    write_answers(folder, "A_2.jsonl", {"d001": [MARK]})
    joined, notes = gold.join(folder, "A")
    assert not joined
    assert notes and all(note.startswith("d001") and "left out" in note for note in notes)
