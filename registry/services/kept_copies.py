"""Copies in memory of what is asked often and changes seldom, loaded again when its revision says so."""

from __future__ import annotations

from collections.abc import Callable
from threading import Lock
from typing import Generic, TypeVar
from weakref import WeakKeyDictionary

from sqlalchemy import Connection
from sqlalchemy.pool import Pool

from registry.services.revisions import number

Kept = TypeVar("Kept")


class KeptCopy(Generic[Kept]):
    """One value a database, made by ``load`` and made again when the revision ``name`` was bumped.

    Not to be asked in the transaction that changes what it is made of: it would keep what may yet be taken back.
    """

    def __init__(self, name: str, load: Callable[[Connection], Kept]) -> None:
        self._name = name
        self._load = load
        # by the pool: it lives as long as the engine, also where options made another engine object of it
        self._copies: WeakKeyDictionary[Pool, tuple[int, Kept]] = WeakKeyDictionary()
        self._lock = Lock()

    def of(self, tx: Connection) -> Kept:
        """The value as it is now; one small query where nothing has changed."""
        revision = number(tx, self._name)
        with self._lock:
            found = self._copies.get(tx.engine.pool)
        if found is not None and found[0] == revision:
            return found[1]
        loaded = self._load(tx)
        with self._lock:
            self._copies[tx.engine.pool] = (revision, loaded)
        return loaded
