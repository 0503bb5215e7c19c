"""What goes on beside the crowd: sensors and citizens, whose news joins the cases that people are moving just now."""

from __future__ import annotations

import time
from collections import Counter
from datetime import UTC, datetime
from random import Random

from sqlalchemy import select

from benchmarks._crowd_city import CrowdCity
from benchmarks._crowd_people import HOT_FOR_S
from registry.domain.errors import Conflict, StoreDown
from registry.domain.kinds import Severity, Source
from registry.domain.moves import EventName
from registry.services.case_opening import note_alert, open_or_attach
from registry.storage.database import open_database, reading, writing
from registry.storage.tables import case

_TOGETHER = 3
"""Cases a transaction, in any order: an intake's batch is not sorted by case."""


def murmur(records: str, city: CrowdCity, lasts_s: float, per_s: float, seed: int) -> dict[str, int]:
    """Write into the records as the intake does, ``per_s`` transactions a second; how each ended."""
    engine, rng, ended = open_database(records), Random(seed), Counter[str]()
    with reading(engine) as tx:
        rows = tx.execute(select(case.c.id, case.c.asset_id, case.c.kind)).all()
    about = {row.id: (row.asset_id, row.kind) for row in rows}
    end = time.monotonic() + lasts_s
    while time.monotonic() < end:
        now_hot = int(time.time() / HOT_FOR_S)
        ids = [city.hot[(now_hot + each) % len(city.hot)] for each in range(_TOGETHER - 1)] + [rng.choice(city.cases)]
        rng.shuffle(ids)
        try:
            with writing(engine) as tx:
                for case_id in ids:
                    asset_id, kind = about[case_id]
                    now, worse = datetime.now(UTC), Severity(rng.randint(1, 3))
                    source = rng.choice((Source.SENSOR, Source.CITIZEN))
                    found = open_or_attach(
                        tx, asset_id=asset_id, kind=kind, severity=worse, source=source, now=now, note="还在响"
                    )
                    told = rng.choice((EventName.ALERT_ATTACHED, EventName.ALERT_CLEARED))
                    note_alert(tx, case_id=found.case_id, move=told, detail={}, now=now)
            ended["written"] += 1
        except Conflict:
            ended["refused"] += 1
        except StoreDown as error:
            ended["broken_off"] += 1
            ended[str(error).partition("\n")[0][-90:]] += 1
        time.sleep(max(0.0, rng.expovariate(per_s)))
    engine.dispose()
    return dict(ended)
