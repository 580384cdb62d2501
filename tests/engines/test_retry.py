"""How long is waited between the tries of one request, by a clock of our own."""

from __future__ import annotations

from broken_record.engines.retry import Patience


def waits_of(**patience):
    """What is waited until patience is at its end; only waiting takes time."""
    waited: list[float] = []
    tries = Patience(sleep=waited.append, clock=lambda: sum(waited), **patience).begin()
    while tries.wait():
        assert len(waited) == tries.failed
    return waited


def test_waits_double_up_to_the_longest_and_lose_up_to_half_by_chance():
    waited = waits_of(tries=9, seconds=1000.0)
    full = [0.5, 1, 2, 4, 8, 10, 10, 10]
    assert all(whole / 2 <= wait <= whole for wait, whole in zip(waited, full, strict=True))


def test_tries_end_by_their_number_or_before_their_time_is_up():
    assert waits_of(tries=1) == [] == waits_of(tries=None, seconds=0)
    assert len(waits_of()) == 2
    waited = waits_of(tries=None, seconds=60.0)
    assert 50 <= sum(waited) <= 60


def test_a_server_is_left_alone_as_long_as_it_asks_if_patience_lasts():
    waited: list[float] = []
    tries = Patience(sleep=waited.append, clock=lambda: sum(waited)).begin()
    assert tries.wait(15.0) and waited == [15.0]
    assert not tries.wait(15.0) and waited == [15.0]


def test_patience_of_a_day_outlasts_two_thousand_failures():
    assert len(waits_of(tries=None, seconds=86_400.0)) > 2000
