"""People, their sessions and tokens, the trail, and what an area holds: the same statements on both databases."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import Engine

from registry.queries import audit, cases, health, overview, people, whereabouts
from registry.services import api_tokens, sessions
from registry.storage.database import open_database, writing
from tests.city import build_city

pytestmark = pytest.mark.network
NOW = datetime(2026, 3, 2, 4, 0, tzinfo=UTC)


@pytest.fixture(params=["sqlite", "postgres"])
def engine(request: pytest.FixtureRequest) -> Iterator[Engine]:
    name = "filled_sqlite_url" if request.param == "sqlite" else "filled_postgres_url"
    opened = open_database(request.getfixturevalue(name))
    yield opened
    opened.dispose()


def test_people_sessions_tokens_and_the_trail_are_kept_and_read(engine: Engine):
    city = build_city(engine, NOW)
    boss = city.administrator
    device = sessions.Device(address="::1", agent="Firefox")
    lifetime = sessions.Lifetime(absolute=timedelta(hours=12), idle=timedelta(hours=4))
    word = sessions.open_session(engine, boss, device, lifetime=lifetime, now=NOW)
    late = NOW + timedelta(minutes=5)
    visit = sessions.find_session(engine, word, lifetime=lifetime, now=late)
    assert visit is not None
    assert [row.seen_at for row in people.open_sessions(engine, boss.user_id or 0, now=late)] == [late]
    with writing(engine) as tx:
        issued = api_tokens.issue_token(
            tx, api_tokens.NewToken(name="x", scopes=["read"], expires_at=None), by=boss, now=NOW
        )
    found = api_tokens.find_token(engine, issued.text, now=late)
    assert found is not None
    assert [row.seen_at for row in people.list_tokens(engine)] == [late]
    assert people.list_tokens(engine, scope="44") == []
    with writing(engine) as tx:
        assert sessions.end_sessions(tx, boss.user_id or 0, by=boss, now=late) == 1
        api_tokens.revoke_token(tx, issued.id, by=boss, now=late)
    assert sessions.forget_sessions(engine, before=late + timedelta(days=40)) == 1
    assert people.list_people(engine, scope="44").items == []
    trail = [row.action for row in audit.list_audit(engine, audit.AuditFilter(who="吴", subject="user")).items]
    assert trail == ["session.end_all", "session.open"]
    assert set(audit.actions(engine)) >= {"session.open", "token.issue", "token.revoke"}
    place = whereabouts.of_asset(engine, city.asset_id)
    assert place is not None
    assert whereabouts.of_device(engine, city.device_id) == whereabouts.of_point(engine, city.point("tilt_z")) == place
    for scope, assets in (("440803", 1), ("440804", 0)):
        assert overview.overview(engine, now=NOW, scope=scope).assets == assets
        assert overview.wrong_now(engine, now=NOW, scope=scope) == []
        assert health.silent_devices(engine, NOW, scope=scope) == []
        assert cases.my_tasks(engine, 1, scope=scope) == []
    assert len(cases.crew_members(engine, to="440803")) == len(cases.crew_members(engine))
