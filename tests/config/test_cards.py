"""Character cards: what is read from them, what is filled in, what never reaches a prompt."""

from __future__ import annotations

import base64
import copy
import json
import os
import shutil
import zlib
from datetime import datetime, timezone
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from broken_record.batch.plan import jobs_of, make_folder
from broken_record.config.card_png import MOST_BYTES
from broken_record.config.cards import (
    LONGEST_NAME,
    LONGEST_TEXT,
    Card,
    parse_card,
    read_card,
)
from broken_record.config.load import load, parse
from broken_record.errors import ConfigError
from tests.make_cards import CARDS, SENTINEL, V1, V2, V3, encoded, files, png

IDA = """\
You are Ida. You are talking to {0}. Answer as Ida.
Ida keeps the lighthouse. {0} brings the post.
Ida's personality: dry, patient
Scenario: A storm has cut off the island.
***
{0}: Any news?
Ida: The wind is news enough."""
TOM = """\
You are Tom. You are talking to {0}. Answer as Tom. Keep it short.
Tom rows the post boat.
Tom's personality: dry, patient
Scenario: A storm has cut off the island.
***
{0}: Any news?
Tom: The wind is news enough."""
SCENE = {"conversation": [{"role": "user", "content": "Hi"}]}
FOUND = CARDS / "found"
STORM = """\
{{char}} keeps a lighthouse.
{{char}}'s personality: dry
Scenario: A storm.
***
{{user}}: Hi.
{{char}}: "Close the door.\""""
PYGMALION = """\
Keeps a lighthouse.
Scenario: A storm.
***
{{user}}: Hi.
Ilse: Close the door."""
WRONG = {"alternate_greetings of a wrong type": 1}
NOTHING = json.dumps({"name": "A", "description": ""}).encode()


def problem_of(data: bytes) -> str:
    with pytest.raises(ConfigError) as caught:
        parse_card(data, "c.png")
    return caught.value.problems[0]


def write_config(folder: Path, **values) -> Path:
    """A config beside copies of the cards."""
    shutil.copytree(CARDS, folder / "cards", dirs_exist_ok=True)
    path = folder / "c.json"
    path.write_text(json.dumps(values), encoding="utf-8")
    return path


def load_in(folder: Path, *settings: str, **values):
    return load(write_config(folder, **values), settings)


def problems_in(folder: Path, *settings: str, **values) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        load_in(folder, *settings, **values)
    return [problem.replace(str(folder), ".") for problem in caught.value.problems]


def spoken(loaded) -> list[tuple[str, str]]:
    return [(message.role, message.content) for message in loaded.config.conversation]


def test_the_fixtures_are_what_the_script_writes():
    made = [path for path in CARDS.iterdir() if path != FOUND]
    assert {path.name: path.read_bytes() for path in made} == files()


@pytest.mark.parametrize(
    ("name", "spec", "character"), [("v1", "1", "Ida"), ("v2", "2", "Tom"), ("v3", "3", "Otti")]
)
def test_a_picture_holds_the_same_card_as_the_json(name, spec, character):
    drawn, written = read_card(CARDS / f"{name}.png"), read_card(CARDS / f"{name}.json")
    assert (drawn.name, drawn.spec) == (character, spec)
    assert (drawn.name, drawn.system, drawn.greetings) == (
        written.name,
        written.system,
        written.greetings,
    )
    assert drawn.unsupported == written.unsupported and drawn.sha256 != written.sha256


def test_what_is_not_supported_is_counted_and_named():
    assert read_card(CARDS / "v1.json").unsupported == {}
    both = {"depth_prompt": 1, "regex scripts": 1, "other extensions": 1}
    assert read_card(CARDS / "v2.json").unsupported == {"character_book entries": 2, **both}
    assert read_card(CARDS / "v3.json").unsupported == {
        "character_book entries": 1,
        "decorators": 2,
        "group_only_greetings": 1,
        "assets": 1,
        **both,
    }


def test_macros_that_nobody_fills_stay_and_are_counted_in_any_nesting():
    description = "{{random:{{roll:6}},b}} {{time_{{Roll d4}}}} {{#if x}}{{ }}{{//a {{pick:a}} b}}"
    card = parse_card(json.dumps({**V1, "description": description}).encode(), "c")
    assert "{{random:{{roll:6}},b}} {{time_{{Roll d4}}}} {{#if x}}{{ }}\n" in card.system
    assert {name[:7]: count for name, count in card.unsupported.items()} == {
        "{{time_": 1, "{{#if}}": 1, "{{...}}": 1,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("name", "spec", "character", "said", "unsupported"),
    [
        ("ztxt-chara-ccv3.png", "3", "Ilse", STORM, {}),
        ("itxt-chara.png", "2", "Ilse", STORM, {}),
        ("itxt-compressed.png", "3", "Ilse", STORM, {}),
        ("pygmalion.json", "pygmalion", "Ilse", PYGMALION, {}),
        ("pygmalion-in-png.png", "pygmalion", "Ilse", PYGMALION, {}),
        ("agnai.json", "agnai", "Ilse", "Keeps a lighthouse.\nScenario: A storm.\n***\n...", {}),
        ("utf16.json", "1", "Ilse", "Keeps a lighthouse.", {}),
        ("raw-newline-in-string.json", "1", "Ilse", "Keeps a\nlighthouse.", {}),
        ("empty-name.json", "2", "", STORM, {"empty name": 1}),
        ("alternate-greetings-string.json", "2", "Ilse", STORM, WRONG),
        ("alternate-greetings-objects.json", "2", "Ilse", STORM, WRONG),
    ],
)
def test_a_card_as_people_have_it_is_read(name, spec, character, said, unsupported):
    card = read_card(FOUND / name)
    assert (card.spec, card.name, card.unsupported) == (spec, character, unsupported)
    assert card.system.split("\n", 1)[1] == said
    assert card.greetings[0].replace("\t", " ").replace(", {{user}}", "").strip('"') == "Come in."


@pytest.mark.parametrize(
    ("name", "found"),
    [
        ("trailing-comma-json5.json", "JSON that is broken, or JSON5 (line 1, column 134: "),
        ("latin1.json", "text that is not UTF-8; save it as UTF-8"),
        ("ooba.yaml", "YAML; save the card as JSON"),
        ("webp-exif.webp", "a WebP picture; save the card as PNG or JSON"),
    ],
)
def test_a_card_that_cannot_be_read_is_called_what_it_is(name, found):
    with pytest.raises(ConfigError) as caught:
        read_card(FOUND / name)
    assert f"expected a character card (JSON, or a PNG with one), found {found}" in str(
        caught.value
    )


def test_a_card_without_a_name_has_the_prefix_s(tmp_path):
    scene = {"card": "cards/found/empty-name.json"}
    assert load_in(tmp_path, **scene).config.agent_prefix == "Assistant:"
    named = load_in(tmp_path, **scene, agent_prefix="Skye:")
    assert spoken(named)[0][1].startswith("You are Skye.") and len(named.warnings) == 1


def chunk_of(text: bytes) -> bytes:
    """What stands behind an iTXt chunk's keyword."""
    return b"\0\0en\0\0" + text


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        (b"zTXt", b"\0" + zlib.compress(encoded(V1))),
        (b"iTXt", b"\0\0\0\0" + encoded(V1)),
        (b"iTXt", b"\1\0de\0Karte\0" + zlib.compress(encoded(V1))),
        (b"iTXt", chunk_of(json.dumps(V1).encode())),
        (b"tEXt", json.dumps(V1).encode()),
    ],
)
def test_any_text_chunk_may_hold_the_card(kind, text):
    assert parse_card(png([("chara", text)], kind), "c").name == "Ida"


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        (b"zTXt", b""),
        (b"zTXt", b"\0not zlib"),
        (b"iTXt", b"\1\0\0"),
        (b"iTXt", b"\1\0\0\0not zlib"),
        (b"zTXt", b"\0" + zlib.compress(b" " * (MOST_BYTES + 1))),
    ],
    ids=["empty", "no zlib", "cut off", "no zlib inside", "a bomb"],
)
def test_a_text_chunk_that_is_not_in_order_holds_no_card(kind, text):
    assert "found none" in problem_of(png([("chara", text)], kind))


def test_constant_entries_of_the_lorebook_stand_around_the_character_and_the_rest_is_counted():
    def entry(content, **more):
        return {"keys": [], "content": content, "enabled": True, "constant": True, **more}

    entries = [
        entry("It rains.", insertion_order=2, position="before_char"),
        entry("It is {{user}}'s island.", insertion_order=1),
        entry("The light is out.", position="after_char"),
        entry("Off.", enabled=False),
        entry("By key.", constant=False),
        entry("@@depth 2\nDeep."),
        entry(5),
    ]
    card = {**V1, "character_book": {"entries": entries}}
    parsed = parse_card(json.dumps(card).encode(), "c")
    lines = parsed.system.split("\n")
    assert lines[1:4] == ["It is {{user}}'s island.", "It rains.", V1["description"]]
    assert (
        lines[lines.index("Scenario: A storm has cut off the island.") + 1] == "The light is out."
    )
    assert parsed.unsupported == {"character_book entries": 4, "decorators": 1}


def test_macros_are_drawn_by_the_card_and_the_seed(tmp_path):
    texts = ["a", "b", "c", "d", "e", "f"]
    description = (
        f"{{{{random::{'::'.join(texts)}}}}} {{{{pick:{','.join(texts)}}}}} {{{{roll:2d6}}}}"
    )
    (tmp_path / "own.json").write_text(json.dumps({**V1, "description": description}))

    def drawn(**values):
        return spoken(load_in(tmp_path, card="own.json", **values))[0][1].split("\n")[1]

    assert drawn() == drawn() and drawn(seed=1) == drawn(seed=1)
    seen = [drawn(seed=seed).split() for seed in range(60)]
    assert {first for first, _, _ in seen} == {second for _, second, _ in seen} == set(texts)
    assert {int(sum_) for _, _, sum_ in seen} <= set(range(2, 13))


def test_a_name_inside_of_a_choice_is_filled_in_and_a_choice_inside_of_one_is_drawn(tmp_path):
    description = "{{random:{{char}},<BOT>}} {{pick::{{roll:d1}}::{{roll 1}}}} {{random: }}"
    (tmp_path / "own.json").write_text(json.dumps({**V1, "description": description}))
    loaded = load_in(tmp_path, card="own.json")
    assert spoken(loaded)[0][1].split("\n")[1] == "Ida 1 {{random: }}"
    assert "{{random}} (1)" in loaded.warnings[0]


@pytest.mark.parametrize(
    ("persona", "text"),
    [
        ({"kind": "text", "attributes": {"text": ["Dry."]}}, "Dry."),
        ({"kind": "sbf", "attributes": {"mind": ["dry", "kind"], "age": ["9"]}},
         "mind: dry, kind\nage: 9"),
        ({"kind": "text"}, ""),
    ],
)  # fmt: skip
def test_a_persona_of_agnai_becomes_the_description(persona, text):
    card = {"name": "Ida", "persona": persona, "greeting": "Hm.", "characterBook": {"entries": [1]}}
    parsed = parse_card(json.dumps(card).encode(), "c")
    assert parsed.system.split("\n")[1:] == text.split("\n") * bool(text)
    assert (parsed.greetings, parsed.unsupported) == (("Hm.",), {"characterBook": 1})


def test_optional_fields_of_a_wrong_type_are_counted():
    card = {**V1, "alternate_greetings": ["Hi.", 5], "system_prompt": [], "nickname": 5}
    parsed = parse_card(json.dumps(card).encode(), "c")
    assert parsed.greetings[1:] == ("Hi.",)
    assert parsed.unsupported == {
        "alternate_greetings of a wrong type": 1,
        "system_prompt of a wrong type": 1,
        "nickname of a wrong type": 1,
    }


def test_assets_in_chunks_and_a_newer_spec_are_counted():
    card = copy.deepcopy(V3) | {"spec_version": "3.5"}
    data = png([("ccv3", encoded(card)), ("chara-ext-asset_:a.png", b"AAAA")])
    unsupported = parse_card(data, "c").unsupported
    assert (unsupported["assets"], unsupported["spec_version 3.5"]) == (2, 1)


def test_a_text_loses_control_characters_and_half_surrogate_pairs():
    card = parse_card(b'{"name": "A\\u001b\\nB", "first_mes": "x\\r\\ny\\ud800\\u0000"}', "c")
    assert (card.name, card.greetings) == ("A B", ("x\ny?",))


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "expected a character card (JSON, or a PNG with one), found an empty file"),
        (b"What is a card?", "expected a character card (JSON, or a PNG with one), found neither"),
        (b"\xfe", "found neither"),
        (b"\xff\xd8\xff\xe0 JFIF", "found a JPEG picture; save the card as PNG or JSON"),
        (b"[" * 1_000_000, "found JSON that cannot be read (maximum recursion"),
        (b'{"name": ' + b"1" * 5000 + b"}", "found JSON that cannot be read (Exceeds the limit"),
        (b"PK\x03\x04card.json", "found an archive; save a CHARX card as JSON or PNG"),
        (b"[]", "found JSON that is no object"),
        (b'{"name": "A"}', "found none of description, personality, scenario, mes_example, first"),
        (b'{"description": "A"}', "name: expected 1 to 100 characters, found 0"),
        (b'{"name": 5, "description": ""}', "name: expected a string"),
        (b'{"spec": "chara_card_v9"}', "spec: expected chara_card_v2 or chara_card_v3, or none"),
        (b'{"spec": ["chara_card_v2"]}', "spec: expected chara_card_v2"),
        (b'{"spec": "chara_card_v2", "data": []}', 'data: expected an object, as "spec" promises'),
        (json.dumps({**V1, "name": "A" * (LONGEST_NAME + 1)}).encode(), "found 101"),
        (
            json.dumps({**V1, "scenario": "A" * (LONGEST_TEXT + 1)}).encode(),
            "scenario: expected a string of at most 1,000,000 characters",
        ),
        (png([]), 'expected a text chunk "chara" or "ccv3" in the PNG, found none'),
        (png([("chara", b"e30=")], b"iTXt"), 'or "ccv3" in the PNG, found none'),
        (png([("chara", b"\xff")]), 'the chunk "chara" of the PNG is not base64'),
        (png([("chara", b"AAAA")]), "found neither"),
        (png([("chara", encoded(V1))])[:-1], "expected a whole PNG, found one that is cut off"),
        (png([])[:8], "expected a whole PNG, found one that is cut off"),
        (png([]).replace(b"\xff", b"\x00"), "the checksum of the PNG's chunk at byte 33 is wrong"),
        (
            png([])[:33] + b"\x40\0\0\0tEXt" + png([])[33:],
            "a chunk of the PNG claims 1,073,741,824 bytes, 33 are left",
        ),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)  # fmt: skip
def test_what_is_no_card_is_said(data, words):
    assert problem_of(data).startswith("c.png: ") and words in problem_of(data)


def test_every_field_of_a_wrong_type_is_reported_at_once():
    with pytest.raises(ConfigError) as caught:
        parse_card(json.dumps({**V1, "scenario": 1, "first_mes": []}).encode(), "c")
    assert len(caught.value.problems) == 2


def test_base64_without_its_padding_is_read():
    assert parse_card(png([("chara", encoded(V1).rstrip(b"="))]), "c").name == "Ida"


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=5,
)
FIELDS = st.fixed_dictionaries(
    {"name": st.text() | JSON, "description": st.text() | JSON},
    optional={
        key: JSON
        for key in [*V3["data"], "personality", "scenario", "mes_example", "system_prompt"]
        if key not in ("name", "description")
    },
)
CARD = FIELDS | st.fixed_dictionaries(
    {"spec": st.sampled_from(["chara_card_v2", "chara_card_v3"]) | JSON, "data": FIELDS | JSON},
    optional={"spec_version": st.text("0123456789.") | JSON},
)


def card_or_problems(data: bytes) -> None:
    try:
        card = parse_card(data, "c")
    except ConfigError as error:
        assert error.problems
    else:
        assert isinstance(card, Card) and (card.name or card.unsupported["empty name"])
        json.dumps([card.system, card.greetings], ensure_ascii=False).encode()


@given(st.binary() | st.binary().map(lambda tail: b"\x89PNG\r\n\x1a\n" + tail))
def test_any_bytes_give_a_card_or_a_config_error(data):
    card_or_problems(data)


@given(CARD | JSON, st.sampled_from(["json", "chara", "ccv3"]))
def test_any_json_gives_a_card_or_a_config_error(card, place):
    data = json.dumps(card).encode()
    card_or_problems(data if place == "json" else png([(place, base64.b64encode(data))]))


@given(st.data())
def test_a_damaged_card_gives_a_card_or_a_config_error(data):
    whole = data.draw(st.sampled_from(sorted(files().values())))
    cut = data.draw(st.integers(0, len(whole)))
    card_or_problems(whole[:cut] + data.draw(st.binary(max_size=20)) + whole[cut + 3 :])


@pytest.mark.parametrize("head", ["", "{{", "{{//", "{{char", "{{#"])
@pytest.mark.parametrize(
    "piece",
    [
        "a",
        " ",
        "{",
        "{{",
        "{{//",
        "{{//{{",
        "{{//{{a}}",
        "{{a}}",
        "{{ ",
        "{{a",
        "<START>",
        "{{random:",
        "{{pick:a,b}}",
        "{{roll:30d9}}",
    ],
)
def test_a_hostile_text_takes_no_longer_than_a_kind_one(head, piece):
    text = head + piece * (LONGEST_TEXT // 4 // len(piece))
    assert parse_card(json.dumps({**V1, "mes_example": text}).encode(), "c").name == "Ida"


def test_a_card_fills_prompt_greeting_and_prefixes(tmp_path):
    loaded = load_in(tmp_path, card="cards/v1.png", user_card="cards/v2.json")
    config = loaded.config
    assert spoken(loaded) == [
        ("system", IDA.format("Tom")),
        ("assistant", 'Ida: *holds the door* "Come in, Tom. Mind the cat."'),
    ]
    assert (config.agent_prefix, config.user_prefix) == ("Ida:", "Tom:")
    assert config.user_system == TOM.format("Ida")
    assert (config.post_history, config.user_post_history) == ("", "One sentence at a time.")
    assert loaded.origins["conversation"] == loaded.origins["agent_prefix"] == "card cards/v1.png"
    assert loaded.origins["user_system"] == loaded.origins["user_prefix"] == "card cards/v2.json"
    assert loaded.origins["user_post_history"] == "card cards/v2.json"
    assert loaded.origins["post_history"] == "default"
    assert loaded.origins["card"] == str(tmp_path / "c.json")
    assert loaded.warnings == (
        f"{tmp_path / 'c.json'}: user_card: cards/v2.json: not supported: "
        "character_book entries (2), depth_prompt (1), regex scripts (1), other extensions (1)",
    )


EXAMPLES = """\
{{user}}: Any news?
{{char}}: None.
<start>
<BOT>: *looks up* "Dry, {{random:so,so}}?"
<START>
<START>
<USER>: Good night.
"""


@pytest.mark.parametrize("first", ["", "<START>\n"])
def test_examples_stand_in_front_of_the_dialogue_a_block_behind_each_separator(tmp_path, first):
    card = {**V1, "mes_example": first + EXAMPLES, "post_history_instructions": "Stay <BOT>."}
    (tmp_path / "own.json").write_text(json.dumps(card))
    loaded = load_in(tmp_path, card="own.json", user_prefix="Mark:")
    (_, system), (role, greeting) = spoken(loaded)
    assert system.partition("island.\n")[2] == (
        '***\nMark: Any news?\nIda: None.\n***\nIda: *looks up* "Dry, so?"\n***\nMark: Good night.'
    )
    assert role == "assistant" and greeting.startswith("Ida: *holds the door*")
    assert loaded.config.post_history == "Stay Ida."


def test_without_a_user_card_the_other_speaker_has_the_prefix_s_name_or_none(tmp_path):
    named = load_in(tmp_path, card="cards/v1.json", user_prefix="Mark:")
    assert spoken(named)[0] == ("system", IDA.format("Mark"))
    nameless = load_in(tmp_path, card="cards/v1.json")
    assert spoken(nameless)[0] == ("system", IDA.format("User"))
    assert nameless.config.user_prefix == ""


def test_a_user_card_alone_speaks_to_the_prefix_s_name_or_the_assistant(tmp_path):
    scene = {**SCENE, "user_card": "cards/v1.json"}
    named, nameless = load_in(tmp_path, **scene, agent_prefix="Skye:"), load_in(tmp_path, **scene)
    assert named.config.user_system == IDA.format("Skye")
    assert nameless.config.user_system == IDA.format("Assistant")
    assert spoken(named) == [("user", "Hi")] and named.config.user_prefix == "Ida:"


def test_what_the_config_sets_wins(tmp_path):
    loaded = load_in(
        tmp_path, card="cards/v1.json", user_card="cards/v2.json", agent_prefix="Keeper:",
        user_prefix="", user_system="", user_post_history="",
    )  # fmt: skip
    config = loaded.config
    assert config.user_post_history == ""
    assert (config.agent_prefix, config.user_prefix, config.user_system) == ("Keeper:", "", "")
    assert spoken(loaded)[1][1].startswith("Keeper: *holds the door*")
    assert loaded.origins["user_system"] == loaded.origins["agent_prefix"] == loaded.origins["card"]


@pytest.mark.parametrize(
    ("given", "first", "rest"),
    [
        ([("user", "Hi")], IDA.format("User"), [("user", "Hi")]),
        (
            [("system", "It is night."), ("user", "Hi")],
            IDA.format("User") + "\n\nIt is night.",
            [("user", "Hi")],
        ),
        (
            [("user", "Hi"), ("system", "Now.")],
            IDA.format("User"),
            [("user", "Hi"), ("system", "Now.")],
        ),
    ],
)
def test_a_conversation_that_is_given_stays_behind_the_card_s_text(tmp_path, given, first, rest):
    conversation = [{"role": role, "content": content} for role, content in given]
    loaded = load_in(tmp_path, card="cards/v1.json", conversation=conversation)
    assert spoken(loaded) == [("system", first), *rest]
    assert loaded.origins["conversation"] == f"{tmp_path / 'c.json'}, card cards/v1.json"
    assert loaded.config.agent_prefix == "Ida:"


@pytest.mark.parametrize(
    ("greeting", "said"),
    [
        (0, ['Tom: "Letters, User! Two of them wet."']),
        (1, ['Tom: "No letters today."']),  # the empty greeting between them is none
        (2, ["Tom: *rows past, slowly*"]),
        (None, []),
    ],
)
def test_greeting_says_which_one_opens(tmp_path, greeting, said):
    loaded = load_in(tmp_path, card="cards/v2.png", greeting=greeting)
    assert [content for _, content in spoken(loaded)[1:]] == said


def test_a_greeting_that_names_its_speaker_is_not_named_twice(tmp_path):
    (tmp_path / "own.json").write_text(json.dumps({**V1, "first_mes": "{{char}}: Hello."}))
    assert spoken(load_in(tmp_path, card="own.json"))[1] == ("assistant", "Ida: Hello.")


def test_a_card_without_a_greeting_lets_the_assistant_begin(tmp_path):
    (tmp_path / "own.json").write_bytes(NOTHING)
    loaded = load_in(tmp_path, card="own.json")
    assert spoken(loaded) == [("system", "You are A. You are talking to User. Answer as A.")]
    assert problems_in(tmp_path, card="own.json", greeting=0) == [
        "./c.json: greeting: expected null (the card has no greetings), found 0"
    ]


@pytest.mark.parametrize(
    ("values", "problem"),
    [
        (
            {"card": "cards/v2.json", "greeting": 3},
            "greeting: expected a number from 0 to 2, or null (the card has 3 greetings), found 3",
        ),
        (
            {"card": "cards/v1.json", "greeting": 1},
            "greeting: expected a number from 0 to 0, or null (the card has 1 greeting), found 1",
        ),
        ({"card": "gone.png"}, "card: ./gone.png: cannot be read: No such file or directory"),
        ({"card": "cards"}, "card: ./cards: expected a character card, found what is no file"),
        ({"card": "a\0b"}, "card: ./a\0b: cannot be read: "),
        ({**SCENE, "card": 5}, "card: expected the path of a character card, or null, found 5"),
        ({"card": ""}, 'card: expected the path of a character card, or null, found ""'),
        (
            {**SCENE, "card": {"file": "a"}},
            'card: expected the path of a character card, or null, found {"file": "a"}',
        ),
        (
            {"card": "cards/v1.json", "greeting": "first"},
            'greeting: expected a whole number of at least 0, or null, found "first"',
        ),
        ({"user_card": "cards/v1.json"}, "conversation: required, not found"),
    ],
)
def test_a_problem_with_a_card_is_the_only_one_reported(tmp_path, values, problem):
    problems = problems_in(tmp_path, **values)
    assert len(problems) == 1 and problems[0].startswith(f"./c.json: {problem}")


def test_the_problems_of_cards_and_of_other_keys_are_reported_at_once(tmp_path):
    problems = problems_in(tmp_path, card="gone", user_card="gone", seed=-1, hue=1)
    assert len(problems) == 4


def test_a_path_in_the_config_is_beside_it_and_one_of_a_setting_where_it_is_typed(
    tmp_path, monkeypatch
):
    path = write_config(tmp_path, card="cards/v1.json")
    monkeypatch.chdir(tmp_path / "cards")
    assert load(path).config.agent_prefix == "Ida:"
    assert load(path, ['card="v2.json"']).config.agent_prefix == "Tom:"
    assert load(path, ['card="v2.json"']).origins["card"] == f"{path} with --set"


@pytest.mark.parametrize("name", ["v2.json", "v3.png"])
def test_what_is_not_for_prompts_reaches_nothing_that_is_loaded(tmp_path, name):
    loaded = load_in(tmp_path, card=f"cards/{name}", user_card=f"cards/{name}")
    assert SENTINEL in (CARDS / "v2.json").read_text() and SENTINEL in json.dumps(V3)
    assert SENTINEL not in repr(loaded) + json.dumps(loaded.values)


def test_a_loaded_config_is_complete_without_its_cards(tmp_path):
    values = {"card": "cards/v3.png", "user_card": "cards/v1.json", "greeting": 1}
    loaded = load_in(tmp_path, **values)
    assert loaded.values["card"] == {
        "file": "cards/v3.png",
        "sha256": read_card(CARDS / "v3.png").sha256,
    }
    shutil.rmtree(tmp_path / "cards")
    recorded = parse(json.dumps(loaded.values), "record.jsonl")
    assert (recorded.config, recorded.warnings) == (loaded.config, ())
    (tmp_path / "record.json").write_text(json.dumps(loaded.values), encoding="utf-8")
    assert load(tmp_path / "record.json").config == loaded.config


def test_a_record_s_config_is_never_read_from_a_path():
    text = json.dumps({**SCENE, "card": "gone.png"})
    loaded = parse(text, "record.jsonl")
    assert loaded.config.card == "gone.png" and len(loaded.config.conversation) == 1


def test_the_dialogues_of_a_run_folder_do_not_need_the_card_again(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    loaded = load_in(tmp_path, card="cards/v2.png")
    folder = make_folder(1, "c.json", [], datetime(2026, 1, 1, tzinfo=timezone.utc))
    shutil.rmtree(tmp_path / "cards")
    (scratch := tmp_path / "elsewhere").mkdir()
    (job,) = jobs_of([folder], scratch)
    assert Path(job.arguments[0]).parent == scratch
    assert load(Path(job.arguments[0])).config == loaded.config


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no pipes here")
def test_a_pipe_is_no_card_and_is_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(ConfigError, match="found what is no file"):
        read_card(tmp_path / "pipe")


def test_v2_in_the_other_chunk_gives_way_to_v3():
    assert parse_card(png([("ccv3", encoded(V3)), ("chara", encoded(V2))]), "c").name == "Otti"
