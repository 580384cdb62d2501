"""Openings, closes and role tokens that come again: what counts, and what must be left alone."""

from __future__ import annotations

from pathlib import Path

import pytest

from broken_record.detectors import (
    apostrophe_break,
    prefix_repetition,
    role_leak,
    suffix_repetition,
)
from broken_record.detectors.examples import transcript_of
from broken_record.detectors.find import find_loops_and_breaks
from broken_record.files.read import read_dialogue
from broken_record.text.transcript import Transcript

DATA = Path(__file__).parents[1] / "data" / "truth"
RESTS = [
    "The sea was calm and nobody spoke.", "My aunt counted every spoon we owned.",
    "Bees sleep in the foxgloves when it rains.", "A tuba fell down the chapel stairs.",
    "We painted the kitchen green in June.", "The fox left one shoe behind the shed.",
    "Eleven candles stood on the piano.", "He sold his boat to a dentist.",
]  # fmt: skip


def talk(lines):
    """Lines of the assistant with a short answer between each two."""
    answers = ["Yes.", "Go on, then.", "How so?", "Since when?", "Oh.", "Right you are.", "Hm?"]
    said = []
    for line, answer in zip(lines, [*answers, ""], strict=False):
        said += [line, answer]
    return transcript_of(said[:-1])


def marks(findings):
    return [(f.speaker, f.onset_turn, f.end_turn, f.copies) for f in findings]


def read_case(name):
    path = DATA / f"{name}.jsonl"
    dialogue = read_dialogue(path)[0]
    return Transcript(dialogue)


def test_a_close_that_comes_again_is_told_over_the_whole_dialogue():
    (found,) = suffix_repetition.detect(read_case("closing_template"))
    assert marks([found]) == [("assistant", 2, None, 8)]
    assert found.level == "break"


def test_template_tokens_and_the_other_sides_turns_are_a_role_leak():
    (found,) = role_leak.detect(read_case("role_leak"))
    assert marks([found]) == [("user", 1, None, 1)]


VOCATIVES = ["My dear friend, my light", "My dear friend, my light, my star",
             "My dear friend, my light, my star, my only moon",
             "My dear friend, my light, my star, my only moon, my sun of suns",
             "My dear friend, my light, my star, my only moon, my sun of suns, my all"]  # fmt: skip
OPENINGS = {
    "a slot in the first eight words": [
        f"You have such a {word} way of telling old stories. {rest}"
        for word, rest in zip(("lovely", "quiet", "brave", "strange"), RESTS, strict=False)
    ],
    "short, six turns running": [f"I must admit {rest}" for rest in RESTS[:6]],
    "a lengthening vocative": [
        f"{vocative}, {rest}" for vocative, rest in zip(VOCATIVES, RESTS, strict=False)
    ],
    "behind a label": [f"Ida: Let me say this much first of all. {rest}" for rest in RESTS[:4]],
}
CLOSES = {
    "an open end": [
        f"{rest} {RESTS[-1]} Can you feel how the {word} changes when you think about {end}?"
        for rest, word, end in zip(RESTS[:4], ("air", "light", "hum", "room"),
                                   ("honey", "Thursday", "wrong notes", "spoons"), strict=False)
    ],
    "short, six turns running": [f"{rest} So they say" for rest in RESTS[:6]],
    "the sentence before the last": [
        f"{rest} {other} Please note that schedules may change without any notice. So {other}"
        for rest, other in zip(RESTS[:4], RESTS[4:], strict=True)
    ],
}  # fmt: skip


@pytest.mark.parametrize("name", OPENINGS)
def test_an_opening_that_comes_again_is_found(name):
    (found,) = prefix_repetition.detect(talk(OPENINGS[name]))
    assert found.speaker == "assistant" and found.copies >= 4


@pytest.mark.parametrize("name", CLOSES)
def test_a_close_that_comes_again_is_found(name):
    (found,) = suffix_repetition.detect(talk(CLOSES[name]))
    assert found.speaker == "assistant" and found.copies >= 4


@pytest.mark.parametrize(
    "lines",
    [
        [f"{rest} Yours, Ida" for rest in RESTS],
        [f"Ida: {rest}" for rest in RESTS],
        [f"*nods slowly* {rest}" for rest in RESTS],
        [f"wren@attic:~$ cat {rest}" for rest in RESTS],
        [f"I must admit {rest}" for rest in RESTS[:5]],
        [f"{rest} So they say" for rest in RESTS[:5]],
    ],
    ids=["signed", "label", "stage direction", "prompt", "five openings", "five closes"],
)
def test_a_name_a_direction_a_prompt_or_five_short_ones_are_left_alone(lines):
    assert prefix_repetition.detect(talk(lines)) == []
    assert suffix_repetition.detect(talk(lines)) == []


def test_a_close_that_is_one_phrase_again_and_again_is_a_repeat_inside_the_turn():
    lines = [f"{rest} {'I am so sorry for it, ' * 3}" for rest in RESTS]
    assert suffix_repetition.detect(talk(lines)) == []


def test_a_close_of_turns_that_come_again_as_a_whole_is_no_second_finding() -> None:
    close = "and nobody asked her why she counted every spoon on Sundays"
    begins = ["My aunt was odd", "Oh yes", "She had a cat", "Indeed so", "It was in June", "Quite"]
    echoed = transcript_of([f"{begin} {close}" for begin in begins])
    assert suffix_repetition.detect(echoed)
    assert [f.kind for f in find_loops_and_breaks(echoed).findings] == ["single_turn_loop"]


LEAKS = {
    "a token": "Good night.<|eot_id|>",
    "an instruction mark": "Good night. [/INST] And you?",
    "a macro": "Good night, {{user}}.",
    "the other's prefix": "Good night.\n\nMark: Sleep well.",
    "the other's role": "Good night.\nUser: Sleep well.",
    "the other's prefix behind a sentence": "Good night. Mark: Sleep well.",
    "the own prefix behind a sentence": "Good night! Skye: Sleep well.",
    "the own prefix on a line": "Good night.\n\nSkye: Sleep well.",
    "a name to fill in": "Good night, [Name].",
    "a name of one's own to fill in": "They call me [Character Name] and nothing else.",
}
NO_LEAKS = {
    "quoted": 'I wrote "User: sleep well" on the door.',
    "in code": "Write `<|im_end|>` behind it.",
    "about tokens": "The special token <|im_end|> is missing.",
    "cut by a stop string": "Good night.\n\nMark:",
    "a form": "Host: attic\nPort: 631\nQueue: plums\nLamp: on\nUser: wren",
    "another name": "Punch: Who took it?\nJudy: The crocodile.",
    "the own prefix behind a stage direction": "*A bell rings.*\n\nSkye: Good night.",
    "a name within a sentence": "I told Mark: sleep well.",
    "a link": "It was [Name](https://example.org), they say.",
}


@pytest.mark.parametrize("name", LEAKS)
def test_a_leak_is_found(name):
    transcript = transcript_of(["Hm.", "Hm.", LEAKS[name]], prefixes=("Skye:", "Mark:"))
    assert marks(role_leak.detect(transcript)) == [("assistant", 2, None, 1)]


@pytest.mark.parametrize("name", NO_LEAKS)
def test_what_only_looks_like_a_leak_is_left_alone(name):
    transcript = transcript_of(["Hm.", "Hm.", NO_LEAKS[name]], prefixes=("Skye:", "Mark:"))
    assert role_leak.detect(transcript) == []


def test_a_letter_that_was_asked_for_has_names_to_fill_in():
    asked = ["Write me a letter of thanks, please.", "Dear [Name], thank you. I am [Your Name]."]
    assert role_leak.detect(transcript_of(asked, first="user")) == []


def test_who_writes_both_sides_from_the_first_message_on_does_so_by_format():
    both = [f"Skye: {rest}\nMark: Indeed." for rest in RESTS[:4]]
    said = [line for one in both for line in (one, "Go on.")]
    assert role_leak.detect(transcript_of(said, prefixes=("Skye:", "Mark:"))) == []
    late = ["Skye: Hm.", "Go on.", "Skye: Well.", "Go on.", *said]
    found = role_leak.detect(transcript_of(late, prefixes=("Skye:", "Mark:")))
    assert marks(found) == [("assistant", 4, None, 4)]


@pytest.mark.parametrize("quote", ["'", "\u2019"])
@pytest.mark.parametrize("text", ["I don' t the's ' and so on.", "I'm sorry, I'msoroy, I'vesoroy."])
def test_apostrophes_in_pieces_are_a_break_in_either_style(text, quote):
    said = ["Well?", text.replace("'", quote)]
    assert [f.onset_turn for f in apostrophe_break.detect(transcript_of(said)) or []] == [1]


@pytest.mark.parametrize(
    "text",
    ["The boys' hats.", "'Tis 5'10\" tall.", "O'Brien plays rock 'n' roll.", "L'eau d'Annecy."],
)
def test_an_apostrophe_of_a_word_is_left_alone(text):
    assert apostrophe_break.detect(transcript_of(["Well?", text])) == []


@pytest.mark.parametrize(
    "opened", ['"come to', "\u201ccome to", "\u00abcome to", "\u300c\u6765\u3066"]
)
def test_an_import_tells_an_open_quotation_by_a_longer_turn_that_ends_properly(opened):
    said = ["It was long ago, and all of them had come to the fair.", "Hm.", f"They said {opened}"]
    (found,) = apostrophe_break.detect(transcript_of(said, finish=None)) or []
    assert found.onset_turn == 2
    assert apostrophe_break.detect(transcript_of(said[1:], finish=None)) is None


def test_two_openings_that_take_turns_are_none_together() -> None:
    thanks, classic = (
        "Thank you! I enjoy these types of problems",
        "This is a classic riddle, let me",
    )
    rests = ["a lot.", "see.", "very much.", "look at it.", "as ever.", "think it through.", "so."]
    own = [f"{(thanks, classic)[k % 2]} {rest}" for k, rest in enumerate(rests)]
    lines = [line for k, said in enumerate(own) for line in (said, f"Number {k} is next then.")]
    assert prefix_repetition.detect(transcript_of(lines)) == []


def test_an_opening_counts_where_three_of_four_turns_have_it() -> None:
    opening = "Thank you for the hint. If the man had"
    rests = [
        "a brother, then that brother is the one who paid for all these drinks last night.",
        "no alibi at all, she would hardly have told you of it with a smile on her face.",
        "the key, he was inside, and then nothing of what you told me was an accident.",
    ]
    said = [f"{opening} {rests[0]}", "I do not know.", *(f"{opening} {rest}" for rest in rests[1:])]
    lines = [line for k, own in enumerate(said) for line in (own, f"Hint {k} comes now.")]
    (finding,) = prefix_repetition.detect(transcript_of(lines))
    assert (finding.onset_turn, finding.detect_turn, finding.copies) == (4, 6, 3)


def test_an_apostrophe_within_salad_is_not_what_broke_it():
    behind = "achievements clustering ballpark mortar velvet habits iron passages"
    assert apostrophe_break.detect(transcript_of(["Go on.", f"Well then, I think i'E {behind}."]))
    salad = "pewter lantern sorrel gravel mitten quartz ferry dial"
    assert not apostrophe_break.detect(transcript_of(["Go on.", f"{salad} i'E {behind}."]))
