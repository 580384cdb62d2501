"""The first design (v0): one model writes a whole dialogue in one long generation, both speakers.

    python -m v0.generate                               the embedded skye, all three modes
    python -m v0.generate configs/llama-server.json     a llama-server
    python -m v0.generate --table                       measure the table of v0/README.md again

The prompt is the config's opening in the model's chat template, once; the sampler is the
assistant's without its stop strings. Who speaks next is for the model to write. It knows no server
but llama-server, where special tokens can be asked into the text.
Exit codes: 0 done, 1 the server failed, 2 the config was wrong, 130 interrupted.
"""

from __future__ import annotations

import argparse
import logging
import sys
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from broken_record.config.load import load
from broken_record.config.schema import Config
from broken_record.conversation.prompts import render
from broken_record.engines.registry import check_engines
from broken_record.errors import ConfigError, ParrotError, RequestRefused
from broken_record.terminal import escape_controls
from v0.turns import (
    COLUMNS,
    MODES,
    Generation,
    cut_turns,
    figures,
    find_markers,
    render_probe,
)  # fmt: skip

if TYPE_CHECKING:
    from broken_record.engines.llama_server import LlamaServer

log = logging.getLogger("v0")
README = Path(__file__).with_name("README.md")
BEGIN, END = "<!-- figures: begin -->", "<!-- figures: end -->"
SEEDS = (1, 2, 3)


def make_parser() -> argparse.ArgumentParser:
    """Every option with its help text, which is the text of v0/README.md too (`make docs`)."""
    parser = argparse.ArgumentParser(
        prog="python -m v0.generate",
        description="Let one model write a whole dialogue in one long generation.",
    )
    add = parser.add_argument
    add("config", nargs="?", type=Path, default=Path("config.json"), metavar="CONFIG",
        help="opening, api_url, sampler, total_tokens (default: config.json)")  # fmt: skip
    add("--set", action="append", default=[], metavar="KEY=VALUE", dest="settings",
        help="set a config value, JSON or plain text: --set total_tokens=1000; "
        "may be repeated")  # fmt: skip
    add("--mode", action="append", choices=MODES, metavar="MODE",
        help=f"this mode only, of {', '.join(MODES)}; may be repeated")  # fmt: skip
    add("--seed", type=int, default=1, metavar="N", help="the sampler's seed (default: 1)")
    add("-o", "--output", type=Path, default=Path("v0.html"), metavar="FILE",
        help="the page to write (default: v0.html)")  # fmt: skip
    add("--table", action="store_true",
        help="measure the table of v0/README.md on the embedded models again and write it into "
        "that file, and stop; 7 minutes")  # fmt: skip
    return parser


def generate(config: Config, mode: str, seed: int, show: Callable[[str], object]) -> Generation:
    """One dialogue of `total_tokens` from one model; its text goes to `show` as it comes.

    To go on behind an end token, the prompt and all that was written, the end token included, are
    sent again, and nothing else: no header tells the model whose turn it is. An embedded server is
    started for each run, so that a seed gives the same text again.
    """
    from broken_record.conversation.converse import take_sides, turn_seed
    from broken_record.engines.connect import connect
    from broken_record.engines.llama_server import LlamaServer
    from broken_record.engines.retry import patience_of

    one = replace(config, user_api_url=config.api_url, user_api_key_env=config.api_key_env,
                  user_engine=config.engine, user_tokenizer=None)  # fmt: skip
    with connect(one, patience_of(config)) as engines:
        side, _ = take_sides(one, *engines)
        server = side.engine
        if not isinstance(server, LlamaServer):
            raise RequestRefused(f"{config.api_url}: expected a llama-server, found another engine")
        tokenize = partial(pieces, server)
        parts = render_probe(side.template)
        markers = find_markers(parts, tokenize, server.props.get("eos_token"))
        sampler = {name: value for name, value in side.sampler.items() if name != "stop"}
        sampler |= {"preserved_tokens": tokenize("".join(parts)), "ignore_eos": mode == "ban"}
        prompt = render(side.template, config.conversation)
        text, tokens, requests = "", 0, 0
        while tokens < config.total_tokens:
            left = config.total_tokens - tokens
            for chunk in server.stream(
                prompt + text, max_tokens=left, sampler=sampler, seed=turn_seed(seed, requests)
            ):
                text += chunk.text
                show(chunk.text.replace(markers.end, markers.end + "\n"))
            requests += 1
            tokens += chunk.usage.tokens or left  # who does not count is asked only once
            if mode != "ignore" or chunk.finish_reason == "length":
                break
            if not text.endswith(markers.end):  # it ended with an end token that it does not show
                text += markers.end
        turns = tuple(
            replace(said, tokens=tuple(tokenize(said.text))) for said in cut_turns(text, markers)
        )
        return Generation(mode, turns, tokens, side.info.model or "unknown")


def pieces(server: LlamaServer, text: str) -> list[str]:
    r"""The tokens of a text; parts of a character are shown as `\xe2`."""
    body = {"content": text, "parse_special": True, "with_pieces": True}
    found = [token["piece"] for token in server.wire.ask("POST", "/tokenize", body)["tokens"]]
    return [p if isinstance(p, str) else bytes(p).decode(errors="backslashreplace") for p in found]


def measure_table(config: Config) -> str:
    """Both embedded models, every mode, every seed: the table of v0/README.md, in Markdown."""
    rows = [["model", "mode", *COLUMNS], ["---"] * (2 + len(COLUMNS))]
    for name in ("skye", "mark"):
        for mode in MODES:
            asked = replace(config, api_url=f"embedded:{name}")
            rows.append([name, mode, *figures([
                generate(asked, mode, seed, lambda text: None) for seed in SEEDS
            ])])  # fmt: skip
            log.info("%s", "  ".join(rows[-1]))
    seeds = ", ".join(map(str, SEEDS))
    about = f"Seeds {seeds}, added up; at most {config.total_tokens:,} tokens a run."
    return "\n".join(f"| {' | '.join(row)} |" for row in rows) + f"\n\n{about}"


def main(arguments: list[str] | None = None) -> int:
    options = make_parser().parse_args(arguments)
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    sys.stdout.reconfigure(encoding="utf-8", errors="backslashreplace")  # type: ignore[union-attr]
    try:
        config = load(options.config, options.settings).config
        check_engines(config, str(options.config))
        if options.table:
            before, _, rest = README.read_text(encoding="utf-8").partition(BEGIN)
            text = f"{before}{BEGIN}\n{measure_table(config)}\n{END}{rest.partition(END)[2]}"
            README.write_text(text, encoding="utf-8")
            return 0
        generations = []
        for mode in options.mode or MODES:
            print(f"=== {mode}: {MODES[mode]} ===")
            generations.append(generate(config, mode, options.seed, show))
            print("\n")
            for name, value in zip(COLUMNS, figures(generations[-1:]), strict=True):
                print(f"{name:24}{value:>8}")
            print()
        from v0.page import make_page

        about = (
            f"{generations[0].model} at {config.api_url}, seed {options.seed}, "
            f"at most {config.total_tokens:,} tokens"
        )
        options.output.write_text(make_page(generations, about), encoding="utf-8")
        log.info("Wrote %s", options.output)
    except ConfigError as error:
        log.error("%s", "\n".join(error.problems))
        return 2
    except ParrotError as error:
        log.error("\n%s", escape_controls(str(error)))
        return 1
    except BrokenPipeError:
        sys.stderr.close()
        return 0
    except OSError as error:
        log.error("%s: cannot be written: %s", error.filename, error.strerror)
        return 1
    except KeyboardInterrupt:
        return 130
    return 0


def show(text: str) -> None:
    """Model text to stdout at once, its control characters escaped."""
    print(escape_controls(text), end="", flush=True)


if __name__ == "__main__":
    sys.exit(main())
