"""Dialogues marked by readers: sheets to read from, and what the readers wrote joined to the rest.

    python -m benchmarks.gold sheet FOLDER NAME RECORD.jsonl [RECORD.jsonl ...]
    python -m benchmarks.gold join FOLDER NAME [--write SOURCE]

`sheet` writes FOLDER/sheet_NAME.txt, which shows a reader numbered messages and nothing of where
they come from: ids d001, d002, ... in an order drawn with a fixed seed, behind those that
FOLDER/key.json has already; what each id is goes there. A scene stands above its dialogue, as
what is asked for is no fault. Two readers, each alone, answer in FOLDER/NAME_1.jsonl and
FOLDER/NAME_2.jsonl, a line a dialogue, as real/definitions.md says.

`join` checks the answers and lists where the two differ on whether a kind is there. Who judges
between them writes FOLDER/NAME_verdicts.jsonl, {"id", "verdicts": {KIND: true | false}, "reasons":
{KIND: why}} a line; what is left open counts nowhere (truth_on_real_text.py). --write puts marks
and texts behind those of benchmarks/real/SOURCE.jsonl and SOURCE.texts.jsonl; a dialogue that is
there already is marked anew. Of a record the texts keep what tells how it was made, and no times.
"""

from __future__ import annotations

import argparse
import json
import random
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from broken_record.data import Dialogue
from broken_record.detectors.registry import KINDS
from broken_record.files.record import read_record
from broken_record.files.whole import write_whole

REAL = Path(__file__).with_name("real")
SEED = 18
SPEAKERS = {"assistant": "A", "user": "U", "system": "S"}
HEAD = """\
Dialogues between A and U; S is the scene as A was told it. (given) marks the opening, which nobody
is blamed for, [cut] a message that ran into a limit of length. Further lines of a message are
indented by four blanks.
"""
KEPT = (
    "type", "index", "role", "content", "tokens", "finish_reason", "seed", "trimmed",
    "logprob_mean",
)  # fmt: skip
MODEL = ("engine", "model", "digest")
Row = dict[str, Any]


def draw_ids(records: Sequence[Path], taken: int) -> dict[str, Path]:
    """Id -> record, in an order that tells nothing.

    >>> {name: str(path) for name, path in draw_ids([Path("a"), Path("b")], taken=2).items()}
    {'d003': 'a', 'd004': 'b'}
    """
    drawn = sorted(records)
    random.Random(f"{SEED}.{taken}").shuffle(drawn)
    return {f"d{number:03}": path for number, path in enumerate(drawn, taken + 1)}


def sheet_lines(identity: str, dialogue: Dialogue) -> Iterator[str]:
    """A dialogue for a reader: id, numbered messages, an empty line."""
    yield f"=== {identity} ==="
    cut = {turn.index for turn in dialogue.turns if turn.finish_reason == "length"}
    for message in dialogue.messages:
        given = " (given)" * (message.index < len(dialogue.opening))
        text = message.content.replace("\n", "\n    ")
        end = " [cut]" * (message.index in cut)
        yield f"[{message.index}] {SPEAKERS[message.role]}{given}: {text}{end}"
    yield ""


def write_sheet(folder: Path, name: str, records: Sequence[Path]) -> None:
    """Write the sheet, then the key with the new ids."""
    key_file = folder / "key.json"
    key: dict[str, str] = {}
    if key_file.is_file():
        key = json.loads(key_file.read_text(encoding="utf-8"))
    new = [path for path in records if str(path.resolve()) not in key.values()]
    ids = draw_ids(new, len(key))
    lines = [HEAD, *(line for one in ids for line in sheet_lines(one, read_record(ids[one])))]
    folder.mkdir(parents=True, exist_ok=True)
    write_whole(folder / f"sheet_{name}.txt", ["\n".join(lines).encode()])
    key |= {identity: str(path.resolve()) for identity, path in ids.items()}
    write_whole(key_file, [json.dumps(key, indent=1).encode()])


def read_answers(path: Path) -> dict[str, Row]:
    """A reader's or a judge's lines by id."""
    lines = path.read_text(encoding="utf-8").splitlines()
    return {row["id"]: row for row in map(json.loads, filter(str.strip, lines))}


def check_marks(identity: str, marks: Sequence[Row], dialogue: Dialogue) -> Iterator[str]:
    """What is wrong with a reader's marks of a dialogue."""
    said = {turn.index for turn in dialogue.turns}
    for mark in marks:
        kind, speaker, onset, end = (mark.get(k) for k in ("kind", "speaker", "onset", "end"))
        if kind not in KINDS:
            yield f"{identity}: no kind {kind!r}"
        if speaker not in ("assistant", "user", "both"):
            yield f"{identity}: {kind}: no speaker {speaker!r}"
        if onset not in said or not (end is None or (end in said and end >= onset)):
            yield f"{identity}: {kind}: {onset} to {end} are not messages that were generated"


def find_open(readers: Sequence[Sequence[Row]], verdicts: Row) -> list[str]:
    """The kinds that one reader names and the other does not, and nobody judged.

    >>> find_open([[{"kind": "refusal"}, {"kind": "word_soup"}], [{"kind": "refusal"}]], {})
    ['word_soup']
    """
    one, other = ({mark["kind"] for mark in marks} for marks in readers)
    return sorted((one ^ other) - verdicts.keys())


def text_of(path: Path) -> str:
    """A record as gold.texts.jsonl keeps it: config, seed, models, turns and the end; no times."""
    kept: list[Row] = []
    for line in path.read_text(encoding="utf-8").split("\n"):
        row = json.loads(line) if line else {}
        if row.get("type") == "dialogue":
            row = {k: row[k] for k in ("type", "version", "config", "seed", "assistant", "user")}
            config = row["config"].items()
            row["config"] = {k: v for k, v in config if v is not None and k != "templates"}
            for side in ("assistant", "user"):
                row[side] = {name: row[side][name] for name in MODEL if name in row[side]}
        elif row.get("type") == "turn":
            row = {name: row[name] for name in KEPT if name in row}
        elif row.get("type") == "end":
            row.pop("elapsed_s", None)
        else:
            continue
        kept.append(row)
    return json.dumps({"record": kept})


def join(folder: Path, name: str) -> tuple[dict[str, Row], list[str]]:
    """(text -> its marks, what is open or wrong); whoever has no answer of both readers is left
    out and said so.
    """
    key = json.loads((folder / "key.json").read_text(encoding="utf-8"))
    answers = [read_answers(folder / f"{name}_{reader}.jsonl") for reader in (1, 2)]
    judged = folder / f"{name}_verdicts.jsonl"
    verdicts = read_answers(judged) if judged.is_file() else {}
    joined: dict[str, Row] = {}
    notes: list[str] = []
    for identity in sorted({*answers[0], *answers[1]}):
        if identity not in key or any(identity not in one for one in answers):
            notes.append(f"{identity}: not answered by both readers, or not in key.json; left out")
            continue
        path = Path(key[identity])
        readers = [one[identity]["findings"] for one in answers]
        dialogue = read_record(path)
        wrong = [note for marks in readers for note in check_marks(identity, marks, dialogue)]
        if wrong:
            notes += [f"{note}; left out" for note in wrong]
            continue
        row = {"readers": readers, "verdicts": verdicts.get(identity, {}).get("verdicts", {})}
        if reasons := verdicts.get(identity, {}).get("reasons"):
            row["reasons"] = reasons
        notes += [f"{identity}: open: {kind}" for kind in find_open(readers, row["verdicts"])]
        joined[text_of(path)] = row
    return joined, notes


def put_behind(joined: dict[str, Row], real: Path = REAL, source: str = "gold") -> int:
    """Put marks and texts behind a source's that are there; how many dialogues it has then."""
    marks_file, texts_file = real / f"{source}.jsonl", real / f"{source}.texts.jsonl"
    texts, rows = (
        path.read_text(encoding="utf-8").splitlines() if path.exists() else []
        for path in (texts_file, marks_file)
    )
    by_line = {row["line"]: row for row in map(json.loads, rows)}
    for text, row in joined.items():
        if text not in texts:
            texts.append(text)
        line = texts.index(text)
        by_line[line] = {"source": source, "line": line, "messages": None, **row}
    marks = [json.dumps(by_line[line], ensure_ascii=False) for line in sorted(by_line)]
    for path, lines in ((texts_file, texts), (marks_file, marks)):
        write_whole(path, ["".join(f"{line}\n" for line in lines).encode()])
    return len(by_line)


def main() -> None:
    """Write a sheet, or join what was read."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    commands = parser.add_subparsers(dest="command", required=True)
    sheet, joining = commands.add_parser("sheet"), commands.add_parser("join")
    for command in (sheet, joining):
        command.add_argument("folder", type=Path, metavar="FOLDER")
        command.add_argument("name", metavar="NAME")
    sheet.add_argument("records", type=Path, nargs="+", metavar="RECORD.jsonl")
    joining.add_argument("--write", metavar="SOURCE", help="into benchmarks/real/SOURCE*.jsonl")
    options = parser.parse_args()
    if options.command == "sheet":
        write_sheet(options.folder, options.name, options.records)
        return
    joined, notes = join(options.folder, options.name)
    print(*notes, sep="\n")
    print(f"{len(joined)} dialogues with the marks of both readers")
    if options.write:
        count = put_behind(joined, source=options.write)
        print(f"{count} dialogues in {options.write}.jsonl")


if __name__ == "__main__":
    main()
