"""What `from broken_record import ...` offers: a conversation in memory examined, a dialogue's file
read, and a run's folder as rows for pandas.

Nothing is printed or written here, and what is wrong is raised: ConfigError where the request was,
LogError where a file cannot be read.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import Any

from broken_record.analysis.analyse import Analysis, examine_dialogue
from broken_record.analysis.report_file import FILE, read_report
from broken_record.analysis.rows import Row, dialogue_row, finding_rows, turn_rows
from broken_record.analysis.vectors import Embed, meaning_by
from broken_record.data import Dialogue, Turn
from broken_record.detectors.registry import KINDS
from broken_record.detectors.thresholds import change_thresholds, check_kinds, suggestion
from broken_record.errors import ConfigError, LogError
from broken_record.files import read
from broken_record.files.chats import ROLES
from broken_record.files.sweep_folder import is_sweep
from broken_record.files.text_log import render_transcript
from broken_record.text.transcript import Transcript


def analyze(
    messages: Sequence[Mapping[str, Any]] | Dialogue,
    *,
    kinds: Collection[str] = tuple(KINDS),
    thresholds: Mapping[str, Mapping[str, Any]] | None = None,
    agent_prefix: str = "",
    user_prefix: str = "",
    embed: Embed | None = None,
) -> Analysis:
    """What loops and what breaks in a conversation: a list of {"role", "content"}, or a Dialogue.

    Turns are places in the list, from 0. As in every chat that is read, messages of one speaker in
    a row are one turn, that of the first, a newline between them; system messages are nobody's.
    `kinds` are looked for, by `thresholds` in place of the defaults ({"word_soup": {"runaways":
    4}}); the prefixes are what begins each side's messages, such as "Skye:" (a Dialogue has its
    own). `embed` gives a list of sentences their vectors, a row each, by any model of sentences:
    then the same in other words is judged by meaning, too. ConfigError lists what is wrong.

    >>> said = ["Where is the key?", "I have told you: in the box by the door."] * 4
    >>> roles = ["user", "assistant"] * 4
    >>> result = analyze([{"role": r, "content": c} for r, c in zip(roles, said, strict=True)])
    >>> [(found.kind, found.speaker, found.onset_turn) for found in result.findings]
    [('single_turn_loop', 'both', 2)]
    >>> round(result.coverage["assistant"], 3), result.not_measurable
    (0.742, ('apostrophe_break',))
    """
    if isinstance(kinds, str):
        raise ConfigError([f'kinds: expected a list of kinds like ["{kinds}"], found a text'])
    check_kinds(kinds)
    changed = change_thresholds(thresholds or {}, "thresholds")
    wanted = {kind: changed[kind] for kind in KINDS if kind in kinds}
    if isinstance(messages, Dialogue):
        dialogue = messages
    else:
        dialogue = make_dialogue(messages, agent_prefix=agent_prefix, user_prefix=user_prefix)
    meaning = meaning_by(embed, Transcript(dialogue).bodies) if embed else None
    return examine_dialogue(dialogue, "".join(render_transcript(dialogue)), wanted, meaning)


def make_dialogue(
    messages: Sequence[Mapping[str, Any]], *, agent_prefix: str = "", user_prefix: str = ""
) -> Dialogue:
    """The dialogue of a list of messages, each turn at the place of its first message; the system
    messages before the first turn are its opening.

    >>> [turn.index for turn in make_dialogue([
    ...     {"role": "system", "content": "You keep a lighthouse."},
    ...     {"role": "user", "content": "Hi."}, {"role": "user", "content": "Is it on?"},
    ...     {"role": "assistant", "content": "Always."},
    ... ]).turns]
    [1, 3]
    """
    check_messages(messages)
    opening: list[dict[str, Any]] = []
    turns: list[Turn] = []
    numbered = enumerate(messages)
    for (label, _), group in groupby(numbered, lambda one: (one[1]["role"], one[1].get("name"))):
        places, said = zip(*group, strict=True)
        contents = [message["content"] for message in said]
        role = ROLES[label.lower()]
        if role != "system":
            turns.append(Turn(places[0], role, "\n".join(contents)))
        elif not turns:
            opening += [{"role": role, "content": content} for content in contents]
    return Dialogue(
        config={
            "conversation": opening, "agent_prefix": agent_prefix, "user_prefix": user_prefix,
        },
        turns=tuple(turns),
        status="done",
        unknown={"imported": {}},  # whole replies count, not a text log's lines
    )  # fmt: skip


def check_messages(messages: object) -> None:
    """ConfigError lists what in a list of messages is none."""
    if not isinstance(messages, Sequence) or isinstance(messages, str | bytes):
        expected = 'expected a list of {"role", "content"} or a Dialogue'
        raise ConfigError([f"messages: {expected}, found {type(messages).__name__}"])
    problems = []
    for place, message in enumerate(messages):
        where = f"messages[{place}]"
        if not isinstance(message, Mapping):
            found = type(message).__name__
            problems.append(f'{where}: expected {{"role", "content"}}, found {found}')
            continue
        role, content = message.get("role"), message.get("content")
        if not isinstance(role, str) or role.lower() not in ROLES:
            known = ("system", "user", "assistant")  # and what other programs call them
            problems.append(f"{where}: unknown role {role!r}{suggestion(str(role), known)}")
        if not isinstance(content, str):
            found = "nothing" if content is None else type(content).__name__
            problems.append(
                f"{where}: expected a text as content, found {found}; leave out what says nothing"
            )
    if problems:
        raise ConfigError(problems)


def read_dialogue(path: str | Path, *, assistant: str | None = None) -> Dialogue:
    """The dialogue of a record, a text log, or a chat with one conversation, in which `assistant`
    may name who is the assistant; LogError says why it cannot be read.
    """
    return read.read_dialogue(Path(path), assistant)[0]


@dataclass(frozen=True, slots=True)
class RunRows:
    """A run folder as rows, each time read anew: what pandas.DataFrame() takes.

    Findings and dialogues are those of the folder's analysis.json, LogError names the command that
    makes one; turns are read from the records, of an analysed run from those that could be.
    """

    folder: Path

    def findings(self) -> Iterator[Row]:
        """A row a finding."""
        report = read_report(self.folder)
        for entry in report.dialogues:
            yield from finding_rows(report.run, entry)

    def dialogues(self) -> Iterator[Row]:
        """A row a dialogue."""
        report = read_report(self.folder)
        for entry in report.dialogues:
            yield dialogue_row(report.run, entry)

    def turns(self) -> Iterator[Row]:
        """A row a turn, its content raw; the opening messages of a config are no turns."""
        run, assistant, files = self.folder.resolve().name, None, read.find_dialogues(self.folder)
        if (self.folder / FILE).exists():
            report = read_report(self.folder)
            run, assistant = report.run, report.assistant
            files = [self.folder / entry.file for entry in report.dialogues]
        for path in files:
            yield from turn_rows(run, path.stem, read.read_dialogue(path, assistant)[0])


def read_run(folder: str | Path) -> RunRows:
    """The rows of a run folder; LogError where it is none.

    pandas.DataFrame(read_run("parrot_20260131_201500").findings())
    """
    path = Path(folder)
    if is_sweep(path):
        raise LogError(f"{path}: is a sweep; read its runs, the folders in it, one by one")
    if not read.find_dialogues(path):
        why = read.why_no_run(path)
        raise LogError(f"{path}: {why}")
    return RunRows(path)
