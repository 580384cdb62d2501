r"""The JSON values in a file, one after the other, in memory that does not grow with the file.

    lines      a value a line (.jsonl); a line that is none is a Problem, and the next one is read
    documents  one value over many lines, or several; of an array the items, where each is something
               by itself, so that an array of any size can be read
    rows       of a Parquet file (pyarrow)

Which of the first two it is, is told by the first megabyte, not by the file's name. Text is UTF-8,
or UTF-16 and UTF-32 with a byte order mark, gzip'ed or not; lines end at \n, \r\n or \r. This
module does not know what a conversation is.
"""

from __future__ import annotations

import codecs
import gzip
import io
import json
import re
import zlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

from broken_record.errors import LogError
from broken_record.files.whole import check_regular

CHUNK = 2**20
LONGEST_TOKEN = 64  # characters from the end where a value may seem wrong that is only not whole
BLANK = re.compile("[ \t\r\n\ufeff]*")
DECODER = json.JSONDecoder()
MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"), (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16"),
)  # fmt: skip
FOREIGN = {
    b"PK\x03\x04": "a ZIP archive; unpack it, and name the .json inside",
    b"\x89PNG": "a picture; a character card goes into a config's `card`",
    b"RIFF": "a picture or a sound",
    b"\xff\xd8\xff": "a picture",
    b"%PDF": "a PDF",
    b"SQLite format 3": "a database; export the chats from the program that wrote it",
    b"ARROW1": "an Arrow file; save it as Parquet or JSON",
    b"<": "a web page; export the chats as JSON",
    b"---\n": "YAML or Markdown; export the chats as JSON",
}
"""How files begin that are no chats, and what they are."""


@dataclass(frozen=True, slots=True)
class Value:
    """A value, the line it begins at, and its place in words."""

    line: int
    where: str
    value: Any


@dataclass(frozen=True, slots=True)
class Problem:
    """What could not be read, and where."""

    where: str
    what: str


class Window:
    """The part of a text that is being read: it grows at its end, and what was read is dropped."""

    def __init__(self, chunks: Iterable[str]) -> None:
        self.chunks = iter(chunks)
        self.text = ""
        self.position = 0
        self.line = 1

    def grow(self) -> bool:
        """Read as much again, at least a chunk; whether there was more."""
        rest = self.text[self.position :]
        more, size = [rest], 0
        while size < max(len(rest), CHUNK) and (chunk := next(self.chunks, None)) is not None:
            more.append(chunk)
            size += len(chunk)
        if size:
            self.text, self.position = "".join(more), 0
        return size > 0

    def move(self, position: int) -> None:
        """Go on reading there."""
        self.line += self.text.count("\n", self.position, position)
        self.position = position

    def peek(self) -> str:
        """The next character that is not blank; empty at the end."""
        while True:
            blank = BLANK.match(self.text, self.position)
            self.move(blank.end() if blank else self.position)
            if self.position < len(self.text) or not self.grow():
                return self.text[self.position : self.position + 1]

    def take_line(self) -> str:
        """The rest of the line, and its end."""
        while (end := self.text.find("\n", self.position)) < 0 and self.grow():
            pass
        start, end = self.position, end + 1 if end >= 0 else len(self.text)
        self.move(end)
        return self.text[start:end]

    def take_value(self) -> Any:
        """The value that begins here; ValueError or RecursionError where there is none."""
        while True:
            try:
                value, end = DECODER.raw_decode(self.text, self.position)
            except json.JSONDecodeError as error:
                near_end = error.pos > len(self.text) - LONGEST_TOKEN
                open_string = error.msg.startswith("Unterminated string")
                if not (near_end or open_string) or not self.grow():
                    raise
                continue
            if end < len(self.text) or isinstance(value, dict | list | str) or not self.grow():
                self.move(end)
                return value


def read_values(
    chunks: Iterable[str], is_whole: Callable[[Any], bool] = lambda item: False
) -> Iterator[Value | Problem]:
    r"""The values of a text. `is_whole` says of an array's first item whether its items are values
    of their own.

    >>> [found.value for found in read_values(['{"a": 1}\n', '{"a": 2}'])]
    [{'a': 1}, {'a': 2}]
    >>> [found.where for found in read_values(["[[1], [2]]"], lambda item: True)]
    ['item 1', 'item 2']
    """
    window = Window(chunks)
    first = window.peek()
    if first == "[" or (first == "{" and not is_in_lines(window)):
        yield from read_documents(window, is_whole)
        return
    while window.peek():
        number = window.line
        try:
            yield Value(number, f"line {number}", json.loads(window.take_line()))
        except (ValueError, RecursionError):
            yield Problem(f"line {number}", "is not JSON")


def is_in_lines(window: Window) -> bool:
    """Whether every line is a value: the first is one, or another one that begins with a brace, as
    no line inside of an object that is printed prettily does.
    """
    first, newline, others = window.text[window.position :].partition("\n")
    if not newline or is_json(first):
        return True
    return any(is_json(line) for line in others.split("\n")[:-1] if line.startswith("{"))


def is_json(text: str) -> bool:
    """Whether a text is one JSON value."""
    try:
        json.loads(text)
    except (ValueError, RecursionError):
        return False
    return True


def read_documents(
    window: Window, is_whole: Callable[[Any], bool]
) -> Iterator[Value | Problem]:  # fmt: skip
    """The values of a text, however many lines each takes."""
    while window.peek():
        start = window.line
        try:
            if window.peek() == "[":
                yield from read_array(window, is_whole)
            else:
                yield Value(start, f"line {start}", window.take_value())
        except json.JSONDecodeError as error:
            line = window.line + window.text.count("\n", window.position, error.pos)
            if line != start and error.doc[error.pos - 1 : error.pos + 1] in ("\n[", "\n{"):
                yield Problem(f"line {start}", "is not JSON")  # torn: another one begins
                window.move(error.pos)
                continue
            if line != start:
                yield Problem(f"line {line}", f"is JSON up to here, and then not: {error.msg}")
                return
            yield Problem(f"line {start}", "is not JSON")
            window.take_line()
        except (ValueError, RecursionError):
            yield Problem(f"line {start}", "is not JSON")
            window.take_line()


def read_array(window: Window, is_whole: Callable[[Any], bool]) -> Iterator[Value]:
    """The items of an array, or the whole of it where they are nothing by themselves."""
    start = window.line
    items = read_items(window)
    first = next(items, None)
    if first is None or not is_whole(first[1]):
        kept = [] if first is None else [first[1]]
        yield Value(start, f"line {start}", kept + [item for _, item in items])
        return
    yield Value(first[0], "item 1", first[1])
    for number, (line, item) in enumerate(items, 2):
        yield Value(line, f"item {number}", item)


def read_items(window: Window) -> Iterator[tuple[int, Any]]:
    """(line, item) of the array that begins here."""
    window.move(window.position + 1)
    while window.peek() != "]":
        line = window.line
        yield line, window.take_value()
        if window.peek() == ",":
            window.move(window.position + 1)
        elif window.peek() != "]":
            raise json.JSONDecodeError("Expecting ',' or ']'", window.text, window.position)
    window.move(window.position + 1)


def read_file(
    path: Path,
    is_whole: Callable[[Any], bool],
    progress: Callable[[int], object] = lambda size: None,
) -> Iterator[Value | Problem]:
    """The values of a file; `progress` is told how many bytes were read. LogError where it is no
    text, or what it is instead.
    """
    try:
        check_regular(path)
        with path.open("rb") as file:
            head = file.read(16)
            file.seek(0)
            if head.startswith(b"PAR1"):
                yield from read_rows(path, progress)
            else:
                yield from read_values(read_text(file, path.name, progress), is_whole)
    except OSError as error:
        raise LogError(f"{path}: cannot be read: {error.strerror or error}") from error


def read_text(
    file: BinaryIO, name: str, progress: Callable[[int], object] = lambda size: None
) -> Iterator[str]:
    """The text of an open file, a chunk at a time."""
    zipped = file.read(2) == b"\x1f\x8b"
    file.seek(0)
    stream: Any = gzip.GzipFile(fileobj=file) if zipped else file
    decoder: io.IncrementalNewlineDecoder | None = None
    before = 0
    try:
        while chunk := stream.read(CHUNK):
            progress(file.tell() - before)
            before = file.tell()
            if decoder is None:
                check_text(chunk, name)
                decoder = io.IncrementalNewlineDecoder(decoder_of(chunk), translate=True)
            yield decoder.decode(chunk)
        if decoder is not None:
            yield decoder.decode(b"", final=True)
    except UnicodeDecodeError as error:
        raise LogError(f"{name}: is not UTF-8 text") from error
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise LogError(f"{name}: its gzip stream is damaged or cut off") from error


def check_text(head: bytes, name: str) -> None:
    """LogError where a file begins like something that is known not to hold JSON."""
    begins = head.lstrip(b"\xef\xbb\xbf \t\r\n")
    for magic, what in FOREIGN.items():
        if begins.startswith(magic):
            raise LogError(f"{name}: expected chats as JSON, found {what}")


def decoder_of(head: bytes) -> codecs.IncrementalDecoder:
    """The decoder of a text by its byte order mark, or by the zeros in a brace of two bytes."""
    encoding = next((name for mark, name in MARKS if head.startswith(mark)), "utf-8")
    if head[:2] in (b"{\0", b"[\0"):
        encoding = "utf-16-le"
    elif head[:2] in (b"\0{", b"\0["):
        encoding = "utf-16-be"
    return codecs.getincrementaldecoder(encoding)()


def read_rows(path: Path, progress: Callable[[int], object]) -> Iterator[Value]:
    """The rows of a Parquet file."""
    try:
        import pyarrow.parquet as pq
        from pyarrow import ArrowException
    except ImportError as error:
        raise LogError(f"{path.name}: is a Parquet file; pip install pyarrow reads it") from error
    try:
        table = pq.ParquetFile(path)
        size, number = path.stat().st_size, 0
        for batch in table.iter_batches(batch_size=500):
            for row in batch.to_pylist():
                number += 1
                yield Value(number, f"row {number}", row)
            progress(size * batch.num_rows // table.metadata.num_rows)
    except (ArrowException, OSError) as error:
        raise LogError(f"{path.name}: is a Parquet file that cannot be read: {error}") from error
