"""How refusals are worded in the languages that chat models speak most beside English.

A row differs from English (refusal_words.py) in that it is written from knowledge of the language
and not read off labels, and in that fewer signs stand in it. Chinese, Japanese and Korean lose
their blanks in the normal form; there `...` is up to eight characters, and `[x]` needs no blank
behind it. In a language without a row nothing can be told.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache

from broken_record.detectors import refusal_words as sign
from broken_record.detectors.refusal_words import (
    ENGLISH_LISTS,
    ENGLISH_SIGNS,
    TOKEN,
    Wording,
    acts_in_english,
    filled,
    normal_english,
    phrases,
)

GERMAN_LISTS = {
    "far": r"(?:\S+ ){0,7}?",
    "can i": """ich (kann|könnte|werde|darf|möchte|will|würde|mag|sollte)
        (kann|könnte|werde|darf|möchte|will|würde) ich""",
    "not": "nicht|kein|keine|keinen|keinerlei|keinesfalls",
    "unable": """ich bin [leider|auch] nicht (in der lage|befugt|berechtigt|bereit|programmiert)
        bin ich [leider|auch] nicht (in der lage|befugt|berechtigt|bereit|programmiert)
        es ist mir [leider] nicht (möglich|erlaubt|gestattet)|ist es mir [leider] nicht möglich
        ich (weigere mich|lehne es ab)|ich fühle mich {far}nicht wohl""",
    "engage": """generieren|teilnehmen|teilzunehmen|mitmachen|mitzumachen|unterstützen|fördern
        gutheißen|verherrlichen|nachkommen|nachzukommen|erfüllen|weiterspielen|weiterzuspielen
        einlassen|beteiligen|bereitstellen|bereitzustellen|zur verfügung stellen""",
    "provide": """helfen|weiterhelfen|weiterzuhelfen|geben|anbieten|anzubieten|fortsetzen
        fortzusetzen|fortfahren|fortzufahren|fortführen|weiterführen|weitermachen|weiterzumachen
        schreiben|verfassen|erstellen|beantworten|antworten|diskutieren|besprechen|liefern
        beschreiben|empfehlen|eingehen|sprechen|teilen|nennen|spielen|übernehmen""",
    "hedged": r"""ich bin [mir] [\w+] nicht sicher , ob ich {far}(weiter|)(helfen|beantworten) kann
        ich weiß nicht , ob ich {far}(weiter|)(helfen|beantworten) kann""",
    "made": "(dafür|dazu) (ausgelegt|konzipiert|programmiert|entwickelt|trainiert)",
    "ai": """ki|ki-*|künstliche intelligenz|sprachmodell|chatbot|computerprogramm|maschine
        (virtueller|digitaler) assistent""",
}
GERMAN = {
    sign.DECLINES: """{can i} {far}{not} {far}{engage}|{unable} {far}{engage}
        ich (muss|möchte|werde) {far}(ablehnen|verweigern)|muss ich {far}(ablehnen|verweigern)""",
    sign.CANNOT: """{can i} {far}{not} {far}{provide}|{unable} {far}{provide}|{hedged}
        ich bin [\\w+] nicht {made}|ich wurde [\\w+] nicht {made}""",
    sign.HEDGED: "{hedged}$",
    sign.SERVES: "{made} ... (frage|fragen|anfragen|antworten)",
    sign.NO_ACCESS: r"(ich habe|habe ich) [\w+] keinen [\w+] zugriff auf",
    sign.PRIVATE: "privatsphäre|datenschutz*|vertraulich*|persönlichkeitsrecht*",
    sign.OPINIONLESS: r"""(habe|besitze) [ich] [\w+] keine persönlichen? [\w+] [und|oder] meinung*
        (habe|besitze) [ich] [\w+] keine persönlichen? [\w+] [und|oder] (ansicht|überzeugung)*
        (habe|besitze) [ich] [\w+] keine persönlichen? [\w+] [und|oder] (vorliebe|gefühl)*""",
    sign.KEEPS: """(formulier|umformulier)* ... (frage|anfrage) ... respektvoll*
        (frage|anfrage) ... respektvoll* ... (formulier|umzuformulier)*""",
    sign.IMPROPER: """(ist|wäre|halte|finde) {far}(nicht angemessen|unangemessen|
        nicht angebracht) ... zu
        (ist|wäre|halte|finde) {far}(nicht in ordnung|unethisch|unangebracht) {far}zu""",
    sign.MACHINE: r"""als (ki|ki-*|sprachmodell)|als eine? [\w+] {ai}
        ich bin [nur|lediglich|bloß|ja] (ein|eine) [\w+] {ai}""",
    sign.LACKS: "(habe|besitze|kann|bin|verfüge) ... (nicht|kein|keine|keinen)",
    sign.POLICY: r"""(meine|meinen|unsere|unseren) [\w+] (richtlinien|grundsätzen?|programmierung)
        inhaltsrichtlinien|nutzungsbedingungen|sicherheitsrichtlinien
        (verstößt|verstoßen|widerspricht) ... (richtlinien|grundsätze*|regeln|werte*)""",
    sign.VIOLATES: r"""(verstößt|verstoßen|widerspricht) [gegen] (meine|meinen|unsere) [\w+] \w+
        (meine|unsere) [\w+] (richtlinien|anweisungen|programmierung) (erlaub*|verbiet*|lassen)""",
    sign.LEAVES: r"""aus (der|meiner) rolle|außerhalb der rolle
        (rollenspiel|szene|geschichte) [\w+] (beenden|abbrechen|unterbrechen|verlassen)""",
    sign.REDIRECTS: """(lass|lasst|lassen) [sie] uns ... (respektvoll|höflich|sachlich|angemessen)
        (lass|lasst|lassen) [sie] uns ... (über etwas anderes|das thema wechseln)""",
    sign.TALK: """anfrage*|gespräch*|unterhaltung*|rollenspiel*|szene|szenario*|geschichte*|inhalt*
        thema|themen|dialog*|text|texte|handlung|figur|(diese|die|meine) rolle""",
    sign.SUCH: "dabei|damit|hierbei|darüber|dazu|daran",
    sign.MATTER: """information*|anleitung*|ratschl*|auskunft|auskünfte|details|hinweise|empfehlung*
        unterstützung|meinung*""",
    sign.HARM: """illegal*|schädlich*|gefährlich*|gewalt*|unangemessen*|unethisch*|sexuell*|
        explizit*
        diskriminier*|beleidig*|hass*|strafbar*|verboten*|kriminell*|rechtswidrig*|datenschutz*
        privat*|waffen*|suizid*|selbstverletz*|betrug*""",
    sign.APOLOGY: "leid|leider|entschuldig*|bedaure|bedauere|verzeih*|verstehe",
    sign.ALTERNATIVE: r"""stattdessen|helfe ich [\w+] gern*|gern* helfe ich|helfe [\w+] gern*
        (gibt es|haben sie|hast du|wenn) ... (etwas anderes|fragen haben|fragen hast)
        ander* (thema|themen|frage|fragen|anliegen)|wende dich|wenden sie sich""",
    sign.IGNORANT: r"""weiß [ich] nicht|nicht sicher|echtzeit|fiktive*|mehr (kontext|details)
        keine* [\w+] (informationen|zugriff|kenntnis)""",
    sign.WANTS: r"""(kannst|könntest|können|könnten) (du|sie) [mir|bitte|uns] \S+|gib mir|was ist
        ^(schreib*|erstell*|erklär*|nenn*|beschreib*)|wie (kann|mache|baue|bekomme|funktioniert)""",
}

SPANISH_LISTS = {
    "i can not": r"""no (puedo|podré|podría|voy|quiero|debo|deseo|soy capaz|me es posible)
        no estoy [\w+mente] (autorizad|programad|capacitad|dispuest|diseñad|entrenad)(o|a)
        no estoy en (condiciones|posición)|no tengo (permitido|la capacidad)
        no me siento [\w+] cómod(o|a)|me niego|prefiero no|(debo|tengo que) (negarme|rechazar)
        (lamento|siento) no poder""",
    "to": r"con|a|de|en|para|,|te|le|les|seguir|continuar|poder|\w+mente",
    "engage": """generar*|participar|asistir*|cumplir|promover|fomentar|apoyar*|facilitar*
        involucrar*|producir|representar|proporcionar*|brindar*|simular|satisfacer|respaldar
        proveer*|interpretar""",
    "provide": """ayudar*|continu(ar|ando)*|seguir|escribir*|crear*|discutir*|hablar*|responder*
        contestar*|ofrecer*|dar*|recomendar*|sugerir*|compartir*|describir*|completar*
        realizar*|hacer (eso|esto)|hacerlo""",
    "hedged": """no estoy [\\w+mente] segur(o|a) de (poder|si puedo|que pueda) (ayudar|responder|
        contestar)*""",
    "ai": r"""ia|inteligencia artificial|modelo de (lenguaje|ia)|chatbot|asistente (virtual|de ia)
        programa (de computadora|de ordenador|informático)""",
}
SPANISH = {
    sign.DECLINES: "{i can not} [{to}] [{to}] [{to}] {engage}|(debo|tengo que) (rechazar|declinar)",
    sign.CANNOT: """{i can not} [{to}] [{to}] [{to}] {provide}|{hedged}
        no es algo ... (pueda|puedo) {provide}""",
    sign.HEDGED: "{hedged}( con eso| con esto| a eso)?$",
    sign.SERVES: """(diseñad|programad|entrenad)(o|a) para (responder|contestar) ... (pregunta|
        consulta|solicitud)*""",
    sign.NO_ACCESS: r"no tengo [\w+] acceso a",
    sign.PRIVATE: "privacidad|confidencialidad|intimidad",
    sign.OPINIONLESS: r"""no (tengo|poseo) (opiniones|creencias) [ni|o|y] [\w+] personales
        no (tengo|poseo) (preferencias|emociones|sentimientos) [ni|o|y] [\w+] personales
        no (tengo|poseo) una opinión personal""",
    sign.KEEPS: "(reformul|replante)* ... (pregunta|solicitud) ... (respetuos|apropiad|adecuad)*",
    sign.IMPROPER: """no (es|sería|me parece|considero) [\\w+mente] (apropiado|adecuado|
        ético) ... \\w+r
        (es|sería) (inapropiado|inadecuado|poco ético) ... \\w+r""",
    sign.MACHINE: r"""como [una?] [\w+] {ai}|soy [sólo|solo|solamente|
        simplemente] una? [\w+] {ai}""",
    sign.LACKS: "no (tengo|puedo|soy|poseo|estoy)",
    sign.POLICY: r"""(mis|las|nuestras|nuestros|sus) [\w+] (políticas|directrices|pautas|principios)
        (políticas|normas|pautas|directrices) de (uso|contenido|seguridad|la comunidad)
        términos de (servicio|uso)|(viola|infringe|va en contra de|contra) [\w+] [\w+] (normas|
        \w+s)""",
    sign.VIOLATES: r"""(va|van) en contra de mis [\w+] \w+|(viola|infringe|contradice) mis [\w+] \w+
        mis [\w+] (directrices|políticas|pautas|instrucciones|normas) (no|me) \w+""",
    sign.LEAVES: r"""(salir|salirme|fuera) (del|de mi|de) [\w+] (personaje|papel|rol|historia)
        (detener|pausar|terminar|dejar) (el|la|este|esta) [\w+] (rol|historia|escena|juego)""",
    sign.REDIRECTS: """(mantengamos|hablemos|cambiemos|sigamos) ... (respetuos*|otra cosa|tema|
        apropiad*)
        preferiría (que|hablar|cambiar) \\S+""",
    sign.TALK: """solicitud*|petición*|conversación*|juego de rol|rol|escena|historia|contenido*|
        tema
        temas|diálogo|texto|textos|relato|escenario|trama|personaje|(este|ese) tipo de""",
    sign.SUCH: "(con|en|a) (eso|esto|ello)",
    sign.MATTER: """información|instrucciones|consejos*|orientación|detalles|asesoramiento|opinion*
        opinión|recomendaciones|asistencia|ayuda""",
    sign.HARM: """ilegal*|dañin*|peligros*|violen*|inapropiad*|sexual*|explícit*|discrimin*|ofensiv*
        odio|delito*|criminal*|ilícit*|privacidad|privad*|armas|suicidi*|autolesi*|fraude*
        poco étic*|no étic*""",
    sign.APOLOGY: """siento|lamento|lo siento|disculp*|perdón|perdona|lamentablemente|entiendo|
        comprendo""",
    sign.ALTERNATIVE: r"""en su lugar|en cambio|puedo (ayudar|ofrecer|sugerir)\w*|estaré encantad*
        (si|hay|tienes|tiene) ... (algo más|otra cosa|otra pregunta|otras preguntas|alguna otra)
        te (sugiero|recomiendo|animo)|le (sugiero|recomiendo)|otro tema|otra (pregunta|historia)
        (busca|busque|contacta|contacte|consulta|consulte) ... (ayuda|profesional|un|con)""",
    sign.IGNORANT: r"no sé|no estoy segur*|tiempo real|más (contexto|detalles)|fictici*|no existe",
    sign.WANTS: r"""(puedes|podrías|puede) \S+|^(escrib*|crea|genera|explica*|dame|dime)|cómo \S+
        qué es|por qué""",
}

PORTUGUESE_LISTS = {
    "i can not": r"""não (posso|poderei|poderia|vou|quero|devo|consigo|sou capaz|me é possível)
        não estou [\w+mente] (autorizad|programad|apt|dispost)(o|a)|não estou em condições
        não me sinto [\w+] (confortável|à vontade)|não tenho (a capacidade|permissão)
        não fui [\w+mente] (projetad|programad|treinad|desenvolvid)(o|a)
        recuso-me|me recuso|prefiro não|(devo|preciso|tenho que) recusar""",
    "to": r"com|a|de|em|para|,|te|lhe|lhes|seguir|continuar|poder|\w+mente",
    "engage": """gerar|participar|auxiliar*|auxiliá-*|cumprir|promover|incentivar|apoiar|facilitar
        envolver*|produzir|representar|fornecer*|simular|atender|interpretar|prestar|endossar""",
    "provide": """ajudar*|ajudá-*|continuar|prosseguir|escrever|criar|discutir|falar|responder*
        oferecer|dar|recomendar|sugerir|compartilhar|partilhar|descrever|completar|realizar
        fazer (isso|isto)|fazê-lo""",
    "hedged": "não (tenho certeza|sei) se (posso|consigo|poderei) [te|lhe] (ajudar|responder)*",
    "ai": """ia|inteligência artificial|modelo de (linguagem|ia)|chatbot|programa de computador
        assistente (virtual|de ia)""",
}
PORTUGUESE = {
    sign.DECLINES: """{i can not} [{to}] [{to}] [{to}] {engage}|(devo|preciso|tenho que) (recusar|
        negar)""",
    sign.CANNOT: """{i can not} [{to}] [{to}] [{to}] {provide}|{hedged}
        não é algo ... (possa|posso) {provide}""",
    sign.HEDGED: "{hedged}( com isso| com isto| a isso)?$",
    sign.SERVES: """(projetad|programad|treinad|desenvolvid)(o|a) para responder ... (pergunta|
        pedido|solicitaç)*""",
    sign.NO_ACCESS: r"não tenho [\w+] acesso (a|à|às|ao|aos)",
    sign.PRIVATE: "privacidade|confidencialidade",
    sign.OPINIONLESS: r"""não (tenho|possuo) (opiniões|crenças) [ou|nem|e] [\w+] pessoais
        não (tenho|possuo) (preferências|emoções|sentimentos) [ou|nem|e] [\w+] pessoais
        não (tenho|possuo) uma opinião pessoal""",
    sign.KEEPS: "reformul* ... (pergunta|solicitação) ... (respeitos|apropriad|adequad)*",
    sign.IMPROPER: """não (é|seria|acho|considero) [\\w+mente] (apropriado|adequado|ético) ... \\w+r
        (é|seria) (inapropriado|inadequado|antiético) ... \\w+r""",
    sign.MACHINE: r"""como [uma?] [\w+] {ai}|sou [apenas|só|somente] uma? [\w+] {ai}""",
    sign.LACKS: "não (tenho|posso|sou|possuo|estou)",
    sign.POLICY: r"""(minhas|meus|nossas|as|suas) [\w+] (políticas|diretrizes|regras|programação)
        (políticas|normas|diretrizes) de (uso|conteúdo|segurança|comunidade)
        termos de (serviço|uso)|(viola|contraria|vai contra) [\w+] [\w+] \w+s""",
    sign.VIOLATES: r"""(vai|vão) contra (as minhas|minhas) [\w+] \w+|(viola|infringe) (as minhas|
        minhas) \w+
        minhas [\w+] (diretrizes|políticas|instruções|regras) (não|me) \w+""",
    sign.LEAVES: r"""(sair|saindo|fora) (do|da|de) [\w+] (personagem|papel|história)
        (parar|pausar|encerrar|interromper) (o|a|este|esta|esse|essa) [\w+] (roleplay|história|
        cena)""",
    sign.REDIRECTS: """(vamos|podemos) ... (respeitos*|outra coisa|mudar de assunto|apropriad*|
        outro assunto)
        prefiro (que|falar|mudar) \\S+""",
    sign.TALK: """solicitação|solicitações|pedido*|conversa|roleplay|cena|história|conteúdo*|tema|
        temas
        assunto|diálogo|texto|textos|narrativa|cenário|enredo|personagem|(esse|este) tipo de""",
    sign.SUCH: "(com|em) (isso|isto)|nisso|nisto|a isso",
    sign.MATTER: """informação|informações|instruções|conselhos*|orientação|orientações|detalhes
        opinião|opiniões|recomendações|assistência|ajuda""",
    sign.HARM: """ilegal|ilegais|prejudicia*|perigos*|violen*|inapropriad*|sexua*|explícit*|
        discrimin*
        ofensiv*|ódio|crime*|criminos*|ilícit*|privacidade|privad*|armas|suicídio|automutilação
        fraude*|antiétic*""",
    sign.APOLOGY: "desculp*|sinto|lamento|perdão|infelizmente|entendo|compreendo",
    sign.ALTERNATIVE: r"""em vez disso|posso (ajudar|oferecer|sugerir)\w*|ficarei feliz|terei prazer
        (se|há|tem|tiver) ... (algo mais|outra coisa|outra pergunta|outras perguntas|alguma outra)
        (sugiro|recomendo)|outro (tema|assunto)|outra (pergunta|história)
        (procure|busque|consulte|entre em contato)""",
    sign.IGNORANT: r"""não sei|não tenho certeza|tempo real|mais (contexto|detalhes)|fictíci*|
        não existe""",
    sign.WANTS: r"""(você pode|pode|poderia) \S+|^(escrev*|crie|gere|expliqu*|me (dê|diga))|como \S+
        o que é|por que""",
}

FRENCH_LISTS = {
    "i can not": r"""je n(e|') (peux|puis|pourrai|pourrais|vais|veux|souhaite|dois) [\w+ment] (pas|
        plus)
        je ne (saurais|peux|puis)|je n(e|') suis [\w+ment] pas (en mesure|capable|autorisée?)
        je n(e|') suis [\w+ment] pas (disposée?|habilitée?|programmée?|conçue?|entraînée?|à l' aise)
        je ne me sens [\w+ment] pas à l' aise|il m' est impossible|il ne m' est pas possible
        je (refuse|préfère ne pas|dois refuser|suis incapable|suis dans l' incapacité)""",
    "to": r"de|d'|à|pour|avec|vous|te|t'|y|en|l'|le|la|les|,|\w+ment",
    "engage": """générer|participer|assister|fournir|promouvoir|encourager|soutenir|faciliter
        engager|produire|représenter|simuler|satisfaire|donner suite|accéder|cautionner|incarner
        prendre part""",
    "provide": """aider|continuer|poursuivre|écrire|rédiger|créer|discuter|parler|répondre|donner
        offrir|proposer|recommander|suggérer|partager|décrire|faire (cela|ça)""",
    "hedged": "je ne suis pas (sûre?|certaine?) de pouvoir [vous|t'|te|y] (aider|répondre)",
    "ai": """ia|intelligence artificielle|modèle de (langage|langue)|chatbot|assistant (virtuel|ia)
        programme informatique""",
}
FRENCH = {
    sign.DECLINES: "{i can not} [{to}] [{to}] [{to}] {engage}|je (dois|préfère) (refuser|décliner)",
    sign.CANNOT: """{i can not} [{to}] [{to}] [{to}] {provide}|{hedged}
        quelque chose (que|dont|à quoi|sur quoi) je (peux|puisse) {provide}""",
    sign.HEDGED: "{hedged}$",
    sign.SERVES: "(programmée?|conçue?|entraînée?) pour répondre ... (questions?|demandes?)",
    sign.NO_ACCESS: r"je n(e|') ai [\w+] pas [\w+] accès (à|au|aux)",
    sign.PRIVATE: "vie privée|confidentialité",
    sign.OPINIONLESS: r"""je n(e|') ai pas d(e|') opinions? [ni|ou|et] [de|d'] [\w+] personnel*
        je n(e|') ai pas d(e|') avis [ni|ou|et] [de|d'] [\w+] personnel*
        je n(e|') ai pas d(e|') (croyances?|préférences?) [ni|ou|et] [de|d'] [\w+] personnel*
        je n(e|') ai pas d(e|') (sentiments?|émotions?) [ni|ou|et] [de|d'] [\w+] personnel*""",
    sign.KEEPS: "reformul* ... (question|demande) ... (respectueu|approprié)*",
    sign.IMPROPER: r"""(n' est|ne serait|ne me semble|ne trouve) pas [\w+ment] (approprié|
        éthique) [de|d'] \S+
        (n' est|ne serait|ne me semble|ne trouve) pas [\w+ment] (convenable|acceptable) [de|d'] \S+
        (est|serait) (inapproprié|contraire à l' éthique) [de|d'] \S+""",
    sign.MACHINE: r"""en tant qu(e|') (une? )?[\w+] {ai}|je (suis|ne suis) [qu'] [juste|
        seulement] une? [\w+] {ai}""",
    sign.LACKS: "je n(e|') (ai|peux|suis|dispose|possède|ressens) ... (pas|aucune?|rien)",
    sign.POLICY: r"""(mes|nos|les|aux|des) [\w+] (politiques|directives|règles|principes|consignes)
        conditions d' utilisation|(contraire|contrevient|viole) [\w+] [\w+] (directives|règles)""",
    sign.VIOLATES: r"""(va|vont) à l' encontre de mes [\w+] \w+|(enfreint|viole|
        contrevient à) mes [\w+] \w+
        mes [\w+] (directives|règles|instructions|consignes) (ne|n'|m') \w+""",
    sign.LEAVES: r"""(sortir|sors|sortant) (du|de mon|de ce) (rôle|personnage|jeu)
        (arrêter|interrompre|mettre fin à|suspendre) (le|la|cette|ce) [\w+] (jeu|histoire|scène|
        rôle)""",
    sign.REDIRECTS: """(gardons|restons|parlons|changeons) ... (respectueu*|autre chose|de sujet|
        approprié*)
        je préférerais (que|parler|changer) \\S+""",
    sign.TALK: """demande*|requête*|conversation|jeu de rôle|scène|histoire|contenu*|sujet|thème
        dialogue|texte|textes|récit|scénario|intrigue|personnage|(ce|ces) (genre|type|types) de""",
    sign.SUCH: "(à|avec|de|pour|dans) (cela|ça|ce sujet)|y",
    sign.MATTER: """information*|instructions|conseil*|indications|détails|assistance|opinion*|aide
        recommandations|avis""",
    sign.HARM: """illéga*|nuisible*|dangereu*|violen*|inapproprié*|sexuel*|explicite*|discrimin*|
        haine
        offensant*|haineu*|crime*|criminel*|illicite*|privé*|confidentialité|armes|suicide*
        automutilation|fraude*""",
    sign.APOLOGY: "désolée?|regrette|excuse*|pardon|malheureusement|comprends",
    sign.ALTERNATIVE: r"""plutôt|à la place|je (peux|pourrais) [vous|t'|te] (aider|proposer|
        suggérer)
        (si|y a-t-il|avez-vous|as-tu) ... (autre chose|autres questions|autre question|autre sujet)
        je vous (suggère|recommande|encourage|invite)|serais (ravie?|heureu*)|(consulter|
        contacter)""",
    sign.IGNORANT: r"""sais pas|pas sûre?|temps réel|plus (de contexte|de détails)|ficti*|
        n' existe pas""",
    sign.WANTS: r"""(peux-tu|pouvez-vous|pourriez-vous|tu peux) \S+|^(écri*|crée|génère|expliqu*|
        donne*)
        comment \S+|qu' est-ce que|pourquoi""",
}

RUSSIAN_LISTS = {
    "i can not": r"""не (могу|смогу|буду|стану|вправе|хочу|имею права|имею возможности)
        не (готова?|способе?н\w?|намерена?|в состоянии|в силах|уполномоче\w+)|отказываюсь|
        вынужден* отказать*""",
    "to": r"вам|тебе|вас|тебя|с|в|на|,|это|этого|этим|этом|здесь|дальше|больше|\w+но|продолжать",
    "engage": """предоставить|предоставлять|генерировать|сгенерировать|участвовать|поддерживать
        поддержать|выполнить|выполнять|содействовать|способствовать|поощрять|изображать|оказать
        оказывать""",
    "provide": """помочь|помогать|продолжать|продолжить|создавать|создать|обсуждать|обсудить|писать
        написать|ответить|отвечать|давать|дать|советовать|рекомендовать|рассказать|рассказывать
        говорить|описывать|описать|предложить|делиться|поделиться|(делать|сделать) (это|этого)
        комментировать|вести (этот|такой)""",
    "hedged": r"не уверена? , что (смогу|могу) [вам|тебе] [с этим|в этом] (помочь|ответить)",
    "made": "предназначена?|создана?|запрограммирована?|обучена?",
    "ai": """ии|ии-*|искусственный интеллект|искусственного интеллекта|языковая модель|чат-бот|
        чатбот
        нейросеть|виртуальный (ассистент|помощник)|программа|ассистент""",
}
RUSSIAN = {
    sign.DECLINES: "{i can not} [{to}] [{to}] [{to}] {engage}|вынужден* (отказать*|отклонить)",
    sign.CANNOT: """{i can not} [{to}] [{to}] [{to}] {provide}|{hedged}
        я не ({made}) (для|,|отвечать) ... (ответ|вопрос|обсужд)*""",
    sign.HEDGED: "{hedged}$",
    sign.SERVES: "не ({made}) (для|,|отвечать) ... вопрос*",
    sign.NO_ACCESS: r"нет [\w+] доступа к|не имею [\w+] доступа к",
    sign.PRIVATE: "конфиденциальн*|приватност*|(частн|личн)* жизн*",
    sign.OPINIONLESS: r"""(нет|не имею) личн(ого|ых) [\w+] [и|или] (мнени|убежден|взгляд)*
        (нет|не имею) личн(ого|ых) [\w+] [и|или] (предпочтени|чувств)*""",
    sign.KEEPS: "(переформулир|перефразир)* ... (вопрос|запрос) ... (уважительн|корректн)*",
    sign.IMPROPER: """(неуместно|неэтично|некорректно|недопустимо|неприемлемо) ... \\w+ть
        (было бы|будет) (неуместно|неправильно|неэтично) ... \\w+ть""",
    sign.MACHINE: r"""как (большая )?{ai}|я [всего лишь|просто|лишь|-|—|только] [\w+] {ai}
        (будучи|являюсь) [\w+] (языковой моделью|искусственным интеллектом|ии)""",
    sign.LACKS: "не (могу|имею|обладаю|способ*|являюсь|испытываю)|у меня нет|нет (чувств|личного)",
    sign.POLICY: r"""(противоречит|нарушает|нарушают|соответствует) [\w+] [\w+] (правил|политик|
        принцип)*
        (противоречит|нарушает|нарушают) [\w+] [\w+] (норм|стандарт|рекоменд)*
        правил* (использования|безопасности|сообщества)|политик* (контента|безопасности)""",
    sign.VIOLATES: r"""(противоречит|нарушает|нарушают) (моим|мои|моей|политике|политику|
        правилам) [\w+] \w+
        мои [\w+] (инструкции|правила|принципы|настройки) не (позволяют|разрешают)""",
    sign.LEAVES: r"""(выйти|выйду|выхожу) из (роли|образа|игры)|вне роли
        (остановить|прекратить|закончить|прервать) (эту|эт*|ролевую|сцен*|наш*) [\w+] \w+""",
    sign.REDIRECTS: """(давайте|давай) [лучше] (поговорим|сменим|обсудим|сохраним|
        будем) ... (другом|тему|другое|уважительн*|вежлив*)
        предпочитаю не (продолжать|обсуждать|отвечать)|предпоч(ёл|ел|ла) бы \\S+""",
    sign.TALK: """запрос*|просьб*|разговор*|бесед*|диалог*|ролев*|сцен*|истори*|контент*|тем*|текст*
        сюжет*|персонаж*|содержани*|сценари*|(такого|подобного) рода""",
    sign.SUCH: "(с|в|на|об) (этим|этом|это)",
    sign.MATTER: """информаци*|инструкци*|совет*|рекомендаци*|подробност*|сведени*|мнени*|помощь""",
    sign.HARM: """незаконн*|вредн*|опасн*|насили*|неприемлем*|сексуальн*|откровенн*|дискримин*|
        ненавист*
        оскорбительн*|преступ*|противозакон*|конфиденциальн*|личн* данны*|оружи*|суицид*
        самоубийств*|мошеннич*|неэтичн*|вред""",
    sign.APOLOGY: "извин*|прости*|сожалению|жаль|понимаю",
    sign.ALTERNATIVE: """вместо этого|могу (помочь|предложить|рассказать)|(буду|был) рад*
        (если|есть ли) ... (другие вопросы|другой вопрос|что-то ещ(е|ё))|друг* (тем|вопрос)*
        (обратитесь|рекомендую|советую|предлагаю)""",
    sign.IGNORANT: "не знаю|не уверен*|реальном времени|вымышленн*|больше (контекста|информации)",
    sign.WANTS: r"""^(напиши*|создай*|объясни*|расскажи*|дай*|помоги*)|(можешь|можете) \S+|как \S+
        что такое|почему""",
}

CHINESE_LISTS = {
    "not": """无法|無法|不能|不可以|不便|没办法|沒辦法|没有办法|不愿意?|不願意?|不会|不會|拒绝|拒絕|
        不方便""",
    "i": "(?<!自)我|抱歉|对不起|對不起|不好意思|遗憾|遺憾",
    "i can not": "{i}(，|,)?(?:(?!你|您|他|她|们|們|自己|，|。).){0,8}?{not}|^{not}",
    "engage": """提供|协助|協助|参与|參與|生成|撰写|撰寫|编写|編寫|创作|創作|满足|滿足|支持|扮演
        配合|涉及|鼓励|鼓勵""",
    "provide": """帮助|幫助|帮你|幫你|帮您|幫您|继续|繼續|讨论|討論|回答|完成|进行|進行|回应|回應
        处理|處理|执行|執行|描述|写|寫|给出|給出|给到|給到|分享|推荐|推薦|评论|評論|回复|回覆|谈论|談論""",
    "hedged": """不(确定|確定|知道)我?(能不能|能否|是否能|是否可以|可不可以)[够|夠](帮|幫|回答|协助|
        協助)""",
    "ai": """人工智能|人工智慧|ai|语言模型|語言模型|聊天机器人|聊天機器人|虚拟助手|智能助手|大模型
        机器人|機器人""",
}
CHINESE = {
    sign.DECLINES: "({i can not})...{engage}(?!他|她|自己|他们|她们)",
    sign.CANNOT: """({i can not})...{provide}(?!他|她|自己|他们|她们)|{hedged}
        (没有?|沒有?|未)(学会|學會|学习|學習)(如何|怎么|怎麼|怎样)?(回答|处理|處理|解答)""",
    sign.HEDGED: "{hedged}(?:.){0,8}$",
    sign.NO_ACCESS: """(无法|無法|不能|没有权限|沒有權限)(访问|訪問|获取|獲取|查看)...(信息|資訊|
        资料|資料|数据)""",
    sign.PRIVATE: "隐私|隱私|保密",
    sign.OPINIONLESS: """(没有|沒有|不具备|不具備)(任何)?(个人|個人)的?(观点|觀點|意见|意見|看法|
        情感|立场|立場)""",
    sign.KEEPS: """尊重...(方式|语气|語氣|措辞)...(提问|提問|重新)
        重新(表述|提问|提問|组织)...尊重""",
    sign.IMPROPER: """(不适合|不適合|不合适|不合適|不恰当|不恰當|不适当|不適當|不宜|不应该|
        不應該)...(讨论|討論|提供|继续|繼續|回答|写|寫)
        (讨论|討論|提供|回答|话题|話題|内容|內容)...(不合适|不合適|不恰当|不恰當|不适当|不適當|不道德)""",
    sign.MACHINE: """(作为|作為|身为|身為)(一个|一個|一名|一款|一种|一位)?...{ai}
        我(只|仅|僅|其实|其實)?是(一个|一個|一名|一款|一种|由)?...{ai}""",
    sign.LACKS: "没有|沒有|无法|無法|不能|不具备|不具備|不会|不會|并非|不是",
    sign.POLICY: """(违反|違反|不符合|违背|違背)...(政策|准则|準則|规定|規定|原则|原則|规范|規範|
        法律|道德)
        (安全|内容|內容|社区|社區|使用)(政策|准则|準則|规范|規範|指南)""",
    sign.VIOLATES: """(违反|違反|不符合|违背|違背)(了)?(我|平台|系统|系統)(的)?...(政策|准则|準則|
        规定|規定|规范|規範)
        我的...(准则|準則|政策|规则|規則|设定)...(不允许|不允許|禁止)""",
    sign.LEAVES: """(跳出|脱离|脫離)...(角色|剧情|劇情|故事)
        (停止|结束|結束|暂停|暫停|中止)...(角色扮演|故事|剧情|劇情|对话|對話)""",
    sign.REDIRECTS: """(换|換)(个|個|一个|一個)?(话题|話題)|聊(点|點|些)?(别的|別的|其他)
        保持...(尊重|礼貌|禮貌|友善)|(换|換)(个|個)(方向|内容)""",
    sign.TALK: """请求|請求|要求|对话|對話|话题|話題|角色扮演|剧情|劇情|故事|场景|場景|内容|內容|
        情节
        情節|这类|這類|此类|此類|这个问题|這個問題|该问题|您的问题|你的问题|这方面|這方面""",
    sign.MATTER: "信息|資訊|建议|建議|指导|指導|方法|意见|意見|看法|步骤|步驟",
    sign.HARM: """违法|違法|非法|有害|暴力|色情|不道德|危险|危險|歧视|歧視|敏感|自杀|自殺|伤害|傷害
        隐私|隱私|犯罪|仇恨|露骨|不当|不當|武器|诈骗""",
    sign.APOLOGY: "抱歉|对不起|對不起|不好意思|遗憾|遺憾|我理解|我明白",
    sign.ALTERNATIVE: """(如果|若|如)(你|您)(有|需要|想)|其他(问题|話題|话题|方面|需要|的)|
        别的(问题|话题)
        我(可以|很乐意|很樂意|愿意|能)(帮|幫|为|為|协助|協助|提供|和|跟|陪)|建议(你|您)|建議(你|您)
        请(咨询|联系|随时)|請(諮詢|聯繫|隨時)|很乐意|换个话题""",
    sign.IGNORANT: "不知道|不确定|不確定|实时|即時|更多(信息|资料|細節|细节)|虚构|虛構",
    sign.WANTS: """怎么|怎麼|如何|请(写|帮|给|介绍|解释|翻译)|帮我|幫我|写一|寫一|能不能|什么是|
        為什麼|为什么""",
}

JAPANESE_LISTS = {
    "not": """でき(ません(?!でした)|ない|かね|兼ね)|出来(ません(?!でした)|ない)|いたしかね|致しかね|
        しかね|差し控え
        控えさせ|お断り|遠慮(させ|いた)|られません|られない|わけにはいきません|
        つもりはありません""",
    "engage": """提供|支援|協力|生成|作成|参加|対応|描写|執筆|ご案内|サポート|お応え|応じ|助言
        ロールプレイ|演じ|推奨""",
    "provide": """お手伝い|お答え|回答|続け|継続|議論|書く|お話し|教え|答え|お伝え|手助け|助け""",
    "hedged": """(お役に立て|お手伝いでき|お答えでき|お力になれ)るか(どうか)?は?(わかり|
        分かり)ません""",
    "made": """(答え|回答す|応じ|対応す)る(よう|ため)に?は?(設計|プログラム|訓練|作)(され|
        られ)て(い)?(ません|ない)""",
    "ai": "ai|人工知能|言語モデル|チャットボット|アシスタント",
}
JAPANESE = {
    sign.DECLINES: "{engage}...{not}|お断り(します|いたします|させて)|(応じ|引き受け)かねます",
    sign.CANNOT: """{provide}...{not}|(書け|手伝え|答えられ|続けられ|話せ|教えられ)(ません|ない)
        {hedged}|{made}""",
    sign.HEDGED: "{hedged}$",
    sign.SERVES: "{made}",
    sign.NO_ACCESS: "(情報|データ|記録)(に|へ)の?アクセス...(ません|ない|できず)",
    sign.PRIVATE: "プライバシー|個人情報",
    sign.OPINIONLESS: """個人的な(意見|見解|感情|好み|信念)(は|を|が)...(ありません|
        持って(い)?ません|持ちません)""",
    sign.KEEPS: "敬意...(質問|表現|形で)...(言い換え|言い直|表現し直)",
    sign.IMPROPER: """(不適切|適切では(ない|ありません)|ふさわしく(ない|ありません)|好ましく(ない|
        ありません))""",
    sign.MACHINE: """{ai}(である|として|なので|ですので|であるため|ですから|の私|のため)
        私は...{ai}(です|であり|なので|に過ぎ|にすぎ|であって)""",
    sign.LACKS: "(でき|持って|持ち|あり|わかり|分かり|感じ)(い)?(ません|ない)|ない",
    sign.POLICY: """ガイドライン|ポリシー|利用規約|(倫理|安全)(的|上|規定|基準)...(観点|理由|問題|
        反)""",
    sign.VIOLATES: "(ガイドライン|ポリシー|利用規約)(に|では|で)...(反|違反|抵触|許可され|禁止)",
    sign.LEAVES: """(ロールプレイ|役|キャラクター|物語)(を|から)(一旦|いったん)?(中断|終了|離れ|
        降り|止め|やめ|抜け)""",
    sign.REDIRECTS: """(別の|他の|ほかの)(話題|話|テーマ|トピック)(に|を|で)|話題を変え|敬意を(持|
        払)|礼儀を""",
    sign.TALK: """リクエスト|ご?要望|会話|対話|ロールプレイ|物語|シーン|内容|コンテンツ|話題|
        トピック
        シナリオ|キャラクター|ご?質問|この件|ご?依頼|その(よう|類)な|このような|そういった""",
    sign.SUCH: "(それ|これ)(に|は|を|について)",
    sign.MATTER: "情報|アドバイス|助言|方法|手順|詳細|意見|指示",
    sign.HARM: """違法|有害|危険|暴力|不適切|性的|差別|犯罪|倫理|プライバシー|個人情報|自殺|自傷|
        誹謗|攻撃的""",
    sign.APOLOGY: "申し訳|すみません|すいません|ごめんなさい|恐れ入り|恐縮|残念ながら|お詫び",
    sign.ALTERNATIVE: """代わりに|(他|ほか)に(も)?(何か|ご質問|お手伝い)|お手伝いできること|
        ご相談ください
        (別の|他の|ほかの)(質問|話題|方法|形|テーマ)|お気軽に|専門(家|機関)|でしたら""",
    sign.IGNORANT: """わかりません|分かりません|存じ(ません|上げ)|リアルタイム|最新の情報|架空|
        詳細を教え|もう少し""",
    sign.WANTS: "教えて|書いて|作って|説明して|ください|下さい|どうすれば|どうやって|とは",
}

KOREAN_LISTS = {
    "not": """(할|드릴|줄|릴|일|갈|될|울)수(가|는|도)?없|지(않겠|않을|않습)|못(하|합|해)|어렵
        불가(능|합|하)|거절|거부|곤란""",
    "engage": "제공|생성|작성|참여|지원|수행|이행|협조|응하|응할|묘사|역할극|연기",
    "provide": "도와|도움|답변|답해|답할|대답|계속|논의|이야기|쓸수|써드|말씀|진행|설명|추천|알려",
    "hedged": "(도와드릴|도움을드릴|도움이될|답변드릴|답해드릴)수있을지(는|도)?잘?(모르|확실하지)",
    "made": "(답변?|대답|응답)(하|드리)?(도록|게끔|기위해)(설계|프로그래밍|훈련)되(지|어있지)않",
    "ai": "ai|인공지능|언어모델|챗봇|어시스턴트",
}
KOREAN = {
    sign.DECLINES: "{engage}...{not}",
    sign.CANNOT: "{provide}...{not}|{hedged}|{made}",
    sign.HEDGED: "{hedged}(?:.){0,5}$",
    sign.SERVES: "{made}",
    sign.NO_ACCESS: "(정보|데이터|기록)에(는|대한)?...접근...(없|못|않)",
    sign.PRIVATE: "사생활|개인정보|프라이버시",
    sign.OPINIONLESS: "개인적인?(의견|견해|감정|신념|선호)(을|이|은|도)...(없|않)",
    sign.KEEPS: "존중...(방식|표현)...질문...(바꿔|다시)",
    sign.IMPROPER: "부적절(합|하)|적절하지(않|못)|바람직하지않",
    sign.MACHINE: """{ai}(모델|비서|어시스턴트|챗봇)?(로서|이기때문|이라서|이라|이므로|일뿐|으로서)|
        저는...{ai}(모델|비서)?입니다""",
    sign.LACKS: "없(습|어|다|기)|못(하|합)|않(습|아)|아닙니다",
    sign.POLICY: """(정책|가이드라인|지침|규정|약관|윤리)(에|을|를|상|적)...(위반|어긋|위배|따라|
        맞지|기준)""",
    sign.VIOLATES: "(가이드라인|정책|지침|약관)(에|을|를)...(위반|어긋|위배|맞지)",
    sign.LEAVES: "(역할극|역할|캐릭터|이야기|대화)(을|를|에서)(중단|멈추|그만|벗어|종료)",
    sign.REDIRECTS: "다른(주제|이야기|화제)(로|를|에)|주제를바꾸|(존중|예의)(을|를)(지키|갖)",
    sign.TALK: """요청|대화|역할극|이야기|장면|내용|콘텐츠|주제|화제|시나리오|캐릭터|질문|이런종류|
        그런종류""",
    sign.SUCH: "(그|이)(것|건|거|부분)",
    sign.MATTER: "정보|조언|방법|절차|의견|안내|세부",
    sign.HARM: "불법|유해|위험|폭력|부적절|성적|차별|범죄|윤리|개인정보|자살|자해|혐오|선정",
    sign.APOLOGY: "죄송|미안|유감|안타깝",
    sign.ALTERNATIVE: """대신|다른(질문|주제|도움|이야기|것|방식)|도와드리겠|도와드릴수있|문의|
        전문가|원하시면""",
    sign.IGNORANT: "모르겠|모릅니다|확실하지|실시간|최신정보|가상의|자세히",
    sign.WANTS: "알려줘|알려주|써줘|써주|만들어|설명해|어떻게|방법|해줘|해주세요|무엇",
}


def normal(sentence: str) -> str:
    """The normal form of a sentence of an alphabetic language.

    >>> normal("Je n'ai pas d\N{RIGHT SINGLE QUOTATION MARK}avis.")
    "je n' ai pas d' avis ."
    """
    words = " ".join(TOKEN.findall(sentence.lower().replace("\u2019", "'")))
    return words.replace("'", "' ")


def normal_unspaced(sentence: str) -> str:
    """The normal form of a sentence of Chinese, Japanese or Korean.

    >>> normal_unspaced("AI 语言模型")
    'ai语言模型'
    """
    return "".join(sentence.lower().split())


def phrases_unspaced(text: str, lists: Mapping[str, str]) -> str:
    """A pattern that finds one of the phrases of such a language."""
    pattern = re.sub(r"\[([^\]]*)\]", r"(?:\1)?", filled(text, lists))
    return pattern.replace("...", ".{0,8}?")


ROWS: dict[str, tuple[Mapping[str, str], Mapping[str, str]]] = {
    "en": (ENGLISH_SIGNS, ENGLISH_LISTS),
    "de": (GERMAN, GERMAN_LISTS),
    "es": (SPANISH, SPANISH_LISTS),
    "fr": (FRENCH, FRENCH_LISTS),
    "pt": (PORTUGUESE, PORTUGUESE_LISTS),
    "ru": (RUSSIAN, RUSSIAN_LISTS),
    "zh": (CHINESE, CHINESE_LISTS),
    "ja": (JAPANESE, JAPANESE_LISTS),
    "ko": (KOREAN, KOREAN_LISTS),
}


UNSPACED = ("zh", "ja", "ko")


@cache
def wording_of(language: str) -> Wording:
    """The signs of a language, compiled when they are first asked for."""
    made = {name: re.compile(pattern) for name, pattern in patterns_of(language).items()}
    if language in UNSPACED:
        return Wording(normal_unspaced, made)
    if language == "en":
        return Wording(normal_english, made, acts_in_english)
    return Wording(normal, made)


def patterns_of(language: str) -> dict[str, str]:
    """By sign: the pattern that finds it in the normal form of a sentence."""
    signs, lists = ROWS[language]
    write = phrases_unspaced if language in UNSPACED else phrases
    return {name: write(text, lists) for name, text in signs.items()}
