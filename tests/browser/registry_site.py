"""A small city with a book of record and no street, for looking at the registry's pages; starts within a second."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from flask import Flask
from sqlalchemy import Engine
from werkzeug.serving import WSGIRequestHandler, make_server

from dashboards.app import create_app
from dashboards.settings import WebSettings
from registry.services.assets import NewAsset, register_asset
from registry.services.boards import install_shipped_boards
from registry.services.classes import load_classes
from registry.services.demo_people import seed_demo_people
from registry.services.label_templates import ship_templates
from registry.services.rules import install_shipped_rules
from registry.services.tags import issue_tag
from registry.storage.database import open_database, writing
from registry.storage.series import SqliteSeries
from registry.storage.tables import metadata
from tests.browser.troubled_cabinet import TroubledCabinet, troubled_cabinet
from tests.web.conftest import WebCity


@dataclass(frozen=True, slots=True, kw_only=True)
class RegistrySite:
    """Where it answers, its records, and one asset with a plate."""

    address: str
    engine: Engine
    asset_id: int
    token: str
    app: Flask
    data_dir: Path
    troubled: TroubledCabinet
    store: SqliteSeries


class _Quiet(WSGIRequestHandler):
    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        """Nothing: the tests tell what went wrong."""


@contextmanager
def registry_site(folder: Path) -> Iterator[RegistrySite]:
    """The site on a free port, with demo accounts, until the block ends."""
    now = datetime.now(UTC)
    engine = open_database(f"sqlite:///{folder}/records.db")
    metadata.create_all(engine)
    with writing(engine) as tx:
        load_classes(tx)
        install_shipped_rules(tx, now=now)
        ship_templates(tx, now=now)
        install_shipped_boards(tx, now=now)
        seed_demo_people(tx, now=now)
        ids = [
            register_asset(
                tx,
                NewAsset(
                    division="320508",
                    class_code="0101" if number % 3 else "0118",
                    lon=120.61 + number * 0.0002,
                    lat=31.31,
                    road="人民路" if number % 2 else "滨河东路",
                ),
                now=now,
            )
            for number in range(40)
        ]
        token = issue_tag(tx, ids[0], now=now)
    troubled = troubled_cabinet(engine, "c-lindun-renmin-0093", now=now)
    series = SqliteSeries(folder / "series.db")
    server = make_server("127.0.0.1", 0, lambda *_: [], threaded=True, request_handler=_Quiet)
    address = f"http://127.0.0.1:{server.server_port}"
    city = WebCity(data_dir=folder / "data", name="姑苏区", division="320508", public_url=address, demo=True)
    app = create_app(WebSettings(secret_file=folder / "secret"), city, engine, series)
    server.app = app
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield RegistrySite(
            address=address,
            engine=engine,
            asset_id=ids[0],
            token=token,
            app=app,
            data_dir=folder / "data",
            troubled=troubled,
            store=series,
        )
    finally:
        server.shutdown()
        thread.join(60)
        server.server_close()
        engine.dispose()
