"""How alike in meaning the turns of a dialogue are, by vectors of their sentences.

The vectors come from outside, by any model of sentences: nothing here knows a model or a server. A
turn is the mean of its sentences' vectors, since models read so much at once and no more. What a
cosine says differs from model to model, so each is measured first by sentences of our own (RULER):
0 is where sentences of a language that have nothing in common lie, 1 lies as much higher as English
paraphrases do. A model knows a language if sentences in it lie near their English translations and
not near the others; in one that it does not know everything is near everything.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Lookup = Callable[[str], npt.NDArray[np.floating] | None]
"""The vector of a sentence, None where there is none; its direction alone counts."""

LONGEST = 480  # bytes of a piece: no more tokens than that, of the 512 that small models read
LEAST_PIECE = 120  # characters
KNOWN_SHARE = 0.5  # of the way from any sentence to a paraphrase, for a translation

SENTENCE = re.compile(r"[^.!?\u2026\u3002\uff01\uff1f\n]+[.!?\u2026\u3002\uff01\uff1f\n]*")
PARAPHRASES = (
    "The rain has stopped at last.",
    "My shop sells old clocks.",
    "I could not sleep because of the noise.",
    "A doctor should look at that knee.",
    "We won the match by one goal.",
    "How much does this fish cost?",
    "They are building a bridge near the school.",
    "She plays the violin every evening.",
)
RULER = {
    "en": (
        "Finally it is no longer raining.", "I have a store for antique clocks.",
        "The noise kept me awake all night.", "Have a physician examine your knee.",
        "Our team was one goal better in the end.", "What is the price of this fish?",
        "A bridge is under construction close to the school.",
        "Each evening she practises on her violin.",
    ),
    "de": (
        "Endlich regnet es nicht mehr.", "Ich habe ein Geschäft für alte Uhren.",
        "Der Lärm hat mich die ganze Nacht wach gehalten.", "Lass einen Arzt dein Knie ansehen.",
        "Unsere Mannschaft war am Ende ein Tor besser.", "Was kostet dieser Fisch?",
        "Nahe der Schule wird eine Brücke gebaut.", "Jeden Abend übt sie auf ihrer Geige.",
    ),
    "fr": (
        "Enfin, il ne pleut plus.", "J'ai un magasin d'horloges anciennes.",
        "Le bruit m'a tenu éveillé toute la nuit.", "Fais examiner ton genou par un médecin.",
        "Notre équipe a gagné d'un but à la fin.", "Combien coûte ce poisson ?",
        "On construit un pont près de l'école.", "Chaque soir elle joue de son violon.",
    ),
    "es": (
        "Por fin ya no llueve.", "Tengo una tienda de relojes antiguos.",
        "El ruido me tuvo despierto toda la noche.", "Que un médico te examine la rodilla.",
        "Nuestro equipo ganó al final por un gol.", "¿Cuánto cuesta este pescado?",
        "Están construyendo un puente cerca de la escuela.", "Cada tarde ella toca su violín.",
    ),
    "pt": (
        "Finalmente já não chove.", "Tenho uma loja de relógios antigos.",
        "O barulho me manteve acordado a noite toda.", "Deixe um médico examinar o seu joelho.",
        "O nosso time ganhou por um gol no final.", "Quanto custa este peixe?",
        "Estão construindo uma ponte perto da escola.", "Toda noite ela toca o seu violino.",
    ),
    "it": (
        "Finalmente non piove più.", "Ho un negozio di orologi antichi.",
        "Il rumore mi ha tenuto sveglio tutta la notte.",
        "Fatti esaminare il ginocchio da un medico.",
        "Alla fine la nostra squadra ha vinto per un gol.", "Quanto costa questo pesce?",
        "Stanno costruendo un ponte vicino alla scuola.", "Ogni sera lei suona il suo violino.",
    ),
    "ru": (
        "Наконец-то дождь закончился.", "У меня магазин старинных часов.",
        "Шум не давал мне спать всю ночь.", "Пусть врач осмотрит твоё колено.",
        "Наша команда победила с разницей в один гол.", "Сколько стоит эта рыба?",
        "Рядом со школой строят мост.", "Каждый вечер она играет на скрипке.",
    ),
    "zh": (
        "雨终于停了。", "我开了一家古董钟表店。", "噪音让我整夜睡不着。", "让医生看看你的膝盖。",
        "我们队最后以一球取胜。", "这条鱼多少钱？", "学校附近正在修一座桥。",
        "她每天晚上都练习小提琴。",
    ),
    "ja": (
        "やっと雨がやみました。", "古い時計の店をやっています。",
        "うるさくて一晩中眠れませんでした。", "膝をお医者さんに診てもらいなさい。",
        "うちのチームは最後に一点差で勝ちました。", "この魚はいくらですか？",
        "学校の近くに橋を建設しています。", "彼女は毎晩バイオリンを練習します。",
    ),
    "ko": (
        "드디어 비가 그쳤어요.", "저는 골동품 시계 가게를 해요.",
        "시끄러워서 밤새 잠을 못 잤어요.", "의사에게 무릎을 보여 주세요.",
        "우리 팀이 마지막에 한 골 차로 이겼어요.", "이 생선은 얼마예요?",
        "학교 근처에 다리를 짓고 있어요.", "그녀는 매일 저녁 바이올린을 연습해요.",
    ),
}  # fmt: skip
"""Language -> the meanings of PARAPHRASES, in their order, in other words."""
RULER_SENTENCES = (*PARAPHRASES, *(one for sentences in RULER.values() for one in sentences))


@dataclass(frozen=True, slots=True)
class Meaning:
    """What a model of sentences says: its vectors, and its ruler: by language that it knows the
    cosine of sentences with nothing in common, and how much higher that of paraphrases is.
    """

    model: str
    lookup: Lookup
    floors: dict[str, float]
    height: float

    def closeness(self, bodies: Sequence[str], language: str | None, over: int) -> Floats:
        """Per turn: the mean cosine among the turns of the last `over`, by the model's ruler; nan
        where the language is not known, or a quarter of these turns say nothing.
        """
        none = np.full(len(bodies), np.nan)
        if language not in self.floors or len(bodies) < over:
            return none
        vectors = [self.vector_of(body) for body in bodies]
        width = max((len(vector) for vector in vectors if vector is not None), default=0)
        rows = np.array([np.zeros(width) if one is None else one for one in vectors])
        says = np.array([one is not None for one in vectors], dtype=np.float64)
        # the sum over all pairs of a window is the squared length of its sum
        sums = np.lib.stride_tricks.sliding_window_view(rows, over, axis=0).sum(axis=-1)
        count = np.convolve(says, np.ones(over), mode="valid")
        pairs = np.maximum(count * (count - 1), 1)
        mean = ((sums**2).sum(axis=1) - count) / pairs
        scaled = (mean - self.floors[language]) / self.height
        none[over - 1 :] = np.where(count >= 0.75 * over, scaled, np.nan)
        return none

    def vector_of(self, body: str) -> Floats | None:
        """The direction of a turn: the mean of its sentences'."""
        found = [vector for one in sentences_of(body) if (vector := self.lookup(one)) is not None]
        if not found:
            return None
        return unit(unit(np.array(found, dtype=np.float64)).sum(axis=0))


def unit(rows: Floats) -> Floats:
    """Rows of length 1; one of zeros stays."""
    lengths = np.linalg.norm(rows, axis=-1, keepdims=True)
    scaled: Floats = rows / np.where(lengths > 0, lengths, 1)
    return scaled


def measure_model(model: str, lookup: Lookup) -> Meaning | None:
    """A model's ruler; None where it tells paraphrases from nothing, or lacks a vector."""
    by_language: dict[str, Floats] = {}
    for language, sentences in {"": PARAPHRASES, **RULER}.items():
        rows = [vector for one in sentences if (vector := lookup(one)) is not None]
        if len(rows) < len(sentences):
            return None
        by_language[language] = unit(np.array(rows, dtype=np.float64))
    base = by_language.pop("")
    floors = {language: apart(rows @ rows.T) for language, rows in by_language.items()}
    gaps = {
        language: float(np.trace(cosines := rows @ base.T)) / len(base) - apart(cosines)
        for language, rows in by_language.items()
    }
    if gaps["en"] <= 0:
        return None
    known = {
        language: floor
        for language, floor in floors.items()
        if gaps[language] >= KNOWN_SHARE * gaps["en"]
    }
    return Meaning(model, lookup, known, gaps["en"])


def apart(cosines: Floats) -> float:
    """The mean of all cosines but those on the diagonal."""
    n = len(cosines)
    return float((cosines.sum() - np.trace(cosines)) / (n * (n - 1)))


def sentences_of(body: str) -> Iterator[str]:
    """The sentences of a turn that hold a letter or digit, long ones in pieces.

    >>> [*sentences_of("It rains. Again?! ...")]
    ['It rains.', 'Again?!']
    """
    for found in SENTENCE.findall(body):
        sentence = found.strip()
        if not any(map(str.isalnum, sentence)):
            continue
        parts = -(-len(sentence.encode("utf-8", "replace")) // LONGEST)
        step = max(LEAST_PIECE, -(-len(sentence) // parts)) if parts > 1 else len(sentence)
        yield from (sentence[at : at + step] for at in range(0, len(sentence), step))
