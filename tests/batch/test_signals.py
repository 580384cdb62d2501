"""Signals at seeded moments of a batch, its start included: benchmarks/signals.py says how."""

from __future__ import annotations

import pytest

from benchmarks.signals import disturb, left_over, moments

STARTUP_S, WHOLE_S = 1.5, 4.0


@pytest.mark.parametrize(("first", "count"), [(0, 6), pytest.param(6, 194, marks=pytest.mark.slow)])
def test_a_signal_at_any_moment_leaves_no_process_and_a_run_that_can_be_completed(
    first, count, tmp_path
):
    tried = moments(first + count, 1, STARTUP_S, WHOLE_S)[first:]
    for k, moment in enumerate(tried):
        folder = tmp_path / str(k)
        folder.mkdir()
        trial = disturb(folder, moment)
        assert (moment, trial.faults, left_over(trial)) == (moment, [], [])
