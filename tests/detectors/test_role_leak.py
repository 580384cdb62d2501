"""The other side inside a turn: without labels, in its broken sentence, as labels alone."""

from __future__ import annotations

import pytest

from broken_record.data import FinishReason
from broken_record.detectors import role_leak
from broken_record.detectors.examples import transcript_of

BOTH_SIDES = (
    "Gravity is one open question.\n\nYes, I agree. Another is the nature of time.\n\n"
    "Absolutely. And there is dark matter.\n\nIndeed, that is a large field."
)
LIST = (
    "There are three ways.\n\nFirst, ask a friend.\n\nYes, that takes courage.\n\nSecond, read.\n\n"
    "Third, wait."
)


def onsets(lines: list[str], finish: FinishReason | None = "stop") -> list[int]:
    """Where findings begin in lines of which the user says the first."""
    found = role_leak.detect(transcript_of(lines, finish=finish, first="user"))
    return [finding.onset_turn for finding in found]


def test_a_turn_whose_paragraphs_answer_each_other_speaks_for_both() -> None:
    assert onsets(["What is open in physics?", BOTH_SIDES]) == [1]
    assert onsets(["What can I do?", LIST]) == []


def test_a_turn_that_takes_up_the_others_broken_sentence_is_a_leak() -> None:
    before = ["Ask me a riddle.", "Gladly. What has keys and cannot open a door?", "A piano."]
    broken = "Well done. The next one is longer. You have a grid of nine numbers, and each row,"
    assert onsets([*before, broken, "column and box has all of them. Good luck!"]) == [4]
    assert onsets([*before, broken + " so.", "column and box has all of them. Good luck!"]) == []
    assert onsets([*before, broken, "Column and box as well?"]) == []


def test_who_never_writes_capitals_takes_up_nothing() -> None:
    lines = ["so what now", "we wait here for the late bus and then", "and then we take it", "ok"]
    assert onsets(lines) == []


@pytest.mark.parametrize("blank", ["", " __________"])
def test_labels_with_nothing_to_say_are_a_leak(blank: str) -> None:
    lines = "\n".join(f"User:{blank}\n\nJoi:{blank}" for _ in range(4))
    assert onsets(["Which language is best?", lines]) == [1]


def test_a_label_at_the_end_is_where_a_stop_string_cuts() -> None:
    assert onsets(["Hello.", "Good morning to you.\nAssistant:"]) == []


def test_a_line_that_says_the_request_again_is_none_that_was_asked_for() -> None:
    asked = "Write an example file that reads a page."
    assert onsets([asked, f"Joi: Sure.\nUser: {asked}\nJoi: Done."], None) == [1]
    assert onsets([asked, "Joi: Sure.\nUser: Hello.\nJoi: Done."], None) == []


def test_the_prompt_that_a_chat_begins_with_is_no_reply() -> None:
    prompt = "### Instruction:\nSay hello.\n### Response:"
    assert onsets([prompt, "Hello."], None) == []
    assert onsets([prompt, "Hello."], "stop") == [0]
    assert onsets(["Hello.", prompt, "Hello."], None) == [1]


@pytest.mark.parametrize(
    "header",
    [
        "The following is the complete transcript of a conversation between two clerks.",
        "**Below is a short dialogue between a baker and his cat.**",
    ],
)
def test_what_stands_above_a_dialogue_is_a_leak_inside_of_one(header: str) -> None:
    said = ["Is the ferry late?", "By an hour.", f"Then good night!\n\n{header}"]
    [found] = role_leak.detect(transcript_of(said))
    assert found.onset_turn == 2 and "header" in found.explanation


def test_a_transcript_that_was_asked_for_may_have_a_header() -> None:
    said = [
        "Please write a conversation between a clerk and a cat.",
        "The following is a conversation between a clerk and a cat.\nClerk: Name?\nCat: No.",
    ]
    assert not role_leak.detect(transcript_of(said))  # fmt: skip


def test_a_label_may_stand_behind_a_full_width_colon() -> None:
    said = ["你好。", "你好！\n\n用户：今天天气怎么样？\n\n助手：晴天。"]
    assert [one.onset_turn for one in role_leak.detect(transcript_of(said))] == [1]
