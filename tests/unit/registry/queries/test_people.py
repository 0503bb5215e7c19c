"""The administrator's lists: who has an account, which units there are, and never a password."""

from __future__ import annotations

from datetime import datetime

import msgspec
from sqlalchemy import Engine

from registry.queries.people import list_people, list_units
from registry.services.demo_people import seed_demo_people
from registry.storage.database import writing


def test_accounts_are_listed_with_their_units_and_without_their_passwords(engine: Engine, now: datetime):
    assert list_people(engine).items == []
    assert list_units(engine) == []
    with writing(engine) as tx:
        seed_demo_people(tx, now)
    people = list_people(engine).items
    assert [each.login for each in people] == ["admin", "crew1", "crew2", "dispatcher", "registrar", "viewer"]
    assert people[1].unit_name == "市政设施养护处"
    assert people[5].unit_name is None
    assert all(each.demo and each.active for each in people)
    assert b"argon2" not in msgspec.json.encode(people)
    assert len(list_units(engine)) == 3
