"""What a person sees of a dialogue: on a terminal, and anywhere else."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.replay import LLAMA, replay, reply

ROOT = Path(__file__).parents[2]
SCENE = {
    "conversation": [
        {"role": "system", "content": "A date."},
        {"role": "user", "content": "Mark: hi"},
    ],
    "agent_prefix": "Skye:",
    "user_prefix": "Mark:",
    "total_tokens": 6,
    "sampler": {"top_k": 0, "temperature": 0.5},
}
GOAL = {
    "mode": "goal",
    "personas": [{"id": "p1", "text": "a nurse"}],
    "objectives": [{"id": "o1", "text": "Learn of dice."}],
    "templates": {"first": "P <PERSONA> O <OBJECTIVE> S <CONV_STOP>", "next": "R <RESPONSE>"},
    "regenerate": {"tries": 1},
}


def on_terminal(config, said, tmp_path, *arguments, **environment):
    """(what a terminal shows, what stderr says) of a dialogue with a server that says this."""
    left = iter([reply(text) for text in said])
    reader, terminal = os.openpty()
    bare = {name: value for name, value in os.environ.items() if name != "NO_COLOR"}
    with replay({**LLAMA, "/v1/completions": lambda body: next(left)}) as (url, _):
        path = tmp_path / "c.json"
        path.write_text(json.dumps({**config, "api_url": url}))
        with open(terminal, "wb") as out:  # noqa: PTH123
            done = subprocess.run(
                [sys.executable, "parrot.py", str(path), "--seed", "7", *arguments], cwd=ROOT,
                stdout=out, stderr=subprocess.PIPE, check=True, env={**bare, **environment},
            )  # fmt: skip
            shown = os.read(reader, 65_536).decode().replace("\r\n", "\n")
    os.close(reader)
    return shown, done.stderr.decode()


def test_a_terminal_shows_what_runs_the_opening_and_the_talk_and_no_transcript(tmp_path):
    shown, errors = on_terminal(SCENE, [" one", " two\x1b[2J"], tmp_path, NO_COLOR="1")
    what, _, talk = shown.partition("\n")
    assert what.startswith("Skye: ") and "; Mark: " in what
    assert what.endswith("; top_k=0 temperature=0.5; seed 7")
    assert talk == (
        "system: A date.\nMark: hi\n\n--- 0 ---\nSkye: one\nMark: two\\x1b[2J\n"
        "\n--- 6 tokens, 4 turns ---\n"
    )
    assert errors == ""


def test_every_speaker_has_a_colour_that_ends_with_each_piece(tmp_path):
    shown, _ = on_terminal(SCENE, [" one", " two"], tmp_path)
    assert "\x1b[36mSkye:\x1b[0m\x1b[36m one\x1b[0m\n" in shown
    assert "\x1b[35mMark:\x1b[0m\x1b[35m two\x1b[0m\n" in shown
    assert "\x1b[2msystem: A date.\x1b[0m\n\x1b[35mMark: hi\x1b[0m\n" in shown


def test_goal_mode_names_the_speakers_and_marks_a_try_that_does_not_count(tmp_path):
    said = ["no quotes", '"Hi"', "yes", "FINISH"]
    shown, errors = on_terminal(GOAL, said, tmp_path, NO_COLOR="1")
    what, _, talk = shown.partition("\n")
    assert "objective o1, persona p1" in what
    assert talk == (
        'user: no quotes  [does not count]\nuser: "Hi"\n\n--- 3 ---\nassistant: yes\n'
        "user: FINISH\n\n--- 9 tokens, 3 turns ---\n"
    )
    assert errors == "user: asked again: no_prompt\n"


@pytest.mark.parametrize("environment", [{}, {"NO_COLOR": "1"}])
def test_a_pipe_gets_the_log_as_it_always_was(environment, tmp_path):
    left = iter([reply(" one"), reply(" two")])
    with replay({**LLAMA, "/v1/completions": lambda body: next(left)}) as (url, _):
        path = tmp_path / "c.json"
        path.write_text(json.dumps({**SCENE, "api_url": url}))
        done = subprocess.run([sys.executable, "parrot.py", str(path)], cwd=ROOT, check=True,
                              capture_output=True, env={**os.environ, **environment})  # fmt: skip
    stream, _, transcript = done.stdout.decode().partition("\n--- DONE ---\nFull Config:\n{")
    assert stream == "\n--- 0 ---\n\nSkye: one\nMark: two\n"
    assert transcript.endswith(
        "=== assistant @ 0 ===\nSkye: one\n\n=== user @ 3 ===\nMark: two\n"
        "\n--- 6 tokens, 4 turns ---\n"
    )


def test_a_terminal_is_spared_the_transcript_of_a_batch_that_its_logs_have(tmp_path):
    reader, terminal = os.openpty()
    left = iter([reply(" one"), reply(" two")])
    with replay({**LLAMA, "/v1/completions": lambda body: next(left)}) as (url, _):
        (tmp_path / "c.json").write_text(json.dumps({**SCENE, "api_url": url}))
        with open(terminal, "wb") as out:  # noqa: PTH123
            subprocess.run([ROOT / "parrot.sh", "1", "c.json"], cwd=tmp_path, stdout=out,
                           check=True, stderr=subprocess.PIPE,
                           env={**os.environ, "PYTHON": sys.executable})  # fmt: skip
            shown = os.read(reader, 65_536).decode().replace("\r\n", "\n")
    os.close(reader)
    assert shown == "\n--- 0 ---\n\nSkye: one\nMark: two\n"
    [log] = tmp_path.glob("parrot_*/*.log")
    assert log.read_text().startswith(shown + "\n--- DONE ---\nFull Config:\n{")
