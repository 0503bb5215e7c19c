"""The web part's figures: for neighbours and tokens, never for the public."""

from __future__ import annotations

import pytest
from prometheus_client.parser import text_string_to_metric_families

from registry.domain.kinds import Role
from tests.web.conftest import Web


def names(text: str) -> set[str]:
    return {sample.name for family in text_string_to_metric_families(text) for sample in family.samples}


def test_a_neighbour_reads_the_citys_figures(web: Web) -> None:
    answer = web.visitor().get("/metrics", environ_base={"REMOTE_ADDR": "127.0.0.1"})
    assert answer.status_code == 200
    assert answer.content_type.startswith("text/plain")
    assert {"covercode_build_info", "covercode_cases_open", "covercode_alerts_firing"} <= names(answer.text)
    assert web.visitor().get("/metrics", environ_base={"REMOTE_ADDR": "::ffff:127.0.0.1"}).status_code == 200


@pytest.mark.parametrize("header", ["X-Forwarded-For", "X-Real-IP", "Forwarded", "Via"])
def test_nobody_else_does_not_even_through_a_proxy_on_this_machine(web: Web, header: str) -> None:
    far = web.visitor().get("/metrics", environ_base={"REMOTE_ADDR": "203.0.113.7"})
    assert far.status_code == 403
    assert "covercode_" not in far.text
    through = web.visitor().get("/metrics", headers={header: "127.0.0.1"})
    assert through.status_code == 403
    assert web.as_(Role.ADMINISTRATOR).get("/metrics", environ_base={"REMOTE_ADDR": "203.0.113.7"}).status_code == 403


def test_the_api_wants_somebody_of_the_whole_city(web: Web) -> None:
    assert web.visitor().get("/api/v1/metrics").status_code == 401
    answer = web.as_(Role.VIEWER).get("/api/v1/metrics")
    assert answer.status_code == 200
    assert "covercode_cases_open" in names(answer.text)


def test_health_names_a_worker_that_is_away_with_what_to_do(web: Web) -> None:
    answer = web.visitor().get("/healthz")
    assert answer.status_code == 200
    worker = next(part for part in answer.json["parts"] if part["part"] == "worker")
    assert not worker["ok"]
    assert "covercode worker" in worker["fix"]
