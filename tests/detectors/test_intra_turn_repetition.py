"""Loops inside a turn, in prose of any script, in lists, tables, code and signs; and what repeats
for a reason.
"""

from __future__ import annotations

import json
import time
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from broken_record.detectors.examples import transcript_of
from broken_record.detectors.find import find_loops_and_breaks
from broken_record.detectors.intra_turn_repetition import detect
from tests.text.test_words import SAME

TRUTH = Path(__file__).parents[1] / "data" / "truth"
law = settings(max_examples=60, deadline=None, derandomize=True)
ITEM = "A warm coat and good shoes"
LOOPS = {
    "a bullet": ("You need:\n" + f"- {ITEM}\n" * 20, 20),
    "a numbered item": ("You need:\n" + "".join(f"{k}. {ITEM}\n" for k in range(1, 21)), 20),
    "a checkbox": (f"- [ ] {ITEM}\n" * 20, 20),
    "a cycle of bullets": ("* **Coat**: a warm one\n* **Map**: of the coast\n" * 10, 10),
    "a short item": ("- yes\n" * 20, 20),
    "a heading": ("### Answer\n" * 20, 20),
    "a row of a table": ("| day | ferry |\n|---|---|\n" + "| Monday | seven |\n" * 20, 20),
    "a ruler that never ends": ("| a | b |\n|" + "-" * 600, 600),
    "code that was never closed": ("```python\n" + "print(wait(1))\n" * 20, 20),
    "lines of JSON": ("```json\n" + '{"name": "ferry"},\n' * 20 + "```", 20),
    "a block of code": (
        "So:\n" + "import requests\ndef get_text(url):\n    return requests.get(url)\n" * 4, 4,
    ),
    "tags on one line": ("<text> " * 60, 60),
    "an address": ("See " + "https://example.org/a/b " * 20, 20),
    "a form with blanks": ("User: ________\nJoi: ________\n" * 8, 8),
    "hashes with blanks": ("# " * 120, 120),
    "dots with blanks": ("And then" + " ." * 120, 120),
    "a cycle of emoji": ("Good! " + "🎉 🎊 ✨ " * 20, 20),
    "a family again and again": ("Good! " + "👩‍👧‍👦 " * 20, 20),
    "a face on every line": ("😭😭\n" * 30, 60),
    "kaomoji": ("(≧▽≦) " * 30, 30),
    "kaomoji with a letter": ("(´・ω・`) " * 30, 30),
    "a long pattern without blanks": ("loremipsumdolor" * 8, 8),
    "a word that stutters": (
        "It goes against my programming rules rules rules rules to answer that.", 4,
    ),
    "the whole turn twice": ("I know the secrets of all the people here. " * 2, 2),
    "a passage once more": (
        f"{' '.join(SAME[x] for x in ('en', 'de', 'es', 'fr'))} So much for that, he said. "
        f"{' '.join(SAME[x] for x in ('en', 'de', 'es', 'fr'))} And then he left the house.", 2,
    ),
    "sentences with a word changed": (
        "I am sorry, I was so far away. I will carry all of your letters. I'm going to hold your "
        "hand. I will carry your letters. I am going to hold your hand. I will always carry your "
        "letters. They were short. I am going to hold your hand for ever.", 5,
    ),
    "nothing but no": ("No, " * 20, 20),
    "laughter without end": ("jajaja" * 8, 24),
}  # fmt: skip

SONG = """The boats went out on Monday
With a lantern at the bow
And nobody could tell me
Where the wind would take them now
Oh bring the lantern home, my dear
Oh bring the lantern home
The boats came back on Friday
With their nets all full of rain
And Hannah counted sailors
And then counted them again
Oh bring the lantern home, my dear
Oh bring the lantern home
The boats stay in on Sunday
And the bells are out of tune
There's a candle in the window
And a ring around the moon
Oh bring the lantern home, my dear
Oh bring the lantern home"""

REPEAT_FOR_A_REASON = {
    "a frame and a bar": "┌" + "─" * 60 + "┐\n│ STATUS" + " " * 53 + "│\n└" + "─" * 60 + "┘\n"
    "Loading [" + "█" * 40 + "] 100%\nWhat next?",
    "dividers": ("-" * 80 + "\nOne.\n" + "=" * 80 + "\nTwo.\n" + "*" * 80 + "\n* * * * * * * *\n"),
    "a divider with blanks": "- " * 40 + "\nShall we go on?",
    "a grid": "+---+---+---+\n| X | O | X |\n" * 3 + "+---+---+---+\nYour move!",
    "a go board": (". . . . . . . . . . . . . . . . . . .\n" * 19) + "Black to play.",
    "leaders": "".join(f"Chapter {k} {'.' * 60} {9 * k}\n" for k in range(1, 9)),
    "ASCII art": "  /\\_/\\\n ( o.o )\n  > ^ <\n" + "  |   |\n" * 8 + "That is a cat.",
    "a listing of files": "".join(
        f"-rw-r--r-- 1 ann staff 4096 Jan {k:2} 10:00 notes_{k}.txt\n" for k in range(1, 30)
    ),
    "a dump": "".join(f"{16 * k:08x}: 0000 0000 0000 0000 0000 0000 0000 0000  ........\n"
                      for k in range(30)),
    "a log": "".join(f"2024-05-01 10:00:{k:02} INFO worker started job\n" for k in range(30)),
    "numbers": "age: 13,820,000,000\nIt was kept.\nage: 13,820,000,000\nNothing else was changed.\n"
    "age: 13,820,000,000\nWhat next?",
    "a matrix": "[0, 0, 0, 0, 0, 0, 0, 0],\n" * 8 + "That is all of it.",
    "code that repeats for a reason": "```\n" + "x = f(x)\n" * 30 + "```",
    "closing brackets": "int main() {\n if (a) {\n  if (b) {\n   run();\n" + "}\n" * 30,
    "unfenced code": "def f(x):\n    return x + 1\n\ndef g(x):\n    return x + 1\n\nprint(f(1))\n"
    "print(g(1))\n",
    "labels round equal tables": (
        "**Critical Path:**\n\n| **Task** | **Owner** |\n|---|---|\n| Search | Bob |\n\n"
        "**Key Indicators:**\n\n| **Task** | **Owner** |\n|---|---|\n| Search | Bob |\n\n"
    ) * 3 + "Shall I go on?",
    "steps of a task": "\n".join(
        f"{k}. Pour the water from the {a}-gallon jug into the {b}-gallon jug until it is full. "
        f"This leaves {c} gallons of water in the {a}-gallon jug."
        for k, (a, b, c) in enumerate([(5, 3, 2), (3, 5, 0), (5, 3, 4), (3, 5, 1)], 1)
    ),
    "a puzzle worked step by step": " ".join(
        f"In the {x} row, the {y} square can only be a {k}."
        for k, (x, y) in enumerate([
            ("first", "third"), ("second", "ninth"), ("fourth", "fifth"), ("sixth", "eighth"),
            ("seventh", "first"), ("eighth", "second"), ("ninth", "sixth")], 2)
    ),
    "the same step for three browsers": "\n".join(
        f"For {x}:\n1. Open {x} and click on {y}.\n2. Close the tab and the browser should no "
        "longer display any pop-up ads."
        for x, y in (("Chrome", "the dots"), ("Firefox", "the lines"), ("Edge", "the wheel"))
    ),
    "a song": SONG,
    "sentences with new numbers": "The first term is 5 in all. " + " ".join(
        f"The next term is {k} times {k} plus {k + 1}." for k in (2, 7, 9, 11)
    ),
    "sentences of one frame on lines of their own": "\n".join(
        f"You can pay the {x} at the window on the left." for x in ("fare", "fine", "toll", "tax")
    ),
    "no, no, no": "No, no, no! Put that down, and never, never, never touch it again.",
    "a clock": "Tick tick tick tick, said the clock on the wall.",
    "a long cry": "Nooooooooo! Not the cake!!!!!!",
    "a row of hearts": "I love it! ❤️❤️❤️❤️❤️❤️❤️❤️",
    "ha ha": "Ha ha ha ha ha ha! Hahahahaha, stop it.",
}  # fmt: skip


def read_truth(name):
    """The dialogues of a file of tests/data/truth/ in which this detector was wrong."""
    for line in (TRUTH / f"intra_turn_repetition_{name}.jsonl").read_text("utf-8").splitlines():
        dialogue = json.loads(line)
        said = [message["content"] for message in dialogue["messages"]]
        yield dialogue.get("name"), transcript_of(said, first="user")


@pytest.mark.parametrize("name", ["in_structure", "of_signs", "in_a_list"])
def test_every_loop_in_structure_and_of_signs_is_a_break(name):
    for case, transcript in read_truth(name):
        found = detect(transcript)
        assert found and {f.level for f in found} == {"break"}, case


@pytest.mark.parametrize("name", ["none_numbers", "none_drawn", "none_tables"])
def test_numbers_drawings_and_equal_tables_are_no_loop(name):
    for case, transcript in read_truth(name):
        assert detect(transcript) == [], case


@pytest.mark.parametrize("name", LOOPS)
def test_a_loop_inside_a_turn_is_found(name):
    text, copies = LOOPS[name]
    (found,) = detect(transcript_of(["Go on.", text]))
    assert (found.onset_turn, found.copies) == (1, copies)


@pytest.mark.parametrize("name", REPEAT_FOR_A_REASON)
def test_what_repeats_for_a_reason_is_left_alone(name):
    assert detect(transcript_of(["Go on.", REPEAT_FOR_A_REASON[name]])) == []


WRAPPED = {
    "bare": lambda line: f"{line}\n" * 5,
    "in a row": lambda line: f"{line} " * 5,
    "in bullets": lambda line: f"- {line}\n" * 5,
    "in stars": lambda line: f"* {line}\n" * 5,
    "in numbers": lambda line: "".join(f"{k}. {line}\n" for k in range(1, 6)),
    "quoted": lambda line: f"> {line}\n" * 5,
    "in quotation marks": lambda line: f'"{line}"\n' * 5,
    "bold": lambda line: f"**{line}**\n" * 5,
    "underlined": lambda line: f"_{line}_\n" * 5,
    "fenced": lambda line: "```\n" + f"{line}\n" * 5 + "```",
    "under headings": lambda line: f"## {line}\n" * 5,
}


@pytest.mark.parametrize("wrapped", WRAPPED)
@pytest.mark.parametrize("language", SAME)
def test_a_loop_is_the_same_in_every_script_and_markup(language, wrapped):
    found = find_loops_and_breaks(transcript_of(["Go on.", WRAPPED[wrapped](SAME[language])]))
    assert [(f.kind, f.speaker, f.level, f.copies) for f in found.findings] == [
        ("intra_turn_repetition", "user", "break", 5)
    ]


@law
@given(
    unit=st.sampled_from(["so it goes and goes", "no ", "🎉 ✨ ", "# ", "ab", "- one two three\n"]),
    copies=st.integers(100, 200),
)
def test_one_more_copy_keeps_the_finding_and_lowers_no_strength(unit, copies):
    fewer, more = (
        detect(transcript_of(["Go on.", f"Well then, {unit * n}"]))[0]
        for n in (copies, copies + 40)
    )
    assert fewer.strength <= more.strength <= 1


@pytest.mark.parametrize(
    "text",
    ["a" * 10**6, "# " * 500_000, "ab" * 10**5 + "c", "- a\n" * 30_000, "(" * 10**5, "| " * 10**5,
     "海" * 10**5, "🎉 " * 10**5, "a b " * 10**5, "`" * 10**5, "1. " * 10**5, "<a" * 10**5,
     "x = f(x)\n" * 10**4,
     "https://a.b/c " * 30_000, "".join(f"- item {k}\n" * 2 for k in range(10**4)),
     " ".join(f"w{k % 997}" for k in range(10**5)), "_" * 10**5 + "a"],
)  # fmt: skip
def test_adversarial_sizes_take_no_longer_than_others(text):
    started = time.process_time()
    detect(transcript_of(["Go on.", text]))
    assert time.process_time() - started < 10


@law
@given(st.text("a1 \n>-#|`*_.!海\u3002🎉=({", max_size=80).map(lambda text: text * 8))
def test_no_body_is_too_odd_to_examine(text):
    for found in detect(transcript_of(["Go on.", text])):
        assert 0 <= found.spans[0].start < found.spans[0].end <= len(text)
        assert 0 <= found.strength <= 1


A_LITTLE = "I heard it myself. I heard it myself."
TOGETHER = {
    "a short turn twice": (f"{A_LITTLE} ", "Who did?"),
    "a clause in between": ("How kind. I'll bring some more. Truly. I'll bring some more.", "Do."),
}


@pytest.mark.parametrize("name", TOGETHER)
def test_three_turns_running_that_repeat_a_little_are_one_finding(name):
    said, other = TOGETHER[name]
    two, more = (detect(transcript_of([said, other] * n)) for n in (2, 5))
    assert two == []
    assert [(f.speaker, f.onset_turn, f.detect_turn, f.copies) for f in more] == [
        ("assistant", 0, 4, 5)
    ]


def test_turns_that_repeat_a_little_now_and_then_are_left_alone():
    assert (
        detect(transcript_of([A_LITTLE, "Who?", A_LITTLE, "Who?", "The owl did.", "Oh."] * 3)) == []
    )


def test_a_turn_with_its_own_finding_counts_for_the_stretch_and_is_told_once():
    lines = [A_LITTLE, "Who?", "and so it goes " * 5, "Who?", A_LITTLE, "Who?"]
    (found,) = detect(transcript_of(lines))
    assert (found.onset_turn, found.level) == (0, "break")
    assert [span.turn for span in found.spans] == [0, 2, 4]
    found_last = detect(transcript_of([*lines[4:], *lines[:2], *lines[4:], *lines[2:4]]))
    assert [[span.turn for span in f.spans] for f in found_last] == [[0, 2, 4], [6]]


PHRASES = {
    "a clause in no row": (
        "I'm glad of you and I promise. I promise. I'll always remember you. I promise. I promise, "
        "and I promise.", 5,
    ),
    "twice in a sentence": (
        "I'm so glad you're my best friend, I'm so glad you're my best friend. I never get sad "
        "when I leave.", 2,
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", PHRASES)
def test_a_phrase_that_fills_its_turn_is_found(name):
    text, copies = PHRASES[name]
    assert [found.copies for found in detect(transcript_of(["Go on.", text]))] == [copies]


@pytest.mark.parametrize(
    "text",
    [
        "We have to ship three sheep. We have to ship three sheep on Thursday! My colleague looked "
        "up and asked which customer ordered sheep. So she heard it right.",
        "No, no, no, no. Not that one, the other one, please, on the shelf over there.",
        "One potato, two potato, three potato, four potato, five potato, six potato, seven.",
        "- a red hat\n- a blue hat\n- a red coat\n- a blue coat\n- a red hat again\n- a blue scarf",
    ],
    ids=["said once more", "no", "a counting game", "a list"],
)
def test_what_healthy_talk_says_again_is_left_alone_turn_after_turn(text):
    assert detect(transcript_of([text, "Go on."] * 4)) == []


@pytest.mark.parametrize(("tick", "tock"), [("tick", "tock"), ("tock", "tick")])
def test_of_two_pairs_that_stand_as_often_the_first_is_named(tick: str, tock: str) -> None:
    order = (tock, tock, tock, tick, tock, tock, tick, *[tock] * 7, tick, tock, tick, tick, tock)
    found = detect(transcript_of(["Well.", " ".join((*order, tock))]))
    assert [one.explanation for one in found] == [f'"{tock} {tick}" 4 times, 40% of the turn']
