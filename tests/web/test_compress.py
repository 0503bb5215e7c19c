from __future__ import annotations

import gzip
import json

from registry.domain.kinds import Role
from tests.web.conftest import NOON, Web

GZIP = {"Accept-Encoding": "gzip, br"}


def test_a_large_map_goes_out_compressed_and_is_the_same_map(web: Web) -> None:
    for _ in range(20):
        web.city.add_asset(NOON)
    client = web.as_(Role.VIEWER)
    plain, packed = client.get("/api/v1/map"), client.get("/api/v1/map", headers=GZIP)
    assert "Content-Encoding" not in plain.headers
    assert packed.headers["Content-Encoding"] == "gzip"
    assert "Accept-Encoding" in packed.headers["Vary"]
    assert len(packed.data) == packed.content_length
    assert packed.content_length < len(plain.data) / 3
    assert json.loads(gzip.decompress(packed.data)) == json.loads(plain.data)
    again = client.get("/api/v1/map", headers=GZIP | {"If-None-Match": packed.headers["ETag"]})
    assert (again.status_code, again.data) == (304, b"")


def test_pages_and_short_answers_are_left_as_they_are(web: Web) -> None:
    client = web.as_(Role.VIEWER)
    for path in ("/assets", "/healthz", "/api/v1/overview"):
        assert "Content-Encoding" not in client.get(path, headers=GZIP).headers


def test_files_from_disk_are_compressed_too(web: Web) -> None:
    answer = web.visitor().get("/static/icons/covercode.svg", headers=GZIP)
    assert answer.status_code == 200
    packed = answer.headers.get("Content-Encoding") == "gzip"
    body = gzip.decompress(answer.data) if packed else answer.data
    assert body.startswith(b"<svg")
    answer.close()


def test_scripts_and_pictures_carry_no_cookie(web: Web) -> None:
    answer = web.as_(Role.VIEWER).get("/static/icons/covercode.svg")
    answer.close()
    assert "Set-Cookie" not in answer.headers
