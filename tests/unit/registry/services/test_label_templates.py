"""Label templates are kept in versions; an upgrade renews what nobody edited and leaves the rest alone."""

from __future__ import annotations

from datetime import datetime, timedelta

import msgspec
import pytest
from sqlalchemy import Engine, select, update

from registry.domain.errors import InvalidInput, NotFound
from registry.labels.shipped import STANDARD_KEY, shipped_templates, standard_plate
from registry.labels.template import template_body
from registry.queries.label_templates import list_templates, template_in_use, template_versions
from registry.services.label_templates import retire_template, save_template, ship_templates
from registry.storage.database import reading, writing
from registry.storage.tables import audit, label_template
from tests.city import City, build_city

LARGER = msgspec.structs.replace(standard_plate(), height_mm=100.0)


@pytest.fixture
def shipped(engine: Engine, now: datetime) -> City:
    with writing(engine) as tx:
        ship_templates(tx, now=now)
    return build_city(engine, now)


def test_a_city_starts_with_every_shipped_template_once(shipped: City, now: datetime) -> None:
    with writing(shipped.engine) as tx:
        assert ship_templates(tx, now=now) == 0
    assert {row.key for row in list_templates(shipped.engine)} == {each.key for each in shipped_templates()}
    assert template_in_use(shipped.engine, STANDARD_KEY) == standard_plate()


def test_an_edit_is_a_new_version_that_an_upgrade_leaves_alone(shipped: City, now: datetime) -> None:
    version = save_template(shipped.engine, LARGER, by=shipped.registrar, now=now)
    with writing(shipped.engine) as tx:
        ship_templates(tx, now=now + timedelta(days=1))
    assert version == 2
    assert template_in_use(shipped.engine, STANDARD_KEY) == LARGER
    assert template_in_use(shipped.engine, STANDARD_KEY, 1) == standard_plate()
    assert [(each.version, each.created_by_name) for each in template_versions(shipped.engine, STANDARD_KEY)] == [
        (2, "林晓"),
        (1, None),
    ]


@pytest.fixture
def of_an_earlier_release(shipped: City, now: datetime) -> City:
    """A city whose standard plate is as an earlier release shipped it."""
    with writing(shipped.engine) as tx:
        tx.execute(
            update(label_template).where(label_template.c.key == STANDARD_KEY).values(body=template_body(LARGER))
        )
    return shipped


def test_an_upgrade_renews_a_template_that_nobody_edited(of_an_earlier_release: City, now: datetime) -> None:
    engine = of_an_earlier_release.engine
    with writing(engine) as tx:
        assert ship_templates(tx, now=now + timedelta(days=1)) == 1
        assert ship_templates(tx, now=now + timedelta(days=2)) == 0
    assert template_in_use(engine, STANDARD_KEY) == standard_plate()
    assert template_in_use(engine, STANDARD_KEY, 1) == LARGER
    assert [each.created_by_name for each in template_versions(engine, STANDARD_KEY)] == [None, None]
    with reading(engine) as tx:
        (entry,) = tx.execute(select(audit).where(audit.c.action == "template.renew"))
    assert (entry.actor, entry.user_id, entry.subject) == ("CoverCode", None, f"template:{STANDARD_KEY}")


def test_who_edited_keeps_the_own_one_and_is_told_of_the_newer_one(of_an_earlier_release: City, now: datetime) -> None:
    city = of_an_earlier_release
    own = msgspec.structs.replace(standard_plate(), name_zh="本市标牌")
    save_template(city.engine, own, by=city.registrar, now=now)
    with writing(city.engine) as tx:
        assert ship_templates(tx, now=now + timedelta(days=1)) == 0
    assert template_in_use(city.engine, STANDARD_KEY) == own
    assert _with_news(city) == [STANDARD_KEY]
    assert save_template(city.engine, standard_plate(), by=city.registrar, now=now) == 3
    assert _with_news(city) == []
    (row,) = [row for row in list_templates(city.engine) if row.key == STANDARD_KEY]
    assert row.shipped


def test_nobody_is_told_of_a_shipped_template_that_they_edited(shipped: City, now: datetime) -> None:
    save_template(shipped.engine, LARGER, by=shipped.registrar, now=now)
    assert _with_news(shipped) == []


def test_a_retired_template_stays_retired_when_a_release_improves_it(
    of_an_earlier_release: City, now: datetime
) -> None:
    city = of_an_earlier_release
    retire_template(city.engine, STANDARD_KEY, by=city.registrar, now=now)
    with writing(city.engine) as tx:
        assert ship_templates(tx, now=now + timedelta(days=1)) == 0
    assert STANDARD_KEY not in {row.key for row in list_templates(city.engine)}


def test_a_template_of_an_old_shape_is_renewed_too(shipped: City, now: datetime) -> None:
    with writing(shipped.engine) as tx:
        tx.execute(update(label_template).where(label_template.c.key == STANDARD_KEY).values(body={"old": 1}))
        assert ship_templates(tx, now=now) == 1
    assert template_in_use(shipped.engine, STANDARD_KEY) == standard_plate()


def _with_news(city: City) -> list[str]:
    return [row.key for row in list_templates(city.engine) if row.newer_shipped]


def test_saving_what_is_in_use_makes_no_version(shipped: City, now: datetime) -> None:
    assert save_template(shipped.engine, standard_plate(), by=shipped.registrar, now=now) == 1


def test_a_template_that_cannot_be_printed_is_refused_by_its_field(shipped: City, now: datetime) -> None:
    tiny = msgspec.structs.replace(standard_plate(), qr=msgspec.structs.replace(standard_plate().qr, side_mm=9.0))
    with pytest.raises(InvalidInput, match=r"qr\.side_mm"):
        save_template(shipped.engine, tiny, by=shipped.registrar, now=now)


def test_a_retired_template_leaves_the_list_and_comes_back_when_saved(shipped: City, now: datetime) -> None:
    retire_template(shipped.engine, STANDARD_KEY, by=shipped.registrar, now=now)
    assert STANDARD_KEY not in {row.key for row in list_templates(shipped.engine)}
    assert template_in_use(shipped.engine, STANDARD_KEY) == standard_plate()
    with pytest.raises(NotFound):
        retire_template(shipped.engine, STANDARD_KEY, by=shipped.registrar, now=now)
    assert save_template(shipped.engine, standard_plate(), by=shipped.registrar, now=now) == 2
    assert STANDARD_KEY in {row.key for row in list_templates(shipped.engine)}


def test_the_last_template_in_use_stays(shipped: City, now: datetime) -> None:
    keys = [row.key for row in list_templates(shipped.engine)]
    for key in keys[1:]:
        retire_template(shipped.engine, key, by=shipped.registrar, now=now)
    with pytest.raises(InvalidInput, match="last template"):
        retire_template(shipped.engine, keys[0], by=shipped.registrar, now=now)
