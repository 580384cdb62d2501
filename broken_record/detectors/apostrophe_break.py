"""The reply stops at an apostrophe, or goes wrong behind one.

A fault of the tokenizer or of a stop string. Any of: (a) the turn ends right behind the stem of a
contraction with its apostrophe ("I don'"), on a stem that is no word ("it doesn"), behind a word
whose possessive is said elsewhere ("the realm'"), in the middle of a sentence inside a quotation,
or inside one that was never closed by a speaker who closes them, and no token limit cut it; (b) a
stem with an apostrophe goes on as no contraction does, and salad follows where none was before, or
apostrophes stand in pieces as no word has them, or what follows is glued to them, at least two
close together ("I don' t the's '", "I'msorry, I'vesoroy");
(c) turns break off within 3 words of an apostrophe far more often than words stand near one
elsewhere (Fisher's exact test, p < .001, at least 3 turns). Where nothing says whether a limit cut
a turn, a longer turn of the same speaker that ends properly does. Where the talk was salad before,
an apostrophe in it broke nothing (English, whose function words are known). Possessives, clipped
words, closing quotes and measures are left alone.

>>> from broken_record.detectors.examples import transcript_of
>>> said = ["Shall we go?", "I don'", "Why is that?", "I am tired, it doesn"]
>>> found = detect(transcript_of(said))
>>> [(f.speaker, f.level, f.onset_turn, f.copies) for f in found]
[('user', 'break', 1, 2)]
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import cache, partial

import numpy as np

from broken_record.data import Finding
from broken_record.detectors.evidence import Sign, report_signs
from broken_record.stats import more_often_p
from broken_record.text.characters import among
from broken_record.text.ngrams import distinct
from broken_record.text.transcript import Transcript, quote
from broken_record.text.words import find_words, is_function_word, mask_structure

KIND = "apostrophe_break"
NO_WORDS = "didn doesn isn aren wasn weren hasn hadn couldn wouldn shouldn mustn needn mightn"
STEMS = frozenset(
    f"{NO_WORDS} don won can haven ain shan i you he she it we they that there here what who where "
    "how let".split()
)
APOSTROPHE = "['\u2019]"
ENDS_AT_APOSTROPHE = re.compile(rf"(\w+){APOSTROPHE}[\"\u201d*]*$")
ENDS_ON_STEM = re.compile(rf"\b({NO_WORDS.replace(' ', '|')})[\"\u201d*]*$", re.IGNORECASE)
ODD_CONTRACTION = re.compile(
    rf"{APOSTROPHE}(?<=\w.)(?!(?:t|s|m|re|ve|ll|d|all|em|know)(?:\b|{APOSTROPHE}))(?=\s?\w)",
    re.IGNORECASE,
)
OPENING_SINGLE = re.compile(r"(?:^|(?<=[\s\"\u201c(*:]))[\u2018']\w")
CLOSING_SINGLE = re.compile(r"[\w.,!?\u2026-]['\u2019](?=[\s\".,!?;:)\u201d]|$)")
PIECES = re.compile(
    rf"(?P<split>{APOSTROPHE}(?<=\w.) (?:s|t|re|ll|ve|m|d)(?=[\s.,!?;]|$))"
    rf"|(?P<word>{APOSTROPHE}(?:(?<=\b(?:an|of|to|my|at|by).)|(?<=\b(?:the|and|for).)"
    r"|(?<=\b(?:with|your|from).))(?:s|t|re|ll|ve|m|d)\b)"
    rf"|(?P<twice>{APOSTROPHE}(?<=[^\W\d].)(?:{APOSTROPHE}(?=[^\W\d])|[st]{APOSTROPHE}[st]\b))"
    rf"|(?P<glued>{APOSTROPHE}(?:(?<=\bi.)|(?<=\b(?:he|we|it).)|(?<=\b(?:she|you).)|(?<=\bthey.))"
    r"(?:ve|re|ll|m)[^\W\d_]{2,})"
    rf"|(?P<alone>{APOSTROPHE}(?<=\s.)(?=\s|$))",
    re.IGNORECASE,
)
"""Apostrophes as no word has them; one that stands alone may also be a quotation mark."""
OPENS = {"\u201c": "\u201d", "\u201e": "\u201c\u201d", "\u00ab": "\u00bb", "\u300c": "\u300d",
         "\u300e": "\u300f"}  # fmt: skip
OPENING = re.compile(f"[{''.join(OPENS)}]")
BROKEN_ENDS = ("'", "\u2019", *NO_WORDS.split())
LAST_OF_BROKEN = "".join({end[-1] for end in BROKEN_ENDS})
LOOKED_BACK = 12  # characters: no fewer than the longest of those has
CLOSING_MARKS = '"\u201d*'
ENDS_WORD = np.array(
    [chr(k).isascii() and re.match(r"[^\w']", chr(k)) is not None for k in range(256)]
)
NOT_BEFORE = re.compile(r"\b(?:an|of|to|my|at|by|the|and|for|with|your|from)'")
"""The words that PIECES knows to have no apostrophe."""
LONGER = 1.1  # times as long, in characters
INCHES = re.compile(r"\d\"")
PROPER = frozenset('.!?\u2026*"\u201d)\u3002\uff01\uff1f\u300d\u300f\u00bb')
TERMINAL = frozenset('.!?\u2026\u2014-*"\u201d)]~:;')
FOLLOWING = 8  # words behind an odd contraction that are looked at
NEAR = 3  # words
SPOILT_SHARE, SPOILT_WORDS = 0.22, 40  # one of 1,000 clean windows of so many words has .275
TAIL, LOOKED_AT = 60, 500  # characters, at the end of a turn and behind an odd contraction


def detect(
    transcript: Transcript,
    *,
    salad_share: float = 0.15,
    quoting_share: float = 0.5,
    closing_share: float = 0.8,
    fisher_p: float = 0.001,
    near_turns: int = 3,
    pieces: int = 2,
    break_turns: int = 2,
) -> list[Finding] | None:
    """One finding per speaker with turns broken at an apostrophe; None where no turn tells whether
    its limit cut it.
    """
    counted = transcript.given > 0 or any(
        transcript.was_cut(i) is not None for i in range(transcript.given, len(transcript))
    )
    findings = []
    told_any = counted or not len(transcript)
    unusual = unusual_apostrophes(transcript)
    odd, in_pieces = with_odd_contractions(transcript, unusual), with_pieces(transcript, unusual)
    broken_ends = with_broken_ends(transcript)
    looked_at = odd | in_pieces | broken_ends
    open_ended = with_open_ends(transcript) if counted else set()
    for role in ("assistant", "user"):
        own = transcript.own(role)
        uncut = frozenset() if counted else not_cut(transcript, own)
        told_any |= bool(uncut)
        closes = cache(partial(closes_quotes, transcript, own, quoting_share, closing_share))
        breaks: dict[int, Sign] = {}
        for i in [i for i in own if i in looked_at]:
            body = transcript.bodies[i].rstrip()
            is_whole = not transcript.was_cut(i) if counted else i in uncut
            found = None
            if is_whole and i in broken_ends and may_end_broken(body):
                found = ends_broken(body, closes, transcript.text)
            if found is None and i in odd and (is_whole or not counted):
                found = goes_wrong(body, salad_share)
            if found is None and i in in_pieces:
                found = goes_to_pieces(body, pieces)
            if found is not None:
                breaks[i] = found
        if counted:
            near = near_apostrophes(transcript, own, open_ended, fisher_p, near_turns)
            for i, found in near.items():
                breaks.setdefault(i, found)
        spoilt = spoilt_from(transcript, breaks)
        if breaks := {i: sign for i, sign in breaks.items() if (i, sign.start) < spoilt}:
            findings.append(report_signs(transcript, KIND, breaks, break_turns))
    return findings if told_any or findings else None


def spoilt_from(transcript: Transcript, breaks: dict[int, Sign]) -> tuple[int, int]:
    """(the turn, the place in it) from which on the talk is salad that no apostrophe began; behind
    its end where there is none, or function words are not known.
    """
    if breaks and transcript.language == "en":
        for i in range(transcript.given, max(breaks) + 1):
            sound = breaks[i].start if i in breaks else len(transcript.bodies[i])
            body = mask_structure(transcript.bodies[i][:sound])
            for at in range(0, len(body), LOOKED_AT):
                words = [word.text for word in find_words(body[at : at + LOOKED_AT])]
                few = sum(map(is_function_word, words)) < SPOILT_SHARE * len(words)
                if few and len(words) >= SPOILT_WORDS:
                    return i, at
    return len(transcript), 0


def not_cut(transcript: Transcript, own: list[int]) -> set[int]:
    """The turns that no limit can have cut, since a longer one of the speaker ends properly."""
    proper = (
        int(transcript.lengths[i]) for i in own if transcript.bodies[i].rstrip()[-1:] in PROPER
    )
    longest = max(proper, default=0)
    return {i for i in own if LONGER * int(transcript.lengths[i]) <= longest}


def unusual_apostrophes(transcript: Transcript) -> list[int]:
    """The places of apostrophes that are not plainly those of a contraction or a possessive, with
    't, 's, 're ... and a word's end behind, and no word before that has none (the's).
    """
    places = np.array(transcript.apostrophes, dtype=np.int64)
    points = np.append(transcript.characters.points, [ord(" ")] * 3)
    first, second, third = (points[places + k] for k in (1, 2, 3))
    plainly = among(first, "tsmdTSMD") & ENDS_WORD.take(second, mode="clip")
    longer = among(first, "rvRV") & among(second, "eE") | among(first, "lL") & among(second, "lL")
    plainly |= longer & ENDS_WORD.take(third, mode="clip")
    word = transcript.plain[transcript.starts.searchsorted(places[plainly]) - 1]
    plainly[plainly] = ~transcript.vocabulary.flags(has_no_apostrophe)[word]
    found: list[int] = places[~plainly].tolist()
    return found


def has_no_apostrophe(word: str) -> bool:
    """Whether PIECES may find something in an apostrophe of a word by what stands before it."""
    return NOT_BEFORE.search(word) is not None


def with_odd_contractions(transcript: Transcript, places: list[int]) -> set[int]:
    """The turns with an apostrophe that goes on as no contraction does."""
    found = [at for at in places if ODD_CONTRACTION.match(transcript.text, at)]
    return set(transcript.turn_at(np.array(found, dtype=np.int64)).tolist())


def with_pieces(transcript: Transcript, places: list[int]) -> set[int]:
    """The turns with an apostrophe that stands as no word has it."""
    matches = ((at, PIECES.match(transcript.text, at)) for at in places)
    found = [at for at, match in matches if match and match.lastgroup != "alone"]
    return set(transcript.turn_at(np.array(found, dtype=np.int64)).tolist())


def goes_to_pieces(body: str, pieces: int) -> Sign | None:
    """Rule (b): so many apostrophes as no word has them, close together."""
    found = list(PIECES.finditer(mask_structure(body)))
    for k in range(len(found) - pieces + 1):
        close = found[k : k + pieces]
        first = close[0]
        near = close[-1].end() - first.start() <= TAIL
        if near and any(match.lastgroup != "alone" for match in close):
            start = body.rfind(" ", 0, first.start()) + 1
            end = found[-1].end()
            return Sign(start, end, f"goes to pieces at {quote(body[start:end], 40)}")
    return None


def with_broken_ends(transcript: Transcript) -> set[int]:
    """The turns of which may_end_broken may say so."""
    characters = transcript.characters
    if not characters.text:
        return set()
    borders = np.append(transcript.places, len(characters.text))
    quotes = characters.places_of('"').searchsorted(borders)
    is_broken = (quotes[1:] - quotes[:-1]) % 2 == 1
    is_broken[transcript.turn_at(characters.places_of("\u201d" + "".join(OPENS)))] = True
    begins, ends = transcript.bounds
    last = ends - 1
    for _ in range(LOOKED_BACK):
        closing = among(characters.points[last], CLOSING_MARKS) & (last >= begins)
        if not closing.any():
            break
        last = last - closing
    is_broken |= among(characters.points[last], LAST_OF_BROKEN) & (last >= begins)
    return set(np.flatnonzero(is_broken).tolist())


def may_end_broken(body: str) -> bool:
    """What all bodies have that `ends_broken` can find; most have none of it."""
    end = body[-LOOKED_BACK:].rstrip('"\u201d*')
    return (
        end.endswith(BROKEN_ENDS)
        or body.count('"') % 2 == 1
        or body.count("\u201c") != body.count("\u201d")
        or OPENING.search(body) is not None
    )


def ends_broken(body: str, closes: Callable[[], bool], talk: str) -> Sign | None:
    """Rule (a): how a stripped body of a talk ends in the middle of something; `closes` says
    whether its speaker closes quotations as a rule.
    """
    shift = max(0, len(body) - TAIL)
    match = ENDS_AT_APOSTROPHE.search(body[shift:])
    is_stem = match is not None and (match[1].lower() in STEMS or is_possessive(match[1], talk))
    if match and is_stem and not in_single_quotes(body, match.end(1) + shift):
        return Sign(shift + match.start(1), len(body), f"ends with {quote(match[0])}")
    if match := ENDS_ON_STEM.search(body[shift:]):
        return Sign(shift + match.start(1), len(body), f"ends with {quote(match[0])}")
    if (start := open_quotation(body)) is not None:
        return Sign(start, len(body), f"a quotation stays open: {quote(body[start:])}")
    if is_open(body) and closes():
        start = max(body.rfind('"'), body.rfind("\u201c"))
        return Sign(start, len(body), f"a quotation stays open: {quote(body[start:])}")
    return None


def is_possessive(word: str, talk: str) -> bool:
    """Whether a word that ends on no s is said with 's elsewhere in the talk; what is clipped
    (goin') is not it.
    """
    if len(word) < 3 or word[-1] in "sxzSXZ" or word.endswith("in"):
        return False
    return re.search(rf"\b{re.escape(word)}{APOSTROPHE}s\b", talk) is not None


def open_quotation(body: str) -> int | None:
    """Where the quotation opens in whose last paragraph a body ends in the middle of a sentence."""
    paragraph = body.rfind("\n") + 1
    said = body[paragraph:]
    if not body[-1:].isalnum() and body[-1:] != ",":
        return None
    for mark, closing in OPENS.items():
        last = said.rfind(mark)
        if last >= 0 and not any(end in said[last + 1 :] for end in closing):
            return paragraph + last
    last = said.rfind('"')
    odd = said.count('"') % 2 == 1 and not INCHES.search(said)
    before, behind = said[max(0, last - 1) : last], said[last + 1 : last + 2]
    if odd and (not before or before.isspace() or before in "(*:") and behind.isalnum():
        return paragraph + last
    return None


def in_single_quotes(body: str, place: int) -> bool:
    """Whether an apostrophe closes a single quotation: one was opened before and not yet closed."""
    before = body[max(0, place - LOOKED_AT) : place]
    opened = max((match.start() for match in OPENING_SINGLE.finditer(before)), default=-1)
    return opened >= 0 and not CLOSING_SINGLE.search(before, opened + 2)


def is_open(body: str) -> bool:
    """Whether a body ends inside a double quotation: an odd mark, and words behind the last."""
    straight = body.count('"')
    if straight % 2 == 0 and body.count("\u201c") <= body.count("\u201d"):
        return False
    if straight % 2 and len(INCHES.findall(body)) % 2:
        return False
    last = max(body.rfind('"'), body.rfind("\u201c"), body.rfind("\u201d"))
    before, behind = body[:last][-1:], body[last + 1 :][:1]
    return (not before or before in "*(" or before.isspace()) and behind.isalnum()


def closes_quotes(transcript: Transcript, own: list[int], quoting: float, closing: float) -> bool:
    """Whether a speaker puts speech into quotation marks as a rule, and closes them."""
    bodies = [transcript.bodies[i] for i in own]
    quoted = [body for body in bodies if '"' in body or "\u201c" in body]
    closed = [body for body in quoted if not is_open(body)]
    return (
        len(quoted) >= 3
        and len(quoted) >= quoting * len(bodies)
        and len(closed) >= closing * len(quoted)
    )


def goes_wrong(body: str, salad_share: float) -> Sign | None:
    """Rule (b): behind a stem's apostrophe comes what no contraction has, and then salad, where
    none was before.
    """
    for match in ODD_CONTRACTION.finditer(body):
        stem = re.search(r"\w+$", body[max(0, match.start() - TAIL) : match.start()])
        if stem is None or stem[0].lower() not in STEMS:
            continue
        if in_single_quotes(body, match.start()):
            continue
        behind = body[match.end() : match.end() + LOOKED_AT]
        before = body[max(0, match.start() - LOOKED_AT) : match.start()]
        if is_salad(behind, salad_share) and not is_salad(before, salad_share):
            start = match.start() - len(stem[0])
            said = body[start : start + TAIL]
            return Sign(start, len(body), f"goes wrong at {quote(said, 40)}")
    return None


def is_salad(text: str, salad_share: float) -> bool:
    """Whether a text of some words has next to no function words."""
    words = [word.text for word in find_words(text)]
    return len(words) >= FOLLOWING and sum(map(is_function_word, words)) < salad_share * len(words)


def with_open_ends(transcript: Transcript) -> set[int]:
    """The turns that have apostrophes and do not end with a sign that ends a turn."""
    places = np.array(transcript.apostrophes, dtype=np.int64)
    turns = distinct(transcript.turn_at(places))
    last = transcript.characters.points[transcript.bounds[1][turns] - 1]
    return set(turns[~among(last, TERMINAL)].tolist())


def near_apostrophes(
    transcript: Transcript, own: list[int], open_ended: set[int], fisher_p: float, least: int
) -> dict[int, Sign]:
    """Rule (c): the turns that break off near an apostrophe, if there are far too many of them."""
    broken: dict[int, Sign] = {}
    windows = windows_near = 0
    for i in [i for i in own if i in open_ended]:
        body = transcript.bodies[i].rstrip()
        if transcript.was_cut(i):
            continue
        said = list(find_words(body))
        if len(said) <= NEAR:
            continue
        tail = body[said[-NEAR].start :]
        if "'" in tail or "\u2019" in tail:
            broken[i] = Sign(said[-NEAR].start, len(body), f"breaks off at {quote(tail)}")
    if len(broken) < least:
        return {}
    for i in own:
        body = transcript.bodies[i]
        windows += max(0, int(transcript.counts[i]) - NEAR)
        windows_near += min(
            max(0, int(transcript.counts[i]) - NEAR),
            NEAR * (body.count("'") + body.count("\u2019")),
        )
    off = sum(transcript.bodies[i].rstrip()[-1:] not in TERMINAL for i in own)
    p = more_often_p(len(broken), max(off, len(broken)), windows_near, windows)
    return broken if p < fisher_p else {}
