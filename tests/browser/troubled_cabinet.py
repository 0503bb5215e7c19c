"""A cabinet with troubles of every length, so that the pages about it have something to show."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Engine, insert

from registry.domain.commands import CommandKind
from registry.domain.kinds import Role
from registry.domain.people import Actor
from registry.domain.repairs import AsideSaid, BusSaid, SourceSaid
from registry.services.cabinets import CabinetState, note_cabinet
from registry.services.commands import NewCommand, order_command
from registry.services.configurations import NewConfiguration, publish_configuration
from registry.services.credentials import issue_code
from registry.storage.database import writing
from registry.storage.tables import dead_letter

_ADMINISTRATOR = Actor(user_id=None, name="系统管理员", role=Role.ADMINISTRATOR, unit_id=None)
_CONFIGURATION = '[unit."CV-000001"]\npoll_every_s = 600.0\n\n[[bus]]\nname = "east"\npoll_every_s = 30.0\n'
_BODY = '["c-lindun-renmin-0093/LW-24E124136B001234","tilt_x",1795346032498,1795346032498,1.2,0]'


@dataclass(frozen=True, slots=True, kw_only=True)
class TroubledCabinet:
    """Where its pages are."""

    cabinet: str
    letter: str


def troubled_cabinet(engine: Engine, cabinet: str, *, now: datetime) -> TroubledCabinet:
    """Make ``cabinet``, which nobody knows yet, with a command and a configuration that wait, and three letters.

    It lost readings, set a damaged spool aside, a line of it is dead, and its clock is off.
    """
    state = CabinetState(
        cabinet=cabinet,
        online=True,
        at=(now - timedelta(seconds=40)).timestamp(),
        oldest_unsent_s=7_300.0,
        queued=41_233,
        dropped=812,
        clock_off_s=-95.0,
        buses=[
            BusSaid(name="east", polls=86_400, crc_errors=310, busy=0.93, units_fit=11, units_silent=[1, 2, 7, 9]),
            BusSaid(name="west", polls=86_400, busy=0.31, units_fit=30, units_poor=[4]),
        ],
        sources=[SourceSaid(name="lns", kind="chirpstack"), SourceSaid(name="nb-iot", kind="ctwing", up=False)],
        set_aside=[AsideSaid(name="spool.db.damaged-20261119T031207", at=now.timestamp(), bytes=104_857_600)],
    )
    note_cabinet(engine, state, now=now)
    order_command(engine, NewCommand(kind=CommandKind.POLL, cabinet_id=cabinet), by=_ADMINISTRATOR, now=now)
    wanted = NewConfiguration(
        cabinet_id=cabinet, text=_CONFIGURATION, note="东线每 30 秒一轮，看看是否还有坏帧", follows=0
    )
    publish_configuration(engine, wanted, check=lambda *_: [], by=_ADMINISTRATOR, now=now)
    issue_code(engine, cabinet, by=_ADMINISTRATOR, now=now)
    letters = [
        (
            "unknown_device",
            "LW-24E124136B001234",
            "device 'LW-24E124136B001234' is not registered: fit it to an asset, then replay",
        ),
        ("undecodable", "CV-000003", "undecodable: unknown_type: 0x67 is no channel of this profile"),
        ("out_of_range", "CV-000002", "CV-000002/water_level = 99999 mm is outside 0…12000: check the sensor"),
    ]
    with writing(engine) as tx:
        for reason, device, detail in letters:
            values = {"at": now, "cabinet_id": cabinet, "device": device, "reason": reason, "detail": detail}
            made = tx.execute(insert(dead_letter).values(**values, body=_BODY).returning(dead_letter.c.id))
            newest = made.scalar_one()
    return TroubledCabinet(cabinet=f"/cabinets/{cabinet}", letter=f"/letters/{newest}")
