"""Seeded injection: one loop or break planted in a clean dialogue, and where it is.

Every operator takes the generator of random numbers and a carrier, and gives a planted dialogue
whose truth is known: kind, speaker, onset, evidence spans.
"""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from benchmarks.texts import Carrier, Line, Planted, bank, carriers, vocabulary
from broken_record.data import FinishReason, Role


def edit(rng: random.Random, text: str, rate: float, split: str) -> str:
    """The text with about that share of its words replaced, left out or put in."""
    words = text.split(" ")
    for _ in range(round(rate * len(words))):
        i = rng.randrange(len(words))
        if not words[i].isalpha():
            continue  # marks of quotation stay, so that nothing else breaks
        action = rng.choice(("replace", "leave out", "put in"))
        if action == "replace":
            words[i] = rng.choice(vocabulary(split))
        elif action == "put in":
            words.insert(i, rng.choice(vocabulary(split)))
        elif len(words) > 3:
            del words[i]
    return " ".join(words)


def number_of_words(text: str) -> int:
    return len(re.findall(r"\w+", text))


def cut_in(rng: random.Random, carrier: Carrier, least: int = 6) -> int:
    """A place to plant, some turns behind the start and before the end."""
    return rng.randrange(least, max(least + 1, len(carrier.lines) - 4))


def finish(
    rng: random.Random, kind: str, operator: str, carrier: Carrier, at: int, planted: list[Line],
    **truth: Any,
) -> Planted:  # fmt: skip
    """Head, planted turns, and half of the time the rest of the carrier."""
    rest = carrier.lines[at + len(planted) :] if rng.random() < 0.5 else []
    last = planted[-1].role
    while rest and rest[0].role == last:
        rest = rest[1:]
    return Planted(kind, operator, carrier, [*carrier.lines[:at], *planted, *rest], **truth)


def other(role: Role) -> Role:
    return "user" if role == "assistant" else "assistant"


EDITS = (0.0, 0.0, 0.05, 0.10, 0.15, 0.20, 0.25)


def single_turn_loop(rng: random.Random, carrier: Carrier, split: str) -> Planted:
    """A line said 4 to 8 times: by one speaker, by each his own, or by both in turn (flipped)."""
    operator = rng.choice(("own line", "both lines", "echo", "flipped echo"))
    at = cut_in(rng, carrier)
    rate = rng.choice(EDITS)
    copies = rng.randint(4, 8)
    long = [i for i in range(at) if 8 <= number_of_words(carrier.lines[i].text) <= 60]
    line = carrier.lines[rng.choice(long)].text
    first = carrier.lines[at].role
    planted: list[Line] = []
    evidence = []
    if operator == "own line":
        partner = [one for one in carrier.lines[at:] if one.role != first]
        copies = min(copies, max(4, len(partner)))
        for k in range(copies):
            evidence.append(at + len(planted))
            planted.append(Line(first, line))
            line = edit(rng, line, rate, split)
            if k < len(partner):
                planted.append(partner[k])
            elif k < copies - 1:
                planted.append(Line(other(first), f"{rng.choice(partner).text} {k}!"))
        onset, speaker = evidence[1], str(first)
    elif operator == "both lines":
        answer = carrier.lines[rng.choice(long)].text
        for _ in range(copies):
            planted += [Line(first, line), Line(other(first), answer)]
            line, answer = edit(rng, line, rate, split), edit(rng, answer, rate, split)
        evidence = list(range(at, at + len(planted)))
        onset, speaker = at + 2, "both"
    else:
        if operator == "flipped echo":
            name, partner_name = (
                carrier.prefixes[r].strip(":") or "Alex" for r in ("assistant", "user")
            )
            line = f"{partner_name} smiled and said that he would never forget his way home. {line}"
            turned = (
                f"{name} smiled and said that she would never forget her way home. "
                + line.split(". ", 1)[1]
            )
            rate = 0.0
        else:
            turned = line
        role = first
        for k in range(copies):
            planted.append(Line(role, (line, turned)[k % 2]))
            if operator == "echo":
                line = turned = edit(rng, line, rate, split)
            role = other(role)
        evidence = list(range(at, at + len(planted)))
        onset, speaker = at + 1, "both"
    return finish(
        rng, "single_turn_loop", operator, carrier, at, planted, speaker=speaker, onset=onset,
        evidence=dict.fromkeys(evidence), edits=rate,
    )  # fmt: skip


def multi_turn_loop(rng: random.Random, carrier: Carrier, split: str) -> Planted:
    """A passage of 3 to 12 turns said again once to three times, one turn put in or left out."""
    period = rng.randint(3, min(12, len(carrier.lines) - 6))
    at = rng.randrange(period + 2, len(carrier.lines) - 1)
    rate = rng.choice(EDITS[:-1])
    operator = rng.choice(("exact", "edited", "a turn put in", "a turn left out"))
    rate = 0.0 if operator == "exact" else rate
    passage = [line.text for line in carrier.lines[at - period : at]]
    copies = rng.randint(2, 4)
    planted: list[Line] = []
    role = carrier.lines[at].role
    evidence = set(range(at - period, at))
    for k in range(1, copies):
        texts = [edit(rng, text, rate, split) for text in passage]
        odd_one = rng.randrange(1, period) if k == 1 and period > 3 else None
        for i, text in enumerate(texts):
            if odd_one == i and operator == "a turn put in":
                spare = rng.choice(carriers(split)).lines
                planted.append(Line(role, rng.choice(spare).text))
                role = other(role)
            if odd_one == i and operator == "a turn left out":
                continue
            evidence.add(at + len(planted))
            planted.append(Line(role, text))
            role = other(role)
    return finish(
        rng, "multi_turn_loop", operator, carrier, at, planted, speaker="both", onset=at,
        evidence=dict.fromkeys(sorted(evidence)), edits=rate,
    )  # fmt: skip


def intra_turn_repetition(rng: random.Random, carrier: Carrier, split: str) -> Planted:
    """A turn that goes on as it should and then stutters."""
    operator = rng.choice(("words", "one word", "sentence", "characters", "laughter", "clauses"))
    at = cut_in(rng, carrier)
    role = carrier.lines[at].role
    start = carrier.lines[at].text
    words = rng.sample(vocabulary(split), 9)
    if operator == "words":
        unit = "and the " + " ".join(words[: rng.randint(2, 6)]) + " "
        stutter = unit * rng.randint(4, 12)
    elif operator == "one word":
        stutter = f"{words[0]} " * rng.randint(14, 60)
    elif operator == "sentence":
        stutter = f"I will {words[0]} the {words[1]} with you. " * rng.randint(3, 9)
    elif operator == "characters":
        stutter = rng.choice("!aoeh?") * rng.randint(12, 200)
    elif operator == "laughter":
        stutter = rng.choice(("haha", "hehe", "hahah")) * rng.randint(10, 60)
    else:
        clauses = [f"the {w} of the {v}" for w, v in zip(words[:3], words[3:6], strict=True)]
        stutter = " ".join(rng.choice(clauses) for _ in range(rng.randint(16, 40)))
    text = f"{start} {stutter}".rstrip()
    planted = [Line(role, text)]
    return finish(
        rng, "intra_turn_repetition", operator, carrier, at, planted, speaker=role, onset=at,
        evidence={at: (len(start) + 1, len(text))},
    )  # fmt: skip


def prefix_repetition(rng: random.Random, carrier: Carrier, split: str) -> Planted:
    """4 to 8 own turns that open alike, the opening fixed or growing, a word exchanged or not."""
    operator = rng.choice(("fixed", "growing", "one word exchanged"))
    texts = [re.sub(r'["*]', "", line.text) for c in carriers(split) for line in c.lines]
    own = [text for text in texts if number_of_words(text) >= 12]
    opening = rng.choice(own).split(" ")
    length = rng.randint(7, 12) if operator != "one word exchanged" else rng.randint(10, 13)
    at = cut_in(rng, carrier)
    role = carrier.lines[at].role
    partner = [line for line in carrier.lines[at:] if line.role != role]
    copies = min(rng.randint(4, 8), max(4, len(partner)))
    planted: list[Line] = []
    evidence: dict[int, tuple[int, int] | None] = {}
    for k in range(copies):
        words = opening[: length + (k if operator == "growing" else 0)]
        if operator == "one word exchanged" and k:
            words[rng.randrange(2, 6)] = rng.choice(vocabulary(split))
        text = " ".join(words)
        evidence[at + len(planted)] = (0, len(text))
        tail = rng.choice(own).split(" ")
        planted.append(Line(role, f"{text} {' '.join(tail[: max(10, len(words))])}"))
        if k < copies - 1:
            said = partner[k].text if k < len(partner) else rng.choice(own)
            planted.append(Line(other(role), said))
    return finish(
        rng, "prefix_repetition", operator, carrier, at, planted, speaker=role, onset=at + 2,
        evidence=evidence,
    )  # fmt: skip


def suffix_repetition(rng: random.Random, carrier: Carrier, split: str) -> Planted:
    """5 to 8 own turns that close alike, the close fixed, with a word exchanged, or with a slot in
    the last sentence that all open alike.
    """
    operator = rng.choice(("fixed", "one word exchanged", "open end"))
    texts = [re.sub(r'["*]', "", line.text) for c in carriers(split) for line in c.lines]
    own = [text for text in texts if number_of_words(text) >= 12]
    close = rng.choice(own).split(" ")[: rng.randint(11, 13)]
    at = cut_in(rng, carrier)
    role = carrier.lines[at].role
    partner = [line for line in carrier.lines[at:] if line.role != role]
    copies = min(rng.randint(5, 8), max(5, len(partner)))
    heads = rng.sample(own, copies)
    planted: list[Line] = []
    evidence: dict[int, tuple[int, int] | None] = {}
    for k in range(copies):
        words = [re.sub(r"[.!?]", "", word) for word in close]
        if operator == "one word exchanged" and k:
            words[rng.randrange(4, 7)] = rng.choice(vocabulary(split))
        if operator == "open end":
            words += rng.choices(vocabulary(split), k=3)
        head = " ".join(heads[k].split(" ")[: max(12, len(words))]).rstrip(",")
        text = f"{head}. {' '.join(words)}."
        evidence[at + len(planted)] = (len(head) + 2, len(text) - 1)
        planted.append(Line(role, text))
        if k < copies - 1:
            said = partner[k].text if k < len(partner) else rng.choice(own)
            planted.append(Line(other(role), said))
    return finish(
        rng, "suffix_repetition", operator, carrier, at, planted, speaker=role, onset=at + 2,
        evidence=evidence,
    )  # fmt: skip


DISTANCES = {"near": (0, 5), "middle": (2, 7), "far": (3, 8), "any": (0, 8)}


def semantic_repetition(rng: random.Random, carrier: Carrier, split: str) -> Planted:
    """12 to 24 turns in which each speaker keeps to one subject, never in the last two's words."""
    operator = rng.choice(tuple(DISTANCES))
    subjects = rng.sample(bank("paraphrases", split), 2)
    at = cut_in(rng, carrier, 10)
    role = carrier.lines[at].role
    planted: list[Line] = []
    said: list[list[int]] = [[], []]
    for k in range(rng.randint(12, 24)):
        choices = [i for i in range(*DISTANCES[operator]) if i not in said[k % 2][-2:]]
        said[k % 2].append(rng.choice(choices))
        planted.append(Line(role, subjects[k % 2]["lines"][said[k % 2][-1]]))
        role = other(role)
    return finish(
        rng, "semantic_repetition", operator, carrier, at, planted, speaker="both", onset=at + 2,
        evidence=dict.fromkeys(range(at, at + len(planted))),
    )  # fmt: skip


def word_soup(rng: random.Random, carrier: Carrier, split: str) -> Planted:
    """A salad of 70 to 220 words behind a sound start, or two turns that run to their limit."""
    operator = rng.choice(("salad", "salad with commas", "runaway", "runaway, not cut"))
    at = cut_in(rng, carrier)
    role = carrier.lines[at].role
    start = carrier.lines[at].text
    own: Sequence[str] = [line.text for line in carrier.lines]
    if operator.startswith("salad"):
        words = rng.choices(vocabulary(split), k=rng.randint(70, 220))
        for i in range(0, len(words), 9):
            if rng.random() < 0.5:
                words[i] = rng.choice(("the", "of", "and", "to"))
        if operator == "salad with commas":
            words = [w + "," if rng.random() < 0.08 else w for w in words]
        text = f"{start} {' '.join(words)}"
        cut: FinishReason = rng.choice(("stop", "length"))
        planted = [Line(role, text, cut)]
        evidence: dict[int, tuple[int, int] | None] = {at: (len(start) + 1, len(text))}
    else:
        planted = []
        evidence = {}
        cut = "length" if operator == "runaway" else "stop"
        for k in range(2):
            pool = rng.sample(
                [t for c in carriers(split) for t in (line.text for line in c.lines)], 24
            )
            text = " ".join(re.sub(r"[.!?\"*]", "", piece) for piece in pool)
            evidence[at + len(planted)] = None
            planted.append(Line(role, text + " and then the", cut))
            if k == 0:
                planted.append(Line(other(role), rng.choice(own)))
    return finish(
        rng, "word_soup", operator, carrier, at, planted, speaker=role, onset=at, evidence=evidence
    )


def empty_response(rng: random.Random, carrier: Carrier, split: str) -> Planted:
    """One to four own turns with nothing in them."""
    operator = rng.choice(("nothing", "white space", "quotation marks", "the prefix again"))
    at = cut_in(rng, carrier)
    role = carrier.lines[at].role
    text = {
        "nothing": "",
        "white space": " \n ",
        "quotation marks": rng.choice(('""', "**", '" "')),
        "the prefix again": carrier.prefixes[role],
    }[operator]
    partner = [line for line in carrier.lines[at:] if line.role != role]
    planted: list[Line] = []
    evidence: dict[int, tuple[int, int] | None] = {}
    for k in range(min(rng.randint(1, 4), len(partner) + 1)):
        if k:
            planted.append(partner[k - 1])
        evidence[at + len(planted)] = None
        planted.append(Line(role, text))
    return finish(
        rng, "empty_response", operator, carrier, at, planted, speaker=role, onset=at,
        evidence=evidence,
    )  # fmt: skip


CONTRACTION = re.compile(
    r"\b(?:\w+n't|I'm|I'll|I've|it's|that's|you're|we're|they're|he's|she's)\b"
)


def apostrophe_break(rng: random.Random, carrier: Carrier, split: str) -> Planted:
    """A turn cut behind the apostrophe of a contraction, on its stem, in a quotation; or salad."""
    operator = rng.choice(("at the apostrophe", "before it", "salad behind it", "open quotation"))
    at = cut_in(rng, carrier)
    role = carrier.lines[at].role
    pool = [line.text for c in carriers(split) for line in c.lines]
    if operator == "open quotation":
        spoken = sum('"' in line.text for line in carrier.lines)
        if spoken < 0.8 * len(carrier.lines):
            operator = "at the apostrophe"
    if operator == "open quotation":
        body = next(
            (line.text for line in carrier.lines[at:] if line.role == role and '"' in line.text),
            pool[0],
        )
        opened = body.index('"') if '"' in body else 0
        words = [m.end() for m in re.finditer(r"\w+", body) if m.end() > opened + 8]
        text = body[: words[min(2, len(words) - 1)]]
        extent = (opened, len(text))
    else:
        before_only = operator == "before it"
        texts = [
            (t, m)
            for t in pool
            for m in CONTRACTION.finditer(t)
            if m.start() > 5
            and (not before_only or re.match(r"(?:did|does|is|was|could|would)n't", m[0]))
        ]
        body, match = rng.choice(texts)
        stem = match.start() + match[0].index("'")
        extent = (match.start(), stem + 1)
        if operator == "at the apostrophe":
            text = body[: stem + 1]
        elif before_only:
            text, extent = body[:stem], (match.start(), stem)
        else:
            salad = " ".join(rng.choices(vocabulary(split), k=rng.randint(12, 50)))
            text = f"{body[: stem + 1]}{salad}"
            extent = (match.start(), len(text))
    planted = [Line(role, text)]
    return finish(
        rng, "apostrophe_break", operator, carrier, at, planted, speaker=role, onset=at,
        evidence={at: extent},
    )  # fmt: skip


TEMPLATE_TOKENS = (
    "<|im_end|>\n<|im_start|>{role}\n", "<|eot_id|>", " [/INST] ", "</s>", "\n### Assistant: ",
    "<end_of_turn>\n<start_of_turn>{role}\n",
)  # fmt: skip


def role_leak(rng: random.Random, carrier: Carrier, split: str) -> Planted:
    """A turn with a template's tokens in it, or one that goes on with the other's prefix and line,
    once or twice.
    """
    role_of = {"assistant": "Assistant", "user": "User"}
    operator = rng.choice(("token", "token at the end", "the other's line", "both sides"))
    at = cut_in(rng, carrier)
    role = carrier.lines[at].role
    label = carrier.prefixes[other(role)].strip() or f"{role_of[other(role)]}:"
    own_label = carrier.prefixes[role].strip() or f"{role_of[role]}:"
    planted: list[Line] = []
    evidence: dict[int, tuple[int, int] | None] = {}
    for k in range(1 if rng.random() < 0.5 else 2):
        said = carrier.lines[at + 2 * k].text if at + 2 * k < len(carrier.lines) else "Well then."
        spoken = rng.choice(carrier.lines[:at]).text.replace("\n", " ")
        if operator.startswith("token"):
            token = rng.choice(TEMPLATE_TOKENS).format(role=other(role))
            token = token.rstrip() if operator == "token at the end" else token
            text = said + token + ("" if operator == "token at the end" else spoken)
            extent = (len(said), len(said) + len(token.rstrip()))
        else:
            text = f"{said}\n\n{label} {spoken}"
            extent = (len(said) + 2, len(text))
            if operator == "both sides":
                last = rng.choice(carrier.lines[:at]).text
                text = f"{text}\n\n{own_label} {last}"
        if k:
            planted.append(Line(other(role), rng.choice(carrier.lines[:at]).text))
        evidence[at + len(planted)] = extent
        planted.append(Line(role, text))
    return finish(
        rng, "role_leak", operator, carrier, at, planted, speaker=role, onset=at, evidence=evidence
    )


def leading_whitespace(rng: random.Random, carrier: Carrier, split: str) -> Planted:
    """A ramp of white space over 5 to 9 own turns, a jump that stays, or a great deal at once."""
    operator = rng.choice(("ramp", "steep ramp", "jump", "at once", "ramp behind"))
    at = cut_in(rng, carrier)
    role = carrier.lines[at].role
    lines = [Line(line.role, line.text, line.finish) for line in carrier.lines]
    own = [i for i in range(at, len(lines)) if lines[i].role == role]
    while len(own) < 6:
        for _ in (0, 1):
            who = role if lines[-1].role != role else other(role)
            texts = [line.text for c in carriers(split) for line in c.lines]
            lines.append(Line(who, rng.choice(texts)))
            if who == role:
                own.append(len(lines) - 1)
    own = own[: rng.randint(5, 9)]
    blank = rng.choice((" ", "\n", "\t")) if operator != "ramp" else " "
    evidence: dict[int, tuple[int, int] | None] = {}
    onset = own[0]
    for k, i in enumerate(own):
        widths = {"ramp": k + 2, "steep ramp": 3 * (k + 1), "jump": 14, "ramp behind": 2 * (k + 1)}
        w = (40 if k == 0 else 0) if operator == "at once" else widths[operator]
        if not w:
            continue
        if operator == "ramp behind":
            n = len(lines[i].text)
            lines[i].text += " " * w
            evidence[i] = (n, n + w)
        else:
            lines[i].text = blank * w + lines[i].text
            evidence[i] = (0, w)
    return Planted(
        "leading_whitespace", operator, carrier, lines, speaker=role, onset=onset, evidence=evidence
    )


def refusal(rng: random.Random, carrier: Carrier, split: str) -> Planted:
    """A refusal in one of several voices, once or twice."""
    entries = rng.sample(bank("refusals", split), 2)
    at = cut_in(rng, carrier)
    role = carrier.lines[at].role
    planted = [Line(role, entries[0]["text"])]
    evidence: dict[int, tuple[int, int] | None] = {at: None}
    if rng.random() < 0.4 and at + 1 < len(carrier.lines):
        planted += [carrier.lines[at + 1], Line(role, entries[1]["text"])]
        evidence[at + 2] = None
    return finish(
        rng, "refusal", entries[0]["voice"], carrier, at, planted, speaker=role, onset=at,
        evidence=evidence,
    )  # fmt: skip


OPERATORS: dict[str, Callable[[random.Random, Carrier, str], Planted]] = {
    operator.__name__: operator
    for operator in (
        empty_response,
        leading_whitespace,
        apostrophe_break,
        role_leak,
        refusal,
        intra_turn_repetition,
        single_turn_loop,
        multi_turn_loop,
        prefix_repetition,
        suffix_repetition,
        word_soup,
        semantic_repetition,
    )
}


def plant(kind: str, split: str, count: int) -> Iterator[Planted]:
    """`count` planted dialogues of a kind, on carriers of all styles in turn."""
    pool = carriers(split)
    for i in range(count):
        rng = random.Random(f"{kind} {split} {i}")
        carrier = pool[(7 * i) % len(pool)] if rng.random() < 0.5 else rng.choice(pool)
        yield OPERATORS[kind](rng, carrier, split)
