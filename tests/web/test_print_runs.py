"""Print runs on the pages: looked at, ordered, followed, stopped, resumed, downloaded."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import select, update

from registry.domain.kinds import Role
from registry.services.label_templates import ship_templates
from registry.services.print_making import CityOnPlates, make_run
from registry.storage.database import reading, writing
from registry.storage.tables import tag, user
from tests.web.conftest import NOON, Web, send

FORM = {"kind": "assets", "template_key": "plate-60x90", "format": "svg", "name": "人民路", "again": "1"}


@pytest.fixture
def printing(web: Web) -> Web:
    with writing(web.city.engine) as tx:
        ship_templates(tx, now=NOON)
    return web


def order(web: Web, **form: Any) -> int:
    client = web.as_(Role.REGISTRAR)
    answer = send(client, "/print-runs/new", FORM | {"do": "make"} | form, page="/print-runs/new")
    assert answer.status_code == 303, answer.text
    return int(answer.location.rsplit("/", 1)[-1])


def make(web: Web, run_id: int) -> None:
    make_run(
        web.city.engine,
        run_id,
        data_dir=web.place.data_dir,
        city=CityOnPlates(public_url="http://city.example"),
        stop=lambda: False,
        clock=web.clock,
    )


def test_a_run_is_looked_at_ordered_made_and_downloaded(printing: Web) -> None:
    client = printing.as_(Role.REGISTRAR)
    assert "还没有打印任务" in client.get("/print-runs").text
    seen = send(client, "/print-runs/new", FORM | {"do": "preview"}, page="/print-runs/new")
    assert "将制作 1 张标签" in seen.text
    assert "其中 1 张为重印" in seen.text
    with reading(printing.city.engine) as tx:
        assert list(tx.execute(select(tag.c.token)).scalars()) == [printing.token]
    run_id = order(printing)
    page = client.get(f"/print-runs/{run_id}")
    assert "等待后台开始" in page.text
    progress = client.get(f"/print-runs/{run_id}/progress")
    assert progress.json == {
        "done": 0,
        "total": 1,
        "finished": False,
        "words": "等待后台开始",
        "next": f"/print-runs/{run_id}",
    }
    make(printing, run_id)
    assert client.get(f"/print-runs/{run_id}/progress").json["finished"]
    assert "labels.zip" in client.get(f"/print-runs/{run_id}").text
    file = client.get(f"/print-runs/{run_id}/files/labels.zip")
    assert file.data[:2] == b"PK"
    assert "attachment" in file.headers["Content-Disposition"]
    assert client.get(f"/print-runs/{run_id}/files/../../records.db").status_code == 404
    assert "人民路" in client.get("/print-runs").text
    file.close()


def test_a_run_is_stopped_and_goes_on(printing: Web) -> None:
    client = printing.as_(Role.REGISTRAR)
    run_id = order(printing, kind="blank", count="3")
    path = f"/print-runs/{run_id}"
    assert send(client, f"{path}/stop", {}, page=path).status_code == 303
    assert "已停止" in client.get(path).text
    assert send(client, f"{path}/stop", {}, page=path).status_code == 409
    assert send(client, f"{path}/resume", {}, page=path).status_code == 303
    make(printing, run_id)
    assert send(client, f"{path}/resume", {}, page="/print-runs/new").status_code == 409


@pytest.mark.parametrize(
    ("form", "problem"),
    [
        ({"again": ""}, "没有符合条件的部件"),
        ({"kind": "blank", "count": "0"}, "0 须在 1 至"),
        ({"template_key": "none"}, "没有在用的标签模板“none”"),
        ({"format": "pdf", "start_position": "9"}, "9 须在 1 至 1 之间：此模板不按张打印"),
    ],
)
def test_an_order_that_can_not_be_made_says_why_and_keeps_the_form(
    printing: Web, form: dict[str, str], problem: str
) -> None:
    client = printing.as_(Role.REGISTRAR)
    for what in ("preview", "make"):
        answer = send(client, "/print-runs/new", FORM | form | {"do": what}, page="/print-runs/new")
        assert answer.status_code == 422
        assert problem in answer.text
        assert 'value="人民路"' in answer.text


def test_the_picture_shows_the_first_label_with_a_token_that_nobody_has(printing: Web) -> None:
    client = printing.as_(Role.REGISTRAR)
    picture = client.get("/print-runs/preview.svg?kind=assets&again=1&template_key=plate-60x90")
    assert picture.mimetype == "image/svg+xml"
    assert printing.token not in picture.text
    assert client.get("/print-runs/preview.svg?kind=blank&count=2&template_key=plate-60x90").status_code == 200
    assert client.get("/print-runs/preview.svg?kind=assets&template_key=plate-60x90").status_code == 200
    assert client.get("/print-runs/preview.svg?kind=assets&template_key=none").status_code == 404


def test_somebody_bound_to_an_area_sees_their_own_runs_only(printing: Web) -> None:
    run_id = order(printing)
    with writing(printing.city.engine) as tx:
        tx.execute(update(user).where(user.c.login == "administrator").values(area_code="440803"))
    bound = printing.as_(Role.ADMINISTRATOR)
    assert bound.get(f"/print-runs/{run_id}").status_code == 403
    assert "人民路" not in bound.get("/print-runs").text
