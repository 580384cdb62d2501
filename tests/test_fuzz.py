"""Whatever a file holds: a right result or a named error, never a traceback (tests/fuzz.py).

`make test` tries every so-manieth input and a few drawn ones, `make test-all` all and many.
"""

from __future__ import annotations

import json
import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests import limits
from tests.fuzz import (
    LINES,
    RECORD,
    SURFACES,
    TEXTS,
    VALUES,
    Tried,
    both,
    places_of,
    put,
    try_surface,
)

EVERY = {"record": 23, "config": 23, "card": 23, "chat": 53, "thresholds": 29, "run": 7, "names": 7}


@pytest.mark.parametrize("name", SURFACES)
def test_what_a_file_may_hold_is_read_or_named(name):
    tried = try_surface(name, every=EVERY.get(name, 5))
    assert tried.right + tried.named > 20 and not tried.broken, tried.broken[:5]


@pytest.mark.slow
@pytest.mark.parametrize("name", SURFACES)
def test_whatever_a_file_may_hold_is_read_or_named(name):
    tried = try_surface(name)
    assert tried.right + tried.named > 100 and not tried.broken, tried.broken[:5]


@st.composite
def records(draw):
    """A record with some of its fields and lines changed, and perhaps cut off."""
    lines = []
    for line in RECORD:
        value = line
        odd = draw(st.lists(st.sampled_from([*VALUES, *map(json.dumps, TEXTS)]), max_size=2))
        for text in odd:
            place = draw(st.sampled_from([place for place in places_of(line) if place]))
            value = put_anyway(value, place, f"@@{text}@@")
        text = json.dumps(value)
        for one in odd:
            text = text.replace(json.dumps(f"@@{one}@@"), one)
        lines.append(text)
    kept = draw(st.lists(st.sampled_from([*lines, *LINES]), max_size=4))
    order = draw(st.permutations(lines)) if draw(st.booleans()) else lines
    data = "\n".join([*order, *kept, ""]).encode("utf-8", "surrogatepass")
    return data[: draw(st.integers(1, len(data)))] if draw(st.booleans()) else data


def put_anyway(value, place, mark):
    try:
        return put(value, place, mark)
    except (KeyError, IndexError, TypeError, ValueError):  # the place went with an earlier change
        return value


def check_record(data):
    tried = Tried()
    with tempfile.TemporaryDirectory() as folder:
        tried.add("a record", lambda: both(Path(folder), data))
    assert not tried.broken, tried.broken


@settings(max_examples=60, derandomize=True)
@given(data=records())
def test_a_record_changed_in_several_places_is_read_or_named(data):
    check_record(data)


@pytest.mark.slow
@settings(max_examples=3000, derandomize=True)
@given(data=records())
def test_records_changed_in_many_places_are_read_or_named(data):
    check_record(data)


def test_the_limits_in_the_document_are_those_of_the_code():
    page = limits.PAGE.read_text(encoding="utf-8")
    assert limits.table() in page and limits.renewed(page) == page
