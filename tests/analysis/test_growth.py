"""The law that an analysis is about linear: twice the text takes 2 to 2.5 times as long, in CPU
seconds. Eight times the text may take 3 ** 3 times here, since a busy machine is noisy; what is
quadratic takes 64. Where there are more segments to the text the longer it is, by chance among ten
or twenty words, the time grows as they do and no faster.
"""

from __future__ import annotations

import random
import time

import pytest

from broken_record.analysis.segments import find_segments
from broken_record.data import Dialogue, Turn
from broken_record.detectors.single_turn_loop import detect
from broken_record.text.transcript import Transcript

ALLOWED = 3**3


def de_bruijn(order):
    """2 ** order words of two kinds, in which no window of `order` words stands twice."""
    said = [0] * order
    seen = {tuple(said)}
    while True:
        ends = [(*said[1 - order :], word) for word in (1, 0)]
        new = next((end for end in ends if end not in seen), None)
        if new is None:
            return " ".join("ab"[word] for word in said)
        seen.add(new)
        said.append(new[-1])


def draw(count, kinds, weights=None):
    words = [f"w{k}" for k in range(kinds)]
    return " ".join(random.Random(1).choices(words, weights, k=count))


def zipf(count):
    return draw(count, 3000, [1 / (k + 1) for k in range(3000)])


def open_alike(count):
    return " ".join(f"I think that we should all go w{k} and x{k}" for k in range(count // 10))


def cpu_s(function, argument):
    """The least of three times."""
    times = []
    for _ in range(3):
        begun = time.process_time()
        function(argument)
        times.append(time.process_time() - begun)
    return min(times)


@pytest.mark.parametrize(
    ("text", "small", "large"),
    [
        (de_bruijn, 12, 15),
        (lambda count: draw(count, 4), 2_500, 20_000),
        (zipf, 20_000, 160_000),
        (open_alike, 10_000, 80_000),
    ],
    ids=["binary de Bruijn words", "soup of four words", "natural frequencies", "one opening"],
)
def test_segments_of_eight_times_the_text_are_found_in_linear_time(text, small, large):
    assert cpu_s(find_segments, text(large)) < ALLOWED * cpu_s(find_segments, text(small))


def test_segments_that_grow_faster_than_the_text_are_found_in_time_that_grows_as_they_do():
    small, large = draw(2_500, 10), draw(20_000, 10)
    growth = len(find_segments(large)) / len(find_segments(small))
    assert growth > 2 * 8  # so the law above cannot hold
    assert cpu_s(find_segments, large) < ALLOWED / 8 * growth * cpu_s(find_segments, small)


def yes_or_no(count):
    drawn = random.Random(1)
    turns = tuple(
        Turn(k, "user" if k % 2 else "assistant", drawn.choice(["Yes.", "No."]))
        for k in range(count)
    )
    return Dialogue({"agent_prefix": ""}, turns, status="done")


def test_loops_among_eight_times_the_turns_are_found_in_linear_time():
    def find(dialogue):
        detect(Transcript(dialogue))

    assert cpu_s(find, yes_or_no(16_000)) < ALLOWED * cpu_s(find, yes_or_no(2_000))
