"""The whole city in figures for the monitoring: few statements, whatever the city has grown to."""

from __future__ import annotations

from datetime import datetime

import msgspec
from sqlalchemy import Engine, func, select

from registry.queries.health import CabinetHealth, cabinets
from registry.queries.overview import Overview, overview
from registry.storage.database import reading
from registry.storage.tables import dead_letter, lease

_WORKER = "worker"


class CityFigures(msgspec.Struct, frozen=True, kw_only=True):
    """``letters``: dead letters on file by reason. ``worker_until``: when the worker's lease ends (None: none ever)."""

    overview: Overview
    cabinets: list[CabinetHealth]
    letters: dict[str, int]
    worker_until: datetime | None


def city_figures(engine: Engine, *, now: datetime) -> CityFigures:
    """The figures of this moment."""
    with reading(engine) as tx:
        counted = tx.execute(select(dead_letter.c.reason, func.count()).group_by(dead_letter.c.reason)).all()
        until = tx.execute(select(lease.c.until).where(lease.c.name == _WORKER)).scalar()
    return CityFigures(
        overview=overview(engine, now=now),
        cabinets=cabinets(engine, now),
        letters={str(reason): int(letters) for reason, letters in counted},
        worker_until=until,
    )


def worker_until(engine: Engine) -> datetime | None:
    """When the worker's lease ends; None: nobody has taken it."""
    with reading(engine) as tx:
        return tx.execute(select(lease.c.until).where(lease.c.name == _WORKER)).scalar()
