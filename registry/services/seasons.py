"""Seasons: the shipped ones put in place once, their dates, and the switch. Changes are audited and can be undone."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, tzinfo
from typing import Any

import msgspec
from sqlalchemy import Connection, Engine, insert, select, update

from registry.domain.deadlines import CHINA_TIME
from registry.domain.errors import InvalidInput, InvalidMove, NotFound
from registry.domain.kinds import SeasonSwitch
from registry.domain.people import Actor
from registry.domain.seasons import SHIPPED_SEASONS, Season, in_force, read_day
from registry.services import audit
from registry.services.revisions import bump
from registry.shapes import shaped
from registry.storage.database import writing
from registry.storage.tables import season

_RULES = "rules"
_UNDOABLE = ("switch", "starts", "ends")


def install_shipped_seasons(tx: Connection) -> int:
    """Add the shipped seasons that the city does not have yet; answers how many. Those that people changed stay."""
    known = set(tx.scalars(select(season.c.key)))
    # limits: only the previous release reads them there; now they stand in the case standard
    shipped = (msgspec.to_builtins(season) | {"limits": {}} for season in SHIPPED_SEASONS)
    missing = [each for each in shipped if each["key"] not in known]
    if missing:
        tx.execute(insert(season), missing)
        bump(tx, _RULES)
    return len(missing)


def all_seasons(tx: Connection) -> list[Season]:
    """Every season of the city, those that count less first."""
    rows = tx.execute(select(season).order_by(season.c.priority, season.c.key)).mappings()
    return [shaped({name: row[name] for name in Season.__struct_fields__}, Season, strict=False) for row in rows]


def seasons_now(tx: Connection, *, now: datetime, zone: tzinfo = CHINA_TIME) -> tuple[Season, ...]:
    """Those in force, in the caller's transaction; ``domain.seasons`` says what they change."""
    return in_force(all_seasons(tx), at=now, zone=zone)


def switch_season(engine: Engine, key: str, switch: str, *, by: Actor, now: datetime) -> None:
    """Put it in force (``on``), out of force (``off``), or leave it to its dates (``auto``).

    Raises ``NotFound``, and ``InvalidInput`` for another word and for dates that it does not have.
    """
    if switch not in set(SeasonSwitch):
        raise InvalidInput(
            "switch", "{given!r} must be one of {known}", given=switch[:20], known=", ".join(SeasonSwitch)
        )
    with writing(engine) as tx:
        row = _row(tx, key)
        if switch == SeasonSwitch.AUTO and not (row.starts and row.ends):
            raise InvalidInput("switch", "this season has no dates yet; set them first, or switch it by hand")
        _change(tx, row, {"switch": switch}, action="season.switch", by=by, now=now)


def set_dates(engine: Engine, key: str, starts: str, ends: str, *, by: Actor, now: datetime) -> None:
    """From when to when it is in force each year while its switch is auto: MM-DD, both included; both empty: no dates.

    Raises ``NotFound``, and ``InvalidInput`` for a day that does not exist or one without the other.
    """
    first, last = read_day(starts.strip(), "starts"), read_day(ends.strip(), "ends")
    if first and not last:
        raise InvalidInput("ends", "is missing: give both days, or neither")
    if last and not first:
        raise InvalidInput("starts", "is missing: give both days, or neither")
    with writing(engine) as tx:
        row = _row(tx, key)
        if not first and row.switch == SeasonSwitch.AUTO:
            raise InvalidInput("starts", "a season that follows its dates needs them; switch it by hand first")
        _change(tx, row, {"starts": first, "ends": last}, action="season.dates", by=by, now=now)


def undo_season(engine: Engine, key: str, *, by: Actor, now: datetime) -> None:
    """Make it what it was before the last change of its switch or dates; undone again, it is as it was.

    Raises ``NotFound``, and ``InvalidMove`` where nothing was changed yet.
    """
    with writing(engine) as tx:
        row = _row(tx, key)
        if not row.before:
            raise InvalidMove("nothing was changed here that could be undone")
        before = {name: str(row.before[name]) for name in _UNDOABLE}
        _change(tx, row, before, action="season.undo", by=by, now=now)


def _row(tx: Connection, key: str) -> Any:
    row = tx.execute(select(season).where(season.c.key == key).with_for_update()).first()
    if row is None:
        raise NotFound("season", key)
    return row


def _change(tx: Connection, row: Any, values: Mapping[str, str], *, action: str, by: Actor, now: datetime) -> None:
    """Write ``values``, remember what was, and let intake load the rules anew; nothing where nothing changes."""
    was = {name: str(getattr(row, name)) for name in _UNDOABLE}
    changes = {name: [was[name], value] for name, value in values.items() if was[name] != value}
    if not changes:
        return
    stamp = {"switched_at": now, "switched_by": by.user_id, "before": was}
    tx.execute(update(season).where(season.c.key == row.key).values(**values, **stamp))
    bump(tx, _RULES)
    audit.record(tx, by=by, action=action, subject=f"season:{row.key}", detail={"changes": changes}, now=now)
