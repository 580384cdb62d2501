"""What strangers can put into files, and what parrot makes of it: a right result or a named error,
never a traceback, a hang, or a record that cannot be read back.

python -m tests.fuzz            tries it, and prints the table of docs/security.md
python -m tests.fuzz --write    puts the table into the page
"""

from __future__ import annotations

import argparse
import json
import re
import signal
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

from broken_record.analysis.analyse import examine
from broken_record.analysis.report import Unreadable
from broken_record.analysis.report_file import read_report, write_report
from broken_record.analysis.row_files import with_tables
from broken_record.analysis.tables import run_lines
from broken_record.batch.plan import jobs_of
from broken_record.config.cards import read_card
from broken_record.config.load import load
from broken_record.conversation.resume import load_to_resume
from broken_record.data import Turn
from broken_record.detectors.thresholds import default_thresholds, load_thresholds
from broken_record.errors import ParrotError
from broken_record.files.import_chats import import_file
from broken_record.files.record import RecordWriter, read_record
from broken_record.files.run_folder import config_of_run
from broken_record.files.sweep_folder import read_sweep

ROOT = Path(__file__).parents[1]
DATA = Path(__file__).parent / "data"
PAGE = ROOT / "docs" / "security.md"
LONGEST_S = 20  # a hang, on a busy machine too
DEEP = 20_000  # brackets in brackets
VALUES = (
    "null", "true", "0", "-1", "2.5", "1e400", "-1e400", "NaN", "1" + "0" * 400, "7" * 5000,
    "10000000000", '""', '"x"', '"7"', '"\\ud800"', '"\\u0000\\u001b[2J"', '"=1+1"', "[]", "[null]",
    '["x"]', "[[]]", "{}", '{"x": null}', "[" * DEEP, '{"a":' * DEEP,
)  # fmt: skip
LINES = (
    "", "null", "{}", "[]", "5", '"x"', '{"type": 5}', '{"type": "turn"}', '{"type": "dialogue"}',
    '{"type": "end"}', '{"type": "resume"}', '{"type": "attempt"}', '{"type": "track"}',
    '{"type": "x"}', "\0" * 64, "\ufeff{}", "\u2028", "{" * DEEP, "<html>", "text",
)  # fmt: skip
TEXTS = (
    "", " ", ".", "..", "-", "--help", "a b", "a'b", 'a"b', "$(x)", "`x`", "a;b", "a\nb", "a\tb",
    "\x1b[2J", "\x07", "\u202e", "\u2028", "e\u0301", "\U0001f99c", "\ud800", "\udcff", "=1+1",
    "@x", "%s", "{x}", "<b>", "a|b", "\ufeff", "a" * 200, "\xa0",
)  # fmt: skip


@dataclass
class Tried:
    """How often what came of a kind of input; `broken` names what broke the law."""

    right: int = 0
    named: int = 0
    broken: list[str] = field(default_factory=list)

    def add(self, label: str, attempt: Callable[[], object]) -> None:
        try:
            with in_time():
                attempt()
        except ParrotError:
            self.named += 1
        except Exception as error:
            self.broken.append(f"{label}: {type(error).__name__}: {str(error)[:200]}")
        else:
            self.right += 1


@contextmanager
def in_time() -> Iterator[None]:
    """TimeoutError where it takes too long."""

    def stop(number: int, frame: object) -> None:
        raise TimeoutError(f"takes more than {LONGEST_S} s")

    before = signal.signal(signal.SIGALRM, stop)
    signal.alarm(LONGEST_S)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


def places_of(value: Any, place: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """The way to every part of a JSON value; of lists the first item stands for all."""
    yield place
    if isinstance(value, dict):
        for name in value:
            yield from places_of(value[name], (*place, name))
    elif isinstance(value, list) and value:
        yield from places_of(value[0], (*place, 0))


def put(value: Any, place: tuple[Any, ...], mark: str) -> Any:
    """The value with a mark at a place.

    >>> put({"a": [1, 2]}, ("a", 0), "@")
    {'a': ['@', 2]}
    """
    if not place:
        return mark
    copy = list(value) if isinstance(value, list) else dict(value)
    copy[place[0]] = put(value[place[0]], place[1:], mark)
    return copy


def variants(value: Any, values: tuple[str, ...] = VALUES) -> Iterator[tuple[str, str]]:
    """(label, JSON text) of a value with each of `values` in each of its places."""
    for place in places_of(value):
        text = json.dumps(put(value, place, "@@"))
        for odd in values:
            yield f"{'.'.join(map(str, place)) or 'all'} = {odd[:20]}", text.replace('"@@"', odd)


RECORD: list[dict[str, Any]] = [
    {"type": "dialogue", "version": 1, "seed": 7, "started": "2026-01-31T20:15:00+00:00",
     "config": {"conversation": [{"role": "system", "content": "Be brief."}], "agent_prefix": "A:",
                "user_prefix": "U:", "initial_tokens": 0, "total_tokens": 99, "mode": "chat",
                "sampler": {"repeat_penalty": 1.1, "repeat_last_n": 64, "temperature": 0.8},
                "user_memory": 9, "user_memory_step": 1},
     "assistant": {"engine": "llama-server", "build": "b1", "model": "m", "n_ctx": 512,
                   "template": "server", "template_sha256": "00", "ignored": ["x"]},
     "user": None, "packages": {"python": "3.11"},
     "imported": {"left_out": {"tool": 1}, "beside": {"reasoning": 1}, "bad_lines": ["line 3"]}},
    {"type": "attempt", "index": 1, "role": "user", "content": "U: a", "error": "gone",
     "attempt": 0, "elapsed_s": 0.1, "flaw": None, "tokens": 2, "seed": 5},
    {"type": "turn", "index": 1, "role": "user", "content": "U: Where is the key, I ask you?",
     "tokens": 9, "tokens_from": "usage", "finish_reason": "stop", "ttft_s": 0.1, "elapsed_s": 0.2,
     "prompt_tokens": 5, "cached_tokens": 1, "prompt_s": 0.1, "generation_s": 0.1, "seed": 3,
     "trimmed": 1, "extract": "Where?", "quoted": 1, "self_reply": "A: no", "noncoherent": [0, 4],
     "thought": "Hm."},
    {"type": "turn", "index": 2, "role": "assistant", "content": "A: In the box by the door.",
     "tokens": 7, "tokens_from": "usage", "finish_reason": "length", "ttft_s": 0.1,
     "elapsed_s": 0.2},
    {"type": "resume", "started": "2026-01-31T20:16:00+00:00"},
    {"type": "track", "run": "0a"},
    {"type": "end", "status": "error", "tokens": 16, "turns": 2, "error": "gone", "elapsed_s": 1.5,
     "end_reason": "error", "counters": {"assistant": {"empty": 1}},
     "finding": {"kind": "refusal", "speaker": "assistant", "onset_turn": 2, "explanation": "no"}},
]  # fmt: skip
GOAL: dict[str, Any] = {
    "mode": "goal", "objectives": [{"id": "o", "text": "a rhyme", "steps": ["one", "two"]}],
    "personas": {"features": {"age": ["20", "70"]}, "template": "a <AGE>", "n": 2, "seed": 0},
    "templates": {"first": "<PERSONA> <OBJECTIVE>", "next": "<RESPONSE>"},
    "extract": {"policy": "first", "quotes": ['""']}, "regenerate": {"tries": 1, "jitter": 0.1},
    "noncoherent": {"max_n": 5, "user_max_n": 4, "r": 2, "action": "flag"}, "max_turns": 3,
    "objective": "o", "persona": None, "replica": 1, "stop_token": "FINISH",
}  # fmt: skip


@cache
def thresholds() -> dict[str, dict[str, Any]]:
    return default_thresholds()


def analyse(folder: Path, name: str, wanted: dict[str, dict[str, Any]] | None = None) -> None:
    """What analyze.py does with one file of a folder, and the report read back."""
    wanted = thresholds() if wanted is None else wanted
    entries = examine(folder / name, wanted)
    listed = with_tables(folder, folder.name, iter(entries))
    list(
        run_lines(
            write_report(folder, folder.name, listed, wanted), width=100, colour=True, verbose=True
        )
    )
    text = (folder / "analysis.json").read_text(encoding="ascii")
    json.loads(text, parse_constant=lambda name: int(f"no JSON: {name}"))
    read_report(folder)
    if isinstance(entries[0], Unreadable):
        raise ParrotError(entries[0].error)


def go_on(record: Path) -> None:
    """What parrot.py --resume does with a record, without its servers; and it is read back."""
    writer = RecordWriter(record, resume=True)
    try:
        loaded, earlier = load_to_resume(record, None, [], anyway=False)
        if earlier.status not in ("done", "looped"):
            writer.resume("now", earlier, earlier)
            index = len(loaded.config.conversation) + len(earlier.turns)
            writer.turn(Turn(index, "assistant", "A: On."))
            writer.end("done", tokens=1, turns=1)
    finally:
        writer.close()
    again = read_record(record)
    assert again.turns[: len(earlier.turns)] == earlier.turns
    assert again.status in ("done", "looped")


Attempts = Iterator[tuple[str, Callable[[], object]]]


def both(folder: Path, data: bytes, *, resumed: bool = True) -> None:
    """A record analysed and gone on with; the error of either, but only after both."""
    record = folder / "a.jsonl"
    record.write_bytes(data)
    try:
        if resumed:
            go_on(record)
    finally:
        analyse(folder, record.name)


def lines_of_record() -> list[str]:
    return [json.dumps(line) for line in RECORD]


def cut_records(folder: Path) -> Attempts:
    """A record cut at every byte; analysed at every seventh, which takes longer."""
    whole = "\n".join([*lines_of_record(), ""]).encode()
    for end in range(len(whole)):
        record = folder / "a.jsonl"

        def attempt(end: int = end, record: Path = record) -> None:
            record.write_bytes(whole[:end])
            go_on(record)
            if end % 7 == 0:
                analyse(folder, record.name)

        yield f"cut at {end}", attempt


def changed_lines(folder: Path) -> Attempts:
    """A record with any line replaced, left out, doubled, or moved to the end."""
    lines = lines_of_record()
    for at, line in enumerate(lines):
        rest = (lines[:at], lines[at + 1 :])
        for odd in LINES:
            yield f"line {at} = {odd[:20]!r}", say(folder, [*rest[0], odd, *rest[1]])
        yield f"line {at} left out", say(folder, [*rest[0], *rest[1]])
        yield f"line {at} doubled", say(folder, [*rest[0], line, line, *rest[1]])
        yield f"line {at} last", say(folder, [*rest[0], *rest[1], line])


def say(folder: Path, lines: list[str]) -> Callable[[], None]:
    data = "\n".join([*lines, ""]).encode("utf-8", "surrogatepass")
    return lambda: both(folder, data)


def fields_of_records(folder: Path) -> Attempts:
    """Every JSON type in every field of every line of a record."""
    lines = lines_of_record()
    for at, line in enumerate(RECORD):
        for label, text in variants(line):
            yield f"line {at}: {label}", say(folder, [*lines[:at], text, *lines[at + 1 :]])


def read_config(path: Path) -> None:
    loaded = load(path)
    json.dumps(dict(loaded.values), allow_nan=False)
    assert load_again(loaded.values, path) == loaded.values


def load_again(values: Any, path: Path) -> Any:
    path.write_text(json.dumps(dict(values)), encoding="utf-8")
    return load(path).values


def configs(folder: Path) -> Attempts:
    """Every JSON type in every key of a config, of chat and of goal mode."""
    path = folder / "c.json"
    (folder / "config.json").write_text('{"conversation": []}')
    (folder / "x").write_text('["x"]')
    chat = dict(load(ROOT / "config.json").values)
    (folder / "g.json").write_text(json.dumps(GOAL))
    goal = {**dict(load(folder / "g.json").values), **GOAL}
    for mode, config in (("chat", chat), ("goal", goal)):
        for label, text in variants(config):
            yield f"{mode}: {label}", written(path, text, read_config)


def written(path: Path, text: str, read: Callable[[Path], object]) -> Callable[[], object]:
    def attempt() -> object:
        path.write_text(text, encoding="utf-8", errors="surrogatepass")
        return read(path)

    return attempt


def run_folders(folder: Path) -> Attempts:
    """Every JSON type in every field of run.json and sweep.json."""
    config = dict(load(ROOT / "config.json").values)
    run = {"version": 1, "n": 2, "base_seed": 7, "config": config, "config_file": "c.json",
           "arguments": [], "goals": [["o", "p1"]]}  # fmt: skip
    sweep = {"version": 1, "n": 1, "base_seed": 7, "axes": {"seed": [1]}, "zipped": [["seed"]],
             "runs": [{"name": "a", "settings": {"seed": 1}, "config_sha256": "0"}]}  # fmt: skip
    with tempfile.TemporaryDirectory() as scratch:
        for label, text in variants(run):

            def resume(path: Path) -> None:
                config_of_run(path.parent)
                for job in jobs_of([path.parent], Path(scratch)):
                    assert job.stem.parent == path.parent

            yield f"run.json: {label}", written(folder / "run.json", text, resume)
        for label, text in variants(sweep):
            attempt = written(folder / "sweep.json", text, lambda path: read_sweep(path.parent))
            yield f"sweep.json: {label}", attempt


def cards(folder: Path) -> Attempts:
    """Every JSON type in every field of a character card."""
    for path in sorted((DATA / "cards").glob("*.json")):
        card = json.loads(path.read_bytes())
        for label, text in variants(card):
            yield f"{path.name}: {label}", written(folder / "card.json", text, read_card)


def lists(folder: Path) -> Attempts:
    """Every JSON type in every field of the files that hold personas and objectives."""
    config = folder / "c.json"
    config.write_text(json.dumps({"mode": "goal", "personas": "p.json", "objectives": "o.jsonl"}))
    texts = {"p.json": json.dumps(GOAL["personas"]), "o.jsonl": json.dumps(GOAL["objectives"][0])}
    for name, value in (("p.json", GOAL["personas"]), ("o.jsonl", GOAL["objectives"][0])):
        for label, text in variants(value):

            def read(path: Path) -> None:
                for other in texts.keys() - {path.name}:
                    (folder / other).write_text(texts[other])
                load(config)

            yield f"{name}: {label}", written(folder / name, text, read)


def changed_thresholds(folder: Path) -> Attempts:
    """Every JSON type in every threshold; what is taken examines a dialogue that loops."""
    said = ["Where is the key?", "In the box by the door, as I have told you before."] * 6
    lines = [json.dumps({"type": "dialogue", "config": {"agent_prefix": ""}})] + [
        json.dumps({"type": "turn", "index": k, "role": ("user", "assistant")[k % 2], "content": c})
        for k, c in enumerate(said)
    ]
    (folder / "a.jsonl").write_text("\n".join(lines))
    for kind, names in thresholds().items():
        for label, text in variants({kind: names}):

            def read(path: Path, kind: str = kind) -> None:
                changed = load_thresholds(path)
                analyse(folder, "a.jsonl", {kind: changed[kind]})

            yield label, written(folder / "t.json", text, read)


def chats(folder: Path) -> Attempts:
    """Every JSON type in every field of a chat, in every format that is read."""
    few = tuple(odd for odd in VALUES if odd not in ('"7"', "-1e400", "10000000000", '["x"]'))
    for source in sorted((DATA / "chats").iterdir()):
        text = source.read_text(encoding="utf-8")
        try:
            value, rest = json.loads(text), ""
        except ValueError:
            first, _, rest = text.partition("\n")
            value = json.loads(first)
        for label, changed in variants(value, few):
            path = folder / "chat.jsonl"
            data = f"{changed}\n{rest}"
            yield (
                f"{source.name}: {label}",
                written(path, data, lambda path: import_file(path, None)),
            )


def names(folder: Path) -> Attempts:
    """Every kind of text as the name of a file, a speaker, a persona, a path, and as a message."""
    for text in TEXTS:
        shown = json.dumps(text)
        renamed = json.loads(json.dumps(RECORD).replace("A:", shown[1:-1]).replace('"m"', shown))
        yield f"in a record: {shown}", say(folder, [json.dumps(line) for line in renamed])
        for key in ("personas", "objectives", "card", "user_card", "agent_prefix", "user_system",
                    "tokenizer", "api_url", "stop_token", "persona"):  # fmt: skip
            config = json.dumps({**GOAL, key: text})
            yield f"{key} = {shown}", written(folder / "c.json", config, load)
        talk = json.dumps([{"from": text, "value": "Hi."}, {"from": "gpt", "value": text}])
        chat = written(folder / "c.jsonl", f'{{"conversations": {talk}}}', lambda path:
                       import_file(path, None))  # fmt: skip
        yield f"a speaker: {shown}", chat

        def name_a_file(text: str = text) -> None:
            path = folder / "named" / f"{text}.jsonl"
            path.parent.mkdir(exist_ok=True)
            try:
                path.write_text("\n".join(lines_of_record()))
            except (OSError, ValueError):  # no file can be called so
                return
            analyse(path.parent, path.name)
            path.unlink()

        yield f"a file: {shown}", name_a_file


SURFACES: dict[str, tuple[str, Callable[[Path], Attempts]]] = {
    "cut": ("a record cut at every byte", cut_records),
    "lines": ("a record with any line replaced, left out, doubled or moved", changed_lines),
    "record": ("every field of a record's lines", fields_of_records),
    "config": ("every key of a config, chat and goal", configs),
    "run": ("every field of run.json and sweep.json", run_folders),
    "card": ("every field of a character card", cards),
    "list": ("every field of a list of personas or objectives", lists),
    "thresholds": ("every threshold", changed_thresholds),
    "chat": ("every field of a chat, in every format", chats),
    "names": ("every kind of text as a name", names),
}


def try_surface(name: str, *, every: int = 1) -> Tried:
    """What came of a kind of input, or of every so-manieth of it."""
    tried = Tried()
    with tempfile.TemporaryDirectory() as folder:
        for number, (label, attempt) in enumerate(SURFACES[name][1](Path(folder))):
            if number % every == 0:
                tried.add(label, attempt)
    return tried


def table(results: dict[str, Tried]) -> str:
    rows = [
        (SURFACES[name][0], tried.right + tried.named + len(tried.broken), tried.right,
         tried.named, len(tried.broken))
        for name, tried in results.items()
    ]  # fmt: skip
    sums = ("all", *(sum(row[k] for row in rows) for k in range(1, 5)))  # type: ignore[misc]
    lines = ["| what is wrong | inputs | read rightly | named errors | anything else |",
             "|---|---|---|---|---|"]  # fmt: skip
    lines += [f"| {row[0]} | {' | '.join(f'{n:,}' for n in row[1:])} |" for row in (*rows, sums)]
    return "\n".join(lines) + "\n"


def main() -> None:
    parser = argparse.ArgumentParser(description="what strangers can put into files")
    parser.add_argument("--write", action="store_true", help="put the table into the page")
    parser.add_argument("--only", choices=SURFACES, action="append", help="these inputs alone")
    options = parser.parse_args()
    results = {name: try_surface(name) for name in options.only or SURFACES}
    for tried in results.values():
        print(*tried.broken, sep="\n", end="\n" if tried.broken else "")
    print(table(results))
    if options.write:
        page = PAGE.read_text(encoding="utf-8")
        made = f"<!-- fuzz -->\n\n{table(results)}\n<!-- /fuzz -->"
        page = re.sub(r"<!-- fuzz -->.*<!-- /fuzz -->", lambda match: made, page, flags=re.DOTALL)
        PAGE.write_text(page, encoding="utf-8")


if __name__ == "__main__":
    main()
