"""Answers that are kept for seconds: made once, however many ask, and never more of them than fit."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from threading import Event

from dashboards.board_answering import KeptAnswers

PATIENCE_S = 20.0


def test_who_asks_while_an_answer_is_made_gets_the_same_one():
    kept, begun, go_on = KeptAnswers(), Event(), Event()
    made: list[bytes] = []

    def make() -> tuple[bytes, float | None]:
        made.append(b"%d" % len(made))
        begun.set()
        assert go_on.wait(PATIENCE_S)
        return made[-1], 1.0

    with ThreadPoolExecutor(3) as pool:
        first = pool.submit(kept.made, b"open", make)
        assert begun.wait(PATIENCE_S)
        others = [pool.submit(kept.made, b"open", make) for _ in range(2)]
        assert kept.made(b"closed", lambda: (b"of another question", 1.0)) == b"of another question"
        go_on.set()
        assert {each.result() for each in (first, *others)} == {b"0"}
    assert made == [b"0"]


def test_a_problem_is_told_to_each_and_kept_for_nobody():
    kept = KeptAnswers()
    assert kept.made(b"open", lambda: (b"the store is away", None)) == b"the store is away"
    assert kept.made(b"open", lambda: (b"12", 1.0)) == b"12"
    assert kept.made(b"open", lambda: (b"13", 1.0)) == b"12"


def test_the_oldest_answers_give_way_when_there_are_too_many():
    kept = KeptAnswers(most_bytes=12)
    for key in (b"a", b"b", b"c"):
        kept.put(key, b"12345", 1.0)
    assert [kept.get(key) for key in (b"a", b"b", b"c")] == [None, b"12345", b"12345"]
