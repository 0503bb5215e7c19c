"""A phone in the street for tests: a camera that sees a real plate, a city with work in it, and pictures to take."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from io import BytesIO
from pathlib import Path

import qrcode
from PIL import Image
from sqlalchemy import select

from registry.domain.kinds import Severity, Source
from registry.domain.people import Actor
from registry.queries.cases import case_file
from registry.services.assets import Parties, set_parties
from registry.services.cases import move_case, open_or_attach
from registry.services.devices import NewDevice, put_on
from registry.services.people import actor_of
from registry.storage.database import writing
from registry.storage.tables import user
from tests.browser.registry_site import RegistrySite

WIDTH, HEIGHT = 640, 480


@dataclass(frozen=True, slots=True, kw_only=True)
class Work:
    """What waits for the crew in the street."""

    case_id: int
    crew: Actor
    dispatcher: Actor


def camera_sees(text: str, path: Path) -> Path:
    """A film (Y4M, uncompressed) in which the code of ``text`` lies on grey asphalt; Chromium plays it as a camera."""
    code = qrcode.make(text, border=4, box_size=8).get_image().convert("L")
    code.thumbnail((HEIGHT - 80, HEIGHT - 80))
    seen = Image.new("L", (WIDTH, HEIGHT), 96)
    seen.paste(code, ((WIDTH - code.width) // 2, (HEIGHT - code.height) // 2))
    grey = bytes([128]) * (WIDTH * HEIGHT // 4)
    frame = b"FRAME\n" + seen.tobytes() + grey + grey
    path.write_bytes(f"YUV4MPEG2 W{WIDTH} H{HEIGHT} F10:1 Ip A1:1 C420jpeg\n".encode() + frame * 3)
    return path


def picture(colour: str) -> bytes:
    """A photo as a phone's camera hands it over."""
    content = BytesIO()
    Image.new("RGB", (1200, 900), colour).save(content, "JPEG", quality=90)
    return content.getvalue()


def work_for_the_crew(site: RegistrySite) -> Work:
    """The asset with the plate is in the crew's care, carries a sensor, and has a case that was sent to them."""
    now = datetime.now(UTC)
    with writing(site.engine) as tx:
        people = {row.login: actor_of(row) for row in tx.execute(select(user))}
        crew, dispatcher = people["crew1"], people["dispatcher"]
        set_parties(tx, site.asset_id, Parties(maintainer_unit_id=crew.unit_id), now=now)
        put_on(
            tx,
            NewDevice(serial="LP-000001", profile="cc-pole-1", asset_id=site.asset_id, heartbeat_s=60),
            now=now,
        )
        opened = open_or_attach(
            tx,
            asset_id=site.asset_id,
            kind="pole_leaning",
            severity=Severity.CRITICAL,
            source=Source.PATROL,
            now=now,
            by=dispatcher,
            note="灯杆向车道倾斜",
        )
    file = case_file(site.engine, opened.case_id)
    assert file is not None
    move_case(
        site.engine,
        case_id=opened.case_id,
        move="dispatch",
        by=dispatcher,
        expected_version=file.version,
        now=now,
        assignee_id=crew.user_id,
        note="先围挡，再扶正；路口车多，注意安全",
    )
    return Work(case_id=opened.case_id, crew=crew, dispatcher=dispatcher)
