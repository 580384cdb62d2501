"""The macros of a character card that are filled in or drawn; all others stay as they are.

{{char}} and <BOT>, {{user}} and <USER> are names. {{random}}, {{pick}} and {{roll}} are drawn
(docs.sillytavern.app, Macros): elsewhere anew for each prompt, or once for a chat, here once.
"""

from __future__ import annotations

import random
import re
from collections import Counter

DEEPEST = 5  # draws within draws
MOST_DICE = 30  # in a roll: a card full of larger ones would take minutes

NAMES = re.compile(r"\{\{\s*(char|user)\s*\}\}|<(bot|user)>", re.IGNORECASE)
DRAW = re.compile(r"\{\{\s*(random|pick|roll)\s*(::?|\s)([^{}]*)\}\}", re.IGNORECASE)
DICE = re.compile(r"\s*(?:(\d{0,4})d)?(\d{1,9})\s*([+-]\s*\d{1,9})?\s*", re.IGNORECASE)
MACRO = re.compile(r"\{\{\s*([#/]?[^\W\d_]\w{0,30})?")


def fill_names(text: str, char: str, user: str) -> str:
    """{{char}} and <BOT>, {{user}} and <USER> filled in, in any case.

    >>> fill_names("{{user}} asks. <bot> smiles.", char="Skye", user="Mark")
    'Mark asks. Skye smiles.'
    """
    return NAMES.sub(lambda m: user if (m[1] or m[2]).lower() == "user" else char, text)


def draw(text: str, generator: random.Random) -> str:
    """{{random}}, {{pick}} and {{roll}} drawn: one of several texts, parted by `::` or commas, or
    the sum of dice like 2d6+1 (6 is d6). What is written in another way stays.

    >>> draw("{{random:a,a}} {{pick::b::b}} {{roll:1d1+2}} {{roll:x}}", random.Random(0))
    'a b 3 {{roll:x}}'
    """

    def drawn(match: re.Match[str]) -> str:
        said = match[3]
        if match[1].lower() != "roll":
            options = said.split("::") if "::" in said or match[2] == "::" else said.split(",")
            return generator.choice(options).strip() if said.strip() else match[0]
        dice = DICE.fullmatch(said)
        count, sides = (int(dice[1] or 1), int(dice[2])) if dice else (0, 0)
        if dice is None or not (0 < count <= MOST_DICE and sides):
            return match[0]
        rolled = sum(generator.randint(1, sides) for _ in range(count))
        return str(rolled + int((dice[3] or "0").replace(" ", "")))

    for _ in range(DEEPEST):
        text, before = DRAW.sub(drawn, text), text
        if text == before:
            break
    return text


def count_macros(text: str) -> Counter[str]:
    """The macros in a text that nobody fills in or draws."""
    left = draw(NAMES.sub("", text), random.Random(0))
    return Counter("{{" + (match[1] or "...").lower() + "}}" for match in MACRO.finditer(left))
