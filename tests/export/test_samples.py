from __future__ import annotations

import io
import json
import subprocess
import sys
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

import analyze
from broken_record.analysis.report import DialogueReport, Report
from broken_record.config.schema import config_sha256
from broken_record.conversation.prompts import merge_neighbours
from broken_record.data import Dialogue, EngineInfo, Finding, Message, Role, Turn
from broken_record.errors import ConfigError, LogError
from broken_record.export.dataset import Tally, alternates, count, make_card
from broken_record.export.formats import FORMAT_NAMES
from broken_record.export.samples import (
    FORMATS,
    LOOPED,
    SILENT,
    Sample,
    check_export,
    make_sample,
    select,
    write_samples,
)
from broken_record.files.chats import parse_chats
from broken_record.files.read import read_dialogue
from tests.replay import DATA

ROOT = Path(__file__).parents[2]
SHIPPED = [
    path
    for path in [*DATA.glob("old_logs/*.log"), *DATA.glob("chatlogs/*.jsonl")]
    if path.name not in ("cut_short.log", "chatml.jsonl", "sharegpt.jsonl")  # no or many dialogues
]
WHO: dict[Role, str] = {"user": "inquirer", "assistant": "responder"}
DATE = Dialogue(
    config={
        "conversation": [
            {"role": "system", "content": "A date."},
            {"role": "assistant", "content": "Skye: Hi."},
        ],
        "agent_prefix": "Skye:",
        "user_prefix": "Mark:",
        "user_system": "You are Mark.",
        "seed": 7,
    },
    turns=(
        Turn(2, "user", "Mark: Hello.", 3),
        Turn(3, "assistant", "Skye: Tea?", 4),
        Turn(4, "user", "Mark: Yes.", 2),
    ),
    status="done",
    seed=7,
    assistant=EngineInfo("llama-server", model="skye"),
)


def finding(kind="single_turn_loop", level="break", onset=4):
    return Finding(
        kind=kind, speaker="both", level=level, origin_turn=2, onset_turn=onset, detect_turn=onset,
        end_turn=None, period=2, copies=3, strength=0.5, spans=(), explanation="",
    )  # fmt: skip


def entry(name="date_1", findings=(), **more):
    values = {
        "name": name, "file": f"{name}.jsonl", "status": "done", "turns": 3, "tokens": 9,
        "tokens_until_first_loop": None, "characters": 10, "loop_score": 0, "loop_density": 0.0,
        "loop_coverage": 0.0, "average_response_length": 10.0, "response_lengths": (10,),
        "segments": (), "speakers": {}, "findings": tuple(findings),
        "onset_tokens": (None,) * len(findings),
    }  # fmt: skip
    return DialogueReport(**{**values, **more})


def sample(dialogue=DATE, side="assistant", findings=(), trim=False):
    return make_sample(dialogue, entry(findings=findings), "run", side, trim=trim)


def test_the_assistant_learns_from_the_opening_and_every_turn_as_they_stand():
    line = FORMATS["chatml"](sample())
    assert line["messages"] == [
        {"role": "system", "content": "A date."},
        {"role": "assistant", "content": "Skye: Hi."},
        {"role": "user", "content": "Mark: Hello."},
        {"role": "assistant", "content": "Skye: Tea?"},
        {"role": "user", "content": "Mark: Yes."},
    ]
    assert line["metadata"] == {
        "run": "run", "name": "date_1", "side": "assistant", "seed": 7,
        "config_sha256": config_sha256(DATE.config), "status": "done", "assistant_model": "skye",
        "user_model": None, "findings": [], "trimmed_at": None,
    }  # fmt: skip


def test_the_user_learns_with_the_roles_exchanged_behind_its_own_system_text():
    assert [(m.role, m.content) for m in sample(side="user").messages] == [
        ("system", "You are Mark."),
        ("user", "Skye: Hi."),
        ("assistant", "Mark: Hello."),
        ("user", "Skye: Tea?"),
        ("assistant", "Mark: Yes."),
    ]


GOAL = Dialogue(
    config={
        "mode": "goal",
        "objectives": [{"id": "poem", "text": "Get a poem.", "steps": ["Ask.", "Refine."]}],
        "objective": "poem",
        "personas": [{"id": "cook", "text": "You are a cook."}, {"id": "x", "text": "No."}],
        "persona": "cook",
        "replica": 2,
        "templates": {"first": "<PERSONA> <OBJECTIVE>", "next": "<RESPONSE>\nNext: <NEXT_PROMPT>"},
    },
    turns=(
        Turn(0, "user", 'I would ask: "Write me a poem."', extract="Write me a poem."),
        Turn(1, "assistant", "Cats at dawn."),
        Turn(2, "user", "FINISH", extract=None),
    ),
    status="done",
)


def test_in_goal_mode_the_assistant_sees_what_was_extracted_and_the_user_what_it_said():
    seen = [message.content for message in sample(GOAL).messages]
    assert seen == ["Write me a poem.", "Cats at dawn."]
    said = [message.content for message in sample(GOAL, "user").messages]
    told = ["You are a cook. Get a poem.", "Cats at dawn.\nNext: Refine."]
    assert said == [told[0], 'I would ask: "Write me a poem."', told[1], "FINISH"]


def test_a_record_of_llm_roleplay_has_persona_objective_and_the_turns_in_pairs():
    line = FORMATS["llm-roleplay"](sample(GOAL))
    del line["metadata"]
    assert line == {
        "persona": "You are a cook.",
        "sample": {"instruction": "Get a poem.", "id": "poem", "steps": ["Ask.", "Refine."]},
        "num_turns": 1,
        "dialog": [
            {
                "turn": 0,
                "model_inquirer": "Write me a poem.",
                "model_responder": "Cats at dawn.",
            }
        ],
    }


def test_who_has_no_turn_in_a_pair_of_llm_roleplay_is_empty():
    line = FORMATS["llm-roleplay"](sample())
    assert (line["persona"], line["sample"]) == ("You are Mark.", {"instruction": ""})
    assert line["dialog"] == [
        {"turn": 0, "model_inquirer": "", "model_responder": "Skye: Hi."},
        {"turn": 1, "model_inquirer": "Mark: Hello.", "model_responder": "Skye: Tea?"},
        {"turn": 2, "model_inquirer": "Mark: Yes.", "model_responder": ""},
    ]
    assert (line["num_turns"], line["metadata"]["system"]) == (3, "A date.")


def test_sharegpt_opens_with_an_empty_human_where_the_assistant_would():
    line = FORMATS["sharegpt"](sample())
    assert [message["from"] for message in line["conversations"]] == [
        "system", "human", "gpt", "human", "gpt", "human",
    ]  # fmt: skip
    assert line["conversations"][1]["value"] == "" and line["metadata"]["opening_added"] is True
    line = FORMATS["sharegpt"](sample(side="user"))
    assert [message["from"] for message in line["conversations"]] == [
        "system", "human", "gpt", "human", "gpt",
    ]  # fmt: skip
    assert "opening_added" not in line["metadata"]


def test_the_hash_of_a_config_is_that_of_its_canonical_json_without_what_each_dialogue_chooses():
    import hashlib

    expected = hashlib.sha256(b'{"a":"\\u00e9","b":[1,2]}').hexdigest()
    config = {"b": [1, 2], "a": "é", "seed": 3, "objective": "o", "persona": "p", "replica": 1}
    assert config_sha256(config) == expected
    assert config_sha256({**config, "b": [2, 1]}) != expected


@pytest.mark.parametrize(
    ("findings", "kept", "cut_at"),
    [
        ([finding(onset=3)], 3, 3),  # system, Hi., Hello.
        ([finding(onset=4), finding("refusal", "warn", 2)], 2, 2),
        ([finding(level="info", onset=2)], 5, None),
        ([], 5, None),
    ],
)
def test_trimming_keeps_everything_before_the_first_onset_that_is_no_info(findings, kept, cut_at):
    for side, extra in (("assistant", 0), ("user", 0)):
        trimmed = sample(side=side, findings=findings, trim=True)
        assert len(trimmed.messages) == kept + extra
        assert trimmed.metadata["trimmed_at"] == cut_at
        assert trimmed.messages == sample(side=side).messages[:kept]


def test_dropping_leaves_out_what_loops_and_nothing_else():
    rows = [
        ("r", entry("a", [finding()]), DATE),
        ("r", entry("b", [finding("refusal")]), DATE),
        ("r", entry("c", [finding(level="info")]), DATE),
        ("r", entry("d"), Dialogue(DATE.config, (), "unfinished")),
        ("r", entry("e"), Dialogue({"conversation": []}, (), "error")),
    ]
    left_out: Counter[str] = Counter()
    chosen = [*select(rows, "assistant", left_out, drop=["single_turn_loop"])]
    assert [s.metadata["name"] for s in chosen] == ["b", "c", "d"]
    assert left_out == {LOOPED: 1, SILENT: 1}
    assert [s.metadata["findings"] for s in chosen] == [["refusal"], [], []]
    left_out.clear()
    both = [*select(rows, "both", left_out)]
    assert [(s.metadata["name"], s.metadata["side"]) for s in both][:2] == [
        ("a", "assistant"),
        ("a", "user"),
    ]
    assert left_out == {SILENT: 3}  # the user says nothing in d and e, nobody in e


texts = st.text(st.characters(exclude_categories=()), max_size=20)


@st.composite
def dialogues(draw):
    """Two sides in turns, either first, some of it in the opening."""
    system = draw(st.lists(texts, max_size=2))
    said = draw(st.lists(texts, min_size=2, max_size=7))
    first = draw(st.integers(0, 1))
    opened = draw(st.integers(0, len(said)))
    roles = [("assistant", "user")[(first + i) % 2] for i in range(len(said))]
    opening = [{"role": "system", "content": text} for text in system]
    opening += [
        {"role": r, "content": t} for r, t in zip(roles[:opened], said[:opened], strict=True)
    ]
    turns = [
        Turn(len(system) + i, roles[i], said[i])  # type: ignore[arg-type]
        for i in range(opened, len(said))
    ]
    config = {"conversation": opening, "user_system": draw(texts), "agent_prefix": "A:"}
    return Dialogue(config, tuple(turns), "done")


def encode(name: str, samples: Iterable[Sample]) -> bytes:
    """The file of some samples."""
    file = io.BytesIO()
    write_samples(name, samples, file)
    return file.getvalue()


def read_back(content: bytes) -> list[Message]:
    """The messages of the only conversation of a file, opening first."""
    (dialogue,) = parse_chats(content.decode().split("\n"), "f").dialogues
    opening = [Message(m["role"], m["content"]) for m in dialogue.config["conversation"]]
    return [*opening, *(Message(turn.role, turn.content) for turn in dialogue.turns)]


@given(dialogue=dialogues(), side=st.sampled_from(["assistant", "user"]))
def test_what_is_exported_as_chatml_or_sharegpt_and_read_again_is_the_same(dialogue, side):
    exported = sample(dialogue, side)
    for name in ("chatml", "sharegpt"):
        assert read_back(encode(name, [exported])) == list(exported.messages)


def every_message(name: str, content: bytes) -> list[Message]:
    """All that an exported file holds of one sample."""
    if name == "parquet":
        (row,) = pq.read_table(io.BytesIO(content)).to_pylist()
        said = [Message(**message) for message in row["messages"]]
    elif name == "llm-roleplay":
        pairs = json.loads(content)["dialog"]
        said = [
            Message(role, pair[f"model_{who}"])
            for pair in pairs
            for role, who in WHO.items()
            if pair[f"model_{who}"]
        ]
    else:
        said = read_back(content)
    return [message for message in said if message.role != "system"]


def test_the_formats_that_can_be_asked_for_are_those_that_can_be_written():
    assert list(FORMAT_NAMES) == list(FORMATS)


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.name)
@pytest.mark.parametrize("name", FORMATS)
def test_every_shipped_dialogue_is_exported_with_every_turn(path, name):
    dialogue = read_dialogue(path)[0]
    opening = [Message(m["role"], m["content"]) for m in dialogue.config["conversation"]]
    said = [message for message in opening if message.role != "system"]
    said += [Message(turn.role, turn.content) for turn in dialogue.turns]
    found = every_message(name, encode(name, [sample(dialogue)]))
    # no format says that two speakers of a side are two: read again, they are one
    assert merge_neighbours(found) == merge_neighbours(said) and len(dialogue.turns) > 1


def test_a_table_has_the_metadata_as_columns_and_no_lone_surrogates():
    odd = Dialogue({}, (Turn(0, "assistant", "a\ud800b\x00"),), "done", seed=2**64 - 1)
    table = pq.read_table(
        io.BytesIO(encode("parquet", [sample(odd), sample(findings=[finding()])]))
    )
    assert table.column_names == ["messages", *sample().metadata]
    first, second = table.to_pylist()
    assert first["messages"] == [{"role": "assistant", "content": "a\ufffdb\x00"}]
    assert (first["seed"], first["trimmed_at"], first["findings"]) == (2**64 - 1, None, [])
    assert second["findings"] == ["single_turn_loop"]
    with pytest.raises(LogError, match="cannot be written as Parquet"):
        encode("parquet", [sample(Dialogue({}, (), "done", seed=-1))])


@pytest.mark.parametrize(
    ("roles", "name", "fits"),
    [
        ("ua", "chatml", True), ("sua", "sharegpt", True), ("au", "chatml", False),
        ("aua", "chatml", False), ("aua", "sharegpt", True), ("uua", "chatml", False),
        ("uau", "sharegpt", False),
    ],
)  # fmt: skip
def test_a_sample_alternates_from_the_other_side_to_the_learnt_one(roles, name, fits):
    names = {"s": "system", "u": "user", "a": "assistant"}
    opening = [{"role": names[role], "content": "x"} for role in roles]
    assert alternates(sample(Dialogue({"conversation": opening}, (), "done")), name) is fits


def test_the_card_counts_what_was_exported_and_what_was_not():
    rows = [
        ("r", entry("a", [finding(onset=3)]), DATE),
        ("r", entry("b", [finding("multi_turn_loop")]), DATE),
        ("r", entry("c", status="unfinished", file="c.log"), GOAL),
        ("r", entry("d"), Dialogue({}, (), "done")),
    ]
    tally = Tally()
    chosen = select(rows, "assistant", tally.counts, drop=["multi_turn_loop"], trim=True)
    assert len([*count(chosen, "chatml", tally)]) == 2
    thresholds: dict[str, dict[str, Any]] = {"single_turn_loop": {}, "refusal": {}}
    report = Report("r|un", tuple(row[1] for row in rows), thresholds=thresholds)
    card = make_card('my "set".jsonl', "chatml", "--side assistant", tally, [report])
    head, _, body = card.removeprefix("---\n").partition("---\n")
    assert 'data_files: "my \\"set\\".jsonl"' in head and '["n<1K"]' in head
    for label, number in {
        "dialogues in the runs": 4,
        "of these done": 3,
        "of these unfinished": 1,
        "of these from text logs, outer white space lost": 1,
        "dialogues left out because they loop": 1,
        "samples left out because the side to be learnt says nothing": 1,
        "samples": 2,
        "of these cut at the onset of a finding": 1,
        "of these alternating, the other side first, the learnt one last": 1,  # the goal dialogue
        "messages": 5,  # system, Hi., Hello. of a; two of c
        "messages to learn": 2,
        "characters to learn": len("Skye: Hi.") + len("Cats at dawn."),
    }.items():
        assert f"| {label} | {number} |\n" in body, label
    assert "## Findings in r\\|un, before" in body
    assert "| single_turn_loop | 1 | 4 | 25% (5% - 70%) |" in body
    assert "| refusal | 0 | 4 | 0% (0% - 49%) |" in body
    assert f"| r | {config_sha256(DATE.config)} | skye | unknown | 1 |" in body


@pytest.fixture
def run(tmp_path):
    """Two records, one of them torn in its third turn, and an old text log."""
    folder = tmp_path / "run"
    folder.mkdir()
    header = {"type": "dialogue", "version": 1, "config": {"agent_prefix": ""}, "seed": 5}
    said = ["Where does the ferry land?", "At the mill."]
    turns = [
        {"type": "turn", "index": i, "role": ("user", "assistant")[i % 2], "content": text}
        for i, text in enumerate(said * 4)
    ]
    lines = [json.dumps(line) + "\n" for line in [header, *turns]]
    (folder / "looped.jsonl").write_text("".join(lines))
    (folder / "torn.jsonl").write_text("".join(lines[:3]) + lines[3][:20])
    (folder / "plain.log").write_bytes((DATA / "old_logs" / "plain.log").read_bytes())
    return folder


def test_a_run_is_exported_with_its_card_and_what_is_unfinished_as_far_as_it_goes(run, tmp_path):
    target = tmp_path / "set.jsonl"
    target.write_text("old")
    assert analyze.main([str(run), "--export", "chatml", "-o", str(target)]) == 0
    lines = [json.loads(line) for line in target.read_text().splitlines()]
    assert [(x["metadata"]["name"], len(x["messages"])) for x in lines] == [
        ("looped", 8), ("plain", 7), ("torn", 2),
    ]  # fmt: skip
    assert lines[2]["metadata"]["status"] == "unfinished"
    card = (tmp_path / "set.card.md").read_text()
    assert (
        "| of these unfinished | 2 |" in card and "text logs, outer white space lost | 1 |" in card
    )
    assert sorted(path.name for path in tmp_path.iterdir()) == ["run", "set.card.md", "set.jsonl"]


def test_loops_are_dropped_or_cut_off_as_asked(run, tmp_path, caplog):
    target = tmp_path / "set.jsonl"
    options = ["--export", "sharegpt", "-o", str(target)]
    assert analyze.main([str(run), *options, "--drop-looped"]) == 0
    names = [json.loads(line)["metadata"]["name"] for line in target.read_text().splitlines()]
    assert "looped" not in names and "torn" in names
    assert analyze.main([str(run), *options, "--trim-at-onset", "--side", "both"]) == 0
    looped = [json.loads(line) for line in target.read_text().splitlines()][:2]
    assert [x["metadata"]["side"] for x in looped] == ["assistant", "user"]
    assert [x["metadata"]["trimmed_at"] for x in looped] == [2, 2]  # copy 2 of the first line
    said = [[(m["from"], m["value"]) for m in x["conversations"]] for x in looped]
    assert said[0] == [("human", "Where does the ferry land?"), ("gpt", "At the mill.")]
    assert said[1] == [
        ("human", ""),
        ("gpt", "Where does the ferry land?"),
        ("human", "At the mill."),
    ]


def test_several_runs_go_into_one_file(run, tmp_path):
    target = tmp_path / "set.parquet"
    assert analyze.main([str(run), str(run), "--export", "parquet", "-o", str(target)]) == 0
    assert pq.read_table(target).num_rows == 6


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--export", "chatml"], "--export and -o go together"),
        (["--side", "user"], "--export and -o go together"),
        (["--drop-looped", "-o", "x"], "--export and -o go together"),
        (["--export", "csv", "-o", "x"], "invalid choice"),
    ],
)
def test_options_that_do_not_go_together_are_refused(options, words, run, capsys):
    with pytest.raises(SystemExit) as refused:
        analyze.main([str(run), *options])
    assert refused.value.code == 2 and words in capsys.readouterr().err


def test_an_export_never_stands_where_it_would_be_read_or_replace_what_is_read(run, caplog):
    for name in ("x.jsonl", "run.json", "analysis.json", "deeper/x.jsonl"):
        assert analyze.main([str(run), "--export", "chatml", "-o", str(run / name)]) == 2
    chats = run.parent / "chats.jsonl"
    chats.write_bytes((DATA / "chatlogs" / "group.jsonl").read_bytes())
    before = chats.read_bytes()
    assert analyze.main([str(chats), "--export", "chatml", "-o", str(chats)]) == 2
    assert "would stand among the files" in caplog.text and chats.read_bytes() == before
    with pytest.raises(ConfigError, match="holds both sides"):
        check_export("llm-roleplay", "both")


def test_what_cannot_be_written_is_named(run, tmp_path, caplog):
    target = tmp_path / "absent" / "set.jsonl"
    assert analyze.main([str(run), "--export", "chatml", "-o", str(target)]) == 1
    assert f"{target}: cannot be written: No such file" in caplog.text


def test_without_its_package_parquet_says_which_one_to_install(run, tmp_path):
    code = "import sys; sys.modules['pyarrow'] = None; import analyze; sys.exit(analyze.main())"
    target = tmp_path / "set.parquet"
    done = subprocess.run(
        [sys.executable, "-c", code, str(run), "--export", "parquet", "-o", str(target)],
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == "--export parquet: needs a package; run: pip install pyarrow\n"
