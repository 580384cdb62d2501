"""A sweep compared: values worked by hand, and the tests against chance and against a plant."""

from __future__ import annotations

import csv
import io
import json
from dataclasses import replace
from random import Random

import pytest

import analyze
from broken_record.analysis.report import Report
from broken_record.analysis.report_file import read_report
from broken_record.comparison.compare import compare
from broken_record.comparison.report import (
    ANY_FAULT,
    ANY_LOOP,
    COVERAGE,
    TOKENS,
    as_csv,
    read_comparison,
    write_comparison,
)
from broken_record.comparison.tables import comparison_lines
from broken_record.comparison.wording import caution, conclude
from broken_record.data import Dialogue, Turn
from broken_record.errors import LogError
from broken_record.files.record import RecordWriter
from broken_record.files.sweep_folder import Sweep, SweptRun, read_sweep
from broken_record.stats import common_until, detectable_paired_difference, pairs_needed
from tests.test_analyze_and_view import entry, finding

LOOPS = ("single_turn_loop", "multi_turn_loop")
THRESHOLDS: dict[str, dict[str, object]] = {
    "single_turn_loop": {},
    "multi_turn_loop": {},
    "refusal": {},
}


def said(seed, looped_at=None, tokens=1000, *, kind="single_turn_loop", **more):
    """A dialogue of so many tokens that loops after `looped_at`, or never."""
    found = {}
    if looped_at is not None:
        found = {"findings": (finding(kind),), "onset_tokens": (looped_at,),
                 "tokens_until_first_loop": looped_at}  # fmt: skip
    values = {"seed": seed, "tokens": tokens, "response_lengths": (seed,), **found, **more}
    return entry(f"d{seed}", **values)


def sweep_of(settings, zipped=(), n=8):
    """A sweep whose runs are named by their settings."""
    paths = list(dict.fromkeys(path for one in settings.values() for path in one))
    axes = {path: tuple(one[path] for one in settings.values()) for path in paths}
    runs = tuple(SweptRun(name, one) for name, one in settings.items())
    return Sweep(n, 1, axes, runs, tuple(zipped))


def compared(runs, *, settings=None, baseline=None, n=8, zipped=()):
    """The comparison of runs, given as name -> dialogues."""
    sweep = sweep_of(settings or {name: {"k": name} for name in runs}, zipped, n)
    reports = {name: Report(name, tuple(own), thresholds=THRESHOLDS) for name, own in runs.items()}
    return compare(sweep, reports, LOOPS, baseline)


def worked():
    """Eight pairs: six loop in a alone, one in b alone, one in neither."""
    a = [said(seed, 100 if seed <= 6 else None) for seed in range(1, 9)]
    b = [said(seed, 200 if seed == 7 else None) for seed in range(1, 9)]
    return {"a": a, "b": b}


def test_a_pair_of_runs_has_the_values_worked_by_hand():
    found = compared(worked())
    a, b = found.combinations
    assert (found.baseline, found.until, [one.name for one in found.others]) == ("a", 1000, ["b"])
    assert a.differences == {} and (a.dialogues, a.failed, a.missing, a.distinct) == (8, 0, 0, 8)
    assert (a.estimates[ANY_LOOP].value, b.estimates[ANY_LOOP].value) == (6 / 8, 1 / 8)
    assert a.estimates[ANY_LOOP].low < 6 / 8 < a.estimates[ANY_LOOP].high
    assert a.estimates[TOKENS].value == (6 * 100 + 2 * 1000) / 8
    assert b.estimates[TOKENS].value == (200 + 7 * 1000) / 8
    rate = b.differences[ANY_LOOP]
    assert (rate.pairs, rate.unpaired, rate.value) == (8, 0, -5 / 8)
    assert rate.p == rate.adjusted_p == 2 * (1 + 7) / 2**7
    assert -1 <= rate.low < rate.value < rate.high <= 0.25
    assert b.differences["single_turn_loop"].value == -5 / 8
    tokens = b.differences[TOKENS]  # 900 six times, -800 and 0: 4 of 128 ways go as far
    assert tokens.value == (6 * 900 - 800) / 8 and tokens.p == 4 / 2**7
    coverage = b.differences[COVERAGE]
    assert (coverage.value, coverage.p, coverage.low, coverage.detectable) == (0, 1, None, None)
    assert b.differences["multi_turn_loop"].p == 1.0


def test_p_is_adjusted_over_the_combinations_within_a_measure():
    runs = {"a": worked()["a"]}
    runs |= {name: [said(s, 200 if s == 7 else None) for s in range(1, 9)] for name in "bc"}
    runs["d"] = [said(seed) for seed in range(1, 9)]  # six pairs, all one way: 2 / 2**6
    b, c, d = compared(runs).others
    assert d.differences[ANY_LOOP].adjusted_p == 3 * 2 / 2**6
    assert b.differences[ANY_LOOP].adjusted_p == c.differences[ANY_LOOP].adjusted_p == 2 * 0.125
    assert b.differences["refusal"].adjusted_p == 1.0
    assert b.differences[ANY_LOOP].detectable == detectable_paired_difference(8, 0.05 / 3)


def test_the_baseline_can_be_chosen():
    found = compared(worked(), baseline="b")
    assert [one.name for one in found.others] == ["a"]
    assert found.others[0].differences[ANY_LOOP].value == 5 / 8


def test_dialogues_without_a_partner_are_counted_and_left_out_of_the_differences():
    runs = worked()
    runs["a"][0] = said(1, 100, status="error")
    del runs["b"][7]
    a, b = compared(runs).combinations
    assert (a.dialogues, a.failed, a.missing) == (7, 1, 0)
    assert (b.dialogues, b.failed, b.missing) == (7, 0, 1)
    apart = b.differences[ANY_LOOP]
    assert (apart.pairs, apart.unpaired, apart.value) == (6, 2, -4 / 6)
    notes = "\n".join(caution(compared(runs)))
    assert "a: 1 failed" in notes and "b: 1 missing, 2 dialogues without a partner" in notes


def test_a_dialogue_that_stop_on_ended_counts_and_one_without_a_seed_has_no_partner():
    runs = worked()
    runs["b"][0] = said(1, status="looped")
    runs["b"][1] = entry("d2")
    apart = compared(runs).others[0].differences[ANY_LOOP]
    assert (apart.pairs, apart.unpaired) == (7, 2)


def test_goal_dialogues_are_paired_by_objective_and_persona_too():
    goals = [("o", "p"), ("o", "q")]
    a = [said(1, 50, objective=o, persona=p) for o, p in goals]
    b = [said(1, 50 if p == "q" else None, objective=o, persona=p) for o, p in reversed(goals)]
    apart = compared({"a": a, "b": b}, n=1).others[0].differences[ANY_LOOP]
    assert (apart.pairs, apart.value) == (2, -1 / 2)


def test_info_is_no_loop_and_what_cannot_be_told_is_not_measured():
    minor = said(1, findings=(finding(level="info"),), onset_tokens=(5,))
    deaf = said(2, not_measurable=("refusal",))
    a, _ = compared({"a": [minor, deaf], "b": [minor, deaf]}).combinations
    assert (a.estimates[ANY_LOOP].n, a.estimates[ANY_LOOP].value) == (2, 0)
    assert (a.estimates["refusal"].n, a.estimates["single_turn_loop"].n) == (1, 2)


def test_tokens_are_compared_up_to_where_every_combination_was_watched():
    short, long = [(300.0, False), (50.0, True)], [(900.0, False), (800.0, False)]
    looped = [(40.0, True), (60.0, True)]
    assert common_until([short, long, looped]) == 300
    assert common_until([long, looped]) == 900
    assert common_until([looped]) == 60
    assert common_until([[]]) == 0


def test_a_dialogue_that_ended_early_counts_as_those_that_went_on():
    early = said(2, tokens=20)  # after it: one loops at 30, one never does; and one before, at 10
    a = [said(1, 10, tokens=40), early, said(3, 30, tokens=40), said(4, tokens=40)]
    one, other = compared(
        {"a": a, "b": [said(seed, tokens=40) for seed in (1, 2, 3, 4)]}
    ).combinations
    # shares 1, 3/4 and 3/8 up to 10, 30 and 40
    assert one.estimates[TOKENS].value == 10 + 15 + 3.75
    assert other.estimates[TOKENS].value == 40
    assert other.differences[TOKENS].value == pytest.approx(40 - 28.75)


GRID = {f"{x}{y}": {"x": x, "y": y} for x in (1, 2) for y in (1, 2)}


def test_a_main_effect_pairs_dialogues_that_share_seed_and_all_other_settings():
    looped = {"11": (1, 2, 3), "12": (1, 2), "21": (1,), "22": ()}
    runs = {name: [said(s, 100 if s in own else None) for s in (1, 2, 3)]
            for name, own in looped.items()}  # fmt: skip
    x, y = compared(runs, settings=GRID).effects
    assert (x.axes, y.axes) == (("x",), ("y",))
    one, two = x.levels
    assert (one.values, one.dialogues, one.differences) == ((1,), 6, {})
    assert (one.estimates[ANY_LOOP].value, two.estimates[ANY_LOOP].value) == (5 / 6, 1 / 6)
    apart = two.differences[ANY_LOOP]
    # by seed, over both y: -1/2, -1, -1/2; turned signs: 2 of 8 ways go as far
    assert (apart.pairs, apart.value, apart.p) == (6, pytest.approx(-2 / 3), 2 / 8)
    assert y.levels[1].differences[ANY_LOOP].value == pytest.approx(-(1 + 1) / 6)


def test_zipped_axes_are_one_factor():
    settings = {
        f"{x}{z}": {"x": x, "y": y, "z": z} for x, y in ((1, "l"), (2, "m"), (3, "m")) for z in "ab"
    }
    runs = {name: [said(seed) for seed in (1, 2)] for name in settings}
    both, alone = compared(runs, settings=settings, zipped=[("x", "y")]).effects
    assert (both.axes, alone.axes) == (("x", "y"), ("z",))
    assert [level.values for level in both.levels] == [(1, "l"), (2, "m"), (3, "m")]
    assert [level.differences[ANY_LOOP].pairs for level in both.levels[1:]] == [4, 4]


def test_one_pair_and_one_combination_say_that_nothing_can_be_said():
    found = compared({"a": [said(1, 50)], "b": [said(1)]}, n=1)
    apart = found.others[0].differences[ANY_LOOP]
    assert (apart.value, apart.p, apart.low, apart.detectable) == (-1, 1, None, None)
    assert "1 pairs are too few to show a difference" in conclude(found)
    alone = compared({"a": [said(1, 50)]}, n=1)
    assert conclude(alone) == "One combination: there is nothing to compare it with."
    assert alone.effects == () and list(comparison_lines("s", alone, width=100, verbose=True))


def test_the_result_names_who_loops_least_and_how_many_are_as_good():
    runs = {"a": [said(seed, 100) for seed in range(20)]}
    runs |= {name: [said(seed) for seed in range(20)] for name in "bc"}
    assert conclude(compared(runs, n=20)) == (
        "b (with 1 as good) loops least: in 0% of its dialogues, the baseline in 100%; "
        "-100%, p < 0.001, 20 pairs."
    )
    assert conclude(compared(runs, n=20, baseline="c")) == (
        "None loops less than the baseline c, in 0% (0% - 16%) of its dialogues; 1 of the 2 others "
        "loop more, beyond chance."
    )


def test_what_loops_least_is_not_recommended_where_it_breaks_instead():
    seeds = range(20)
    loops = [said(seed, 100 if seed < 12 else None) for seed in seeds]
    breaks = [said(seed, findings=(finding("refusal"),), onset_tokens=(50,)) for seed in seeds]
    found = compared({"calm": loops, "hot": breaks}, n=20)
    assert [one.value(ANY_FAULT) for one in found.combinations] == [0.6, 1.0]
    assert conclude(found).startswith("hot loops least: in 0% of its dialogues")
    assert conclude(found).endswith(
        "But counting breaks too, hot goes wrong in 100% (84% - 100%) of its dialogues; the fewest "
        "faults of any kind has calm, in 60% (39% - 78%)."
    )


def test_a_small_difference_says_how_many_seeds_would_tell_it_from_chance():
    runs = {"a": [said(seed, 100 if seed < 5 else None) for seed in range(10)]}
    runs["b"] = [said(seed, 900 if seed < 3 else None) for seed in range(10)]
    needed = pairs_needed(0.2)
    assert needed is not None and (detectable_paired_difference(needed) or 1) <= 0.2
    assert (detectable_paired_difference(needed - 1) or 1) > 0.2
    told = conclude(compared(runs, n=10))
    assert f"to tell the 20% that were seen from chance takes some {needed} seeds." in told


def test_a_baseline_that_loops_as_little_as_any_is_not_beaten_by_one_that_is_alike():
    runs = {name: [said(seed) for seed in range(4)] for name in "ab"}
    runs["c"] = [said(seed, 100 if seed < 1 else None) for seed in range(4)]
    assert conclude(compared(runs, n=4)) == (
        "None loops less than the baseline a, in 0% (0% - 49%) of its dialogues, or later, beyond "
        "chance; 1 of the 2 others loop as little; 4 pairs are too few to show a difference; to "
        f"tell the 25% that were seen from chance takes some {pairs_needed(0.25)} seeds."
    )


def test_settings_of_which_none_loops_are_not_said_to_loop_alike():
    told = conclude(compared({name: [said(seed) for seed in range(4)] for name in "ab"}, n=4))
    assert told.startswith("No setting loops: 0% (0% - 49%) of the dialogues of each; ")


def test_the_configs_own_settings_are_the_baseline_unless_another_is_named():
    runs = {name: [said(seed) for seed in range(4)] for name in "ab"}
    sweep = replace(sweep_of({name: {"k": name} for name in runs}), own="b")
    reports = {name: Report(name, tuple(own), thresholds=THRESHOLDS) for name, own in runs.items()}
    assert compare(sweep, reports, LOOPS).baseline == "b"
    assert compare(sweep, reports, LOOPS, "a").baseline == "a"
    assert compare(sweep, {"a": reports["a"]}, LOOPS).baseline == "a"


def test_the_tables_of_a_sweep_fit_into_the_width():
    found = compared(worked())
    for width in (70, 90):
        lines = list(comparison_lines("s", found, width=width, verbose=True))
        assert max(map(len, lines)) <= width
    assert len(lines) > len(list(comparison_lines("s", found, width=300, verbose=True)))


def test_the_result_names_who_loops_latest_where_all_loop():
    early = [said(seed, 100 + seed) for seed in range(20)]
    late = [said(seed, 900 - seed) for seed in range(20)]
    found = conclude(compared({"early": early, "late": late}, n=20))
    assert found.startswith("late loops latest: after 890 tokens of 900, the baseline after 110; ")


def test_dialogues_that_are_all_the_same_are_said_to_be():
    same = [said(seed, 100, response_lengths=(7,)) for seed in range(9)]
    (note,) = caution(compared({"a": same}, n=9))
    assert note.startswith("a: 9 dialogues, 1 different")


def drawn(rng, rate, n):
    """So many dialogues, each of which loops at that rate, sometime."""
    return [
        said(seed, rng.randrange(1000) if rng.random() < rate else None, loop_coverage=rng.random())
        for seed in range(n)
    ]


def rejections(rate, other_rate, n=30, times=100) -> dict[str, int]:
    """How often of 100 each measure's difference is beyond chance, and the result says so."""
    found = {ANY_LOOP: 0, TOKENS: 0, COVERAGE: 0, "result": 0}
    for seed in range(times):
        rng = Random(seed)
        comparison = compared({"a": drawn(rng, rate, n), "b": drawn(rng, other_rate, n)}, n=n)
        for measure, apart in comparison.others[0].differences.items():
            if measure in found:
                found[measure] += apart.surely
        found["result"] += conclude(comparison).startswith("b loops ")
    return found


def test_two_sets_of_seeds_of_one_config_differ_in_at_most_ten_of_a_hundred():
    assert max(rejections(0.6, 0.6).values()) <= 10


def test_a_planted_difference_is_found_as_often_as_the_tool_says_of_that_n():
    planted = detectable_paired_difference(30) or 0.0
    found = rejections(0.5 + planted / 2, 0.5 - planted / 2)
    assert 70 <= found[ANY_LOOP] <= 90 and found["result"] >= 60


def test_the_planted_power_is_what_counting_every_outcome_gives():
    # n = 7, sides independent; found where at most 0 of 6 or 7 differing pairs go the other way
    planted = detectable_paired_difference(7) or 0.0
    more, less = 0.5 + planted / 2, 0.5 - planted / 2
    right, same = more * more, 1 - more * more - less * less
    assert right**7 + 7 * right**6 * same == pytest.approx(0.8)


def test_a_written_comparison_reads_back_and_the_table_has_a_row_each(tmp_path):
    settings = {"a": {"x": "1,\n\"'", "y": None}, "b": {"x": [1, {"z": 2}], "y": True}}
    found = compared(worked(), settings=settings)
    write_comparison(found, tmp_path)
    assert read_comparison(tmp_path) == found
    rows = list(csv.DictReader(io.StringIO(as_csv(found))))
    assert (tmp_path / "comparison.csv").read_text() == as_csv(found)
    assert len(rows) == 2 * len(found.measures)
    assert (rows[0]["x"], rows[0]["y"], rows[0]["difference"]) == ("1,\n\"'", "null", "")
    last = next(row for row in rows if row["combination"] == "b" and row["measure"] == TOKENS)
    assert float(last["difference"]) == found.others[0].differences[TOKENS].value


@pytest.mark.parametrize("text", ["", "[]", '{"version": 1}', '{"version": 9}'])
def test_a_comparison_that_cannot_be_read_says_so(text, tmp_path):
    (tmp_path / "comparison.json").write_text(text)
    with pytest.raises(LogError, match=r"comparison\.json"):
        read_comparison(tmp_path)


def put_dialogue(path, seed, *, loops):
    """A record of twenty turns; of a loop, the same two over and over."""
    own = Random(seed)
    words = ["".join(own.choices("abdeghiklmnoprstu", k=6)) for _ in range(160)]
    lines = [f" {' '.join(words[8 * k : 8 * k + 8])}." for k in range(20)]
    if loops:
        lines[6:] = lines[4:6] * 7
    turns = tuple(
        Turn(i, ("assistant", "user")[i % 2], ("Skye:", "Mark:")[i % 2] + text, 10)
        for i, text in enumerate(lines)
    )
    config = {"conversation": [], "agent_prefix": "Skye:", "user_prefix": "Mark:"}
    dialogue = Dialogue(config, turns, "done", seed=seed)
    writer = RecordWriter(path)
    writer.header(dialogue)
    for turn in turns:
        writer.turn(turn)
    writer.end("done", tokens=200, turns=20)
    writer.close()


def put_sweep(folder, axes, runs, n=6):
    """A sweep whose first run loops in every dialogue; settings by name of the run."""
    folder.mkdir()
    for k, name in enumerate(runs):
        (folder / name).mkdir()
        for seed in range(7, 7 + n):
            put_dialogue(folder / name / f"{name}_{seed}.jsonl", seed, loops=k == 0)
    manifest = {
        "version": 1, "n": n, "base_seed": 7, "config_file": "config.json", "arguments": [],
        "axes": axes,
        "runs": [{"name": name, "settings": settings, "config_sha256": name}
                 for name, settings in runs.items()],
    }  # fmt: skip
    (folder / "sweep.json").write_text(json.dumps(manifest))
    return folder


@pytest.fixture
def sweep(tmp_path):
    runs = {f"t={t}": {"sampler.temperature": t} for t in (0.1, 0.5)}
    return put_sweep(tmp_path / "sweep_1", {"sampler.temperature": [0.1, 0.5]}, runs)


def test_a_sweep_is_analysed_and_compared(sweep, capsys, caplog):
    caplog.set_level("INFO")
    assert analyze.main([str(sweep)]) == 0
    printed = capsys.readouterr().out
    assert "=== sweep_1 ===" in printed and "=== t=0.1 ===" not in printed
    assert "None loops less than the baseline, or later, beyond chance." in printed
    assert "t=0.1: 6 dialogues" in caplog.text and f"Next: python view.py {sweep}" in caplog.text
    assert len(read_report(sweep / "t=0.1").dialogues) == 6
    found = read_comparison(sweep)
    assert found.others[0].differences[ANY_LOOP].value == -1
    assert found.others[0].differences[ANY_LOOP].p == 2 / 2**6
    assert "=== t=0.1 ===" in (analyze.main([str(sweep), "--verbose"]), capsys.readouterr().out)[1]
    assert analyze.main([str(sweep), "--json", "--baseline", "t=0.5"]) == 0
    assert json.loads(capsys.readouterr().out)["baseline"] == "t=0.5"


def test_a_run_folder_that_is_missing_is_said_and_the_others_are_compared(sweep, capsys, caplog):
    for path in sorted((sweep / "t=0.1").iterdir()):
        path.unlink()
    assert analyze.main([str(sweep)]) == 1
    assert "t=0.1: holds no .jsonl record" in caplog.text
    assert "t=0.1: nothing there to compare" in capsys.readouterr().out
    (sweep / "t=0.1").rmdir()
    assert analyze.main([str(sweep), "--baseline", "t=0.1"]) == 1
    assert "t=0.1: there is no such file or folder" in caplog.text
    assert "t=0.1: nothing analysed to compare with" in caplog.text
    assert read_comparison(sweep).absent == ("t=0.1",)


def test_a_baseline_must_be_a_run_of_a_sweep(sweep, caplog):
    assert analyze.main([str(sweep), "--baseline", "t=0.2"]) == 2
    assert "--baseline t=0.2: no such run; did you mean t=0.5?" in caplog.text
    assert analyze.main([str(sweep / "t=0.1"), "--baseline", "t=0.1"]) == 2
    assert "none of these is a sweep" in caplog.text


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"version": 2}, "version 2 is newer"),
        ({"runs": []}, "no runs"),
        ({"zipped": [["x"]]}, "zipped x is no axis"),
        ({"axes": {}}, "are not those of the axes"),
        (
            {"runs": [{"name": "../up", "settings": {"sampler.temperature": 1}}]},
            "cannot be the name",
        ),
        ({"n": "many"}, "many"),
    ],
)
def test_a_sweep_that_cannot_be_read_says_why(sweep, change, why, caplog):
    value = json.loads((sweep / "sweep.json").read_text())
    (sweep / "sweep.json").write_text(json.dumps({**value, **change}))
    with pytest.raises(LogError, match=why):
        read_sweep(sweep)
    assert analyze.main([str(sweep)]) == 1 and "cannot be read as a sweep" in caplog.text


def test_a_read_sweep_has_its_factors(sweep):
    value = json.loads((sweep / "sweep.json").read_text())
    value |= {"axes": {"a": [1], "b": [2], "c": [3]}, "zipped": [["b", "c"]]}
    value["runs"] = [{"name": "r", "settings": {"a": 1, "b": 2, "c": 3}}]
    (sweep / "sweep.json").write_text(json.dumps(value))
    assert read_sweep(sweep).factors == (("a",), ("b", "c"))
