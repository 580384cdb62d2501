"""The goal mode: the user side plays a persona that wants something from the assistant side.

The rules that dialogue.converse() asks for: who speaks, what each side sees, what of a reply
counts, when it is over. They are those of LLM Roleplay (Tamoyan, Schuff, Gurevych: arXiv
2407.03974; its inquirer is our user side, its responder our assistant side); docs/goals.md compares
the two. Nothing is kept here but the config: everything follows from the turns so far, so that a
dialogue resumes to the turn.
"""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from broken_record.config.personas import fill
from broken_record.config.schema import Config
from broken_record.conversation.replies import cut_self_reply, extract, find_noncoherent, says_stop
from broken_record.data import EndReason, Flaw, Message, Role, Turn


class Goal:
    """The rules for one objective and one persona, those that the config chooses or its first."""

    def __init__(self, config: Config, markers: Mapping[Role, Sequence[str]] | None = None) -> None:
        """`markers`: what begins the other side's turn in a side's own chat template."""
        self.config = config
        self.markers = markers or {}
        self.objective = next(o for o in config.objectives if config.objective in (None, o.id))
        self.persona = next(p for p in config.personas if config.persona in (None, p.id))

    def speaker(self, turns: Sequence[Turn]) -> Role:
        """The user begins."""
        return "assistant" if turns and turns[-1].role == "user" else "user"

    def over(self, turns: Sequence[Turn]) -> EndReason | None:
        """Why nothing more is to be said, judged by the last turn."""
        if not turns:
            return None
        last = turns[-1]
        if last.role == "user" and self.is_finished(last):
            return "finished"
        if flaw := self.flaw(last):
            return flaw
        exchanges = sum(turn.role == "assistant" for turn in turns)
        ended = last.role == "assistant" and exchanges >= self.config.max_turns
        return "max_turns" if ended else None

    def messages(self, role: Role, turns: Sequence[Turn]) -> tuple[list[Message], int]:
        """(what a side would see with room enough, how many of the first are never left out)."""
        if role == "assistant":
            opening = list(self.config.conversation)
            return [
                *opening,
                *(
                    Message("user", turn.extract or "")
                    if turn.role == "user"
                    else Message("assistant", turn.content)
                    for turn in turns
                ),
            ], len(opening)
        system = self.config.user_system
        opening = [Message("system", system)] if system else []
        opening.append(Message("user", self.first_prompt()))
        seen = list(opening)
        raw = self.config.inquirer_history == "raw"
        for turn in turns:
            if turn.role == "user":
                kept = turn.content if raw or turn.extract is None else turn.extract
                seen.append(Message("assistant", kept))
            else:
                said = sum(message.role == "assistant" for message in seen)
                seen.append(Message("user", self.next_prompt(turn, said)))
        return seen, len(opening)

    def window(self, role: Role, messages: Sequence[Message]) -> Sequence[Message]:
        """Both sides see all of it."""
        return messages

    def first_prompt(self) -> str:
        """What the user side is told."""
        return fill(self.config.templates["first"], {**self.words(), "NEXT_PROMPT": self.step(0)})

    def next_prompt(self, reply: Turn, turn: int) -> str:
        """What the user side is told of the assistant's reply; `turn` counts exchanges from 0."""
        said = reply.content.removeprefix(self.config.agent_prefix).strip()
        values = {**self.words(), "RESPONSE": said, "NEXT_PROMPT": self.step(turn)}
        return fill(self.config.templates["next"], values)

    def words(self) -> dict[str, str]:
        """What the placeholders of both templates stand for."""
        return {
            "PERSONA": self.persona.text,
            "OBJECTIVE": self.objective.text,
            "CONV_STOP": self.config.stop_token,
        }

    def step(self, turn: int) -> str | None:
        """The objective's step that is due."""
        return self.objective.steps[turn] if turn < len(self.objective.steps) else None

    def body(self, turn: Turn) -> str:
        """A turn's words without its speaker's prefix."""
        user = turn.role == "user"
        prefix = self.config.user_prefix if user else self.config.agent_prefix
        return turn.content.removeprefix(prefix)

    def is_finished(self, turn: Turn) -> bool:
        """Whether the user has said the stop token."""
        return says_stop(self.body(turn), self.config.stop_token, self.config.stop_when)

    def take(self, turn: Turn) -> Turn:
        """A reply with what the rules make of it: cut where it went on as the other side, the
        prompt extracted, what does not cohere marked.
        """
        config = self.config
        prefixes = [config.agent_prefix, config.user_prefix]
        own, other = prefixes if turn.role == "assistant" else reversed(prefixes)
        cut: str | None = None
        content = turn.content
        if config.self_reply == "cut":
            content, cut = cut_self_reply(content, [other, *self.markers.get(turn.role, ())], own)
        turn = replace(turn, content=content, self_reply=cut)
        body = self.body(turn)
        user = turn.role == "user"
        longest = config.noncoherent["user_max_n" if user else "max_n"]
        if found := find_noncoherent(body, longest, config.noncoherent["r"]):
            before = len(content) - len(body)
            turn = replace(turn, noncoherent=(found[0] + before, found[1] + before))
        if user and not self.is_finished(turn):
            got = extract(body, config.extract["policy"], config.extract["quotes"])
            turn = replace(turn, extract=got.text, quoted=got.candidates)
        return turn

    def flaw(self, turn: Turn) -> Flaw | None:
        """What is wrong with a reply; what the config only marks is not."""
        if not self.body(turn).strip():
            return "empty"
        if turn.role == "user" and self.is_finished(turn):
            return None
        if turn.noncoherent and self.config.noncoherent["action"] != "flag":
            return "noncoherent"
        return "no_prompt" if turn.role == "user" and turn.extract is None else None

    def asks_again(self, turn: Turn, tried: int) -> Flaw | None:
        """The flaw for which a reply, the `tried` before it rejected, is to be asked for again."""
        flaw, again = self.flaw(turn), self.config.regenerate
        wanted = [*again["for"]]
        if self.config.noncoherent["action"] == "retry":
            wanted.append("noncoherent")
        return flaw if flaw in wanted and tried < again["tries"] else None

    def sampler(self, sampler: Mapping[str, Any], tried: int, seed: int) -> Mapping[str, Any]:
        """The sampling parameters of a try: behind the first, the temperature strays by up to
        `jitter` either way; the config's own stay as they are.
        """
        jitter = self.config.regenerate["jitter"]
        if not tried or not jitter:
            return sampler
        stray = random.Random(seed).uniform(-jitter, jitter)
        warmth = float(sampler.get("temperature", 1.0))
        return {**sampler, "temperature": round(max(0.01, warmth + stray), 4)}


def choose(values: Mapping[str, Any]) -> Mapping[str, Any]:
    """A config's values that name the objective and the persona of a goal dialogue."""
    if values.get("mode") != "goal":
        return values
    return {
        **values,
        "objective": values["objective"] or values["objectives"][0]["id"],
        "persona": values["persona"] or values["personas"][0]["id"],
    }
