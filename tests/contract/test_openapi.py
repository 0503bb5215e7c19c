"""The description of the API is sound, whole, and true: what it promises is what the routes do."""

from __future__ import annotations

import json
import re
from functools import partial
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from openapi_spec_validator import OpenAPIV31SpecValidator, validate
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

from dashboards.api.operation import PREFIX, NoQuery, Operation
from dashboards.api.table import OPERATIONS
from dashboards.permissions import PERMISSIONS
from registry.domain.kinds import Role
from tests.web.conftest import Web, csrf_of

# How many requests each operation gets. More are worth an evening, not every commit.
EXAMPLES = 8
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
    api = schemathesis.openapi.from_dict(document, config=SchemathesisConfig.from_dict({}))
    api.app = web.app
    one = api[PREFIX + operation.path][operation.method]
    headers = session_of(web)
    known = {name: value for name, value in known_of(web).items() if name in operation.parameters}
    make = partial(one.as_strategy, feedback=NO_FEEDBACK)  # which would read all our modules for words to try
    requests = make(GenerationMode.POSITIVE, path_parameters=known)
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
        case.call_and_validate(headers=headers, checks=CHECKS)

    send()


def session_of(web: Web) -> dict[str, str]:
    """What a program sends that acts within an administrator's session."""
    client = web.as_(Role.ADMINISTRATOR)
    token = csrf_of(client, "/assets")
    cookie = client.get_cookie("covercode")
    assert cookie is not None
    return {"X-CSRFToken": token, "Cookie": f"covercode={cookie.value}"}


def known_of(web: Web) -> dict[str, Any]:
    """Addresses of things that exist, so that not every request ends in "not found"."""
    return {"asset_id": web.city.asset_id, "point_id": web.city.point("tilt_z"), "case_id": 1, "token": web.token}
