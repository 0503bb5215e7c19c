"""The description of the API is sound, whole, and true: what it promises is what the routes do."""

from __future__ import annotations

import copy
import json
import re
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from openapi_spec_validator import OpenAPIV31SpecValidator, validate
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.config import SchemathesisConfig
from schemathesis.generation.feedback import NO_FEEDBACK
from schemathesis.schemas import BaseSchema
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from dashboards.api.operation import PREFIX, NoQuery, Operation
from dashboards.api.table import OPERATIONS
from dashboards.cabinet_door import CabinetDoor
from dashboards.permissions import PERMISSIONS
from operate.remote_jobs import configuration_faults
from registry.storage.database import open_database
from tests.city import City
from tests.contract.api_city import ApiCity, Right
from tests.web.conftest import Web, build_web

pytestmark = pytest.mark.xdist_group("openapi")  # the city is stocked once, not once in each process

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


@dataclass(frozen=True, kw_only=True)
class Api:
    """The API over a stocked city, and what schemathesis made of its description."""

    web: Web
    city: ApiCity
    document: dict[str, Any]
    schema: BaseSchema
    restore: Callable[[], None]


@pytest.fixture(scope="module")
def once(
    seeded: tuple[Path, City, str],
    sign_ins: dict[str, tuple[str, dict[str, Any]]],
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Api]:
    """One app for all: to put one together takes longer than to ask it everything."""
    folder = tmp_path_factory.mktemp("api")
    records, stocked = folder / "records.db", folder / "stocked.db"
    shutil.copy(seeded[0], records)
    engine = open_database(f"sqlite:///{records}")
    web = build_web(seeded, engine, folder, sign_ins, cabinets=CabinetDoor(check=configuration_faults))
    city = ApiCity(web)
    document = json.loads(web.visitor().get(f"{PREFIX}/openapi.json").data)
    told = copy.deepcopy(document)
    del told["security"]  # or it would try tokens of its own making
    schema = schemathesis.openapi.from_dict(told, config=SchemathesisConfig.from_dict({}))
    schema.app = web.app
    engine.dispose()  # the last connection to close leaves one whole file
    shutil.copy(records, stocked)

    def restore() -> None:
        engine.dispose()
        for left in folder.glob("records.db-*"):
            left.unlink()
        shutil.copy(stocked, records)

    yield Api(web=web, city=city, document=document, schema=schema, restore=restore)
    engine.dispose()
    web.store.close()


@pytest.fixture
def api(once: Api) -> Api:
    once.restore()
    return once


@pytest.fixture
def web(api: Api) -> Web:
    return api.web


@pytest.fixture
def document(api: Api) -> dict[str, Any]:
    return api.document


def test_the_description_is_openapi_3_1(document: dict[str, Any]) -> None:
    validate(document, cls=OpenAPIV31SpecValidator)


def test_every_route_of_the_api_stands_in_the_table(web: Web) -> None:
    routes = {
        (method, re.sub(r"<(?:[^:>]+:)?(\w+)>", r"{\1}", rule.rule))
        for rule in web.app.url_map.iter_rules()
        if rule.rule.startswith("/api/")
        for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}
    }
    described = {(one.method, one.address) for one in OPERATIONS}
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
def test_a_right_request_is_answered_as_described(api: Api, operation: Operation) -> None:
    """Once with what it asks for, as an administrator: no operation is described that nobody can use."""
    right = api.city.right.get(operation.endpoint, Right())
    path = {name: api.city.known[name] for name in operation.parameters} | right.path
    headers = {"X-CSRFToken": api.city.token} | ({"If-Match": "*"} if operation.if_match else {})
    address = operation.address.format(**{name: quote(str(value)) for name, value in path.items()})
    answer = api.city.client.open(address, method=operation.method, headers=headers, **right.sent())
    assert answer.status_code in operation.replies, answer.text
    case = api.schema[operation.address][operation.method].Case(path_parameters=path, query=right.query)
    case.validate_response(answer, checks=CHECKS)
    answer.close()


@pytest.mark.parametrize("operation", BOUNDED, ids=lambda one: one.endpoint)
def test_no_request_meets_a_fault_or_an_answer_that_is_not_described(api: Api, operation: Operation) -> None:
    """As an administrator, over a stocked city: requests that fit the description, and requests that don't."""
    one = api.schema[operation.address][operation.method]
    # schemathesis leaves a file that is sent open; the right request above closes it
    known = {name: api.city.known[name] for name in operation.parameters if name != "file"}
    make = partial(one.as_strategy, feedback=NO_FEEDBACK)  # which would read all our modules for words to try
    seen = {"If-Match": "*"} if operation.if_match else None
    requests = make(GenerationMode.POSITIVE, path_parameters=known, headers=seen)
    if operation.parameters or operation.query is not NoQuery or operation.body is not None:
        requests |= make(GenerationMode.POSITIVE) | make(GenerationMode.NEGATIVE)
    headers = {"X-CSRFToken": api.city.token, "Accept-Encoding": "identity"}
    cookie = api.city.client.get_cookie("covercode")
    assert cookie is not None

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
        answer = case.call_and_validate(headers=headers, cookies={"covercode": cookie.value}, checks=CHECKS)
        assert answer.status_code != 401  # every request acts within the session

    send()
