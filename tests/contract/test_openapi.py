"""The description of the API is sound, whole, and true: what it promises is what the routes do."""

from __future__ import annotations

import json
import re
from functools import partial
from io import BytesIO
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from openapi_spec_validator import OpenAPIV31SpecValidator, validate
from PIL import Image
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.config import SchemathesisConfig
from schemathesis.generation.feedback import NO_FEEDBACK
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)
from sqlalchemy import insert

from dashboards.api.operation import PREFIX, NoQuery, Operation
from dashboards.api.table import OPERATIONS
from dashboards.permissions import PERMISSIONS
from gateway.credentials import password_hash
from registry.domain.kinds import Role
from registry.services.cabinets import CabinetState, note_cabinet
from registry.services.credentials import enrol
from registry.services.label_templates import ship_templates
from registry.storage.database import writing
from registry.storage.tables import dead_letter
from tests.web.conftest import NOON, Web, csrf_of

# How many requests each operation gets. More are worth an evening, not every commit.
EXAMPLES = 4
# Making up a thousand things at a time takes seconds.
EXAMPLES_OF_MANY = 2
# A stream has no end, so no program of fixed length can read its answer to the end; tests/web/test_stream.py does.
ENDLESS = {"stream"}
BOUNDED = [one for one in OPERATIONS if one.endpoint not in ENDLESS]
CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
]


@pytest.fixture
def document(web: Web) -> dict[str, Any]:
    told: dict[str, Any] = json.loads(web.visitor().get(f"{PREFIX}/openapi.json").data)
    return told


def test_the_description_is_openapi_3_1(document: dict[str, Any]) -> None:
    validate(document, cls=OpenAPIV31SpecValidator)


def test_every_route_of_the_api_stands_in_the_table(web: Web) -> None:
    routes = {
        (method, re.sub(r"<(?:[^:>]+:)?(\w+)>", r"{\1}", rule.rule))
        for rule in web.app.url_map.iter_rules()
        if rule.rule.startswith("/api/")
        for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}
    }
    described = {(one.method, PREFIX + one.path) for one in OPERATIONS}
    assert routes - described == {("GET", f"{PREFIX}/openapi.json"), ("GET", "/api/docs")}
    assert described <= routes


def test_each_operation_has_one_name_and_words_in_both_languages() -> None:
    names = [one.endpoint for one in OPERATIONS]
    assert sorted(set(names)) == sorted(names)
    for one in OPERATIONS:
        assert re.search(r"[\u3400-\u9fff]", one.zh), one.endpoint
        assert re.fullmatch(r"[^\u3400-\u9fff]+", one.en), one.endpoint
        assert one.replies, one.endpoint


def test_whoever_may_use_an_operation_is_told_so(document: dict[str, Any]) -> None:
    for path in document["paths"].values():
        for told in path.values():
            line = PERMISSIONS[told["operationId"]]
            assert told["x-roles"] == sorted(str(role) for role in line.roles)
            assert told.get("x-token-scope") == (None if line.token is None else str(line.token))


def test_the_page_for_readers_shows_every_operation_and_every_shape(web: Web, document: dict[str, Any]) -> None:
    page = web.visitor().get("/api/docs").text
    assert [one.endpoint for one in OPERATIONS if f'id="{one.endpoint}"' not in page] == []
    assert [name for name in document["components"]["schemas"] if f'id="shape-{name}"' not in page] == []
    linked = set(re.findall(r'href="#([^"]+)"', page)) - {"main"}
    assert linked - set(re.findall(r'id="([^"]+)"', page)) == set()


@pytest.mark.parametrize("operation", BOUNDED, ids=lambda one: one.endpoint)
def test_no_request_meets_a_fault_or_an_answer_that_is_not_described(
    web: Web, document: dict[str, Any], operation: Operation
) -> None:
    """As an administrator, over a real city: requests that fit the description, and requests that don't."""
    del document["security"]  # or it would try tokens of its own making
    api = schemathesis.openapi.from_dict(document, config=SchemathesisConfig.from_dict({}))
    api.app = web.app
    one = api[PREFIX + operation.path][operation.method]
    headers, cookies = session_of(web)
    known = {name: Known(web).of(name) for name in operation.parameters}
    make = partial(one.as_strategy, feedback=NO_FEEDBACK)  # which would read all our modules for words to try
    seen = {"If-Match": "*"} if operation.if_match else None
    requests = make(GenerationMode.POSITIVE, path_parameters=known, headers=seen)
    if operation.parameters or operation.query is not NoQuery or operation.body is not None:
        requests |= make(GenerationMode.POSITIVE) | make(GenerationMode.NEGATIVE)

    @settings(
        max_examples=EXAMPLES_OF_MANY if operation.path.endswith("/bulk") else EXAMPLES,
        derandomize=True,
        database=None,
        deadline=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(requests)
    def send(case: schemathesis.Case) -> None:
        answer = case.call_and_validate(headers=headers, cookies=cookies, checks=CHECKS)
        assert answer.status_code != 401  # every request acts within the session

    send()


def session_of(web: Web) -> tuple[dict[str, str], dict[str, str]]:
    """The headers and cookies of a program that acts within an administrator's session."""
    client = web.as_(Role.ADMINISTRATOR)
    token = csrf_of(client, "/assets")
    cookie = client.get_cookie("covercode")
    assert cookie is not None
    return {"X-CSRFToken": token, "Accept-Encoding": "identity"}, {"covercode": cookie.value}


class Known:
    """Addresses of things that exist, made when an operation asks for them: not every request may end in a 404."""

    def __init__(self, web: Web) -> None:
        self.web = web
        self.asset_id = web.city.asset_id
        self.device_id = web.city.device_id
        self.unit_id = web.city.water
        self.token = web.token
        self.scheme = "cjt214-2007"
        self.user_id = web.city.crew.user_id

    def of(self, name: str) -> Any:
        """The value of a parameter in a path."""
        return getattr(self, name)

    @property
    def code(self) -> str:
        return str(self._get("/assets/{}", self.asset_id)["code"])

    @property
    def point_id(self) -> int:
        return self.web.city.point("tilt_z")

    @property
    def case_id(self) -> int:
        return self.web.city.open_case(NOON).case_id

    @property
    def alert_id(self) -> int:
        return self.web.city.add_alert(None, NOON)

    @property
    def kind(self) -> str:
        self._post(f"/assets/{self.asset_id}/aliases", json={"kind": "old", "value": "A-1"})
        return "old"

    @property
    def value(self) -> str:
        return "A-1"

    @property
    def post_id(self) -> int:
        made = self._post("/posts", json={"unit_id": self.unit_id, "name": "甲岗", "a_name": "王五", "a_phone": "1"})
        return int(made["id"])

    @property
    def duty_id(self) -> int:
        return int(self._post("/duties", json={"party": "owner", "unit_id": self.unit_id})["id"])

    @property
    def run_id(self) -> int:
        table = "原编号,部件分类,经度,纬度\nW-1,上水井盖,113.3,23.1\n".encode()
        return int(self._post("/imports", data={"file": (BytesIO(table), "普查.csv")})["id"])

    @property
    def photo_id(self) -> int:
        taken = BytesIO()
        Image.new("RGB", (200, 200)).save(taken, "PNG")
        taken.seek(0)
        return int(self._post(f"/assets/{self.asset_id}/photos", data={"photo": (taken, "a.png")})["id"])

    @property
    def area_id(self) -> int:
        ring = [[113.2, 23.0], [113.4, 23.0], [113.4, 23.2], [113.2, 23.2], [113.2, 23.0]]
        square = {"type": "Polygon", "coordinates": [ring]}
        told = {"type": "Feature", "properties": {"code": "440803001", "name": "甲街道"}, "geometry": square}
        file = BytesIO(json.dumps({"type": "FeatureCollection", "features": [told]}).encode())
        self._post("/areas/import", data={"file": (file, "a.geojson"), "dry_run": "false"}, status=200)
        return int(self._get("/areas?level=street")["items"][0]["id"])

    @property
    def key(self) -> str:
        with writing(self.web.city.engine) as tx:
            ship_templates(tx, now=NOON)
        return str(self._get("/label-templates")["items"][0]["key"])

    @property
    def print_run_id(self) -> int:
        plan = {"name": "空白标牌", "kind": "blank", "template_key": self.key, "format": "svg", "count": 1}
        return int(self._post("/print-runs", json=plan)["id"])

    @property
    def api_token_id(self) -> int:
        return int(self._post("/tokens", json={"name": "巡检程序", "scopes": ["read"]})["id"])

    @property
    def cabinet(self) -> str:
        note_cabinet(self.web.city.engine, CabinetState(cabinet="c1", online=True, at=0), now=NOON)
        code = str(self._post("/cabinets/codes", json={"cabinet_id": "c1"})["code"])
        enrol(self.web.city.engine, code, password_hash("word"), address="", now=NOON)
        return "c1"

    @property
    def letter_id(self) -> int:
        letter = {"at": NOON, "cabinet_id": "c1", "reason": "unknown_device", "detail": "-", "body": "[]"}
        with writing(self.web.city.engine) as tx:
            return int(tx.execute(insert(dead_letter).values(letter).returning(dead_letter.c.id)).scalar_one())

    @property
    def command_id(self) -> int:
        return int(self._post(f"/cabinets/{self.cabinet}/commands", json={"kind": "poll"})["id"])

    @property
    def file(self) -> str:
        return "list.csv"

    def _get(self, path: str, *values: Any) -> Any:
        answer = self.web.as_(Role.ADMINISTRATOR).get(PREFIX + path.format(*values))
        assert answer.status_code == 200, answer.text
        return answer.json

    def _post(self, path: str, *, status: int = 201, **sent: Any) -> Any:
        client = self.web.as_(Role.ADMINISTRATOR)
        answer = client.post(PREFIX + path, headers={"X-CSRFToken": csrf_of(client, "/assets")}, **sent)
        assert answer.status_code == status, answer.text
        return answer.json
