"""The web part over a real records database and series store, seeded through the services."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from jinja2 import FileSystemBytecodeCache
from sqlalchemy import Engine, insert, select
from werkzeug.test import TestResponse

from dashboards.app import create_app
from dashboards.cabinet_door import CabinetDoor
from dashboards.rate_counts import RateCounts, counts_file, counts_uri
from dashboards.settings import WebSettings
from dashboards.site import EXTENSION, site_of
from dashboards.stream import FeedHub, RecordsFeed
from registry.domain.kinds import Role
from registry.services.assets import Parties, set_parties
from registry.services.boards import install_shipped_boards
from registry.services.label_templates import ship_templates
from registry.services.people import set_password
from registry.services.rules import install_shipped_rules
from registry.services.tags import issue_tag
from registry.storage.database import open_database, reading, writing
from registry.storage.series import SqliteSeries
from registry.storage.tables import user, user_session
from tests.city import City, build_city
from tests.statements import share_statements

NOON = datetime(2026, 3, 2, 4, 0, tzinfo=UTC)
PASSWORD = "correct horse battery"
_TOKEN = re.compile(r'name="csrf_token" value="([^"]+)"')


@dataclass(frozen=True, kw_only=True)
class WebCity:
    """What the pages are told about the city."""

    data_dir: Path
    name: str = "示范市"
    division: str = "440803"
    timezone: str = "Asia/Shanghai"
    public_url: str = "http://city.example"
    demo: bool = False
    warn_cases: int = 20


@dataclass
class Clock:
    """A clock that moves when a test says so."""

    now: datetime = NOON

    def __call__(self) -> datetime:
        return self.now

    def pass_by(self, **span: float) -> None:
        self.now += timedelta(**span)


@dataclass(kw_only=True)
class Web:
    """The app, what stands behind it, and ways to visit it."""

    app: Flask
    city: City
    token: str
    clock: Clock
    store: SqliteSeries
    place: WebCity
    cookies: dict[str, tuple[str, dict[str, Any]]]
    _clients: dict[Role, FlaskClient] = field(default_factory=dict)

    def visitor(self) -> FlaskClient:
        """A browser that has never been here."""
        return self.app.test_client()

    def as_(self, role: Role) -> FlaskClient:
        """A browser in which the city's person of that role has signed in."""
        if role not in self._clients:
            login = {Role.CREW: "crew", Role.DISPATCHER: "dispatcher", Role.VIEWER: "viewer"}.get(role, role.value)
            self._clients[role] = self.signed_in(login)
        return self._clients[role]

    def signed_in(self, login: str) -> FlaskClient:
        """A browser in which ``login`` has signed in; once per run, since checking a password is slow on purpose."""
        client = self.visitor()
        if login not in self.cookies:
            answer = send(client, "/login", {"login": login, "password": PASSWORD}, page="/login")
            assert answer.status_code == 303, answer.text
            cookie = client.get_cookie("covercode")
            assert cookie is not None
            newest = select(user_session).join(user).where(user.c.login == login).order_by(user_session.c.created_at)
            with reading(self.city.engine) as tx:
                self.cookies[login] = cookie.value, dict(tx.execute(newest).mappings().all()[-1])
        value, opened = self.cookies[login]
        lasts = opened["expires_at"] - opened["created_at"]
        # by this test's clock: whoever signed in first may have done so on another day
        opened = opened | {
            "created_at": self.clock.now,
            "seen_at": self.clock.now,
            "expires_at": self.clock.now + lasts,
        }
        with writing(self.city.engine) as tx:
            if tx.execute(select(user_session.c.id).where(user_session.c.id == opened["id"])).first() is None:
                tx.execute(insert(user_session).values(opened))
        client.set_cookie("covercode", value)
        return client


def csrf_of(client: FlaskClient, page: str = "/login") -> str:
    """The token that a form of ``page`` carries."""
    found = _TOKEN.search(client.get(page, follow_redirects=True).text)
    assert found is not None, f"{page} has no form"
    return found.group(1)


def send(client: FlaskClient, path: str, form: dict[str, Any], *, page: str = "/login", **more: Any) -> TestResponse:
    """Send a form as the browser would: with the token of the page it stands on."""
    return client.post(path, data=form | {"csrf_token": csrf_of(client, page)}, **more)


@pytest.fixture(scope="session")
def seeded(filled_sqlite: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, City, str]:
    """A small city with passwords and a plate, made once and copied for each test."""
    path = tmp_path_factory.mktemp("seeded") / "records.db"
    shutil.copy(filled_sqlite, path)
    engine = open_database(f"sqlite:///{path}")
    with writing(engine) as tx:
        install_shipped_rules(tx, now=NOON)
        ship_templates(tx, now=NOON)
        install_shipped_boards(tx, now=NOON)
    city = build_city(engine, NOON)
    with writing(engine) as tx:
        token = issue_tag(tx, city.asset_id, now=NOON)
        set_parties(tx, city.asset_id, Parties(maintainer_unit_id=city.water), now=NOON)
        for person in (city.administrator, city.dispatcher, city.crew, city.stranger, city.viewer, city.registrar):
            set_password(tx, person.user_id or 0, PASSWORD, now=NOON)
    engine.dispose()
    return path, city, token


@pytest.fixture(scope="session")
def sign_ins() -> dict[str, tuple[str, dict[str, Any]]]:
    """The cookie of each login and the session it opens, for all tests of this run."""
    return {}


@pytest.fixture
def engine(seeded: tuple[Path, City, str], tmp_path: Path) -> Iterator[Engine]:
    path = tmp_path / "records.db"
    shutil.copy(seeded[0], path)
    opened = share_statements(open_database(f"sqlite:///{path}"))
    yield opened
    opened.dispose()


def build_web(
    seeded: tuple[Path, City, str],
    engine: Engine,
    folder: Path,
    sign_ins: dict[str, tuple[str, dict[str, Any]]],
    *,
    place: dict[str, Any] | None = None,
    cabinets: CabinetDoor | None = None,
    **settings: Any,
) -> Web:
    """The web part over a copy of the seeded city; files go to ``folder``. Close its store when it is done with."""
    clock, store = Clock(), SqliteSeries(folder / "series.db")
    told = WebCity(data_dir=folder / "data", **(place or {}))
    web_settings = WebSettings(secret_file=seeded[0].parent / "secret", **settings)
    app = create_app(web_settings, told, engine, store, cabinets=cabinets, clock=clock, testing=True)
    app.jinja_env.bytecode_cache = FileSystemBytecodeCache(str(_of_all_processes(seeded[0])))
    city = replace(seeded[1], engine=engine)
    return Web(app=app, city=city, token=seeded[2], clock=clock, store=store, place=told, cookies=sign_ins)


def _of_all_processes(records: Path) -> Path:
    """The run's folder: each page is compiled once, and not in each of xdist's processes (``popen-gw0`` and so on)."""
    own = records.parent.parent
    return own.parent if own.name.startswith("popen-") else own


@pytest.fixture
def make_web(
    seeded: tuple[Path, City, str], engine: Engine, tmp_path: Path, sign_ins: dict[str, tuple[str, dict[str, Any]]]
) -> Iterator[Callable[..., Web]]:
    """Build the web part with other settings than the usual ones."""
    stores: list[SqliteSeries] = []

    def build(*, place: dict[str, Any] | None = None, **settings: Any) -> Web:
        built = build_web(seeded, engine, tmp_path, sign_ins, place=place, **settings)
        stores.append(built.store)
        return built

    yield build
    for store in stores:
        store.close()


@pytest.fixture(scope="session")
def usual_app(seeded: tuple[Path, City, str], tmp_path_factory: pytest.TempPathFactory) -> Flask:
    """The app with the usual settings; compiling three hundred routes takes longer than most tests."""
    folder = tmp_path_factory.mktemp("usual")
    return build_web(seeded, open_database(f"sqlite:///{folder / 'none.db'}"), folder, {}).app


@pytest.fixture
def web(
    usual_app: Flask,
    seeded: tuple[Path, City, str],
    engine: Engine,
    tmp_path: Path,
    sign_ins: dict[str, tuple[str, dict[str, Any]]],
) -> Iterator[Web]:
    """The usual app over this test's own records, files and clock; what a test changes in the app is put back."""
    clock, store, told = Clock(), SqliteSeries(tmp_path / "series.db"), WebCity(data_dir=tmp_path / "data")
    usual, functions = site_of(usual_app), dict(usual_app.view_functions)
    hub = FeedHub(RecordsFeed(engine))
    usual_app.extensions[EXTENSION] = replace(usual, city=told, engine=engine, store=store, clock=clock, hub=hub)
    RateCounts(counts_uri(counts_file(usual.city))).reset()
    yield Web(
        app=usual_app,
        city=replace(seeded[1], engine=engine),
        token=seeded[2],
        clock=clock,
        store=store,
        place=told,
        cookies=sign_ins,
    )
    hub.close()
    store.close()
    usual_app.view_functions.update(functions)
    usual_app.extensions[EXTENSION] = usual
