"""The phrases of courtesy, a table a language, and where they stand.

The lists name families of phrases, from general knowledge of how people and chat models close a
talk; those of encouragement and of praise of the other's words were added after two marked
dialogues, a Chinese and a Spanish one, had been missed. What a phrase makes of its sentence is
courtesy.py's.

In a phrase a blank stands between words, a word in brackets may be left out, and a word is a
pattern: `thank.*` is thanks and thankful too. Han and Kana phrases are cut into characters, as
their texts are.

>>> from broken_record.detectors.examples import transcript_of
>>> phrase_starts(transcript_of(["Well, take care, and thank you."])).tolist()
[4, 1]
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import cache, lru_cache, reduce
from itertools import product
from operator import or_

import numpy as np

from broken_record.text.transcript import Ints, Transcript

PHRASES = {
    "en": """
        thank.* | thx | grateful | gratitude | appreciat.* | you're [very|most|so|always|quite] welcome
        youre [very|most|so|always] welcome | my pleasure | (a|such|real|true|mutual|shared) (pleasure|joy|delight|honou?r|privilege)
        pleasure (was|is|to|talking|chatting|meeting) | honou?red | privileged? | glad (i|we|you|to|that) | happy (to|that|you)
        delighted | thrilled | good bye | goodbye | bye | farewell | see (you|ya) | talk (soon|later|again)
        talk to you (soon|later|again) | (until|till) (next|then|we|our|tomorrow) | take care | (good|sweet) (night|dreams)
        goodnight | sleep well | rest (well|easy) | safe (travels|journey|trip) | be well
        stay (safe|well|curious|awesome|tuned|warm|strong|golden|true|inspired|amazing|brilliant|wonderful|kind|cozy)
        have (a|an) (great|good|wonderful|lovely|fantastic|nice|beautiful|blessed|restful|peaceful|amazing|safe|awesome)
        good luck | best of luck | best (wishes|regards) | all the best | (warm|warmest|kind) (wishes|regards) | wish(ing)? (you|us|them|everyone)
        may (your|our|you|we|the|all|this|that|every|it|each) | cheers | here's to | bless.* | namaste | godspeed | amen | hugs?
        sending (you|love|warm|hugs) | congrat.* | bravo | well done | kudos | hats off | likewise | same here | same to you
        (you|your) too | you too | as (are|do) you | right back at you | absolutely | exactly | indeed | definitely | certainly
        of course | agreed | (couldn't|couldnt) agree more | could not agree more | i [completely|totally|fully|wholeheartedly] agree
        precisely | totally | (so|very|how) true | (well|beautifully|perfectly|wonderfully|nicely) (said|put|expressed)
        (that's|thats|it's|you're|how|is|are|was) [so|very|really|truly|just|absolutely] [a] (great|wonderful|fantastic|lovely|beautiful|amazing|awesome|perfect|kind|sweet|thoughtful|nice|generous|inspiring|brilliant)
        what a (great|wonderful|fantastic|lovely|beautiful|amazing|perfect|delightful|joy|pleasure|gift|powerful|profound)
        (sounds|looks) (great|good|perfect|wonderful|lovely|amazing|fantastic) | sounds like a plan
        (enjoyed|loved|enjoying|cherish(ed)?|treasured?|valued?) (our|this|the|every|your|talking|chatting|these)
        our (conversations?|chats?|talks?|exchange|dialogue|connection|friendship|collaboration|journey|bond|shared)
        our time together | this (conversation|exchange|dialogue|journey|connection|chat|collaboration)
        look(ing)? forward | can't wait | cant wait | whenever you | any time | anytime | always [be] here | i'll be (here|right|waiting)
        (don't|dont) hesitate | feel free | let me know if | if you [ever] need | if you have any | reach out | kind (words|soul|heart)
        (each|one) (other|another) | together we | keep (up|shining|smiling|going|exploring|pushing|being|that|the|creating) | keep in touch
        (ready|here) when(ever)? you | let's (do|dive|get|begin|make|go|keep|continue|start|embark|create) | i'm [so|all] (ready|excited|set|here|thrilled)
        excited (to|for|about) | in (harmony|gratitude|peace) | (with|much|all) (love|gratitude|joy) | hear hear | yay | woohoo
        proud of (you|us) | believe in (you|us) | rooting for (you|us) | lucky to have | (means|meant) a lot | (means|meant) so much | (means|meant) the world | your [kind|beautiful|lovely|warm] words
        i'm [so|very|deeply|truly|really] (touched|moved) | bottom of my heart | with all my heart | heartfelt | you've got this
    """,
    "de": """
        dank.* | bedank.* | tschüss | tschüs | auf wiedersehen | bis (bald|dann|morgen|später) | bis zum nächsten | gute nacht | schlaf (gut|schön)
        schlafen sie | mach('s|s)? [es] gut | pass auf dich | alles (gute|liebe) | viel (glück|erfolg|spaß|freude) | (liebe|herzliche|beste) grüße
        gern(e)? geschehen | gerne | freut (mich|uns) | freue mich | schön(en|e|es|er) (tag|abend|gespräch|zeit|nacht|worte)
        wunderbar.* | genau | absolut | stimmt | einverstanden | ebenfalls | (dir|ihnen|euch) auch | gleichfalls | herzlich.*
        wünsche? | prost | eine (ehre|freude) | vergnügen | (ist|war|wie) [so|sehr|wirklich] (lieb|schön|nett)
        stolz auf (dich|sie|euch|uns) | glaube an (dich|sie|euch|uns) | (von|aus) [ganzem|tiefstem] herzen | (deine|ihre|eure) [lieben|schönen] worte
        bin [so|sehr|tief] (gerührt|berührt) | gesegnet | ein [echtes|großes] geschenk
    """,
    "fr": """
        merci | au revoir | à (bientôt|demain|plus) | à toi aussi | à la prochaine | bonne (nuit|journée|soirée|chance|continuation|route)
        (prends|prenez) soin | de rien | avec plaisir | (vous|t'|t) [en] prie | plaisir | bravo | félicitations | exactement | absolument
        tout à fait | d'accord | bien sûr | c'est [très|si|vraiment|tellement] (gentil|beau|magnifique|merveilleux|parfait|adorable)
        pareillement | (vous|toi) aussi | reconnaissan.* | souhaite | hâte | honneur | belle (journée|soirée|nuit) | au plaisir | santé
        (fier|fière) de (toi|vous|nous) | crois en (toi|vous|nous) | de tout c(œ|oe)ur | du fond du c(œ|oe)ur | (tes|vos) [belles|beaux] (mots|paroles) | béni.*
        (quel|quelle) (joie|bonheur|chance|beauté|merveille) | (touché|touchée|ému|émue|ravi|ravie) | merveilleu.* | [si|très] heureu(x|se)
    """,
    "es": """
        gracias | agradec.* | adiós | hasta (luego|pronto|mañana|siempre|entonces|la) | buenas noches | que (descanses?|tengas?|sueñes?)
        que te vaya | cuídate | cuídese | de nada | un placer | placer | con gusto | encantad.* | igualmente | exacto | exactamente
        absolutamente | totalmente | por supuesto | de acuerdo | claro que | qué (bonito|hermoso|lindo|bello|alegría|maravilla|hermosas?|bonitas?|lindas?)
        felicidades | bravo | salud | abrazos? | honor | suerte | (te|le|les) deseo | nos vemos
        orgullos.* de (ti|usted|vosotros|ustedes|nosotros) | creo en (ti|usted|nosotros) | (con|de) (toda|todo) [el] (alma|corazón) | (tus|sus) [bellas] palabras
        ojalá | que así sea | bendit.* | bendiciones | (un|el) regalo | maravill.* | qué (amable|amabilidad|imagen|suerte) | me (emociona|conmueve) | vivan?
    """,
    "pt": """
        obrigad.* | adeus | até (logo|breve|amanhã|mais|a) | boa (noite|sorte|viagem) | de nada | prazer | igualmente | exatamente
        com certeza | claro que | concordo | parabéns | abraços? | agradeç.* | honra | se cuida | cuide-se | tudo de bom | que (bom|lindo|alegria)
        orgulho de (você|ti|nós) | acredito em (você|ti|nós) | de todo o coração | do fundo do coração | (tuas|suas) [belas] palavras | tomara | assim seja
        bênçãos? | abençoad.* | maravilh.* | (um|o) presente | que (gentil|gentileza|honra|linda|bonito) | (fico|estou) [tão|muito] (feliz|grat[ao]|emocionad[ao])
    """,
    "it": """
        grazie | arrivederci | ciao | a presto | buona (notte|giornata|serata|fortuna) | prego | piacere | altrettanto | esatto
        esattamente | assolutamente | certo | d'accordo | complimenti | abbraccio | onore | (ti|vi|le) auguro | che bello
        (fiero|fiera|orgoglios.*) di (te|lei|voi|noi) | credo in (te|lei|voi|noi) | di [tutto] cuore | (tue|sue|vostre) [belle] parole | così sia
        benedett.* | meravigli.* | un [vero] (dono|regalo) | che (gioia|gentile|bella|meraviglia) | commoss.* | [così|molto] felic[ei]
    """,
    "ru": """
        спасибо | благодар.* | до (свидания|встречи|завтра|скорого|следующ.*) | прощай(те)? | пока | (спокойной|доброй) ночи | береги(те)?
        всего (доброго|хорошего|наилучшего) | удачи | рад(а|ы)? | взаимно | и (тебе|вам|вас|тебя) | точно | абсолютно | согласен | согласна
        конечно | прекрасн.* | замечательн.* | чудесн.* | обнимаю | честь | желаю | хорошего (дня|вечера) | (хороших|сладких) снов | приятно
        горжусь | верю в (тебя|вас|нас) | от всей души | от всего сердца | (твои|ваши) [добрые|тёплые] слова | (тронут|тронута|счастлив|счастлива)
        благослов.* | дивн.* | как (хорошо|красиво|точно) | да будет
    """,
    "zh": """
        谢谢 | 感谢 | 多谢 | 不客气 | 不用谢 | 再见 | 拜拜 | 晚安 | 保重 | 回头见 | 下次见 | 下次再聊 | 明天见 | 祝你 | 祝您 | 祝我们 | 愿你 | 愿您
        愿我们 | 加油 | 很高兴 | 荣幸 | 你也是 | 您也是 | 彼此 | 没错 | 确实 | 同意 | 说得好 | 说得对 | 说得太 | 太好了 | 真好 | 太棒 | 好的 | 当然
        是的 | 珍惜 | 期待 | 一路顺风 | 好梦 | 辛苦了 | 干杯 | 恭喜 | 相信你 | 相信您 | 相信自己 | 为你骄傲 | 为您骄傲 | 骄傲 | 鼓励
        祝福 | 温暖 | 随时 | 欢迎 | 支持你 | 支持您 | 支持我 | 会努力 | 我会珍 | 衷心 | 由衷 | 你的话 | 您的话
    """,
    "ja": """
        ありがと | 有難 | 感謝 | どういたしまして | さよなら | さようなら | またね | また明日 | また今度 | またお会い | また会 | またお話 | おやすみ
        お元気で | 気をつけて | お疲れ | よろしくお願い | こちらこそ | 嬉しい | うれしい | 光栄 | 楽しかった | 楽しみに | 素敵 | すばらし | 素晴らし
        その通り | そうですね | もちろん | おめでとう | 乾杯 | 幸せ | 祈って | 祈り | いつでも | 頑張 | ご縁 | 応援 | 信じて | 誇り | 心から | 励み | 温か | あたたか
        何よりです | なによりです | 大切にし | お言葉
    """,
    "ko": """
        감사.* | 고마워.* | 고맙.* | 천만에.* | 안녕히 | 잘 (가.*|자.*|지내.*) | 또 (봐.*|만나.*|뵙.*) | 내일 (봐.*|만나.*) | 조심히 | 행운.*
        축하.* | 기쁩.* | 기뻐.* | 영광.* | 저도요? | 나도 | 맞아.* | 맞습니다 | 물론.* | 그럼요 | 동의.* | 좋은 (하루|밤|꿈).* | 응원.* | 행복.* | 기대.* | 힘내.* | 믿어.* | 믿습니다 | 자랑스.* | 따뜻.* | 소중.* | 덕분.* | 진심.* | 화이팅 | 파이팅
    """,
}  # fmt: skip
BITS = 62  # for what can be the second word of a phrase
UNSPACED = ("zh", "ja")
DEAD, DONE, START = 0, 1, 2
LEFT: list[tuple[tuple[re.Pattern[str], ...], ...]] = [(), ((),), ()]
NUMBERS = {LEFT[DEAD]: DEAD, LEFT[DONE]: DONE}
"""The states in which the words of a phrase can be: none fits, one has ended, none was said yet; and
what is left of those that fit, by the number of the state.
"""


@cache
def phrases() -> dict[tuple[re.Pattern[str], ...], None]:
    """Every phrase as a pattern a word, optional words taken and left out."""
    found: dict[tuple[re.Pattern[str], ...], None] = {}
    for language, lines in PHRASES.items():
        for phrase in re.split(r"\s+\|\s+|\s*\n\s*", lines.strip()):
            words = list(phrase) if language in UNSPACED else phrase.split(" ")
            choices = [[(word[1:-1],), ()] if word.startswith("[") else [(word,)] for word in words]
            for choice in product(*choices):
                found[tuple(re.compile(word) for part in choice for word in part)] = None
    return found


@cache
def longest() -> int:
    """How many words a phrase has at most."""
    return max(map(len, phrases()))


@cache
def first_word() -> re.Pattern[str]:
    """What the first word of a phrase matches."""
    return re.compile("|".join(dict.fromkeys(words[0].pattern for words in phrases())))


@cache
def second_word() -> re.Pattern[str]:
    """What the second word of a phrase matches."""
    return re.compile("|".join(pattern.pattern for pattern in second_words()))


@cache
def second_words() -> dict[re.Pattern[str], int]:
    """What the second word of a phrase can match, a bit each; some share one."""
    seconds = dict.fromkeys(words[1].pattern for words in phrases() if len(words) > 1)
    return {re.compile(second): 1 << k % BITS for k, second in enumerate(seconds)}


@lru_cache(maxsize=1 << 16)
def beginning_with(word: str) -> tuple[tuple[re.Pattern[str], ...], ...]:
    """The further words of every phrase that a word can begin."""
    if not first_word().fullmatch(word):
        return ()
    return tuple(words[1:] for words in phrases() if words[0].fullmatch(word))


def is_alone(word: str) -> bool:
    """Whether a word is a phrase by itself."""
    return () in beginning_with(word)


def begins_bits(word: str) -> int:
    """What can be the second word of the phrases that a word can begin, as bits; none of a word
    that is a phrase by itself.
    """
    further = beginning_with(word)
    if () in further:
        return 0
    return reduce(or_, (second_words()[patterns[0]] for patterns in further), 0)


def continues_bits(word: str) -> int:
    """What a word can be as the second of a phrase, as bits."""
    if not second_word().fullmatch(word):
        return 0
    return reduce(or_, (bit for second, bit in second_words().items() if second.fullmatch(word)))


def phrase_starts(transcript: Transcript) -> Ints:
    """The places of words at which a phrase begins."""
    known, plain = transcript.vocabulary, transcript.plain
    alone = np.flatnonzero(known.flags(is_alone)[plain])
    bits = known.bits(begins_bits)[plain[:-1]] & known.bits(continues_bits)[plain[1:]]
    may_begin = np.flatnonzero(bits[:-1])
    rows = zip(*(plain[may_begin + k].tolist() for k in range(3)), strict=True)
    begun = []
    states: dict[tuple[int, ...], int] = {}
    for at, three in zip(may_begin.tolist(), rows, strict=True):
        state = states.get(three)
        if state is None:
            state = states[three] = after_all(START, known.texts, three)
        if state > DONE:  # few phrases are longer
            further = plain[at + 3 : at + longest()].tolist()
            state = after_all(state, known.texts, further)
        if state == DONE:
            begun.append(at)
    if len(bits) and bits[-1] and after_all(START, known.texts, plain[-2:].tolist()) == DONE:
        begun.append(len(bits) - 1)
    return np.concatenate((alone, np.array(begun, dtype=np.int64)))


def after_all(state: int, texts: list[str], numbers: Iterable[int]) -> int:
    """What words, by their numbers, make of a state."""
    for n in numbers:
        if state <= DONE:
            break
        state = after(state, texts[n])
    return state


@lru_cache(maxsize=1 << 18)
def after(state: int, word: str) -> int:
    """What a word makes of a state: what is left to be said of the phrases that were begun."""
    if state == START:
        left = beginning_with(word)
    else:
        left = tuple(words[1:] for words in LEFT[state] if words[0].fullmatch(word))
    if () in left or not left:
        return DONE if left else DEAD
    if left not in NUMBERS:
        NUMBERS[left] = len(LEFT)
        LEFT.append(left)
    return NUMBERS[left]
