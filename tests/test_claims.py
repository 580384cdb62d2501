"""The claims that docs/findings.md tries (benchmarks/claims.py)."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from benchmarks.claims import (
    BREAKS,
    CLAIMS,
    LOOPED,
    NAMES,
    PAGE,
    SCENES,
    SETTINGS,
    config_of,
    examine,
    only_echoes,
    share_cut,
    table_lines,
)
from broken_record.config.load import parse
from broken_record.detectors.registry import KINDS, LOOPS

LOOPING = Path("docs/looping")


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
    reports = {name: examine(runs, name, SCENES[:2]) for name in claim.settings}
    head, _, first, second, *_ = table_lines(claim, reports)
    cells = [[cell.strip() for cell in row.split("|")[1:-1]] for row in (first, second)]
    assert head.startswith("| | setting")
    assert [row[2] for row in cells] == ["2", "2"]
    assert [row[3].split()[0] for row in cells] == ["100%", "0%"]
    assert cells[1][4].startswith("-100%")


def test_what_is_looked_at_beside_a_sweeps_measures(runs):
    (report,) = examine(runs, "no_stop", SCENES[:1]).dialogues
    assert 2 in {found.period for found in report.findings}
    assert only_echoes(report).findings == ()
    assert share_cut(report).loop_coverage == 0.0
