"""Branches: dialogues begun again from a turn of others, with other seeds and other settings.

    ./parrot.sh N --branch RUN [--kind KIND] [--at onset-1 | TURN | 600tokens] -- --set KEY=VALUE

A branch is a record that its parent's turns before the branch stand in, word for word, and that
has no end yet: it is gone on with as any dialogue is that was cut off. Its config is the parent's
with what is set, its total_tokens what was said by then and `within` more. Branch i of parent k
has the same seed in every combination of a sweep. Nothing is held here.
"""

from __future__ import annotations

import hashlib
import re
import secrets
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from broken_record.batch.combinations import combine, name_combinations, settings_words, write_sweep
from broken_record.batch.plan import check_needs, parse_arguments
from broken_record.config.load import Loaded, load_values
from broken_record.config.schema import KEYS, Config, config_sha256
from broken_record.conversation.recording import list_packages, now
from broken_record.data import Branch, Dialogue
from broken_record.engines.registry import check_engines
from broken_record.errors import ConfigError
from broken_record.files.read import find_dialogues
from broken_record.files.record import RecordWriter, read_record
from broken_record.files.run_folder import fill_folder, new_folder
from broken_record.files.sweep_folder import SweptRun

if TYPE_CHECKING:
    from broken_record.data import Finding

AT = re.compile(r"onset(?P<off>|[+-]\d+)|(?P<turn>\d+)|(?P<tokens>\d+)tokens")


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is to be branched: `at` as AT has it, `kinds` none for any loop, `within` in tokens."""

    runs: tuple[Path, ...]
    kinds: tuple[str, ...] = ()
    at: str = "onset-1"
    within: int = 800


@dataclass(frozen=True, slots=True)
class Parent:
    """A dialogue to branch from, the file of its record, and where."""

    dialogue: Dialogue
    file: Path
    branch: Branch

    @property
    def tokens(self) -> int:
        """What was said before the branch, initial_tokens included."""
        initial: int = self.dialogue.config.get("initial_tokens", 0)
        return initial + sum(
            turn.tokens or 0 for turn in self.dialogue.turns if turn.index < self.branch.at
        )


def find_parents(wanted: Wanted) -> tuple[list[Parent], str]:
    """(every dialogue of the runs that can be branched as wanted, a sentence on those that cannot);
    ConfigError where there is none, LogError where a record cannot be read.
    """
    found: list[Parent] = []
    missed = Counter[str]()
    for run in wanted.runs:
        files = find_dialogues(run) if run.is_dir() else []
        for file in (file for file in files if file.suffix == ".jsonl"):
            dialogue = read_record(file)
            with file.open("rb") as lines:
                sha256 = hashlib.sha256(lines.readline().rstrip(b"\n")).hexdigest()
            branch = Branch(run.resolve().name, file.stem, sha256, 0, wanted.within)
            placed = place(branch, dialogue, wanted)
            if isinstance(placed, Branch):
                found.append(Parent(dialogue, file, placed))
            else:
                missed[placed] += 1
    lacking = ", ".join(f"{count} {why}" for why, count in missed.items())
    if not found:
        names = " ".join(map(str, wanted.runs))
        raise ConfigError([f"--branch {names}: nothing to branch from: {lacking or 'no record'}"])
    return found, f"dialogues to branch from: {len(found)}" + f"; {lacking}" * bool(lacking)


def place(branch: Branch, dialogue: Dialogue, wanted: Wanted) -> Branch | str:
    """A branch at its place in the dialogue and the finding that it is for, or why it has none."""
    asked = AT.fullmatch(wanted.at)
    assert asked is not None
    finding = find_stuck(dialogue, wanted.kinds)
    if finding is None and (wanted.kinds or asked["off"] is not None):
        return f"without {' or '.join(wanted.kinds) or 'a loop'}"
    first = len(dialogue.opening)
    end = dialogue.turns[-1].index + 1 if dialogue.turns else first
    if asked["tokens"]:
        at, said = first, dialogue.config.get("initial_tokens", 0)
        for turn in dialogue.turns:
            if said < int(asked["tokens"]):
                at, said = turn.index + 1, said + (turn.tokens or 0)
        if said < int(asked["tokens"]):
            return f"shorter than {wanted.at}"
    elif asked["turn"]:
        at = int(asked["turn"])
        if not first <= at <= end:
            return f"without a turn {at} to begin at"
    else:
        assert finding is not None
        at = min(max(first, finding.onset_turn + int(asked["off"] or 0)), end)
    if finding is None:
        return replace(branch, at=at)
    return replace(
        branch, at=at, kind=finding.kind, speaker=finding.speaker, onset_turn=finding.onset_turn
    )


def find_stuck(dialogue: Dialogue, kinds: Sequence[str]) -> Finding | None:
    """Of some kinds (of all loops, if none is named) the first finding that never ends, else the
    first; info left out.
    """
    from broken_record.detectors.find import find_loops_and_breaks
    from broken_record.detectors.registry import LOOPS
    from broken_record.text.transcript import Transcript

    found = find_loops_and_breaks(Transcript(dialogue), kinds or LOOPS).findings
    counted = (finding for finding in found if finding.counts)
    return min(
        counted, key=lambda one: (one.recovered, one.onset_turn, not one.primary), default=None
    )


def load_branch(parent: Parent, settings: Sequence[str]) -> tuple[Loaded, Branch]:
    """(the parent's config with these settings, the branch with the tokens that it goes on for);
    ConfigError where the settings are wrong or would change what was said.

    What a side takes over from the other is taken over anew, as the record holds it filled in.
    """
    file = str(parent.file)
    was = parent.dialogue.config
    copied = {name for name, key in KEYS.items() if key.like and was.get(name) == was.get(key.like)}
    values = {name: value for name, value in was.items() if name not in copied}
    most = parent.tokens + parent.branch.within
    loaded = load_values({**values, "total_tokens": most, "sweep": {}}, file, settings)
    check_engines(loaded.config, file)
    opening = loaded.config.conversation
    kept = [message for message in parent.dialogue.opening if message.role != "system"]
    if (
        len(opening) != len(parent.dialogue.opening)
        or [message for message in opening if message.role != "system"] != kept
        or loaded.config.mode != was.get("mode", "chat")
    ):
        raise ConfigError([f"{file}: a branch keeps the mode and what was said in the opening"])
    left = loaded.config.total_tokens - parent.tokens
    if left < 1:
        raise ConfigError([f"{file}: total_tokens: {parent.tokens} were said before the branch"])
    return loaded, replace(parent.branch, within=left)


def list_names(parents: Sequence[Parent], n: int) -> Iterator[tuple[str, int, int]]:
    """(name, the parent's place from 0, number from 1) of every branch, the first of each parent
    before the second.
    """
    times = Counter(parent.branch.name for parent in parents)
    for i in range(1, n + 1):
        for k, parent in enumerate(parents):
            own = parent.branch.name
            stem = own if times[own] == 1 else f"{parent.branch.run}_{own}"
            yield f"{stem}_{i:0{len(str(n))}}", k, i


def seed_of_branch(base_seed: int, parent: int, i: int) -> int:
    """The seed of a parent's branch i, the same whatever is set: 31 bits of SHA-256."""
    digest = hashlib.sha256(f"{base_seed}:branch:{parent}:{i}".encode()).digest()
    return int.from_bytes(digest[:4], "big") >> 1


def make_branches(
    wanted: Wanted, n: int, arguments: Sequence[str], sweep: Mapping[str, Any], at: datetime
) -> tuple[Path, list[Path], list[Config], str]:
    """(a new run or sweep folder, its run folders, their configs, a sentence on the parents).

    run.json is written behind the records, and sweep.json behind those, so that a folder that has
    one is whole.
    """
    parents, sentence = find_parents(wanted)
    settings, seed = parse_arguments(arguments)
    combinations = combine(sweep)
    loaded = [load_all(parents, [*settings, *settings_words(one)]) for one in combinations]
    check_needs([one.config for own in loaded for one, _ in own])
    given = (seed, loaded[0][0][0].config.seed, secrets.randbits(31))
    base_seed = next(one for one in given if one is not None)
    file = " ".join(map(str, wanted.runs))
    whole = new_folder(at.strftime(f"{'sweep' if sweep else 'parrot'}_%Y%m%d_%H%M%S"))
    names = name_combinations(combinations) if sweep else [""]
    folders = [whole / name for name in names]
    for folder, own in zip(folders, loaded, strict=True):
        folder.mkdir(exist_ok=True)
        branches = list(write_branches(folder, parents, own, n, base_seed))
        fill_folder(folder, n, base_seed, own[0][0], file, arguments, branches=branches)
    if sweep:
        hashes = [config_sha256(own[0][0].values) for own in loaded]
        runs = [SweptRun(*run) for run in zip(names, combinations, hashes, strict=True)]
        alone = config_sha256(load_branch(parents[0], settings)[0].values)
        write_sweep(whole, n, base_seed, file, arguments, sweep, runs, alone)
    return whole, folders, [own[0][0].config for own in loaded], sentence


def load_all(parents: Sequence[Parent], settings: Sequence[str]) -> list[tuple[Loaded, Branch]]:
    """The branch of each parent with its config; ConfigError lists the problems of all."""
    loaded: list[tuple[Loaded, Branch]] = []
    problems: list[str] = []
    for parent in parents:
        try:
            loaded.append(load_branch(parent, settings))
        except ConfigError as error:
            problems += error.problems
    if len({(one.config.api_url, one.config.user_api_url) for one, _ in loaded}) > 1:
        problems.append("--branch: dialogues with different servers; branch each run of them alone")
    if problems:
        raise ConfigError(problems)
    return loaded


def write_branches(
    folder: Path,
    parents: Sequence[Parent],
    loaded: Sequence[tuple[Loaded, Branch]],
    n: int,
    base_seed: int,
) -> Iterator[str]:
    """The records of a run folder, each as far as its parent's turns go; their names, as they are
    written.
    """
    for name, k, i in list_names(parents, n):
        parent, (own, branch) = parents[k], loaded[k]
        begun = Dialogue(
            own.values,
            (),
            "unfinished",
            seed=seed_of_branch(base_seed, k, i),
            packages=list_packages(),
            started=now(),
            branch=branch,
        )
        writer = RecordWriter(folder / f"{name}.jsonl")
        writer.header(begun)
        for turn in parent.dialogue.turns:
            if turn.index < branch.at:
                writer.turn(turn)
        for attempt in parent.dialogue.attempts:
            if attempt.index < branch.at:
                writer.attempt(attempt)
        writer.close()
        yield name
