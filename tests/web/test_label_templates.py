"""The label designer's routes: pictures of unsaved templates, versions, logos, files for another city."""

from __future__ import annotations

import io
import json
from typing import Any

import pytest
import zxingcpp
from PIL import Image
from sqlalchemy import update

from registry.domain.kinds import Role
from registry.labels import standard_plate, template_body, template_json
from registry.queries.label_templates import list_templates, template_in_use
from registry.storage.database import writing
from registry.storage.tables import label_template
from tests.web.conftest import Web, csrf_of, send

KEY = standard_plate().key
PAGE = f"/label-templates/{KEY}"


def ask(web: Web, template: Any, sample: str = "cover", role: Role = Role.REGISTRAR) -> Any:
    client = web.as_(role)
    headers = {"X-CSRFToken": csrf_of(client, PAGE), "Accept": "application/json"}
    return client.post("/label-templates/preview", json={"template": template, "sample": sample}, headers=headers)


def edited(**changes: Any) -> dict[str, Any]:
    return template_body(standard_plate()) | changes


def test_the_list_shows_every_template_with_its_picture(web: Web) -> None:
    client = web.as_(Role.REGISTRAR)
    page = client.get("/label-templates").text
    for row in list_templates(web.city.engine):
        assert f"/label-templates/{row.key}" in page
        picture = client.get(f"/label-templates/{row.key}/picture.svg?version={row.version}")
        assert (picture.status_code, picture.mimetype) == (200, "image/svg+xml")


def test_a_newer_shipped_design_is_told_and_taken_from_the_designer(web: Web) -> None:
    with writing(web.city.engine) as tx:
        earlier = template_body(standard_plate()) | {"height_mm": 95.0}
        tx.execute(update(label_template).where(label_template.c.key == KEY).values(body=earlier, shipped=False))
    client = web.as_(Role.REGISTRAR)
    assert f"{PAGE}?shipped=1" in client.get("/label-templates").text
    page = client.get(f"{PAGE}?shipped=1").text
    assert "&#34;height_mm&#34;: 90" in page
    shown = template_json(standard_plate()).decode()
    assert send(client, PAGE, {"template": shown}, page=PAGE).status_code == 303
    assert template_in_use(web.city.engine, KEY) == standard_plate()
    assert "?shipped=1" not in client.get("/label-templates").text


@pytest.mark.parametrize("sample", ["cover", "light", "long", "blank"])
def test_a_preview_is_drawn_for_every_sample(web: Web, sample: str) -> None:
    told = ask(web, edited(), sample).get_json()
    assert told["svg"].startswith("<")
    assert told["problems"] == []
    assert "Q" in told["symbol"]


def test_what_is_wrong_is_told_with_its_field_and_no_picture(web: Web) -> None:
    told = ask(web, edited(width_mm=5.0)).get_json()
    assert told["svg"] == ""
    assert "width_mm" in [problem["field"] for problem in told["problems"]]


def test_what_has_no_shape_of_a_template_is_refused(web: Web) -> None:
    answer = ask(web, {"key": "x"})
    assert answer.status_code == 422
    assert answer.mimetype == "application/problem+json"


def test_words_that_do_not_fit_are_remarked(web: Web) -> None:
    elements = [
        element | {"least_mm": 6.5} if element.get("size_mm") == 7 else element for element in edited()["elements"]
    ]
    remarks = ask(web, edited(elements=elements), "long").get_json()["remarks"]
    assert len(remarks) == 1
    assert "类别名称" in remarks[0]


def test_an_edit_becomes_the_newest_version_and_the_old_one_stays(web: Web) -> None:
    client = web.as_(Role.REGISTRAR)
    body = json.dumps(edited(height_mm=95.0), ensure_ascii=False)
    answer = send(client, PAGE, {"template": body}, page=PAGE)
    assert answer.status_code == 303
    assert template_in_use(web.city.engine, KEY).height_mm == 95.0
    old = client.get(f"{PAGE}?version=1").text
    assert "height_mm&#34;: 90" in old


def test_a_refused_edit_comes_back_with_its_words(web: Web) -> None:
    body = json.dumps(edited(name_zh="很特别的名字", width_mm=5.0), ensure_ascii=False)
    answer = send(web.as_(Role.REGISTRAR), PAGE, {"template": body}, page=PAGE)
    assert answer.status_code == 422
    assert "很特别的名字" in answer.text
    assert template_in_use(web.city.engine, KEY) == standard_plate()


def test_a_template_goes_to_another_city_as_a_file(web: Web) -> None:
    client = web.as_(Role.REGISTRAR)
    file = client.get(f"{PAGE}/template.json").data
    renamed = json.dumps(json.loads(file) | {"key": "from-elsewhere"}).encode()
    sent = {"file": (io.BytesIO(renamed), "模板.json")}
    answer = send(client, "/label-templates/import", sent, page="/label-templates", content_type="multipart/form-data")
    assert answer.status_code == 303
    assert template_in_use(web.city.engine, "from-elsewhere").name_zh == standard_plate().name_zh


def test_a_copy_has_a_key_of_its_own_and_an_existing_key_is_refused(web: Web) -> None:
    client = web.as_(Role.REGISTRAR)
    assert send(client, f"{PAGE}/copy", {"new_key": "my-plate"}, page=PAGE).status_code == 303
    assert template_in_use(web.city.engine, "my-plate").qr == standard_plate().qr
    assert send(client, f"{PAGE}/copy", {"new_key": "my-plate"}, page=PAGE).status_code == 422


def test_a_retired_template_leaves_the_list(web: Web) -> None:
    client = web.as_(Role.REGISTRAR)
    assert send(client, f"{PAGE}/retire", {}, page=PAGE).status_code == 303
    assert KEY not in [row.key for row in list_templates(web.city.engine)]


def test_a_proof_is_a_label_that_reads(web: Web) -> None:
    form = {"template": json.dumps(edited()), "sample": "cover", "format": "png"}
    answer = send(web.as_(Role.REGISTRAR), "/label-templates/proof", form, page=PAGE)
    assert answer.mimetype == "image/png"
    assert "attachment" in answer.headers["Content-Disposition"]
    read = zxingcpp.read_barcodes(Image.open(io.BytesIO(answer.data)))
    assert len(read) == 1


def test_a_logo_is_made_anew_and_a_script_does_not_pass(web: Web) -> None:
    client = web.as_(Role.REGISTRAR)
    place = json.dumps({"type": "logo", "x_mm": 1, "y_mm": 1, "width_mm": 9, "height_mm": 9})
    svg = b'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 9 9"><script>x()</script><path d="M0 0h9v9z"/></svg>'
    sent = {"element": place, "logo": (io.BytesIO(svg), "mark.svg")}
    answer = send(client, "/label-templates/logo", sent, page=PAGE, content_type="multipart/form-data")
    assert answer.status_code == 200, answer.text
    made = answer.get_json()["element"]
    assert made["path"]
    assert "script" not in answer.text
    wrong = {"element": place, "logo": (io.BytesIO(b"no picture"), "mark.png")}
    refused = send(client, "/label-templates/logo", wrong, page=PAGE, content_type="multipart/form-data")
    assert refused.status_code == 422


@pytest.mark.parametrize("role", [Role.CREW, Role.VIEWER, Role.DISPATCHER])
def test_others_may_look_and_not_change(web: Web, role: Role) -> None:
    client = web.as_(role)
    assert client.get(PAGE).status_code == 200
    assert send(client, PAGE, {"template": json.dumps(edited(height_mm=99.0))}, page=PAGE).status_code == 403
    assert template_in_use(web.city.engine, KEY) == standard_plate()
