"""What the scripts say of a command line that is wrong: the answer in the first line."""

from __future__ import annotations

import pytest

import analyze
import parrot
import view
from broken_record.batch import launch


@pytest.mark.parametrize(
    ("main", "words", "said"),
    [
        (parrot.main, ["--doctr"], "unknown option --doctr; did you mean --doctor?"),
        (parrot.main, ["--sed=3"], "unknown option --sed=3; did you mean --seed?"),
        (parrot.main, ["--zzz"], "unknown option --zzz"),
        (parrot.main, ["a.json", "b.json"], "too many names, from b.json"),
        (parrot.main, ["--rec\x1b[2J"], r"unknown option --rec\x1b[2J"),
        (analyze.main, ["RUN", "--ony", "refusal"], "unknown option --ony; did you mean --only?"),
        (analyze.main, [], "the following arguments are required: RUN"),
        (view.main, ["RUN", "--liev"], "unknown option --liev; did you mean --live?"),
        (launch.main, ["3", "--swep", "a"], "unknown option --swep; did you mean --sweep?"),
    ],
)
def test_a_wrong_option_is_answered_in_the_first_line(main, words, said, capsys):
    with pytest.raises(SystemExit) as ended:
        main(words)
    first, second = capsys.readouterr().err.splitlines()
    assert ended.value.code == 2
    assert first.partition(": ")[2] == said
    assert second.startswith("all options: ") and second.endswith(" --help")
