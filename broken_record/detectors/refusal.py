"""The speaker refuses to go on, or speaks as a machine instead of in character.

Over-refusal and character break ("rejection"), by a score: policy words 2, calling oneself a
language model 2, inability with a meta verb 2 (and 1 more when its object is the conversation
itself), stepping out of the role 2, an apology at the opening 1, an alternative offered 1, "not
appropriate" and its like 1, the speaker's usual format (quotation marks, stage directions) gone or
2 points said outside of its quotation marks 1; addressing somebody by name takes 1 away. A finding
needs 3. A plain list of refusal words fires on 11.4 % of clean in-character turns, a strict rule of
this form on .08 %. Words in quotation marks are character speech or reported; a turn all in them
counts 2 less where that is the format. Self-identification does not count where the scene has
machines in it. The weights were set by hand on the tuning half of benchmarks/detectors.

>>> from broken_record.detectors.examples import transcript_of
>>> said = ["What do you see?", "I'm sorry, but I can't continue this role-play."]
>>> found = detect(transcript_of(said))
>>> [(f.speaker, f.level, f.onset_turn) for f in found]
[('user', 'break', 1)]
"""

from __future__ import annotations

import re
from functools import lru_cache

import numpy as np

from broken_record.data import Finding, Span
from broken_record.detectors.evidence import make_finding, saturate
from broken_record.text.transcript import Transcript, quote

KIND = "refusal"
LOOKED_AT = 8000  # characters of a turn

CANNOT = (
    r"(?:can't|can ?not|could(?:n't| not)|won't(?: be able to)?|will not|unable to|not able to"
    r"|(?:not|n't) (?:feel )?(?:comfortable|able to)|(?:'d|would) rather not|(?:must|have to)"
    r" (?:decline|stop|refuse)|(?:wouldn't|would not|isn't|not|n't feel it would) be "
    r"(?:appropriate|responsible|right|healthy|ethical)|(?:not|n't) (?:allowed|permitted) to"
    r"|(?:must|need to|have to|going to) (?:respectfully )?(?:not|decline)"
    r"|(?:'d|would) prefer not to|(?:decline|refuse|choose not) to|not willing to|can no longer"
    r"|no longer able to|not in a position to|do not feel comfortable"
    r"|(?:not|isn't) something (?:that )?(?:i|we) (?:can|could|am able to|will)|don't want to"
    r"|\w+ not to)"
)
META_VERB = (
    r"(?:continu\w+|generat\w+|writ(?:e|ing)|role-?play\w*|participat\w+|produc\w+|provid\w+"
    r"|creat\w+|fulfil\w*|assist\w*|engag\w+|complet\w+|respond\w*|answer\w*|help\w*"
    r"|go(?:ing)? on|keep(?:ing)? (?:up|on)|play(?:ing)?|discuss\w*|proceed\w*|take part"
    r"|be a partner|portray\w*|move forward|depict\w*|act(?:ing)? out|indulge|go along"
    r"|carry on|comply\w*|simulat\w*)"
)
META_OBJECT = (
    r"(?:conversation|dialog(?:ue)?|discussion|chat|story|scene|scenario|narrative|fiction"
    r"|role-?play\w*|role|part|character|persona|requests?|content|text|material|repl(?:y|ies)"
    r"|responses?|prompt|topic|exchange|interaction|storyline|plot|fantasy|query|instructions?|persona|direction"
    r"|your companion)"
)
COMPOUND = r"\w+(?:['-]\w+)*(?!['-]\w)"  # matches in one way only, or dashes never end
MACHINE = "speaks as a machine"
POINTS = {
    "policy": 2,
    "speaks as a machine": 2,
    "cannot": 2,
    "steps out of the role": 2,
    "cannot go on with this": 1,
    "apology": 1,
    "alternative": 1,
    "not appropriate for me": 1,
}
STRONG = {
    "policy": re.compile(
        r"\b(?:content|usage|safety|community|openai|platform\W?s?|company|my) "
        r"(?:polic(?:y|ies)|guidelines?|standards|rules|programming|limits|restrictions)"
        r"|(?:violat\w+|against|contrary to) (?:my|our|the|its) (?:\w+ )?"
        r"(?:polic(?:y|ies)|guidelines?|rules|values|principles|programming|standards)"
        r"|content (?:filter|moderation|restriction|warning)s?"
        r"|i(?:'m| am) (?:designed|programmed|trained|built|intended) to"
        r"|terms of (?:service|use)|content of this (?:nature|kind)"
        r"|\b(?:unsafe|harmful|inappropriate|explicit|unsuitable) (?:content|material|text)"
        r"|(?:response|reply|message) (?:was|has been|is) (?:\w+ )?"
        r"(?:withheld|limited|blocked|removed)"
        r"|flagged as|request (?:was |has been |is )?(?:declined|denied|refused)"
        r"|(?:limits|rules|guidelines) (?:that )?(?:have been |were |are )?(?:set|given)"
        r"|unsuitable for some|the way i was (?:designed|trained|made|built)"
        r"|i (?:was|am|was not|wasn't|am not) (?:designed|programmed|trained)"
        r"|(?:cannot|can't) be (?:continued|completed|processed)"
    ),
    "speaks as a machine": re.compile(
        r"\bas an? (?:ai|artificial|(?:large )?language model|chatbot|assistant|virtual)"
        r"|\bi(?:'m| am) (?:just |only )?an? (?:ai|artificial|(?:large )?language model"
        r"|chatbot|computer program|virtual assistant|text[- ]based)"
        r"|\bi(?:'m| am) not (?:a )?(?:real|human)\b|\blike (?:a|an actual) human could\b"
        r"|\bthe model is (?:unable|not)|\b(?:large )?language model\b"
        r"|don't have (?:personal )?(?:feelings|a body|a physical)|my (?:developers|training data)"
        r"|i(?:'m| am) (?:just |only )?a (?:machine|software|neural network|text generator)"
    ),
    "cannot": re.compile(rf"\b{CANNOT}\W+(?:\w+\W+){{0,4}}?{META_VERB}\b"),
    "steps out of the role": re.compile(
        r"step(?:ping)? out of (?:the |this |my |it\b|character)|break(?:ing)? character"
        r"|leav(?:e|ing) the (?:role|story|scene)|outside of (?:the|this) (?:story|role|scene)"
        r"|this is where i (?:leave|stop)|set(?:ting)? a (?:\w+ )?boundary"
        r"|(?:have to|going to|must|need to) (?:stop|pause|end) (?:here|this|the)"
        r"|not write the next|keep up this persona|(?:drop|leave) the (?:act|character|persona)"
        r"|\booc\b|out of character|speaking as (?:myself|the model|an assistant)"
    ),
}
WEAK = {
    "cannot go on with this": re.compile(
        rf"\b{CANNOT}\W+(?:\w+\W+){{0,4}}?{META_VERB}\b\W+(?:{COMPOUND}\W+){{0,7}}?"
        rf"(?:{META_OBJECT}\b|this(?=\W*(?:$|[.,;!]|(?:and|but|as|in|because|with|any)\b)))"
    ),
    "apology": re.compile(
        r"^\W*(?:(?:but|oh|well|um|unfortunately|regrettably)\W+)*(?:(?:i(?:'m| am)|my)\s*)?"
        r"(?:\w+ )?(?:so |very |truly |really )?(?:sorry|apologi[sz]e|apologies|afraid)"
        r"|^\W*(?:unfortunately|regrettably|i regret)|\bi apologi[sz]e\b"
        r"|thank you for your under"
    ),
    "alternative": re.compile(
        r"\b(?:happy|glad(?:ly)?|love) to (?:help|assist|talk|write)"
        r"|would gladly (?:help|assist)"
        r"|would you like (?:me to|to|a|some)|instead,? (?:i|we) (?:can|could)"
        r"|(?:we|i) could,? (?:for example|instead)|please rephrase|feel free to"
        r"|is there (?:anything|something) else|contact your local|something else"
    ),
    "not appropriate for me": re.compile(
        r"(?:isn't|is not|not) appropriate|honest with you|be transparent"
        r"|please (?:know|remember)"
        r"|with you as a person|qualified to|fictional or not|only fiction|as it asks"
    ),
}
ALONE = re.compile(  # in a word of whatever STRONG matches, but for "cannot"
    r"polic|guidelin|standards|rules|programm|limit|restrict|values|principles|filter|moderation"
    r"|warning|content|design|trained|training|built|\bmade|intended|terms|unsafe|harmful"
    r"|inappropriate|explicit|unsuitable|withheld|blocked|removed|flagged|declined|denied|refused"
    r"|continued|completed|processed"
    r"|\bai|artificial|model|chatbot|assistant|virtual|program|based|\b(?:real|human)\b|feelings"
    r"|\bbody|\bphysical|developers|machine|software|neural|generator"
    r"|step|character|leav(?:e|ing)|outside|\bstop|\bpause|\bend|boundary|persona|drop|\booc\b"
    r"|speaking"
)
NEGATION = re.compile(r"n't|not|unable|longer|declin|refus")  # in a word of what CANNOT matches
META = re.compile(  # and of what META_VERB does
    r"continu|generat|writ|role|participat|produc|provid|creat|fulfil|assist|engag|complet|respond"
    r"|answer|help|\bgo(?:ing)?\b|\bkeep|play|discuss|proceed|\btake|partner|portray|\bmove|depict"
    r"|\bact(?:ing)?\b|indulge|carry|comply|simulat"
)
MACHINES = re.compile(
    r"\b(?:ai|a\.i\.|android|robot|cyborg|hologram|artificial|computer|machine|chatbot|spaceship"
    r"|droid|automaton|circuits?|bot)\b"
)
VOCATIVE = re.compile(r", (?:[Mm]y \w+|[A-Z][a-z]+|miss|sir|madam|ma'am|lad|lass)(?=[,.!?])")
QUOTED = re.compile(r'"[^"]*"|\u201c[^\u201d]*\u201d')
STAGED = re.compile(r"\*[^*]*\*")


def detect(
    transcript: Transcript, *, score: int = 3, usual_share: float = 0.6, usual_turns: int = 2
) -> list[Finding]:
    """One finding per speaker and stretch of turns (less than 4 own turns apart) that refuse."""
    findings = []
    suspects = with_signs(transcript)
    for role in ("assistant", "user"):
        own = transcript.own(role)
        scores = {}
        for k, i in enumerate(own):
            if i in suspects:
                points, reasons = score_turn(transcript, i, usual_share, usual_turns)
                if points >= score:
                    scores[k] = (points, reasons)
        stretch: list[int] = []
        for k in [*scores, len(own) + 8]:
            if stretch and k - stretch[-1] > 3:
                findings.append(report(transcript, [own[j] for j in stretch], *scores[stretch[0]]))
                stretch = []
            stretch.append(k)
    return findings


def with_signs(transcript: Transcript) -> set[int]:
    """The turns with words without which none can reach the score; no other is looked at."""
    said = np.flatnonzero(np.bincount(transcript.plain))
    signs = np.zeros((3, len(transcript.vocabulary.texts)), dtype=bool)
    signs[:, said] = np.array([signs_in(transcript.vocabulary.texts[n]) for n in said.tolist()]).T
    alone, negated, meta = (
        set(transcript.turn_of[flags[transcript.plain]].tolist()) for flags in signs
    )
    return alone | (negated & meta)


@lru_cache(maxsize=1 << 16)
def signs_in(word: str) -> tuple[bool, bool, bool]:
    """Whether a word is a sign alone, is one of an inability, of a meta verb.

    >>> signs_in("machine"), signs_in("couldn't"), signs_in("boat")
    ((True, False, False), (False, True, False), (False, False, False))
    """
    return bool(ALONE.search(word)), bool(NEGATION.search(word)), bool(META.search(word))


def format_of(body: str) -> tuple[bool, bool]:
    """Whether a body has quotation marks, and stage directions."""
    return bool(QUOTED.search(body)), bool(STAGED.search(body))


def usual_format(
    transcript: Transcript, position: int, share: float, turns: int
) -> tuple[bool, bool]:
    """What most of the last 8 turns of the speaker before this one have of the two."""
    role = transcript.said[position].role
    before = [i for i in range(max(0, position - 16), position) if transcript.said[i].role == role]
    formats = [format_of(transcript.bodies[i][:LOOKED_AT]) for i in before]
    if len(formats) < turns:
        return False, False
    quotes, stages = (sum(column) >= share * len(formats) for column in zip(*formats, strict=True))
    return quotes, stages


def score_turn(
    transcript: Transcript, position: int, usual_share: float, usual_turns: int
) -> tuple[int, list[str]]:
    """A turn's points and what they are for."""
    body = transcript.bodies[position][:LOOKED_AT].replace("\u2019", "'")
    if not any(pattern.search(body.lower()) for pattern in STRONG.values()):
        return 0, []
    usual = usual_format(transcript, position, usual_share, usual_turns)
    has = format_of(body)
    outside = STAGED.sub(" ", QUOTED.sub(" ", body))
    machines = any(
        MACHINES.search(transcript.bodies[i].lower()) for i in range(max(0, position - 8), position)
    )
    in_story = usual[0] or usual[1] or (has[0] and has[1])
    spoken = outside if has[0] and outside.strip() else body
    points, reasons = score_text(spoken, machines)
    if points and in_story and not (has[0] and not outside.strip()):
        gone = (usual[0] and not has[0]) or (usual[1] and not has[1] and not has[0])
        if gone or (has[0] and points >= 2):
            where = "out of the usual format" if gone else "outside of the quotation marks"
            points, reasons = points + 1, [*reasons, where]
    return (points - 2, reasons) if spoken is body and in_story and has[0] else (points, reasons)


def score_text(text: str, machines: bool) -> tuple[int, list[str]]:
    """The points of what is said; None of them without a strong sign."""
    lowered = text.lower().strip()
    reasons = [name for name, pattern in STRONG.items() if pattern.search(lowered)]
    if machines and MACHINE in reasons:
        reasons.remove(MACHINE)
    if not reasons:
        return 0, []
    reasons += [name for name, pattern in WEAK.items() if pattern.search(lowered)]
    points = sum(POINTS[name] for name in reasons)
    return points - bool(VOCATIVE.search(text)), reasons


def report(
    transcript: Transcript, positions: list[int], points: int, reasons: list[str]
) -> Finding:
    """The finding of a stretch of refusing turns."""
    first = transcript.whole(positions[0])
    said = transcript.said[positions[0]].content[first.start : first.end]
    times = f", {len(positions)} turns" if len(positions) > 1 else ""
    spans: list[Span] = [transcript.whole(i) for i in positions]
    return make_finding(
        transcript,
        kind=KIND,
        positions=positions,
        level="break",
        origin=positions[0],
        onset=positions[0],
        detect=positions[0],
        copies=len(positions),
        strength=saturate([points / 3] * len(positions)),
        spans=spans,
        explanation=f"{quote(said)} ({', '.join(reasons)}){times}",
    )
