"""A program that uses the API, for tests of what it is answered."""

from __future__ import annotations

from typing import Any

import pytest
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from registry.domain.kinds import Role
from tests.web.conftest import Web, csrf_of

COVER = {"division": "440803", "class_code": "0101", "lon": 113.31, "lat": 23.12, "road": "椹川大道"}


class Program:
    """A program that acts within somebody's session."""

    def __init__(self, web: Web, role: Role = Role.ADMINISTRATOR) -> None:
        self.client: FlaskClient = web.as_(role)
        self.token = csrf_of(self.client, "/assets")

    def send(self, method: str, path: str, body: Any = None, **headers: str) -> TestResponse:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return self.client.open(
            f"/api/v1{path}", method=method, json=body, headers={"X-CSRFToken": self.token, **named}
        )

    def get(self, path: str, **headers: str) -> TestResponse:
        return self.client.get(f"/api/v1{path}", headers={n.replace("_", "-"): v for n, v in headers.items()})


@pytest.fixture
def program(web: Web) -> Program:
    return Program(web)


def told(answer: TestResponse, status: int = 200) -> Any:
    assert answer.status_code == status, answer.text
    return answer.json


def fields(answer: TestResponse) -> list[str]:
    assert answer.json is not None
    return [line["field"] for line in answer.json["errors"]]
