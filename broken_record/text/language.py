"""What language a dialogue is in: by its script, and where several languages share one by their
commonest words.

A small closed set, because it only serves to say which word lists fit; of a language that is not in
it, or of too few words, nothing is said (None). Mixed talk counts as the language of most of it.
"""

from __future__ import annotations

from typing import Literal, get_args

import numpy as np
import numpy.typing as npt

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]

Language = Literal[
    "ar", "bg", "cs", "da", "de", "el", "en", "es", "fi", "fr", "he", "hi", "hu", "id", "it", "ja",
    "km", "ko", "lo", "my", "nl", "pl", "pt", "ro", "ru", "sv", "th", "tr", "uk", "vi", "zh",
]  # fmt: skip
LANGUAGES: tuple[Language, ...] = get_args(Language)

SCRIPTS = (
    ("latin", "A", "\u02af"), ("latin", "\u1e00", "\u1eff"), ("el", "\u0370", "\u03ff"),
    ("cyrillic", "\u0400", "\u052f"), ("he", "\u0590", "\u05ff"), ("arabic", "\u0600", "\u077f"),
    ("devanagari", "\u0900", "\u097f"), ("th", "\u0e00", "\u0e7f"), ("lo", "\u0e80", "\u0eff"),
    ("my", "\u1000", "\u109f"), ("ko", "\u1100", "\u11ff"), ("km", "\u1780", "\u17ff"),
    ("kana", "\u3041", "\u30ff"), ("han", "\u3005", "\u3007"), ("han", "\u3400", "\u9fff"),
    ("ko", "\uac00", "\ud7a3"), ("han", "\uf900", "\ufaff"), ("han", "\U00020000", "\U0003ffff"),
)  # fmt: skip
"""(name, first, last character); a script that one language here has bears its name."""
KANA_SHARE = 0.1  # of Han and Kana: Japanese has .4 and more, Chinese that quotes some far less
COMMON_SHARE = 0.06  # of the words; the lists cover .25-.45 of talk, and .01 where much is salad
LEAST_COMMON = 2  # words
MOST_SHARE = 0.05  # of one word, or a loop of three words would decide

COMMON_WORDS: dict[Language, frozenset[str]] = {
    "en": frozenset(
        """the and to of a i you is it in that my we for this with not your are have
        be was me on what do so but but just no can if at they there how don't
        it's i'm an or""".split()
    ),
    "de": frozenset(
        """der die das und ist nicht ich du sie wir ein eine einen zu mit auf von dem
        den es er auch aber wie nur wenn dass war hat für im in was mir mich so ja
        sich bei noch""".split()
    ),
    "fr": frozenset(
        """le la les un une des du et est pas je tu il elle nous vous que qui dans
        pour sur avec ne ce cette au mais ou plus son sa ça c'est j'ai en de à on
        y se mon moi""".split()
    ),
    "es": frozenset(
        """el la los las un una y es no yo tú que en por para con su mi me te se lo
        al del de pero como más muy qué está eso sí le a nos tu ha si esto cuando
        porque""".split()
    ),
    "pt": frozenset(
        """o a os as um uma e é não eu você que em por para com seu sua mas como mais
        se ao do da dos das de no na me isso está muito bem ele ela nos já meu
        minha sim""".split()
    ),
    "it": frozenset(
        """il lo gli la le un una uno e è non io tu che di da per con sono mi ti si
        ma come più anche della del alla al nel ho ha questo cosa in a se no sì i""".split()
    ),
    "nl": frozenset(
        """de het een en is niet ik je jij hij zij we van op te met voor dat die maar
        ook nog er aan als in wat dit zo om naar heb bent ben mijn was uit bij""".split()
    ),
    "sv": frozenset(
        """och att det som en är på av för med den till inte jag har vi ni men om så
        ett i du mig dig vad kan hade var de han hon från när då""".split()
    ),
    "da": frozenset(
        """og at det som en er på af for med den til ikke jeg har vi men om så et i
        du mig dig hvad kan havde var de han hun fra når da også meget""".split()
    ),
    "fi": frozenset(
        """ja on ei se että en olen minä sinä hän mutta niin kun oli ole mitä tämä
        myös joka ovat kuin jos hyvin me te he nyt vain sitä""".split()
    ),
    "pl": frozenset(
        """i w z na nie się to że jest do jak co o ale tak ja ty on ona my po za od
        dla czy już tylko mnie jestem ma są bardzo przez""".split()
    ),
    "cs": frozenset(
        """a je se v na to že že ne s z do o jsem si já ty jak co ale tak už jen pro
        by jsi mi když jako nebo který má jsou po""".split()
    ),
    "ro": frozenset(
        """și a în de la nu este că cu pe un o să ce mai din se am pentru sunt care
        dar ai eu tu îmi ca fi cum dacă asta""".split()
    ),
    "hu": frozenset(
        """a az és nem hogy is egy van ez de én te mi ha meg csak már még mint vagy
        volt ki azt nagyon itt ott igen""".split()
    ),
    "tr": frozenset(
        """bir ve bu da de ne için çok ben sen var mi mı ama o gibi daha kadar değil
        olarak ile her şey evet ki biz bana sana olan""".split()
    ),
    "id": frozenset(
        """yang dan di ini itu dengan untuk tidak dari dalam akan pada saya kamu anda
        kita ada apa bisa ke aku adalah juga sudah atau mereka""".split()
    ),
    "vi": frozenset(
        """là của và có không tôi một cho với được các những này đó thì mà như để đã
        trong bạn anh em rất người ở cũng về ra""".split()
    ),
    "ru": frozenset(
        """и в не на я что он она с как это то а по но мы вы ты у за так же из от о к
        бы для мне меня есть да нет если было еще ещё очень только""".split()
    ),
    "uk": frozenset(
        """і в не на я що він вона з як це то а по але ми ви ти у за так же із від о
        до б для мені мене є та ні якщо було ще дуже тільки й""".split()
    ),
    "bg": frozenset(
        """и в не на аз че той тя с как това то а по но ние вие ти у за така от ще да
        се съм си е са има ли ми го много само""".split()
    ),
    "ar": frozenset(
        """في من على ما لا أن هذا هذه إلى هل أنا أنت كان مع كل عن هو هي يا التي الذي
        لم قد ذلك و أو إن لك لي نعم""".split()
    ),
    "hi": frozenset(
        """है हैं का की के में और को से यह वह नहीं पर मैं हम आप भी तो हो एक क्या था
        थी कर ने लिए मुझे कि ही""".split()
    ),
}
SCRIPT_NAMES = (*dict.fromkeys(name for name, _, _ in SCRIPTS), "other")
HAN, KANA = map(SCRIPT_NAMES.index, ("han", "kana"))
OF_SCRIPT: dict[str, tuple[Language, ...]] = {
    "latin": (
        "en", "de", "fr", "es", "pt", "it", "nl", "sv", "da", "fi", "pl", "cs", "ro", "hu", "tr",
        "id", "vi",
    ),
    "cyrillic": ("ru", "uk", "bg"),
    "arabic": ("ar",),
    "devanagari": ("hi",),
}  # fmt: skip
LANGUAGE_OF: list[Language | None] = [name if name in LANGUAGES else None for name in SCRIPT_NAMES]
LANGUAGE_OF[HAN], LANGUAGE_OF[KANA] = "ja", "zh"
"""By script: its language; in the place of Kana that of Han without any."""
COMMON_IN: dict[str, int] = {}
for place, words in enumerate(COMMON_WORDS.values()):
    for word in words:
        COMMON_IN[word] = COMMON_IN.get(word, 0) | 1 << place


def script_of(word: str) -> int:
    """The script of a word's first letter, as its place in SCRIPT_NAMES; -1 of a number.

    >>> [SCRIPT_NAMES[script_of(word)] for word in ("word", "\u6d77")], script_of("1984")
    (['latin', 'han'], -1)
    """
    first = word[0]
    if first <= "\u02af":
        return 0 if first.isalpha() else -1
    for name, low, high in SCRIPTS:
        if low <= first <= high:
            return SCRIPT_NAMES.index(name)
    return len(SCRIPT_NAMES) - 1 if first.isalpha() else -1


def language_of(scripts: Ints, common: Ints, much: Floats) -> Language | None:
    """The language of different words: of each its script (script_of), the languages in which it is
    common (COMMON_IN, a bit a language), and how much of the talk it is.
    """
    much = np.minimum(much, max(1.0, MOST_SHARE * float(much.sum())))
    known = scripts >= 0
    sums = np.bincount(scripts[known], weights=much[known], minlength=len(SCRIPT_NAMES))
    (script,), (found,), (amount,) = by_script(sums.astype(np.float64)[None])
    if script not in OF_SCRIPT:
        return found
    common, much = common[common > 0], much[common > 0]
    of_language = common >> np.arange(len(COMMON_WORDS))[:, None] & 1 == 1
    rows = dict(zip(COMMON_WORDS, of_language, strict=True))
    hits = {language: float(much[rows[language]].sum()) for language in OF_SCRIPT[script]}
    best, *others = sorted(hits, key=lambda language: -hits[language])
    many = hits[best] >= COMMON_SHARE * amount
    clear = all(hits[best] >= 2 * hits[other] for other in others)
    return best if hits[best] >= LEAST_COMMON and (many or clear) else None


def by_script(sums: Floats) -> tuple[list[str], list[Language | None], list[float]]:
    """Of every row, that says how much is in each script: the script that most is in, and its
    language, None where several share it; and how much that is.
    """
    kana = sums[:, KANA]
    east = sums[:, HAN] + kana
    sums = sums.copy()
    sums[:, HAN], sums[:, KANA] = east, 0.0
    amounts = sums.max(axis=1)
    places = np.where(amounts > 0, sums.argmax(axis=1), len(SCRIPT_NAMES) - 1)
    in_chinese = (places == HAN) & (kana < KANA_SHARE * east)
    scripts = [SCRIPT_NAMES[place] for place in places.tolist()]
    languages = [LANGUAGE_OF[place] for place in np.where(in_chinese, KANA, places).tolist()]
    return scripts, languages, amounts.tolist()


def languages_of(
    turns: Ints, numbers: Ints, worth: Floats, script: Ints, count: int
) -> dict[int, Language | None]:
    """By turn: the language of those that are in a script of one language, as language_of says; per
    word its turn and its number, and by number how much it is and its script.
    """
    bits = int(numbers.max(initial=0)).bit_length()
    keys = np.sort(turns << bits | numbers)
    first = np.concatenate(([0], (keys[1:] != keys[:-1]).nonzero()[0] + 1))[: len(keys)]
    turn, number = keys[first] >> bits, keys[first] & (1 << bits) - 1
    much = np.diff(first, append=len(keys)) * worth[number]
    wholes = np.bincount(turn, weights=much, minlength=count)
    much = np.minimum(much, np.maximum(1.0, MOST_SHARE * wholes)[turn])
    known = script[number] >= 0
    places = turn[known] * len(SCRIPT_NAMES) + script[number[known]]
    sums = np.bincount(places, weights=much[known], minlength=count * len(SCRIPT_NAMES))
    scripts, languages, _ = by_script(sums.astype(np.float64).reshape(count, -1))
    told = enumerate(zip(scripts, languages, strict=True))
    return {i: language for i, (name, language) in told if name not in OF_SCRIPT}
