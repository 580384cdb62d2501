"""The tables of docs/formats.md: every field of every file, its type as the code has it.

python -m tests.formats            prints the tables
python -m tests.formats --write    puts them between their markers (`make docs` does)

What a field means stands here, `name: meaning`, or in the docstring of its dataclass in that form;
which fields there are and of what type the dataclasses say. A field that is in no dataclass has its
type in parentheses.
"""

from __future__ import annotations

import argparse
import inspect
import re
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, is_dataclass
from pathlib import Path
from types import NoneType, UnionType
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

from broken_record.analysis.escape import Escape
from broken_record.analysis.metrics import SpeakerMetrics
from broken_record.analysis.report import DialogueReport, KindSummary, Summary, Unreadable
from broken_record.analysis.rows import (
    OF_COUNTERS,
    OF_DIALOGUE,
    OF_FINDING,
    OF_SPEAKER,
    OF_TURN,
    SPEAKERS,
)
from broken_record.comparison.report import Combination, Comparison, Difference, Effect, Estimate
from broken_record.comparison.report import Level as LevelOfAnAxis
from broken_record.data import Attempt, Branch, Dialogue, EngineInfo, Finding, Segment, Span, Turn
from broken_record.files.sweep_folder import SweptRun

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs" / "formats.md"
Row = tuple[str, str, str]  # field, type, meaning
WORDS = {int: "whole number", float: "number", str: "text", bool: "true or false", NoneType: "null"}
FIELD = r"\w+(?: \([^)]*\))?: "
LINE = re.compile(rf"^ *(?=\w)(\w+)(?: \(([^)]*)\))?: (.*(?:\n(?! *{FIELD}).*)*)", re.MULTILINE)


@dataclass(frozen=True)
class Table:
    """The fields of an object: of which dataclass, and what they mean; `without` stand nowhere."""

    of: type | None
    text: str = ""
    without: Collection[str] = ()


TABLES = {
    "dialogue": Table(Dialogue, """
        type (text): `dialogue`
        version (whole number): 1; a higher one is refused
        config: the effective config, its opening messages among it
        seed: the dialogue's seed
        assistant: who speaks for the assistant
        user: who speaks for the user side
        packages: versions of the packages that matter, by name
        started: when, ISO 8601 with the offset from UTC
        at (whole number): of a branch alone: its first turn that is new; those before are the
            parent's, word for word
        parent (object): of a branch alone: what it was begun again from
        """,
        without="""turns status error elapsed_s unknown verbatim attempts end_reason counters
        aim_run branch""".split()),
    "parent": Table(Branch, """
        run: the parent's folder
        name: its record's, without the suffix
        sha256: of its record's first line
        within: for how many tokens the branch goes on, and it is asked whether it gets out
        kind: of the parent's loop or break that it was begun for
        speaker: whose turns showed it
        onset_turn: where it set in
        """, without=["at"]),
    "engine": Table(EngineInfo, """
        engine: its name, as configs have it
        build: what the server says of its version
        model: what the server calls the model
        n_ctx: the context of a slot, tokens
        template: where the chat template comes from
        template_sha256: of the template's text
        ignored: names of the sampler that the engine is known not to honour
        slots: how many replies the server writes at once
        digest: what tells the model's file from another of that name: its hash, or its size
        caching: whether it is asked to keep prompts; what it did tell the turns' cached_tokens
        """),
    "turn": Table(Turn, """
        type (text): `turn`
        index: the message's place, from 0, the config's opening messages first
        role: who speaks
        content: raw, the speaker's prefix included
        tokens: how many were generated
        tokens_from: who counted them
        finish_reason: why it ended: at its end or a stop string, at the limit, or cut as repeating
        ttft_s: time to the first token, seconds
        elapsed_s: time to the last one, seconds
        prompt_tokens: of the prompt
        cached_tokens: of the prompt, those that the server had read before
        prompt_s: time that reading the prompt took, by the server
        generation_s: time that generating took, by the server
        seed: of this request
        trimmed: how many messages behind the opening the prompt left out
        extract: of a goal's user turns, what the assistant gets of it
        quoted: how many candidates for that there were
        self_reply: what was cut off because the speaker went on as the other
        noncoherent: start and end, in content, of the first words that repeat without sense
        thought: what a reasoning model wrote in blocks of `<think>`, cut out of content
        logprob_mean: mean log probability of its tokens, nats, where the config asks for `logprobs`
        logprob_min: the least of them
        entropy_mean: mean entropy of what each was chosen from, nats, everything but the five
            likeliest tokens taken as one
        """),
    "attempt": Table(Attempt, """
        type (text): `attempt`
        index: of the turn that was tried
        role: who was to speak
        content: what had been said, prefix included
        error: what went wrong
        attempt: the how-manieth, from 0
        elapsed_s: seconds that it took
        flaw: why a reply that came was asked for again
        tokens: of what had been said
        seed: of this request
        """),
    "resume": Table(None, """
        type (text): `resume`
        started (text): when, as in the first line
        config (object): only where it is another than before
        assistant (object): likewise
        user (object): likewise
        """),
    "track": Table(None, """
        type (text): `track`
        run (text or null): the hash of its run in Aim
        """),
    "end": Table(None, """
        type (text): `end`
        status (`done`, `error`, `interrupted`, `looped`): how it ended; a record without this line
            is `unfinished`
        tokens (whole number or null): initial_tokens and those of all turns
        turns (whole number): generated ones
        error (text or null): what went wrong
        elapsed_s (number or null): seconds of all its runs
        end_reason (text or null): `total_tokens`, `context`, `looped`, `error`; of a goal dialogue
            `finished`, `max_turns`, `no_prompt`, `noncoherent`, `empty`
        counters (object): of a goal dialogue: by role, how often what happened
        finding (object): that `stop_on` ended it for: kind, speaker, onset_turn, explanation
        """),
    "analysis": Table(None, """
        version (whole number): 1
        run (text): the folder's name
        thresholds (object or null): by kind looked for: name and value
        assistant (text or null): what `--assistant` named
        dialogues (list of objects): one each, by name
        unreadable (list of objects): the files that could not be read
        summary (object): what they come to
        """),
    "entry": Table(DialogueReport, """
        name: the file's, without its suffix
        file: its name
        status: as in the record's last line
        turns: generated ones
        tokens: of all turns
        tokens_until_first_loop: of the turns before the onset of the first loop
        characters: of the assistant's replies in the text log
        loop_score: characters times count, over all segments
        loop_density: that over characters, unbounded
        loop_coverage: the assistant's, as below
        average_response_length: characters over the number of replies in the text log
        response_lengths: characters of each of these replies
        segments: the assistant's repeated n-grams
        speakers: numbers of `assistant` and `user`
        findings: primary ones first, then by onset
        not_measurable: kinds that could not be told
        seed: the dialogue's
        end_reason: as in the record
        objective: of a goal dialogue
        persona: of a goal dialogue
        counters: of a goal dialogue: by role, how often what happened
        left_out: what of a chat log is in no turn, messages and parts of messages: how many of each
        diagnosis: why the repetition penalty missed the loop
        escape (object): of a branch alone: what became of it
        """, without=["onset_tokens", "escape"]),
    "escape": Table(Escape),
    "counters": Table(None, """
        no_prompt (whole number): replies of the user side without anything to hand on
        several_prompts (whole number): with several candidates
        noncoherent (whole number): replies with words that repeat without sense
        empty (whole number): that say nothing
        self_reply (whole number): that went on as the other side, which was cut off
        regenerated (whole number): that were asked for again
        regenerate_worked (whole number): turns that were right at last
        """),
    "segment": Table(Segment, """
        text: words, found at least twice
        count: how often
        """),
    "speaker": Table(SpeakerMetrics),
    "finding": Table(Finding, """
        kind: which loop or break
        speaker: whose turns show it
        level: how bad it is; `info` counts in no rate
        origin_turn: where copy 1 begins
        onset_turn: where copy 2 begins; of a break, the turn that breaks
        detect_turn: from here on it can be told
        end_turn: its last turn; null while it goes on at the end
        period: turns from copy to copy
        copies: how many there are
        strength: in [0, 1]
        spans: the evidence, 200 at most
        explanation: in words, with words of the dialogue
        flipped: whether the speakers say the same with names and genders exchanged
        primary: the first, in order of precedence, of findings on the same turns
        recovered (true or false): whether the dialogue went on without it
        onset_tokens (whole number or null): of all turns before the onset
        """),
    "span": Table(Span, """
        turn: the message's index
        start: offset in its raw content, in code points
        end: the offset behind it
        """),
    "unreadable": Table(Unreadable, """
        file: its name
        error: why
        """),
    "summary": Table(Summary, """
        dialogues: all of them
        silent: those without a turn, left out of the means
        average_response_length: mean of the dialogues' own
        loop_score: likewise
        loop_density: likewise
        loop_coverage: likewise
        end_reasons: how many dialogues ended for which reason
        counters: sums over goal dialogues, by role
        kinds: by kind that was looked for
        """),
    "kind": Table(KindSummary, """
        measured: dialogues in which it could be told
        dialogues: those in which it was found, level info left out
        rate: share of the measured
        low: lower end of its 95 % interval (Wilson)
        high: upper end
        median_onset_turn: median of its first onset's turns
        median_onset_tokens: median of the tokens before its first onset
        recovered: dialogues that went on without it every time
        speakers: in how many dialogues it was `assistant`, `user` or `both`
        """),
    "comparison": Table(Comparison, """
        version (whole number): 1
        n: dialogues that were asked for, a combination
        baseline: the combination that the others are compared with
        until: tokens to which every combination was watched
        measures: `any_loop`, `tokens_until_loop`, `loop_coverage`, `any_fault`, kinds; of branches
            `escaped`, `escaped_any`
        combinations: the runs of the sweep
        effects: what each axis does, where there are several
        absent: runs that could not be analysed
        parents (whole number): of branches alone: how many dialogues they were begun from
        """, without=["parents"]),
    "combination": Table(Combination, """
        name: of the run's folder
        settings: value by dotted path
        dialogues: that ran to their end
        failed: that did not
        missing: that were asked for and are not there
        distinct: how many different ones, by lengths and counts
        estimates: by measure
        differences: from the baseline, by measure
        """),
    "estimate": Table(Estimate, """
        n: dialogues in which it could be told
        value: a rate, or a mean
        low: lower end of its 95 % interval
        high: upper end
        """),
    "difference": Table(Difference, """
        pairs: of dialogues with equal seed, objective, persona and parent
        unpaired: dialogues without a partner
        value: mean of the differences
        low: lower end of its 95 % interval (bootstrap); null where all are equal
        high: upper end
        p: McNemar's of rates, else, and of several branches a parent, of turned signs
        adjusted_p: over the comparisons of the measure (Holm)
        detectable: the smallest difference that so many pairs show four times in five
        """),
    "effect": Table(Effect, """
        axes: dotted paths; several where they go hand in hand
        levels: their values, the first is what the others are compared with
        """),
    "level": Table(LevelOfAnAxis, """
        values: one an axis
        dialogues: that ran to their end, over all combinations with it
        estimates: by measure
        differences: from the axis' first, by measure
        """),
    "run": Table(None, """
        version (whole number): 1
        n (whole number): dialogues, of a goal config per objective and persona
        base_seed (whole number): dialogue i, from 1, has the seed base_seed + i - 1
        config (object): the effective one
        config_file (text): what was named
        arguments (list of texts): those behind `--`
        goals (list of lists): objective and persona of each, of a goal config
        servers (object): by role, what the first dialogue was held with: engine, build, model,
            digest, template_sha256
        branches (list of texts): of branches alone: the name of each; n is a parent's, the config
            the first one's
        """),
    "sweep": Table(None, """
        version (whole number): 1
        n (whole number): dialogues a combination
        base_seed (whole number): as in run.json, the same for every combination
        config_file (text): what was named
        arguments (list of texts): those behind `--`
        axes (object): the values of each varied key, by dotted path
        zipped (list of lists): axes that go hand in hand
        runs (list of objects): the combinations
        own (text or null): the run whose settings are the config's own
        """),
    "swept": Table(SweptRun, """
        name: of its run folder
        settings: value by dotted path
        config_sha256: of the effective config, seed, objective, persona and replica left out
        """),
}  # fmt: skip


def meanings(text: str) -> dict[str, tuple[str | None, str]]:
    """(type if it is given, meaning) of each field of a text.

    >>> meanings("a: one\\n    thing\\n  b (text): other")
    {'a': (None, 'one thing'), 'b': ('text', 'other')}
    """
    return {
        name: (kind or None, " ".join(said.split()).removesuffix("."))
        for name, kind, said in LINE.findall(text)
    }


def word(hint: Any) -> str:
    """A type in words.

    >>> word(int | None), word(tuple[str, ...]), word(Literal["a", "b"])
    ('whole number or null', 'list', '`a`, `b`')
    """
    if get_origin(hint) in (Union, UnionType):
        return " or ".join(map(word, get_args(hint)))
    if get_origin(hint) is Literal:
        return ", ".join(f"`{value}`" for value in get_args(hint))
    kind = get_origin(hint) or hint
    if kind in WORDS:
        return WORDS[kind]
    return "object" if is_dataclass(kind) or issubclass(kind, Mapping) else "list"


def rows_of(name: str) -> list[Row]:
    """(field, type, meaning) in the order of the text; AssertionError names what is unexplained."""
    one = TABLES[name]
    hints = get_type_hints(one.of) if one.of else {}
    told = meanings(one.text or inspect.getdoc(one.of) or "")
    explained = {field for field, (kind, _) in told.items() if kind is None}
    assert explained == hints.keys() - {*one.without}, f"{name}: {explained ^ hints.keys()}"
    return [(field, kind or word(hints[field]), said) for field, (kind, said) in told.items()]


def columns_of(name: str, columns: Mapping[str, str], *before: str) -> list[Row]:
    """The columns that a table's fields become, their names behind each of `before`."""
    told = {field: (kind, said) for field, kind, said in rows_of(name)}
    rows = []
    for column, field in columns.items():
        kind, said = told[field]
        renamed = "" if column == field else f" (`{field}`)"
        names = [f"{role}_{column}" for role in before] or [column]
        rows.append(("`, `".join(names), kind, said + renamed))
    return rows


def own_columns(text: str) -> list[Row]:
    """Columns that are no field of their own elsewhere."""
    return [(column, kind or "", said) for column, (kind, said) in meanings(text).items()]


RUN, DIALOGUE = "run (text): the folder's name", "dialogue (text): its name"
COLUMNS: dict[str, Callable[[], list[Row]]] = {
    "dialogues.csv": lambda: [
        *own_columns(RUN),
        *columns_of("entry", OF_DIALOGUE),
        *own_columns("""
            findings (whole number): how many, level info left out
            not_measurable (text): kinds that could not be told, a blank between them
            left_out_messages (whole number): messages and parts of a chat log in no turn"""),
        *columns_of("speaker", OF_SPEAKER, *SPEAKERS),
        *columns_of("counters", OF_COUNTERS, *SPEAKERS),
    ],
    "findings.csv": lambda: [
        *own_columns(f"{RUN}\n{DIALOGUE}"),
        *columns_of("finding", {**OF_FINDING, "onset_tokens": "onset_tokens",
                                "recovered": "recovered"}),
        *own_columns("evidence_spans (whole number): how many there are"),
    ],
    "turns": lambda: [
        *own_columns(f"{RUN}\n{DIALOGUE}"),
        *columns_of("turn", OF_TURN),
        *own_columns("""
            noncoherent_start (whole number or null): of `noncoherent`
            noncoherent_end (whole number or null): of `noncoherent`"""),
    ],
}  # fmt: skip


def tables() -> dict[str, str]:
    """Every table of the page in Markdown, by its name."""
    rows = {
        **{name: rows_of(name) for name in TABLES},
        **{n: make() for n, make in COLUMNS.items()},
    }
    return {name: markdown(own) for name, own in rows.items()}


def markdown(rows: list[Row]) -> str:
    """A table, with what Markdown or HTML would take for their own escaped.

    >>> print(markdown([("a", "text", "x|y")]).splitlines()[-1])
    | `a` | text | x\\|y |
    """
    cells = [(f"`{name}`", kind, re.sub(r"([|<*])", r"\\\1", said)) for name, kind, said in rows]
    head = ["| field | type | meaning |", "|---|---|---|"]
    return "\n".join([*head, *(f"| {' | '.join(row)} |" for row in cells)])


def renewed() -> str:
    """The page with its tables made anew; ValueError where the markers of one are missing."""
    text = PAGE.read_text(encoding="utf-8")
    for name, made in tables().items():
        before, rest = text.split(f"<!-- {name}: begin -->\n")
        _, after = rest.split(f"<!-- {name}: end -->")
        text = f"{before}<!-- {name}: begin -->\n{made}\n<!-- {name}: end -->{after}"
    return text


def main() -> None:
    parser = argparse.ArgumentParser(description="the tables of docs/formats.md")
    parser.add_argument("--write", action="store_true", help="put them into the page")
    if parser.parse_args().write:
        PAGE.write_text(renewed(), encoding="utf-8")
    else:
        print(*(f"{name}\n\n{made}\n" for name, made in tables().items()), sep="\n")


if __name__ == "__main__":
    main()
