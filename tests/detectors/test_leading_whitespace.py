"""White space in front of replies, and what is laid out on purpose."""

from __future__ import annotations

import pytest

from broken_record.detectors.examples import transcript_of
from broken_record.detectors.leading_whitespace import detect

LAID_OUT = {
    "a drawing": "          /\\_/\\\n         ( o.o )\n          > ^ <",
    "code": "            def area(self):",
    "JSON": '          {"name": "ferry"}',
    "a table": "            | day | ferry |\n            | Monday | seven |",
    "verse": "          far away\n     a bell rings twice\nand then no more",
    "a centred title": "                  THE CLOCK\n\n            a farce in two acts\n",
}


def said_with(*replies):
    """The replies with an answer between each two."""
    return transcript_of([text for reply in replies for text in (reply, "I see.")][:-1])


@pytest.mark.parametrize("name", LAID_OUT)
def test_the_indentation_of_what_is_laid_out_is_no_finding(name):
    plain = "Here it comes."
    assert detect(said_with(plain, plain, *[LAID_OUT[name]] * 3)) == []
    assert detect(said_with(plain, plain, *["          Well, yes."] * 3))


def test_blank_lines_before_what_is_laid_out_count():
    found = detect(said_with("Here.", "\n" * 40 + LAID_OUT["a drawing"])) or []
    assert [(f.onset_turn, f.spans[0].end) for f in found] == [(2, 40)]


def test_an_empty_reply_is_not_white_space_before_one():
    assert detect(said_with("Here.", " " * 128, " " * 128, "Here.")) == []


def test_who_always_begins_with_a_blank_and_a_single_reply_are_no_finding():
    assert detect(said_with(*[" Yes, I see."] * 8)) == []
    assert detect(said_with("\n\nYes, I see.")) == []
