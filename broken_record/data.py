"""The values that flow through the suite: frozen, None wherever nothing was measured; they answer
what everybody asks of them, and nothing else.

A Message is what the chat APIs call one. A Turn is a message that an engine generated, with its
cost. A Dialogue is one conversation with everything needed to trace a figure back to what made it.
Times are seconds, lengths are code points.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, TypeGuard, TypeVar

Role = Literal["system", "user", "assistant"]
FinishReason = Literal["stop", "length", "repetition"]
Status = Literal["done", "error", "interrupted", "looped", "unfinished"]
Level = Literal["info", "warn", "break"]
Flaw = Literal["no_prompt", "noncoherent", "empty"]
EndReason = Literal[
    "total_tokens", "context", "looped", "finished", "max_turns", "no_prompt", "noncoherent",
    "empty", "error",
]  # fmt: skip
T = TypeVar("T")
LARGEST = 2**53  # up to here every JSON reader takes whole numbers for what they are


def is_whole(value: object) -> TypeGuard[int]:
    """Whether a value from outside is a whole number; True and False are none."""
    return isinstance(value, int) and not isinstance(value, bool)


def is_count(value: object) -> TypeGuard[int]:
    """Whether a value from outside is a whole number of at least 0 that can be calculated with.

    >>> [is_count(value) for value in (7, 7.0, -1, True, 10**400, None)]
    [True, False, False, False, False, False]
    """
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= LARGEST


def is_amount(value: object) -> TypeGuard[float]:
    """Whether a value from outside is a number of at least 0 that can be calculated with.

    >>> [is_amount(value) for value in (0.5, float("nan"), float("inf"), "1", 10**400)]
    [True, False, False, False, False]
    """
    return isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value <= LARGEST


def is_number(value: object) -> TypeGuard[float]:
    """Whether a value from outside is a number of either sign that can be calculated with.

    >>> [is_number(value) for value in (-0.5, float("nan"), True)]
    [True, False, False]
    """
    return isinstance(value, int | float) and is_amount(abs(value)) and not isinstance(value, bool)


@dataclass(frozen=True, slots=True)
class Message:
    """One message of a conversation; `content` is raw, the speaker's prefix included."""

    role: Role
    content: str


@dataclass(frozen=True, slots=True)
class Usage:
    """What the engine itself counted and timed for one reply; None where it did not say."""

    tokens: int | None = None
    tokens_from: Literal["usage", "timings", "perf", "tokenizer"] | None = None
    prompt_tokens: int | None = None
    cached_tokens: int | None = None
    prompt_s: float | None = None
    generation_s: float | None = None
    logprob_mean: float | None = None
    logprob_min: float | None = None
    entropy_mean: float | None = None


@dataclass(frozen=True, slots=True)
class Chunk:
    """One streamed piece. The last of a reply has a finish_reason; `begins` is set on the prefix
    that opens a turn.
    """

    text: str
    finish_reason: FinishReason | None = None
    usage: Usage = Usage()
    begins: Role | None = None


@dataclass(frozen=True, slots=True)
class Turn:
    """A generated message with its cost.

    `index` counts messages from 0, the config's opening messages first. `trimmed` is how many
    messages behind the opening its prompt left out. `tokens_from` says who
    counted: the engine's usage, timings or perf, or, where it reports none, its tokenizer, or else
    the chunks that came. `thought` is what a reasoning model wrote in blocks of <think>, which were
    cut out; its tokens count.
    Where the config asks for logprobs: mean and least log probability of its tokens, and the mean
    entropy they were chosen from, in nats.
    Of goal dialogues: `extract` is what of a user's reply the assistant sees, `quoted` how many
    candidates there were; `self_reply` what was cut off because the speaker went on as the other;
    `noncoherent` start and end of the first words in `content` that repeat without sense.
    """

    index: int
    role: Role
    content: str
    tokens: int | None = None
    tokens_from: Literal["usage", "timings", "perf", "tokenizer", "chunks", "log"] | None = None
    finish_reason: FinishReason | None = None
    ttft_s: float | None = None
    elapsed_s: float | None = None
    prompt_tokens: int | None = None
    cached_tokens: int | None = None
    prompt_s: float | None = None
    generation_s: float | None = None
    seed: int | None = None
    trimmed: int | None = None
    extract: str | None = None
    quoted: int | None = None
    self_reply: str | None = None
    noncoherent: tuple[int, int] | None = None
    thought: str | None = None
    logprob_mean: float | None = None
    logprob_min: float | None = None
    entropy_mean: float | None = None


@dataclass(frozen=True, slots=True)
class Attempt:
    """A request that failed, or, with a `flaw`, a reply that was asked for again: never a turn.
    `content` is what it had said, prefix included.
    """

    index: int
    role: Role
    content: str
    error: str
    attempt: int
    elapsed_s: float
    flaw: Flaw | None = None
    tokens: int | None = None
    seed: int | None = None


@dataclass(frozen=True, slots=True)
class End:
    """Why a dialogue is over."""

    reason: EndReason


@dataclass(frozen=True, slots=True)
class EngineInfo:
    """Who speaks for one side: what the server said of itself, where the chat template came from,
    and which names of the sampler the engine is known not to honour. `slots`: how many replies it
    writes at once; `caching`: whether it is asked to keep prompts (what it does with them it does
    not say; turns tell cached_tokens); `digest`: what tells the model's file from another of its
    name.
    """

    engine: str
    build: str | None = None
    model: str | None = None
    n_ctx: int | None = None
    template: str | None = None
    template_sha256: str | None = None
    ignored: tuple[str, ...] = ()
    slots: int | None = None
    digest: str | None = None
    caching: bool | None = None

    @property
    def model_name(self) -> str | None:
        """The model; of the path of its weights, which some servers tell, the file.

        >>> [EngineInfo("a", model=told).model_name for told in ("/models/M.gguf", "o/m")]
        ['M.gguf', 'o/m']
        """
        if self.model is None or not self.model.endswith(".gguf"):
            return self.model
        return self.model.replace("\\", "/").rpartition("/")[2]


@dataclass(frozen=True, slots=True)
class Branch:
    """Where a dialogue was begun again from another.

    `run` and `name` are the parent's, `sha256` is that of the first line of its record. Messages
    before turn `at` are the parent's, word for word. `kind`, `speaker` and `onset_turn` are those
    of the parent's finding that the branch was begun for, None where it was for none. `within` so
    many tokens from `at` on it is to show whether it gets out.
    """

    run: str
    name: str
    sha256: str
    at: int
    within: int
    kind: str | None = None
    speaker: str | None = None
    onset_turn: int | None = None


@dataclass(frozen=True, slots=True)
class Memory:
    """How much of the talk the user side of a chat sees: the last `messages`. With a `step` the
    oldest are dropped that many at a time, so that the prompt begins alike for as many turns and
    the server's cache survives; between messages - step + 1 and messages are seen.
    """

    messages: int = 9
    step: int = 1

    def window(self, spoken: Sequence[T]) -> Sequence[T]:
        """What is seen of all that was said, system messages left out.

        >>> [Memory(4, 2).window("abcdefg"[:n]) for n in (4, 5, 6, 7)]
        ['abcd', 'cde', 'cdef', 'efg']
        """
        dropped = -(-max(0, len(spoken) - self.messages) // self.step) * self.step
        return spoken[max(0, min(dropped, len(spoken) - 1)) :]


MEMORY = Memory()
"""What the user side sees where the config does not say."""


@dataclass(frozen=True, slots=True)
class Dialogue:
    """One conversation. `config` is the effective one; `unknown` keeps header keys that this
    version does not know. `verbatim` is False where outer white space was lost: in text logs.
    `counters`, of goal dialogues, say per role how often what happened; `aim_run` is the hash of
    its run in Aim; `branch` says where it was begun again from another.
    """

    config: Mapping[str, Any]
    turns: tuple[Turn, ...]
    status: Status
    seed: int | None = None
    assistant: EngineInfo | None = None
    user: EngineInfo | None = None
    packages: Mapping[str, str] = field(default_factory=dict)
    started: str | None = None
    error: str | None = None
    elapsed_s: float = 0.0
    unknown: Mapping[str, Any] = field(default_factory=dict)
    verbatim: bool = True
    attempts: tuple[Attempt, ...] = ()
    end_reason: str | None = None
    counters: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    aim_run: str | None = None
    branch: Branch | None = None

    @property
    def opening(self) -> tuple[Message, ...]:
        """The config's opening messages; the index of each is its place."""
        said = self.config.get("conversation") or ()
        return tuple(Message(message["role"], message["content"]) for message in said)

    @property
    def messages(self) -> tuple[Turn, ...]:
        """Everything said, with its index: the opening messages, as turns that cost nothing, and
        the turns.

        >>> hi = {"role": "system", "content": "Be kind."}
        >>> said = Dialogue({"conversation": [hi]}, (Turn(1, "user", "Hey"),), "done").messages
        >>> [(one.index, one.role) for one in said]
        [(0, 'system'), (1, 'user')]
        """
        opening = (Turn(i, said.role, said.content) for i, said in enumerate(self.opening))
        return (*opening, *self.turns)

    @property
    def prefixes(self) -> dict[Role, str]:
        """What begins each side's messages; a text log of the first parrot names none and was
        Skye's.

        >>> Dialogue({"user_prefix": "Mark:"}, (), "done").prefixes
        {'assistant': 'Skye:', 'user': 'Mark:'}
        """
        return {
            "assistant": self.config.get("agent_prefix", "Skye:"),
            "user": self.config.get("user_prefix", ""),
        }

    @property
    def memory(self) -> Memory:
        """How much of the talk the user side of a chat saw."""
        messages, step = (
            value if isinstance(value := self.config.get(name), int) and value > 0 else default
            for name, default in (
                ("user_memory", MEMORY.messages),
                ("user_memory_step", MEMORY.step),
            )
        )
        return Memory(messages, step)


@dataclass(frozen=True, slots=True)
class Segment:
    """A word n-gram that stands at least twice in one speaker's text, and how often."""

    text: str
    count: int


@dataclass(frozen=True, slots=True)
class OldNumbers:
    """The numbers the suite has always reported of the assistant; lengths in characters, density
    unbounded.
    """

    response_lengths: tuple[int, ...]
    segments: tuple[Segment, ...]
    characters: int
    loop_score: int
    loop_density: float
    average_response_length: float


@dataclass(frozen=True, slots=True)
class Span:
    """Evidence: characters `start` to before `end` of the raw content of message `turn`."""

    turn: int
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Finding:
    """One loop or break of one dialogue; every turn is a message index.

    Copy 1 begins at `origin_turn`, copy 2 at `onset_turn` (of a break, both are the turn that
    breaks); from `detect_turn` on it can be told. `end_turn` is None while it still goes on at the
    end. `period` counts turns, `strength` lies in [0, 1]; info is no break and counts in no rate.
    `flipped`: the speakers say the same with names and genders exchanged. Of findings on the same
    turns one is `primary`.
    """

    kind: str
    speaker: Literal["assistant", "user", "both"]
    level: Level
    origin_turn: int
    onset_turn: int
    detect_turn: int
    end_turn: int | None
    period: int | None
    copies: int
    strength: float
    spans: tuple[Span, ...]
    explanation: str
    flipped: bool = False
    primary: bool = True

    @property
    def counts(self) -> bool:
        """Whether it counts in a rate: it is more than info."""
        return self.level != "info"

    @property
    def recovered(self) -> bool:
        """Whether the dialogue went on without it."""
        return self.end_turn is not None

    def reaches(self, turn: int) -> bool:
        """Whether it begins at a turn or later, or goes on there."""
        return self.end_turn is None or self.end_turn >= turn
