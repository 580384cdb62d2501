"""`"track": "aim"`: a dialogue as a run in Aim, while it is held.

The config, the texts and the counters go there under LLM Roleplay's names (UKPLab: llm_roleplay/
actions/dialogue_generator.py, common/model.py, models/causal_lm_model.py; cfg is set in urartu/
__init__.py). Our user side is its inquirer, our assistant side its responder.

    texts     inquirer_input, inquirer_output, inquirer_output_extract, responder_input,
              responder_output; an input is the last message that the side was shown. A reply that
              was asked for again stands at a step before the one that counts
    context   turn (the side's own, from 0), and of goal dialogues sample_id (the objective's place
              in the config, from 0) and persona_hash (of the persona's text: SHA-256, 32 digits);
              with an extract num_prompts, how many candidates there were
    params    cfg (the effective config), of goal dialogues personas (persona_hash -> text) and the
              counters (COUNTERS; _model_responder behind the name is the assistant's), and ours:
              seed, assistant, user, packages, started, status, end_reason, error, tokens

Aim runs in a process of its own (aim_process.py); no dialogue is to wait for it. It says the run's
hash, which the record keeps, so that a dialogue that is resumed goes on in its run.
"""

from __future__ import annotations

import hashlib
import importlib.util
import json
import logging
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from itertools import groupby
from pathlib import Path
from typing import Any

from broken_record.config.schema import Config
from broken_record.conversation.aim_process import LEAVE_S, REMOTE
from broken_record.conversation.chat import Chat
from broken_record.conversation.goals import Goal
from broken_record.data import Attempt, Dialogue, Turn
from broken_record.errors import ConfigError
from broken_record.files.goal_counts import count_events
from broken_record.terminal import escape_controls, without_surrogates

SPEAKERS = {"user": "inquirer", "assistant": "responder"}
SUFFIXES = {"user": "", "assistant": "_model_responder"}
COUNTERS = {
    "no_prompt": "num_no_prompts",
    "several_prompts": "num_multiple_prompts",
    "noncoherent": "num_non_coherent",
    "self_reply": "num_self_replies",
    "regenerate_worked": "num_regenerate_worked",
    "empty": "num_empty",  # this one and the next are ours
    "regenerated": "num_regenerated",
}

log = logging.getLogger(__name__)


def check_track(track: str | None) -> None:
    """ConfigError where the package is missing."""
    if track == "aim" and importlib.util.find_spec("aim") is None:
        raise ConfigError(["track: needs a package; run: pip install aim"])


def replies_of(dialogue: Dialogue) -> list[tuple[int, Turn | Attempt]]:
    """(step, reply) in the order in which they were said; steps count the tries of one turn."""
    replies: list[Turn | Attempt] = [
        *(attempt for attempt in dialogue.attempts if attempt.flaw),
        *dialogue.turns,
    ]
    replies.sort(key=lambda reply: (reply.index, isinstance(reply, Turn)))
    tries = groupby(replies, key=lambda reply: reply.index)
    return [numbered for _, group in tries for numbered in enumerate(group)]


def hash_of(persona: str) -> str:
    """What a persona is called in a context."""
    return hashlib.sha256(persona.encode("utf-8", "surrogatepass")).hexdigest()[:32]


def texts_of(
    mode: Goal | Chat, dialogue: Dialogue, step: int, reply: Turn | Attempt
) -> Iterator[tuple[str, str, int, dict[str, Any]]]:
    """(name, text, step, context) of what a reply answers, the reply, and what of it the other side
    gets.
    """
    before = [turn for turn in dialogue.turns if turn.index < reply.index]
    context: dict[str, Any] = {"turn": sum(turn.role == reply.role for turn in before)}
    if isinstance(mode, Goal):
        context["sample_id"] = mode.config.objectives.index(mode.objective)
        context["persona_hash"] = hash_of(mode.persona.text)
    messages, _ = mode.messages(reply.role, before)
    who = SPEAKERS[reply.role]
    yield f"{who}_input", mode.window(reply.role, messages)[-1].content, step, context
    yield f"{who}_output", reply.content, step, context
    if isinstance(reply, Turn) and reply.extract is not None:
        counted = {**context, "num_prompts": reply.quoted}
        yield f"{who}_output_extract", reply.extract, step, counted


class Tracker:
    """One dialogue's way into Aim. What goes wrong there is said once and never raised; only the
    end waits, LEAVE_S at most.
    """

    def __init__(self, config: Mapping[str, Any], record: Path | None, run: str | None) -> None:
        """`run` is the dialogue's run in Aim from before, where it goes on. A path in track_repo
        begins in the working directory.
        """
        loaded = Config.of(config, "track")
        self.mode = Goal(loaded) if loaded.mode == "goal" else Chat(loaded)
        self.run = run
        self.reason: str | None = None
        self.followed: int | None = None
        repo = loaded.track_repo or "."
        self.opening = {
            "repo": repo if repo.startswith(REMOTE) else str(Path(repo).absolute()),
            "run": run,
            "name": str(record.with_suffix("")) if record else None,
        }
        self.process = subprocess.Popen(
            [sys.executable, "-m", "broken_record.conversation.aim_process"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            bufsize=0,
            cwd=Path(__file__).parents[2],
            start_new_session=True,  # Ctrl-C is for the parent, which then closes the pipe
        )
        assert self.process.stdin is not None and self.process.stdout is not None
        self.stdin, self.stdout = self.process.stdin, self.process.stdout
        os.set_blocking(self.stdout.fileno(), False)

    def follow(self, dialogue: Dialogue, params: Mapping[str, Any], *, last: bool) -> str | None:
        """Hand over these params and what was said since the last time, at first all of it; the
        hash of the run, once Aim has said it.
        """
        if self.stdin.closed:
            return self.run
        replies = replies_of(dialogue)
        new = replies[self.followed or 0 :]
        message: dict[str, Any] = {
            "texts": [text for reply in new for text in texts_of(self.mode, dialogue, *reply)],
            "params": {**self.counters(dialogue), **params},
        }
        if self.followed is None:
            message["params"] = {**self.origin(dialogue), **message["params"]}
            message.update(self.opening)
        line = without_surrogates(json.dumps(message, ensure_ascii=False))
        try:
            self.stdin.write(line.encode() + b"\n")
        except OSError:  # the process is gone
            last = True
        self.followed = len(replies)
        self.listen()
        if last or self.reason:
            self.leave()
        return self.run

    def origin(self, dialogue: Dialogue) -> dict[str, Any]:
        """What a figure can be traced back to."""
        params = {
            "cfg": dialogue.config,
            "seed": dialogue.seed,
            "assistant": dialogue.assistant and asdict(dialogue.assistant),
            "user": dialogue.user and asdict(dialogue.user),
            "packages": dialogue.packages,
            "started": dialogue.started,
            "status": dialogue.status,
            "end_reason": None,
            "error": None,
        }
        if isinstance(self.mode, Goal):
            persona = self.mode.persona.text
            params["personas"] = {hash_of(persona): persona}
        return params

    def counters(self, dialogue: Dialogue) -> dict[str, int]:
        """What a goal dialogue has counted so far, under LLM Roleplay's names."""
        if not isinstance(self.mode, Goal):
            return {}
        return {
            COUNTERS[kind] + SUFFIXES[role]: count
            for role, counts in count_events(dialogue).items()
            for kind, count in counts.items()
        }

    def listen(self) -> None:
        """Take in what the process has said so far: its run, or why it gave up."""
        for line in (self.stdout.read() or b"").splitlines():
            said = json.loads(line)
            self.run = said.get("run", self.run)
            self.reason = said.get("error", self.reason)

    def leave(self) -> None:
        """Let the process finish, and say what it could not do."""
        self.stdin.close()
        try:
            code = self.process.wait(LEAVE_S + 5)
        except subprocess.TimeoutExpired:
            self.process.kill()
            code = self.process.wait()
        self.listen()
        self.stdout.close()
        if code:
            reason = escape_controls(self.reason or f"its process ended with {code}")
            log.warning("track: not all of this dialogue is in Aim: %s", reason)
