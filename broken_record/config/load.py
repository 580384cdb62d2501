"""JSON text and --set KEY=VALUE -> Config: all problems of a file reported at once.

schema.KEYS is the table of what a config may say; top-level keys are strict. What stands inside a
sampler is sent to the server as it is, because engines learn new parameters: an unknown name there
is a warning, a known one with a value of the wrong type a problem (some servers hang on it).
Nothing is contacted here.
"""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import isfinite
from pathlib import Path
from typing import Any

from broken_record.config.cards import is_card
from broken_record.config.checks import COMMENT, EMBEDDED, WEIGHTS_SUFFIX, shown, suggestion
from broken_record.config.from_cards import KEYS_OF_A_CAST, Cast, cast
from broken_record.config.goal_keys import NOT_OF_THE_MODE, OF_THE_MODE, assume_mode, steps_unsaid
from broken_record.config.personas import why_unread
from broken_record.config.schema import KEYS, Config, key_copied, settle, value_left_out
from broken_record.errors import ConfigError
from broken_record.samplers import PARAMETERS, SET_ELSEWHERE


@dataclass(frozen=True, slots=True)
class Loaded:
    """A config, where each value came from, its JSON form, and what is odd but allowed."""

    config: Config
    values: Mapping[str, Any]
    origins: Mapping[str, str]
    warnings: tuple[str, ...]


def parse(text: str, file: str, settings: Sequence[str] = (), folder: Path | None = None) -> Loaded:
    """The config in `text` with the settings of the command line; ConfigError lists every
    problem. Its cards and lists are read from `folder`, those of a setting from the working
    directory; without a folder none is. Paths of weights begin there too.
    """
    values = read_object(text, file)
    values = {name: value for name, value in values.items() if not is_remark(name)}
    return load_values(values, file, settings, folder)


def is_remark(name: str) -> bool:
    """Whether a key says nothing to parrot: `$schema` is for editors, `//...` for people."""
    return name == "$schema" or name.startswith(COMMENT)


def load_values(
    values: Mapping[str, Any], file: str, settings: Sequence[str] = (), folder: Path | None = None
) -> Loaded:
    """As parse, of values that are no text any more: those that a record holds."""
    raw = copy.deepcopy(dict(values))
    set_here = {apply_setting(raw, setting) for setting in settings}
    given = set(raw)
    raw = assume_mode(raw)
    cards = Cast()
    folders = {} if folder is None else {
        name: Path() if name in set_here else folder
        for name in ("card", "user_card", "personas", "objectives", "api_url", "user_api_url")
    }  # fmt: skip
    for name in ("api_url", "user_api_url"):
        if name in folders and name in raw:
            raw[name] = locate_weights(raw[name], folders[name])
    if folders and not any(KEYS[key].type.check(raw[key]) for key in KEYS_OF_A_CAST if key in raw):
        cards = cast(raw, file, {name: folders[name] for name in ("card", "user_card")})
        raw.update(cards.values)
    settled = settle(raw, file, folders, cards.problems)
    config = settled.config()
    origins = {name: origin_of(name, file, raw, given, set_here, cards.origins) for name in KEYS}
    warnings = (
        *cards.warnings,
        *odd_names(settled.values, file),
        *out_of_mode(settled.values, file),
        *steps_unsaid(settled.values, file),
    )
    return Loaded(config, settled.values, origins, warnings)


def locate_weights(url: Any, folder: Path) -> Any:
    """An address whose file of weights, if it names one, is found from anywhere."""
    if not (isinstance(url, str) and url.startswith(EMBEDDED) and url.endswith(WEIGHTS_SUFFIX)):
        return url
    return EMBEDDED + str((folder / Path(url.removeprefix(EMBEDDED)).expanduser()).resolve())


def origin_of(
    name: str,
    file: str,
    raw: Mapping[str, Any],
    given: set[str],
    set_here: set[str],
    by_card: Mapping[str, str],
) -> str:
    """Where a value came from; `raw` holds what was given and what cards and mode filled in."""
    here = f"{file} with --set" if name in set_here else file
    if name in by_card:
        return f"{here}, {by_card[name]}" if name in given else by_card[name]
    if name in given:
        return here
    if name in raw or KEYS[name].required:
        return "goal mode"
    like = key_copied(name, raw)
    return f"as {like}" if like else "default"


def odd_names(values: Mapping[str, Any], file: str) -> Iterator[str]:
    """Names in the samplers that nobody knows."""
    for name in ("sampler", "user_sampler"):
        same = name == "user_sampler" and values[name] == values["sampler"]
        for parameter in () if same else values[name]:
            if parameter not in PARAMETERS and parameter not in SET_ELSEWHERE:
                near = suggestion(parameter, PARAMETERS)
                yield f'{file}: {name}: "{parameter}" is not known here and sent as it is{near}'


def out_of_mode(values: Mapping[str, Any], file: str) -> Iterator[str]:
    """Keys that say something and that the mode does not look at."""
    goal = values["mode"] == "goal"
    for name in NOT_OF_THE_MODE if goal else OF_THE_MODE:
        if values[name] != KEYS[name].default:
            yield f"{file}: {name}: not used in {values['mode']} mode"


def load(path: Path, settings: Sequence[str] = ()) -> Loaded:
    """The config in a file, or that of a scene with the character of a card; ConfigError where it
    cannot be read or has problems.
    """
    try:
        data = path.read_bytes()
        if is_card(data):
            return load_values({"card": path.name}, str(path), settings, path.parent)
        text = data.decode("utf-8-sig")
    except (OSError, ValueError) as error:
        reason = why_unread(error)
        raise ConfigError([f"{path}: cannot be read: {reason}"]) from error
    return parse(text, str(path), settings, path.parent)


def read_object(text: str, file: str) -> dict[str, Any]:
    """The JSON object in a config's text; ConfigError names line and column, or the key that stands
    twice.
    """
    twice: list[str] = []

    def pairs(items: list[tuple[str, Any]]) -> dict[str, Any]:
        names = [name for name, _ in items]
        twice.extend(sorted({name for name in names if names.count(name) > 1}))
        return dict(items)

    def no_constant(name: str) -> None:
        raise ConfigError([f"{file}: expected JSON numbers, found {name}"])

    try:
        value = json.loads(
            text, object_pairs_hook=pairs, parse_constant=no_constant, parse_float=finite
        )
    except json.JSONDecodeError as error:
        raise ConfigError(
            [f"{file}: line {error.lineno}, column {error.colno}: not JSON: {error.msg}"]
        ) from error
    except (ValueError, RecursionError) as error:  # a number of 5,000 digits, brackets in brackets
        raise ConfigError([f"{file}: cannot be read: {error}"]) from error
    if not isinstance(value, dict):
        raise ConfigError([f"{file}: expected a JSON object of keys, found {shown(value)}"])
    if twice:
        raise ConfigError([f'{file}: the key "{name}" stands twice' for name in twice])
    return value


def finite(text: str) -> float:
    """A number; ValueError for one that is too large for a float, which no server would be sent."""
    number = float(text)
    if not isfinite(number):
        raise ValueError(f"the number {text[:20]} is too large")
    return number


def apply_setting(raw: dict[str, Any], setting: str) -> str:
    """Put one `path.to.key=VALUE` of the command line into the raw config, JSON or else plain text;
    returns the top-level key.
    """
    path, equals, text = setting.partition("=")
    if not equals or not path:
        raise ConfigError([f"--set {setting}: expected KEY=VALUE, for example total_tokens=600"])
    try:
        value = json.loads(text, parse_constant=str, parse_float=finite)  # text, as NaN is no JSON
    except (ValueError, RecursionError) as error:
        if text.startswith(("[", "{", '"')):
            raise ConfigError([f"--set {setting}: the value is not JSON: {error}"]) from error
        value = text
    top, *rest = path.split(".")
    if rest and top not in raw and top in KEYS:
        raw[top] = value_left_out(top, raw)
    holder: Any = raw
    for name, following in zip([top, *rest], rest, strict=False):
        try:
            holder = holder[int(name)] if isinstance(holder, list) else holder.setdefault(name, {})
        except (ValueError, IndexError, AttributeError) as error:
            raise ConfigError([f"--set {setting}: there is no place {name}.{following}"]) from error
    last = rest[-1] if rest else top
    try:
        if isinstance(holder, list):
            holder[int(last)] = value
        else:
            holder[last] = value
    except (ValueError, IndexError, TypeError) as error:
        raise ConfigError([f"--set {setting}: there is no place {last}"]) from error
    return top
