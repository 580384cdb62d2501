r"""Dialogues as data to train on: LLM Roleplay's records, ChatML, ShareGPT, Parquet.

A Sample is what one side is to learn from one dialogue: the messages as that side sees them, its
own under the role assistant, contents raw with the speaker's prefix. Of the assistant these are the
config's opening messages and every turn; in goal mode of the user's turns what was extracted, and
those that the assistant never got are left out. Of the user: its system text, and everything said
(its memory window aside) with the roles exchanged; in goal mode what the templates told it. One
line, or row, a sample:

    chatml        {"messages": [{"role", "content"}], "metadata"}, in any order of speakers
    sharegpt      {"conversations": [{"from": system | human | gpt, "value"}], "metadata"}; where
                  gpt would open, an empty message from human does, and metadata has
                  "opening_added": LLaMA-Factory takes human in odd places only and passes over a
                  sample that is otherwise (its data/README.md), FastChat drops a first message that
                  is not from human (fastchat/train/train.py)
    llm-roleplay  {"persona", "sample": {"instruction"}, "num_turns", "dialog": [{"turn",
                  "model_inquirer", "model_responder"}], "metadata"}, as UKPLab's LLM Roleplay 2.0.7
                  writes them; inquirer is always the user's side; who has no turn in a pair has ""
                  (the inquirer of turn 0 where the assistant opens); the assistant's system text
                  stands in metadata; persona is user_system outside of goal mode
    parquet       messages as a list of structs, the metadata as columns; lone surrogates, which
                  Parquet cannot hold, become U+FFFD

metadata: run, name, side, seed, config_sha256 (canonical JSON without seed, objective, persona and
replica), status, assistant_model, user_model, findings (kinds, level info left out), trimmed_at
(the message index that was cut at; null is whole).
"""

from __future__ import annotations

import importlib.util
import json
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, replace
from itertools import islice
from typing import Any, BinaryIO

from broken_record.analysis.report import DialogueReport
from broken_record.config.schema import Config, config_sha256
from broken_record.conversation.goals import Goal
from broken_record.conversation.prompts import open_with_user
from broken_record.data import Dialogue, Message, Role
from broken_record.errors import ConfigError, LogError
from broken_record.export.formats import SIDES, Side
from broken_record.terminal import without_surrogates

LOOPED, SILENT = "looped", "silent"
ROWS = 1000  # of a group in a Parquet file
SPEAKERS = {"system": "system", "user": "human", "assistant": "gpt"}
FLIPPED: dict[Role, Role] = {"assistant": "user", "user": "assistant"}


@dataclass(frozen=True, slots=True)
class Sample:
    """What one side is to learn from one dialogue; its own messages have the role assistant."""

    messages: tuple[Message, ...]
    metadata: Mapping[str, Any]
    persona: str
    objective: Mapping[str, Any]


def seen_by(side: Side, dialogue: Dialogue) -> Iterator[tuple[int, Message]]:
    """The messages as a side sees them, with their indices; -1 of the user's system text."""
    config = dialogue.config
    said = list(enumerate(dialogue.opening))
    for turn in dialogue.turns:
        if side == "assistant" and turn.extract is not None:
            said.append((turn.index, Message(turn.role, turn.extract)))
        elif side == "user" or turn.role == "assistant" or config.get("mode") != "goal":
            said.append((turn.index, Message(turn.role, turn.content)))
    if side == "assistant":
        yield from said
        return
    if config.get("mode") == "goal":
        own = replace(Config.of(config, "record"), inquirer_history="raw")
        messages, opening = Goal(own).messages("user", dialogue.turns)
        yield from ((-1, message) for message in messages[:opening])
        yield from zip((t.index for t in dialogue.turns), messages[opening:], strict=True)
        return
    if config.get("user_system"):
        yield -1, Message("system", config["user_system"])
    for index, message in said:
        if message.role != "system":
            yield index, Message(FLIPPED.get(message.role, message.role), message.content)


def make_sample(
    dialogue: Dialogue, report: DialogueReport, run: str, side: Side, *, trim: bool
) -> Sample:
    """A dialogue as a side's sample; `trim` keeps the messages before the first onset of a finding
    that is not of level info.
    """
    config = dialogue.config
    counted = [finding for finding in report.findings if finding.counts]
    onset = min((finding.onset_turn for finding in counted), default=None) if trim else None
    models = {"assistant": dialogue.assistant, "user": dialogue.user}
    return Sample(
        tuple(m for index, m in seen_by(side, dialogue) if onset is None or index < onset),
        {
            "run": run,
            "name": report.name,
            "side": side,
            "seed": dialogue.seed,
            "config_sha256": config_sha256(config),
            "status": dialogue.status,
            **{f"{who}_model": info.model if info else None for who, info in models.items()},
            "findings": sorted({finding.kind for finding in counted}),
            "trimmed_at": onset,
        },
        persona=chosen(config, "persona").get("text") or config.get("user_system") or "",
        objective=chosen(config, "objective"),
    )


def chosen(config: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    """The persona or objective of a goal dialogue, whole; empty where there is none."""
    for value in config.get(f"{name}s") or ():
        if isinstance(value, Mapping) and value.get("id") == config.get(name):
            return value
    return {}


def select(
    dialogues: Iterable[tuple[str, DialogueReport, Dialogue]],
    side: str,
    left_out: Counter[str],
    *,
    drop: Collection[str] = (),
    trim: bool = False,
) -> Iterator[Sample]:
    """The samples of (run, its report, the dialogue); `drop` are kinds that leave a dialogue out
    (level info does not). `left_out` counts LOOPED dialogues and SILENT samples, in which the side
    to be learnt says nothing.
    """
    for run, report, dialogue in dialogues:
        if any(f.kind in drop and f.counts for f in report.findings):
            left_out[LOOPED] += 1
            continue
        for one in SIDES[side]:
            sample = make_sample(dialogue, report, run, one, trim=trim)
            if any(message.role == "assistant" for message in sample.messages):
                yield sample
            else:
                left_out[SILENT] += 1


def chatml(sample: Sample) -> dict[str, Any]:
    """A line in the form of OpenAI's chat messages."""
    messages = [asdict(message) for message in sample.messages]
    return {"messages": messages, "metadata": dict(sample.metadata)}


def sharegpt(sample: Sample) -> dict[str, Any]:
    """A line in the form of ShareGPT, human first."""
    messages = open_with_user(sample.messages)
    metadata = dict(sample.metadata)
    if len(messages) > len(sample.messages):
        metadata["opening_added"] = True
    said = [{"from": SPEAKERS.get(m.role, m.role), "value": m.content} for m in messages]
    return {"conversations": said, "metadata": metadata}


def llm_roleplay(sample: Sample) -> dict[str, Any]:
    """A line in the form of LLM Roleplay: what was said in pairs, the inquirer first."""
    dialog: list[dict[str, Any]] = []
    answered = True
    for message in sample.messages:
        if message.role == "system":
            continue
        if message.role == "user" or answered:
            dialog.append({"turn": len(dialog), "model_inquirer": "", "model_responder": ""})
        answered = message.role == "assistant"
        dialog[-1]["model_responder" if answered else "model_inquirer"] = message.content
    system = [message.content for message in sample.messages if message.role == "system"]
    objective = dict(sample.objective)
    instruction = objective.pop("text", "")
    return {
        "persona": sample.persona,
        "sample": {"instruction": instruction, **objective},
        "num_turns": len(dialog),
        "dialog": dialog,
        "metadata": {**sample.metadata, "system": "\n\n".join(system)},
    }


def table_row(sample: Sample) -> dict[str, Any]:
    """A row of the table: the messages, and the metadata as columns."""
    messages = [
        {"role": message.role, "content": without_surrogates(message.content)}
        for message in sample.messages
    ]
    columns = {
        name: without_surrogates(value) if isinstance(value, str) else value
        for name, value in sample.metadata.items()
    }
    return {"messages": messages, **columns}


FORMATS: dict[str, Callable[[Sample], dict[str, Any]]] = {
    "llm-roleplay": llm_roleplay,
    "chatml": chatml,
    "sharegpt": sharegpt,
    "parquet": table_row,
}


def check_export(name: str, side: str) -> None:
    """ConfigError where a format cannot be had: without its package, or for that side."""
    if name == "parquet" and importlib.util.find_spec("pyarrow") is None:
        raise ConfigError(["--export parquet: needs a package; run: pip install pyarrow"])
    if name == "llm-roleplay" and side != "assistant":
        raise ConfigError(
            [f"--side {side}: a record of LLM Roleplay holds both sides; leave the option out"]
        )


def write_samples(name: str, samples: Iterable[Sample], file: BinaryIO) -> None:
    """The samples in a format, as they come: ASCII JSON lines, or Parquet in groups of rows."""
    rows = map(FORMATS[name], samples)
    if name == "parquet":
        write_parquet(rows, file)
    else:
        file.writelines(json.dumps(row).encode("ascii") + b"\n" for row in rows)


def write_parquet(rows: Iterator[dict[str, Any]], file: BinaryIO) -> None:
    """The rows as a Parquet file; LogError where a value does not fit its column."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    message = pa.struct([("role", pa.string()), ("content", pa.string())])
    types = {"messages": pa.list_(message), "seed": pa.uint64(), "trimmed_at": pa.int64()}
    types["findings"] = pa.list_(pa.string())
    names = """messages run name side seed config_sha256 status assistant_model user_model findings
        trimmed_at"""
    schema = pa.schema([(name, types.get(name, pa.string())) for name in names.split()])
    try:
        with pq.ParquetWriter(file, schema) as writer:
            while group := list(islice(rows, ROWS)):
                writer.write_table(pa.Table.from_pylist(group, schema=schema))
    except (ValueError, TypeError, OverflowError) as error:
        raise LogError(f"the samples cannot be written as Parquet: {error}") from error
