"""The series from the shell: moving history from one store to another."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path

from operate.processes import city, open_store
from registry.domain.errors import InvalidInput
from registry.storage.series.copying import Copied, copy_series


def copy(config: Path | None, source: str, target: str, *, tell: Callable[[int, int], None] | None) -> Copied:
    """Copy every reading and count both stores; interrupted, it goes on when it is run again.

    ``source`` and ``target`` are addresses as ``records.series`` takes them; empty: the store of the settings.
    """
    place = city(config)
    own = place.settings.records.series
    addresses = (source or own, target or own)
    if addresses[0] == addresses[1]:
        raise InvalidInput("to", f"is the store to copy from ({addresses[0]}); name another one")
    stores = [open_store(place, address) for address in addresses]
    try:
        return copy_series(stores[0], stores[1], clock=lambda: datetime.now(UTC), tell=tell or (lambda *_: None))
    finally:
        for store in stores:
            store.close()


def said(done: Copied, *, as_json: bool) -> Iterator[str]:
    """What a copy did, for a person or as one JSON object."""
    if as_json:
        yield json.dumps(asdict(done))
        return
    yield f"{done.copied} readings and {done.slots} roll-ups of {done.points} points copied"
    yield f"counted afterwards: {done.source_readings} where they come from, {done.target_readings} where they go"
    if done.refused:
        yield f"{done.refused} were refused: {done.reason}"
    if not done.missing:
        yield "nothing is missing: set records.series to the new store and start the city's processes again"
        return
    yield f"{done.missing} are MISSING (if some came meanwhile, run it again), for example:"
    for point_id, day_ms, lacks in done.short:
        yield f"  point {point_id} on {datetime.fromtimestamp(day_ms / 1000, UTC):%Y-%m-%d}: {lacks}"
