"""What a cabinet says of itself: kept as its newest state; coming and going is told to the live pages."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import msgspec
from sqlalchemy import Engine, insert, select, update

from registry.domain.errors import NotFound
from registry.domain.people import Actor
from registry.domain.repairs import AsideSaid, BusSaid, CabinetTold, SourceSaid, remember_bus
from registry.services import audit, feed
from registry.storage.database import writing
from registry.storage.tables import cabinet
from registry.storage.times import from_ms

LONGEST_FILE_NAME = 200


class RunningConfiguration(msgspec.Struct, frozen=True, kw_only=True):
    """Which configuration from the city a cabinet runs."""

    version: int


class CabinetState(msgspec.Struct, frozen=True, kw_only=True):
    """The retained state message of a cabinet; ``at`` and ``started_at`` in Unix seconds by the cabinet's own clock.

    Both are 0 while that clock is not set; ``dropped_by`` counts lost readings by lane and reason.
    """

    cabinet: str = ""
    online: bool
    at: float
    started_at: float = 0.0
    epoch: str = ""
    version: str = ""
    oldest_unsent_s: float = 0.0
    queued: int = 0
    dropped: int = 0
    dropped_by: dict[str, dict[str, int]] = {}
    undated: int = 0
    clock_set: bool = True
    clock_off_s: float = 0.0
    configuration: RunningConfiguration | None = None
    configuration_problem: str = ""
    filled: float = 0.0
    buses: list[BusSaid] = []
    sources: list[SourceSaid] = []
    set_aside: list[AsideSaid] = []

    @staticmethod
    def read(cabinet_id: str, body: bytes) -> CabinetState:
        """From the message's bytes. Raises ``ValueError`` that names the field."""
        try:
            return msgspec.structs.replace(_decoder.decode(body), cabinet=cabinet_id)
        except msgspec.DecodeError as error:
            raise ValueError(str(error)) from None


_decoder = msgspec.json.Decoder(CabinetState)
_told_decoder = msgspec.json.Decoder(CabinetTold)


def note_cabinet(engine: Engine, state: CabinetState, *, now: datetime) -> None:
    """Keep ``state``; a cabinet nobody registered is added under its own id, so that it is seen."""
    values = {
        "online": state.online,
        "state_at": min(from_ms(round(state.at * 1000)), now) if state.at > 0 else now,
        "epoch": state.epoch,
        "program_version": state.version,
        "oldest_unsent_s": state.oldest_unsent_s,
        "queued": state.queued,
        "dropped": state.dropped,
        "dropped_by": state.dropped_by,
        "undated": state.undated,
        "clock_set": state.clock_set,
        "clock_off_s": state.clock_off_s,
        "configuration_version": state.configuration.version if state.configuration is not None else 0,
        "configuration_problem": state.configuration_problem,
    }
    with writing(engine) as tx:
        before = tx.execute(
            select(cabinet.c.online, cabinet.c.online_since, cabinet.c.dropped, cabinet.c.epoch, cabinet.c.told).where(
                cabinet.c.id == state.cabinet
            )
        ).one_or_none()
        values["told"] = _told(state, before, now)
        if state.online and (before is None or not before.online):
            values["online_since"] = values["state_at"]
        elif state.online and before is not None and _started_since(state, before.online_since):
            # it went and came back while nobody here was listening
            values["online_since"] = min(from_ms(round(state.started_at * 1000)), now)
        if before is None:
            tx.execute(insert(cabinet).values(id=state.cabinet, name=state.cabinet, **values))
        else:
            if not state.online:  # a last will tells nothing but that the cabinet is gone
                values = {"online": False, "state_at": now}
            tx.execute(update(cabinet).where(cabinet.c.id == state.cabinet).values(**values))
        if before is None or before.online != state.online:
            kind = "cabinet_online" if state.online else "cabinet_offline"
            feed.publish(tx, kind, {"cabinet": state.cabinet}, now=now)


def _told(state: CabinetState, before: Any, now: datetime) -> str:
    """What repairs are judged by, out of the new word and what was kept of the words before."""
    kept = read_told(before.told) if before is not None else None
    had = before.dropped if before is not None and before.epoch == state.epoch else 0
    memories = {memory.name: memory for memory in kept.buses} if kept is not None else {}
    told = CabinetTold(
        filled=state.filled,
        dropped_at=now if state.dropped > had else kept.dropped_at if kept is not None else None,
        buses=[remember_bus(memories.get(said.name), said, now=now) for said in state.buses],
        sources=state.sources,
        set_aside=_newest_aside(state, kept),
    )
    return msgspec.json.encode(told).decode()


def _newest_aside(state: CabinetState, kept: CabinetTold | None) -> AsideSaid | None:
    """The newest damaged file that the cabinet tells of, or told of before it cleaned up."""
    said = max(state.set_aside, key=lambda each: (each.at, each.name), default=None)
    if said is None:
        return kept.set_aside if kept is not None else None
    return msgspec.structs.replace(said, name=said.name[:LONGEST_FILE_NAME])


def see_set_aside(engine: Engine, cabinet_id: str, *, by: Actor, now: datetime) -> None:
    """Somebody has seen that the cabinet set a damaged spool file aside: the repairs list tells of it no more.

    Raises ``NotFound``; without such a file, or when it was seen before, nothing changes.
    """
    with writing(engine) as tx:
        row = tx.execute(select(cabinet.c.told, cabinet.c.aside_seen).where(cabinet.c.id == cabinet_id)).first()
        if row is None:
            raise NotFound("cabinet", cabinet_id)
        told = read_told(row.told)
        if told is None or told.set_aside is None or told.set_aside.name == row.aside_seen:
            return
        tx.execute(update(cabinet).where(cabinet.c.id == cabinet_id).values(aside_seen=told.set_aside.name))
        detail = {"file": told.set_aside.name}
        audit.record(tx, by=by, action="cabinet.seen", subject=f"cabinet:{cabinet_id}", detail=detail, now=now)


def read_told(text: str) -> CabinetTold | None:
    """What is kept of a cabinet's word; None: nothing, or of a release that kept something else."""
    try:
        return _told_decoder.decode(text) if text else None
    except msgspec.DecodeError:
        return None


def _started_since(state: CabinetState, moment: datetime | None) -> bool:
    return moment is not None and state.started_at > 0 and from_ms(round(state.started_at * 1000)) > moment
