"""Every combination of some settings, each a run of its own with the same seeds.

    "sweep": {"sampler.repeat_penalty": [1.0, 1.1], "sampler.temperature": [0.7, 1.0]}

asks for the four combinations; below "zip" axes go together, first with first:

    "sweep": {"zip": {"sampler.temperature": [0.7, 1.0], "sampler.top_p": [0.8, 0.95]}}

The sweep folder that is made of them is sweep_folder.py's, its run folders run_folder.py's.
Dialogue i of every combination has the same seed.
"""

from __future__ import annotations

import json
import re
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import datetime
from itertools import product
from pathlib import Path
from typing import Any

from broken_record.batch.plan import load_with
from broken_record.config.load import Loaded
from broken_record.config.schema import Config, config_sha256
from broken_record.errors import ConfigError
from broken_record.files.run_folder import fill_folder, new_folder
from broken_record.files.sweep_folder import FILE, VERSION, SweptRun
from broken_record.files.whole import write_whole

LONGEST_NAME = 100


def axes_of(sweep: Mapping[str, Any]) -> tuple[dict[str, tuple[Any, ...]], tuple[str, ...]]:
    """(every axis with its values, those that are zipped)."""
    zipped = sweep.get("zip", {})
    axes = {name: tuple(values) for name, values in {**sweep, **zipped}.items() if name != "zip"}
    return axes, tuple(zipped)


def combine(sweep: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The combinations, path -> value; the last axis changes first.

    >>> combine({"a": [1, 2], "zip": {"b": [3, 4], "c": [5, 6]}})[1:3]
    [{'a': 1, 'b': 4, 'c': 6}, {'a': 2, 'b': 3, 'c': 5}]
    """
    axes, zipped = axes_of(sweep)
    groups: list[list[dict[str, Any]]] = [
        [{name: value} for value in values] for name, values in axes.items() if name not in zipped
    ]
    if zipped:
        together = zip(*(axes[name] for name in zipped), strict=True)
        groups.append([dict(zip(zipped, values, strict=True)) for values in together])
    return [
        {name: value for part in parts for name, value in part.items()}
        for parts in product(*groups)
    ]


def name_combinations(combinations: Sequence[Mapping[str, Any]]) -> list[str]:
    """A folder name for each: `repeat_penalty=1.1,temperature=0.7`, with its number in front where
    values are long or alike.

    >>> name_combinations([{"sampler.top_k": 0}, {"sampler.top_k": 40}])
    ['top_k=0', 'top_k=40']
    """
    names = []
    for settings in combinations:
        parts = [
            f"{plain(path.removeprefix('sampler.'))}={plain(value)}"
            for path, value in settings.items()
        ]
        names.append(",".join(parts))
    if len(set(names)) < len(names) or max(map(len, names), default=0) > LONGEST_NAME:
        width = len(str(len(names)))
        names = [f"{k:0{width}}_{name}"[:LONGEST_NAME] for k, name in enumerate(names, 1)]
    return names


def plain(value: Any) -> str:
    """A value as a part of a file name."""
    text = value if isinstance(value, str) else json.dumps(value)
    return re.sub(r"[^A-Za-z0-9._+-]+", "_", text).strip("_.") or "_"


def settings_words(settings: Mapping[str, Any]) -> list[str]:
    """A combination as values of --set.

    >>> settings_words({"sampler.stop": ["a"]})
    ['sampler.stop=["a"]']
    """
    return [f"{path}={json.dumps(value)}" for path, value in settings.items()]


def load_combinations(
    config_file: str, arguments: Sequence[str], sweep: Mapping[str, Any]
) -> list[Loaded]:
    """The effective config of each combination; ConfigError lists the problems of all."""
    loaded, problems = [], []
    for settings in combine(sweep):
        words = [word for setting in settings_words(settings) for word in ("--set", setting)]
        try:
            loaded.append(load_with(config_file, [*arguments, *words, "--set", "sweep={}"])[0])
        except ConfigError as error:
            problems += [problem for problem in error.problems if problem not in problems]
    if problems:
        raise ConfigError(problems)
    return loaded


def make_sweep(
    n: int, config_file: str, arguments: Sequence[str], sweep: Mapping[str, Any], now: datetime
) -> tuple[Path, list[Path], list[Config]]:
    """(a new sweep folder, its run folders, their configs)."""
    loaded = load_combinations(config_file, arguments, sweep)
    combinations = combine(sweep)
    names = name_combinations(combinations)
    alone, seed = load_with(config_file, [*arguments, "--set", "sweep={}"])
    given = (seed, loaded[0].config.seed, secrets.randbits(31))
    base_seed = next(one for one in given if one is not None)
    folder = new_folder(now.strftime("sweep_%Y%m%d_%H%M%S"))
    runs, folders = [], []
    for name, settings, one in zip(names, combinations, loaded, strict=True):
        (folder / name).mkdir()
        fill_folder(folder / name, n, base_seed, one, config_file, arguments)
        folders.append(folder / name)
        runs.append(SweptRun(name, settings, config_sha256(one.values)))
    write_sweep(
        folder, n, base_seed, config_file, arguments, sweep, runs, config_sha256(alone.values)
    )
    return folder, folders, [one.config for one in loaded]


def write_sweep(
    folder: Path,
    n: int,
    base_seed: int,
    config_file: str,
    arguments: Sequence[str],
    sweep: Mapping[str, Any],
    runs: Sequence[SweptRun],
    alone: str,
) -> None:
    """Write a sweep folder's sweep.json; `alone` is the hash of the config that nothing varies."""
    own = [run.name for run in runs if run.config_sha256 == alone]
    axes, zipped = axes_of(sweep)
    manifest = {
        "version": VERSION, "n": n, "base_seed": base_seed, "config_file": config_file,
        "arguments": list(arguments), "axes": axes, "zipped": [list(zipped)] if zipped else [],
        "runs": [asdict(run) for run in runs], "own": own[0] if own else None,
    }  # fmt: skip
    write_whole(folder / FILE, [(json.dumps(manifest, indent=2) + "\n").encode()])
