"""What loops and breaks, and what must be left alone; and the laws that hold for every detector."""

from __future__ import annotations

import random
import re
from dataclasses import replace
from statistics import median

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks import truth
from benchmarks.injection import OPERATORS
from benchmarks.texts import Line, Planted, carriers
from broken_record.conversation.watch import find_reason_to_stop
from broken_record.data import Dialogue, Turn
from broken_record.detectors import leading_whitespace
from broken_record.detectors.examples import transcript_of
from broken_record.detectors.find import (
    Loops,
    extent,
    find_loops_and_breaks,
    mark_primary,
    uncovered,
)
from broken_record.detectors.registry import KINDS, detector_of
from broken_record.detectors.thresholds import default_thresholds
from broken_record.text.transcript import Transcript
from broken_record.text.words import find_words

law = settings(max_examples=80, deadline=None, derandomize=True)
LONG = "I have never told anyone about the summer in Trieste."
OTHER = "And the gardener still keeps a key to the northern gate."


def kinds_in(transcript):
    return {f.kind for f in find_loops_and_breaks(transcript).findings if f.level != "info"}


def mixed(lines, answers=None):
    """Lines of one speaker with a different answer between each two."""
    answers = answers or [
        "Which of the two do you mean, then?", "My brother says the ferry was late again.",
        "Somebody left the window open all night.", "Did it ever stop raining up there?",
        "Perhaps we ought to ask the baker first.", "That is not how Dora remembers it.",
        "Eleven candles and not a single match.", "You may put the ladder by the shed.",
    ]  # fmt: skip
    said = []
    for i, line in enumerate(lines):
        said += [line, answers[i % len(answers)]]
    return said[:-1]


PASSAGE = [
    "Shall we go down to the harbour before dark?", "Only if you carry the lantern this time.",
    "The lantern has no oil, I used it up.", "Then we walk by the light of the fishmonger.",
    "He closes early on the day of the fair.",
]  # fmt: skip

LOOPS_AND_BREAKS = {
    "three copies of one speaker's line": ("single_turn_loop", mixed([LONG] * 3)),
    "each says the own line": ("single_turn_loop", [LONG, OTHER] * 3),
    "four equal turns": ("single_turn_loop", [LONG] * 4),
    "a short line six times": ("single_turn_loop", mixed(["Go on."] * 6)),
    "a cycle of three with the roles swapped": ("multi_turn_loop", PASSAGE[:3] * 3),
    "a cycle of five": ("multi_turn_loop", PASSAGE * 2),
    "a cycle with a turn put in": (
        "multi_turn_loop", [*PASSAGE, *PASSAGE[:2], "Wait, did you hear that?", *PASSAGE[2:],
                            *PASSAGE],
    ),
    "a sentence three times": ("intra_turn_repetition", ["I see.", f"{LONG} {LONG} {LONG}"]),
    "a character without end": ("intra_turn_repetition", ["I see.", "No" + "o" * 40]),
    "laughter from 24 characters": ("intra_turn_repetition", ["I see.", "ha" * 12]),
    "an interjection 24 times": ("intra_turn_repetition", ["I see.", "no " * 24]),
    "an opening of six words": (
        "prefix_repetition",
        mixed([f"Let me tell you something about {x}" for x in (
            "the sea and why it is never quiet in March.", "my aunt, who counted every spoon.",
            "doors that open only from the inside.", "a clock which nobody dared to wind.")]),
    ),
    "nothing twice": ("empty_response", mixed(["Well then.", "", "", "I am back again now."])),
    "white space that grows": ("leading_whitespace", mixed([" " * w + LONG for w in (1, 3, 6, 9)])),
    "a great deal of white space": ("leading_whitespace", ["I see.", "\n" * 40 + LONG]),
    "an apostrophe at the end": ("apostrophe_break", ["I see.", "I think that it isn'"]),
    "a stem that is no word": ("apostrophe_break", ["I see.", "No, she really couldn"]),
    "a refusal": ("refusal", ["Open it.", "I'm sorry, but I can't assist with that request."]),
    "a model that says so": (
        "refusal", ["Come closer.", "As an AI language model, I can't continue this story."]
    ),
}  # fmt: skip

LEFT_ALONE = {
    "hello and hello": ["Hi!", "Hi!"],
    "good night each": ["Good night.", "Good night.", "Sleep well."],
    "coffee": ["Coffee?", "Coffee!", "With milk?"],
    "a question again after no answer": ["Where were you on Thursday night, Mr Finch?", "Hm.",
                                         "Where were you on Thursday night, Mr Finch?", "Home."],
    "a quiz with new content": mixed(
        ["Next question: which river runs through Lisbon?",
         "Next question: who painted the night watch?",
         "Next question: how many legs has a lobster?"]),
    "no, no, no": ["No, no, no! Put that down."],
    "very, very": ["It was very, very dark and very, very cold."],
    "ha ha ha": ["Ha ha ha, you should have seen his face!"],
    "signs that are not the same": ["......", "...!!!", "......", "?!?..."] * 2,
    "a divider": ["----------------------", "Shall we go on?"],
    "a vocative": mixed([f"Oh Mark, {x}" for x in (
        "look at the boats down there!", "why did you never write?", "put the kettle on, will you?",
        "that is not a moth.")]),
    "a single stray newline": mixed(["\n\n" + LONG, OTHER]),
    "constant indentation": mixed(["    " + x for x in PASSAGE]),
    "a possessive at the end": ["Whose boat is it?", "The boys'"],
    "goin'": ["Where to?", "I'm just goin'"],
    "a quoted word at the end": ["What did it say?", "It said 'can'"],
    "cannot make it": ["Will you come?", "I'm sorry, I can't make it on Friday."],
    "cannot stop laughing": ["Are you well?", "I'm sorry, I can't stop laughing."],
    "heights": ["Come up!", "I'm not comfortable with heights."],
    "an android": ["What are you?", "*her circuits hum* I am an android.",
                   "Feel anything?", "I am not human. I was built in a shed."],
    "code": ["Show me.", "```\n" + "x = f(x)\n" * 30 + "```"],
}  # fmt: skip


@pytest.mark.parametrize("name", LOOPS_AND_BREAKS)
def test_a_loop_or_break_is_found(name):
    kind, lines = LOOPS_AND_BREAKS[name]
    assert kind in kinds_in(transcript_of(lines))


@pytest.mark.parametrize("name", LEFT_ALONE)
def test_what_only_looks_like_one_is_left_alone(name):
    assert kinds_in(transcript_of(LEFT_ALONE[name])) == set()


def test_the_same_said_with_genders_exchanged_is_a_flipped_loop():
    hers = "Mark smiled, and she wondered whether he would ever tell her."
    his = "Skye smiled, and he wondered whether she would ever tell him."
    transcript = transcript_of([hers, his] * 2, prefixes=("Skye:", "Mark:"))
    (found,) = find_loops_and_breaks(transcript).findings
    assert (found.kind, found.flipped, found.copies) == ("single_turn_loop", True, 4)
    (same,) = find_loops_and_breaks(transcript_of([hers] * 4)).findings
    assert not same.flipped


def test_a_model_that_copies_the_opening_loops_from_there():
    opening = [{"role": "system", "content": "A play."}]
    opening += [
        {"role": r, "content": t}
        for r, t in zip(["assistant", "user"] * 2, PASSAGE[:4], strict=True)
    ]
    turns = tuple(
        Turn(5 + i, ("assistant", "user")[i % 2], text, finish_reason="stop")
        for i, text in enumerate(PASSAGE[:4])
    )
    dialogue = Dialogue({"conversation": opening, "agent_prefix": ""}, turns, "done")
    (found,) = find_loops_and_breaks(Transcript(dialogue)).findings
    assert (found.kind, found.origin_turn, found.onset_turn) == ("multi_turn_loop", 1, 5)
    assert not find_loops_and_breaks(Transcript(replace(dialogue, turns=()))).findings


def test_findings_that_meet_have_one_primary_by_precedence():
    refusal = "I'm sorry, but I can't continue this conversation."
    found = find_loops_and_breaks(transcript_of(mixed([refusal] * 5))).findings
    assert [(f.kind, f.primary) for f in found] == [
        ("refusal", True), ("single_turn_loop", False)
    ]  # fmt: skip


@law
@given(
    st.lists(
        st.tuples(
            st.sampled_from(("assistant", "user", "both")), st.sampled_from(("info", "break")),
            st.integers(0, 11), st.integers(0, 5) | st.none(),
        ),
        max_size=12,
    )
)  # fmt: skip
def test_the_primary_ones_are_those_that_meet_no_primary_one_before_them(drawn):
    transcript = transcript_of(PASSAGE + PASSAGE + PASSAGE[:2])
    (example,) = find_loops_and_breaks(transcript_of([LONG] * 4)).findings
    marked = mark_primary(
        [
            replace(
                example, speaker=who, level=level, onset_turn=onset,
                end_turn=None if longer is None else min(11, onset + longer),
            )
            for who, level, onset, longer in drawn
        ],
        transcript,
    )  # fmt: skip
    for k, finding in enumerate(marked):
        first, last = extent(finding, transcript)
        meets = False
        for other in marked[:k]:
            begins, ends = extent(other, transcript)
            shared = other.speaker == finding.speaker or "both" in (other.speaker, finding.speaker)
            weighs = other.primary and other.level != "info"
            meets |= weighs and shared and begins <= last and first <= ends
        assert finding.primary == (not meets)


@law
@given(st.lists(st.integers(0, 60), max_size=30), st.integers(0, 20), st.floats(0, 6))
def test_a_jump_of_white_space_is_measured_by_the_median_of_the_replies_before(widths, jump, times):
    expected = (
        (k - 1, k)
        for k in range(2, len(widths))
        if min(widths[k - 1 : k + 1]) >= max(jump, times * median(widths[: k - 1]))
    )
    found = leading_whitespace.first_jump(widths, jump, times)
    assert found == next(expected, None)


def test_a_finding_is_open_until_its_speaker_went_on():
    stuck = find_loops_and_breaks(transcript_of(mixed([LONG] * 4))).findings[0]
    assert stuck.end_turn is None and not stuck.recovered
    out = find_loops_and_breaks(transcript_of(mixed([LONG] * 4 + [OTHER]))).findings[0]
    assert out.end_turn == 6 and out.recovered


def test_a_text_log_cannot_tell_white_space_nor_without_counters_a_cut():
    dialogue = Dialogue({"agent_prefix": ""}, (Turn(0, "user", "I don'"),), "done", verbatim=False)
    found = find_loops_and_breaks(Transcript(dialogue))
    assert found.not_measurable == ("leading_whitespace", "apostrophe_break")
    counted = replace(
        dialogue,
        config={"agent_prefix": "", "turn_max_tokens": 9},
        turns=(Turn(0, "user", "I don'", 4), Turn(1, "assistant", "I don'", 9)),
    )
    found = find_loops_and_breaks(Transcript(counted))
    assert found.not_measurable == ("leading_whitespace",)
    assert [(f.kind, f.speaker) for f in found.findings] == [("apostrophe_break", "user")]


def test_every_detector_has_a_file_a_name_thresholds_and_a_way_to_plant_it():
    assert set(OPERATORS) == set(KINDS), "plant it in benchmarks/injection.py"
    for kind in KINDS:
        assert detector_of(kind).__module__ == f"broken_record.detectors.{kind}"
        assert default_thresholds()[kind] and all(
            isinstance(value, (int, float)) for value in default_thresholds()[kind].values()
        )


def planted(kind, seed):
    rng = random.Random(f"law {kind} {seed}")
    return OPERATORS[kind](rng, rng.choice(carriers("A")), "A")


def found_in(dialogue):
    found = find_loops_and_breaks(Transcript(dialogue)).findings
    return [f for f in found if f.level != "info"]


def marks(findings):
    return sorted((f.kind, f.speaker, f.onset_turn, f.period or 0) for f in findings)


def rewritten(dialogue, change):
    config = {**dialogue.config}
    for name in ("agent_prefix", "user_prefix"):
        config[name] = change(config[name])
    turns = tuple(replace(turn, content=change(turn.content)) for turn in dialogue.turns)
    return replace(dialogue, config=config, turns=turns)


any_planted = {"kind": st.sampled_from([*KINDS]), "seed": st.integers(0, 10_000)}


@pytest.mark.parametrize(
    ("runs", "runaways", "of_turns", "expected"),
    [
        ([0, 1], 2, 3, [(0, 1)]),
        ([0, 2], 2, 3, [(0, 2)]),
        ([0, 3], 2, 3, []),
        ([0, 2, 4], 3, 3, []),  # five own turns
        ([0, 1, 3, 4], 3, 3, []),
        ([0, 1, 2], 3, 3, [(0, 2)]),
        ([0, 1, 3, 4], 3, 4, [(0, 3)]),
        ([5], 1, 3, [(5, 5)]),
    ],
)
def test_runaways_are_counted_in_so_many_own_turns(runs, runaways, of_turns, expected):
    long = " ".join(line.text for carrier in carriers("A") for line in carrier.lines)[:2000]
    turns = []
    for k, line in enumerate(PASSAGE * 2):
        cut = k in runs
        turns.append(
            Turn(2 * k, "assistant", long if cut else line, 9, "usage", "length" if cut else "stop")
        )
        turns.append(Turn(2 * k + 1, "user", OTHER, 9, "usage", "stop"))
    transcript = Transcript(
        Dialogue({"agent_prefix": "", "turn_max_tokens": 512}, tuple(turns), "done")
    )
    changed = {"word_soup": {"runaways": runaways, "of_turns": of_turns}}
    found = find_loops_and_breaks(transcript, ["word_soup"], changed).findings
    assert [(f.onset_turn / 2, f.detect_turn / 2) for f in found] == expected


def stagnant(*, stutters=(), **thresholds):
    """A dialogue that stagnates from turn 19 to 42, some turns with a loop of their own; its talk
    and its semantic repetitions.
    """
    one = planted("semantic_repetition", 6).dialogue()
    turns = [
        replace(turn, content=turn.content + " " + "o" * 40 * (turn.index in stutters))
        for turn in one.turns
    ]
    transcript = Transcript(replace(one, turns=tuple(turns)))
    found = find_loops_and_breaks(
        transcript, thresholds={"semantic_repetition": thresholds}
    ).findings
    assert {f.onset_turn for f in found if f.kind == "intra_turn_repetition"} == set(stutters)
    return transcript, [f for f in found if f.kind == "semantic_repetition"]


def test_a_loop_elsewhere_changes_nothing_of_a_semantic_repetition():
    _, (alone,) = stagnant()
    assert (alone.origin_turn, alone.end_turn) == (19, None)
    assert stagnant(stutters=[2])[1] == [alone]


def test_words_that_repeat_inside_of_turns_take_nothing_of_a_semantic_repetition():
    _, (alone,) = stagnant()
    _, (stuttered,) = stagnant(stutters=[37, 38, 39, 40, 42])
    assert (stuttered.origin_turn, stuttered.end_turn) == (alone.origin_turn, alone.end_turn)


def test_what_other_loops_leave_of_a_semantic_repetition_needs_the_turns_asked_for():
    transcript, (finding,) = stagnant()
    cycle = replace(finding, kind="multi_turn_loop", origin_turn=34, onset_turn=37)
    (rest,) = uncovered(finding, Loops(transcript, [cycle]), 18)
    assert (rest.origin_turn, rest.end_turn) == (19, 36)
    assert not list(uncovered(finding, Loops(transcript, [cycle]), 19))


@pytest.mark.parametrize(("origin", "is_whole"), [(28, True), (27, False)])
def test_a_semantic_repetition_that_grows_into_near_copies_is_told_whole(origin, is_whole):
    transcript, (finding,) = stagnant()
    assert [span.turn for span in finding.spans][:4] == [19, 21, 26, 27]
    copied = replace(finding, kind="single_turn_loop", origin_turn=origin, onset_turn=origin + 1)
    assert list(uncovered(finding, Loops(transcript, [copied]), 8)) == [finding] * is_whole


@pytest.mark.parametrize("least", [1, 2, 3])
def test_a_single_turn_left_is_no_semantic_repetition(least):
    transcript, (finding,) = stagnant()
    inside = replace(finding, kind="multi_turn_loop", origin_turn=20, onset_turn=20, end_turn=39)
    (rest,) = uncovered(finding, Loops(transcript, [inside]), least)
    assert [span.turn for span in rest.spans] == [40, 41, 42]  # and not 19 alone


@law
@given(**any_planted)
def test_renaming_the_characters_changes_no_finding(kind, seed):
    one = planted(kind, seed)
    names = [prefix.strip(":") for prefix in one.carrier.prefixes.values() if prefix]
    new = dict(zip(names, ("Quenby", "Zoltan"), strict=False))
    pattern = re.compile(rf"\b({'|'.join(map(re.escape, new))})\b") if new else re.compile(r"(?!)")
    renamed = rewritten(one.dialogue(), lambda text: pattern.sub(lambda m: new[m[0]], text))
    assert marks(found_in(renamed)) == marks(found_in(one.dialogue()))


@law
@given(**any_planted)
def test_swapping_the_quote_styles_changes_no_finding(kind, seed):
    def curly(text):
        return re.sub(r'"([^"]*)"', "\u201c\\1\u201d", text).replace("'", "\u2019")

    one = planted(kind, seed).dialogue()
    assert marks(found_in(rewritten(one, curly))) == marks(found_in(one))


@law
@given(**any_planted)
def test_appending_clean_turns_takes_no_finding_away(kind, seed):
    one = planted(kind, seed)
    rng = random.Random(seed)
    clean = rng.choice([c for c in carriers("A") if c is not one.carrier]).lines[:12]
    lines = list(one.lines)
    for line in clean:
        if line.role != lines[-1].role:
            lines.append(line)
    longer = Planted(one.kind, one.operator, one.carrier, lines)
    assert set(marks(found_in(one.dialogue()))) <= set(marks(found_in(longer.dialogue())))


@law
@given(**any_planted)
def test_cutting_before_the_onset_removes_the_finding(kind, seed):
    dialogue = planted(kind, seed).dialogue()
    for finding in found_in(dialogue):
        before = tuple(turn for turn in dialogue.turns if turn.index < finding.onset_turn)
        kept = found_in(replace(dialogue, turns=before))
        begun = {(f.kind, f.speaker, f.origin_turn) for f in kept}
        assert (finding.kind, finding.speaker, finding.origin_turn) not in begun


@law
@given(kind=st.sampled_from(("single_turn_loop", "multi_turn_loop")), n=st.integers(3, 9))
def test_one_more_copy_never_lowers_strength(kind, n):
    unit = [LONG, OTHER] if kind == "single_turn_loop" else PASSAGE[:4]
    strengths = [
        next(f.strength for f in found_in_lines(unit * copies) if f.kind == kind)
        for copies in (n, n + 1)
    ]
    assert strengths[0] < strengths[1] < 1


def found_in_lines(lines):
    return find_loops_and_breaks(transcript_of(lines)).findings


@law
@given(**any_planted)
def test_evidence_lies_in_the_raw_contents_and_quotes_them(kind, seed):
    one = planted(kind, seed)
    contents = {turn.index: turn.content for turn in one.dialogue().turns}
    for finding in found_in(one.dialogue()):
        assert finding.spans and 0 <= finding.strength <= 1
        assert finding.origin_turn <= finding.onset_turn <= finding.detect_turn
        for span in finding.spans:
            assert 0 <= span.start <= span.end <= len(contents[span.turn])
        if quoted := re.search(r'"(.*)"', finding.explanation):
            said = [contents[span.turn][span.start : span.end] for span in finding.spans]
            assert any(as_words(quoted[1]) in as_words(text) for text in said)


def as_words(text):
    return " ".join(word.text for word in find_words(text))


@pytest.mark.parametrize("other", [["--split", "A"], ["--show", "refusal"]])
def test_only_the_figures_of_the_readme_are_written_into_it(other, capsys):
    with pytest.raises(SystemExit) as ended:
        truth.main(["--write", *other])
    assert ended.value.code == 2
    assert "--write is for split B" in capsys.readouterr().err


def test_what_is_planted_can_be_read_back():
    line = Line("assistant", "Hello.")
    one = Planted("refusal", "by hand", carriers("A")[0], [line], evidence={0: None})
    (span,) = one.spans()
    assert one.dialogue().turns[0].content[span.start : span.end] == "Hello."


@pytest.mark.parametrize(
    ("sampler", "cause"),
    [
        ({}, "the end token came first"),
        ({"stop": ["\n"]}, "a stop string or the end token came first"),
        (None, "a stop string or the end token came first"),
    ],
)
def test_an_empty_reply_blames_the_end_token_only_where_nothing_else_can_have_ended_it(
    sampler, cause
):
    config = {} if sampler is None else {"sampler": sampler, "user_sampler": {"stop": ["x"]}}
    said = [Turn(0, "assistant", "", tokens=1, finish_reason="stop"), Turn(1, "user", "Well?")]
    found = find_loops_and_breaks(Transcript(Dialogue(config, tuple(said), "done"))).findings
    assert [f.explanation for f in found if f.level != "info"] == [f"empty: {cause}"]


@law
@given(kind=st.sampled_from(("single_turn_loop", "empty_response", "refusal")), seed=st.integers())
def test_what_ends_a_dialogue_online_is_what_is_found_in_its_prefix_offline(kind, seed):
    one = planted(kind, seed).dialogue()
    one = replace(one, config={**one.config, "stop_on": [kind]})
    for n in range(1, len(one.turns) + 1):
        said = replace(one, turns=one.turns[:n])
        offline = [f for f in found_in(said) if f.kind == kind]
        online = find_reason_to_stop(said)
        assert (online is None) == (not offline)
        if online is not None:
            assert replace(online, primary=True) in [replace(f, primary=True) for f in offline]
            assert online.detect_turn <= n - 1
            break
