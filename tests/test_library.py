"""The library's door: `import broken_record`, and what a few lines of Python get from it."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import pytest

import analyze as script
import broken_record
from broken_record import Dialogue, Finding, Turn, analyze, read_dialogue, read_run
from broken_record.analysis.report_file import read_report
from broken_record.data import Span
from broken_record.detectors.registry import KINDS
from broken_record.errors import ConfigError, LogError
from broken_record.text.meaning import PARAPHRASES, RULER

ROOT = Path(__file__).parents[1]
EXAMPLES = sorted(ROOT.glob("docs/looping/*.jsonl"))
KEY = "I have told you before: the key is in the box by the door."


def messages_of(*said, **more):
    roles = ("user", "assistant") * len(said)
    return [{"role": r, "content": c, **more} for r, c in zip(roles, said, strict=False)]


def run_alone(code):
    subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True)


DIFFERENT = [
    "The ferry to the island leaves late tonight.", "My brother keeps bees behind a mill.",
    "Nobody answered when I rang on Monday.", "A grey cat has slept in our window since May.",
    "The baker had sold all of his bread before noon.", "Rain came in through the chapel roof.",
    "She painted her kitchen door green.", "Trains from Porto were slow all summer.",
    "He lost two buttons while he was dancing.", "Somebody left a tuba on the stairs.",
    "Grandmother counts spoons when she worries.", "We buried the letters under an elm.",
]  # fmt: skip


def test_the_import_alone_loads_nothing_but_the_standard_library_and_little_of_it():
    run_alone("""
import sys
before = {*sys.modules}
import broken_record
assert {*sys.modules} - before <= {"broken_record", "__future__"}, {*sys.modules} - before
""")


def test_an_analysis_needs_nothing_that_speaks_to_a_server_or_draws():
    run_alone("""
import sys
from broken_record import analyze
analyze([{"role": "user", "content": "Hi."}, {"role": "assistant", "content": "Hi."}] * 9)
for unused in ("requests", "bokeh", "transformers", "scipy", "jinja2", "tqdm"):
    assert unused not in sys.modules, unused
""")


def test_the_door_shows_what_it_offers_and_nothing_else():
    assert {*broken_record.__all__} <= {*dir(broken_record)}
    for name in broken_record.__all__:
        assert getattr(broken_record, name).__name__ == name
    with pytest.raises(AttributeError, match="has no attribute 'analyse'"):
        getattr(broken_record, "analyse")  # noqa: B009


def test_a_list_of_messages_is_told_where_it_loops():
    said = ["Where is it?", "Where is what?", "The key!", KEY, "Are you sure?", KEY, "Yes?", KEY]
    result = analyze(messages_of(*said))
    [loop] = [found for found in result.findings if found.kind == "single_turn_loop"]
    assert isinstance(loop, Finding) and loop.speaker == "assistant"
    assert (loop.origin_turn, loop.onset_turn, loop.copies, loop.end_turn) == (3, 5, 3, None)
    assert [one.turn for one in loop.spans] == [3, 5, 7]
    assert loop.spans[1] == Span(5, 0, len(KEY))
    assert (result.metrics.assistant.turns, result.metrics.user.turns) == (4, 4)
    assert result.metrics.old.response_lengths == (14, len(KEY), len(KEY), len(KEY))
    assert result.metrics.tokens is None and result.not_measurable == ()
    assert result.coverage["assistant"] > 0.5 > result.coverage["user"]
    values = json.loads(json.dumps(result.to_dict()))
    assert [*values] == ["findings", "metrics", "coverage", "not_measurable"]
    assert values["findings"][0] == json.loads(json.dumps(asdict(loop))) | {"recovered": False}


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_a_list_of_messages_shows_what_the_same_words_in_a_record_show(path):
    dialogue = read_dialogue(str(path))
    config = {name: dialogue.config[name] for name in ("agent_prefix", "user_prefix")}
    opening = dialogue.config["conversation"]
    bare = replace(
        dialogue,
        config={**config, "conversation": opening},
        turns=tuple(Turn(turn.index, turn.role, turn.content) for turn in dialogue.turns),
    )
    turns = [{"role": turn.role, "content": turn.content} for turn in bare.turns]
    result = analyze([*opening, *turns], **config)
    shown, recorded = (
        # how a side ends its turns is learned from all of them, and a list has no opening
        {(f.kind, f.speaker, f.onset_turn) for f in findings if f.kind != "apostrophe_break"}
        for findings in (result.findings, analyze(bare).findings)
    )
    assert shown == recorded
    assert result.findings or path.stem in result.not_measurable


def test_a_dialogue_shows_what_analyze_py_writes_of_it(tmp_path):
    for path in EXAMPLES:
        shutil.copy(path, tmp_path)
    assert script.main([str(tmp_path)]) == 0
    for entry in read_report(tmp_path).dialogues:
        result = analyze(read_dialogue(tmp_path / entry.file))
        assert result.findings == entry.findings
        assert result.not_measurable == entry.not_measurable
        assert asdict(result.metrics.assistant) == entry.speakers["assistant"]
        assert result.metrics.old.segments == entry.segments


def test_kinds_and_thresholds_choose_what_is_looked_for():
    messages = messages_of(*["Where is it?", KEY] * 3)
    assert {found.kind for found in analyze(messages).findings} == {"single_turn_loop"}
    assert analyze(messages, kinds=["refusal"]).findings == ()
    assert analyze(messages, thresholds={"single_turn_loop": {"copies": 4}}).findings == ()


def test_a_function_that_gives_vectors_judges_by_meaning():
    topic = {
        one: k for meanings in (PARAPHRASES, *RULER.values()) for k, one in enumerate(meanings)
    }

    asked = []

    def embed(sentences):
        asked.append(len(sentences))
        rows = np.zeros((len(sentences), 9))
        for row, sentence in zip(rows, sentences, strict=True):
            row[topic.get(sentence, 8)] = 1.0  # whatever else is said means one thing
        return rows

    roles = ("user", "assistant") * 6
    talk = [{"role": r, "content": c} for r, c in zip(roles, DIFFERENT, strict=True)]
    assert not analyze(talk, kinds=["semantic_repetition"]).findings
    by_meaning = analyze(talk, kinds=["semantic_repetition"], embed=embed)
    assert [found.kind for found in by_meaning.findings] == ["semantic_repetition"]
    assert max(asked) <= 32
    with pytest.raises(ConfigError, match="do not tell paraphrases"):
        analyze(talk, embed=lambda sentences: np.ones((len(sentences), 3)))


def test_turns_are_places_in_the_list_whatever_stands_between_them():
    system = {"role": "system", "content": "You keep the keys."}
    tired, asked = messages_of("Hm.", "Where?")[0], messages_of("Where is it?")[0]
    told = {"role": "assistant", "content": KEY}
    messages = [system, asked, told, tired, asked, system, told, asked, told]
    [loop] = [f for f in analyze(messages).findings if f.speaker == "assistant"]
    assert (loop.origin_turn, loop.onset_turn, loop.spans[-1].turn) == (2, 6, 8)


def test_messages_of_one_speaker_in_a_row_are_one_turn_and_other_speakers_stay_apart():
    first, second = messages_of("Hi.", "")[0], messages_of("Anybody?")[0]
    joined = analyze([first, second])
    assert joined.metrics.user.turns == 1 and joined.metrics.user.characters == len("Hi.\nAnybody?")
    apart = analyze([{**first, "name": "Mark"}, {**second, "name": "Ada"}])
    assert apart.metrics.user.turns == 2


def test_roles_have_the_names_that_chats_give_them():
    said = ("developer", "Be brief."), ("human", "Hi."), ("gpt", "Hi."), ("Assistant", "Yes?")
    metrics = analyze([{"role": role, "content": content} for role, content in said]).metrics
    assert (metrics.user.turns, metrics.assistant.turns) == (1, 2)


def test_a_list_without_a_turn_is_not_measurable():
    nothing = analyze([{"role": "system", "content": "Be brief."}])
    assert nothing.findings == () and nothing.not_measurable == tuple(KINDS)


@pytest.mark.parametrize(
    ("messages", "said"),
    [
        ("Hi.", 'messages: expected a list of {"role", "content"} or a Dialogue, found str'),
        (None, 'messages: expected a list of {"role", "content"} or a Dialogue, found NoneType'),
        ([["user", "Hi."]], 'messages[0]: expected {"role", "content"}, found list'),
        ([{"role": "asistant", "content": ""}],
         "messages[0]: unknown role 'asistant'; did you mean assistant?"),
        ([{"content": ""}], "messages[0]: unknown role None; there are system, user, assistant"),
        ([*messages_of("Hi."), {"role": "assistant", "content": None}],
         "messages[1]: expected a text as content, found nothing; leave out what says nothing"),
        ([{"role": "user", "content": [{"type": "text"}]}, "Hi."],
         "messages[0]: expected a text as content, found list; leave out what says nothing\n"
         'messages[1]: expected {"role", "content"}, found str'),
    ],
)  # fmt: skip
def test_what_is_no_list_of_messages_is_refused_with_every_problem(messages, said):
    with pytest.raises(ConfigError) as refused:
        analyze(messages)
    assert str(refused.value) == said


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"kinds": ["refusals"]}, "unknown kind refusals; did you mean refusal?"),
        ({"kinds": "refusal"}, 'kinds: expected a list of kinds like ["refusal"], found a text'),
        ({"thresholds": {"refusal": {"scores": 1}}},
         "thresholds: refusal: unknown scores; did you mean score?"),
    ],
)  # fmt: skip
def test_what_cannot_be_looked_for_is_refused(options, said):
    with pytest.raises(ConfigError) as refused:
        analyze([], **options)
    assert str(refused.value) == said


@pytest.fixture
def run(tmp_path):
    folder = tmp_path / "run"
    folder.mkdir()
    for path in EXAMPLES:
        shutil.copy(path, folder)
    return folder


def test_a_runs_turns_are_rows_before_it_is_analysed_and_its_findings_name_the_command(run):
    rows = [*read_run(str(run)).turns()]
    dialogue = read_dialogue(run / "refusal.jsonl")
    own = [row for row in rows if row["dialogue"] == "refusal"]
    assert [row["content"] for row in own] == [turn.content for turn in dialogue.turns]
    assert {row["run"] for row in rows} == {"run"} and own[3]["turn"] == 3
    assert (own[0]["role"], own[0]["tokens"], own[0]["ttft_s"]) == ("assistant", 18, None)
    for ask in (read_run(run).findings, read_run(run).dialogues):
        with pytest.raises(LogError, match=f"not analysed yet; run: python analyze.py {run}"):
            [*ask()]


def test_a_runs_findings_and_dialogues_are_rows_of_equal_columns(run):
    assert script.main([str(run)]) == 0
    rows = read_run(run)
    report = read_report(run)
    findings, dialogues, turns = [*rows.findings()], [*rows.dialogues()], [*rows.turns()]
    assert len(dialogues) == len(EXAMPLES) and len(turns) == sum(d.turns for d in report.dialogues)
    assert len(findings) == sum(len(entry.findings) for entry in report.dialogues)
    for table in (findings, dialogues, turns):
        assert len({tuple(row) for row in table}) == 1
        assert {type(v) for row in table for v in row.values()} <= {
            str, int, float, bool, type(None),
        }  # fmt: skip
    entry = next(iter(report.dialogues))
    row, found = dialogues[0], findings[0]
    assert (row["dialogue"], found["dialogue"]) == (entry.name, entry.name)
    assert (row["log_characters"], row["log_characters_per_reply"]) == (
        entry.characters,
        entry.average_response_length,
    )
    assistant = entry.speakers["assistant"]
    assert (row["assistant_characters"], row["assistant_characters_per_turn"]) == (
        assistant["characters"],
        assistant["average_response_length"],
    )
    assert row["findings"] == sum(one.level != "info" for one in entry.findings)
    assert (found["kind"], found["onset_tokens"]) == (
        entry.findings[0].kind,
        entry.onset_tokens[0],
    )


def test_what_could_not_be_analysed_is_in_no_row(run):
    (run / "torn.jsonl").write_text("{")
    with pytest.raises(LogError, match=r"torn\.jsonl"):
        [*read_run(run).turns()]
    assert script.main([str(run)]) == 1
    assert "torn" not in {row["dialogue"] for row in read_run(run).turns()}


def test_what_is_no_run_folder_says_so(tmp_path):
    with pytest.raises(LogError, match=r"holds no \.jsonl record and no \.log"):
        read_run(tmp_path)
    with pytest.raises(LogError, match="there is no such file or folder"):
        read_run(tmp_path / "absent")
    (tmp_path / "sweep.json").write_text("{}")
    with pytest.raises(LogError, match="is a sweep; read its runs"):
        read_run(tmp_path)


def test_a_dialogue_may_be_made_by_hand():
    turns = tuple(Turn(i, ("user", "assistant")[i % 2], "") for i in range(4))
    made = Dialogue({"agent_prefix": "", "user_prefix": ""}, turns, "done")
    assert {found.kind for found in analyze(made).findings} == {"empty_response"}
