"""The duty list: its lines, who is named by them, and applying them to what nobody has named."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from sqlalchemy import Engine, insert, select, update

from registry.domain.errors import InvalidInput, NotAllowed, NotFound
from registry.domain.kinds import Party, PlaceJobKind, Role
from registry.domain.people import Actor
from registry.services.assets import NewAsset, Parties, register_asset
from registry.services.duties import NewDuty, count_applicable, remove_duty, set_duties, set_duty
from registry.services.place_jobs import ask_for_job, run_job
from registry.services.place_work import WORK
from registry.services.units import NewUnit, add_unit
from registry.storage.database import reading, writing
from registry.storage.tables import area, asset, asset_change, audit, duty

NOW = datetime(2026, 3, 2, 4, 0, tzinfo=UTC)
BY = Actor(user_id=None, name="林晓", role=Role.REGISTRAR, unit_id=None)
SCHEME = "cjt214-2007"


@pytest.fixture
def units(engine: Engine) -> dict[str, int]:
    with writing(engine) as tx:
        return {name: add_unit(tx, NewUnit(name=name)) for name in ("水务", "路政", "街道办", "城管")}


def row_of(engine: Engine, asset_id: int) -> Any:
    with reading(engine) as tx:
        return tx.execute(select(asset).where(asset.c.id == asset_id)).one()


def test_a_line_is_set_replaced_and_removed_and_each_is_audited(engine: Engine, units: dict[str, int]):
    first = set_duty(engine, NewDuty(party=Party.OWNER, unit_id=units["水务"], family="cover"), by=BY, now=NOW)
    again = set_duty(engine, NewDuty(party=Party.OWNER, unit_id=units["路政"], family="cover"), by=BY, now=NOW)
    assert again == first
    remove_duty(engine, first, by=BY, now=NOW)
    with pytest.raises(NotFound):
        remove_duty(engine, first, by=BY, now=NOW)
    with reading(engine) as tx:
        assert tx.execute(select(audit.c.action).order_by(audit.c.id)).scalars().all() == [
            "duty.set",
            "duty.set",
            "duty.remove",
        ]


@pytest.mark.parametrize(
    ("columns", "field"),
    [
        ({"unit_id": 99}, "unit_id"),
        ({"area_code": "3205x"}, "area_code"),
        ({"area_code": "32050800"}, "area_code"),
        ({"family": "tree"}, "family"),
        ({"scheme": SCHEME, "class_code": "9999"}, "class_code"),
        ({"class_code": "0101"}, "class_code"),
    ],
)
def test_a_line_that_means_nothing_is_refused(
    engine: Engine, units: dict[str, int], columns: dict[str, Any], field: str
):
    values: dict[str, Any] = {"party": Party.OWNER, "unit_id": units["水务"]} | columns
    with pytest.raises(InvalidInput) as refused:
        set_duties(engine, [NewDuty(party=Party.OWNER, unit_id=units["水务"]), NewDuty(**values)], by=BY, now=NOW)
    assert refused.value.field == field
    with reading(engine) as tx:
        assert tx.execute(select(duty)).all() == []


def test_somebody_bound_to_an_area_sets_lines_for_it_and_for_no_other(engine: Engine, units: dict[str, int]):
    bound = Actor(user_id=None, name="街道", role=Role.REGISTRAR, unit_id=None, area_code="320508001")
    new = NewDuty(party=Party.OWNER, unit_id=units["水务"], area_code="320508001002")
    set_duty(engine, new, by=bound, now=NOW)
    for area_code in ("", "320508", "320508002"):
        with pytest.raises(NotAllowed):
            set_duty(engine, NewDuty(party=Party.OWNER, unit_id=1, area_code=area_code), by=bound, now=NOW)


def test_applying_names_what_nobody_has_named_and_leaves_the_rest(engine: Engine, units: dict[str, int]):
    with writing(engine) as tx:
        covers = [
            register_asset(
                tx,
                NewAsset(
                    division="320508", class_code=class_code, lon=120.6, lat=31.3 + number / 1000, parties=parties
                ),
                now=NOW,
            )
            for number, (class_code, parties) in enumerate(
                (
                    ("0101", Parties()),
                    ("0101", Parties(owner_unit_id=units["城管"])),
                    ("0114", Parties()),
                    ("0118", Parties()),
                )
            )
        ]
        tx.execute(update(asset).where(asset.c.id == covers[2]).values(area_code="320508001002"))
        tx.execute(
            insert(area).values(level="street", code="320508001", name="街", unit_id=units["街道办"], updated_at=NOW)
        )
    lines = [
        NewDuty(party=Party.SUPERVISOR, unit_id=units["城管"]),
        NewDuty(party=Party.OWNER, unit_id=units["水务"], scheme=SCHEME, class_code="0101"),
        NewDuty(party=Party.MAINTAINER, unit_id=units["水务"], scheme=SCHEME, class_code="0101"),
    ]
    assert set_duties(engine, lines, by=BY, now=NOW) == 3
    with reading(engine) as tx:
        before = count_applicable(tx)
        assert count_applicable(tx, scope="320508001") == {
            Party.SUPERVISOR: 1,
            Party.OWNER: 0,
            Party.MAINTAINER: 1,
        }
    assert before == {Party.SUPERVISOR: 4, Party.OWNER: 1, Party.MAINTAINER: 3}
    with writing(engine) as tx:
        job_id = ask_for_job(tx, PlaceJobKind.DUTIES, by=BY, now=NOW)
    job = run_job(engine, job_id, WORK, holder="here", clock=lambda: NOW)
    assert job.report == {"supervisor": 4, "owner": 1, "maintainer": 3}
    parties = [
        (row.supervisor_unit_id, row.owner_unit_id, row.maintainer_unit_id)
        for row in (row_of(engine, each) for each in covers)
    ]
    assert parties == [
        (units["城管"], units["水务"], units["水务"]),
        (units["城管"], units["城管"], units["水务"]),
        (units["城管"], None, units["街道办"]),  # an ownerless cover: the street it lies in mends it
        (units["城管"], None, None),
    ]
    with reading(engine) as tx:
        assert sum(count_applicable(tx).values()) == 0
        query = select(asset_change.c.changes).where(
            asset_change.c.asset_id == covers[2], asset_change.c.action == "duty"
        )
        assert tx.execute(query).scalars().all() == [
            {"supervisor_unit_id": [None, units["城管"]], "maintainer_unit_id": [None, units["街道办"]]}
        ]
