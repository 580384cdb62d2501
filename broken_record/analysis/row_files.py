"""dialogues.csv and findings.csv: the rows of a run (rows.py) for spreadsheets and statistics.

RFC 4180 in UTF-8, a head of column names, an empty cell where nothing was measured. A spreadsheet
runs text that begins with one of = + - @ as a formula, so an apostrophe stands before it, as before
a tab or a carriage return; control characters are escaped as on a terminal.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from broken_record.analysis.report import DialogueReport, Unreadable
from broken_record.analysis.rows import (
    DIALOGUE_COLUMNS,
    FINDING_COLUMNS,
    Row,
    dialogue_row,
    finding_rows,
)
from broken_record.files.whole import written_whole
from broken_record.terminal import escape_controls

DIALOGUES_FILE, FINDINGS_FILE = "dialogues.csv", "findings.csv"
Entries = Iterator[DialogueReport | Unreadable]


def with_tables(folder: Path, run: str, entries: Entries) -> Entries:
    """The entries, written into both files as they pass, each file whole or not at all; LogError
    names the one that cannot be written.
    """
    entries = with_table(
        folder / DIALOGUES_FILE, DIALOGUE_COLUMNS, lambda entry: [dialogue_row(run, entry)], entries
    )
    return with_table(
        folder / FINDINGS_FILE, FINDING_COLUMNS, lambda entry: finding_rows(run, entry), entries
    )


def with_table(
    path: Path,
    columns: Iterable[str],
    rows_of: Callable[[DialogueReport], Iterable[Row]],
    entries: Entries,
) -> Entries:
    """The entries, whose rows are written into a file as they pass."""
    with written_whole(path) as file:
        file.write(csv_line(columns))
        for entry in entries:
            if isinstance(entry, DialogueReport):
                file.writelines(csv_line(row.values()) for row in rows_of(entry))
            yield entry


def csv_line(cells: Iterable[object]) -> bytes:
    r"""A line of a table.

    >>> csv_line(["refusal", None, 0.5, "a, b"])
    b'refusal,,0.5,"a, b"\r\n'
    """
    line = io.StringIO(newline="")
    csv.writer(line).writerow(harmless(one) if isinstance(one, str) else one for one in cells)
    return line.getvalue().encode("utf-8")


def harmless(text: str) -> str:
    r"""A cell's text that no spreadsheet takes for a formula and no terminal for a command.

    >>> harmless("=1+1"), harmless("a\x1b[2J"), harmless("1-1")
    ("'=1+1", 'a\\x1b[2J', '1-1')
    """
    mark = "'" if text.startswith(("=", "+", "-", "@", "\t", "\r")) else ""
    return mark + escape_controls(text)
