"""The tables of options in docs/commands.md and v0/README.md, made from the scripts' help texts.

python -m tests.options            prints the documents' tables
python -m tests.options --write    puts them between their markers (`make docs` does)
"""

from __future__ import annotations

import argparse
import re
from collections.abc import Callable
from pathlib import Path

import analyze
import parrot
import view
from broken_record.batch import launch
from v0 import generate

ROOT = Path(__file__).parents[1]
Row = tuple[str, str]


def rows_of(parser: argparse.ArgumentParser) -> list[Row]:
    """Option and meaning of each option but --help."""
    rows = []
    for action in parser._actions:
        hidden = isinstance(action, argparse._HelpAction) or action.help == argparse.SUPPRESS
        if not action.option_strings or hidden:
            continue
        metavar = action.metavar or action.dest.upper()
        shown = metavar if isinstance(metavar, str) else " ".join(metavar)
        value = f" {shown}" if action.nargs != 0 else ""
        names = ", ".join(f"`{name}`" for name in action.option_strings)
        rows.append((names + value, (action.help or "") % {"default": action.default}))
    return rows


# script -> the document that has its table, and what makes the rows
TABLES: dict[str, tuple[str, Callable[[], list[Row]]]] = {
    "parrot.py": ("docs/commands.md", lambda: rows_of(parrot.make_parser())),
    "parrot.sh": ("docs/commands.md", lambda: rows_of(launch.make_parser())),
    "analyze.py": ("docs/commands.md", lambda: rows_of(analyze.make_parser())),
    "view.py": ("docs/commands.md", lambda: rows_of(view.make_parser())),
    "v0.generate": ("v0/README.md", lambda: rows_of(generate.make_parser())),
}


def table(rows: list[Row]) -> str:
    """Markdown, with what Markdown or HTML would take for their own escaped."""
    cells = [[re.sub(r"([|<*])", r"\\\1", cell) for cell in row] for row in rows]
    return "\n".join(["| option | meaning |", "|---|---|", *(f"| {a} | {b} |" for a, b in cells)])


def renewed(document: str) -> str:
    """The text of a document with its tables made anew; ValueError where markers are missing."""
    text = (ROOT / document).read_text(encoding="utf-8")
    for script, (where, rows) in TABLES.items():
        if where == document:
            begin, end = (f"<!-- options of {script}: {edge} -->" for edge in ("begin", "end"))
            before, rest = text.split(f"{begin}\n")
            _, after = rest.split(end)
            text = f"{before}{begin}\n{table(rows())}\n{end}{after}"
    return text


def main() -> None:
    parser = argparse.ArgumentParser(description="the tables of options in the documents")
    parser.add_argument("--write", action="store_true", help="put them into the documents")
    write = parser.parse_args().write
    if not write:
        for script, (document, rows) in TABLES.items():
            print(f"{script} in {document}\n\n{table(rows())}\n")
        return
    for document in {document for document, _ in TABLES.values()}:
        (ROOT / document).write_text(renewed(document), encoding="utf-8")


if __name__ == "__main__":
    main()
