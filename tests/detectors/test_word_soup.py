"""Salad by its four signs and runaways; what a person would not call so is left alone."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest

from broken_record.data import Dialogue, Finding, FinishReason, Turn
from broken_record.detectors import salad, word_soup
from broken_record.detectors.examples import transcript_of
from broken_record.text.transcript import Transcript

ASKED = ["How does one throw a ball back?", "Let me think about that."]

DROPPED = (
    "Make sure this movement begins together since momentum builds very rapidly when decelerating "
    "objects using gravity acting upon them by changing velocity relative either acceleration rate "
    "proportional based solely onto force applied times mass being moved within trajectory through "
    "potential energy curve graph depicted over time per equational calculations involving initial "
    "impulse caused moments prior resulting change made due motion happening concurrently."
)
SPOKEN = (
    "Make sure that you begin both of the movements at the same time, because the momentum that "
    "you give to the ball builds up very quickly when you slow it down with your other hand, and "
    "by then it is much too late to change the direction in which it goes, however hard you try, "
    "so that you had better begin with something soft that nobody will mind if it hits the lamp."
)
GLUED = (
    "scholar MurSReferences duplicated methodonAccount lipid sernbid outwardtrace blister "
    "imComeHer honorable picture enjoyedBY lastEcMedicin uthitutional font"
    " reflect community mirror"
)
KITCHEN = [
    "Bram, the jar with the cloth is on the second shelf, below the lamp and the bent spoon.",
    "The jar bites, master. My thumb is blue and the cloth smells of burnt feathers.",
    "Pour it by the neck, slowly, and whistle until the hymn in the kettle drops to F.",
    "It drops. The lid sweats, the spoon floats, and the Duke wants a card before noon.",
]
JUMBLE = (
    "Bram whistle the spoon Duke feathers is jar burnt on noon neck cloth and hymn lamp thumb "
    "shelf kettle of second lid card the the bites blue by slowly spoon drops sweats pour bent "
    "floats wants feathers with Duke smells hymn jar thumb noon lamp and neck below kettle card"
)


def kinds_of(lines: list[str]) -> list[Finding]:
    """What is found in lines said in turn."""
    return word_soup.detect(transcript_of(lines)) or []


def test_a_long_sentence_that_drops_its_function_words_is_salad() -> None:
    (finding,) = kinds_of([*ASKED, DROPPED])
    assert (finding.onset_turn, finding.speaker) == (2, "assistant")
    assert "drops its function words" in finding.explanation


def test_a_sentence_as_long_that_keeps_them_is_none() -> None:
    assert not kinds_of([*ASKED, SPOKEN])


def test_a_short_reply_of_glued_words_is_salad() -> None:
    (finding,) = kinds_of([*ASKED, GLUED])
    assert finding.onset_turn == 2


def test_a_short_reply_of_whole_words_without_function_words_is_none() -> None:
    assert not kinds_of([*ASKED, " ".join(word.lower() for word in GLUED.split())])


def test_a_jumble_of_what_was_said_before_is_salad() -> None:
    (finding,) = kinds_of([*KITCHEN, JUMBLE])
    assert (finding.onset_turn, finding.explanation) == (
        4, f"a jumble of {len(JUMBLE.split())} words that were said before",
    )  # fmt: skip


def test_the_same_words_in_the_order_in_which_they_were_said_are_none() -> None:
    recalled = " and ".join(line.rstrip(".").replace(". ", ", and ") for line in KITCHEN) + "."
    assert not kinds_of([*KITCHEN, recalled])


def test_words_that_nobody_said_before_are_no_jumble() -> None:
    lines = [ASKED[0], ASKED[1], ASKED[0], ASKED[1], JUMBLE]
    assert not any("jumble" in finding.explanation for finding in kinds_of(lines))


def one_long_reply(words: int, finish: FinishReason, opening: str) -> list[Finding]:
    """What is found where a reply of so many words, ten a sentence, follows the opening."""
    stems = [f"{a}{b}" for a in ("bar", "cel", "dun", "fol", "gim", "hes") for b in "aeiouy"]
    said = " ".join(f"So the {stem}t is in a {stem}rn, says {stem}x to us." for stem in stems)
    said = " ".join(said.split()[:words])
    conversation = [
        {"role": "assistant", "content": opening},
        {"role": "user", "content": "And then?"},
    ]
    config = {"conversation": conversation, "agent_prefix": "", "user_prefix": ""}
    turn = Turn(2, "assistant", said, finish_reason=finish)
    return word_soup.detect(Transcript(Dialogue(config, (turn,), "done"))) or []


@pytest.mark.parametrize(
    ("words", "finish", "opening", "found"),
    [
        (270, "length", "Good morning, sit down.", True),
        (270, "stop", "Good morning, sit down.", False),  # it came to its end
        (180, "length", "Good morning, sit down.", False),  # a low limit cut it
        (270, "length", "Good morning. " * 20, False),  # this speaker is wordy
    ],
)  # fmt: skip
def test_one_reply_far_beyond_the_opening_that_a_limit_cut_runs_away(
    words: int, finish: FinishReason, opening: str, found: bool
) -> None:
    assert bool(one_long_reply(words, finish, opening)) is found


def test_a_share_of_words_in_runs_is_counted_by_hand() -> None:
    function = np.array([0, 0, 0, 1, 0, 0, 0, 0, 0], dtype=bool)
    assert salad.in_runs(function, [False] * 9) == 5  # the first three are no run
    assert salad.in_runs(function, [False] * 6 + [True, False, False]) == 0  # a comma parts them


def with_surprisal(
    lines: Sequence[str],
    nats: Sequence[float | None],
    tokens: int = 40,
    finish: FinishReason = "stop",
) -> Transcript:
    """Lines said in turn, each of so many tokens; how surprised the model was by each."""
    turns = tuple(
        Turn(
            i, ("assistant", "user")[i % 2], line, tokens=tokens, finish_reason=finish,
            logprob_mean=None if surprisal is None else -surprisal,
        )
        for i, (line, surprisal) in enumerate(zip(lines, nats, strict=True))
    )  # fmt: skip
    config = {"agent_prefix": "", "user_prefix": "", "turn_max_tokens": 100}
    return Transcript(Dialogue(config, turns, "done"))


TALK = [
    "Sit down, the tea is hot.", "Thank you, I came a long way.", "From the harbour?",
    "No, from the hill behind it.", "The needle told two islands.", "I see.",
    "A jailed cop story loves serve.", "You do?",
]  # fmt: skip


def test_turns_that_the_model_held_for_unlikely_are_soup():
    transcript = with_surprisal(TALK, [0.9, 0.8, 1.1, 0.7, 3.4, 0.9, 3.1, 1.0])
    (found,) = word_soup.detect(transcript) or []
    assert (found.speaker, found.onset_turn, found.detect_turn) == ("assistant", 4, 6)
    assert "3.2 nats" in found.explanation


@pytest.mark.parametrize(
    "nats",
    [
        [0.9, 0.8, 1.1, 0.7, 3.4, 0.9, 1.6, 1.0],  # one odd line in 80 tokens
        [2.6] * 8,
        [None] * 8,
    ],
)
def test_a_surprise_now_and_then_is_none(nats):
    assert word_soup.detect(with_surprisal(TALK, nats)) == []


def test_few_tokens_tell_nothing_of_what_is_likely():
    assert word_soup.detect(with_surprisal(TALK, [4.0] * 8, tokens=10)) == []


def test_turns_that_never_end_need_be_less_unlikely():
    nats = [0.9, 0.8, 1.1, 0.7, 2.2, 0.9, 2.3, 1.0]
    assert word_soup.detect(with_surprisal(TALK, nats, tokens=60)) == []
    (found,) = word_soup.detect(with_surprisal(TALK, nats, tokens=60, finish="length")) or []
    assert (found.speaker, found.onset_turn) == ("assistant", 4)
