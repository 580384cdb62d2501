"""What of a reply reaches the other side; test names say their row of docs/goals.md."""

from __future__ import annotations

import sys

import jinja2
import pytest
from hypothesis import given
from hypothesis import strategies as st

from broken_record.conversation.prompts import role_markers
from broken_record.conversation.replies import cut_self_reply, extract, find_noncoherent, says_stop

SAID = 'First "one two", then "three", at last "four five six".'


@pytest.mark.parametrize(
    ("policy", "text"),
    [("first", "one two"), ("last", "four five six"), ("longest", "four five six"),
     ("whole", SAID)],
)  # fmt: skip
def test_b07_the_policy_takes_one_of_several_quotations_and_all_are_counted(policy, text):
    got = extract(f" {SAID}\n", policy)
    assert (got.text, got.candidates) == (text, 1 if policy == "whole" else 3)


@pytest.mark.parametrize("reply", ["", "No quotes here.", '""', '" "', '"\n\t"', 'Only "one mark'])
def test_b07_a_reply_without_a_quotation_is_no_prompt(reply):
    assert (extract(reply, "first").text, extract(reply, "first").candidates) == (None, 0)


@pytest.mark.parametrize(
    ("reply", "text"),
    [
        ("\u201cHi there\u201d", "Hi there"),
        ("\u201eHallo\u201c, sagt er.", "Hallo"),
        ("\u00abSalut\u00bb", "Salut"),
        ("\u300c\u4f60\u597d\u300d", "\u4f60\u597d"),
        ('\u6211\u95ee\uff1a"\u4f60\u597d\uff1f"\u7136\u540e\u7b49\u3002', "\u4f60\u597d\uff1f"),
        ('I say\u2014"Hi."', "Hi."),
        ('**"Hi."**', "Hi."),
        ('`"Hi."`', "Hi."),
        ('"" and then "Hi."', "Hi."),
        (r'"Say \"no\" twice"', 'Say "no" twice'),
        ('"Who said "no" to that?" and wait', 'Who said "no" to that?'),
        ('"Run print("hi") for me"', 'Run print("hi") for me'),
        ('\u201cHe said "no" and left\u201d', 'He said "no" and left'),
        ('"Two\nlines"', "Two\nlines"),
        ('A 5" by 7" photo: "How big is it?"', "How big is it?"),
        ('"I have a 5" by 7" photo. How big is it?"', 'I have a 5" by 7" photo. How big is it?'),
        ('"I am 25" she writes, "and you?"', "I am 25"),
        ('"What is 5\'10" in cm?"', "What is 5'10\" in cm?"),
        ('"I never close "this one" but', 'I never close "this one'),
    ],
)
def test_x02_every_kind_of_quotation_is_taken_whole_and_nothing_else_is(reply, text):
    assert extract(reply, "first").text == text


def lines_run(function, *arguments) -> int:
    """How many lines of our own code a call runs: its time without a clock."""
    count = 0

    def trace(frame, event, _):
        nonlocal count
        count += event == "line"
        return trace

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        function(*arguments)
    finally:
        sys.settrace(before)
    return count


HARD = [
    '"' + "\t" * 24,
    '"a',
    '"',
    '" ',
    '""',
    "\u201c",
    '("',
    '5" ',
    '"\\"',
    "\u201ea\u201c\u201d",
]


@pytest.mark.parametrize("piece", HARD)
def test_x02_twice_the_text_costs_twice_the_work(piece):
    few, many = (lines_run(extract, piece * n, "first") for n in (200, 400))
    assert many <= 2.1 * few + 50


def test_x02_a_megabyte_of_tabs_behind_an_open_quote_is_no_prompt():
    assert extract('"' + "\t" * 1_000_000, "first").text is None
    assert lines_run(extract, '"' + "\t" * 1_000_000, "first") < 60


@given(
    reply=st.text(st.sampled_from('"\u201c\u201d\u201e\u00ab\u00bb\\ \n\tab5.')) | st.text(),
    policy=st.sampled_from(["first", "last", "longest", "whole"]),
)
def test_x02_what_is_extracted_is_never_blank_and_stands_in_the_reply(reply, policy):
    got = extract(reply, policy)
    assert (got.text is None) == (got.candidates == 0)
    if got.text is not None:
        assert (got.text.strip() and got.text in reply.replace('\\"', '"')) or got.text in reply


@pytest.mark.parametrize(
    ("reply", "ends"),
    [
        ("FINISH", True),
        (" FINISH.\n", True),
        ('"FINISH"', True),
        ("\u201eFINISH\u201c", True),
        ("**FINISH**", True),
        ("Thank you, that was all.\nFINISH", True),
        ("```\nFINISH\n```", True),
        ("FINISH the poem with a rhyme", False),
        ("Where is the FINISH", False),
        ("FINISH\nthe poem", False),
        ("finish", False),
        ("FINISHED", False),
        ("", False),
    ],
)
def test_x04_the_stop_token_counts_as_the_whole_message_or_its_last_line(reply, ends):
    assert says_stop(reply, "FINISH", "last_line") is ends


def test_b08_another_stop_token_may_be_chosen_and_may_count_anywhere():
    assert says_stop("[DONE]", "[DONE]", "last_line") and says_stop("I am [DONE] here", "[DONE]",
                                                                    "anywhere")  # fmt: skip
    assert says_stop("FINISH the poem", "FINISH", "anywhere")


TEMPLATES = {
    "chatml": (
        "{% for m in messages %}<|im_start|>{{ m.role }}\n{{ m.content }}<|im_end|>\n"
        "{% endfor %}<|im_start|>assistant\n",
        "<|im_start|>user",
    ),
    "llama 3": (
        "{% for m in messages %}<|start_header_id|>{{ m.role }}<|end_header_id|>\n\n"
        "{{ m.content }}<|eot_id|>{% endfor %}<|start_header_id|>assistant<|end_header_id|>\n\n",
        "<|start_header_id|>user<|end_header_id|>",
    ),
    "mistral": (
        "{% for m in messages %}{% if m.role == 'user' %}[INST] {{ m.content }} [/INST]"
        "{% else %}{{ m.content }}</s>{% endif %}{% endfor %}",
        "[INST]",
    ),
    "alpaca": (
        "{% for m in messages %}### {{ 'Instruction' if m.role == 'user' else 'Response' }}:\n"
        "{{ m.content }}\n\n{% endfor %}### Response:\n",
        "### Instruction:",
    ),
    "vicuna": (
        "{% for m in messages %}{% if m.role == 'user' %}USER: {{ m.content }} {% else %}"
        "ASSISTANT: {{ m.content }}</s>{% endif %}{% endfor %}ASSISTANT:",
        "USER:",
    ),
    "gemma": (
        "{% for m in messages %}<start_of_turn>{{ 'user' if m.role == 'user' else 'model' }}\n"
        "{{ m.content }}<end_of_turn>\n{% endfor %}<start_of_turn>model\n",
        "<start_of_turn>user",
    ),
}


def template_of(name):
    source = jinja2.Template(TEMPLATES[name][0], keep_trailing_newline=True)
    return lambda messages: source.render(messages=messages)


@pytest.mark.parametrize("name", TEMPLATES)
def test_x11_the_marker_of_the_other_side_comes_from_the_chat_template(name):
    marker = TEMPLATES[name][1]
    assert role_markers(template_of(name), "user") == (marker,)
    own, rest = cut_self_reply(f"Try this.\n{marker} Thanks!\nMore.", [marker])
    assert (own, (rest or "").lstrip()) == ("Try this.", f"{marker} Thanks!\nMore.")


def test_x11_a_template_of_plain_words_has_no_marker():
    assert role_markers(lambda said: "\n".join(m.content for m in said), "user") == ()


@pytest.mark.parametrize(
    ("reply", "own", "rest"),
    [
        ("Skye: Hi.\nMark: Hello.", "Skye: Hi.", "\nMark: Hello."),
        ("Skye: Hi.\r\n  Mark: Hello.", "Skye: Hi.", "\r\n  Mark: Hello."),
        ("Skye: Hi.\nSkye: Again.", "Skye: Hi.", "\nSkye: Again."),
        ("Mark: I am you.", "", "Mark: I am you."),
        ("Skye: I told Mark: no.", "Skye: I told Mark: no.", None),
        ("Skye: Hi.\nMarkus: Hello.", "Skye: Hi.\nMarkus: Hello.", None),
    ],
)
def test_b11_a_reply_is_cut_where_a_line_begins_with_either_prefix(reply, own, rest):
    assert cut_self_reply(reply, ["Mark:"], "Skye:") == (own, rest)


def test_b11_a_prefix_without_letters_cuts_at_the_beginning_of_a_line_only():
    assert cut_self_reply("a - b\n- c", ["- "]) == ("a - b", "\n- c")


COHERENT = [
    ("ha ha ha ha", 4, True),
    ("a b a b a b", 4, True),
    ("a b c d a b c d a b c d", 4, True),
    ("very very very very good", 4, True),
    ("ha ha ha", 4, False),
    ("a b a b", 4, False),
    ("no no no thanks", 4, False),
    ("a b c d e a b c d e a b c d e", 4, False),
    ("a b c d e a b c d e a b c d e", 5, True),
]


@pytest.mark.parametrize(("text", "max_n", "found"), COHERENT)
def test_b09_a_group_of_words_that_repeats_twice_running_is_noncoherent(text, max_n, found):
    assert (find_noncoherent(text, max_n, 2) is not None) is found


@pytest.mark.parametrize(
    "text",
    [
        "Draw:\n```python\nforward(9)\nleft(90)\nforward(9)\nleft(90)\nforward(9)\nleft(90)\n```",
        "~~~\na b a b a b\n~~~\nDone.",
        "| a b | a b |\n| a b | a b |\n| a b | a b |",
        "```\na b a b a b",
    ],
)
def test_x19_code_and_tables_may_repeat(text):
    assert find_noncoherent(text, 5, 2) is None


def test_x19_the_words_that_repeat_are_reported_by_their_place():
    text = "Well, ha ha ha ha indeed."
    start, end = find_noncoherent(text, 4, 2) or (0, 0)
    assert text[start:end] == "ha ha ha ha"
