from __future__ import annotations

import itertools
import math

from firmware_sim.chance import bell, key_of, uniform, wander


def test_the_same_parts_give_the_same_key_on_every_machine():
    assert key_of(7, "CV-000001") == 0x91B88288A0B88F81
    assert key_of(7, "CV-000001") != key_of(8, "CV-000001")
    assert key_of("ab", "c") != key_of("a", "bc")


def test_draws_depend_on_nothing_but_key_stream_and_tick():
    first = [uniform(1, 2, tick) for tick in range(100)]
    again = [uniform(1, 2, tick) for tick in reversed(range(100))]
    assert first == list(reversed(again))
    assert len({*first, uniform(2, 2, 0), uniform(1, 3, 0)}) == 102
    assert all(0.0 <= draw < 1.0 for draw in first)


def test_noise_has_mean_zero_and_deviation_one_and_no_tail():
    draws = [bell(5, 1, tick) for tick in range(20_000)]
    mean = sum(draws) / len(draws)
    deviation = math.sqrt(sum((draw - mean) ** 2 for draw in draws) / len(draws))
    assert abs(mean) < 0.03
    assert abs(deviation - 1.0) < 0.03
    assert max(map(abs, draws)) <= 2 * math.sqrt(3.0)


def test_a_walk_is_smooth_and_stays_between_zero_and_one():
    walk = [wander(9, 1, t / 10, 5.0) for t in range(5000)]
    assert all(0.0 <= place <= 1.0 for place in walk)
    assert max(abs(b - a) for a, b in itertools.pairwise(walk)) < 0.04
    assert max(walk) - min(walk) > 0.6
