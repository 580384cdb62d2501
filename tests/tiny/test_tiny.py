from __future__ import annotations

import random
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from broken_record.tiny.corpus import (
    GRAMMAR_FILE,
    NAMES,
    as_messages,
    draw,
    read_grammar,
    scene_writer,
)
from broken_record.tiny.network import Shape, weight_shapes
from broken_record.tiny.train import positions_with_gap

EXCHANGES = read_grammar(GRAMMAR_FILE.read_text(encoding="utf-8"))


def test_every_exchange_has_alternatives_of_every_part():
    assert len({exchange.topic for exchange in EXCHANGES}) == 25
    for exchange in EXCHANGES:
        for lines in (exchange.openers, exchange.replies, exchange.reactions):
            assert len(lines) >= 4 and len(set(lines)) == len(lines), exchange.topic


def test_every_drawn_line_is_one_clean_sentence_or_more():
    rng = random.Random(0)
    for exchange in EXCHANGES:
        for line in (*exchange.openers, *exchange.replies, *exchange.reactions):
            said = draw(line, rng)
            assert said[0].isupper() and said[-1] in ".?!", said
            assert "  " not in said and not set('[]|*":') & set(said), said


def test_an_exchange_that_lacks_a_part_is_named():
    with pytest.raises(ValueError, match="'tea': an exchange lacks"):
        read_grammar("# tea\n\n? Tea?\n= Yes.")


@given(seed=st.integers(0, 10**6), turns=st.integers(1, 30))
def test_a_scene_alternates_and_is_the_same_for_the_same_seed(seed, turns):
    scene = scene_writer(seed).scene(turns)
    assert scene == scene_writer(seed).scene(turns) and len(scene) == turns
    assert all(one[0] != two[0] for one, two in pairwise(scene))
    assert all(said.count('"') == 2 and "\n" not in said for _, said in scene)


@pytest.mark.parametrize("plays", NAMES)
def test_messages_carry_the_prefix_and_the_role_of_who_plays(plays):
    messages = as_messages(scene_writer(1).scene(6), plays, random.Random(3))
    spoken = [message for message in messages if message.role != "system"]
    assert len(spoken) == 6
    for message in spoken:
        name = message.content.partition(":")[0]
        assert (message.role == "assistant") == (name == plays)


@given(seed=st.integers(0, 1000), length=st.integers(2, 50), context=st.integers(2, 200))
def test_positions_rise_and_stay_in_the_context(seed, length, context):
    positions = positions_with_gap(length, context, random.Random(seed))
    assert len(positions) == length
    assert all(one < two for one, two in pairwise(positions))
    assert positions[-1] < max(context, length)


def test_every_matrix_row_can_be_quantised():
    for name, size in weight_shapes(Shape()).items():
        assert size[-1] % 32 == 0, name
