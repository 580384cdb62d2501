"""The claims that docs/findings.md tries (benchmarks/claims.py)."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from benchmarks.claims import (
    BREAKS,
    CLAIMS,
    LATE,
    LOOPED,
    NAMES,
    PAGE,
    SCENES,
    SETTINGS,
    config_of,
    examine,
    late_lines,
    only_echoes,
    share_cut,
    starts_of,
    table_lines,
    take_marked,
)
from broken_record.config.load import parse
from broken_record.detectors.registry import KINDS, LOOPS
from broken_record.files.record import read_record

LOOPING = Path("docs/looping")
END = {"type": "end", "status": "done", "tokens": 2000, "turns": 4}


@pytest.mark.parametrize("setting", SETTINGS)
@pytest.mark.parametrize("scene", SCENES)
def test_every_scene_with_every_setting_is_a_config_without_warnings(scene, setting):
    loaded = parse(json.dumps(config_of(scene, setting)), "example")
    assert loaded.warnings == ()


def test_scenes_are_different_people():
    names = [config_of(scene, "greedy")["agent_prefix"] for scene in SCENES]
    assert len(set(names)) == len(SCENES)


def test_every_claim_has_its_settings_names_and_its_place_on_the_page():
    page = PAGE.read_text(encoding="utf-8")
    for name, claim in CLAIMS.items():
        assert {*claim.settings} <= SETTINGS.keys() & NAMES.keys()
        assert f"<!-- claim {name}: begin -->" in page
    assert {*BREAKS, *LOOPS} == {*KINDS}


@pytest.fixture
def runs(tmp_path):
    """Two settings of one claim: in two scenes the first loops and the second does not."""
    clean, looping = ("empty_response", "single_turn_loop")
    for setting, record in (("no_stop", looping), ("one_line", clean)):
        (tmp_path / setting).mkdir()
        for seed, scene in enumerate(SCENES[:2], 1):
            first, *lines = (LOOPING / f"{record}.jsonl").read_text("utf-8").splitlines()
            lines.insert(0, json.dumps({**json.loads(first), "seed": seed}))
            (tmp_path / setting / f"{scene}.jsonl").write_text("\n".join(lines), encoding="utf-8")
    return tmp_path


def test_a_table_pairs_the_scenes_of_both_settings(runs):
    claim = replace(CLAIMS["one_line"], measures=(LOOPED,))
    reports = {name: examine(runs, name, starts_of(SCENES[:2], 1)) for name in claim.settings}
    head, _, first, second, *_ = table_lines(claim, reports)
    cells = [[cell.strip() for cell in row.split("|")[1:-1]] for row in (first, second)]
    assert head.startswith("| | setting")
    assert [row[2] for row in cells] == ["2", "2"]
    assert [row[3].split()[0] for row in cells] == ["100%", "0%"]
    assert cells[1][4].startswith("-100%")


def test_what_is_looked_at_beside_a_sweeps_measures(runs):
    (report,) = examine(runs, "no_stop", starts_of(SCENES[:1], 1)).dialogues
    assert 2 in {found.period for found in report.findings}
    assert only_echoes(report).findings == ()
    assert share_cut(report).loop_coverage == 0.0


def test_every_round_has_seeds_and_files_of_its_own(tmp_path):
    starts = starts_of(SCENES, 3)
    assert sorted(start.seed for start in starts) == [*range(1, 3 * len(SCENES) + 1)]
    assert len({start.record(tmp_path, "none") for start in starts}) == len(starts)


def test_what_readers_marked_is_not_held_anew(tmp_path):
    take_marked(tmp_path)
    for start in starts_of(SCENES, 1):
        record = read_record(start.record(tmp_path, "penalty"))
        assert record.status == "done"
        assert record.seed == start.seed
        opening = config_of(start.scene, "penalty")["conversation"]
        assert [message.content for message in record.opening] == [m["content"] for m in opening]


def test_turns_that_do_not_end_are_counted_by_thousand_tokens(tmp_path):
    """Of two dialogues 0 and 1 of 2 turns are cut in the first thousand, both in the second."""
    starts = starts_of(SCENES[:2], 1)
    for start, first in zip(starts, ("stop", "length"), strict=True):
        ends = ("stop", first, "length", "length")
        turns = [
            {"type": "turn", "index": i, "role": "assistant", "content": "x", "tokens": 500,
             "finish_reason": end}
            for i, end in enumerate(ends, 3)
        ]  # fmt: skip
        config = config_of(start.scene, "late")
        rows = [{"type": "dialogue", "version": 1, "config": config}, *turns, END]
        for setting in LATE:
            record = start.record(tmp_path, setting)
            record.parent.mkdir(exist_ok=True)
            record.write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    _, _, first, second, more, _, note = late_lines(tmp_path, starts)
    assert first.startswith("| 0 to 1,000 | 25% (0% - 50%) |")
    assert second.startswith("| 1,000 to 2,000 | 100% |")
    assert more.startswith("| last less first | +75% (+50% - +100%), p 0.500 |")
    assert note.startswith("Dialogues: 2 ")
