"""The limits that parrot holds strangers to, each with its reason: the table of docs/security.md.

python -m tests.limits            prints it
python -m tests.limits --write    puts it into the page
"""

from __future__ import annotations

import argparse
import re
import sys
from pathlib import Path

from broken_record.config.card_png import MOST_BYTES
from broken_record.config.cards import LONGEST_NAME, LONGEST_TEXT
from broken_record.config.checks import MOST, MOST_SECONDS
from broken_record.config.personas import MOST_COMBINATIONS
from broken_record.data import LARGEST
from broken_record.engines.limits import LIMITS as OF_SERVERS
from broken_record.engines.wire import CONNECT_TIMEOUT_S
from broken_record.files.record_lines import MOST_MESSAGES
from broken_record.files.run_folder import MOST_DIALOGUES

PAGE = Path(__file__).parents[1] / "docs" / "security.md"
DIGITS = getattr(sys, "get_int_max_str_digits", lambda: 4300)()
LIMITS = (
    ("connecting to a server", f"{CONNECT_TIMEOUT_S:g} s",
     "a server that is there answers sooner; the wait for a reply is the config's `timeout_s`"),
    *((limit.of, str(limit), limit.reason) for limit in OF_SERVERS),
    ("times in a config", f"{MOST_SECONDS // 86_400} days",
     "sockets and threads take no infinite ones"),
    ("whole numbers in a config", f"{MOST:,}", "what a server's integers hold"),
    ("counts in a record, and thresholds", f"{LARGEST:,}",
     "up to here every JSON reader takes whole numbers for what they are"),
    ("digits of a number in JSON", f"{DIGITS:,}", "Python's own; more take quadratic time"),
    ("brackets in brackets in JSON", "about 1,000", "Python's own; a deeper value ends the stack"),
    ("index of a turn in a record", f"below {MOST_MESSAGES:,}",
     "the detectors keep tables as long as it is large: 10 MB each"),
    ("dialogues of a run, or of a goal in it", f"{MOST_DIALOGUES:,}",
     "all are listed before one begins"),
    ("combinations of features of personas", f"{MOST_COMBINATIONS:,}",
     "the width of their numbers is a part of a file's name"),
    ("a card, its picture, and what is unpacked of it", f"{MOST_BYTES // 2**20} MiB",
     "an avatar is a few MB; a compressed text may be a bomb"),
    ("a text of a card", f"{LONGEST_TEXT:,} characters", "no model's context holds more"),
    ("a name of a card", f"{LONGEST_NAME} characters", "it stands wherever {{char}} does"),
)  # fmt: skip


def table() -> str:
    rows = [f"| {what} | {limit} | {reason} |" for what, limit, reason in LIMITS]
    return "\n".join(["| of | at most | because |", "|---|---|---|", *rows]) + "\n"


def renewed(page: str) -> str:
    """The page with today's table."""
    made = f"<!-- limits -->\n\n{table()}\n<!-- /limits -->"
    return re.sub(r"<!-- limits -->.*<!-- /limits -->", lambda match: made, page, flags=re.DOTALL)


def main() -> None:
    parser = argparse.ArgumentParser(description="the table of limits in docs/security.md")
    parser.add_argument("--write", action="store_true", help="put it into the page")
    if parser.parse_args().write:
        PAGE.write_text(renewed(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
    else:
        print(table())


if __name__ == "__main__":
    main()
