"""An uplink of a sensor nobody has fitted yet: kept in the city, and readings as soon as somebody has fitted it."""

from __future__ import annotations

import threading
from datetime import UTC, datetime
from pathlib import Path

from sqlalchemy import select

from gateway.senml import compose_pack, decode
from gateway.settings import SourceSettings, SpoolSettings
from gateway.sources.frames import Frame
from gateway.sources.reception import Reception
from gateway.spool import Spool
from operate.frame_letters import frame_reader
from registry.domain.people import SYSTEM
from registry.intake import Intake, Lane, Pack
from registry.queries.letters import LetterFilter
from registry.services.assets import NewAsset, register_asset
from registry.services.classes import load_classes
from registry.services.devices import NewDevice, put_on
from registry.services.letters import ask_replay
from registry.storage.database import open_database, reading, writing
from registry.storage.schema import upgrade
from registry.storage.series import SqliteSeries
from registry.storage.tables import dead_letter, latest, point
from tests.source_running import profiles

EUI = "24e124785b123456"
AT_MS = 1_767_600_000_123
NOW = datetime(2026, 1, 5, 8, 1, tzinfo=UTC)


def packs_of(folder: Path, frame: Frame) -> list[Pack]:
    """What a cabinet with a source without tables sends of ``frame``, through a real spool."""
    with Spool(SpoolSettings(path=str(folder / "spool.db")), clock=lambda: NOW.timestamp()) as spool:
        source = SourceSettings(name="lora", kind="chirpstack")
        reception = Reception(source, profiles(), spool.put, clock=lambda: NOW.timestamp())
        assert reception.take([frame], threading.Event())
        bodies = [
            compose_pack(each.records, count=each.readings, cabinet="c1", epoch="e1", seq=each.seq, after=each.after,
                         wire=each.wire)
            for each in spool.take("routine", 0, 10)
        ]  # fmt: skip
    decoded = [decode(body) for body in bodies]
    return [Pack("c1", Lane.ROUTINE, each.epoch, each.seq, each.after, each.readings, each.bad) for each in decoded]


def test_a_frame_of_an_unknown_device_waits_in_the_city_until_it_is_fitted_and_then_counts(tmp_path):
    engine = open_database(f"sqlite:///{tmp_path}/city.db")
    upgrade(engine)
    store = SqliteSeries(tmp_path / "series.db")
    intake = Intake(engine, store, clock=lambda: NOW, read_letter=frame_reader())
    tilted = Frame(device=EUI.upper(), payload=bytes.fromhex("01755703CFBBFED204E21D00"), port=85, measured_ms=AT_MS)
    try:
        assert intake.accept(packs_of(tmp_path, tilted), now=NOW).rejected == 1
        with reading(engine) as tx:
            (letter,) = tx.execute(select(dead_letter)).all()
        assert (letter.reason, letter.device) == ("unknown_device", EUI.upper())

        with writing(engine) as tx:
            load_classes(tx)
            asset_id = register_asset(tx, NewAsset(division="320508", class_code="0101", lon=120.6, lat=31.3), now=NOW)
            put_on(tx, NewDevice(serial=EUI, profile="milesight-em310-tilt", asset_id=asset_id, heartbeat_s=3600,
                                 points=("tilt_x", "tilt_y", "tilt_z", "battery")), now=NOW)  # fmt: skip
        ask_replay(engine, LetterFilter(), by=SYSTEM, now=NOW)
        intake.tick(now=NOW)

        with reading(engine) as tx:
            values = dict(
                tx.execute(select(point.c.name, latest.c.value).join(latest, latest.c.point_id == point.c.id)).all()
            )
        assert values["tilt_y"] == 12.34
        assert values["battery"] == 87
    finally:
        store.close()
        engine.dispose()
