"""What each process does in the races of ``tests/integration/test_issue_codes.py``; a module, to be sent to them."""

from __future__ import annotations

from datetime import UTC, datetime
from multiprocessing.queues import Queue
from multiprocessing.synchronize import Barrier
from typing import Any

from registry.domain.errors import Conflict, InvalidMove
from registry.services.assets import NewAsset, register_asset
from registry.services.codes import issue_codes
from registry.services.tags import bind_tag
from registry.storage.database import open_database, writing

NOW = datetime(2026, 3, 2, 4, 0, tzinfo=UTC)
COVER = NewAsset(division="320508", class_code="0102", lon=120.6, lat=31.3)
WAIT_S = 60


def issue(url: str, start: Barrier, answers: Queue[Any], calls: int, each: int) -> None:
    """Take ``each`` codes of class 0101, ``calls`` times; answers the batches."""
    engine = open_database(url)
    taken = []
    start.wait(WAIT_S)
    for _ in range(calls):
        with writing(engine) as tx:
            taken.append(issue_codes(tx, "320508", "0101", each))
    answers.put(taken)


def register_and_bind(url: str, start: Barrier, answers: Queue[Any], tokens: list[str]) -> None:
    """Register a cover for each plate and bind it, both or neither; answers ({token: asset id}, times refused)."""
    engine = open_database(url)
    bound, refused = {}, 0
    start.wait(WAIT_S)
    for token in tokens:
        try:
            with writing(engine) as tx:
                asset_id = register_asset(tx, COVER, now=NOW)
                bind_tag(tx, token, asset_id, now=NOW)
            bound[token] = asset_id
        except (InvalidMove, Conflict):
            refused += 1
    answers.put((bound, refused))
