"""The embedded models' language: dialogues of a date between Skye and Mark, drawn from a grammar.

grammar.txt holds the topics; this module knows its format, strings its exchanges together into
scenes of alternating turns, and shows a scene as one side's prompt does. It knows nothing of tokens
or training.

grammar.txt: `# topic`, then exchanges separated by blank lines, of openers (`?`), replies (`=`) and
reactions (`+`), each line saying `[one|of|these]`, drawn independently. Every reply fits every
opener of its exchange, every reaction every reply. A model of this size does not copy a word from
two turns earlier, so no line depends on a drawn value, only on the exchange it stands in. The topic
`arrival` opens a scene. Nobody says good-bye: a corpus with closings makes a model that ends in an
endless good-night.

    python -m broken_record.tiny.corpus 12        # print a scene of 12 turns
"""

from __future__ import annotations

import argparse
import random
import re
from dataclasses import dataclass
from pathlib import Path

from broken_record.data import Message

GRAMMAR_FILE = Path(__file__).with_name("grammar.txt")
NAMES = ("Skye", "Mark")
CHOICE = re.compile(r"\[([^\[\]]*)\]")

INTERJECTIONS = {
    "Skye": ("Oh.", "Ha!", "Honestly?", "Okay.", "Oh dear.", "Easy.", "Oh, Mark.", "Don't laugh.", "Guilty.", "Well, Mark."),
    "Mark": ("Well.", "Hm.", "Right.", "Fair question.", "Let me think.", "Truthfully?", "Skye, I'm glad you asked.",
             "Promise you won't laugh.", "Ah.", "You see, Skye."),
}  # fmt: skip
APPROVALS = {
    "Skye": ("Ha!", "I love that.", "Oh, that's good.", "Mark!", "Wonderful.", "You're funny.", "That's the spirit.",
             "I can see it.", "Okay, that's charming."),
    "Mark": ("Hah.", "I like that.", "Fair enough.", "Skye!", "Good answer.", "Understood.", "That's fair.",
             "I believe you.", "I'm impressed."),
}  # fmt: skip
BACK_QUESTIONS = ("And you?", "What about you?", "How about you?", "Your turn.", "Now you.")
BRIDGES = (
    "New subject.", "Can I ask you something?", "I've been meaning to ask.", "Quick question.", "Tell me something.",
    "Here's one for you.", "I'm curious.", "Something else.", "Let me ask you this.",
)  # fmt: skip
ACTIONS = {
    "Skye": (
        "tucks [a curl|a strand of hair|her hair] behind her ear", "[laughs|grins|smiles] [into her cup|behind her hand|and shakes her head]",
        "leans [forward on her elbows|closer, her chin on her hand|back in her chair]", "[turns|spins|taps] [her ring|her spoon|her cup] [slowly|once|twice]",
        "raises [an eyebrow|one eyebrow|her cup] [at him|and waits|with a grin]", "[bites her lip|hides her smile|rolls her eyes] [for a second|and gives up|happily]",
        "pulls [her scarf|her sleeves|her cardigan] [tighter|over her hands|straight]", "looks [at him|up at him|past him] [and smiles|for a moment|with bright eyes]",
        "[counts|ticks it off] on her fingers", "[wrinkles her nose|puts a hand on her heart|claps her hands] [and laughs|quietly|once]",
        "[draws|traces] [a circle|a small map|a star] on the table with her finger", "pushes [the sugar|the menu|her plate] [across to him|aside|towards him]",
    ),
    "Mark": (
        "rubs [his chin|the back of his neck|his beard]", "[laughs|grins|smiles] [into his cup|behind his hand|and shakes his head]",
        "leans [forward on his elbows|closer, his chin on his hand|back in his chair]", "[turns|spins|taps] [his watch|his spoon|his cup] [slowly|once|twice]",
        "raises [an eyebrow|both eyebrows|his cup] [at her|and waits|with a grin]", "[clears his throat|scratches his head|lifts both hands] [for a second|and gives up|solemnly]",
        "rolls up [his sleeves|one of his sleeves|his napkin]", "looks [at her|over at her|down at his hands] [and smiles|for a moment|with warm eyes]",
        "[counts|ticks it off] on his fingers", "[nods|bows his head|puts a hand on his chest] [slowly|and laughs|gravely]",
        "[folds|straightens|unfolds] [his napkin|a paper bag|the menu] [carefully|into a boat|while he thinks]", "pushes [the bread|the water|his plate] [across to her|aside|towards her]",
    ),
}  # fmt: skip
SYSTEM_LINES = (
    "This is a date between Skye and Mark. [Skye is curious and quick to laugh. Mark is dry and kind.|They take their "
    "time and enjoy the evening.|They met a week ago.]",
    "A [first|second] date. You are {name}[, and you are talking with {other}|. The other one is {other}].",
    "You are {name}. You are on a date with {other}. [Speak as {name} only, one line at a time.|Answer in one line.]",
    "Write the next line of {name} in a date scene between Skye and Mark[.|, in one line.]",
)


@dataclass(frozen=True, slots=True)
class Exchange:
    """One small piece of talk: any opener, then any reply, then any reaction."""

    topic: str
    openers: tuple[str, ...]
    replies: tuple[str, ...]
    reactions: tuple[str, ...]


def read_grammar(text: str) -> list[Exchange]:
    r"""The exchanges of a grammar text; ValueError names the exchange that lacks a part.

    >>> read_grammar("# tea\n\n? Tea?\n= [Green|Black].\n+ Good.")[0].replies
    ('[Green|Black].',)
    """
    exchanges = []
    topic = ""
    for block in re.split(r"\n\s*\n", text.strip()):
        parts: dict[str, list[str]] = {"?": [], "=": [], "+": []}
        for line in block.splitlines():
            mark, _, rest = line.partition(" ")
            if mark == "#":
                topic = rest.strip()
            else:
                parts[mark].append(rest.strip())
        if any(parts.values()):
            if not all(parts.values()):
                raise ValueError(
                    f"topic {topic!r}: an exchange lacks openers, replies or reactions"
                )
            exchanges.append(Exchange(topic, *(tuple(parts[mark]) for mark in "?=+")))
    return exchanges


def draw(template: str, rng: random.Random) -> str:
    """The template with each [a|b|c] replaced by one of its options.

    >>> draw("[a|a] b[|]", random.Random(1))
    'a b'
    """
    return CHOICE.sub(lambda match: rng.choice(match[1].split("|")), template)


class SceneWriter:
    """Draws scenes, one turn after another; never repeats an exchange while its topic lasts.

    `topics` limits it to the grammar's first ones (training begins with few).
    """

    def __init__(
        self, exchanges: list[Exchange], rng: random.Random, topics: int | None = None
    ) -> None:
        self.rng = rng
        by_topic: dict[str, list[Exchange]] = {}
        for exchange in exchanges:
            by_topic.setdefault(exchange.topic, []).append(exchange)
        self.arrival = by_topic.pop("arrival")
        self.by_topic = dict(list(by_topic.items())[:topics])
        self.waiting: list[Exchange] = []
        self.recent_topics: list[str] = []

    def next_exchange(self) -> Exchange:
        """Another exchange of the topic, or of one that was not among the last half of all topics."""
        if not self.waiting or self.rng.random() < 0.15:
            recent = self.recent_topics[-(len(self.by_topic) // 2) :]
            topic = self.rng.choice([topic for topic in self.by_topic if topic not in recent])
            self.recent_topics.append(topic)
            self.waiting = self.rng.sample(self.by_topic[topic], len(self.by_topic[topic]))
        return self.waiting.pop()

    def scene(self, turns: int, *, from_start: bool = True) -> list[tuple[str, str]]:
        """`turns` pairs of (name, what the turn says, without the prefix `Name:`), alternating."""
        rng = self.rng
        self.waiting, self.recent_topics = [], []
        speaker, other = rng.sample(NAMES, 2)
        exchange = rng.choice(self.arrival) if from_start else self.next_exchange()
        due = "opener"
        asked_back = False
        said: list[tuple[str, str]] = []
        while len(said) < turns:
            words: list[str] = []
            if due == "opener":
                if said and rng.random() < 0.3:
                    words.append(rng.choice(BRIDGES))
                words.append(draw(rng.choice(exchange.openers), rng))
                due = "reply"
            elif due == "reply":
                if exchange.topic != "arrival" and rng.random() < 0.35:
                    words.append(rng.choice(INTERJECTIONS[speaker]))
                words.append(draw(rng.choice(exchange.replies), rng))
                asked_back = not asked_back and exchange.topic != "arrival" and rng.random() < 0.2
                if asked_back:
                    words.append(rng.choice(BACK_QUESTIONS))
                due = "reply" if asked_back else "reaction"
            else:
                if rng.random() < 0.35:
                    words.append(rng.choice(APPROVALS[speaker]))
                words.append(draw(rng.choice(exchange.reactions), rng))
                exchange = self.next_exchange()
                due = "opener"
                if rng.random() < 0.6:
                    if rng.random() < 0.2:
                        words.append(rng.choice(BRIDGES))
                    words.append(draw(rng.choice(exchange.openers), rng))
                    due = "reply"
            said.append((speaker, self.staged(speaker, " ".join(words))))
            speaker, other = other, speaker
        return said

    def staged(self, speaker: str, speech: str) -> str:
        """The speech in quotes, often with a stage direction before it or behind it."""
        chance = self.rng.random()
        if chance < 0.4:
            return f'"{speech}"'
        action = f"*{draw(self.rng.choice(ACTIONS[speaker]), self.rng)}*"
        return f'{action} "{speech}"' if chance < 0.85 else f'"{speech}" {action}'


def as_messages(scene: list[tuple[str, str]], assistant: str, rng: random.Random) -> list[Message]:
    """The scene as the prompt of a model that plays `assistant`: system line (mostly), then roles
    by name.
    """
    messages = []
    if rng.random() < 0.9:
        other = NAMES[1 - NAMES.index(assistant)]
        line = draw(rng.choice(SYSTEM_LINES), rng).format(name=assistant, other=other)
        messages.append(Message("system", line))
    for name, said in scene:
        messages.append(Message("assistant" if name == assistant else "user", f"{name}: {said}"))
    return messages


def scene_writer(seed: int, topics: int | None = None) -> SceneWriter:
    """A writer over the shipped grammar; the same seed writes the same scenes."""
    exchanges = read_grammar(GRAMMAR_FILE.read_text(encoding="utf-8"))
    return SceneWriter(exchanges, random.Random(seed), topics)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="print a scene of the grammar")
    parser.add_argument("turns", type=int, nargs="?", default=20)
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    for name, said in scene_writer(arguments.seed).scene(arguments.turns):
        print(f"{name}: {said}")
