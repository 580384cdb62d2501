"""What is told of loops and their cures, tried on a real model: the tables of docs/findings.md.

    python -m benchmarks.claims [CLAIM ...] [--runs build/claims] [--held] [--write]

A claim is settings held against a baseline. Every setting holds the same scenes (SCENES: the ready
ones and those of claims_scenes.json), both sides SmolLM2-135M with one thread, once or, of a claim
with several rounds, once a round. Scene and round are the seed, so that pairs share both. Records
go to RUNS/SETTING/SCENE.jsonl, of later rounds SCENE_2.jsonl and so on. Those that readers marked
lie in benchmarks/real and are taken from there; one that is done is not held again, and settings
are shared between claims. Round by round and scene by scene, so that what is there at any moment
can be compared. --held holds nothing and takes what every setting of the claim has; --write puts
the tables into docs/findings.md.

"late" compares no settings: of longer dialogues without a stop string it shows how many turns run
into their limit with every thousand tokens.

"readers" is what two readers saw in those dialogues that stand in benchmarks/real/gold.jsonl: no
detector has a part in it.

Detectors, tests and intervals are those of a sweep (broken_record/comparison): McNemar's exact test
for shares, turned signs for means, Holm over the settings of a claim, and "seen from" the smallest
difference that so many pairs show four times in five. Pairs of one scene and different rounds count
as pairs of their own: what they tell is of these scenes. Two measures more are read the same way:
the share of turns that ran into their limit, and loops in which each says what the other said
(echo).
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from itertools import chain, product
from pathlib import Path
from statistics import fmean
from typing import Any

from benchmarks.truth_on_real_text import ANY_LOOP as ANY_LOOP_MARK
from benchmarks.truth_on_real_text import FOLDER as REAL
from benchmarks.truth_on_real_text import Marked, put, read_marked
from broken_record.analysis.analyse import examine_all
from broken_record.analysis.report import DialogueReport, Report
from broken_record.batch.jobs import run_jobs
from broken_record.batch.plan import Job
from broken_record.comparison.compare import compare
from broken_record.comparison.report import ANY_LOOP, COVERAGE, TOKENS, Comparison
from broken_record.comparison.wording import (
    detectable_text,
    difference_text,
    estimate_text,
)
from broken_record.config.load import load
from broken_record.data import Finding
from broken_record.detectors.registry import KINDS, LOOPS
from broken_record.detectors.thresholds import default_thresholds
from broken_record.engines.embedded import EmbeddedServer, wanted_servers
from broken_record.errors import LogError
from broken_record.files.record import read_record
from broken_record.files.sweep_folder import Sweep, SweptRun
from broken_record.files.whole import write_whole
from broken_record.stats import bootstrap_interval, sign_flip_p, wilson_interval

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
    """A baseline, the settings that are held against it, what is looked at, and how many dialogues
    a scene has.
    """

    baseline: str
    others: tuple[str, ...]
    measures: tuple[Measure, ...]
    rounds: int = 1

    @property
    def settings(self) -> tuple[str, ...]:
        """All its settings, the baseline first."""
        return (self.baseline, *self.others)


@dataclass(frozen=True, slots=True)
class Start:
    """What a dialogue begins from, the same in every setting: scene and seed."""

    scene: str
    round: int = 1

    @property
    def seed(self) -> int:
        """The scene's place, from 1; of later rounds behind those of all scenes."""
        return SCENES.index(self.scene) + 1 + len(SCENES) * (self.round - 1)

    def record(self, runs: Path, setting: str) -> Path:
        """Where the dialogue is recorded."""
        number = f"_{self.round}" * (self.round > 1)
        return runs / setting / f"{self.scene}{number}.jsonl"


def starts_of(scenes: Sequence[str], rounds: int) -> list[Start]:
    """Every scene in every round, round by round."""
    return [Start(scene, number) for number in range(1, rounds + 1) for scene in scenes]


ALWAYS = (LOOPED, UNTIL, BROKE)
CLAIMS = {
    "one_model": Claim("greedy", ("greedy_mark",), (*ALWAYS, ECHO, FLIPPED)),
    "two_seeds": Claim("greedy", ("min_p", "none"), (ECHO, FLIPPED)),
    "user_memory": Claim("min_p", ("min_p_short",), (*ALWAYS, COVERED), rounds=2),
    "repeat_last_n": Claim("long_64", ("long",), (*ALWAYS, INSIDE, COVERED, CUT)),
    "one_line": Claim("no_stop", ("one_line",), (*ALWAYS, CUT)),
    "samplers": Claim("none", ("min_p", "penalty", "dry"), (*ALWAYS, SAME, NEAR, CUT), rounds=2),
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


def late_lines(runs: Path, starts: Sequence[Start]) -> Iterator[str]:
    """Markdown: the share of turns that ran into their limit, a row per STEP tokens, and how much
    more there are of them in the last than in the first.
    """
    yield f"| tokens | {' | '.join(NAMES[name] for name in LATE)} |"
    yield f"|---|{'---|' * len(LATE)}"
    shares = [[share_by_step(start.record(runs, name)) for start in starts] for name in LATE]
    for step in range(len(shares[0][0])):
        cells = " | ".join(mean_text([own[step] for own in one]) for one in shares)
        yield f"| {step * STEP:,} to {(step + 1) * STEP:,} | {cells} |"
    if len(starts) == 1:
        yield ""
        yield "Scenes: 1, one dialogue each; too few for a test."
        return
    more = [[own[-1] - own[0] for own in one] for one in shares]
    cells = " | ".join(f"{mean_text(one, '+')}, p {sign_flip_p(one):.3f}" for one in more)
    yield f"| last less first | {cells} |"
    yield ""
    yield f"Dialogues: {len(starts)} a column, a scene each; intervals by bootstrap over them."


def mean_text(shares: Sequence[float], sign: str = "") -> str:
    """The mean of shares with its interval, which there is none of where all are equal."""
    text = f"{fmean(shares):{sign}.0%}"
    if len(set(shares)) == 1:
        return text
    interval = bootstrap_interval(shares)
    assert interval is not None
    return f"{text} ({interval.low:{sign}.0%} - {interval.high:{sign}.0%})"


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


def take_marked(runs: Path) -> None:
    """Put the records of these dialogues that readers marked where no record is."""
    starts = {
        start.seed: start for start in starts_of(SCENES, max(c.rounds for c in CLAIMS.values()))
    }
    for line in (REAL / "gold.texts.jsonl").read_text(encoding="utf-8").splitlines():
        rows = json.loads(line).get("record", [{"config": {}, "seed": None}])
        setting, start = setting_of(rows[0]["config"]), starts.get(rows[0]["seed"])
        if setting and start and not is_done(record := start.record(runs, setting)):
            record.parent.mkdir(parents=True, exist_ok=True)
            write_whole(record, [f"{json.dumps(row)}\n".encode() for row in rows])


def is_done(record: Path) -> bool:
    """Whether a dialogue is there, to its end."""
    return record.is_file() and read_record(record).status == "done"


def jobs_of(runs: Path, wanted: Iterable[tuple[Start, str]]) -> Iterator[Job]:
    """The dialogues that are not done, each begun anew."""
    for start, setting in wanted:
        record = start.record(runs, setting)
        if is_done(record):
            continue
        record.parent.mkdir(parents=True, exist_ok=True)
        record.unlink(missing_ok=True)
        config = record.with_suffix(".json")
        text = json.dumps(config_of(start.scene, setting), indent=1)
        config.write_text(text, encoding="utf-8")
        words = (str(config), "--seed", str(start.seed), "--record", str(record))
        yield Job(record.with_suffix(""), words)


def hold(jobs: list[Job]) -> None:
    """Hold dialogues one after the other, with one server for each model."""
    configs = [load(Path(job.arguments[0])).config for job in jobs]
    with ExitStack() as stack:
        servers = {
            key: stack.enter_context(EmbeddedServer(one))
            for key, one in wanted_servers(configs).items()
        }
        batch = run_jobs(jobs, 1, servers, show=False)
    if batch.came or batch.failed:
        sys.exit(1)


def examine(runs: Path, setting: str, starts: Sequence[Start]) -> Report:
    """The report of a setting's dialogues."""
    thresholds = default_thresholds()
    files = [start.record(runs, setting) for start in starts]
    entries = [one for found in examine_all(files, thresholds, None) for one in found]
    dialogues = tuple(one for one in entries if isinstance(one, DialogueReport))
    if len(dialogues) < len(files):
        raise LogError(f"{runs / setting}: not every record can be read")
    return Report(setting, dialogues, thresholds=thresholds)


def count_same(runs: Path, one: str, other: str, starts: Sequence[Start]) -> int:
    """How many dialogues of two settings say the same, word for word."""

    def said(setting: str, start: Start) -> list[str]:
        return [turn.content for turn in read_record(start.record(runs, setting)).turns]

    return sum(said(one, start) == said(other, start) for start in starts)


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
    """(claim, its table) of what all its settings have; LogError where there is nothing."""
    for name in names:
        settings = settings_of(name)
        there = [
            start
            for start in starts_of_claim(name)
            if all(is_done(start.record(runs, setting)) for setting in settings)
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


def starts_of_claim(name: str) -> list[Start]:
    """From where, in order."""
    return starts_of(LATE_SCENES, 1) if name == "late" else starts_of(SCENES, CLAIMS[name].rounds)


def main() -> None:
    """Hold what is asked for, and print or write the tables."""
    every = [*CLAIMS, "late"]
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    add = parser.add_argument
    add("claims", nargs="*", metavar="CLAIM", help=", ".join(every))
    add("--runs", type=Path, default=ROOT / "build" / "claims", metavar="FOLDER")
    add("--held", action="store_true", help="hold nothing, take what is there")
    add("--write", action="store_true", help="put the tables into docs/findings.md")
    options = parser.parse_args()
    if unknown := set(options.claims) - {*every}:
        parser.error(f"no claim {', '.join(sorted(unknown))}; there are {', '.join(every)}")
    names, runs = options.claims or every, options.runs.resolve()
    take_marked(runs)
    if not options.held:
        wanted = {
            pair for name in names for pair in product(starts_of_claim(name), settings_of(name))
        }
        order = sorted(wanted, key=lambda pair: (pair[0].seed, list(SETTINGS).index(pair[1])))
        hold(list(jobs_of(runs, order)))
    for name, table in chain(tables(runs, names), [("readers", "\n".join(reader_lines()))]):
        print(f"{name}\n\n{table}\n")
        if options.write:
            put(PAGE, f"claim {name}", table)


if __name__ == "__main__":
    main()
