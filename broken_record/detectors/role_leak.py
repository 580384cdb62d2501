r"""What belongs to the chat's machinery, or to the other side, stands inside a turn.

Either a token of a chat template (`<|im_end|>`, `[INST]`, `### Assistant:`, `{{user}}` ...), a slot
that nobody filled in ("my name is [Name]"), what is written above a dialogue ("The following is the
transcript of ..."), or nothing but labels; or the turn goes on as the other side. Then a line, or
what stands behind a sentence, begins with the other's label, or once more with the speaker's own,
and says something, or more follows it; or paragraph after paragraph answers the one before; or it
takes up in the middle of the sentence in which the other broke off. The other's label is its prefix
in the config, what most of its messages begin with (the dialogue's own format), who it said at the
beginning that it is ("I'm the host"), or the name of its role (User, Assistant, AI ...).

Left alone are code and quotations, talk about templates, a script that was asked for (unless it
says the request again), what a speaker does from the first message on as its format, the prompt
that a chat without an opening begins with, and a label with nothing behind it at the end, which is
where an engine's stop string cuts.

>>> from broken_record.detectors.examples import transcript_of
>>> said = ["Good morning!", "Hello. Did you sleep?<|im_end|>\n<|im_start|>user\nYes."]
>>> [(f.speaker, f.onset_turn, f.explanation) for f in detect(transcript_of(said))]
[('user', 1, '"<|im_end|>" in the reply')]
>>> said = ["Hello.", "Hi. What is new?\n\nAssistant: Nothing at all.\n\nUser: Well then."]
>>> [(f.speaker, f.onset_turn, f.explanation) for f in detect(transcript_of(said))]
[('user', 1, 'goes on as the other side: "Assistant: Nothing at all."')]
"""

from __future__ import annotations

import re
from functools import cache, partial

import numpy as np

from broken_record.data import Finding, Role
from broken_record.detectors.evidence import Sign, report_signs, stretches
from broken_record.detectors.labels import ACT, Label, find_labels, speaker_labels
from broken_record.text.characters import CHARACTER, CLOSING, ENDING, ENDING_EVERYWHERE
from broken_record.text.transcript import Transcript, quote

KIND = "role_leak"
TOKEN = re.compile(
    r"<[|\uff5c][^|\uff5c<>\n]{1,40}[|\uff5c]>|<?\|?\bim_(?:start|end)\|?>|\[/?INST\]|<</?SYS>>|</s>"
    r"|<s>(?=\s*\[INST\])|<(?:start|end)_of_turn>|<(?:bos|eos|unk|pad)>|\[/?SYSTEM_PROMPT\]"
    r"|<(?:fim|file|repo|jupyter|commit|issue)_\w{2,12}>|\{\{(?:user|char)\}\}"
    r"|^\#{2,3} ?(?:Assistant|User|Human|Instructions?|Response|System|Input)\b ?:"
    r"|^\#{2,3} ?(?:\u6307\u793a|\u5165\u529b|\u5fdc\u7b54|\u6307\u4ee4|\u8f93\u5165|\u56de\u7b54"
    r"|\uba85\ub839\uc5b4|\uc785\ub825|\uc751\ub2f5) ?[:\uff1a]"
    r"|^USER ?:(?=[\s\S]*^ASSISTANT ?:)|^(?:ASSISTANT|HUMAN) ?:",
    re.MULTILINE,
)
SLOT = re.compile(
    r"(?:(?<=[\w,!] )\[|\[(?=[^\]\n]*\][,.!?]))(?:[a-z]+(?:['\u2019]s)? )?name\](?=[\s,.!?]|$)",
    re.IGNORECASE,
)
"""A name that nobody filled in, in a sentence: "Nice to meet you, [Name]."."""
HEADER = re.compile(
    r"^[ \t*_#(\[]*(?:[Tt]he following|[Bb]elow) is (?:an?|the) (?:\w+ ){0,2}"
    r"(?:transcript|conversation|dialogue|dialog|chat|record) (?:of|between)\b[^\n]*",
    re.MULTILINE,
)
"""What is written above a dialogue, and not said in one."""
SIGNS = (":", "\uff1a", "|", "\uff5c", "[", "<", "{{", "###")
"""What labels and tokens have."""
ROLE_NAMES: dict[Role, frozenset[str]] = {
    "user": frozenset(
        """user human \u30e6\u30fc\u30b6\u30fc \u7528\u6237 \u7528\u6236 \uc0ac\uc6a9\uc790
        \u043f\u043e\u043b\u044c\u0437\u043e\u0432\u0430\u0442\u0435\u043b\u044c usuario
        usu\u00e1rio utilisateur benutzer nutzer""".split()
    ),
    "assistant": frozenset(
        """assistant ai bot chatbot \u30a2\u30b7\u30b9\u30bf\u30f3\u30c8 \u30b7\u30b9\u30c6\u30e0
        \u52a9\u624b \uc5b4\uc2dc\uc2a4\ud134\ud2b8
        \u0430\u0441\u0441\u0438\u0441\u0442\u0435\u043d\u0442
        asistente assistente assistent""".split()
    ),
}
DOUBTFUL = frozenset(("ai", "bot", "\u30b7\u30b9\u30c6\u30e0"))
"""Names of roles that also head a remark; they count beside a name of the speaker's own role."""
LEAST_LABELS = 3  # of a turn that has nothing else
ANSWER = re.compile(
    r"(?:Yes|No|Yeah|Absolutely|Definitely|Indeed|Exactly|Agreed|Certainly|Of course|Sure"
    r"|You're right|I (?:completely |totally |fully )?agree"
    r"|That's (?:a|an|right|true|correct|very|really|so)\b|That sounds"
    r"|Great (?:point|idea|question))\b"
)
LEAST_AGAIN = 20  # characters
PARAGRAPH = re.compile(r"\S[^\n]*(?:\n(?!\s*\n)[^\n]*)*")
ANSWERS = 3  # paragraphs behind the first
TAKEN_UP = 15  # words of a message that breaks off
BROKEN_OFF = re.compile(r"[^\W_],?\Z")
GOES_ON = re.compile(r"\s*[^\W\d_]")
CUES = ("\u300c", "\u300e", "\u201c", "\u201e")
"""What a line opens with that is left to the other to say."""
MOST_FIELDS = 3  # other labels in a turn; with more of them "User: admin" is a field of a form
ASKED = re.compile(
    r"\b(?:write|create|generate|compose|draft|imagine|make up|simulate|show me)\b[^.!?\n]{0,80}"
    r"\b(?:dialogues?|conversations?|scripts?|screenplays?|plays?|scenes?|skits?|transcripts?"
    r"|interviews?|chat ?logs?|examples?|templates?)\b"
    r"|\b(?:both|all) (?:the )?(?:sides|parts|roles|characters|speakers)\b"
    r"|\u5bfe\u8a71\u3092\u66f8|\u4f1a\u8a71\u3092\u66f8|\u53f0\u672c|\u5bf9\u8bdd\u811a\u672c|\u5199[^\u3002]{0,20}\u5bf9\u8bdd",
    re.IGNORECASE,
)
LETTER = re.compile(
    r"\b(?:letters?|e-?mails?|messages?|notes?|speech|toast|invitations?|forms?|r[e\u00e9]sum[e\u00e9]s?|cv"
    r"|posts?|bio|cards?|drafts?|\w*texts?)\b",
    re.IGNORECASE,
)
"""What is written for others to fill in."""
ABOUT = re.compile(
    r"\b(?:chat|prompt) (?:template|format)|\b(?:special|stop|control|eos|bos) tokens?\b"
    r"|\btokenizer",
    re.IGNORECASE,
)
CLAIM = re.compile(
    r"\b(?:I'm|I\u2019m|I am|ich bin|je suis|soy|sono|eu sou)\s+(?:(?:the|a|an|your|der|die|das|ein"
    r"|eine|le|la|un|une|el|il|o)\s+)?((?:[^\W\d_][\w'-]*\s?){1,3})",
    re.IGNORECASE,
)
CODE = re.compile(r"```[\s\S]*?(?:```|\Z)|`[^`\n]*`")
QUOTED = re.compile(
    r"\"[^\"\n]{0,400}\"|\u201c[^\u201d]{0,400}\u201d|\u00ab[^\u00bb]{0,400}\u00bb"
    r"|\u300c[^\u300d]{0,400}\u300d|^>.*$",
    re.MULTILINE,
)


def detect(
    transcript: Transcript,
    *,
    format_share: float = 0.6,
    format_turns: int = 3,
    reach: int = 2,
    break_turns: int = 2,
) -> list[Finding]:
    """One finding per speaker and stretch of leaking turns, at most `reach` own turns apart.

    A speaker who writes the other's label in the first message and in `format_share` of at least
    `format_turns` does so by format. `break_turns` leaking turns are a break.
    """
    labels = speaker_labels(transcript)
    signed, two_sided = with_signs(transcript), may_be_both_sides(transcript)
    headed = headers_in(transcript)
    looked_at = signed | two_sided | headed.keys()
    letter = cache(partial(first_letter, transcript))
    findings = []
    sides: tuple[tuple[Role, Role], ...] = (("assistant", "user"), ("user", "assistant"))
    for role, other in sides:
        names = names_of_other(transcript, role, other, labels) if signed else frozenset()
        own = transcript.of_role[role]
        leaks: dict[int, Sign] = {}
        voiced: dict[int, Sign] = {}
        read: dict[str, tuple[str, Sign | None, Sign | None]] = {}  # what may be said again
        for place, i in [one for one in enumerate(own) if one[1] in looked_at]:
            if i in two_sided and (answers := find_both_sides(transcript, i)):
                leaks[place] = answers
            if i in headed:
                voiced[place] = headed[i]
            if i not in signed:
                continue
            body = transcript.bodies[i]
            if body not in read:
                plain = without_quotations(body)
                token = find_token(plain, body) or find_labels_alone(body)
                voice = None if token else find_voice(plain, body, names, role, labels[role])
                read[body] = plain, token, voice
            plain, token, voice = read[body]
            if token:
                leaks[place] = token
            elif (slot := find_slot(plain)) and letter() >= i:
                leaks[place] = slot
            elif voice:
                voiced[place] = voice
        is_format = (
            len(own) >= format_turns and 0 in voiced and len(voiced) >= format_share * len(own)
        )
        if not is_format:
            leaks |= {
                place: leak
                for place, leak in voiced.items()
                if not is_asked_for(transcript, own[place])
                or is_said_again(transcript, own[place], leak)
            }
        least = transcript.given or begins_with_prompt(transcript)
        generated = [place for place in sorted(leaks) if own[place] >= least]
        for places in stretches(generated, reach + 1):
            found = {own[place]: leaks[place] for place in places}
            findings.append(report_signs(transcript, KIND, found, break_turns))
    return findings


def with_signs(transcript: Transcript) -> set[int]:
    """The turns that hold a sign of a label or of a token."""
    signs = [sign for sign in SIGNS if sign in transcript.text]
    places = transcript.characters.places_of({sign[0] for sign in signs})
    turns = set(transcript.turn_at(places).tolist())
    return {i for i in turns if any(sign in transcript.bodies[i] for sign in signs)}


def may_be_both_sides(transcript: Transcript) -> set[int]:
    """The turns of which find_both_sides may say so: those of many lines, and those that do not
    begin like a sentence where the turn before does not end like one.
    """
    points, classes = transcript.characters.points, transcript.characters.classes
    begins, ends = transcript.bounds
    said = np.flatnonzero(begins < ends)
    first, last = begins[said], ends[said] - 1
    goes_on = np.zeros(len(transcript), dtype=bool)
    breaks_off = goes_on.copy()
    goes_on[said] = (points[first] >= ord("a")) & (classes[first] & CHARACTER == 0)
    breaks_off[said] = (classes[last] & (ENDING | CLOSING | ENDING_EVERYWHERE)) == 0
    breaks_off &= transcript.counts >= TAKEN_UP
    found = goes_on
    found[1:] &= breaks_off[:-1]
    found[: max(1, transcript.given)] = False
    if len(transcript.line_breaks) >= 2 * ANSWERS + len(transcript) - 1:
        lines, starts = transcript.line_breaks, transcript.places
        count = lines.searchsorted(starts + transcript.lengths) - lines.searchsorted(starts)
        found |= count >= 2 * ANSWERS
    return set(np.flatnonzero(found).tolist())


def begins_with_prompt(transcript: Transcript) -> bool:
    """Whether the first message is what somebody asked: nothing was measured of it."""
    said = transcript.said
    return bool(said) and said[0].tokens is None and said[0].finish_reason is None


def names_of_other(
    transcript: Transcript, role: Role, other: Role, labels: dict[str, str | None]
) -> frozenset[str]:
    """What the other side may be called at the beginning of a line."""
    names = {*ROLE_NAMES[other]}
    if label := labels[other]:
        names.add(label)
    first = next((one.body for one in transcript.said if one.role == other), "")
    for match in CLAIM.finditer(first[:400]):
        words = match[1].casefold().split()
        names |= {" ".join(words[:n]) for n in range(1, len(words) + 1)}
        names |= set(words)
    return frozenset(names - {labels[role]} - ROLE_NAMES[role])


def without_quotations(body: str) -> str:
    """A body with code and quotations blanked, lengths kept."""

    def blank(match: re.Match[str]) -> str:
        return re.sub(r"[^\n]", " ", match[0])

    return QUOTED.sub(blank, CODE.sub(blank, body))


def find_token(plain: str, body: str) -> Sign | None:
    """The first token of a template, unless the turn talks about them."""
    match = TOKEN.search(plain)
    if match is None or ABOUT.search(body):
        return None
    if match[0] == "</s>" and "<s>" in body and "[INST]" not in body:
        return None  # struck out
    return Sign(match.start(), match.end(), f"{quote(match[0])} in the reply")


def headers_in(transcript: Transcript) -> dict[int, Sign]:
    r"""By turn: the first line that announces the dialogue in which it stands.

    >>> from broken_record.detectors.examples import transcript_of
    >>> said = ["Bye!", "Bye.\n\nThe following is a transcript of two clerks."]
    >>> {i: header.start for i, header in headers_in(transcript_of(said)).items()}
    {1: 6}
    """
    found: dict[int, Sign] = {}
    if "ollowing is " in transcript.text or "elow is " in transcript.text:
        for match in HEADER.finditer(transcript.text):
            i = int(transcript.turn_at(np.array([match.start()]))[0])
            begin = int(transcript.places[i])
            how = f"a header in the reply: {quote(match[0])}"
            found.setdefault(i, Sign(match.start() - begin, match.end() - begin, how))
    return found


def find_slot(plain: str) -> Sign | None:
    """The first name that is left to fill in."""
    match = SLOT.search(plain)
    return match and Sign(match.start(), match.end(), f"{quote(match[0])} in the reply")


def first_letter(transcript: Transcript) -> int:
    """The first turn that speaks of what is sent with names to fill in; behind the last if none."""
    said = enumerate(transcript.bodies)
    letters = (i for i, body in said if LETTER.search(body) or ASKED.search(body))
    return next(letters, len(transcript))


def find_labels_alone(body: str) -> Sign | None:
    r"""A turn that is nothing but labels, the last one perhaps cut.

    >>> find_labels_alone("Ann:\nAnn:\nAnn:\nAn")
    Sign(start=0, end=17, how='nothing but "Ann:" over and over')
    """
    lines = [line.strip() for line in body.split("\n") if line.strip()]
    if len(lines) < LEAST_LABELS or not all(
        line[-1] in ":\uff1a" and find_labels(line) for line in lines[:-1]
    ):
        return None
    start, end = body.index(lines[0]), len(body.rstrip())
    return Sign(start, end, f"nothing but {quote(lines[0])} over and over")


def find_both_sides(transcript: Transcript, position: int) -> Sign | None:
    """Whether a turn answers itself, or goes on in the other's broken sentence."""
    body = transcript.bodies[position]
    is_long = body.count("\n") >= 2 * ANSWERS  # a blank line stands before every paragraph
    paragraphs = list(PARAGRAPH.finditer(body)) if is_long else []
    answers = [match for match in paragraphs[1:] if ANSWER.match(match[0])]
    if len(answers) >= ANSWERS and 2 * len(answers) >= len(paragraphs) - 1:
        return Sign(answers[0].start(), len(body.rstrip()),
                    f"answers itself: {quote(answers[0][0])}")  # fmt: skip
    if position == 0 or position < transcript.given:
        return None
    before = transcript.said[position - 1]
    if before.role == transcript.said[position].role or not takes_up(transcript, position):
        return None
    return Sign(0, len(body.rstrip()), f"goes on in the other's sentence: {quote(body)}")


def takes_up(transcript: Transcript, position: int) -> bool:
    """Whether a turn begins in the middle of a sentence, the one before it breaks off in one, and
    both speakers begin and end sentences elsewhere.
    """
    body, before = transcript.bodies[position], transcript.bodies[position - 1].rstrip()
    begins = GOES_ON.match(body)
    if begins is None or not begins[0][-1].islower() or not BROKEN_OFF.search(before):
        return False
    if transcript.counts[position - 1] < TAKEN_UP or before.rpartition("\n")[2].count(" ") < 2:
        return False
    said = [
        (transcript.bodies[i].strip(), transcript.said[i].role == transcript.said[position].role)
        for i in range(max(0, position - 20), min(len(transcript), position + 20))
        if i not in (position, position - 1)
    ]
    capitals = [text[:1].isupper() for text, is_own in said if is_own and text[:1].isalpha()]
    ended = [not text[-1:].isalnum() for text, is_own in said if not is_own and text]
    return 2 * sum(capitals) > len(capitals) > 0 and 2 * sum(ended) > len(ended) > 0


def is_said_again(transcript: Transcript, position: int, leak: Sign) -> bool:
    """Whether what is said as the other is what the other had said."""
    if position == 0:
        return False
    line = transcript.bodies[position][leak.start : leak.end]
    said = re.sub(r"^[^:\uff1a]*[:\uff1a]\s*", "", line)
    return len(said) >= LEAST_AGAIN and said[:200] in transcript.bodies[position - 1]


def find_voice(
    plain: str, body: str, names: frozenset[str], role: Role, own_label: str | None
) -> Sign | None:
    """The first line that is said by the other side, or by the speaker once more."""
    labels = sorted(
        [*find_labels(plain), *find_inline(plain, body, [*names, own_label])],
        key=lambda label: label.start,
    )
    roles = ROLE_NAMES["user"] | ROLE_NAMES["assistant"]
    fields = {label.name for label in labels} - names - roles - {own_label}
    own_role = any(label.name in ROLE_NAMES[role] for label in labels)
    for label in labels:
        is_own = label.name == own_label and speaks(body[: label.start])
        if not (is_own or label.name in names) or (label.name in DOUBTFUL and not own_role):
            continue
        if label.name in roles and len(fields) > MOST_FIELDS:
            continue
        line, _, rest = body[label.end :].partition("\n")
        line = line.rstrip()
        if line.endswith(CUES) and not rest.strip():
            continue
        if any(map(str.isalnum, line)) or any(map(str.isalnum, rest)):
            end = label.end + len(line)
            said = quote(body[label.start : end])
            how = "begins again as the speaker" if is_own else "goes on as the other side"
            return Sign(label.start, end, f"{how}: {said}")
    return None


def speaks(text: str) -> bool:
    """Whether anything is said beside stage directions.

    >>> speaks("*a nod*"), speaks("*a nod* Hm.")
    (False, True)
    """
    return any(map(str.isalnum, ACT.sub(" ", text)))


def find_inline(plain: str, body: str, names: list[str | None]) -> list[Label]:
    """The labels with one of these names right behind a sentence, capital first."""
    alternatives = "|".join(re.escape(name) for name in names if name)
    pattern = re.compile(
        rf"(?<=[.!?\u2026\"\u201d*)\u3002\uff01\uff1f\u300d])[ \t]*({alternatives})"
        r"[:\uff1a](?=[\s\"*\u201c\u300c])",
        re.IGNORECASE,
    )
    return [
        Label(match[1].casefold(), match.start(1), match.end())
        for match in pattern.finditer(body)
        if not match[1][0].islower() and plain[match.start(1)] == match[1][0]
    ]


def is_asked_for(transcript: Transcript, position: int) -> bool:
    """Whether the opening or the message before a turn asks for a script."""
    asked = [one.body for one in transcript.said[: transcript.given]]
    asked += [one.body for one in (*transcript.said[:1], *transcript.said[position - 1 : position])]
    return position > 0 and any(ASKED.search(text) for text in asked)
