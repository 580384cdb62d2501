r"""What the lines of a turn are: talk, items of a list, headings, rows of a table, code, drawings.

Code stands in fences or looks like code (assignments, calls, tags, JSON, logs, dumps, listings of
files, columns of numbers); a drawing is a line that is mostly signs (frames, bars, dividers, ASCII
art). A fence does not make talk code: what is written in it like a sentence stays talk. Markdown's
marks before a line (bullets, numbers, quotes, hashes) belong to no line's words.

It does not know what repeats.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from broken_record.text.words import find_words, worth

Kind = Literal["talk", "item", "heading", "row", "code", "drawing"]

ITEM = re.compile(
    r"(?:[-*+\u2022\u2023\u25aa\u25cf\u25e6\u00b7\u2013\u2014][ \t]+(?:\[[ xX]\][ \t]+)?"
    r"|[(\uff08]?(?:\d{1,3}|[A-Za-z]|[ivxIVX]{1,4})[.)][ \t]+"
    r"|[(\uff08]?(?:\d{1,3}|[\u4e00\u4e8c\u4e09\u56db\u4e94\u516d\u4e03\u516b\u4e5d\u5341]{1,3})"
    r"(?:[\uff09\uff0e\u3001]|\.(?=\D)))"
)
HEADING = re.compile(r"#{1,6}[ \t]+")
ROW = re.compile(r"\|[^>]|[^|\n]*\s\|\s[^|\n]*\s\|\s|[^\t\n]+\t[^\t\n]+\t")
SUSPECT = re.compile(r"[{}();=<>|\\\[\]$_#@/\"%~]|\d|\t")
MARKED = re.compile(  # whatever else than plain talk has: marks before it, or suspect signs
    rf"^[^\w\s\"'(*\u2018\u201c\u300c]|^[*(]|^\w{{1,4}}[.):\uff09\uff0e\u3001]|{SUSPECT.pattern}"
    "|[\u2500-\u259f\u2800-\u28ff]"
)
CODE = re.compile(
    r"[{}()\[\]<>;,]+\s*$"  # closing marks alone
    r"|.*(?:[;{]|\)\s*:|=>|->)\s*$"  # how statements end
    r"|(?:[\w.\[\]'\"*-]+\s*)(?::=|[-+*/|&]?=)(?!=)\s*\S"  # x = ...
    r"|(?:[\w.]+\.)?\w+\([^()]*(?:\([^()]*\)[^()]*)*\)\s*[;,]?\s*$"  # call(...)
    r"|(?:def|class|import|from|return|elif|else:|try:|except|public|private|static|const|let|var"
    r"|function|fn|func|#include|using|package|SELECT|INSERT|UPDATE|CREATE)\b.*[(:;={.*]"
    r"|(?:if|for|while|with)\b.*:\s*$"
    r"|</?[A-Za-z][^<>]*>|.*</\w+>\s*$"  # tags
    r"|\"[^\"]*\"\s*:\s|[{\[]\s*[\"'{\[\d]"  # JSON
    r"|[$%]\s+\S|[\w.-]+@[\w.-]+[:~ ]|[A-Z]:\\|[./~]*(?:/[\w.@+-]+){2,}\S*\s*$"  # shells and paths
    r"|[-dlbcps][-rwxsStT]{9}|total \d+\s*$"  # ls -l
    r"|(?:0x)?[0-9a-fA-F]{4,}[:\s]+(?:[0-9a-fA-F]{2,8}[\s|]+){3}"  # dumps
    r"|\[?\d{4}-\d\d-\d\d[T ,]|\[?\d\d:\d\d:\d\d|\[?(?:INFO|WARN|WARNING|ERROR|DEBUG|TRACE)\b"
)
DRAWN = re.compile(r"[\u2500-\u259f\u2800-\u28ff]")
LETTERS = re.compile(r"[^\W\d_]")
LEAST_WORDS = 4  # of a fenced line that is talk
RULER = re.compile(r"([^\w\s]|_)\1{2,}")
SIGN = re.compile(r"[^\w\s]|_")
CODE_SIGNS = re.compile(r"[{}();=<>|\\\[\]$_#@+]")


@dataclass(frozen=True, slots=True)
class Line:
    """A line that is not blank: its offsets, those of what follows its marks, and what it is."""

    start: int
    begins: int
    end: int
    kind: Kind


def lines_of(text: str) -> Iterator[Line]:
    r"""The lines of a text that are not blank, fences left out.

    >>> [(text[line.begins : line.end], line.kind) for text in ["Look:\n- one\nx = 1\n+--+"]
    ...  for line in lines_of(text)]
    [('Look:', 'talk'), ('one', 'item'), ('x = 1', 'code'), ('+--+', 'drawing')]
    """
    in_fence = False
    start = 0
    for raw in text.split("\n"):
        end = start + len(raw)
        line = raw.lstrip()
        if line.startswith(("```", "~~~", "> ```")):
            in_fence = not in_fence and raw.count("```") != 2
            line = ""
        while line.startswith(">"):
            line = line[1:].lstrip()
        if line:
            kind, marks = kind_of(line.rstrip(), in_fence)
            yield Line(start, end - len(line) + marks, end, kind)
        start = end + 1


def kind_of(line: str, in_fence: bool) -> tuple[Kind, int]:
    """What a line is, and how many characters of marks stand before it."""
    if not in_fence and not MARKED.search(line):
        return "talk", 0
    if not in_fence and (heading := HEADING.match(line)):
        return "heading", heading.end()
    item = ITEM.match(line)
    marks = item.end() if item else 0
    if in_fence and not is_sentence(line[marks:]):
        return ("drawing" if is_drawn(line) else "code"), 0
    if SUSPECT.search(line, marks) or not LETTERS.search(line):
        if is_drawn(line):
            return "drawing", 0
        if ROW.match(line):
            return "row", 0
        digits = sum(map(str.isdigit, line[marks:]))
        if CODE.match(line, marks) or digits > len(LETTERS.findall(line)):
            return "code", 0
    elif DRAWN.search(line):
        return "drawing", 0
    return ("item", marks) if item else ("talk", 0)


def is_sentence(line: str) -> bool:
    """Whether a fenced line is talk: some words, and no sign or word of code."""
    if CODE_SIGNS.search(line) or CODE.match(line):
        return False
    return sum(worth(word.text) for word in find_words(line)) >= LEAST_WORDS


def is_drawn(line: str) -> bool:
    """Whether a line is drawn: with characters for drawing, or mostly with signs."""
    if DRAWN.search(line):
        return True
    short = RULER.sub(r"\1", line)  # "Name: ________" is talk
    signs = SIGN.findall(short)
    written = len(LETTERS.findall(line)) + sum(map(str.isdigit, line))
    return len(signs) > written and all(sign < "\u2190" for sign in signs)
