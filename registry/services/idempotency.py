"""Doing once what is sent twice: the answer to a write that carried an Idempotency-Key, kept for two days.

The order is claim, do, keep. The claim is committed before anything is done, so that of two requests with one key
exactly one does it, in whatever process; the answer is committed after the service's own transaction. What a crash
between the two leaves is a claim without an answer: nobody can tell whether the work was committed, so the same
key is refused from then on (``OutcomeUnknown``) and the sender must look. Doing it again could do it twice; that is the
one thing a key is for. A refusal keeps its answer too, since it is the answer to that request. A failure (the database
is away, a fault of ours, "too many at once") is no answer: where it committed nothing it gives the claim back, so that
the same request may succeed later; where some of it was committed it is kept, and the sender must look.

Keys belong to the person who sends them: nobody finds somebody else's answer by guessing a key.
"""

from __future__ import annotations

from datetime import datetime, timedelta

import msgspec
from sqlalchemy import ColumnElement, Engine, and_, delete, insert, select, tuple_, update

from registry.domain.errors import Conflict, InvalidInput
from registry.storage.database import commits, reading, writing
from registry.storage.tables import answered_key

KEPT = timedelta(hours=48)
# A request that runs longer than this was cut off by the web server, or its process died.
LONGEST_REQUEST = timedelta(minutes=5)
LONGEST_KEY = 80
_IN_A_BATCH = 1000


class KeptAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """What was answered; ``body`` is text."""

    status: int
    media_type: str
    location: str
    etag: str
    body: str


class StillRunning(Conflict):
    """The first request with this key has not been answered yet: ask again in a moment, with the same key."""


class OutcomeUnknown(Conflict):
    """The first request with this key was cut off; whether it was done must be looked up, then a new key be used."""


def claim(engine: Engine, *, user_id: int, key: str, request_hash: str, now: datetime) -> KeptAnswer | None:
    """Take ``key`` for a request; None: it is new, do it. Otherwise the answer to the same request, sent before.

    Raises ``InvalidInput`` for a key that is none or was used for another request, ``StillRunning`` and
    ``OutcomeUnknown``.
    """
    check_key(key)
    try:
        with writing(engine) as tx:
            tx.execute(insert(answered_key).values(user_id=user_id, key=key, request_hash=request_hash, at=now))
    except Conflict:
        return _earlier(engine, user_id=user_id, key=key, request_hash=request_hash, now=now)
    return None


def check_key(key: str) -> str:
    """``key`` if it can be one. Raises ``InvalidInput`` otherwise."""
    if not (1 <= len(key) <= LONGEST_KEY and key.isascii() and key.isprintable()):
        raise InvalidInput(
            "Idempotency-Key", "must be 1 to {most} printable ASCII characters; a UUID is usual", most=LONGEST_KEY
        )
    return key


def keep_answer(engine: Engine, answer: KeptAnswer, *, user_id: int, key: str, now: datetime) -> None:
    """Keep what was answered, for the same request sent again."""
    with writing(engine) as tx:
        tx.execute(update(answered_key).where(_is(user_id, key)).values(**msgspec.structs.asdict(answer), at=now))


def work_done() -> int:
    """A mark that differs from an earlier one of the same request once something was committed between the two."""
    return commits()


def give_back(engine: Engine, *, user_id: int, key: str) -> None:
    """Forget the claim: nothing was done, and the same key may be tried again."""
    with writing(engine) as tx:
        tx.execute(delete(answered_key).where(_is(user_id, key), answered_key.c.status.is_(None)))


def clean_answers(engine: Engine, *, now: datetime) -> int:
    """Forget what is older than two days, in small transactions; answers how many."""
    both = tuple_(answered_key.c.user_id, answered_key.c.key)
    oldest = select(answered_key.c.user_id, answered_key.c.key).where(answered_key.c.at < now - KEPT)
    removed = 0
    while True:
        with writing(engine) as tx:
            step = tx.execute(
                delete(answered_key).where(both.in_(oldest.order_by(answered_key.c.at).limit(_IN_A_BATCH)))
            ).rowcount
        removed += step
        if step < _IN_A_BATCH:
            return removed


def _earlier(engine: Engine, *, user_id: int, key: str, request_hash: str, now: datetime) -> KeptAnswer:
    with reading(engine) as tx:
        row = tx.execute(select(answered_key).where(_is(user_id, key))).mappings().one_or_none()
    if row is None:
        raise StillRunning("the first request with this Idempotency-Key is just ending; send it again")
    if row["request_hash"] != request_hash:
        raise InvalidInput("Idempotency-Key", "was used for another request; use a new key for a new request")
    if row["status"] is None:
        if now - row["at"] > LONGEST_REQUEST:
            raise OutcomeUnknown(
                "the first request with this Idempotency-Key was cut off before its answer was kept; "
                "look whether it was done, and use a new key"
            )
        raise StillRunning("the first request with this Idempotency-Key is still being answered; ask again in a moment")
    return KeptAnswer(**{name: row[name] for name in KeptAnswer.__struct_fields__})


def _is(user_id: int, key: str) -> ColumnElement[bool]:
    return and_(answered_key.c.user_id == user_id, answered_key.c.key == key)
