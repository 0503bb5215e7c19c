"""Several steps of the registry as one: all of them or none. For callers that may not open the records themselves."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

from sqlalchemy import Connection, Engine
from sqlalchemy.exc import IntegrityError

from registry.domain.errors import Conflict, DomainError
from registry.storage.database import reading, writing

Done = TypeVar("Done")


def in_transaction(engine: Engine, step: Callable[[Connection], Done]) -> Done:
    """What ``step`` answers, once it is committed; nothing is written when it raises.

    Raises what ``step`` raises, ``Conflict`` and ``StoreDown``.
    """
    with writing(engine) as tx:
        return step(tx)


def in_one_view(engine: Engine, look: Callable[[Connection], Done]) -> Done:
    """What ``look`` answers, out of one consistent view; it must write nothing. Raises ``StoreDown``."""
    with reading(engine) as tx:
        return look(tx)


def each_in_transaction(engine: Engine, steps: Sequence[Callable[[Connection], Done]]) -> list[Done | DomainError]:
    """Every step by itself within one transaction: a refused one leaves nothing behind and does not stop the others.

    Answers in the order of ``steps``. One commit for all: a thousand commits would wait for the disk a thousand times.
    """
    done: list[Done | DomainError] = []
    with writing(engine) as tx:
        for step in steps:
            try:
                with tx.begin_nested():
                    done.append(step(tx))
            except DomainError as refused:
                done.append(refused)
            except IntegrityError as error:
                done.append(Conflict(f"the database refused it: {error.orig}"))
    return done
