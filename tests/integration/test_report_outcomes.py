"""Reporters who left a contact hear the outcome once; a receiver that is down hears it in a later round."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

import pytest
from sqlalchemy import insert, update

from registry.notices.texts import Place
from registry.services.public_rules import change_rules
from registry.services.report_outcomes import tell_outcomes
from registry.services.reports import NewReport, take_report
from registry.storage.database import open_database, writing
from registry.storage.tables import case, channel
from tests.city import City, build_city

NOW = datetime(2026, 3, 2, 4, 0, tzinfo=UTC)
PLACE = Place(zone=UTC, public_url="http://city.example", name_zh="示范市", name_en="City")


class Receiver:
    """A program that takes webhooks, or refuses them all while ``down``."""

    def __init__(self) -> None:
        self.heard: list[dict[str, Any]] = []
        self.down = False
        receiver = self

        class Door(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                if not receiver.down:
                    receiver.heard.append(json.loads(body))
                self.send_response(503 if receiver.down else 204)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_: Any) -> None:
                """Quiet."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Door)
        self.address = f"http://127.0.0.1:{self.server.server_port}/"


@pytest.mark.network
def test_everybody_of_a_case_hears_its_end_once_and_a_receiver_that_was_down_hears_later(
    filled_sqlite_url: str,
) -> None:
    engine = open_database(filled_sqlite_url)
    city: City = build_city(engine, NOW)
    receiver = Receiver()
    serving = Thread(target=receiver.server.serve_forever)
    serving.start()
    try:
        with writing(engine) as tx:
            way = {"name": "短信", "kind": "webhook", "address": receiver.address, "created_at": NOW}
            channel_id = tx.execute(insert(channel).values(way).returning(channel.c.id)).scalar_one()
        for contact in ("13911111111", "", "13922222222"):
            take_report(engine, NewReport(text="响", asset_id=city.asset_id, contact=contact, secret=b"k"), now=NOW)
        with writing(engine) as tx:
            tx.execute(update(case).values(stage="closed", ended_at=NOW, closed_how="repaired"))
        assert tell_outcomes(engine, place=PLACE, now=NOW) == 0
        told = {"outcome_channel_id": channel_id}
        change_rules(engine, told, note="", expected_version=0, by=city.administrator, now=NOW)
        receiver.down = True
        assert tell_outcomes(engine, place=PLACE, now=NOW) == 0
        receiver.down = False
        assert tell_outcomes(engine, place=PLACE, now=NOW + timedelta(minutes=1)) == 2
        assert tell_outcomes(engine, place=PLACE, now=NOW + timedelta(minutes=2)) == 0
    finally:
        receiver.server.shutdown()
        serving.join()
        receiver.server.server_close()
        engine.dispose()
    assert sorted(each["to"] for each in receiver.heard) == ["13911111111", "13922222222"]
    assert all("已办结" in each["text"] and "/reports/" in each["link"] for each in receiver.heard)
