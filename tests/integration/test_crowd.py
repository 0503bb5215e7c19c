"""Eight people who go for the same few cases at once, through the real server on PostgreSQL: no move is lost.

The long form, fifty people for a while, is ``covercode bench crowd``.
"""

from __future__ import annotations

from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from random import Random

import pytest

from benchmarks._crowd_city import found_city
from benchmarks._crowd_judge import FAULTS, judge
from benchmarks._crowd_people import Person, Play, all_at_once
from benchmarks._crowd_sensors import murmur
from benchmarks.crowd import site
from registry.storage.database import open_database

pytestmark = pytest.mark.network

PATIENCE_S = 300.0


def test_every_answered_move_is_in_the_timeline_once_and_no_refused_one_is(postgres_url: str, tmp_path: Path):
    with site(tmp_path, postgres_url, worker=False) as running:
        engine = open_database(postgres_url)
        city = found_city(engine, people=8, cases=12, hot=2, seed=5)
        people = [Person(who=who, city=city, port=running.port, rng=Random(who.user_id)) for who in city.people]
        play = Play(port=running.port, lasts_s=PATIENCE_S, pause_s=0, seed=5, name="test", acts=3, hot=0.6, twice=0.5)
        with ThreadPoolExecutor(1) as pool:
            news = pool.submit(murmur, postgres_url, city, lasts_s=2.0, per_s=20.0, seed=5)
            all_at_once(people, Person.sign_in)
            all_at_once(people, lambda person: person.work(play))
            assert set(news.result(PATIENCE_S)) <= {"written", "refused"}
        for person in people:
            person.leave()
        attempts = [attempt for person in people for attempt in person.attempts]
        outcomes = Counter(attempt.outcome for attempt in attempts)
        assert judge(engine, attempts) == dict.fromkeys(FAULTS, 0), outcomes
        assert outcomes["done"]
        assert outcomes["changed"]
        engine.dispose()
