r"""Server-sent events from bytes: lines end at \n, \r or \r\n only and are decoded after the split.

Text splitting would also break lines at U+2028 and U+0085, which llama-server sends raw inside its
JSON. Comments (`: keep-alive`) and fields other than `data` are passed over; `error: {...}`, which
llama.cpp of 2024 and 2025 sends in place of an event, is passed on under its own name, and a bare
line of JSON, which is an answer where events were expected, under none. Format:
https://html.spec.whatwg.org/multipage/server-sent-events.html
"""

from __future__ import annotations

import math
import re
import time
from collections.abc import Callable, Iterable, Iterator

from broken_record.engines.limits import LINE

LINE_END = re.compile(rb"\r\n|\n|\r")
BYTE_ORDER_MARK = b"\xef\xbb\xbf"


def split_lines(pieces: Iterable[bytes], longest: int = LINE.value) -> Iterator[bytes]:
    r"""The lines of a byte stream, however it was cut; the last one needs no line end.

    Every byte is looked at once. ValueError at a line of more than `longest` bytes.

    >>> list(split_lines([b"a\r", b"\nb\r\rc"]))
    [b'a', b'b', b'', b'c']
    """
    begun: list[bytes] = []
    size = 0
    behind_cr = False  # the line has ended; a \n that follows belongs to its end
    for piece in pieces:
        if not piece:
            continue
        first, *others = LINE_END.split(piece[1:] if behind_cr and piece[:1] == b"\n" else piece)
        behind_cr = piece.endswith(b"\r")
        begun.append(first)
        size += len(first)
        for other in others:
            yield b"".join(begun)
            begun, size = [other], len(other)
        if size > longest:
            raise ValueError(f"a line of the stream is longer than {longest:,} bytes")
    if size:
        yield b"".join(begun)


def read_events(
    pieces: Iterable[bytes],
    silence_s: float = math.inf,
    clock: Callable[[], float] = time.monotonic,
) -> Iterator[tuple[str, str]]:
    r"""(field, value) of every data and error line, and of a line of bare JSON as ("", line).

    Every server of this family writes one data line an event, and some end without the blank line
    that closes it, so lines count, not blank lines. ValueError where bytes come for longer than
    `silence_s`, but no event among them.

    >>> list(read_events([b": ping\n\ndata: 1\n", b"\ndata: [DONE]"]))
    [('data', '1'), ('data', '[DONE]')]
    """
    heard = clock()

    def in_time() -> Iterator[bytes]:
        for piece in pieces:
            if clock() - heard > silence_s:
                raise ValueError(f"nothing but keep-alives for {silence_s:g} s")
            yield piece

    for number, whole in enumerate(split_lines(in_time())):
        line = whole.removeprefix(BYTE_ORDER_MARK) if number == 0 else whole
        field, colon, value = line.partition(b":")
        if line.startswith(b"{"):
            field, colon, value = b"", b":", line
        elif field not in (b"data", b"error"):
            continue
        if colon:
            yield field.decode(), value.removeprefix(b" ").decode("utf-8", errors="replace")
            heard = clock()
