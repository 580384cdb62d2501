"""Going on with a record: the dialogue so far, and whether what it was held with is still the same.

A dialogue goes on with the config that its record holds. Another config, or a server with another
model or template, is refused by name, because the turns would no longer be of one kind; whoever
wants that says --resume-anyway.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

from broken_record.config.load import Loaded, load, load_values
from broken_record.data import Dialogue, EngineInfo
from broken_record.errors import ConfigError
from broken_record.files.record import read_record
from broken_record.files.run_folder import differences, identity_of, meet_servers


def load_to_resume(
    record: Path, config_file: Path | None, settings: Sequence[str], *, anyway: bool
) -> tuple[Loaded, Dialogue]:
    """The config, the record's own if no other is named, and the dialogue so far; ConfigError lists
    the keys that changed.
    """
    earlier = read_record(record)
    if config_file is None:
        loaded = load_values(earlier.config, str(record), settings)
    else:
        loaded = load(config_file, settings)
        if loaded.config.mode == "goal":  # it leaves open which of its dialogues this is
            chosen = [f"{key}={json.dumps(earlier.config[key])}"
                      for key in ("objective", "persona", "replica")
                      if key in earlier.config and loaded.origins[key] == "default"]  # fmt: skip
            loaded = load(config_file, [*settings, *chosen])
    opening = len(loaded.config.conversation)
    if [turn.index for turn in earlier.turns] != [*range(opening, opening + len(earlier.turns))]:
        raise ConfigError(
            [f"{record}: cannot go on: expected turns numbered from {opening} on without a gap, as "
             "its config opens with that many messages"]
        )  # fmt: skip
    drifted = [
        f"{key}: {json.dumps(earlier.config[key])} was recorded, now {json.dumps(value)}"
        for key, value in loaded.values.items()
        if key in earlier.config and earlier.config[key] != value
    ]
    if drifted and not anyway:
        raise ConfigError([*drifted, "the config is another one; --resume-anyway goes on with it"])
    return loaded, earlier


def check_run(
    record: Path, assistant: EngineInfo, user: EngineInfo, *, anyway: bool = False
) -> None:
    """ConfigError where the run folder that a record lies in was begun with other servers; the
    first dialogue of a run says in run.json which they are.
    """
    folder = record.parent
    drifted = meet_servers(folder, {"assistant": assistant, "user": user})
    if drifted and not anyway:
        way = (
            "a server is another one than the run was begun with; start that one again, begin a "
            f'new run, or take "servers" out of {folder / "run.json"} to go on with this one'
        )
        raise ConfigError([*drifted, way])


def check_servers(earlier: Dialogue, assistant: EngineInfo, user: EngineInfo) -> None:
    """ConfigError where a side has another model or template than the record says; a dialogue that
    has not begun says none.
    """
    drifted = []
    for role, was, now in (
        ("assistant", earlier.assistant, assistant),
        ("user", earlier.user, user),
    ):
        before, after = ({} if info is None else identity_of(info) for info in (was, now))
        drifted += differences(role, before, after)
    if drifted:
        raise ConfigError([*drifted, "a server is another one; --resume-anyway goes on with it"])
