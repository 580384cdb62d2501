"""Tokenizers by name, where nobody reaches the hub."""

from __future__ import annotations

import os
import subprocess
import sys

from tests.test_parrot import ROOT

LOAD = """
from broken_record.engines.tokenizer_template import load_tokenizer_template
from broken_record.errors import TemplateRefused
try:
    load_tokenizer_template("nobody/nothing")
except TemplateRefused as error:
    print(error)
"""


def test_a_name_that_no_hub_can_be_asked_for_is_refused_at_once_in_one_line(tmp_path):
    done = subprocess.run(
        [sys.executable, "-c", LOAD], cwd=ROOT, capture_output=True, text=True, timeout=60,
        env={**os.environ, "HF_ENDPOINT": "http://127.0.0.1:1", "HF_HOME": str(tmp_path)},
    )  # fmt: skip
    assert done.stdout.count("\n") == 1 and "Retrying" not in done.stderr
    assert done.stdout.startswith('tokenizer "nobody/nothing" cannot be loaded: ')
