"""One at a time: a lease is a row that says who may act until when. Whoever dies lets go by saying nothing."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Engine, delete, select, text

from registry.storage.database import writing
from registry.storage.tables import lease
from registry.storage.times import to_ms

# One statement: taken when it is free, run out, or ours already; otherwise nothing changes and nothing comes back.
_TAKE = text(
    "INSERT INTO lease (name, holder, until) VALUES (:name, :holder, :until) "
    "ON CONFLICT (name) DO UPDATE SET holder = excluded.holder, until = excluded.until "
    "WHERE lease.holder = excluded.holder OR lease.until <= :now RETURNING holder"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """Whether the lease is ours, who has it, and until when."""

    mine: bool
    holder: str
    until: datetime


def take_lease(engine: Engine, name: str, holder: str, *, lasts: timedelta, now: datetime) -> Held:
    """Take or renew the lease ``name`` for ``holder``; answers who has it now."""
    until = now + lasts
    with writing(engine) as tx:
        wanted = {"name": name, "holder": holder, "until": to_ms(until), "now": to_ms(now)}
        if tx.execute(_TAKE, wanted).scalar() is not None:
            return Held(mine=True, holder=holder, until=until)
        other = tx.execute(select(lease).where(lease.c.name == name)).one()
        return Held(mine=False, holder=other.holder, until=other.until)


def release_lease(engine: Engine, name: str, holder: str) -> None:
    """Let go at once, so that the next one need not wait. Somebody else's lease stays."""
    with writing(engine) as tx:
        tx.execute(delete(lease).where(lease.c.name == name, lease.c.holder == holder))
