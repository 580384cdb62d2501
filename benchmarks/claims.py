"""What is told of loops and their cures, tried on a real model: the tables of docs/findings.md.

    python -m benchmarks.claims [CLAIM ...] [--runs build/claims] [--held] [--write]

A claim is settings held against a baseline. Every setting holds the same scenes (SCENES: the ready
ones and those of claims_scenes.json), one dialogue each, both sides SmolLM2-135M with one thread;
the scene's place is its seed, so that pairs share scene and seed. Records go to
RUNS/SETTING/SCENE.jsonl; one that is done is not held again, and settings are shared between
claims. Scene by scene, so that what is there at any moment can be compared. --held holds nothing
and takes the scenes that every setting of the claim has; --write puts the tables into
docs/findings.md.

"late" is no comparison: of one scene, held for longer and without a stop string, it shows whether
more turns run into their limit with every thousand tokens.

"readers" is what two readers saw in those dialogues that stand in benchmarks/real/gold.jsonl: no
detector has a part in it.

Detectors, tests and intervals are those of a sweep (broken_record/comparison): McNemar's exact test
for shares, turned signs for means, Holm over the settings of a claim, and "seen from" the smallest
difference that so many pairs show four times in five. Two measures more are read the same way: the
share of turns that ran into their limit, and loops in which each says what the other said (echo).
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import chain, product
from pathlib import Path
from statistics import fmean
from typing import Any

from benchmarks.truth_on_real_text import ANY_LOOP as ANY_LOOP_MARK
from benchmarks.truth_on_real_text import Marked, put, read_marked
from broken_record.analysis.analyse import examine_all
from broken_record.analysis.report import DialogueReport, Report
from broken_record.comparison.compare import compare
from broken_record.comparison.report import ANY_LOOP, COVERAGE, TOKENS, Comparison
from broken_record.comparison.wording import (
    detectable_text,
    difference_text,
    estimate_text,
)
from broken_record.data import Finding
from broken_record.detectors.registry import KINDS, LOOPS
from broken_record.detectors.thresholds import default_thresholds
from broken_record.errors import LogError
from broken_record.files.record import read_record
from broken_record.files.sweep_folder import Sweep, SweptRun
from broken_record.stats import wilson_interval

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs" / "findings.md"
SCENES = (
    "lighthouse", "moving_out", "help_desk", "fortune_teller", "porch", "detective",
    "sickbed", "fishing_boat", "freighter", "night_watch", "border_post", "birthday_call",
    "chess_lesson", "dragon",
)  # fmt: skip
PLAIN: dict[str, Any] = {
    "temperature": 0.87, "top_p": 1.0, "min_p": 0.0, "top_k": 0, "repeat_penalty": 1.0,
    "stop": ["\n"],
}  # fmt: skip
GREEDY = {**PLAIN, "temperature": 0}
PENALTY = {"repeat_penalty": 1.1, "repeat_last_n": 2048}
DRY = {"dry_multiplier": 0.8, "dry_base": 1.75, "dry_allowed_length": 2, "dry_penalty_last_n": 2048}
COMMON: dict[str, Any] = {
    "total_tokens": 400, "turn_max_tokens": 40, "user_memory": 1000, "user_memory_step": 1,
    "embedded": {"threads": 1},
}  # fmt: skip
LONG: dict[str, Any] = {"turn_max_tokens": 200}
LATE, LATE_SCENES, STEP = ("late", "late_penalty"), SCENES[:1], 1000
LASTING: dict[str, Any] = {"turn_max_tokens": 120, "total_tokens": 5 * STEP}
TAIL_OFF = {**PLAIN, "top_p": 0.8, "min_p": 0.1, "stop": []}
SETTINGS: dict[str, dict[str, Any]] = {
    "greedy": {"sampler": GREEDY},
    "none": {"sampler": PLAIN},
    "min_p": {"sampler": {**PLAIN, "min_p": 0.1}},
    "penalty": {"sampler": {**PLAIN, **PENALTY}},
    "dry": {"sampler": {**PLAIN, **DRY}},
    "greedy_penalty": {"sampler": {**GREEDY, **PENALTY}},
    "greedy_dry": {"sampler": {**GREEDY, **DRY}},
    "greedy_mark": {"sampler": GREEDY, "user_api_url": "embedded:mark"},
    "min_p_short": {"sampler": {**PLAIN, "min_p": 0.1}, "user_memory": 4},
    "one_line": {"sampler": PLAIN, **LONG},
    "no_stop": {"sampler": {**PLAIN, "stop": []}, **LONG},
    "long": {"sampler": {**GREEDY, **PENALTY, "stop": []}, **LONG},
    "long_64": {"sampler": {**GREEDY, **PENALTY, "repeat_last_n": 64, "stop": []}, **LONG},
    "late": {"sampler": TAIL_OFF, **LASTING},
    "late_penalty": {"sampler": {**TAIL_OFF, **PENALTY}, **LASTING},
}
NAMES = {
    "greedy": "temperature 0",
    "none": "temperature 0.87 alone",
    "min_p": "0.87, min_p 0.1",
    "penalty": "0.87, repeat_penalty 1.1 on 2,048",
    "dry": "0.87, DRY 0.8 on 2,048",
    "greedy_penalty": "temperature 0, repeat_penalty 1.1 on 2,048",
    "greedy_dry": "temperature 0, DRY 0.8 on 2,048",
    "greedy_mark": "temperature 0, the user is mark",
    "min_p_short": "0.87, min_p 0.1, user_memory 4",
    "one_line": "long replies, temperature 0.87, one line",
    "no_stop": "long replies, temperature 0.87, no stop string",
    "late": "0.87, top_p 0.8, min_p 0.1",
    "late_penalty": "the same, repeat_penalty 1.1 on 2,048",
    "long": "long replies, temperature 0, repeat_penalty 1.1 on 2,048",
    "long_64": "long replies, temperature 0, repeat_penalty 1.1 on 64",
}
BREAKS = tuple(kind for kind in KINDS if kind not in LOOPS)
SAME_WORDS = ("intra_turn_repetition", "single_turn_loop", "multi_turn_loop")
VARIANTS = tuple(kind for kind in LOOPS if kind not in SAME_WORDS)
View = Callable[[DialogueReport], DialogueReport]


@dataclass(frozen=True, slots=True)
class Measure:
    """What is asked of a dialogue: a measure of a sweep, which kinds count for it as loops, and
    what of the dialogue's report is looked at.
    """

    title: str
    name: str = ANY_LOOP
    kinds: Sequence[str] = LOOPS
    view: View = lambda dialogue: dialogue


def keep(dialogue: DialogueReport, wanted: Callable[[Finding], bool]) -> DialogueReport:
    """With those findings alone that are wanted."""
    pairs = zip(dialogue.findings, dialogue.onset_tokens, strict=True)
    kept = [(found, tokens) for found, tokens in pairs if wanted(found)]
    findings, tokens = zip(*kept, strict=True) if kept else ((), ())
    return replace(dialogue, findings=findings, onset_tokens=tokens)


def only_echoes(dialogue: DialogueReport) -> DialogueReport:
    """With those findings alone in which each says what the other said, genders flipped or not."""
    return keep(dialogue, lambda found: found.period == 1 or found.flipped)


def only_flipped(dialogue: DialogueReport) -> DialogueReport:
    """With those findings alone in which both say the same with names and genders exchanged."""
    return keep(dialogue, lambda found: found.flipped)


def share_cut(dialogue: DialogueReport) -> DialogueReport:
    """With the share of both speakers' turns that ran into their limit for a coverage."""
    sides = [side for side in dialogue.speakers.values() if side["turns"]]
    cut = sum(side["turns"] * (side["cap_hit_rate"] or 0.0) for side in sides)
    return replace(dialogue, loop_coverage=cut / sum(side["turns"] for side in sides))


LOOPED, BROKE = Measure("any loop"), Measure("any break", kinds=BREAKS)
UNTIL = Measure("tokens until a loop", TOKENS)
COVERED = Measure("loop coverage", COVERAGE)
SAME = Measure("the same words again (lines, rounds, inside a reply)", kinds=SAME_WORDS)
NEAR = Measure("variants (openings, closings, stagnation)", kinds=VARIANTS)
INSIDE = Measure("loops inside a reply", kinds=("intra_turn_repetition",))
ECHO = Measure("each says the other's line", kinds=("single_turn_loop",), view=only_echoes)
FLIPPED = Measure("a loop with genders flipped", view=only_flipped)
CUT = Measure("turns that run into their limit", COVERAGE, view=share_cut)


@dataclass(frozen=True, slots=True)
class Claim:
    """A baseline, the settings that are held against it, and what is looked at."""

    baseline: str
    others: tuple[str, ...]
    measures: tuple[Measure, ...]

    @property
    def settings(self) -> tuple[str, ...]:
        """All its settings, the baseline first."""
        return (self.baseline, *self.others)


ALWAYS = (LOOPED, UNTIL, BROKE)
CLAIMS = {
    "one_model": Claim("greedy", ("greedy_mark",), (*ALWAYS, ECHO, FLIPPED)),
    "user_memory": Claim("min_p", ("min_p_short",), (*ALWAYS, COVERED)),
    "repeat_last_n": Claim("long_64", ("long",), (*ALWAYS, INSIDE, COVERED, CUT)),
    "one_line": Claim("no_stop", ("one_line",), (*ALWAYS, CUT)),
    "samplers": Claim("none", ("min_p", "penalty", "dry"), (*ALWAYS, SAME, NEAR, CUT)),
    "greedy": Claim("greedy", ("greedy_penalty", "greedy_dry"), (*ALWAYS, SAME, NEAR, CUT)),
}


def share_by_step(record: Path) -> list[float]:
    """The share of turns that ran into their limit, of those that begin in each STEP tokens."""
    cut: dict[int, list[bool]] = {}
    said = 0
    for turn in read_record(record).turns:
        cut.setdefault(said // STEP, []).append(turn.finish_reason == "length")
        said += turn.tokens or 0
    return [fmean(cut[step]) for step in sorted(cut)]


def late_lines(runs: Path, scenes: Sequence[str]) -> Iterator[str]:
    """Markdown: the share of turns that ran into their limit, a row per STEP tokens; too few
    dialogues for a test.
    """
    yield f"| tokens | {' | '.join(NAMES[name] for name in LATE)} |"
    yield f"|---|{'---|' * len(LATE)}"
    shares = [
        [fmean(step) for step in zip(*(
            share_by_step(runs / name / f"{scene}.jsonl") for scene in scenes
        ), strict=True)]
        for name in LATE
    ]  # fmt: skip
    for step, row in enumerate(zip(*shares, strict=True)):
        cells = " | ".join(f"{share:.0%}" for share in row)
        yield f"| {step * STEP:,} to {(step + 1) * STEP:,} | {cells} |"
    yield ""
    yield f"Scenes: {len(scenes)}, one dialogue each; too few for a test."


def setting_of(config: Mapping[str, Any]) -> str | None:
    """Which setting a dialogue was held with, by its config."""
    for name, own in SETTINGS.items():
        wanted = {"user_api_url": "embedded:smollm2"} | COMMON | own
        if all(config.get(key) == value for key, value in wanted.items()):
            return name
    return None


def reader_lines() -> Iterator[str]:
    """Markdown: what two readers saw in those of these dialogues that they marked, by setting."""
    read: dict[str, list[Marked]] = {}
    for marked in read_marked(None):
        if setting := setting_of(marked.dialogue.config):
            read.setdefault(setting, []).append(marked)
    kinds = (ANY_LOOP_MARK, "semantic_repetition", "word_soup")
    yield f"| setting | dialogues | {' | '.join(kinds)} |"
    yield f"|---|---|{'---|' * len(kinds)}"
    for name in filter(read.__contains__, SETTINGS):
        cells = []
        for kind in kinds:
            told = [one.is_there(kind) for one in read[name]]
            known = [there for there in told if there is not None]
            found = wilson_interval(sum(known), len(known))
            cells.append(f"{found.rate:.0%} ({found.low:.0%} - {found.high:.0%})" if found else "-")
        yield f"| {NAMES[name]} | {len(read[name])} | {' | '.join(cells)} |"


def config_of(scene: str, setting: str) -> dict[str, Any]:
    """A scene's config with a setting."""
    ready = ROOT / "scenes" / f"{scene}.json"
    base = ready if ready.is_file() else ROOT / "scenes" / "porch.json"
    config: dict[str, Any] = json.loads(base.read_text(encoding="utf-8"))
    if base != ready:
        own = json.loads(Path(__file__).with_name("claims_scenes.json").read_text(encoding="utf-8"))
        config |= own[scene]
    return config | COMMON | SETTINGS[setting]


def is_done(record: Path) -> bool:
    """Whether a dialogue is there, to its end."""
    return record.is_file() and read_record(record).status == "done"


def hold(runs: Path, scene: str, setting: str) -> None:
    """One dialogue into its record, begun anew where it is not done."""
    record = runs / setting / f"{scene}.jsonl"
    if is_done(record):
        return
    record.parent.mkdir(parents=True, exist_ok=True)
    record.unlink(missing_ok=True)
    config = record.with_suffix(".json")
    config.write_text(json.dumps(config_of(scene, setting), indent=1), encoding="utf-8")
    seed = str(SCENES.index(scene) + 1)
    command = [sys.executable, "parrot.py", str(config), "--seed", seed, "--record", str(record)]
    subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.DEVNULL)


def examine(runs: Path, setting: str, scenes: Sequence[str]) -> Report:
    """The report of a setting's dialogues."""
    thresholds = default_thresholds()
    files = [runs / setting / f"{scene}.jsonl" for scene in scenes]
    entries = [one for found in examine_all(files, thresholds, None) for one in found]
    dialogues = tuple(one for one in entries if isinstance(one, DialogueReport))
    if len(dialogues) < len(files):
        raise LogError(f"{runs / setting}: not every record can be read")
    return Report(setting, dialogues, thresholds=thresholds)


def count_same(runs: Path, one: str, other: str, scenes: Sequence[str]) -> int:
    """In how many scenes two settings say the same, word for word."""

    def said(setting: str, scene: str) -> list[str]:
        return [turn.content for turn in read_record(runs / setting / f"{scene}.jsonl").turns]

    return sum(said(one, scene) == said(other, scene) for scene in scenes)


def compare_by(claim: Claim, measure: Measure, reports: Mapping[str, Report]) -> Comparison:
    """A claim's settings compared by a measure."""
    seen = {
        name: replace(reports[name], dialogues=tuple(map(measure.view, reports[name].dialogues)))
        for name in claim.settings
    }
    runs = tuple(SweptRun(name, {"setting": name}) for name in claim.settings)
    dialogues = len(seen[claim.baseline].dialogues)
    sweep = Sweep(dialogues, 1, {"setting": claim.settings}, runs, own=claim.baseline)
    return compare(sweep, seen, measure.kinds, claim.baseline)


def table_lines(claim: Claim, reports: Mapping[str, Report]) -> Iterator[str]:
    """Markdown: a row a measure and setting, and what so many pairs can show."""
    yield "| | setting | dialogues | | difference | seen from |"
    yield "|---|---|---|---|---|---|"
    for measure in claim.measures:
        comparison = compare_by(claim, measure, reports)
        title = measure.title
        if measure.name == TOKENS:
            title += f" (of {comparison.until:,.0f})"
        for one in comparison.combinations:
            apart = one.differences.get(measure.name)
            shown = estimate_text(measure.name, one.estimates[measure.name])
            cells = [title, NAMES[one.name], str(one.dialogues), shown, "", ""]
            if apart:
                cells[4:] = [
                    difference_text(measure.name, apart),
                    detectable_text(measure.name, apart),
                ]
            yield f"| {' | '.join(cells)} |"
            title = ""


def tables(runs: Path, names: Sequence[str]) -> Iterator[tuple[str, str]]:
    """(claim, its table) of the scenes that all its settings have; LogError where none has."""
    for name in names:
        settings, scenes = settings_of(name), scenes_of(name)
        there = [
            scene
            for scene in scenes
            if all(is_done(runs / setting / f"{scene}.jsonl") for setting in settings)
        ]
        if not there:
            raise LogError(f"{name}: no scene in {runs} has all of {', '.join(settings)}")
        if name == "late":
            lines = late_lines(runs, there)
        else:
            reports = {setting: examine(runs, setting, there) for setting in settings}
            base, *others = settings
            same = [(one, count_same(runs, base, one, there)) for one in others]
            notes = [
                f"{NAMES[one]}: word for word as {NAMES[base]} in {n} of {len(there)}."
                for one, n in same
                if n
            ]
            lines = chain(table_lines(CLAIMS[name], reports), ["", *notes] if notes else [])
        yield name, "\n".join(lines)


def settings_of(name: str) -> tuple[str, ...]:
    """What a claim needs held."""
    return LATE if name == "late" else CLAIMS[name].settings


def scenes_of(name: str) -> tuple[str, ...]:
    """From which scenes."""
    return LATE_SCENES if name == "late" else SCENES


def main() -> None:
    """Hold what is asked for, and print or write the tables."""
    every = [*CLAIMS, "late"]
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("claims", nargs="*", metavar="CLAIM", help=", ".join(every))
    parser.add_argument("--runs", type=Path, default=ROOT / "build" / "claims", metavar="FOLDER")
    parser.add_argument("--held", action="store_true", help="hold nothing, take what is there")
    parser.add_argument("--write", action="store_true", help="put the tables into docs/findings.md")
    options = parser.parse_args()
    if unknown := set(options.claims) - {*every}:
        parser.error(f"no claim {', '.join(sorted(unknown))}; there are {', '.join(every)}")
    names, runs = options.claims or every, options.runs.resolve()
    wanted = {pair for name in names for pair in product(scenes_of(name), settings_of(name))}
    for scene, setting in () if options.held else product(SCENES, SETTINGS):
        if (scene, setting) in wanted:
            hold(runs, scene, setting)
    for name, table in chain(tables(runs, names), [("readers", "\n".join(reader_lines()))]):
        print(f"{name}\n\n{table}\n")
        if options.write:
            put(PAGE, f"claim {name}", table)


if __name__ == "__main__":
    main()
