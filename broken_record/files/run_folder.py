"""A run folder on disk: N dialogues of one config, each with files of its own.

parrot_<YYYYmmdd>_<HHMMSS>/ begins with run.json: {"version", "n", "base_seed", "config" (the
effective one), "config_file", "arguments", "goals" ([objective, persona] ...)}, so that it can be
finished later; the first dialogue adds "servers", who speaks in it. Dialogue i (from 1) has the
seed base_seed + i - 1 and the files FOLDER_i.log (what stdout showed), .jsonl (the record) and,
where something went wrong, .err. In goal mode there are n dialogues per objective and persona,
OBJECTIVE_PERSONA_REPLICA.jsonl, each with a seed that depends on base_seed and its name alone.
A run of branches has "branches" too, their names, n a parent; what each is begun from stands in its
record. Nothing is started here.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from shutil import copymode
from tempfile import NamedTemporaryFile
from typing import Any

from broken_record.config.load import Loaded
from broken_record.config.personas import ID
from broken_record.config.schema import Config
from broken_record.data import EngineInfo, is_count, is_whole
from broken_record.errors import ConfigError, LogError
from broken_record.files.record import lock, parse_record, read_record
from broken_record.files.whole import read_json, read_text, reading, write_whole

VERSION = 1
FINISHED = ("done", "looped")
MOST_DIALOGUES = 1_000_000  # of a run, or of each goal in it: all are listed before one begins


def new_folder(stem: str) -> Path:
    """A folder that was not there, `stem` or `stem`_2 ..."""
    folder, copy = Path(stem), 1
    while True:
        try:
            folder.mkdir()
            return folder
        except FileExistsError:
            copy += 1
            folder = Path(f"{stem}_{copy}")


def fill_folder(
    folder: Path,
    n: int,
    base_seed: int,
    loaded: Loaded,
    config_file: str,
    arguments: Sequence[str],
    *,
    branches: Sequence[str] = (),
) -> None:
    """Write a run folder's run.json; ConfigError where it would hold too many dialogues."""
    if n > MOST_DIALOGUES:
        raise ConfigError([f"{n} dialogues: a run holds {MOST_DIALOGUES:,} at most"])
    run: dict[str, Any] = {
        "version": VERSION, "n": n, "base_seed": base_seed, "config": dict(loaded.values),
        "config_file": config_file, "arguments": list(arguments),
        "goals": pair_goals(loaded.config),
    }  # fmt: skip
    if branches:
        run["branches"] = list(branches)
    write_whole(folder / "run.json", [(json.dumps(run, indent=2) + "\n").encode()])


@dataclass(frozen=True, slots=True)
class Run:
    """What a run folder was made for; `config` holds the effective config's values."""

    n: int
    base_seed: int
    config: Mapping[str, Any]
    goals: tuple[tuple[str, str], ...] = ()
    branches: tuple[str, ...] = ()


def read_run(folder: Path) -> Run:
    """What run.json says; LogError where it is no run folder."""
    with reading(lambda error: f"{folder}: no run folder (its run.json cannot be read: {error})"):
        run = read_json(folder / "run.json", VERSION)
        goals = tuple((str(objective), str(persona)) for objective, persona in run.get("goals", ()))
        for name in (name for pair in goals for name in pair):
            if not ID.fullmatch(name.rstrip("-")):  # it becomes a part of a file's name
                raise ValueError(f"{name!r} cannot be the id of an objective or a persona")
        n, base_seed = run["n"], run["base_seed"]
        if not is_count(n) or not 1 <= n <= MOST_DIALOGUES:
            raise ValueError(f"n is no whole number from 1 to {MOST_DIALOGUES:,}")
        if not is_whole(base_seed) or base_seed < 0:
            raise ValueError("base_seed is no whole number of at least 0")
        branches = tuple(map(str, run.get("branches", ())))
        for name in branches:
            if name != Path(name).name or "\\" in name or "\0" in name:
                raise ValueError(f"{name!r} cannot be the name of a branch")
        return Run(n, base_seed, run["config"], goals, branches)


IDENTITY = ("engine", "build", "model", "digest", "template_sha256")


def identity_of(info: EngineInfo) -> dict[str, str]:
    """What must not change within a run, as far as the server tells it.

    >>> identity_of(EngineInfo("vllm", model="m"))
    {'engine': 'vllm', 'model': 'm'}
    """
    return {name: value for name in IDENTITY if (value := getattr(info, name)) is not None}


def differences(role: str, before: Mapping[str, Any], after: Mapping[str, Any]) -> list[str]:
    """What of a side's identity is not what it was, a sentence each.

    >>> differences("user", {"model": "a"}, {"model": "b"})
    ['user: model a was recorded, now b']
    """
    return [
        f"{role}: {name} {value} was recorded, now {after.get(name)}"
        for name, value in before.items()
        if value != after.get(name)
    ]


def meet_servers(folder: Path, infos: Mapping[str, EngineInfo]) -> list[str]:
    """What of the servers is not what the run in a folder was begun with; the first dialogue notes
    it in run.json. Nothing where the folder is no run's.
    """
    path = folder / "run.json"
    if not path.exists():
        return []
    now = {role: identity_of(info) for role, info in infos.items()}
    with reading(lambda error: f"{path}: cannot be read: {error}"):
        run = read_json(path, VERSION)
        if "servers" not in run:
            # dialogues that begin at once each need a temporary name of their own
            with NamedTemporaryFile("w", dir=folder, prefix="run.json.", delete=False) as file:
                file.write(json.dumps({**run, "servers": now}, indent=2) + "\n")
            copymode(path, file.name)
            Path(file.name).replace(path)
            run = read_json(path, VERSION)  # another dialogue may have been the first
        return [
            line
            for role, before in run["servers"].items()
            for line in differences(role, before, now[role])
        ]


def config_of_run(folder: Path) -> Config:
    """The config that a run folder was made with."""
    return Config.of(read_run(folder).config, str(folder / "run.json"))


@contextmanager
def hold(folders: Sequence[Path]) -> Iterator[None]:
    """Keep run folders to one batch; LogError where another is at work in one. A second would write
    over the logs of the first.
    """
    with ExitStack() as stack:
        for folder in folders:
            try:
                lock(stack.enter_context((folder / "run.json").open("r+", encoding="utf-8")))
            except BlockingIOError as error:
                remedy = "try again when it is done"
                raise LogError(f"{folder}: another batch is at work in it; {remedy}") from error
            except OSError as error:
                raise LogError(f"{folder}: cannot be written: {error.strerror}") from error
        yield


def pair_goals(config: Config) -> list[tuple[str, str]]:
    """Every objective with every persona, or those that the config chooses; none of a chat."""
    return [
        (objective.id, persona.id)
        for objective in config.objectives
        for persona in config.personas
        if config.objective in (None, objective.id) and config.persona in (None, persona.id)
    ]


def read_status(record: Path) -> str | None:
    """How a record ended; None where there is none, or none that has begun, of which not even the
    first line is whole (it is set aside). LogError where one cannot be read.
    """
    if not record.exists():
        return None
    text = read_text(record, errors="surrogateescape")
    try:
        return parse_record(text.split("\n"), record.name).status
    except LogError:
        if "\n" in text:
            raise
        names = (record.with_name(f"{record.name}.torn{k or ''}") for k in count())
        with reading(lambda error: f"{record}: cannot be set aside: {error}"):
            record.rename(next(path for path in names if not path.exists()))
        return None


def is_done(record: Path) -> bool:
    """True where nothing is left to do; whoever is writing the record is not disturbed."""
    try:
        return read_record(record).status in FINISHED
    except LogError:
        return False
