"""Eight processes issue codes and bind blank plates at the same moment: no code twice, none lost, each plate once."""

from __future__ import annotations

import multiprocessing
import random
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

import pytest
from sqlalchemy import Engine, select

from registry.services.assets import register_asset
from registry.services.tags import print_blank_tags
from registry.storage.database import open_database, reading, writing
from registry.storage.tables import asset, audit, code_counter, tag, tag_event
from tests.code_race import COVER, NOW, WAIT_S, issue, register_and_bind

PROCESSES, CALLS, EACH = 8, 25, 7
BINDS_EACH = 25
"""Every process tries to bind each of this many plates, in an order of its own."""


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.network)])
def url(request: pytest.FixtureRequest) -> str:
    """The address of a database with all tables and the shipped classes."""
    return str(request.getfixturevalue(f"filled_{request.param}_url"))


def all_at_once(work: Callable[..., None], url: str, arguments: Sequence[tuple[Any, ...]]) -> list[Any]:
    """Let one process for each of ``arguments`` do ``work`` from the same moment on; what each of them answered."""
    # forked from a process that has imported everything: eight interpreters that start one by one don't race
    processes = multiprocessing.get_context("forkserver")
    processes.set_forkserver_preload(["tests.code_race"])
    start, answers = processes.Barrier(len(arguments)), processes.Queue()
    racing = [processes.Process(target=work, args=(url, start, answers, *more)) for more in arguments]
    for process in racing:
        process.start()
    given = [answers.get(timeout=2 * WAIT_S) for _ in racing]
    for process in racing:
        process.join(WAIT_S)
    assert [process.exitcode for process in racing] == [0] * len(racing)
    return given


def test_concurrent_processes_never_get_the_same_code(url: str):
    answers = all_at_once(issue, url, [(CALLS, EACH)] * PROCESSES)
    batches = [batch for answer in answers for batch in answer]
    codes = [code for batch in batches for code in batch]
    assert sorted(codes) == [f"3205080101{serial:06d}" for serial in range(1, PROCESSES * CALLS * EACH + 1)]
    for batch in batches:
        assert batch == [str(int(batch[0]) + step) for step in range(EACH)]


def test_eight_processes_bind_each_blank_plate_once_and_every_code_has_its_asset(url: str):
    engine = open_database(url)
    with writing(engine) as tx:
        register_asset(tx, COVER, now=NOW)
        tokens = print_blank_tags(tx, BINDS_EACH, now=NOW, rng=random.Random(7))
    orders = [random.Random(number).sample(tokens, len(tokens)) for number in range(PROCESSES)]
    answers = all_at_once(register_and_bind, url, [(order,) for order in orders])
    bound = [pair for won, _ in answers for pair in won.items()]
    assert Counter(token for token, _ in bound) == Counter(tokens)
    assert sum(refused for _, refused in answers) == (PROCESSES - 1) * BINDS_EACH
    assert_the_records_agree(engine, dict(bound))
    engine.dispose()


def assert_the_records_agree(engine: Engine, bound: dict[str, int]) -> None:
    with reading(engine) as tx:
        tags = tx.execute(select(tag.c.token, tag.c.asset_id, tag.c.state)).all()
        codes = list(tx.execute(select(asset.c.code)).scalars())
        last = tx.execute(select(code_counter.c.last_serial)).scalar_one()
        events = Counter(tx.execute(select(tag_event.c.event)).scalars())
        entries = Counter(tx.execute(select(audit.c.action)).scalars())
    assert {row.token: row.asset_id for row in tags} == bound
    assert {row.state for row in tags} == {"active"}
    # whoever came too late gave its code back with everything else, so no number is missing
    assert sorted(codes) == [f"3205080102{serial:06d}" for serial in range(1, BINDS_EACH + 2)]
    assert last == BINDS_EACH + 1
    assert events == {"issued": BINDS_EACH, "bound": BINDS_EACH}
    assert entries == {"tag.bind": BINDS_EACH}
